//! Rules and breaking points of sessions, each as a script of moments.

use std::time::Duration;

use crate::story::Story;
use crate::story::fleets::{ONE, PAIR, failed};
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use agent_orchestrator::policy::request::{Reason, Reply, Request};
use agent_orchestrator::policy::state::Session;

#[test]
fn a_done_phase_moves_both_agents_to_the_next_and_the_end_is_dealt_with_once() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.told();
    story.push("status", &[("machine-docs/STATUS-1.md", Some("# status\n## DONE\nall verified\n"))]);
    story.pass_s(1);
    story.push("status", &[("STATUS-2.md", Some("## DONE (2026-06-13)\n"))]);
    story.pass_s(1);
    story.push("late", &[]);
    story.kill_supervisor();
    story.wake();
    story.pass_s(600);
    expect_test::expect![[r"
        1.0 loop : phase p2 begins
        1.0 host: builder is ended
        1.0 host: adversary is ended
        1.0 host: builder starts, run 2
        1.0 host: adversary starts, run 2
        1.0 builder: started (run 2)
        1.0 adversary: started (run 2)
        1.2 adversary: ready
        1.2 builder: ready
        2.0 host: SEQUENCE-COMPLETE written
        2.0 loop : the sequence is complete: phase p2 is done, and it was the last
        2.0 host: builder is ended
        2.0 host: adversary is ended
        2.0 builder: stopped
        2.0 adversary: stopped
        3.0 supervisor killed
        3.0 : supervisor started
    "]]
    .assert_eq(&story.told());
    assert_eq!(story.state_of("builder"), "stopped: the sequence is complete");
}

#[test]
fn rule_15_a_template_is_no_end_and_a_heading_is_told_once() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    for text in [
        "## DONE\nnot yet\n",
        "## DONE\n<date and evidence>\n",
        "## DONE: pending\n",
        "## DONE\n\nTBD\n",
        "```\n## DONE\n```\n",
        "not at the start: ## DONE\n",
        "<!--\n## DONE\n-->\n",
    ] {
        story.push("status", &[("machine-docs/STATUS-1.md", Some(text))]);
        story.pass_s(1);
        assert_eq!(story.pane("builder").run, 1, "no end: {text:?}");
    }
    story.told();
    story.push("status", &[("machine-docs/STATUS-1.md", Some("## DONE criteria\n- all gates\n"))]);
    story.push("status", &[("machine-docs/STATUS-1.md", Some("## DONE criteria\n- all gates!\n"))]);
    story.pass_s(1);
    let told = story.told();
    assert_eq!(told.matches("goes on in words").count(), 1, "{told}");
    assert_eq!(story.pane("builder").run, 1);
    story.push("status", &[("machine-docs/STATUS-1.md", Some("## DONE criteria\n...\n## DONE: all verified\n"))]);
    story.pass_s(1);
    assert_eq!(story.pane("builder").run, 2);
}

#[test]
fn rule_22_the_next_phase_forgets_inboxes_and_pings_of_the_one_before() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.pane("adversary").dialog = true;
    story.push("claim(p1): never taken", &[("machine-docs/BUILDER-INBOX.md", Some("hello"))]);
    story.pass_s(1);
    story.push("status", &[("machine-docs/STATUS-1.md", Some("## DONE\n"))]);
    story.pass_s(2);
    assert!(story.pane("adversary").taken.is_empty(), "a claim of the old phase is no news in the new one");
    assert_eq!(story.pane("builder").taken.len(), 1, "an inbox that is still there is told to the new run");
}

#[test]
fn phases_inserted_elsewhere_keep_the_current_one_and_an_appended_one_resumes() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.push(
        "status",
        &[("machine-docs/STATUS-1.md", Some("## DONE\n")), ("machine-docs/STATUS-2.md", Some("## DONE\n"))],
    );
    story.pass_s(1);
    assert!(story.marker.is_some() && story.panes.is_empty());
    let earlier = PAIR.replace(
        "[[loop.phases]]\nid = \"p1\"",
        "[[loop.phases]]\nid = \"p0\"\nplan = \"a\"\nstatus = \"S0\"\n[[loop.phases]]\nid = \"p1\"",
    );
    story.edit(&earlier);
    story.pass_s(1);
    assert!(story.marker.is_some() && story.panes.is_empty(), "a phase inserted earlier changes nothing");
    let appended = earlier
        .replace("[loop.handoff]", "[[loop.phases]]\nid = \"p3\"\nplan = \"b\"\nstatus = \"S3\"\n[loop.handoff]");
    story.edit(&appended);
    story.pass_s(1);
    assert!(story.marker.is_none());
    assert!(story.pane("builder").alive && story.pane("adversary").alive);
}

