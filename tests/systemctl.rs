//! Sessions that are units, with real tmux servers and a stand-in for `systemctl` in `PATH`.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "real processes and files; a test may panic")]

mod tmux_driver;

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use agent_orchestrator::daemon::clock;
use agent_orchestrator::daemon::unit::{SHOW_MAX, START_MAX, STOP_MAX};
use agent_orchestrator::policy::now::Mono;
use agent_orchestrator::policy::observation::{Exit, SessionSeen};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tmux_driver::{Driver, until_file};

const ECHO: &str = "echo hello; while read -r line; do [ \"$line\" = quit ] && exit 3; done";

const FOLDER: &str = "STAND_IN";

/// A fleet, and the systemd that its supervisor asks.
struct Host {
    driver: Driver,
    folder: PathBuf,
}

/// Returns the fleet of the test `name`, which is run once more in a process of its own for that: `PATH` is a process's.
fn host(name: &str) -> Option<Host> {
    if let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) {
        let driver = Driver::of_units();
        std::os::unix::fs::symlink(&driver.paths.runtime, folder.join("run")).unwrap();
        return Some(Host { driver, folder });
    }
    let folder = tempfile::tempdir().unwrap();
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/systemctl");
    let path = format!("{}:{}", stand_in.display(), std::env::var("PATH").unwrap());
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", name, "--nocapture", "--test-threads=1"]).env("PATH", path);
    let again = again.env(FOLDER, folder.path()).env("PROGRAM", env!("CARGO_BIN_EXE_agent-orchestrator"));
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    None
}

impl Host {
    /// From now on this comes of `verb`: `refuse`, `fail`, `hang`; of `state`, what `show` tells.
    fn set(&self, verb: &str, what: &str) {
        fs::write(self.folder.join(verb), what).unwrap();
    }

    fn unset(&self, verb: &str) {
        fs::remove_file(self.folder.join(verb)).unwrap();
    }

    /// How often systemd was asked this.
    fn asked(&self, what: &str) -> usize {
        let asked = fs::read_to_string(self.folder.join("asked")).unwrap_or_default();
        asked.lines().filter(|line| *line == what).count()
    }

    /// Waits for a `systemctl` that hangs, and returns its process.
    fn hanging(&mut self) -> i32 {
        let path = self.folder.join("hangs");
        self.driver.until_made(&path);
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(path).unwrap();
        text.trim().parse().unwrap()
    }
}

/// What a person does at a shell.
fn person(verb: &str, agent: &str) {
    let unit = format!("agent-orchestrator-session@{agent}.service");
    assert!(Command::new("systemctl").args([verb, "--", &unit]).status().unwrap().success());
}

fn running(run: u64) -> SessionSeen {
    SessionSeen::Running { run }
}

fn unknown(seen: SessionSeen) -> String {
    let SessionSeen::Unknown { why } = seen else { panic!("it is not known: {seen:?}") };
    why
}

fn not_started(seen: SessionSeen) -> String {
    let SessionSeen::StartFailed { why, .. } = seen else { panic!("it is not started: {seen:?}") };
    why
}

#[test]
fn a_unit_is_started_adopted_ended_and_started_again() {
    let Some(mut host) = host("a_unit_is_started_adopted_ended_and_started_again") else { return };
    host.driver.sessions.find("ada");
    assert_eq!(host.driver.session("ada"), SessionSeen::Absent);
    host.driver.start("ada", 1, ECHO);
    assert_eq!(host.driver.session("ada"), running(1));
    let server = host.driver.server("ada");
    host.driver.restart_supervisor();
    host.driver.sessions.find("ada");
    assert_eq!(host.driver.session("ada"), running(1), "what runs is adopted");
    assert_eq!(host.driver.server("ada"), server);
    assert_eq!(host.asked("start ada"), 1);
    host.driver.sessions.stop("ada");
    assert_eq!(host.driver.session("ada"), SessionSeen::Absent);
    host.driver.until_gone(server);
    assert_eq!(host.asked("stop ada"), 1);
    host.driver.start("ada", 2, ECHO);
    assert_eq!(host.driver.session("ada"), running(2));
}

