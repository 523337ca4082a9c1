//! Acts in the supervisor's place while there is none: looks, moves a phase, ends agents.

use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::event_log::EventLog;
use super::journal::Journal;
use super::lock::{Lock, Role};
use super::paths::Paths;
use super::perform::{Telling, mark_complete, remove_file};
use super::reactor::{Owner, Part, Reactor};
use super::sessions::Sessions;
use super::spool::{self, Left};
use super::start::{open_fleet_or_last, open_state, places, supervisor_pid};
use super::state_file::Keeper;
use super::timer::Timer;
use super::{child, clock};
use crate::policy::action::Action;
use crate::policy::event::EventKind;
use crate::policy::now::{Mono, Now};
use crate::policy::observation::Observation;
use crate::policy::request::{Asker, Reason, Reply, Request, RequestId};
use crate::policy::state::{AgentState, Session, State};
use crate::policy::status::Picture;
use crate::policy::{self, Supervisor};

/// How long tmux may take to tell of all sessions.
const FIND_MAX: Duration = Duration::from_secs(2);

/// How long an order may take.
const ORDER_MAX: Duration = Duration::from_secs(30);

/// The most turns that an order takes.
const TURNS_MAX: usize = 1000;

const TIMER_ID: u64 = 0;
const REQUEST: RequestId = RequestId(1);

/// Why an order was not carried out; tells the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// One sentence.
    pub error: String,
    /// What helps.
    pub hint: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.error)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(out, "\nhint: {hint}"))
    }
}

impl std::error::Error for Refusal {}

/// Answers a request as far as that can be done without a supervisor.
pub fn ask(config: &Path, request: &Request) -> Reply {
    let answer = match request {
        Request::Status => picture(config).map(|picture| Reply::Status { picture: Box::new(picture) }),
        Request::Explain { name } => explain(config, name),
        Request::PhaseShow { .. } => show(config, request),
        Request::PhaseSet { .. } | Request::Down { .. } => {
            Offline::open(config, Purpose::Order).and_then(|offline| offline.order(request))
        }
        Request::Wake { .. } | Request::Run { .. } | Request::Send { queue: true, .. } => {
            Ok(leave(config, request).unwrap_or_else(|error| failed(Reason::Unanswered, &error)))
        }
        Request::Up { .. } | Request::Restart { .. } | Request::Probe { .. } | Request::Send { queue: false, .. } => {
            Ok(no_supervisor())
        }
    };
    answer.unwrap_or_else(|error| failed(Reason::Failed, &error))
}

/// Returns the fleet's picture as disk and tmux show it.
///
/// # Errors
/// When config or state cannot be used.
pub fn picture(config: &Path) -> anyhow::Result<Picture> {
    let mut offline = Offline::open(config, Purpose::Look)?;
    offline.find_all()?;
    Ok(offline.picture())
}

/// Stops these agents and remembers it; all of them, without remembering, if `names` is empty. Says what was done.
///
/// # Errors
/// A [`Refusal`]: config or state cannot be used, the fleet's lock is held, or sessions do not end in time.
pub fn down(config: &Path, names: &[String]) -> anyhow::Result<Vec<String>> {
    done(ask(config, &Request::Down { names: names.to_vec() }))
}

/// Carries out a `PhaseSet`: its agents are stopped, and started by the next supervisor. Says what was done.
///
/// # Errors
/// A [`Refusal`]: as [`down`], or there is no such loop or phase.
pub fn phase(config: &Path, request: &Request) -> anyhow::Result<Vec<String>> {
    done(ask(config, request))
}

fn done(reply: Reply) -> anyhow::Result<Vec<String>> {
    match reply {
        Reply::Done { lines } => Ok(lines),
        Reply::Failed { reason, error, hint } => Err(Refusal { reason, error, hint }.into()),
        Reply::Status { .. } | Reply::Explanation { .. } => Err(anyhow!("this is no order")),
    }
}

