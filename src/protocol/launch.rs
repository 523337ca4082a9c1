//! The launch file: what the supervisor wants started, for the `session` and `pane` verbs to read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::policy::launch::quoted;

/// Name of the tmux session option that holds the run's number.
pub const RUN_OPTION: &str = "@agent_orchestrator_run";

/// Name of the tmux session option that holds the id of the agent's own pane: people may add others.
pub const PANE_OPTION: &str = "@agent_orchestrator_pane";

/// Name of the variable that marks every process of an agent, also one that has left its session:
/// the path of the agent's tmux socket.
pub const MARK: &str = "AGENT_ORCHESTRATOR_SOCKET";

/// A transcript that is kept as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// Whose session files are read, one of `Teller::WORDS`.
    pub program: String,
    /// Where they are, see `transcripts_dir`.
    pub transcripts_dir: String,
    /// Shell text: the program.
    pub bin: String,
    /// The only conversation that counts: another agent of the same program has the same folder.
    pub only: Option<String>,
}

/// Everything about one start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Number of the start.
    pub run: u64,
    /// Name of the agent.
    pub agent: String,
    /// Name of the tmux session.
    pub session: String,
    /// Working folder; made if it is missing.
    pub dir: PathBuf,
    /// Shell text that `/bin/sh -c` runs in the pane.
    pub command: String,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
    /// Arguments of this program, which runs beside the agent; empty for none.
    #[serde(default)]
    pub beside: Vec<String>,
    /// The transcript that is kept while the agent runs.
    #[serde(default)]
    pub kept: Option<Kept>,
    /// The session's log.
    pub log: PathBuf,
}