#[test]
fn death_is_answered_at_once_then_with_back_off_then_braked() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    story.told();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let run = story.pane("worker").run;
        let died = story.now.mono;
        story.dies("worker", Exit::Code(1));
        while story.pane("worker").run == run {
            story.pass(Duration::from_millis(500));
            assert!(story.now.mono.since(died) < Duration::from_secs(400));
        }
        waits.push(story.now.mono.since(died).as_secs());
    }
    assert_eq!(waits, [0, 1, 2, 4, 300, 300, 300, 300]);
    assert_eq!(story.told().matches("crash loop").count(), 1);
    story.pass_s(601);
    let run = story.pane("worker").run;
    story.dies("worker", Exit::Signal(9));
    assert_eq!(story.pane("worker").run, run + 1, "ten healthy minutes forget it");
}

#[test]
fn up_says_what_dies_at_once_and_does_not_wait_for_ever() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    for _ in 0..5 {
        story.dies("worker", Exit::Code(127));
        story.pass_s(5);
    }
    assert_eq!(story.state_of("worker"), "back-off: exit status 127, retry in 295 s, crash loop; last words");
    let id = story.up(&[]);
    let said = story.replies.get(&id).map(failed);
    assert_eq!(said, Some((Reason::Failed, "worker died (exit status 127: last words) and is started again in 295 s")));

    let id = story.up(&["worker"]);
    assert_eq!(story.replies.get(&id), None, "by name it is tried at once, and watched for a moment");
    story.dies("worker", Exit::Code(127));
    let said = story.replies.get(&id).map(failed);
    assert_eq!(said, Some((Reason::Failed, "worker died (exit status 127: last words) and is started again in 300 s")));
    let id = story.up(&["worker"]);
    story.pass_s(1);
    assert!(matches!(story.replies.get(&id), Some(Reply::Done { .. })), "{:?}", story.replies.get(&id));
}

#[test]
fn a_deliberate_stop_stays_over_a_restart_of_the_supervisor_and_of_the_host() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.down(&["worker"]);
    assert!(story.panes.is_empty());
    story.kill_supervisor();
    story.wake();
    story.pass_s(700);
    assert!(story.panes.is_empty());
    story.reboot();
    story.wake();
    let bare = story.up(&[]);
    story.pass_s(700);
    assert!(story.panes.is_empty(), "bare `up` does not lift it");
    assert!(matches!(story.replies[&bare], Reply::Done { .. }));
    let named = story.up(&["worker"]);
    story.pass_s(1);
    assert!(story.pane("worker").alive);
    assert!(matches!(story.replies[&named], Reply::Done { .. }));
}

#[test]
fn what_died_while_the_supervisor_was_down_is_started() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.kill_supervisor();
    story.panes.clear();
    story.wake();
    story.pass_s(1);
    assert_eq!(story.pane("worker").run, 2);
}

#[test]
fn a_session_that_cannot_be_asked_is_unknown_and_never_started_beside() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.kill_supervisor();
    story.hung.insert("worker".to_owned());
    story.wake();
    story.pass_s(600);
    assert_eq!(story.state_of("worker"), "unknown: no answer");
    assert_eq!(story.pane("worker").run, 1);
    let told = story.told();
    assert!(told.contains("no answer") && !told.contains("answers again"), "{told}");
    story.hung.clear();
    story.pass_s(20);
    assert_eq!(story.state_of("worker"), "idle");
    assert_eq!(story.pane("worker").run, 1);
    let told = story.told();
    assert!(told.contains("adopted (run 1)"), "{told}");
    assert_eq!(told.matches("answers again").count(), 1, "{told}");
}

#[test]
fn a_missing_file_at_a_restart_waits_and_kills_nothing() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.missing.insert("worker".to_owned(), "cannot read `/p/prompts/x.md`: no such file".to_owned());
    let answer =
        story.ask(Request::Restart { name: "worker".to_owned(), overrides: std::collections::BTreeMap::new() });
    story.pass_s(1);
    let (_, error) = failed(&story.replies[&answer]);
    assert!(error.contains("cannot read `/p/prompts/x.md`"), "{error}");
    assert!(story.pane("worker").alive && story.pane("worker").run == 1);
    story.missing.clear();
    story.turn(vec![Observation::PromptsChanged]);
    story.pass_s(1);
    assert!(story.pane("worker").run > 1, "taken up when the file is there");
}

