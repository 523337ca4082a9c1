//! What is asked of the supervisor; `answer` says when that is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use super::action::Action;
use super::answer::{failed, not_running};
use super::event::EventKind;
use super::fleet::{Fleet, Kind, Loop};
use super::live::{Waiter, WaitsFor};
use super::message::{MessageId, Progress, Purpose};
use super::now::Now;
use super::request::{Override, PhaseTarget, Reason, Reply, Request, RequestId};
use super::state::{Cause, Session};
use super::{Supervisor, Turn, with};

/// The longest text that `send` takes, in bytes.
pub const TEXT_BYTES_MAX: usize = 512 * 1024;

impl Supervisor {
    /// Takes in a request; what cannot be answered at once gets a waiter.
    pub(super) fn asked(&mut self, id: RequestId, request: &Request, turn: &mut Turn) {
        let reply = match request {
            Request::Status => Some(Reply::Status { picture: Box::new(self.picture(turn.now)) }),
            Request::Explain { name } => Some(match self.explain(name, turn.now) {
                Some(explanation) => Reply::Explanation { explanation: Box::new(explanation) },
                None => self.no_such(name),
            }),
            Request::Up { names, overrides } => self.up(id, names, overrides, turn.now),
            Request::Down { names } => self.down(id, names, turn.now),
            Request::Restart { name, overrides } => self.restart(id, name, overrides, turn.now),
            Request::Send { name, text, wait, queue } => self.send(id, (name, text), (*wait, *queue), turn.now),
            Request::Wake { name } => self.wake(Some(id), name, turn.now),
            Request::Probe { name } => Some(self.probe_now(name, turn)),
            Request::Run { name, fresh, text } => self.run(Some(id), name, (*fresh, text.as_deref())),
            Request::PhaseShow { in_loop } => Some(self.phase_show(in_loop.as_deref())),
            Request::PhaseSet { in_loop, to, restart } => Some(self.phase_set(in_loop.as_deref(), to, *restart, turn)),
        };
        if let Some(reply) = reply {
            turn.act(Action::Answer { id, reply });
        }
    }

    pub(super) fn no_such(&self, name: &str) -> Reply {
        no_such(&self.fleet, name)
    }

