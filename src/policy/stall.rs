//! Silence: an agent that rests without saying until when, or past the time that it named.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use regex::Regex;

use super::fleet::{Kind, Watch};
use super::now::{Moment, Mono};
use super::state::{Cause, Session};
use super::{Supervisor, Turn};

/// A rest is kept over restarts once it has lasted so long; what is shorter would be written again and again.
const KEPT_REST: Duration = Duration::from_secs(30);

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

impl Supervisor {
    /// Takes in whether an agent works, at a look or because its output has ended.
    pub(super) fn note_rest(&mut self, name: &str, works: bool, since: Mono) {
        let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) else { return };
        if works {
            live.rest = None;
            state.idle = None;
        } else if live.rest.is_none() {
            live.rest = Some(state.idle.map_or(since, |idle| idle.mono));
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
        if state.restart.is_some() || state.attention.is_some() || self.is_held(name, turn.now) || !self.wanted(name) {
            return;
        }
        let Some(rest) = self.agents.get(name).and_then(|live| live.rest) else { return };
        self.keep_rest(name, rest, turn);
        let grace = self.fleet.watchdog.stall_grace;
        let (due, why) = if let Some(until) = self.waits_until(name) {
            let left = (until - turn.now.wall).to_std().unwrap_or_default();
            let late = (turn.now.wall - until).to_std().unwrap_or_default();
            let due = turn.now.mono + (left + grace).saturating_sub(late);
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

    /// Returns the time that the agent waits for, no further than `wait_max` from when it was read.
    pub(super) fn waits_until(&self, name: &str) -> Option<DateTime<Utc>> {
        let look = self.agents.get(name)?.look.as_ref()?;
        let until = look.waiting?;
        let furthest = look.at.wall + self.fleet.watchdog.wait_max;
        Some(until.min(furthest))
    }

    fn keep_rest(&mut self, name: &str, rest: Mono, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        if state.idle.is_some() {
            return;
        }
        let lasted = turn.now.mono.since(rest);
        if lasted < KEPT_REST {
            return turn.due(rest + KEPT_REST);
        }
        let wall = turn.now.wall - chrono::TimeDelta::from_std(lasted).unwrap_or_default();
        state.idle = Some(Moment { mono: rest, wall });
    }
}
