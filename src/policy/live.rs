//! What is known just now and need not be kept: answers under way, screens, who waits.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use super::agent_event::Told;
use super::events::Heard;
use super::message::MessageId;
use super::now::{Moment, Mono};
use super::reading::Reading;
use super::request::{Override, RequestId};
use super::screen::InputBox;
use super::stall::Waits;
use super::stop::StopTrouble;
use super::title::Title;

/// Of one agent.
#[derive(Debug, Clone, Default)]
pub(super) struct AgentLive {
    /// When this supervisor first found its session, or found it absent; its program has been listened to since then.
    pub found: Option<Mono>,
    /// `Find` was asked and not answered.
    pub finding: bool,
    /// It goes before others when start slots are few: a person asked for it by name.
    pub first: bool,
    /// One-off changes for its next start.
    pub overrides: Override,
    /// When its program last wrote something.
    pub output: Option<Mono>,
    /// `Look` was asked and not answered.
    pub looking: bool,
    /// When `Look` was asked last: where this supervisor did not get to run, its answer is as old as that.
    pub asked_to_look: Mono,
    /// What the last look showed.
    pub look: Option<Look>,
    /// What its terminal's title says.
    pub title: Option<Title>,
    /// What its own program has told.
    pub heard: Heard,
    /// `Paste` or `Press` was asked and not answered.
    pub typing: bool,
    /// The newest messages that its program has taken, the last one last.
    pub taken: VecDeque<Taken>,
    /// The one of them that stood in its box again last, and the message as which it was submitted once more.
    pub submitted_again: Option<(String, MessageId)>,
    /// The one of them that stood in its box again last, and was taken out of it.
    pub taken_out: Option<String>,
    /// How often either was done in the life of this program.
    pub gone_past: u32,
    /// A person's draft stands since then, and whether that has been told.
    pub draft: Option<(Moment, bool)>,
    /// No terminal has been attached since its box was empty, and this was when one was last ([`super::screen::Attendance::last`]).
    pub unattended: Option<u64>,
    /// Every look since then has shown it at work.
    pub working: Option<Mono>,
    /// Since when it has been at rest.
    pub rest: Option<Mono>,
    /// Since when it has not; `None` also where its work began with its session.
    pub busy: Option<Mono>,
    /// Something else than itself kept it from working when that was last decided.
    pub excused: bool,
    /// When it first wrote something that has not been looked at.
    pub unseen: Option<Mono>,
    /// What its last line says that it waits for.
    pub waiting: Option<Waits>,
    /// A screen that no rule knows stands since then.
    pub strange: Option<Mono>,
    /// The limit menu that stands has been answered.
    pub menu_answered: bool,
    /// Why the session could not be ended.
    pub stop_failed: Option<String>,
    /// The session could not be ended, since it was last gone or a person asked for its end.
    pub stop_trouble: Option<StopTrouble>,
    /// `ReadText` was asked and not answered.
    pub reading_wake: bool,
    /// Why it cannot be woken, as last told.
    pub wake_trouble: Option<WakeTrouble>,
    /// Its newest start, which goes on with a conversation, until it is seen to do so.
    pub resumes: Option<Mono>,
    /// The number that its program's adopted session has; it differs from the state's where a restart was cut short.
    pub adopted_run: Option<u64>,
}

/// A program that was told how to go on with its conversation has done so by then.
const RESUMED_MAX: Duration = Duration::from_secs(120);

impl AgentLive {
    /// Says whether its screen may still be all of the conversation as it was before the newest start.
    pub fn has_just_resumed(&self, now: Mono) -> bool {
        let has_ended = || {
            let doing = self.heard.doing.as_ref().map(|doing| &doing.told);
            matches!(doing, Some(Told::Idle { ended: true } | Told::Refused { .. } | Told::Permission { .. }))
        };
        self.resumes.is_some_and(|at| now.since(at) < RESUMED_MAX) && !has_ended()
    }

    /// Says whether its screen is about to be looked at, or could not be read.
    pub fn is_unseen(&self) -> bool {
        let is_unread = self.look.as_ref().is_some_and(|look| matches!(look.obstacle, Some(Obstacle::Unreadable(_))));
        self.unseen.is_some() || self.looking || is_unread
    }
}

