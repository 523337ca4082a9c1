//! Rules and breaking points of delivery, each as a script of moments.

use std::time::Duration;

use crate::story;
use crate::story::fleets::{ONE, failed};
use crate::story::{Story, send_queued};
use agent_orchestrator::policy::message::Progress;
use agent_orchestrator::policy::observation::Exit;
use agent_orchestrator::policy::request::{Reason, Reply, Request};

#[test]
fn rule_11_a_swallowed_submit_key_is_pressed_again_and_the_text_typed_once() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").swallows = 3;
    let answer = story.send("worker", "hello there", 30);
    story.pass_s(20);
    assert_eq!(story.pane("worker").taken, ["hello there"]);
    assert!(matches!(story.replies[&answer], Reply::Done { .. }));
}

#[test]
fn a_reader_that_does_not_read_stays_unconfirmed_visible_and_within_bounds() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").swallows = u32::MAX;
    let answer = story.send("worker", "hello there", 30);
    story.told();
    for _ in 0..4000 {
        story.output("worker");
        story.pass_s(1);
    }
    assert_eq!(story.told().matches("stands unsent").count(), 1, "it is told once");
    let (reason, _) = failed(&story.replies[&answer]);
    assert_eq!(reason, Reason::Unconfirmed);
    let swallowed = u32::MAX - story.pane("worker").swallows;
    assert_eq!(swallowed, 20, "the key is pressed a bounded number of times");
    assert_eq!(story.pane("worker").input, "hello there", "the text is typed once");
    story.told();
    let explanation = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain("worker", story.now));
    assert!(explanation.is_some_and(|explanation| explanation.pending[0].contains("not confirmed")));
}

#[test]
fn a_persons_draft_is_left_alone_and_told_after_a_while() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.told();
    story.pane("worker").input = "rm -rf build && ".to_owned();
    let answer = story.send("worker", "go on", 10);
    story.pass_s(11);
    let (reason, error) = failed(&story.replies[&answer]);
    assert_eq!(reason, Reason::InTheWay);
    assert!(error.contains("draft"), "{error}");
    assert_eq!(story.pane("worker").input, "rm -rf build && ");
    story.ask(Request::Send { name: "worker".to_owned(), text: "go on".to_owned(), wait: Duration::ZERO, queue: true });
    story.pass_s(1000);
    assert_eq!(story.told().matches("a draft has blocked messages").count(), 1);
    story.pane("worker").input = String::new();
    story.output("worker");
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["go on"]);
}

/// A text that was pasted, or as often lost, and no submit key yet.
fn just_pasted(lost: u32) -> Story {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").loses_pastes = lost;
    story.send("worker", "go on with gate two", 60);
    story.pass(Duration::from_millis(100));
    story
}

#[test]
fn a_draft_that_is_there_instead_of_the_pasted_text_gets_no_key() {
    let mut story = just_pasted(1);
    story.pane("worker").input = "rm -rf build && ".to_owned();
    story.output("worker");
    story.pass_s(30);
    assert_eq!(story.pane("worker").input, "rm -rf build && ");
    story.pane("worker").input = String::new();
    story.output("worker");
    story.pass_s(5);
    let taken = story.pane("worker").taken.clone();
    assert!(matches!(taken.as_slice(), [text] if text.ends_with("go on with gate two")), "{taken:?}");
}

#[test]
fn a_box_that_is_being_drawn_anew_is_no_draft() {
    let mut story = just_pasted(0);
    for part in ["? for shor", "go", "go on with gate two"] {
        story.pane("worker").input = part.to_owned();
        story.output("worker");
        story.pass(Duration::from_millis(500));
    }
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["go on with gate two"]);
    story.pane("worker").swallows = 3;
    story.send("worker", "and then gate three", 60);
    story.pass(Duration::from_millis(400));
    for part in ["? for shor", "and", "and then gate three"] {
        story.pane("worker").input = part.to_owned();
        story.output("worker");
        story.pass(Duration::from_millis(300));
    }
    story.pass_s(30);
    assert_eq!(story.pane("worker").taken.len(), 2);
}

