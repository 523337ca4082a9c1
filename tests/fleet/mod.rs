//! A fleet in a temporary folder, run by the real program, with a bound on every wait.
#![expect(clippy::disallowed_methods, reason = "runs the program and reads what it wrote")]
#![allow(clippy::unwrap_used, dead_code, unused_imports, reason = "tests may panic, and each file uses a part of this")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent_orchestrator::daemon::paths::Paths;
use agent_orchestrator::protocol::Event;
use agent_orchestrator::protocol::control::{AgentPicture, Picture};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

pub mod agents;
mod wait;

pub use wait::{arguments, kill_and_wait, lives, rest, until, until_file};
use wait::{ended, parsed};

/// The longest that a test waits for anything.
pub const WAIT_MAX: Duration = Duration::from_secs(20);

/// How long a verb may take.
const VERB_MAX: Duration = Duration::from_secs(60);

/// How long a process may live on after `down` has come back.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// How often is looked where nothing tells of a change.
pub const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A fleet's folder; its end ends everything that was started in it.
pub struct TestFleet {
    /// Holds `agents.toml` and `logs`; the agents' project folder.
    pub project: PathBuf,
    /// Every path below it is this fleet's own.
    pub root: PathBuf,
    /// `XDG_RUNTIME_DIR`.
    pub run: PathBuf,
    began: Cell<usize>,
    seen: Cell<usize>,
    _folder: tempfile::TempDir,
}

/// A verb that runs.
pub struct Running {
    child: Child,
    process: OwnedFd,
    said: PathBuf,
    told: PathBuf,
}

/// How a verb ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Exit code; 128 and the signal's number where one ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Proves that it was done and returns what was printed.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Proves that it failed with `code` and returns the error.
    #[track_caller]
    pub fn bad(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.starts_with("error: "), "{self:?}");
        self.err
    }
}

impl TestFleet {
    /// Makes a folder with this config.
    pub fn new(config: &str) -> Self {
        Self::in_folder("p", config)
    }

    /// Makes a project folder of this name with this config.
    pub fn in_folder(name: &str, config: &str) -> Self {
        let fleet = Self::bare_in_folder(name);
        fleet.write("agents.toml", config);
        fleet
    }

    /// Makes a project folder without a config.
    pub fn bare() -> Self {
        Self::bare_in_folder("p")
    }

    fn bare_in_folder(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (project, run) = (root.join(name), root.join("r"));
        for made in [&project, &run, &root.join("home"), &root.join("said")] {
            std::fs::create_dir_all(made).unwrap();
        }
        std::fs::write(root.join("home").join("box.sh"), agents::BOX).unwrap();
        for (name, text) in [("teller.sh", agents::TELLER), ("served.sh", agents::SERVED)] {
            std::fs::write(root.join("home").join(name), text).unwrap();
        }
        Self { project, root, run, began: Cell::new(0), seen: Cell::new(0), _folder: folder }
    }

