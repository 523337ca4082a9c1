//! When a screen is looked at, and what is typed without one that can be read; each as a script of moments.

use std::time::Duration;

use crate::story::fleets::{ONE, WORKER, failed};
use crate::story::telling::{PAIR, idle, pair, refused};
use crate::story::{Story, send_queued};
use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::agent_event::{Refusal, Told};
use agent_orchestrator::policy::message::{MessageId, Progress};
use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::policy::request::{Asker, Reason, Request, RequestId};
use agent_orchestrator::policy::screen::Screen;

const NAME: &str = "worker";

/// Returns what is asked of the terminal after so many milliseconds, when this is seen; nobody answers.
fn asked(story: &mut Story, wait_ms: u64, seen: Observation) -> Vec<&'static str> {
    story.now.mono = story.now.mono + Duration::from_millis(wait_ms);
    story.now.wall += Duration::from_millis(wait_ms);
    let supervisor = story.supervisor.as_mut().expect("a supervisor");
    let actions = supervisor.step(&[seen], story.now).actions;
    let words = actions.iter().filter_map(|action| {
        let is_press = matches!(action, Action::Press { .. });
        let word = is_press.then_some("press").or(matches!(action, Action::Paste { .. }).then_some("paste"));
        word.or(matches!(action, Action::Look { .. }).then_some("look"))
    });
    words.collect()
}

fn output() -> Observation {
    Observation::Output { agent: NAME.to_owned() }
}

fn looked(input: &str) -> Observation {
    let rows = vec!["agent".to_owned(), format!("> {input}")];
    let screen = Screen { rows, command: "agent".to_owned(), ..Screen::default() };
    Observation::Looked { agent: NAME.to_owned(), screen: Ok(screen) }
}

/// A message of a person is pasted and stands in the box.
fn typed() -> Story {
    let mut story = Story::new(ONE);
    story.pass_s(60);
    let (id, asker, wait) = (RequestId(900), Asker::Person, Duration::from_secs(600));
    let request = Request::Send { name: NAME.to_owned(), text: "hello there".to_owned(), wait, queue: false };
    asked(&mut story, 0, Observation::Request { id, asker, request });
    assert_eq!(asked(&mut story, 0, looked("")), ["paste"]);
    let pasted = Observation::Pasted { agent: NAME.to_owned(), message: MessageId(1), result: Ok(()) };
    assert_eq!(asked(&mut story, 0, pasted), [""; 0]);
    story
}

#[test]
fn while_a_look_a_paste_or_a_key_is_under_way_nothing_else_is_asked_of_the_terminal() {
    let none: [&str; 0] = [];
    let mut story = Story::new(ONE);
    story.pass_s(60);
    assert_eq!(asked(&mut story, 0, output()), none);
    assert_eq!(asked(&mut story, 1000, Observation::Deadline), ["look"], "it wrote");
    assert_eq!(asked(&mut story, 1000, output()), none);
    assert_eq!(asked(&mut story, 9000, Observation::Deadline), none);
    let (id, asker) = (RequestId(900), Asker::Person);
    let request = Observation::Request { id, asker, request: send_queued(NAME, "go on with gate two") };
    assert_eq!(asked(&mut story, 0, request), none);
    assert_eq!(asked(&mut story, 0, looked("")), ["paste"]);
    assert_eq!(asked(&mut story, 40_000, output()), none);
    let message = MessageId(1);
    let pasted = Observation::Pasted { agent: NAME.to_owned(), message, result: Ok(()) };
    asked(&mut story, 0, pasted);
    assert_eq!(asked(&mut story, 300, Observation::Deadline), ["look"]);
    assert_eq!(asked(&mut story, 1000, output()), none);
    assert_eq!(asked(&mut story, 0, looked("go on with gate two")), ["press"]);
    assert_eq!(asked(&mut story, 200, output()), none);
    let pressed = Observation::Pressed { agent: NAME.to_owned(), message, result: Ok(()) };
    assert_eq!(asked(&mut story, 0, pressed), ["look"]);
    assert_eq!(asked(&mut story, 0, looked("go on with gate two")), none);
    assert_eq!(asked(&mut story, 40_000, Observation::Deadline), ["look"]);
    assert_eq!(asked(&mut story, 1000, output()), none, "a look is under way, though one from before is known");
}

#[test]
fn what_is_told_is_looked_at_once_and_not_while_a_look_is_under_way_or_the_agent_is_ended() {
    let mut story = Story::new(PAIR);
    story.pass_s(10);
    story.slow.insert("one".to_owned());
    let looks = |story: &mut Story, told| {
        let event = story.event("one", story.panes["one"].run, told);
        let supervisor = story.supervisor.as_mut().expect("a supervisor");
        let actions = supervisor.step(&[event], story.now).actions;
        actions.iter().filter(|action| matches!(action, Action::Look { agent } if agent == "one")).count()
    };
    assert_eq!(looks(&mut story, idle()), 1);
    assert_eq!(looks(&mut story, Told::Working), 0, "one is under way");
    story.pass_s(60);
    let mut story = Story::new(PAIR);
    story.pass_s(10);
    story.tell("one", idle());
    assert_eq!(looks(&mut story, idle()), 0, "it says nothing new");
    story.slow.insert("one".to_owned());
    story.down(&["one"]);
    assert_eq!(looks(&mut story, Told::Working), 0, "it is being ended");
}

