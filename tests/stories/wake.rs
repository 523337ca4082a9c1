//! Wakes, each as a script of moments.

use crate::story::Story;
use crate::story::woken::{FLEET, fleet, outcome, told_of, wakes, work};
use agent_orchestrator::policy::observation::{Exit, Observation};
use agent_orchestrator::policy::request::{Reason, Request};

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
    assert_eq!(next(&mut story, "assistant"), "`daily` wakes it: needs a timer");
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
fn a_wake_comes_an_interval_after_a_boot_with_a_wall_clock_that_lags_behind_the_last_one() {
    let mut story = fleet();
    story.pass_s(120);
    assert_eq!(wakes(&mut story, "orchestrator"), 1);
    story.kill_supervisor();
    story.reboot();
    story.now.wall -= chrono::TimeDelta::days(2);
    story.wake();
    story.pass_s(90);
    assert_eq!(wakes(&mut story, "orchestrator"), 0, "not before");
    story.pass_s(100);
    assert_eq!(wakes(&mut story, "orchestrator"), 1, "one interval later, not two days");
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
        510.0 answer 1: failed (9): `orchestrator` cannot be woken: cannot read `/p/wake.md`: no such file
        510.0 orchestrator: wake m1 is queued
        510.3 host: orchestrator takes: now
        510.4 orchestrator: message m1 delivered: now in two lines
    "]]
    .assert_eq(&told_of(&mut story, "orchestrator").replace("\nin two lines", ""));
    assert_eq!(outcome(&story, by_name).0, Reason::Unanswered.exit_code());
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
fn a_wake_that_waits_stays_behind_the_probe_of_a_held_account() {
    let mut story = fleet();
    story.pane("assistant").above = "esc to interrupt".to_owned();
    work(&mut story, "assistant", 2);
    let answer = story.ask(Request::Wake { name: "assistant".to_owned() });
    work(&mut story, "assistant", 2);
    assert_eq!(outcome(&story, answer).0, 0);
    story.pane("assistant").above = "usage limit reached, resets 05:00".to_owned();
    story.output("assistant");
    story.pass_s(3700);
    let taken = story.pane("assistant").taken.clone();
    assert!(taken.first().is_some_and(|text| text != "anything to do?"), "the probe comes first: {taken:?}");
}

#[test]
fn what_has_a_timer_is_not_said_to_need_one() {
    let mut story = fleet();
    story.kill_supervisor();
    story.has_timers = true;
    story.wake();
    let explain = |name: &str| {
        let explained = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain(name, story.now));
        explained.expect("an agent")
    };
    let assistant = explain("assistant");
    assert_eq!(
        (assistant.next.join("; "), assistant.timers),
        ("`daily` wakes it, by its timer".to_owned(), vec!["wake".to_owned()])
    );
    assert_eq!(explain("orchestrator").timers, Vec::<String>::new(), "its interval is the supervisor's");
}
