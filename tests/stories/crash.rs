//! A supervisor that is killed between any two actions: the next one comes to the same end.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::story::Story;
use crate::story::fleets::{PAIR_AND_JOB, WORKER};
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use agent_orchestrator::policy::request::Request;

/// More actions than any verb takes.
const ACTIONS_MAX: usize = 40;

fn restart(story: &mut Story, name: &str) -> u64 {
    story.ask(Request::Restart { name: name.to_owned(), overrides: BTreeMap::new() })
}

fn queue(story: &mut Story, name: &str, text: &str) -> u64 {
    let (name, text) = (name.to_owned(), text.to_owned());
    story.ask(Request::Send { name, text, wait: Duration::ZERO, queue: true })
}

/// Begins `fleet`, lets it run, kills the supervisor before the nth action that follows `act`, and starts the next one.
fn killed_in(fleet: &str, actions: usize, act: &dyn Fn(&mut Story)) -> Story {
    let mut story = Story::new(fleet);
    story.pass_s(5);
    story.kill_after(actions);
    act(&mut story);
    story.pass_s(2);
    story.kill_before = None;
    if story.supervisor.is_some() {
        story.kill_supervisor();
    }
    story.wake();
    story.pass_s(700);
    story
}

#[test]
fn a_kill_between_any_two_actions_after_a_death_ends_with_a_running_agent() {
    for actions in 0..ACTIONS_MAX {
        let story = killed_in(WORKER, actions, &|story| story.dies("worker", Exit::Code(1)));
        assert!(story.panes.get("worker").is_some_and(|pane| pane.alive), "{actions}: {}", story.state_of("worker"));
    }
}

#[test]
fn a_kill_between_any_two_actions_of_a_stop_leaves_nothing() {
    for actions in 0..ACTIONS_MAX {
        for is_dead in [false, true] {
            let text = WORKER.replace("watch = \"heal\"", "watch = \"none\"");
            let story = killed_in(&text, actions, &|story| {
                if is_dead {
                    story.dies("worker", Exit::Code(1));
                }
                story.down(&["worker"]);
            });
            if story.saved.agents["worker"].stopped.is_some() {
                assert!(story.panes.is_empty(), "{actions}: {}", story.state_of("worker"));
                assert!(story.state_of("worker").starts_with("stopped"), "{}", story.state_of("worker"));
            }
        }
    }
}

#[test]
fn a_kill_between_any_two_actions_of_a_restart_ends_with_one_newer_run() {
    for actions in 0..ACTIONS_MAX {
        let story = killed_in(WORKER, actions, &|story| {
            restart(story, "worker");
        });
        assert!(story.panes["worker"].run >= 2, "{actions}: run {}", story.panes["worker"].run);
        assert_eq!(story.state_of("worker"), "idle", "{actions}");
    }
}

#[test]
fn a_kill_between_any_two_actions_of_a_phase_move_ends_with_both_agents_in_the_new_phase() {
    for actions in 0..ACTIONS_MAX {
        let story = killed_in(PAIR_AND_JOB, actions, &|story| {
            story.push("done", &[("STATUS-1.md", Some("## DONE\n"))]);
        });
        for agent in ["builder", "adversary"] {
            let newest = story.prepared.iter().rev().find(|(name, _)| name == agent).map(|(_, start)| start);
            let newest = newest.unwrap_or_else(|| panic!("{actions}: {agent} was never started"));
            assert_eq!(newest.phase.as_deref(), Some("p2"), "{actions}: {agent}");
            assert_eq!(story.panes[agent].run, newest.run, "{actions}: {agent}");
        }
    }
}

