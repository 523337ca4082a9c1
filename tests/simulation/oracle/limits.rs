//! Held accounts are left alone, probed by one agent, and never forgotten.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::agent_event::{Refusal, Told};
use agent_orchestrator::policy::event::EventKind;
use agent_orchestrator::policy::hold::Hold;
use agent_orchestrator::policy::limit::Limit;
use agent_orchestrator::policy::message::{Progress, Purpose};
use agent_orchestrator::policy::observation::{Observation, SessionSeen};
use agent_orchestrator::policy::state::State;

use super::sessions::Sessions;
use super::{Step, Verdict, broken, is_held};
use crate::clock::{HOUR, JUMP_MAX, MINUTE, SECOND, span};
use crate::program::{Health, Turn};
use crate::world::World;

/// No probe lies further ahead: a bare time of day, with slack, read off a clock that was wrong.
const AHEAD_MAX: u64 = 6 * HOUR + 2 * MINUTE + JUMP_MAX;
/// A canary has so long to answer.
const CANARY_MAX: u64 = 181 * SECOND;

/// What looks have shown of limits.
#[derive(Debug, Default)]
pub struct Limits {
    /// Looks that are on their way to the supervisor: whether they show a limit.
    shown: BTreeMap<String, VecDeque<bool>>,
    /// Agents whose last look showed the banner of a limit.
    knows: BTreeSet<String>,
    /// Agents that told of a limit, and of nothing else since.
    pub told: BTreeSet<String>,
}

impl Limits {
    /// A look was taken, which showed a banner or none.
    pub fn shown(&mut self, agent: &str, shows: bool) {
        self.shown.entry(agent.to_owned()).or_default().push_back(shows);
    }

    pub fn gone(&mut self, agent: &str) {
        self.knows.remove(agent);
    }

    pub fn supervisor_ends(&mut self) {
        self.shown.clear();
        self.told.clear();
    }

    pub fn judge(&mut self, seen: &Step, after: &State, world: &World, sessions: &Sessions) -> Verdict {
        // What was told before an account was opened says nothing of its next hold.
        for event in seen.events(EventKind::LimitLifted) {
            let account = event.more.get("account").and_then(|account| account.as_str());
            self.told.retain(|agent| Some(world.account_of(agent).as_str()) != account);
        }
        for observation in seen.told {
            if let Observation::Told { agent, event, .. } = observation {
                self.heard(agent, &event.told);
            }
            if let Observation::Looked { agent, screen: Ok(_) } = observation {
                let shows = self.shown.get_mut(agent).and_then(VecDeque::pop_front).unwrap_or(false);
                if shows {
                    self.knows.insert(agent.clone())
                } else {
                    self.knows.remove(agent)
                };
            }
        }
        for event in seen.events(EventKind::LimitHeld) {
            let agent = event.agent.clone().unwrap_or_default();
            if !self.knows.contains(&agent) && !self.told.contains(&agent) {
                return broken("only a banner holds an account", format!("{agent}: {}", event.text));
            }
        }
        for observation in seen.told {
            if let Observation::Session { agent, seen: SessionSeen::Died { .. } | SessionSeen::Absent } = observation {
                self.told.remove(agent);
            }
        }
        for action in &seen.turn.actions {
            match action {
                Action::Start { agent, .. } => {
                    self.told.remove(agent);
                }
                Action::Stop { agent } => self.judge_stop(agent, seen, world, sessions)?,
                Action::Paste { agent, message, .. } => {
                    let queue = seen.before.agents.get(agent).map(|agent| &agent.queue);
                    let begun = queue
                        .into_iter()
                        .flatten()
                        .any(|other| other.id == *message && other.progress != Progress::Queued);
                    let queue = after.agents.get(agent).map(|agent| &agent.queue);
                    let probe = queue
                        .into_iter()
                        .flatten()
                        .any(|other| other.id == *message && other.purpose == Purpose::Probe);
                    let held = is_held(seen.before, &world.fleet, agent) && is_held(after, &world.fleet, agent);
                    if held && !begun && !probe {
                        return broken("a held agent is left alone", format!("{agent}: {message} is typed"));
                    }
                }
                _ => {}
            }
        }
        judge_lifts(seen, world)?;
        judge_deadlines(seen, after)
    }

