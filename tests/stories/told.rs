//! What is told beside what the screen shows, and which of them counts; each as a script of moments.

use crate::story;
use crate::story::Story;
use crate::story::telling::{
    BUSY, LONG, PAIR, idle, in_a_turn, pair, refused, shows, stream, tell_at_once, tell_by, with_interface, works,
};
use agent_orchestrator::policy::agent_event::{Posted, Refusal, Source, Told};
use agent_orchestrator::policy::request::{Reason, Reply};

/// Returns what `explain` tells by these sources, without ages.
fn says(story: &Story, agent: &str, known: &[&str]) -> Vec<String> {
    let supervisor = story.supervisor.as_ref().expect("a supervisor");
    let sources = supervisor.explain(agent, story.now).expect("an agent").sources;
    sources.into_iter().filter(|source| known.contains(&source.name.as_str())).map(|source| source.says).collect()
}

fn readings(story: &Story) -> Vec<String> {
    says(story, "one", &["screen"])
}

#[test]
fn without_a_box_a_question_that_is_told_stands_until_something_else_is() {
    let boxless = PAIR.replace("input_re = '^>(?: (?P<text>.*))?$'\n", "");
    assert_ne!(boxless, PAIR);
    let mut story = Story::new(&boxless);
    story.pass_s(10);
    story.tell("one", Told::Permission { what: "may it run `make`?".to_owned() });
    let sent = story.send("one", LONG, 120);
    story.output("one");
    story.pass_s(60);
    assert_eq!(story.pane("one").taken, [""; 0], "it would answer the question");
    story.tell("one", idle());
    story.pass_s(5);
    assert_eq!(story.pane("one").taken, [LONG]);
    assert!(story.replies.contains_key(&sent));
}

#[test]
fn a_screen_that_no_rule_knows_is_told_though_the_context_is_full() {
    let mut story = pair();
    story.tell("one", Told::Context { used_percent: 95 });
    story.pane("one").dialog = true;
    story.output("one");
    story.pass_s(70);
    assert!(story.told().contains("needs a person: a screen that no rule knows"));
    story.pass_s(400);
    assert_eq!(story.pane("one").run, 1, "nobody erases what a person is asked");
}

fn allowance(window: &str, used_percent: u8, resets_at: &str) -> Told {
    Told::Allowance { window: window.to_owned(), used_percent, resets_at: resets_at.parse().ok() }
}

#[test]
fn an_end_of_turn_is_idle_where_the_box_is_there_and_nothing_where_it_is_not() {
    let mut story = pair();
    assert_eq!(readings(&story), ["idle by rule told-idle (decides): the turn has ended"]);
    story.pane("one").dialog = true;
    story.output("one");
    story.pass_s(2);
    assert_eq!(readings(&story), [""; 0], "something else is up");
}

#[test]
fn a_turn_that_is_told_hides_no_banner_and_a_banner_says_more_than_the_refusal_that_is_told() {
    let banner = "You've hit your session limit · resets 6am";
    let mut story = pair();
    story.tell("one", Told::Working);
    shows(&mut story, "one", banner);
    story.pass_s(5);
    assert!(readings(&story).iter().any(|line| line.starts_with("limited by rule limit_re (decides)")));
    let mut story = pair();
    shows(&mut story, "one", banner);
    story.tell("one", refused(Refusal::Limit, "limit"));
    story.pass_s(5);
    assert_eq!(readings(&story), [format!("limited by rule limit_re (decides): {banner}").as_str()].map(shortened));
}

/// Quotes as status lines do.
fn shortened(line: &str) -> String {
    let (head, quote) = line.split_once(": ").expect("a quote");
    if quote.chars().count() <= 40 {
        return line.to_owned();
    }
    format!("{head}: {}…", quote.chars().take(39).collect::<String>())
}

#[test]
fn the_time_in_a_refusal_counts_before_that_of_an_allowance() {
    let mut story = pair();
    story.tell("one", allowance("five_hour", 100, "2026-06-13T04:50:00Z"));
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 6am"));
    assert!(story.state_of("one").contains("next probe Sat 06:00:45 UTC"), "{}", story.state_of("one"));
}

#[test]
fn of_many_allowances_eight_are_kept() {
    let mut story = pair();
    let before = says(&story, "one", &["events"]).len();
    for window in 0..12 {
        story.tell("one", allowance(&format!("window {window}"), 10, ""));
    }
    assert_eq!(says(&story, "one", &["events"]).len(), before + 8);
    story.tell("one", allowance("window 3", 20, ""));
    let told = says(&story, "one", &["events"]).join("\n");
    assert!(told.contains("window 3: 20 %") || told.contains("20 % of window 3") || told.contains("20"), "{told}");
}

