//! Real git in a temp folder, and a loop that waits on the reactor with a bound.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use agent_orchestrator::daemon::clock;
use agent_orchestrator::daemon::files::Files;
use agent_orchestrator::daemon::git::{Git, LoopWatch};
use agent_orchestrator::daemon::paths::{Manager, Paths};
use agent_orchestrator::daemon::reactor::{Interest, Owner, Part, Reactor};
use agent_orchestrator::policy::now::Mono;
use agent_orchestrator::policy::observation::{Observation, Pushed};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// No test waits longer for one thing.
pub const WAIT_MAX: Duration = Duration::from_secs(20);

const CONFIG: &str = "[user]\nname = a\nemail = a@b\n[init]\ndefaultBranch = main\n[ssh]\nvariant = simple\n\
                      [protocol \"file\"]\nallow = always\n[commit]\ngpgsign = false\n";

/// A stand-in for ssh that runs the other end here; what the file `refuse` or `hang` beside it says is obeyed.
const SSH: &str = "#!/bin/sh\nhere=$(dirname \"$0\")\nif [ -e \"$here/hang\" ]; then exec tail -f /dev/null; fi\n\
                   if [ -e \"$here/refuse\" ]; then echo 'no route to host' >&2; exit 255; fi\nshift\neval \"$*\"\n";

pub struct World {
    pub root: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let world = Self { root: tempfile::tempdir().unwrap() };
        std::fs::write(world.path("gitconfig"), CONFIG).unwrap();
        let log = "#!/bin/sh\nhere=$(dirname \"$0\")\nexport HOME=\"$here\" GIT_CONFIG_GLOBAL=\"$here/gitconfig\"\n\
                   echo \"$*\" >>\"$here/calls\"\nexec git \"$@\"\n";
        world.script("git", log);
        world.script("ssh", SSH);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a program; `cp` does it, so that no test's fork holds it open for writing while it is executed.
    pub fn script(&self, name: &str, text: &str) {
        let draft = self.path(&format!("{name}.draft"));
        std::fs::write(&draft, text).unwrap();
        let run = |command: &mut Command| assert!(command.status().unwrap().success());
        run(Command::new("cp").arg(&draft).arg(self.path(name)));
        run(Command::new("chmod").arg("+x").arg(self.path(name)));
    }

    pub fn try_git(&self, folder: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.path(folder)).stdin(Stdio::null());
        command.env("HOME", self.root.path()).env("GIT_CONFIG_GLOBAL", self.path("gitconfig"));
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    pub fn git(&self, folder: &str, arguments: &[&str]) -> String {
        self.try_git(folder, arguments).unwrap_or_else(|error| panic!("git {arguments:?}: {error}"))
    }

    /// Makes a bare origin and clones of it with one pushed commit on `branch`.
    pub fn origin(&self, origin: &str, branch: &str, clones: &[&str]) {
        let bare = format!("{origin}.git");
        self.git("", &["init", "-q", "--bare", "-b", branch, &bare]);
        for (number, clone) in clones.iter().enumerate() {
            self.git("", &["clone", "-q", self.path(&bare).to_str().unwrap(), clone]);
            if number == 0 {
                self.git(clone, &["checkout", "-q", "-B", branch]);
                self.commit(clone, "start");
                self.push(clone, branch);
            }
        }
    }

    pub fn commit(&self, clone: &str, subject: &str) -> String {
        self.git(clone, &["commit", "-q", "--allow-empty", "-m", subject]);
        self.git(clone, &["rev-parse", "HEAD"])
    }

    pub fn push(&self, clone: &str, branch: &str) {
        self.git(clone, &["push", "-q", "--force", "origin", &format!("HEAD:refs/heads/{branch}")]);
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(path), content).unwrap();
    }

    /// The calls of git so far that were not ours.
    pub fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Everything below a folder: path, size, time of change and content's beginning.
    pub fn listing(&self, folder: &str) -> Vec<String> {
        let shown = Command::new("find").arg(self.path(folder)).args(["-printf", "%p %s %T@ %C@\n"]).output().unwrap();
        let mut lines: Vec<String> = String::from_utf8(shown.stdout).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    pub fn watch(&self, in_loop: &str, clone: &str, branch: Option<&str>) -> LoopWatch {
        LoopWatch {
            in_loop: in_loop.to_owned(),
            repo: self.path(clone),
            clones: vec![self.path(clone)],
            branch: branch.map(str::to_owned),
            pushed: true,
            signal_interval: Duration::from_secs(30),
            heavy_interval: Duration::from_secs(300),
        }
    }
}

/// The parts under test with their reactor.
pub struct Driver {
    reactor: Rc<Reactor>,
    pub git: Git,
    pub files: Files,
    timer: TimerFd,
    seen: VecDeque<Observation>,
    pub wakes: usize,
}