#[test]
fn what_a_person_stops_is_no_death_and_what_a_person_starts_is_seen() {
    let Some(mut host) = host("what_a_person_stops_is_no_death_and_what_a_person_starts_is_seen") else { return };
    host.driver.start("ada", 1, ECHO);
    assert_eq!(host.driver.session("ada"), running(1));
    let began = clock::mono();
    person("stop", "ada");
    let entered = Some(Mono(std::time::Duration::from_micros(1)));
    let is_stopped = |seen: SessionSeen| {
        let SessionSeen::Stopped { at, fleet_since } = seen else { return false };
        at.is_some_and(|at| at > began) && fleet_since == entered
    };
    assert!(is_stopped(host.driver.session("ada")));
    person("start", "ada");
    assert_eq!(host.driver.session("ada"), running(1));
    host.driver.restart_supervisor();
    person("stop", "ada");
    host.driver.sessions.only_look();
    host.driver.sessions.find("ada");
    assert!(is_stopped(host.driver.session("ada")), "also while nobody supervised");
    host.driver.restart_supervisor();
    host.driver.sessions.find("ada");
    assert!(is_stopped(host.driver.session("ada")), "who only looks takes nothing from who supervises next");
}

#[test]
fn a_program_and_a_unit_that_end_by_themselves_have_died() {
    let Some(mut host) = host("a_program_and_a_unit_that_end_by_themselves_have_died") else { return };
    host.driver.start("ada", 1, ECHO);
    assert_eq!(host.driver.session("ada"), running(1));
    host.driver.type_line("ada", "quit");
    let SessionSeen::Died { exit, .. } = host.driver.session("ada") else { panic!("it has died") };
    assert_eq!(exit, Exit::Code(3));
    host.driver.sessions.stop("ada");
    assert_eq!(host.driver.session("ada"), SessionSeen::Absent, "its last screen goes with its unit");

    host.driver.start("bob", 1, ECHO);
    assert_eq!(host.driver.session("bob"), running(1));
    kill(Pid::from_raw(host.driver.server("bob")), Signal::SIGKILL).unwrap();
    let SessionSeen::Died { run: 1, .. } = host.driver.session("bob") else { panic!("it has died") };
}

#[test]
fn a_stop_by_a_person_is_no_death_though_systemd_answers_late() {
    let Some(mut host) = host("a_stop_by_a_person_is_no_death_though_systemd_answers_late") else { return };
    host.driver.start("ada", 1, ECHO);
    assert_eq!(host.driver.session("ada"), running(1));
    host.set("show", "hang");
    person("stop", "ada");
    let process = host.hanging();
    host.unset("show");
    host.driver.later(SHOW_MAX);
    host.driver.until_gone(process);
    let mut seen = host.driver.session("ada");
    while matches!(seen, SessionSeen::Unknown { .. }) {
        seen = host.driver.session("ada");
    }
    assert!(matches!(seen, SessionSeen::Stopped { .. }), "{seen:?}");
}

#[test]
fn a_start_that_fails_or_is_refused_says_why() {
    let Some(mut host) = host("a_start_that_fails_or_is_refused_says_why") else { return };
    host.set("start", "fail");
    host.driver.start("ada", 1, ECHO);
    let why = not_started(host.driver.session("ada"));
    assert!(why.starts_with("Job for agent-orchestrator-session@ada.service failed"), "{why}");
    assert!(why.ends_with("`journalctl -u agent-orchestrator-session@ada.service` says why"), "{why}");
    host.set("start", "refuse");
    host.driver.start("ada", 2, ECHO);
    let why = not_started(host.driver.session("ada"));
    assert!(why.starts_with("polkit refuses it, is the supervisor's rule in force?"), "{why}");
    host.unset("start");
    host.driver.start("ada", 3, ECHO);
    assert_eq!(host.driver.session("ada"), running(3), "the next try is not the worse for it");
}