#[test]
fn a_screen_that_cannot_be_read_gets_nothing_typed_and_is_tried_every_second() {
    let mut story = Story::new(ONE);
    story.pass_s(60);
    story.pane(NAME).unreadable = true;
    story.send(NAME, "hello there", 60);
    story.pass_s(9);
    assert_eq!(story.pane(NAME).input, "", "nobody knows what would take it");
    story.pane(NAME).unreadable = false;
    story.pass_s(3);
    assert_eq!(story.pane(NAME).taken, ["hello there"]);
}

#[test]
fn a_paste_that_failed_and_left_nothing_is_tried_again_after_a_second() {
    let mut story = Story::new(ONE);
    story.pass_s(60);
    story.pane(NAME).hangs = true;
    story.paste_answers_fail = true;
    story.send(NAME, "hello there", 60);
    story.paste_answers_fail = false;
    story.pass_s(3);
    assert_eq!(story.pane(NAME).unread, "hello there(possibly repeated) hello there");
}

#[test]
fn who_hangs_up_takes_nothing_back_that_may_stand_in_the_box() {
    let pasted = |result: Result<(), String>| {
        let mut story = Story::new(ONE);
        story.pass_s(60);
        let (id, asker, wait) = (RequestId(900), Asker::Person, Duration::from_secs(600));
        let request = Request::Send { name: NAME.to_owned(), text: "hello there".to_owned(), wait, queue: false };
        asked(&mut story, 0, Observation::Request { id, asker, request });
        assert_eq!(asked(&mut story, 0, looked("")), ["paste"]);
        asked(&mut story, 0, Observation::Pasted { agent: NAME.to_owned(), message: MessageId(1), result });
        assert_eq!(asked(&mut story, 1000, Observation::Deadline), ["look"]);
        story
    };
    let is_submitted = |mut story: Story, seen: Observation| {
        asked(&mut story, 0, seen);
        asked(&mut story, 0, Observation::RequestGone { id: RequestId(900) });
        let pressed = asked(&mut story, 1000, looked("hello there")) == ["press"];
        pressed
            || (asked(&mut story, 300, Observation::Deadline) == ["look"]
                && asked(&mut story, 0, looked("hello there")) == ["press"])
    };
    let unreadable = Observation::Looked { agent: NAME.to_owned(), screen: Err("no answer".to_owned()) };
    assert!(is_submitted(pasted(Err("no answer".to_owned())), unreadable), "its screen could not be read");
    assert!(is_submitted(pasted(Ok(())), looked("? for shor")), "its box was being drawn anew");
}

#[test]
fn the_key_goes_by_what_is_there_then_and_not_by_what_a_look_before_has_shown() {
    let mut story = typed();
    asked(&mut story, 100, looked("hello there"));
    assert_eq!(asked(&mut story, 15_000, Observation::Deadline), ["look"], "the host stood still meanwhile");
    assert_eq!(
        asked(&mut story, 0, looked("hello there, and a person's words")),
        [""; 0],
        "a person will submit all of it"
    );
    let mut story = typed();
    asked(&mut story, 400, looked(""));
    assert_eq!(
        asked(&mut story, 15_000, Observation::Deadline),
        ["look"],
        "an empty box that a dialog may cover by now"
    );
    assert_eq!(asked(&mut story, 0, looked("")), ["press"]);
}

#[test]
fn a_text_that_a_person_takes_out_before_its_key_waits_as_behind_any_draft() {
    let mut story = typed();
    let progress = |story: &Story| {
        let state = story.supervisor.as_ref().expect("a supervisor").state();
        state.agents[NAME].queue[0].progress.clone()
    };
    asked(&mut story, 100, looked("hello there"));
    for _ in 0..3 {
        asked(&mut story, 4000, looked("hello there, and a person's words"));
        assert!(matches!(progress(&story), Progress::Typed { shown: true, .. }), "a person will submit all of it");
    }
    asked(&mut story, 4000, looked("a person's words alone"));
    assert!(matches!(progress(&story), Progress::Typed { .. }), "it may be half drawn");
    asked(&mut story, 4000, looked("a person's words alone"));
    assert_eq!(progress(&story), Progress::Queued);
}

#[test]
fn a_look_that_was_asked_before_the_canary_had_its_time_proves_nothing_and_is_followed_by_another() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 4:30am"));
    while story.pane("one").taken.is_empty() {
        story.pass_s(1);
    }
    let run = story.pane("one").run;
    let ended = story.event("one", run, idle());
    assert_eq!(asked(&mut story, 2000, ended), ["look"]);
    let rests = || {
        let Observation::Looked { screen, .. } = looked("") else { panic!("a look") };
        Observation::Looked { agent: "one".to_owned(), screen }
    };
    let is_held = |story: &Story| !story.supervisor.as_ref().expect("a supervisor").state().limits.is_empty();
    assert_eq!(asked(&mut story, 6000, rests()), ["look"], "the answer is as old as the question");
    assert!(is_held(&story));
    asked(&mut story, 0, rests());
    assert!(!is_held(&story), "it rests, and has had its time");
}

