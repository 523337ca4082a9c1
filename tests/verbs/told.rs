//! An agent that tells of itself by the hooks that its start gave it.

use super::fleet::agents::TELLER_BACKEND;
use super::fleet::{TestFleet, kill_and_wait};
use super::{HEAD, config};

const TELLER: &str = "[[agent]]\nname = 'one'\nbackend = 'teller'\nwatch = 'heal'\nresume = true\n";

fn up() -> TestFleet {
    let fleet = TestFleet::new(&config(&format!("{TELLER_BACKEND}{TELLER}")));
    fleet.run(&["up"]).good();
    fleet.until_state("one", "idle");
    fleet
}

/// Types a line as a person would.
fn typed(fleet: &TestFleet, line: &str) {
    fleet.tmux("one", &["send-keys", "-l", line]);
    fleet.tmux("one", &["send-keys", "Enter"]);
}

#[test]
fn what_it_tells_counts_before_its_screen() {
    let fleet = up();
    let explained = fleet.run(&["explain", "one"]).good();
    assert!(explained.contains("claude-hook: conversation told-1"), "{explained}");

    assert_eq!(fleet.run(&["send", "one", "look into the parser"]).good(), "message m1 delivered\n");
    fleet.until_state("one", "working");
    assert!(!fleet.screen("one").contains("esc to interrupt"), "its screen says nothing of that");
    let explained = fleet.run(&["explain", "one"]).good();
    assert!(explained.contains("working by rule told-working (decides)"), "{explained}");
    typed(&fleet, "/stop");
    fleet.until_state("one", "idle");

    typed(&fleet, "/ask");
    let asked = fleet.until_state("one", "attention");
    assert_eq!(asked.detail.as_deref(), Some("Bash: rm -r build"));
    fleet.tmux("one", &["send-keys", "y"]);
    fleet.until_state("one", "idle");

    typed(&fleet, "/limit");
    let limited = fleet.until_state("one", "limited");
    assert!(limited.detail.unwrap().ends_with("You've hit your session limit · resets in 2h"));
}

#[test]
fn the_conversation_that_it_told_is_resumed_and_nobody_else_s_settings_are_touched() {
    let fleet = up();
    kill_and_wait(fleet.pane_pid("one"));
    fleet.until_event_that("started", Some("one"), |event| event.text == "started (run 2)");
    fleet.until_state("one", "idle");
    let arguments = fleet.read("arguments.txt");
    let runs: Vec<&str> = arguments.lines().filter(|line| line.contains("--settings ")).collect();
    assert!(runs.len() == 2 && !runs[0].contains("--resume") && runs[1].contains("--resume told-1"), "{arguments}");
    assert!(!fleet.root.join("home/.claude").exists());
    assert!(std::fs::read_dir(&fleet.project).unwrap().all(|entry| entry.unwrap().file_name() != ".claude"));
}

#[test]
fn it_does_not_notice_that_there_is_no_supervisor_and_the_next_one_listens_again() {
    let fleet = up();
    fleet.kill_supervisor();
    typed(&fleet, "nobody listens");
    fleet.until_file_has("received.txt", "nobody listens");
    fleet.run(&["up"]).good();
    fleet.run(&["send", "one", "here is the next one"]).good();
    let explained = fleet.run(&["explain", "one"]).good();
    assert!(explained.contains("claude-hook: "), "the same program is heard by the next supervisor: {explained}");
    fleet.until_state("one", "working");
}

#[test]
fn without_its_events_it_is_read_by_its_screen() {
    let silent = TELLER_BACKEND.replace("events = 'claude'", "events = 'none'");
    let fleet = TestFleet::new(&format!("{HEAD}{silent}{}", TELLER.replace("resume = true\n", "")));
    fleet.run(&["up"]).good();
    fleet.until_state("one", "idle");
    fleet.run(&["send", "one", "look into the parser"]).good();
    assert!(!fleet.read("arguments.txt").contains("--settings "));
}