#[test]
fn one_misconfigured_agent_does_not_stop_the_others() {
    let text = format!("{ONE}\n[[agent]]\nname = \"odd\"\nbackend = \"nonsense\"\nprompt = \"x\"\n");
    let mut story = Story::new(&text);
    story.pass_s(5);
    assert!(story.pane("worker").alive);
    assert!(story.state_of("odd").starts_with("misconfigured: "), "{}", story.state_of("odd"));
    assert!(story.ready, "the fleet is ready without it");
}

#[test]
fn a_broken_edit_changes_nothing_but_the_shown_error() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.told();
    let before = story.saved.clone();
    for text in ["", "[defaults", "not toml at all"] {
        story.edit(text);
        story.pass_s(60);
    }
    assert_eq!(story.saved, before);
    let picture = story.supervisor.as_ref().map(|supervisor| supervisor.picture(story.now));
    assert!(picture.is_some_and(|picture| picture.config_error.is_some()));
    story.edit(ONE);
    let picture = story.supervisor.as_ref().map(|supervisor| supervisor.picture(story.now));
    assert!(picture.is_some_and(|picture| picture.config_error.is_none()));
    assert_eq!(story.pane("worker").run, 1);
}

#[test]
fn disabling_or_removing_an_agent_stops_it_and_adding_one_starts_it() {
    let two = format!("{ONE}\n[[agent]]\nname = \"second\"\nbackend = \"box\"\nprompt = \"x\"\n");
    let mut story = Story::new(&two);
    story.pass_s(5);
    assert!(story.pane("second").alive);
    story.edit(&format!("{two}enabled = false\n"));
    story.pass_s(1);
    assert!(!story.panes.contains_key("second"));
    assert_eq!(story.state_of("second"), "disabled");
    story.edit(&two);
    story.pass_s(1);
    assert!(story.pane("second").alive);
    story.edit(ONE);
    story.pass_s(1);
    assert!(!story.panes.contains_key("second"));
    assert!(story.pane("worker").alive && story.pane("worker").run == 1);
}

#[test]
fn watch_none_leaves_the_dead_and_a_task_is_never_restarted() {
    let text = ONE.replace("watch = \"heal\"", "watch = \"none\"");
    let text = format!(
        "{text}\n[[agent]]\nname = \"job\"\nkind = \"task\"\nbackend = \"box\"\nwatch = \"heal\"\nprompt = \"x\"\n"
    );
    let mut story = Story::new(&text);
    story.pass_s(1);
    assert!(!story.panes.contains_key("job"), "a task waits to be asked for");
    story.up(&["job"]);
    story.pass_s(1);
    story.dies("worker", Exit::Code(0));
    story.dies("job", Exit::Code(0));
    story.kill_supervisor();
    story.wake();
    story.pass_s(1000);
    assert_eq!(story.state_of("worker"), "dead: exit status 0");
    assert_eq!(story.state_of("job"), "finished: exit status 0");
    story.up(&["job"]);
    story.pass_s(1);
    assert!(story.pane("job").alive, "asked for again, it runs again");
}

#[test]
fn no_more_than_max_starting_agents_start_at_once() {
    let mut text = format!("[watchdog]\nmax_starting = 2\n{ONE}");
    for number in 0..6 {
        let agent = format!("\n[[agent]]\nname = \"w{number}\"\nbackend = \"box\"\nprompt = \"x\"\n");
        text.push_str(&agent);
    }
    let mut story = Story::new(&text);
    let started = |story: &Story| story.panes.len();
    assert_eq!(started(&story), 2);
    story.up(&["w5"]);
    story.pass(Duration::from_millis(300));
    assert!(story.panes.contains_key("w5"), "what a person names goes first");
    assert!(started(&story) <= 4);
    story.pass_s(5);
    assert_eq!(started(&story), 7);
}

#[test]
fn a_ping_that_a_hanging_reader_never_took_is_typed_again_after_its_restart() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").hangs = true;
    story.send("worker", "hello there", 10);
    story.pass_s(30);
    story.dies("worker", Exit::Signal(9));
    story.pass_s(10);
    assert_eq!(story.pane("worker").taken, ["(possibly repeated) hello there"]);
}

