//! Who of a held account is asked to go on, where some cannot be, each as a script of moments.

use crate::story::telling::shows;
use crate::story::{Story, telling};
use agent_orchestrator::policy::agent_event::{Refusal, Told};
use agent_orchestrator::policy::observation::{Exit, Observation};
use agent_orchestrator::policy::request::{Reply, Request};

/// Three agents of one account, and one of another that nobody holds.
const FLEET: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
watch = "heal+stall"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "hit your .*limit"
fatal_re = "cannot be modified"
submit_key = "Enter"
stall_idle = 100000
[backend.other]
bin = "other"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
submit_key = "Enter"
[[agent]]
name = "one"
prompt = "x"
[[agent]]
name = "two"
prompt = "x"
[[agent]]
name = "three"
prompt = "x"
[[agent]]
name = "free"
backend = "other"
prompt = "x"
"#;

const BANNER: &str = "You've hit your limit. Try again later.";
const BUSY: &str = "esc to interrupt";

fn works(story: &mut Story, agent: &str, seconds: u64) {
    for second in 0..seconds {
        shows(story, agent, &format!("{second} s, {BUSY}"));
        story.pass_s(1);
    }
}

/// Begins with these showing a banner, one after another; they are asked 300 s after the first.
fn held(agents: &[&str], banner: &str) -> Story {
    let mut story = Story::new(FLEET);
    story.pass_s(5);
    for agent in agents {
        shows(&mut story, agent, banner);
        story.pass_s(1);
    }
    story.told();
    story
}

/// Returns who of the account lives.
fn living(story: &Story) -> Vec<String> {
    let alive = story.panes.iter().filter(|(name, pane)| pane.alive && *name != "free");
    alive.map(|(name, _)| name.clone()).collect()
}

fn asked(story: &mut Story) -> Vec<String> {
    let told = story.told();
    told.lines().filter_map(|line| Some(line.split_once(" asks ")?.1.split(' ').next()?.to_owned())).collect()
}

#[test]
fn nobody_of_another_account_is_asked_where_nobody_of_the_held_one_can_be() {
    let mut story = held(&["one"], BANNER);
    for agent in ["one", "two", "three"] {
        story.pane(agent).input = "half a line of a person".to_owned();
        story.output(agent);
    }
    story.pass_s(2000);
    assert!(story.pane("free").taken.is_empty());
    assert_eq!(asked(&mut story), Vec::<String>::new());
}

/// Begins anew with nobody of the held account running; the probe is due in 295 s.
fn rebooted(text: &str) -> Story {
    let mut story = Story::new(text);
    story.pass_s(5);
    shows(&mut story, "one", BANNER);
    story.pass_s(5);
    story.reboot();
    story
}

#[test]
fn one_agent_is_started_as_the_probe_and_not_one_whose_files_are_missing() {
    let mut story = rebooted(FLEET);
    story.missing.insert("one".to_owned(), "cannot read `one.md`".to_owned());
    story.wake();
    story.pass_s(299);
    assert_eq!(living(&story), ["two"], "and nobody beside it");
    assert_eq!(asked(&mut story), ["one", "two"]);
}

#[test]
fn a_task_that_nobody_has_ordered_is_no_probe() {
    let task = "[[agent]]\nname = \"job\"\nkind = \"task\"\nprompt = \"x\"\n";
    let mut story = rebooted(&FLEET.replacen("[[agent]]", &format!("{task}[[agent]]"), 1));
    story.wake();
    story.pass_s(299);
    assert_eq!(living(&story), ["one"]);
    assert_eq!(asked(&mut story), ["one"]);
}

#[test]
fn a_lone_agent_whose_files_were_missing_is_tried_again_though_nobody_says_that_they_are_there() {
    let mut story = held(&["one"], BANNER);
    story.down(&["two", "three"]);
    story.missing.insert("one".to_owned(), "cannot read `one.md`".to_owned());
    story.dies("one", Exit::Code(1));
    story.pass_s(700);
    story.missing.clear();
    story.pass_s(1500);
    assert_eq!(living(&story), ["one"], "{}", story.told());
}

