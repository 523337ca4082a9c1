//! What the operator's command is told, and what it is spared.

use std::time::Duration;

use crate::story;
use crate::story::Story;
use crate::story::telling::{PAIR, shows, works};
use agent_orchestrator::policy::event::EventKind;
use agent_orchestrator::policy::notify::PAUSE;
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use agent_orchestrator::policy::request::Request;

/// One agent, and a command that is told.
const ONE: &str = r#"
[notify]
command = ["tell-me"]
[defaults]
session_prefix = "x-"
log_dir = "logs"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
submit_key = "Enter"
[[agent]]
name = "worker"
backend = "box"
watch = "heal"
prompt = "work"
"#;

/// A loop with one phase.
const LOOP: &str = r#"
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
backend = "box"
"#;

fn broken(story: &mut Story, error: &str) {
    story.turn(vec![Observation::ConfigBroken { error: error.to_owned() }]);
}

fn told(story: &mut Story) -> Vec<String> {
    let line = |event: agent_orchestrator::policy::event::Event| {
        let who = event.agent.or(event.in_loop.map(|name| format!("loop {name}"))).unwrap_or_default();
        let left_out = event.more.get("left_out").map(|count| format!(" (left out: {count})")).unwrap_or_default();
        format!("{who}: {}{left_out}", event.text)
    };
    std::mem::take(&mut story.notified).into_iter().map(line).collect()
}

