//! The operator's command as a real process: whatever it does, the loop goes on.
#![expect(clippy::disallowed_methods)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use agent_orchestrator::daemon::clock;
use agent_orchestrator::daemon::notify_command::{COMMAND_MAX, NotifyCommand, QUEUE_MAX, RUNNING_MAX};
use agent_orchestrator::daemon::reactor::{Part, Reactor};
use agent_orchestrator::policy::event::{Event, EventKind};
use agent_orchestrator::policy::now::Mono;
use agent_orchestrator::policy::observation::Observation;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

/// No test waits longer for anything.
const WAIT_MAX: Duration = Duration::from_secs(20);

struct Desk {
    folder: tempfile::TempDir,
    reactor: Rc<Reactor>,
    command: NotifyCommand,
    told: Vec<String>,
}

fn event(text: &str) -> Event {
    Event {
        time: "2026-06-13T04:05:06Z".parse().expect("a time"),
        event: EventKind::CrashLoop,
        level: EventKind::CrashLoop.level(),
        agent: Some("builder".to_owned()),
        in_loop: None,
        phase: None,
        text: text.to_owned(),
        more: serde_json::Map::new(),
    }
}

impl Desk {
    /// A desk whose command is this shell script, with `name` as its argument.
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("told.sh");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("set");
        Self::running(folder, &["./told.sh", "an argument; with $words"])
    }

    fn running(folder: tempfile::TempDir, words: &[&str]) -> Self {
        let reactor = Rc::new(Reactor::new().expect("epoll"));
        let program = PathBuf::from(env!("CARGO_BIN_EXE_agent-orchestrator"));
        let mut command = NotifyCommand::new(Rc::clone(&reactor), program);
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        command.configure(Some(&words), folder.path());
        Self { folder, reactor, command, told: Vec::new() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tell(&mut self, text: &str) {
        let mut seen = Vec::new();
        self.command.tell(event(text), &mut seen);
        self.note(seen);
    }

    fn note(&mut self, seen: Vec<Observation>) {
        for one in seen {
            let Observation::Trouble { what } = one else { panic!("{one:?}") };
            self.told.push(what);
        }
    }

    fn serve(&mut self) {
        let mut seen = Vec::new();
        for (_, id) in self.reactor.wait(false).expect("waited") {
            self.command.ready(id, &mut seen);
        }
        self.note(seen);
    }

    fn expire(&mut self, now: Mono) {
        let mut seen = Vec::new();
        self.command.expire(now, &mut seen);
        self.note(seen);
    }

    /// Serves the command until `is_done`, for which something in the folder or an end must change.
    fn until(&mut self, what: &str, mut is_done: impl FnMut(&mut Self) -> bool) {
        let until = clock::mono() + WAIT_MAX;
        while !is_done(self) {
            let left = until.since(clock::mono());
            assert!(!left.is_zero(), "waited in vain for {what}: {:?}", self.told);
            poll(&mut [], PollTimeout::from(5u8)).expect("waited");
            self.serve();
        }
    }

    fn until_idle(&mut self) {
        self.until("all ends", |desk| desk.command.is_idle());
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap_or_default()
    }
}

/// Waits for the end of a process that is no child of ours.
fn has_ended(pid: &str) -> bool {
    let Ok(pid) = pid.trim().parse::<i32>() else { return false };
    let Some(pid) = rustix::process::Pid::from_raw(pid) else { return false };
    let Ok(end) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
    let timeout = PollTimeout::try_from(WAIT_MAX).expect("a timeout");
    let waited = &mut [PollFd::new(std::os::fd::AsFd::as_fd(&end), PollFlags::POLLIN)];
    poll(waited, timeout).expect("waited") == 1
}

#[test]
fn the_event_comes_as_one_line_with_its_kind_in_the_environment_and_no_signal_is_blocked() {
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGTERM);
    blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK).expect("blocked as in the supervisor");
    let script =
        "cat > event; { echo \"$1\"; echo \"$AGENT_ORCHESTRATOR_EVENT\"; pwd; grep SigBlk /proc/self/status; } > about";
    let mut desk = Desk::new(script);
    desk.tell("died\nfive times");
    desk.until_idle();
    expect_test::expect![[r#"
        {"time":"2026-06-13T04:05:06Z","event":"crash-loop","level":"error","agent":"builder","text":"died\nfive times"}
    "#]]
    .assert_eq(&desk.read("event"));
    let folder = desk.folder.path().canonicalize().expect("a folder").display().to_string();
    expect_test::expect![[r"
        an argument; with $words
        crash-loop
        FOLDER
        SigBlk:	0000000000000000
    "]]
    .assert_eq(&desk.read("about").replace(&folder, "FOLDER"));
    assert!(desk.told.is_empty(), "{:?}", desk.told);
}

#[test]
fn a_failure_is_told_once_until_it_succeeds_again() {
    let mut desk = Desk::new("echo to nobody; echo \"no network\" >&2; test -e good || exit 3");
    for text in ["one", "two", "three"] {
        desk.tell(text);
        desk.until_idle();
    }
    assert_eq!(desk.told, ["notify command `./told.sh` failed (exit status: 3): no network"]);
    std::fs::write(desk.at("good"), "").expect("written");
    desk.tell("four");
    desk.until_idle();
    std::fs::remove_file(desk.at("good")).expect("removed");
    desk.tell("five");
    desk.until_idle();
    assert_eq!(desk.told.len(), 2, "{:?}", desk.told);
}

#[test]
fn a_missing_program_is_a_failure_like_any_other() {
    let mut desk = Desk::running(tempfile::tempdir().expect("a temp folder"), &["/no/such/program"]);
    desk.tell("one");
    desk.until_idle();
    assert_eq!(desk.told.len(), 1);
    assert!(desk.told[0].contains("cannot run `/no/such/program`"), "{:?}", desk.told);

    let mut desk = Desk::new("exit 0");
    desk.command.configure(Some(&["./told.sh".to_owned()]), Path::new("/no/such/folder"));
    desk.tell("one");
    assert!(desk.told[0].contains("`./told.sh` cannot be started: "), "{:?}", desk.told);
}

#[test]
fn one_that_hangs_is_killed_with_its_group_and_the_next_events_are_told() {
    let script = "cat > /dev/null; test -e free && { echo told >> log; exit 0; }; \
         sleep 1000 & echo $! >> sleepers; echo $$ >> hanging; wait";
    let mut desk = Desk::new(script);
    for text in ["one", "two", "three", "four"] {
        desk.tell(text);
    }
    desk.until("both to hang", |desk| desk.read("hanging").lines().count() == RUNNING_MAX);
    assert_eq!(desk.read("hanging").lines().count(), RUNNING_MAX, "no more than two at once");
    std::fs::write(desk.at("free"), "").expect("written");
    desk.expire(clock::mono());
    assert!(desk.told.is_empty(), "before its time nothing is given up");
    desk.expire(clock::mono() + COMMAND_MAX);
    desk.until("the others", |desk| desk.read("log").lines().count() == 2);
    desk.until_idle();
    assert!(desk.read("sleepers").lines().chain(desk.read("hanging").lines()).all(has_ended));
    assert_eq!(desk.told, ["notify command `./told.sh` did not end within 10 s"]);
}

#[test]
fn one_that_never_reads_and_gets_more_than_a_pipe_holds_harms_nothing() {
    let mut desk = Desk::new("echo $$ > hanging; exec sleep 1000");
    desk.tell(&"x".repeat(1 << 20));
    desk.until("its start", |desk| desk.read("hanging").ends_with('\n'));
    desk.serve();
    desk.expire(clock::mono() + COMMAND_MAX);
    desk.until("its end", |desk| !desk.told.is_empty());
    assert!(has_ended(&desk.read("hanging")));

    let mut desk = Desk::new("exec 0<&-; exit 0");
    desk.tell(&"x".repeat(1 << 20));
    desk.until_idle();
    assert!(desk.told.is_empty(), "who does not want to know has not failed: {:?}", desk.told);
}

#[test]
fn a_flood_of_output_is_not_read_for_ever() {
    let mut desk = Desk::new("cat > /dev/null; exec yes 'all is well'");
    desk.tell("one");
    desk.until_idle();
    // Where the bound cuts the last line depends on how the pipe was read.
    let last = desk.told[0].strip_prefix("notify command `./told.sh` failed (signal: 13 (SIGPIPE)): ");
    assert!(last.is_some_and(|last| !last.is_empty() && "all is well".starts_with(last)), "{:?}", desk.told);
    assert_eq!(desk.told.len(), 1);
}

#[test]
fn a_grandchild_that_holds_the_output_is_not_waited_for() {
    let mut desk = Desk::new("cat > /dev/null; sleep 1000 & echo $! > sleeper; exit 0");
    desk.tell("one");
    desk.until_idle();
    assert!(has_ended(&desk.read("sleeper")), "what is left in its group ends with it");

    let mut desk = Desk::new("cat > /dev/null; setsid sleep 1000 & echo $! > sleeper; exit 4");
    desk.tell("one");
    desk.until_idle();
    assert_eq!(desk.told, ["notify command `./told.sh` failed (exit status: 4)"]);
    // `setsid` is killed with the group, or has left it by then.
    let sleeper = desk.read("sleeper").trim().parse().expect("a process");
    let _ = kill(Pid::from_raw(sleeper), Signal::SIGKILL);
    assert!(has_ended(&sleeper.to_string()));
}

#[test]
fn the_queue_is_bounded_and_the_newest_stay() {
    let mut desk = Desk::new("test -e free || { echo $$ >> hanging; exec sleep 1000; }; cat >> log");
    for number in 0..QUEUE_MAX + RUNNING_MAX + 5 {
        desk.tell(&format!("event {number}."));
    }
    assert_eq!(desk.told.len(), 1, "{:?}", desk.told);
    assert!(desk.told[0].contains("is too slow"), "{:?}", desk.told);
    desk.until("both to hang", |desk| desk.read("hanging").lines().count() == RUNNING_MAX);
    std::fs::write(desk.at("free"), "").expect("written");
    desk.expire(clock::mono() + COMMAND_MAX);
    desk.until_idle();
    let log = desk.read("log");
    assert_eq!(log.lines().count(), QUEUE_MAX);
    let newest = format!("event {}.", QUEUE_MAX + RUNNING_MAX + 4);
    assert!(log.contains(&newest) && !log.contains("event 6."), "{log}");
}

#[test]
fn at_the_end_of_the_supervisor_what_runs_has_its_time_and_what_hangs_is_killed() {
    let mut desk = Desk::new("cat > event");
    desk.tell("last words");
    desk.command.flush(WAIT_MAX);
    assert!(desk.read("event").contains("last words"));

    let mut desk = Desk::new("echo $$ > hanging; exec sleep 1000");
    desk.tell("last words");
    desk.until("its start", |desk| desk.read("hanging").ends_with('\n'));
    desk.command.flush(Duration::from_millis(1));
    let hanging = desk.read("hanging");
    drop(desk);
    assert!(has_ended(&hanging));
}

#[test]
fn without_a_command_nothing_runs_and_what_waited_is_forgotten() {
    let mut desk = Desk::new("cat >> log; exec sleep 1000");
    for number in 0..5 {
        desk.tell(&format!("event {number}"));
    }
    desk.until("two", |desk| desk.read("log").lines().count() == RUNNING_MAX);
    let folder = desk.folder.path().to_path_buf();
    desk.command.configure(None, &folder);
    desk.tell("event 5");
    desk.expire(clock::mono() + COMMAND_MAX);
    desk.until_idle();
    assert_eq!(desk.read("log").lines().count(), RUNNING_MAX);
}
