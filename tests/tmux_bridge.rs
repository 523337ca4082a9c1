//! Agents with a real tmux server behind a bridge: all that the supervisor does, and who connects besides.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "real processes and files; a test may panic")]

mod tmux_driver;

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use agent_orchestrator::policy::observation::{Exit, SessionSeen};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tmux_driver::{Driver, ECHO, children, running, signal};

fn bridge(driver: &Driver, agent: &str) -> PathBuf {
    driver.paths.launch_file(agent).with_file_name("bridge")
}

/// Connects to it.
fn connected(driver: &Driver, agent: &str) -> UnixStream {
    let stream = UnixStream::connect(bridge(driver, agent)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Returns the process that listens there.
fn listener(driver: &Driver, agent: &str) -> i32 {
    let is_bridge = |pid: &i32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split('\0').nth(1) == Some("bridge")
    };
    children(driver.server(agent)).into_iter().find(is_bridge).unwrap()
}

/// Waits for the end of a process, which is no event of the sessions'.
fn await_end(pid: i32) {
    let Ok(process) = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) else { return };
    let waited = &mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(waited, PollTimeout::from(60_000_u16)), Ok(1), "process {pid} does not end");
}

#[test]
fn an_agent_behind_a_bridge_is_supervised_like_the_others() {
    let mut driver = Driver::bridged();
    driver.start("bob", 1, ECHO);
    assert_eq!(driver.session("bob"), running(1));
    assert!(!driver.paths.tmux_socket("bob").exists());
    driver.screen_with("bob", "hello");
    let bridge = listener(&driver, "bob");
    for client in driver.clients("bob") {
        assert!(children(bridge).contains(&client), "a client is the bridge's");
    }
    driver.type_line("bob", "over it");
    driver.screen_with("bob", "got over it");

    driver.restart_supervisor();
    driver.sessions.find("bob");
    assert_eq!(driver.session("bob"), running(1), "the next supervisor finds it");
    driver.type_line("bob", "quit");
    let SessionSeen::Died { run: 1, exit, .. } = driver.session("bob") else { panic!("it has ended") };
    assert_eq!(exit, Exit::Code(3));

    driver.sessions.stop("bob");
    assert_eq!(driver.session("bob"), SessionSeen::Absent);
    await_end(bridge);
    driver.start("bob", 2, ECHO);
    assert_eq!(driver.session("bob"), running(2));
    let (server, bridge) = (driver.server("bob"), listener(&driver, "bob"));
    signal(server, Signal::SIGKILL);
    let died = |seen| matches!(seen, SessionSeen::Died { run: 2, .. });
    assert!(died(driver.session("bob")), "the end of a server is a death");
    await_end(bridge);
}

#[test]
fn supervisors_that_are_killed_harm_no_server_and_leave_no_client() {
    let mut driver = Driver::bridged();
    driver.start("bob", 1, "while :; do echo tick; done");
    assert_eq!(driver.session("bob"), running(1));
    let server = driver.server("bob");
    driver.restart_supervisor();
    for _ in 0..30 {
        let mut killed = connected(&driver, "bob");
        killed.write_all(b"ao-bob\n").unwrap();
        let mut lines = BufReader::new(killed).lines();
        assert!(lines.any(|line| line.unwrap().starts_with("%extended-output")));
    }
    driver.sessions.find("bob");
    assert_eq!(driver.session("bob"), running(1));
    driver.screen_with("bob", "tick");
    assert_eq!((driver.server("bob"), driver.clients("bob").len()), (server, 1));
}

#[test]
fn connections_that_say_nothing_or_too_much_harm_nobody() {
    let mut driver = Driver::bridged();
    driver.start("bob", 1, ECHO);
    assert_eq!(driver.session("bob"), running(1));
    let connect = || connected(&driver, "bob");
    let hanging: Vec<_> = (0..100).map(|_| connect()).collect();
    for said in [&[b'x'; 4000][..], b"\xff\n", b"a\nb\n"] {
        let mut wordy = connect();
        // It may be gone by then.
        let _ = wordy.write_all(said);
        let end = wordy.read_to_end(&mut Vec::new());
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
    driver.restart_supervisor();
    driver.sessions.find("bob");
    assert_eq!(driver.session("bob"), running(1));
    driver.type_line("bob", "all the same");
    driver.screen_with("bob", "got all the same");
    drop(hanging);
}

#[test]
fn a_server_that_hangs_behind_its_bridge_is_unknown_until_it_goes_on() {
    let mut driver = Driver::bridged();
    let server = driver.hang("hung");
    driver.restart_supervisor();
    driver.sessions.find("hung");
    assert!(matches!(driver.session("hung"), SessionSeen::Unknown { .. }));
    assert_eq!(driver.clients_on_their_way("hung"), 0);
    signal(server, Signal::SIGCONT);
    assert_eq!(driver.session("hung"), running(1));
    assert_eq!(driver.server("hung"), server);
}

#[test]
fn a_bridge_that_hangs_up_again_and_again_is_asked_once_a_second() {
    let mut driver = Driver::bridged();
    driver.start("bob", 1, ECHO);
    assert_eq!(driver.session("bob"), running(1));
    // On a busy host one of them may have been there for longer than a moment.
    let is_left_alone = (0..4).any(|_| {
        let clients = driver.clients("bob");
        for client in &clients {
            signal(*client, Signal::SIGKILL);
        }
        let mut why = || loop {
            driver.sessions.look("bob");
            if let Err(why) = driver.looked("bob") {
                return why;
            }
        };
        // The first look was on its way when the client ended, or could not be sent; the next finds that nobody is being asked.
        let (_, next) = (why(), why());
        driver.until_another_client("bob", &clients);
        next.contains("has ended")
    });
    assert!(is_left_alone, "it is asked anew at once");
    driver.forget();
    driver.sessions.find("bob");
    assert_eq!(driver.session("bob"), running(1));
    driver.type_line("bob", "over the next");
    driver.screen_with("bob", "got over the next");
}
