//! How a session is ended; one that cannot be is tried again ever more rarely, and told once.

use std::time::Duration;

use super::action::Action;
use super::event::EventKind;
use super::live::AgentLive;
use super::message::Purpose;
use super::now::{Mono, Now};
use super::state::Session;
use super::{Supervisor, Turn};

/// The longest time between two attempts to end a session.
pub const STOP_AGAIN_MAX: Duration = Duration::from_secs(60);

/// A session that could not be ended.
#[derive(Debug, Clone)]
pub(super) struct StopTrouble {
    why: String,
    tries: u32,
    again: Mono,
}

impl AgentLive {
    /// Takes in an attempt that came to nothing, and says whether that is news. The next one is due after 1, 2, 4 s and
    /// so on, at most [`STOP_AGAIN_MAX`].
    fn stop_came_to_nothing(&mut self, why: &str, now: Mono) -> bool {
        let before = self.stop_trouble.take();
        let tries = before.as_ref().map_or(0, |trouble| trouble.tries);
        let pause = Duration::from_secs(1 << tries.min(16)).min(STOP_AGAIN_MAX);
        self.stop_trouble = Some(StopTrouble { why: why.to_owned(), tries: tries + 1, again: now + pause });
        self.stop_failed = Some(why.to_owned());
        before.is_none_or(|before| before.why != why)
    }
}

impl Supervisor {
    /// Ends the agent's session.
    pub(super) fn stop(&mut self, name: &str, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        state.enter(Session::Stopping { then_start: false }, turn.now);
        state.restart = None;
        state.queue.retain(|message| !matches!(message.purpose, Purpose::Kickoff { .. }));
        turn.act(Action::Stop { agent: name.to_owned() });
    }

    /// Says whether the session could not be ended and the next attempt is not due yet.
    pub(super) fn stop_rests(&self, name: &str, turn: &mut Turn) -> bool {
        let Some(trouble) = self.agents.get(name).and_then(|live| live.stop_trouble.as_ref()) else { return false };
        if trouble.again <= turn.now.mono {
            return false;
        }
        turn.due(trouble.again);
        true
    }

    /// Lets what could not be ended be tried at once, because a person asks.
    pub(super) fn stop_now(&mut self, name: &str) {
        if let Some(live) = self.agents.get_mut(name) {
            live.stop_trouble = None;
        }
    }

    /// Takes in that the session cannot be asked, or could not be ended.
    pub(super) fn is_unknown(&mut self, name: &str, was: &Session, why: &str, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        let is_news = match (was, self.agents.get_mut(name)) {
            (Session::Stopping { .. }, Some(live)) => live.stop_came_to_nothing(why, turn.now.mono),
            _ => !matches!(was, Session::Unknown { .. }),
        };
        state.since = turn.now.moment();
        state.session = Session::Unknown { why: why.to_owned(), lived: was.lived() };
        if is_news {
            let text = match was {
                Session::Stopping { .. } => format!("could not be ended: {why}"),
                Session::Absent
                | Session::Preparing { .. }
                | Session::Starting
                | Session::Running { .. }
                | Session::Dead { .. }
                | Session::Unknown { .. } => format!("cannot be reached: {why}"),
            };
            turn.act(Action::Record(self.about(name, EventKind::Unreachable, &text, turn.now)));
        }
    }

    /// Takes in that what could not be ended has gone after all; says whether it was such.
    pub(super) fn has_gone(&mut self, name: &str, was: &Session, turn: &mut Turn) -> bool {
        let trouble = self.agents.get_mut(name).and_then(|live| live.stop_trouble.take());
        if trouble.is_none() || !matches!(was, Session::Unknown { .. }) {
            return false;
        }
        let wanted = self.wanted(name);
        if let Some(state) = self.state.agents.get_mut(name) {
            state.enter(Session::Absent, turn.now);
        }
        if !wanted {
            turn.act(Action::Record(self.about(name, EventKind::Stopped, "stopped", turn.now)));
        }
        true
    }

    /// Says that the session is to be ended and could not be, and when that is tried again.
    pub(super) fn stop_words(&self, name: &str, now: Now) -> Option<String> {
        let trouble = self.agents.get(name)?.stop_trouble.as_ref()?;
        if self.wanted(name) && self.state.agents.get(name)?.restart.is_none() {
            return None;
        }
        let left = trouble.again.since(now.mono).as_secs();
        Some(format!("could not be ended, tried again in {left} s: {}", trouble.why))
    }
}
