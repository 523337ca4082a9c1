//! Decides. Nothing here reads a clock, a file, a process or the environment.

pub mod action;
pub mod command;
pub mod delivery;
pub mod event;
pub mod fleet;
pub mod handoff;
pub mod input_box;
pub mod launch;
pub mod message;
pub mod now;
pub mod observation;
pub mod phase;
pub mod request;
pub mod reset_time;
pub mod screen;
pub mod session;
pub mod state;
pub mod status;

use std::path::PathBuf;
use std::sync::Arc;

use action::Action;
use fleet::Fleet;
use now::{Mono, Now};
use observation::Observation;
use state::State;
use status::{Explanation, Picture};

/// Folders whose files messages point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Where `WriteText` puts its files.
    pub texts: PathBuf,
    /// The folder of `kickoff-SESSION.txt`.
    pub state: PathBuf,
}

/// What one turn decided.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Turn {
    /// In the order in which they are to be performed, after the state has been saved.
    pub actions: Vec<Action>,
    /// When the next turn is due though nothing is seen.
    pub deadline: Option<Mono>,
}

/// Decides for a whole fleet.
#[derive(Debug)]
pub struct Supervisor {
    fleet: Arc<Fleet>,
    state: State,
    #[expect(dead_code)]
    places: Places,
}

impl Supervisor {
    /// Takes up `state`. With `hold`, nothing is started until the first `Up` request; what runs is adopted.
    pub fn new(fleet: Arc<Fleet>, state: State, places: Places, _hold: bool) -> Self {
        Self { fleet, state, places }
    }

    /// Decides one turn. The first one, with nothing seen, asks for every session.
    pub fn step(&mut self, _seen: &[Observation], _now: Now) -> Turn {
        Turn::default()
    }

    /// Returns what must be on disk before the turn's actions are performed.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the fleet in force.
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// Returns what `status` shows; who answers fills in what only the daemon knows
    /// (`supervised`, `supervisor_pid`, `mode`, `config`).
    pub fn picture(&self, _now: Now) -> Picture {
        todo!()
    }

    /// Returns what `explain` tells of one agent.
    pub fn explain(&self, _name: &str, _now: Now) -> Option<Explanation> {
        todo!()
    }
}
