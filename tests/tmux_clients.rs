//! Our clients of a real tmux server: lost, left behind, and beside a server that hangs.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "real processes and files; a test may panic")]

mod tmux_driver;

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use nix::sys::signal::Signal;
use tmux_driver::{Driver, ECHO, running, signal};

#[test]
fn a_server_that_hangs_is_unknown_and_delays_nobody() {
    let mut driver = Driver::new();
    for name in ["hung", "well"] {
        driver.start(name, 1, ECHO);
        assert_eq!(driver.session(name), running(1));
        driver.screen_with(name, "hello");
    }
    let server = driver.server("hung");
    signal(server, Signal::SIGSTOP);
    driver.sessions.look("hung");
    driver.sessions.paste("hung", MessageId(1), "never");
    driver.type_line("well", "meanwhile");
    driver.screen_with("well", "got meanwhile");
    assert!(driver.looked("hung").is_err());
    assert!(driver.pasted("hung").is_err());
    assert!(matches!(driver.session("hung"), SessionSeen::Unknown { .. }));
    driver.sessions.press("hung", MessageId(2), "Enter");
    assert!(driver.pressed("hung").is_err());

    driver.restart_supervisor();
    driver.sessions.find("hung");
    driver.sessions.find("well");
    assert_eq!(driver.session("well"), running(1));
    let SessionSeen::Unknown { why } = driver.session("hung") else { panic!("it is not known to be absent") };
    assert!(why.contains("does not answer"), "{why}");
    signal(server, Signal::SIGCONT);
    assert_eq!(driver.session("hung"), running(1), "it is found again by itself");
    let screen = driver.screen_with("hung", "hello");
    assert!(!screen.rows.concat().contains("never"), "what was given up is not typed later");

    signal(server, Signal::SIGSTOP);
    driver.sessions.stop("hung");
    assert_eq!(driver.session("hung"), SessionSeen::Absent, "a server that hangs can be ended");
}

#[test]
fn a_server_that_hangs_for_long_goes_on_with_its_agent() {
    let mut driver = Driver::new();
    let server = driver.hang("hung");
    // tmux 3.3a crashes when it goes on and finds clients that have gone meanwhile.
    for round in 1..20 {
        driver.later(Duration::from_secs(60 * round));
        assert_eq!(driver.clients_on_their_way("hung"), 0, "round {round}");
        if round % 5 == 0 {
            driver.restart_supervisor();
            driver.sessions.find("hung");
        }
    }
    assert!(matches!(driver.session("hung"), SessionSeen::Unknown { .. }));
    signal(server, Signal::SIGCONT);
    assert_eq!(driver.session("hung"), running(1));
    assert_eq!(driver.server("hung"), server);
}

#[test]
fn a_server_whose_socket_is_gone_is_unknown_until_it_is_there_again() {
    let mut driver = Driver::new();
    driver.start("lost", 1, ECHO);
    assert_eq!(driver.session("lost"), running(1));
    // What has not read its launch file yet would end with its folder.
    driver.screen_with("lost", "hello");
    let server = driver.server("lost");
    std::fs::remove_dir_all(&driver.paths.runtime).unwrap();
    driver.paths.make(["lost"].iter()).unwrap();
    driver.restart_supervisor();
    driver.sessions.find("lost");
    let seen = driver.session("lost");
    let SessionSeen::Unknown { why } = seen else { panic!("it is not known to be absent: {seen:?}") };
    assert!(why.contains(&format!("`kill -USR1 {server}`")), "{why}");
    signal(server, Signal::SIGUSR1);
    assert_eq!(driver.session("lost"), running(1), "it is found again by itself");
    std::fs::remove_dir_all(&driver.paths.runtime).unwrap();
    driver.paths.make(["lost"].iter()).unwrap();
    driver.restart_supervisor();
    driver.sessions.stop("lost");
    assert_eq!(driver.session("lost"), SessionSeen::Absent, "it can be ended all the same");
    driver.until_gone(server);
}

#[test]
fn a_socket_that_accepts_and_says_nothing_is_unknown() {
    let mut driver = Driver::new();
    let _mute = UnixListener::bind(driver.paths.tmux_socket("mute")).unwrap();
    driver.sessions.find("mute");
    assert!(matches!(driver.session("mute"), SessionSeen::Unknown { .. }));
}

#[test]
fn a_lost_client_is_replaced_and_the_screen_is_to_be_looked_at() {
    let mut driver = Driver::new();
    driver.start("bob", 1, ECHO);
    assert_eq!(driver.session("bob"), running(1));
    driver.screen_with("bob", "hello");
    let clients = driver.clients("bob");
    driver.forget();
    for client in &clients {
        signal(*client, Signal::SIGKILL);
    }
    driver.until_another_client("bob", &clients);
    driver.until("output", |seen| matches!(seen, Observation::Output { .. }).then_some(()));
    assert_eq!(driver.unheard_sessions("bob"), [], "nothing is to be told of the session");
    driver.sessions.find("bob");
    assert_eq!(driver.session("bob"), running(1));
    driver.type_line("bob", "again");
    driver.screen_with("bob", "got again");
}

#[test]
fn a_client_that_a_killed_supervisor_left_is_ended() {
    let mut driver = Driver::new();
    driver.start("bob", 1, "while :; do echo tick; done");
    assert_eq!(driver.session("bob"), running(1));
    let mut tmux = Command::new("tmux");
    tmux.env_remove("TMUX").args(["-N", "-S"]).arg(driver.paths.tmux_socket("bob"));
    tmux.args(["-C", "attach-session", "-f", "ignore-size,pause-after=5"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut stale = tmux.spawn().unwrap();
    let mut output = BufReader::new(stale.stdout.take().unwrap()).lines();
    assert!(output.any(|line| line.unwrap().starts_with("%extended-output")));
    // What its supervisor's end does to it.
    drop((output, stale.stdin.take()));
    // tmux 3.3a crashes when a client leaves while another one is being attached: the server sees the end first.
    for _ in 0..20 {
        assert!(!driver.clients("bob").is_empty());
    }
    driver.restart_supervisor();
    driver.sessions.find("bob");
    assert_eq!(driver.session("bob"), running(1));
    driver.until_another_client("bob", &[i32::try_from(stale.id()).unwrap()]);
    driver.until_gone(i32::try_from(stale.id()).unwrap());
    stale.wait().unwrap();
    assert_eq!(driver.clients("bob").len(), 1);
}

#[test]
fn clients_that_come_and_go_never_crash_the_server() {
    let mut driver = Driver::new();
    driver.start("dead", 1, "exit 3");
    assert_eq!(driver.session("dead"), running(1));
    let died = |seen| matches!(seen, SessionSeen::Died { run: 1, exit: Exit::Code(3), .. });
    assert!(died(driver.session("dead")));
    let server = driver.server("dead");
    for round in 0..100 {
        driver.sessions.find("dead");
        assert!(died(driver.session("dead")), "round {round}");
    }
    assert_eq!(driver.server("dead"), server);
}
