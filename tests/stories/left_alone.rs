//! What is not to be healed, moved or started, and what follows where several rules could apply; each as a script of moments.

use std::collections::BTreeMap;

use crate::story::Story;
use crate::story::fleets::{PAIR, failed};
use crate::story::telling::shows;
use crate::story::woken::outcome;
use agent_orchestrator::policy::request::{PhaseTarget, Request};

/// One that nobody watches, a task, and two of an account that can be held; one of them has a model that banners name.
const MIXED: &str = r#"
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
limit_re = "hit your .*limit"
fatal_re = "cannot be modified"
process_name = "agent"
submit_key = "Enter"
[backend.other]
bin = "other"
process_name = "other"
[[agent]]
name = "unwatched"
watch = "none"
account = "a"
prompt = "x"
[[agent]]
name = "job"
kind = "task"
account = "b"
prompt = "x"
[[agent]]
name = "held"
account = "c"
prompt = "x"
[[agent]]
name = "opus"
account = "d"
model = "claude-opus-4"
prompt = "x"
[[agent]]
name = "too"
account = "d"
model = "claude-opus-5"
prompt = "x"
[[agent]]
name = "plain"
account = "d"
prompt = "x"
"#;

fn begin(text: &str) -> Story {
    let mut story = Story::new(text);
    story.pass_s(10);
    story.told();
    story
}

#[test]
fn a_broken_conversation_or_another_program_is_left_where_nothing_is_to_be_healed() {
    let mut story = begin(MIXED);
    story.run("job", false, None);
    story.pass_s(10);
    shows(&mut story, "held", "You've hit your session limit · resets 9am");
    story.pass_s(5);
    for agent in ["unwatched", "job", "held"] {
        shows(&mut story, agent, "API Error: 400 the blocks cannot be modified");
        story.pass_s(60);
        "other".clone_into(&mut story.pane(agent).command);
        story.output(agent);
        story.pass_s(60);
        let told = story.told();
        assert_eq!(story.pane(agent).run, 1, "{agent}: {told}");
    }
    shows(&mut story, "plain", "API Error: 400 the blocks cannot be modified");
    story.pass_s(60);
    assert_eq!(story.pane("plain").run, 2, "where it is to be healed, it is");
}

#[test]
fn a_limit_of_one_model_holds_the_agents_that_have_it_and_nobody_else() {
    let mut story = begin(MIXED);
    shows(&mut story, "opus", "You've hit your Opus limit · resets 9am");
    story.pass_s(5);
    let asked = ["opus", "too", "plain"].map(|name| story.send(name, "hello", 30));
    story.pass_s(40);
    assert_eq!(asked.map(|id| outcome(&story, id).0), [6, 6, 0], "{}", story.told());
}

#[test]
fn an_agent_that_ends_at_once_and_is_not_healed_is_told_so_to_who_starts_it() {
    let mut story = begin(MIXED);
    story.down(&["unwatched"]);
    story.dies_at_start = Some("unwatched".to_owned());
    let up = story.up(&["unwatched"]);
    story.pass_s(5);
    assert_eq!(outcome(&story, up), (1, "unwatched has ended: exit status 0".to_owned()));
}

/// The pair, with models of their own by phase.
fn pair_with_models() -> String {
    PAIR.replace("status = \"STATUS-2.md\"", "status = \"STATUS-2.md\"\nmodels = { builder = \"large\" }")
        .replace("role = \"adversary\"", "role = \"adversary\"\nmodel = \"small\"")
}

