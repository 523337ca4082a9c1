//! Since when a person's draft keeps messages back, and who is told.

use super::action::Action;
use super::event::EventKind;
use super::live::Obstacle;
use super::message::Progress;
use super::now::Now;
use super::{Supervisor, Turn};

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
        let text = format!("a draft has blocked messages for {} s", turn.now.since(*since).as_secs());
        turn.act(Action::Record(self.about(name, EventKind::Draft, &text, turn.now)));
    }
}
