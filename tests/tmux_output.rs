//! What a program writes to its terminal, against real tmux servers.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "real processes and files; a test may panic")]

mod tmux_driver;

use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::observation::Observation;
use tmux_driver::{Driver, running};

#[test]
fn output_is_told_rarely_and_once_after_its_end() {
    let mut driver = Driver::new();
    driver.start("chatty", 1, "read x; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done; printf END; read x");
    assert_eq!(driver.session("chatty"), running(1));
    driver.sessions.press("chatty", MessageId(1), "Enter");
    driver.pressed("chatty").unwrap();
    driver.screen_with("chatty", "END");
    driver.settle();
    let told = driver.all.iter().filter(|seen| matches!(seen, Observation::Output { .. })).count();
    assert!((1..200).contains(&told), "20000 lines were told {told} times");
}

#[test]
fn a_title_is_told_when_it_is_set_and_costs_nothing_else() {
    let mut driver = Driver::new();
    let script = r"read x; printf '\033]0;\342\234\263 a title\007'; read x; printf '\033]2;another\033\\'; read x";
    driver.start("tells", 1, script);
    assert_eq!(driver.session("tells"), running(1));
    driver.type_line("tells", "one");
    driver.titled("tells", "✳ a title");
    driver.type_line("tells", "two");
    driver.titled("tells", "another");
    driver.settle();
    let told = driver.all.iter().filter(|seen| matches!(seen, Observation::Titled { .. })).count();
    assert!((2..=3).contains(&told), "two titles were told {told} times");
}