#[test]
fn a_text_that_was_taken_for_lost_and_stands_there_is_submitted() {
    let mut story = just_pasted(0);
    story.pane("worker").input = "? for shor".to_owned();
    story.output("worker");
    story.pass_s(20);
    story.pane("worker").input = "go on with gate two".to_owned();
    story.output("worker");
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["go on with gate two"]);
    assert!(story.told().contains("delivered: go on with gate two"));
}

#[test]
fn a_text_that_is_shown_after_its_submit_key_has_arrived_when_it_goes() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").hangs = true;
    story.ask(send_queued("worker", "go on with gate two"));
    story.pass_s(7);
    let pane = story.pane("worker");
    assert_eq!(std::mem::take(&mut pane.unread), "go on with gate two\n");
    (pane.hangs, pane.input) = (false, "go on with gate two".to_owned());
    story.output("worker");
    story.pass_s(30);
    assert_eq!(story.pane("worker").taken, ["go on with gate two"]);
    assert!(story.told().contains("message m1 delivered"));
}

#[test]
fn a_person_who_types_behind_the_pasted_text_submits_both() {
    let mut story = just_pasted(0);
    assert_eq!(story.pane("worker").input, "go on with gate two", "pasted, and not submitted yet");
    story.pane("worker").input.push_str(" and then");
    story.output("worker");
    story.pass_s(30);
    assert_eq!(story.pane("worker").input, "go on with gate two and then");
    assert!(story.pane("worker").taken.is_empty());
}

#[test]
fn send_says_why_it_did_not_arrive() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").above = "esc to interrupt".to_owned();
    let busy = story.send("worker", "a", 5);
    story.pass_s(6);
    assert_eq!(failed(&story.replies[&busy]).0, Reason::Busy);
    story.pane("worker").above = String::new();
    story.pane("worker").dialog = true;
    story.output("worker");
    let dialog = story.send("worker", "b", 5);
    story.pass_s(6);
    assert_eq!(failed(&story.replies[&dialog]).0, Reason::InTheWay);
    story.down(&["worker"]);
    let stopped = story.send("worker", "c", 5);
    assert_eq!(failed(&story.replies[&stopped]).0, Reason::NotRunning);
    let nobody = story.send("nobody", "d", 5);
    assert_eq!(failed(&story.replies[&nobody]).0, Reason::Usage);
    let nothing = story.send("worker", " \n", 5);
    assert_eq!(failed(&story.replies[&nothing]).0, Reason::Usage);
}

#[test]
fn send_says_what_took_the_time_where_nothing_is_in_the_way() {
    let mut story = Story::new(ONE);
    let starting = story.send("worker", "a", 0);
    assert_eq!(failed(&story.replies[&starting]), (Reason::Busy, "`worker` is being started and takes no message yet"));
    story.pass_s(60);
    story.pane("worker").swallows = u32::MAX;
    story.ask(Request::Send { name: "worker".to_owned(), text: "c".to_owned(), wait: Duration::ZERO, queue: true });
    story.pass_s(5);
    let behind = story.send("worker", "d", 2);
    story.pass_s(3);
    let (reason, error) = failed(&story.replies[&behind]);
    assert_eq!(reason, Reason::Busy);
    assert_eq!(error, "`worker` had other messages before this one");
}

#[test]
fn at_once_is_one_attempt_and_not_none() {
    let mut story = Story::new(ONE);
    story.pass_s(60);
    let free = story.send("worker", "a", 0);
    story.pass_s(1);
    assert!(matches!(story.replies[&free], Reply::Done { .. }), "{:?}", story.replies[&free]);
    story.pane("worker").above = "esc to interrupt".to_owned();
    story.output("worker");
    let busy = story.send("worker", "b", 0);
    story.pass_s(1);
    assert_eq!(failed(&story.replies[&busy]), (Reason::Busy, "the agent is busy"));
    story.pane("worker").above = String::new();
    story.pane("worker").hangs = true;
    story.output("worker");
    let hangs = story.send("worker", "c", 0);
    story.pass_s(20);
    assert_eq!(failed(&story.replies[&hangs]).0, Reason::Unconfirmed, "typed, and waited for within bounds");
    assert_eq!(story.pane("worker").taken, ["a"]);
}