impl Driver {
    pub fn new(world: &World) -> Self {
        let reactor = Rc::new(Reactor::new().unwrap());
        let paths = Rc::new(Paths {
            config: world.path("agents.toml"),
            runtime: world.path("runtime"),
            state: world.path("state"),
            logs: world.path("logs"),
            manager: Manager::AdHoc,
        });
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC).unwrap();
        reactor.add(&timer, Owner::Loop, 0, Interest::Read).unwrap();
        Self {
            git: Git::with_program(Rc::clone(&reactor), paths, world.path("git")).unwrap(),
            files: Files::new(Rc::clone(&reactor)).unwrap(),
            reactor,
            timer,
            seen: VecDeque::new(),
            wakes: 0,
        }
    }

    /// Starts to watch one loop and returns its first head.
    pub fn begin(world: &World, setup: LoopWatch) -> (Self, String) {
        let mut driver = Self::new(world);
        let in_loop = setup.in_loop.clone();
        driver.git.configure(&[setup]);
        let head = driver.head(&in_loop);
        (driver, head)
    }

    /// One turn, which ends at `end` at the latest; returns whether anything was ready.
    fn turn(&mut self, end: Mono) -> bool {
        let mut seen = Vec::new();
        let due = [self.git.deadline(), self.files.deadline()].into_iter().flatten().min();
        let until = due.map_or(end, |due| due.min(end));
        let pause = until.since(clock::mono()).max(Duration::from_nanos(1));
        self.timer.set(Expiration::OneShot(TimeSpec::from_duration(pause)), TimerSetTimeFlags::empty()).unwrap();
        let mut is_ready = false;
        for (owner, id) in self.reactor.wait(true).unwrap() {
            match owner {
                Owner::Git => self.git.ready(id, &mut seen),
                Owner::Files => self.files.ready(id, &mut seen),
                Owner::Loop
                | Owner::Sessions
                | Owner::Listener
                | Owner::NotifyCommand
                | Owner::Spool
                | Owner::EventSocket => continue,
            }
            is_ready = true;
        }
        self.wakes += usize::from(is_ready);
        let now = clock::mono();
        self.git.expire(now, &mut seen);
        self.files.expire(now, &mut seen);
        self.seen.extend(seen);
        is_ready
    }

    /// Waits for the first observation that `pick` wants, and drops those before it.
    pub fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(&Observation) -> Option<T>) -> T {
        let end = clock::mono() + WAIT_MAX;
        let mut passed = Vec::new();
        loop {
            while let Some(observation) = self.seen.pop_front() {
                if let Some(found) = pick(&observation) {
                    return found;
                }
                passed.push(observation);
            }
            assert!(clock::mono() < end, "waited in vain for {what}; seen: {passed:#?}");
            self.turn(end);
        }
    }

    /// Goes on until `pause` has passed; returns everything that was seen.
    pub fn rest(&mut self, pause: Duration) -> Vec<Observation> {
        let end = clock::mono() + pause;
        while clock::mono() < end {
            self.turn(end);
        }
        self.seen.drain(..).collect()
    }

    /// Goes on until something is true that no observation tells.
    pub fn until(&mut self, what: &str, mut is_true: impl FnMut() -> bool) {
        let end = clock::mono() + WAIT_MAX;
        while !is_true() {
            assert!(clock::mono() < end, "waited in vain until {what}");
            self.turn(clock::mono() + Duration::from_millis(5));
        }
    }

    /// Goes on until what was read is in the mirror.
    pub fn until_kept(&mut self, world: &World, head: &str) {
        let mirror = world.path("state/mirrors/loop.git/refs/heads/pushed");
        self.until("the mirror has the head", || {
            std::fs::read_to_string(&mirror).is_ok_and(|text| text.trim_end() == head)
        });
    }

    /// Goes on until a while has passed in which nothing was ready; returns everything that was seen.
    pub fn settle(&mut self) -> Vec<Observation> {
        let end = clock::mono() + WAIT_MAX;
        let mut seen = Vec::new();
        loop {
            let wakes = self.wakes;
            seen.extend(self.rest(Duration::from_millis(150)));
            if wakes == self.wakes {
                return seen;
            }
            assert!(clock::mono() < end, "it never came to rest");
        }
    }

    /// Behaves as if so much time had passed.
    pub fn skip(&mut self, pause: Duration) {
        let mut seen = Vec::new();
        self.git.expire(clock::mono() + pause, &mut seen);
        self.files.expire(clock::mono() + pause, &mut seen);
        self.seen.extend(seen);
    }

    pub fn head(&mut self, of: &str) -> String {
        self.wait("a head", |seen| {
            let Observation::Head { in_loop, head } = seen else { return None };
            (in_loop == of).then(|| head.clone())
        })
    }

    pub fn trouble(&mut self, of: &str) -> String {
        self.wait("trouble", |seen| {
            let Observation::OriginTrouble { in_loop, why } = seen else { return None };
            (in_loop == of).then(|| why.clone())
        })
    }

    pub fn pushed(&mut self, of: &str) -> Result<Pushed, String> {
        self.wait("what is pushed", |seen| {
            let Observation::Pushed { in_loop, result } = seen else { return None };
            (in_loop == of).then(|| result.clone())
        })
    }

    pub fn read(&mut self, of: &str, since: Option<&str>, paths: &[&str]) -> Pushed {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        self.git.read_pushed(of, since.map(str::to_owned), paths);
        self.pushed(of).unwrap()
    }

    /// Waits for the next content of a file.
    pub fn file(&mut self, path: &Path) -> Result<Option<String>, String> {
        self.wait("a file", |seen| {
            let Observation::File { path: of, content, .. } = seen else { return None };
            (of == path).then(|| content.clone())
        })
    }
}

pub fn subjects(pushed: &Pushed) -> Vec<&str> {
    pushed.commits.iter().map(|commit| commit.subject.as_str()).collect()
}
