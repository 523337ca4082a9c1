//! The picture that `status` shows, and all that `explain` tells of one agent.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The fleet at one moment; `status --json` prints exactly this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// When it was taken.
    pub time: DateTime<Utc>,
    /// Whether a supervisor took it; without one it is what disk and tmux tell.
    pub supervised: bool,
    /// Process id of the supervisor.
    pub supervisor_pid: Option<u32>,
    /// Who starts tmux servers: `ad hoc` or `systemd`.
    pub mode: String,
    /// The config's path.
    pub config: String,
    /// Where session logs lie, and the state below it.
    pub log_dir: String,
    /// Why the config on disk is not in force.
    pub config_error: Option<String>,
    /// Held accounts, each with when it is asked next: `account claude, next probe 15:00`.
    #[serde(default)]
    pub holds: Vec<String>,
    /// Mistakes in the config that did not stop it.
    pub config_warnings: Vec<String>,
    /// Why the operator's command was not told; `None` when it has succeeded since.
    #[serde(default)]
    pub notify_trouble: Option<String>,
    /// In the order of the config.
    pub loops: Vec<LoopPicture>,
    /// Agents, then services, in the order of the config; last, sessions that the config no longer names.
    pub agents: Vec<AgentPicture>,
}

/// One loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoopPicture {
    /// Empty for the unnamed one.
    pub name: String,
    /// Current phase's id; `None` when there are no phases.
    pub phase: Option<String>,
    /// Its place, from 1; 0 when the config no longer has it.
    pub position: usize,
    /// How many phases there are.
    pub phases: Vec<String>,
    /// Path of its plan as configured.
    pub plan: Option<String>,
    /// `in progress`, `done`, `almost done`, `complete`, `unknown`.
    pub state: String,
    /// Since when, seconds.
    pub age_s: u64,
    /// Claims of this phase that a review did not pass.
    #[serde(default)]
    pub rounds: u32,
    /// Pushed head that has been dealt with.
    pub head: Option<String>,
    /// What is wrong, one sentence, with since when.
    pub trouble: Option<String>,
}

/// One agent or service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentPicture {
    /// Its name.
    pub name: String,
    /// Its tmux session.
    pub session: String,
    /// `loop`, `persistent`, `task`, `service`.
    pub kind: String,
    /// Name of its backend, `-` for a service.
    pub backend: String,
    /// The model in force, `default` where none is set.
    pub model: String,
    /// `none`, `heal`, `heal+stall`.
    pub watch: String,
    /// One word of: starting, working, idle, waiting, limited, attention, running, back-off, restarting, stopping,
    /// stopped, dead, finished, disabled, misconfigured, unknown.
    pub state: String,
    /// What more there is to say: until when, why, by whom.
    pub detail: Option<String>,
    /// How long it has been in that state, seconds.
    pub age_s: u64,
    /// Messages that wait.
    pub pending: usize,
    /// Starts after a death within the last ten minutes.
    pub recent_deaths: usize,
    /// How often its screen and what it tells of itself have disagreed.
    #[serde(default)]
    pub drifts: u32,
    /// How its program ended last.
    pub last_exit: Option<String>,
    /// Its conversation as it is named on a resume, where it is known.
    #[serde(default)]
    pub conversation: Option<String>,
}

/// All that is known of one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The row of `status`.
    pub agent: AgentPicture,
    /// What is known from where, with its age: one line each.
    pub sources: Vec<Source>,
    /// Messages that wait, one line each: number, age, why it waits, its beginning.
    pub pending: Vec<String>,
    /// What happens next and when, one line each.
    pub next: Vec<String>,
    /// `wake`, `run`: what timers of systemd ask for; when, only systemd knows.
    #[serde(default)]
    pub timers: Vec<String>,
}

/// One source of knowledge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// `session`, `screen`, `output`, `input box`, ....
    pub name: String,
    /// Seconds since it was read; `None` if never.
    pub age_s: Option<u64>,
    /// What it says.
    pub says: String,
}
