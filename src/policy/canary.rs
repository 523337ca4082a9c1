//! Which agent of a held account is asked to go on, when, and what follows from its silence.

use std::time::Duration;

use super::action::Action;
use super::agent_event::Told;
use super::answer::failed;
use super::event::{Event, EventKind};
use super::hold::Hold;
use super::limit::{ANSWER_PROOF, Limit, PROBE_TEXT, WARN_PROBES};
use super::message::{Message, Purpose};
use super::now::{Moment, Now};
use super::request::{Reason, Reply};
use super::state::Session;
use super::{Supervisor, Turn, with};

/// A canary that shows neither work nor a banner for so long was fruitless.
const CANARY_MAX: Duration = Duration::from_secs(180);

impl Supervisor {
    /// Decides for every held account.
    pub(super) fn decide_limits(&mut self, turn: &mut Turn) {
        for at in 0..self.state.limits.len() {
            self.decide_limit(at, turn);
        }
        for state in self.state.agents.values_mut() {
            match state.release {
                Some(release) if release.mono <= turn.now.mono => state.release = None,
                Some(release) => turn.due(release.mono),
                None => {}
            }
        }
    }

    fn decide_limit(&mut self, at: usize, turn: &mut Turn) {
        let limit = &self.state.limits[at];
        if let Hold::Probing { canary, since, .. } = &limit.hold {
            let (canary, since) = (canary.clone(), *since);
            return self.decide_probing(at, &canary, since, turn);
        }
        let Some(due) = limit.due(turn.now) else { return };
        if due.mono > turn.now.mono {
            return turn.due(due.mono);
        }
        if let Some(canary) = self.next_canary(limit, turn.now) {
            return self.probe(at, &canary, turn);
        }
        let wait = self.fleet.watchdog.limit_probe_fallback;
        let limit = &mut self.state.limits[at];
        limit.passed_over.clear();
        limit.hold = Hold::Flat { until: turn.now.moment() + wait };
        turn.due(turn.now.mono + wait);
    }

    /// Chooses who is asked to go on: the one that has shown the banner longest and has a conversation; when nobody of
    /// the account runs, one that is to run is started as the probe.
    fn next_canary(&self, limit: &Limit, now: Now) -> Option<String> {
        let of_account = self.fleet.agents.iter().filter(|agent| {
            self.is_of(&agent.name, limit)
                && self.wanted(&agent.name)
                && !limit.passed_over.contains(&agent.name)
                && !limit.asked_busy.contains(&agent.name)
        });
        let mut running: Vec<(Option<Moment>, &str)> = Vec::new();
        let mut dead: Option<&str> = None;
        for agent in of_account {
            let Some(state) = self.state.agents.get(&agent.name) else { continue };
            let drafted = self.agents.get(&agent.name).is_some_and(|live| live.draft.is_some());
            match state.session {
                Session::Running { ready: true } if state.attention.is_none() && !drafted => {
                    running.push((limit.shown.get(&agent.name).copied(), &agent.name));
                }
                Session::Absent | Session::Dead { .. } if state.asked && !state.is_blocked(now) => {
                    dead = dead.or(Some(&agent.name));
                }
                Session::Absent
                | Session::Dead { .. }
                | Session::Preparing { .. }
                | Session::Stopping { .. }
                | Session::Starting
                | Session::Running { .. }
                | Session::Unknown { .. } => {}
            }
        }
        running.sort_by_key(|(shown, _)| (shown.is_none(), shown.map(|shown| shown.mono)));
        running.first().map(|(_, name)| *name).or(dead).map(str::to_owned)
    }

