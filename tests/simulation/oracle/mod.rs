//! What must be true after every turn, whatever happened.

pub mod delivery;
pub mod limits;
pub mod phases;
pub mod progress;
pub mod prompts;
pub mod sessions;
pub mod telling;
pub mod turns;

use agent_orchestrator::policy::Turn;
use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::event::{Event, EventKind};
use agent_orchestrator::policy::fleet::Fleet;
use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::policy::state::State;

use super::coverage::Coverage;
use super::world::World;

/// A rule that was broken, and how.
#[derive(Debug, Clone)]
pub struct Broken {
    pub rule: &'static str,
    pub how: String,
}

pub type Verdict = Result<(), Broken>;

pub fn broken(rule: &'static str, how: String) -> Verdict {
    Err(Broken { rule, how })
}

/// A turn as it went.
pub struct Step<'a> {
    pub before: &'a State,
    pub after: &'a State,
    pub told: &'a [Observation],
    pub turn: &'a Turn,
}

impl Step<'_> {
    pub fn events(&self, kind: EventKind) -> impl Iterator<Item = &Event> {
        self.turn.actions.iter().filter_map(move |action| match action {
            Action::Record(event) if event.event == kind => Some(event),
            _ => None,
        })
    }
}

/// All that is remembered to judge turns.
#[derive(Debug, Default)]
pub struct Oracle {
    pub delivery: delivery::Delivery,
    pub limits: limits::Limits,
    pub phases: phases::Phases,
    pub progress: progress::Progress,
    pub coverage: Coverage,
    pub sessions: sessions::Sessions,
    pub telling: telling::Telling,
    pub turns: turns::Turns,
}

impl Oracle {
    pub fn taken_up(&mut self, saved: &State, state: &State) {
        if saved.boot != state.boot {
            self.sessions.rebooted();
        }
    }

    pub fn supervisor_starts(&mut self, held: bool, state: &State, at: u64) {
        self.sessions.supervisor_starts(held, state);
        self.turns.supervisor_starts(at);
    }

    pub fn supervisor_ends(&mut self) {
        self.limits.supervisor_ends();
        self.telling.supervisor_ends();
    }
}

impl World {
    /// Judges the turn that was just decided.
    pub fn judge(&mut self, seen: &Step) {
        let mut oracle = std::mem::take(&mut self.oracle);
        let after = seen.after;
        let verdict = oracle
            .turns
            .judge(seen, self)
            .and_then(|()| oracle.sessions.judge(seen, after, self))
            .and_then(|()| oracle.limits.judge(seen, after, self, &oracle.sessions))
            .and_then(|()| oracle.delivery.judge(seen, after, self))
            .and_then(|()| oracle.telling.judge(seen, after, self))
            .and_then(|()| oracle.phases.judge(seen, after, self))
            .and_then(|()| oracle.coverage.judge(seen, self));
        self.oracle = oracle;
        // Its screen is believed until it tells something again.
        for event in seen.events(EventKind::Drift) {
            if let Some(program) = self.program(event.agent.as_deref().unwrap_or_default()) {
                program.mouth.believed = None;
                program.mouth.drifted = true;
            }
        }
        if let Err(Broken { rule, how }) = verdict {
            self.fail(rule, || how);
        }
    }
}

/// Says whether a record of the state holds the agent.
pub fn is_held(state: &State, fleet: &Fleet, agent: &str) -> bool {
    let Some(configured) = fleet.agent(agent) else { return false };
    state.limits.iter().any(|limit| {
        let model = limit.model.as_ref().is_none_or(|model| {
            limit.shown.contains_key(agent) || configured.model.as_ref().is_some_and(|own| own.contains(model.as_str()))
        });
        limit.account == configured.account && !configured.backend_name.is_empty() && model
    })
}
