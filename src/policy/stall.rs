//! Silence: an agent that rests without saying until when, or past the time that it named.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::activity::WORKING;
use super::fleet::{Backend, Kind, Watch, Watchdog};
use super::live::AgentLive;
use super::now::{Moment, Mono, Now};
use super::state::{Cause, Session};
use super::{Supervisor, Turn};

/// A rest is kept over restarts once it has lasted so long; what is shorter would be written again and again.
const KEPT_REST: Duration = Duration::from_secs(30);
/// So much of a last line is kept with it.
const LINE_CHARS_MAX: usize = 200;

static WAITING: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^WAITING-UNTIL:\s*(\S+)").ok());

/// Reads the time that an agent says it waits for, from its last line.
///
/// Only its last word counts; a marker further up is history (rule 9).
pub fn waiting_until(last_line: &str) -> Option<DateTime<Utc>> {
    let line = last_line.trim_start_matches(|mark: char| mark.is_whitespace() || "●⏺•✦*`_".contains(mark));
    let found = WAITING.as_ref()?.captures(line)?;
    let stamp = found[1].trim_end_matches(['`', '*', '_', '.']);
    DateTime::parse_from_rfc3339(stamp).ok().map(|time| time.with_timezone(&Utc))
}

/// A time that an agent says it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waits {
    /// The time.
    pub until: DateTime<Utc>,
    /// When it was first read.
    pub read: Moment,
}

impl Waits {
    /// Returns when the wait is over by `grace` on both clocks, but no later than `wait_max` and `grace` after it was
    /// read: a host that slept or whose clock was set has not given the agent the time that it named.
    fn over(self, watchdog: &Watchdog, now: Now) -> Mono {
        let grace = watchdog.stall_grace;
        let by_mono = self.read.mono + (self.until - self.read.wall).to_std().unwrap_or_default() + grace;
        let by_wall = now.mono + (self.until + grace - now.wall).to_std().unwrap_or_default();
        by_mono.max(by_wall).min(self.read.mono + watchdog.wait_max + grace)
    }
}

/// A rest as it is kept over restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Since when.
    #[serde(flatten)]
    pub since: Moment,
    /// The last line that stood on the screen then, as far as [`LINE_CHARS_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

impl Rest {
    /// Says whether this is another last line: the agent has worked while nobody looked.
    fn is_belied_by(&self, line: Option<&String>) -> bool {
        matches!((&self.line, line), (Some(before), Some(line)) if *before != cut(line))
    }
}

fn cut(line: &str) -> String {
    line.chars().take(LINE_CHARS_MAX).collect()
}

impl Supervisor {
    /// Takes in when an agent's program wrote last: whoever wrote while nobody supervised may have worked, and ended with
    /// the same words.
    pub(super) fn wrote_last(&mut self, name: &str, at: DateTime<Utc>) {
        let is_first = self.agents.get(name).is_some_and(|live| live.found.is_none());
        if let Some(state) = self.state.agents.get_mut(name).filter(|_| is_first) {
            state.idle.take_if(|rest| at > rest.since.wall + WORKING);
        }
    }