    fn heard(&mut self, agent: &str, told: &Told) {
        match told {
            Told::Refused { kind: Refusal::Limit, .. } | Told::Retrying { limit: true, .. } => {
                self.told.insert(agent.to_owned());
            }
            // What a stream says behind a refusal takes nothing of it back.
            Told::Working | Told::Refused { .. } | Told::Retrying { limit: false, .. } => {
                self.told.remove(agent);
            }
            _ => {}
        }
    }

    fn judge_stop(&self, agent: &str, seen: &Step, world: &World, sessions: &Sessions) -> Verdict {
        let after = seen.after;
        let alive = world.panes.get(agent).is_some_and(|pane| pane.program.is_some());
        if !alive || sessions.is_deliberate(agent) {
            return Ok(());
        }
        // The one that was asked, and has a broken conversation.
        let asked = |limit: &Limit| matches!(&limit.hold, Hold::Probing { canary, .. } if canary == agent);
        let program = world.panes.get(agent).and_then(|pane| pane.program.as_ref());
        let is_sound = program
            .is_some_and(|program| program.health == Health::Sound && program.command == program.style.command());
        if after.limits.iter().any(asked) && !is_sound {
            return Ok(());
        }
        let held = is_held(seen.before, &world.fleet, agent) && is_held(after, &world.fleet, agent);
        // One from before the account was opened says nothing of its next hold.
        let is_old = after.agents.get(agent).is_some_and(|state| state.old_banner.is_some());
        let shows = self.knows.contains(agent) && world.is_limited(agent) && !is_old;
        if held || shows {
            return broken("no healing inside a limit window", format!("{agent} (held: {held}, shows it: {shows})"));
        }
        Ok(())
    }
}

/// Judges that an account is not opened by one that it refuses.
fn judge_lifts(seen: &Step, world: &World) -> Verdict {
    for event in seen.events(EventKind::LimitLifted) {
        let agent = event.agent.as_deref().unwrap_or_default();
        let program = world.panes.get(agent).and_then(|pane| pane.program.as_ref());
        // Who says that it works is believed, and of a refusal that leaves no trace, and whose word goes astray, nobody knows.
        let untold = program.is_some_and(|program| {
            program.mouth.believed == Some(true) || program.hides && (program.mouth.is_astray() || program.mouth.lossy)
        });
        let refused = program.is_some_and(|program| program.turn == Turn::Rest && program.banner.is_some());
        if refused && !untold && world.is_limited(agent) {
            return broken("only work opens an account", format!("{agent}: {}", event.text));
        }
    }
    Ok(())
}

/// Judges that every hold has a next probe, and that the turn waits no longer than for the nearest.
fn judge_deadlines(seen: &Step, after: &State) -> Verdict {
    let now = seen.turn.now;
    for limit in &after.limits {
        let due = match &limit.hold {
            Hold::Named { until } if *until > now.wall + span(AHEAD_MAX) => None,
            Hold::Flat { until } if until.mono.since(now.mono).as_millis() > u128::from(HOUR + SECOND) => None,
            Hold::Named { .. } | Hold::Flat { .. } => limit.due(now).map(|due| due.mono),
            Hold::Probing { since, .. } => {
                let due = since.mono + std::time::Duration::from_millis(CANARY_MAX);
                (due > now.mono).then_some(due)
            }
        };
        let waits = seen.turn.deadline;
        if due.is_none_or(|due| waits.is_none_or(|waits| waits > due)) {
            return broken("no hold without a next probe", format!("{limit:?}, the turn waits until {waits:?}"));
        }
    }
    Ok(())
}
