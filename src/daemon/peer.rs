//! Who is at the other end of the control socket: a person, or a process of an agent.
//!
//! Whose number the kernel tells is held on to from the moment of its connection: a number that has been given to another
//! process meanwhile tells nobody's word.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::paths::{Manager, Paths};
use super::tree::{self, Process};
use super::unit::cgroup_of;
use crate::policy::request::Asker;
use crate::protocol::unit::{Part, agent_of, part_of};

/// The most ancestors of a process that are looked at.
const ANCESTORS_MAX: usize = 64;

/// A process that has connected.
#[derive(Debug)]
pub struct Peer(Result<(i32, OwnedFd), String>);

impl Peer {
    /// Takes hold of who is at the other end.
    pub fn of(stream: &UnixStream) -> Self {
        let found =
            getsockopt(stream, PeerCredentials).map_err(|error| format!("the kernel does not tell it: {error}"));
        Self(found.and_then(|peer| {
            let pid = Pid::from_raw(peer.pid()).ok_or("it is out of sight")?;
            let held = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| match error {
                Errno::SRCH => ENDED.to_owned(),
                other => format!("it cannot be held on to: {other}"),
            })?;
            Ok((peer.pid(), held))
        }))
    }

    /// Returns its number, if that is still its own.
    fn pid(&self) -> Result<i32, String> {
        let (pid, held) = self.0.as_ref().map_err(String::clone)?;
        // Becomes readable with its end (pidfd_open(2)).
        let lives = poll(&mut [PollFd::new(held.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(0);
        if lives { Ok(*pid) } else { Err(ENDED.to_owned()) }
    }
}

/// Why it cannot be told who asks.
const ENDED: &str = "the process that asked has ended";

/// By what agents' processes are known.
#[derive(Debug)]
pub struct Peers {
    manager: Manager,
    /// Where the agents' tmux sockets lie.
    sockets: PathBuf,
}

impl Peers {
    /// Knows the agents of one fleet.
    pub fn new(paths: &Paths) -> Self {
        Self { manager: paths.manager, sockets: paths.runtime.join("tmux") }
    }

    /// Tells who connected.
    ///
    /// Under systemd the unit tells, which a process cannot leave. Ad hoc it is the mark in the environment of the process
    /// or one of its ancestors: that keeps an agent from mistakes, not from malice.
    pub fn asker(&self, peer: &Peer) -> Asker {
        let asked = peer.pid().and_then(|pid| match self.manager {
            Manager::Systemd => by_unit(pid),
            Manager::AdHoc => Ok(self.marked(pid).map_or(Asker::Person, Asker::Agent)),
        });
        // What was read is of this process if it lives still.
        asked.and_then(|asker| peer.pid().map(|_| asker)).unwrap_or_else(Asker::Unknown)
    }

    fn marked(&self, pid: i32) -> Option<String> {
        let mut seen = BTreeSet::new();
        let mut at = pid;
        while at > 1 && seen.len() < ANCESTORS_MAX && seen.insert(at) {
            let agent = tree::mark(at).and_then(|socket| self.agent_at(&socket));
            if agent.is_some() {
                return agent;
            }
            at = Process::read(at)?.parent;
        }
        None
    }

    fn agent_at(&self, socket: &Path) -> Option<String> {
        let name = socket.file_name().filter(|_| socket.parent() == Some(&self.sockets))?;
        name.to_str().map(str::to_owned)
    }
}

/// Tells by a process's unit who it is.
fn by_unit(pid: i32) -> Result<Asker, String> {
    let cgroup = cgroup_of(pid)?;
    match (agent_of(&cgroup), part_of(&cgroup)) {
        (Some(agent), _) => Ok(Asker::Agent(agent.to_owned())),
        // What a person asks of the web part runs there, and so may what an agent asks of it on loopback.
        (None, Some(Part::Web)) => Err("the web part is no person".to_owned()),
        (None, Some(Part::Supervisor)) => Ok(Asker::Own),
        (None, None) => Ok(Asker::Person),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_number_of_a_process_that_has_ended_tells_nobodys_word() {
        let (_ours, theirs) = UnixStream::pair().expect("two ends");
        let own = i32::try_from(std::process::id()).expect("a number");
        assert_eq!(Peer::of(&theirs).pid(), Ok(own));

        let mut child = Command::new("/bin/cat").stdin(Stdio::piped()).spawn().expect("started");
        let pid = i32::try_from(child.id()).expect("a number");
        let held = pidfd_open(Pid::from_raw(pid).expect("a number"), PidfdFlags::empty()).expect("held");
        let peer = Peer(Ok((pid, held)));
        assert_eq!(peer.pid(), Ok(pid));
        drop(child.stdin.take());
        child.wait().expect("ended");
        assert_eq!(peer.pid(), Err(ENDED.to_owned()));
    }
}
