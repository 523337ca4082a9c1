//! What a person can do about a held account: what is refused, and how a false hold is lifted.

use std::collections::BTreeMap;

use crate::story::fleets::failed;
use crate::story::telling::{PAIR, idle, pair, refused, shows, works};
use crate::story::{Pane, Story};
use agent_orchestrator::policy::agent_event::{Refusal, Told};
use agent_orchestrator::policy::observation::{Observation, SessionSeen};
use agent_orchestrator::policy::request::{Reason, Reply, Request};

/// Three agents of one account, ready.
fn three() -> Story {
    let mut story = Story::new(&format!("{PAIR}[[agent]]\nname = \"third\"\nprompt = \"x\"\n"));
    story.pass_s(5);
    story
}

/// An agent shows that its account is held.
fn is_refused(story: &mut Story, agent: &str) {
    shows(story, agent, "You've hit your session limit · resets 6am");
    story.pass_s(5);
}

fn restart(story: &mut Story, name: &str) -> u64 {
    story.ask(Request::Restart { name: name.to_owned(), overrides: BTreeMap::new() })
}

#[test]
fn a_restart_that_could_not_start_again_is_refused_before_it_ends_anything() {
    let mut story = three();
    is_refused(&mut story, "one");
    let asked = restart(&mut story, "two");
    story.pass_s(5);
    let Reply::Failed { reason: Reason::Held, error, hint: Some(hint) } = &story.replies[&asked] else {
        panic!("{:?}", story.replies[&asked])
    };
    assert_eq!(error, "account `box` of `two` is held by a usage limit: it could not be started again");
    assert!(hint.contains("`probe two`") && hint.contains("`down two`"), "{hint}");
    assert!(story.pane("two").alive && story.pane("two").run == 1);
    let free = restart(&mut story, "third");
    story.pass_s(5);
    assert!(matches!(story.replies[&free], Reply::Failed { reason: Reason::Held, .. }), "the whole account is held");
}

#[test]
fn who_knows_that_a_hold_is_false_has_an_agent_asked_and_its_work_opens_the_account() {
    let mut story = three();
    let early = story.ask(Request::Probe { name: "two".to_owned() });
    assert!(matches!(story.replies[&early], Reply::Failed { reason: Reason::Failed, .. }), "nothing is held");
    is_refused(&mut story, "one");
    let asked = story.ask(Request::Probe { name: "two".to_owned() });
    let expected = "two is asked to go on; if it works, account box is open";
    assert!(matches!(&story.replies[&asked], Reply::Done { lines } if lines == &[expected]));
    story.pass_s(2);
    assert_eq!(story.pane("two").taken.len(), 1);
    assert_eq!(story.saved.limits.len(), 1, "a word opens nothing");
    works(&mut story, "two", 12);
    assert!(story.saved.limits.is_empty(), "work does");
    story.pass_s(30);
    assert!(story.pane("one").taken[0].contains("you can work again"));
}

#[test]
fn a_probe_that_a_person_asks_for_and_that_is_refused_leaves_the_account_held() {
    let mut story = three();
    is_refused(&mut story, "one");
    story.pane("one").input = "a person's words".to_owned();
    story.output("one");
    story.pass_s(2);
    let drafted = story.ask(Request::Probe { name: "one".to_owned() });
    assert!(matches!(&story.replies[&drafted], Reply::Failed { error, .. } if error == "`one` cannot be asked now"));
    story.ask(Request::Probe { name: "two".to_owned() });
    let again = story.ask(Request::Probe { name: "one".to_owned() });
    let says = "account box is being probed: two is asked to go on";
    assert!(matches!(&story.replies[&again], Reply::Failed { error, .. } if error == says));
    story.pass_s(2);
    is_refused(&mut story, "two");
    story.pass_s(300);
    assert_eq!(story.saved.limits.len(), 1);
    assert!(story.panes.values().all(|pane| pane.run == 1));
}

#[test]
fn a_persons_probe_in_vain_leaves_the_time_that_the_banner_names() {
    let mut story = three();
    is_refused(&mut story, "one");
    story.ask(Request::Probe { name: "two".to_owned() });
    story.pass_s(2);
    story.pane("two").input = "a person's words".to_owned();
    story.output("two");
    story.pass_s(600);
    let asked = |story: &mut Story| ["one", "third"].map(|name| story.pane(name).taken.len());
    assert_eq!(asked(&mut story), [0, 0], "nobody else is asked early");
    story.ask(Request::Probe { name: "third".to_owned() });
    story.pane("third").hangs = true;
    story.pass_s(3600);
    assert_eq!(asked(&mut story), [0, 0], "nor after one that shows nothing");
    story.pass_s(3600);
    assert!(asked(&mut story)[0] > 0, "at the named time it goes on");
}

#[test]
fn a_persons_probe_that_lasts_over_the_named_time_is_followed_at_the_flat_cadence() {
    let mut story = three();
    is_refused(&mut story, "one");
    story.pass_s(7200 - 60);
    story.pane("two").hangs = true;
    story.ask(Request::Probe { name: "two".to_owned() });
    story.pass_s(180 + 60);
    let asked = |story: &mut Story| ["one", "third"].map(|name| story.pane(name).taken.len());
    assert_eq!(asked(&mut story), [0, 0], "the next one comes 300 s after one that was in vain");
    story.pass_s(300);
    assert_ne!(asked(&mut story), [0, 0]);
}