#[test]
fn a_context_is_told_once_by_the_screen_or_else_by_the_program() {
    let rule = "[[backend.box.rules]]\nname = \"context-low\"\nregion = \"last 5\"\nmeaning = \"context\"\n\
                re = \"context is full\"\n[[agent]]\nname = \"one\"";
    let contexts = |screen: &str, told: Told| {
        let mut story = Story::new(&PAIR.replace("[[agent]]\nname = \"one\"", rule));
        story.pass_s(10);
        story.tell("one", idle());
        shows(&mut story, "one", screen);
        story.tell("one", told);
        story.pass_s(5);
        let rule_of = |line: String| line.split(' ').nth(3).map(str::to_owned);
        readings(&story).into_iter().filter(|line| line.starts_with("context")).filter_map(rule_of).collect::<Vec<_>>()
    };
    assert_eq!(contexts("context is full", Told::Context { used_percent: 95 }), ["context-low"]);
    assert_eq!(contexts(BUSY, Told::Context { used_percent: 95 }), ["context-warning"]);
    assert_eq!(contexts("context is full", refused(Refusal::Context, "too long")), ["context-low"]);
    assert_eq!(contexts(BUSY, refused(Refusal::Context, "too long")), ["context-full"]);
}

/// Lets a minute pass in which the agent writes or not; returns how often screen and events have disagreed.
fn drifts(story: &mut Story, writes: bool) -> u64 {
    for _ in 0..60 {
        if writes {
            story.output("one");
        }
        story.pass_s(1);
    }
    u64::from(story.saved.agents["one"].drifts)
}

#[test]
fn a_turn_is_believed_though_a_question_is_up_or_its_work_stands_still() {
    let mut story = pair();
    story.tell("one", Told::Working);
    story.pane("one").dialog = true;
    story.output("one");
    assert_eq!(drifts(&mut story, false), 0, "its box is not there");
    let mut story = pair();
    shows(&mut story, "one", BUSY);
    story.tell("one", Told::Working);
    assert_eq!(drifts(&mut story, false), 0, "its screen says the same");
}

#[test]
fn an_end_is_believed_though_something_is_drawn_that_is_no_work() {
    let mut story = pair();
    assert_eq!(drifts(&mut story, true), 0);
    shows(&mut story, "one", "a person scrolls");
    assert_eq!(drifts(&mut story, true), 0);
}

#[test]
fn a_screen_that_cannot_show_work_contradicts_nothing() {
    let mut story = Story::new(&PAIR.replace("active_re = \"esc to interrupt\"\n", ""));
    story.pass_s(10);
    story.tell("one", Told::Working);
    assert_eq!(drifts(&mut story, false), 0);
    assert_eq!(story.state_of("one"), "working");
}

#[test]
fn refusals_of_before_an_account_was_opened_are_forgotten() {
    let mut story = pair();
    for name in ["one", "two"] {
        story.tell(name, refused(Refusal::Limit, "You've hit your session limit"));
    }
    story.pane("two").tells = false;
    story.pane("two").swallows = u32::MAX;
    story.pass_s(302);
    for _ in 0..12 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
    }
    assert!(story.saved.limits.is_empty(), "{}", story.told());
    for _ in 0..20 {
        story.output("two");
        story.pass_s(1);
    }
    assert!(story.saved.limits.is_empty(), "what it told is of before: {}", story.told());
}

#[test]
fn what_is_told_keeps_a_message_from_being_typed_though_the_box_is_still_there() {
    let mut story = pair();
    story.tell("one", Told::Permission { what: "Bash: rm -r build".to_owned() });
    story.ask(story::send_queued("one", LONG));
    story.pass(std::time::Duration::from_millis(500));
    assert_eq!(story.pane("one").input, "", "the question is about to be drawn");
    story.tell("two", refused(Refusal::Auth, "Not logged in · Please run /login"));
    story.ask(story::send_queued("two", LONG));
    story.pass_s(60);
    assert!(story.pane("two").taken.is_empty(), "it would be refused");
}

#[test]
fn a_program_that_draws_its_first_screens_anew_gets_nothing_typed() {
    let rule = "[[backend.box.rules]]\nname = \"servers\"\nregion = \"last 5\"\nmeaning = \"starting\"\n\
                re = \"starting servers\"\n[[agent]]\nname = \"one\"";
    let mut story = Story::new(&PAIR.replace("[[agent]]\nname = \"one\"", rule));
    story.pass_s(10);
    shows(&mut story, "one", "starting servers");
    story.ask(story::send_queued("one", LONG));
    story.pass_s(60);
    assert!(story.pane("one").taken.is_empty());
    shows(&mut story, "one", "");
    story.pass_s(5);
    assert_eq!(story.pane("one").taken, [LONG]);
}