/// Leaves a request for the next supervisor, unless that would refuse it.
fn leave(config: &Path, request: &Request) -> anyhow::Result<Reply> {
    let (fleet, paths, _) = open_fleet_or_last(config)?;
    paths.make(fleet.agents.iter().map(|agent| &agent.name))?;
    let (_, state) = open_state(&paths, clock::now(chrono_tz::UTC))?;
    if let Err(reply) = policy::spool::check_with(&fleet, &state, request) {
        return Ok(reply);
    }
    let verb = policy::spool::verb(request);
    let line = match spool::leave(&paths.spool(), request, clock::now(chrono_tz::UTC).wall)? {
        Left::Now => format!("no supervisor runs: `{verb}` is kept, and done as soon as one starts"),
        Left::Already => format!("no supervisor runs: `{verb}` is kept already, and done once as soon as one starts"),
    };
    Ok(Reply::Done { lines: vec![line] })
}

fn explain(config: &Path, name: &str) -> anyhow::Result<Reply> {
    let mut offline = Offline::open(config, Purpose::Look)?;
    offline.find_all()?;
    let explanation = offline.supervisor.explain(name, offline.now());
    Ok(explanation.map_or_else(
        || Reply::Failed { reason: Reason::Usage, error: format!("there is no agent `{name}`"), hint: None },
        |explanation| Reply::Explanation { explanation: Box::new(explanation) },
    ))
}

/// Answers from disk what needs no session and changes nothing.
fn show(config: &Path, request: &Request) -> anyhow::Result<Reply> {
    let mut offline = Offline::open(config, Purpose::Look)?;
    let now = offline.now();
    offline.supervisor.step(&[], now);
    let turn = offline.supervisor.step(&[asked(request)], now);
    let answer = turn.actions.into_iter().find_map(|action| match action {
        Action::Answer { reply, .. } => Some(reply),
        Action::Find { .. }
        | Action::Prepare { .. }
        | Action::Start { .. }
        | Action::Stop { .. }
        | Action::Look { .. }
        | Action::Paste { .. }
        | Action::Post { .. }
        | Action::Press { .. }
        | Action::Key { .. }
        | Action::WriteText { .. }
        | Action::ReadText { .. }
        | Action::Unspool { .. }
        | Action::ReadPushed { .. }
        | Action::WatchFiles { .. }
        | Action::MarkComplete { .. }
        | Action::RemoveFile { .. }
        | Action::Record(_)
        | Action::Notify(_)
        | Action::Ready
        | Action::Exit => None,
    });
    Ok(answer.unwrap_or_else(no_supervisor))
}

fn asked(request: &Request) -> Observation {
    Observation::Request { id: REQUEST, asker: Asker::Person, request: request.clone() }
}

fn failed(reason: Reason, error: &anyhow::Error) -> Reply {
    let text = format!("{error:#}");
    // The mistakes of a config come as `check` prints them.
    let text = text.strip_prefix("error: ").unwrap_or(&text).to_owned();
    let (error, hint) = match text.split_once("\nhint: ") {
        Some((error, hint)) if !hint.contains('\n') => (error.to_owned(), Some(hint.to_owned())),
        Some(_) | None => (text, None),
    };
    Reply::Failed { reason, error, hint }
}

fn no_supervisor() -> Reply {
    Reply::Failed {
        reason: Reason::NoSupervisor,
        error: "no supervisor of this fleet runs".to_owned(),
        hint: Some("`agent-orchestrator up` starts one".to_owned()),
    }
}

/// What a fleet without its supervisor is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Nothing is done, nothing is saved.
    Look,
    /// Something is; nobody else may do so meanwhile.
    Order,
}

/// A fleet without its supervisor.
struct Offline {
    _lock: Option<Lock>,
    supervisor: Supervisor,
    saved: Option<State>,
    paths: Rc<Paths>,
    zone: chrono_tz::Tz,
    reactor: Rc<Reactor>,
    timer: Timer,
    sessions: Sessions,
}