#[test]
fn a_kill_between_any_two_actions_of_the_end_leaves_the_marker_and_one_run_of_the_task() {
    for actions in 0..ACTIONS_MAX {
        let done = |story: &mut Story| {
            story.disk.insert("/p/logs/go".into(), String::new());
            story.push("done", &[("STATUS-1.md", Some("## DONE\n")), ("STATUS-2.md", Some("## DONE\n"))]);
        };
        let mut story = killed_in(PAIR_AND_JOB, actions, &done);
        assert!(story.marker.is_some(), "{actions}: there is no SEQUENCE-COMPLETE");
        assert!(
            !story.disk.contains_key(std::path::Path::new("/p/logs/go")),
            "{actions}: the trigger file is still there"
        );
        assert!(story.pane("job").alive && !story.panes.contains_key("builder"), "{actions}");
        story.dies("job", Exit::Code(0));
        story.kill_supervisor();
        story.disk.insert("/p/logs/go".into(), String::new());
        story.wake();
        story.pass_s(700);
        assert_eq!(story.state_of("job"), "finished: exit status 0", "{actions}: the end is dealt with once");
        assert!(story.disk.contains_key(std::path::Path::new("/p/logs/go")), "{actions}: a later trigger is another's");
    }
}

#[test]
fn a_kill_between_any_two_actions_of_going_on_after_the_end_removes_the_marker() {
    let appended = PAIR_AND_JOB
        .replace("[loop.handoff]", "[[loop.phases]]\nid = \"p3\"\nplan = \"x\"\nstatus = \"S3\"\n[loop.handoff]");
    for actions in 0..ACTIONS_MAX {
        let mut story = Story::new(PAIR_AND_JOB);
        story.push("done", &[("STATUS-1.md", Some("## DONE\n")), ("STATUS-2.md", Some("## DONE\n"))]);
        story.pass_s(5);
        assert!(story.marker.is_some());
        story.kill_after(actions);
        story.edit(&appended);
        story.pass_s(2);
        story.kill_before = None;
        story.kill_supervisor();
        story.wake();
        story.pass_s(100);
        assert!(story.marker.is_none() && story.pane("builder").alive, "{actions}");
    }
}

#[test]
fn what_was_typed_before_the_supervisor_was_away_is_looked_at_before_it_is_submitted() {
    let mut story = Story::new(WORKER);
    story.pass_s(5);
    queue(&mut story, "worker", "go on");
    assert_eq!(story.pane("worker").input, "go on");
    story.kill_supervisor();
    story.pass_s(600);
    story.pane("worker").input = "rm -rf build && ".to_owned();
    story.wake();
    story.pass_s(60);
    assert_eq!(story.pane("worker").input, "rm -rf build && ", "a person's draft is left alone");
    story.pane("worker").input = String::new();
    story.output("worker");
    story.pass_s(5);
    let taken = story.pane("worker").taken.clone();
    assert!(taken.len() == 1 && taken[0].ends_with("go on"), "{taken:?}");
}

#[test]
fn what_still_stands_typed_after_the_supervisor_was_away_is_submitted_once() {
    let mut story = Story::new(WORKER);
    story.pass_s(5);
    queue(&mut story, "worker", "go on");
    story.kill_supervisor();
    story.pass_s(600);
    story.wake();
    story.pass_s(60);
    assert_eq!(story.pane("worker").taken, ["go on"]);
}

#[test]
fn a_death_is_counted_once_though_the_supervisor_is_killed_in_the_restart() {
    for actions in 0..ACTIONS_MAX {
        let story = killed_in(WORKER, actions, &|story| story.dies("worker", Exit::Code(1)));
        assert_eq!(story.saved.agents["worker"].deaths.len(), 1, "{actions}");
    }
}

#[test]
fn a_kickoff_that_is_typed_reaches_the_newest_run_wherever_the_supervisor_is_killed() {
    let text = WORKER.replace("\"exec\"", "\"ping\"");
    for actions in 0..ACTIONS_MAX {
        let mut story = Story::asleep(&text);
        story.kill_before = Some(actions);
        story.wake();
        story.pass_s(3);
        if story.supervisor.is_none() {
            story.kill_before = None;
            story.wake();
        }
        story.pass_s(100);
        let taken = story.pane("worker").taken.clone();
        let kickoffs = taken.iter().filter(|text| text.contains("kickoff-x-worker.txt")).count();
        assert!((1..=2).contains(&kickoffs), "{actions}: {taken:?}");
    }
}

