//! Deaths: seen at once, kept, answered.

use super::fleet::{kill_and_wait, until};
use super::{ALL_KINDS, ONE, up};

#[test]
fn exit_status_and_last_screen_of_the_dead_are_kept_in_the_event_and_a_file() {
    let fleet = up(ONE);
    fleet.run(&["send", "one", "/say my last words"]).good();
    fleet.tmux("one", &["send-keys", "-l", "/exit 3"]);
    fleet.until_screen("one", "> /exit 3");
    fleet.tmux("one", &["send-keys", "Enter"]);
    let died = fleet.until_event("died", Some("one"));
    assert_eq!(died.text, "died (exit status 3)");
    assert_eq!(died.more["exit"], serde_json::json!({ "code": 3 }));
    let lines = died.more["last_lines"].to_string();
    assert!(lines.contains("my last words") && lines.contains("> /exit 3"), "{lines}");
    let screen = died.more["screen"].as_str().unwrap();
    assert_eq!(screen, fleet.paths().last_screen("one").to_str().unwrap());
    assert!(std::fs::read_to_string(screen).unwrap().contains("\nmy last words\n"));
    let agent = fleet.agent("one");
    assert_eq!((agent.recent_deaths, agent.last_exit.as_deref()), (1, Some("exit status 3")));
    fleet.until_event_that("started", Some("one"), |event| event.text == "started (run 2)");
    let explained = fleet.run(&["explain", "one"]).good();
    assert!(explained.contains(&format!(", last screen in {screen}")), "{explained}");
}

#[test]
fn the_status_is_true_as_soon_as_a_death_is_told() {
    let fleet = up(&ONE.replace("heal", "none"));
    fleet.until_screen("one", "an agent in ");
    kill_and_wait(fleet.pane_pid("one"));
    let died = fleet.until_event("died", Some("one"));
    assert_eq!(died.text, "died (signal 9)");
    let agent = fleet.agent("one");
    assert_eq!((agent.state.as_str(), agent.last_exit.as_deref()), ("dead", Some("signal 9")));
    let table = fleet.run(&["status"]).good();
    assert!(table.lines().last().unwrap().ends_with("signal 9"), "{table}");
    assert_eq!(fleet.run(&["send", "one", "hello"]).bad(4).lines().next(), Some("error: `one` does not run"));
    until("what it printed", || fleet.run(&["logs", "one"]).good().contains("an agent in "));
    assert_eq!(fleet.run(&["up", "one"]).good(), "one runs (run 2)\n");
}

#[test]
fn the_first_restart_is_at_once_the_next_waits_and_a_person_need_not() {
    let fleet = up(ONE);
    for run in 2..=3 {
        kill_and_wait(fleet.pane_pid("one"));
        fleet.until_event_that("started", Some("one"), |event| event.text == format!("started (run {run})"));
    }
    kill_and_wait(fleet.pane_pid("one"));
    let waits = fleet.until_status("a wait", |picture| picture.agents[0].recent_deaths == 3);
    assert_eq!(waits.agents[0].state, "back-off", "{waits:?}");
    let detail = waits.agents[0].detail.clone().unwrap();
    assert!(detail.starts_with("signal 9, retry in ") && detail.ends_with(" s"), "{detail}");
    assert_eq!(fleet.run(&["up", "one"]).good(), "one runs (run 4)\n");
}

#[test]
fn a_service_is_restarted_and_a_task_is_not() {
    let fleet = up(ALL_KINDS);
    kill_and_wait(fleet.pane_pid("web"));
    kill_and_wait(fleet.pane_pid("job"));
    fleet.until_event_that("started", Some("web"), |event| event.text == "started (run 2)");
    let finished = fleet.until_event("finished", Some("job"));
    assert_eq!(finished.text, "finished (signal 9)");
    assert_eq!(fleet.agent("job").state, "finished");
    fleet.kill_supervisor();
    fleet.run(&["up"]).good();
    assert_eq!(fleet.agent("job").state, "finished", "its last screen stays for review");
    assert_eq!(fleet.run(&["up", "job"]).good(), "job runs (run 2)\n");
}

#[test]
fn a_program_that_cannot_be_run_says_why_and_is_braked() {
    let fleet = super::TestFleet::new(&super::config(
        "[backend.none]\nbin = 'exec /nonexistent/program'\nprompt_delivery = 'exec'\n\
         [[agent]]\nname = 'one'\nbackend = 'none'\nwatch = 'heal'\n[[agent]]\nname = 'left'\nbackend = 'none'\n",
    ));
    for verb in [&["up"][..], &["up", "left"]] {
        let error = fleet.run(verb).bad(1);
        let ended = error.lines().find(|line| line.contains("left has ended: exit status 127: ")).unwrap_or(&error);
        assert!(ended.ends_with("/nonexistent/program: not found"), "{verb:?}: {error}");
    }
    let table = fleet.run(&["status"]).good();
    assert!(table.contains("exit status 127: /bin/sh: "), "{table}");
    let died = fleet.until_event("died", Some("one"));
    assert_eq!(died.text, "died (exit status 127)");
    assert!(died.more["last_lines"].to_string().contains("/nonexistent/program"), "{died:?}");
    until("the back-off", || fleet.agent("one").state == "back-off");
    assert!(fleet.run(&["logs", "one"]).good().contains("not found"));
}
