//! Silence that is a stall and silence that is none, each as a script of moments.

use std::time::Duration;

use crate::story::Story;
use crate::story::telling::writes_unseen;
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use chrono::TimeDelta;

/// One agent that is watched for silence, and one that shares its account.
const WATCHED: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "hit your .*limit"
submit_key = "Enter"
stall_idle = 300
[[agent]]
name = "one"
prompt = "x"
watch = "heal+stall"
[[agent]]
name = "two"
prompt = "x"
"#;

/// One agent that has been silent for so long.
fn silent_for(seconds: u64) -> Story {
    let mut story = Story::new(WATCHED);
    story.output("one");
    story.pass_s(seconds);
    assert_eq!(story.pane("one").run, 1, "not yet");
    story
}

fn shows(story: &mut Story, agent: &str, text: &str) {
    text.clone_into(&mut story.pane(agent).above);
    story.output(agent);
    story.pass_s(3);
}

#[test]
fn silence_counts_from_the_end_of_a_dialog() {
    let mut story = silent_for(200);
    story.pane("one").dialog = true;
    story.output("one");
    story.pass_s(1000);
    story.pane("one").dialog = false;
    story.output("one");
    story.pass_s(10);
    assert!(story.saved.agents["one"].attention.is_none(), "one look is enough");
    story.pass_s(270);
    assert_eq!(story.pane("one").run, 1, "a person has just answered");
    story.pass_s(60);
    assert_eq!(story.pane("one").run, 2);
}

#[test]
fn a_screen_that_no_rule_knows_is_told_and_not_healed() {
    let mut story = silent_for(280);
    story.pane("one").dialog = true;
    story.output("one");
    story.pass_s(50);
    assert_eq!(story.pane("one").run, 1, "it may be a dialog");
    story.pass_s(60);
    assert!(story.told().contains("needs a person"));
}

#[test]
fn silence_counts_from_the_end_of_a_hold() {
    let mut story = silent_for(200);
    shows(&mut story, "two", "You've hit your session limit · resets 4:30am");
    story.pass_s(31 * 60);
    shows(&mut story, "two", "esc to interrupt");
    for _ in 0..4 {
        story.output("two");
        story.pass_s(3);
    }
    assert!(story.saved.limits.is_empty(), "the account is open");
    story.pass_s(200);
    assert_eq!(story.pane("one").run, 1, "nobody let it work until now");
    story.pass_s(200);
    assert_eq!(story.pane("one").run, 2);
}

#[test]
fn who_was_just_told_something_is_not_stalled() {
    let mut story = silent_for(299);
    story.send("one", "have a look", 10);
    story.pass_s(200);
    assert_eq!(story.pane("one").taken, ["have a look"]);
    assert_eq!(story.pane("one").run, 1);
    story.pass_s(200);
    assert_eq!(story.pane("one").run, 2);
}

#[test]
fn what_was_written_and_not_looked_at_yet_may_be_work() {
    let mut story = silent_for(200);
    let silent = story.now.since(story.saved.agents["one"].idle.clone().expect("a rest").since);
    story.pass(Duration::from_millis(299_900).saturating_sub(silent));
    "esc to interrupt".clone_into(&mut story.pane("one").above);
    story.output("one");
    story.pass_s(60);
    assert_eq!(story.pane("one").run, 1);
}

#[test]
fn an_agent_that_could_not_be_reached_is_looked_at_before_it_is_judged() {
    let mut story = silent_for(200);
    let unknown = SessionSeen::Unknown { why: "no answer".to_owned() };
    story.turn(vec![Observation::Session { agent: "one".to_owned(), seen: unknown }]);
    story.hung.insert("one".to_owned());
    "esc to interrupt".clone_into(&mut story.pane("one").above);
    story.pass_s(600);
    story.hung.clear();
    story.told();
    story.pass_s(600);
    assert_eq!(story.pane("one").run, 1, "it works, and nobody heard it begin");
    let told = story.told();
    assert_eq!(told.matches("answers again").count(), 1, "{told}");
}