#[test]
fn f6_a_phase_chooses_the_model_of_a_role_and_leaves_the_others_theirs() {
    let mut story = begin(&pair_with_models());
    story.phase_set("p2");
    story.pass_s(10);
    let models: Vec<String> = story
        .prepared
        .iter()
        .map(|(agent, start)| {
            let phase = start.phase.clone().unwrap_or_default();
            format!("{phase} {agent}: {}", start.model.clone().unwrap_or_else(|| "its own".to_owned()))
        })
        .collect();
    expect_test::expect![[r"
        p1 builder: its own
        p1 adversary: small
        p2 builder: large
        p2 adversary: small"]]
    .assert_eq(&models.join("\n"));
}

#[test]
fn the_next_phase_is_the_one_after_and_behind_the_last_there_is_none() {
    let mut story = begin(PAIR);
    let next = |story: &mut Story| {
        let id = story.ask(Request::PhaseSet { in_loop: None, to: PhaseTarget::Next, restart: true });
        story.pass_s(10);
        outcome(story, id)
    };
    let shown = |story: &mut Story| {
        let id = story.ask(Request::PhaseShow { in_loop: None });
        outcome(story, id).1
    };
    assert_eq!(shown(&mut story), "phase p1 [1/2] sequence: p1 p2");
    assert_eq!(next(&mut story), (0, "phase is now p2".to_owned()));
    assert_eq!(shown(&mut story), "phase p2 [2/2] sequence: p1 p2");
    assert_eq!(next(&mut story), (1, "phase `p2` is the last".to_owned()));
    assert_eq!(shown(&mut story), "phase p2 [2/2] sequence: p1 p2");
    assert_eq!(story.pane("builder").run, 2, "started anew once");
}

#[test]
fn a_phase_that_is_set_where_nothing_is_to_start_ends_what_runs_of_the_old_one() {
    let mut story = begin(PAIR);
    story.kill_supervisor();
    story.wake_held();
    story.pass_s(1);
    story.phase_set("p2");
    story.pass_s(10);
    assert!(story.panes.is_empty(), "what had the old kickoff is ended: {}", story.told());
    story.kill_supervisor();
    story.wake();
    story.up(&[]);
    story.pass_s(10);
    assert_eq!(story.prepared.last().and_then(|(_, start)| start.phase.clone()).as_deref(), Some("p2"));
}

#[test]
fn who_hangs_up_takes_back_what_was_not_typed_yet() {
    let mut story = begin(PAIR);
    story.pane("builder").dialog = true;
    story.output("builder");
    let send = story.send("builder", "never mind", 600);
    story.pass_s(5);
    story.hang_up(send);
    story.pane("builder").dialog = false;
    story.output("builder");
    story.pass_s(60);
    assert!(story.pane("builder").taken.is_empty(), "{}", story.told());
}

#[test]
fn a_text_is_at_most_so_long_and_so_many_bytes_wait_in_all() {
    let mut story = begin(PAIR);
    let longest = "x".repeat(512 << 10);
    let sent = story.send("builder", &format!("{longest}x"), 0);
    let reply = story.replies[&sent].clone();
    assert!(failed(&reply).1.starts_with("the text is too long (524289 bytes"), "{reply:?}");
    story.pane("builder").dialog = true;
    story.output("builder");
    story.pass_s(5);
    let queued: Vec<u8> = (0..5)
        .map(|_| {
            let text = longest.clone();
            let wait = std::time::Duration::ZERO;
            let id = story.ask(Request::Send { name: "builder".to_owned(), text, wait, queue: true });
            outcome(&story, id).0
        })
        .collect();
    assert_eq!(queued, [0, 0, 0, 0, 5], "two mebibytes wait, and no more");
}

#[test]
fn a_bare_up_runs_no_task_that_has_a_calendar_follows_a_sequence_or_has_run() {
    let text = format!(
        "{}[loop.on_complete]\nrun = \"after\"\n{}{}{}",
        PAIR.replace("[[agent]]", "[[loop_agent]]").split("[[loop_agent]]").next().unwrap_or_default(),
        "[[agent]]\nname = \"weekly\"\nkind = \"task\"\nprompt = \"x\"\nschedule = \"Sun 02:00\"\n",
        "[[agent]]\nname = \"after\"\nkind = \"task\"\nprompt = \"x\"\n",
        "[[agent]]\nname = \"plain\"\nkind = \"task\"\nprompt = \"x\"\n"
    );
    let mut story = Story::new(&text);
    story.up(&[]);
    story.pass_s(10);
    assert_eq!(story.panes.keys().map(String::as_str).collect::<Vec<_>>(), ["plain"]);
    story.dies("plain", agent_orchestrator::policy::observation::Exit::Code(0));
    story.up(&[]);
    story.pass_s(10);
    assert_eq!(story.pane("plain").run, 1, "a task runs once");
    let overrides = BTreeMap::new();
    story.ask(Request::Up { names: vec!["weekly".to_owned()], overrides });
    story.pass_s(10);
    assert_eq!(story.pane("weekly").run, 1, "by its name it runs");
}
