//! When a draft is told, and when what stands in the box is a message that was taken before; each as a script of moments.

use std::time::Duration;

use crate::story::fleets::ONE;
use crate::story::telling::LONG;
use crate::story::{Story, send_queued, telling};
use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::agent_event::Told;
use agent_orchestrator::policy::now::{Mono, Now};
use agent_orchestrator::policy::observation::{Exit, Observation};

const SENT: &str = "hello there, have a look";
const BUSY: &str = "esc to interrupt";
const BLOCKED: &str = "a draft has blocked messages for 60 s";
const AGAIN: &str = "is submitted once more";

/// Begins with an agent whose drafts are told after a minute.
fn begin() -> Story {
    begin_with(ONE)
}

fn begin_with(fleet: &str) -> Story {
    let mut story = Story::new(&format!("[watchdog]\ndraft_alarm = 60\n{fleet}"));
    story.pass_s(5);
    story
}

/// Something stands in the box, put there by nobody's message.
fn stands(story: &mut Story, text: &str) {
    text.clone_into(&mut story.pane("worker").input);
    story.output("worker");
}

fn sends(story: &mut Story, text: &str) {
    story.ask(send_queued("worker", text));
}

/// What has arrived stands in the box again, and keeps another message back.
fn stands_again(fleet: &str, sent: &[&str], above: &str) -> Story {
    let mut story = begin_with(fleet);
    for text in sent {
        sends(&mut story, text);
        story.pass_s(5);
    }
    assert_eq!(story.pane("worker").taken, sent);
    above.clone_into(&mut story.pane("worker").above);
    stands(&mut story, sent[0]);
    sends(&mut story, "the next");
    story
}

#[test]
fn a_draft_counts_from_when_it_came_though_a_look_at_it_failed() {
    let mut story = begin();
    stands(&mut story, "rm -rf ");
    sends(&mut story, "go on");
    story.pass_s(30);
    story.pane("worker").unreadable = true;
    story.output("worker");
    story.pass_s(10);
    story.pane("worker").unreadable = false;
    story.pass_s(25);
    assert!(story.told().contains(BLOCKED));
}

#[test]
fn a_draft_is_told_when_it_has_kept_a_message_back_for_so_long() {
    let mut story = begin();
    stands(&mut story, "rm -rf ");
    story.pass_s(100);
    sends(&mut story, "go on");
    story.pass_s(50);
    assert!(!story.told().contains(BLOCKED), "the message came after it");
    story.pass_s(15);
    assert!(story.told().contains(BLOCKED));

    let mut story = begin();
    story.pane("worker").above = BUSY.to_owned();
    story.output("worker");
    sends(&mut story, "go on");
    story.pass_s(50);
    story.pane("worker").above.clear();
    stands(&mut story, "rm -rf ");
    story.pass_s(50);
    assert!(!story.told().contains(BLOCKED), "and this one before it");
    story.pass_s(15);
    assert!(story.told().contains(BLOCKED));
}

#[test]
fn only_a_long_text_is_taken_for_one_that_stands_again_and_in_no_turn_that_it_would_disturb() {
    let count = |fleet: &str, sent: &[&str], above: &str| {
        let mut story = stands_again(fleet, sent, above);
        story.pass_s(70);
        story.told().matches(AGAIN).count()
    };
    let queues = ONE.replace("active_re", "queues_while_busy = true\nactive_re");
    assert_eq!(count(ONE, &[SENT], ""), 1);
    assert_eq!(count(ONE, &[SENT, "and there"], ""), 1, "the newest is not the only one");
    assert_eq!(count(ONE, &[SENT], BUSY), 0);
    assert_eq!(count(&queues, &[SENT], BUSY), 1, "it takes messages in its turn");
    assert_eq!(count(ONE, &["have a look"], ""), 0, "a person may write the same");
    assert_eq!(count(ONE, &["/compact and keep the plan"], ""), 0, "or give the same command");
}

