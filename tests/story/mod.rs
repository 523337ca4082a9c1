//! A host in memory that answers the supervisor's actions, and a clock that only the story moves.

#![allow(dead_code, reason = "every test file uses another part of it")]

pub mod fleets;
mod host;
pub mod telling;
pub mod woken;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_orchestrator::config::{self, Where};
use agent_orchestrator::policy::action::Start;
use agent_orchestrator::policy::agent_event::Told;
use agent_orchestrator::policy::event::Event;
use agent_orchestrator::policy::now::{Mono, Now};
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use agent_orchestrator::policy::request::{Asker, Override, PhaseTarget, Reply, Request, RequestId};
use agent_orchestrator::policy::state::State;
use agent_orchestrator::policy::{Places, Supervisor};
use chrono::{DateTime, TimeDelta, Utc};

/// A pane of the host.
#[derive(Debug, Clone, Default)]
pub struct Pane {
    pub run: u64,
    pub alive: bool,
    /// What stands in the input box; a person may have typed it.
    pub input: String,
    /// Texts that were submitted.
    pub taken: Vec<String>,
    /// So many submit keys are swallowed.
    pub swallows: u32,
    /// Keys that are pressed are not answered.
    pub unanswered: bool,
    /// So many pastes are lost.
    pub loses_pastes: u32,
    /// Shown above the input box.
    pub above: String,
    pub title: String,
    /// A dialog covers the input box.
    pub dialog: bool,
    /// The program in the foreground; `agent` where empty.
    pub command: String,
    /// The program hangs: what is typed stays unread.
    pub hangs: bool,
    /// It tells of the prompts that it takes.
    pub tells: bool,
    /// Its screen cannot be read.
    pub unreadable: bool,
    /// When it wrote something last, as tmux knows it; nothing is told of one that never did.
    pub wrote: Option<DateTime<Utc>>,
    /// It has not asked for bracketed pastes: each line end submits.
    pub line_based: bool,
    /// No terminal is attached to it.
    pub unattended: bool,
    /// What was typed meanwhile, a newline for each submit key.
    pub unread: String,
}

/// The host, the supervisor on it and what was seen to happen.
pub struct Story {
    pub supervisor: Option<Supervisor>,
    pub now: Now,
    pub start: Now,
    fleet: Arc<config::Parsed>,
    pub panes: BTreeMap<String, Pane>,
    /// Pushed commits, oldest first: id and subject.
    pub commits: Vec<(String, String)>,
    pub files: BTreeMap<String, String>,
    pub disk: BTreeMap<PathBuf, String>,
    watched: Vec<(String, PathBuf)>,
    /// Agents whose files are missing, with the error.
    pub missing: BTreeMap<String, String>,
    /// Agents whose session cannot be asked.
    pub hung: BTreeSet<String>,
    /// The host has a timer for each calendar, as the next supervisor is told.
    pub has_timers: bool,
    /// Agents whose end is refused, for this reason; they are there all the same.
    pub refused: BTreeMap<String, String>,
    /// The launch files of these say what the config says.
    pub same: BTreeSet<String>,
    /// Agents that take their time to end; see [`Story::ends`].
    pub slow: BTreeSet<String>,
    /// Agents of which nothing is answered: not what is there, nor that a start is prepared or has come about.
    pub silent: BTreeSet<String>,
    /// The next program of this agent ends at once.
    pub dies_at_start: Option<String>,
    /// What the newest start of each agent adds to its prompt.
    pub extra_texts: BTreeMap<String, Option<String>>,
    /// What was left while there was no supervisor, by file.
    pub spool: BTreeMap<String, Request>,
    /// Sessions that answer nobody, and that can be ended.
    pub half_ended: BTreeSet<String>,
    pub saved: State,
    /// Id of the running boot.
    boot: String,
    pub deadline: Option<Mono>,
    pub marker: Option<String>,
    pub ready: bool,
    pub ended: bool,
    log: String,
    requests: u64,
    pub replies: BTreeMap<u64, Reply>,
    /// What the operator's command was told.
    pub notified: Vec<Event>,
    /// Performing stops before the action of this number: the supervisor is killed there.
    pub kill_before: Option<usize>,
    performed: usize,
    /// Starts that were prepared, oldest first.
    pub prepared: Vec<(String, Start)>,
    /// Nobody answers what is asked of git.
    pub git_hangs: bool,
    /// Git cannot read the origin, for this reason.
    pub git_fails: Option<String>,
    /// tmux refuses keys.
    pub keys_fail: bool,
    /// tmux pastes, and its answers are lost.
    pub paste_answers_fail: bool,
}

