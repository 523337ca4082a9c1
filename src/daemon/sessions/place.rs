//! Where an agent's terminal is reached, and who must listen there.

use std::os::fd::OwnedFd;
use std::path::Path;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;

use super::Context;
use super::agent::Agent;
use super::descriptor::{Server, connect};
use super::line::Line;
use crate::daemon::paths::Manager;
use crate::daemon::unit;
use crate::protocol::unit::{agent_of, name};

/// Why there is no line.
#[derive(Debug)]
pub enum NoLine {
    /// Nobody listens.
    Gone,
    /// Anything else.
    Failed(String),
}

impl Agent {
    /// Returns where its terminal is reached: at its bridge, which an agent with a user of its own has, else at its tmux
    /// server.
    pub(super) fn place(&self) -> &Path {
        if self.bridge.symlink_metadata().is_ok() { &self.bridge } else { &self.socket }
    }

    /// Says why who listens at `place` is not to be spoken with.
    ///
    /// A client of tmux does what its server says, so ours attaches to none of another user; the folder of the sockets is
    /// ours alone. The folder of a bridge is its agent's as well, and its unit it cannot leave.
    pub(super) fn strangeness(&self, place: &Path, connection: &OwnedFd, context: &Context) -> Option<String> {
        if context.paths.manager == Manager::AdHoc {
            return None;
        }
        let listens = format!("listens on `{}`", place.display());
        let (pid, user) = match getsockopt(connection, PeerCredentials) {
            Ok(peer) => (peer.pid(), Uid::from_raw(peer.uid())),
            Err(error) => return Some(format!("the kernel does not tell who {listens}: {error}")),
        };
        let why = match unit::cgroup_of(pid) {
            Ok(cgroup) => match agent_of(&cgroup) {
                Some(agent) if agent != self.name => format!("it is one of agent `{agent}`"),
                None if place == self.bridge => "it is of no agent's unit".to_owned(),
                Some(_) | None if place == self.bridge || user == Uid::effective() => return None,
                Some(_) | None => format!(
                    "it is a tmux server of another user, from before such agents had a bridge: `systemctl restart {}` \
                     gives it one",
                    name(&self.name)
                ),
            },
            // It has ended meanwhile.
            Err(why) => why,
        };
        Some(format!("process {pid}, which {listens}: {why}"))
    }

    /// Has a client attach to `session`, or to any.
    pub(super) fn line(&mut self, session: Option<&str>, context: &Context) -> Result<Line, NoLine> {
        let place = self.place().to_owned();
        let line = if place == self.bridge {
            let connection = match connect(&place) {
                Ok(connection) => connection,
                Err(Server::Gone) => return Err(NoLine::Gone),
                Err(Server::Listens(_)) => return Err(NoLine::Failed(self.no_answer())),
                Err(Server::Unclear(why)) => return Err(NoLine::Failed(why)),
            };
            // That who has been knocked at listens there still is nobody's word.
            if let Some(why) = self.strangeness(&place, &connection, context) {
                return Err(NoLine::Failed(why));
            }
            Line::bridged(&context.reactor, &mut self.numbers, connection, session)
        } else {
            Line::own(&context.reactor, &mut self.numbers, &place, session)
        };
        line.map_err(|error| NoLine::Failed(format!("{error:#}")))
    }
}
