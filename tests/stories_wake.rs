//! Wakes, tasks and what was asked while nobody supervised, each as a script of moments.

mod story;

use agent_orchestrator::policy::observation::{Exit, Observation};
use agent_orchestrator::policy::request::{Reason, Reply, Request};
use story::{Story, run, send_queued, wake};

/// An agent that is woken every 100 s, one that is woken by name only, a task, and a loop of one phase.
const FLEET: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
watch = "heal"

[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "usage limit"
submit_key = "Enter"
queues_while_busy = true

[[agent]]
name = "orchestrator"
prompt = "look after them"
wake = { prompt_file = "wake.md", interval = 100 }

[[agent]]
name = "assistant"
prompt = "help"
wake = { prompt_file = "assist.md", schedule = "daily" }

[[agent]]
name = "upgrader"
kind = "task"
prompt = "upgrade"
schedule = "Sun 02:00"

[loop]
roles_dir = "prompts"
[[loop.phases]]
id = "p1"
plan = "plan-1.md"
status = "STATUS-1.md"
[[agent]]
name = "builder"
kind = "loop"
role = "builder"
dir = "."
"#;

/// Begins with the fleet running for 10 s and both wake texts on disk.
fn fleet() -> Story {
    let mut story = Story::asleep(FLEET);
    story.disk.insert("/p/wake.md".into(), "look around".to_owned());
    story.disk.insert("/p/assist.md".into(), "anything to do?".to_owned());
    story.wake();
    story.pass_s(10);
    story.told();
    story
}

/// Returns what was told of this agent.
fn told_of(story: &mut Story, name: &str) -> String {
    let told = story.told();
    told.split_inclusive('\n').filter(|line| line.contains(name)).collect()
}

fn outcome(story: &Story, id: u64) -> (u8, String) {
    match story.replies.get(&id) {
        Some(Reply::Done { lines }) => (0, lines.join("; ")),
        Some(Reply::Failed { reason, error, .. }) => (reason.exit_code(), error.clone()),
        other @ (None | Some(Reply::Status { .. } | Reply::Explanation { .. })) => panic!("no outcome: {other:?}"),
    }
}

/// Lets an agent work, with output every second.
fn work(story: &mut Story, name: &str, seconds: u64) {
    for _ in 0..seconds {
        story.output(name);
        story.pass_s(1);
    }
}

fn wakes(story: &mut Story, name: &str) -> usize {
    story.pane(name).taken.len()
}

#[test]
fn rule_17_the_first_wake_comes_a_full_interval_after_the_first_start_and_then_each_interval() {
    let mut story = fleet();
    story.pass_s(320);
    expect_test::expect![[r"
        100.0 orchestrator: wake m1 is queued
        100.3 host: orchestrator takes: look around
        100.4 orchestrator: message m1 delivered: look around
        200.4 orchestrator: wake m2 is queued
        200.7 host: orchestrator takes: look around
        200.8 orchestrator: message m2 delivered: look around
        300.8 orchestrator: wake m3 is queued
        301.1 host: orchestrator takes: look around
        301.2 orchestrator: message m3 delivered: look around
    "]]
    .assert_eq(&told_of(&mut story, "orchestrator"));
    assert_eq!(wakes(&mut story, "assistant"), 0, "a schedule is a timer's");
}

#[test]
fn rule_17_a_busy_agent_is_not_woken_the_wake_lands_when_it_falls_idle() {
    let mut story = fleet();
    story.pass_s(80);
    work(&mut story, "orchestrator", 250);
    assert_eq!(wakes(&mut story, "orchestrator"), 0, "it queues while busy, and still is not woken");
    story.send("orchestrator", "a person's word", 30);
    work(&mut story, "orchestrator", 5);
    assert_eq!(story.pane("orchestrator").taken, ["a person's word"], "nothing has to wait behind a wake");
    story.told();
    story.pass_s(50);
    expect_test::expect![[r"
        347.3 host: orchestrator takes: look around
        347.4 orchestrator: message m1 delivered: look around
    "]]
    .assert_eq(&told_of(&mut story, "orchestrator"));
    story.pass_s(40);
    assert_eq!(wakes(&mut story, "orchestrator"), 2, "one landed, however long it was overdue");
}

#[test]
fn an_agent_whose_screen_shows_work_is_not_woken_though_it_is_silent() {
    let mut story = fleet();
    story.pane("orchestrator").above = "esc to interrupt".to_owned();
    story.pass_s(150);
    assert_eq!(wakes(&mut story, "orchestrator"), 0);
    story.pane("orchestrator").above = String::new();
    story.output("orchestrator");
    story.pass_s(10);
    assert_eq!(wakes(&mut story, "orchestrator"), 1);
}

#[test]
fn rule_16_wakes_rest_while_the_sequence_is_complete_and_go_on_with_a_new_phase() {
    let mut story = fleet();
    story.pass_s(85);
    work(&mut story, "orchestrator", 10);
    story.push("status", &[("STATUS-1.md", Some("## DONE\n"))]);
    let by_name = story.wake_up("orchestrator");
    story.pass_s(1000);
    expect_test::expect![[r"
        100.0 orchestrator: wake m1 is queued
        105.0 orchestrator: message m1 was taken back
        105.0 answer 1: done: orchestrator is not woken: the sequence is complete, and wakes rest until a phase is added
    "]]
    .assert_eq(&told_of(&mut story, "orchestrator"));
    assert_eq!(outcome(&story, by_name).0, 0, "a timer that fires then has not failed");
    let longer = FLEET.replace(
        "[[agent]]\nname = \"builder\"",
        "[[loop.phases]]\nid = \"p2\"\nplan = \"p\"\nstatus = \"S\"\n[[agent]]\nname = \"builder\"",
    );
    story.edit(&longer);
    story.pass_s(10);
    assert_eq!(wakes(&mut story, "orchestrator"), 1, "one, for all that rested");
}

#[test]
fn an_agent_of_no_loop_rests_only_when_all_loops_are_complete_and_one_of_a_loop_with_its_own() {
    let a_loop = |name: &str| {
        format!(
            "[[loop]]\nname = \"{name}\"\n[[loop.phases]]\nid = \"p\"\nplan = \"plan.md\"\nstatus = \"STATUS-{name}.md\"\n\
             [[agent]]\nname = \"of-{name}\"\nkind = \"loop\"\nloop = \"{name}\"\nrole = \"builder\"\n\
             wake = {{ prompt_file = \"wake.md\", interval = 100 }}\n"
        )
    };
    let alone = FLEET.split("[loop]").next().expect("a fleet");
    let mut story = Story::asleep(&format!("{alone}{}{}", a_loop("one"), a_loop("two")));
    story.disk.insert("/p/wake.md".into(), "look around".to_owned());
    story.wake();
    story.push("status", &[("STATUS-one.md", Some("## DONE\n"))]);
    story.pass_s(150);
    assert_eq!((wakes(&mut story, "orchestrator"), wakes(&mut story, "of-two")), (1, 1));
    assert!(!story.panes.contains_key("of-one"));
    story.push("status", &[("STATUS-two.md", Some("## DONE\n"))]);
    story.pass_s(500);
    assert_eq!(wakes(&mut story, "orchestrator"), 1);
    assert!(!story.panes.contains_key("of-two"));
}

#[test]
fn explain_tells_of_the_next_wake_and_of_an_ordered_run() {
    let mut story = fleet();
    let next = |story: &mut Story, name: &str| {
        let supervisor = story.supervisor.as_ref().expect("a supervisor");
        supervisor.explain(name, story.now).expect("an agent").next.join("; ")
    };
    assert_eq!(next(&mut story, "orchestrator"), "a wake is due in 90 s");
    assert_eq!(next(&mut story, "assistant"), "`daily` wakes it, by a timer");
    story.missing.insert("upgrader".to_owned(), "not yet".to_owned());
    story.run("upgrader", false, Some("only codex"));
    assert!(next(&mut story, "upgrader").contains("a run is ordered, with: only codex"));
    story.disk.clear();
    story.pass_s(100);
    assert!(next(&mut story, "orchestrator").contains("it cannot be woken: cannot read `/p/wake.md`: no such file"));
    story.push("status", &[("STATUS-1.md", Some("## DONE\n"))]);
    assert!(next(&mut story, "orchestrator").contains("wakes rest: the sequence is complete"));
}

#[test]
fn without_any_loop_nothing_is_complete() {
    let alone = FLEET.split("[loop]").next().expect("a fleet");
    let mut story = Story::asleep(alone);
    story.disk.insert("/p/wake.md".into(), "look around".to_owned());
    story.wake();
    story.pass_s(105);
    assert_eq!(wakes(&mut story, "orchestrator"), 1);
}

#[test]
fn an_overdue_wake_fires_once_after_the_downtime_of_the_supervisor_and_of_the_host() {
    let mut story = fleet();
    story.pass_s(40);
    story.kill_supervisor();
    story.pass_s(700);
    story.wake();
    story.pass_s(50);
    assert_eq!(wakes(&mut story, "orchestrator"), 1);

    story.kill_supervisor();
    story.panes.clear();
    let mut rebooted = story.now;
    rebooted.mono.0 = std::time::Duration::from_secs(20);
    rebooted.wall += chrono::TimeDelta::seconds(45);
    story.saved = story.saved.clone().taken_up("boot-2", rebooted);
    story.now = rebooted;
    story.start = rebooted;
    story.wake();
    story.told();
    story.pass_s(60);
    let told = told_of(&mut story, "orchestrator: wake");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with("8."), "an interval after the last one, the reboot included: {told}");
}

#[test]
fn an_interval_that_is_changed_or_added_while_it_runs_is_taken_up() {
    let mut story = fleet();
    story.edit(&FLEET.replace("interval = 100", "interval = 30"));
    story.pass_s(25);
    assert_eq!(wakes(&mut story, "orchestrator"), 1);
    story.edit(&FLEET.replace("interval = 100", "interval = 3600").replace("schedule = \"daily\"", "interval = 50"));
    story.pass_s(60);
    assert_eq!((wakes(&mut story, "orchestrator"), wakes(&mut story, "assistant")), (1, 1));
}

#[test]
fn a_missing_wake_text_is_told_once_and_tried_when_files_change() {
    let mut story = fleet();
    story.disk.remove(std::path::Path::new("/p/wake.md"));
    story.pass_s(500);
    story.turn(vec![Observation::PromptsChanged]);
    let by_name = story.wake_up("orchestrator");
    story.disk.insert("/p/wake.md".into(), "now\nin two lines".to_owned());
    story.turn(vec![Observation::PromptsChanged]);
    story.pass_s(2);
    expect_test::expect![[r"
        100.0 orchestrator: cannot be woken: cannot read `/p/wake.md`: no such file
        510.0 answer 1: failed (1): `orchestrator` cannot be woken: cannot read `/p/wake.md`: no such file
        510.0 orchestrator: wake m1 is queued
        510.3 host: orchestrator takes: now
        510.4 orchestrator: message m1 delivered: now in two lines
    "]]
    .assert_eq(&told_of(&mut story, "orchestrator").replace("\nin two lines", ""));
    assert_eq!(outcome(&story, by_name).0, Reason::Failed.exit_code());
}

#[test]
fn a_wake_text_of_23_kb_is_delivered_and_one_like_a_limit_is_pointed_to() {
    let mut story = fleet();
    let long = "w".repeat(23_000);
    story.disk.insert("/p/wake.md".into(), long.clone());
    story.wake_up("orchestrator");
    story.disk.insert("/p/assist.md".into(), "see whether a usage limit was met".to_owned());
    story.wake_up("assistant");
    story.pass_s(2);
    assert_eq!(story.pane("orchestrator").taken, [long]);
    assert_eq!(story.pane("assistant").taken, ["Your wake stands in /p/assist.md: read it now and act on it."]);
}

#[test]
fn a_wake_by_name_says_what_becomes_of_it() {
    let mut story = fleet();
    work(&mut story, "orchestrator", 2);
    let busy = story.wake_up("orchestrator");
    let twice = story.wake_up("orchestrator");
    let idle = story.wake_up("assistant");
    let none = story.wake_up("builder");
    let unknown = story.wake_up("nobody");
    story.down(&["assistant"]);
    let stopped = story.wake_up("assistant");
    story.edit(&FLEET.replace("name = \"orchestrator\"", "name = \"orchestrator\"\nenabled = false"));
    let disabled = story.wake_up("orchestrator");
    let told: Vec<String> = [busy, twice, idle, none, unknown, stopped, disabled]
        .iter()
        .map(|id| outcome(&story, *id))
        .map(|(code, line)| format!("{code} {line}"))
        .collect();
    expect_test::expect![[r"
        0 wake m1 is queued for orchestrator, which works and gets it when it is idle
        0 wake m1 of orchestrator waits already
        0 wake m2 is queued for assistant
        1 `builder` has no `wake` in the config
        2 there is no agent `nobody`
        4 `assistant` does not run
        1 `orchestrator` is disabled in the config"]]
    .assert_eq(&told.join("\n"));
    assert_eq!(story.saved.agents["assistant"].queue, [], "its wake was taken back with the stop");
}

#[test]
fn a_wake_waits_for_a_dead_agent_and_lands_after_its_restart() {
    let mut story = fleet();
    story.missing.insert("orchestrator".to_owned(), "cannot read `prompt.md`".to_owned());
    story.dies("orchestrator", Exit::Code(1));
    let id = story.wake_up("orchestrator");
    assert_eq!(outcome(&story, id), (0, "wake m1 is queued for orchestrator, which does not run yet".to_owned()));
    story.pass_s(50);
    story.missing.clear();
    story.turn(vec![Observation::PromptsChanged]);
    story.pass_s(10);
    assert_eq!(story.pane("orchestrator").taken, ["look around"]);
}

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
        10.0 answer 1: done: upgrader runs (run 1)
        10.2 upgrader: ready
        15.0 upgrader: upgrader works (run 1) and is left alone; the text was not given to it
        15.0 answer 2: done: upgrader works (run 1) and is left alone; the text was not given to it
        25.0 host: upgrader is ended
        25.0 host: upgrader starts, run 2
        25.0 upgrader: started (run 2)
        25.0 answer 3: done: upgrader runs (run 2)
        25.2 upgrader: ready
        30.0 host: upgrader is ended
        30.0 host: upgrader starts, run 3
        30.0 upgrader: started (run 3)
        30.0 answer 4: done: upgrader runs (run 3)
        30.2 upgrader: ready
        40.0 upgrader: finished (exit status 0)
        1040.0 host: upgrader is ended
        1040.0 host: upgrader starts, run 4
        1040.0 upgrader: started (run 4)
        1040.0 answer 5: done: upgrader runs (run 4)
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
        1 `upgrader` cannot be reached: no answer
        1 `upgrader` was stopped by a person
        1 `upgrader` is disabled in the config"]]
    .assert_eq(&told.join("\n"));
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
