//! What status and explain say of an agent, and answers that only rare turns give; each as a script of moments.

use crate::story;
use crate::story::fleets::PAIR_AND_JOB;
use crate::story::woken::{FLEET, fleet, outcome};
use crate::story::{Story, send_queued};
use agent_orchestrator::policy::observation::Exit;
use agent_orchestrator::policy::request::Request;

/// Returns what status says of these agents, a line each.
fn words(story: &Story, names: &[&str]) -> String {
    let lines: Vec<String> = names.iter().map(|name| format!("{name} {}", story.state_of(name))).collect();
    lines.join("\n") + "\n"
}

/// Returns why an agent's messages wait, as explain says it.
fn pending(story: &Story, name: &str) -> String {
    let explanation = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain(name, story.now));
    explanation.expect("an agent").pending.join("\n")
}

#[test]
fn status_says_why_an_agent_does_not_run() {
    let mut story = Story::asleep(&FLEET.replace("name = \"assistant\"", "name = \"assistant\"\nwatch = \"none\""));
    story.wake_held();
    let mut told = words(&story, &["orchestrator", "upgrader"]);
    story.kill_supervisor();
    story.missing.insert("builder".to_owned(), "cannot read `builder.md`: no such file".to_owned());
    story.wake();
    story.up(&[]);
    story.pass_s(10);
    story.down(&["orchestrator"]);
    story.dies("assistant", Exit::Code(3));
    story.has_timers = true;
    told += &words(&story, &["orchestrator", "assistant", "builder", "upgrader"]);
    story.kill_supervisor();
    story.wake();
    story.pass_s(5);
    told += &words(&story, &["assistant", "upgrader"]);
    story.edit(&FLEET.replace("name = \"assistant\"", "name = \"assistant\"\nenabled = false"));
    story.pass_s(5);
    told += &words(&story, &["assistant"]);
    expect_test::expect![[r"
        orchestrator stopped: the fleet is not up
        upgrader stopped: a task; `run upgrader` runs it, or at `Sun 02:00`: needs a timer
        orchestrator stopped: by a person; `up orchestrator` starts it
        assistant dead: exit status 3
        builder waiting: cannot read `builder.md`: no such file
        upgrader stopped: a task; `run upgrader` runs it, or at `Sun 02:00`: needs a timer
        assistant dead: exit status 3
        upgrader stopped: a task; `run upgrader` runs it, or its timer at `Sun 02:00`
        assistant disabled
    "]]
    .assert_eq(&told);
}

#[test]
fn status_says_what_an_agent_waits_for() {
    let mut story = fleet();
    let mut told = String::new();
    for exit in [Exit::Code(1), Exit::Signal(9)] {
        story.dies("builder", exit);
        told += &words(&story, &["builder"]);
        story.pass_s(30);
    }
    story.dies("builder", Exit::Signal(9));
    story.pane("orchestrator").above = "You've hit your usage limit · resets 9am".to_owned();
    story.output("orchestrator");
    story.pass_s(60);
    told += &words(&story, &["builder", "orchestrator"]);
    expect_test::expect![[r"
        builder starting: not ready yet
        builder back-off: signal 9, retry in 1 s
        builder limited: waits for its start: account box, next probe Sat 09:00:45 UTC: You've hit your usage limit · resets 9am
        orchestrator limited: account box, next probe Sat 09:00:45 UTC: You've hit your usage limit · resets 9am
    "]].assert_eq(&told);
}

#[test]
fn explain_says_why_each_message_waits() {
    let mut story = fleet();
    story.pane("orchestrator").input = "half a line of a person".to_owned();
    story.output("orchestrator");
    story.ask(send_queued("orchestrator", "first"));
    story.ask(send_queued("orchestrator", "second"));
    story.wake_up("orchestrator");
    story.pass_s(5);
    let behind_a_draft = pending(&story, "orchestrator");
    story.pane("orchestrator").input.clear();
    story.pane("orchestrator").swallows = 2;
    story.output("orchestrator");
    story.pass(std::time::Duration::from_millis(1500));
    let told = format!("{behind_a_draft}\n\n{}", pending(&story, "orchestrator"));
    expect_test::expect![[r"
        m1 (5 s): waits: a person's draft stands in the input box: `half a line of a person`: first
        m2 (5 s): waits for its turn: second
        m3 (5 s): waits until the agent is idle: look around

        m1 (6 s): is submitted, not confirmed: first
        m2 (6 s): waits for its turn: second
        m3 (6 s): waits until the agent is idle: look around"]]
    .assert_eq(&told);
}

#[test]
fn who_starts_or_ends_what_cannot_be_is_told_why() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.push("status", &[("STATUS-1.md", Some("## DONE\n"))]);
    story.pass_s(10);
    story.push("status", &[("STATUS-2.md", Some("## DONE\n"))]);
    story.pass_s(10);
    let complete = story.up(&["builder"]);
    story.hung.insert("job".to_owned());
    story.kill_supervisor();
    story.wake();
    story.pass_s(1);
    let hung = story.down(&["job"]);
    story.hung.clear();
    story.pass_s(20);
    let never = story.down(&["builder"]);
    let ended = story.down(&["job"]);
    let nobody = story.down(&["nobody"]);
    let told: Vec<String> = [complete, hung, never, ended, nobody]
        .iter()
        .map(|id| outcome(&story, *id))
        .map(|(code, line)| format!("{code} {line}"))
        .collect();
    expect_test::expect![[r"
        1 the loop of `builder` is complete
        1 job cannot be reached and is ended as soon as it can: no answer
        0 builder has ended
        0 job has ended
        2 there is no agent `nobody`"]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_bare_up_does_not_shorten_the_pause_after_deaths_and_up_by_name_does() {
    let mut story = fleet();
    for _ in 0..5 {
        story.dies("builder", Exit::Code(1));
        story.pass_s(20);
    }
    assert!(story.state_of("builder").starts_with("back-off"), "{}", story.state_of("builder"));
    let run = story.pane("builder").run;
    story.up(&[]);
    story.pass_s(1);
    assert_eq!(story.pane("builder").run, run);
    story.ask(Request::Up { names: vec!["builder".to_owned()], overrides: std::collections::BTreeMap::new() });
    story.pass_s(1);
    assert_eq!(story.pane("builder").run, run + 1);
}

/// Returns what explain says that it has from a source.
fn says(story: &Story, name: &str, source: &str) -> String {
    let explanation = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain(name, story.now));
    let sources = explanation.expect("an agent").sources;
    sources.into_iter().find(|each| each.name == source).map(|each| each.says).unwrap_or_default()
}

#[test]
fn a_message_can_be_typed_as_long_as_the_account_is_open() {
    let mut story = fleet();
    story.pass_s(60);
    assert_eq!(says(&story, "orchestrator", "typing"), "a message can be typed");
    story.pane("orchestrator").above = "You've hit your usage limit · resets 9am".to_owned();
    story.output("orchestrator");
    story.pass_s(5);
    assert!(story.state_of("orchestrator").starts_with("limited: "), "{}", story.state_of("orchestrator"));
    assert_eq!(says(&story, "orchestrator", "typing"), "nothing is in the way, but account box is held");
}

/// Returns what explain says of the next start.
fn next(story: &Story, name: &str) -> Vec<String> {
    let explanation = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain(name, story.now));
    let next = explanation.expect("an agent").next;
    next.into_iter().filter(|line| line.starts_with("a start is tried in ")).collect()
}

#[test]
fn status_counts_recent_deaths_and_says_when_the_next_start_is_tried() {
    let mut story = fleet();
    let deaths = |story: &Story| {
        let picture = story.supervisor.as_ref().expect("a supervisor").picture(story.now);
        picture.agents.iter().find(|agent| agent.name == "assistant").map(|agent| agent.recent_deaths)
    };
    for _ in 0..3 {
        story.dies("assistant", Exit::Code(1));
        story.pass_s(30);
    }
    assert_eq!((deaths(&story), next(&story, "assistant").len()), (Some(3), 0));
    story.dies("assistant", Exit::Code(1));
    assert_eq!(next(&story, "assistant"), ["a start is tried in 4 s; `up assistant` tries it at once"]);
    story.kill_supervisor();
    story.wake_held();
    story.pass_s(300);
    assert_eq!(
        words(&story, &["assistant"]),
        "assistant stopped: the fleet is not up\n",
        "its time has come, and nobody starts it"
    );
    assert!(next(&story, "assistant").is_empty(), "{:?}", next(&story, "assistant"));
    story.down(&["assistant"]);
    story.pass_s(900);
    assert_eq!(deaths(&story), Some(0), "ten minutes ago it was well");
}

#[test]
fn a_start_that_a_person_has_called_off_is_not_said_to_be_tried() {
    let mut story = fleet();
    for _ in 0..3 {
        story.dies("assistant", Exit::Code(1));
        story.pass_s(30);
    }
    story.dies("assistant", Exit::Code(1));
    assert_eq!(next(&story, "assistant").len(), 1);
    story.down(&["assistant"]);
    assert!(next(&story, "assistant").is_empty(), "{:?}", next(&story, "assistant"));
}

#[test]
fn status_says_which_agents_wait_for_others_to_have_started_and_which_have_none_to_start() {
    let agent = |name: &str| format!("[[agent]]\nname = \"{name}\"\nprompt = \"x\"\n");
    let head = FLEET.split("[[agent]]").next().unwrap_or_default();
    let head = head
        .replace("[backend.box]", "[watchdog]\nmax_starting = 1\n[backend.box]\nready_re = \"^never\"\nready_max = 5");
    let mut story = Story::new(&format!("{head}{}{}", agent("first"), agent("second")));
    assert_eq!(words(&story, &["second"]), "second waiting: for its start\n");
    story.pass_s(20);
    let unwatched = format!("{head}{}watch = \"none\"\n", agent("first"));
    story.edit(&unwatched);
    story.panes.remove("first");
    let seen = agent_orchestrator::policy::observation::SessionSeen::Absent;
    story.turn(vec![agent_orchestrator::policy::observation::Observation::Session { agent: "first".to_owned(), seen }]);
    story.pass_s(20);
    assert_eq!(words(&story, &["first"]), "first stopped\n", "its session has gone, with what it ended with");
}

#[test]
fn status_says_until_when_an_agent_waits_and_where_a_loop_stands() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.pass_s(10);
    story.phase_set("p2");
    story.pass_s(10);
    story.pane("builder").above = "WAITING-UNTIL: 2026-06-13T04:20:00Z".to_owned();
    story.output("builder");
    story.pass_s(10);
    let waits = words(&story, &["builder"]);
    story.pass_s(1200);
    let picture = story.supervisor.as_ref().expect("a supervisor").picture(story.now);
    let loops =
        picture.loops.iter().map(|at| format!("{:?} {} of {} {:?}", at.phase, at.position, at.phases.len(), at.plan));
    let told = format!("{waits}{}{}", words(&story, &["builder"]), loops.collect::<String>());
    expect_test::expect![[r#"
        builder waiting: until Sat 04:20:00 UTC
        builder idle
        Some("p2") 2 of 2 Some("plan-2.md")"#]]
    .assert_eq(&told);
}

#[test]
fn a_program_of_which_nobody_can_read_a_screen_works_while_it_writes() {
    let mut story = Story::new(&story::fleets::WORKER.replace("backend = \"box\"", "backend = \"blind\""));
    story.pass_s(60);
    story.output("worker");
    let writes = story.state_of("worker");
    assert_eq!(
        says(&story, "worker", "output"),
        "its program writes to the terminal, which is work where no rule tells (decides)"
    );
    story.pass_s(60);
    assert_eq!(says(&story, "worker", "output"), "its program wrote to the terminal");
    let explanation = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain("worker", story.now));
    let sources = explanation.expect("an agent").sources;
    let rest = sources.into_iter().find(|source| source.name == "silence").and_then(|source| source.age_s);
    assert_eq!((writes.as_str(), story.state_of("worker").as_str(), rest), ("working", "idle", Some(60)));
}
