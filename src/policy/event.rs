//! What is told: to the event log, the journal and the operator's command.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub time: DateTime<Utc>,
    /// What kind.
    pub event: EventKind,
    /// How much it matters, as systemd counts.
    pub level: Level,
    /// Which agent it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<String>,
    /// Which loop it is about; empty for the unnamed one.
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none", default)]
    pub in_loop: Option<String>,
    /// The phase at that time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phase: Option<String>,
    /// One sentence for people.
    pub text: String,
    /// What only this kind has: exit, commit, file, message, ....
    #[serde(skip_serializing_if = "serde_json::Map::is_empty", default)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// systemd's levels, as far as we use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// 3: cannot go on.
    Error = 3,
    /// 4: went on anyway.
    Warning = 4,
    /// 5: a person will want to know.
    Notice = 5,
    /// 6: routine.
    Info = 6,
    /// 7: for developers.
    Debug = 7,
}

impl EventKind {
    /// Returns how much an event of this kind matters.
    pub fn level(self) -> Level {
        match self {
            Self::CrashLoop | Self::PhaseUnknown => Level::Error,
            Self::ConfigBroken
            | Self::Misconfigured
            | Self::Died
            | Self::StartFailed
            | Self::Unreachable
            | Self::LimitPersists
            | Self::ScreenPersists
            | Self::ReviewRounds
            | Self::Fatal
            | Self::Stalled
            | Self::OriginTrouble
            | Self::WakeFailed
            | Self::Trouble => Level::Warning,
            Self::SupervisorStarted
            | Self::SupervisorStopped
            | Self::ConfigLoaded
            | Self::Started
            | Self::Reachable
            | Self::Stopped
            | Self::Finished
            | Self::Handoff
            | Self::Inbox
            | Self::PlanEdited
            | Self::Unconfirmed
            | Self::Draft
            | Self::Phase
            | Self::AlmostDone
            | Self::PhaseDone
            | Self::SequenceComplete
            | Self::LimitHeld
            | Self::LimitLifted
            | Self::ScreenAnswered
            | Self::Attention
            | Self::Spooled
            | Self::LeftAlone
            | Self::Drift
            | Self::OriginBack => Level::Notice,
            Self::LimitProbe | Self::Adopted | Self::Queued | Self::Delivered | Self::Withdrawn => Level::Info,
            Self::AgentReady => Level::Debug,
        }
    }
}

/// Kinds of events; the words stand in the log and in the journal's `EVENT=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The supervisor began.
    SupervisorStarted,
    /// The supervisor ended; agents go on unless `down` was asked.
    SupervisorStopped,
    /// A config came into force.
    ConfigLoaded,
    /// A known screen was answered with its text.
    ScreenAnswered,
    /// A known screen stays though it was answered.
    ScreenPersists,
    /// A config is not usable; the last good one stays.
    ConfigBroken,
    /// An agent cannot be started as configured.
    Misconfigured,
    /// A running agent was found again.
    Adopted,
    /// An agent was started.
    Started,
    /// An agent is ready for messages.
    AgentReady,
    /// An agent's program ended by itself.
    Died,
    /// An agent was ended on purpose.
    Stopped,
    /// A start did not come about.
    StartFailed,
    /// An agent's session cannot be asked.
    Unreachable,
    /// An agent's session can be asked again.
    Reachable,
    /// An agent dies again and again.
    CrashLoop,
    /// A task ended.
    Finished,
    /// Commits were pushed that hand work over.
    Handoff,
    /// An inbox has new content.
    Inbox,
    /// A plan was edited in mid-phase.
    PlanEdited,
    /// A message waits for an agent.
    Queued,
    /// A message arrived.
    Delivered,
    /// A message was typed, and nothing proves that it arrived.
    Unconfirmed,
    /// A message was taken back.
    Withdrawn,
    /// A person's draft blocks messages.
    Draft,
    /// An agent's wake text cannot be read.
    WakeFailed,
    /// A task was to be run and works already.
    LeftAlone,
    /// What was asked while there was no supervisor was taken up.
    Spooled,
    /// A loop went to another phase.
    Phase,
    /// A status file holds a line that looks like an end and is none.
    AlmostDone,
    /// A phase is done and waits for a person (`auto_advance = false`).
    PhaseDone,
    /// The last phase is done.
    SequenceComplete,
    /// The current phase is gone from the config.
    PhaseUnknown,
    /// The origin cannot be asked.
    OriginTrouble,
    /// The origin can be asked again.
    OriginBack,
    /// Reviews of a phase have not passed as often as `review_rounds_max`.
    ReviewRounds,
    /// An account is held by a usage limit.
    LimitHeld,
    /// A held account is probed, or the probe was refused.
    LimitProbe,
    /// A held account stays held though it was probed several times.
    LimitPersists,
    /// A held account is open again.
    LimitLifted,
    /// An agent's conversation is broken: it is started anew.
    Fatal,
    /// An agent was silent for too long, or another program runs in its place: it is started anew.
    Stalled,
    /// An agent cannot go on without a person.
    Attention,
    /// An agent's screen and what it tells of itself disagree.
    Drift,
    /// Something could not be done; the supervisor went on.
    Trouble,
}
