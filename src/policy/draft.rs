//! Since when a person's draft keeps messages back, and who is told.
//!
//! A program may take a message, answer it, and show it in its box again (seen of a busy Claude Code 2.1.197). What has
//! stood there as long as a draft may and is word for word a message of ours is submitted once more: what waits behind it
//! matters more than a message that comes twice.

use super::action::Action;
use super::event::EventKind;
use super::live::{AgentLive, Obstacle, shortened};
use super::message::{Progress, Purpose};
use super::now::Now;
use super::{Supervisor, Turn};

/// So many messages are remembered by their texts.
const TAKEN_MAX: usize = 16;

impl Supervisor {
    /// Keeps since when a person's draft stands.
    pub(super) fn note_draft(&mut self, name: &str, now: Now) {
        let typed = self
            .state
            .agents
            .get(name)
            .and_then(|state| state.queue.first())
            .is_some_and(|message| message.progress != Progress::Queued);
        let Some(live) = self.agents.get_mut(name) else { return };
        let stands = live.look.as_ref().is_some_and(|look| matches!(look.obstacle, Some(Obstacle::Draft(_))));
        if !stands || typed {
            live.draft = None;
        } else if live.draft.is_none() {
            live.draft = Some((now.moment(), false));
        }
    }

    /// Tells a person once that a draft blocks messages.
    pub(super) fn tell_long_draft(&mut self, name: &str, turn: &mut Turn) {
        let alarm = self.fleet.watchdog.draft_alarm;
        let Some(live) = self.agents.get_mut(name) else { return };
        let Some((since, told)) = &mut live.draft else { return };
        if *told {
            return;
        }
        if turn.now.since(*since) < alarm {
            return turn.due(since.mono + alarm);
        }
        *told = true;
        let stood = turn.now.since(*since);
        if self.submits_again(name, turn) {
            return;
        }
        let text = format!("a draft has blocked messages for {} s", stood.as_secs());
        turn.act(Action::Record(self.about(name, EventKind::Draft, &text, turn.now)));
    }
    /// Submits what stands in the box where it is a message that this program has taken before.
    fn submits_again(&mut self, name: &str, turn: &mut Turn) -> bool {
        let Some(live) = self.agents.get_mut(name) else { return false };
        let Some(Obstacle::Draft(held)) = live.look.as_ref().and_then(|look| look.obstacle.clone()) else {
            return false;
        };
        let Some(place) = live.taken.iter().position(|taken| words(taken) == words(&held)) else { return false };
        let Some(text) = live.taken.remove(place) else { return false };
        live.draft = None;
        let said =
            format!("what was delivered stands in the box again, and is submitted once more: {}", shortened(&text));
        turn.act(Action::Record(self.about(name, EventKind::Draft, &said, turn.now)));
        self.queue_first(name, Purpose::Send, text, turn.now);
        if let Some(message) = self.state.agents.get_mut(name).and_then(|state| state.queue.first_mut()) {
            message.progress = Progress::Typed { since: turn.now.moment(), shown: true };
        }
        true
    }
}

impl AgentLive {
    /// Remembers a message that the program has taken.
    pub(super) fn note_taken(&mut self, text: &str) {
        if self.taken.len() == TAKEN_MAX {
            self.taken.pop_front();
        }
        self.taken.push_back(text.to_owned());
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}
