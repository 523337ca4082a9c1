//! Which events the operator's command is told, and how often.
//!
//! What comes within a pause is kept back, and told at the pause's end if it is still so: the last word about an account,
//! an agent or a loop is always a true one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::event::{Event, EventKind};
use super::known_screen::ANSWERS_MAX;
use super::limit::WARN_PROBES;
use super::now::{Moment, Now};
use super::state::{PhaseStatus, Session};
use super::{Supervisor, Turn, with};

/// Events of one kind about the same agent, loop or account are told at most once in this time.
pub const PAUSE: Duration = Duration::from_secs(600);

/// So many kinds and agents are remembered; the one that was told longest ago is forgotten first, of those that keep
/// nothing back.
pub const NOTICES_MAX: usize = 256;

/// What the operator's command was told last of one kind about one agent, loop or account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The kind.
    pub event: EventKind,
    /// The account of a usage limit, else the agent, else the loop.
    pub about: Option<String>,
    /// When it was told.
    pub told: Moment,
    /// The newest event since then; told when [`PAUSE`] has passed and it is still so.
    pub waits: Option<Event>,
    /// So many events before that one are not told.
    pub left_out: u32,
}

impl EventKind {
    /// Says whether an event of this kind is worth calling a person for.
    pub fn is_told(self) -> bool {
        match self {
            Self::ConfigBroken
            | Self::Misconfigured
            | Self::Unreachable
            | Self::Reachable
            | Self::CrashLoop
            | Self::Draft
            | Self::AlmostDone
            | Self::PhaseDone
            | Self::PhaseUnknown
            | Self::LimitHeld
            | Self::LimitPersists
            | Self::ScreenPersists
            | Self::LimitLifted
            | Self::ReviewRounds
            | Self::Fatal
            | Self::Attention
            | Self::SequenceComplete => true,
            Self::SupervisorStarted
            | Self::SupervisorStopped
            | Self::ConfigLoaded
            | Self::Adopted
            | Self::Started
            | Self::AgentReady
            | Self::Died
            | Self::Stopped
            | Self::StartFailed
            | Self::Finished
            | Self::Handoff
            | Self::Inbox
            | Self::PlanEdited
            | Self::Queued
            | Self::Delivered
            | Self::Unconfirmed
            | Self::Withdrawn
            | Self::Phase
            | Self::OriginTrouble
            | Self::OriginBack
            | Self::LimitProbe
            | Self::ScreenAnswered
            | Self::WakeFailed
            | Self::LeftAlone
            | Self::Drift
            | Self::Spooled
            | Self::Stalled
            | Self::Trouble => false,
        }
    }
}

impl Notice {
    fn is_of(&self, event: &Event) -> bool {
        self.event == event.event && self.about == subject(event)
    }

    fn has_ended(&self, now: Now) -> bool {
        now.since(self.told) >= PAUSE
    }

    /// Keeps an event until the pause ends.
    fn hold_back(&mut self, event: Event) {
        self.left_out = self.left_out.saturating_add(u32::from(self.waits.is_some()));
        self.waits = Some(event);
    }

    /// Takes the event that waited, with the number of those that are left out.
    fn take(&mut self, now: Now) -> Option<Event> {
        let event = self.waits.take()?;
        self.told = now.moment();
        Some(match std::mem::take(&mut self.left_out) {
            0 => event,
            left_out => with(event, "left_out", left_out),
        })
    }
}

/// Returns what an event is about. Which agent showed a limit says nothing: another one may show the next of its account.
fn subject(event: &Event) -> Option<String> {
    let limit =
        limit_key(event).map(|(account, model)| [account, model.unwrap_or_default()].join(" ").trim().to_owned());
    limit.or_else(|| event.agent.clone().or_else(|| event.in_loop.clone()))
}

/// Returns which limit an event is about: account, and model where the limit is one of that.
fn limit_key(event: &Event) -> Option<(&str, Option<&str>)> {
    let word = |key| event.more.get(key).and_then(serde_json::Value::as_str);
    Some((word("account")?, word("model")))
}

impl Supervisor {
    /// Adds to a decided turn what of it the operator's command is told.
    pub(super) fn decide_notices(&mut self, turn: &mut Turn) {
        if self.fleet.notify.is_none() {
            return;
        }
        let mut late = Vec::new();
        let mut notices = std::mem::take(&mut self.state.notices);
        for notice in notices.iter_mut().filter(|notice| notice.has_ended(turn.now)) {
            notice.waits.take_if(|event| !self.is_still_so(event));
            late.extend(notice.take(turn.now));
        }
        self.state.notices = notices;
        self.state.notices.retain(|notice| !notice.has_ended(turn.now));
        let decided = std::mem::take(&mut turn.actions);
        turn.actions.extend(late.into_iter().map(Action::Notify));
        for action in decided {
            let news = if let Action::Record(event) = &action { self.news(event, turn.now) } else { None };
            turn.actions.push(action);
            turn.actions.extend(news.map(Action::Notify));
        }
        for notice in self.state.notices.iter().filter(|notice| notice.waits.is_some()) {
            turn.due(notice.told.mono + PAUSE);
        }
    }

