//! What has to happen does, within bounds: nobody who can work and has work is left idle.

use std::collections::BTreeMap;

use agent_orchestrator::policy::fleet::{Agent, Kind, Watch};
use agent_orchestrator::policy::message::{Progress as Typed, Purpose};
use agent_orchestrator::policy::state::{AgentState, LoopState, Session};

use super::is_held;
use crate::clock::{HOUR, MINUTE, span};
use crate::host::Pane;
use crate::origin::Origin;
use crate::program::{Health, Input, Program, Turn};
use crate::repo::DONE;
use crate::world::World;

/// What waits to happen, and how long it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    Message,
    Healing,
    Start,
    Wake,
    Phase,
    Reading,
    Answer,
    Hold,
}

impl Due {
    fn rule(self) -> &'static str {
        match self {
            Self::Message => "who can work and has work is not left idle",
            Self::Healing => "silence is healed",
            Self::Start => "who is to run comes back",
            Self::Wake => "who is to be woken is",
            Self::Phase => "a done phase is left",
            Self::Reading => "what is pushed is read",
            Self::Answer => "who asks is answered",
            Self::Hold => "who tells of a limit holds its account",
        }
    }

    fn bound(self) -> u64 {
        match self {
            Self::Hold => 2 * MINUTE,
            Self::Message | Self::Wake => 10 * MINUTE,
            // The longest wait with its grace, and then a silence.
            Self::Healing | Self::Answer => 2 * HOUR,
            // A crash loop is tried every five minutes, and others may go before.
            Self::Start => 30 * MINUTE,
            Self::Phase | Self::Reading => 20 * MINUTE,
        }
    }
}

/// Since when something has been due without a break.
#[derive(Debug, Default)]
pub struct Progress {
    since: BTreeMap<(Due, String), u64>,
}

impl World {
    /// Judges that nothing is due for longer than it may.
    pub fn judge_progress(&mut self) {
        let at = self.clock.at;
        let mut since = std::mem::take(&mut self.oracle.progress.since);
        let due = if self.guard.supervisor.is_some() && !self.slow { self.all_due() } else { Vec::new() };
        since.retain(|key, _| due.contains(key));
        for key in due {
            let begun = *since.entry(key.clone()).or_insert(at);
            if at > begun + key.0.bound() {
                let state = self.guard.saved.agents.get(&key.1).cloned();
                self.fail(key.0.rule(), || format!("{}, for {} minutes: {state:?}", key.1, (at - begun) / MINUTE));
            }
        }
        self.oracle.progress.since = since;
    }

    fn all_due(&self) -> Vec<(Due, String)> {
        let mut due = Vec::new();
        let fleet = &self.fleet;
        for agent in &fleet.agents {
            let (Some(state), Some(pane)) = (self.guard.saved.agents.get(&agent.name), self.panes.get(&agent.name))
            else {
                continue;
            };
            let heard = pane.known == self.guard.life && pane.unreachable.is_none() && !pane.stuck;
            if !heard || is_held(&self.guard.saved, fleet, &agent.name) || state.release.is_some() {
                continue;
            }
            let checks = [
                (Due::Message, can_take(state, pane)),
                (Due::Healing, is_silent(agent, state, pane)),
                (Due::Start, self.is_missing(agent, state, pane)),
                (Due::Wake, self.is_to_be_woken(agent, state, pane)),
                (Due::Hold, self.is_to_be_held(agent, state, pane)),
            ];
            due.extend(checks.iter().filter(|(_, holds)| *holds).map(|(due, _)| (*due, agent.name.clone())));
        }
        for (name, state) in &self.guard.saved.loops {
            if self.is_done_and_stays(name, state) {
                due.push((Due::Phase, name.clone()));
            }
            if self.is_unread(name, state) {
                due.push((Due::Reading, name.clone()));
            }
        }
        due.extend(self.guard.asked.keys().map(|number| (Due::Answer, number.to_string())));
        due
    }

    fn is_missing(&self, agent: &Agent, state: &AgentState, pane: &Pane) -> bool {
        let healed = match agent.kind {
            Kind::Task(_) => false,
            Kind::Service { .. } => true,
            Kind::Loop { .. } | Kind::Persistent(_) => agent.watch != Watch::None,
        };
        let in_loop = agent.in_loop().and_then(|name| self.guard.saved.loops.get(name));
        healed
            && agent.enabled
            && state.asked
            && state.stopped.is_none()
            && state.blocked.is_none()
            && !pane.files_missing
            && pane.starts_fail == 0
            && pane.program.is_none()
            && in_loop.is_none_or(|state| state.complete.is_none())
            && !self.oracle.sessions.starts_nothing()
    }

