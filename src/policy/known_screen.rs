//! Known screens that are answered with a set text, e.g. a context that fills with `/compact`.
//!
//! A text is typed like a wake: only when the agent rests, and only while the screen still shows what it answers. The
//! same screen is answered again after `answer_pause`, and no more than [`ANSWERS_MAX`] times while it stays.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::event::EventKind;
use super::fleet::Backend;
use super::message::{Message, Progress, Purpose};
use super::now::{Moment, Now};
use super::reading::Reading;
use super::state::{AgentState, Session};
use super::watch::shows_work;
use super::{Supervisor, Turn, with};

/// A screen that stays after so many answers is told, and not answered again until it has gone.
pub const ANSWERS_MAX: u32 = 3;

/// The answers that one kind of screen has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// When the last one was queued.
    pub last: Moment,
    /// How many since the screen was first seen.
    pub count: u32,
}

/// What a screen shows and which text its backend has for it.
struct Shown<'a> {
    reading: &'a Reading,
    text: &'a str,
}

impl Backend {
    fn answer_to<'a>(&'a self, reading: &'a Reading) -> Option<Shown<'a>> {
        self.answers.get(&reading.rule).map(|text| Shown { reading, text })
    }
}

impl Supervisor {
    /// Takes in which known screens a look did not show any more.
    pub(super) fn weigh_known_screens(&mut self, name: &str, readings: &[Reading], turn: &mut Turn) {
        let shows = |rule: &str| readings.iter().any(|reading| reading.rule == rule);
        let Some(state) = self.state.agents.get_mut(name) else { return };
        for (rule, answers) in &mut state.answers {
            if !shows(rule) {
                answers.count = 0;
            }
        }
        let is_outdated = |message: &Message| {
            let Purpose::Answer { rule } = &message.purpose else { return false };
            message.progress == Progress::Queued && !shows(rule)
        };
        if let Some(place) = state.queue.iter().position(is_outdated) {
            let text = format!("message {} was taken back: the screen has changed", state.queue.remove(place).id);
            turn.act(Action::Record(self.about(name, EventKind::Withdrawn, &text, turn.now)));
        }
    }

    /// Decides for every agent whether what its screen shows is answered now.
    pub(super) fn decide_known_screens(&mut self, turn: &mut Turn) {
        let names: Vec<String> = self.state.agents.keys().cloned().collect();
        for name in &names {
            self.decide_known_screen(name, turn);
        }
    }

    fn decide_known_screen(&mut self, name: &str, turn: &mut Turn) {
        let Some(backend) = self.backend_of(name).filter(|backend| !backend.answers.is_empty()) else { return };
        let Some(state) = self.state.agents.get(name) else { return };
        let takes = state.session == (Session::Running { ready: true }) && state.restart.is_none();
        if !takes || state.attention.is_some() || self.is_held(name, turn.now) || answer_waits(state) {
            return;
        }
        let Some(look) = self.agents.get(name).and_then(|live| live.look.as_ref()) else { return };
        if shows_work(&look.readings) {
            return;
        }
        let Some(shown) = look.readings.iter().find_map(|reading| backend.answer_to(reading)) else { return };
        let (rule, text) = (shown.reading.rule.clone(), shown.text.to_owned());
        let (says, pause) = (shown.reading.text.clone(), backend.answer_pause);
        let before = state.answers.get(&rule).copied();
        let left = before.map(|before| pause.saturating_sub(turn.now.since_ever(before.last)));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            return turn.due(turn.now.mono + left);
        }
        let count = before.map_or(0, |before| before.count) + 1;
        if count > ANSWERS_MAX + 1 {
            return;
        }
        let answers = Answers { last: turn.now.moment(), count };
        if let Some(state) = self.state.agents.get_mut(name) {
            state.answers.insert(rule.clone(), answers);
        }
        let says = super::live::shortened(&says);
        let (kind, text) = if count > ANSWERS_MAX {
            (EventKind::ScreenPersists, format!("still shows `{says}` after {ANSWERS_MAX} answers"))
        } else {
            self.queue_first(name, Purpose::Answer { rule: rule.clone() }, text.clone(), turn.now);
            (EventKind::ScreenAnswered, format!("shows `{says}` and is told `{}`", super::live::shortened(&text)))
        };
        turn.act(Action::Record(with(self.about(name, kind, &text, turn.now), "rule", rule)));
    }

    /// Returns what `explain` tells of the next answer.
    pub(super) fn answer_next(&self, name: &str, state: &AgentState, now: Now) -> Option<String> {
        let backend = self.backend_of(name)?;
        let look = self.agents.get(name)?.look.as_ref()?;
        let shown = look.readings.iter().find_map(|reading| backend.answer_to(reading))?;
        let rule = &shown.reading.rule;
        let before = state.answers.get(rule)?;
        if before.count > ANSWERS_MAX {
            return Some(format!("`{rule}` is not answered again while it stays"));
        }
        let left = backend.answer_pause.saturating_sub(now.since_ever(before.last)).as_secs();
        Some(format!("`{rule}` is answered again in {left} s if it stays ({} of {ANSWERS_MAX})", before.count))
    }
}

fn answer_waits(state: &AgentState) -> bool {
    state.queue.iter().any(|message| matches!(message.purpose, Purpose::Answer { .. }))
}