#[test]
fn a_probe_that_dies_at_once_is_followed_by_the_next_one_at_once() {
    let mut story = held(&["one"], BANNER);
    for agent in ["one", "two", "three"] {
        story.dies(agent, Exit::Code(1));
    }
    story.dies_at_start = Some("one".to_owned());
    story.pass_s(302);
    assert_eq!(asked(&mut story), ["one", "two"]);
    assert_eq!(living(&story), ["two"]);
}

#[test]
fn a_canary_that_a_person_types_into_is_passed_over_at_once() {
    let mut story = held(&["one", "two"], BANNER);
    story.pass_s(290);
    // Nothing is written, so that it is seen only when the probe is to be typed.
    story.pane("one").input = "half a line".to_owned();
    story.pass_s(20);
    assert_eq!(asked(&mut story), ["one", "two"]);
}

#[test]
fn a_silent_canary_is_fruitless_and_the_third_such_probe_is_told_aloud_once() {
    let mut story = held(&["one"], BANNER);
    for agent in ["two", "three"] {
        story.down(&[agent]);
    }
    story.pane("one").above = String::new();
    story.pane("one").hangs = true;
    story.output("one");
    story.pass_s(4 * (300 + 180) + 100);
    let told = story.told();
    let fruitless: Vec<bool> =
        told.lines().filter(|line| line.contains("still held")).map(|line| line.contains("after 3 probes")).collect();
    assert_eq!(fruitless[..4], [false, false, true, false], "{told}");
}

#[test]
fn the_banner_that_stands_on_another_screen_is_no_refusal_of_the_canary() {
    let mut story = held(&["one", "two"], BANNER);
    story.pass_s(296);
    story.told();
    for second in 0..12 {
        shows(&mut story, "one", &format!("{second} s, {BUSY}"));
        story.output("two");
        story.pass_s(1);
    }
    let told = story.told();
    assert!(!told.contains("still held") && story.saved.limits.is_empty(), "{told}");
}

#[test]
fn who_lost_its_banner_without_work_is_asked_before_who_still_shows_it() {
    let mut story = held(&["one", "two"], BANNER);
    shows(&mut story, "two", "");
    story.pass_s(320);
    assert_eq!(asked(&mut story).first().map(String::as_str), Some("two"));
}

#[test]
fn a_date_that_is_days_ahead_is_probed_within_the_hour() {
    let mut story = held(&["one"], "You've hit your limit · resets Jun 20, 6am");
    story.pass_s(3500);
    assert_eq!(asked(&mut story), Vec::<String>::new());
    story.pass_s(200);
    assert_eq!(asked(&mut story), ["one"]);
}

#[test]
fn a_later_time_is_doubted_only_in_the_hour_after_the_one_before() {
    // It is 4 o'clock: the time before lies ahead in the one case, and hours back in the other.
    for (before, passed) in [("6:00am", 60), ("4:01am", 3 * 3600)] {
        let mut story = held(&["one"], &format!("You've hit your session limit · resets {before}"));
        for agent in ["one", "two", "three"] {
            story.pane(agent).input = "half a line of a person".to_owned();
            story.output(agent);
        }
        story.pass_s(passed);
        let until = if passed == 60 { "9:30am" } else { "12:30pm" };
        shows(&mut story, "one", &format!("You've hit your session limit · resets {until}"));
        story.pass_s(5);
        assert_eq!(story.saved.limits[0].doubts, 0, "{before}");
        assert!(story.saved.limits[0].banner.contains(until), "{before}");
    }
}