impl Offline {
    fn open(config: &Path, purpose: Purpose) -> anyhow::Result<Self> {
        let (mut fleet, paths, broken) = open_fleet_or_last(config)?;
        // The operator is who acts here.
        fleet.notify = None;
        paths.make(fleet.agents.iter().map(|agent| &agent.name))?;
        let paths = Rc::new(paths);
        let now = clock::now(clock::host_zone());
        let lock = match purpose {
            Purpose::Look => None,
            Purpose::Order => Some(Lock::take(&paths.lock(), Role::Verb, now.wall)?),
        };
        let (saved, state) = open_state(&paths, now)?;
        let mut supervisor = Supervisor::new(Arc::new(fleet), state, places(&paths), true);
        if let Some(error) = broken {
            supervisor.step(&[Observation::ConfigBroken { error }], now);
        }
        let reactor = Rc::new(Reactor::new().context("cannot wait for events")?);
        let timer = Timer::new(&reactor, TIMER_ID).context("cannot make a timer")?;
        let mut sessions = Sessions::new(Rc::clone(&reactor), Rc::clone(&paths), child::own_program());
        if purpose == Purpose::Look {
            sessions.only_look();
        }
        let remembered = supervisor.picture(now).agents.into_iter().map(|agent| (agent.name, agent.session));
        let named = supervisor.fleet().agents.iter().map(|agent| (agent.name.clone(), agent.session.clone()));
        sessions.set_names(remembered.chain(named).collect());
        Ok(Self { _lock: lock, supervisor, saved, paths, zone: now.zone, reactor, timer, sessions })
    }

    fn now(&self) -> Now {
        clock::now(self.zone)
    }

    /// Returns the picture, with what only the daemon knows.
    fn picture(&self) -> Picture {
        Picture {
            supervised: false,
            supervisor_pid: supervisor_pid(&self.paths),
            mode: self.paths.manager.to_string(),
            config: self.paths.config.display().to_string(),
            log_dir: self.paths.logs.display().to_string(),
            ..self.supervisor.picture(self.now())
        }
    }

    /// Takes the first turn and tells the supervisor which sessions there are; who does not answer in time stays
    /// unknown. Returns what is to be done of it.
    fn find_all(&mut self) -> anyhow::Result<Vec<Action>> {
        let now = self.now();
        self.supervisor.step(&[], now);
        let mut waited: BTreeSet<String> =
            self.supervisor.picture(now).agents.into_iter().map(|agent| agent.name).collect();
        waited.extend(self.supervisor.fleet().agents.iter().map(|agent| agent.name.clone()));
        for agent in &waited {
            self.sessions.find(agent);
        }
        let mut actions = Vec::new();
        let until = now.mono + FIND_MAX;
        while !waited.is_empty() && clock::mono() < until {
            let seen = self.wait(until)?;
            for one in &seen {
                if let Observation::Session { agent, .. } = one {
                    waited.remove(agent);
                }
            }
            if !seen.is_empty() {
                actions.extend(self.supervisor.step(&seen, self.now()).actions);
            }
        }
        Ok(actions)
    }

    /// Waits until the sessions have told something or wanted to be called, at the latest until `until`.
    fn wait(&mut self, until: Mono) -> anyhow::Result<Vec<Observation>> {
        let mut seen = Vec::new();
        let wake = self.sessions.deadline().map_or(until, |deadline| deadline.min(until));
        self.timer.set(Some(wake)).context("cannot set the timer")?;
        for (owner, id) in self.reactor.wait(true).context("cannot wait for events")? {
            match owner {
                Owner::Loop => self.timer.rang(),
                Owner::Sessions => self.sessions.ready(id, &mut seen),
                Owner::Git
                | Owner::Files
                | Owner::Listener
                | Owner::NotifyCommand
                | Owner::Spool
                | Owner::EventSocket => {
                    unreachable!("there is no such part without a loop")
                }
            }
        }
        let now = clock::mono();
        if self.sessions.deadline().is_some_and(|deadline| deadline <= now) {
            self.sessions.expire(now, &mut seen);
        }
        Ok(seen)
    }

