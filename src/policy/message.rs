//! A text on its way to an agent.

use serde::{Deserialize, Serialize};

use super::now::Moment;
use super::observation::Commit;

/// Counts the fleet's messages, ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub u64);

impl std::fmt::Display for MessageId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "m{}", self.0)
    }
}

/// A message in an agent's queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its number.
    pub id: MessageId,
    /// Why it was written.
    pub purpose: Purpose,
    /// What is said.
    pub text: String,
    /// It stands in a file, and one line that points to it is typed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aside: bool,
    /// When it was queued.
    pub queued: Moment,
    /// How far it has come.
    pub progress: Progress,
}

/// Why a message was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum Purpose {
    /// Points a `ping` backend to its kickoff; belongs to one run.
    Kickoff {
        /// The run's number.
        run: u64,
    },
    /// Tells a loop agent what happened; belongs to one phase.
    Ping(Ping),
    /// A person or script said it.
    Send,
    /// Asks one agent of a held account to go on.
    Probe,
    /// Tells an agent that its account is open again.
    Resume,
    /// Answers a known screen; typed only when the agent is idle and the screen still shows it.
    Answer {
        /// The rule that read the screen.
        rule: String,
    },
    /// The agent's wake text; typed only when the agent is idle, and never two of them wait.
    Wake,
}

/// What a loop agent is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// The loop.
    pub in_loop: String,
    /// What happened.
    pub about: PingAbout,
    /// What it names, oldest first.
    pub commits: Vec<Commit>,
}

/// What a ping is about; waiting pings about the same are merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PingAbout {
    /// A claim was pushed.
    Claim,
    /// A review was pushed.
    Review,
    /// This inbox has new content.
    Inbox(String),
    /// The plan was edited.
    Plan,
}

/// How far a message has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
pub enum Progress {
    /// Waits for its turn or for the agent.
    Queued,
    /// Is being pasted: after a crash nobody knows whether it was.
    Pasting {
        /// When that began.
        since: Moment,
    },
    /// Was pasted.
    Typed {
        /// When.
        since: Moment,
        /// The input box has shown a text since: the program reads its terminal.
        #[serde(default)]
        shown: bool,
    },
    /// Was handed to the program's own interface, which has not answered yet.
    Posted {
        /// When.
        since: Moment,
    },
    /// The submit key was pressed so many times.
    Submitted {
        /// When it was pressed last.
        since: Moment,
        /// How often.
        presses: u32,
        /// The input box has shown a text since the paste.
        #[serde(default)]
        shown: bool,
    },
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was seen to arrive.
    Confirmed,
    /// It was typed and submitted; this backend shows nothing that would prove it.
    Unconfirmed,
}

/// Put before a text that may have arrived already.
pub const REPEATED: &str = "(possibly repeated) ";

impl Message {
    /// Says whether it is marked as possibly arrived already.
    pub fn is_repeated(&self) -> bool {
        self.text.starts_with(REPEATED)
    }

    /// Returns the text without the mark of one that may have arrived already.
    pub fn plain_text(&self) -> &str {
        self.text.strip_prefix(REPEATED).unwrap_or(&self.text)
    }

    /// Says something else from now on; what may have arrived already stays marked.
    pub fn reword(&mut self, text: String) {
        let is_marked = self.is_repeated();
        self.text = text;
        if is_marked {
            self.text.insert_str(0, REPEATED);
        }
    }

    /// Puts the message back to the start of its way, marked as possibly arrived already.
    pub fn repeat(&mut self) {
        if !self.is_repeated() {
            self.text.insert_str(0, REPEATED);
        }
        self.progress = Progress::Queued;
    }
}
