//! Rules and breaking points of the handoff, each as a script of moments.

use crate::story;
use crate::story::Story;
use crate::story::fleets::PAIR;
use agent_orchestrator::policy::agent_event::Told;
use agent_orchestrator::policy::observation::{Commit, Exit, Observation, Pushed};
use agent_orchestrator::policy::request::{PhaseTarget, Request};

#[test]
fn a_claim_reaches_the_reviewer_and_a_review_the_builder() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.told();
    story.push("claim(p1): gate one", &[]);
    story.pass_s(2);
    story.push("review(p1): FAIL gate one", &[]);
    story.pass_s(2);
    expect_test::expect![[r"
        1.0 loop : c1 claim(p1): gate one → adversary
        1.3 host: adversary takes: supervisor: the other agent pushed a claim: c1 claim(p1): gate one. Pull, then verify what is claimed now.
        1.4 adversary: message m1 delivered: supervisor: the other agent pushed a cl…
        3.0 loop : c2 review(p1): FAIL gate one → builder
        3.3 host: builder takes: supervisor: the other agent pushed a review: c2 review(p1): FAIL gate one. Pull, read the verdict and act on it.
        3.4 builder: message m2 delivered: supervisor: the other agent pushed a re…
    "]].assert_eq(&story.told());
}

#[test]
fn rule_14_first_sight_of_a_branch_is_silent_and_what_was_pushed_while_down_is_told() {
    let mut story = Story::asleep(PAIR);
    story.commits.push(("c1".to_owned(), "claim(p1): old".to_owned()));
    story.wake();
    story.pass_s(2);
    assert!(story.pane("adversary").taken.is_empty(), "an old claim is no news");
    story.kill_supervisor();
    story.push("claim(p1): while nobody looked", &[]);
    story.wake();
    story.pass_s(2);
    let taken = story.pane("adversary").taken.clone();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert!(taken[0].contains("while nobody looked"));
    story.kill_supervisor();
    story.wake();
    story.pass_s(60);
    assert_eq!(story.pane("adversary").taken.len(), 1, "nothing old is told again");
}

#[test]
fn a_claim_and_a_review_that_come_together_are_both_told() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.commits.push(("ca".to_owned(), "claim(p1): one".to_owned()));
    story.push("review(p1): PASS", &[]);
    story.pass_s(2);
    assert_eq!(story.pane("adversary").taken.len(), 1);
    assert_eq!(story.pane("builder").taken.len(), 1);
}

#[test]
fn a_ping_that_stands_typed_when_a_person_sets_another_phase_is_no_draft() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.pane("adversary").swallows = 3;
    story.push("claim(p1): one", &[]);
    story.pass_s(1);
    let to = PhaseTarget::Named("p2".to_owned());
    story.ask(Request::PhaseSet { in_loop: None, to, restart: false });
    story.push("claim(p2): one", &[]);
    story.pass_s(60);
    let taken = story.pane("adversary").taken.clone();
    assert_eq!(taken.len(), 2, "{taken:?}");
    assert!(taken[1].contains("claim(p2)"));
}

#[test]
fn waiting_pings_of_one_kind_are_merged_and_name_all_commits() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.pane("adversary").above = "esc to interrupt".to_owned();
    for gate in ["one", "two", "three"] {
        story.push(&format!("claim(p1): {gate}"), &[]);
        story.pass_s(1);
    }
    assert!(story.pane("adversary").taken.is_empty(), "a busy reader that does not queue is left alone");
    story.pane("adversary").above = String::new();
    story.output("adversary");
    story.pass_s(3);
    let taken = story.pane("adversary").taken.clone();
    assert_eq!(taken.len(), 1, "{taken:?}");
    for gate in ["one", "two", "three"] {
        assert!(taken[0].contains(gate), "{}", taken[0]);
    }
}

#[test]
fn rule_1_a_ping_never_quotes_what_looks_like_a_limit() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.push("claim(p1): handle the usage limit banner", &[]);
    story.pass_s(2);
    let taken = story.pane("adversary").taken.clone();
    assert_eq!(taken.len(), 1);
    assert!(!taken[0].contains("usage limit") && taken[0].contains("c1"), "{}", taken[0]);
}

#[test]
fn an_inbox_pings_its_reader_once_per_content_also_over_a_restart() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.push("inbox", &[("machine-docs/ADVERSARY-INBOX.md", Some("look at gate 3"))]);
    story.pass_s(2);
    story.push("work", &[]);
    story.kill_supervisor();
    story.wake();
    story.pass_s(5);
    assert_eq!(story.pane("adversary").taken.len(), 1);
    story.push("consumed", &[("machine-docs/ADVERSARY-INBOX.md", None)]);
    story.push("inbox again", &[("machine-docs/ADVERSARY-INBOX.md", Some("look at gate 3"))]);
    story.pass_s(5);
    assert_eq!(story.pane("adversary").taken.len(), 2, "the same words after a deletion are a new message");
}

