//! Tasks and what was asked while nobody supervised, each as a script of moments.

use std::collections::BTreeMap;

use crate::story::woken::{FLEET, fleet, outcome, told_of, wakes, work};
use crate::story::{Story, run, send_queued, wake};
use agent_orchestrator::policy::observation::{Exit, Observation};
use agent_orchestrator::policy::request::{Reply, Request, RequestId};

#[test]
fn run_starts_a_task_leaves_a_busy_one_alone_and_replaces_an_idle_one() {
    let mut story = fleet();
    story.run("upgrader", false, Some("only codex"));
    assert_eq!(story.extra_texts["upgrader"].as_deref(), Some("only codex"));
    work(&mut story, "upgrader", 5);
    story.run("upgrader", false, Some("and more"));
    story.pass_s(10);
    story.run("upgrader", false, None);
    assert_eq!(story.extra_texts["upgrader"], None, "a text is for one run");
    work(&mut story, "upgrader", 5);
    story.run("upgrader", true, Some("anew"));
    story.pass_s(10);
    story.dies("upgrader", Exit::Code(0));
    story.pass_s(1000);
    assert_eq!(story.state_of("upgrader"), "finished: exit status 0");
    story.run("upgrader", false, None);
    story.pass_s(10);
    expect_test::expect![[r"
        10.0 host: upgrader starts, run 1
        10.0 upgrader: started (run 1)
        10.2 answer 1: done: upgrader runs (run 1)
        10.2 upgrader: ready
        15.0 upgrader: upgrader works (run 1) and is left alone; the text was not given to it
        15.0 answer 2: done: upgrader works (run 1) and is left alone; the text was not given to it
        25.0 host: upgrader is ended
        25.0 host: upgrader starts, run 2
        25.0 upgrader: started (run 2)
        25.2 answer 3: done: upgrader runs (run 2)
        25.2 upgrader: ready
        30.0 host: upgrader is ended
        30.0 host: upgrader starts, run 3
        30.0 upgrader: started (run 3)
        30.2 answer 4: done: upgrader runs (run 3)
        30.2 upgrader: ready
        40.0 upgrader: finished (exit status 0)
        1040.0 host: upgrader is ended
        1040.0 host: upgrader starts, run 4
        1040.0 upgrader: started (run 4)
        1040.2 answer 5: done: upgrader runs (run 4)
        1040.2 upgrader: ready
    "]]
    .assert_eq(&told_of(&mut story, "upgrader"));
}

#[test]
fn a_task_that_has_just_been_found_is_listened_to_before_it_is_judged() {
    for works in [true, false] {
        let mut story = fleet();
        story.run("upgrader", false, None);
        story.pass_s(60);
        story.kill_supervisor();
        story.wake();
        let id = story.run("upgrader", false, None);
        assert_eq!(story.replies.get(&id), None, "not known yet");
        story.pass_s(2);
        if works {
            story.output("upgrader");
        }
        story.pass_s(2);
        let run = if works { 1 } else { 2 };
        assert_eq!(story.pane("upgrader").run, run, "works: {works}");
        assert_eq!(outcome(&story, id).0, 0);
    }
}

#[test]
fn a_run_that_cannot_be_says_why_and_nothing_is_killed_for_it() {
    let mut story = fleet();
    let no_task = story.run("orchestrator", false, None);
    let unknown = story.run("nobody", false, None);
    story.run("upgrader", false, None);
    story.pass_s(10);
    story.missing.insert("upgrader".to_owned(), "cannot read `upgrader.md`: no such file".to_owned());
    let missing = story.run("upgrader", false, Some("with this"));
    assert!(story.pane("upgrader").alive, "the old run stays until the new one can start");
    story.missing.clear();
    story.turn(vec![Observation::PromptsChanged]);
    story.pass_s(5);
    assert_eq!((story.pane("upgrader").run, story.extra_texts["upgrader"].as_deref()), (3, Some("with this")));

    story.hung.insert("upgrader".to_owned());
    story.kill_supervisor();
    story.wake();
    let hung = story.run("upgrader", true, None);
    story.hung.clear();
    story.pass_s(20);
    assert_eq!(story.pane("upgrader").run, 3, "a refused order leaves nothing behind");
    story.down(&["upgrader"]);
    let stopped = story.run("upgrader", true, None);
    story.edit(&FLEET.replace("kind = \"task\"", "kind = \"task\"\nenabled = false"));
    let disabled = story.run("upgrader", false, None);
    let told: Vec<String> = [no_task, unknown, missing, hung, stopped, disabled]
        .iter()
        .map(|id| outcome(&story, *id))
        .map(|(code, line)| format!("{code} {line}"))
        .collect();
    expect_test::expect![[r"
        2 `orchestrator` is no task
        2 there is no agent `nobody`
        1 upgrader: cannot read `upgrader.md`: no such file
        9 `upgrader` cannot be reached: no answer
        1 `upgrader` was stopped by a person
        1 `upgrader` is disabled in the config"]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_supervisor_that_is_ended_says_that_what_was_ordered_is_kept_and_the_next_one_does_it() {
    let mut story = fleet();
    story.run("upgrader", false, None);
    story.pass_s(60);
    story.kill_supervisor();
    story.wake();
    let undecided = story.run("upgrader", false, None);
    let parting = story.supervisor.as_ref().expect("a supervisor").parting();
    let kept = |line: &str| Reply::Done { lines: vec![line.to_owned()] };
    assert_eq!(parting, [(RequestId(undecided), kept("the run of upgrader is kept for the next supervisor"))]);
    story.kill_supervisor();
    story.wake();
    story.pass_s(10);
    assert_eq!(story.pane("upgrader").run, 2);
    assert_eq!(story.supervisor.as_ref().expect("a supervisor").parting(), []);
}

#[test]
fn a_run_that_is_due_while_systemd_is_too_busy_to_tell_of_the_task_is_not_lost() {
    let mut story = fleet();
    story.hung.insert("upgrader".to_owned());
    story.kill_supervisor();
    story.reboot();
    story.wake();
    let by_timer = story.run("upgrader", false, None);
    story.pass_s(5);
    story.hung.clear();
    story.pass_s(20);
    assert_eq!(outcome(&story, by_timer), (0, "upgrader runs (run 1)".to_owned()));
}

#[test]
fn two_callers_at_once_get_one_run_and_a_text_is_never_lost_silently() {
    let mut story = fleet();
    story.slow.insert("upgrader".to_owned());
    story.run("upgrader", false, None);
    story.pass_s(10);
    let first = story.run("upgrader", false, Some("one"));
    let second = story.run("upgrader", false, None);
    let other_text = story.run("upgrader", false, Some("two"));
    let fresh = story.run("upgrader", true, None);
    story.ends("upgrader");
    story.pass_s(5);
    assert_eq!((story.pane("upgrader").run, story.extra_texts["upgrader"].as_deref()), (2, Some("one")));
    assert_eq!(outcome(&story, first), (0, "upgrader runs (run 2)".to_owned()));
    assert_eq!(outcome(&story, second), (0, "upgrader runs (run 2)".to_owned()));
    for id in [other_text, fresh] {
        assert_eq!(outcome(&story, id), (5, "another run of `upgrader` is ordered already".to_owned()));
    }
}

#[test]
fn a_task_that_is_over_at_once_has_run() {
    let mut story = fleet();
    story.dies_at_start = Some("upgrader".to_owned());
    let id = story.run("upgrader", false, None);
    assert_eq!(outcome(&story, id), (0, "upgrader has run (run 1) and finished: exit status 0".to_owned()));
    story.pass_s(1000);
    assert_eq!(story.state_of("upgrader"), "finished: exit status 0");
}

#[test]
fn the_task_that_follows_a_sequence_is_left_alone_when_it_works() {
    let follows =
        FLEET.replace("roles_dir = \"prompts\"", "roles_dir = \"prompts\"\non_complete = { run = \"upgrader\" }");
    for works in [true, false] {
        let mut story = Story::new(&follows);
        story.run("upgrader", false, None);
        story.pass_s(10);
        if works {
            story.output("upgrader");
        }
        story.push("status", &[("STATUS-1.md", Some("## DONE\n"))]);
        story.pass_s(10);
        assert_eq!(story.pane("upgrader").run, if works { 1 } else { 2 });
    }
}

#[test]
fn what_was_asked_while_nobody_supervised_is_done_once_and_in_order() {
    let mut story = fleet();
    story.kill_supervisor();
    story.leave(send_queued("builder", "first"));
    story.leave(wake("orchestrator"));
    story.leave(run("upgrader", false, Some("spooled")));
    story.leave(send_queued("builder", "second"));
    story.leave(send_queued("nobody", "lost"));
    story.leave(Request::Down { names: Vec::new() });
    story.wake();
    story.pass_s(10);
    assert!(story.spool.is_empty() && story.saved.spooled.is_empty());
    assert_eq!(story.pane("builder").taken, ["first", "second"]);
    assert_eq!((wakes(&mut story, "orchestrator"), story.pane("upgrader").run), (1, 1));
    assert_eq!(story.extra_texts["upgrader"].as_deref(), Some("spooled"));
    let told: String = told_of(&mut story, "asked while no supervisor ran");
    expect_test::expect![[r"
        10.0 builder: `send builder --queue`, asked while no supervisor ran: message m1 is queued for builder
        10.0 orchestrator: `wake orchestrator`, asked while no supervisor ran: taken up
        10.0 upgrader: `run upgrader`, asked while no supervisor ran: taken up
        10.0 builder: `send builder --queue`, asked while no supervisor ran: message m2 is queued for builder
        10.0 : `send nobody --queue`, asked while no supervisor ran: there is no agent `nobody`
        10.0 : `down`, asked while no supervisor ran: this cannot wait for the next supervisor
    "]]
    .assert_eq(&told);
}

#[test]
fn a_spooled_run_of_a_task_that_was_disabled_or_stopped_meanwhile_is_refused_and_told() {
    let mut story = fleet();
    story.down(&["upgrader"]);
    story.kill_supervisor();
    story.leave(run("upgrader", false, None));
    story.wake();
    story.edit(&FLEET.replace("kind = \"task\"", "kind = \"task\"\nenabled = false"));
    story.kill_supervisor();
    story.leave(run("upgrader", false, None));
    story.wake();
    story.pass_s(10);
    assert!(story.spool.is_empty() && !story.panes.contains_key("upgrader"));
    let told = told_of(&mut story, "asked while");
    assert!(told.contains("was stopped by a person") && told.contains("is disabled in the config"), "{told}");
}

#[test]
fn a_request_that_comes_after_the_start_is_seen_too_and_a_full_queue_keeps_it() {
    let mut story = fleet();
    story.leave(wake("orchestrator"));
    story.pass_s(2);
    assert_eq!(wakes(&mut story, "orchestrator"), 1);

    story.pane("builder").dialog = true;
    for count in 0..100 {
        story.ask(send_queued("builder", &count.to_string()));
    }
    story.leave(send_queued("builder", "one more"));
    story.pass_s(5);
    assert_eq!(story.spool.len(), 1, "it waits where it is");
    story.pane("builder").dialog = false;
    story.output("builder");
    story.pass_s(200);
    assert!(story.spool.is_empty());
    assert_eq!(story.pane("builder").taken.last().map(String::as_str), Some("one more"));
}

#[test]
fn a_supervisor_killed_at_any_moment_loses_and_doubles_nothing_that_was_spooled() {
    for place in 0..60 {
        let mut story = fleet();
        story.kill_supervisor();
        story.leave(wake("orchestrator"));
        story.leave(run("upgrader", false, Some("spooled")));
        story.leave(send_queued("builder", "hello"));
        story.kill_after(place);
        story.wake();
        story.pass_s(30);
        if story.supervisor.is_none() {
            story.wake();
            story.pass_s(30);
        }
        assert!(story.spool.is_empty(), "killed before action {place}");
        let told = story.told();
        assert_eq!(told.matches("host: upgrader starts").count(), 1, "killed before action {place}: {told}");
        assert_eq!(story.extra_texts["upgrader"].as_deref(), Some("spooled"), "killed before action {place}");
        for (name, text) in [("builder", "hello"), ("orchestrator", "look around")] {
            let taken = &story.pane(name).taken;
            let repeated = format!("(possibly repeated) {text}");
            let right = *taken == [text] || *taken == [text, &repeated] || *taken == [repeated.as_str()];
            assert!(right, "killed before action {place}: {taken:?}");
        }
    }
}

#[test]
fn everything_that_is_ended_takes_nothing_out_of_the_spool() {
    let mut story = fleet();
    story.slow.insert("builder".to_owned());
    story.down(&[]);
    story.leave(run("upgrader", false, None));
    assert_eq!(story.spool.len(), 1, "it is the next supervisor's");
    let late = story.run("upgrader", false, None);
    assert_eq!(outcome(&story, late), (1, "everything is being ended".to_owned()));
    story.ends("builder");
    assert!(story.ended);
    story.wake();
    story.pass_s(2);
    assert_eq!((story.spool.len(), story.pane("upgrader").run), (0, 1));
}

#[test]
fn an_ordered_run_is_not_forgotten_when_the_one_before_ends_unseen() {
    let mut story = fleet();
    story.run("upgrader", true, None);
    story.pass_s(10);
    assert_eq!(story.pane("upgrader").run, 1);
    story.dies("upgrader", Exit::Code(0));
    story.pass_s(10);
    story.hung.insert("upgrader".to_owned());
    story.run("upgrader", true, Some("again"));
    story.pass_s(5);
    story.panes.remove("upgrader");
    story.hung.clear();
    story.pass_s(30);
    assert!(story.panes.contains_key("upgrader"), "{}", story.told());
    assert!(story.pane("upgrader").run > 1);
    assert_eq!(story.extra_texts["upgrader"].as_deref(), Some("again"));
}

#[test]
fn a_task_that_is_on_its_way_or_held_is_left_alone_unless_it_is_to_begin_anew() {
    let mut story = fleet();
    story.run("upgrader", false, None);
    let not_ready = story.run("upgrader", false, None);
    story.pass_s(60);
    story.slow.insert("upgrader".to_owned());
    story.ask(Request::Restart { name: "upgrader".to_owned(), overrides: BTreeMap::new() });
    let restarts = story.run("upgrader", false, None);
    let anew = story.run("upgrader", true, Some("anew"));
    story.ends("upgrader");
    assert_eq!(story.replies.get(&anew), None, "the run of the restart is none that was to begin anew");
    story.slow.clear();
    story.ends("upgrader");
    story.pass_s(10);
    assert_eq!(story.extra_texts["upgrader"].as_deref(), Some("anew"));
    story.pane("upgrader").above = "usage limit reached".to_owned();
    story.output("upgrader");
    story.pass_s(2);
    let held = story.run("upgrader", false, None);
    let told: Vec<String> = [not_ready, restarts, anew, held]
        .iter()
        .map(|id| outcome(&story, *id))
        .map(|(code, line)| format!("{code} {line}"))
        .collect();
    expect_test::expect![[r"
        0 upgrader is being started (run 1) and is left alone
        0 upgrader is being started (run 2) and is left alone
        0 upgrader runs (run 3)
        0 upgrader is held by a usage limit (run 3) and is left alone"]]
    .assert_eq(&told.join("\n"));
    let run = story.pane("upgrader").run;
    story.run("upgrader", true, None);
    assert!(story.panes.get("upgrader").is_none_or(|pane| pane.run > run), "a person may end what is held");
}

#[test]
fn a_run_that_nobody_waits_for_bides_until_its_session_can_be_asked() {
    let mut story = fleet();
    story.run("upgrader", false, None);
    story.pass_s(60);
    story.kill_supervisor();
    story.hung.insert("upgrader".to_owned());
    story.leave(run("upgrader", true, Some("spooled")));
    story.wake();
    story.pass_s(15);
    assert_eq!(story.pane("upgrader").run, 1, "nothing is started beside what may be there");
    story.hung.clear();
    story.pass_s(30);
    assert_eq!((story.pane("upgrader").run, story.extra_texts["upgrader"].as_deref()), (2, Some("spooled")));
}
