//! What is asked while nobody supervises: kept in one step, bounded, taken once by the real program.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs the program; a test may panic")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use agent_orchestrator::daemon::paths::Paths;
use agent_orchestrator::daemon::reactor::{Part, Reactor};
use agent_orchestrator::daemon::spool::{self, Left, Spool};
use agent_orchestrator::policy::now::Mono;
use agent_orchestrator::policy::observation::{Observation, Spooled};
use agent_orchestrator::policy::request::Request;
use chrono::{DateTime, Utc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// No test waits longer for anything.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A spool in a folder of its own.
struct Lab {
    folder: tempfile::TempDir,
    paths: Paths,
    reactor: Rc<Reactor>,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(&folder.path().join("agents.toml"), &folder.path().join("logs")).unwrap();
        for folder in [paths.spool(), paths.spool_aside()] {
            std::fs::create_dir_all(folder).unwrap();
        }
        Self { folder, paths, reactor: Rc::new(Reactor::new().unwrap()) }
    }

    fn spool(&self) -> Spool {
        Spool::new(Rc::clone(&self.reactor), &self.paths).unwrap()
    }

    fn leave(&self, request: &Request) -> Result<Left, String> {
        let now: DateTime<Utc> = "2026-06-13T04:00:00Z".parse().unwrap();
        let outcome = spool::leave(&self.paths.spool(), request, now);
        outcome.map_err(|error| format!("{error:#}").replace(&self.folder.path().display().to_string(), "FOLDER"))
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.paths.spool().join(name), bytes).unwrap();
    }

    /// Waits until the spool tells something.
    fn wait(&self, spool: &mut Spool) -> Vec<Observation> {
        let mut seen = Vec::new();
        while seen.is_empty() {
            for (_, id) in self.reactor.wait(true).unwrap() {
                spool.ready(id, &mut seen);
            }
        }
        seen
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.paths.runtime);
    }
}

fn send(text: &str) -> Request {
    Request::Send { name: "builder".to_owned(), text: text.to_owned(), wait: Duration::ZERO, queue: true }
}

fn wake() -> Request {
    Request::Wake { name: "orchestrator".to_owned() }
}

