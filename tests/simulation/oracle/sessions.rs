//! Who is started and stopped: only what may run, no more often than the back-off allows.

use std::collections::{BTreeMap, BTreeSet};

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::event::EventKind;
use agent_orchestrator::policy::observation::{Observation, SessionSeen, Spooled};
use agent_orchestrator::policy::request::{Reason, Reply, Request, RequestId};
use agent_orchestrator::policy::state::{AgentState, Cause, Session, State};

use super::{Step, Verdict, broken};
use crate::clock::{MINUTE, SECOND};
use crate::program::Health;
use crate::world::World;

/// So many starts that nobody asked for may come within [`WINDOW`].
const STARTS_MAX: usize = 6;
const WINDOW: u64 = 290 * SECOND;

/// What people asked of sessions, and what was done.
#[derive(Debug, Default)]
pub struct Sessions {
    /// Stopped by name.
    stopped: BTreeSet<String>,
    /// May be ended and started as often as a person says.
    deliberate: BTreeSet<String>,
    /// Starts that nobody asked for.
    starts: BTreeMap<String, Vec<u64>>,
    /// Deaths that were told.
    deaths: BTreeMap<String, Vec<u64>>,
    /// Runs that have died.
    died: BTreeSet<(String, u64)>,
    /// When the supervisor was last told that a program did something.
    heard: BTreeMap<String, u64>,
    /// Runs that are to be ended for a reason that held when that was decided.
    sentenced: BTreeMap<String, u64>,
    /// The supervisor starts nothing until somebody says `up`.
    held: bool,
    /// Everything is being ended.
    ending: bool,
}

impl Sessions {
    pub fn supervisor_starts(&mut self, held: bool, state: &State) {
        self.held = held;
        if std::mem::take(&mut self.ending) {
            let ended = state.agents.iter().filter(|(_, agent)| matches!(agent.session, Session::Stopping { .. }));
            self.deliberate.extend(ended.map(|(name, _)| name.clone()));
        }
    }

    pub fn rebooted(&mut self) {
        self.starts.clear();
        self.deaths.clear();
    }

    /// Says whether the supervisor waits for `up`, or ends.
    pub fn starts_nothing(&self) -> bool {
        self.held || self.ending
    }

    /// Says whether a person, the config or the end of a phase may end the agent's program now.
    pub fn is_deliberate(&self, agent: &str) -> bool {
        self.ending || self.deliberate.contains(agent) || self.stopped.contains(agent)
    }

    pub fn judge(&mut self, seen: &Step, after: &State, world: &World) -> Verdict {
        // What is told in one turn is taken in its order: a start may stand before the word that forbids the next one.
        let forbidden = (self.stopped.clone(), self.ending);
        for observation in seen.told {
            match observation {
                Observation::Request { id, request, asker: _ } => self.asked(*id, request, seen, world),
                Observation::Session {
                    agent,
                    seen: SessionSeen::Died { run, .. } | SessionSeen::StartFailed { run, .. },
                } if self.died.insert((agent.clone(), *run)) => {
                    // A death is told again to the next supervisor, and is the same.
                    self.deaths.entry(agent.clone()).or_default().push(world.clock.at);
                    // No program of it ran.
                    if let Observation::Session { seen: SessionSeen::StartFailed { .. }, .. } = observation {
                        self.starts.entry(agent.clone()).or_default().pop();
                    }
                }
                Observation::Spool { found } => {
                    let run = |spooled: &Spooled| match &spooled.request {
                        Some(Request::Run { name, .. }) => Some(name.clone()),
                        _ => None,
                    };
                    self.deliberate.extend(found.iter().filter_map(run));
                }
                Observation::Config { .. } => {
                    self.starts.clear();
                }
                Observation::Output { agent } | Observation::Pressed { agent, result: Ok(()), .. } => {
                    self.heard.insert(agent.clone(), world.clock.at);
                }
                _ => {}
            }
        }
        self.note_reasons(seen, after, world);
        // What was asked meanwhile may be done only now.
        self.deliberate.extend(seen.events(EventKind::Spooled).filter_map(|event| event.agent.clone()));
        for event in seen.events(EventKind::Stalled).chain(seen.events(EventKind::Fatal)) {
            self.judge_sentence(event.agent.as_deref().unwrap_or_default(), world)?;
        }
        for action in &seen.turn.actions {
            match action {
                Action::Start { agent, .. } => {
                    self.judge_start(agent, seen, &forbidden, world)?;
                    self.judge_pace(agent, world.clock.at)?;
                    // What was ordered meanwhile is still to come.
                    let is_pending = |state: &AgentState| state.order.is_some() || state.restart == Some(Cause::Asked);
                    if !after.agents.get(agent).is_some_and(is_pending) {
                        self.deliberate.remove(agent);
                    }
                }
                Action::Stop { agent } => self.judge_stop(agent, world)?,
                _ => {}
            }
        }
        // A phase may have moved behind a start.
        self.note_reasons(seen, after, world);
        Ok(())
    }