    /// Writes a file of the project, with the folders above it.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.project.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Reads a file of the project; empty where there is none.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.project.join(name)).unwrap_or_default()).into_owned()
    }

    /// Where the fleet's files lie, its `log_dir` being `logs`.
    pub fn paths(&self) -> Paths {
        let paths = Paths::new(&self.config(), &self.project.join("logs")).unwrap();
        let hash = paths.runtime.file_name().unwrap().to_owned();
        Paths { runtime: self.run.join("agent-orchestrator").join(hash), ..paths }
    }

    /// The fleet's config.
    pub fn config(&self) -> PathBuf {
        self.project.join("agents.toml")
    }

    /// Returns the program with these arguments in this fleet's folder and environment, for further settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
        command.args(arguments).current_dir(&self.project).stdin(Stdio::null());
        self.set_environment(&mut command);
        command
    }

    fn set_environment(&self, command: &mut Command) {
        let ours = std::env::vars_os().map(|(name, _)| name);
        let strange = ours.filter(|name| {
            let name = name.to_string_lossy();
            ["AGENT_", "TMUX", "GIT_", "NOTIFY_", "WATCHDOG_"].iter().any(|begin| name.starts_with(begin))
        });
        for name in strange {
            command.env_remove(name);
        }
        command.env("XDG_RUNTIME_DIR", &self.run).env("HOME", self.root.join("home")).env("LC_ALL", "C.UTF-8");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    }

    /// Runs a verb to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.begin(arguments).end()
    }

    /// Begins a verb.
    #[track_caller]
    pub fn begin(&self, arguments: &[&str]) -> Running {
        self.begin_command(&mut self.command(arguments))
    }

    /// Begins what [`Self::command`] returned.
    #[track_caller]
    pub fn begin_command(&self, command: &mut Command) -> Running {
        let number = self.began.replace(self.began.get() + 1);
        let said = self.root.join("said").join(format!("{number}.out"));
        let told = self.root.join("said").join(format!("{number}.err"));
        command.stdout(File::create(&said).unwrap()).stderr(File::create(&told).unwrap());
        let child = command.spawn().unwrap();
        let process = pidfd_open(rustix::process::Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        Running { child, process, said, told }
    }

    /// Returns the picture of `status --json`.
    #[track_caller]
    pub fn status(&self) -> Picture {
        let text = self.run(&["status", "--json"]).good();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Returns an agent's row of `status --json`.
    #[track_caller]
    pub fn agent(&self, name: &str) -> AgentPicture {
        let picture = self.status();
        let found = picture.agents.iter().find(|agent| agent.name == name).cloned();
        found.unwrap_or_else(|| panic!("no agent {name} in {picture:?}"))
    }

    /// Asks for the status until it is as wanted.
    #[track_caller]
    pub fn until_status(&self, what: &str, wanted: impl Fn(&Picture) -> bool) -> Picture {
        let bound = Instant::now() + WAIT_MAX;
        loop {
            let picture = self.status();
            if wanted(&picture) {
                return picture;
            }
            assert!(Instant::now() < bound, "waited too long for {what}: {picture:#?}\n{:#?}", self.events());
            rest(LOOK_EVERY);
        }
    }

    /// Asks for the status until an agent is in this state.
    #[track_caller]
    pub fn until_state(&self, agent: &str, state: &str) -> AgentPicture {
        let is_it = |found: &&AgentPicture| found.name == agent;
        let what = format!("{agent} {state}");
        let picture = self.until_status(&what, |all| all.agents.iter().find(is_it).is_some_and(|it| it.state == state));
        picture.agents.iter().find(is_it).unwrap().clone()
    }

    /// Returns all events so far.
    pub fn events(&self) -> Vec<Event> {
        parsed(&std::fs::read(self.paths().events()).unwrap_or_default())
    }

    /// Lets [`Self::until_event`] look only at what comes from now on.
    pub fn forget_events(&self) {
        self.seen.set(self.events().len());
    }

    /// Waits for an event of this kind, of this agent if one is named, since [`Self::forget_events`].
    #[track_caller]
    pub fn until_event(&self, kind: &str, agent: Option<&str>) -> Event {
        self.until_event_that(kind, agent, |_| true)
    }

    /// As [`Self::until_event`], for one that is as wanted.
    #[track_caller]
    pub fn until_event_that(&self, kind: &str, agent: Option<&str>, wanted: impl Fn(&Event) -> bool) -> Event {
        let found = |bytes: &[u8]| {
            let new = parsed(bytes).into_iter().skip(self.seen.get());
            let mut fitting = new.filter(|event| {
                let word = serde_json::to_value(event.event).unwrap();
                word == kind && agent.is_none_or(|agent| event.agent.as_deref() == Some(agent)) && wanted(event)
            });
            fitting.next()
        };
        until_file(&self.paths().events(), &format!("event {kind} of {agent:?}"), found)
    }

    /// Counts the events of this kind and agent.
    pub fn count_events(&self, kind: &str, agent: Option<&str>) -> usize {
        let fits = |event: &&Event| {
            serde_json::to_value(event.event).unwrap() == kind
                && agent.is_none_or(|agent| event.agent.as_deref() == Some(agent))
        };
        self.events().iter().filter(fits).count()
    }

    /// Waits until a file of the project holds `text`, and returns all of it.
    #[track_caller]
    pub fn until_file_has(&self, name: &str, text: &str) -> String {
        until_file(&self.project.join(name), text, |bytes| {
            let all = String::from_utf8_lossy(bytes).into_owned();
            all.contains(text).then_some(all)
        })
    }

    /// Runs tmux on an agent's server, as a person would.
    #[track_caller]
    pub fn tmux(&self, agent: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-N").arg("-S").arg(self.paths().tmux_socket(agent)).args(arguments).stdin(Stdio::null());
        self.set_environment(&mut command);
        self.begin_command(&mut command).end().good().trim_end().to_owned()
    }

    /// Returns what stands in an agent's pane.
    #[track_caller]
    pub fn screen(&self, agent: &str) -> String {
        self.tmux(agent, &["capture-pane", "-p"])
    }

    /// Waits until an agent's pane shows `text`.
    #[track_caller]
    pub fn until_screen(&self, agent: &str, text: &str) -> String {
        let bound = Instant::now() + WAIT_MAX;
        loop {
            let screen = self.screen(agent);
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < bound, "waited too long for {text:?} on the screen of {agent}:\n{screen}");
            rest(LOOK_EVERY);
        }
    }

    /// Returns the process of the program in an agent's pane.
    #[track_caller]
    pub fn pane_pid(&self, agent: &str) -> i32 {
        self.tmux(agent, &["display-message", "-p", "#{pane_pid}"]).parse().unwrap()
    }

    /// Returns the supervisor's process.
    #[track_caller]
    pub fn supervisor(&self) -> i32 {
        self.status().supervisor_pid.unwrap().try_into().unwrap()
    }

    /// Kills the supervisor and waits for its end.
    #[track_caller]
    pub fn kill_supervisor(&self) {
        kill_and_wait(self.supervisor());
    }

    /// Runs git in a folder below the root and returns what it printed.
    #[track_caller]
    pub fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=test", "-c", "user.email=test@test.invalid", "-c", "commit.gpgSign=false"]);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        self.set_environment(&mut command);
        self.begin_command(&mut command).end().good().trim_end().to_owned()
    }

    /// Returns all living processes of this fleet: those whose environment, arguments or folder lie in its root.
    pub fn processes(&self) -> BTreeSet<i32> {
        let root = self.root.to_str().unwrap().as_bytes();
        let holds = |bytes: Vec<u8>| bytes.windows(root.len()).any(|part| part == root);
        let is_ours = |folder: &Path| {
            // One may end while it is looked at.
            ["environ", "cmdline"].iter().any(|name| holds(std::fs::read(folder.join(name)).unwrap_or_default()))
                || std::fs::read_link(folder.join("cwd")).is_ok_and(|folder| folder.starts_with(&self.root))
        };
        let numbered = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse::<i32>().ok()?, entry.path()))
        });
        numbered.filter(|(pid, folder)| is_ours(folder) && lives(*pid)).map(|(pid, _)| pid).collect()
    }

    /// Waits for the end of all processes and kills, one by one, those that stay; returns what they were.
    fn kill_rest(&self) -> Vec<String> {
        let bound = Instant::now() + ENDING_MAX;
        let mut left = self.processes();
        while !left.is_empty() && Instant::now() < bound {
            rest(LOOK_EVERY);
            left = self.processes();
        }
        let mut killed = Vec::new();
        for _ in 0..10 {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            for pid in left {
                let cmdline = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                killed.push(format!("{pid} {}", String::from_utf8_lossy(&cmdline).replace('\0', " ")));
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            rest(LOOK_EVERY);
        }
        killed
    }
}

