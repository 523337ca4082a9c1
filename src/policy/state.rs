//! What is kept over restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::kept::Kept;
use super::known_screen::Answers;
use super::limit::Limit;
use super::message::{Message, MessageId, Progress};
use super::notify::Notice;
use super::now::{Moment, Now};
use super::observation::Exit;
use super::stall::Rest;
use super::task::{Course, Order};

pub use super::presence::{Over, Session};

/// Version of the state file's form.
pub const VERSION: u32 = 1;

/// Everything that the supervisor knows and must not forget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Form of this state, [`VERSION`].
    pub version: u32,
    /// Id of the boot whose monotonic clock the moments in here are read from.
    pub boot: String,
    /// Number of the next message.
    pub next_message: u64,
    /// Agents and services by name.
    pub agents: BTreeMap<String, AgentState>,
    /// Loops by name.
    pub loops: BTreeMap<String, LoopState>,
    /// Held accounts.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// What the operator's command was told lately.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// Spool files whose requests are in this state already, as long as the files are there.
    #[serde(default)]
    pub spooled: BTreeSet<String>,
}

/// What is kept of an agent or service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentState {
    /// What is known of its session.
    pub session: Session,
    /// Since when.
    pub since: Moment,
    /// It is to run: it was started by the fleet, by a person or by a loop, and has not ended for good.
    pub asked: bool,
    /// A person stopped it by name; only a person lifts that.
    pub stopped: Option<Moment>,
    /// Number of its newest start, ever.
    pub run: u64,
    /// It runs and is to be started anew.
    pub restart: Option<Cause>,
    /// Not to be started before this.
    pub retry: Option<Moment>,
    /// Deaths and failed starts since it last ran for [`super::session::HEALTHY`].
    pub deaths: Vec<Moment>,
    /// It died too often; one try per [`super::session::BACK_OFF_MAX`] until it is healthy again.
    pub crash_loop: bool,
    /// Why it cannot be started as things are.
    pub blocked: Option<Blocked>,
    /// How its program ended last.
    pub last_exit: Option<LastExit>,
    /// The phase whose kickoff its newest run got.
    pub phase: Option<String>,
    /// The one-off backend of its newest run.
    pub backend: Option<String>,
    /// The one-off model of its newest run.
    #[serde(default)]
    pub model: Option<String>,
    /// Id of its conversation, where it is known.
    #[serde(default)]
    pub conversation: Option<String>,
    /// Its newest run went on with a conversation that was there before.
    #[serde(default)]
    pub resumed: bool,
    /// The conversation of the start that is being prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_conversation: Option<String>,
    /// Its next start begins a new conversation.
    #[serde(default)]
    pub fresh: bool,
    /// Messages that wait, the next one first.
    pub queue: Vec<Message>,
    /// Messages that its program has taken and keeps for after its turn.
    #[serde(default)]
    pub kept: Vec<Kept>,
    /// The run whose program tells of its prompts, as it has shown; none where a receipt did not come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts_run: Option<u64>,
    /// Its account is open again, and it follows then.
    #[serde(default)]
    pub release: Option<Moment>,
    /// The banner that stood on its screen when its account was opened: no evidence of a new hold.
    #[serde(default)]
    pub old_banner: Option<String>,
    /// It cannot go on without a person.
    #[serde(default)]
    pub attention: Option<Attention>,
    /// It rests.
    #[serde(default)]
    pub idle: Option<Rest>,
    /// When it ran first, ever.
    #[serde(default)]
    pub first_started: Option<Moment>,
    /// When a wake was queued for it last, or landed.
    #[serde(default)]
    pub last_wake: Option<Moment>,
    /// The answers that known screens have got, by the rule that reads them.
    #[serde(default)]
    pub answers: BTreeMap<String, Answers>,
    /// A wake was ordered by name then, and its text has not been read yet.
    #[serde(default)]
    pub wake_ordered: Option<Moment>,
    /// How often its screen and what it tells of itself have disagreed, ever.
    #[serde(default)]
    pub drifts: u32,
    /// A run that was ordered and has not begun.
    #[serde(default)]
    pub order: Option<Order>,
}