/// Returns the moment at which stories begin.
fn beginning() -> Now {
    let wall: DateTime<Utc> = "2026-06-13T04:00:00Z".parse().expect("a time");
    Now { mono: Mono(Duration::from_secs(10_000)), wall, zone: chrono_tz::UTC }
}

/// Reads a config as a story's fleet; every backend gets an input box unless the text says otherwise.
pub fn fleet(text: &str) -> Arc<config::Parsed> {
    let at = Where { file: PathBuf::from("/p/agents.toml"), home: None };
    Arc::new(config::parse(text, &at))
}

impl Story {
    /// Begins with a supervisor on an empty host.
    pub fn new(text: &str) -> Self {
        let mut story = Self::asleep(text);
        story.wake();
        story
    }

    /// Begins with an empty host and no supervisor.
    pub fn asleep(text: &str) -> Self {
        Self {
            supervisor: None,
            now: beginning(),
            start: beginning(),
            fleet: fleet(text),
            panes: BTreeMap::new(),
            commits: vec![("c0".to_owned(), "init".to_owned())],
            files: BTreeMap::new(),
            disk: BTreeMap::new(),
            watched: Vec::new(),
            missing: BTreeMap::new(),
            hung: BTreeSet::new(),
            has_timers: false,
            refused: BTreeMap::new(),
            same: BTreeSet::new(),
            half_ended: BTreeSet::new(),
            silent: BTreeSet::new(),
            dies_at_start: None,
            extra_texts: BTreeMap::new(),
            spool: BTreeMap::new(),
            slow: BTreeSet::new(),
            saved: State::new("boot-1"),
            boot: "boot-1".to_owned(),
            deadline: None,
            marker: None,
            ready: false,
            ended: false,
            log: String::new(),
            requests: 0,
            replies: BTreeMap::new(),
            notified: Vec::new(),
            kill_before: None,
            performed: 0,
            prepared: Vec::new(),
            git_hangs: false,
            git_fails: None,
            keys_fail: false,
            paste_answers_fail: false,
        }
    }

    /// Starts a supervisor on the saved state.
    pub fn wake(&mut self) {
        self.wake_with(false);
    }

    /// Starts one that starts nothing until it is told to.
    pub fn wake_held(&mut self) {
        self.wake_with(true);
    }

    fn wake_with(&mut self, hold: bool) {
        let parsed = self.fleet.fleet.clone().unwrap_or_else(|| panic!("{:?}", self.fleet.mistakes));
        let places =
            Places { texts: PathBuf::from("/s/texts"), state: PathBuf::from("/s"), has_timers: self.has_timers };
        self.saved = self.saved.clone().taken_up(&self.boot, self.now);
        self.supervisor = Some(Supervisor::new(Arc::new(parsed), self.saved.clone(), places, hold));
        self.ended = false;
        self.watched.clear();
        let mut seen = self.heads();
        seen.push(self.spooled());
        self.turn(seen);
    }

    /// Somebody finds no supervisor and leaves a request; a supervisor that runs by now sees it.
    pub fn leave(&mut self, request: Request) {
        self.requests += 1;
        self.spool.insert(format!("{:03}", self.requests), request);
        let seen = self.spooled();
        self.turn(vec![seen]);
    }

    /// The next supervisor, or this one, is killed before it performs `place` more actions.
    pub fn kill_after(&mut self, place: usize) {
        self.kill_before = Some(self.performed + place);
    }

    pub fn wake_up(&mut self, name: &str) -> u64 {
        self.ask(Request::Wake { name: name.to_owned() })
    }

    pub fn run(&mut self, name: &str, fresh: bool, text: Option<&str>) -> u64 {
        self.ask(run(name, fresh, text))
    }