#[test]
fn a_dead_reader_gets_its_ping_after_the_restart() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.dies("adversary", Exit::Code(1));
    story.dies("adversary", Exit::Code(1));
    story.push("claim(p1): for the dead", &[]);
    assert!(story.pane("adversary").taken.is_empty());
    story.pass_s(10);
    assert!(story.pane("adversary").taken[0].contains("for the dead"));
}

#[test]
fn a_kill_between_any_two_actions_loses_no_claim() {
    for number in 0..60 {
        let mut story = Story::asleep(PAIR);
        story.kill_before = Some(number);
        story.wake();
        if story.supervisor.is_none() {
            story.wake();
        }
        story.pass_s(1);
        story.push("claim(p1): gate", &[]);
        story.pass_s(3);
        if story.supervisor.is_none() {
            story.wake();
        }
        story.pass_s(60);
        let taken = story.pane("adversary").taken.clone();
        assert!(taken.iter().any(|text| text.contains("claim(p1): gate")), "killed before action {number}: {taken:?}");
        assert!(taken.len() <= 2, "killed before action {number}: {taken:?}");
        assert!(taken.iter().skip(1).all(|text| text.starts_with("(possibly repeated)")), "{taken:?}");
        assert!(taken.iter().all(|text| text.matches("gate").count() == 1), "never woven into itself: {taken:?}");
    }
}

#[test]
fn a_push_while_the_branch_is_read_is_read_too() {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    story.git_hangs = true;
    story.push("claim(p1): gate 1", &[]);
    story.push("claim(p1): gate 2", &[]);
    story.git_hangs = false;
    let commits = vec![Commit { id: "c1".to_owned(), subject: "claim(p1): gate 1".to_owned() }];
    let read = Pushed { head: "c1".to_owned(), commits, ..Pushed::default() };
    story.turn(vec![Observation::Pushed { in_loop: String::new(), result: Ok(read) }]);
    story.pass_s(60);
    let taken = story.pane("adversary").taken.join("\n");
    assert!(taken.contains("gate 1") && taken.contains("gate 2"), "{taken}");
}

#[test]
fn an_origin_that_cannot_be_read_is_asked_ever_more_rarely_and_told_once_and_when_it_is_back() {
    let mut story = Story::new(PAIR);
    story.pass_s(10);
    story.told();
    story.git_fails = Some("connection refused".to_owned());
    story.push("claim(p1): gate one", &[]);
    story.pass_s(200);
    story.git_fails = None;
    story.pass_s(60);
    expect_test::expect![[r"
        10.0 host: the origin is not read
        10.0 loop : connection refused
        11.0 host: the origin is not read
        13.0 host: the origin is not read
        17.0 host: the origin is not read
        25.0 host: the origin is not read
        41.0 host: the origin is not read
        71.0 host: the origin is not read
        101.0 host: the origin is not read
        131.0 host: the origin is not read
        161.0 host: the origin is not read
        191.0 host: the origin is not read
        221.0 loop : the origin can be read again after 211 s
        221.0 loop : c1 claim(p1): gate one → adversary
        221.3 host: adversary takes: supervisor: the other agent pushed a claim: c1 claim(p1): gate one. Pull, then verify what is claimed now.
        221.4 adversary: message m1 delivered: supervisor: the other agent pushed a cl…
    "]].assert_eq(&story.told());
}

#[test]
fn of_what_a_program_keeps_the_next_phase_forgets_the_pings() {
    let mut story = Story::new(&PAIR.replace("active_re", "queues_while_busy = true\nactive_re"));
    story.pass_s(5);
    story.tell("adversary", Told::Receipt { text: "earlier".to_owned() });
    story.tell("adversary", Told::Working);
    story.push("claim(p1): one", &[]);
    story.pass_s(3);
    story.ask(story::send_queued("adversary", "a word of a person"));
    story.pass_s(3);
    assert_eq!(story.pane("adversary").taken.len(), 2);
    let to = PhaseTarget::Named("p2".to_owned());
    story.ask(Request::PhaseSet { in_loop: None, to, restart: false });
    story.dies("adversary", Exit::Code(1));
    story.pane("adversary").taken.clear();
    story.pass_s(60);
    assert_eq!(story.pane("adversary").taken, ["(possibly repeated) a word of a person"]);
}

#[test]
fn status_says_for_how_long_an_origin_has_not_been_read() {
    let mut story = Story::new(PAIR);
    story.pass_s(10);
    story.git_fails = Some("connection refused".to_owned());
    let trouble = |story: &Story| {
        let picture = story.supervisor.as_ref().expect("a supervisor").picture(story.now);
        picture.loops[0].trouble.clone().expect("a trouble")
    };
    story.push("claim(p1): gate one", &[]);
    assert_eq!(trouble(&story), "connection refused");
    story.pass_s(30);
    assert_eq!(trouble(&story), "connection refused (for 30 s)");
}