#[test]
fn what_was_done_while_it_could_not_be_reached_is_no_silence() {
    let mut story = silent_for(200);
    let unknown = SessionSeen::Unknown { why: "no answer".to_owned() };
    story.turn(vec![Observation::Session { agent: "one".to_owned(), seen: unknown }]);
    story.hung.insert("one".to_owned());
    story.pass_s(90);
    story.hung.clear();
    story.pass_s(200);
    assert_eq!(story.pane("one").run, 1, "it may have worked, and nobody heard it");
    story.pass_s(200);
    assert_eq!(story.pane("one").run, 2, "silent since");
}

#[test]
fn who_has_a_persons_draft_in_its_box_is_not_started_anew() {
    let mut story = silent_for(200);
    story.pane("one").input = "rm -rf build && ".to_owned();
    story.output("one");
    story.pass_s(2000);
    assert_eq!((story.pane("one").run, story.pane("one").input.as_str()), (1, "rm -rf build && "));
    story.pane("one").input = String::new();
    story.output("one");
    story.pass_s(280);
    assert_eq!(story.pane("one").run, 1, "the person was there a moment ago");
    story.pass_s(60);
    assert_eq!(story.pane("one").run, 2);
}

#[test]
fn a_clock_that_is_set_ends_no_wait() {
    let mut story = silent_for(5);
    shows(&mut story, "one", "WAITING-UNTIL: 2026-06-13T04:20:00Z");
    story.now.wall += TimeDelta::hours(2);
    story.turn(vec![Observation::Deadline]);
    story.pass_s(1000);
    assert_eq!(story.pane("one").run, 1, "set forward: the agent has not had its 20 minutes");
    story.pass_s(400);
    assert_eq!(story.pane("one").run, 2, "20 minutes and the grace");
    let until = (story.now.wall + TimeDelta::minutes(10)).format("WAITING-UNTIL: %Y-%m-%dT%H:%M:%SZ").to_string();
    shows(&mut story, "one", &until);
    story.pass_s(760);
    story.now.wall -= TimeDelta::minutes(20);
    story.turn(vec![Observation::Deadline]);
    story.pass_s(1200);
    assert_eq!(story.pane("one").run, 2, "set back: its time has not come");
    story.pass_s(60);
    assert_eq!(story.pane("one").run, 3);
}

#[test]
fn a_wait_that_was_given_up_begins_a_new_silence() {
    let mut story = silent_for(5);
    shows(&mut story, "one", "WAITING-UNTIL: 2026-06-13T04:30:00Z");
    story.pass_s(1200);
    shows(&mut story, "one", "what I waited for is here");
    story.pass_s(200);
    assert_eq!(story.pane("one").run, 1);
    story.pass_s(200);
    assert_eq!(story.pane("one").run, 2);
}

#[test]
fn a_wait_that_ended_in_a_hold_has_its_grace_afterwards() {
    let mut story = Story::new(WATCHED);
    story.pass_s(5);
    shows(&mut story, "one", "● I wait.\nWAITING-UNTIL: 2026-06-13T04:10:00Z");
    shows(&mut story, "two", "You've hit your session limit · resets 4:30am");
    story.pass_s(31 * 60);
    shows(&mut story, "two", "esc to interrupt");
    for _ in 0..4 {
        story.output("two");
        story.pass_s(3);
    }
    assert!(story.saved.limits.is_empty(), "the account is open");
    story.pass_s(120);
    assert_eq!(story.pane("one").run, 1, "its time came while nobody let it work");
    story.pass_s(120);
    assert_eq!(story.pane("one").run, 2);
}

