//! A small event loop around sessions, with a bound on every wait.
#![allow(dead_code, reason = "every test file uses another part of it")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one kind of observation")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use agent_orchestrator::daemon::clock::mono;
use agent_orchestrator::daemon::paths::{Manager, Paths};
use agent_orchestrator::daemon::reactor::{Interest, Owner, Part, Reactor};
use agent_orchestrator::daemon::sessions::Sessions;
use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::now::Mono;
use agent_orchestrator::policy::observation::{Observation, SessionSeen};
use agent_orchestrator::policy::screen::Screen;
use agent_orchestrator::protocol::launch::{Launch, MARK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::unistd::Pid;

/// The longest that a test waits for anything.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Echoes lines until one says `quit`.
pub const ECHO: &str = "echo hello; while read -r line; do [ \"$line\" = quit ] && exit 3; echo \"got $line\"; done";

pub fn running(run: u64) -> SessionSeen {
    SessionSeen::Running { run }
}

pub fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

pub struct Driver {
    pub paths: Rc<Paths>,
    pub sessions: Sessions,
    pub program: PathBuf,
    /// Everything that was ever seen.
    pub all: Vec<Observation>,
    seen: VecDeque<Observation>,
    names: BTreeMap<String, String>,
    reactor: Rc<Reactor>,
    timer: TimerFd,
    _folder: tempfile::TempDir,
}

impl Driver {
    pub fn new() -> Self {
        Self::with("", PathBuf::from(env!("CARGO_BIN_EXE_agent-orchestrator")))
    }

    /// A fleet in a folder whose name has everything that a shell or tmux could trip over.
    pub fn odd() -> Self {
        let mut driver = Self::with("r n's\"#(x) %d", PathBuf::new());
        driver.program = driver.paths.state.join("my 'own' #{program} %Y");
        std::fs::copy(env!("CARGO_BIN_EXE_agent-orchestrator"), &driver.program).unwrap();
        driver.restart_supervisor();
        driver
    }

    /// A fleet whose agents are reached by bridges, as those with users of their own.
    pub fn bridged() -> Self {
        let mut driver = Self::new();
        driver.program = driver.paths.state.join("bridged");
        let text = format!("#!/bin/sh\nexec '{}' \"$@\" --bridged\n", env!("CARGO_BIN_EXE_agent-orchestrator"));
        // Not written by this process: another thread's child could hold it open, and it could not be run then.
        let made = "cat >\"$0\" && chmod 755 \"$0\"";
        let mut shell =
            Command::new("sh").arg("-c").arg(made).arg(&driver.program).stdin(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
        driver.restart_supervisor();
        driver
    }

    /// A fleet whose sessions are units.
    pub fn of_units() -> Self {
        Self::managed("", PathBuf::from(env!("CARGO_BIN_EXE_agent-orchestrator")), Manager::Systemd)
    }

    fn with(name: &str, program: PathBuf) -> Self {
        Self::managed(name, program, Manager::AdHoc)
    }

    fn managed(name: &str, program: PathBuf, manager: Manager) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join(name);
        let logs = base.join("log");
        let config = base.join("agents.toml");
        let paths = Rc::new(Paths { config, runtime: base.join("run"), state: base.join("state"), logs, manager });
        let made_by_units = ["run/tmux", "run/launch"].map(|name| base.join(name));
        for folder in made_by_units.iter().filter(|_| manager == Manager::Systemd) {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::create_dir_all(&base).unwrap();
        paths.make(std::iter::empty::<&str>()).unwrap();
        let reactor = Rc::new(Reactor::new().unwrap());
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty()).unwrap();
        reactor.add(&timer, Owner::Loop, 1, Interest::Read).unwrap();
        let sessions = Sessions::new(Rc::clone(&reactor), Rc::clone(&paths), program.clone());
        let (all, seen, names) = (Vec::new(), VecDeque::new(), BTreeMap::new());
        Self { paths, sessions, program, all, seen, names, reactor, timer, _folder: folder }
    }

    pub fn restart_supervisor(&mut self) {
        self.seen.clear();
        let (reactor, paths) = (Rc::clone(&self.reactor), Rc::clone(&self.paths));
        self.sessions = Sessions::new(reactor, paths, self.program.clone());
        self.sessions.set_names(self.names.clone());
    }

    pub fn dir(&self, agent: &str) -> PathBuf {
        self.paths.state.join("work").join(agent)
    }

    pub fn launch(&mut self, agent: &str, run: u64, command: &str) -> Launch {
        let session = format!("ao-{agent}");
        self.names.insert(agent.to_owned(), session.clone());
        self.sessions.set_names(self.names.clone());
        let (dir, log) = (self.dir(agent), self.paths.session_log(&session));
        std::fs::create_dir_all(&dir).unwrap();
        let env = BTreeMap::from([("LC_ALL".to_owned(), "C.UTF-8".to_owned())]);
        Launch {
            run,
            agent: agent.to_owned(),
            session,
            dir,
            command: command.to_owned(),
            env,
            beside: Vec::new(),
            kept: None,
            log,
        }
    }

    pub fn write_launch(&self, launch: &Launch) {
        let text = serde_json::to_string(launch).unwrap();
        self.paths.make_launch_folder(&launch.agent).unwrap();
        std::fs::write(self.paths.launch_file(&launch.agent), text).unwrap();
    }

    pub fn start(&mut self, agent: &str, run: u64, command: &str) {
        let launch = self.launch(agent, run, command);
        self.write_launch(&launch);
        self.sessions.start(agent, run);
    }

    /// Waits for the first observation that `wanted` takes; others stay for later.
    pub fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&Observation) -> Option<T>) -> T {
        let bound = mono() + WAIT_MAX;
        loop {
            let found = self.seen.iter().enumerate().find_map(|(index, seen)| Some((index, wanted(seen)?)));
            if let Some((index, value)) = found {
                self.seen.remove(index);
                return value;
            }
            assert!(mono() < bound, "waited too long for {what}; seen: {:#?}\n{:#?}", self.all, self.sessions);
            self.turn(bound);
        }
    }

    fn turn(&mut self, bound: Mono) {
        let mut seen = Vec::new();
        let now = mono();
        let deadline = self.sessions.deadline();
        let late = deadline.is_some_and(|deadline| deadline <= now);
        if late {
            self.sessions.expire(now, &mut seen);
        }
        let next = deadline.map_or(bound, |deadline| deadline.min(bound));
        let expiration = Expiration::OneShot(next.0.into());
        self.timer.set(expiration, TimerSetTimeFlags::TFD_TIMER_ABSTIME).unwrap();
        for (owner, id) in self.reactor.wait(!late).unwrap() {
            if owner == Owner::Sessions {
                self.sessions.ready(id, &mut seen);
            }
        }
        self.all.extend(seen.iter().cloned());
        self.seen.extend(seen);
    }

    /// Turns until there is a file at `path`, which is no event of the reactor's: it is looked for between short waits.
    pub fn until_made(&mut self, path: &Path) {
        let bound = mono() + WAIT_MAX;
        while !path.exists() {
            assert!(mono() < bound, "there is no `{}`: {:#?}", path.display(), self.sessions);
            self.turn(mono() + Duration::from_millis(20));
        }
    }

    /// Forgets what was told until now.
    pub fn forget(&mut self) {
        self.seen.clear();
    }

    /// Tells the sessions that so much time has passed.
    pub fn later(&mut self, time: Duration) {
        let mut seen = Vec::new();
        self.sessions.expire(mono() + time, &mut seen);
        self.all.extend(seen.iter().cloned());
        self.seen.extend(seen);
    }

    /// Turns until nothing waits any more.
    pub fn settle(&mut self) {
        let bound = mono() + WAIT_MAX;
        while self.sessions.deadline().is_some() {
            assert!(mono() < bound, "it never comes to rest: {:#?}", self.sessions);
            self.turn(bound);
        }
    }

    pub fn session(&mut self, name: &str) -> SessionSeen {
        self.until(&format!("a session of `{name}`"), |seen| match seen {
            Observation::Session { agent, seen } if agent == name => Some(seen.clone()),
            _ => None,
        })
    }

    pub fn unheard_sessions(&self, name: &str) -> Vec<Observation> {
        let of_it = |seen: &&Observation| matches!(seen, Observation::Session { agent, .. } if agent == name);
        self.seen.iter().filter(of_it).cloned().collect()
    }

    pub fn looked(&mut self, name: &str) -> Result<Screen, String> {
        self.until(&format!("a look at `{name}`"), |seen| match seen {
            Observation::Looked { agent, screen } if agent == name => Some(screen.clone()),
            _ => None,
        })
    }

    pub fn pasted(&mut self, name: &str) -> Result<(), String> {
        self.until(&format!("a paste into `{name}`"), |seen| match seen {
            Observation::Pasted { agent, result, .. } if agent == name => Some(result.clone()),
            _ => None,
        })
    }

    pub fn pressed(&mut self, name: &str) -> Result<(), String> {
        self.until(&format!("a key in `{name}`"), |seen| match seen {
            Observation::Pressed { agent, result, .. } if agent == name => Some(result.clone()),
            _ => None,
        })
    }

    /// Waits until the agent's program is told to have set this title.
    pub fn titled(&mut self, name: &str, title: &str) {
        self.until(&format!("the title `{title}`"), |seen| match seen {
            Observation::Titled { agent, title: told } if agent == name && told == title => Some(()),
            _ => None,
        });
    }

    /// Looks after every output until the screen holds `text`.
    pub fn screen_with(&mut self, name: &str, text: &str) -> Screen {
        loop {
            self.sessions.look(name);
            let screen = self.looked(name).unwrap();
            if screen.rows.iter().any(|row| row.contains(text)) {
                return screen;
            }
            self.until(&format!("`{text}` in {:#?}", screen.rows), |seen| match seen {
                Observation::Output { agent } if agent == name => Some(()),
                _ => None,
            });
        }
    }

    pub fn type_line(&mut self, agent: &str, line: &str) {
        self.sessions.paste(agent, MessageId(900), line);
        self.pasted(agent).unwrap();
        self.sessions.press(agent, MessageId(900), "Enter");
        self.pressed(agent).unwrap();
    }

    /// Waits until a client of ours that is none of `old` is attached.
    pub fn until_another_client(&mut self, agent: &str, old: &[i32]) {
        let bound = mono() + WAIT_MAX;
        while !self.clients(agent).iter().any(|client| !old.contains(client)) {
            assert!(mono() < bound, "no client comes back: {:#?}", self.sessions);
            self.turn(bound);
        }
    }

    /// Turns until a process has ended.
    pub fn until_gone(&mut self, pid: i32) {
        let bound = mono() + WAIT_MAX;
        while lives(pid) {
            assert!(mono() < bound, "process {pid} does not end: {:#?}", self.sessions);
            self.turn(bound);
        }
    }

    /// Starts an agent, and has its server hang until our clients of it have been given up; returns the server.
    pub fn hang(&mut self, agent: &str) -> i32 {
        self.start(agent, 1, "while :; do echo tick; done");
        assert_eq!(self.session(agent), running(1));
        let (server, clients) = (self.server(agent), self.clients(agent));
        signal(server, Signal::SIGSTOP);
        self.sessions.look(agent);
        assert!(self.looked(agent).is_err());
        for client in clients {
            self.until_gone(client);
        }
        server
    }

    /// Returns the socket of an agent's tmux server.
    pub fn socket(&self, agent: &str) -> PathBuf {
        let of_bridged = self.paths.launch_file(agent).with_file_name("tmux");
        if of_bridged.exists() { of_bridged } else { self.paths.tmux_socket(agent) }
    }

    /// Runs a person's tmux command on the agent's server.
    pub fn tmux(&self, agent: &str, arguments: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.env_remove("TMUX").args(["-N", "-S"]).arg(self.socket(agent)).args(arguments);
        let output = tmux.output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub fn server(&self, agent: &str) -> i32 {
        self.tmux(agent, &["display-message", "-p", "#{pid}"]).parse().unwrap()
    }

    /// Our own control-mode clients of an agent.
    pub fn clients(&self, agent: &str) -> Vec<i32> {
        let clients = self.tmux(agent, &["list-clients", "-F", "#{client_pid}"]);
        clients.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Counts the processes that are to become clients of this agent's server.
    pub fn clients_on_their_way(&self, agent: &str) -> usize {
        let socket = self.socket(agent);
        let socket = socket.to_str().unwrap();
        let is_client = |folder: &Path| {
            let words = std::fs::read_to_string(folder.join("cmdline")).unwrap_or_default();
            words.contains(socket) && words.contains("attach-session")
        };
        processes().filter(|(pid, folder)| is_client(folder) && lives(*pid)).count()
    }

    pub fn mark(&self, agent: &str) -> String {
        format!("{MARK}={}", self.paths.tmux_socket(agent).display())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let names: Vec<_> = self.names.keys().cloned().collect();
        for name in &names {
            self.sessions.stop(name);
        }
        if std::thread::panicking() {
            self.seen.clear();
        }
        let bound = mono() + WAIT_MAX;
        while mono() < bound && self.sessions.deadline().is_some() {
            self.turn(bound);
        }
    }
}

/// Waits until the file at `path` satisfies `wanted`, woken by the kernel whenever its folder changes.
pub fn until_file(path: &Path, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let bound = mono() + WAIT_MAX;
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
    let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    inotify.add_watch(path.parent().unwrap(), flags).unwrap();
    loop {
        let text = std::fs::read(path).unwrap_or_default();
        if wanted(&text) {
            return text;
        }
        let left = bound.since(mono());
        let tail = String::from_utf8_lossy(&text[text.len().saturating_sub(500)..]).into_owned();
        assert!(!left.is_zero(), "waited too long for `{}`; it ends with {tail:?}", path.display());
        let timeout = PollTimeout::try_from(left).unwrap();
        let descriptor = std::os::fd::AsFd::as_fd(&inotify);
        poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], timeout).unwrap();
        let _ = inotify.read_events();
    }
}

fn processes() -> impl Iterator<Item = (i32, PathBuf)> {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, entry.path()))
    })
}

/// Returns all processes that were started with this variable.
pub fn pids_with(variable: &str) -> BTreeSet<i32> {
    let bears = |folder: &Path| {
        let environ = std::fs::read(folder.join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    };
    processes().filter(|(pid, folder)| bears(folder) && lives(*pid)).map(|(pid, _)| pid).collect()
}

/// Counts the living processes that work in a folder of this fleet.
pub fn sleepers_of(driver: &Driver) -> usize {
    let inside = |folder: &Path| {
        std::fs::read_link(folder.join("cwd")).is_ok_and(|folder| folder.starts_with(&driver.paths.state))
    };
    processes().filter(|(pid, folder)| inside(folder) && lives(*pid)).count()
}

pub fn children(parent: i32) -> BTreeSet<i32> {
    let text = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    text.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

pub fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
