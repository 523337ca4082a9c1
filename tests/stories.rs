//! The rules learnt in production and the predecessor's breaking points, each as a script of moments.

mod story;

use std::time::Duration;

use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use agent_orchestrator::policy::request::{Reason, Reply, Request};
use story::Story;

/// A builder and an adversary with an input box, and two phases.
const PAIR: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
watch = "heal"

[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "usage limit"
submit_key = "Enter"

[loop]
roles_dir = "prompts"
[[loop.phases]]
id = "p1"
plan = "plan-1.md"
status = "STATUS-1.md"
[[loop.phases]]
id = "p2"
plan = "plan-2.md"
status = "STATUS-2.md"
[loop.handoff]
repo = "builder"
claim_pings = "adversary"
review_pings = "builder"
inboxes = ["ADVERSARY-INBOX.md", "BUILDER-INBOX.md"]

[[agent]]
name = "builder"
kind = "loop"
role = "builder"
[[agent]]
name = "adversary"
kind = "loop"
role = "adversary"
"#;

/// One persistent agent.
const ONE: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
submit_key = "Enter"
[[agent]]
name = "worker"
backend = "box"
watch = "heal"
prompt = "work"
"#;

fn failed(reply: &Reply) -> (Reason, &str) {
    match reply {
        Reply::Failed { reason, error, .. } => (*reason, error),
        Reply::Done { .. } | Reply::Status { .. } | Reply::Explanation { .. } => panic!("not refused: {reply:?}"),
    }
}

#[test]
fn a_claim_reaches_the_reviewer_and_a_review_the_builder() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.told();
    story.push("claim(p1): gate one", &[]);
    story.pass_s(2);
    story.push("review(p1): FAIL gate one", &[]);
    story.pass_s(2);
    expect_test::expect![[r#"
        1.0 loop : c1 claim(p1): gate one → adversary
        1.3 host: adversary takes: supervisor: the other agent pushed a claim: c1 claim(p1): gate one. Pull, then verify what is claimed now.
        1.4 adversary: message m1 delivered: supervisor: the other agent pushed a cl…
        3.0 loop : c2 review(p1): FAIL gate one → builder
        3.3 host: builder takes: supervisor: the other agent pushed a review: c2 review(p1): FAIL gate one. Pull, read the verdict and act on it.
        3.4 builder: message m2 delivered: supervisor: the other agent pushed a re…
    "#]].assert_eq(&story.told());
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
fn a_current_phase_that_is_gone_is_shown_and_moves_nothing() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.told();
    story.edit(&PAIR.replace("id = \"p1\"", "id = \"renamed\""));
    story.pass_s(600);
    let told = story.told();
    assert_eq!(told.matches("phase `p1` is not in the config any more").count(), 1, "{told}");
    assert_eq!(story.pane("builder").run, 1, "nothing was killed for it");
    let answer = story.phase_set("renamed");
    story.pass_s(1);
    assert!(matches!(story.replies[&answer], Reply::Done { .. }));
    assert_eq!(story.pane("builder").run, 2);
}

#[test]
fn a_phase_that_does_not_exist_is_refused_and_nothing_is_written() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    let before = story.saved.clone();
    for target in ["7", "-1", "nonsense", "99999999999999999999"] {
        let answer = story.phase_set(target);
        let (reason, error) = failed(&story.replies[&answer]);
        assert_eq!(reason, Reason::Usage);
        assert!(error.contains("valid are p1, p2 or 0 to 1"), "{error}");
    }
    assert_eq!(story.saved, before);
    let answer = story.phase_set("1");
    assert!(matches!(&story.replies[&answer], Reply::Done { lines } if lines[0].contains("p2")));
}

#[test]
fn a_plan_edited_in_mid_phase_is_told_to_both() {
    let mut story = Story::new(PAIR);
    story.write("/p/plan-1.md", "first");
    story.pass_s(1);
    assert!(story.pane("builder").taken.is_empty(), "the first sight is silent");
    story.write("/p/plan-1.md", "second");
    story.pass_s(2);
    for agent in ["builder", "adversary"] {
        let taken = story.pane(agent).taken.clone();
        assert!(taken.len() == 1 && taken[0].contains("plan-1.md was edited"), "{agent}: {taken:?}");
    }
}

#[test]
fn the_predecessors_phase_index_is_read_once() {
    let mut story = Story::asleep(PAIR);
    story.disk.insert("/p/logs/state/phase-idx".into(), "1\n".to_owned());
    story.wake();
    story.pass_s(1);
    assert_eq!(story.saved.loops[""].phase.as_deref(), Some("p2"));
    story.write("/p/logs/state/phase-idx", "0\n");
    story.kill_supervisor();
    story.wake();
    assert_eq!(story.saved.loops[""].phase.as_deref(), Some("p2"), "afterwards our own state counts");
}

#[test]
fn an_index_out_of_range_is_shown_and_starts_nothing() {
    let mut story = Story::asleep(PAIR);
    story.disk.insert("/p/logs/state/phase-idx".into(), "17".to_owned());
    story.wake();
    story.pass_s(1);
    assert!(story.panes.is_empty());
    assert!(story.told().contains("holds no index of a phase"));
    story.phase_set("p1");
    story.pass_s(400);
    assert!(story.pane("builder").alive);
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
fn a_restarted_supervisor_adopts_what_runs() {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    story.kill_supervisor();
    story.pass_s(1000);
    story.wake();
    story.pass_s(1000);
    assert_eq!((story.pane("builder").run, story.pane("adversary").run), (1, 1));
    assert!(story.ready);
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
    story.hung.clear();
    story.pass_s(20);
    assert_eq!(story.state_of("worker"), "idle");
    assert_eq!(story.pane("worker").run, 1);
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
fn rule_11_a_swallowed_submit_key_is_pressed_again_and_the_text_typed_once() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").swallows = 3;
    let answer = story.send("worker", "hello there", 30);
    story.pass_s(20);
    assert_eq!(story.pane("worker").taken, ["hello there"]);
    assert!(matches!(story.replies[&answer], Reply::Done { .. }));
}

#[test]
fn a_reader_that_does_not_read_stays_unconfirmed_visible_and_within_bounds() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").swallows = u32::MAX;
    let answer = story.send("worker", "hello there", 30);
    story.pass_s(4000);
    let (reason, _) = failed(&story.replies[&answer]);
    assert_eq!(reason, Reason::Unconfirmed);
    let swallowed = u32::MAX - story.pane("worker").swallows;
    assert_eq!(swallowed, 20, "the key is pressed a bounded number of times");
    assert_eq!(story.pane("worker").input, "hello there", "the text is typed once");
    story.told();
    let explanation = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain("worker", story.now));
    assert!(explanation.is_some_and(|explanation| explanation.pending[0].contains("not confirmed")));
}

