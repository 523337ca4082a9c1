//! What the operator wants, checked and resolved: the fleet that every decision is about.
//!
//! `config` builds these values from `agents.toml`; nothing here is read from anywhere else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use super::pattern::Pattern;
use super::reading::Rules;

/// A whole fleet, as one `agents.toml` describes it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fleet {
    /// Put before an agent's name to form the name of its tmux session.
    pub session_prefix: String,
    /// Where relative paths of the file resolve against; absolute.
    pub project_dir: PathBuf,
    /// Session logs, and ad hoc the state folder; absolute.
    pub log_dir: PathBuf,
    /// Bounds and cadences of the supervisor.
    pub watchdog: Watchdog,
    /// Agents and services in the order of the file.
    pub agents: Vec<Agent>,
    /// All backends that the file or a preset defines, by name; for one-off overrides.
    pub backends: BTreeMap<String, Result<Backend, String>>,
    /// The loops in the order of the file.
    pub loops: Vec<Loop>,
    /// `[notify] command`: the operator's program and its arguments.
    pub notify: Option<Vec<String>>,
}

impl Fleet {
    /// Keeps the last good form of backends that are not usable any more: what runs is to be read and typed into as before.
    /// Returns a sentence for each.
    pub fn keep_backends(&mut self, before: &Self) -> Vec<String> {
        let mut kept = std::collections::BTreeSet::new();
        for (name, backend) in &mut self.backends {
            if let (Err(_), Some(Ok(good))) = (&backend, before.backends.get(name)) {
                *backend = Ok(good.clone());
                kept.insert(format!("backend `{name}` stays as it was"));
            }
        }
        for agent in &mut self.agents {
            let good = before.agent(&agent.name).filter(|good| agent.backend.is_err() && good.backend.is_ok());
            if let Some(good) = good {
                kept.insert(format!("backend `{}` stays as it was", good.backend_name));
                agent.backend.clone_from(&good.backend);
                agent.backend_name.clone_from(&good.backend_name);
                agent.account.clone_from(&good.account);
            }
        }
        kept.into_iter().collect()
    }

    /// Returns the agent or service of this name.
    pub fn agent(&self, name: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.name == name)
    }

    /// Returns the loop of this name; the unnamed one has the empty name.
    pub fn loop_named(&self, name: &str) -> Option<&Loop> {
        self.loops.iter().find(|a_loop| a_loop.name == name)
    }
}

/// `[watchdog]`: cadences and bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Watchdog {
    /// Fallback cadence for the handoff where no event exists (a remote origin).
    pub signal_interval: Duration,
    /// Fallback cadence for everything else.
    pub heavy_interval: Duration,
    /// How long an agent may stay silent after its own WAITING-UNTIL.
    pub stall_grace: Duration,
    /// Cadence of limit probes where no reset time is known.
    pub limit_probe_fallback: Duration,
    /// Added to a named reset time.
    pub limit_reset_slack: Duration,
    /// The furthest WAITING-UNTIL that is honoured.
    pub wait_max: Duration,
    /// How many agents may be starting at once.
    pub max_starting: usize,
    /// How long a person's draft may block messages before it is told.
    pub draft_alarm: Duration,
}

impl Default for Watchdog {
    fn default() -> Self {
        Self {
            signal_interval: Duration::from_secs(30),
            heavy_interval: Duration::from_secs(300),
            stall_grace: Duration::from_secs(180),
            limit_probe_fallback: Duration::from_secs(300),
            limit_reset_slack: Duration::from_secs(45),
            wait_max: Duration::from_secs(3600),
            max_starting: 4,
            draft_alarm: Duration::from_secs(900),
        }
    }
}

/// Whatever has a session: an agent or a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Unique over agents and services; `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// Name of its tmux session; unique.
    pub session: String,
    /// What it is for, with what only this kind has.
    pub kind: Kind,
    /// False: not started, and stopped when it runs.
    pub enabled: bool,
    /// What the supervisor heals.
    pub watch: Watch,
    /// Name of its backend; empty for a service.
    pub backend_name: String,
    /// How it is started and read, or why that cannot be known ("unknown backend `x`"). A service has none.
    pub backend: Result<Backend, String>,
    /// The model of the config, if any; a phase may override it.
    pub model: Option<String>,
    /// Working folder; absolute.
    pub dir: PathBuf,
    /// Resume the stored conversation after a death or reboot.
    pub resume: bool,
    /// Said instead of the kickoff when a conversation is resumed.
    pub resume_prompt: String,
    /// Whose usage limits it shares.
    pub account: String,
    /// What it is woken with.
    pub wake: Option<Wake>,
    /// A systemd calendar that runs this task.
    pub schedule: Option<String>,
    /// What the agent itself may ask of the supervisor.
    pub control: Control,
    /// Keep its transcript as a file.
    pub clean_log: bool,
}

