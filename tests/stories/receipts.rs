//! Messages to agents that tell of what arrives, each as a script of moments.

use crate::story;
use crate::story::telling::{BUSY, LONG, PAIR, idle, in_a_turn, pair, shows, stream, with_interface};
use crate::story::{Story, send_queued};
use agent_orchestrator::policy::agent_event::{AgentEvent, Posted, Source, Told};
use agent_orchestrator::policy::kept::Receipt;
use agent_orchestrator::policy::observation::{Exit, Observation};
use agent_orchestrator::policy::request::Reply;

#[test]
fn a_message_has_arrived_when_its_receipt_has() {
    let mut story = pair();
    let sent = story.send("one", LONG, 60);
    story.pass_s(1);
    assert!(matches!(story.replies[&sent], Reply::Done { .. }));
    assert_eq!(story.pane("one").taken, [LONG]);
    let told = story.told();
    assert!(told.contains("message m1 delivered"), "{told}");
}

#[test]
fn a_text_that_was_swallowed_is_typed_once_more_with_a_mark() {
    let mut story = pair();
    story.pane("one").tells = false;
    let sent = story.send("one", LONG, 60);
    // A dialog came up with the key and took the text with it.
    story.pass_s(5);
    story.pane("one").taken.clear();
    story.pane("one").tells = true;
    assert!(!story.replies.contains_key(&sent), "an empty box proves nothing where receipts are given");
    story.pass_s(20);
    let told = story.told();
    assert!(told.contains("and the agent does not tell that it came: once more"), "{told}");
    assert_eq!(story.pane("one").taken, [format!("(possibly repeated) {LONG}")]);
    assert!(matches!(story.replies[&sent], Reply::Done { .. }), "{told}");
}

#[test]
fn while_a_turn_runs_the_box_is_believed() {
    let mut story = Story::new(&PAIR.replace("supports_resume", "queues_while_busy = true\nsupports_resume"));
    story.pass_s(10);
    story.tell("one", Told::Receipt { text: "earlier".to_owned() });
    story.tell("one", Told::Working);
    let sent = story.send("one", LONG, 60);
    story.pass_s(3);
    assert!(matches!(story.replies[&sent], Reply::Done { .. }), "the program queues it and tells of it later");
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    assert_eq!(story.pane("one").taken.len(), 1);
}

#[test]
fn what_a_dying_program_had_kept_is_delivered_to_the_next_one() {
    let mut story = in_a_turn();
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    let marked = format!("(possibly repeated) {LONG}");
    assert_eq!(story.pane("one").taken, [marked], "the next program gets it: nobody was told that it came");

    let mut story = in_a_turn();
    story.tell("one", idle());
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    story.tell("one", Told::Working);
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    assert!(story.pane("one").taken.is_empty(), "it was submitted before");

    let mut story = in_a_turn();
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    assert_eq!(story.pane("one").taken, [format!("(possibly repeated) {LONG}")], "told at once, and not begun");

    let mut story = in_a_turn();
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    story.tell("one", idle());
    story.tell("one", Told::Working);
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    assert!(story.pane("one").taken.is_empty(), "it was begun when the turn before had ended");

    let mut story = in_a_turn();
    story.kill_supervisor();
    story.dies("one", Exit::Code(1));
    story.wake();
    story.pass_s(20);
    assert_eq!(story.pane("one").taken, [format!("(possibly repeated) {LONG}")], "nobody listened meanwhile");
}

#[test]
fn of_too_many_that_are_kept_the_oldest_is_told() {
    let mut story = in_a_turn();
    story.told();
    for number in 1..=16 {
        story.ask(send_queued("one", &format!("look at part {number} of the parser")));
        story.pass_s(3);
    }
    let told = story.told();
    let forgotten = "message m1 was taken and is one of too many whose receipt is waited for";
    assert!(told.contains(forgotten) && told.matches("one of too many").count() == 1, "{told}");
    assert_eq!(story.saved.agents["one"].kept.len(), 16);
}

