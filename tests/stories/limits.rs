//! Usage limits, silence and broken screens, each as a script of moments.

use crate::story;
use crate::story::Story;
use crate::story::telling::{BUSY, shows, works};
use agent_orchestrator::policy::observation::{Exit, Observation};
use agent_orchestrator::policy::request::{Reason, Reply};

/// Three agents of one account; `opus` has a model of its own.
const THREE: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
watch = "heal+stall"
[watchdog]
stall_grace = 180
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "hit your .*limit"
fatal_re = "cannot be modified"
process_name = "agent"
submit_key = "Enter"
stall_idle = 100000
[backend.other]
bin = "other"
process_name = "other"
[[agent]]
name = "one"
prompt = "x"
[[agent]]
name = "two"
prompt = "x"
[[agent]]
name = "opus"
model = "claude-opus-4"
prompt = "x"
"#;

#[test]
fn rule_3_a_held_account_is_left_alone_until_the_named_time_then_one_agent_is_asked() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    story.told();
    shows(&mut story, "one", "You've hit your session limit · resets 6am");
    story.pass_s(10);
    shows(&mut story, "two", "You've hit your session limit · resets 6am");
    story.pass_s(2 * 3600 - 60);
    assert!(story.panes.values().all(|pane| pane.taken.is_empty() && pane.run == 1), "nobody is typed to or restarted");
    story.pass_s(120);
    assert_eq!(story.pane("one").taken.len(), 1, "the one held longest is asked");
    assert!(story.pane("two").taken.is_empty() && story.pane("opus").taken.is_empty(), "and nobody else");
    works(&mut story, "one", 12);
    story.pass_s(30);
    assert!(story.pane("two").taken[0].contains("you can work again"), "who showed the banner gets a word");
    assert!(story.pane("opus").taken.is_empty(), "who showed none goes on by itself");
    assert!(story.saved.limits.is_empty());
    assert!(story.panes.values().all(|pane| pane.run == 1));
}

#[test]
fn rule_7_fruitless_probes_go_on_at_the_flat_cadence_with_one_warning() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your limit. Try again later.");
    story.pass_s(3);
    story.told();
    for _ in 0..7 {
        story.pass_s(200);
        shows(&mut story, "one", "You've hit your limit. Try again later.");
        story.pass_s(100);
        shows(&mut story, "one", "You've hit your limit. Try again later.");
    }
    let probes = story.pane("one").taken.len();
    let told = story.told();
    assert!((4..=7).contains(&probes), "{probes} probes in 35 minutes: {told}");
    assert_eq!(told.matches("still held after 3 probes").count(), 1, "{told}");
    assert_eq!(story.pane("one").run, 1, "never a kill");
}

#[test]
fn rule_4_a_bare_time_of_day_far_ahead_is_an_old_banner() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your session limit · resets 3am");
    story.pass_s(330);
    assert_eq!(story.pane("one").taken.len(), 1, "probed at the flat cadence");
}

#[test]
fn rule_5_a_hold_survives_the_supervisor() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your session limit · resets 6am");
    story.pass_s(5);
    story.kill_supervisor();
    story.pass_s(600);
    story.wake();
    story.pass_s(3600);
    assert!(story.panes.values().all(|pane| pane.taken.is_empty() && pane.run == 1));
    assert_eq!(story.saved.limits.len(), 1);
    story.pass_s(3100);
    assert_eq!(story.pane("one").taken.len(), 1);
}

#[test]
fn an_early_return_opens_the_account_and_an_agent_that_worked_all_along_does_not() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    works(&mut story, "two", 3);
    shows(&mut story, "one", "You've hit your session limit · resets 6am");
    works(&mut story, "two", 20);
    assert_eq!(story.saved.limits.len(), 1, "a turn that began before the hold proves nothing");
    shows(&mut story, "two", "");
    story.pass_s(60);
    works(&mut story, "two", 15);
    assert!(story.saved.limits.is_empty(), "work begun after it does");
    story.pass_s(20);
    assert_eq!(story.pane("one").taken.len(), 1);
}

#[test]
fn a_limit_of_one_model_holds_only_agents_of_that_model() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "opus", "You've hit your Opus limit · resets 6am");
    story.pass_s(5);
    let free = story.send("one", "go on", 10);
    let held = story.send("opus", "go on", 10);
    story.pass_s(11);
    assert!(matches!(story.replies[&free], Reply::Done { .. }));
    assert!(matches!(&story.replies[&held], Reply::Failed { reason: Reason::Held, .. }), "{:?}", story.replies[&held]);
    assert!(story.pane("opus").taken.is_empty());
}

#[test]
fn what_dies_in_a_hold_is_started_when_the_account_opens() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your session limit · resets 6am");
    story.pass_s(5);
    story.dies("two", Exit::Code(1));
    story.pass_s(3600);
    assert!(!story.pane("two").alive, "no start on a held account");
    story.pass_s(3700);
    works(&mut story, "one", 12);
    story.pass_s(30);
    assert!(story.pane("two").alive);
}

