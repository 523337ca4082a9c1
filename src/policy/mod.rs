//! Decides. Nothing here reads a clock, a file, a process or the environment.
//!
//! [`Supervisor::step`] is the only place where the concerns meet; each has a file of its own.

pub mod action;
mod activity;
pub mod agent_event;
mod answer;
mod aside;
mod canary;
pub mod command;
mod complete;
pub mod control;
mod conversation;
pub mod death;
pub mod delivery;
mod draft;
mod drift;
pub mod event;
mod events;
pub mod fleet;
mod found;
pub mod handoff;
mod health;
pub mod hold;
pub mod input_box;
pub mod kept;
pub mod known_screen;
pub mod launch;
pub mod limit;
mod live;
mod look;
pub mod message;
pub mod notify;
pub mod now;
pub mod observation;
pub mod pattern;
pub mod phase;
mod picture;
mod post;
mod presence;
pub mod queue;
pub mod reading;
mod receipt;
pub mod request;
pub mod reset_time;
pub mod screen;
pub mod session;
pub mod sighting;
pub mod spool;
pub mod stall;
mod start;
pub mod state;
pub mod status;
pub mod stop;
pub mod task;
mod title;
pub mod typed;
mod unit;
pub mod wake;
mod watch;
pub mod wiring;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use action::Action;
use agent_event::Posted;
use event::{Event, EventKind, Level};
use fleet::{Agent, Fleet, Kind};
use live::{AgentLive, LoopLive, Waiter};
use now::{Mono, Now};
use observation::{Observation, Spooled};
use state::{AgentState, LoopState, State};

/// What the host gives: folders whose files messages point to, and timers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Where `WriteText` puts its files.
    pub texts: PathBuf,
    /// The folder of `kickoff-SESSION.txt`.
    pub state: PathBuf,
    /// Each calendar of the config has a timer that calls `wake` or `run`.
    pub has_timers: bool,
}

/// What one turn decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// When it was decided.
    pub now: Now,
    /// In the order in which they are to be performed, after the state has been saved.
    pub actions: Vec<Action>,
    /// When the next turn is due though nothing is seen.
    pub deadline: Option<Mono>,
}

impl Turn {
    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn due(&mut self, at: Mono) {
        self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
    }
}

/// The most rounds that one turn takes until nothing more follows from what was seen; what is left is the next turn's.
const ROUNDS_MAX: usize = 32;

/// So many loops that the config no longer names are remembered.
const LOOPS_GONE_MAX: usize = 32;

/// Decides for a whole fleet.
#[derive(Debug)]
pub struct Supervisor {
    fleet: Arc<Fleet>,
    state: State,
    places: Places,
    agents: BTreeMap<String, AgentLive>,
    loops: BTreeMap<String, LoopLive>,
    waiters: Vec<Waiter>,
    config_error: Option<String>,
    config_warnings: Vec<String>,
    /// What was found in the spool and could not be taken up yet.
    spool: Vec<Spooled>,
    /// Nothing is started until a person says `up`.
    hold: bool,
    /// Everything is being ended, the supervisor last.
    ending: bool,
    /// `Ready` has been said.
    ready: bool,
    /// The first turn has been decided.
    begun: bool,
}

impl Supervisor {
    /// Takes up `state`. With `hold`, nothing is started until the first `Up` request; what runs is adopted.
    pub fn new(fleet: Arc<Fleet>, state: State, places: Places, hold: bool) -> Self {
        Self {
            fleet,
            state,
            places,
            agents: BTreeMap::new(),
            loops: BTreeMap::new(),
            waiters: Vec::new(),
            config_error: None,
            config_warnings: Vec::new(),
            spool: Vec::new(),
            hold,
            ending: false,
            ready: false,
            begun: false,
        }
    }