impl Drop for TestFleet {
    fn drop(&mut self) {
        if self.processes().is_empty() {
            return;
        }
        let ended = self.begin(&["--config", self.config().to_str().unwrap(), "down"]).try_end(VERB_MAX);
        let left = self.kill_rest();
        if !std::thread::panicking() && ended.as_ref().is_some_and(|ended| ended.code == 0) {
            assert!(left.is_empty(), "`down` left processes: {left:#?}");
        }
    }
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Tells whether it runs.
    pub fn runs(&self) -> bool {
        !ended(&self.process, Duration::ZERO)
    }

    /// Waits until it has printed `text`, and returns all that it has printed.
    #[track_caller]
    pub fn until_said(&self, text: &str) -> String {
        until_file(&self.said, text, |bytes| {
            let all = String::from_utf8_lossy(bytes).into_owned();
            all.contains(text).then_some(all)
        })
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(self) -> Ended {
        let files = (self.said.clone(), self.told.clone());
        let ended = self.try_end(VERB_MAX);
        ended.unwrap_or_else(|| {
            let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
            panic!("it does not end; it said\n{}\n{}", read(&files.0), read(&files.1))
        })
    }

    fn try_end(mut self, within: Duration) -> Option<Ended> {
        use std::os::unix::process::ExitStatusExt;
        if !ended(&self.process, within) {
            return None;
        }
        let status = self.child.wait().unwrap();
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        Some(Ended { code, out: read(&self.said), err: read(&self.told) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
