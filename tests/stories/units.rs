//! What systemd and agents themselves ask for: a unit that a person stops or starts, and who may ask what.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::story::fleets::{ONE, failed};
use crate::story::{Pane, Story, send_queued};
use agent_orchestrator::policy::now::Mono;
use agent_orchestrator::policy::observation::{Observation, SessionSeen};
use agent_orchestrator::policy::request::{Asker, PhaseTarget, Reply, Request, RequestId};
use agent_orchestrator::policy::state::Session;

/// The worker's unit is stopped by order; its fleet's slice was entered at this time since boot.
fn unit_stops(story: &mut Story, fleet_since: Mono) {
    story.panes.remove("worker");
    seen(story, SessionSeen::Stopped { at: None, fleet_since: Some(fleet_since) });
}

fn seen(story: &mut Story, seen: SessionSeen) {
    story.turn(vec![Observation::Session { agent: "worker".to_owned(), seen }]);
}

fn restart(story: &mut Story) -> u64 {
    story.ask(Request::Restart { name: "worker".to_owned(), overrides: BTreeMap::new() })
}

#[test]
fn a_unit_that_a_person_stops_stays_stopped_until_a_person_starts_it() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    story.told();
    unit_stops(&mut story, Mono::default());
    story.pass_s(3600);
    assert!(!story.panes.contains_key("worker"), "a deliberate stop is not undone");
    assert_eq!(story.told().matches("stopped by `systemctl stop`").count(), 1);
    story.kill_supervisor();
    story.wake();
    story.pass_s(600);
    assert!(!story.panes.contains_key("worker"), "nor by another supervisor");
    story.up(&["worker"]);
    story.pass_s(5);
    assert_eq!(story.pane("worker").run, 2);
}

#[test]
fn what_ended_with_its_whole_fleet_runs_again() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    let later = story.now.mono + Duration::from_secs(5);
    story.pass_s(10);
    story.told();
    unit_stops(&mut story, later);
    story.pass_s(5);
    assert_eq!(story.pane("worker").run, 2);
    let told = story.told();
    assert!(!told.contains("died") && !told.contains("systemctl stop"), "it is no death and no order: {told}");
}

#[test]
fn what_ended_with_its_whole_fleet_runs_again_also_where_systemd_did_not_answer_at_first() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    let at = story.now.mono;
    let fleet_since = at + Duration::from_secs(2);
    story.pass_s(5);
    story.panes.remove("worker");
    story.hung.insert("worker".to_owned());
    seen(&mut story, SessionSeen::Unknown { why: "no answer".to_owned() });
    story.hung.clear();
    story.pass_s(1);
    seen(&mut story, SessionSeen::Stopped { at: Some(at), fleet_since: Some(fleet_since) });
    story.pass_s(5);
    assert_eq!(story.pane("worker").run, 2);
    assert!(!story.told().contains("systemctl stop"));
}

#[test]
fn what_a_person_stops_after_its_fleet_was_entered_stays_stopped_though_nothing_was_known_of_its_end() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    let fleet_since = story.now.mono;
    story.pass_s(5);
    let at = story.now.mono;
    story.panes.remove("worker");
    seen(&mut story, SessionSeen::Stopped { at: Some(at), fleet_since: Some(fleet_since) });
    story.pass_s(600);
    assert!(!story.panes.contains_key("worker"));
}

#[test]
fn a_unit_that_a_person_starts_is_theirs_no_longer_stopped_and_begins_as_configured() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    unit_stops(&mut story, Mono::default());
    story.pass_s(20);
    story.told();
    let pane = Pane { run: 1, alive: true, ..Pane::default() };
    story.panes.insert("worker".to_owned(), pane);
    seen(&mut story, SessionSeen::Running { run: 1 });
    story.pass_s(5);
    assert!(story.told().contains("started by `systemctl start`"));
    assert_eq!(story.pane("worker").run, 2, "the launch file of the old run is not what the config says now");
}

#[test]
fn a_unit_that_a_person_starts_goes_on_where_it_begins_as_configured() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    story.same.insert("worker".to_owned());
    unit_stops(&mut story, Mono::default());
    story.pass_s(20);
    story.told();
    story.panes.insert("worker".to_owned(), Pane { run: 1, alive: true, ..Pane::default() });
    seen(&mut story, SessionSeen::Running { run: 1 });
    story.pass_s(5);
    let told = story.told();
    assert!(told.contains("started by `systemctl start`") && !told.contains("started (run"), "{told}");
    assert_eq!(story.pane("worker").run, 1, "it is not started twice");
    let state = &story.saved.agents["worker"];
    assert_eq!((state.run, state.restart), (1, None));
    assert!(matches!(state.session, Session::Running { .. }), "{:?}", state.session);
    restart(&mut story);
    story.pass_s(5);
    assert_eq!(story.pane("worker").run, 2, "a restart that is asked for is one");
}