#[test]
fn who_waits_behind_a_message_that_was_not_typed_is_told_what_is_in_the_way() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").dialog = true;
    story.output("worker");
    story.pass_s(1);
    story.ask(send_queued("worker", "a"));
    let behind = story.send("worker", "b", 5);
    story.pass_s(6);
    assert_eq!(failed(&story.replies[&behind]).0, Reason::InTheWay);
}

#[test]
fn a_dialog_that_comes_up_behind_the_paste_gets_no_key_and_a_box_that_wraps_does() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").hangs = true;
    story.send("worker", "hello there", 60);
    story.pass_s(1);
    story.pane("worker").dialog = true;
    story.output("worker");
    story.pass_s(20);
    assert_eq!(story.pane("worker").unread, "hello there", "no key for the dialog");
    story.pane("worker").dialog = false;
    story.reads_on("worker");
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["hello there"]);

    let answer = story.send("worker", &format!("{}\nat the first column", "word ".repeat(40)), 60);
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken.len(), 2);
    assert!(matches!(story.replies[&answer], Reply::Done { .. }));
}

#[test]
fn a_program_that_reads_lines_is_pointed_to_a_long_text_though_it_has_a_box() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").line_based = true;
    let pointer =
        |id: u32| format!("A message for you stands in /s/texts/worker-m{id}.txt: read it now and act on it.");
    for (id, text) in [(1, "one\ntwo\nthree".to_owned()), (2, "word ".repeat(1000))] {
        let answer = story.send("worker", &text, 30);
        story.pass_s(5);
        assert_eq!(story.pane("worker").taken.last(), Some(&pointer(id)));
        assert!(matches!(story.replies[&answer], Reply::Done { .. }), "{:?}", story.replies[&answer]);
        let file = format!("/s/texts/worker-m{id}.txt");
        assert_eq!(story.disk[std::path::Path::new(&file)].trim_end(), text.trim_end());
    }
    story.pane("worker").swallows = 2;
    story.send("worker", "four\nfive", 60);
    story.pass_s(20);
    assert_eq!(story.pane("worker").taken[2..], [pointer(3)], "what stands in the box is known as ours");

    story.pane("worker").loses_pastes = 1;
    let answer = story.send("worker", "six\nseven", 60);
    story.pass_s(10);
    story.pane("worker").line_based = false;
    story.output("worker");
    story.pass_s(30);
    let repeated = "(possibly repeated) six\nseven";
    assert_eq!(story.pane("worker").taken[3..], [repeated], "what can be taken whole by now is typed");
    assert!(matches!(story.replies[&answer], Reply::Done { .. }));
}

#[test]
fn a_restart_in_the_middle_of_another_is_answered_and_gets_a_start_of_its_own() {
    let mut story = Story::new(ONE);
    story.pass_s(1);
    story.slow.insert("worker".to_owned());
    let restart = || Request::Restart { name: "worker".to_owned(), overrides: std::collections::BTreeMap::new() };
    let first = story.ask(restart());
    let second = story.ask(restart());
    story.ends("worker");
    story.pass_s(1);
    for id in [first, second] {
        assert!(matches!(story.replies.get(&id), Some(Reply::Done { .. })), "{:?}", story.replies.get(&id));
    }
    assert!(story.pane("worker").alive);
}

#[test]
fn the_empty_box_of_a_program_that_hangs_proves_nothing() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").hangs = true;
    let answer = story.send("worker", "hello there", 10);
    story.pass_s(30);
    let (reason, _) = failed(&story.replies[&answer]);
    assert_eq!(reason, Reason::Unconfirmed);
    assert_eq!(story.pane("worker").unread, "hello there\n", "typed once, submitted once");
    story.reads_on("worker");
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["hello there", "(possibly repeated) hello there"]);
}

#[test]
fn a_text_that_never_showed_is_typed_once_more_and_then_given_up() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").hangs = true;
    story.send("worker", "hello there", 60);
    for expected in ["hello there\n", "(possibly repeated) hello there\n"] {
        story.pass_s(20);
        assert_eq!(story.pane("worker").unread, expected);
        story.pane("worker").unread.clear();
        story.output("worker");
    }
    story.pass_s(60);
    assert!(story.pane("worker").taken.is_empty());
    assert!(story.saved.agents["worker"].queue.is_empty(), "it is no longer waited for");
}