#[test]
fn what_stands_again_is_looked_at_once_right_before_it_is_submitted() {
    let mut story = stands_again(ONE, &[SENT], "");
    story.pass_s(59);
    story.pane("worker").input.push_str(" and more");
    story.pass_s(10);
    assert_eq!(story.pane("worker").taken, [SENT], "a person goes on typing");

    let mut story = stands_again(ONE, &[SENT], "");
    story.pass_s(59);
    let now = Now { mono: Mono(story.now.mono.0 + Duration::from_secs(5)), ..story.now };
    let supervisor = story.supervisor.as_mut().expect("a supervisor");
    let looks = [(); 2].map(|()| {
        let turn = supervisor.step(&[Observation::Deadline], now);
        turn.actions.iter().filter(|action| matches!(action, Action::Look { .. })).count()
    });
    assert_eq!(looks, [1, 0], "nobody asks again before the answer");
}

#[test]
fn what_stands_again_and_can_be_nobodys_draft_is_submitted_soon() {
    let again_after = |before: bool, shown: &str, seconds: u64| {
        let mut story = begin();
        story.pane("worker").unattended = before;
        sends(&mut story, SENT);
        story.pass_s(30);
        assert_eq!(story.pane("worker").taken, [SENT]);
        story.pane("worker").unattended = true;
        stands(&mut story, shown);
        sends(&mut story, "the next");
        story.pass_s(seconds);
        (story.told().matches(AGAIN).count(), story.pane("worker").taken.len())
    };
    assert_eq!(again_after(true, SENT, 9), (0, 1));
    assert_eq!(again_after(true, SENT, 15), (1, 3));
    assert_eq!(again_after(true, &SENT[..18], 15), (1, 3), "a box may show a part of it");
    assert_eq!(again_after(true, "rm -rf build", 15), (0, 1), "what is no message of ours is left alone");
    assert_eq!(again_after(false, SENT, 15), (0, 1), "a terminal was there when its box was empty");
    assert_eq!(again_after(false, SENT, 70), (1, 3), "then it has the time of a draft");
}

#[test]
fn what_stands_again_and_was_told_to_be_submitted_is_taken_out() {
    let fleet = ONE.replace("submit_key", "clear_key = \"C-u\"\nsubmit_key");
    let goes_past = |tells: bool, unattended: bool| {
        let mut story = begin_with(&fleet);
        story.pane("worker").tells = tells;
        story.pane("worker").unattended = unattended;
        let rests = |story: &mut Story| {
            if tells {
                story.tell("worker", Told::Idle { ended: true });
            }
        };
        rests(&mut story);
        sends(&mut story, SENT);
        story.pass_s(30);
        rests(&mut story);
        story.pass_s(5);
        story.told();
        stands(&mut story, SENT);
        sends(&mut story, "the next");
        story.pass_s(15);
        let told = story.told();
        (told.matches("is taken out").count(), told.matches(AGAIN).count(), story.pane("worker").taken.join("; "))
    };
    assert_eq!(goes_past(true, true), (1, 0, format!("{SENT}; the next")));
    assert_eq!(goes_past(false, true), (0, 1, format!("{SENT}; {SENT}; the next")), "nobody knows that it came");
    assert_eq!(goes_past(true, false), (0, 0, SENT.to_owned()), "it may be a person's");
}

/// What has arrived stands in a box that nobody else can have typed into, and another message waits.
fn stands_alone(story: &mut Story, agent: &str, text: &str, seconds: u64) -> String {
    text.clone_into(&mut story.pane(agent).input);
    story.output(agent);
    story.ask(send_queued(agent, "the next"));
    story.pass_s(seconds);
    story.told()
}