/// Why a running agent is started anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A person asked.
    Asked,
    /// A person has started its unit, which runs the last start once more; it stays where that is as the config says now.
    Started,
    /// Its loop went to another phase.
    Phase,
    /// It was silent for too long.
    Stall,
    /// Its conversation is broken.
    Fatal,
    /// Another agent program runs in its pane.
    WrongProgram,
}

/// Why an agent cannot go on without a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// What the screen says.
    pub why: String,
    /// The rule that read it.
    pub rule: String,
    /// Since when.
    pub since: Moment,
}

/// Why an agent cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// One sentence.
    pub why: String,
    /// The config is at fault, not a file that may come.
    pub misconfigured: bool,
    /// Since when.
    pub since: Moment,
    /// Something changed that may have mended it.
    pub again: bool,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastExit {
    /// How.
    pub exit: Exit,
    /// When it was seen.
    pub at: Moment,
    /// Where its last screen is kept.
    pub screen: Option<PathBuf>,
    /// The last line on it, of a program that failed at its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

impl LastExit {
    /// Returns how it ended, and its last words where there are any.
    pub fn told(&self) -> String {
        let words = self.words.as_ref().map(|words| format!(": {words}")).unwrap_or_default();
        format!("{}{words}", self.exit)
    }
}

/// What is kept of a loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoopState {
    /// Id of the current phase; `None` until it is known.
    pub phase: Option<String>,
    /// Since when.
    pub since: Moment,
    /// Pushed head up to which everything has been told.
    pub head: Option<String>,
    /// Inbox contents that have been told, by file: object ids.
    pub inboxes: BTreeMap<String, String>,
    /// The current plan as last seen, by source: content ids.
    pub plan: BTreeMap<String, String>,
    /// The current phase's status, as last read.
    pub status: PhaseStatus,
    /// Claims of this phase that a review did not pass.
    #[serde(default)]
    pub rounds: u32,
    /// A claim was pushed that no review has answered.
    #[serde(default)]
    pub claimed: bool,
    /// The last phase is done, and its end has been dealt with.
    pub complete: Option<Moment>,
    /// What is wrong with its origin.
    pub trouble: Option<Trouble>,
    /// Why it is not known which phase it is in, as last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub astray: Option<String>,
}

/// What the status file of a phase says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseStatus {
    /// Nothing of an end.
    #[default]
    Open,
    /// A line that looks like the marker and is none; told once.
    AlmostDone,
    /// The marker; told once where nothing moves by itself.
    Done,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// One sentence.
    pub why: String,
    /// Since when.
    pub since: Moment,
}

impl State {
    /// Returns the state of a fleet that never ran.
    pub fn new(boot: &str) -> Self {
        Self {
            version: VERSION,
            boot: boot.to_owned(),
            next_message: 1,
            agents: BTreeMap::new(),
            loops: BTreeMap::new(),
            limits: Vec::new(),
            notices: Vec::new(),
            spooled: BTreeSet::new(),
        }
    }

    /// Translates a state that was read from disk into the running boot: after a reboot every moment is kept by
    /// the wall clock, and what ran is to be started again.
    #[must_use]
    pub fn taken_up(mut self, boot: &str, now: Now) -> Self {
        if self.boot == boot {
            return self;
        }
        boot.clone_into(&mut self.boot);
        for agent in self.agents.values_mut() {
            agent.reboot(now);
        }
        for limit in &mut self.limits {
            limit.reboot(now);
        }
        for a_loop in self.loops.values_mut() {
            a_loop.since = a_loop.since.rebased(now);
            a_loop.complete = a_loop.complete.map(|moment| moment.rebased(now));
            if let Some(trouble) = &mut a_loop.trouble {
                trouble.since = trouble.since.rebased(now);
            }
        }
        self.notices.retain(|notice| notice.waits.is_some());
        for notice in &mut self.notices {
            notice.told = notice.told.rebased(now);
        }
        self
    }

