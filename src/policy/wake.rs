//! When an agent is woken: by its interval or by name, and only when it is idle.

use std::path::Path;
use std::time::Duration;

use super::action::Action;
use super::activity::Activity;
use super::answer::{failed, not_running};
use super::command::{no_such, queue_full, sendable};
use super::event::EventKind;
use super::fleet::{Agent, Fleet, Wake};
use super::live::{Waiter, WaitsFor, WakeTrouble};
use super::message::{Message, MessageId, Progress, Purpose};
use super::now::Now;
use super::request::{Reason, Reply, RequestId};
use super::state::{AgentState, Session};
use super::{Supervisor, Turn};

/// Returns what `name` is woken with if the config lets it be woken.
///
/// # Errors
/// The answer that says why not.
pub fn check<'a>(fleet: &'a Fleet, name: &str) -> Result<&'a Wake, Reply> {
    let agent = fleet.agent(name).ok_or_else(|| no_such(fleet, name))?;
    if !agent.enabled {
        let hint = Some("set `enabled = true`".to_owned());
        return Err(failed(Reason::Failed, format!("`{name}` is disabled in the config"), hint));
    }
    agent.wake.as_ref().ok_or_else(|| {
        let hint = Some("add `wake = { prompt_file = \"wake.md\" }` to it".to_owned());
        failed(Reason::Failed, format!("`{name}` has no `wake` in the config"), hint)
    })
}

impl Supervisor {
    /// Orders a wake; `None` while its text is being read, which is answered to `id` then.
    pub(super) fn wake(&mut self, id: Option<RequestId>, name: &str, now: Now) -> Option<Reply> {
        if let Err(reply) = check(&self.fleet, name) {
            return Some(reply);
        }
        if self.ending {
            return Some(failed(Reason::Failed, "everything is being ended".to_owned(), None));
        }
        let rests = self.fleet.agent(name).is_some_and(|agent| self.wakes_rest(agent));
        let Some(state) = self.state.agents.get_mut(name) else { return Some(self.no_such(name)) };
        if rests {
            let line = format!("{name} is not woken: the sequence is complete, and wakes rest until a phase is added");
            return Some(Reply::Done { lines: vec![line] });
        }
        if !state.asked
            && let Some(reply) = not_running(name, &state.session)
        {
            return Some(reply);
        }
        if let Some(message) = state.queue.iter().find(|message| message.purpose == Purpose::Wake) {
            return Some(Reply::Done { lines: vec![format!("wake {} of {name} waits already", message.id)] });
        }
        state.wake_ordered = Some(now.moment());
        if let Some(trouble) = self.agents.get_mut(name).and_then(|live| live.wake_trouble.as_mut()) {
            trouble.again = true;
        }
        self.waiters.extend(id.map(|id| Waiter { id, waits_for: WaitsFor::Wake(name.to_owned()) }));
        None
    }

    /// Says whether the agent's loop is complete, or for an agent of no loop, all loops.
    fn wakes_rest(&self, agent: &Agent) -> bool {
        let complete = |in_loop: &str| self.state.loops.get(in_loop).is_some_and(|state| state.complete.is_some());
        match agent.in_loop() {
            Some(in_loop) => complete(in_loop),
            None => !self.fleet.loops.is_empty() && self.fleet.loops.iter().all(|a_loop| complete(&a_loop.name)),
        }
    }

    /// Decides which wakes are due.
    pub(super) fn decide_wakes(&mut self, turn: &mut Turn) {
        let names: Vec<String> = self.state.agents.keys().cloned().collect();
        for name in &names {
            let stopped = self.state.agents.get(name).is_none_or(|state| state.stopped.is_some());
            let agent = self.fleet.agent(name).filter(|agent| agent.enabled && !stopped && !self.wakes_rest(agent));
            match agent.and_then(|agent| agent.wake.clone()) {
                Some(wake) => self.decide_wake(name, &wake, turn),
                None => self.drop_wake(name, turn),
            }
        }
    }