    /// Asks this agent of a held account now: a person knows better than the banner. Only work opens the account.
    pub(super) fn probe_now(&mut self, name: &str, turn: &mut Turn) -> Reply {
        if self.fleet.agent(name).is_none() {
            return self.no_such(name);
        }
        let Some(at) = self.state.limits.iter().position(|limit| self.is_of(name, limit)) else {
            return failed(Reason::Failed, format!("no usage limit holds `{name}`"), None);
        };
        let account = self.state.limits[at].account.clone();
        if let Hold::Probing { canary, .. } = &self.state.limits[at].hold {
            let text = format!("account {account} is being probed: {canary} is asked to go on");
            return if canary == name { Reply::Done { lines: vec![text] } } else { failed(Reason::Failed, text, None) };
        }
        let limit = &mut self.state.limits[at];
        let asked_before = limit.asked_busy.remove(name);
        let passed_over = std::mem::take(&mut limit.passed_over);
        let others = self.fleet.agents.iter().map(|agent| agent.name.clone()).filter(|other| other != name).collect();
        let only = Limit { passed_over: others, ..self.state.limits[at].clone() };
        if self.next_canary(&only, turn.now).is_some() {
            self.probe(at, name, turn);
            return Reply::Done {
                lines: vec![format!("{name} is asked to go on; if it works, account {account} is open")],
            };
        }
        let limit = &mut self.state.limits[at];
        limit.passed_over = passed_over;
        if asked_before {
            limit.asked_busy.insert(name.to_owned());
        }
        let hint = Some(
            "`explain` shows what is in the way: a person is needed, a draft stands, or it was stopped".to_owned(),
        );
        failed(Reason::Failed, format!("`{name}` cannot be asked now"), hint)
    }

    /// Returns the answer to a restart that would end the agent and not start it before its account is open.
    pub(super) fn cannot_start_anew(&self, name: &str) -> Option<Reply> {
        let limit = self.limit_of(name).filter(|_| !self.is_canary(name))?;
        let lives = self.state.agents.get(name).is_some_and(|state| state.session.lived());
        let error =
            format!("account `{}` of `{name}` is held by a usage limit: it could not be started again", limit.account);
        let hint = format!(
            "`probe {name}` asks it now to go on, and opens the account if it works; `down {name}` and `up {name}` end it \
             and start it when the account is open"
        );
        lives.then(|| failed(Reason::Held, error, Some(hint)))
    }

    fn probe(&mut self, at: usize, canary: &str, turn: &mut Turn) {
        let runs = self.state.agents.get(canary).is_some_and(|state| matches!(state.session, Session::Running { .. }));
        if runs && let Some(state) = self.state.agents.get_mut(canary) {
            // A probe goes first, and never twice: one that stands typed is this one, too.
            state.drop_waiting_probe();
            if state.queue.iter().all(|message| message.purpose != Purpose::Probe) {
                self.queue_first(canary, Purpose::Probe, PROBE_TEXT.to_owned(), turn.now);
            }
        }
        let limit = &mut self.state.limits[at];
        if !runs {
            limit.note_rested(canary);
        } else if !limit.rested.contains(canary) {
            limit.asked_busy.insert(canary.to_owned());
        }
        limit.probe_lost = false;
        let is_early = limit.due(turn.now).is_some_and(|due| due.mono > turn.now.mono);
        let before = is_early.then(|| Box::new(limit.hold.clone()));
        limit.hold = Hold::Probing { canary: canary.to_owned(), since: turn.now.moment(), before };
        let number = limit.probes.saturating_add(1);
        let text = format!("account {}: probe {number} asks {canary} to go on", limit.account);
        let event = self.about_limit(canary, (EventKind::LimitProbe, &text), &self.state.limits[at], turn.now);
        turn.act(Action::Record(event));
        turn.due(turn.now.mono + CANARY_MAX);
    }

    /// Decides whether the canary has had its time, or cannot be asked after all.
    fn decide_probing(&mut self, at: usize, canary: &str, since: Moment, turn: &mut Turn) {
        let state = self.state.agents.get(canary);
        // Behind a draft the probe would wait. One that has arrived, as its program tells, may still stand in the box on the
        // newest look.
        let drafted = self.agents.get(canary).filter(|live| live.draft.is_some());
        let has_begun = |heard: &super::events::Heard| {
            heard.works() == Some(true) || heard.ended().is_some_and(|ended| ended >= since.mono)
        };
        let waits = drafted.is_some_and(|live| !(self.was_asked(canary) && has_begun(&live.heard)));
        let usable = self.wanted(canary)
            && !waits
            && state.is_some_and(|state| {
                let started_as_probe = matches!(
                    state.session,
                    Session::Absent
                        | Session::Preparing { .. }
                        | Session::Starting
                        | Session::Stopping { then_start: true }
                );
                let runs = matches!(state.session, Session::Running { .. });
                state.attention.is_none() && (runs || (started_as_probe && !state.is_blocked(turn.now)))
            });
        let over = turn.now.since(since) >= CANARY_MAX;
        if usable && !over {
            turn.due(since.mono + CANARY_MAX);
            return self.look_at_canary(canary, since, turn);
        }
        let flat = self.fleet.watchdog.limit_probe_fallback;
        if let Some(state) = self.state.agents.get_mut(canary) {
            state.drop_waiting_probe();
        }
        let limit = &mut self.state.limits[at];
        let wait = if usable { flat } else { Duration::ZERO };
        limit.hold = limit.hold.after_probe(turn.now.moment() + wait, turn.now);
        if usable {
            limit.probes = limit.probes.saturating_add(1);
            limit.passed_over.clear();
            self.tell_refusal(canary, at, turn);
        } else {
            limit.passed_over.insert(canary.to_owned());
        }
        if let Some(due) = self.state.limits[at].due(turn.now) {
            turn.due(due.mono);
        }
    }

