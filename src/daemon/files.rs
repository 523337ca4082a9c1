//! Watched files on disk: config, status, plan, prompts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::clock;
use super::reactor::{Interest, Owner, Part, Reactor};
use super::regular::{self, Links};
use super::watch::{Spot, Watcher};
use crate::policy::now::Mono;
use crate::policy::observation::Observation;

/// The most bytes that are read of a watched file; what follows is not seen.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// The one descriptor of this part.
const INOTIFY: u64 = 0;

/// Watches files and tells their content when it changes.
#[derive(Debug)]
pub struct Files {
    reactor: Rc<Reactor>,
    watcher: Watcher<PathBuf>,
    loops: BTreeMap<String, BTreeSet<PathBuf>>,
    config: Option<PathBuf>,
    extra: BTreeSet<PathBuf>,
    known: BTreeMap<PathBuf, Fingerprint>,
    config_changed: bool,
    extra_changed: bool,
    answers: Vec<Observation>,
    fallback: Option<Duration>,
    due: Option<Mono>,
}

/// What a file was like when it was read last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fingerprint {
    Absent,
    Unreadable(String),
    Content([u8; 32]),
}

/// A file's text, `None` where it is absent.
type Content = Result<Option<String>, String>;

impl Files {
    /// Opens the watch; nothing is watched yet.
    ///
    /// # Errors
    /// When the kernel gives no inotify instance.
    pub fn new(reactor: Rc<Reactor>) -> io::Result<Self> {
        let watcher = Watcher::new()?;
        reactor.add(&watcher, Owner::Files, INOTIFY, Interest::Read)?;
        Ok(Self {
            reactor,
            watcher,
            loops: BTreeMap::new(),
            config: None,
            extra: BTreeSet::new(),
            known: BTreeMap::new(),
            config_changed: false,
            extra_changed: false,
            answers: Vec::new(),
            fallback: None,
            due: None,
        })
    }

    /// Watches exactly these absolute paths for this loop from now on, and tells each of them once, at the next
    /// [`Part::expire`] or [`Part::ready`]. No paths end the loop's watches.
    pub fn watch(&mut self, in_loop: &str, paths: Vec<PathBuf>) {
        let wanted: BTreeSet<PathBuf> = paths.into_iter().collect();
        for path in &wanted {
            self.begin(path);
            let content = self.read(path);
            self.answers.push(file(in_loop, path, content));
        }
        if wanted.is_empty() {
            self.loops.remove(in_loop);
        } else {
            self.loops.insert(in_loop.to_owned(), wanted);
        }
        self.drop_unwatched();
    }

    /// Watches the config file, also where `path` or one of its folders is a symbolic link. To be called before the
    /// config is read.
    pub fn watch_config(&mut self, path: &Path) {
        self.begin(path);
        let _ = self.read(path);
        self.config = Some(path.to_owned());
        self.drop_unwatched();
    }

    /// Watches exactly these files, for instance prompts, without telling what they hold.
    pub fn watch_extra(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        self.extra = paths.into_iter().collect();
        for path in self.extra.clone() {
            self.begin(&path);
            let _ = self.read(&path);
        }
        self.drop_unwatched();
    }

    /// Returns whether the config's content has changed since this was asked last.
    pub fn take_config_change(&mut self) -> bool {
        std::mem::take(&mut self.config_changed)
    }

    /// Returns whether any of the extra files has changed since this was asked last.
    pub fn take_extra_change(&mut self) -> bool {
        std::mem::take(&mut self.extra_changed)
    }

    /// Reads everything again at this cadence, for changes that no event told (a network file system).
    pub fn set_fallback(&mut self, cadence: Duration) {
        if self.fallback != Some(cadence) {
            self.fallback = Some(cadence);
            self.due = Some(clock::mono() + cadence);
        }
    }

    fn begin(&mut self, path: &Path) {
        if let Err(error) = self.watcher.watch(&path.to_owned(), &[Spot::At(path.to_owned())]) {
            let what = format!("cannot watch `{}`, reading it at times: {error}", path.display());
            self.answers.push(Observation::Trouble { what });
        }
    }

    fn drop_unwatched(&mut self) {
        let Self { watcher, loops, config, extra, known, .. } = self;
        let wanted = |path: &PathBuf| {
            config.as_ref() == Some(path) || extra.contains(path) || loops.values().any(|paths| paths.contains(path))
        };
        watcher.keep(wanted);
        known.retain(|path, _| wanted(path));
    }

    /// Reads a path and tells who watches it already, if its content changed.
    fn read(&mut self, path: &Path) -> Content {
        let (content, fingerprint) = read(path);
        let before = self.known.insert(path.to_owned(), fingerprint.clone());
        if before.is_some_and(|before| before != fingerprint) {
            self.config_changed |= self.config.as_deref() == Some(path);
            self.extra_changed |= self.extra.contains(path);
            let watching = self.loops.iter().filter(|(_, paths)| paths.contains(path));
            self.answers.extend(watching.map(|(in_loop, _)| file(in_loop, path, content.clone())));
        }
        content
    }
}

impl Part for Files {
    fn ready(&mut self, _id: u64, seen: &mut Vec<Observation>) {
        for path in self.watcher.changed() {
            let _ = self.read(&path);
        }
        seen.append(&mut self.answers);
    }

    fn deadline(&self) -> Option<Mono> {
        if self.answers.is_empty() { self.due } else { Some(Mono::default()) }
    }

    fn expire(&mut self, now: Mono, seen: &mut Vec<Observation>) {
        if self.due.is_some_and(|due| due <= now) {
            self.due = self.fallback.map(|cadence| now + cadence);
            for path in self.known.keys().cloned().collect::<Vec<_>>() {
                let _ = self.read(&path);
            }
        }
        seen.append(&mut self.answers);
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // The epoll instance may be gone first.
        let _ = self.reactor.remove(&self.watcher);
    }
}

fn file(in_loop: &str, path: &Path, content: Content) -> Observation {
    Observation::File { in_loop: in_loop.to_owned(), path: path.to_owned(), content }
}

fn read(path: &Path) -> (Content, Fingerprint) {
    match bytes(path) {
        Ok(bytes) => {
            let digest = Sha256::digest(&bytes).into();
            (Ok(Some(String::from_utf8_lossy(&bytes).into_owned())), Fingerprint::Content(digest))
        }
        // A folder on the way that is a file means that there is no such file.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            (Ok(None), Fingerprint::Absent)
        }
        Err(error) => {
            let why = format!("cannot read `{}`: {error}", path.display());
            (Err(why.clone()), Fingerprint::Unreadable(why))
        }
    }
}

/// Reads a watched file.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    regular::open(path, Links::Followed)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
