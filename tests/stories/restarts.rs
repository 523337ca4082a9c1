//! What comes between a start and its end: another phase, another order, a supervisor that holds or is another one.

use std::collections::BTreeMap;

use crate::story;
use crate::story::fleets::{ONE, PAIR};
use crate::story::woken::{fleet, outcome, told_of};
use crate::story::{Story, send_queued};
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use agent_orchestrator::policy::request::{Asker, Override, PhaseTarget, Reply, Request, RequestId};
use agent_orchestrator::policy::state::Session;

fn restart(story: &mut Story, name: &str) -> u64 {
    story.ask(Request::Restart { name: name.to_owned(), overrides: BTreeMap::new() })
}

/// The files of the agent's newest start are ready.
fn prepared(story: &mut Story, name: &str) {
    let run = story.saved.agents[name].run;
    story.turn(vec![Observation::Prepared { agent: name.to_owned(), run, result: Ok(()) }]);
}

fn seen(story: &mut Story, name: &str, seen: SessionSeen) {
    story.turn(vec![Observation::Session { agent: name.to_owned(), seen }]);
}

/// Returns the phase that the program which runs was started for.
fn phase_that_runs(story: &mut Story, name: &str) -> Option<String> {
    let run = story.pane(name).run;
    let start = story.prepared.iter().find(|(agent, start)| agent == name && start.run == run);
    start.and_then(|(_, start)| start.phase.clone())
}

#[test]
fn who_ends_an_agent_that_another_one_starts_again_is_told_so() {
    let orders: [fn(String) -> Request; 2] = [
        |name| Request::Restart { name, overrides: BTreeMap::new() },
        |name| Request::Up { names: vec![name], overrides: BTreeMap::new() },
    ];
    for order in orders {
        let mut story = Story::new(PAIR);
        story.pass_s(5);
        let name = "builder".to_owned();
        let request = |id, request| Observation::Request { id: RequestId(id), asker: Asker::Person, request };
        let down = Request::Down { names: vec![name.clone()] };
        story.turn(vec![request(901, down), request(902, order(name.clone()))]);
        let told = story.replies.get(&901);
        assert!(
            matches!(told, Some(Reply::Failed { error, .. }) if error.contains("ordered to run again")),
            "{told:?}"
        );
        story.pass_s(30);
        assert!(story.pane(&name).alive && matches!(story.replies[&902], Reply::Done { .. }));
    }
}

#[test]
fn a_start_that_was_prepared_for_the_phase_before_is_prepared_anew() {
    for runs in [true, false] {
        let mut story = Story::new(PAIR);
        story.pass_s(5);
        if !runs {
            story.down(&["builder"]);
        }
        story.silent.insert("builder".to_owned());
        if runs {
            restart(&mut story, "builder")
        } else {
            story.up(&["builder"])
        };
        story.phase_set("p2");
        story.silent.clear();
        story.missing.insert("builder".to_owned(), "cannot read `builder.md`".to_owned());
        prepared(&mut story, "builder");
        story.pass_s(5);
        assert_eq!(story.panes.contains_key("builder"), runs, "nothing is ended for it");
        story.missing.clear();
        story.turn(vec![Observation::PromptsChanged]);
        story.pass_s(5);
        assert_eq!(phase_that_runs(&mut story, "builder").as_deref(), Some("p2"), "over a program: {runs}");
    }
}

#[test]
fn a_phase_that_changes_while_a_program_is_ended_for_its_next_start_is_the_one_that_is_started() {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    story.slow.insert("builder".to_owned());
    restart(&mut story, "builder");
    story.phase_set("p2");
    story.slow.clear();
    story.ends("builder");
    story.pass_s(5);
    assert_eq!(phase_that_runs(&mut story, "builder").as_deref(), Some("p2"));
}

#[test]
fn a_start_that_is_not_wanted_any_more_when_its_files_are_ready_does_not_come() {
    let disabled = ONE.replace("prompt = \"work\"", "prompt = \"work\"\nenabled = false");
    for runs in [true, false] {
        let mut story = Story::new(ONE);
        story.pass_s(5);
        if !runs {
            story.down(&["worker"]);
        }
        story.silent.insert("worker".to_owned());
        let asked = if runs { restart(&mut story, "worker") } else { story.up(&["worker"]) };
        story.edit(&disabled);
        assert_eq!(
            outcome(&story, asked),
            (1, "worker is not to run any more".to_owned()),
            "who waits is told at once"
        );
        story.silent.clear();
        prepared(&mut story, "worker");
        story.pass_s(5);
        assert!(!story.panes.contains_key("worker"), "over a program: {runs}");
        assert!(!story.told().contains("run 2"));
    }
}