    fn decide_wake(&mut self, name: &str, wake: &Wake, turn: &mut Turn) {
        let wanted = self.wanted(name);
        let (Some(state), Some(live)) = (self.state.agents.get(name), self.agents.get(name)) else { return };
        let waits = state.queue.iter().any(|message| message.purpose == Purpose::Wake);
        if live.reading_wake || live.wake_trouble.as_ref().is_some_and(|trouble| !trouble.again) || waits {
            return;
        }
        if state.wake_ordered.is_none() {
            let runs = matches!(state.session, Session::Running { ready: true });
            let Some(left) = state.wake_due_in(wake, turn.now).filter(|_| wanted && runs) else { return };
            if !left.is_zero() {
                return turn.due(turn.now.mono + left);
            }
        }
        if let Some(live) = self.agents.get_mut(name) {
            live.reading_wake = true;
        }
        turn.act(Action::ReadText { agent: name.to_owned(), path: wake.prompt_file.clone() });
    }

    /// Takes back a wake that waits though the agent is not to be woken any more.
    fn drop_wake(&mut self, name: &str, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        state.wake_ordered = None;
        let runs = matches!(state.session, Session::Running { .. });
        let waits =
            |message: &Message| message.purpose == Purpose::Wake && (!runs || message.progress == Progress::Queued);
        if let Some(place) = state.queue.iter().position(waits) {
            let id = state.queue.remove(place).id;
            self.tell_withdrawn(name, id, "was taken back", turn);
        }
        let reply = failed(Reason::Failed, format!("`{name}` is not to be woken any more"), None);
        self.answer_all(&WaitsFor::Wake(name.to_owned()), &reply, turn);
    }

    /// Takes in the wake text.
    pub(super) fn wake_read(&mut self, name: &str, result: &Result<String, String>, turn: &mut Turn) {
        if let Some(live) = self.agents.get_mut(name) {
            live.reading_wake = false;
        }
        // The config may have changed, or the end of the sequence come, while the text was being read.
        let agent = self.fleet.agent(name).filter(|agent| !self.wakes_rest(agent));
        let Some(wake) = agent.and_then(|agent| agent.wake.as_ref()) else { return };
        let path = wake.prompt_file.clone();
        match result.clone().and_then(|text| wake_text(&text, &path)) {
            Ok(text) => self.queue_wake(name, text, &path, turn),
            Err(why) => self.wake_failed(name, &why, turn),
        }
    }

    fn queue_wake(&mut self, name: &str, text: String, path: &Path, turn: &mut Turn) {
        // What is typed never looks like a usage limit to the program that it is typed into (rule 1).
        let looks_limited = self.backend_of(name).is_some_and(|backend| backend.screen.limit_hit(&text).is_some());
        let text = if looks_limited { pointer(path) } else { text };
        let queued = self.queue(name, Purpose::Wake, text, turn.now);
        let Some(state) = self.state.agents.get_mut(name) else { return };
        state.last_wake = Some(turn.now.moment());
        state.wake_ordered = None;
        if let Some(live) = self.agents.get_mut(name) {
            live.wake_trouble = None;
        }
        let reply = if let Some(id) = queued {
            let event = self.about(name, EventKind::Queued, &format!("wake {id} is queued"), turn.now);
            turn.act(Action::Record(super::with(event, "message", id.to_string())));
            Reply::Done { lines: vec![self.wake_line(name, id, turn.now)] }
        } else {
            let text = "is not woken: too many messages wait";
            turn.act(Action::Record(self.about(name, EventKind::WakeFailed, text, turn.now)));
            queue_full(name)
        };
        self.answer_all(&WaitsFor::Wake(name.to_owned()), &reply, turn);
    }