    fn up(
        &mut self,
        id: RequestId,
        names: &[String],
        overrides: &BTreeMap<String, Override>,
        now: Now,
    ) -> Option<Reply> {
        for name in names {
            if let Err(reply) = self.may_start(name) {
                return Some(reply);
            }
        }
        if let Err(reply) = self.may_override(overrides) {
            return Some(reply);
        }
        self.hold = false;
        let chosen: Vec<String> = match names {
            [] => self.started_by_bare_up(),
            names => names.to_vec(),
        };
        for name in &chosen {
            let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) else {
                continue;
            };
            state.asked = true;
            let one_off = overrides.get(name).cloned().unwrap_or_default();
            let is_for_its_start = match state.session {
                Session::Absent | Session::Dead { .. } | Session::Stopping { then_start: false } => true,
                // A plain `up` leaves what is under way as it was asked for.
                Session::Preparing { .. } | Session::Stopping { then_start: true } => one_off != Override::default(),
                Session::Starting | Session::Running { .. } | Session::Unknown { .. } => false,
            };
            if is_for_its_start {
                state.take_back_start();
                live.overrides = one_off;
            }
            if !names.is_empty() {
                state.stopped = None;
                state.retry = None;
                live.first = true;
            }
            state.try_again(now);
        }
        let waits_for = chosen.into_iter().map(|name| (name, None)).collect();
        self.waiters.push(Waiter { id, waits_for: WaitsFor::Up(waits_for) });
        None
    }

    /// Everything that is enabled and not stopped by name, with the tasks that never ran and that nothing else runs.
    fn started_by_bare_up(&self) -> Vec<String> {
        let follows = |name: &str| {
            let runs = |a_loop: &Loop| a_loop.on_complete.as_ref().is_some_and(|end| end.run.as_deref() == Some(name));
            self.fleet.loops.iter().any(runs)
        };
        let chosen = self.fleet.agents.iter().filter(|agent| {
            let Some(state) = self.state.agents.get(&agent.name) else { return false };
            let task = matches!(agent.kind, Kind::Task(_));
            let fresh_task = state.run == 0 && agent.schedule.is_none() && !follows(&agent.name);
            let resting = agent
                .in_loop()
                .and_then(|in_loop| self.state.loops.get(in_loop))
                .is_some_and(|state| state.complete.is_some());
            agent.enabled && state.stopped.is_none() && !resting && (!task || fresh_task)
        });
        chosen.map(|agent| agent.name.clone()).collect()
    }

    /// Refuses a one-off backend that nothing can be started with.
    fn may_override(&self, overrides: &BTreeMap<String, Override>) -> Result<(), Reply> {
        for (agent, one_off) in overrides {
            let Some(backend) = &one_off.backend else { continue };
            match self.fleet.backends.get(backend) {
                Some(Ok(_)) => {}
                Some(Err(why)) => {
                    let error = format!("the one-off backend of `{agent}` is not usable: {why}");
                    return Err(failed(Reason::Failed, error, None));
                }
                None => {
                    let known: Vec<&str> = self.fleet.backends.keys().map(String::as_str).collect();
                    let hint = format!("there are: {}", known.join(", "));
                    let error = format!("there is no backend `{backend}` for `{agent}`");
                    return Err(failed(Reason::Usage, error, Some(hint)));
                }
            }
        }
        Ok(())
    }

    fn may_start(&self, name: &str) -> Result<(), Reply> {
        let Some(agent) = self.fleet.agent(name) else { return Err(self.no_such(name)) };
        if !agent.enabled {
            let hint = Some("set `enabled = true`".to_owned());
            return Err(failed(Reason::Failed, format!("`{name}` is disabled in the config"), hint));
        }
        let complete = agent
            .in_loop()
            .and_then(|in_loop| self.state.loops.get(in_loop))
            .is_some_and(|state| state.complete.is_some());
        if complete {
            let hint = Some("append a phase, or go back with `phase set`".to_owned());
            return Err(failed(Reason::Failed, format!("the loop of `{name}` is complete"), hint));
        }
        Ok(())
    }

    fn down(&mut self, id: RequestId, names: &[String], now: Now) -> Option<Reply> {
        if names.is_empty() {
            self.ending = true;
            self.agents.values_mut().for_each(|live| live.stop_trouble = None);
            self.waiters.push(Waiter { id, waits_for: WaitsFor::End });
            return None;
        }
        if let Some(name) = names.iter().find(|name| !self.state.agents.contains_key(*name)) {
            return Some(self.no_such(name));
        }
        for name in names {
            if let Some(state) = self.state.agents.get_mut(name) {
                state.stopped = Some(now.moment());
                state.asked = false;
                state.retry = None;
                state.order = None;
            }
            self.stop_now(name);
        }
        self.waiters.push(Waiter { id, waits_for: WaitsFor::Down(names.to_vec()) });
        None
    }

    fn restart(
        &mut self,
        id: RequestId,
        name: &str,
        overrides: &BTreeMap<String, Override>,
        now: Now,
    ) -> Option<Reply> {
        if let Err(reply) = self.may_start(name).and_then(|()| self.may_override(overrides)) {
            return Some(reply);
        }
        // With another model or program it may well start.
        if let Some(reply) = self.cannot_start_anew(name).filter(|_| !overrides.contains_key(name)) {
            return Some(reply);
        }
        let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) else {
            return Some(self.no_such(name));
        };
        self.hold = false;
        state.stopped = None;
        state.asked = true;
        state.retry = None;
        state.try_again(now);
        live.first = true;
        live.stop_trouble = None;
        live.overrides = overrides.get(name).cloned().unwrap_or_default();
        state.take_back_start();
        if matches!(state.session, Session::Running { .. } | Session::Starting | Session::Unknown { .. }) {
            state.restart = Some(Cause::Asked);
        }
        let waits_for = WaitsFor::Up(vec![(name.to_owned(), Some(state.run))]);
        self.waiters.push(Waiter { id, waits_for });
        None
    }

    fn send(
        &mut self,
        id: RequestId,
        (name, text): (&str, &str),
        (wait, queue): (Duration, bool),
        now: Now,
    ) -> Option<Reply> {
        if queue {
            return Some(self.leave_message(name, text, now));
        }
        let Some(state) = self.state.agents.get(name) else { return Some(self.no_such(name)) };
        let text = match sendable(text) {
            Ok(text) => text,
            Err(reply) => return Some(reply),
        };
        if let Some(reply) = not_running(name, &state.session) {
            return Some(reply);
        }
        if !self.has_room(name, &text) {
            return Some(queue_full(name));
        }
        let Some(message) = self.queue(name, Purpose::Send, text, now) else { return Some(self.no_such(name)) };
        let waits_for = WaitsFor::Message { agent: name.to_owned(), message, until: now.mono + wait };
        self.waiters.push(Waiter { id, waits_for });
        None
    }

    /// Puts a text into an agent's queue, to be typed whenever that can be done.
    pub(super) fn leave_message(&mut self, name: &str, text: &str, now: Now) -> Reply {
        if !self.state.agents.contains_key(name) {
            return self.no_such(name);
        }
        match sendable(text) {
            Err(reply) => reply,
            Ok(text) if !self.has_room(name, &text) => queue_full(name),
            Ok(text) => match self.queue(name, Purpose::Send, text, now) {
                Some(message) => Reply::Done { lines: vec![format!("message {message} is queued for {name}")] },
                None => self.no_such(name),
            },
        }
    }

    fn the_loop(&self, in_loop: Option<&str>) -> Result<Loop, Reply> {
        let names: Vec<&str> = self.fleet.loops.iter().map(|a_loop| a_loop.name.as_str()).collect();
        let found = match in_loop {
            Some(name) => self.fleet.loop_named(name),
            None if names.len() == 1 => self.fleet.loops.first(),
            None => None,
        };
        found.cloned().ok_or_else(|| match (in_loop, names.as_slice()) {
            (_, []) => failed(
                Reason::Failed,
                "the config has no loop".to_owned(),
                Some("add a `[loop]` with `phases` to it".to_owned()),
            ),
            (Some(name), _) => failed(
                Reason::Usage,
                format!("there is no loop `{name}`"),
                Some(format!("there are: {}", names.join(", "))),
            ),
            (None, _) => failed(
                Reason::Usage,
                "there are several loops".to_owned(),
                Some(format!("name one with --loop: {}", names.join(", "))),
            ),
        })
    }

    fn phase_show(&self, in_loop: Option<&str>) -> Reply {
        match self.the_loop(in_loop) {
            Err(reply) => reply,
            Ok(a_loop) => {
                let ids: Vec<&str> = a_loop.phases.iter().map(|phase| phase.id.as_str()).collect();
                let current = self.state.loops.get(&a_loop.name).and_then(|state| state.phase.clone());
                let current = current.unwrap_or_else(|| "-".to_owned());
                let at = ids.iter().position(|id| *id == current).map_or(0, |at| at + 1);
                let line = format!("phase {current} [{at}/{}] sequence: {}", ids.len(), ids.join(" "));
                Reply::Done { lines: vec![line] }
            }
        }
    }

    fn phase_set(&mut self, in_loop: Option<&str>, to: &PhaseTarget, restart: bool, turn: &mut Turn) -> Reply {
        let a_loop = match self.the_loop(in_loop) {
            Ok(a_loop) => a_loop,
            Err(reply) => return reply,
        };
        match self.set_phase(&a_loop, to, restart, turn) {
            Ok(line) => Reply::Done { lines: vec![line] },
            Err((reason, error)) => failed(reason, error, None),
        }
    }

    /// Takes in that who asked has hung up: a message that was not typed yet is taken back.
    pub(super) fn request_gone(&mut self, id: RequestId, turn: &mut Turn) {
        // A `down` of everything goes on to its end: nobody else would end the supervisor.
        let leaves = |waiter: &Waiter| waiter.id == id && waiter.waits_for != WaitsFor::End;
        let Some(at) = self.waiters.iter().position(leaves) else { return };
        let waiter = self.waiters.remove(at);
        if let WaitsFor::Message { agent, message, .. } = waiter.waits_for {
            self.withdraw(&agent, message, turn);
        }
    }

    /// Takes a message out of the queue if it has not been typed; says whether it was.
    pub(super) fn withdraw(&mut self, agent: &str, message: MessageId, turn: &mut Turn) -> bool {
        let Some(state) = self.state.agents.get_mut(agent) else { return false };
        let before = state.queue.len();
        state.queue.retain(|other| other.id != message || other.progress != Progress::Queued);
        let withdrawn = state.queue.len() < before;
        if withdrawn {
            self.tell_withdrawn(agent, message, "was taken back", turn);
        }
        withdrawn
    }

    /// Tells that a message was taken out of the queue, and how.
    pub(super) fn tell_withdrawn(&self, agent: &str, message: MessageId, how: &str, turn: &mut Turn) {
        let event = self.about(agent, EventKind::Withdrawn, &format!("message {message} {how}"), turn.now);
        turn.act(Action::Record(with(event, "message", message.to_string())));
    }
}