/// A message that a program has taken.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// As it was typed.
    pub text: String,
    /// The program has told that it was submitted.
    pub received: bool,
}

/// Why an agent cannot be woken.
#[derive(Debug, Clone)]
pub(super) struct WakeTrouble {
    /// One sentence.
    pub why: String,
    /// Something changed that may have mended it.
    pub again: bool,
}

/// What a look at a screen showed.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// When.
    pub at: Moment,
    /// What stands in the input box; `None` where the backend does not say how it looks.
    pub input: Option<InputBox>,
    /// Why a message could not be typed then; `None` when it could.
    pub obstacle: Option<Obstacle>,
    /// The screen shows that the program can take a prompt.
    pub ready: bool,
    /// The screen shows the conversation that was resumed, or its backend does not say how that looks.
    pub resumed: bool,
    /// What counts of what the screen shows and of what the program tells, the strongest first.
    pub readings: Vec<Reading>,
    /// What the backend's rules found, the strongest first; empty where none matches or the screen was not read.
    pub seen: Vec<Reading>,
    /// What its last line says that it waits for.
    pub waiting: Option<chrono::DateTime<chrono::Utc>>,
    /// Its last line of the agent's own words.
    pub said: Option<String>,
    /// The program takes a pasted text as a whole.
    pub pastes: bool,
}

/// Why a message waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The screen could not be read.
    Unreadable(String),
    /// A person scrolls or selects.
    Mode,
    /// Another program is in the pane.
    OtherProgram(String),
    /// The screen asks a person for something: this line.
    Dialog(String),
    /// The program draws its first screens.
    Starting,
    /// The input box is not on the screen.
    NoBox,
    /// A person has typed something.
    Draft(String),
    /// The agent works and does not queue.
    Busy,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(why) => write!(out, "the screen cannot be read: {why}"),
            Self::Mode => write!(out, "a person scrolls in the pane"),
            Self::OtherProgram(command) => write!(out, "`{command}` runs in the pane"),
            Self::Dialog(line) => write!(out, "the screen asks for a person: `{}`", shortened(line)),
            Self::Starting => write!(out, "the program is not ready yet"),
            Self::NoBox => write!(out, "no input box on the screen, a dialog may be in the way"),
            Self::Draft(text) => write!(out, "a person's draft stands in the input box: `{}`", shortened(text)),
            Self::Busy => write!(out, "the agent is busy"),
        }
    }
}

/// The most characters of a text that a status line quotes.
const QUOTE_CHARS_MAX: usize = 40;

/// Cuts a text for a line that people read.
pub(super) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= QUOTE_CHARS_MAX {
        return line;
    }
    line.chars().take(QUOTE_CHARS_MAX - 1).chain(['…']).collect()
}

/// Of one loop.
#[derive(Debug, Clone, Default)]
pub(super) struct LoopLive {
    /// The branch's head as last told.
    pub head: Option<String>,
    /// `ReadPushed` was asked for this phase and not answered.
    pub reading: Option<String>,
    /// The head as it was told when that was asked for.
    pub asked_at: Option<String>,
    /// What was asked for is not what is wanted now: an edit came between.
    pub reading_outdated: bool,
    /// The phase that the last answer was read for.
    pub read_for: Option<String>,
    /// A failed reading is tried again then.
    pub retry: Option<Mono>,
    /// How often reading has failed in a row.
    pub failures: u32,
    /// The files that are watched.
    pub watched: Option<Vec<PathBuf>>,
    /// What they hold: text, absent, or unreadable.
    pub files: BTreeMap<PathBuf, Result<Option<String>, String>>,
    /// The text of the pushed status file, read for `read_for`.
    pub pushed_status: Option<String>,
}

/// Somebody who waits for an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiter {
    pub id: RequestId,
    pub waits_for: WaitsFor,
}

/// What an answer waits for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum WaitsFor {
    /// These run, each with a newer run than this; `None`: any.
    Up(Vec<(String, Option<u64>)>),
    /// These have ended.
    Down(Vec<String>),
    /// The ordered run of this task has been accepted or refused.
    Run(String),
    /// The wake of this agent is queued.
    Wake(String),
    /// Everything has ended; the supervisor follows.
    End,
    /// A message's outcome, until then.
    Message { agent: String, message: MessageId, until: Mono },
}