#[test]
fn the_empty_box_of_a_program_that_hangs_proves_nothing() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").hangs = true;
    let answer = story.send("worker", "hello there", 10);
    story.pass_s(30);
    let (reason, _) = failed(&story.replies[&answer]);
    assert_eq!(reason, Reason::Unconfirmed);
    assert_eq!(story.pane("worker").unread, "hello there\n", "typed once, submitted once");
    story.told();
    story.pass_s(5);
    story.reads_on("worker");
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["hello there"]);
    assert!(story.told().contains("typed and submitted, unconfirmed"), "it is no longer waited for");
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
fn a_persons_draft_is_left_alone_and_told_after_a_while() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.told();
    story.pane("worker").input = "rm -rf build && ".to_owned();
    let answer = story.send("worker", "go on", 10);
    story.pass_s(11);
    let (reason, error) = failed(&story.replies[&answer]);
    assert_eq!(reason, Reason::InTheWay);
    assert!(error.contains("draft"), "{error}");
    assert_eq!(story.pane("worker").input, "rm -rf build && ");
    story.ask(Request::Send { name: "worker".to_owned(), text: "go on".to_owned(), wait: Duration::ZERO, queue: true });
    story.pass_s(1000);
    assert_eq!(story.told().matches("a draft has blocked messages").count(), 1);
    story.pane("worker").input = String::new();
    story.output("worker");
    story.pass_s(5);
    assert_eq!(story.pane("worker").taken, ["go on"]);
}

#[test]
fn send_says_why_it_did_not_arrive() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").above = "esc to interrupt".to_owned();
    let busy = story.send("worker", "a", 5);
    story.pass_s(6);
    assert_eq!(failed(&story.replies[&busy]).0, Reason::Busy);
    story.pane("worker").above = String::new();
    story.pane("worker").dialog = true;
    story.output("worker");
    let dialog = story.send("worker", "b", 5);
    story.pass_s(6);
    assert_eq!(failed(&story.replies[&dialog]).0, Reason::InTheWay);
    story.down(&["worker"]);
    let stopped = story.send("worker", "c", 5);
    assert_eq!(failed(&story.replies[&stopped]).0, Reason::NotRunning);
    let nobody = story.send("nobody", "d", 5);
    assert_eq!(failed(&story.replies[&nobody]).0, Reason::Usage);
    let nothing = story.send("worker", " \n", 5);
    assert_eq!(failed(&story.replies[&nothing]).0, Reason::Usage);
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
fn down_ends_everything_then_the_supervisor_and_is_not_remembered() {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    let answer = story.down(&[]);
    assert!(story.ended && story.panes.is_empty());
    assert!(matches!(story.replies[&answer], Reply::Done { .. }));
    story.wake();
    story.pass_s(1);
    assert!(story.pane("builder").alive);
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
