//! Which events the operator's command is told, and how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::event::{Event, EventKind};
use super::now::{Moment, Now};
use super::{Supervisor, Turn, with};

/// Events of one kind about the same agent or loop are told at most once in this time.
pub const PAUSE: Duration = Duration::from_secs(600);

/// So many kinds and agents are remembered; the one that was told longest ago is forgotten first.
pub const NOTICES_MAX: usize = 256;

/// What the operator's command was told last of one kind about one agent or loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The kind.
    pub event: EventKind,
    /// The agent, or the loop where it is about none.
    pub about: Option<String>,
    /// When it was told.
    pub told: Moment,
    /// The newest event since then; told when [`PAUSE`] has passed.
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
        self.event == event.event && self.about.as_ref() == subject(event)
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

fn subject(event: &Event) -> Option<&String> {
    event.agent.as_ref().or(event.in_loop.as_ref())
}

impl Supervisor {
    /// Adds to a decided turn what of it the operator's command is told.
    pub(super) fn decide_notices(&mut self, turn: &mut Turn) {
        if self.fleet.notify.is_none() {
            return;
        }
        let mut late = Vec::new();
        for notice in self.state.notices.iter_mut().filter(|notice| notice.has_ended(turn.now)) {
            late.extend(notice.take(turn.now));
        }
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
            let oldest = (0..notices.len()).min_by_key(|at| notices[*at].told.mono).unwrap_or_default();
            notices.remove(oldest);
        }
        let about = subject(event).cloned();
        notices.push(Notice { event: event.event, about, told: now.moment(), waits: None, left_out: 0 });
        Some(event.clone())
    }
}