#[test]
fn a_resumed_conversation_is_kept_when_its_session_vanishes_out_of_sight() {
    let keys = "supports_resume = true\nnew_id_flag = \"--id {id}\"\nsubmit_key";
    let fleet = WORKER.replacen("submit_key", keys, 1).replace("watch = \"heal\"", "watch = \"heal\"\nresume = true");
    let mut story = Story::new(&fleet);
    story.pass_s(700);
    let id = story.saved.agents["worker"].conversation.clone();
    story.dies("worker", Exit::Code(1));
    story.pass_s(700);
    assert!(id.is_some() && story.saved.agents["worker"].resumed);
    let why = "no answer".to_owned();
    story.turn(vec![Observation::Session { agent: "worker".to_owned(), seen: SessionSeen::Unknown { why } }]);
    story.panes.clear();
    story.pass_s(60);
    let told = story.told();
    assert_eq!(story.pane("worker").run, 3, "{told}");
    assert_eq!(story.saved.agents["worker"].conversation, id, "it had been resumed long ago");
}

#[test]
fn a_program_that_is_to_show_its_conversation_first_is_told_then_to_go_on() {
    let keys =
        "supports_resume = true\nnew_id_flag = \"--id {id}\"\nresumed_re = '^said: '\nready_max = 60\nsubmit_key";
    let fleet = WORKER.replacen("submit_key", keys, 1).replace("watch = \"heal\"", "watch = \"heal\"\nresume = true");
    let mut story = Story::new(&fleet);
    story.pass_s(10);
    assert_eq!(story.state_of("worker"), "idle", "a new conversation has nothing to show");
    assert_eq!(story.pane("worker").taken.len(), 0);
    story.pass_s(60);
    story.dies("worker", Exit::Signal(9));
    story.pass_s(30);
    assert_eq!(story.state_of("worker"), "starting: not ready yet", "its box stands there, and would take a text");
    assert_eq!(story.pane("worker").taken.len(), 0);
    story.pane("worker").above = "said: hello".to_owned();
    story.output("worker");
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["Go on where you stopped."]);
    story.pass_s(60);
    story.dies("worker", Exit::Signal(9));
    story.pass_s(50);
    assert_eq!(story.pane("worker").taken.len(), 0);
    story.pass_s(40);
    assert_eq!(story.pane("worker").taken.len(), 1, "what never shows it is told in the end");
}

#[test]
fn a_refused_login_in_a_resumed_conversation_is_of_before_until_the_program_was_told_something() {
    let keys = "supports_resume = true\nnew_id_flag = \"--id {id}\"\nresumed_re = '^said: '\nsubmit_key";
    let rule = "[[backend.box.rules]]\nname = \"key\"\nregion = \"anywhere\"\nmeaning = \"login\"\nre = 'API key'\n";
    let fleet = WORKER.replacen("submit_key", keys, 1).replace("watch = \"heal\"", "watch = \"heal\"\nresume = true");
    let mut story = Story::new(&format!("{fleet}\n{rule}"));
    story.pass_s(10);
    story.pane("worker").above = "said: hello\nIncorrect API key provided".to_owned();
    story.output("worker");
    story.pass_s(5);
    assert_eq!(story.state_of("worker"), "attention: Incorrect API key provided");
    restart(&mut story, "worker");
    story.pass_s(10);
    story.pane("worker").above = "said: hello\nIncorrect API key provided".to_owned();
    story.output("worker");
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["Go on where you stopped."]);
    story.output("worker");
    story.pass_s(5);
    assert_eq!(story.state_of("worker"), "attention: Incorrect API key provided", "what follows is news");
}

#[test]
fn a_dialog_at_the_start_is_attention_before_the_program_is_ready() {
    let rule =
        "[[backend.box.rules]]\nname = \"trust\"\nregion = \"anywhere\"\nmeaning = \"permission\"\nre = 'Trust this'\n";
    let fleet = WORKER.replacen("submit_key", "ready_re = 'never'\nready_max = 600\nsubmit_key", 1);
    let mut story = Story::new(&format!("{fleet}\n{rule}"));
    story.pass_s(5);
    assert_eq!(story.state_of("worker"), "starting: not ready yet");
    story.pane("worker").above = "Trust this folder?".to_owned();
    story.output("worker");
    story.pass_s(5);
    assert_eq!(story.state_of("worker"), "attention: Trust this folder?");
}
