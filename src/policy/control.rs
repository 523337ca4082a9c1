//! What an agent may itself ask of the supervisor, and what it has started; a person may ask everything.

use super::Supervisor;
use super::answer::failed;
use super::fleet::Control;
use super::request::{Asker, Reason, Reply, Request};

/// What a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// `control = "observe"` at least.
    Observe,
    /// `control = "operate"`.
    Operate,
    /// To be a person.
    Person,
}

/// Returns what asking `request` takes.
pub fn right(request: &Request) -> Right {
    match request {
        Request::Status | Request::Explain { .. } | Request::PhaseShow { .. } => Right::Observe,
        Request::Send { .. }
        | Request::Wake { .. }
        | Request::Probe { .. }
        | Request::Run { .. }
        | Request::Restart { .. } => Right::Operate,
        Request::Up { .. } | Request::Down { .. } | Request::PhaseSet { .. } => Right::Person,
    }
}

impl Supervisor {
    /// Returns the answer to what may not be asked, and the key that would allow it.
    pub(super) fn refusal(&self, asker: &Asker, request: &Request) -> Option<Reply> {
        let right = right(request);
        let agent = match asker {
            Asker::Person => return None,
            Asker::Unknown(why) => {
                return Some(failed(Reason::Unanswered, format!("it cannot be told who asks: {why}"), None));
            }
            // The operator's command may act on what it is told.
            Asker::Own if right != Right::Person => return None,
            Asker::Own => {
                let error = "only a person may ask this, and what the supervisor has started is none";
                return Some(failed(Reason::Failed, error.to_owned(), None));
            }
            Asker::Agent(name) => name,
        };
        // What the config no longer names may ask nothing.
        let control = self.fleet.agent(agent).map_or(Control::None, |agent| agent.control);
        let key = match (right, control) {
            (Right::Observe, Control::Observe | Control::Operate) | (Right::Operate, Control::Operate) => return None,
            (Right::Person, Control::None | Control::Observe | Control::Operate) => {
                let error = format!("`{agent}` is an agent, and only a person may ask this");
                return Some(failed(Reason::Failed, error, None));
            }
            (Right::Observe, Control::None) => "observe",
            (Right::Operate, Control::None | Control::Observe) => "operate",
        };
        let hint = format!("`control = \"{key}\"` of agent `{agent}` in the config allows it");
        Some(failed(Reason::Failed, format!("agent `{agent}` may not ask this"), Some(hint)))
    }
}