#[test]
fn the_end_of_the_turn_before_says_nothing_once_the_next_message_has_come() {
    let mut story = Story::new(PAIR);
    story.pass_s(10);
    tell_by(&mut story, Source::CodexNotify, "one", idle());
    let weighs = |story: &Story| says(story, "one", &["events"]).join("\n").contains("counts before the screen");
    assert!(weighs(&story));
    let sent = story.send("one", LONG, 60);
    story.pass_s(5);
    assert!(matches!(story.replies[&sent], Reply::Done { .. }), "a program that tells of no prompts owes no receipt");
    assert!(!weighs(&story), "of the next turn's beginning nothing is told");
}

#[test]
fn a_program_whose_receipt_did_not_come_owes_none_again_though_it_tells_other_things() {
    let mut story = pair();
    story.pane("one").tells = false;
    story.send("one", LONG, 60);
    story.pass_s(40);
    story.tell("one", idle());
    let taken = story.pane("one").taken.len();
    let sent = story.send("one", "another one of these long texts", 60);
    story.pass_s(5);
    assert!(matches!(story.replies[&sent], Reply::Done { .. }), "by its emptied box");
    assert_eq!(story.pane("one").taken.len(), taken + 1);
}

#[test]
fn what_a_program_kept_and_did_not_begin_with_before_it_died_goes_to_the_next_one() {
    let mut story = in_a_turn();
    story.tell("one", idle());
    story.pass_s(5);
    story.dies("one", agent_orchestrator::policy::observation::Exit::Code(1));
    story.pass_s(20);
    assert_eq!(story.pane("one").taken, [format!("(possibly repeated) {LONG}")]);
}

#[test]
fn the_empty_box_of_a_program_that_hangs_and_gives_receipts_is_looked_at_now_and_then() {
    let mut story = pair();
    story.pane("one").hangs = true;
    let sent = story.send("one", LONG, 30);
    story.pass_s(40);
    assert!(matches!(story.replies[&sent], Reply::Failed { .. }));
    assert_eq!(story.pane("one").unread, format!("{LONG}\n"), "typed once, submitted once");
}

/// An agent whose program has an interface, and its conversation is known.
fn followed(text: &str) -> Story {
    let mut story = Story::new(&PAIR.replace("supports_resume", text));
    story.pass_s(10);
    stream(&mut story, "one", idle());
    stream(&mut story, "one", Told::Conversation { id: "ses_1".to_owned() });
    story.pass_s(5);
    story.told();
    story
}

#[test]
fn nothing_is_handed_over_while_a_question_is_up_or_a_turn_runs_that_would_queue_it() {
    let mut story = followed("events = \"opencode\"\nsupports_resume");
    stream(&mut story, "one", Told::Permission { what: "edit".to_owned() });
    story.pane("one").dialog = true;
    story.output("one");
    story.ask(story::send_queued("one", LONG));
    story.pass_s(30);
    assert!(!story.told().contains("is handed"));
    let mut story = followed("events = \"opencode\"\nqueues_while_busy = true\nsupports_resume");
    stream(&mut story, "one", Told::Working);
    story.ask(story::send_queued("one", LONG));
    for _ in 0..10 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
    }
    assert!(!story.told().contains("is handed"));
    shows(&mut story, "one", "");
    stream(&mut story, "one", idle());
    story.pass_s(5);
    assert!(story.told().contains("is handed"));
}

#[test]
fn an_answer_to_what_was_handed_over_counts_for_that_message_while_it_waits_for_it() {
    let mut story = with_interface();
    stream(&mut story, "one", idle());
    stream(&mut story, "one", Told::Conversation { id: "ses_1".to_owned() });
    let sent = story.send("one", LONG, 600);
    story.pass_s(1);
    stream(&mut story, "one", Told::Posted { message: 7, outcome: Posted::Taken });
    assert!(!story.replies.contains_key(&sent), "of another message");
    stream(&mut story, "one", Told::Posted { message: 1, outcome: Posted::Refused("status 404".to_owned()) });
    story.pane("one").swallows = u32::MAX;
    story.pass_s(3);
    stream(&mut story, "one", Told::Posted { message: 1, outcome: Posted::Taken });
    assert!(!story.replies.contains_key(&sent), "it was refused, and is being typed");
}

#[test]
fn a_canary_that_tells_the_end_of_its_turn_has_opened_the_account() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 4:30am"));
    story.pass_s(30 * 60 + 40);
    assert_eq!(story.pane("one").taken.len(), 1, "it is asked");
    story.tell("one", idle());
    story.pass_s(60);
    assert!(story.saved.limits.is_empty(), "an end of a turn is no refusal: {}", story.told());
}

