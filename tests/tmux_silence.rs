//! What tmux knows of a program's silence while no supervisor listens.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs tmux; a test may panic")]

mod tmux_driver;

use agent_orchestrator::policy::observation::{Observation, SessionSeen};
use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use tmux_driver::{Driver, signal, until_file};

/// It writes, and when it may, a later second of tmux's, again; says so in a file, and once more when it has been silent.
const SCRIPT: &str =
    "mkfifo go; echo hello; cat go; sleep 2; echo again; echo 2 >said; cat go; sleep 2; echo 3 >said; read -r line";

/// Finds the program anew, as the next supervisor does, and returns when it wrote last.
fn found(driver: &mut Driver) -> DateTime<Utc> {
    driver.restart_supervisor();
    driver.sessions.find("ada");
    let wrote = driver.until("when it wrote", |seen| {
        let Observation::Wrote { agent, at } = seen else { return None };
        (agent == "ada").then_some(*at)
    });
    assert_eq!(driver.session("ada"), SessionSeen::Running { run: 1 }, "what is said of its output comes before");
    wrote
}

#[test]
fn tmux_tells_what_a_program_wrote_unheard_and_being_found_is_no_output() {
    let mut driver = Driver::new();
    driver.start("ada", 1, SCRIPT);
    assert_eq!(driver.session("ada"), SessionSeen::Running { run: 1 });
    driver.screen_with("ada", "hello");
    let first = found(&mut driver);
    let (said, go) = (driver.dir("ada").join("said"), driver.dir("ada").join("go"));
    std::fs::write(&go, "").unwrap();
    until_file(&said, |text| text == b"2\n");
    let second = found(&mut driver);
    assert!(second > first, "{first} and {second}");
    std::fs::write(&go, "").unwrap();
    until_file(&said, |text| text == b"3\n");
    assert_eq!(found(&mut driver), second, "it has been silent since");
}

#[test]
fn what_is_found_when_its_server_goes_on_says_when_it_wrote() {
    let mut driver = Driver::new();
    driver.start("ada", 1, "echo hello; read -r line");
    assert_eq!(driver.session("ada"), SessionSeen::Running { run: 1 });
    driver.screen_with("ada", "hello");
    let server = driver.server("ada");
    signal(server, Signal::SIGSTOP);
    driver.restart_supervisor();
    driver.sessions.find("ada");
    assert!(matches!(driver.session("ada"), SessionSeen::Unknown { .. }));
    signal(server, Signal::SIGCONT);
    driver.until("when it wrote", |seen| matches!(seen, Observation::Wrote { .. }).then_some(()));
    assert_eq!(driver.session("ada"), SessionSeen::Running { run: 1 });
}