#[test]
fn a_healing_that_a_hold_overtakes_is_not_made_up_for_afterwards() {
    let mut story = Story::new(FLEET);
    story.pass_s(5);
    for _ in 0..4 {
        shows(&mut story, "one", "API Error: 400 blocks cannot be modified");
        story.pass_s(10);
        shows(&mut story, "one", "");
        story.pass_s(1);
    }
    shows(&mut story, "one", "API Error: 400 blocks cannot be modified");
    story.pass_s(1);
    assert!(story.saved.agents["one"].restart.is_some(), "it waits for its back-off");
    let run = story.pane("one").run;
    shows(&mut story, "two", BANNER);
    story.pass_s(5);
    shows(&mut story, "one", "");
    story.pass_s(300);
    works(&mut story, "two", 12);
    assert!(story.saved.limits.is_empty());
    story.pass_s(400);
    assert_eq!(story.pane("one").run, run, "its conversation goes on");
}

#[test]
fn a_dead_canary_that_was_started_and_rests_has_opened_the_account() {
    let mut story = telling::with_interface();
    story.down(&["two"]);
    shows(&mut story, "one", "You've hit your session limit. Try again later.");
    story.pass_s(5);
    story.dies("one", Exit::Code(1));
    (0..320).find(|_| {
        story.pass_s(1);
        story.pane("one").alive
    });
    let run = story.pane("one").run;
    let seen = agent_orchestrator::policy::observation::SessionSeen::Running { run };
    story.turn(vec![Observation::Session { agent: "one".to_owned(), seen }]);
    story.pass_s(60);
    assert!(story.saved.limits.is_empty(), "{}", story.told());
}

#[test]
fn a_probe_that_has_arrived_is_no_draft_though_the_newest_look_shows_it_in_the_box() {
    let mut story = telling::pair();
    story.tell("one", telling::refused(Refusal::Limit, "You've hit your limit · resets Mar 3, 6am"));
    story.pass_s(1);
    assert_eq!(story.saved.limits.len(), 1);
    story.ask(Request::Probe { name: "one".to_owned() });
    story.pass_s(1);
    let probe = story.pane("one").taken.last().cloned().expect("the probe");
    story.tell("one", Told::Receipt { text: probe.clone() });
    story.tell("one", Told::Working);
    // The look was on its way when it was submitted.
    story.pane("one").input = probe;
    story.output("one");
    story.pass_s(1);
    story.pane("one").input.clear();
    story.tell("one", telling::idle());
    story.output("one");
    story.pass_s(10);
    assert!(story.saved.limits.is_empty(), "{}", story.told());
}

#[test]
fn a_canary_whose_program_tells_of_itself_is_passed_over_at_once_as_well_where_a_person_types_into_it() {
    let mut story = telling::pair();
    story.tell("one", telling::refused(Refusal::Limit, "You've hit your limit · resets Mar 3, 6am"));
    story.pass_s(5);
    // Nothing is written, so that it is seen only when the probe is to be typed.
    story.pane("one").input = "half a line".to_owned();
    story.ask(Request::Probe { name: "one".to_owned() });
    story.pass_s(5);
    let other = story.ask(Request::Probe { name: "two".to_owned() });
    assert!(matches!(story.replies[&other], Reply::Done { .. }), "{:?}", story.replies[&other]);
}

#[test]
fn a_canary_that_tells_a_refusal_opens_nothing_by_work_that_a_late_look_still_shows() {
    let mut story = telling::pair();
    story.tell("one", telling::refused(Refusal::Limit, "You've hit your limit · resets Mar 3, 6am"));
    story.pass_s(2);
    story.ask(Request::Probe { name: "one".to_owned() });
    story.pass_s(2);
    shows(&mut story, "one", BUSY);
    story.tell("one", Told::Working);
    story.pass_s(2);
    story.tell("one", telling::refused(Refusal::Limit, "You've hit your limit · resets Mar 3, 6am"));
    for _ in 0..18 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
    }
    assert_eq!(story.saved.limits.len(), 1, "{}", story.told());
}
