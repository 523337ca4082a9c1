//! Who is at the other end of the control socket: a person, or a process of an agent.

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::paths::{Manager, Paths};
use super::tree::{self, Process};
use crate::policy::request::Asker;
use crate::protocol::unit::{agent_of, is_of_web};

/// The most ancestors of a process that are looked at.
const ANCESTORS_MAX: usize = 64;

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
    pub fn asker(&self, stream: &UnixStream) -> Asker {
        let pid = match getsockopt(stream, PeerCredentials) {
            Ok(peer) => peer.pid(),
            Err(error) => return Asker::Unknown(format!("the kernel does not tell it: {error}")),
        };
        let agent = match self.manager {
            Manager::Systemd => match std::fs::read_to_string(format!("/proc/{pid}/cgroup")) {
                // What a person asks of the web part runs there, and so may what an agent asks of it on loopback.
                Ok(cgroup) if is_of_web(&cgroup) => return Asker::Unknown("the web part is no person".to_owned()),
                Ok(cgroup) => agent_of(&cgroup).map(str::to_owned),
                Err(error) => return Asker::Unknown(format!("cannot read the unit of process {pid}: {error}")),
            },
            Manager::AdHoc => self.marked(pid),
        };
        agent.map_or(Asker::Person, Asker::Agent)
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
