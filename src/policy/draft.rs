//! Since when a person's draft keeps messages back, and who is told.
//!
//! A program may take a message, answer it, and show it in its box again (seen of a busy Claude Code 2.1.197, of three in
//! sixty). What is a message of ours and cannot be a person's, since no terminal has been attached from the empty box on, is
//! taken out after [`OWN_MAX`] where the program has told that it was submitted, and its preset knows the key; else it is
//! submitted once more. Where a person may have recalled it, it must be one word for word and have kept others back as long
//! as a draft may. What waits behind it matters more than a message that comes twice.

use std::time::Duration;

use super::action::Action;
use super::aside::typed_text;
use super::event::EventKind;
use super::input_box::is_ours;
use super::live::{AgentLive, Obstacle, Taken, shortened};
use super::message::{Message, Progress, Purpose};
use super::now::Now;
use super::screen::{Attendance, InputBox};
use super::watch::shows_work;
use super::{Supervisor, Turn};

/// A text in the box that is shorter may be a person's, though we have sent the same.
const OWN_CHARS_MIN: usize = 20;
/// What stands again and is nobody's draft keeps others back for so long: a program that draws its box anew is done then.
const OWN_MAX: Duration = Duration::from_secs(10);
/// A program that shows what it has taken more often than so in its life is left to a person.
const GONE_PAST_MAX: u32 = 50;
/// So many messages are remembered by their texts.
const TAKEN_MAX: usize = 16;

impl Supervisor {
    /// Keeps whether a person can have typed what stands in the box.
    pub(super) fn note_attendance(&mut self, name: &str, attendance: Attendance) {
        let Some(live) = self.agents.get_mut(name) else { return };
        let is_empty = live.look.as_ref().is_some_and(|look| look.input == Some(InputBox::Empty));
        let is_alone = attendance.terminals == 0 && (is_empty || live.unattended == Some(attendance.last));
        live.unattended = is_alone.then_some(attendance.last);
    }

    /// Keeps since when a person's draft stands.
    pub(super) fn note_draft(&mut self, name: &str, now: Now) {
        let typed = self
            .state
            .agents
            .get(name)
            .and_then(|state| state.queue.first())
            .is_some_and(|message| message.progress != Progress::Queued);
        let Some(live) = self.agents.get_mut(name) else { return };
        let obstacle = live.look.as_ref().and_then(|look| look.obstacle.as_ref());
        if matches!(obstacle, Some(Obstacle::Unreadable(_))) && !typed {
            return;
        }
        let stands = matches!(obstacle, Some(Obstacle::Draft(_)));
        if !stands || typed {
            live.draft = None;
        } else if live.draft.is_none() {
            live.draft = Some((now.moment(), false));
        }
    }

    /// Tells a person once that a draft blocks messages, and for how long it has; returns whether it is a message of ours that is gone past.
    pub(super) fn tell_long_draft(&mut self, name: &str, turn: &mut Turn) -> bool {
        let stands_again = self.stands_again(name);
        let is_nobodys = self.agents.get(name).is_some_and(|live| live.unattended.is_some());
        let alarm = self.fleet.watchdog.draft_alarm;
        let alarm = if stands_again.is_some() && is_nobodys { alarm.min(OWN_MAX) } else { alarm };
        let waits = self.state.agents.get(name).and_then(|state| state.queue.first()).map(|message| message.queued);
        let (Some(waits), Some(live)) = (waits, self.agents.get_mut(name)) else { return false };
        let Some((since, false)) = live.draft else { return false };
        let since = if waits.mono > since.mono { waits } else { since };
        if turn.now.since(since) < alarm {
            turn.due(since.mono + alarm);
            return false;
        }
        if let Some(taken) = stands_again {
            return self.go_past(name, taken, is_nobodys, turn);
        }
        if let Some((_, told)) = self.agents.get_mut(name).and_then(|live| live.draft.as_mut()) {
            *told = true;
        }
        let text = format!("a draft has blocked messages for {} s", turn.now.since(since).as_secs());
        turn.act(Action::Record(self.about(name, EventKind::Draft, &text, turn.now)));
        false
    }