    /// Returns a number for a new message.
    pub fn take_message_id(&mut self) -> MessageId {
        let id = MessageId(self.next_message);
        self.next_message = self.next_message.saturating_add(1);
        id
    }
}

impl AgentState {
    /// Returns the state of an agent that was never started.
    pub fn new(asked: bool, now: Now) -> Self {
        Self {
            session: Session::Absent,
            since: now.moment(),
            asked,
            stopped: None,
            run: 0,
            restart: None,
            retry: None,
            deaths: Vec::new(),
            crash_loop: false,
            blocked: None,
            last_exit: None,
            phase: None,
            backend: None,
            model: None,
            conversation: None,
            next_conversation: None,
            resumed: false,
            fresh: false,
            queue: Vec::new(),
            kept: Vec::new(),
            receipts_run: None,
            answers: BTreeMap::new(),
            release: None,
            old_banner: None,
            attention: None,
            idle: None,
            first_started: None,
            last_wake: None,
            wake_ordered: None,
            drifts: 0,
            order: None,
        }
    }

    /// Enters `session`; the clock of the state starts anew when it is another one.
    pub fn enter(&mut self, session: Session, now: Now) {
        if std::mem::discriminant(&self.session) != std::mem::discriminant(&session) {
            self.since = now.moment();
        }
        self.session = session;
    }

    /// Takes in that run `run` runs.
    pub fn began(&mut self, run: u64, now: Now) {
        self.first_started.get_or_insert(now.moment());
        let fulfils = |order: &mut Order| matches!(order.course, Course::Accepted { after } if run > after);
        self.order.take_if(fulfils);
    }

    /// Returns what the ordered run adds to the prompt.
    pub fn ordered_text(&self) -> Option<String> {
        let order = self.order.as_ref().filter(|order| matches!(order.course, Course::Accepted { .. }))?;
        order.text.clone()
    }

    fn reboot(&mut self, now: Now) {
        let ran = match &self.session {
            Session::Running { .. }
            | Session::Starting
            | Session::Unknown { lived: true, .. }
            | Session::Preparing { .. }
            | Session::Stopping { then_start: true } => true,
            Session::Stopping { then_start: false }
            | Session::Unknown { lived: false, .. }
            | Session::Absent
            | Session::Dead { .. } => false,
        };
        self.session = Session::Absent;
        self.asked |= ran && self.stopped.is_none();
        self.since = now.moment();
        for kept in [&mut self.stopped, &mut self.first_started, &mut self.last_wake, &mut self.wake_ordered] {
            *kept = kept.map(|moment| moment.rebased(now));
        }
        self.deaths.clear();
        self.crash_loop = false;
        self.retry = None;
        self.restart = None;
        self.release = None;
        self.old_banner = None;
        self.attention = None;
        self.idle = None;
        if let Some(blocked) = &mut self.blocked {
            blocked.since = blocked.since.rebased(now);
        }
        if let Some(last) = &mut self.last_exit {
            last.at = last.at.rebased(now);
        }
        for message in self.queue.iter_mut().chain(self.kept.iter_mut().map(|kept| &mut kept.message)) {
            message.queued = message.queued.rebased(now);
            if message.progress != Progress::Queued {
                message.repeat();
            }
        }
    }
}

impl LoopState {
    /// Returns the state of a loop that was never run.
    pub fn new(now: Now) -> Self {
        Self {
            phase: None,
            since: now.moment(),
            head: None,
            inboxes: BTreeMap::new(),
            plan: BTreeMap::new(),
            status: PhaseStatus::Open,
            rounds: 0,
            claimed: false,
            complete: None,
            trouble: None,
            astray: None,
        }
    }
}
