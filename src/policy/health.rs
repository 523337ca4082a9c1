//! What a screen says of an agent's health: broken conversation, wrong program, a person is needed.

use std::time::Duration;

use super::action::Action;
use super::event::EventKind;
use super::fleet::{Kind, Watch};
use super::reading::{Meaning, Reading};
use super::screen::InputBox;
use super::state::{Attention, Cause, Session};
use super::{Supervisor, Turn, with};

/// A screen that no rule knows and that has no input box is told after this time.
const UNKNOWN_SCREEN: Duration = Duration::from_secs(60);

impl Supervisor {
    /// Weighs what a look showed of the agent's health.
    pub(super) fn weigh_health(&mut self, name: &str, command: &str, readings: &[Reading], turn: &mut Turn) {
        let strongest = readings.first();
        self.note_unknown_screen(name, readings, turn);
        match strongest.filter(|reading| reading.meaning.needs_person()) {
            Some(reading) => self.needs_person(name, &reading.text, &reading.rule, turn),
            None => self.needs_nobody(name),
        }
        if !self.may_heal(name, turn) {
            return;
        }
        if strongest.is_some_and(|reading| reading.meaning == Meaning::Working) {
            if let Some(state) = self.state.agents.get_mut(name)
                && matches!(state.restart, Some(Cause::Stall | Cause::Fatal))
            {
                state.restart = None;
                state.fresh = false;
            }
            return;
        }
        if let Some(reading) = strongest.filter(|reading| reading.meaning == Meaning::Fatal) {
            let why = format!("its conversation is broken: {}", reading.text);
            self.heal(name, Cause::Fatal, &why, turn);
        } else if let Some(expected) = self.wrong_program(name, command) {
            let why = format!("`{command}` runs in its pane instead of `{expected}`");
            self.heal(name, Cause::WrongProgram, &why, turn);
        }
    }

    fn may_heal(&self, name: &str, turn: &Turn) -> bool {
        let watched = self.fleet.agent(name).is_some_and(|agent| {
            agent.watch != Watch::None && matches!(agent.kind, Kind::Loop { .. } | Kind::Persistent(_))
        });
        let runs =
            self.state.agents.get(name).is_some_and(|state| matches!(state.session, Session::Running { ready: true }));
        // Whose answer is that its conversation is broken goes on asking with a new one: nobody else might be left to ask.
        let asked = self.is_canary(name) && self.was_asked(name);
        watched && runs && (asked || !self.is_held(name, turn.now))
    }

    /// Returns the program that should run, when another known agent program runs (a shell is no mismatch).
    fn wrong_program(&self, name: &str, command: &str) -> Option<String> {
        let expected = self.backend_of(name)?.process_name.clone()?;
        let known = self.fleet.backends.values().flatten().filter_map(|backend| backend.process_name.as_deref());
        (command != expected && known.into_iter().any(|other| other == command)).then_some(expected)
    }

    fn needs_person(&mut self, name: &str, why: &str, rule: &str, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        if state.attention.as_ref().is_some_and(|attention| attention.rule == rule) {
            return;
        }
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        state.attention = Some(Attention { why: why.clone(), rule: rule.to_owned(), since: turn.now.moment() });
        let event = self.about(name, EventKind::Attention, &format!("needs a person: {why}"), turn.now);
        turn.act(Action::Record(with(event, "rule", rule)));
    }

    fn needs_nobody(&mut self, name: &str) {
        let shows_unknown = self.agents.get(name).is_some_and(|live| live.strange.is_some());
        if let Some(state) = self.state.agents.get_mut(name)
            && !(shows_unknown && state.attention.as_ref().is_some_and(|attention| attention.rule == UNKNOWN_RULE))
        {
            state.attention = None;
        }
    }

    /// Keeps since when a screen stands that no rule knows.
    fn note_unknown_screen(&mut self, name: &str, readings: &[Reading], turn: &Turn) {
        let ready =
            self.state.agents.get(name).is_some_and(|state| matches!(state.session, Session::Running { ready: true }));
        let Some(live) = self.agents.get_mut(name) else { return };
        let boxless = live.look.as_ref().is_some_and(|look| look.input == Some(InputBox::Absent));
        // How full the context is says nothing of what covers the box.
        let is_unread = readings.iter().all(|reading| reading.meaning == Meaning::Context);
        if ready && boxless && is_unread {
            live.strange.get_or_insert(turn.now.mono);
        } else {
            live.strange = None;
        }
    }

    /// Tells of screens that have stood unknown for too long.
    pub(super) fn decide_attention(&mut self, turn: &mut Turn) {
        let strange: Vec<_> =
            self.agents.iter().filter_map(|(name, live)| Some((name.clone(), live.strange?))).collect();
        for (name, since) in strange {
            let due = since + UNKNOWN_SCREEN;
            if due > turn.now.mono {
                turn.due(due);
            } else {
                self.needs_person(
                    &name,
                    "a screen that no rule knows; an unknown dialog may be up",
                    UNKNOWN_RULE,
                    turn,
                );
            }
        }
    }

    /// Lets a running agent be started anew, with the same back-off as after a death; in a hold only who was
    /// asked.
    pub(super) fn heal(&mut self, name: &str, cause: Cause, why: &str, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        if state.restart.is_some() {
            return;
        }
        state.restart = Some(cause);
        state.asked = true;
        state.fresh |= matches!(cause, Cause::Stall | Cause::Fatal);
        let began = state.since;
        let crash_loop = state.count_death(Some(began), turn.now);
        let kind = match cause {
            Cause::Fatal => EventKind::Fatal,
            Cause::Stall | Cause::WrongProgram | Cause::Asked | Cause::Started | Cause::Phase => EventKind::Stalled,
        };
        turn.act(Action::Record(self.about(name, kind, &format!("is started anew: {why}"), turn.now)));
        if crash_loop {
            self.tell_crash_loop(name, turn);
        }
    }
}

/// Names the attention for a screen that no rule knows.
const UNKNOWN_RULE: &str = "unknown-screen";
