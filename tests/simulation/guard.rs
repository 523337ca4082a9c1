//! The supervisor in its world: started on what was saved, asked to decide, killed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::event::EventKind;
use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::policy::state::State;
use agent_orchestrator::policy::{Places, Supervisor, Turn};

use super::agenda::Event;
use super::clock::{MINUTE, SECOND};
use super::host::Command;
use super::interface::Post;
use super::oracle::Step;
use super::world::World;

/// A deadline that has passed comes so much later, as in the program's own loop.
const DEADLINE_MIN: u64 = 1;

/// The supervisor and what the world knows of it.
pub struct Guard {
    pub supervisor: Option<Supervisor>,
    /// Counts supervisors.
    pub life: u64,
    pub saved: State,
    /// What it has not been told yet.
    inbox: Vec<Observation>,
    pub deadline: Option<u64>,
    /// It does not get to run before.
    pub stalled_until: u64,
    /// It is killed in the next turn that does something: before which action, if there are so many.
    pub kill: Option<u64>,
    /// Counts actions, but for looks and what is only told.
    pub actions: u64,
    /// It is killed before this one.
    pub kill_before: Option<u64>,
    /// Answered requests, and those that wait: number, since when.
    pub asked: BTreeMap<u64, u64>,
    pub watched: BTreeMap<String, Vec<PathBuf>>,
    pub ready: bool,
    pub turns: u64,
}

impl Guard {
    pub fn new(state: State) -> Self {
        Self {
            supervisor: None,
            life: 0,
            saved: state,
            inbox: Vec::new(),
            deadline: None,
            stalled_until: 0,
            kill: None,
            actions: 0,
            kill_before: None,
            asked: BTreeMap::new(),
            watched: BTreeMap::new(),
            ready: false,
            turns: 0,
        }
    }

    /// Says when it decides next.
    pub fn due(&self, at: u64) -> Option<u64> {
        self.supervisor.as_ref()?;
        let due = if self.inbox.is_empty() { self.deadline } else { Some(at) };
        due.map(|due| due.max(self.stalled_until))
    }

    pub fn sees(&mut self, seen: Observation) {
        self.inbox.push(seen);
    }
}

impl World {
    /// Starts a supervisor on what was saved.
    pub fn supervise(&mut self, held: bool) {
        if self.guard.supervisor.is_some() {
            return;
        }
        if self.setup.broken {
            // It says why and ends; systemd or a person tries again.
            return self.agenda.add(self.clock.at + MINUTE, Event::Supervise { held: false });
        }
        let text = serde_json::to_string(&self.guard.saved).expect("a state as JSON");
        let state: State = serde_json::from_str(&text).expect("a state");
        if state != self.guard.saved {
            return self.fail("what is saved is what is read", || text);
        }
        let state = state.taken_up(&self.clock.boot_id(), self.clock.now());
        let places = Places { texts: PathBuf::from("/s/texts"), state: PathBuf::from("/s"), has_timers: false };
        self.fleet = Arc::clone(&self.on_disk);
        self.oracle.taken_up(&self.guard.saved, &state);
        self.guard.saved = state.clone();
        self.guard.life += 1;
        self.guard.supervisor = Some(Supervisor::new(Arc::clone(&self.fleet), state, places, held));
        self.guard.inbox.clear();
        self.guard.asked.clear();
        self.guard.watched.clear();
        self.guard.ready = false;
        self.guard.stalled_until = 0;
        self.note(|| format!("host: supervisor starts (held: {held})"));
        for program in self.panes.values_mut().filter_map(|pane| pane.program.as_mut()) {
            program.mouth.unheard();
        }
        self.oracle.supervisor_starts(held, &self.guard.saved, self.clock.at);
        self.decide(&[]);
        let fleet = Arc::clone(&self.fleet);
        self.guard.inbox.push(Observation::Config { fleet: Arc::clone(&fleet), warnings: Vec::new() });
        self.see_spool();
        for a_loop in &fleet.loops {
            if let Some(origin) = self.origins.get_mut(&a_loop.name) {
                origin.told = None;
            }
            self.look_at_origin(&a_loop.name, 300);
        }
    }

    pub fn kill_supervisor(&mut self) {
        if self.guard.supervisor.take().is_none() {
            return;
        }
        self.note(|| "host: supervisor killed".to_owned());
        self.disturb_all();
        self.guard.deadline = None;
        for pane in self.panes.values_mut() {
            pane.late_start |= true;
            pane.client += 1;
        }
        self.oracle.supervisor_ends();
        let pause = self.random.spread(SECOND / 10..=20 * SECOND);
        self.agenda.add(self.clock.at + pause, Event::Supervise { held: false });
    }

    /// The supervisor decides on what it has been told.
    pub fn turn(&mut self) {
        let mut seen = std::mem::take(&mut self.guard.inbox);
        if seen.is_empty() {
            seen.push(Observation::Deadline);
        }
        self.decide(&seen);
    }