#[test]
fn a_command_that_is_pointed_to_is_a_prompt_with_a_receipt() {
    let mut story = pair();
    story.pane("one").line_based = true;
    story.pane("one").tells = false;
    let sent = story.send("one", "/compact is a command,\nand this is none", 60);
    story.pass_s(5);
    assert!(!story.replies.contains_key(&sent), "an empty box proves nothing: {:?}", story.pane("one").taken);
    story.pane("one").tells = true;
    story.pass_s(20);
    assert_eq!(story.pane("one").taken.len(), 2, "typed once more: {:?}", story.pane("one").taken);
    assert!(matches!(story.replies[&sent], Reply::Done { .. }));
}

#[test]
fn what_was_kept_over_a_restart_and_gets_no_receipt_is_told() {
    let mut story = in_a_turn();
    story.kill_supervisor();
    story.wake();
    story.told();
    story.tell("one", Told::Working);
    story.pass_s(60);
    story.tell("one", idle());
    story.pass_s(5);
    assert!(!story.told().contains("nobody has heard"), "its receipt may still come");
    story.pass_s(10);
    let told = story.told();
    assert_eq!(told.matches("was taken and nobody has heard that it was submitted").count(), 1, "{told}");
    assert!(story.saved.agents["one"].kept.is_empty());

    let mut story = in_a_turn();
    story.kill_supervisor();
    story.wake();
    story.told();
    story.tell("one", Told::Working);
    story.tell("one", idle());
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    story.tell("one", Told::Working);
    story.tell("one", idle());
    story.pass_s(30);
    let told = story.told();
    assert!(!told.contains("nobody has heard"), "{told}");
}

#[test]
fn what_a_program_keeps_is_read_from_an_older_state() {
    let mut story = in_a_turn();
    let mut saved = serde_json::to_value(&story.saved).expect("a state");
    for kept in saved["agents"]["one"]["kept"].as_array_mut().expect("messages") {
        kept.as_object_mut().expect("a message").remove("receipt").expect("what older states do not say");
    }
    saved["agents"]["one"]["idle"] = serde_json::json!({
        "mono": { "secs": 7, "nanos": 0 }, "wall": "2026-06-13T04:00:00Z"
    });
    story.saved = serde_json::from_value(saved).expect("an older state");
    let state = &story.saved.agents["one"];
    assert_eq!((state.kept.len(), state.kept[0].receipt), (1, Receipt::Doubted));
    assert_eq!(state.idle.as_ref().map(|rest| rest.since.mono.0.as_secs()), Some(7));
    story.kill_supervisor();
    story.dies("one", Exit::Code(1));
    story.wake();
    story.pass_s(20);
    assert_eq!(story.pane("one").taken, [format!("(possibly repeated) {LONG}")]);
}

/// A program in its turn, of which the supervisor has heard nothing yet; the one before knew that it gives receipts.
fn adopted_in_a_turn() -> Story {
    let mut story = in_a_turn();
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    shows(&mut story, "one", BUSY);
    story.kill_supervisor();
    story.wake();
    story.pass_s(5);
    story
}

#[test]
fn a_program_of_which_receipts_are_known_is_known_by_the_next_supervisor() {
    let mut story = adopted_in_a_turn();
    for receipt in [None, Some("a second word about the parser and its tests")] {
        story.pane("one").taken.clear();
        let sent = story.send("one", "a second word about the parser and its tests", 60);
        story.pass_s(1);
        if let Some(text) = receipt {
            story.tell("one", Told::Receipt { text: text.to_owned() });
        }
        story.pass_s(3);
        assert!(matches!(story.replies[&sent], Reply::Done { .. }), "the program queues it");
        assert_eq!(story.pane("one").taken.len(), 1, "its turn goes on");
    }
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    let marked = "(possibly repeated) a second word about the parser and its tests";
    let first = format!("(possibly repeated) {LONG}");
    assert_eq!(story.pane("one").taken, [first.as_str(), marked, marked], "none of it was begun");
}

#[test]
fn a_receipt_at_the_end_of_a_turn_is_of_what_was_taken_in_it() {
    let mut story = adopted_in_a_turn();
    story.pane("one").swallows = u32::MAX;
    story.ask(story::send_queued("one", LONG));
    story.pass_s(3);
    story.told();
    story.tell("one", idle());
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    assert!(!story.told().contains("message m2 delivered"), "it still stands in the box");
}