    /// Returns the event if it is told at once.
    fn news(&mut self, event: &Event, now: Now) -> Option<Event> {
        if !event.event.is_told() {
            return None;
        }
        let notices = &mut self.state.notices;
        if let Some(notice) = notices.iter_mut().find(|notice| notice.is_of(event)) {
            notice.hold_back(event.clone());
            return None;
        }
        if notices.len() >= NOTICES_MAX {
            let rank = |at: &usize| (notices[*at].waits.is_some(), notices[*at].told.mono);
            let oldest = (0..notices.len()).min_by_key(rank).unwrap_or_default();
            notices.remove(oldest);
        }
        let about = subject(event);
        notices.push(Notice { event: event.event, about, told: now.moment(), waits: None, left_out: 0 });
        Some(event.clone())
    }

    /// Says whether what an event told of is so by now; a box that nobody has looked at yet may hold its draft.
    fn is_still_so(&self, event: &Event) -> bool {
        let limit = limit_key(event).and_then(|(account, model)| {
            self.state.limits.iter().find(|limit| limit.account == account && limit.model.as_deref() == model)
        });
        let name = event.agent.as_deref().unwrap_or_default();
        let (agent, live) = (self.state.agents.get(name), self.agents.get(name));
        let a_loop = self.state.loops.get(event.in_loop.as_deref().unwrap_or_default());
        let a_loop = a_loop.filter(|state| state.phase == event.phase);
        let rule = event.more.get("rule").and_then(serde_json::Value::as_str).unwrap_or_default();
        match event.event {
            EventKind::ConfigBroken => self.config_error.is_some(),
            EventKind::LimitHeld => limit.is_some(),
            EventKind::LimitPersists => limit.is_some_and(|limit| limit.probes >= WARN_PROBES),
            EventKind::LimitLifted => limit.is_none(),
            EventKind::Misconfigured => agent.is_some_and(|state| state.blocked.is_some()),
            EventKind::Unreachable => {
                let is_unknown = agent.is_some_and(|state| matches!(state.session, Session::Unknown { .. }));
                is_unknown || live.is_some_and(|live| live.stop_trouble.is_some())
            }
            EventKind::Reachable => agent.is_some_and(|state| matches!(state.session, Session::Running { .. })),
            EventKind::CrashLoop => agent.is_some_and(|state| state.crash_loop && state.stopped.is_none()),
            EventKind::Draft => live.is_some_and(|live| live.look.is_none() || live.draft.is_some()),
            EventKind::Attention => {
                agent.and_then(|state| state.attention.as_ref()).is_some_and(|attention| attention.rule == rule)
            }
            EventKind::ScreenPersists => {
                agent.and_then(|state| state.answers.get(rule)).is_some_and(|answers| answers.count > ANSWERS_MAX)
            }
            EventKind::AlmostDone => a_loop.is_some_and(|state| state.status == PhaseStatus::AlmostDone),
            EventKind::PhaseDone => {
                a_loop.is_some_and(|state| state.status == PhaseStatus::Done && state.complete.is_none())
            }
            EventKind::PhaseUnknown => a_loop.is_some_and(|state| state.astray.is_some()),
            EventKind::SequenceComplete => a_loop.is_some_and(|state| state.complete.is_some()),
            EventKind::ReviewRounds => a_loop.is_some(),
            // It has happened, and nothing takes it back; the others are never told.
            EventKind::Fatal
            | EventKind::SupervisorStarted
            | EventKind::SupervisorStopped
            | EventKind::ConfigLoaded
            | EventKind::Adopted
            | EventKind::Started
            | EventKind::AgentReady
            | EventKind::Died
            | EventKind::Stopped
            | EventKind::StartFailed
            | EventKind::Finished
            | EventKind::Handoff
            | EventKind::Inbox
            | EventKind::PlanEdited
            | EventKind::Queued
            | EventKind::Delivered
            | EventKind::Unconfirmed
            | EventKind::Withdrawn
            | EventKind::Phase
            | EventKind::OriginTrouble
            | EventKind::OriginBack
            | EventKind::LimitProbe
            | EventKind::ScreenAnswered
            | EventKind::WakeFailed
            | EventKind::LeftAlone
            | EventKind::Drift
            | EventKind::Spooled
            | EventKind::Stalled
            | EventKind::Trouble => true,
        }
    }
}