#[test]
fn who_waits_for_an_agent_whose_sequence_ends_meanwhile_hears_of_the_end() {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    story.phase_set("p2");
    story.pass_s(5);
    story.silent.insert("builder".to_owned());
    let asked = restart(&mut story, "builder");
    story.push("status", &[("STATUS-2.md", Some("## DONE\n"))]);
    assert_eq!(outcome(&story, asked), (0, "builder has ended: its sequence is complete".to_owned()));
}

#[test]
fn a_one_off_choice_counts_for_a_start_that_is_being_prepared() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.silent.insert("worker".to_owned());
    restart(&mut story, "worker");
    let first = story.prepared.len();
    story.up(&["worker"]);
    assert_eq!(story.prepared.len(), first, "a plain `up` changes nothing of it");
    let one_off = Override { model: Some("another".to_owned()), backend: None };
    story.silent.clear();
    let overrides = BTreeMap::from([("worker".to_owned(), one_off)]);
    let asked = story.ask(Request::Up { names: vec!["worker".to_owned()], overrides });
    story.pass_s(5);
    let (_, newest) = story.prepared.last().expect("a start").clone();
    assert_eq!(newest.model.as_deref(), Some("another"));
    assert_eq!(story.pane("worker").run, newest.run, "and it comes about");
    assert_eq!(outcome(&story, asked).0, 0);
}

#[test]
fn a_one_off_backend_is_one_that_there_is_and_stands_in_for_one_that_is_misconfigured() {
    let text = format!("{ONE}\n[[agent]]\nname = \"odd\"\nbackend = \"nonsense\"\nprompt = \"x\"\n");
    let mut story = Story::new(&text);
    story.pass_s(5);
    for (backend, code) in [("nonsense", 2), ("box", 0)] {
        let one_off = Override { model: None, backend: Some(backend.to_owned()) };
        let overrides = BTreeMap::from([("odd".to_owned(), one_off)]);
        let asked = story.ask(Request::Up { names: vec!["odd".to_owned()], overrides });
        story.pass_s(5);
        assert_eq!(outcome(&story, asked).0, code, "{backend}: {:?}", story.replies[&asked]);
    }
}

#[test]
fn a_start_whose_session_is_gone_is_told_and_counts_as_a_death() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.down(&["worker"]);
    story.silent.insert("worker".to_owned());
    story.up(&["worker"]);
    let mut told = String::new();
    for failed in 1..=2 {
        prepared(&mut story, "worker");
        told += &story.told();
        seen(&mut story, "worker", SessionSeen::Absent);
        assert_eq!(story.saved.agents["worker"].deaths.len(), failed);
    }
    told += &story.told();
    assert_eq!(told.matches(".0 worker: cannot be started: the session is gone").count(), 2, "{told}");
    let asked = story.up(&[]);
    assert_eq!(outcome(&story, asked), (1, "worker: cannot be started: the session is gone".to_owned()));
}

#[test]
fn starts_that_fail_are_tried_ever_more_rarely_and_are_no_crash_loop() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.down(&["worker"]);
    story.silent.insert("worker".to_owned());
    story.up(&["worker"]);
    let (mut last, mut waits) = (story.now.mono, Vec::new());
    while waits.len() < 11 {
        if matches!(story.saved.agents["worker"].session, Session::Preparing { .. }) {
            waits.push(story.now.mono.since(last).as_secs());
            last = story.now.mono;
            prepared(&mut story, "worker");
            seen(&mut story, "worker", SessionSeen::StartFailed { run: 0, why: "polkit refuses it".to_owned() });
        } else {
            story.pass_s(1);
        }
    }
    assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256]);
    let told = story.told();
    assert!(!told.contains("crash loop"));
    let words =
        "worker: 5 starts or runs have failed, it cannot be started: polkit refuses it; it is tried ever more rarely";
    assert_eq!(told.matches(words).count(), 1, "a person hears of it once: {told}");
}

