//! Phases: what ends one, what comes next, and what a person may change in between.

use crate::fleet::{kill_and_wait, until};
use crate::loops::{HEAD, Lab, one_loop};

/// Proves that both agents got the kickoff of phase `id` as their start number `count`.
#[track_caller]
fn both_begin(lab: &Lab, id: &str, count: usize) {
    for role in ["builder", "adversary"] {
        let start = lab.until_start(role, count);
        assert!(
            start.contains(&format!("|- Phase: {id}|- Plan: plans/{id}.md|- Status file: STATUS-{id}.md|")),
            "{start}"
        );
        assert!(start.contains(&format!("|- Your role: {role}|")) && start.contains(&format!("You are the {role}.")));
    }
}

#[test]
fn only_a_pushed_marker_ends_a_phase_and_the_old_phase_is_forgotten() {
    let lab = Lab::of_one_loop(&["p1", "p2"], "").up();
    let builder = lab.builder();
    both_begin(&lab, "p1", 1);

    for text in ["## DONE\n\nnot yet\n", "## DONE <written here only when all is verified>\n", "## DONE: pending\n"] {
        let head = lab.push_status("p1", text);
        lab.until_read("", &head);
        assert_eq!(lab.in_loop("").state, "in progress", "{text}");
    }
    let head = lab.push_status("p1", "# Status\n\n## DONE criteria\n\n- it works\n");
    lab.until_read("", &head);
    lab.fleet.until_event("almost-done", None);
    let head = lab.push_status("p1", "# Status\n\n## DONE criteria\n\n- it works well\n");
    lab.until_read("", &head);
    assert_eq!((lab.in_loop("").state.as_str(), lab.events_of("almost-done", "")), ("almost done", 1));

    // In the working copy, then committed: neither counts.
    lab.write(&builder, "machine-docs/STATUS-p1.md", "## DONE (2026-06-13)\n");
    lab.commit(&builder, "status(p1): done, not pushed");
    let other = lab.hand_over(&lab.adversary(), "something else");
    lab.until_read("", &other);
    assert_eq!(lab.in_loop("").phase.as_deref(), Some("p1"));

    lab.write(&builder, "machine-docs/ADVERSARY-INBOX.md", "for p1\n");
    lab.write(&builder, "machine-docs/BUILDER-INBOX.md", "for p1 and p2\n");
    lab.commit(&builder, "inboxes");
    let agents = ["builder", "adversary"].map(|agent| lab.fleet.pane_pid(agent));
    lab.fleet.git(&builder, &["pull", "-q", "--rebase"]);
    lab.push(&builder);
    both_begin(&lab, "p2", 2);
    for (agent, pid) in ["builder", "adversary"].iter().zip(agents) {
        assert_ne!(lab.fleet.pane_pid(agent), pid);
    }
    // Rule 22: what stands in an inbox now is new to the agents of this phase, once.
    lab.until_heard("builder", "BUILDER-INBOX.md");
    lab.until_heard("adversary", "ADVERSARY-INBOX.md");
    lab.until_nothing_waits();
    let head = lab.hand_over(&builder, "claim(p2): the first");
    lab.until_heard("adversary", "the first");
    lab.until_read("", &head);
    assert_eq!((lab.heard_of("builder", "INBOX"), lab.heard_of("adversary", "INBOX")), (1, 1));
    assert!(!lab.fleet.paths().complete_marker("").exists());
}

