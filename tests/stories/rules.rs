//! Rules learnt in production that no other story is named after, each as a script of moments.

use crate::story::Story;
use crate::story::fleets::{ONE, PAIR};
use agent_orchestrator::policy::request::Reply;

/// An agent that is watched for silence, whose account can be held.
const WATCHED: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
[watchdog]
stall_grace = 180
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "hit your .*limit"
fatal_re = "cannot be modified"
submit_key = "Enter"
stall_idle = 300
[[agent]]
name = "worker"
backend = "box"
watch = "heal+stall"
prompt = "work"
"#;

fn begin(text: &str) -> Story {
    let mut story = Story::new(text);
    story.pass_s(5);
    story.told();
    story
}

fn shows(story: &mut Story, text: &str) {
    text.clone_into(&mut story.pane("worker").above);
    story.output("worker");
}

#[test]
fn rule_2_our_own_text_in_the_conversation_is_not_taken_for_one_that_is_unsent() {
    let mut story = begin(ONE);
    shows(&mut story, "> look again\nI have looked.");
    let answer = story.send("worker", "look again", 10);
    story.pass_s(10);
    assert_eq!(story.pane("worker").taken, ["look again"]);
    assert!(matches!(story.replies[&answer], Reply::Done { .. }), "delivered, though the same words stand above");
}

#[test]
fn rule_6_work_ends_a_hold_and_mere_output_does_not() {
    let mut story = begin(WATCHED);
    shows(&mut story, "You've hit your session limit · resets 6am");
    story.pass_s(60);
    for minute in 0..30 {
        shows(&mut story, &format!("You've hit your session limit · resets 6am\nredrawn {minute}"));
        story.pass_s(60);
    }
    assert_eq!(story.saved.limits.len(), 1, "its screen was redrawn thirty times");
    for second in 0..20 {
        shows(&mut story, &format!("{second} s, esc to interrupt"));
        story.pass_s(1);
    }
    assert!(story.saved.limits.is_empty(), "it works");
    assert_eq!(story.pane("worker").run, 1);
}

#[test]
fn rule_9_the_newest_waiting_until_counts_and_only_as_the_last_word() {
    let mut story = begin(WATCHED);
    shows(&mut story, "WAITING-UNTIL: 2026-06-13T03:00:00Z\nnot yet\nWAITING-UNTIL: 2026-06-13T04:20:00Z");
    story.pass_s(20 * 60 + 60);
    assert_eq!(story.pane("worker").run, 1, "an old one above a valid one kills no good waiter");
    shows(&mut story, "esc to interrupt");
    story.pass_s(5);
    shows(&mut story, "WAITING-UNTIL: 2026-06-13T09:00:00Z\nand I went on to something else");
    story.pass_s(330);
    assert_eq!(story.pane("worker").run, 2, "what it said before its last word is history");
}

#[test]
fn rule_10_a_name_that_begins_another_one_is_not_taken_for_it() {
    let mut story = Story::new(&ONE.replace("name = \"worker\"", "name = \"worker3\""));
    story.pass_s(5);
    let answer = story.send("worker", "who is there?", 5);
    story.pass_s(10);
    assert!(matches!(story.replies[&answer], Reply::Failed { .. }));
    assert!(story.pane("worker3").taken.is_empty());
}

#[test]
fn rule_13_only_new_subjects_that_match_tell_anybody_anything() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.push("docs: the word claim(p1) in the middle, and review", &[]);
    story.push("wip", &[("machine-docs/STATUS-1.md", Some("claim(p1): gate one\nreview(p1): PASS\n"))]);
    story.pass_s(60);
    assert!(story.panes.values().all(|pane| pane.taken.is_empty()), "prose and files are no claims");
    story.push("claim(p1): gate one", &[]);
    story.pass_s(60);
    story.push("wip", &[("machine-docs/STATUS-1.md", Some("claim(p1): gate one\nreview(p1): PASS\n"))]);
    story.pass_s(3600);
    assert_eq!(story.pane("adversary").taken.len(), 1, "told on the edge, and once");
    assert!(story.pane("builder").taken.is_empty());
}

/// A program that leaves its last status line standing.
const FOOTER: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
[backend.tui]
bin = "agent"
prompt_delivery = "exec"
active_re = "esc interrupt"
footer_ui = true
log_grace = 180
stall_idle = 300
[[agent]]
name = "worker"
backend = "tui"
watch = "heal+stall"
prompt = "work"
"#;