#[test]
fn a_supervisor_that_holds_touches_nothing_that_runs() {
    let broken = ONE.replace("submit_key", "fatal_re = \"cannot be modified\"\nsubmit_key");
    let mut story = Story::new(&broken);
    story.pass_s(5);
    story.kill_supervisor();
    story.wake_held();
    story.pass_s(5);
    story.pane("worker").above = "API Error: 400 blocks cannot be modified".to_owned();
    story.output("worker");
    story.pass_s(60);
    assert!(story.pane("worker").alive && story.pane("worker").run == 1, "{}", story.told());
    story.up(&[]);
    story.pass_s(5);
    assert_eq!(story.pane("worker").run, 2, "it is healed when the fleet is up");
}

#[test]
fn a_supervisor_that_holds_wakes_nobody_and_runs_no_task() {
    let mut story = fleet();
    story.kill_supervisor();
    story.leave(story::run("upgrader", false, None));
    story.wake_held();
    story.pass_s(300);
    assert!(story.pane("orchestrator").taken.is_empty());
    assert!(!story.panes.contains_key("upgrader"));
    story.up(&[]);
    story.pass_s(10);
    assert_eq!(story.pane("orchestrator").taken.len(), 1);
    assert_eq!(story.pane("upgrader").run, 1, "the order was kept");
}

#[test]
fn an_order_is_weighed_when_the_fleet_is_up_and_not_in_a_hold_before() {
    let mut story = fleet();
    story.run("upgrader", false, None);
    story.pass_s(60);
    story.kill_supervisor();
    story.leave(story::run("upgrader", false, None));
    story.wake_held();
    story.pass_s(60);
    story::woken::work(&mut story, "upgrader", 5);
    story.up(&[]);
    story::woken::work(&mut story, "upgrader", 5);
    assert_eq!(story.pane("upgrader").run, 1, "it works by then");
}

#[test]
fn a_phase_that_is_set_without_a_restart_ends_nothing_in_a_hold_either() {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    story.kill_supervisor();
    story.wake_held();
    story.pass_s(5);
    story.ask(Request::PhaseSet { in_loop: None, to: PhaseTarget::Next, restart: false });
    story.pass_s(60);
    assert_eq!((story.pane("builder").run, story.pane("adversary").run), (1, 1));
}

#[test]
fn a_program_that_has_ended_stays_for_review_until_everything_is_ended() {
    let text = ONE.replace("watch = \"heal\"", "watch = \"none\"");
    let mut story = Story::new(&text);
    story.pass_s(5);
    story.dies("worker", Exit::Code(3));
    story.edit(&text.replace("prompt = \"work\"", "prompt = \"work\"\nenabled = false"));
    story.pass_s(60);
    assert!(story.panes.contains_key("worker"), "its last screen can be read");
    story.down(&[]);
    story.pass_s(5);
    assert!(story.panes.is_empty() && story.supervisor.is_none());
}

#[test]
fn what_a_person_started_while_nobody_supervised_is_to_run_from_then_on() {
    let text = ONE.replace("watch = \"heal\"", "watch = \"none\"");
    let mut story = Story::new(&text);
    story.pass_s(5);
    story.dies("worker", Exit::Code(0));
    story.kill_supervisor();
    story.pane("worker").alive = true;
    story.wake();
    story.pass_s(5);
    story.edit(&text.replace("prompt = \"work\"", "prompt = \"work\"\nenabled = false"));
    story.pass_s(5);
    assert!(!story.panes.contains_key("worker"));
    story.edit(&text);
    story.pass_s(5);
    assert!(story.pane("worker").alive, "as anything else that is enabled again");
}

#[test]
fn a_missing_file_is_told_once_for_each_reason_with_the_time_since_when() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.down(&["worker"]);
    let mut since = Vec::new();
    for file in ["one.md", "two.md"] {
        story.missing.insert("worker".to_owned(), format!("cannot read `{file}`"));
        story.up(&["worker"]);
        let first = story.saved.agents["worker"].blocked.clone().expect("blocked").since;
        story.pass_s(3600);
        let told = story.told();
        assert_eq!(
            told.matches(&format!("worker: cannot be started, waits: cannot read `{file}`")).count(),
            1,
            "{told}"
        );
        assert_eq!(story.saved.agents["worker"].blocked.clone().expect("blocked").since, first);
        since.push(first);
    }
    assert!(since[0] != since[1], "another reason has a time of its own");
}