fn run(text: Option<&str>) -> Request {
    Request::Run { name: "upgrader".to_owned(), fresh: false, text: text.map(str::to_owned) }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Reads the spool as at a start and returns what is in it, and the troubles.
fn first_reading(spool: &mut Spool) -> (Vec<Spooled>, Vec<String>) {
    let mut seen = Vec::new();
    spool.expire(Mono::default(), &mut seen);
    told(seen)
}

fn told(seen: Vec<Observation>) -> (Vec<Spooled>, Vec<String>) {
    let mut spooled = Vec::new();
    let mut troubles = Vec::new();
    for one in seen {
        if let Observation::Spool { found } = one {
            spooled = found;
        } else if let Observation::Trouble { what } = one {
            troubles.push(what);
        }
    }
    (spooled, troubles)
}

#[test]
fn requests_come_out_in_the_order_in_which_they_were_left_each_under_a_name_of_its_own() {
    let lab = Lab::new();
    let requests: Vec<Request> = (0..12).map(|count| send(&count.to_string())).collect();
    for request in &requests {
        assert_eq!(lab.leave(request), Ok(Left::Now), "the clock stands still, and the order holds");
    }
    let (found, troubles) = first_reading(&mut lab.spool());
    assert_eq!(found.iter().filter_map(|spooled| spooled.request.clone()).collect::<Vec<_>>(), requests);
    assert_eq!(troubles, [""; 0]);
    assert_eq!(found.iter().map(|spooled| spooled.id.clone()).collect::<Vec<_>>(), names(&lab.paths.spool()));
}

#[test]
fn the_same_wake_and_run_wait_once_and_a_message_as_often_as_it_was_sent() {
    let lab = Lab::new();
    for request in [wake(), run(None), run(Some("text")), send("hello")] {
        assert_eq!(lab.leave(&request), Ok(Left::Now));
    }
    let again =
        [wake(), run(None), run(Some("text")), run(Some("other")), send("hello")].map(|one| lab.leave(&one).unwrap());
    assert_eq!(again, [Left::Already, Left::Already, Left::Already, Left::Now, Left::Now]);
}

#[test]
fn a_full_spool_refuses_by_count_and_by_bytes_and_keeps_what_it_has() {
    let lab = Lab::new();
    for count in 0..spool::FILES_MAX {
        lab.leave(&send(&count.to_string())).unwrap();
    }
    let refusal = lab.leave(&send("one more")).unwrap_err();
    expect_test::expect![[r"
        the spool is full: 100 requests wait for a supervisor in `FOLDER/logs/state/spool`
        hint: `agent-orchestrator up` starts one, which takes them"]]
    .assert_eq(&refusal);
    assert_eq!(lab.leave(&wake()).unwrap_err(), refusal);
    assert_eq!(first_reading(&mut lab.spool()).0.len(), spool::FILES_MAX);

    let lab = Lab::new();
    let long = "x".repeat(500 << 10);
    let kept = (0..spool::FILES_MAX).take_while(|_| lab.leave(&send(&long)).is_ok()).count();
    assert_eq!(kept as u64, spool::BYTES_MAX / long.len() as u64);
    assert!(lab.leave(&send("short")).is_ok(), "what has room is taken");
}

#[test]
fn two_callers_at_once_lose_nothing() {
    let lab = Lab::new();
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let lab = lab.paths.spool();
            scope.spawn(move || {
                for count in 0..10 {
                    spool::leave(&lab, &send(&format!("{caller}-{count}")), Utc::now()).unwrap();
                }
            });
        }
    });
    let (found, _) = first_reading(&mut lab.spool());
    let texts: Vec<String> = found
        .into_iter()
        .filter_map(|spooled| match spooled.request {
            Some(Request::Send { text, .. }) => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(texts.len(), 40);
    for caller in 0..4 {
        let own: Vec<&String> = texts.iter().filter(|text| text.starts_with(&format!("{caller}-"))).collect();
        let wanted: Vec<String> = (0..10).map(|count| format!("{caller}-{count}")).collect();
        assert_eq!(own, wanted.iter().collect::<Vec<_>>(), "each caller's own order holds");
    }
}

#[test]
fn what_nobody_can_read_is_told_moved_aside_and_blocks_nothing() {
    let lab = Lab::new();
    lab.put("0000000001-a.json", b"{\"request\":\"dance\"}\n");
    lab.put("0000000002-b.json", &[0xff; 40]);
    lab.put("0000000003-c.json", &vec![b' '; 2 << 20]);
    lab.put("0000000004-d.json", b"");
    std::fs::create_dir(lab.paths.spool().join("folder")).unwrap();
    nix::unistd::mkfifo(&lab.paths.spool().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", lab.paths.spool().join("link")).unwrap();
    lab.put("0000000009-z.json.draft", b"half");
    lab.leave(&wake()).unwrap();
    let mut spool = lab.spool();
    let (found, troubles) = first_reading(&mut spool);
    assert_eq!(found.iter().map(|spooled| spooled.request.clone()).collect::<Vec<_>>(), [Some(wake())]);
    assert_eq!(troubles.len(), 7, "{troubles:?}");
    assert!(troubles.iter().all(|trouble| trouble.starts_with("cannot use spooled `")), "{troubles:?}");
    assert_eq!(names(&lab.paths.spool_aside()).len(), 7);
    let (_, troubles) = told(lab.wait(&mut spool));
    assert_eq!(troubles, [""; 0], "told once");

    std::fs::create_dir(lab.paths.spool_aside().join("0-folder")).unwrap();
    for count in 0..40 {
        lab.put(&format!("{count:04}.json"), b"{}");
    }
    let (found, troubles) = first_reading(&mut spool);
    assert_eq!((found.len(), troubles.len()), (1, 40));
    assert_eq!(names(&lab.paths.spool_aside()).len(), spool::ASIDE_MAX);
}

#[test]
fn a_file_that_cannot_be_moved_aside_stays_is_told_once_and_harms_nobody() {
    let lab = Lab::new();
    std::fs::remove_dir(lab.paths.spool_aside()).unwrap();
    lab.put("0000000001-a.json", b"nonsense");
    lab.leave(&wake()).unwrap();
    let mut spool = lab.spool();
    let (found, troubles) = first_reading(&mut spool);
    assert_eq!(found.len(), 2, "it is still there, and nothing can be read of it");
    assert_eq!((found[0].request.clone(), found[1].request.clone()), (None, Some(wake())));
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert_eq!(first_reading(&mut spool).1, [""; 0]);
}

#[test]
fn a_taken_file_goes_with_the_next_saved_state_and_a_late_one_is_seen_at_once() {
    let lab = Lab::new();
    let mut spool = lab.spool();
    assert_eq!(first_reading(&mut spool).0, []);
    lab.leave(&wake()).unwrap();
    let mut found = Vec::new();
    while found.is_empty() {
        found = told(lab.wait(&mut spool)).0;
    }
    spool.finish(vec![found[0].id.clone()]);
    assert_eq!(names(&lab.paths.spool()).len(), 1, "the state has not been saved yet");
    let still = first_reading(&mut spool).0;
    assert_eq!((still.len(), still[0].request.clone()), (1, None), "it is there, and taken");
    let mut seen = Vec::new();
    spool.sweep(&mut seen);
    assert_eq!((names(&lab.paths.spool()), seen), (Vec::new(), Vec::new()));
    assert_eq!(told(lab.wait(&mut spool)).0, [], "its end is told");
}

/// A fleet of real programs: what is typed into them and what they are started with stands in files.
struct Fleet {
    folder: tempfile::TempDir,
}

const CONFIG: &str = r#"
[defaults]
session_prefix = "t-"
log_dir = "logs"
watch = "heal"
backend = "reader"

[backend.reader]
bin = "stty -echo; exec cat >> {session}.typed"
prompt_delivery = "exec"

[backend.worker]
bin = "cat {kickoff} >> runs; exec cat"
prompt_delivery = "exec"

[[agent]]
name = "orchestrator"
prompt = "look after them"
wake = { prompt_file = "wake.md", interval = 100000 }

[[agent]]
name = "assistant"
prompt = "help"

[[agent]]
name = "upgrader"
kind = "task"
backend = "worker"
prompt = "upgrade"
schedule = "Sun 02:00"
"#;

impl Fleet {
    fn new() -> Self {
        let fleet = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(fleet.path("run")).unwrap();
        std::fs::write(fleet.path("agents.toml"), CONFIG).unwrap();
        std::fs::write(fleet.path("wake.md"), "look around\n").unwrap();
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
        command.args(arguments).arg("--config").arg(self.path("agents.toml"));
        command.env("XDG_RUNTIME_DIR", self.path("run")).env("HOME", "/nonexistent").stdin(Stdio::null());
        command
    }

    /// Runs a verb and returns its exit code with what it said.
    fn ask(&self, verb: &[&str]) -> (i32, String) {
        let (verb, text) = verb.split_at(verb.iter().position(|word| *word == "--").unwrap_or(verb.len()));
        let out = self.command(verb).args(text).output().unwrap();
        let said = String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap();
        (out.status.code().unwrap(), said.replace(&self.folder.path().display().to_string(), "FOLDER"))
    }

    fn supervise(&self) -> Child {
        self.command(&["supervise"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until `what` holds.
    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let until = Instant::now() + WAIT_MAX;
        while !holds(self) {
            assert!(Instant::now() < until, "not seen: {what}\n{}", self.text("logs/state/events.jsonl"));
            std::thread::yield_now();
        }
    }

    fn spooled(&self) -> usize {
        std::fs::read_dir(self.path("logs/state/spool")).map_or(0, Iterator::count)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.command(&["down"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn kill_nine(mut supervisor: Child) {
    kill(Pid::from_raw(supervisor.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
    supervisor.wait().unwrap();
    let mut said = String::new();
    supervisor.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn what_was_asked_while_down_is_taken_once_although_the_supervisor_is_killed_in_between() {
    let fleet = Fleet::new();
    let asked = [
        fleet.ask(&["wake", "orchestrator"]),
        fleet.ask(&["wake", "orchestrator"]),
        fleet.ask(&["run", "upgrader", "--", "only", "--this"]),
        fleet.ask(&["send", "assistant", "--queue", "hello"]),
        fleet.ask(&["send", "assistant", "hello"]),
        fleet.ask(&["wake", "orchestrater"]),
        fleet.ask(&["wake", "assistant"]),
        fleet.ask(&["run", "assistant"]),
    ];
    let asked = asked.iter().fold(String::new(), |text, (code, said)| text + &format!("{code} {said}"));
    expect_test::expect![[r#"
        0 no supervisor runs: `wake orchestrator` is kept, and done as soon as one starts
        0 no supervisor runs: `wake orchestrator` is kept already, and done once as soon as one starts
        0 no supervisor runs: `run upgrader` is kept, and done as soon as one starts
        0 no supervisor runs: `send assistant --queue` is kept, and done as soon as one starts
        3 error: no supervisor runs for `FOLDER/agents.toml`
        hint: `agent-orchestrator up`, without names, starts one
        hint: `send --queue` keeps the message for the next one
        2 error: there is no agent or service `orchestrater`
        hint: did you mean `orchestrator`?
        hint: known: orchestrator, assistant, upgrader
        1 error: `assistant` has no `wake` in the config
        hint: add `wake = { prompt_file = "wake.md" }` to it
        2 error: `assistant` is no task
        hint: `up assistant` starts it, `restart assistant` starts it anew
    "#]]
    .assert_eq(&asked);
    assert_eq!(fleet.spooled(), 3);

    // Killed as soon as the state names what was taken, again as soon as the spool is empty, and while messages land.
    let supervisor = fleet.supervise();
    fleet.until("a taken request", |fleet| !fleet.text("logs/state/state.json").is_empty());
    kill_nine(supervisor);
    let supervisor = fleet.supervise();
    fleet.until("an empty spool", |fleet| fleet.spooled() == 0);
    kill_nine(supervisor);
    let supervisor = fleet.supervise();
    fleet.until("a message", |fleet| !fleet.text("t-assistant.typed").is_empty());
    kill_nine(supervisor);

    let supervisor = fleet.supervise();
    fleet.until("the wake", |fleet| fleet.text("t-orchestrator.typed").contains("look around"));
    fleet.until("the run", |fleet| fleet.text("runs").contains("only --this"));
    // What comes after the socket was missed, and the same over the socket.
    let late = spool::leave(&fleet.path("logs/state/spool"), &send_to("assistant", "late"), Utc::now()).unwrap();
    assert_eq!(late, Left::Now);
    fleet.until("the late message", |fleet| fleet.text("t-assistant.typed").contains("late"));
    let (code, said) = fleet.ask(&["run", "upgrader", "--fresh", "--", "anew"]);
    assert!(code == 0 && said.starts_with("upgrader runs (run "), "{code} {said}");
    fleet.until("the second run", |fleet| fleet.text("runs").contains("anew"));
    kill_nine(supervisor);

    assert_eq!(fleet.text("runs"), "upgrade\n\nonly --this\nupgrade\n\nanew\n");
    for (file, text) in [("t-assistant.typed", "hello"), ("t-orchestrator.typed", "look around")] {
        let typed = fleet.text(file);
        // A program that shows no input box proves nothing, so a text may come again after a kill, and says so.
        assert_eq!(typed.lines().filter(|line| *line == text).count(), 1, "{typed}");
    }
    assert_eq!(fleet.spooled(), 0);
}

fn send_to(name: &str, text: &str) -> Request {
    Request::Send { name: name.to_owned(), text: text.to_owned(), wait: Duration::ZERO, queue: true }
}