#[test]
fn rule_18_of_a_footer_tui_the_bottom_rows_and_what_it_wrote_of_late_are_activity() {
    let mut story = begin(FOOTER);
    let rows = "\n-".repeat(12);
    shows(&mut story, &format!("esc interrupt{rows}"));
    story.pass_s(180 + 290);
    assert_eq!(story.pane("worker").run, 1, "it wrote 470 s ago: within the grace and the time that it may be idle");
    story.pass_s(20);
    assert_eq!(story.pane("worker").run, 2, "a status line that stands above the footer is no work");
    story.pass_s(5);
    shows(&mut story, "esc interrupt");
    story.pass_s(3600);
    assert_eq!(story.pane("worker").run, 2, "one in the footer is");
    for _ in 0..20 {
        shows(&mut story, &format!("esc interrupt{rows}"));
        story.pass_s(170);
    }
    assert_eq!(story.pane("worker").run, 2, "and so is what it writes within the grace");
}

/// Returns one more agent of the same backend.
fn another(name: &str) -> String {
    format!("[[agent]]\nname = \"{name}\"\nbackend = \"box\"\nprompt = \"work\"\n")
}

#[test]
fn pings_at_once_to_programs_that_hang_delay_nobody() {
    let mut text = ONE.to_owned();
    text.extend(["two", "three", "four", "five"].map(another));
    let mut story = begin(&text);
    for name in ["worker", "two", "three", "four"] {
        story.pane(name).hangs = true;
        story.send(name, "are you there?", 600);
    }
    story.send("five", "and you?", 600);
    story.pass_s(1);
    assert_eq!(story.pane("five").taken, ["and you?"]);
    story.pass_s(600);
    let keys = story.pane("two").unread.matches('\n').count();
    assert!((1..=20).contains(&keys), "{keys} keys into a program that hangs");
}

#[test]
fn limit_windows_that_end_together_get_one_probe() {
    let mut text = WATCHED.to_owned();
    let names = ["two", "three", "four", "five"];
    text.extend(names.map(another));
    let mut story = begin(&text);
    for name in names.into_iter().chain(["worker"]) {
        "You've hit your session limit · resets 5am".clone_into(&mut story.pane(name).above);
        story.output(name);
    }
    story.pass_s(3660);
    let asked = story.panes.values().map(|pane| pane.taken.len()).sum::<usize>();
    assert_eq!(asked, 1);
}

/// The rows that read a limit menu, as the presets name them.
const MENU: &str = r#"
[[backend.box.rules]]
name = "limit-menu-wait-selected"
region = "dialog"
meaning = "limit-menu"
priority = 102
re = '^ *❯ \d\. Stop and wait'
[[backend.box.rules]]
name = "limit-menu"
region = "dialog"
meaning = "limit-menu"
priority = 101
re = '^ *\d\. Stop and wait'
"#;

#[test]
fn a_limit_menu_is_answered_once_and_only_where_waiting_is_what_is_selected() {
    let text = WATCHED.replace("[[agent]]", &format!("{MENU}[[agent]]"));
    let banner = "You've hit your session limit · resets 6am\n";
    let menu = |above: &str| format!("{banner}\n{}\n  What do you want to do?\n{above}", "─".repeat(200));
    let mut story = begin(&text);
    story.pane("worker").dialog = true;
    shows(&mut story, &menu("❯ 1. Upgrade your plan\n  2. Stop and wait for limit to reset"));
    story.pass_s(300);
    assert!(!story.told().contains("gets Enter"), "Enter would buy something");
    assert_eq!(story.saved.limits.len(), 1, "held all the same");
    let waits = menu("  1. Upgrade your plan\n❯ 2. Stop and wait for limit to reset");
    for _ in 0..4 {
        shows(&mut story, &waits);
        story.pass_s(150);
    }
    assert_eq!(story.told().matches("worker gets Enter").count(), 1);
    story.pane("worker").dialog = false;
    shows(&mut story, banner);
    story.pass_s(6600);
    assert_eq!(story.pane("worker").taken.len(), 1, "asked to go on after the named time");
    story.pane("worker").dialog = true;
    shows(&mut story, &waits);
    story.pass_s(60);
    assert_eq!(story.told().matches("worker gets Enter").count(), 1, "another menu is answered as well");
    assert_eq!(story.pane("worker").run, 1);
}

#[test]
fn a_program_that_continues_by_itself_is_not_typed_into() {
    let rule = "[[backend.box.rules]]\nname = \"auto\"\nregion = \"anywhere\"\nmeaning = \"continues-by-itself\"\n\
                priority = 85\nre = 'continuing automatically'\n";
    let mut story = begin(&WATCHED.replace("[[agent]]", &format!("{rule}[[agent]]")));
    shows(&mut story, "You've hit your session limit · resets 5am\ncontinuing automatically at 5am");
    story.pass_s(3600 + 40);
    assert!(story.pane("worker").taken.is_empty());
    for second in 0..20 {
        shows(&mut story, &format!("{second} s, esc to interrupt"));
        story.pass_s(1);
    }
    assert!(story.saved.limits.is_empty(), "it went on by itself, and so the account is open");
    assert!(story.pane("worker").taken.is_empty(), "it needs no word");
    assert_eq!(story.pane("worker").run, 1);
}
