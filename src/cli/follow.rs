//! Reads a growing file that is rotated, and waits for more by inotify.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::stop::Outcome;

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
    match File::open(path) {
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
        let signals = signals().context("cannot wait for signals")?;
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).context("cannot use inotify")?;
        loop {
            self.watch_folder(&inotify)?;
            // Again in each round: after a rotation the name means another file.
            match inotify.add_watch(&self.path, AddWatchFlags::IN_MODIFY) {
                Ok(_) | Err(Errno::ENOENT) => {}
                Err(error) => Err(error).with_context(|| format!("cannot watch `{}`", self.path.display()))?,
            }
            self.drain(&mut take)?;
            if !wait(&inotify, &signals)? {
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

/// Waits for a change; false when it is time to end.
fn wait(inotify: &Inotify, signals: &SignalFd) -> anyhow::Result<bool> {
    let out = io::stdout();
    let mut waiting = [
        PollFd::new(inotify.as_fd(), PollFlags::POLLIN),
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        PollFd::new(out.as_fd(), PollFlags::empty()),
    ];
    match poll(&mut waiting, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error).context("cannot wait"),
    }
    let ended = |index: usize| waiting[index].revents().is_some_and(|flags| !flags.is_empty());
    if ended(1) || ended(2) {
        return Ok(false);
    }
    match inotify.read_events() {
        Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(true),
        Err(error) => Err(error).context("cannot read from inotify"),
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