#[test]
fn a_hold_whose_agents_are_all_dead_is_probed_by_a_start() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your limit. Try again later.");
    story.pass_s(5);
    for agent in ["one", "two", "opus"] {
        story.dies(agent, Exit::Code(1));
    }
    story.pass_s(400);
    let alive = story.panes.values().filter(|pane| pane.alive).count();
    assert!(alive >= 1, "no hold without a next probe");
}

#[test]
fn a_refusal_that_names_five_hours_right_after_the_reset_is_doubted_first() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your session limit · resets 4:30am");
    story.pass_s(30 * 60 + 60);
    assert_eq!(story.pane("one").taken.len(), 1);
    story.told();
    for minutes in [5, 10, 20] {
        shows(&mut story, "one", "You've hit your session limit · resets 9:30am");
        story.pass_s(5);
        let before = story.pane("one").taken.len();
        story.pass_s(minutes * 60 - 90);
        assert_eq!(story.pane("one").taken.len(), before, "not before {minutes} minutes");
        story.pass_s(120);
        assert_eq!(story.pane("one").taken.len(), before + 1, "probed after {minutes} minutes");
    }
    shows(&mut story, "one", "You've hit your session limit · resets 9:30am");
    story.pass_s(5);
    let before = story.pane("one").taken.len();
    story.pass_s(2 * 3600);
    assert_eq!(story.pane("one").taken.len(), before, "then it is believed");
}

#[test]
fn the_banner_that_still_stands_after_the_account_was_opened_is_no_new_hold() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your session limit · resets 4:30am");
    shows(&mut story, "two", "You've hit your session limit · resets 4:30am");
    story.pass_s(31 * 60);
    works(&mut story, "one", 12);
    assert!(story.saved.limits.is_empty());
    story.pane("two").dialog = true;
    story.output("two");
    story.pass_s(60);
    let told = story.told();
    assert!(story.saved.limits.is_empty(), "its old banner proves nothing: {told}");
}

#[test]
fn rule_8_a_waiter_is_left_until_its_time_and_the_grace_have_passed() {
    let text = THREE.replace("stall_idle = 100000", "stall_idle = 300");
    let mut story = Story::new(&text);
    story.pass_s(5);
    shows(&mut story, "one", "● done for now\nWAITING-UNTIL: 2026-06-13T04:10:00Z");
    shows(&mut story, "two", BUSY);
    shows(&mut story, "opus", "● I wait.\nWAITING-UNTIL: 2026-06-13T04:10:00Z\n\n● and went on");
    story.pass_s(290);
    assert_eq!(story.pane("opus").run, 1);
    story.pass_s(60);
    assert_eq!(story.pane("opus").run, 2, "rule 9: a marker that is not its last word is history");
    assert_eq!(story.pane("one").run, 1);
    story.pass_s(410);
    assert_eq!(story.pane("one").run, 1, "not within the grace");
    story.pass_s(60);
    assert_eq!(story.pane("one").run, 2, "after it");
    assert_eq!(story.pane("two").run, 1, "who works is not stalled");
}

#[test]
fn a_waiter_that_names_a_far_time_is_cut_to_wait_max() {
    let text = THREE.replace("stall_idle = 100000", "stall_idle = 300");
    let mut story = Story::new(&text);
    story.pass_s(5);
    shows(&mut story, "one", "WAITING-UNTIL: 2099-01-01T00:00:00Z");
    story.pass_s(3600);
    assert_eq!(story.pane("one").run, 1);
    story.pass_s(300);
    assert_eq!(story.pane("one").run, 2);
}

#[test]
fn silence_is_counted_on_over_a_restart_of_the_supervisor_and_not_in_a_hold() {
    let text = THREE.replace("stall_idle = 100000", "stall_idle = 300");
    let mut story = Story::new(&text);
    story.pass_s(200);
    story.kill_supervisor();
    story.wake();
    story.pass_s(150);
    assert_eq!(story.pane("one").run, 2, "idle for 300 s in all");
    shows(&mut story, "one", "You've hit your session limit · resets 8am");
    story.pass_s(3600);
    assert_eq!(story.pane("one").run, 2);
}

#[test]
fn a_broken_conversation_is_started_anew_with_back_off_and_never_in_a_hold() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "API Error: 400 redacted_thinking blocks cannot be modified");
    story.pass_s(2);
    assert_eq!(story.pane("one").run, 2);
    for _ in 0..3 {
        shows(&mut story, "one", "API Error: 400 redacted_thinking blocks cannot be modified");
        story.pass_s(10);
    }
    assert!((3..=5).contains(&story.pane("one").run), "{}", story.pane("one").run);
    shows(&mut story, "two", "You've hit your session limit · resets 6am");
    story.pass_s(2);
    let run = story.pane("opus").run;
    shows(&mut story, "opus", "API Error: 400 redacted_thinking blocks cannot be modified");
    story.pass_s(600);
    assert_eq!(story.pane("opus").run, run);
}

