//! What a start is to be, and how many may be under way.

use super::Supervisor;
use super::action::Start;
use super::fleet::{Agent, Kind};
use super::now::Now;
use super::state::{AgentState, Cause, Over, Session};

impl Over {
    /// Returns the session as it is when nothing comes of the start.
    pub fn session(self) -> Session {
        match self {
            Self::Nothing => Session::Absent,
            Self::Dead { exit } => Session::Dead { exit },
            Self::Live => Session::Running { ready: true },
        }
    }
}

impl AgentState {
    /// Says whether a start would be refused again: nothing has changed, and the time of the next try has not come.
    pub(super) fn is_blocked(&self, now: Now) -> bool {
        let is_mended = self.blocked.as_ref().is_none_or(|blocked| blocked.again);
        !is_mended && self.retry.is_some_and(|retry| retry.mono > now.mono)
    }

    /// Lets what is blocked be tried now, because a person asks; back-off holds.
    pub fn try_again(&mut self, now: Now) {
        let Some(blocked) = &mut self.blocked else { return };
        blocked.again = true;
        if self.back_off_end().is_none_or(|end| end <= now.mono) {
            self.retry = None;
        }
    }

    /// Says whether what runs is the last start once more, by a person's hand.
    fn runs_by_hand(&self) -> bool {
        matches!(self.session, Session::Running { .. }) && self.restart == Some(Cause::Started)
    }

    /// Takes back a start that has been prepared and not begun: what is asked now counts for the one that is made of it.
    pub fn take_back_start(&mut self) {
        match &self.session {
            Session::Preparing { over } => {
                if *over == Over::Live {
                    self.restart = Some(Cause::Asked);
                }
                self.session = over.session();
            }
            Session::Stopping { then_start: true } => self.session = Session::Stopping { then_start: false },
            Session::Absent
            | Session::Stopping { then_start: false }
            | Session::Starting
            | Session::Running { .. }
            | Session::Dead { .. }
            | Session::Unknown { .. } => {}
        }
    }
}

impl Supervisor {
    /// Says whether the agent's loop has phases and it is not known yet which one it is in.
    pub(super) fn phase_is_open(&self, agent: &Agent) -> bool {
        agent.in_loop().is_some_and(|in_loop| {
            let has_phases = self.fleet.loop_named(in_loop).is_some_and(|a_loop| !a_loop.phases.is_empty());
            has_phases && self.state.loops.get(in_loop).is_some_and(|state| state.phase.is_none())
        })
    }

    /// Returns the model that the config gives the agent in its loop's current phase.
    pub(super) fn model_of(&self, name: &str) -> Option<String> {
        let agent = self.fleet.agent(name)?;
        let of_phase = match &agent.kind {
            Kind::Loop { in_loop, role } => {
                let phase = self.current_phase(in_loop).ok().and_then(|(_, phase)| phase);
                phase.and_then(|phase| phase.models.get(role).cloned())
            }
            Kind::Persistent(_) | Kind::Task(_) | Kind::Service { .. } => None,
        };
        of_phase.or_else(|| agent.model.clone())
    }

    /// Returns what a start of `agent` is to be, or why there can be none.
    pub(super) fn start_of(&self, agent: &Agent, now: Now) -> Result<Start, String> {
        let overrides = self.agents.get(&agent.name).map(|live| live.overrides.clone()).unwrap_or_default();
        let has_backend = !matches!(agent.kind, Kind::Service { .. });
        if has_backend && overrides.backend.is_none() {
            agent.backend.as_ref().map_err(Clone::clone)?;
        }
        let mut phase = None;
        if let Some(in_loop) = agent.in_loop() {
            let (a_loop, current) = self.current_phase(in_loop)?;
            if a_loop.phases.is_empty() {
                return Err("its loop has no phases".to_owned());
            }
            phase = current.map(|current| current.id.clone());
        }
        let model = self.model_of(&agent.name);
        let run = self.state.agents.get(&agent.name).map_or(0, |state| state.run).saturating_add(1);
        let conversation = self.conversation_of(agent, run, now);
        Ok(Start {
            run,
            phase,
            backend: overrides.backend,
            model: overrides.model.or(model),
            extra_text: self.state.agents.get(&agent.name).and_then(AgentState::ordered_text),
            conversation,
            unless_same: self.state.agents.get(&agent.name).is_some_and(AgentState::runs_by_hand),
        })
    }

    /// Counts the agents whose start is under way.
    pub(super) fn starting_count(&self) -> usize {
        let starting = |state: &&AgentState| match state.session {
            Session::Preparing { .. }
            | Session::Stopping { then_start: true }
            | Session::Starting
            | Session::Running { ready: false } => true,
            Session::Absent
            | Session::Stopping { then_start: false }
            | Session::Running { ready: true }
            | Session::Dead { .. }
            | Session::Unknown { .. } => false,
        };
        self.state.agents.values().filter(starting).count()
    }
}
