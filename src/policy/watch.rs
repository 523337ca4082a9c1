//! When an agent's screen is looked at though nothing is to be typed, and who weighs what it shows.

use std::time::Duration;

use super::action::Action;
use super::delivery::QUIET;
use super::fleet::{Backend, Fleet, Teller};
use super::live::{Look, Obstacle};
use super::now::Mono;
use super::reading::{Meaning, Reading};
use super::{Supervisor, Turn};

/// Output that does not end is looked at so often.
const BUSY_LOOK: Duration = Duration::from_secs(5);
/// Between two looks that nobody waits for lies at least this.
const LOOK_GAP: Duration = Duration::from_secs(1);

impl Backend {
    /// Says whether the program tells when a turn begins and ends.
    pub(super) fn tells_of_turns(&self) -> bool {
        match self.events {
            Some(Teller::Claude | Teller::Gemini | Teller::Opencode) => true,
            // Codex tells of ends alone.
            Some(Teller::Codex) | None => false,
        }
    }

    /// Says whether a look can tell that the program works.
    pub(super) fn shows_work(&self) -> bool {
        self.screen.rules.iter().any(|rule| rule.meaning == Meaning::Working)
    }
}

/// Says whether a screen shows work, or a refusal that the program repeats by itself.
pub(super) fn shows_work(readings: &[Reading]) -> bool {
    readings.first().is_some_and(|reading| matches!(reading.meaning, Meaning::Working | Meaning::Retrying))
}

impl Supervisor {
    /// Asks for a look.
    pub(super) fn look(&mut self, name: &str, turn: &mut Turn) {
        if let Some(live) = self.agents.get_mut(name) {
            live.looking = true;
            live.asked_to_look = turn.now.mono;
            live.unseen = None;
            turn.act(Action::Look { agent: name.to_owned() });
        }
    }

    /// Forgets the looks at agents whose screens were read otherwise in the fleet `before`: each is looked at again.
    pub(super) fn forget_looks(&mut self, before: &Fleet) {
        for agent in &self.fleet.agents {
            let backend_before = before.agent(&agent.name).and_then(|before| before.backend.as_ref().ok());
            let is_same = match (backend_before, &agent.backend) {
                (Some(before), Ok(after)) => before.screen == after.screen,
                (None, _) | (_, Err(_)) => true,
            };
            if let Some(live) = self.agents.get_mut(&agent.name).filter(|_| !is_same) {
                live.look = None;
            }
        }
    }

    /// Lets every concern weigh what the newest look showed.
    pub(super) fn weigh(&mut self, name: &str, command: &str, turn: &mut Turn) {
        let tells = self.tells_work(name);
        let Some(live) = self.agents.get_mut(name) else { return };
        let Some(readings) = live.look.as_ref().map(|look| look.readings.clone()) else { return };
        let works = readings.first().is_some_and(|reading| reading.meaning == Meaning::Working);
        live.working = if works { live.working.or(Some(turn.now.mono)) } else { None };
        if tells {
            let works = self.work_ends(name, &readings).is_none_or(|end| end > turn.now.mono);
            self.note_rest(name, works, turn.now.mono);
        }
        self.weigh_limit(name, &readings, turn);
        self.weigh_health(name, command, &readings, turn);
        self.weigh_known_screens(name, &readings, turn);
    }

    /// Returns when what a look showed is no work any more; `None` for work that lasts as long as the screen stands.
    ///
    /// Whoever works writes, be it a spinner's next step; only an `active_re` of one's own may read a text that stands
    /// still. What a footer TUI wrote within `log_grace` is work whatever its screen shows (rule 18).
    fn work_ends(&self, name: &str, readings: &[Reading]) -> Option<Mono> {
        let (Some(live), Some(backend)) = (self.agents.get(name), self.backend_of(name)) else { return None };
        let wrote = live.output.or(live.found).unwrap_or_default();
        if !shows_work(readings) {
            let is_told = live.heard.works() == Some(false);
            let grace = if backend.footer_ui && !is_told { backend.log_grace } else { Duration::ZERO };
            return Some(live.output.unwrap_or_default() + grace);
        }
        let moves = readings.first().is_some_and(|reading| reading.rule != "active_re");
        moves.then(|| wrote + backend.stall_idle)
    }

    /// Decides whether what was taken for work has ended, though nothing new is seen.
    pub(super) fn decide_rest(&mut self, name: &str, turn: &mut Turn) {
        let Some(live) = self.agents.get(name).filter(|live| live.rest.is_none() && !live.looking) else { return };
        let is_read = |look: &&Look| !matches!(look.obstacle, Some(Obstacle::Unreadable(_)));
        let Some(look) = live.look.as_ref().filter(is_read) else { return };
        if !self.tells_work(name) {
            return;
        }
        match self.work_ends(name, &look.readings) {
            Some(end) if end > turn.now.mono => turn.due(end),
            Some(end) => self.note_rest(name, false, end),
            None => {}
        }
    }

    /// Decides whether an agent is looked at because it wrote something.
    pub(super) fn decide_watch(&mut self, name: &str, turn: &mut Turn) {
        let Some(backend) = self.backend_of(name) else { return };
        let reads = !backend.screen.rules.is_empty();
        let tells = self.tells_work(name);
        if !tells {
            self.rest_by_output(name, turn);
        }
        let Some(live) = self.agents.get(name).filter(|live| reads && !live.looking && !live.typing) else { return };
        let due = match (&live.look, live.unseen, live.output) {
            (None, _, _) => turn.now.mono,
            (Some(look), None, _) if matches!(look.obstacle, Some(Obstacle::Unreadable(_))) => {
                look.at.mono + self.fleet.watchdog.signal_interval
            }
            (Some(_), None, _) | (Some(_), _, None) => return,
            (Some(look), Some(unseen), Some(output)) => {
                (output + QUIET).min(unseen + BUSY_LOOK).max(look.at.mono + LOOK_GAP)
            }
        };
        if due > turn.now.mono {
            turn.due(due);
        } else {
            self.look(name, turn);
        }
    }

    /// Where no rule tells of work, output does.
    fn rest_by_output(&mut self, name: &str, turn: &mut Turn) {
        let Some(live) = self.agents.get(name) else { return };
        let Some(output) = live.output else { return self.note_rest(name, false, turn.now.mono) };
        let quiet = output + QUIET;
        if quiet > turn.now.mono {
            turn.due(quiet);
            if live.rest.is_some() {
                self.note_rest(name, true, output);
            }
        } else if live.rest.is_none() {
            self.note_rest(name, false, output);
        }
    }
}
