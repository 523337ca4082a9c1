//! What can be asked of the supervisor, and its answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::status::{Explanation, Picture};

/// Counts the requests of this supervisor's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    /// A person, or a program of theirs.
    Person,
    /// A process of this agent.
    Agent(String),
    /// What the supervisor itself has started: git with what a config has it run, or the operator's command.
    Own,
    /// It cannot be told, and why.
    Unknown(String),
}

/// One question or order; the JSON form is what goes over the control socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// The whole picture.
    Status,
    /// All that is known of one agent.
    Explain {
        /// Its name.
        name: String,
    },
    /// Start these, or all that is enabled; answered when they run, or why one does not.
    Up {
        /// Empty for all.
        names: Vec<String>,
        /// One-off models and backends for this start.
        #[serde(default)]
        overrides: BTreeMap<String, Override>,
    },
    /// Stop these and remember it, or stop everything and the supervisor.
    Down {
        /// Empty for everything.
        names: Vec<String>,
    },
    /// Stop and start one agent or service.
    Restart {
        /// Its name.
        name: String,
        /// One-off models and backends for this start.
        #[serde(default)]
        overrides: BTreeMap<String, Override>,
    },
    /// Type a text into an agent.
    Send {
        /// Its name.
        name: String,
        /// What to type.
        text: String,
        /// How long the sender waits for the outcome; then the message is taken back unless it was typed.
        wait: Duration,
        /// Leave the message in the queue and answer at once.
        queue: bool,
    },
    /// Type an agent's wake text into it as soon as it is idle; answered when the wake is queued, or why it is not.
    Wake {
        /// Its name.
        name: String,
    },
    /// Ask an agent of a held account at once to go on; answered when that is on its way, or why it is not.
    Probe {
        /// Its name.
        name: String,
    },
    /// Run a task unless it works already; answered when it runs, when it was left alone, or why neither.
    Run {
        /// Its name.
        name: String,
        /// Also when it works: that run is ended.
        #[serde(default)]
        fresh: bool,
        /// Appended to its prompt.
        #[serde(default)]
        text: Option<String>,
    },
    /// Where a loop is.
    PhaseShow {
        /// The loop; may be absent when there is only one.
        in_loop: Option<String>,
    },
    /// Move a loop.
    PhaseSet {
        /// The loop; may be absent when there is only one.
        in_loop: Option<String>,
        /// Where to.
        to: PhaseTarget,
        /// Restart the loop's agents with the new kickoff.
        restart: bool,
    },
}

/// Where `phase` moves a loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseTarget {
    /// The one after the current.
    Next,
    /// An id, or an index from 0 where no phase has that id.
    Named(String),
}

/// One-off changes for a single start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Override {
    /// Instead of the config's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Instead of the config's backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
}

/// The supervisor's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// Done as asked; one sentence for each thing done.
    Done {
        /// For people.
        lines: Vec<String>,
    },
    /// Not done.
    Failed {
        /// Why; tells the exit code.
        reason: Reason,
        /// One sentence, lower case, no full stop.
        error: String,
        /// What helps.
        hint: Option<String>,
    },
    /// The answer to `Status`.
    Status {
        /// The picture.
        picture: Box<Picture>,
    },
    /// The answer to `Explain`.
    Explanation {
        /// All that is known.
        explanation: Box<Explanation>,
    },
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It was tried and failed, or cannot be.
    Failed,
    /// The request names something that does not exist or has no meaning.
    Usage,
    /// There is no supervisor.
    NoSupervisor,
    /// The agent does not run.
    NotRunning,
    /// The agent was still busy when the wait ran out.
    Busy,
    /// The agent is held by a usage limit.
    Held,
    /// The message was typed, and nothing proves that it arrived.
    Unconfirmed,
    /// A dialog or a person's draft is in the way.
    InTheWay,
    /// Nobody has answered, or it could neither be done nor kept: asking again may help, and does nothing twice.
    Unanswered,
}

impl Reason {
    /// Returns the exit code of a verb that failed for this reason.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoSupervisor => 3,
            Self::NotRunning => 4,
            Self::Busy => 5,
            Self::Held => 6,
            Self::Unconfirmed => 7,
            Self::InTheWay => 8,
            Self::Unanswered => 9,
        }
    }
}
