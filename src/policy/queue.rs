//! What waits for an agent, in which order, and how much of it there may be.

use super::Supervisor;
use super::message::{Message, MessageId, Progress, Purpose};
use super::now::Now;
use super::state::AgentState;

/// The most messages of people and scripts that wait for one agent. What the supervisor itself says is merged or said
/// once, so that there is little of it, and none of it is refused.
pub const QUEUE_MAX: usize = 100;
/// The most bytes of such messages that wait in the whole fleet: the state is written at every change.
pub const QUEUED_BYTES_MAX: usize = 2 << 20;

impl AgentState {
    /// Takes back a probe that nobody has begun to type; what stands typed in the input box is submitted all the same, or
    /// it would be taken for a person's draft.
    pub(super) fn drop_waiting_probe(&mut self) {
        self.queue.retain(|message| message.purpose != Purpose::Probe || message.progress != Progress::Queued);
    }
}

impl Supervisor {
    /// Says whether there is room for what a person or script says to an agent.
    pub(super) fn has_room(&self, name: &str, text: &str) -> bool {
        let is_sent = |message: &&Message| message.purpose == Purpose::Send;
        let count = self.state.agents.get(name).map_or(0, |state| state.queue.iter().filter(is_sent).count());
        let waiting = self.state.agents.values().flat_map(|state| &state.queue).filter(is_sent);
        let bytes: usize = waiting.map(|message| message.text.len()).sum();
        count < QUEUE_MAX && bytes + text.len() <= QUEUED_BYTES_MAX
    }

    /// Puts a message before those that have not been typed yet.
    pub(super) fn queue_first(&mut self, name: &str, purpose: Purpose, text: String, now: Now) -> Option<MessageId> {
        let id = self.queue(name, purpose, text, now)?;
        let state = self.state.agents.get_mut(name)?;
        let under_way = state.queue.iter().take_while(|message| message.progress != Progress::Queued).count();
        // It need not be the last one: a wake that waits stays behind it.
        if let Some(place) = state.queue.iter().position(|message| message.id == id) {
            state.queue[under_way..=place].rotate_right(1);
        }
        Some(id)
    }

    /// Puts a message at the end of an agent's queue; `None` when there is no such agent.
    pub(super) fn queue(&mut self, name: &str, purpose: Purpose, text: String, now: Now) -> Option<MessageId> {
        if !self.state.agents.contains_key(name) {
            return None;
        }
        let id = self.state.take_message_id();
        let message = Message { id, purpose, text, aside: false, queued: now.moment(), progress: Progress::Queued };
        let queue = &mut self.state.agents.get_mut(name)?.queue;
        // A wake waits until the agent is idle; nothing else has to wait behind it.
        let waits = |other: &Message| other.purpose == Purpose::Wake && other.progress == Progress::Queued;
        let place = queue.len() - usize::from(queue.last().is_some_and(waits));
        queue.insert(place, message);
        Some(id)
    }

    /// Has every text that stood typed looked at before it is submitted: while nobody supervised, a person may have made
    /// a text of their own of it. A backend whose box cannot be read is told nothing by a look.
    pub(super) fn doubt_typed(&mut self) {
        let names: Vec<String> = self.state.agents.keys().cloned().collect();
        for name in &names {
            let proves = self.backend_of(name).is_some_and(|backend| backend.screen.input_re.is_some());
            let Some(state) = self.state.agents.get_mut(name) else { continue };
            // What came of it was told while nobody listened.
            if let Some(message) = state.queue.first_mut()
                && matches!(message.progress, Progress::Posted { .. })
            {
                message.repeat();
            }
            let Some(state) = self.state.agents.get_mut(name).filter(|_| proves) else { continue };
            if let Some(message) = state.queue.first_mut()
                && let Progress::Typed { since, .. } = message.progress
            {
                message.progress = Progress::Pasting { since };
            }
        }
    }
}