#[test]
fn a_stopped_agent_of_a_held_account_is_started_by_up_and_probe() {
    let mut story = three();
    is_refused(&mut story, "one");
    for name in ["one", "two", "third"] {
        story.ask(Request::Down { names: vec![name.to_owned()] });
    }
    story.pass_s(5);
    let held = story.up(&["two"]);
    assert_eq!(failed(&story.replies[&held]).1, "two waits: its account is held by a usage limit");
    story.pass_s(60);
    assert!(!story.panes.contains_key("two"), "it waits for its account");
    story.ask(Request::Probe { name: "two".to_owned() });
    story.pass_s(5);
    assert_eq!(story.pane("two").run, 2, "it is the one that is asked");
    assert!(!story.panes.contains_key("one"));
}

#[test]
fn what_a_person_starts_by_its_unit_on_a_held_account_waits_for_the_account_as_well() {
    let mut story = three();
    is_refused(&mut story, "one");
    story.down(&["two"]);
    story.pass_s(5);
    story.panes.insert("two".to_owned(), Pane { run: 1, alive: true, ..Pane::default() });
    let seen = SessionSeen::Running { run: 1 };
    story.turn(vec![Observation::Session { agent: "two".to_owned(), seen }]);
    story.pass_s(60);
    assert!(!story.panes.contains_key("two"), "{}", story.told());
    story.ask(Request::Probe { name: "two".to_owned() });
    story.pass_s(5);
    assert_eq!(story.pane("two").run, 2);
}

/// An account that was just asked by `one`, whose program tells of itself and has told that it takes the probe.
fn asked(told: &[Told]) -> Story {
    let mut story = pair();
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 6am"));
    story.pass_s(10);
    story.tell("one", idle());
    story.pane("one").tells = false;
    story.ask(Request::Probe { name: "one".to_owned() });
    story.pass_s(1);
    assert_eq!(story.pane("one").taken.len(), 1);
    for told in told {
        story.tell("one", told.clone());
    }
    story
}

#[test]
fn a_canary_that_tells_the_end_of_its_turn_opens_the_account_and_one_that_was_refused_for_another_reason_does_not() {
    let mut story = asked(&[Told::Working, idle()]);
    story.pass_s(10);
    assert!(story.saved.limits.is_empty(), "{}", story.told());
    for kind in [Refusal::Overload, Refusal::Auth, Refusal::Context, Refusal::Other] {
        let mut story = asked(&[Told::Working, refused(kind, "it did not work")]);
        story.pass_s(10);
        assert_eq!(story.saved.limits.len(), 1, "{kind:?} says nothing of the limit");
    }
}

#[test]
fn a_canary_whose_words_are_belied_by_its_screen_has_not_answered() {
    let mut story = asked(&[Told::Working, refused(Refusal::Limit, "You've hit your session limit · resets 6am")]);
    // An older word comes late.
    story.tell("one", Told::Working);
    story.pass_s(120);
    assert_eq!(story.saved.limits.len(), 1, "{}", story.told());
}

#[test]
fn a_canary_that_told_of_its_turns_and_tells_nothing_of_this_one_is_asked_anew() {
    let mut story = asked(&[]);
    story.pass_s(7);
    assert_eq!(story.saved.limits.len(), 1, "a refusal may have been lost");
    story.pass_s(20);
    assert_eq!(story.pane("one").taken.len(), 2, "{}", story.told());
    assert!(story.saved.limits.is_empty(), "it is mute: its rest is all that there is to be seen");
}

#[test]
fn a_canary_that_tells_of_the_probe_and_not_of_its_turn_is_asked_anew() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 6am"));
    story.pass_s(10);
    story.tell("one", idle());
    story.pane("one").tells = false;
    story.pass_s(5);
    story.ask(Request::Probe { name: "one".to_owned() });
    story.pass_s(1);
    let text = story.pane("one").taken[0].clone();
    story.tell("one", Told::Receipt { text });
    story.pass_s(7);
    assert_eq!(story.pane("one").taken.len(), 2, "the turn that it told last is one of before");
    assert_eq!(story.saved.limits.len(), 1);
}

#[test]
fn a_retry_that_is_told_and_not_shown_any_more_keeps_nobody_waiting_for_ever() {
    let mut story = pair();
    story.tell("one", Told::Retrying { limit: true, text: "usage limit, retrying".to_owned() });
    story.pass_s(20);
    assert_eq!(story.saved.limits.len(), 1);
    assert!(!story.told().contains("disagree"));
    story.pass_s(20);
    let told = story.told();
    assert!(told.contains("disagree for 30 s"), "{told}");
    story.ask(Request::Probe { name: "one".to_owned() });
    story.pass_s(10);
    assert_eq!(story.pane("one").taken.len(), 1, "it can be asked again");
}
