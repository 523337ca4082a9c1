//! Known screens that are answered with a set text, e.g. a context that fills with `/compact`.
//!
//! A text is typed like a wake: only when the agent rests, and only while the screen still shows what it answers. The
//! same screen is answered again after `answer_pause`, and no more than [`ANSWERS_MAX`] times while it stays. A refusal
//! that is no usage limit and ended the turn is a known screen of every backend: at the cadence of the probes the agent
//! is told to go on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::event::EventKind;
use super::fleet::{Kind, Watch};
use super::live::shortened;
use super::message::{Message, Progress, Purpose};
use super::now::{Moment, Now};
use super::reading::{Meaning, Reading};
use super::state::{AgentState, Session};
use super::watch::shows_work;
use super::{Supervisor, Turn, with};

/// A screen that stays after so many answers is told; a text of the config is not typed again until it has gone.
pub const ANSWERS_MAX: u32 = 3;

/// The answers that one kind of screen has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// When the last one was queued.
    pub last: Moment,
    /// How many since the screen was first seen.
    pub count: u32,
}

/// A screen that has an answer.
struct Known<'a> {
    reading: &'a Reading,
    text: &'a str,
    pause: Duration,
    /// It is answered at once; else when it has stood for `pause`.
    at_once: bool,
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
            let id = state.queue.remove(place).id;
            self.tell_withdrawn(name, id, "was taken back: the screen has changed", turn);
        }
    }

    /// Decides for every agent whether what its screen shows is answered now.
    pub(super) fn decide_known_screens(&mut self, turn: &mut Turn) {
        let names: Vec<String> = self.state.agents.keys().cloned().collect();
        for name in &names {
            self.decide_known_screen(name, turn);
        }
    }

    /// Returns what an agent shows that has an answer: a text of the config for a rule, or for a refusal that is no usage
    /// limit and ended the turn the word to go on.
    fn known_screen(&self, name: &str) -> Option<Known<'_>> {
        let (backend, agent) = (self.backend_of(name)?, self.fleet.agent(name)?);
        let readings = &self.agents.get(name)?.look.as_ref()?.readings;
        if shows_work(readings) {
            return None;
        }
        let of_config = readings.iter().find_map(|reading| {
            let text = backend.answers.get(&reading.rule)?;
            Some(Known { reading, text, pause: backend.answer_pause, at_once: true })
        });
        let heals = agent.watch != Watch::None && matches!(agent.kind, Kind::Loop { .. } | Kind::Persistent(_));
        let refusal = readings.first().filter(|reading| heals && reading.meaning == Meaning::Refused);
        let pause = self.fleet.watchdog.limit_probe_fallback;
        of_config.or(refusal.map(|reading| Known { reading, text: &agent.resume_prompt, pause, at_once: false }))
    }

    /// Returns how long it is until a known screen is answered.
    fn answer_due_in(&self, name: &str, known: &Known<'_>, now: Now) -> Duration {
        let before = self.state.agents.get(name).and_then(|state| state.answers.get(&known.reading.rule));
        let rest = self.agents.get(name).and_then(|live| live.rest).unwrap_or(now.mono);
        let stood = if known.at_once { Duration::MAX } else { now.mono.since(rest) };
        let passed = before.map_or(stood, |before| now.since_ever(before.last).min(stood));
        known.pause.saturating_sub(passed)
    }

    fn decide_known_screen(&mut self, name: &str, turn: &mut Turn) {
        let Some(state) = self.state.agents.get(name) else { return };
        let takes = state.session == (Session::Running { ready: true }) && state.restart.is_none();
        if !takes || state.attention.is_some() || self.is_held(name, turn.now) || answer_waits(state) {
            return;
        }
        let Some(known) = self.known_screen(name) else { return };
        let count = state.answers.get(&known.reading.rule).map_or(0, |before| before.count).saturating_add(1);
        // A refusal passes some day, and asking costs little; a text of the config that did not help does not help.
        if count > ANSWERS_MAX + 1 && known.at_once {
            return;
        }
        let left = self.answer_due_in(name, &known, turn.now);
        if !left.is_zero() {
            return turn.due(turn.now.mono + left);
        }
        let (rule, text) = (known.reading.rule.clone(), known.text.to_owned());
        let (says, at_once) = (shortened(&known.reading.text), known.at_once);
        if let Some(state) = self.state.agents.get_mut(name) {
            state.answers.insert(rule.clone(), Answers { last: turn.now.moment(), count });
        }
        if count <= ANSWERS_MAX || !at_once {
            let told = format!("shows `{says}` and is told `{}`", shortened(&text));
            self.queue_first(name, Purpose::Answer { rule: rule.clone() }, text, turn.now);
            let event = self.about(name, EventKind::ScreenAnswered, &told, turn.now);
            turn.act(Action::Record(with(event, "rule", rule.as_str())));
        }
        if count == ANSWERS_MAX + 1 {
            let told = format!("still shows `{says}` after {ANSWERS_MAX} answers");
            let event = self.about(name, EventKind::ScreenPersists, &told, turn.now);
            turn.act(Action::Record(with(event, "rule", rule)));
        }
    }

    /// Returns what `explain` tells of the next answer.
    pub(super) fn answer_next(&self, name: &str, state: &AgentState, now: Now) -> Option<String> {
        let known = self.known_screen(name)?;
        let rule = &known.reading.rule;
        let count = state.answers.get(rule).map_or(0, |before| before.count);
        if count >= ANSWERS_MAX && known.at_once {
            return Some(format!("`{rule}` is not answered again while it stays"));
        }
        let left = self.answer_due_in(name, &known, now).as_secs();
        Some(format!("`{rule}` is answered in {left} s if it stays, with `{}`", shortened(known.text)))
    }
}

fn answer_waits(state: &AgentState) -> bool {
    state.queue.iter().any(|message| matches!(message.purpose, Purpose::Answer { .. }))
}
