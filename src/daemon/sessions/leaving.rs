//! Children that are about to end and must be waited for.

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ChildStdout};
use std::rc::Rc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::descriptor::{Numbers, Watched};
use crate::daemon::clock;
use crate::daemon::reactor::Reactor;
use crate::policy::now::Mono;

/// The most bytes of last output that one turn drops.
const DROP_BYTES_MAX: usize = 1 << 20;

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
    child: Child,
    end: Option<Watched<OwnedFd>>,
    /// What it still writes is read and dropped: tmux keeps a client whose last output nobody takes.
    output: Option<Watched<ChildStdout>>,
    kill: Mono,
}

impl Leaving {
    /// Waits for a child, of whose output nothing is wanted any more, and kills it at `kill`.
    pub fn new(
        reactor: &Rc<Reactor>,
        numbers: &mut Numbers,
        (child, output): (Child, Option<Watched<ChildStdout>>),
        kill: Mono,
    ) -> Self {
        let end = end_of(&child).and_then(|end| Watched::new(reactor, numbers, end)).ok();
        Self { child, end, output, kill }
    }

    /// Says when it is to be killed.
    pub fn deadline(&self) -> Mono {
        self.kill
    }

    /// Takes up that one of its descriptors, of the reactor's number `id`, is ready, and tells whether it has ended.
    pub fn has_ended(&mut self, id: u64) -> bool {
        if self.output.as_ref().is_some_and(|output| output.is(id)) {
            self.drop_output();
        }
        self.end.as_ref().is_some_and(|end| end.is(id)) && self.is_over()
    }

    /// Kills it and waits for it.
    pub fn kill(&mut self) {
        // Fails only for a child that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended by itself, at most until `deadline`, and kills it then.
    pub fn finish(mut self, deadline: Mono) {
        while !self.is_over() {
            let left = deadline.since(clock::mono());
            if left.is_zero() {
                return self.kill();
            }
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            let descriptors = self.end.iter().map(AsFd::as_fd).chain(self.output.iter().map(AsFd::as_fd));
            let mut descriptors: Vec<_> =
                descriptors.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)).collect();
            // An interrupted wait is begun again; the deadline bounds them all.
            let _ = poll(&mut descriptors, timeout);
            self.drop_output();
        }
    }

    fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn drop_output(&mut self) {
        let Some(output) = &mut self.output else { return };
        let mut piece = vec![0; 64 << 10];
        for _ in 0..DROP_BYTES_MAX / piece.len() {
            match output.read(&mut piece) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => {
                    self.output = None;
                    return;
                }
            }
        }
    }
}