#[test]
fn an_end_that_is_refused_says_why_and_what_runs_is_found_again() {
    let Some(mut host) = host("an_end_that_is_refused_says_why_and_what_runs_is_found_again") else { return };
    host.driver.start("ada", 1, ECHO);
    assert_eq!(host.driver.session("ada"), running(1));
    host.set("stop", "refuse");
    host.driver.sessions.stop("ada");
    let why = unknown(host.driver.session("ada"));
    assert!(why.starts_with("polkit refuses it"), "{why}");
    assert_eq!(host.driver.session("ada"), running(1));
    assert_eq!(host.asked("stop ada"), 1, "whether it is tried again is decided elsewhere");
    host.unset("stop");
    host.driver.sessions.stop("ada");
    assert_eq!(host.driver.session("ada"), SessionSeen::Absent);
}

#[test]
fn a_systemctl_that_hangs_is_ended_and_delays_nobody_else() {
    let Some(mut host) = host("a_systemctl_that_hangs_is_ended_and_delays_nobody_else") else { return };
    host.driver.start("bob", 1, ECHO);
    assert_eq!(host.driver.session("bob"), running(1));
    for verb in ["start", "stop", "show"] {
        host.set(verb, "hang");
        match verb {
            "show" => host.driver.sessions.find("ada"),
            "start" => host.driver.start("ada", 1, ECHO),
            _ => host.driver.sessions.stop("ada"),
        }
        let process = host.hanging();
        host.unset(verb);
        host.driver.screen_with("bob", "hello");
        assert_eq!(host.driver.unheard_sessions("ada"), [], "there is time until the bound");
        host.driver.later(if verb == "show" { SHOW_MAX } else { START_MAX.max(STOP_MAX) });
        let seen = host.driver.session("ada");
        let why = if verb == "start" { not_started(seen) } else { unknown(seen) };
        assert!(why.contains("in time") || why.contains("does not answer"), "{verb}: {why}");
        if verb == "start" {
            // It is ended in the turn after, whose time must not be before.
            host.driver.later(START_MAX);
        }
        host.driver.until_gone(process);
    }
}

#[test]
fn a_start_that_another_supervisor_has_begun_is_waited_for() {
    let Some(mut host) = host("a_start_that_another_supervisor_has_begun_is_waited_for") else { return };
    host.set("state", "activating");
    let launch = host.driver.launch("ada", 1, ECHO);
    host.driver.write_launch(&launch);
    host.driver.sessions.find("ada");
    let asked = host.folder.join("asked");
    until_file(&asked, |text| !text.is_empty());
    host.driver.later(SHOW_MAX / 2);
    assert_eq!(host.driver.unheard_sessions("ada"), [], "it is neither there nor absent");
    person("start", "ada");
    host.unset("state");
    assert_eq!(host.driver.session("ada"), running(1));
    assert_eq!(host.asked("start ada"), 1, "the person's");
}

#[test]
fn who_listens_as_a_bridge_outside_of_the_agents_unit_is_not_spoken_with() {
    let Some(Host { mut driver, .. }) = host("who_listens_as_a_bridge_outside_of_the_agents_unit_is_not_spoken_with")
    else {
        return;
    };
    driver.paths.make_launch_folder("bob").unwrap();
    let listener = UnixListener::bind(driver.paths.launch_file("bob").with_file_name("bridge")).unwrap();
    driver.sessions.find("bob");
    let SessionSeen::Unknown { why } = driver.session("bob") else { panic!("it is not known to be absent") };
    assert!(why.contains("it is of no agent's unit"), "{why}");
    let mut said = Vec::new();
    // It has been knocked at already.
    listener.set_nonblocking(true).unwrap();
    let mut connection = listener.accept().unwrap().0;
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    connection.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"");
}