#[test]
fn a_unit_that_tells_another_number_than_the_last_starts_begins_anew() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    for _ in 0..3 {
        restart(&mut story);
        story.pass_s(20);
    }
    unit_stops(&mut story, Mono::default());
    story.pass_s(20);
    story.panes.insert("worker".to_owned(), Pane { run: 4, alive: true, ..Pane::default() });
    story.silent.insert("worker".to_owned());
    seen(&mut story, SessionSeen::Running { run: 4 });
    assert_eq!(story.saved.agents["worker"].run, 5, "it is being prepared");
    story.silent.clear();
    story.turn(vec![Observation::Prepared { agent: "worker".to_owned(), run: 1, result: Ok(()) }]);
    assert!(!story.prepared.last().expect("a start").1.unless_same, "its files are not asked for once more");
    story.pass_s(5);
    let state = story.saved.agents["worker"].clone();
    assert!(state.run > 5 && state.restart.is_none(), "{state:?}");
    assert!(matches!(state.session, Session::Running { .. }), "{:?}", state.session);
    assert_eq!(story.pane("worker").run, state.run);
}

#[test]
fn an_end_that_is_refused_is_told_once_and_tried_ever_more_rarely() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    story.told();
    story.refused.insert("worker".to_owned(), "polkit refuses it".to_owned());
    let asked = story.down(&["worker"]);
    story.pass_s(600);
    let told = story.told();
    assert_eq!(failed(&story.replies[&asked]).1, "worker could not be ended: polkit refuses it");
    assert_eq!(told.matches("could not be ended").count(), 2, "an event, and an answer to who asked: {told}");
    let tries = told.matches("worker is not ended").count();
    assert!((10..=20).contains(&tries), "after 1, 2, 4 to 32 s, then each minute: {tries}");
    let explained = story.supervisor.as_ref().and_then(|supervisor| supervisor.explain("worker", story.now));
    let detail = explained.and_then(|explained| explained.agent.detail).unwrap_or_default();
    assert!(detail.contains("tried again in") && detail.ends_with("polkit refuses it"), "{detail}");
    story.refused.clear();
    story.down(&["worker"]);
    story.pass_s(5);
    assert!(!story.panes.contains_key("worker"), "a person need not wait for the next try");
}

#[test]
fn a_restart_that_is_refused_comes_when_it_is_allowed() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    story.told();
    story.refused.insert("worker".to_owned(), "polkit refuses it".to_owned());
    restart(&mut story);
    story.pass_s(300);
    let told = story.told();
    assert_eq!(told.matches("could not be ended").count(), 1, "{told}");
    assert_eq!(story.pane("worker").run, 1, "what runs goes on");
    story.refused.clear();
    story.pass_s(70);
    assert!(story.pane("worker").run > 1);
    assert!(!story.told().contains("died"));
}

#[test]
fn an_agent_may_ask_what_its_control_says_and_a_person_everything() {
    let send = || Request::Send {
        name: "worker".to_owned(),
        text: "look".to_owned(),
        wait: Duration::from_secs(1),
        queue: true,
    };
    let set = || Request::PhaseSet { in_loop: None, to: PhaseTarget::Next, restart: true };
    let down = || Request::Down { names: Vec::new() };
    for (control, status, sends) in [("none", false, false), ("observe", true, false), ("operate", true, true)] {
        let mut story = Story::new(&format!("{ONE}control = \"{control}\"\n"));
        story.pass_s(20);
        let mut asked = |request: Request| {
            let id = story.ask_as("worker", request);
            story.replies[&id].clone()
        };
        assert_eq!(matches!(asked(Request::Status), Reply::Status { .. }), status, "{control}");
        let answer = asked(send());
        assert_eq!(matches!(answer, Reply::Done { .. }), sends, "{control}");
        if let Reply::Failed { hint, .. } = &answer {
            let hint = hint.as_deref().unwrap_or_default();
            assert!(hint.contains("control = \"operate\"") && hint.contains("worker"), "{hint}");
        }
        for request in [set(), down(), Request::Up { names: Vec::new(), overrides: BTreeMap::new() }] {
            let answer = asked(request);
            assert!(failed(&answer).1.contains("only a person"), "{control}: {answer:?}");
        }
        let answer = story.ask(Request::Status);
        assert!(matches!(story.replies[&answer], Reply::Status { .. }), "a person is not restricted by it");
    }
}

