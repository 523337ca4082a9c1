//! What is known of an agent's session, and what is being done about it.

use std::os::fd::OwnedFd;
use std::process::{Child, ChildStderr};
use std::time::Duration;

use super::client::Client;
use super::descriptor::Watched;
use super::ending::Ending;
use super::query::Query;
use crate::policy::now::Mono;
use crate::protocol::tmux::PaneId;

/// The longest time between two attempts to reach a session that is lost.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Where an agent's session stands.
#[derive(Debug)]
pub enum Life {
    /// Nothing is there, or nobody has looked.
    Absent,
    /// The `session` verb is at work.
    Starting(Starting),
    /// It is to be looked for, as soon as its server shows that it can be asked.
    Waiting(Waiting),
    /// A client attaches and asks what there is.
    Attaching(Client, Search),
    /// The program runs.
    Running(Client, Pane),
    /// The program has ended; how, and with what screen, is being asked.
    Dying(Client, Dying),
    /// It cannot be asked; it is tried again.
    Lost(Lost),
    /// systemd is asked what it makes of it.
    Asking(Asking),
    /// Its processes are being ended.
    Stopping(Ending),
}

impl Life {
    /// Returns the client, where there is one.
    pub fn client(&self) -> Option<&Client> {
        match self {
            Self::Attaching(client, _) | Self::Running(client, _) | Self::Dying(client, _) => Some(client),
            Self::Absent
            | Self::Starting(_)
            | Self::Waiting(_)
            | Self::Lost(_)
            | Self::Asking(_)
            | Self::Stopping(_) => None,
        }
    }

    /// As [`Life::client`], to be used.
    pub fn client_mut(&mut self) -> Option<&mut Client> {
        match self {
            Self::Attaching(client, _) | Self::Running(client, _) | Self::Dying(client, _) => Some(client),
            Self::Absent
            | Self::Starting(_)
            | Self::Waiting(_)
            | Self::Lost(_)
            | Self::Asking(_)
            | Self::Stopping(_) => None,
        }
    }

    /// As [`Life::client`], to be let go.
    pub fn into_client(self) -> Option<Client> {
        match self {
            Self::Attaching(client, _) | Self::Running(client, _) | Self::Dying(client, _) => Some(client),
            Self::Absent
            | Self::Starting(_)
            | Self::Waiting(_)
            | Self::Lost(_)
            | Self::Asking(_)
            | Self::Stopping(_) => None,
        }
    }

    /// Returns the search that goes on, if there is one.
    pub fn search(&mut self) -> Option<&mut Search> {
        match self {
            Self::Waiting(Waiting { search, .. })
            | Self::Attaching(_, search)
            | Self::Asking(Asking { doubt: Doubt::Search(search), .. }) => Some(search),
            Self::Absent
            | Self::Starting(_)
            | Self::Running(..)
            | Self::Dying(..)
            | Self::Lost(_)
            | Self::Asking(_)
            | Self::Stopping(_) => None,
        }
    }

    /// Has a search that waits answered by `due` at the latest.
    pub fn answer_by(&mut self, due: Mono) {
        if let Self::Waiting(Waiting { due: none @ None, .. }) = self {
            *none = Some(due);
        }
    }

    /// Returns the agent's pane, as far as it is known.
    pub fn pane(&mut self) -> Option<&mut Pane> {
        match self {
            Self::Running(_, pane) => Some(pane),
            Self::Waiting(Waiting { search: Search { pane, .. }, .. })
            | Self::Attaching(_, Search { pane, .. })
            | Self::Asking(Asking { doubt: Doubt::Search(Search { pane, .. }), .. })
            | Self::Lost(Lost { pane, .. }) => pane.as_mut(),
            Self::Absent | Self::Starting(_) | Self::Dying(..) | Self::Asking(_) | Self::Stopping(_) => None,
        }
    }
}

/// A question to systemd that something depends on.
#[derive(Debug)]
pub struct Asking {
    /// The question, or when it is asked again.
    pub turn: AskingTurn,
    /// What depends on it.
    pub doubt: Doubt,
    /// How often it has been asked.
    pub tries: u32,
}

