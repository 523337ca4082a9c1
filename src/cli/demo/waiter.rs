//! Waits for changed files, an ended child, or Ctrl-C.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What the demo waits with.
pub struct Waiter {
    signals: SignalFd,
    blocked: SigSet,
    files: Inotify,
}

impl Waiter {
    /// Takes INT, TERM and HUP from now on: they no longer end the process, but [`Waiter::wait`] tells of them.
    pub fn new() -> anyhow::Result<Self> {
        let blocked: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        blocked.thread_block().context("cannot block signals")?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&blocked, flags).context("cannot wait for signals")?;
        let files = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).context("cannot watch files")?;
        Ok(Self { signals, blocked, files })
    }

    /// Wakes when something in `folder` is written, made or replaced.
    pub fn watch(&self, folder: &Path) -> anyhow::Result<()> {
        let changes = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        let watched = self.files.add_watch(folder, changes);
        watched.with_context(|| format!("cannot watch `{}`", folder.display())).map(drop)
    }

    /// Waits for a change, the end of `child` or a signal, at most `longest`; tells whether a signal came.
    pub fn wait(&mut self, child: Option<BorrowedFd>, longest: Duration) -> anyhow::Result<bool> {
        let mut waited: Vec<PollFd> = [self.signals.as_fd(), self.files.as_fd()]
            .into_iter()
            .chain(child)
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let longest = Timespec::try_from(longest).context("the wait is out of range")?;
        match poll(&mut waited, Some(&longest)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait"),
        }
        match self.files.read_events() {
            Ok(_) | Err(Errno::EAGAIN) => {}
            Err(error) => return Err(error).context("cannot read what changed"),
        }
        Ok(self.signals.read_signal().context("cannot read a signal")?.is_some())
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        // A process that cannot unblock its signals is about to end anyway.
        let _ignored = self.blocked.thread_unblock();
    }
}
