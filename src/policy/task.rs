//! When a task runs: what works is left alone, everything else is ended and started anew.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::activity::Activity;
use super::answer::failed;
use super::command::{TEXT_BYTES_MAX, no_such, printable};
use super::event::EventKind;
use super::fleet::{Agent, Fleet};
use super::live::{Waiter, WaitsFor};
use super::request::{Reason, Reply, RequestId};
use super::state::{Cause, Session, State};
use super::{Supervisor, Turn};

/// Returns the task `name` if the config lets it be run with `text`.
///
/// # Errors
/// The answer that says why not.
pub fn check<'a>(fleet: &'a Fleet, name: &str, text: Option<&str>) -> Result<&'a Agent, Reply> {
    let agent = fleet.agent(name).ok_or_else(|| no_such(fleet, name))?;
    if !agent.is_task() {
        let hint = format!("`up {name}` starts it, `restart {name}` starts it anew");
        return Err(failed(Reason::Usage, format!("`{name}` is no task"), Some(hint)));
    }
    if !agent.enabled {
        let hint = Some("set `enabled = true`".to_owned());
        return Err(failed(Reason::Failed, format!("`{name}` is disabled in the config"), hint));
    }
    if let Some(text) = text.filter(|text| text.len() > TEXT_BYTES_MAX) {
        let error = format!("the text is too long ({} bytes, {TEXT_BYTES_MAX} allowed)", text.len());
        return Err(failed(Reason::Usage, error, Some("put it into a file and name the file".to_owned())));
    }
    Ok(agent)
}

/// Says whether nobody has stopped the task by name.
///
/// # Errors
/// The answer that says so.
pub(super) fn is_not_stopped(state: &State, name: &str) -> Result<(), Reply> {
    if state.agents.get(name).is_none_or(|state| state.stopped.is_none()) {
        return Ok(());
    }
    let hint = Some(format!("`up {name}` lifts that, and runs it"));
    Err(failed(Reason::Failed, format!("`{name}` was stopped by a person"), hint))
}

/// What follows from an order as things are.
enum Verdict {
    /// It is known later.
    Wait,
    /// The next run is the ordered one.
    Accept,
    /// Nothing, for this reason.
    LeaveAlone(String),
    /// Nothing, and that is a failure.
    Refuse(Reply),
}

/// A run of a task that was ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Appended to the prompt.
    pub text: Option<String>,
    /// How far it has come.
    pub course: Course,
}

/// How far an ordered run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "course", rename_all = "snake_case")]
pub enum Course {
    /// It is not decided yet whether the task works and is left alone.
    Asked {
        /// It is not left alone in any case.
        fresh: bool,
    },
    /// The next run is the ordered one.
    Accepted {
        /// Number of the run before it.
        after: u64,
    },
}

impl Supervisor {
    /// Orders a run of a task; `None` while it is not known what comes of it, which is answered to `id` then.
    pub(super) fn run(
        &mut self,
        id: Option<RequestId>,
        name: &str,
        (fresh, text): (bool, Option<&str>),
    ) -> Option<Reply> {
        if let Err(reply) = self.may_run(name, text) {
            return Some(reply);
        }
        if id.is_some() {
            self.hold = false;
        }
        let text = text.map(printable).filter(|text| !text.trim().is_empty());
        let Some(state) = self.state.agents.get_mut(name) else { return Some(self.no_such(name)) };
        let waits_for = match &state.order {
            Some(order) if fresh || text.is_some() && order.text != text => {
                let hint = Some("try again when it runs".to_owned());
                return Some(failed(Reason::Busy, format!("another run of `{name}` is ordered already"), hint));
            }
            Some(Order { course: Course::Accepted { after }, .. }) => {
                WaitsFor::Up(vec![(name.to_owned(), Some(*after))])
            }
            Some(Order { course: Course::Asked { .. }, .. }) => WaitsFor::Run(name.to_owned()),
            None => {
                state.order = Some(Order { text, course: Course::Asked { fresh } });
                WaitsFor::Run(name.to_owned())
            }
        };
        self.waiters.extend(id.map(|id| Waiter { id, waits_for }));
        None
    }

    fn may_run(&self, name: &str, text: Option<&str>) -> Result<(), Reply> {
        check(&self.fleet, name, text)?;
        if self.ending {
            return Err(failed(Reason::Failed, "everything is being ended".to_owned(), None));
        }
        is_not_stopped(&self.state, name)
    }