impl Asking {
    /// Says when something is due.
    pub fn deadline(&self) -> Mono {
        match &self.turn {
            AskingTurn::Asked(query) => query.deadline(),
            AskingTurn::Pause(until) => *until,
        }
    }
}

/// How far a question is.
#[derive(Debug)]
pub enum AskingTurn {
    /// It is on its way.
    Asked(Query),
    /// It is asked again then.
    Pause(Mono),
}

/// What depends on how far a unit is.
#[derive(Debug)]
pub enum Doubt {
    /// There is no session where one was looked for.
    Search(Search),
    /// A program has ended: by itself, or because its unit is being stopped.
    Death(Ended),
}

/// How a program has ended.
#[derive(Debug)]
pub struct Ended {
    /// The number of its start.
    pub run: u64,
    /// As tmux told it.
    pub exit: crate::policy::observation::Exit,
    /// Its last screen, where it could be read.
    pub screen: Option<Vec<String>>,
}

/// The agent's own pane.
#[derive(Debug)]
pub struct Pane {
    /// Its id.
    pub id: PaneId,
    /// The number of its start.
    pub run: u64,
    /// Tells when its program ends; `None` when it has.
    pub end: Option<Watched<OwnedFd>>,
}

/// A start that goes on.
#[derive(Debug)]
pub struct Starting {
    /// Its number.
    pub run: u64,
    /// The `session` verb.
    pub child: Child,
    /// What it complains about.
    pub errors: ChildStderr,
    /// Tells when it ends.
    pub end: Watched<OwnedFd>,
    /// When it is given up.
    pub deadline: Mono,
    /// It is to be stopped as soon as that is safe: a server that is about to be born cannot be found.
    pub then_stop: bool,
}

/// A look at what there is.
#[derive(Debug)]
pub struct Search {
    /// What for.
    pub goal: Goal,
    /// It asks for any session: there is none of the agent's name.
    pub any: bool,
    /// The pane as it was known before.
    pub pane: Option<Pane>,
}

/// A look that waits until the server has let go the client before, and until it takes connections.
#[derive(Debug)]
pub struct Waiting {
    /// What it waits for.
    pub search: Search,
    /// A connection that the server has not taken yet; `None` while the client before is not gone.
    pub knock: Option<Watched<OwnedFd>>,
    /// By when the search is to be answered, unless that has been done.
    pub due: Option<Mono>,
}

/// What a session is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// An answer to `Find`.
    Find,
    /// An answer to `Start`.
    Start {
        /// The start's number.
        run: u64,
        /// It has been launched; otherwise this look only makes sure that nothing is there yet.
        launched: bool,
    },
    /// A client was lost.
    Again {
        /// How often it has been tried.
        tries: u32,
        /// `Unknown` has been told.
        told: bool,
    },
}

/// A death that is being looked at.
#[derive(Debug, Clone, Copy)]
pub struct Dying {
    /// The pane.
    pub pane: PaneId,
    /// The number of its start.
    pub run: u64,
    /// How often tmux was asked how it ended.
    pub rounds: u32,
    /// How often its last screen was empty.
    pub blank: u32,
    /// How it ended, as far as is known.
    pub exit: crate::policy::observation::Exit,
}

/// A session that cannot be asked.
#[derive(Debug)]
pub struct Lost {
    /// The pane as it was known before.
    pub pane: Option<Pane>,
    /// How often it has been tried.
    pub tries: u32,
    /// `Unknown` has been told.
    pub told: bool,
    /// When it is tried again.
    pub retry: Mono,
    /// Why it cannot be asked.
    pub why: String,
}

/// Returns how long to wait after this many vain attempts: 1, 2, 4 s and so on, at most [`RETRY_MAX`].
pub fn retry_delay(tries: u32) -> Duration {
    Duration::from_secs(1 << tries.min(10)).min(RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_grow_rarer_and_never_stop() {
        let delays: Vec<_> = [0, 1, 2, 3, 4, 5, 6, u32::MAX].map(|tries| retry_delay(tries).as_secs()).into();
        assert_eq!(delays, [1, 2, 4, 8, 16, 30, 30, 30]);
    }
}