    /// Returns which message that this program has taken before stands in the box. Where a person may have typed, it is so word
    /// for word, no short one and no command, and once in the life of a program.
    fn stands_again(&self, name: &str) -> Option<Taken> {
        let (live, state) = (self.agents.get(name)?, self.state.agents.get(name)?);
        let look = live.look.as_ref()?;
        let Some(Obstacle::Draft(held)) = &look.obstacle else { return None };
        let is_busy = !self.backend_of(name)?.queues_while_busy && shows_work(&look.readings);
        let is_long = held.chars().count() >= OWN_CHARS_MIN && !held.starts_with('/');
        let recalled = || live.taken.iter().find(|taken| words(&taken.text) == words(held));
        let taken = if live.unattended.is_some() {
            // A box that folds a text shows less of it than tells one from another.
            let similar = || live.taken.iter().filter(|taken| is_ours(held, &taken.text));
            let received = similar().all(|taken| taken.received);
            let newest = similar().next_back().map(|taken| Taken { received, ..taken.clone() });
            let is_again = |text: &String| live.submitted_again.as_ref().is_some_and(|(again, _)| again == text);
            newest.filter(|taken| !is_again(&taken.text) && live.gone_past < GONE_PAST_MAX)?
        } else {
            recalled().filter(|_| is_long && live.submitted_again.is_none())?.clone()
        };
        // Its turn may come yet.
        let is_kept = state.kept.iter().any(|kept| typed_text(&kept.message, name, &self.places.texts) == taken.text);
        let may_come = is_kept && !taken.received && live.heard.works() == Some(true);
        (!is_busy && !may_come && !self.posts(name)).then_some(taken)
    }

    /// Takes out what stands in the box, or submits it, as a look of just now shows; returns whether it does.
    fn go_past(&mut self, name: &str, taken: Taken, is_nobodys: bool, turn: &mut Turn) -> bool {
        let key = self.backend_of(name).and_then(|backend| backend.clear_key.clone());
        let Taken { text, received } = taken;
        let Some(live) = self.agents.get_mut(name) else { return false };
        if live.looking || live.typing {
            return true;
        }
        if live.look.as_ref().is_none_or(|look| look.at.mono < turn.now.mono) {
            // A person may have gone on typing since.
            self.look(name, turn);
            return true;
        }
        live.draft = None;
        live.gone_past += 1;
        if let Some(key) = key.filter(|_| is_nobodys && received && live.taken_out.as_ref() != Some(&text)) {
            let said = format!("what was delivered stands in the box again, and is taken out: {}", shortened(&text));
            (live.taken_out, live.look) = (Some(text), None);
            turn.act(Action::Key { agent: name.to_owned(), key });
            turn.act(Action::Record(self.about(name, EventKind::Draft, &said, turn.now)));
            return true;
        }
        let said =
            format!("what was delivered stands in the box again, and is submitted once more: {}", shortened(&text));
        turn.act(Action::Record(self.about(name, EventKind::Draft, &said, turn.now)));
        let id = self.queue_first(name, Purpose::Send, text.clone(), turn.now);
        if let Some(live) = self.agents.get_mut(name) {
            live.submitted_again = id.map(|id| (text, id));
        }
        if let Some(message) = self.state.agents.get_mut(name).and_then(|state| state.queue.first_mut()) {
            message.progress = Progress::Typed { since: turn.now.moment(), shown: true };
        }
        true
    }

    /// Takes note that a program has told of this message that it was submitted.
    pub(super) fn note_received(&mut self, name: &str, message: &Message) {
        let typed = typed_text(message, name, &self.places.texts);
        let Some(live) = self.agents.get_mut(name) else { return };
        if let Some(taken) = live.taken.iter_mut().rev().find(|taken| taken.text == typed) {
            taken.received = true;
        }
    }
}

impl AgentLive {
    /// Remembers a message that the program has taken, as it was typed.
    pub(super) fn note_taken(&mut self, message: &Message, typed: &str) {
        if matches!(message.purpose, Purpose::Answer { .. }) {
            return;
        }
        if self.taken.len() == TAKEN_MAX {
            self.taken.pop_front();
        }
        self.taken.push_back(Taken { text: typed.to_owned(), received: false });
    }

    /// Says whether this message was taken before, and is only submitted because it stood in the box again.
    pub(super) fn has_taken(&self, message: &Message) -> bool {
        self.submitted_again.as_ref().is_some_and(|(_, id)| *id == message.id)
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}
