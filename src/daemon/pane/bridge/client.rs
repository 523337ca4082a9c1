//! A client of tmux's, and the supervisor's connection by which it is spoken with.
//!
//! The connection is not the client's own standard input: what tmux 3.3a does where that ends before its client is told in
//! `sessions/leaving.rs`. Here it may end at any time, as it does when the supervisor is killed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::poll::PollFlags;

use crate::daemon::way::{Filled, drain, fill};

/// A client that runs.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// What is on its way to the client.
    up: Vec<u8>,
    /// What is on its way to the supervisor.
    down: Vec<u8>,
    phase: Phase,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Speaks,
    /// The server has let it go; what it said last is still on its way.
    HasEnded,
    /// It has been killed; its pipes stay until the server has noticed.
    Leaves,
}

/// What a turn has come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing yet.
    GoesOn,
    /// The client has ended by itself or by the server.
    Ended,
    /// The supervisor has let it go, and the server too.
    WasLetGo,
}

impl Client {
    /// Starts `tmux`, for who is at the other end of `stream`, which does not block.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn new(stream: UnixStream, mut tmux: Command) -> io::Result<Self> {
        tmux.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = tmux.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("the child was given two pipes")
        };
        for pipe in [input.as_fd(), output.as_fd()] {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        let (up, down) = (Vec::new(), Vec::new());
        Ok(Self { stream, child, input, output, up, down, phase: Phase::Speaks })
    }

    /// Ends the client, as soon as the server lets it.
    pub fn leave(&mut self) {
        if self.phase != Phase::Leaves {
            self.phase = Phase::Leaves;
            // Fails only for a child that has been waited for.
            let _ = self.child.kill();
        }
    }

    /// Returns what something is to be done for.
    pub fn waits_for(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let (stream, output) = (self.stream.as_fd(), self.output.as_fd());
        match self.phase {
            Phase::Leaves => vec![(output, PollFlags::POLLIN)],
            Phase::HasEnded => vec![(stream, PollFlags::POLLOUT)],
            Phase::Speaks => {
                let (mut of_stream, mut all) = (PollFlags::empty(), Vec::new());
                if self.up.is_empty() {
                    of_stream |= PollFlags::POLLIN;
                } else {
                    all.push((self.input.as_fd(), PollFlags::POLLOUT));
                }
                if self.down.is_empty() {
                    all.push((output, PollFlags::POLLIN));
                } else {
                    of_stream |= PollFlags::POLLOUT;
                }
                // Its end is told without being asked for.
                all.push((stream, of_stream));
                all
            }
        }
    }

    /// Passes on what there is.
    pub fn advance(&mut self) -> Turn {
        if self.phase == Phase::Speaks {
            self.pass_up();
        }
        match self.phase {
            Phase::Speaks | Phase::HasEnded => self.pass_down(),
            Phase::Leaves => self.drop_rest(),
        }
    }

    fn pass_up(&mut self) {
        let may_be_more = self.up.is_empty();
        if may_be_more && fill(&self.stream, &mut self.up) == Filled::Ended || super::has_gone(&self.stream) {
            return self.leave();
        }
        if drain(&self.input, &mut self.up).is_err() {
            // Nobody reads it any more: the end of its output comes.
            self.up.clear();
        }
    }

    fn pass_down(&mut self) -> Turn {
        let may_be_more = self.phase == Phase::Speaks && self.down.is_empty();
        if may_be_more && fill(&mut self.output, &mut self.down) == Filled::Ended {
            self.phase = Phase::HasEnded;
        }
        if drain(&self.stream, &mut self.down).is_err() {
            self.leave();
            return Turn::GoesOn;
        }
        if self.phase == Phase::HasEnded && self.down.is_empty() { Turn::Ended } else { Turn::GoesOn }
    }

    /// Drops what nobody wants any more.
    fn drop_rest(&mut self) -> Turn {
        self.down.clear();
        match fill(&mut self.output, &mut self.down) {
            Filled::Ended => Turn::WasLetGo,
            Filled::Open => Turn::GoesOn,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
