//! Which agent is started, stopped, restarted, and when.

use std::time::Duration;

use super::action::{Action, Conversation};
use super::death::Death;
use super::event::EventKind;
use super::events::Heard;
use super::fleet::{Agent, Kind, PromptDelivery};
use super::message::{Message, Progress, Purpose};
use super::observation::SessionSeen;
use super::state::{AgentState, Blocked, Cause, Over, Session};
use super::{Supervisor, Turn, launch};

/// A session that cannot be asked is asked again after this time.
const FIND_AGAIN: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Takes in what is known of a session.
    pub(super) fn session_seen(&mut self, name: &str, seen: &SessionSeen, turn: &mut Turn) {
        let (Some(state), Some(live)) = (self.state.agents.get(name), self.agents.get_mut(name)) else { return };
        let first = live.found.is_none();
        let was = state.session.clone();
        live.finding = false;
        if is_of_before_start(name, seen, turn) {
            return;
        }
        if !matches!(seen, SessionSeen::Unknown { .. }) {
            live.found.get_or_insert(turn.now.mono);
        }
        live.stop_failed.take_if(|_| matches!(seen, SessionSeen::Running { .. } | SessionSeen::Absent));
        match seen {
            SessionSeen::Stopped { at, fleet_since } => self.unit_stopped(name, *at, *fleet_since, turn),
            SessionSeen::Running { run } if first => self.adopted(name, *run, turn),
            SessionSeen::Running { .. } => self.runs(name, &was, turn),
            SessionSeen::Absent if self.has_gone(name, &was, turn) => {}
            SessionSeen::Absent => self.is_absent(name, &was, first, turn),
            SessionSeen::Died { exit, .. } if matches!(was, Session::Preparing { over: Over::Dead { .. } }) => {
                // Known before the preparation; it is told again because the supervisor was killed in it.
                if let Some(state) = self.state.agents.get_mut(name) {
                    state.enter(Session::Dead { exit: *exit }, turn.now);
                }
            }
            SessionSeen::Died { run, exit, screen, last_lines } => {
                if let Some(state) = self.state.agents.get_mut(name) {
                    state.began(*run, turn.now);
                }
                let death = Death { exit: *exit, screen: screen.clone(), last_lines: last_lines.clone() };
                self.died(name, &death, turn);
            }
            SessionSeen::StartFailed { why, .. } => self.start_failed(name, why, turn),
            SessionSeen::Unknown { why } => self.is_unknown(name, &was, why, turn),
        }
    }

    fn is_absent(&mut self, name: &str, was: &Session, first: bool, turn: &mut Turn) {
        let goes_on = self.wanted(name) && !self.is_stale(name) && !first;
        let Some(state) = self.state.agents.get_mut(name) else { return };
        match was {
            Session::Stopping { then_start: true } if goes_on => self.start(name, turn),
            Session::Stopping { .. } => {
                state.enter(Session::Absent, turn.now);
                if !first {
                    turn.act(Action::Record(self.about(name, EventKind::Stopped, "stopped", turn.now)));
                }
            }
            Session::Running { .. }
            | Session::Unknown { lived: true, .. }
            | Session::Preparing { over: Over::Live } => {
                self.died(name, &Death::UNSEEN, turn);
                if let Some(state) = self.state.agents.get_mut(name) {
                    state.enter(Session::Absent, turn.now);
                }
            }
            Session::Starting if !first => self.start_failed(name, "the session is gone", turn),
            // Such as a first look after a boot that systemd was too busy to answer: nothing was there before.
            Session::Unknown { lived: false, .. }
            | Session::Absent
            | Session::Starting
            | Session::Dead { .. }
            | Session::Preparing { .. } => state.enter(Session::Absent, turn.now),
        }
    }

    /// Takes in that the files of a start are ready, or why not.
    pub(super) fn prepared(&mut self, name: &str, run: u64, result: &Result<(), String>, turn: &mut Turn) {
        let wanted = self.wanted(name) && !self.is_stale(name);
        let Some(state) = self.state.agents.get_mut(name) else { return };
        let Session::Preparing { over } = state.session else { return };
        if over == Over::Live && state.restart == Some(Cause::Started) && run < state.run && result.is_ok() {
            state.session = over.session();
            if run.checked_add(1) != Some(state.run) {
                // No start of that number can be what runs.
                state.restart = Some(Cause::Asked);
            } else if wanted {
                self.goes_on_as_started(name, run, turn);
            }
            return;
        }
        if run != state.run {
            return;
        }
        match (result, over) {
            (Ok(()), Over::Live | Over::Dead { .. }) if wanted => {
                state.enter(Session::Stopping { then_start: true }, turn.now);
                turn.act(Action::Stop { agent: name.to_owned() });
            }
            (Ok(()), Over::Nothing) if wanted => self.start(name, turn),
            (Ok(()), _) => state.session = over.session(),
            (Err(why), _) => {
                state.session = over.session();
                self.block(name, why, false, turn);
            }
        }
    }

    /// Says whether the prepared start is of a phase that its loop has left since.
    fn is_stale(&self, name: &str) -> bool {
        let Some(in_loop) = self.fleet.agent(name).and_then(Agent::in_loop) else { return false };
        let current = self.state.loops.get(in_loop).and_then(|state| state.phase.as_ref());
        self.state.agents.get(name).is_some_and(|state| state.phase.as_ref() != current)
    }

    fn block(&mut self, name: &str, why: &str, misconfigured: bool, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        let known = state.blocked.as_ref().is_some_and(|blocked| blocked.why == why);
        let since = state.blocked.as_ref().filter(|_| known).map_or(turn.now.moment(), |blocked| blocked.since);
        state.blocked = Some(Blocked { why: why.to_owned(), misconfigured, since, again: false });
        let retry = self.fleet.watchdog.heavy_interval;
        state.retry = Some(turn.now.moment() + retry);
        if !known {
            let text = format!("cannot be started, waits: {why}");
            turn.act(Action::Record(self.about(name, EventKind::Misconfigured, &text, turn.now)));
        }
    }

    fn start(&mut self, name: &str, turn: &mut Turn) {
        if let Some(run) = self.set_out(name, turn) {
            turn.act(Action::Start { agent: name.to_owned(), run });
        }
    }

    /// Leaves behind what was of the run before; returns the number of the new one.
    pub(super) fn set_out(&mut self, name: &str, turn: &Turn) -> Option<u64> {
        let agent = self.fleet.agent(name).cloned()?;
        if let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) {
            let super::request::Override { model, backend } = std::mem::take(&mut live.overrides);
            (state.model, state.backend) = (model, backend);
        }
        let kickoff = self.typed_kickoff(&agent);
        let state = self.state.agents.get_mut(name)?;
        state.enter(Session::Starting, turn.now);
        // What runs until now may have named its own in between.
        state.conversation = state.next_conversation.take();
        state.restart = None;
        state.retry = None;
        state.blocked = None;
        state.fresh = false;
        state.attention = None;
        state.old_banner = None;
        state.idle = None;
        let of_run = |purpose: &Purpose| {
            matches!(purpose, Purpose::Kickoff { .. } | Purpose::Probe | Purpose::Resume | Purpose::Answer { .. })
        };
        state.queue.retain(|message| !of_run(&message.purpose));
        state.queue_kept();
        if let Some(live) = self.agents.get(name) {
            state.queue.retain(|message| message.progress == Progress::Queued || !live.has_taken(message));
        }
        for message in &mut state.queue {
            match message.progress {
                Progress::Queued => {}
                Progress::Pasting { .. } | Progress::Typed { .. } => message.progress = Progress::Queued,
                Progress::Submitted { .. } | Progress::Posted { .. } => message.repeat(),
            }
        }
        let run = state.run;
        let resumes = state.resumed.then_some(turn.now.mono);
        if let Some(text) = kickoff {
            let id = self.state.take_message_id();
            let message = Message {
                id,
                purpose: Purpose::Kickoff { run },
                text,
                queued: turn.now.moment(),
                aside: false,
                progress: Progress::Queued,
            };
            if let Some(state) = self.state.agents.get_mut(name) {
                state.queue.insert(0, message);
            }
        }
        if let Some(live) = self.agents.get_mut(name) {
            live.first = false;
            live.adopted_run = None;
            live.resumes = resumes;
            live.taken.clear();
            live.submitted_again = None;
            live.taken_out = None;
            live.gone_past = 0;
            live.heard = Heard::of(run);
        }
        Some(run)
    }

    /// Returns what is typed as the kickoff of the agent's newest run, where it is typed.
    fn typed_kickoff(&self, agent: &Agent) -> Option<String> {
        if matches!(agent.kind, Kind::Service { .. }) {
            return None;
        }
        let backend = self.backend_of(&agent.name)?;
        let is_resumed = self.state.agents.get(&agent.name).is_some_and(|state| state.resumed);
        if is_resumed && backend.screen.resumed_re.is_some() {
            return Some(agent.resume_prompt.clone());
        }
        let path = self.places.state.join(format!("kickoff-{}.txt", agent.session));
        (backend.prompt_delivery == PromptDelivery::Ping).then(|| launch::pointer(&path))
    }

    /// Decides for every session.
    pub(super) fn decide_sessions(&mut self, turn: &mut Turn) {
        let mut names: Vec<String> = self.state.agents.keys().cloned().collect();
        let place = |name: &String| self.fleet.agents.iter().position(|agent| agent.name == *name);
        names.sort_by_key(|name| (!self.agents.get(name).is_some_and(|live| live.first), place(name)));
        for name in &names {
            self.decide_session(name, turn);
        }
        let fleet = std::sync::Arc::clone(&self.fleet);
        self.state.agents.retain(|name, state| fleet.agent(name).is_some() || state.session != Session::Absent);
        self.agents.retain(|name, _| self.state.agents.contains_key(name));
        self.decide_ready(turn);
    }

    fn decide_session(&mut self, name: &str, turn: &mut Turn) {
        let wanted = self.wanted(name);
        let (Some(state), Some(live)) = (self.state.agents.get(name), self.agents.get_mut(name)) else { return };
        if live.found.is_none() && !matches!(state.session, Session::Unknown { .. }) {
            if !live.finding {
                live.finding = true;
                // A session that was being ended answers nobody any more, and may never end by itself.
                turn.act(match state.session {
                    Session::Stopping { .. } => Action::Stop { agent: name.to_owned() },
                    Session::Absent
                    | Session::Preparing { .. }
                    | Session::Starting
                    | Session::Running { .. }
                    | Session::Dead { .. }
                    | Session::Unknown { .. } => Action::Find { agent: name.to_owned() },
                });
            }
            return;
        }
        match &state.session {
            Session::Unknown { .. } => self.ask_again(name, turn),
            Session::Running { .. } | Session::Dead { .. } if !wanted && self.to_be_cleared(name) => {
                if !self.stop_rests(name, turn) {
                    self.stop(name, turn);
                }
            }
            Session::Running { .. } if wanted && state.restart.is_some() => self.decide_restart(name, turn),
            Session::Absent | Session::Dead { .. } if wanted && state.asked => self.begin_start(name, turn),
            Session::Absent
            | Session::Dead { .. }
            | Session::Running { .. }
            | Session::Preparing { .. }
            | Session::Stopping { .. }
            | Session::Starting => {}
        }
    }

    /// Begins a restart. On a held account only a deliberate one ends the program; its new start waits.
    fn decide_restart(&mut self, name: &str, turn: &mut Turn) {
        if self.stop_rests(name, turn) {
            return;
        }
        let waits = self.is_held(name, turn.now) && !self.is_canary(name);
        let Some(state) = self.state.agents.get_mut(name) else { return };
        match state.restart {
            Some(Cause::Asked | Cause::Started | Cause::Phase) if waits => self.stop(name, turn),
            Some(Cause::Stall | Cause::Fatal | Cause::WrongProgram) if waits => state.restart = None,
            Some(_) => self.begin_start(name, turn),
            None => {}
        }
    }

    fn ask_again(&mut self, name: &str, turn: &mut Turn) {
        let (Some(state), Some(live)) = (self.state.agents.get(name), self.agents.get_mut(name)) else { return };
        if live.finding {
            return;
        }
        let due = state.since.mono + FIND_AGAIN;
        if due <= turn.now.mono {
            live.finding = true;
            turn.act(Action::Find { agent: name.to_owned() });
        } else {
            turn.due(due);
        }
    }

    fn begin_start(&mut self, name: &str, turn: &mut Turn) {
        let Some(agent) = self.fleet.agent(name).cloned() else { return };
        let Some(state) = self.state.agents.get(name) else { return };
        if self.is_held(name, turn.now) && !self.is_canary(name) && !matches!(agent.kind, Kind::Service { .. }) {
            return;
        }
        let again = state.blocked.as_ref().is_some_and(|blocked| blocked.again);
        // What was mended may be tried at once, but not before the back-off has passed.
        let due = state.retry.and_then(|retry| if again { state.back_off_end() } else { Some(retry.mono) });
        if let Some(due) = due.filter(|due| *due > turn.now.mono) {
            return turn.due(due);
        }
        if self.starting_count() >= self.fleet.watchdog.max_starting || self.phase_is_open(&agent) {
            return;
        }
        match self.start_of(&agent, turn.now) {
            Err(why) => self.block(name, &why, true, turn),
            Ok(start) => {
                let Some(state) = self.state.agents.get_mut(name) else { return };
                let over = match &state.session {
                    Session::Running { .. } => Over::Live,
                    Session::Dead { exit } => Over::Dead { exit: *exit },
                    Session::Absent
                    | Session::Preparing { .. }
                    | Session::Stopping { .. }
                    | Session::Starting
                    | Session::Unknown { .. } => Over::Nothing,
                };
                state.run = start.run;
                state.phase.clone_from(&start.phase);
                state.next_conversation = match &start.conversation {
                    Conversation::Unknown => None,
                    Conversation::New(id) | Conversation::Resumed(id) => Some(id.clone()),
                };
                state.resumed = matches!(start.conversation, Conversation::Resumed(_));
                state.enter(Session::Preparing { over }, turn.now);
                turn.act(Action::Prepare { agent: name.to_owned(), start });
            }
        }
    }

    /// Returns the model of the agent's newest run: its one-off one, else the one that the config names by now.
    pub(super) fn model_in_force(&self, name: &str) -> Option<String> {
        let one_off = self.state.agents.get(name).and_then(|state| state.model.clone());
        one_off.or_else(|| self.model_of(name))
    }

    /// Says whether the agent may run as things are.
    pub(super) fn wanted(&self, name: &str) -> bool {
        !self.hold && self.would_be_wanted(name)
    }

    /// Says the same of the time after a hold.
    pub(super) fn would_be_wanted(&self, name: &str) -> bool {
        let (Some(agent), Some(state)) = (self.fleet.agent(name), self.state.agents.get(name)) else { return false };
        let resting = agent
            .in_loop()
            .is_some_and(|in_loop| self.state.loops.get(in_loop).is_some_and(|state| state.complete.is_some()));
        agent.enabled && state.stopped.is_none() && !resting && !self.ending
    }

    /// Says whether what is there of an unwanted agent is to be ended.
    ///
    /// A supervisor that holds touches nothing; a finished program's last screen stays for review.
    fn to_be_cleared(&self, name: &str) -> bool {
        let held = self.hold && !self.ending;
        let dead_and_kept = self.state.agents.get(name).is_some_and(|state| {
            matches!(state.session, Session::Dead { .. }) && state.stopped.is_none() && !self.ending
        });
        let gone = self.fleet.agent(name).is_none();
        gone || !(dead_and_kept || held && self.state.agents.get(name).is_some_and(|state| state.stopped.is_none()))
    }

    /// Says `Ready` once: when nothing that is to run is still on its way to its first start.
    fn decide_ready(&mut self, turn: &mut Turn) {
        let settled = |(name, state): (&String, &AgentState)| {
            let unknown = matches!(state.session, Session::Unknown { .. });
            let found = self.agents.get(name).is_some_and(|live| live.found.is_some()) || unknown;
            let in_loop = self.fleet.agent(name).and_then(Agent::in_loop);
            let loop_state = in_loop.and_then(|in_loop| self.state.loops.get(in_loop));
            let astray = loop_state.is_some_and(|state| state.astray.is_some());
            let held = self.limit_of(name).is_some() || state.release.is_some();
            let waits = state.retry.is_some() || state.blocked.is_some() || astray || held;
            let under_way = match state.session {
                Session::Preparing { .. } | Session::Starting | Session::Stopping { .. } => true,
                Session::Absent => self.wanted(name) && state.asked && !waits,
                Session::Running { .. } | Session::Dead { .. } | Session::Unknown { .. } => false,
            };
            found && !under_way
        };
        if !self.ready && self.state.agents.iter().all(settled) {
            self.ready = true;
            turn.act(Action::Ready);
        }
    }
}

/// Says whether this was seen before a start that is asked in this very turn, and says nothing of it.
fn is_of_before_start(name: &str, seen: &SessionSeen, turn: &Turn) -> bool {
    let is_start = |action: &Action| matches!(action, Action::Start { agent, .. } if agent == name);
    matches!(seen, SessionSeen::Absent | SessionSeen::Unknown { .. }) && turn.actions.iter().any(is_start)
}
