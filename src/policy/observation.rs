//! Everything that can be seen: what a turn is decided on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::agent_event::AgentEvent;
use super::fleet::Fleet;
use super::message::MessageId;
use super::now::Mono;
use super::request::{Asker, Request, RequestId};
use super::screen::Screen;

/// One thing that was seen since the last turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// The config was read (again) and is usable; mistakes that do not stop it are told in `warnings`.
    Config {
        /// The fleet from now on.
        fleet: Arc<Fleet>,
        /// Unknown keys and the like, one line each.
        warnings: Vec<String>,
    },
    /// The config was read again and is not usable; the last good one stays in force.
    ConfigBroken {
        /// What `check` would print first, one line.
        error: String,
    },
    /// A prompt, role or template file changed: what waits for one may be tried again.
    PromptsChanged,
    /// An answer about a session: to `Find`, `Start`, `Stop`, or by itself when it died.
    Session {
        /// Whose.
        agent: String,
        /// What is known now.
        seen: SessionSeen,
    },
    /// An answer to `Prepare`: everything that the start needs is in place, or why it is not.
    Prepared {
        /// Whose start.
        agent: String,
        /// Number of the start; the last one's where that says the same and need not be replaced (`Start::unless_same`).
        run: u64,
        /// What is missing, naming the file.
        result: Result<(), String>,
    },
    /// The program wrote to its terminal; told at most a few times a second.
    Output {
        /// Whose program.
        agent: String,
    },
    /// When the program wrote last, by tmux's word; told before the answer to the first `Find`.
    Wrote {
        /// Whose program.
        agent: String,
        /// To the second.
        at: DateTime<Utc>,
    },
    /// The program set its terminal's title; told at most a few times a second.
    Titled {
        /// Whose program.
        agent: String,
        /// The title.
        title: String,
    },
    /// An answer to `Look`; `Err` when the session could not be asked.
    Looked {
        /// Whose screen.
        agent: String,
        /// The screen as it stood.
        screen: Result<Screen, String>,
    },
    /// An agent's own program told something of itself; it has proven who it is.
    Told {
        /// Which agent.
        agent: String,
        /// Number of the start that it belongs to.
        run: u64,
        /// What was told.
        event: AgentEvent,
    },
    /// A `Post` came to nothing at once; otherwise the program's answer is `Told`.
    PostFailed {
        /// To whose program.
        agent: String,
        /// Which message.
        message: MessageId,
        /// One line.
        why: String,
    },
    /// An answer to `Paste`.
    Pasted {
        /// Into whose session.
        agent: String,
        /// Which message.
        message: MessageId,
        /// Whether tmux took it.
        result: Result<(), String>,
    },
    /// An answer to `Press`.
    Pressed {
        /// In whose session.
        agent: String,
        /// Which message it submits.
        message: MessageId,
        /// Whether tmux took it.
        result: Result<(), String>,
    },
    /// A branch's pushed head is this commit; told when it changes and once at the start.
    Head {
        /// The loop that watches it.
        in_loop: String,
        /// Full object id.
        head: String,
    },
    /// The origin cannot be asked (unreachable, asks for a password, no such branch, no clone at all).
    OriginTrouble {
        /// The loop that watches it.
        in_loop: String,
        /// What git said, one line.
        why: String,
    },
    /// The answer to `ReadPushed`.
    Pushed {
        /// The loop that asked.
        in_loop: String,
        /// What was read, or why it could not be.
        result: Result<Pushed, String>,
    },
    /// A watched file on disk is like this; told when it changes and once when the watch begins.
    File {
        /// The loop that watches it.
        in_loop: String,
        /// Absolute.
        path: PathBuf,
        /// Its text (not UTF-8 is replaced), `None` where it is absent, `Err` where it cannot be read.
        content: Result<Option<String>, String>,
    },
    /// Somebody asks on the control socket.
    Request {
        /// To be named in the answer.
        id: RequestId,
        /// Who asks.
        asker: Asker,
        /// What is asked.
        request: Request,
    },
    /// Who asked this has hung up.
    RequestGone {
        /// The request's id.
        id: RequestId,
    },
    /// The answer to `ReadText`.
    TextRead {
        /// Who is to be told it.
        agent: String,
        /// The text (not UTF-8 is replaced), or why it cannot be read, naming the file.
        result: Result<String, String>,
    },
    /// All that is in the spool now, in the order in which it was asked; told when that may have changed.
    Spool {
        /// Every file of it.
        found: Vec<Spooled>,
    },
    /// Something could not be done that has no answer of its own ("cannot write `…/SEQUENCE-COMPLETE`: …").
    Trouble {
        /// One sentence.
        what: String,
    },
    /// Nothing but the deadline passed.
    Deadline,
}

/// A request that was left for the supervisor while there was none.
#[derive(Debug, Clone, PartialEq)]
pub struct Spooled {
    /// Name of its file; no two requests ever have the same.
    pub id: String,
    /// `None` where it cannot be read just now.
    pub request: Option<Request>,
}

/// What is known of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionSeen {
    /// There is no session of this name.
    Absent,
    /// The program runs; `run` is the number that its start was given.
    Running {
        /// As given to `Start`.
        run: u64,
    },
    /// Its unit has ended by somebody's order, not by itself: a person's, or the whole fleet's end.
    Stopped {
        /// When that was, as its unit has marked it.
        at: Option<Mono>,
        /// When the fleet's slice was entered, or left; later than the agent's end means that the whole fleet had ended.
        fleet_since: Option<Mono>,
    },
    /// The program has ended; its session may still hold the last screen.
    Died {
        /// As given to `Start`.
        run: u64,
        /// How it ended.
        exit: Exit,
        /// Where its last screen is kept, if it could be read.
        screen: Option<PathBuf>,
        /// Its last lines that are not empty, at most three.
        last_lines: Vec<String>,
    },
    /// It cannot be asked; it may live.
    Unknown {
        /// One line.
        why: String,
    },
    /// The start did not come about.
    StartFailed {
        /// As given to `Start`.
        run: u64,
        /// One line.
        why: String,
    },
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody could tell (it ended while the supervisor was down).
    Unknown,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(out, "exit status {code}"),
            Self::Signal(signal) => write!(out, "signal {signal}"),
            Self::Unknown => write!(out, "unknown exit status"),
        }
    }
}

/// What stands on the watched branch at `head`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pushed {
    /// The commit that was read; full object id.
    pub head: String,
    /// Commits that are new since the asked one, oldest first, at most [`COMMITS_MAX`].
    pub commits: Vec<Commit>,
    /// The asked paths that exist at `head`.
    pub files: BTreeMap<String, Blob>,
}

/// The most commits that one reading returns; the newest ones are kept.
pub const COMMITS_MAX: usize = 1000;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Full object id.
    pub id: String,
    /// First line of the message, not UTF-8 replaced, control characters removed.
    pub subject: String,
}

/// A file at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Object id: the same content has the same id.
    pub id: String,
    /// Its text, not UTF-8 replaced, cut at [`BLOB_BYTES_MAX`].
    pub text: String,
}

/// The most bytes that are read of a pushed file.
pub const BLOB_BYTES_MAX: usize = 1 << 20;
