//! Messages that an agent's program has taken and keeps for after its turn.
//!
//! They count as delivered: the input box has shown that the program has them. Their receipts come when the turn has
//! ended (Claude Code 2.1.197) or at once (2.1.329); in neither case are they in the conversation before. A program that
//! dies before that takes them with it, and its next start gets them again: marked, since it may have begun with them and
//! died before it told. One whose receipt does not come though its turn has ended is told, and not typed again: a person
//! has taken it back, or nobody listened when it came.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::event::EventKind;
use super::live::shortened;
use super::message::{Message, Purpose};
use super::state::AgentState;
use super::{Supervisor, Turn, with};

/// The most messages that are remembered so; of more the oldest is forgotten, which is told.
const KEPT_MAX: usize = 16;
/// What is kept is submitted within this time after the turn's end, or a person has taken it back.
const SUBMITTED_MAX: Duration = Duration::from_secs(10);

/// A message that the program keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// Whether the program has told that it was submitted; older states do not say.
    #[serde(default)]
    pub receipt: Receipt,
}

/// What is known of the receipt of a message that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receipt {
    /// It has not come.
    Missing,
    /// It has come in mid-turn: the message is in the conversation when the turn has ended.
    Heard,
    /// It has not come, or came while nobody listened.
    #[default]
    Doubted,
}

impl AgentState {
    /// Remembers a message that the program keeps for after its turn; returns one that is forgotten for it.
    #[must_use = "what is forgotten is told"]
    fn keep(&mut self, message: Message, receipt: Receipt) -> Option<Kept> {
        let is_lasting = match message.purpose {
            Purpose::Ping(_) | Purpose::Send => true,
            // These are of the moment, or of this start.
            Purpose::Kickoff { .. } | Purpose::Probe | Purpose::Resume | Purpose::Answer { .. } | Purpose::Wake => {
                false
            }
        };
        if !is_lasting {
            return None;
        }
        self.kept.retain(|known| known.message.id != message.id);
        let forgotten = (self.kept.len() == KEPT_MAX).then(|| self.kept.remove(0));
        self.kept.push(Kept { message, receipt });
        forgotten
    }

    /// Takes note that receipts may have come unheard: nobody listened, or the program tells wrongly.
    pub(super) fn doubt_kept(&mut self) {
        for kept in &mut self.kept {
            kept.receipt = match kept.receipt {
                Receipt::Missing | Receipt::Doubted => Receipt::Doubted,
                Receipt::Heard => Receipt::Heard,
            };
        }
    }

    /// Forgets what the program has begun with: another turn has begun, and its receipt came before.
    pub(super) fn begin_kept(&mut self) {
        self.kept.retain(|kept| kept.receipt != Receipt::Heard);
    }

    /// Queues again what the program took with it when it ended.
    pub(super) fn queue_kept(&mut self) {
        for Kept { mut message, .. } in std::mem::take(&mut self.kept).into_iter().rev() {
            message.repeat();
            if self.queue.iter().all(|known| known.id != message.id) {
                self.queue.insert(0, message);
            }
        }
    }
}

impl Supervisor {
    /// Remembers a message that the agent's program keeps for after its turn.
    pub(super) fn keep(&mut self, name: &str, message: Message, receipt: Receipt, turn: &mut Turn) {
        let forgotten = self.state.agents.get_mut(name).and_then(|state| state.keep(message, receipt));
        if let Some(Kept { message, .. }) = forgotten {
            self.tell_kept(name, &message, "is one of too many whose receipt is waited for", turn);
        }
    }

    fn tell_kept(&self, name: &str, message: &Message, why: &str, turn: &mut Turn) {
        let text = format!("message {} was taken and {why}: {}", message.id, shortened(&message.text));
        let event = self.about(name, EventKind::Unconfirmed, &text, turn.now);
        turn.act(Action::Record(with(event, "message", message.id.to_string())));
    }

    /// Decides for every agent whether what its program kept was taken back by a person.
    pub(super) fn weigh_kept(&mut self, turn: &mut Turn) {
        let names: Vec<String> = self.state.agents.keys().cloned().collect();
        for name in &names {
            let Some(state) = self.state.agents.get_mut(name).filter(|state| !state.kept.is_empty()) else { continue };
            // Where the screen still shows the turn it is not known yet whether it has ended.
            let live = self.agents.get(name).filter(|live| live.heard.strange_work.is_none());
            let Some(ended) = live.and_then(|live| live.heard.ended()) else { continue };
            let due = ended + SUBMITTED_MAX;
            if due > turn.now.mono {
                turn.due(due);
                continue;
            }
            for Kept { message, receipt } in std::mem::take(&mut state.kept) {
                let why = match receipt {
                    Receipt::Heard => continue,
                    Receipt::Missing => "has not been submitted since the turn ended",
                    Receipt::Doubted => "nobody has heard that it was submitted",
                };
                self.tell_kept(name, &message, why, turn);
            }
        }
    }
}