    /// Decides what comes of every order.
    pub(super) fn decide_runs(&mut self, turn: &mut Turn) {
        let asked = |order: &Order| matches!(order.course, Course::Asked { .. });
        let ordered: Vec<(String, Order)> = self
            .state
            .agents
            .iter()
            .filter_map(|(name, state)| Some((name.clone(), state.order.clone().filter(asked)?)))
            .collect();
        for (name, order) in ordered {
            match self.verdict(&name, &order, turn) {
                Verdict::Wait => {}
                Verdict::Accept => self.accept(&name),
                Verdict::LeaveAlone(why) => {
                    let text = left_alone(&name, &why, order.text.is_some());
                    turn.act(Action::Record(self.about(&name, EventKind::LeftAlone, &text, turn.now)));
                    self.resolve(&name, &Reply::Done { lines: vec![text] }, turn);
                }
                Verdict::Refuse(reply) => {
                    if let Reply::Failed { error, .. } = &reply {
                        let text = format!("is not run: {error}");
                        turn.act(Action::Record(self.about(&name, EventKind::Trouble, &text, turn.now)));
                    }
                    self.resolve(&name, &reply, turn);
                }
            }
        }
    }

    fn verdict(&self, name: &str, order: &Order, turn: &mut Turn) -> Verdict {
        if let Err(reply) = self.may_run(name, None) {
            return Verdict::Refuse(reply);
        }
        let (Some(state), Some(live)) = (self.state.agents.get(name), self.agents.get(name)) else {
            return Verdict::Wait;
        };
        let fresh = order.course == Course::Asked { fresh: true };
        let run = state.run;
        match &state.session {
            _ if self.hold => Verdict::Wait,
            // Nothing of it was there before, so it is only systemd that is too busy to say so again.
            Session::Unknown { lived: false, .. } => Verdict::Wait,
            Session::Unknown { why, .. } if self.is_run_awaited(name) => {
                Verdict::Refuse(failed(Reason::Unanswered, format!("`{name}` cannot be reached: {why}"), None))
            }
            Session::Unknown { .. } => Verdict::Wait,
            _ if live.found.is_none() => Verdict::Wait,
            Session::Preparing { .. } | Session::Starting | Session::Stopping { then_start: true } if fresh => {
                Verdict::Wait
            }
            Session::Preparing { .. }
            | Session::Starting
            | Session::Stopping { then_start: true }
            | Session::Running { ready: false }
                if !fresh =>
            {
                Verdict::LeaveAlone(format!("is being started (run {run})"))
            }
            Session::Running { .. } if !fresh && self.is_held(name, turn.now) => {
                Verdict::LeaveAlone(format!("is held by a usage limit (run {run})"))
            }
            Session::Running { .. } if !fresh => match self.activity(name, turn.now) {
                Activity::Working { .. } => Verdict::LeaveAlone(format!("works (run {run})")),
                Activity::Unheard { until } => {
                    turn.due(until);
                    Verdict::Wait
                }
                Activity::Idle => Verdict::Accept,
            },
            Session::Preparing { .. }
            | Session::Starting
            | Session::Stopping { .. }
            | Session::Running { .. }
            | Session::Absent
            | Session::Dead { .. } => Verdict::Accept,
        }
    }

    fn is_run_awaited(&self, name: &str) -> bool {
        self.waiters.iter().any(|waiter| waiter.waits_for == WaitsFor::Run(name.to_owned()))
    }

    /// Lets the task start anew, over what is there.
    fn accept(&mut self, name: &str) {
        let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) else { return };
        let after = state.run;
        if let Some(order) = &mut state.order {
            order.course = Course::Accepted { after };
        }
        state.asked = true;
        state.retry = None;
        live.first = true;
        live.stop_trouble = None;
        if matches!(state.session, Session::Running { .. }) {
            state.restart = Some(Cause::Asked);
        }
        if let Some(blocked) = &mut state.blocked {
            blocked.again = true;
        }
        for waiter in &mut self.waiters {
            if waiter.waits_for == WaitsFor::Run(name.to_owned()) {
                waiter.waits_for = WaitsFor::Up(vec![(name.to_owned(), Some(after))]);
            }
        }
    }

    /// Drops an order and answers who waits for it.
    fn resolve(&mut self, name: &str, reply: &Reply, turn: &mut Turn) {
        if let Some(state) = self.state.agents.get_mut(name) {
            state.order = None;
        }
        self.answer_all(&WaitsFor::Run(name.to_owned()), reply, turn);
    }

    /// Gives everybody who waits for this the same answer; says whether anybody did.
    pub(super) fn answer_all(&mut self, waits_for: &WaitsFor, reply: &Reply, turn: &mut Turn) -> bool {
        let before = self.waiters.len();
        self.waiters.retain(|waiter| {
            let waits = waiter.waits_for == *waits_for;
            if waits {
                turn.act(Action::Answer { id: waiter.id, reply: reply.clone() });
            }
            !waits
        });
        self.waiters.len() < before
    }
}

fn left_alone(name: &str, why: &str, has_text: bool) -> String {
    let text = if has_text { "; the text was not given to it" } else { "" };
    format!("{name} {why} and is left alone{text}")
}