#[test]
fn with_worktree_the_working_copy_counts_and_each_phase_has_its_models() {
    let config = one_loop(&["p1", "p2"], "done_source = 'worktree'")
        .replace("'STATUS-p2.md' }", "'STATUS-p2.md', models = { builder = \"o'pus 4\" } }")
        .replace("name = 'adversary'\n", "name = 'adversary'\nmodel = 'sonnet'\n");
    let lab = Lab::new(&config);
    lab.repository("", "main", &["p1", "p2"]);
    let lab = lab.up();
    assert!(lab.until_start("builder", 1).contains(" model= "));
    assert!(lab.until_start("adversary", 1).contains(" model=sonnet "));
    lab.write(&lab.builder(), "machine-docs/STATUS-p1.md", "## DONE: all verified\n");
    both_begin(&lab, "p2", 2);
    assert!(lab.until_start("builder", 2).contains(" model=o'pus 4 "));
    assert!(lab.until_start("adversary", 2).contains(" model=sonnet "));
    assert_eq!(lab.fleet.agent("builder").model, "o'pus 4");
    // At the root it counts as well; the last phase ends the sequence.
    lab.write(&lab.builder(), "STATUS-p2.md", "## DONE\n");
    lab.fleet.until_file_has("logs/SEQUENCE-COMPLETE", "p2");
}

/// The task that follows the last phase: it notes its runs and whether the trigger file was there.
const REPORT: &str = "
[backend.note]
bin = 'if [ -e \"$HOME/../p/logs/.go\" ]; then echo there; else echo removed; fi >> \"$HOME/ran\"; exit 0'
prompt_delivery = 'exec'
[[agent]]
name = 'report'
kind = 'task'
backend = 'note'
prompt = 'Report.'
[loop.on_complete]
run = 'report'
trigger_file = '.go'
";

#[test]
fn the_end_is_dealt_with_once_and_phases_may_come_go_and_be_appended() {
    let with_phases = |phases: &[&str]| {
        let config = one_loop(phases, "");
        // A table of the loop must stand before the next section begins.
        let (before, agents) = config.split_once("[[agent]]").unwrap();
        let (tables, on_complete) = REPORT.split_once("[loop.on_complete]").unwrap();
        format!("{before}[loop.on_complete]{on_complete}{tables}[[agent]]{agents}")
    };
    let all = ["p0", "p1", "p2", "p3"];
    let lab = Lab::new(&with_phases(&["p1"]));
    lab.repository("", "main", &all);
    lab.fleet.write("logs/.go", "");
    let lab = lab.up();
    let ran = || std::fs::read_to_string(lab.fleet.root.join("home/ran")).unwrap_or_default();
    assert_eq!(ran(), "", "`up` leaves what follows the end alone");

    lab.push_status("p1", "## DONE\n");
    lab.fleet.until_file_has("logs/SEQUENCE-COMPLETE", "phase p1 is done");
    until("the report", || ran() == "removed\n");
    for agent in ["builder", "adversary"] {
        let found = lab.fleet.until_state(agent, "stopped");
        assert_eq!(found.detail.as_deref(), Some("the sequence is complete"));
    }
    assert_eq!(lab.fleet.until_state("report", "finished").last_exit.as_deref(), Some("exit status 0"));
    assert_eq!(lab.in_loop("").state, "complete");

    // Neither a restart of the supervisor nor `up` begins it again.
    lab.fleet.kill_supervisor();
    lab.fleet.run(&["up"]).good();
    let head = lab.hand_over(&lab.adversary(), "claim(p1): too late");
    lab.until_read("", &head);
    lab.fleet.run(&["up", "builder"]).bad(1);
    assert_eq!((ran().as_str(), lab.starts("builder").len(), lab.heard("adversary").len()), ("removed\n", 1, 0));

    // Inserted before the current one: it stays complete. Appended: it goes on.
    lab.reconfigure(&with_phases(&["p0", "p1"]));
    lab.fleet.until_status("two phases", |picture| picture.loops[0].phases.len() == 2);
    assert_eq!((lab.in_loop("").state.as_str(), lab.in_loop("").position), ("complete", 2));
    lab.reconfigure(&with_phases(&["p0", "p1", "p2"]));
    both_begin(&lab, "p2", 2);
    until("no SEQUENCE-COMPLETE", || !lab.fleet.paths().complete_marker("").exists());

    lab.reconfigure(&with_phases(&["p1", "p0", "p2"]));
    lab.fleet.until_status("another order", |picture| picture.loops[0].phases[0] == "p1");
    assert_eq!((lab.in_loop("").phase.as_deref(), lab.in_loop("").position), (Some("p2"), 3));

    // Removed while it runs: an error with the cure, and nothing moves or ends.
    lab.until_ready(&["builder", "adversary"]);
    let pid = lab.fleet.pane_pid("builder");
    lab.reconfigure(&with_phases(&["p0", "p1", "p3"]));
    let told = lab.fleet.until_event("phase-unknown", None);
    assert!(told.text.contains("`p2`") && told.text.contains("`phase set`"), "{told:?}");
    let shown = lab.fleet.run(&["status"]).good();
    assert!(shown.contains("phase: p2 [?/3]") && shown.contains("`phase set` names another"), "{shown}");
    assert_eq!(lab.fleet.pane_pid("builder"), pid);
    let head = lab.hand_over(&lab.builder(), "claim(p2): it goes on");
    lab.until_heard("adversary", "it goes on");
    lab.until_read("", &head);
    lab.fleet.run(&["phase", "set", "p3"]).good();
    both_begin(&lab, "p3", 3);
    lab.push_status("p3", "## DONE\n");
    until("the second report", || ran() == "removed\nremoved\n");
    lab.fleet.until_file_has("logs/SEQUENCE-COMPLETE", "phase p3 is done");
}