/// Returns the answer for a name that nothing has.
pub(super) fn no_such(fleet: &Fleet, name: &str) -> Reply {
    let known: Vec<&str> = fleet.agents.iter().map(|agent| agent.name.as_str()).collect();
    failed(Reason::Usage, format!("there is no agent `{name}`"), Some(format!("there are: {}", known.join(", "))))
}

/// Returns the answer for a message that has no room.
pub(super) fn queue_full(name: &str) -> Reply {
    let hint = Some("`explain` shows what is in the way of them".to_owned());
    failed(Reason::Busy, format!("too many messages wait for `{name}`, or too long ones"), hint)
}

/// Returns a text as it may be typed.
///
/// # Errors
/// The answer for one that is empty or longer than [`TEXT_BYTES_MAX`].
pub(super) fn sendable(text: &str) -> Result<String, Reply> {
    let text = printable(text);
    if text.trim().is_empty() {
        return Err(failed(Reason::Usage, "there is no text to send".to_owned(), None));
    }
    if text.len() > TEXT_BYTES_MAX {
        let error = format!("the text is too long ({} bytes, {TEXT_BYTES_MAX} allowed)", text.len());
        return Err(failed(Reason::Usage, error, Some("put it into a file and send the file's name".to_owned())));
    }
    Ok(text)
}

/// Removes control characters that could act on a terminal or end a bracketed paste; newlines and tabs stay.
pub(super) fn printable(text: &str) -> String {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = unified.chars().filter(|char| !char.is_control() || matches!(char, '\n' | '\t')).collect();
    kept.trim_end_matches('\n').to_owned()
}
