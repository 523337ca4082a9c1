//! What is going to happen in the simulated world, and when.

use std::collections::BTreeMap;

use agent_orchestrator::policy::agent_event::AgentEvent;
use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::observation::Observation;

use super::host::Command;
use super::interface::Post;
use super::mind::Doing;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// The planned fault of this place in the plan.
    Fault(usize),
    /// What a supervisor of this life asked of a session reaches its host.
    Arrive { life: u64, agent: String, client: u64, command: Command },
    /// A supervisor of this life sees something.
    Seen { life: u64, seen: Observation },
    /// A program does what it is about.
    Program { agent: String, program: u64, turn: u64, doing: Doing },
    /// What a program told of itself arrives.
    Tells { agent: String, run: u64, events: Vec<AgentEvent> },
    /// A message comes to a program's interface.
    Post { agent: String, program: u64, post: Post },
    /// What a program wrote is to be told.
    Output { agent: String },
    /// A loop's origin is looked at.
    Origin { life: u64, in_loop: String },
    /// A fault is over.
    Over(Over),
    /// The supervisor is started, if none runs.
    Supervise { held: bool },
}

/// What ends.
#[derive(Debug, Clone)]
pub enum Over {
    Unreachable {
        agent: String,
        number: u64,
    },
    Told {
        agent: String,
        number: u64,
    },
    Draft {
        agent: String,
        program: u64,
        submits: bool,
    },
    /// A person who was told of it empties a box in which this stands.
    Leftover {
        agent: String,
        text: String,
    },
    Dialog {
        agent: String,
        program: u64,
    },
    Scroll {
        agent: String,
        program: u64,
    },
    Hang {
        agent: String,
        program: u64,
    },
    /// A program that hangs has not answered to a message that was handed over.
    Posted {
        agent: String,
        program: u64,
        message: MessageId,
    },
    /// What is lost of what a program tells.
    Lost {
        agent: String,
        program: u64,
    },
    Files {
        agent: String,
    },
    Origin {
        in_loop: String,
    },
    Account {
        account: String,
        number: u64,
    },
    Slow,
    Config,
    HangUp {
        request: u64,
    },
    AskUp,
    StartAll,
    Clock,
}

/// Events in the order of their times.
#[derive(Debug, Default)]
pub struct Agenda {
    queue: BTreeMap<(u64, u64), Event>,
    serial: u64,
}

impl Agenda {
    pub fn add(&mut self, at: u64, event: Event) {
        self.serial += 1;
        self.queue.insert((at, self.serial), event);
    }

    pub fn next_at(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    pub fn take_until(&mut self, at: u64) -> Option<Event> {
        let entry = self.queue.first_entry()?;
        if entry.key().0 <= at { Some(entry.remove()) } else { None }
    }

    /// Forgets what was asked of sessions: they are gone.
    pub fn drop_arrivals(&mut self) {
        self.queue.retain(|_, event| !matches!(event, Event::Arrive { .. }));
    }
}