    fn is_to_be_woken(&self, agent: &Agent, state: &AgentState, pane: &Pane) -> bool {
        let Some(interval) = agent.wake.as_ref().and_then(|wake| wake.interval) else { return false };
        let Some(last) = state.last_wake.or(state.first_started) else { return false };
        let Some(program) = &pane.program else { return false };
        let overdue = self.clock.mono(self.clock.at).since(last.mono) > interval
            && self.clock.now().wall - last.wall > span(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX));
        overdue
            && state.session == (Session::Running { ready: true })
            && state.queue.is_empty()
            && program.takes()
            && program.rests.is_some()
            && program.banner.is_none()
            && !program.scrolled
            && program.input == Input::Empty
            && !pane.files_missing
            && !self
                .fleet
                .loops
                .iter()
                .any(|a_loop| self.guard.saved.loops.get(&a_loop.name).is_some_and(|state| state.complete.is_some()))
    }

    /// Says whether a program was refused by a limit that lasts, and told so.
    fn is_to_be_held(&self, agent: &Agent, state: &AgentState, pane: &Pane) -> bool {
        let refused = |program: &Program| program.turn == Turn::Rest && program.banner.is_some();
        self.oracle.limits.told.contains(&agent.name)
            && pane.program.as_ref().is_some_and(refused)
            && self.is_limited(&agent.name)
            && state.session == (Session::Running { ready: true })
    }

    /// Says whether the current phase's end stands where it counts and nothing follows.
    fn is_done_and_stays(&self, name: &str, state: &LoopState) -> bool {
        let Some(a_loop) = self.setup.loops.iter().find(|a_loop| a_loop.name == name) else { return false };
        let configured = self.fleet.loop_named(name).is_some_and(|a_loop| a_loop.auto_advance);
        let Some(phase) = state.phase.as_ref().filter(|_| configured && state.complete.is_none()) else { return false };
        let file = format!("machine-docs/STATUS-{phase}.md");
        let text = if a_loop.worktree {
            self.disk.get(std::path::Path::new(&format!("/p/repo{name}/{file}")))
        } else {
            let readable = |origin: &&Origin| origin.trouble.is_none() && origin.bad_reads == 0;
            self.origins.get(name).filter(readable).and_then(|origin| origin.file(&file))
        };
        text.is_some_and(|text| text == DONE)
    }

    fn is_unread(&self, name: &str, state: &LoopState) -> bool {
        let Some(origin) = self.origins.get(name) else { return false };
        let known = self.fleet.loop_named(name).is_some() && state.phase.is_some();
        known && origin.trouble.is_none() && origin.bad_reads == 0 && state.head.as_ref() != Some(&origin.head)
    }
}

/// Says whether an agent rests with an empty box while something waits for it.
fn can_take(state: &AgentState, pane: &Pane) -> bool {
    let Some(program) = &pane.program else { return false };
    let waits = state.queue.first().is_some_and(|message| {
        message.progress == Typed::Queued && !matches!(message.purpose, Purpose::Wake | Purpose::Probe)
    });
    // Whose login is refused, as it tells, waits for a person, also where that was told wrongly.
    let is_locked_out = state.attention.as_ref().is_some_and(|attention| attention.rule == "told-login");
    waits
        && !is_locked_out
        && state.session == (Session::Running { ready: true })
        && program.takes()
        && !program.works()
        && !program.scrolled
        && program.banner.is_none()
        && program.input == Input::Empty
        && program.command == program.style.command()
}

fn is_silent(agent: &Agent, state: &AgentState, pane: &Pane) -> bool {
    let Some(program) = &pane.program else { return false };
    let watched = agent.watch == Watch::HealAndStall && matches!(agent.kind, Kind::Loop { .. } | Kind::Persistent(_));
    watched
        && state.session == (Session::Running { ready: true })
        && state.stopped.is_none()
        && state.attention.is_none()
        && state.blocked.is_none()
        && !pane.files_missing
        && program.rests.is_some()
        && program.dialog.is_none()
        && program.health == Health::Sound
        && program.input == Input::Empty
        && state.queue.is_empty()
}