    /// Takes in whether an agent works, at a look or because its output has ended.
    pub(super) fn note_rest(&mut self, name: &str, works: bool, since: Mono) {
        let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) else { return };
        if works {
            if live.rest.take().is_some() || live.busy.is_none() {
                live.busy = Some(since);
            }
            state.idle = None;
        } else if live.rest.is_none() {
            live.busy = None;
            let said = live.look.as_ref().and_then(|look| look.said.as_ref());
            state.idle.take_if(|rest| rest.is_belied_by(said));
            live.rest = Some(state.idle.as_ref().map_or(since, |rest| rest.since.mono));
        }
    }

    /// Decides for every agent that is watched for silence.
    pub(super) fn decide_stalls(&mut self, turn: &mut Turn) {
        let names: Vec<String> = self
            .fleet
            .agents
            .iter()
            .filter(|agent| agent.watch == Watch::HealAndStall)
            .filter(|agent| matches!(agent.kind, Kind::Loop { .. } | Kind::Persistent(_)))
            .map(|agent| agent.name.clone())
            .collect();
        for name in &names {
            self.decide_stall(name, turn);
        }
    }

    fn decide_stall(&mut self, name: &str, turn: &mut Turn) {
        let runs = |session: &Session| matches!(session, Session::Running { ready: true });
        let Some(state) = self.state.agents.get(name).filter(|state| runs(&state.session)) else { return };
        let strange = self.agents.get(name).is_some_and(|live| live.strange.is_some());
        // A start anew would erase what a person has begun to type.
        let drafted = self.agents.get(name).is_some_and(|live| live.draft.is_some());
        let needs_person = state.attention.is_some() || strange || drafted;
        let excused = needs_person || self.is_held(name, turn.now) || !self.wanted(name);
        if excused {
            return self.excuse(name);
        }
        if state.restart.is_some() {
            return;
        }
        let tells = self.backend_of(name).is_some_and(Backend::shows_work);
        if tells && self.agents.get(name).is_some_and(AgentLive::is_unseen) {
            // What it wrote may be work; the look at it follows shortly.
            return;
        }
        if self.agents.get_mut(name).is_some_and(|live| std::mem::take(&mut live.excused)) {
            self.rests_anew(name, turn.now);
        }
        let Some(rest) = self.agents.get(name).and_then(|live| live.rest) else { return };
        self.keep_rest(name, rest, turn);
        let waits = self.agents.get(name).and_then(|live| live.waiting);
        let (due, why) = if let Some(waits) = waits {
            let over = waits.over(&self.fleet.watchdog, turn.now);
            let late = turn.now.mono.since(over) + self.fleet.watchdog.stall_grace;
            // What kept it from going on at its time, a hold or a dialog, may have ended only now.
            let due = over.max(rest + self.fleet.watchdog.stall_grace);
            (due, format!("past its WAITING-UNTIL by {} s", late.as_secs()))
        } else {
            let Some(stall_idle) = self.backend_of(name).map(|backend| backend.stall_idle) else { return };
            let idle = turn.now.mono.since(rest).as_secs();
            (rest + stall_idle, format!("idle for {idle} s without WAITING-UNTIL"))
        };
        if due > turn.now.mono {
            return turn.due(due);
        }
        self.heal(name, Cause::Stall, &why, turn);
    }

    /// Keeps that something else than the agent itself is the reason of its silence.
    fn excuse(&mut self, name: &str) {
        if let Some(live) = self.agents.get_mut(name) {
            live.excused = true;
        }
    }

    /// Lets a silence begin anew: the agent was given something, or what kept it from working is over.
    pub(super) fn rests_anew(&mut self, name: &str, now: Now) {
        let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) else { return };
        live.rest = live.rest.map(|_| now.mono);
        state.idle = None;
    }

    /// Takes in what a look showed as the time that the agent waits for; another last line is a sign of life.
    pub(super) fn note_waiting(&mut self, name: &str, now: Now) {
        let Some(live) = self.agents.get_mut(name) else { return };
        let shown = live.look.as_ref().and_then(|look| look.waiting);
        let known = live.waiting.map(|waits| waits.until);
        if known == shown {
            return;
        }
        live.waiting = shown.map(|until| Waits { until, read: now.moment() });
        if known.is_some() {
            self.rests_anew(name, now);
        }
    }

    /// Returns the time that the agent waits for, no further than `wait_max` from when it was first read.
    pub(super) fn waits_until(&self, name: &str) -> Option<DateTime<Utc>> {
        let waits = self.agents.get(name)?.waiting?;
        Some(waits.until.min(waits.read.wall + self.fleet.watchdog.wait_max))
    }

    fn keep_rest(&mut self, name: &str, rest: Mono, turn: &mut Turn) {
        let said = self.agents.get(name).and_then(|live| live.look.as_ref()?.said.clone());
        let Some(state) = self.state.agents.get_mut(name) else { return };
        if state.idle.is_some() {
            return;
        }
        let lasted = turn.now.mono.since(rest);
        if lasted < KEPT_REST {
            return turn.due(rest + KEPT_REST);
        }
        let wall = turn.now.wall - chrono::TimeDelta::from_std(lasted).unwrap_or_default();
        let line = said.map(|line| cut(&line));
        state.idle = Some(Rest { since: Moment { mono: rest, wall }, line });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_waited_for_is_read_behind_what_a_program_puts_before_its_words() {
        for (line, is_read) in [
            ("WAITING-UNTIL: 2026-06-13T04:10:00Z", true),
            ("  WAITING-UNTIL: 2026-06-13T04:10:00Z", true),
            ("● WAITING-UNTIL: 2026-06-13T04:10:00Z", true),
            ("**WAITING-UNTIL: 2026-06-13T04:10:00Z**", true),
            ("I wait. WAITING-UNTIL: 2026-06-13T04:10:00Z", false),
            ("WAITING-UNTIL: tomorrow", false),
        ] {
            assert_eq!(waiting_until(line).is_some(), is_read, "{line}");
        }
    }
}