#[test]
fn without_auto_advance_a_person_moves_it() {
    let lab = Lab::of_one_loop(&["p1", "p2", "7"], "auto_advance = false").up();
    let head = lab.push_status("p1", "## DONE\n");
    lab.until_read("", &head);
    let told = lab.fleet.until_event("phase-done", None);
    assert!(told.text.contains("`phase next`"), "{told:?}");
    assert_eq!((lab.in_loop("").phase.as_deref(), lab.in_loop("").state.as_str()), (Some("p1"), "done"));
    let head = lab.push_status("p1", "still the same\n\n## DONE\n");
    lab.until_read("", &head);
    assert_eq!((lab.events_of("phase-done", ""), lab.starts("builder").len()), (1, 1));

    lab.fleet.run(&["phase", "next"]).good();
    both_begin(&lab, "p2", 2);
    for (wrong, hint) in [("p9", "p1, p2, 7 or 0 to 2"), ("3", "0 to 2"), ("-1", "error")] {
        let error = lab.fleet.run(&["phase", "set", "--", wrong]).bad(2);
        assert!(error.contains(hint), "{error}");
    }
    assert!(lab.fleet.run(&["phase", "show"]).good().contains("p2 [2/3]"));
    // An id goes before an index; without a restart it is only recorded.
    lab.fleet.run(&["phase", "set", "7", "--no-restart"]).good();
    assert_eq!((lab.in_loop("").phase.as_deref(), lab.starts("builder").len()), (Some("7"), 2));
    lab.fleet.run(&["phase", "next"]).bad(1);
    lab.fleet.run(&["phase", "set", "0"]).good();
    both_begin(&lab, "p1", 3);
}

#[test]
fn a_missing_role_file_keeps_what_runs_until_it_appears() {
    let lab = Lab::of_one_loop(&["p1", "p2"], "").up();
    let role = lab.fleet.project.join("prompts/adversary.md");
    std::fs::remove_file(&role).unwrap();
    let pid = lab.fleet.pane_pid("adversary");
    lab.push_status("p1", "## DONE\n");
    lab.until_start("builder", 2);
    let told = lab.fleet.until_event("misconfigured", Some("adversary"));
    assert!(told.text.contains("prompts/adversary.md`: no such file"), "{told:?}");
    let row = lab.fleet.agent("adversary");
    assert!(row.detail.is_some_and(|detail| detail.contains("prompts/adversary.md")));
    assert_eq!(lab.fleet.pane_pid("adversary"), pid, "nothing was killed for it");
    std::fs::write(&role, "You are the adversary.\n").unwrap();
    both_begin(&lab, "p2", 2);
    lab.until_ready(&[]);
    assert_eq!(lab.fleet.agent("adversary").detail, None);
}

