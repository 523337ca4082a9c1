//! What loops read of their origin and of their files, and what moves them, each as a script of moments.

use crate::story;
use crate::story::Story;
use crate::story::fleets::PAIR;
use agent_orchestrator::policy::request::{PhaseTarget, Request};

/// Both agents work: what is told them waits.
fn busy() -> Story {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    for agent in ["builder", "adversary"] {
        "esc to interrupt".clone_into(&mut story.pane(agent).above);
        story.output(agent);
    }
    story.pass_s(2);
    story
}

/// Both agents rest and take what waits.
fn taken(story: &mut Story, agent: &str) -> Vec<String> {
    for agent in ["builder", "adversary"] {
        story.pane(agent).above = String::new();
        story.output(agent);
    }
    story.pass_s(20);
    story.pane(agent).taken.clone()
}

#[test]
fn a_pushed_edit_of_the_plan_is_told_to_both_agents() {
    let mut story = Story::new(PAIR);
    story.push("the plan", &[("plan-1.md", Some("first"))]);
    story.pass_s(5);
    story.push("the plan is edited", &[("plan-1.md", Some("second"))]);
    story.pass_s(10);
    for agent in ["builder", "adversary"] {
        let taken = story.pane(agent).taken.clone();
        assert!(taken.len() == 1 && taken[0].contains("the plan plan-1.md was edited"), "{agent}: {taken:?}");
    }
}

#[test]
fn a_plan_outside_of_the_repository_is_not_asked_of_it() {
    let mut story = Story::new(&PAIR.replace("plan-1.md", "/docs/plan-1.md"));
    story.push("one", &[("/docs/plan-1.md", Some("first"))]);
    story.pass_s(5);
    story.push("two", &[("/docs/plan-1.md", Some("second"))]);
    story.pass_s(5);
    assert!(!story.told().contains("was edited"));
}

#[test]
fn pings_about_different_things_are_not_merged() {
    let mut story = busy();
    story.push("claim(p1): one", &[("ADVERSARY-INBOX.md", Some("look"))]);
    story.pass_s(5);
    let taken = taken(&mut story, "adversary");
    assert_eq!(taken.len(), 2, "{taken:?}");
    assert!(taken[0].contains("claim(p1): one") && taken[1].contains("ADVERSARY-INBOX.md"), "{taken:?}");
}

#[test]
fn a_ping_names_the_last_five_commits_and_counts_the_earlier_ones() {
    for (commits, earlier) in [(5, None), (7, Some("(and 2 earlier)"))] {
        let mut story = busy();
        for gate in 1..=commits {
            story.push(&format!("claim(p1): gate {gate}"), &[]);
        }
        let text = taken(&mut story, "adversary").concat();
        assert!(text.contains(&format!("gate {commits}")) && text.contains(&format!("gate {}", commits - 4)), "{text}");
        assert_eq!(text.contains("earlier)"), earlier.is_some(), "{text}");
        assert!(text.contains(earlier.unwrap_or_default()), "{text}");
    }
}

#[test]
fn a_loop_that_takes_nothing_from_its_origin_does_not_ask_it() {
    let (loops, agents) = PAIR.split_once("[loop.handoff]").expect("a handoff");
    let agents = agents.split_once("[[agent]]").expect("agents").1;
    let text = format!("{}[[agent]]{agents}", loops.replace("roles_dir", "done_source = \"worktree\"\nroles_dir"));
    let mut story = Story::asleep(&text);
    story.git_fails = Some("no such remote".to_owned());
    story.wake();
    story.push("one", &[]);
    story.pass_s(60);
    assert!(!story.told().contains("the origin is not read"));
}

#[test]
fn a_done_phase_waits_for_a_person_where_nothing_moves_by_itself() {
    let mut story = Story::new(&PAIR.replace("roles_dir", "auto_advance = false\nroles_dir"));
    story.pass_s(5);
    story.push("status", &[("STATUS-1.md", Some("## DONE\n"))]);
    story.push("more", &[]);
    story.pass_s(60);
    assert_eq!(story.saved.loops[""].phase.as_deref(), Some("p1"));
    assert_eq!(story.pane("builder").run, 1);
    assert_eq!(story.told().matches("phase p1 is done and waits").count(), 1);
}

#[test]
fn what_waits_of_the_phase_before_is_dropped_and_what_a_person_sent_is_not() {
    let mut story = busy();
    story.push("claim(p1): one", &[]);
    story.ask(story::send_queued("adversary", "from a person"));
    story.ask(Request::PhaseSet { in_loop: None, to: PhaseTarget::Next, restart: false });
    story.pass_s(2);
    assert_eq!(taken(&mut story, "adversary"), ["from a person"]);
}

#[test]
fn a_text_of_a_person_that_stands_typed_when_the_phase_changes_stays_what_it_is() {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    story.pane("adversary").swallows = 3;
    let asked = story.send("adversary", "from a person", 60);
    story.pass_s(1);
    story.ask(Request::PhaseSet { in_loop: None, to: PhaseTarget::Next, restart: true });
    story.pass_s(60);
    let taken = story.pane("adversary").taken.clone();
    assert!(taken.len() == 1 && taken[0].ends_with("from a person"), "{taken:?}");
    assert!(story.replies.contains_key(&asked));
}

#[test]
fn an_index_behind_the_last_phase_is_none() {
    for (index, phase) in [("1", Some("p2")), ("2", None), ("9", None)] {
        let mut story = Story::asleep(PAIR);
        let probe = Story::new(PAIR);
        let file = probe.supervisor.as_ref().expect("a supervisor").fleet().loops[0].state_file.clone();
        story.disk.insert(file, index.to_owned());
        story.wake();
        story.pass_s(5);
        assert_eq!(story.saved.loops[""].phase.as_deref(), phase, "index {index}");
        assert_eq!(story.told().contains("holds no index of a phase"), phase.is_none(), "index {index}");
    }
}

#[test]
fn a_loop_without_phases_is_told_to_who_starts_its_agents() {
    let (head, rest) = PAIR.split_once("[[loop.phases]]").expect("phases");
    let (_, rest) = rest.split_once("[loop.handoff]").expect("a handoff");
    let mut story = Story::new(&format!("{head}[loop.handoff]{rest}"));
    story.pass_s(5);
    assert!(story.state_of("builder").contains("its loop has no phases"), "{}", story.state_of("builder"));
}