#[test]
fn another_agent_program_in_the_pane_is_replaced_and_a_shell_is_not() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    story.pane("one").command = "sh".to_owned();
    story.pane("two").command = "other".to_owned();
    story.output("one");
    story.output("two");
    story.pass_s(5);
    assert_eq!(story.pane("one").run, 1);
    assert_eq!(story.pane("two").run, 2);
}

#[test]
fn who_alone_could_be_asked_and_could_not_be_started_is_asked_again() {
    let (alone, _) = THREE.split_once("[[agent]]\nname = \"two\"").expect("a second agent");
    let mut story = Story::new(alone);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your session limit · resets 4:30am");
    story.pass_s(5);
    story.dies("one", Exit::Code(1));
    story.missing.insert("one".to_owned(), "cannot read `x.md`".to_owned());
    story.pass_s(40 * 60);
    assert!(!story.pane("one").alive, "{}", story.told());
    story.missing.clear();
    story.turn(vec![Observation::PromptsChanged]);
    story.pass_s(6 * 60);
    assert!(story.pane("one").alive, "{}", story.told());
}

#[test]
fn banners_that_differ_put_no_probe_off_and_are_no_refusal_of_one() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your limit. Try again later.");
    shows(&mut story, "two", "You've hit your weekly limit. Try again later.");
    for _ in 0..10 {
        story.output("one");
        story.pass_s(15);
        story.output("two");
        story.pass_s(15);
    }
    story.told();
    story.pass_s(3);
    let told = story.told();
    assert_eq!(story.pane("one").taken.len(), 1, "asked after 300 s though both have written since: {told}");
    assert!(!told.contains("still held"), "its own banner from before is no answer: {told}");
    works(&mut story, "one", 12);
    assert!(story.saved.limits.is_empty());
    story.pass_s(30);
    story.pane("two").dialog = true;
    story.output("two");
    story.pass_s(10);
    assert!(story.saved.limits.is_empty(), "the other's own banner is an old one: {}", story.told());
}

#[test]
fn an_end_of_a_hold_that_could_not_be_told_is_told_once() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    for minute in [10, 20, 30] {
        let banner = format!("You've hit your session limit · resets 4:{minute}am");
        shows(&mut story, "two", &banner);
        shows(&mut story, "one", &banner);
        story.pane("two").input = "a person's draft".to_owned();
        story.pass_s(600 - 10);
        works(&mut story, "one", 12);
        assert!(story.saved.limits.is_empty(), "{}", story.told());
    }
    let waiting = story.saved.agents["two"].queue.len();
    assert_eq!(waiting, 1, "{:?}", story.saved.agents["two"].queue);
}

#[test]
fn explain_says_that_a_message_waits_for_the_account() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your session limit · resets 8am");
    story.pass_s(5);
    story.ask(story::send_queued("two", "go on"));
    story.pass_s(1);
    let explanation = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain("two", story.now));
    let pending = explanation.map(|explanation| explanation.pending.join("; ")).unwrap_or_default();
    assert!(pending.contains("waits: account box is held by a usage limit: go on"), "{pending}");
}

#[test]
fn an_agent_that_worked_all_along_opens_nothing_as_the_canary_either_and_is_asked_once() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    works(&mut story, "two", 3);
    shows(&mut story, "one", "You've hit your session limit. Try again later.");
    for other in ["one", "opus"] {
        story.pane(other).input = "half a line of a person".to_owned();
        story.output(other);
    }
    let mut told = String::new();
    for _ in 0..1000 {
        works(&mut story, "two", 1);
        told += &story.told();
    }
    assert_eq!(told.matches("asks two to go on").count(), 1, "{told}");
    assert_eq!(story.saved.limits.len(), 1, "its turn began before the hold");
    shows(&mut story, "two", "");
    story.pass_s(60);
    works(&mut story, "two", 15);
    assert!(story.saved.limits.is_empty());
}

#[test]
fn a_clock_that_was_set_back_puts_no_probe_off_over_a_reboot() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your session limit. Try again later.");
    story.pass_s(5);
    assert_eq!(story.saved.limits.len(), 1);
    story.now.wall -= chrono::TimeDelta::hours(7);
    story.reboot();
    story.wake();
    story.pass_s(3600 + 200);
    assert!(story.told().contains("probe 1"), "an hour at the most");
}

#[test]
fn a_probe_that_stands_typed_is_submitted_and_not_taken_for_a_draft() {
    let mut story = Story::new(THREE);
    story.pass_s(5);
    shows(&mut story, "one", "You've hit your session limit. Try again later.");
    for other in ["two", "opus"] {
        story.pane(other).input = "half a line of a person".to_owned();
        story.output(other);
    }
    story.pane("one").swallows = 16;
    story.pass_s(2000);
    assert!(!story.pane("one").taken.is_empty(), "its key is pressed until it is taken");
    assert_eq!(story.pane("one").input, "", "and nobody's draft stands there");
}