impl Agent {
    /// Returns the loop that it belongs to.
    pub fn in_loop(&self) -> Option<&str> {
        match &self.kind {
            Kind::Loop { in_loop, .. } => Some(in_loop),
            Kind::Persistent(_) | Kind::Task(_) | Kind::Service { .. } => None,
        }
    }

    /// Says whether it runs once when asked.
    pub fn is_task(&self) -> bool {
        matches!(self.kind, Kind::Task(_))
    }
}

/// What an agent is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One of a loop's agents: it is started with the phase's kickoff.
    Loop {
        /// Name of the loop, empty for the unnamed one.
        in_loop: String,
        /// Names its role prompt, `roles_dir`/ROLE.md.
        role: String,
    },
    /// Runs always, with a prompt of its own.
    Persistent(Prompt),
    /// Runs once when asked; never restarted after its exit.
    Task(Prompt),
    /// A plain command; its screen is not read.
    Service {
        /// Shell text.
        command: String,
    },
}

impl Kind {
    /// Returns the word that the config and `status` use.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Loop { .. } => "loop",
            Self::Persistent(_) => "persistent",
            Self::Task(_) => "task",
            Self::Service { .. } => "service",
        }
    }
}

/// Where a prompt comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Stands in the config.
    Text(String),
    /// Read at each start; absolute.
    File(PathBuf),
}

/// What the supervisor heals of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watch {
    /// Nothing: a dead agent stays dead.
    #[default]
    None,
    /// Death and fatal states.
    Heal,
    /// Also silence.
    HealAndStall,
}

impl Watch {
    /// Returns the word that the config and `status` use.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Heal => "heal",
            Self::HealAndStall => "heal+stall",
        }
    }
}

/// `wake`: what an agent is woken with, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Wake {
    /// The text's file; absolute.
    pub prompt_file: PathBuf,
    /// Kept by the supervisor.
    pub interval: Option<Duration>,
    /// A systemd calendar; only a timer fires it.
    pub schedule: Option<String>,
}

/// What an agent may ask of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Control {
    /// Nothing.
    #[default]
    None,
    /// status, events, explain.
    Observe,
    /// Also send, wake, run, restart.
    Operate,
}

/// How an agent program is started, read and typed into.
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    /// Shell text: the program, or for `exec` a template with `{kickoff} {session} {model}`.
    pub bin: String,
    /// Shell text behind the other arguments.
    pub flags: String,
    /// Template with `{model}`.
    pub model_flag: String,
    /// Template with `{id}`.
    pub resume_flag: String,
    /// Whether a conversation can be resumed.
    pub supports_resume: bool,
    /// Template with `{id}`: chooses the conversation's id at its start.
    pub new_id_flag: Option<String>,
    /// Whether `remote_control_flag` is given.
    pub remote_control: bool,
    /// Template with `{session}`.
    pub remote_control_flag: String,
    /// Shell text before the program of a `ping` backend.
    pub preamble: String,
    /// Address of a server that `attach` names.
    pub server: String,
    /// Template with `{bin} {server} {dir}`: the command line of a `ping` backend.
    pub attach: String,
    /// Give the model through `OPENCODE_CONFIG_CONTENT`.
    pub model_env: bool,
    /// Ready after this time where neither `ready_re` nor `input_re` tells.
    pub connect_delay: Duration,
    /// A start ends after this time at the latest.
    pub ready_max: Duration,
    /// tmux key that submits.
    pub submit_key: String,
    /// tmux key that empties the line in the input box.
    pub clear_key: Option<String>,
    /// Name of the program's process, to tell it from another.
    pub process_name: Option<String>,
    /// Its last status line stays after a turn: a log written within `log_grace` counts as activity.
    pub footer_ui: bool,
    /// Of `footer_ui`.
    pub log_grace: Duration,
    /// Idle for so long without WAITING-UNTIL is a stall.
    pub stall_idle: Duration,
    /// How the prompt reaches the program.
    pub prompt_delivery: PromptDelivery,
    /// Whether it takes a message while it works.
    pub queues_while_busy: bool,
    /// How its screens are read; shared by all its agents.
    pub screen: Arc<Rules>,
    /// Texts that are typed when the screen shows what a rule of that name reads.
    pub answers: BTreeMap<String, String>,
    /// Between two answers to the same rule lies at least this.
    pub answer_pause: Duration,
    /// How the program is made to tell of itself; `None`: only its screen is read.
    pub events: Option<Teller>,
    /// As which program's session files its conversations are read; `None`: they are not.
    pub transcripts: Option<Teller>,
    /// Where those are, with `~` and `${NAME:-VALUE}` at its beginning.
    pub transcripts_dir: String,
    /// A version that the preset is known to fit.
    pub proven: Option<String>,
    /// Environment of the program.
    pub env: BTreeMap<String, String>,
}

