//! Reads a growing file that is rotated, and waits for more by inotify.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::stop::Outcome;
use crate::daemon::regular::{self, Links};

/// How much is read at once, bytes.
const CHUNK_SIZE: usize = 64 * 1024;

/// Returns the name under which the older part of `path` is kept after a rotation.
pub fn rotated(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// Opens `path`; `None` when it is absent.
///
/// # Errors
/// When it cannot be opened for another reason.
pub fn open(path: &Path) -> anyhow::Result<Option<File>> {
    match regular::open(path, Links::Followed) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// A file that may grow, be cut, be replaced, or come into being.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
}

impl Tail {
    /// Takes up `path`, of which `file` has been read as far as its position says; `None` while it is absent.
    pub fn new(path: &Path, file: Option<File>) -> Self {
        Self { path: path.to_owned(), file }
    }

    /// Hands all that is new to `take`, the rest of a replaced file first.
    ///
    /// # Errors
    /// When the file cannot be read, or what `take` says.
    pub fn drain(&mut self, take: &mut impl FnMut(&[u8]) -> Outcome) -> Outcome {
        loop {
            let newer = open(&self.path)?;
            if let Some(file) = &mut self.file {
                let found = file.metadata().context("cannot read the file's length")?;
                if file.stream_position()? > found.len() {
                    file.seek(SeekFrom::Start(0))?;
                }
                copy(file, take)?;
            }
            // The check stands before the reading: what was written until the change of files is then read as well.
            match newer {
                Some(newer) if !same(self.file.as_ref(), &newer)? => self.file = Some(newer),
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Hands all that comes to `take`, until Ctrl-C or SIGTERM, or until nobody reads standard output any more.
    ///
    /// # Errors
    /// As [`Tail::drain`], or when the folder cannot be watched.
    pub fn follow(&mut self, mut take: impl FnMut(&[u8]) -> Outcome) -> Outcome {
        let waiter = Waiter::of_a_person()?;
        loop {
            self.watch_folder(&waiter.inotify)?;
            // Again in each round: after a rotation the name means another file.
            waiter.watch_file(&self.path)?;
            self.drain(&mut take)?;
            if waiter.wait(None)? == Waited::Ended {
                return Ok(());
            }
        }
    }
}

impl Tail {
    /// Watches the folder that the file is in, or will be in: the nearest one that is there.
    fn watch_folder(&self, inotify: &Inotify) -> anyhow::Result<()> {
        let nearest = || {
            let named = self.path.ancestors().skip(1).map(|each| if each == "" { Path::new(".") } else { each });
            named.into_iter().find(|each| each.is_dir()).unwrap_or(Path::new("/"))
        };
        // What comes into being between the look and the watch is looked at again.
        loop {
            let folder = nearest();
            inotify
                .add_watch(folder, AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO)
                .with_context(|| format!("cannot watch folder `{}`", folder.display()))?;
            if nearest() == folder {
                return Ok(());
            }
        }
    }
}

/// Waits for changes of files, and for what ends the waiting.
#[derive(Debug)]
pub struct Waiter {
    inotify: Inotify,
    end: End,
}

/// What ends the waiting.
#[derive(Debug)]
enum End {
    /// Ctrl-C or SIGTERM, or that nobody reads standard output any more.
    Person(SignalFd),
    /// This process has ended.
    Process(OwnedFd),
}

/// What a wait came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// Something has changed.
    Changed,
    /// The time is over.
    InVain,
    /// It is time to end.
    Ended,
}

impl Waiter {
    /// Waits for who called the verb.
    ///
    /// # Errors
    /// When the kernel gives no inotify or signalfd.
    pub fn of_a_person() -> anyhow::Result<Self> {
        Self::until(End::Person(signals().context("cannot wait for signals")?))
    }

    /// Waits until the process of `pidfd` has ended.
    ///
    /// # Errors
    /// When the kernel gives no inotify.
    pub fn of_a_process(pidfd: OwnedFd) -> anyhow::Result<Self> {
        Self::until(End::Process(pidfd))
    }

    fn until(end: End) -> anyhow::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).context("cannot use inotify")?;
        Ok(Self { inotify, end })
    }

    /// Watches what is written to a file; one that is absent is not.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn watch_file(&self, path: &Path) -> anyhow::Result<()> {
        self.watch(path, AddWatchFlags::IN_MODIFY)
    }

    /// Watches what comes into being in a folder; one that is absent is not.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn watch_folder(&self, path: &Path) -> anyhow::Result<()> {
        self.watch(path, AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO)
    }

    fn watch(&self, path: &Path, flags: AddWatchFlags) -> anyhow::Result<()> {
        match self.inotify.add_watch(path, flags) {
            Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot watch `{}`", path.display())),
        }
    }

    /// Waits for a change, at most `longest`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn wait(&self, longest: Option<Duration>) -> anyhow::Result<Waited> {
        self.wait_for(longest, true)
    }

    /// Lets a time pass in which changes are not looked at; false when it is time to end.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn pause(&self, length: Duration) -> anyhow::Result<bool> {
        Ok(self.wait_for(Some(length), false)? != Waited::Ended)
    }

    fn wait_for(&self, longest: Option<Duration>, changes: bool) -> anyhow::Result<Waited> {
        let out = io::stdout();
        let none = PollFlags::empty();
        let mut waiting = vec![PollFd::new(self.inotify.as_fd(), if changes { PollFlags::POLLIN } else { none })];
        match &self.end {
            End::Person(signals) => {
                waiting.push(PollFd::new(signals.as_fd(), PollFlags::POLLIN));
                waiting.push(PollFd::new(out.as_fd(), none));
            }
            End::Process(process) => waiting.push(PollFd::new(process.as_fd(), PollFlags::POLLIN)),
        }
        let timeout = longest.map_or(PollTimeout::NONE, |longest| longest.try_into().unwrap_or(PollTimeout::MAX));
        match poll(&mut waiting, timeout) {
            Ok(0) => return Ok(Waited::InVain),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("cannot wait"),
        }
        if waiting.iter().skip(1).any(|each| each.revents().is_some_and(|flags| !flags.is_empty())) {
            return Ok(Waited::Ended);
        }
        match self.inotify.read_events() {
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(Waited::Changed),
            Err(error) => Err(error).context("cannot read from inotify"),
        }
    }
}

