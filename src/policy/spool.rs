//! Takes up what was asked while there was no supervisor, each request once.
//!
//! A taken request's file is named in the state until it is gone, so that a crash between the two repeats nothing.

use super::action::Action;
use super::answer::failed;
use super::command::{no_such, sendable};
use super::event::{EventKind, Level};
use super::fleet::Fleet;
use super::observation::Spooled;
use super::request::{Reason, Reply, Request};
use super::state::State;
use super::{Supervisor, Turn, task, wake};

/// Says whether `request` is one that may wait for the next supervisor of `fleet`.
///
/// # Errors
/// The answer for one that may not, or that the next supervisor would refuse.
pub fn check(fleet: &Fleet, request: &Request) -> Result<(), Reply> {
    match request {
        Request::Wake { name } => wake::check(fleet, name).map(drop),
        Request::Run { name, text, .. } => task::check(fleet, name, text.as_deref()).map(drop),
        Request::Send { name, text, queue: true, .. } => match fleet.agent(name) {
            Some(_) => sendable(text).map(drop),
            None => Err(no_such(fleet, name)),
        },
        Request::Send { queue: false, .. }
        | Request::Status
        | Request::Explain { .. }
        | Request::Up { .. }
        | Request::Down { .. }
        | Request::Restart { .. }
        | Request::Probe { .. }
        | Request::PhaseShow { .. }
        | Request::PhaseSet { .. } => {
            Err(failed(Reason::Usage, "this cannot wait for the next supervisor".to_owned(), None))
        }
    }
}

/// As [`check`], with what the last supervisor of the fleet knew.
///
/// # Errors
/// As [`check`].
pub fn check_with(fleet: &Fleet, state: &State, request: &Request) -> Result<(), Reply> {
    check(fleet, request)?;
    match request {
        Request::Run { name, .. } => task::is_not_stopped(state, name),
        Request::Wake { .. }
        | Request::Send { .. }
        | Request::Status
        | Request::Explain { .. }
        | Request::Up { .. }
        | Request::Down { .. }
        | Request::Restart { .. }
        | Request::Probe { .. }
        | Request::PhaseShow { .. }
        | Request::PhaseSet { .. } => Ok(()),
    }
}

/// Names a request as a person would type it.
pub fn verb(request: &Request) -> String {
    match request {
        Request::Wake { name } => format!("wake {name}"),
        Request::Run { name, fresh, .. } => format!("run {name}{}", if *fresh { " --fresh" } else { "" }),
        Request::Send { name, queue, .. } => format!("send {name}{}", if *queue { " --queue" } else { "" }),
        Request::Status => "status".to_owned(),
        Request::Explain { name } => format!("explain {name}"),
        Request::Up { names, .. } => format!("up {}", names.join(" ")).trim_end().to_owned(),
        Request::Down { names } => format!("down {}", names.join(" ")).trim_end().to_owned(),
        Request::Restart { name, .. } => format!("restart {name}"),
        Request::Probe { name } => format!("probe {name}"),
        Request::PhaseShow { .. } => "phase show".to_owned(),
        Request::PhaseSet { .. } => "phase set".to_owned(),
    }
}

/// Returns the agent that a request which may wait names.
fn name_in(request: &Request) -> Option<&str> {
    match request {
        Request::Wake { name } | Request::Run { name, .. } | Request::Send { name, .. } => Some(name),
        Request::Status
        | Request::Explain { .. }
        | Request::Up { .. }
        | Request::Down { .. }
        | Request::Restart { .. }
        | Request::Probe { .. }
        | Request::PhaseShow { .. }
        | Request::PhaseSet { .. } => None,
    }
}

impl Supervisor {
    /// Takes in all that is in the spool.
    pub(super) fn spool_seen(&mut self, found: &[Spooled]) {
        self.state.spooled.retain(|id| found.iter().any(|spooled| spooled.id == *id));
        self.spool = found.to_vec();
    }

    /// Takes up what can be, in order; what has no room yet stays in the spool.
    pub(super) fn decide_spool(&mut self, turn: &mut Turn) {
        if self.ending || self.spool.is_empty() {
            return;
        }
        let mut ids = Vec::new();
        for spooled in std::mem::take(&mut self.spool) {
            let Some(request) = &spooled.request else { continue };
            let known = self.state.spooled.contains(&spooled.id);
            if known || self.take_up(request, turn) {
                self.state.spooled.insert(spooled.id.clone());
                ids.push(spooled.id);
            } else {
                self.spool.push(spooled);
            }
        }
        if !ids.is_empty() {
            turn.act(Action::Unspool { ids });
        }
    }

    /// Does what a request asks and tells it; false where it has to wait.
    fn take_up(&mut self, request: &Request, turn: &mut Turn) -> bool {
        let reply = check(&self.fleet, request).err().or_else(|| match request {
            Request::Wake { name } => self.wake(None, name, turn.now),
            Request::Run { name, fresh, text } => self.run(None, name, (*fresh, text.as_deref())),
            Request::Send { name, text, .. } => Some(self.leave_message(name, text, turn.now)),
            Request::Status
            | Request::Explain { .. }
            | Request::Up { .. }
            | Request::Down { .. }
            | Request::Restart { .. }
            | Request::Probe { .. }
            | Request::PhaseShow { .. }
            | Request::PhaseSet { .. } => unreachable!("`check` refuses these"),
        });
        let (level, outcome) = match reply {
            Some(Reply::Failed { reason: Reason::Busy, .. }) => return false,
            Some(Reply::Failed { error, .. }) => (Level::Warning, error),
            Some(Reply::Done { lines }) => (Level::Notice, lines.join("; ")),
            Some(Reply::Status { .. } | Reply::Explanation { .. }) => unreachable!("nothing was looked at"),
            None => (Level::Notice, "taken up".to_owned()),
        };
        let text = format!("`{}`, asked while no supervisor ran: {outcome}", verb(request));
        let mut event = super::note(turn.now, EventKind::Spooled, &text);
        event.agent = name_in(request).filter(|name| self.fleet.agent(name).is_some()).map(str::to_owned);
        event.level = level;
        turn.act(Action::Record(event));
        true
    }
}
