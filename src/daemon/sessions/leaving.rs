//! Children that are about to end and must be waited for.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout};
use std::rc::Rc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::descriptor::{Numbers, Watched};
use crate::daemon::clock;
use crate::daemon::reactor::Reactor;
use crate::policy::now::Mono;

/// The most bytes of last output that one turn drops.
const DROP_BYTES_MAX: u64 = 1 << 20;

/// Opens a descriptor that becomes readable when `child`, which has not been waited for, ends.
///
/// # Errors
/// When the kernel gives none.
pub fn end_of(child: &Child) -> std::io::Result<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
    Ok(pidfd_open(pid.ok_or(ErrorKind::InvalidInput)?, PidfdFlags::NONBLOCK)?)
}

/// A child that is about to end.
#[derive(Debug)]
pub struct Leaving {
    /// What is ours to be killed.
    child: Option<Child>,
    until: Until,
}

/// What is waited for.
#[derive(Debug)]
enum Until {
    /// The child's end, and when it is killed.
    Ended(Option<Watched<OwnedFd>>, Mono),
    /// The tmux server's end of the killed client's pipes: then it has noticed, and told its other clients. That takes as
    /// long as the server hangs, and ends with the server.
    Released { _input: ChildStdin, output: Watched<ChildStdout> },
    /// The end of a bridge's connection, which waits for the same.
    Unbridged(Watched<UnixStream>),
}

impl Leaving {
    /// Kills a client of a tmux server, and waits for both.
    ///
    /// Pipes that end before their client does are dangerous with tmux 3.3a: it keeps a client for ever that it cannot
    /// write the last lines to, and ends itself ("not enough data") when it can and its program writes on.
    pub fn client(mut child: Child, input: ChildStdin, output: Watched<ChildStdout>) -> Self {
        // Fails only for a child that has been waited for.
        let _ = child.kill();
        Self { child: Some(child), until: Until::Released { _input: input, output } }
    }

    /// Has a bridge do the same with the client that it runs.
    pub fn bridged(connection: Watched<UnixStream>) -> Self {
        // Fails only for a connection that has ended.
        let _ = connection.shutdown(Shutdown::Write);
        Self { child: None, until: Until::Unbridged(connection) }
    }

    /// Waits for a child that has no pipes of ours, and kills it at `kill`.
    pub fn new(reactor: &Rc<Reactor>, numbers: &mut Numbers, child: Child, kill: Mono) -> Self {
        let end = end_of(&child).and_then(|end| Watched::new(reactor, numbers, end)).ok();
        Self { child: Some(child), until: Until::Ended(end, kill) }
    }

    /// Says when it is to be killed; a client has been already.
    pub fn deadline(&self) -> Option<Mono> {
        match self.until {
            Until::Ended(_, kill) => Some(kill),
            Until::Released { .. } | Until::Unbridged(_) => None,
        }
    }

    /// Takes up that one of its descriptors, of the reactor's number `id`, is ready, and tells whether it has ended.
    pub fn has_ended(&mut self, id: u64) -> bool {
        let is_its_own = match &self.until {
            Until::Ended(end, _) => end.as_ref().is_some_and(|end| end.is(id)),
            Until::Released { output, .. } => output.is(id),
            Until::Unbridged(connection) => connection.is(id),
        };
        is_its_own && self.is_over()
    }

    /// Kills it and waits for it.
    pub fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits until it has ended, at most until `deadline`, and kills it then.
    pub fn finish(mut self, deadline: Mono) {
        while !self.is_over() {
            let left = deadline.since(clock::mono());
            let descriptor = match &self.until {
                Until::Ended(end, _) => end.as_ref().map(AsFd::as_fd),
                Until::Released { output, .. } => Some(output.as_fd()),
                Until::Unbridged(connection) => Some(connection.as_fd()),
            };
            let Some(descriptor) = descriptor.filter(|_| !left.is_zero()) else { return self.kill() };
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            // An interrupted wait is begun again; the deadline bounds them all.
            let _ = poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], timeout);
        }
    }

    fn is_over(&mut self) -> bool {
        let is_over = match &mut self.until {
            Until::Ended(..) => !self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None))),
            Until::Released { output, .. } => at_end(&mut **output),
            Until::Unbridged(connection) => at_end(&**connection),
        };
        if is_over {
            self.kill();
        }
        is_over
    }
}

/// Reads what nobody wants any more, and tells whether that was all.
fn at_end(output: impl Read) -> bool {
    let mut unwanted = output.take(DROP_BYTES_MAX);
    match std::io::copy(&mut unwanted, &mut std::io::sink()) {
        Ok(_) => unwanted.limit() > 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}
