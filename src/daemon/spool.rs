//! What was asked while there was no supervisor: one file each, taken in order, deleted once its effect is saved.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};

use super::clock;
use super::paths::Paths;
use super::reactor::{Interest, Owner, Part, Reactor};
use super::regular::{self, Links};
use super::state_file::replace;
use super::watch::{Spot, Watcher};
use crate::policy::now::Mono;
use crate::policy::observation::{Observation, Spooled};
use crate::policy::request::Request;
use crate::protocol::control::{REQUEST_BYTES_MAX, parse_request, request_line};

/// The most requests that wait.
pub const FILES_MAX: usize = 100;

/// The most bytes that they have together.
pub const BYTES_MAX: u64 = 8 << 20;

/// The most files that are kept aside because nobody can read them; the oldest goes.
pub const ASIDE_MAX: usize = 20;

/// A draft that is older belongs to nobody any more, seconds.
const DRAFT_AGE_S_MAX: i64 = 600;

/// What a draft's name ends with.
const DRAFT: &str = ".draft";

/// The one descriptor of this part.
const INOTIFY: u64 = 0;

/// What became of a request that was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It waits.
    Now,
    /// The same waits already, and once is enough.
    Already,
}

/// Leaves `request` in the spool for the next supervisor, in one step.
///
/// # Errors
/// When the spool is full or cannot be written.
pub fn leave(folder: &Path, request: &Request, now: DateTime<Utc>) -> anyhow::Result<Left> {
    let cannot = || format!("cannot write into spool `{}`", folder.display());
    let line = request_line(request);
    let waiting = entries(folder).with_context(cannot)?;
    let merges = matches!(request, Request::Wake { .. } | Request::Run { .. });
    if merges && waiting.iter().any(|entry| !entry.is_draft() && bytes(&entry.path).is_ok_and(|bytes| bytes == line)) {
        return Ok(Left::Already);
    }
    let size = waiting.iter().map(|entry| entry.size).sum::<u64>() + line.len() as u64;
    if waiting.len() >= FILES_MAX || size > BYTES_MAX {
        bail!(
            "the spool is full: {} requests wait for a supervisor in `{}`\nhint: `agent-orchestrator up` starts one, \
             which takes them",
            waiting.len(),
            folder.display()
        );
    }
    // By number, not by the clock, which may be set back between two requests.
    let last = waiting.iter().filter_map(Entry::number).max().unwrap_or_default();
    let stamp = now.timestamp_nanos_opt().unwrap_or_default();
    let name = format!("{:010}-{stamp:x}-{}.json", last.saturating_add(1), std::process::id());
    replace(&folder.join(name), &line).with_context(cannot)?;
    Ok(Left::Now)
}

/// A file in the spool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    name: OsString,
    path: PathBuf,
    size: u64,
}

impl Entry {
    fn is_draft(&self) -> bool {
        self.name.as_encoded_bytes().ends_with(DRAFT.as_bytes())
    }

    fn number(&self) -> Option<u64> {
        self.name.to_str()?.split_once('-')?.0.parse().ok()
    }
}

/// Returns what is in the spool, in the order in which it was asked.
fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(about) => found.push(Entry { name: entry.file_name(), path: entry.path(), size: about.len() }),
            // Taken meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    found.sort();
    Ok(found)
}

/// The supervisor's end of the spool.
#[derive(Debug)]
pub struct Spool {
    reactor: Rc<Reactor>,
    watcher: Watcher<()>,
    folder: PathBuf,
    aside: PathBuf,
    /// To be deleted as soon as the state is saved.
    taken: BTreeSet<String>,
    /// What could not be done, as last told.
    told: BTreeSet<String>,
    troubles: Vec<String>,
    fallback: Duration,
    due: Option<Mono>,
}

impl Spool {
    /// Watches the spool of a fleet; all that is in it is told at the first [`Part::expire`].
    ///
    /// # Errors
    /// When the kernel gives no inotify instance.
    pub fn new(reactor: Rc<Reactor>, paths: &Paths) -> io::Result<Self> {
        let mut watcher = Watcher::new()?;
        let folder = paths.spool();
        let armed = watcher.watch(&(), &[Spot::Within(folder.clone())]);
        reactor.add(&watcher, Owner::Spool, INOTIFY, Interest::Read)?;
        let what = |error| format!("cannot watch spool `{}`, reading it at times: {error}", folder.display());
        Ok(Self {
            troubles: armed.err().map(what).into_iter().collect(),
            reactor,
            watcher,
            folder,
            aside: paths.spool_aside(),
            taken: BTreeSet::new(),
            told: BTreeSet::new(),
            fallback: Duration::MAX,
            due: Some(Mono::default()),
        })
    }

    /// Reads the folder again at this cadence, for changes that no event told.
    pub fn set_fallback(&mut self, cadence: Duration) {
        self.fallback = cadence;
    }

