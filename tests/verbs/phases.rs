//! `phase`, with and without a supervisor.

use super::fleet::TestFleet;
use super::{BOX_BACKEND, HEAD};

const LOOP: &str = "\
[loop]\nroles_dir = 'prompts'\n\
phases = [\n\
  { id = 'p1', plan = 'plan-1.md', status = 'STATUS-1.md' },\n\
  { id = 'p2', plan = 'plan-2.md', status = 'STATUS-2.md' },\n\
  { id = '10', plan = 'plan-3.md', status = 'STATUS-3.md' },\n]\n
[[agent]]\nname = 'builder'\nkind = 'loop'\nrole = 'builder'\n
[[agent]]\nname = 'adversary'\nkind = 'loop'\nrole = 'adversary'\n";

fn fleet() -> TestFleet {
    let fleet = TestFleet::new(&format!("{}{BOX_BACKEND}{LOOP}", HEAD.replace("prompt = 'begin'\n", "")));
    for role in ["builder", "adversary"] {
        fleet.write(&format!("prompts/{role}.md"), "work\n");
    }
    for number in 1..=3 {
        fleet.write(&format!("plan-{number}.md"), "plan\n");
    }
    fleet.git(&fleet.root, &["init", "-q", "--bare", "-b", "main", "origin.git"]);
    fleet.git(&fleet.project, &["init", "-q", "-b", "main"]);
    fleet.git(&fleet.project, &["add", "plan-1.md", "plan-2.md", "plan-3.md"]);
    fleet.git(&fleet.project, &["commit", "-qm", "plans"]);
    fleet.git(&fleet.project, &["remote", "add", "origin", "../origin.git"]);
    fleet.git(&fleet.project, &["push", "-q", "-u", "origin", "main"]);
    fleet
}

fn kickoff(fleet: &TestFleet) -> String {
    std::fs::read_to_string(fleet.paths().kickoff("t-builder")).unwrap_or_default()
}

#[test]
fn phases_are_shown_and_moved_and_both_agents_start_with_the_new_kickoff() {
    let fleet = fleet();
    fleet.run(&["up"]).good();
    assert_eq!(fleet.run(&["phase"]).good(), "phase p1 [1/3] sequence: p1 p2 10\n");
    assert!(kickoff(&fleet).contains("plan-1.md"));
    let pids = ["builder", "adversary"].map(|name| fleet.pane_pid(name));
    fleet.forget_events();
    assert_eq!(fleet.run(&["phase", "next"]).good(), "phase is now p2\n");
    for name in ["builder", "adversary"] {
        fleet.until_event("started", Some(name));
    }
    assert!(kickoff(&fleet).contains("plan-2.md"));
    assert!(pids.iter().all(|pid| !super::fleet::lives(*pid)));

    let pids = ["builder", "adversary"].map(|name| fleet.pane_pid(name));
    fleet.run(&["phase", "set", "10", "--no-restart"]).good();
    assert_eq!(fleet.run(&["phase", "show"]).good(), "phase 10 [3/3] sequence: p1 p2 10\n");
    assert_eq!(["builder", "adversary"].map(|name| fleet.pane_pid(name)), pids, "only recorded");
    fleet.forget_events();
    fleet.run(&["phase", "set", "0"]).good();
    assert_eq!(
        fleet.run(&["phase"]).good(),
        "phase p1 [1/3] sequence: p1 p2 10\n",
        "an index where no id is so called"
    );
    fleet.until_event("started", Some("builder"));
    fleet.kill_supervisor();
    fleet.run(&["up"]).good();
    assert_eq!(fleet.status().loops[0].phase.as_deref(), Some("p1"), "it is kept");
}

#[test]
fn a_phase_that_does_not_exist_is_refused_with_those_that_do() {
    let fleet = fleet();
    fleet.run(&["up"]).good();
    for supervised in [true, false] {
        for wrong in ["p9", "3", "-1", ""] {
            let error = fleet.run(&["phase", "set", "--", wrong]).bad(2);
            assert!(error.contains("p1") && error.contains("10"), "{wrong}: {error}");
        }
        assert!(fleet.run(&["phase", "--loop", "web"]).bad(2).contains("there is no loop `web`"));
        assert_eq!(fleet.run(&["phase"]).good(), "phase p1 [1/3] sequence: p1 p2 10\n");
        fleet.run(&["phase", "set", "10", "--no-restart"]).good();
        let error = fleet.run(&["phase", "next"]).bad(1);
        assert!(error.contains("last"), "{error}");
        fleet.run(&["phase", "set", "p1", "--no-restart"]).good();
        if supervised {
            fleet.kill_supervisor();
        }
    }
    assert_eq!(fleet.run(&["phase", "set"]).code, 2);
}

#[test]
fn a_fleet_without_a_loop_has_no_phase() {
    let fleet = TestFleet::new(HEAD);
    for verb in [&["phase"][..], &["phase", "next"], &["phase", "set", "p1"]] {
        assert_eq!(fleet.run(verb).bad(1), "error: the config has no loop\nhint: add a `[loop]` with `phases` to it\n");
    }
}

#[test]
fn phases_are_moved_without_a_supervisor_and_the_next_one_goes_by_them() {
    let fleet = fleet();
    fleet.run(&["up"]).good();
    let pid = fleet.pane_pid("builder");
    fleet.kill_supervisor();
    assert_eq!(fleet.run(&["phase", "set", "p2"]).good(), "phase is now p2\n");
    assert!(!super::fleet::lives(pid), "the old phase's agents are ended");
    assert_eq!(fleet.run(&["phase"]).good(), "phase p2 [2/3] sequence: p1 p2 10\n");
    fleet.run(&["up"]).good();
    assert!(kickoff(&fleet).contains("plan-2.md"));
    assert_eq!(fleet.status().loops[0].phase.as_deref(), Some("p2"));
}