#[test]
fn a_plan_that_is_edited_in_mid_phase_is_told_to_both() {
    let config = one_loop(&["p1", "p2"], "").replace("plan = 'plans/p2.md'", "plan = 'plan-2.md'");
    let lab = Lab::new(&config);
    lab.repository("", "main", &["p1", "p2"]);
    lab.fleet.write("plan-2.md", "# Of the project folder\n");
    let lab = lab.up();
    let builder = lab.builder();
    lab.write(&builder, "plans/p2.md", "# Another phase's\n");
    let other = lab.hand_over(&builder, "plan of another phase");
    lab.until_read("", &other);
    lab.write(&builder, "plans/p1.md", "# Phase p1, edited\n");
    let edited = lab.hand_over(&builder, "plan: one thing more");
    for agent in ["builder", "adversary"] {
        lab.until_heard(agent, "plans/p1.md was edited");
    }
    lab.until_read("", &edited);
    lab.until_nothing_waits();

    lab.push_status("p1", "## DONE\n");
    lab.until_start("adversary", 2);
    lab.until_start("builder", 2);
    lab.until_ready(&[]);
    // A plan that lies beside the repository counts as it is on disk.
    lab.fleet.write("plan-2.md", "# Of the project folder, edited\n");
    for agent in ["builder", "adversary"] {
        lab.until_heard(agent, "plan-2.md was edited");
        assert_eq!(lab.heard_of(agent, "was edited"), 2, "{:?}", lab.heard(agent));
    }
}

#[test]
fn a_broken_config_changes_nothing_and_one_broken_backend_stops_one_agent() {
    let good = one_loop(&["p1", "p2"], "");
    let lab = Lab::new(&good.replace("name = 'adversary'\n", "name = 'adversary'\nbackend = 'nowhere'\n"));
    lab.repository("", "main", &["p1", "p2"]);
    lab.fleet.run(&["up"]).bad(1);
    lab.until_ready(&["builder"]);
    let row = lab.fleet.until_state("adversary", "misconfigured");
    assert!(row.detail.is_some_and(|detail| detail.contains("nowhere")));
    lab.hand_over(&lab.builder(), "claim(p1): to one that cannot start");
    lab.fleet.until_event("handoff", None);
    lab.reconfigure(&good);
    lab.until_heard("adversary", "to one that cannot start");

    for broken in [format!("{HEAD}\n[[agent\n"), String::new()] {
        lab.fleet.forget_events();
        lab.reconfigure(&broken);
        lab.fleet.until_event("config-broken", None);
        assert!(lab.fleet.run(&["status"]).good().contains("config error: "));
    }
    lab.hand_over(&lab.builder(), "claim(p1): under a broken config");
    lab.until_heard("adversary", "under a broken config");
    lab.push_status("p1", "## DONE\n");
    both_begin(&lab, "p2", 2);
    lab.reconfigure(&good);
    lab.fleet.until_event("config-loaded", None);
    assert_eq!(lab.fleet.status().config_error, None);
}

#[test]
fn rule_19_the_environment_of_a_caller_holds_for_the_start_that_it_asks_for() {
    let lab = Lab::of_one_loop(&["p1", "p2"], "");
    let with_model = |verb: &[&str]| {
        let mut command = lab.fleet.command(verb);
        command.env("AGENT_MODEL_builder", "haiku").env("AGENT_MODEL_stranger", "opus");
        lab.fleet.begin_command(&mut command).end().good();
    };
    with_model(&["up"]);
    assert!(lab.until_start("builder", 1).contains(" model=haiku "));
    assert!(lab.until_start("adversary", 1).contains(" model= "));
    lab.until_ready(&[]);
    // The supervisor that came out of that call starts by the file.
    kill_and_wait(lab.fleet.pane_pid("builder"));
    assert!(lab.until_start("builder", 2).contains(" model= "));
    lab.until_ready(&[]);
    with_model(&["restart", "builder"]);
    assert!(lab.until_start("builder", 3).contains(" model=haiku "));
    lab.until_ready(&[]);
    with_model(&["phase", "next"]);
    assert!(lab.until_start("builder", 4).contains(" model= "));
    lab.until_start("adversary", 2);
}