    /// Lets these files be deleted by the next [`Spool::sweep`].
    pub fn finish(&mut self, ids: Vec<String>) {
        self.taken.extend(ids);
    }

    /// Deletes what has been taken; to be called when the state that names it is on disk.
    pub fn sweep(&mut self, seen: &mut Vec<Observation>) {
        if self.taken.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.taken) {
            let path = self.folder.join(&id);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    self.tell(format!("cannot remove spooled `{}`: {error}", path.display()));
                }
                Ok(()) | Err(_) => {}
            }
        }
        // The state forgets a file that is gone, so it must not come back after a loss of power.
        if let Err(error) = File::open(&self.folder).and_then(|folder| folder.sync_all()) {
            self.tell(format!("cannot write spool `{}`: {error}", self.folder.display()));
        }
        self.tell_troubles(seen);
    }

    fn tell(&mut self, what: String) {
        if self.told.len() < FILES_MAX && self.told.insert(what.clone()) {
            self.troubles.push(what);
        }
    }

    fn tell_troubles(&mut self, seen: &mut Vec<Observation>) {
        seen.extend(self.troubles.drain(..).map(|what| Observation::Trouble { what }));
    }

    /// Tells all that is in the folder.
    fn read(&mut self, seen: &mut Vec<Observation>) {
        match entries(&self.folder) {
            Err(error) => self.tell(format!("cannot read spool `{}`: {error}", self.folder.display())),
            Ok(entries) => {
                let mut size_left = BYTES_MAX;
                let mut found = Vec::new();
                for entry in entries {
                    if entry.is_draft() {
                        remove_old_draft(&entry);
                    } else if self.taken.contains(&*entry.name.to_string_lossy()) || entry.size > size_left {
                        // What has no room is read when the others are gone.
                        found.extend(entry.name.into_string().map(|id| Spooled { id, request: None }));
                    } else {
                        size_left -= entry.size;
                        found.extend(self.open(&entry));
                    }
                }
                seen.push(Observation::Spool { found });
            }
        }
        self.tell_troubles(seen);
    }

    /// Reads one request; what is none is moved aside.
    fn open(&mut self, entry: &Entry) -> Option<Spooled> {
        let why = match (bytes(&entry.path), entry.name.to_str()) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => return None,
            (Err(error), _) => error.to_string(),
            (Ok(_), None) => "its name is not UTF-8".to_owned(),
            (Ok(bytes), Some(id)) => match parse_request(bytes.trim_ascii_end()) {
                Ok(request) => return Some(Spooled { id: id.to_owned(), request: Some(request) }),
                Err(_) => "it holds no request that this version knows".to_owned(),
            },
        };
        let name = entry.path.display();
        match self.put_aside(entry) {
            Ok(()) => {
                // Told each time: it has gone, and the next of its name is another one.
                self.troubles.push(format!("cannot use spooled `{name}`, moved to `{}`: {why}", self.aside.display()));
                None
            }
            Err(error) => {
                self.tell(format!("cannot use spooled `{name}`, and cannot move it away ({error}): {why}"));
                entry.name.to_str().map(|id| Spooled { id: id.to_owned(), request: None })
            }
        }
    }

    fn put_aside(&self, entry: &Entry) -> io::Result<()> {
        let kept = entries(&self.aside)?;
        for oldest in kept.iter().take((kept.len() + 1).saturating_sub(ASIDE_MAX)) {
            if oldest.path.is_dir() && !oldest.path.is_symlink() {
                std::fs::remove_dir_all(&oldest.path)?;
            } else {
                std::fs::remove_file(&oldest.path)?;
            }
        }
        std::fs::rename(&entry.path, self.aside.join(&entry.name))
    }
}

impl Part for Spool {
    fn ready(&mut self, _id: u64, seen: &mut Vec<Observation>) {
        if !self.watcher.changed().is_empty() {
            self.read(seen);
        }
    }

    fn deadline(&self) -> Option<Mono> {
        self.due
    }

    fn expire(&mut self, now: Mono, seen: &mut Vec<Observation>) {
        self.due = Some(now + self.fallback);
        self.read(seen);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // The epoll instance may be gone first.
        let _ = self.reactor.remove(&self.watcher);
    }
}

/// Removes the draft of a program that was ended in the middle.
fn remove_old_draft(entry: &Entry) {
    let Ok(changed) = std::fs::symlink_metadata(&entry.path).and_then(|about| about.modified()) else { return };
    let age = clock::now(chrono_tz::UTC).wall - DateTime::<Utc>::from(changed);
    if age > TimeDelta::seconds(DRAFT_AGE_S_MAX) {
        // It is tried again at the next reading.
        let _ = std::fs::remove_file(&entry.path);
    }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    regular::read(path, Links::Refused, REQUEST_BYTES_MAX as u64)
}