#[test]
fn a_bare_up_tries_at_once_what_waits_for_a_file_and_has_no_pause_before_it() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.missing.insert("worker".to_owned(), "cannot read `x.md`".to_owned());
    story.dies("worker", Exit::Code(1));
    story.pass_s(60);
    story.missing.clear();
    let asked = story.up(&[]);
    story.pass_s(1);
    assert_eq!(outcome(&story, asked).0, 0, "{:?}", story.replies[&asked]);
}

#[test]
fn an_agent_that_is_removed_from_the_config_is_ended_though_that_is_refused_at_first_and_forgotten() {
    let two = format!("{ONE}\n[[agent]]\nname = \"second\"\nbackend = \"box\"\nprompt = \"x\"\n");
    let mut story = Story::new(&two);
    story.pass_s(5);
    story.refused.insert("second".to_owned(), "polkit refuses it".to_owned());
    story.edit(ONE);
    story.pass_s(60);
    story.refused.clear();
    story.pass_s(70);
    assert!(!story.panes.contains_key("second"));
    assert!(!story.saved.agents.contains_key("second"));
    assert!(told_of(&mut story, "second").contains("second: stopped"));
}

#[test]
fn what_waits_for_an_agent_is_left_for_its_next_start_when_it_is_stopped() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").input = "half a line of a person".to_owned();
    story.output("worker");
    story.ask(send_queued("worker", "for the next start"));
    story.pass_s(5);
    story.down(&["worker"]);
    story.up(&["worker"]);
    story.pass_s(10);
    assert_eq!(story.pane("worker").taken, ["for the next start"]);
}

#[test]
fn after_a_reboot_what_did_not_run_is_left_so_and_what_was_typed_is_marked() {
    let mut story = fleet();
    story.run("upgrader", false, None);
    story.pass_s(5);
    story.dies("upgrader", Exit::Code(0));
    story.pane("builder").swallows = 1000;
    story.ask(send_queued("builder", "typed"));
    story.ask(send_queued("builder", "waits"));
    story.pass_s(3);
    story.reboot();
    story.wake();
    story.pass_s(20);
    assert!(!story.panes.contains_key("upgrader"), "a finished task is no reason to run it again");
    assert_eq!(story.pane("builder").taken, ["(possibly repeated) typed", "waits"]);
}

#[test]
fn ready_is_said_when_nothing_is_on_its_way_and_not_before() {
    let mut story = fleet();
    assert!(story.ready, "a task that nobody has ordered is not waited for");
    story.kill_supervisor();
    story.reboot();
    story.ready = false;
    story.silent.insert("builder".to_owned());
    story.wake();
    assert!(!story.ready, "nothing is known of one of them");
    seen(&mut story, "builder", SessionSeen::Absent);
    story.pass_s(20);
    assert!(!story.ready, "it is being started");
    story.silent.clear();
    prepared(&mut story, "builder");
    assert!(story.ready);
}

#[test]
fn ready_does_not_wait_for_what_starts_later() {
    let mut story = Story::new(ONE);
    for _ in 0..6 {
        story.pass_s(70);
        story.pass_s(5);
        if story.pane("worker").alive {
            story.dies("worker", Exit::Code(1));
        }
    }
    assert!(story.saved.agents["worker"].crash_loop);
    story.kill_supervisor();
    story.panes.clear();
    story.saved.agents.get_mut("worker").expect("known").session = Session::Running { ready: true };
    story.ready = false;
    story.wake();
    assert!(story.ready && story.panes.is_empty(), "the next try of a crash loop is minutes away");

    let mut story = fleet();
    story.pane("builder").above = "usage limit reached".to_owned();
    story.output("builder");
    story.pass_s(5);
    story.reboot();
    story.ready = false;
    story.wake();
    assert!(story.ready && story.panes.is_empty(), "a held account opens later");
}

#[test]
fn who_ends_what_has_not_been_found_yet_is_answered_when_it_has_ended() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.kill_supervisor();
    story.saved.agents.get_mut("worker").expect("known").session = Session::Absent;
    story.silent.insert("worker".to_owned());
    story.wake();
    let asked = story.down(&["worker"]);
    assert!(!story.replies.contains_key(&asked), "nobody knows what is there");
    seen(&mut story, "worker", SessionSeen::Absent);
    assert!(matches!(story.replies[&asked], Reply::Done { .. }));
}