#[test]
fn a_crash_loop_a_draft_and_the_end_of_the_sequence_are_told_and_a_death_is_not() {
    let mut story = Story::new(&format!("{ONE}{LOOP}"));
    story.pass_s(5);
    for wait_s in [1, 2, 3, 5, 301] {
        story.dies("worker", Exit::Code(1));
        story.pass_s(wait_s);
    }
    story.pane("worker").input = "rm -rf ".to_owned();
    story.ask(Request::Send { name: "worker".to_owned(), text: "go on".to_owned(), wait: Duration::ZERO, queue: true });
    story.pass_s(1000);
    story.push("status", &[("STATUS-1.md", Some("## DONE\n"))]);
    story.pass_s(1);
    expect_test::expect![[r#"
        [
            "worker: crash loop: 5 deaths within 10 minutes, from now on one try every 300 s",
            "worker: a draft has blocked messages for 900 s",
            "loop : the sequence is complete: phase p1 is done, and it was the last",
        ]
    "#]]
    .assert_debug_eq(&told(&mut story));
}

#[test]
fn without_a_command_nothing_is_told_or_kept() {
    let mut story = Story::new(&ONE.replace("[notify]\ncommand = [\"tell-me\"]", ""));
    broken(&mut story, "one");
    story.pass_s(1);
    assert!(story.notified.is_empty() && story.saved.notices.is_empty());
}

#[test]
fn one_kind_about_one_agent_is_told_once_in_ten_minutes_the_newest_at_the_end_with_a_count() {
    let mut story = Story::new(ONE);
    story.pass_s(1);
    for number in 1..=5 {
        broken(&mut story, &format!("mistake {number}"));
        story.pass_s(60);
    }
    let start = "config is not usable, the last good one stays in force";
    assert_eq!(told(&mut story), [format!(": {start}: mistake 1")]);
    story.pass_s(PAUSE.as_secs() - 5 * 60 - 1);
    assert!(story.notified.is_empty(), "not before the pause has ended");
    story.pass_s(1);
    assert_eq!(told(&mut story), [format!(": {start}: mistake 5 (left out: 3)")]);
    story.pass(PAUSE);
    broken(&mut story, "mistake 6");
    assert_eq!(told(&mut story), [format!(": {start}: mistake 6")], "after a quiet time it is told at once");
    story.pass(PAUSE);
    assert!(story.notified.is_empty(), "and once");
}

#[test]
fn kinds_and_agents_do_not_hold_back_each_other() {
    let two = format!("{ONE}[[agent]]\nname = \"second\"\nbackend = \"box\"\nwatch = \"heal\"\nprompt = \"x\"\n");
    let mut story = Story::new(&two);
    story.pass_s(1);
    for agent in ["worker", "second"] {
        for wait_s in [1, 2, 3, 5, 5] {
            story.dies(agent, Exit::Code(1));
            story.pass_s(wait_s);
        }
    }
    broken(&mut story, "x");
    let kinds: Vec<_> = story.notified.iter().map(|event| (event.event, event.agent.as_deref())).collect();
    let expected = [
        (EventKind::CrashLoop, Some("worker")),
        (EventKind::CrashLoop, Some("second")),
        (EventKind::ConfigBroken, None),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_restart_of_the_supervisor_neither_repeats_nor_forgets() {
    let mut story = Story::new(ONE);
    story.pass_s(1);
    broken(&mut story, "mistake 1");
    broken(&mut story, "mistake 2");
    assert_eq!(told(&mut story).len(), 1);
    story.kill_supervisor();
    story.pass_s(30);
    story.wake();
    broken(&mut story, "mistake 2");
    story.pass_s(60);
    assert!(story.notified.is_empty(), "the pause holds over a restart");
    story.pass(PAUSE);
    let told = told(&mut story);
    assert!(told.len() == 1 && told[0].ends_with("mistake 2 (left out: 1)"), "{told:?}");
}

#[test]
fn a_phase_that_is_gone_is_told_once_however_often_the_supervisor_is_restarted() {
    let mut story = Story::new(&format!("{ONE}{LOOP}"));
    story.pass_s(1);
    story.edit(&format!("{ONE}{}", LOOP.replace("\"p1\"", "\"renamed\"")));
    for _ in 0..3 {
        story.pass(PAUSE * 2);
        story.kill_supervisor();
        story.wake();
    }
    let told: Vec<_> = told(&mut story).into_iter().filter(|line| line.contains("is not in the config")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn after_a_reboot_what_waited_is_told_and_the_rest_begins_anew() {
    let mut story = Story::new(ONE);
    story.pass_s(1);
    broken(&mut story, "mistake 1");
    story.reboot();
    story.wake();
    broken(&mut story, "mistake 2");
    broken(&mut story, "mistake 3");
    assert_eq!(told(&mut story).len(), 2);
    story.reboot();
    story.wake();
    broken(&mut story, "mistake 3");
    story.pass(PAUSE);
    let told = told(&mut story);
    assert!(told.len() == 1 && told[0].ends_with("mistake 3 (left out: 1)"), "{told:?}");
}

/// Two agents of one account that can show a limit, and may be silent.
fn held() -> Story {
    let mut story = Story::new(&PAIR.replace("heal+stall", "heal"));
    story.pass_s(5);
    story
}

/// Holds the account by a banner of `agent`.
fn is_refused(story: &mut Story, agent: &str) {
    shows(story, agent, "You've hit your session limit · resets 6am");
    story.pass_s(2);
    assert_eq!(story.saved.limits.len(), 1);
}

/// Opens it: `agent` works by itself.
fn goes_on(story: &mut Story, agent: &str) {
    works(story, agent, 12);
    assert!(story.saved.limits.is_empty());
    shows(story, agent, "");
    story.pass_s(2);
}

fn kinds(story: &Story) -> Vec<EventKind> {
    story.notified.iter().map(|event| event.event).collect()
}

#[test]
fn a_hold_that_came_back_within_the_pause_is_told_at_its_end() {
    let mut story = held();
    is_refused(&mut story, "one");
    goes_on(&mut story, "one");
    assert_eq!(kinds(&story), [EventKind::LimitHeld, EventKind::LimitLifted]);
    is_refused(&mut story, "two");
    story.kill_supervisor();
    story.pass_s(60);
    story.wake();
    story.notified.clear();
    story.pass(PAUSE);
    assert_eq!(kinds(&story), [EventKind::LimitHeld], "the last word is the true one");
    story.pass(PAUSE * 2);
    assert_eq!(story.notified.len(), 1, "and is said once");
}

#[test]
fn a_hold_that_came_back_and_has_gone_again_is_not_told() {
    let mut story = held();
    is_refused(&mut story, "one");
    goes_on(&mut story, "one");
    is_refused(&mut story, "two");
    goes_on(&mut story, "two");
    story.pass(PAUSE * 2);
    let expected = [EventKind::LimitHeld, EventKind::LimitLifted, EventKind::LimitLifted];
    assert_eq!(kinds(&story), expected, "the newest of what is so, and nothing that is over");
}

#[test]
fn what_is_over_when_the_pause_ends_is_not_told() {
    let mut story = Story::new(ONE);
    story.pass_s(1);
    broken(&mut story, "mistake 1");
    story.edit(&ONE.replace("\"work\"", "\"work on\""));
    broken(&mut story, "mistake 2");
    story.edit(ONE);
    assert_eq!(told(&mut story).len(), 1);
    story.pass(PAUSE * 2);
    assert!(story.notified.is_empty(), "the config has been mended");
}

/// Says how often the end of the pause tells what came twice in it: where it still is so, and where it has ended again.
fn late(
    kind: EventKind,
    begin: &dyn Fn() -> Story,
    begins: &dyn Fn(&mut Story),
    ends: &dyn Fn(&mut Story),
) -> [usize; 2] {
    [false, true].map(|has_ended| {
        let mut story = begin();
        let count = |story: &Story| story.notified.iter().filter(|event| event.event == kind).count();
        begins(&mut story);
        ends(&mut story);
        begins(&mut story);
        assert_eq!(count(&story), 1, "told at once, and then kept back: {}", story.told());
        if has_ended {
            ends(&mut story);
        }
        story.pass(PAUSE);
        count(&story) - 1
    })
}

#[test]
fn what_a_loop_kept_back_is_told_while_it_is_so() {
    let waits = || {
        let mut story = Story::new(&format!("{ONE}{}", LOOP.replace("roles_dir", "auto_advance = false\nroles_dir")));
        story.pass_s(5);
        story
    };
    let status = |story: &mut Story, text: &str| {
        story.push("status", &[("STATUS-1.md", Some(text))]);
        story.pass_s(1);
    };
    let opens = |story: &mut Story| status(story, "work\n");
    let is_done = |story: &mut Story| status(story, "## DONE\n");
    assert_eq!(late(EventKind::PhaseDone, &waits, &is_done, &opens), [1, 0]);
    let is_almost_done = |story: &mut Story| status(story, "## DONE criteria\n");
    assert_eq!(late(EventKind::AlmostDone, &waits, &is_almost_done, &opens), [1, 0]);
}

#[test]
fn what_an_account_kept_back_is_told_while_it_is_so() {
    let probed = |story: &mut Story| {
        is_refused(story, "one");
        for number in 1..=3 {
            story.ask(Request::Probe { name: "one".to_owned() });
            story.pass_s(2);
            shows(story, "one", &format!("You've hit your session limit ({number}) · resets 6am"));
            story.pass_s(2);
        }
    };
    assert_eq!(late(EventKind::LimitPersists, &held, &probed, &|story| goes_on(story, "one")), [1, 0]);
}

#[test]
fn a_hold_that_is_over_is_not_told_late_for_that_of_another_account() {
    let two = PAIR.replace("heal+stall", "heal").replace("name = \"two\"", "name = \"two\"\naccount = \"other\"");
    let mut story = Story::new(&two);
    story.pass_s(5);
    is_refused(&mut story, "one");
    goes_on(&mut story, "one");
    is_refused(&mut story, "one");
    goes_on(&mut story, "one");
    is_refused(&mut story, "two");
    story.notified.clear();
    story.pass(PAUSE);
    assert_eq!(kinds(&story), [EventKind::LimitLifted]);
}

/// An agent with a screen that is answered, and beside it `second`.
fn answered() -> Story {
    let more = r#"answers = { context-low = "/compact" }
answer_pause = 60
[[backend.box.rules]]
name = "context-low"
region = "anywhere"
meaning = "context"
re = '^context left: \d%'
[watchdog]
draft_alarm = 10
[[agent]]
name = "second"
backend = "box"
prompt = "x"
[[agent]]"#;
    let mut story = Story::new(&ONE.replace("[[agent]]", more));
    story.pass_s(10);
    story
}

#[test]
fn what_an_agent_kept_back_is_told_while_it_is_so() {
    let drafts = |story: &mut Story, draft: &str| {
        draft.clone_into(&mut story.pane("worker").input);
        story.ask(story::send_queued("worker", "go on"));
        story.output("worker");
        story.pass_s(20);
    };
    let begins = |story: &mut Story| drafts(story, "rm -rf ");
    assert_eq!(late(EventKind::Draft, &answered, &begins, &|story| drafts(story, "")), [1, 0]);
    let is_asked = |story: &mut Story| {
        let seen = SessionSeen::Unknown { why: "no answer".to_owned() };
        story.turn(vec![Observation::Session { agent: "worker".to_owned(), seen }]);
        story.pass_s(20);
    };
    let hangs = |story: &mut Story| {
        story.hung.insert("worker".to_owned());
        is_asked(story);
    };
    let is_back = |story: &mut Story| {
        story.hung.clear();
        story.pass_s(20);
    };
    assert_eq!(late(EventKind::Unreachable, &answered, &hangs, &is_back), [1, 0]);
    let asks = |story: &mut Story, dialog: bool| {
        story.pane("worker").dialog = dialog;
        story.output("worker");
        story.pass_s(70);
    };
    assert_eq!(late(EventKind::Attention, &answered, &|story| asks(story, true), &|story| asks(story, false)), [1, 0]);
}

#[test]
fn a_screen_that_was_answered_in_vain_is_told_late_while_its_answers_are_in_vain() {
    let is_full = |story: &mut Story, seconds: u64| {
        shows(story, "worker", "context left: 4%");
        story.pass_s(seconds);
    };
    let is_compact = |story: &mut Story| {
        shows(story, "worker", "compacted");
        story.pass_s(20);
    };
    let begins = |story: &mut Story| is_full(story, 240);
    assert_eq!(late(EventKind::ScreenPersists, &answered, &begins, &is_compact), [1, 0]);
    let mut story = answered();
    begins(&mut story);
    is_compact(&mut story);
    begins(&mut story);
    is_compact(&mut story);
    story.pass_s(110);
    is_full(&mut story, 165);
    assert_eq!(story.pane("worker").taken.len(), 9);
    assert_eq!(kinds(&story), [EventKind::ScreenPersists], "the pause has ended with the third answer");
}

#[test]
fn a_crash_loop_that_a_person_ended_is_not_told_late() {
    let dies = |story: &mut Story| {
        for wait_s in [1, 2, 3, 5, 5] {
            story.dies("worker", Exit::Code(1));
            story.pass_s(wait_s);
        }
    };
    let is_anew = |story: &mut Story| {
        story.edit(&ONE.replace("\"worker\"", "\"second\""));
        story.pass_s(5);
        story.edit(
            &ONE.replace("[[agent]]", "[[agent]]\nname = \"second\"\nbackend = \"box\"\nprompt = \"x\"\n[[agent]]"),
        );
        story.pass_s(5);
    };
    assert_eq!(late(EventKind::CrashLoop, &answered, &dies, &is_anew), [1, 0]);
    let mut story = answered();
    dies(&mut story);
    is_anew(&mut story);
    dies(&mut story);
    story.notified.clear();
    story.down(&["worker"]);
    story.pass(PAUSE);
    assert_eq!(kinds(&story), []);
}
