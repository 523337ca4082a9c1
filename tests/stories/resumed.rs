//! What a conversation shows that was resumed: a refused login in it may be of before, and calls nobody.

use std::collections::BTreeMap;

use crate::story::Story;
use crate::story::telling::{BUSY, PAIR, idle, refused, shows, tell_by};
use agent_orchestrator::policy::agent_event::{Refusal, Source, Told};
use agent_orchestrator::policy::request::Request;

const REFUSED: &str = "Incorrect API key provided";

/// One of a pair was refused, and has been restarted: its conversation shows that.
fn resumed(events: &str) -> Story {
    let rule = "[[backend.box.rules]]\nname = \"key\"\nregion = \"anywhere\"\nmeaning = \"login\"\nre = 'API key'\n";
    let keys = format!("new_id_flag = \"--id {{id}}\"\n{events}\nsubmit_key");
    let mut story = Story::new(&format!("{PAIR}\n{rule}").replace("submit_key", &keys));
    story.pass_s(10);
    shows(&mut story, "one", REFUSED);
    story.pass_s(5);
    assert_eq!(story.state_of("one"), format!("attention: {REFUSED}"));
    story.ask(Request::Restart { name: "one".to_owned(), overrides: BTreeMap::new() });
    story.pass_s(1);
    story.told();
    shows(&mut story, "one", REFUSED);
    story.pass_s(20);
    assert_eq!(calls(&mut story), 0, "it is what it shows of before");
    story
}

/// How often a person was called since this was asked last.
fn calls(story: &mut Story) -> usize {
    story.told().matches("needs a person").count()
}

#[test]
fn what_a_resumed_program_shows_is_of_before_until_it_tells_that_its_turn_has_ended() {
    let mut story = resumed("events = \"claude\"");
    shows(&mut story, "one", &format!("{REFUSED}\n{BUSY}"));
    story.pass_s(3);
    story.tell("one", Told::Working);
    shows(&mut story, "one", REFUSED);
    story.pass_s(5);
    assert_eq!(calls(&mut story), 0, "its turn has begun, and what it shows is still of before");
    story.tell("one", refused(Refusal::Auth, REFUSED));
    assert_eq!(story.state_of("one"), format!("attention: {REFUSED}"), "what it tells is news");
    story.told();
    story.tell("one", Told::Working);
    story.tell("one", idle());
    shows(&mut story, "one", REFUSED);
    story.pass_s(5);
    assert_eq!(calls(&mut story), 1, "and so is what it shows after its turn");
}

#[test]
fn what_is_typed_into_a_program_that_tells_of_its_turns_ends_nothing_of_before() {
    let mut story = resumed("events = \"opencode\"");
    tell_by(&mut story, Source::OpencodeStream, "one", Told::Idle { ended: false });
    story.send("one", "please go on with the parser", 20);
    shows(&mut story, "one", REFUSED);
    story.pass_s(5);
    assert_eq!(calls(&mut story), 0);
}

#[test]
fn what_a_program_that_tells_nothing_shows_is_news_after_it_has_worked() {
    let mut story = resumed("");
    shows(&mut story, "one", BUSY);
    story.pass_s(3);
    shows(&mut story, "one", REFUSED);
    story.pass_s(5);
    assert_eq!(calls(&mut story), 1);
}

#[test]
fn what_a_program_that_tells_nothing_shows_is_news_after_it_was_told_something() {
    let mut story = resumed("events = \"codex\"");
    story.send("one", "please go on with the parser", 20);
    story.pass_s(5);
    shows(&mut story, "one", REFUSED);
    story.pass_s(5);
    assert_eq!(calls(&mut story), 1);
}

#[test]
fn what_could_not_be_submitted_to_a_program_that_tells_nothing_ends_nothing_of_before() {
    let mut story = resumed("events = \"codex\"");
    story.keys_fail = true;
    story.send("one", "please go on with the parser", 20);
    story.pass_s(5);
    assert_eq!(story.pane("one").taken.len(), 0);
    shows(&mut story, "one", REFUSED);
    story.pass_s(5);
    assert_eq!(calls(&mut story), 0);
}

#[test]
fn work_that_a_program_shows_and_does_not_tell_makes_nothing_news_where_it_tells_of_its_turns() {
    for events in ["claude", "gemini", "opencode"] {
        let mut story = resumed(&format!("events = \"{events}\""));
        shows(&mut story, "one", &format!("{REFUSED}\n{BUSY}"));
        story.pass_s(3);
        shows(&mut story, "one", REFUSED);
        story.pass_s(5);
        assert_eq!(calls(&mut story), 0, "{events}");
    }
}

#[test]
fn what_a_resumed_program_shows_is_news_after_a_turn_that_was_refused_for_another_reason() {
    let mut story = resumed("events = \"claude\"");
    story.tell("one", Told::Working);
    story.tell("one", refused(Refusal::Overload, "it did not work"));
    shows(&mut story, "one", REFUSED);
    story.pass_s(5);
    assert_eq!(calls(&mut story), 1);
}

#[test]
fn what_a_resumed_program_shows_is_news_once_it_has_asked_for_leave() {
    let mut story = resumed("events = \"claude\"");
    story.tell("one", Told::Permission { what: "may it write".to_owned() });
    story.pass_s(5);
    story.told();
    shows(&mut story, "one", REFUSED);
    story.pass_s(5);
    assert_eq!(story.state_of("one"), format!("attention: {REFUSED}"));
}

#[test]
fn what_a_resumed_program_goes_on_to_show_calls_a_person_in_the_end() {
    for events in ["", "events = \"claude\""] {
        let mut story = resumed(events);
        for _ in 0..12 {
            story.output("one");
            story.pass_s(10);
        }
        assert_eq!(calls(&mut story), 1, "{events}");
    }
}
