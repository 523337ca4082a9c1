//! Everything that can be done: what a turn decides.

use std::path::PathBuf;

use super::event::Event;
use super::message::MessageId;
use super::request::{Reply, RequestId};

/// One thing to do. Every action bears being done twice, or is checked first by who performs it.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Look for the agent's session on its socket, adopt what runs. Answered by `Session`.
    Find {
        /// Whose.
        agent: String,
    },
    /// Read and write all files that a start needs, without touching the session. Answered by `Prepared`.
    Prepare {
        /// Whose start.
        agent: String,
        /// What is to be started.
        start: Start,
    },
    /// Start the prepared run; there is no session of that name. Answered by `Session`
    /// (`Running` or `StartFailed`).
    Start {
        /// Whose.
        agent: String,
        /// The prepared start's number.
        run: u64,
    },
    /// End the session with its whole process tree. Answered by `Session` (`Absent`, or `Unknown`).
    Stop {
        /// Whose.
        agent: String,
    },
    /// Read the screen. Answered by `Looked`.
    Look {
        /// Whose.
        agent: String,
    },
    /// Paste a text as a whole, without submitting it. Answered by `Pasted`.
    Paste {
        /// Into whose session.
        agent: String,
        /// Named in the answer.
        message: MessageId,
        /// What to paste.
        text: String,
    },
    /// Hand a text to the interface of the agent's own program. Answered by what the program tells ([`Told::Posted`]),
    /// or by `PostFailed`.
    ///
    /// [`Told::Posted`]: super::agent_event::Told::Posted
    Post {
        /// To whose program.
        agent: String,
        /// Named in the answer.
        message: MessageId,
        /// The conversation that it is for.
        conversation: String,
        /// What it says.
        text: String,
    },
    /// Press the key that submits. Answered by `Pressed`.
    Press {
        /// In whose session.
        agent: String,
        /// Named in the answer.
        message: MessageId,
        /// A tmux key name.
        key: String,
    },
    /// Press a key in answer to a menu. What it does is seen on the screen.
    Key {
        /// In whose session.
        agent: String,
        /// A tmux key name.
        key: String,
    },
    /// Put a text into a file of the agent's own in the runtime folder, for a pointer to it.
    WriteText {
        /// Absolute; the folder is the runtime folder's `texts/`.
        path: PathBuf,
        /// Its content.
        text: String,
    },
    /// Read a prompt file. Answered by `TextRead`.
    ReadText {
        /// Who is to be told it.
        agent: String,
        /// Absolute.
        path: PathBuf,
    },
    /// Delete these files of the spool; what they asked is in the state. Done only once that is saved.
    Unspool {
        /// As found.
        ids: Vec<String>,
    },
    /// Read commits and files of the watched branch from our own mirror. Answered by `Pushed`.
    ReadPushed {
        /// The loop that asks.
        in_loop: String,
        /// Commits after this one are wanted; `None`: no commits.
        since: Option<String>,
        /// Files that are wanted, as paths in the repository.
        paths: Vec<String>,
    },
    /// Watch exactly these files on disk for this loop from now on. Answered by `File`, one for each.
    WatchFiles {
        /// The loop that asks.
        in_loop: String,
        /// Absolute.
        paths: Vec<PathBuf>,
    },
    /// Write the loop's SEQUENCE-COMPLETE, or remove it.
    MarkComplete {
        /// The loop.
        in_loop: String,
        /// The text, or `None` to remove it.
        text: Option<String>,
    },
    /// Remove a file if it is there.
    RemoveFile {
        /// Absolute.
        path: PathBuf,
    },
    /// Answer who asked.
    Answer {
        /// The request's id.
        id: RequestId,
        /// The answer; the connection is closed after it.
        reply: Reply,
    },
    /// Write to the event log and the journal.
    Record(Event),
    /// Tell the operator's command.
    Notify(Event),
    /// The fleet has been adopted or started: tell systemd and whoever waits. Said once.
    Ready,
    /// End the supervisor; everything else has been done.
    Exit,
}

/// What is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Counts the agent's starts, ever.
    pub run: u64,
    /// The phase whose kickoff a loop agent gets.
    pub phase: Option<String>,
    /// A one-off backend instead of the config's (`AGENT_BACKEND_<name>`).
    pub backend: Option<String>,
    /// The model: one-off, else the phase's, else the config's.
    pub model: Option<String>,
    /// Appended to a task's prompt.
    pub extra_text: Option<String>,
    /// The conversation that it goes on with, or begins.
    pub conversation: Conversation,
    /// Nothing is prepared where the last start's files say the same.
    pub unless_same: bool,
}

/// The conversation of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conversation {
    /// The program chooses.
    Unknown,
    /// A new one, with this id.
    New(String),
    /// The one of this id; the agent is told `resume_prompt` instead of its kickoff.
    Resumed(String),
}