    /// Decides one turn. The first one, with nothing seen, asks for every session.
    ///
    /// The concerns are taken in a fixed order, again and again until nothing more follows:
    /// command, session, limit, delivery, handoff, phase, wake, stall; at last, what of it the operator is told.
    pub fn step(&mut self, seen: &[Observation], now: Now) -> Turn {
        let mut turn = Turn { now, actions: Vec::new(), deadline: None };
        if !self.begun {
            self.begun = true;
            self.begin(&mut turn);
        }
        for observation in seen {
            self.take_in(observation, &mut turn);
        }
        for round in 1.. {
            let before = turn.actions.len();
            turn.deadline = None;
            self.decide_commands(&mut turn);
            self.decide_sessions(&mut turn);
            self.weigh_drifts(&mut turn);
            self.weigh_kept(&mut turn);
            self.decide_limits(&mut turn);
            self.decide_known_screens(&mut turn);
            self.decide_deliveries(&mut turn);
            self.decide_handoffs(&mut turn);
            self.decide_phases(&mut turn);
            self.decide_wakes(&mut turn);
            self.decide_attention(&mut turn);
            self.decide_stalls(&mut turn);
            if turn.actions.len() == before {
                break;
            }
            if round == ROUNDS_MAX {
                turn.due(now.mono);
                break;
            }
        }
        self.decide_notices(&mut turn);
        turn
    }

    /// Returns what must be on disk before the turn's actions are performed.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the fleet in force.
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    fn begin(&mut self, turn: &mut Turn) {
        let fleet = Arc::clone(&self.fleet);
        self.take_fleet(&fleet, turn.now);
        self.doubt_typed();
        self.state.agents.values_mut().for_each(AgentState::doubt_kept);
        turn.act(Action::Record(note(turn.now, EventKind::SupervisorStarted, "supervisor started")));
        self.mark_again(turn);
    }

    fn take_in(&mut self, observation: &Observation, turn: &mut Turn) {
        match observation {
            Observation::Config { fleet, warnings } => self.config_came(fleet, warnings, turn),
            Observation::ConfigBroken { error } => self.config_broke(error, turn),
            Observation::PromptsChanged => self.unblock(),
            Observation::Session { agent, seen } => self.session_seen(agent, seen, turn),
            Observation::Prepared { agent, run, result } => self.prepared(agent, *run, result, turn),
            Observation::Output { agent } => {
                if let Some(live) = self.agents.get_mut(agent) {
                    live.output = Some(turn.now.mono);
                    live.unseen.get_or_insert(turn.now.mono);
                }
            }
            Observation::Wrote { agent, at } => self.wrote_last(agent, *at),
            Observation::Titled { agent, title } => self.titled(agent, title, turn),
            Observation::Told { agent, run, event } => self.told(agent, *run, event, turn),
            Observation::PostFailed { agent, message, why } => {
                self.posted(agent, message.0, &Posted::Refused(why.clone()), turn);
            }
            Observation::Looked { agent, screen } => self.looked(agent, screen, turn),
            Observation::Pasted { agent, message, result } => self.pasted(agent, *message, result, turn.now),
            Observation::Pressed { agent, message, result } => self.pressed(agent, *message, result, turn),
            Observation::Head { in_loop, head } => self.head_told(in_loop, head, turn),
            Observation::OriginTrouble { in_loop, why } => self.origin_trouble(in_loop, why, turn),
            Observation::Pushed { in_loop, result } => self.pushed(in_loop, result, turn),
            Observation::File { in_loop, path, content } => {
                if let Some(live) = self.loops.get_mut(in_loop) {
                    live.files.insert(path.clone(), content.clone());
                }
            }
            Observation::Request { id, asker, request } => match self.refusal(asker, request) {
                Some(reply) => turn.act(Action::Answer { id: *id, reply }),
                None => self.asked(*id, request, turn),
            },
            Observation::RequestGone { id } => self.request_gone(*id, turn),
            Observation::TextRead { agent, result } => self.wake_read(agent, result, turn),
            Observation::Spool { found } => self.spool_seen(found),
            Observation::Trouble { what } => {
                turn.act(Action::Record(note(turn.now, EventKind::Trouble, what)));
            }
            Observation::Deadline => {}
        }
    }