#[test]
fn a_paste_that_failed_and_came_about_is_not_pasted_again() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.paste_answers_fail = true;
    let answer = story.send("worker", "hello there", 60);
    story.pass_s(10);
    assert_eq!(story.pane("worker").taken, ["hello there"]);
    assert!(matches!(story.replies[&answer], Reply::Done { .. }));
}

#[test]
fn who_sent_to_an_agent_that_dies_over_it_hears_that_it_may_have_arrived() {
    let mut story = Story::new(&ONE.replace("watch = \"heal\"", "watch = \"none\""));
    story.pass_s(5);
    story.pane("worker").hangs = true;
    let typed = story.send("worker", "quit", 30);
    story.pass_s(2);
    let queued = story.send("worker", "and then", 30);
    story.dies("worker", Exit::Code(3));
    story.pass_s(1);
    let (reason, error) = failed(&story.replies[&typed]);
    assert_eq!(reason, Reason::Unconfirmed);
    assert!(error.contains("typed into `worker`, and nothing has proved"), "{error}");
    assert_eq!(failed(&story.replies[&queued]).0, Reason::NotRunning, "never typed, and taken back");
}

#[test]
fn a_text_that_was_never_shown_has_not_arrived_because_a_person_types() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").loses_pastes = 1;
    story.send("worker", "hello there", 60);
    story.kill_supervisor();
    for message in &mut story.saved.agents.get_mut("worker").expect("known").queue {
        message.progress = Progress::Submitted { since: story.now.moment(), presses: 1, shown: false };
    }
    "rm -rf build &&".clone_into(&mut story.pane("worker").input);
    story.wake();
    story.pass_s(30);
    assert!(!story.told().contains("message m1 delivered"));
    story.pane("worker").input.clear();
    story.output("worker");
    story.pass_s(30);
    assert_eq!(story.pane("worker").taken, ["(possibly repeated) hello there"]);
}

#[test]
fn a_message_that_was_taken_and_stands_in_the_box_again_is_submitted_in_the_end() {
    let blocked_by = |draft: &str| {
        let mut story = Story::new(ONE);
        story.pass_s(5);
        story.send("worker", "hello there, have a look", 10);
        story.pass_s(10);
        draft.clone_into(&mut story.pane("worker").input);
        story.output("worker");
        story.ask(story::send_queued("worker", "the next"));
        story.pass_s(1000);
        let told = story.told();
        (std::mem::take(&mut story.pane("worker").taken), told.matches("submitted once more").count())
    };
    let sent = "hello there, have a look".to_owned();
    let again = "hello there,  have a look".to_owned();
    assert_eq!(blocked_by(&again), (vec![sent.clone(), again, "the next".to_owned()], 1));
    assert_eq!(blocked_by("hello there, have a look at all"), (vec![sent], 0), "a person's");
}

#[test]
fn a_sender_over_the_end_of_a_supervisor_is_told_that_the_message_stays() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").dialog = true;
    story.output("worker");
    let sent = story.send("worker", "look again", 60);
    story.pass_s(2);
    let parting = story.supervisor.as_ref().expect("a supervisor").parting();
    let [(id, Reply::Failed { reason: Reason::Unconfirmed, hint: Some(hint), .. })] = parting.as_slice() else {
        panic!("{parting:?}")
    };
    assert!(id.0 == sent && hint.contains("the next supervisor goes on with it"), "{hint}");
    story.kill_supervisor();
    story.pane("worker").dialog = false;
    story.wake();
    story.pass_s(10);
    assert_eq!(story.pane("worker").taken, ["look again"]);
}

#[test]
fn what_was_typed_and_never_seen_is_not_said_to_be_taken_back() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").loses_pastes = 1;
    let sent = story.send("worker", "look again", 12);
    story.pass_s(11);
    story.pane("worker").dialog = true;
    story.output("worker");
    story.pass_s(5);
    let told = story.told();
    let reply = story.replies.get(&sent).unwrap_or_else(|| panic!("{told}"));
    assert!(matches!(reply, Reply::Failed { reason: Reason::Unconfirmed, .. }), "{reply:?} {told}");
}