#[test]
fn without_a_box_to_read_a_text_is_typed_once_and_nothing_proves_that_it_came() {
    let mut story = Story::new(&WORKER.replace("backend = \"box\"", "backend = \"blind\""));
    story.pass_s(10);
    story.pane(NAME).line_based = true;
    let longest = "x".repeat(1000);
    let sent = story.send(NAME, &longest, 60);
    story.pass_s(1);
    assert_eq!(failed(&story.replies[&sent]).0, Reason::Unconfirmed, "said at once");
    story.send(NAME, &format!("{longest}x"), 60);
    story.pass_s(1);
    assert_eq!(story.pane(NAME).taken[0], longest, "the longest that is typed");
    assert!(story.pane(NAME).taken[1].starts_with("A message for you stands in /s/texts/"));
    story.keys_fail = true;
    story.ask(send_queued(NAME, "go on"));
    story.pass_s(15);
    story.keys_fail = false;
    story.pass_s(2);
    assert_eq!(story.pane(NAME).taken[2], "go on", "a key that fails is tried once a second, and not all at once");
}

#[test]
fn a_submit_key_that_is_swallowed_is_pressed_at_growing_distances() {
    let mut story = Story::new(ONE);
    story.pass_s(60);
    story.pane(NAME).swallows = u32::MAX;
    story.ask(send_queued(NAME, "hello there"));
    let mut pressed = Vec::new();
    for wait_ms in [500, 1000, 2000, 3000, 4000, 6000, 26_000] {
        story.pass(Duration::from_millis(wait_ms));
        pressed.push(u32::MAX - story.pane(NAME).swallows);
    }
    assert_eq!(pressed, [1, 2, 3, 4, 5, 5, 6]);
}

#[test]
fn a_text_that_was_submitted_has_arrived_though_a_person_types_the_next() {
    let mut story = Story::new(ONE);
    story.pass_s(60);
    let sent = story.send(NAME, "hello there", 60);
    story.pass(Duration::from_millis(330));
    assert_eq!(story.pane(NAME).taken, ["hello there"]);
    "rm -rf build".clone_into(&mut story.pane(NAME).input);
    story.output(NAME);
    story.pass_s(7);
    assert!(story.replies.contains_key(&sent), "known some seconds later, though it writes nothing more");
    assert!(story.told().contains("message m1 delivered"));
    assert_eq!(story.pane(NAME).input, "rm -rf build");
}

#[test]
fn a_box_that_is_empty_for_a_moment_while_it_is_drawn_anew_gets_no_second_text() {
    let mut story = Story::new(ONE);
    story.pass_s(60);
    story.pane(NAME).loses_pastes = 0;
    story.send(NAME, "go on with gate two", 60);
    for part in ["? for shor", "", "go on with gate two"] {
        part.clone_into(&mut story.pane(NAME).input);
        story.output(NAME);
        story.pass(Duration::from_millis(400));
        assert!(!story.pane(NAME).input.contains("repeated"), "{}", story.told());
    }
    story.pass_s(5);
    assert_eq!(story.pane(NAME).taken, ["go on with gate two"]);
}

#[test]
fn a_text_that_stood_typed_when_nobody_supervised_is_looked_at_before_it_is_submitted() {
    let mut story = Story::new(ONE);
    story.pass_s(60);
    story.ask(send_queued(NAME, "go on with gate two"));
    story.kill_supervisor();
    for message in &mut story.saved.agents.get_mut(NAME).expect("known").queue {
        message.progress = Progress::Typed { since: story.now.moment(), shown: true };
    }
    "go on with gate two, and rm -rf build".clone_into(&mut story.pane(NAME).input);
    story.wake();
    story.pass_s(60);
    assert!(story.pane(NAME).taken.is_empty(), "a person has gone on with it");
}

/// A program that is a shell's child, and one that is a shell.
fn in_pane(process_name: &str, command: &str) -> usize {
    let named = format!("[backend.blind]\nprocess_name = \"{process_name}\"\nready_re = '^agent'");
    let text = WORKER.replace("backend = \"box\"", "backend = \"blind\"").replace("[backend.blind]", &named);
    let mut story = Story::new(&text);
    story.pass_s(60);
    command.clone_into(&mut story.pane(NAME).command);
    story.send(NAME, "rm -rf build", 60);
    story.pass_s(5);
    story.pane(NAME).taken.len()
}

#[test]
fn nothing_is_typed_into_the_shell_that_an_agent_has_left() {
    assert_eq!(in_pane("agent", "bash"), 0, "the program has ended, and its shell would do what is said");
    assert_eq!(in_pane("agent", "node"), 1, "programs run under other names");
    assert_eq!(in_pane("bash", "bash"), 1, "this one is a shell");
}