#[test]
fn what_a_person_took_back_is_told_and_not_typed_again() {
    let mut story = in_a_turn();
    story.told();
    story.tell("one", idle());
    story.pass_s(15);
    assert!(story.told().contains("message m1 was taken and has not been submitted since the turn ended"));
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    assert!(story.pane("one").taken.is_empty());
}

#[test]
fn of_what_was_kept_while_nobody_listened_no_missing_receipt_is_told() {
    let mut story = in_a_turn();
    story.kill_supervisor();
    story.wake();
    story.pass_s(5);
    story.tell("one", idle());
    story.pass_s(15);
    assert!(!story.told().contains("has not been submitted"), "its receipt may have come to nobody");
}

#[test]
fn what_a_silent_program_may_have_begun_with_is_marked() {
    let marked = format!("(possibly repeated) {LONG}");
    let mut story = in_a_turn();
    story.pass_s(40);
    assert_eq!(story.saved.agents["one"].drifts, 1, "its turn has ended, of which it told nothing");
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    assert_eq!(story.pane("one").taken, std::slice::from_ref(&marked));

    let mut story = in_a_turn();
    story.pass_s(40);
    story.pane("one").taken.clear();
    for _ in 0..5 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
    }
    story.ask(story::send_queued("one", LONG));
    story.pass_s(3);
    assert_eq!(story.pane("one").taken, [LONG], "kept for after a turn of which it tells nothing either");
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    assert_eq!(story.pane("one").taken, [marked.clone(), marked]);
}

#[test]
fn a_program_that_falls_silent_is_believed_by_its_box_from_then_on() {
    let mut story = pair();
    story.pane("one").tells = false;
    let first = story.send("one", LONG, 60);
    story.pass_s(30);
    assert_eq!(story.pane("one").taken.len(), 2, "typed once more, marked");
    assert!(matches!(story.replies[&first], Reply::Done { .. }));
    let second = story.send("one", "another one of these long texts", 60);
    story.pass_s(5);
    assert!(matches!(story.replies[&second], Reply::Done { .. }));
    assert_eq!(story.pane("one").taken.len(), 3, "and never again");
}

#[test]
fn a_prompt_of_another_start_or_another_text_is_no_receipt() {
    let mut story = pair();
    story.pane("one").tells = false;
    story.pane("one").swallows = 3;
    let sent = story.send("one", LONG, 60);
    story.pass_s(1);
    story.tell("one", Told::Receipt { text: "something else".to_owned() });
    let event = AgentEvent {
        source: Source::ClaudeHook,
        time: story.now.wall,
        conversation: None,
        told: Told::Receipt { text: LONG.to_owned() },
    };
    story.turn(vec![Observation::Told { agent: "one".to_owned(), run: 7, event }]);
    assert!(!story.replies.contains_key(&sent));
    story.tell("one", Told::Receipt { text: format!("  {}\n", LONG.replace(' ', "\n")) });
    assert!(matches!(story.replies[&sent], Reply::Done { .. }), "blanks and line ends do not count");
}

#[test]
fn an_older_word_of_the_same_text_is_no_receipt() {
    let mut story = pair();
    story.send("one", LONG, 60);
    story.pass_s(5);
    let told_then = story.now.wall;
    story.tell("one", idle());
    story.pass_s(5);
    story.pane("one").tells = false;
    story.pane("one").swallows = 3;
    let second = story.send("one", LONG, 60);
    story.pass_s(1);
    let told = Told::Receipt { text: LONG.to_owned() };
    let event = AgentEvent { source: Source::ClaudeHook, time: told_then, conversation: None, told };
    story.turn(vec![Observation::Told { agent: "one".to_owned(), run: 1, event }]);
    assert!(!story.replies.contains_key(&second), "it is of the first one, and came late");
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    assert!(matches!(story.replies[&second], Reply::Done { .. }));
}