    /// Who asked goes away.
    pub fn hang_up(&mut self, request: u64) {
        self.turn(vec![Observation::RequestGone { id: RequestId(request) }]);
    }

    /// The supervisor is gone; the agents go on.
    pub fn kill_supervisor(&mut self) {
        self.note("supervisor killed");
        self.supervisor = None;
    }

    /// The host is started again: nothing runs, and the monotonic clock begins anew.
    pub fn reboot(&mut self) {
        self.note("host rebooted");
        self.supervisor = None;
        self.panes.clear();
        self.now.mono = Mono(Duration::from_secs(10));
        self.boot.push('+');
    }

    fn heads(&self) -> Vec<Observation> {
        let Some((head, _)) = self.commits.last() else { return Vec::new() };
        let fleet = self.fleet.fleet.as_ref().expect("a fleet");
        fleet
            .loops
            .iter()
            .map(|a_loop| Observation::Head { in_loop: a_loop.name.clone(), head: head.clone() })
            .collect()
    }

    /// Writes a line of the story.
    pub fn note(&mut self, what: &str) {
        let at = (self.now.wall - self.start.wall).to_std().unwrap_or_default();
        let _ = writeln!(self.log, "{:.1} {what}", at.as_secs_f64());
    }

    /// Returns the story so far and begins a new page.
    pub fn told(&mut self) -> String {
        std::mem::take(&mut self.log)
    }

