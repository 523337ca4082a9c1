//! When who asked is answered: never before it has happened.

use std::time::Duration;

use super::action::Action;
use super::fleet::{Agent, Kind};
use super::live::{Obstacle, Waiter, WaitsFor};
use super::message::{MessageId, Outcome, Progress};
use super::now::Mono;
use super::request::{Reason, Reply, RequestId};
use super::state::{LastExit, Session};
use super::task::is_not_stopped;
use super::{Supervisor, Turn};

/// A program that ends so soon was not started, for who asked for that: a shell has found no program by then.
const START_PROOF: Duration = Duration::from_millis(200);
/// However short its sender's wait is, a message has so long to be hindered by what a look shows.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// However short its sender's wait is, what has begun to be typed has so long to arrive.
const ARRIVAL_MAX: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Answers who waits for this message.
    pub(super) fn answer_sender(&mut self, message: MessageId, outcome: Outcome, turn: &mut Turn) {
        let waits = |waiter: &Waiter| matches!(&waiter.waits_for, WaitsFor::Message { message: other, .. } if *other == message);
        let Some(at) = self.waiters.iter().position(waits) else { return };
        let waiter = self.waiters.remove(at);
        let reply = match outcome {
            Outcome::Confirmed => Reply::Done { lines: vec![format!("message {message} delivered")] },
            Outcome::Unconfirmed => failed(
                Reason::Unconfirmed,
                format!("message {message} was typed and submitted; nothing proves that it arrived"),
                Some("a backend with `input_re` lets the supervisor see it".to_owned()),
            ),
        };
        turn.act(Action::Answer { id: waiter.id, reply });
    }

    /// Returns the answers for the end of this supervisor alone: what is ordered is saved, and the next one goes on with it.
    pub fn parting(&self) -> Vec<(RequestId, Reply)> {
        let ordered = |name: &String| self.state.agents.get(name).is_some_and(|state| state.order.is_some());
        let kept = |what: String| Reply::Done { lines: vec![format!("{what} is kept for the next supervisor")] };
        let answer = |waiter: &Waiter| match &waiter.waits_for {
            WaitsFor::Wake(name) => Some(kept(format!("the wake of {name}"))),
            WaitsFor::Run(name) => Some(kept(format!("the run of {name}"))),
            WaitsFor::Up(names) => match names.as_slice() {
                [(name, _)] if ordered(name) => Some(kept(format!("the run of {name}"))),
                [(name, than)] => self.state.agents.get(name).and_then(|state| {
                    let newer = than.is_none_or(|than| state.run > than);
                    let runs = matches!(state.session, Session::Running { .. }) && newer;
                    runs.then(|| Reply::Done { lines: vec![format!("{name} runs (run {})", state.run)] })
                }),
                _ => None,
            },
            WaitsFor::Message { agent, message, .. } => Some(failed(
                Reason::Unconfirmed,
                format!("the supervisor ends before message {message} has arrived at `{agent}`"),
                Some("it stays in the queue, and the next supervisor goes on with it".to_owned()),
            )),
            WaitsFor::Down(_) | WaitsFor::End => None,
        };
        self.waiters.iter().filter_map(|waiter| Some((waiter.id, answer(waiter)?))).collect()
    }

    /// Answers everybody whose wait has ended.
    pub(super) fn decide_commands(&mut self, turn: &mut Turn) {
        self.decide_spool(turn);
        self.decide_runs(turn);
        let waiters = std::mem::take(&mut self.waiters);
        for waiter in waiters {
            match self.outcome(&waiter, turn) {
                Some(reply) => {
                    turn.act(Action::Answer { id: waiter.id, reply });
                    if waiter.waits_for == WaitsFor::End {
                        self.end(turn);
                    }
                }
                None => self.waiters.push(waiter),
            }
        }
    }

    /// Ends the supervisor; the next one starts the whole fleet.
    fn end(&mut self, turn: &mut Turn) {
        for (name, state) in &mut self.state.agents {
            state.order = None;
            state.asked = !self.fleet.agent(name).is_some_and(|agent| matches!(agent.kind, Kind::Task(_)));
        }
        turn.act(Action::Exit);
    }

    fn outcome(&mut self, waiter: &Waiter, turn: &mut Turn) -> Option<Reply> {
        match &waiter.waits_for {
            WaitsFor::Up(names) => self.up_outcome(names, turn),
            WaitsFor::Down(names) => self.down_outcome(names),
            WaitsFor::Run(name) => match self.state.agents.get(name) {
                None => Some(self.no_such(name)),
                // Whoever ended it has taken the order back.
                Some(state) if state.order.is_none() => {
                    Some(is_not_stopped(&self.state, name).err().unwrap_or_else(|| {
                        failed(Reason::Failed, format!("the run of `{name}` was called off by another request"), None)
                    }))
                }
                Some(_) => None,
            },
            WaitsFor::Wake(name) => (!self.state.agents.contains_key(name)).then(|| self.no_such(name)),
            WaitsFor::End => {
                let names: Vec<String> = self.state.agents.keys().cloned().collect();
                self.down_outcome(&names)
            }
            WaitsFor::Message { agent, message, until } => {
                let (agent, message, until) = (agent.clone(), *message, *until);
                let session = &self.state.agents.get(&agent)?.session;
                if let Some(reply) = not_running(&agent, session) {
                    let is_untouched = self.withdraw(&agent, message, turn);
                    return Some(if is_untouched { reply } else { unproven(&agent, message) });
                }
                let until = until.max(self.least_wait(&agent, message, turn));
                if until > turn.now.mono {
                    turn.due(until);
                    return None;
                }
                Some(self.too_late(&agent, message, turn))
            }
        }
    }

    fn up_outcome(&self, names: &[(String, Option<u64>)], turn: &mut Turn) -> Option<Reply> {
        let now = turn.now;
        let mut lines = Vec::new();
        let mut errors = Vec::new();
        for (name, than) in names {
            let Some(state) = self.state.agents.get(name) else { continue };
            let newer = than.is_none_or(|than| state.run > than);
            let waits_on = state.restart.is_some() && than.is_some();
            match &state.session {
                // It ran when the last supervisor saw it.
                Session::Running { .. } if self.agents.get(name).is_some_and(|live| live.found.is_none()) => {
                    return None;
                }
                Session::Running { .. } if newer && !waits_on && now.since(state.since) < START_PROOF => {
                    turn.due(state.since.mono + START_PROOF);
                    return None;
                }
                Session::Running { .. } if newer && !waits_on => lines.push(format!("{name} runs (run {})", state.run)),
                Session::Absent | Session::Dead { .. } if self.limit_of(name).is_some() && !self.is_canary(name) => {
                    errors.push(format!("{name} waits: its account is held by a usage limit"));
                }
                _ if self.rests_for_good(name) => lines.push(format!("{name} has ended: its sequence is complete")),
                _ if !self.wanted(name) => errors.push(format!("{name} is not to run any more")),
                Session::Unknown { why, .. } => {
                    errors.push(format!("{name} cannot be reached, and nothing is started beside it: {why}"));
                }
                Session::Dead { exit }
                    if !state.asked && newer && self.fleet.agent(name).is_some_and(Agent::is_task) =>
                {
                    lines.push(format!("{name} has run (run {}) and finished: {exit}", state.run));
                }
                Session::Dead { exit } if !state.asked => {
                    let told = state.last_exit.as_ref().map_or_else(|| exit.to_string(), LastExit::told);
                    errors.push(format!("{name} has ended: {told}"));
                }
                session @ (Session::Absent | Session::Dead { .. } | Session::Running { .. }) => {
                    let runs = matches!(session, Session::Running { .. });
                    let blocked = state.blocked.as_ref().filter(|blocked| !blocked.again || state.retry.is_some());
                    let died = state.last_exit.as_ref().filter(|_| !runs);
                    let left = state.retry.map(|retry| retry.mono.since(now.mono)).filter(|left| !left.is_zero());
                    match (blocked, died, left) {
                        (Some(blocked), _, _) => errors.push(format!("{name}: {}", blocked.why)),
                        (None, Some(last), Some(left)) => errors.push(format!(
                            "{name} died ({}) and is started again in {} s",
                            last.told(),
                            left.as_secs().max(1)
                        )),
                        (None, None, _) | (None, Some(_), None) => {
                            let astray = self.astray_of(name)?;
                            errors.push(format!("{name}: {astray}"));
                        }
                    }
                }
                Session::Preparing { .. } | Session::Stopping { .. } | Session::Starting => return None,
            }
        }
        match errors.as_slice() {
            [] => Some(Reply::Done { lines }),
            _ => Some(failed(Reason::Failed, errors.join("\n"), None)),
        }
    }

    /// Says whether the agent's loop has come to its end.
    fn rests_for_good(&self, name: &str) -> bool {
        let in_loop = self.fleet.agent(name).and_then(Agent::in_loop);
        in_loop.and_then(|name| self.state.loops.get(name)).is_some_and(|state| state.complete.is_some())
    }

    /// Returns why it is not known which phase the agent's loop is in, where a start waits for that.
    fn astray_of(&self, name: &str) -> Option<&str> {
        let agent = self.fleet.agent(name).filter(|agent| self.phase_is_open(agent))?;
        self.state.loops.get(agent.in_loop()?)?.astray.as_deref()
    }

    fn down_outcome(&self, names: &[String]) -> Option<Reply> {
        let mut lines = Vec::new();
        let mut errors = Vec::new();
        for name in names {
            let Some(state) = self.state.agents.get(name) else {
                lines.push(format!("{name} has ended"));
                continue;
            };
            let failed = self.agents.get(name).and_then(|live| live.stop_failed.clone());
            match (&state.session, failed) {
                (Session::Absent, _) if self.agents.get(name).is_some_and(|live| live.found.is_some()) => {
                    let ended = if state.run == 0 { "has not run" } else { "has ended" };
                    lines.push(format!("{name} {ended}"));
                }
                _ if !self.ending && state.stopped.is_none() && state.asked => {
                    errors.push(format!("{name} was ordered to run again meanwhile"));
                }
                (Session::Unknown { .. }, Some(why)) => errors.push(format!("{name} could not be ended: {why}")),
                (Session::Unknown { why, .. }, None) => {
                    errors.push(format!("{name} cannot be reached and is ended as soon as it can: {why}"));
                }
                (
                    Session::Absent
                    | Session::Preparing { .. }
                    | Session::Stopping { .. }
                    | Session::Starting
                    | Session::Running { .. }
                    | Session::Dead { .. },
                    _,
                ) => return None,
            }
        }
        match errors.as_slice() {
            [] => Some(Reply::Done { lines }),
            _ => Some(failed(Reason::Failed, errors.join("\n"), None)),
        }
    }

    /// Returns until when a message's outcome is waited for at least: "at once" is one attempt, not none.
    fn least_wait(&self, agent: &str, message: MessageId, turn: &Turn) -> Mono {
        let takes = self.state.agents.get(agent).filter(|state| state.session == (Session::Running { ready: true }));
        let first = takes.and_then(|state| state.queue.first()).filter(|first| first.id == message);
        let Some(first) = first else { return Mono::default() };
        match first.progress {
            Progress::Queued => {}
            Progress::Pasting { since }
            | Progress::Typed { since, .. }
            | Progress::Posted { since }
            | Progress::Submitted { since, presses: ..=1, .. } => return since.mono + ARRIVAL_MAX,
            // It stands there for longer than a program takes.
            Progress::Submitted { .. } => return Mono::default(),
        }
        let look = self.agents.get(agent).and_then(|live| live.look.as_ref());
        let is_hindered = look.is_some_and(|look| look.at.mono >= first.queued.mono && look.obstacle.is_some());
        if is_hindered || self.is_held(agent, turn.now) { Mono::default() } else { first.queued.mono + LOOK_MAX }
    }

    fn too_late(&mut self, agent: &str, message: MessageId, turn: &mut Turn) -> Reply {
        let first = self.state.agents.get(agent).and_then(|state| state.queue.first());
        // What stands in the box may be another message of ours.
        let is_behind = first.is_some_and(|first| first.id != message && first.progress != Progress::Queued);
        let look = self.agents.get(agent).and_then(|live| live.look.as_ref()).filter(|_| !is_behind);
        let obstacle = look.and_then(|look| look.obstacle.clone());
        let delay = self.delay_words(agent, message);
        // What was typed once and not seen may have arrived.
        if first.is_some_and(|first| first.id == message && first.is_repeated()) {
            return unproven(agent, message);
        }
        if !self.withdraw(agent, message, turn) {
            return unproven(agent, message);
        }
        if let Some(account) = self.limit_of(agent).map(|limit| limit.account.clone()) {
            let hint =
                Some("the message was taken back; `send --queue` leaves it until the account is open".to_owned());
            return failed(Reason::Held, format!("account `{account}` of `{agent}` is held by a usage limit"), hint);
        }
        let taken_back = Some("the message was taken back; `--wait` waits longer, `--queue` leaves it".to_owned());
        match obstacle {
            Some(
                obstacle @ (Obstacle::Dialog(_)
                | Obstacle::NoBox
                | Obstacle::Draft(_)
                | Obstacle::Mode
                | Obstacle::OtherProgram(_)),
            ) => failed(Reason::InTheWay, obstacle.to_string(), taken_back),
            Some(obstacle @ (Obstacle::Starting | Obstacle::Busy | Obstacle::Unreadable(_))) => {
                failed(Reason::Busy, obstacle.to_string(), taken_back)
            }
            None => failed(Reason::Busy, delay, taken_back),
        }
    }

    /// Says what took the time of a message that nothing on the screen kept back.
    fn delay_words(&self, agent: &str, message: MessageId) -> String {
        let state = self.state.agents.get(agent);
        let first = state.and_then(|state| state.queue.first());
        if first.is_some_and(|first| first.id != message) {
            return format!("`{agent}` had other messages before this one");
        }
        if state.is_some_and(|state| state.session != (Session::Running { ready: true })) {
            return format!("`{agent}` is being started and takes no message yet");
        }
        let look = self.agents.get(agent).and_then(|live| live.look.as_ref());
        if first.zip(look).is_some_and(|(first, look)| look.at.mono >= first.queued.mono) {
            format!("nothing is in the way in `{agent}`, and there was no time to type it")
        } else {
            format!("the screen of `{agent}` was not seen in that time")
        }
    }
}

/// Returns the answer for a message to an agent that does not run.
pub(super) fn not_running(name: &str, session: &Session) -> Option<Reply> {
    match session {
        Session::Running { .. }
        | Session::Starting
        | Session::Preparing { .. }
        | Session::Stopping { then_start: true } => None,
        Session::Unknown { why, .. } => {
            Some(failed(Reason::NotRunning, format!("`{name}` cannot be reached: {why}"), None))
        }
        Session::Absent | Session::Dead { .. } | Session::Stopping { then_start: false } => Some(failed(
            Reason::NotRunning,
            format!("`{name}` does not run"),
            Some(format!("`up {name}` starts it; `send --queue` leaves the message for its next start")),
        )),
    }
}

/// Returns the answer for a message that has been typed: it cannot be taken back.
fn unproven(agent: &str, message: MessageId) -> Reply {
    failed(
        Reason::Unconfirmed,
        format!("message {message} was typed into `{agent}`, and nothing has proved yet that it arrived"),
        Some("it stays in the queue; `explain` shows it".to_owned()),
    )
}

/// Returns the answer for something that was not done.
pub(super) fn failed(reason: Reason, error: String, hint: Option<String>) -> Reply {
    Reply::Failed { reason, error, hint }
}