#[test]
fn a_message_goes_to_the_interface_where_there_is_one() {
    let mut story = with_interface();
    let typed = story.send("one", "typed as long as nothing is heard", 60);
    story.pass_s(5);
    assert!(matches!(story.replies[&typed], Reply::Done { .. }));
    stream(&mut story, "one", idle());
    stream(&mut story, "one", Told::Conversation { id: "ses_1".to_owned() });
    story.pane("one").input = "a person's draft".to_owned();
    story.output("one");
    story.pass_s(5);
    story.told();
    let sent = story.send("one", LONG, 60);
    story.pass_s(1);
    let told = story.told();
    assert!(told.contains(&format!("host: ses_1 of one is handed m2: {LONG}")), "{told}");
    assert!(!story.replies.contains_key(&sent), "not yet");
    stream(&mut story, "one", Told::Posted { message: 2, outcome: Posted::Taken });
    assert!(matches!(story.replies[&sent], Reply::Done { .. }));
    assert_eq!(story.pane("one").input, "a person's draft", "which is in nobody's way");
}

#[test]
fn what_the_interface_does_not_take_is_typed() {
    let mut story = with_interface();
    stream(&mut story, "one", idle());
    stream(&mut story, "one", Told::Conversation { id: "ses_1".to_owned() });
    story.pane("one").tells = true;
    story.send("one", LONG, 60);
    story.pass_s(1);
    let refusal = Told::Posted { message: 1, outcome: Posted::Refused("status 404".to_owned()) };
    stream(&mut story, "one", refusal);
    story.pass_s(5);
    assert_eq!(story.pane("one").taken, [LONG], "without a mark: it surely did not arrive");

    let mut story = with_interface();
    stream(&mut story, "one", idle());
    stream(&mut story, "one", Told::Conversation { id: "ses_1".to_owned() });
    story.pane("one").tells = true;
    story.pass_s(60);
    story.send("one", LONG, 600);
    story.told();
    story.pass_s(18);
    assert_eq!(story.pane("one").taken, [format!("(possibly repeated) {LONG}")], "nobody has answered");
    assert!(story.told().contains("m1 was handed over, and the program does not answer: it is typed"));
}

#[test]
fn a_turn_that_runs_and_a_question_keep_a_message_from_the_interface() {
    let mut story = with_interface();
    stream(&mut story, "one", Told::Conversation { id: "ses_1".to_owned() });
    stream(&mut story, "one", Told::Working);
    story.send("one", LONG, 600);
    for _ in 0..20 {
        story.output("one");
        story.pass_s(1);
    }
    assert!(!story.told().contains("is handed"), "the turn runs");
    stream(&mut story, "one", idle());
    story.pass_s(2);
    assert!(story.told().contains("is handed"));
}

#[test]
fn a_supervisor_that_is_killed_anywhere_delivers_once_or_marks_the_repeat() {
    let marked = format!("(possibly repeated) {LONG}");
    let mut kills = 0;
    for place in 0..12 {
        let mut story = pair();
        story.kill_after(place);
        story.ask(story::send_queued("one", LONG));
        story.pass_s(3);
        let killed = story.supervisor.is_none();
        if killed {
            kills += 1;
            story.wake();
        }
        // A turn of its own begins and ends meanwhile: that it gives receipts is known before the text is seen.
        story.tell("one", Told::Working);
        story.tell("one", idle());
        story.pass_s(60);
        let taken = story.pane("one").taken.clone();
        let (whole, repeated) =
            (taken.iter().filter(|text| **text == LONG).count(), taken.iter().filter(|text| **text == marked).count());
        assert!(whole <= 1 && repeated <= 1 && whole + repeated >= 1, "killed before action {place}: {taken:?}");
        assert!(story.saved.agents["one"].queue.is_empty(), "killed before action {place}: {}", story.told());
        assert!(killed || taken == [LONG], "{taken:?}");
    }
    assert!(kills > 4, "only {kills} kills: the test shows little");
}

#[test]
fn a_receipt_that_nobody_heard_is_not_waited_for() {
    let mut story = pair();
    story.pane("one").tells = false;
    story.ask(story::send_queued("one", LONG));
    story.pass(std::time::Duration::from_millis(350));
    assert_eq!(story.pane("one").taken, [LONG], "submitted");
    story.kill_supervisor();
    story.pass_s(30);
    story.wake();
    story.tell("one", idle());
    story.pass_s(60);
    assert_eq!(story.pane("one").taken, [LONG], "its receipt came while there was no supervisor: the box is believed");
    assert!(story.saved.agents["one"].queue.is_empty());
}