#[test]
fn who_works_before_its_restart_keeps_its_conversation() {
    let keys = "supports_resume = true\nnew_id_flag = \"--id {id}\"\nsubmit_key";
    let resuming = WATCHED.replacen("submit_key", keys, 1).replace("heal+stall\"", "heal+stall\"\nresume = true");
    let mut story = Story::new(&resuming);
    story.pass_s(310);
    assert_eq!(story.pane("one").run, 2, "stalled");
    let id = story.saved.agents["one"].conversation.clone();
    while story.saved.agents["one"].restart.is_none() {
        story.pass(Duration::from_millis(100));
    }
    "esc to interrupt".clone_into(&mut story.pane("one").above);
    story.output("one");
    story.pass_s(5);
    assert_eq!((story.pane("one").run, &story.saved.agents["one"].restart), (2, &None), "it waits for its back-off");
    story.dies("one", Exit::Code(1));
    story.pass_s(60);
    assert!(id.is_some() && story.saved.agents["one"].conversation == id);
}

#[test]
fn status_tells_for_how_long_the_state_has_lasted_that_it_names() {
    let mut story = silent_for(100);
    let shown = |story: &Story, name: &str| {
        let picture = story.supervisor.as_ref().expect("a supervisor").picture(story.now);
        let agent = picture.agents.into_iter().find(|agent| agent.name == name).expect("an agent");
        format!("{} for {} s", agent.state, agent.age_s)
    };
    story.pane("one").above = "(1 s, esc to interrupt)".to_owned();
    story.output("one");
    story.pass_s(20);
    assert_eq!(shown(&story, "one"), "working for 19 s", "not since it was started");
    story.pane("one").above = "done".to_owned();
    story.output("one");
    story.pass_s(40);
    assert_eq!(shown(&story, "one"), "idle for 39 s");
    story.pane("two").above = "You've hit your usage limit".to_owned();
    story.output("two");
    story.pass_s(10);
    assert_eq!(
        (shown(&story, "one"), shown(&story, "two")),
        ("limited for 9 s".to_owned(), "limited for 9 s".to_owned())
    );
}

#[test]
fn another_last_line_after_a_restart_is_no_silence() {
    let after = |line: &str| {
        let mut story = silent_for(0);
        shows(&mut story, "one", "the first is done");
        story.pass_s(200);
        story.kill_supervisor();
        line.clone_into(&mut story.pane("one").above);
        story.pass_s(80);
        story.wake();
        story.pass_s(60);
        story.pane("one").run
    };
    assert_eq!(after("the first is done"), 2, "silent through the restart");
    assert_eq!(after("the second is done"), 1, "it has worked while nobody looked");
}

#[test]
fn who_wrote_while_nobody_supervised_was_not_silent_though_its_last_line_is_the_same() {
    let mut story = silent_for(0);
    shows(&mut story, "one", "Done.");
    story.pass_s(200);
    story.kill_supervisor();
    story.pass_s(20);
    writes_unseen(&mut story, "one");
    story.pass_s(60);
    story.wake();
    story.pass_s(60);
    assert_eq!(story.pane("one").run, 1, "it has worked, and said the same in the end");
    story.pass_s(300);
    assert_eq!(story.pane("one").run, 2, "from then on it is silent");
}

#[test]
fn of_a_last_line_without_end_a_piece_is_kept() {
    let mut story = silent_for(0);
    let line = "word ".repeat(1000);
    shows(&mut story, "one", line.trim_end());
    story.pass_s(200);
    let kept = story.saved.agents["one"].idle.clone().and_then(|rest| rest.line).expect("a line");
    assert!(kept.len() <= 200 && line.starts_with(&kept), "{kept}");
    story.kill_supervisor();
    story.pass_s(80);
    story.wake();
    story.pass_s(60);
    assert_eq!(story.pane("one").run, 2, "it is the same line");
}

#[test]
fn a_screen_that_could_not_be_read_is_looked_at_again_though_nothing_is_written() {
    let mut story = silent_for(0);
    shows(&mut story, "one", "esc to interrupt");
    assert_eq!(story.state_of("one"), "working");
    "You've hit your session limit · resets 6am".clone_into(&mut story.pane("one").above);
    story.turn(vec![Observation::Looked { agent: "one".to_owned(), screen: Err("no answer".to_owned()) }]);
    story.pass_s(35);
    assert_eq!(story.saved.limits.len(), 1, "{}", story.told());
}