#[test]
fn a_receipt_before_the_key_is_of_what_was_given_up() {
    let mut story = pair();
    story.pane("one").tells = false;
    story.pane("one").loses_pastes = 2;
    let first = story.send("one", LONG, 60);
    for _ in 0..6 {
        story.pass_s(10);
        story.output("one");
    }
    let lost = &story.replies[&first];
    assert!(matches!(lost, Reply::Failed { reason: Reason::Unconfirmed, .. }), "{lost:?}");
    let second = story.send("one", LONG, 60);
    assert_eq!(story.pane("one").input, LONG, "typed, not submitted");
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    assert!(!story.replies.contains_key(&second), "the program took in the first one at last");
    story.pass_s(5);
    assert!(matches!(story.replies[&second], Reply::Done { .. }));
    assert_eq!(story.pane("one").taken, [LONG]);
}

#[test]
fn a_conversation_that_was_named_before_and_is_heard_of_later_is_of_before() {
    let mut story = pair();
    let run = story.pane("one").run;
    let named = |story: &Story, id: &str| story.event("one", run, Told::Conversation { id: id.to_owned() });
    let old = named(&story, "old");
    story.pass_s(5);
    for (seen, expected) in [(named(&story, "new"), "new"), (old.clone(), "new"), (old, "new")] {
        story.turn(vec![seen]);
        assert_eq!(story.saved.agents["one"].conversation.as_deref(), Some(expected));
        story.pass_s(60);
    }
    story.turn(vec![named(&story, "newer")]);
    assert_eq!(story.saved.agents["one"].conversation.as_deref(), Some("newer"));
}

#[test]
fn a_receipt_that_comes_with_the_key_is_of_what_was_given_up() {
    let mut story = pair();
    story.pane("one").tells = false;
    story.pane("one").loses_pastes = 2;
    story.send("one", LONG, 60);
    for _ in 0..6 {
        story.pass_s(10);
        story.output("one");
    }
    let second = story.send("one", LONG, 60);
    story.pane("one").unanswered = true;
    story.pass_s(5);
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    assert!(!story.replies.contains_key(&second), "its key has not been pressed yet, as far as is known");
}

#[test]
fn a_refusal_by_a_limit_counts_behind_the_question_that_is_told_with_it() {
    let mut story = pair();
    let told = [
        refused(Refusal::Limit, "You've hit your session limit · resets 6am"),
        Told::Permission { what: "Bash: rm -r build".to_owned() },
    ];
    tell_at_once(&mut story, "one", told);
    assert_eq!(story.saved.limits.len(), 1, "{}", story.told());
    assert!(story.state_of("one").starts_with("attention"), "{}", story.state_of("one"));
    story.tell("one", Told::Working);
    works(&mut story, "one", 12);
    assert!(story.saved.limits.is_empty(), "it has gone on: {}", story.told());
}

#[test]
fn who_tells_of_a_limit_and_then_nothing_more_opens_the_account_by_its_work() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 6am"));
    story.pass_s(10);
    story.pane("one").tells = false;
    works(&mut story, "one", 25);
    assert_eq!(story.saved.limits.len(), 1, "what it told counts before what a late look shows");
    works(&mut story, "one", 25);
    let told = story.told();
    assert!(story.saved.limits.is_empty() && told.contains("disagree"), "{told}");
}

#[test]
fn a_look_right_after_an_end_may_show_the_work_of_before_and_is_no_beginning_of_a_drift() {
    let mut story = pair();
    story.tell("one", Told::Working);
    works(&mut story, "one", 5);
    story.tell("one", idle());
    let mut seconds = 0;
    while !story.told().contains("disagree") && seconds < 60 {
        works(&mut story, "one", 1);
        seconds += 1;
    }
    assert_eq!(seconds, 31, "thirty seconds, and the one in which nothing disagrees yet");
}

#[test]
fn a_receipt_before_the_key_is_of_what_a_person_has_submitted() {
    let mut story = pair();
    let sent = story.send("one", LONG, 60);
    assert_eq!(story.pane("one").input, LONG, "typed, not submitted");
    story.pane("one").input.clear();
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    assert!(matches!(story.replies[&sent], Reply::Done { .. }));
    story.pass_s(30);
    assert!(story.pane("one").taken.is_empty(), "nor is it typed again: {:?}", story.pane("one").taken);
}

#[test]
fn what_waits_behind_a_draft_has_not_arrived_by_a_persons_prompt_of_the_same_words() {
    let mut story = pair();
    story.pane("one").input = "a person's draft".to_owned();
    story.output("one");
    story.pass_s(2);
    let sent = story.send("one", LONG, 60);
    story.tell("one", Told::Receipt { text: LONG.to_owned() });
    assert!(!story.replies.contains_key(&sent), "it was not typed yet");
}
