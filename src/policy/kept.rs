//! Messages that an agent's program has taken and keeps for after its turn.
//!
//! They count as delivered: the input box has shown that the program has them. Their receipts come when the turn has
//! ended (Claude Code 2.1.197) or at once (2.1.329); in neither case are they in the conversation before. A program that
//! dies before that takes them with it, and its next start gets them again: marked, since it may have begun with them and
//! died before it told.

use std::time::Duration;

use super::action::Action;
use super::event::EventKind;
use super::live::shortened;
use super::message::{Message, Progress, Purpose};
use super::state::AgentState;
use super::{Supervisor, Turn};

/// The most messages that are remembered so; of more the oldest is forgotten.
const KEPT_MAX: usize = 16;
/// What is kept is submitted within this time after the turn's end, or a person has taken it back.
const SUBMITTED_MAX: Duration = Duration::from_secs(10);

impl AgentState {
    /// Remembers a message that the program keeps for after its turn.
    pub(super) fn keep(&mut self, message: Message) {
        let is_lasting = match message.purpose {
            Purpose::Ping(_) | Purpose::Send => true,
            // These are of the moment, or of this start.
            Purpose::Kickoff { .. } | Purpose::Probe | Purpose::Resume | Purpose::Answer { .. } | Purpose::Wake => {
                false
            }
        };
        if !is_lasting {
            return;
        }
        self.kept.retain(|known| known.id != message.id);
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        self.kept.push(message);
    }

    /// Keeps a message whose receipt has come in mid-turn until the turn's end.
    pub(super) fn keep_until_end(&mut self, mut message: Message) {
        message.progress = Progress::Queued;
        self.keep(message);
    }

    /// Takes what the program keeps for begun with: nobody listened, or it tells wrongly, and receipts may have come.
    pub(super) fn doubt_kept(&mut self) {
        for message in &mut self.kept {
            message.progress = Progress::Queued;
        }
    }

    /// Forgets what the program has begun with: another turn has begun, and its receipt came before.
    pub(super) fn begin_kept(&mut self) {
        self.kept.retain(|message| message.progress != Progress::Queued);
    }

    /// Queues again what the program took with it when it ended.
    pub(super) fn queue_kept(&mut self) {
        for mut message in std::mem::take(&mut self.kept).into_iter().rev() {
            message.repeat();
            if self.queue.iter().all(|known| known.id != message.id) {
                self.queue.insert(0, message);
            }
        }
    }
}

impl Supervisor {
    /// Decides for every agent whether what its program kept was taken back by a person.
    pub(super) fn weigh_kept(&mut self, turn: &mut Turn) {
        let names: Vec<String> = self.state.agents.keys().cloned().collect();
        for name in &names {
            let Some(state) = self.state.agents.get_mut(name).filter(|state| !state.kept.is_empty()) else { continue };
            let Some(ended) = self.agents.get(name).and_then(|live| live.heard.ended()) else { continue };
            let due = ended + SUBMITTED_MAX;
            if due > turn.now.mono {
                turn.due(due);
                continue;
            }
            let is_silent = |message: &Message| message.progress != Progress::Queued;
            for message in std::mem::take(&mut state.kept).into_iter().filter(is_silent) {
                let text = format!(
                    "message {} was taken and has not been submitted since the turn ended: {}",
                    message.id,
                    shortened(&message.text)
                );
                turn.act(Action::Record(self.about(name, EventKind::Unconfirmed, &text, turn.now)));
            }
        }
    }
}