    /// Tells that the newest probe was in vain, once loudly.
    pub(super) fn tell_refusal(&self, canary: &str, at: usize, turn: &mut Turn) {
        let limit = &self.state.limits[at];
        let is_loud = limit.probes == WARN_PROBES;
        let loudly = format!(" after {WARN_PROBES} probes; probes go on at the flat cadence");
        let text = format!("account {} is still held{}", limit.account, if is_loud { &loudly } else { "" });
        let kind = if is_loud { EventKind::LimitPersists } else { EventKind::LimitProbe };
        turn.act(Action::Record(self.about_limit(canary, (kind, &text), limit, turn.now)));
    }

    /// Returns an event about a limit that an agent has to do with.
    pub(super) fn about_limit(&self, agent: &str, (kind, text): (EventKind, &str), limit: &Limit, now: Now) -> Event {
        let event = with(self.about(agent, kind, text, now), "account", limit.account.as_str());
        match &limit.model {
            Some(model) => with(event, "model", model.as_str()),
            None => event,
        }
    }

    /// Returns whether this supervisor has heard all that the canary told since it was asked: of a refusal that leaves nothing
    /// on the screen nobody else knows, and it is asked anew. Takes a program that has told of its turns and tells nothing
    /// of this one for mute from then on.
    pub(super) fn listen_to_canary(&mut self, at: usize, name: &str) -> bool {
        let is_wired = self.backend_of(name).is_some_and(|backend| backend.events.is_some());
        let Hold::Probing { since, .. } = self.state.limits[at].hold else { return false };
        let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) else {
            return false;
        };
        if live.heard.owes_receipt(since) && live.heard.ended().is_none_or(|ended| ended < since.mono) {
            live.heard.be_mute();
            state.receipts_run = None;
            return false;
        }
        // Wired by hand it tells as well.
        let tells = is_wired || state.receipts_run == Some(state.run);
        !tells || live.found.is_some_and(|listened| listened <= since.mono)
    }

    /// Says whether no probe is on its way to the agent any more.
    pub(super) fn was_asked(&self, name: &str) -> bool {
        let is_probe = |message: &Message| message.purpose == Purpose::Probe;
        self.state.agents.get(name).is_some_and(|state| !state.queue.iter().any(is_probe))
    }

    /// Says whether the service has refused, as the newest look shows or the program told last: a limit, old or new, or for
    /// another reason, which tells nothing of the limit.
    pub(super) fn shows_refusal(&self, name: &str) -> bool {
        let Some(live) = self.agents.get(name) else { return false };
        let is_told = live.heard.in_force().is_some_and(|doing| matches!(doing.told, Told::Refused { .. }));
        is_told
            || live.look.as_ref().is_some_and(|look| look.readings.iter().any(|reading| reading.meaning.is_refusal()))
    }

    /// Takes note that nothing proves the arrival of a probe.
    pub(super) fn probe_was_lost(&mut self, name: &str) {
        if self.backend_of(name).is_none_or(|backend| backend.screen.input_re.is_none()) {
            return;
        }
        for limit in &mut self.state.limits {
            limit.probe_lost |= matches!(&limit.hold, Hold::Probing { canary, .. } if canary == name);
        }
    }

    /// Looks at the canary when it has had time to answer, though it writes nothing.
    fn look_at_canary(&mut self, canary: &str, since: Moment, turn: &mut Turn) {
        let due = since.mono + ANSWER_PROOF;
        let runs = self.state.agents.get(canary).is_some_and(|state| state.session == Session::Running { ready: true });
        let Some(live) = self.agents.get(canary).filter(|live| runs && !live.looking) else { return };
        if live.look.is_some() && live.asked_to_look >= due {
            return;
        }
        if due > turn.now.mono {
            turn.due(due);
        } else {
            self.look(canary, turn);
        }
    }
}