    /// Lets the supervisor carry out an order, as far as that starts nothing.
    fn order(mut self, request: &Request) -> anyhow::Result<Reply> {
        let found = self.find_all()?;
        let mut doing = Doing {
            keeper: Keeper::new(self.paths.state_file(), self.saved.take()),
            telling: Telling { event_log: EventLog::new(self.paths.events()), journal: Journal::silent() },
            paths: Rc::clone(&self.paths),
        };
        let until = clock::mono() + ORDER_MAX;
        let mut answer = None;
        let mut seen = vec![asked(request)];
        // What runs is found, and stays without a supervisor.
        let adopted = |action: &Action| matches!(action, Action::Record(event) if event.event == EventKind::Adopted);
        let mut actions: Vec<Action> = found.into_iter().filter(|action| !adopted(action)).collect();
        for _ in 0..TURNS_MAX {
            let decided = self.supervisor.step(&seen, self.now());
            actions.extend(decided.actions);
            seen.clear();
            if let Err(what) = doing.keeper.keep(self.supervisor.state()) {
                return Err(anyhow!(what.unwrap_or_default()));
            }
            let due = decided.deadline;
            let told = doing.perform(std::mem::take(&mut actions), &mut self.sessions, &mut seen);
            answer = told.or(answer);
            let ends = |agent: &AgentState| matches!(agent.session, Session::Stopping { .. });
            if !self.supervisor.state().agents.values().any(ends)
                && let Some(reply) = answer
            {
                return Ok(reply);
            }
            while seen.is_empty() {
                if clock::mono() >= until {
                    return Err(anyhow!("not done after {} s; what was done stays", ORDER_MAX.as_secs()));
                }
                seen = self.wait(due.map_or(until, |due| due.min(until)))?;
                if seen.is_empty() && due.is_some_and(|due| due <= clock::mono()) {
                    seen.push(Observation::Deadline);
                }
            }
        }
        Err(anyhow!("not done after {TURNS_MAX} turns; what was done stays"))
    }
}

/// What an order may use.
struct Doing {
    keeper: Keeper,
    telling: Telling,
    paths: Rc<Paths>,
}

impl Doing {
    /// Performs what stops, removes and tells; a start, a message and a look are the next supervisor's. Returns the
    /// answer when it is given.
    fn perform(&mut self, actions: Vec<Action>, sessions: &mut Sessions, seen: &mut Vec<Observation>) -> Option<Reply> {
        let mut answer = None;
        for action in actions {
            let done = match action {
                Action::Find { agent } => {
                    sessions.find(&agent);
                    Ok(())
                }
                Action::Stop { agent } => {
                    sessions.stop(&agent);
                    Ok(())
                }
                Action::MarkComplete { in_loop, text } => {
                    mark_complete(&self.paths.complete_marker(&in_loop), text.as_deref())
                }
                Action::RemoveFile { path } => remove_file(&path),
                Action::Record(event) => self.telling.tell(&event).map_or(Ok(()), |what| Err(anyhow!(what))),
                Action::Answer { reply, .. } => {
                    answer = Some(reply);
                    Ok(())
                }
                Action::Prepare { .. }
                | Action::Start { .. }
                | Action::Look { .. }
                | Action::Paste { .. }
                | Action::Post { .. }
                | Action::Press { .. }
                | Action::Key { .. }
                | Action::WriteText { .. }
                | Action::ReadText { .. }
                | Action::Unspool { .. }
                | Action::ReadPushed { .. }
                | Action::WatchFiles { .. }
                | Action::Notify(_)
                | Action::Ready
                | Action::Exit => Ok(()),
            };
            if let Err(error) = done {
                seen.push(Observation::Trouble { what: format!("{error:#}") });
            }
        }
        answer
    }
}