/// A program that is made to tell of itself at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// Claude Code: hooks and status line in a settings file of the start's own.
    Claude,
    /// Codex: `notify`.
    Codex,
    /// Gemini: hooks in a settings file of the start's own.
    Gemini,
    /// opencode: its server's event stream.
    Opencode,
}

impl Teller {
    /// The words of the config.
    pub const WORDS: [&str; 5] = ["none", "claude", "codex", "gemini", "opencode"];

    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
        }
    }

    /// Returns what a word of [`Self::WORDS`] means; `None` for `none`.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "claude" => Some(Self::Claude),
            "codex" => Some(Self::Codex),
            "gemini" => Some(Self::Gemini),
            "opencode" => Some(Self::Opencode),
            _ => None,
        }
    }
}

/// How the first prompt reaches the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptDelivery {
    /// On the command line.
    #[default]
    Arg,
    /// Typed in when the program is ready.
    Ping,
    /// `bin` is a command template that finds the kickoff file itself.
    Exec,
}

/// A builder and an adversary that go through phases.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// Empty for the one of `[loop]`.
    pub name: String,
    /// In the order in which they are worked.
    pub phases: Vec<Phase>,
    /// The predecessor's file with the index of the phase; read once when the state knows none. Absolute.
    pub state_file: PathBuf,
    /// Whether a done phase is followed by the next one without a person.
    pub auto_advance: bool,
    /// The frame of every kickoff; the built-in one if none. Absolute.
    pub kickoff_template: Option<PathBuf>,
    /// Holds ROLE.md; absolute.
    pub roles_dir: PathBuf,
    /// The line that ends a phase.
    pub done_marker: String,
    /// Which copy of the status file counts.
    pub done_source: DoneSource,
    /// The clone whose origin is watched (`handoff.repo`, else the project folder); absolute.
    pub repo: PathBuf,
    /// The branch that is watched; the remote's default if none.
    pub branch: Option<String>,
    /// Folder of status files and inboxes within the repository; they may stand at its root as well.
    pub state_subdir: String,
    /// Who is told what; `None` without `[loop.handoff]`.
    pub handoff: Option<Handoff>,
    /// What follows the last phase.
    pub on_complete: Option<OnComplete>,
    /// A review that does not pass so many times raises an alarm.
    pub review_rounds_max: u32,
}

/// One phase of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Unique within the loop.
    pub id: String,
    /// The plan's path as the kickoff names it; relative to the repository or the project folder.
    pub plan: String,
    /// Name of the status file.
    pub status: String,
    /// Model by role.
    pub models: BTreeMap<String, String>,
}

/// Which copy of the status file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DoneSource {
    /// What is committed and pushed.
    #[default]
    Pushed,
    /// The working copy of `repo`.
    Worktree,
}

/// `[loop.handoff]`: who is told of which commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Handoff {
    /// Subjects that hand work to the reviewer.
    pub claim_pattern: Pattern,
    /// Subjects that hand work back.
    pub review_pattern: Pattern,
    /// Name of the agent that is told of claims.
    pub claim_pings: String,
    /// Name of the agent that is told of reviews.
    pub review_pings: String,
    /// The first is read by `claim_pings`, the second by `review_pings`.
    pub inboxes: Vec<String>,
}

/// What follows the last phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnComplete {
    /// The task that is run.
    pub run: Option<String>,
    /// Deleted before the run; absolute.
    pub trigger_file: Option<PathBuf>,
}