    /// Lets time pass, with a turn at every deadline.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now.mono + time;
        let mut turns = 0;
        while let Some(deadline) = self.deadline.filter(|deadline| *deadline <= until && self.supervisor.is_some()) {
            self.to(deadline.max(self.now.mono));
            self.turn(vec![Observation::Deadline]);
            turns += 1;
            assert!(turns < 10_000, "the supervisor does not rest: {}", self.log);
        }
        self.to(until);
    }

    pub fn pass_s(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    fn to(&mut self, mono: Mono) {
        let passed = mono.since(self.now.mono);
        self.now.mono = mono;
        self.now.wall += TimeDelta::from_std(passed).expect("a short time");
    }

    /// One turn, and those that follow from its actions at once.
    pub fn turn(&mut self, seen: Vec<Observation>) {
        let mut seen = seen;
        for _ in 0..1000 {
            let Some(supervisor) = &mut self.supervisor else { return };
            let turn = supervisor.step(&seen, self.now);
            self.deadline = turn.deadline;
            self.saved =
                serde_json::from_str(&serde_json::to_string(supervisor.state()).expect("json")).expect("state");
            seen = Vec::new();
            for action in turn.actions {
                if self.kill_before == Some(self.performed) {
                    self.kill_before = None;
                    return self.kill_supervisor();
                }
                self.performed += 1;
                seen.extend(self.perform(action));
            }
            if seen.is_empty() || self.ended {
                return;
            }
        }
        panic!("the turns come to no end: {}", self.log);
    }

    /// Somebody pushes a commit that leaves these files.
    pub fn push(&mut self, subject: &str, files: &[(&str, Option<&str>)]) {
        let id = format!("c{}", self.commits.len());
        self.commits.push((id, subject.to_owned()));
        for (path, text) in files {
            match text {
                Some(text) => self.files.insert((*path).to_owned(), (*text).to_owned()),
                None => self.files.remove(*path),
            };
        }
        let heads = self.heads();
        self.turn(heads);
    }

    /// A file on disk changes.
    pub fn write(&mut self, path: &str, text: &str) {
        let path = Path::new(path);
        self.disk.insert(path.to_path_buf(), text.to_owned());
        let told = self.watched.iter().filter(|(_, other)| other == path).map(|(in_loop, path)| Observation::File {
            in_loop: in_loop.clone(),
            path: path.clone(),
            content: Ok(Some(text.to_owned())),
        });
        let told = told.collect();
        self.turn(told);
    }

    /// A program ends by itself.
    pub fn dies(&mut self, agent: &str, exit: Exit) {
        let Some(pane) = self.panes.get_mut(agent) else { panic!("no pane of {agent}") };
        pane.alive = false;
        let seen = SessionSeen::Died { run: pane.run, exit, screen: None, last_lines: vec!["last words".to_owned()] };
        self.turn(vec![Observation::Session { agent: agent.to_owned(), seen }]);
    }

    /// A session that took its time has ended.
    pub fn ends(&mut self, agent: &str) {
        self.note(&format!("host: {agent} is ended"));
        self.panes.remove(agent);
        self.turn(vec![Observation::Session { agent: agent.to_owned(), seen: SessionSeen::Absent }]);
    }

    /// A program tells something of itself.
    pub fn tell(&mut self, agent: &str, told: Told) {
        let run = self.pane(agent).run;
        let seen = self.event(agent, run, told);
        self.turn(vec![seen]);
    }

    /// A program writes something.
    pub fn output(&mut self, agent: &str) {
        self.pane(agent).wrote = Some(self.now.wall);
        self.turn(vec![Observation::Output { agent: agent.to_owned() }]);
    }

    /// A program sets its title.
    pub fn titles(&mut self, agent: &str, title: &str) {
        title.clone_into(&mut self.pane(agent).title);
        let (output, agent) = (Observation::Output { agent: agent.to_owned() }, agent.to_owned());
        self.turn(vec![output, Observation::Titled { agent, title: title.to_owned() }]);
    }

    /// Another config comes into force.
    pub fn edit(&mut self, text: &str) {
        self.fleet = fleet(text);
        let seen = match &self.fleet.fleet {
            Some(fleet) => Observation::Config { fleet: Arc::new(fleet.clone()), warnings: Vec::new() },
            None => Observation::ConfigBroken { error: self.fleet.mistakes[0].message.clone() },
        };
        self.turn(vec![seen]);
    }

    /// Somebody asks; returns the number under which the answer will stand.
    pub fn ask(&mut self, request: Request) -> u64 {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.turn(vec![Observation::Request { id, asker: Asker::Person, request }]);
        id.0
    }

    /// As [`Self::ask`], for a process of an agent.
    pub fn ask_as(&mut self, agent: &str, request: Request) -> u64 {
        self.requests += 1;
        let (id, asker) = (RequestId(self.requests), Asker::Agent(agent.to_owned()));
        self.turn(vec![Observation::Request { id, asker, request }]);
        id.0
    }

    pub fn up(&mut self, names: &[&str]) -> u64 {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.ask(Request::Up { names, overrides: BTreeMap::<String, Override>::new() })
    }

    pub fn down(&mut self, names: &[&str]) -> u64 {
        self.ask(Request::Down { names: names.iter().map(|name| (*name).to_owned()).collect() })
    }

    pub fn send(&mut self, name: &str, text: &str, wait_s: u64) -> u64 {
        let wait = Duration::from_secs(wait_s);
        self.ask(Request::Send { name: name.to_owned(), text: text.to_owned(), wait, queue: false })
    }

    pub fn phase_set(&mut self, to: &str) -> u64 {
        self.ask(Request::PhaseSet { in_loop: None, to: PhaseTarget::Named(to.to_owned()), restart: true })
    }

    pub fn state_of(&self, name: &str) -> String {
        let picture = self.supervisor.as_ref().expect("a supervisor").picture(self.now);
        let agent = picture.agents.into_iter().find(|agent| agent.name == name).expect("an agent");
        format!("{}{}", agent.state, agent.detail.map(|detail| format!(": {detail}")).unwrap_or_default())
    }

    pub fn pane(&mut self, name: &str) -> &mut Pane {
        self.panes.get_mut(name).unwrap_or_else(|| panic!("no pane of {name}"))
    }
}

pub fn run(name: &str, fresh: bool, text: Option<&str>) -> Request {
    Request::Run { name: name.to_owned(), fresh, text: text.map(str::to_owned) }
}

pub fn wake(name: &str) -> Request {
    Request::Wake { name: name.to_owned() }
}

pub fn send_queued(name: &str, text: &str) -> Request {
    Request::Send { name: name.to_owned(), text: text.to_owned(), wait: Duration::ZERO, queue: true }
}
