//! Who of a held account is asked and who follows, turn by turn, each as a script of moments.

use crate::story::telling::shows;
use crate::story::{Story, send_queued};
use agent_orchestrator::policy::agent_event::{Refusal, Told};
use agent_orchestrator::policy::observation::Exit;

/// Four agents of one account that show what they do.
fn fleet() -> String {
    let head = r#"
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
submit_key = "Enter"
stall_idle = 100000
"#;
    let agents = ["one", "two", "three", "four"].map(|name| format!("[[agent]]\nname = \"{name}\"\nprompt = \"x\"\n"));
    format!("{head}{}", agents.concat())
}

const BANNER: &str = "You've hit your session limit · resets 6am";

/// Begins with everybody held until 6 o'clock, one after another.
fn held() -> Story {
    let mut story = Story::new(&fleet());
    story.pass_s(5);
    for agent in ["one", "two", "three", "four"] {
        shows(&mut story, agent, BANNER);
        story.pass_s(2);
    }
    story.told();
    story
}

/// Returns when each agent took something, and what came of the account.
fn taken(story: &mut Story) -> String {
    let told = story.told();
    told.lines().filter(|line| line.contains(" takes: ") || line.contains("account ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_follows_the_canary_does_so_five_seconds_apart_and_keeps_what_waits_for_it() {
    let mut story = held();
    story.ask(send_queued("one", "for one"));
    story.ask(send_queued("three", "for three"));
    story.pass_s(7250);
    for second in 0..12 {
        shows(&mut story, "one", &format!("{second} s, esc to interrupt"));
        story.pass_s(1);
    }
    shows(&mut story, "one", "done");
    for agent in ["two", "three", "four"] {
        shows(&mut story, agent, "");
    }
    story.pass_s(60);
    expect_test::expect![[r"
        7245.0 one: account box: probe 1 asks one to go on
        7245.3 host: one takes: supervisor: please go on where you stopped. Pull first, and read your status and review files again.
        7250.0 one: account box is still held
        7271.7 one: account box is open again after 7266 s: one works
        7276.0 host: one takes: for one
        7277.0 host: two takes: supervisor: you can work again. Pull, read your status and review files again, and go on where you stopped.
        7282.0 host: three takes: for three
        7282.4 host: three takes: supervisor: you can work again. Pull, read your status and review files again, and go on where you stopped.
        7287.0 host: four takes: supervisor: you can work again. Pull, read your status and review files again, and go on where you stopped."]].assert_eq(&taken(&mut story));
    assert!(story.saved.limits.is_empty());
}

#[test]
fn a_canary_that_answers_and_rests_without_a_banner_has_opened_the_account() {
    let mut story = held();
    story.pass_s(7233);
    shows(&mut story, "one", "I go on where I stopped. It is done.");
    story.pass_s(60);
    expect_test::expect![[r"
        7245.0 one: account box: probe 1 asks one to go on
        7245.3 host: one takes: supervisor: please go on where you stopped. Pull first, and read your status and review files again.
        7250.0 one: account box is open again after 7244 s: one works
        7255.3 host: two takes: supervisor: you can work again. Pull, read your status and review files again, and go on where you stopped.
        7260.3 host: three takes: supervisor: you can work again. Pull, read your status and review files again, and go on where you stopped.
        7265.3 host: four takes: supervisor: you can work again. Pull, read your status and review files again, and go on where you stopped."]].assert_eq(&taken(&mut story));
    assert!(story.saved.limits.is_empty());
}

#[test]
fn a_canary_that_does_nothing_is_fruitless_after_three_minutes_and_the_next_probe_comes_at_the_flat_cadence() {
    let mut story = held();
    story.pass_s(7200 + 1200);
    expect_test::expect![[r"
        7245.0 one: account box: probe 1 asks one to go on
        7245.3 host: one takes: supervisor: please go on where you stopped. Pull first, and read your status and review files again.
        7250.0 one: account box is still held
        7550.0 one: account box: probe 2 asks one to go on
        7550.3 host: one takes: supervisor: please go on where you stopped. Pull first, and read your status and review files again.
        7555.0 one: account box is still held
        7855.0 one: account box: probe 3 asks one to go on
        7855.3 host: one takes: supervisor: please go on where you stopped. Pull first, and read your status and review files again.
        7860.0 one: account box is still held after 3 probes; probes go on at the flat cadence
        8160.0 one: account box: probe 4 asks one to go on
        8160.3 host: one takes: supervisor: please go on where you stopped. Pull first, and read your status and review files again.
        8165.0 one: account box is still held"]].assert_eq(&taken(&mut story));
    assert_eq!(story.saved.limits.len(), 1);
}

#[test]
fn who_cannot_be_asked_is_passed_over_once_and_the_next_one_is_asked_at_once() {
    let mut story = held();
    story.pass_s(6000);
    story.pane("one").input = "a person's words".to_owned();
    story.output("one");
    story.dies("two", Exit::Code(1));
    story.down(&["three"]);
    story.pass_s(1300);
    assert!(story.pane("one").taken.is_empty() && !story.panes.contains_key("three"));
    expect_test::expect![[r"
        7245.0 four: account box: probe 1 asks four to go on
        7245.3 host: four takes: supervisor: please go on where you stopped. Pull first, and read your status and review files again.
        7250.0 four: account box is still held"]].assert_eq(&taken(&mut story));
}

#[test]
fn nobody_of_a_held_account_is_asked_twice_for_the_same_probe_time() {
    let mut story = held();
    story.pass_s(7300);
    story.kill_supervisor();
    story.wake();
    story.pass_s(60);
    let asked: usize = ["one", "two", "three", "four"].map(|name| story.pane(name).taken.len()).iter().sum();
    assert_eq!(asked, 1, "{}", taken(&mut story));
}

#[test]
fn a_canary_that_is_refused_for_another_reason_has_proven_nothing() {
    let mut story = held();
    story.pane("one").tells = true;
    story.pass_s(7233);
    shows(&mut story, "one", "");
    let text = "API Error: Repeated 529 Overloaded errors".to_owned();
    story.tell("one", Told::Refused { kind: Refusal::Overload, text, resets_at: None });
    story.pass_s(60);
    assert_eq!(story.saved.limits.len(), 1, "{}", taken(&mut story));
    assert!(story.pane("two").taken.is_empty());
    for _ in 0..600 {
        story.pass_s(1);
        if story.pane("one").taken.len() == 2 {
            break;
        }
    }
    assert_eq!(story.pane("one").taken.len(), 2, "asked again: {}", taken(&mut story));
    story.pass_s(3);
    story.tell("one", Told::Idle { ended: true });
    story.pass_s(10);
    assert!(story.saved.limits.is_empty(), "and its work opens the account");
}

#[test]
fn a_probe_that_may_not_have_arrived_has_no_answer_in_a_rest() {
    let mut story = held();
    shows(&mut story, "one", "");
    story.pane("one").loses_pastes = 2;
    story.pass_s(7230);
    for _ in 0..60 {
        story.output("one");
        story.pass_s(1);
    }
    let told = story.told();
    assert!(story.pane("one").taken.is_empty() && told.contains("unconfirmed"), "{told}");
    assert_eq!(story.saved.limits.len(), 1, "{told}");
    story.pass_s(600);
    let told = story.told();
    assert_eq!(story.pane("one").taken.len(), 1, "the next probe has arrived, and is answered: {told}");
    assert!(story.saved.limits.is_empty(), "{told}");
}

#[test]
fn a_probe_that_was_not_typed_yet_is_not_typed_once_the_account_is_open() {
    let mut story = held();
    "a draft of a person".clone_into(&mut story.pane("one").input);
    story.pass_s(7233);
    assert!(story.told().contains("probe 1 asks one to go on"), "before anybody has seen the draft");
    for second in 0..12 {
        shows(&mut story, "two", &format!("{second} s, esc to interrupt"));
        story.pass_s(1);
    }
    story.pane("one").input.clear();
    shows(&mut story, "one", "");
    story.pass_s(60);
    let taken = story.pane("one").taken.join("\n");
    assert!(!taken.contains("please go on where you stopped"), "{taken}");
}