    fn asked(&mut self, id: RequestId, request: &Request, seen: &Step, world: &World) {
        let refused = seen.turn.actions.iter().any(|action| match action {
            Action::Answer { id: other, reply: Reply::Failed { reason: Reason::Usage, .. } } => *other == id,
            _ => false,
        });
        match request {
            Request::Down { names } if names.is_empty() => self.ending = true,
            Request::Down { names } if !refused => self.stopped.extend(names.iter().cloned()),
            Request::Up { names, .. } => {
                self.held = false;
                let all: Vec<String> = world.fleet.agents.iter().map(|agent| agent.name.clone()).collect();
                for name in if names.is_empty() { &all } else { names } {
                    self.deliberate.insert(name.clone());
                    if !names.is_empty() {
                        self.stopped.remove(name);
                    }
                }
            }
            Request::Run { name, .. } => {
                self.held = false;
                self.deliberate.insert(name.clone());
            }
            Request::Restart { name, .. } => {
                self.held = false;
                self.stopped.remove(name);
                self.deliberate.insert(name.clone());
            }
            Request::Down { .. }
            | Request::Status
            | Request::Wake { .. }
            | Request::Probe { .. }
            | Request::Explain { .. }
            | Request::Send { .. }
            | Request::PhaseShow { .. }
            | Request::PhaseSet { .. } => {}
        }
    }

    /// Notes whom a phase, an end or the config moves.
    fn note_reasons(&mut self, seen: &Step, after: &State, world: &World) {
        for (name, now) in &after.loops {
            let before = seen.before.loops.get(name);
            let moved = before.is_none_or(|before| {
                before.phase != now.phase || before.complete != now.complete || before.since != now.since
            });
            if moved {
                let members = world.fleet.agents.iter().filter(|agent| agent.in_loop() == Some(name));
                self.deliberate.extend(members.map(|agent| agent.name.clone()));
                let follows = world.fleet.loop_named(name).and_then(|a_loop| a_loop.on_complete.as_ref()?.run.clone());
                self.deliberate.extend(follows);
            }
        }
        for name in after.agents.keys() {
            if !world.fleet.agent(name).is_some_and(|agent| agent.enabled) {
                self.deliberate.insert(name.clone());
            }
        }
        for event in seen.events(EventKind::LimitProbe) {
            self.starts.remove(event.agent.as_deref().unwrap_or_default());
        }
    }

    fn judge_start(&self, agent: &str, seen: &Step, before: &(BTreeSet<String>, bool), world: &World) -> Verdict {
        let configured = world.fleet.agent(agent);
        let in_loop = configured.and_then(|agent| agent.in_loop());
        let ended =
            |state: &State| in_loop.and_then(|name| state.loops.get(name)).is_some_and(|of| of.complete.is_some());
        let complete = ended(seen.before) && ended(seen.after);
        let why = match configured {
            None => "is not in the config",
            Some(configured) if !configured.enabled => "is disabled",
            Some(_) if self.stopped.contains(agent) && before.0.contains(agent) => "was stopped by a person",
            Some(_) if self.ending && before.1 => "is being ended with the fleet",
            Some(_) if self.held => "waits for `up`",
            Some(_) if complete => "has no phase any more",
            Some(_) => return Ok(()),
        };
        broken("only what may run is started", format!("{agent} {why}"))
    }

    fn judge_pace(&mut self, agent: &str, at: u64) -> Verdict {
        if self.deliberate.contains(agent) {
            self.starts.remove(agent);
            self.deaths.remove(agent);
            return Ok(());
        }
        let starts = self.starts.entry(agent.to_owned()).or_default();
        starts.push(at);
        let within = |times: &[u64], window: u64| times.iter().filter(|time| **time + window > at).count();
        if within(starts, WINDOW) > STARTS_MAX {
            return broken("starts respect the back-off", format!("{agent}: {starts:?}"));
        }
        let deaths = self.deaths.entry(agent.to_owned()).or_default();
        let last = deaths.last().copied().unwrap_or_default();
        if within(deaths, MINUTE) >= 3 && last + SECOND > at {
            return broken("starts respect the back-off", format!("{agent} at once after deaths {deaths:?}"));
        }
        Ok(())
    }

    /// Judges that a program is to be started anew only if it is sick or silent, as far as the supervisor can know.
    fn judge_sentence(&mut self, agent: &str, world: &World) -> Verdict {
        let Some(program) = world.panes.get(agent).and_then(|pane| pane.program.as_ref()) else { return Ok(()) };
        // Who is told to be broken while it rests is believed.
        let told = program.mouth.told_fatal && !program.works();
        let sick = told || program.health != Health::Sound || program.command != program.style.command();
        let heard = self.heard.get(agent).copied().unwrap_or_default();
        // What has just begun may not have been told yet, and what it did while nobody listened never is.
        let just_began = world.clock.at < program.began + MINUTE;
        let unknown = heard < program.began && (just_began || !program.works());
        if sick || unknown || world.has_stalled(program) {
            self.sentenced.insert(agent.to_owned(), program.number);
            return Ok(());
        }
        broken("nothing that is well is ended", format!("{agent}: {program:?}"))
    }

    /// Judges that a live program is ended only for a reason.
    fn judge_stop(&self, agent: &str, world: &World) -> Verdict {
        let Some(program) = world.panes.get(agent).and_then(|pane| pane.program.as_ref()) else { return Ok(()) };
        if self.is_deliberate(agent) || self.sentenced.get(agent) == Some(&program.number) {
            return Ok(());
        }
        broken("nothing that is well is ended", format!("{agent}: {program:?}"))
    }
}