    fn decide(&mut self, seen: &[Observation]) {
        let now = self.clock.now();
        if self.trace.is_some() {
            self.note_seen(seen);
        }
        let Some(supervisor) = &mut self.guard.supervisor else { return };
        let stepped = catch_unwind(AssertUnwindSafe(|| supervisor.step(seen, now)));
        let Ok(turn) = stepped else {
            return self.fail("no turn panics", || format!("{seen:?}"));
        };
        let state = supervisor.state().clone();
        self.fleet = Arc::clone(supervisor.fleet());
        let before = std::mem::replace(&mut self.guard.saved, state);
        self.guard.turns += 1;
        self.guard.deadline =
            turn.deadline.map(|deadline| self.clock.moment_of(deadline).max(self.clock.at + DEADLINE_MIN));
        let after = self.guard.saved.clone();
        self.judge(&Step { before: &before, after: &after, told: seen, turn: &turn });
        self.perform_all(turn);
    }

    fn perform_all(&mut self, turn: Turn) {
        let count = turn.actions.len() as u64;
        let kill_at = match self.guard.kill {
            Some(number) if count > 0 => {
                self.guard.kill = None;
                Some(number % (count + 1))
            }
            Some(_) | None => None,
        };
        for (place, action) in (0..).zip(turn.actions) {
            if kill_at == Some(place) || self.is_killed_before(&action) {
                return self.kill_supervisor();
            }
            if self.trace.is_some() {
                self.note_action(&action);
            }
            self.perform(action);
        }
        if kill_at == Some(count) {
            self.kill_supervisor();
        }
    }

    /// Counts an action and says whether the supervisor is killed before it.
    fn is_killed_before(&mut self, action: &Action) -> bool {
        if matches!(action, Action::Look { .. } | Action::Record(_) | Action::Notify(_)) {
            return false;
        }
        self.guard.actions += 1;
        self.guard.kill_before.take_if(|number| *number == self.guard.actions).is_some()
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Find { agent } => self.ask(&agent, Command::Find),
            Action::Prepare { agent, start } => {
                let (run, missing) = (start.run, self.pane(&agent).files_missing);
                let result = if missing { Err("cannot read `prompts/role.md`".to_owned()) } else { Ok(()) };
                if result.is_ok() {
                    self.pane(&agent).prepared = Some(start);
                }
                self.see_soon(Observation::Prepared { agent, run, result });
            }
            Action::Start { agent, run } => self.ask(&agent, Command::Start { run }),
            Action::Stop { agent } => self.ask(&agent, Command::Stop),
            Action::Look { agent } => self.ask(&agent, Command::Look),
            Action::Paste { agent, message, text } => self.ask(&agent, Command::Paste { message, text }),
            Action::Press { agent, message, key: _ } => self.ask(&agent, Command::Press { message }),
            Action::Post { agent, message, conversation, text } => {
                self.post(&agent, Post { message, conversation, text });
            }
            Action::Key { agent, key } => self.ask(&agent, Command::Key { key }),
            Action::WriteText { path, text } => {
                self.disk.insert(path, text);
            }
            Action::ReadPushed { in_loop, since, paths } => self.read_pushed(&in_loop, since.as_deref(), &paths),
            Action::WatchFiles { in_loop, paths } => self.watch_files(in_loop, paths),
            Action::MarkComplete { in_loop, text } => {
                self.complete.insert(in_loop, text.is_some());
            }
            Action::RemoveFile { path } => {
                self.disk.remove(&path);
                if self.random.percent(20) {
                    self.see_soon(Observation::Trouble { what: format!("cannot remove `{}`", path.display()) });
                }
            }
            Action::Answer { id, reply } => self.answered(id.0, &reply),
            Action::Notify(event) if event.event == EventKind::Draft => {
                self.hears_of_draft(event.agent.as_deref().unwrap_or_default());
            }
            Action::Record(_) | Action::Notify(_) => {}
            Action::ReadText { agent, path: _ } => {
                let missing = self.pane(&agent).files_missing;
                let text = format!("It is time to look around. ({})", self.guard.turns);
                let result = if missing { Err("cannot read `wake.md`".to_owned()) } else { Ok(text) };
                self.see_soon(Observation::TextRead { agent, result });
            }
            Action::Unspool { ids } => {
                self.spool.retain(|(id, _)| !ids.contains(id));
                self.see_spool();
            }
            Action::Ready => self.guard.ready = true,
            Action::Exit => {
                self.note(|| "host: supervisor exits".to_owned());
                self.guard.supervisor = None;
                self.guard.deadline = None;
                self.oracle.supervisor_ends();
                self.after_exit();
            }
        }
    }

    /// Lets the present supervisor see something shortly.
    pub fn see_soon(&mut self, seen: Observation) {
        let at = self.clock.at + self.random.below(3);
        self.agenda.add(at, Event::Seen { life: self.guard.life, seen });
    }

    fn watch_files(&mut self, in_loop: String, paths: Vec<PathBuf>) {
        for path in &paths {
            let content = Ok(self.disk.get(path).cloned());
            self.see_soon(Observation::File { in_loop: in_loop.clone(), path: path.clone(), content });
        }
        self.guard.watched.insert(in_loop, paths);
    }
}