#[test]
fn a_down_that_comes_in_the_middle_of_a_start_is_obeyed() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    let seen =
        Observation::Session { agent: "worker".to_owned(), seen: SessionSeen::Unknown { why: "late".to_owned() } };
    story.turn(vec![seen]);
    story.down(&["worker"]);
    story.pass_s(30);
    assert!(story.panes.is_empty());
}

/// One agent whose conversations have ids.
fn resuming() -> String {
    ONE.replace("submit_key", "supports_resume = true\nnew_id_flag = \"--id {id}\"\nsubmit_key")
        .replace("watch = \"heal\"", "watch = \"heal+stall\"\nresume = true")
}

#[test]
fn a_death_and_a_reboot_resume_the_conversation() {
    let mut story = Story::new(&resuming());
    story.pass_s(60);
    let id = story.saved.agents["worker"].conversation.clone();
    assert!(id.is_some());
    assert!(!story.saved.agents["worker"].resumed);
    story.dies("worker", Exit::Signal(9));
    story.pass_s(60);
    assert_eq!(story.saved.agents["worker"].conversation, id);
    assert!(story.saved.agents["worker"].resumed);
    story.kill_supervisor();
    story.reboot();
    story.wake();
    story.pass_s(60);
    assert!(story.pane("worker").alive);
    assert_eq!(story.saved.agents["worker"].conversation, id);
}

#[test]
fn a_stall_begins_a_new_conversation_and_so_does_a_resume_that_ends_at_once() {
    let mut story = Story::new(&resuming());
    story.pass_s(60);
    let first = story.saved.agents["worker"].conversation.clone();
    story.pass_s(300);
    assert_eq!(story.pane("worker").run, 2, "stalled");
    let second = story.saved.agents["worker"].conversation.clone();
    assert_ne!(first, second);
    story.pass_s(60);
    story.dies("worker", Exit::Code(1));
    story.pass_s(5);
    assert_eq!(story.saved.agents["worker"].conversation, second, "a death resumes");
    story.dies("worker", Exit::Code(1));
    story.pass_s(5);
    assert_ne!(story.saved.agents["worker"].conversation, second, "what cannot be resumed is not tried for ever");
}

#[test]
fn review_rounds_are_counted_per_phase_and_told_once_at_the_bound() {
    let mut story = Story::new(&PAIR.replace("roles_dir", "review_rounds_max = 2\nroles_dir"));
    story.pass_s(1);
    story.told();
    for round in 1..=4 {
        story.push(&format!("claim(p1): try {round}"), &[]);
        story.push("review(p1): FAIL again", &[]);
        story.push("review(p1): FAIL a second word to the same claim", &[]);
    }
    assert_eq!(story.saved.loops[""].rounds, 4);
    assert_eq!(story.told().matches("a person may have to look").count(), 1);
    story.push("claim(p1): try 5", &[]);
    story.push("review(p1): PASS", &[("machine-docs/STATUS-1.md", Some("## DONE\n"))]);
    story.pass_s(1);
    assert_eq!(story.saved.loops[""].rounds, 0, "another phase counts anew");
}

#[test]
fn what_was_being_ended_is_ended_by_the_next_supervisor_though_it_cannot_be_asked() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.kill_supervisor();
    story.saved.agents.get_mut("worker").expect("known").session = Session::Stopping { then_start: true };
    story.half_ended.insert("worker".to_owned());
    story.wake();
    story.pass_s(5);
    assert_eq!(story.state_of("worker"), "idle");
    assert_eq!(story.pane("worker").run, 2);
}

#[test]
fn a_file_that_is_mended_after_a_death_is_taken_at_once_and_not_before_the_back_off_has_passed() {
    let mut story = Story::new(ONE);
    story.pass_s(1);
    for run in 1..=4 {
        story.missing.insert("worker".to_owned(), "cannot read `prompt.md`: no such file".to_owned());
        story.dies("worker", Exit::Code(1));
        story.pass_s(10);
        story.missing.clear();
        story.turn(vec![Observation::PromptsChanged]);
        assert_eq!(story.pane("worker").run, 2 * run + 1, "at once: the back-off is shorter than 10 s");
        story.pass_s(1);
    }
    story.missing.insert("worker".to_owned(), "cannot read `prompt.md`: no such file".to_owned());
    story.dies("worker", Exit::Code(1));
    story.missing.clear();
    story.turn(vec![Observation::PromptsChanged]);
    assert!(!story.pane("worker").alive, "a crash loop goes on slowly");
    story.pass_s(300);
    assert!(story.pane("worker").alive);
}