/// Takes the signals that end the following out of their usual way.
fn signals() -> nix::Result<SignalFd> {
    let ending: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    ending.thread_block()?;
    SignalFd::with_flags(&ending, SfdFlags::SFD_CLOEXEC)
}

/// Says whether both are one file.
///
/// # Errors
/// When one of them cannot be asked.
pub fn same(left: Option<&File>, right: &File) -> io::Result<bool> {
    let Some(left) = left else { return Ok(false) };
    let (left, right) = (left.metadata()?, right.metadata()?);
    Ok((left.dev(), left.ino()) == (right.dev(), right.ino()))
}

/// Hands the rest of a file to `take`.
///
/// # Errors
/// When the file cannot be read, or what `take` says.
pub fn copy(file: &mut File, take: &mut impl FnMut(&[u8]) -> Outcome) -> Outcome {
    let mut chunk = vec![0; CHUNK_SIZE];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            length => take(&chunk[..length])?,
        }
    }
}

/// Returns the last `count` lines of `text`; a line that has no end yet counts as one.
pub fn last_lines(text: &[u8], count: usize) -> &[u8] {
    if count == 0 {
        return &[];
    }
    let whole = text.strip_suffix(b"\n").unwrap_or(text);
    let ends = whole.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    match ends.map(|(index, _)| index).nth(count - 1) {
        Some(index) => &text[index + 1..],
        None => text,
    }
}