    fn wake_line(&self, name: &str, id: MessageId, now: Now) -> String {
        let runs =
            self.state.agents.get(name).is_some_and(|state| matches!(state.session, Session::Running { ready: true }));
        let when = match self.activity(name, now) {
            _ if !runs => ", which does not run yet",
            Activity::Working { .. } => ", which works and gets it when it is idle",
            Activity::Unheard { .. } | Activity::Idle => "",
        };
        format!("wake {id} is queued for {name}{when}")
    }

    /// Tells once that the wake text cannot be used; it is tried again when a file changes.
    fn wake_failed(&mut self, name: &str, why: &str, turn: &mut Turn) {
        let reply = failed(Reason::Unanswered, format!("`{name}` cannot be woken: {why}"), None);
        let answered = self.answer_all(&WaitsFor::Wake(name.to_owned()), &reply, turn);
        if let Some(state) = self.state.agents.get_mut(name).filter(|_| answered) {
            state.wake_ordered = None;
        }
        let Some(live) = self.agents.get_mut(name) else { return };
        let told = WakeTrouble { why: why.to_owned(), again: false };
        if live.wake_trouble.replace(told).is_some_and(|before| before.why == why) {
            return;
        }
        let text = format!("cannot be woken: {why}");
        turn.act(Action::Record(self.about(name, EventKind::WakeFailed, &text, turn.now)));
    }

    /// Returns what `explain` tells of the next wake.
    pub(super) fn wake_next(&self, name: &str, state: &AgentState, now: Now) -> Option<String> {
        let agent = self.fleet.agent(name)?;
        let wake = agent.wake.as_ref()?;
        if self.wakes_rest(agent) {
            return Some("wakes rest: the sequence is complete".to_owned());
        }
        if let Some(trouble) = self.agents.get(name).and_then(|live| live.wake_trouble.as_ref()) {
            return Some(format!("it cannot be woken: {}", trouble.why));
        }
        if state.queue.iter().any(|message| message.purpose == Purpose::Wake) {
            return None;
        }
        let left = state.wake_due_in(wake, now);
        match (&wake.schedule, left) {
            (Some(schedule), _) if self.places.has_timers => Some(format!("`{schedule}` wakes it, by its timer")),
            (Some(schedule), _) => Some(format!("`{schedule}` wakes it: needs a timer")),
            (None, left) => left.map(|left| format!("a wake is due in {} s", left.as_secs())),
        }
    }

    /// Says whether the next message of the agent is one for an idle agent only, and has not been typed.
    pub(super) fn waits_for_idle(&self, name: &str) -> bool {
        let first = self.state.agents.get(name).and_then(|state| state.queue.first());
        first.is_some_and(|message| {
            matches!(message.purpose, Purpose::Wake | Purpose::Answer { .. }) && message.progress == Progress::Queued
        })
    }

    /// Says whether the agent is idle, as far as silence tells; else it is asked again in time.
    pub(super) fn may_be_woken(&self, name: &str, turn: &mut Turn) -> bool {
        match self.activity(name, turn.now) {
            Activity::Idle => true,
            Activity::Working { until } | Activity::Unheard { until } => {
                turn.due(until);
                false
            }
        }
    }
}

impl AgentState {
    /// Returns how long it is until the next scheduled wake, zero if it is overdue; `None` without an interval or
    /// before the first start.
    pub(super) fn wake_due_in(&self, wake: &Wake, now: Now) -> Option<Duration> {
        let since = self.last_wake.or(self.first_started)?;
        Some(wake.interval?.saturating_sub(now.since_ever(since)))
    }
}

/// Returns one line that tells an agent to read its wake text in `path`.
pub(super) fn pointer(path: &Path) -> String {
    format!("Your wake stands in {}: read it now and act on it.", path.display())
}

/// Returns a wake text as it may be typed, or why it may not be.
fn wake_text(text: &str, path: &Path) -> Result<String, String> {
    sendable(text).map_err(|_| match text.trim() {
        "" => format!("`{}` is empty", path.display()),
        _ => format!("`{}` is too long to be typed", path.display()),
    })
}
