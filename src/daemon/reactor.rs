//! The one place that waits: file descriptors in, the parts that own them out.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::policy::now::Mono;
use crate::policy::observation::Observation;

/// The most ready descriptors that one turn takes; the rest come in the next.
const READY_MAX: usize = 256;

/// A part of the daemon that owns file descriptors.
pub trait Part {
    /// Reads what descriptor `id` has, without blocking, and tells what was seen.
    fn ready(&mut self, id: u64, seen: &mut Vec<Observation>);
    /// Says when [`Part::expire`] wants to be called, if nothing else happens.
    fn deadline(&self) -> Option<Mono>;
    /// Gives up what has waited too long at `now`.
    fn expire(&mut self, now: Mono, seen: &mut Vec<Observation>);
}

/// Names a part; the high byte of an epoll token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Signals and timers: the event loop itself.
    Loop = 0,
    /// `daemon::sessions`.
    Sessions = 1,
    /// `daemon::git`.
    Git = 2,
    /// `daemon::files`.
    Files = 3,
    /// `daemon::listener`.
    Listener = 4,
    /// `daemon::notify_command`.
    NotifyCommand = 5,
    /// `daemon::spool`.
    Spool = 6,
    /// `daemon::event_socket`.
    EventSocket = 7,
}

/// What a descriptor waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Something to read, or the end.
    Read,
    /// Room to write.
    Write,
    /// Either.
    Both,
}

/// epoll, with tokens that name a part and a number of its own.
#[derive(Debug)]
pub struct Reactor {
    epoll: Epoll,
    waits: Cell<u64>,
}

impl Reactor {
    /// Opens an epoll instance.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?, waits: Cell::new(0) })
    }

    /// Watches `fd` (level-triggered) for `owner` under the owner's number `id`, below 2^56.
    ///
    /// # Errors
    /// What the kernel says, for instance for a descriptor that cannot be waited for.
    pub fn add(&self, fd: impl AsFd, owner: Owner, id: u64, interest: Interest) -> io::Result<()> {
        Ok(self.epoll.add(fd, event(owner, id, interest))?)
    }

    /// Changes what a watched descriptor waits for.
    ///
    /// # Errors
    /// When `fd` is not watched.
    pub fn change(&self, fd: impl AsFd, owner: Owner, id: u64, interest: Interest) -> io::Result<()> {
        Ok(self.epoll.modify(fd, &mut event(owner, id, interest))?)
    }

    /// Stops watching `fd`; must be called before it is closed.
    ///
    /// # Errors
    /// When `fd` is not watched.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.delete(fd)?)
    }

    /// Waits until something is ready and returns whose it is, in the order of owners and of their numbers; empty after a signal interrupted the wait.
    /// With `block` false it returns at once.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn wait(&self, block: bool) -> io::Result<Vec<(Owner, u64)>> {
        let mut events = [EpollEvent::empty(); READY_MAX];
        let timeout = if block { EpollTimeout::NONE } else { EpollTimeout::ZERO };
        let count = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        self.waits.set(self.waits.get() + 1);
        // Who has waited longer goes first; the kernel's order is that of nobody.
        let mut ready: Vec<(Owner, u64)> = events[..count].iter().filter_map(|event| split(event.data())).collect();
        ready.sort_by_key(|(owner, id)| (*owner as u64, *id));
        Ok(ready)
    }

    /// Returns how often [`Reactor::wait`] has returned: what was read since then is no older than what it told.
    pub fn waits(&self) -> u64 {
        self.waits.get()
    }
}

fn event(owner: Owner, id: u64, interest: Interest) -> EpollEvent {
    assert!(id < 1 << 56, "a descriptor's number leaves room for its owner");
    let flags = match interest {
        Interest::Read => EpollFlags::EPOLLIN,
        Interest::Write => EpollFlags::EPOLLOUT,
        Interest::Both => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
    };
    EpollEvent::new(flags, (owner as u64) << 56 | id)
}

fn split(token: u64) -> Option<(Owner, u64)> {
    let owners = [
        Owner::Loop,
        Owner::Sessions,
        Owner::Git,
        Owner::Files,
        Owner::Listener,
        Owner::NotifyCommand,
        Owner::Spool,
        Owner::EventSocket,
    ];
    let owner = owners.into_iter().find(|owner| *owner as u64 == token >> 56)?;
    Some((owner, token & ((1 << 56) - 1)))
}