    fn config_came(&mut self, fleet: &Arc<Fleet>, warnings: &[String], turn: &mut Turn) {
        let mended = self.config_error.take().is_some();
        let changed = **fleet != *self.fleet;
        warnings.clone_into(&mut self.config_warnings);
        if !changed && !mended {
            return;
        }
        let before = std::mem::replace(&mut self.fleet, Arc::clone(fleet));
        self.take_fleet(fleet, turn.now);
        self.forget_looks(&before);
        for agent in fleet.agents.iter().filter(|agent| !agent.is_task()) {
            let was_task = before.agent(&agent.name).is_some_and(Agent::is_task);
            if let Some(state) = self.state.agents.get_mut(&agent.name).filter(|_| was_task) {
                state.asked = true;
            }
        }
        for after in &fleet.loops {
            if let Some(before) = before.loop_named(&after.name).filter(|before| *before != after) {
                self.loop_edited(before, after);
            }
        }
        self.unblock();
        let mut event = note(turn.now, EventKind::ConfigLoaded, "config loaded");
        if !warnings.is_empty() {
            event.level = Level::Warning;
            event.text = format!("config loaded, with mistakes: {}", warnings.join("; "));
        }
        turn.act(Action::Record(event));
    }

    fn config_broke(&mut self, error: &str, turn: &mut Turn) {
        if self.config_error.as_deref() == Some(error) {
            return;
        }
        self.config_error = Some(error.to_owned());
        let text = format!("config is not usable, the last good one stays in force: {error}");
        turn.act(Action::Record(note(turn.now, EventKind::ConfigBroken, &text)));
    }

    /// Makes a state for everything that the fleet names.
    fn take_fleet(&mut self, fleet: &Fleet, now: Now) {
        for agent in &fleet.agents {
            let asked = !matches!(agent.kind, Kind::Task(_));
            self.state.agents.entry(agent.name.clone()).or_insert_with(|| AgentState::new(asked, now));
        }
        for name in self.state.agents.keys() {
            self.agents.entry(name.clone()).or_default();
        }
        self.forget_loops(fleet);
        self.loops.retain(|name, _| fleet.loop_named(name).is_some());
        for a_loop in &fleet.loops {
            self.state.loops.entry(a_loop.name.clone()).or_insert_with(|| LoopState::new(now));
            self.loops.entry(a_loop.name.clone()).or_default();
        }
    }

    /// Forgets loops that the config does not name, the oldest beyond a bound: one that comes back keeps its phase.
    fn forget_loops(&mut self, fleet: &Fleet) {
        let gone = self.state.loops.iter().filter(|(name, _)| fleet.loop_named(name).is_none());
        let mut gone: Vec<(Mono, String)> = gone.map(|(name, state)| (state.since.mono, name.clone())).collect();
        gone.sort();
        let surplus = gone.len().saturating_sub(LOOPS_GONE_MAX);
        for (_, name) in gone.into_iter().take(surplus) {
            self.state.loops.remove(&name);
        }
    }

    /// Lets everything that waits for the config or a file be tried again.
    fn unblock(&mut self) {
        for agent in self.state.agents.values_mut() {
            if let Some(blocked) = &mut agent.blocked {
                blocked.again = true;
            }
        }
        for live in self.agents.values_mut() {
            if let Some(trouble) = &mut live.wake_trouble {
                trouble.again = true;
            }
        }
    }

    /// Returns an event about an agent, with its phase if it is a loop agent's.
    fn about(&self, agent: &str, kind: EventKind, text: &str, now: Now) -> Event {
        let mut event = note(now, kind, text);
        event.agent = Some(agent.to_owned());
        if let Some(in_loop) = self.fleet.agent(agent).and_then(|agent| agent.in_loop()) {
            event.phase = self.state.loops.get(in_loop).and_then(|state| state.phase.clone());
            event.in_loop = Some(in_loop.to_owned());
        }
        event
    }

    /// Returns an event about a loop.
    fn about_loop(&self, in_loop: &str, kind: EventKind, text: &str, now: Now) -> Event {
        let mut event = note(now, kind, text);
        event.phase = self.state.loops.get(in_loop).and_then(|state| state.phase.clone());
        event.in_loop = Some(in_loop.to_owned());
        event
    }
}

/// Returns an event about nothing in particular.
fn note(now: Now, kind: EventKind, text: &str) -> Event {
    Event {
        time: now.wall,
        event: kind,
        level: kind.level(),
        agent: None,
        in_loop: None,
        phase: None,
        text: text.to_owned(),
        more: serde_json::Map::new(),
    }
}

/// Adds a fact that only this kind of event has.
fn with(mut event: Event, key: &str, value: impl Into<serde_json::Value>) -> Event {
    event.more.insert(key.to_owned(), value.into());
    event
}
