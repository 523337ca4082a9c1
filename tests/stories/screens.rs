//! Known screens that are answered with a set text, each as a script of moments.

use crate::story::Story;
use agent_orchestrator::policy::request::Request;

/// An agent whose context fills, and which is told to compact it.
const FLEET: &str = r#"
[notify]
command = ["tell-me"]
[defaults]
session_prefix = "x-"
log_dir = "logs"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "usage limit"
submit_key = "Enter"
queues_while_busy = true
answers = { context-low = "/compact" }
answer_pause = 600
[[backend.box.rules]]
name = "context-low"
region = "anywhere"
meaning = "context"
re = '^context left: \d%'
[[agent]]
name = "worker"
backend = "box"
watch = "heal"
prompt = "work"
"#;

fn shows(story: &mut Story, text: &str) {
    text.clone_into(&mut story.pane("worker").above);
    story.output("worker");
}

/// Begins with the agent running and nothing told.
fn begin() -> Story {
    let mut story = Story::new(FLEET);
    story.pass_s(10);
    story.told();
    story
}

#[test]
fn w8_a_known_screen_is_answered_once_and_again_after_a_pause() {
    let mut story = begin();
    shows(&mut story, "context left: 4%");
    story.pass_s(300);
    shows(&mut story, "compacted");
    story.pass_s(60);
    shows(&mut story, "context left: 3%");
    story.pass_s(600);
    expect_test::expect![[r"
        10.7 worker: shows `context left: 4%` and is told `/compact`
        13.3 host: worker takes: /compact
        13.4 worker: message m1 delivered: /compact
        610.7 worker: shows `context left: 3%` and is told `/compact`
        611.0 host: worker takes: /compact
        611.1 worker: message m2 delivered: /compact
    "]]
    .assert_eq(&story.told());
}

#[test]
fn w8_a_screen_that_stays_is_answered_three_times_and_told_once() {
    let mut story = begin();
    shows(&mut story, "context left: 4%");
    story.pass_s(7200);
    assert_eq!(story.pane("worker").taken, ["/compact"; 3]);
    assert_eq!(story.told().matches("still shows `context left: 4%` after 3 answers").count(), 1);
    assert_eq!(story.notified.len(), 1, "{:?}", story.notified);
    shows(&mut story, "compacted");
    story.pass_s(600);
    shows(&mut story, "context left: 9%");
    story.pass_s(60);
    assert_eq!(story.pane("worker").taken.len(), 4, "a screen that went and came back is answered again");
}

#[test]
fn w8_an_agent_at_work_is_not_answered_and_a_screen_that_changes_takes_the_answer_back() {
    let mut story = begin();
    shows(&mut story, "context left: 4%\nworking, esc to interrupt");
    story.pass_s(120);
    assert_eq!(story.pane("worker").taken.len(), 0);
    story.pane("worker").input = "a draft of a person".to_owned();
    shows(&mut story, "context left: 4%");
    story.pass_s(60);
    assert_eq!(story.pane("worker").taken.len(), 0, "a draft is left alone");
    story.pane("worker").input.clear();
    shows(&mut story, "compacted by itself");
    story.pass_s(60);
    assert_eq!(story.pane("worker").taken.len(), 0);
    assert_eq!(story.pane("worker").input, "", "and not typed at all");
    assert!(story.told().contains("was taken back: the screen has changed"));
}

/// Returns what explain tells of the next answer.
fn next(story: &Story) -> Vec<String> {
    let explanation = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain("worker", story.now));
    let next = explanation.expect("an agent").next;
    next.into_iter().filter(|line| line.contains("answered")).collect()
}

#[test]
fn w8_explain_says_when_a_screen_is_answered_next_and_that_one_that_stays_is_not() {
    let mut story = begin();
    let mut told = Vec::new();
    shows(&mut story, "context left: 4%");
    for seconds in [60, 600, 600, 600] {
        story.pass_s(seconds);
        told.extend(next(&story));
    }
    expect_test::expect![[r"
        `context-low` is answered in 540 s if it stays, with `/compact`
        `context-low` is answered in 540 s if it stays, with `/compact`
        `context-low` is not answered again while it stays
        `context-low` is not answered again while it stays"]]
    .assert_eq(&told.join("\n"));
    let mut story = Story::new(REFUSED);
    story.pass_s(10);
    shows(&mut story, "API Error: 529 overloaded");
    story.pass_s(3600);
    assert!(next(&story)[0].contains("`overloaded` is answered in"), "however often: {:?}", next(&story));
}

#[test]
fn w8_a_screen_is_told_to_stay_when_the_third_answer_has_had_its_time() {
    let mut story = begin();
    shows(&mut story, "context left: 4%");
    story.pass_s(1750);
    assert_eq!((story.pane("worker").taken.len(), story.notified.len()), (3, 0));
    story.pass_s(100);
    assert_eq!(story.notified.len(), 1);
}

#[test]
fn w8_an_answer_that_waits_is_not_joined_by_another() {
    let mut story = begin();
    story.pane("worker").input = "a draft of a person".to_owned();
    shows(&mut story, "context left: 4%");
    story.pass_s(3000);
    assert_eq!(story.told().matches("is told `/compact`").count(), 1);
    assert_eq!(story.saved.agents["worker"].queue.len(), 1);
}

#[test]
fn w8_who_starts_is_held_or_needs_a_person_is_told_nothing() {
    let is_told = |fleet: &str, screen: &str| {
        let mut story = Story::new(fleet);
        story.pass_s(2);
        shows(&mut story, screen);
        story.pass_s(100);
        story.told().contains("is told `/compact`")
    };
    let starts = FLEET.replace("answer_pause", "ready_re = \"^all set\"\nready_max = 1000\nanswer_pause");
    assert!(!is_told(&starts, "context left: 4%") && is_told(&starts, "all set\ncontext left: 4%"));
    assert!(!is_told(FLEET, "context left: 4%\nusage limit reached, resets at 05:00"));
    let login = "[[backend.box.rules]]\nname = \"login\"\nregion = \"anywhere\"\nmeaning = \"login\"\nre = '^log in'\n";
    let asks = FLEET.replace("[[agent]]", &format!("{login}[[agent]]"));
    assert!(!is_told(&asks, "log in\ncontext left: 4%") && is_told(&asks, "context left: 4%"));
}

#[test]
fn w8_the_pause_and_the_count_survive_a_restart_of_the_supervisor() {
    let mut story = begin();
    shows(&mut story, "context left: 4%");
    story.pass_s(60);
    for _ in 0..5 {
        story.kill_supervisor();
        story.wake();
        story.pass_s(60);
    }
    assert_eq!(story.pane("worker").taken, ["/compact"]);
    story.pass_s(3600);
    assert_eq!(story.pane("worker").taken.len(), 3);
}

#[test]
fn w8_in_a_hold_nothing_is_answered() {
    let mut story = begin();
    shows(&mut story, "context left: 4%\nusage limit reached, resets at 05:00");
    story.pass_s(1800);
    assert_eq!(story.pane("worker").taken.len(), 0);
}

/// An agent whose program shows a spinner that a rule of a preset's kind reads.
const SPINNER: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
submit_key = "Enter"
stall_idle = 300
[[backend.box.rules]]
name = "spinner"
region = "last 10"
meaning = "working"
re = 'esc to interrupt'
[[agent]]
name = "worker"
backend = "box"
watch = "heal+stall"
prompt = "work"
"#;

#[test]
fn a_spinner_that_stands_still_is_no_work_and_one_that_moves_is() {
    let mut story = Story::new(SPINNER);
    story.pass_s(5);
    for second in 0..1200 {
        shows(&mut story, &format!("({second} s, esc to interrupt)"));
        story.pass_s(1);
    }
    assert_eq!(story.pane("worker").run, 1, "it moves");
    story.pass_s(590);
    assert_eq!(story.pane("worker").run, 1, "frozen after 300 s, and idle for less than 300 s since");
    story.pass_s(20);
    assert_eq!(story.pane("worker").run, 2);
    assert!(story.told().contains("idle for 300 s without WAITING-UNTIL"));
}

#[test]
fn a_text_of_ones_own_active_re_may_stand_still() {
    let text = SPINNER.replace("stall_idle", "active_re = \"building\"\nstall_idle");
    let mut story = Story::new(&text);
    story.pass_s(5);
    shows(&mut story, "building");
    story.pass_s(7200);
    assert_eq!(story.pane("worker").run, 1);
}

/// An agent whose program gives up when the service is overloaded.
const REFUSED: &str = r#"
[notify]
command = ["tell-me"]
[defaults]
session_prefix = "x-"
log_dir = "logs"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
submit_key = "Enter"
[[backend.box.rules]]
name = "overloaded"
region = "anywhere"
meaning = "refused"
priority = 70
re = '^API Error: 529'
[[agent]]
name = "worker"
backend = "box"
watch = "heal"
prompt = "work"
"#;

#[test]
fn a_refusal_that_is_no_limit_gets_a_word_to_go_on_once_the_agent_stays_idle() {
    let mut story = Story::new(REFUSED);
    story.pass_s(10);
    shows(&mut story, "API Error: 529 overloaded\nretrying, esc to interrupt");
    story.pass_s(600);
    shows(&mut story, "API Error: 529 overloaded");
    story.told();
    story.pass_s(299);
    assert_eq!(story.pane("worker").taken.len(), 0, "it may go on by itself");
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["Go on where you stopped."]);
    story.pass_s(3600);
    assert_eq!(story.pane("worker").taken.len(), 12, "300 s after it rests again, for ever");
    assert_eq!(story.notified.len(), 1, "told once");
    assert!(story.saved.limits.is_empty(), "no account is held for it");
    assert_eq!(story.pane("worker").run, 1);
}

#[test]
fn a_refused_agent_that_nobody_watches_is_left_alone() {
    let mut story = Story::new(&REFUSED.replace("watch = \"heal\"", "watch = \"none\""));
    story.pass_s(10);
    shows(&mut story, "API Error: 529 overloaded");
    story.pass_s(3600);
    assert_eq!(story.pane("worker").taken.len(), 0);
}

#[test]
fn a_canary_whose_screen_shows_another_refusal_has_proven_nothing() {
    let mut story = Story::new(&REFUSED.replace("active_re", "limit_re = \"usage limit\"\nactive_re"));
    story.pass_s(10);
    shows(&mut story, "usage limit reached");
    story.pass_s(5);
    story.ask(Request::Probe { name: "worker".to_owned() });
    story.pass_s(2);
    assert_eq!(story.pane("worker").taken.len(), 1);
    shows(&mut story, "API Error: 529 overloaded");
    story.pass_s(60);
    assert_eq!(story.saved.limits.len(), 1);
}

#[test]
fn a_screen_that_stands_is_looked_at_again_when_the_rules_change() {
    let mut story = begin();
    shows(&mut story, "Context used: 97 %");
    story.pass_s(60);
    assert_eq!(story.told(), "", "no rule knows it");
    story.edit(&FLEET.replace("context left: \\d%", "Context used: 9\\d %"));
    story.pass_s(5);
    assert!(story.told().contains("shows `Context used: 97 %` and is told `/compact`"));
}