#[test]
fn what_the_supervisor_has_started_may_act_and_not_decide_as_a_person() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    let mut asked = |number: u64, request: Request| {
        let id = RequestId(900 + number);
        story.turn(vec![Observation::Request { id, asker: Asker::Own, request }]);
        story.replies[&id.0].clone()
    };
    assert!(matches!(asked(1, Request::Status), Reply::Status { .. }));
    assert!(matches!(asked(2, send_queued("worker", "look")), Reply::Done { .. }));
    let set = Request::PhaseSet { in_loop: None, to: PhaseTarget::Next, restart: true };
    for (number, request) in [(3, set), (4, Request::Down { names: Vec::new() })] {
        let answer = asked(number, request);
        assert!(failed(&answer).1.contains("only a person"), "{answer:?}");
    }
}

#[test]
fn what_the_config_does_not_name_may_ask_nothing() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    let id = story.ask_as("stranger", Request::Status);
    assert!(failed(&story.replies[&id]).1.contains("may not ask"));
}

#[test]
fn an_agent_that_systemd_was_too_busy_to_tell_of_at_a_boot_has_not_died() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    story.kill_supervisor();
    story.reboot();
    story.told();
    story.hung.insert("worker".to_owned());
    story.wake();
    story.pass_s(5);
    story.hung.clear();
    story.pass_s(20);
    assert_eq!(story.pane("worker").run, 2);
    let told = story.told();
    assert!(told.contains("cannot be reached") && !told.contains("died"), "{told}");
    assert!(story.saved.agents["worker"].deaths.is_empty());
}

#[test]
fn a_stopped_agent_that_cannot_be_asked_for_a_while_is_neither_dead_nor_started_by_that() {
    let mut story = Story::new(ONE);
    story.pass_s(20);
    story.down(&["worker"]);
    story.pass_s(5);
    story.told();
    story.hung.insert("worker".to_owned());
    story.kill_supervisor();
    story.wake();
    story.pass_s(5);
    story.hung.clear();
    story.kill_supervisor();
    story.reboot();
    story.wake();
    story.pass_s(30);
    let told = story.told();
    assert!(!told.contains("died") && !story.panes.contains_key("worker"), "{told}");
}

#[test]
fn a_stop_that_is_refused_is_not_lifted_by_another_supervisor_that_finds_the_program() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.refused.insert("worker".to_owned(), "polkit refuses it".to_owned());
    story.down(&["worker"]);
    let runs = |story: &Story| matches!(story.saved.agents["worker"].session, Session::Running { .. });
    (0..120).find(|_| {
        story.pass_s(1);
        runs(&story)
    });
    assert!(runs(&story), "it is seen to be there between two attempts");
    story.kill_supervisor();
    story.told();
    story.wake();
    story.refused.clear();
    story.pass_s(70);
    assert!(!story.panes.contains_key("worker"));
    let told = story.told();
    assert!(told.contains("adopted") && !told.contains("started by"), "{told}");
}

#[test]
fn what_could_not_be_ended_and_goes_by_itself_has_stopped_and_not_died() {
    for wanted in [false, true] {
        let mut story = Story::new(ONE);
        story.pass_s(5);
        story.refused.insert("worker".to_owned(), "polkit refuses it".to_owned());
        if wanted {
            restart(&mut story)
        } else {
            story.down(&["worker"])
        };
        story.pass_s(2);
        story.told();
        story.panes.clear();
        story.refused.clear();
        story.pass_s(20);
        let told = story.told();
        assert!(!told.contains("died") && story.saved.agents["worker"].deaths.is_empty(), "{told}");
        assert_eq!(told.contains("worker: stopped"), !wanted, "{told}");
        assert_eq!(story.panes.contains_key("worker"), wanted);
    }
}

#[test]
fn what_could_not_be_asked_for_a_while_and_is_gone_then_has_died() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.hung.insert("worker".to_owned());
    seen(&mut story, SessionSeen::Unknown { why: "no answer".to_owned() });
    story.panes.clear();
    story.hung.clear();
    story.pass_s(20);
    let told = story.told();
    assert!(told.contains("worker: died"), "{told}");
    assert_eq!(story.saved.agents["worker"].deaths.len(), 1);
    assert_eq!(story.pane("worker").run, 2);
}

#[test]
fn a_stop_that_is_known_is_not_told_as_one_by_systemctl_when_its_unit_stops() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.refused.insert("worker".to_owned(), "polkit refuses it".to_owned());
    story.down(&["worker"]);
    let stopped = story.saved.agents["worker"].stopped;
    story.panes.clear();
    story.pass_s(1);
    seen(&mut story, SessionSeen::Stopped { at: None, fleet_since: None });
    story.pass_s(5);
    assert!(!story.told().contains("systemctl"));
    assert_eq!(story.saved.agents["worker"].stopped, stopped, "it is stopped since then");
}