#[test]
fn of_two_texts_that_a_box_shows_alike_both_must_have_been_told_to_be_taken_out() {
    let mut story = begin_with(&ONE.replace("submit_key", "clear_key = \"C-u\"\nsubmit_key"));
    story.pane("worker").unattended = true;
    sends(&mut story, SENT);
    story.pass_s(30);
    story.pane("worker").tells = true;
    story.tell("worker", Told::Idle { ended: true });
    sends(&mut story, &format!("{SENT} at the second gate"));
    story.pass_s(30);
    story.tell("worker", Told::Idle { ended: true });
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken.len(), 2, "{}", story.told());
    let told = stands_alone(&mut story, "worker", SENT, 15);
    assert!(told.contains(AGAIN) && !told.contains("is taken out"), "{told}");
}

#[test]
fn what_stands_again_after_it_was_submitted_once_more_is_left_to_a_person() {
    let mut story = begin();
    story.pane("worker").unattended = true;
    let other = "another text that is long enough";
    for text in [SENT, other] {
        sends(&mut story, text);
        story.pass_s(10);
    }
    assert!(stands_alone(&mut story, "worker", SENT, 20).contains(AGAIN));
    assert!(!stands_alone(&mut story, "worker", SENT, 200).contains(AGAIN));
    story.pane("worker").input.clear();
    story.output("worker");
    story.pass_s(20);
    assert!(stands_alone(&mut story, "worker", other, 20).contains(AGAIN), "which says nothing of another text");
}

#[test]
fn a_program_that_shows_again_whatever_it_takes_is_left_to_a_person_in_the_end() {
    let mut story = begin();
    story.pane("worker").unattended = true;
    let mut count = 0;
    for number in 0..55 {
        let text = format!("the text of this number is {number}");
        sends(&mut story, &text);
        story.pass_s(10);
        count += stands_alone(&mut story, "worker", &text, 20).matches(AGAIN).count();
        story.pane("worker").input.clear();
        story.output("worker");
        story.pass_s(10);
    }
    assert_eq!(count, 50);
}

#[test]
fn what_a_program_keeps_for_after_its_turn_is_not_submitted_once_more_before_that() {
    let mut story = telling::in_a_turn();
    story.pane("one").unattended = true;
    telling::works(&mut story, "one", 5);
    story.told();
    LONG.clone_into(&mut story.pane("one").input);
    story.ask(send_queued("one", "the next"));
    telling::works(&mut story, "one", 40);
    assert!(!story.told().contains(AGAIN), "its turn may come yet");
    story.tell("one", Told::Idle { ended: true });
    telling::shows(&mut story, "one", "");
    story.pass_s(5);
    assert!(story.told().contains(AGAIN), "it has not");
}

#[test]
fn what_has_come_and_stands_again_is_submitted_once_more_though_a_turn_runs() {
    let mut story = Story::new(&telling::PAIR.replace("supports_resume", "queues_while_busy = true\nsupports_resume"));
    story.pane("one").tells = true;
    story.pane("one").unattended = true;
    story.pass_s(10);
    story.tell("one", Told::Idle { ended: true });
    story.ask(send_queued("one", LONG));
    story.pass_s(10);
    assert_eq!((story.pane("one").taken.len(), story.saved.agents["one"].kept.len()), (1, 0));
    story.tell("one", Told::Working);
    telling::works(&mut story, "one", 5);
    story.told();
    LONG.clone_into(&mut story.pane("one").input);
    story.ask(send_queued("one", "the next"));
    telling::works(&mut story, "one", 15);
    assert!(story.told().contains(AGAIN));
}

#[test]
fn what_was_taken_before_is_not_given_to_the_next_program() {
    let mut story = stands_again(ONE, &[SENT], "");
    story.pane("worker").swallows = u32::MAX;
    story.pass_s(70);
    assert!(story.told().contains(AGAIN));
    story.pane("worker").taken.clear();
    story.dies("worker", Exit::Code(1));
    story.pass_s(20);
    assert_eq!(story.pane("worker").taken, ["the next"]);
}
