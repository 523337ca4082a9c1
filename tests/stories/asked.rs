//! What is asked at odd moments, and what a loop reads and tells, each as a script of moments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::story;
use crate::story::fleets::{ONE, PAIR, WORKER, failed};
use crate::story::woken::{FLEET, fleet, outcome, told_of, wakes, work};
use crate::story::{Story, run, send_queued, telling};
use agent_orchestrator::policy::action::{Action, Conversation};
use agent_orchestrator::policy::command::TEXT_BYTES_MAX;
use agent_orchestrator::policy::fleet::Watch;
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use agent_orchestrator::policy::request::{Asker, Reason, Reply, Request, RequestId};
use agent_orchestrator::policy::spool::check_with;
use agent_orchestrator::policy::state::Session;
use agent_orchestrator::policy::task;

#[test]
fn who_ordered_a_run_that_a_person_ends_is_told_so() {
    let mut story = fleet();
    let request = |id, request| Observation::Request { id: RequestId(id), asker: Asker::Person, request };
    let down = Request::Down { names: vec!["upgrader".to_owned()] };
    story.turn(vec![request(901, run("upgrader", false, None)), request(902, down)]);
    let told = story.replies.get(&901);
    assert!(matches!(told, Some(Reply::Failed { error, .. }) if error.contains("stopped by a person")), "{told:?}");
}

#[test]
fn what_was_seen_before_a_start_says_nothing_of_it() {
    let mut story = Story::new(ONE);
    story.pass_s(60);
    story.slow.insert("worker".to_owned());
    story.ask(Request::Restart { name: "worker".to_owned(), overrides: BTreeMap::new() });
    story.pass_s(1);
    assert_eq!(story.saved.agents["worker"].session, Session::Stopping { then_start: true });
    story.panes.remove("worker");
    story.slow.clear();
    let seen = [SessionSeen::Absent, SessionSeen::Unknown { why: "no answer".to_owned() }, SessionSeen::Absent];
    story.turn(seen.map(|seen| Observation::Session { agent: "worker".to_owned(), seen }).into());
    let told = story.told();
    assert!(!told.contains("died") && !told.contains("cannot be reached"), "{told}");
    assert_eq!(
        (story.pane("worker").run, &story.saved.agents["worker"].session),
        (2, &Session::Running { ready: false })
    );
}

#[test]
fn a_task_that_works_is_left_alone_though_the_order_comes_before_it_was_found() {
    let mut story = fleet();
    story.run("upgrader", false, None);
    work(&mut story, "upgrader", 20);
    story.kill_supervisor();
    story.leave(run("upgrader", false, None));
    story.wake();
    work(&mut story, "upgrader", 5);
    let told = story.told();
    assert_eq!(story.pane("upgrader").run, 1, "{told}");
}

#[test]
fn a_run_that_is_to_begin_anew_comes_after_the_one_that_is_being_started() {
    let mut story = fleet();
    story.run("upgrader", false, None);
    story.pass_s(60);
    story.slow.insert("upgrader".to_owned());
    story.ask(Request::Restart { name: "upgrader".to_owned(), overrides: std::collections::BTreeMap::new() });
    let anew = story.run("upgrader", true, Some("anew"));
    story.slow.clear();
    story.ends("upgrader");
    story.pass_s(10);
    assert_eq!((story.pane("upgrader").run, story.extra_texts["upgrader"].as_deref()), (3, Some("anew")));
    assert_eq!(outcome(&story, anew).0, 0);
}

#[test]
fn the_text_of_a_run_may_be_as_long_as_one_that_is_sent() {
    let fleet = story::fleet(FLEET).fleet.clone().expect("a fleet");
    for (bytes, fits) in [(TEXT_BYTES_MAX, true), (TEXT_BYTES_MAX + 1, false), (TEXT_BYTES_MAX + 2, false)] {
        assert_eq!(task::check(&fleet, "upgrader", Some(&"x".repeat(bytes))).is_ok(), fits, "{bytes} bytes");
    }
}

#[test]
fn what_the_next_supervisor_would_refuse_is_not_left_for_it() {
    let mut story = fleet();
    let fleet = story::fleet(FLEET).fleet.clone().expect("a fleet");
    assert!(check_with(&fleet, &story.saved, &run("upgrader", false, None)).is_ok());
    story.down(&["upgrader"]);
    for request in [run("upgrader", false, None), run("orchestrator", false, None), send_queued("nobody", "x")] {
        assert!(check_with(&fleet, &story.saved, &request).is_err(), "{request:?}");
    }
    assert!(check_with(&fleet, &story.saved, &send_queued("upgrader", "x")).is_ok(), "it may wait for its next start");
}

#[test]
fn a_lone_request_in_the_spool_is_taken_up_once_wherever_the_supervisor_is_killed() {
    for place in 0..20 {
        let mut story = fleet();
        story.kill_supervisor();
        story.leave(send_queued("builder", "hello"));
        story.kill_after(place);
        story.wake();
        story.pass_s(5);
        if story.supervisor.is_none() {
            story.wake();
        }
        story.pass_s(20);
        let taken = story.pane("builder").taken.iter().filter(|text| text.ends_with("hello")).count();
        assert!(story.spool.is_empty() && taken == 1, "killed before action {place}: {taken}");
    }
}

#[test]
fn a_wake_whose_text_is_missing_is_over_where_somebody_waited_and_stays_where_nobody_did() {
    for somebody in [true, false] {
        let mut story = fleet();
        let text = story.disk.remove(std::path::Path::new("/p/assist.md")).expect("a text");
        if somebody {
            let asked = story.wake_up("assistant");
            assert_eq!(outcome(&story, asked).0, Reason::Unanswered.exit_code());
        } else {
            story.leave(story::wake("assistant"));
        }
        story.pass_s(5);
        story.disk.insert("/p/assist.md".into(), text);
        story.turn(vec![Observation::PromptsChanged]);
        story.pass_s(10);
        assert_eq!(wakes(&mut story, "assistant"), usize::from(!somebody), "somebody waited: {somebody}");
    }
}

#[test]
fn an_empty_wake_text_is_named_as_such_and_other_messages_hide_no_wake_that_is_due() {
    let mut story = fleet();
    story.disk.insert("/p/assist.md".into(), " \n".to_owned());
    let asked = story.wake_up("assistant");
    assert_eq!(outcome(&story, asked).1, "`assistant` cannot be woken: `/p/assist.md` is empty");
    let next = |story: &Story| {
        let supervisor = story.supervisor.as_ref().expect("a supervisor");
        supervisor.explain("orchestrator", story.now).expect("an agent").next.join("; ")
    };
    story.pane("orchestrator").dialog = true;
    story.output("orchestrator");
    story.ask(send_queued("orchestrator", "wait"));
    story.pass_s(1);
    assert!(next(&story).contains("a wake is due in"), "{}", next(&story));
    story.wake_up("orchestrator");
    assert!(!next(&story).contains("a wake is due in"), "it is queued: {}", next(&story));
}

#[test]
fn a_conversation_is_resumed_only_by_a_program_that_can() {
    let mut story = Story::new(
        &ONE.replace("submit_key", "new_id_flag = \"--id {id}\"\nsubmit_key")
            .replace("prompt = \"work\"", "prompt = \"work\"\nresume = true"),
    );
    story.pass_s(60);
    story.dies("worker", Exit::Code(1));
    story.pass_s(5);
    assert_eq!(story.prepared.len(), 2);
    for (_, start) in &story.prepared {
        assert!(matches!(start.conversation, Conversation::New(_)), "{:?}", start.conversation);
    }
}

#[test]
fn where_there_are_several_loops_one_is_to_be_named() {
    let head = PAIR.split("[loop]").next().unwrap_or_default();
    let loops = ["left", "right"].map(|name| {
        format!("[[loop]]\nname = \"{name}\"\nphases = [{{ id = \"1\", plan = \"p\", status = \"s\" }}]\n")
    });
    let mut story = Story::new(&format!("{head}{}", loops.concat()));
    story.pass_s(5);
    let asked = story.ask(Request::PhaseShow { in_loop: None });
    assert_eq!(outcome(&story, asked).1, "there are several loops");
    let asked = story.ask(Request::PhaseShow { in_loop: Some("right".to_owned()) });
    assert_eq!(outcome(&story, asked).0, 0);
}

#[test]
fn the_same_config_is_news_only_after_a_broken_one_and_mistakes_in_it_are_told() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.told();
    story.edit(ONE);
    assert!(!story.told().contains("config loaded"));
    story.edit("[defaults");
    story.edit(ONE);
    assert!(story.told().ends_with(": config loaded\n"));
    let parsed = Arc::new(story::fleet(WORKER).fleet.clone().expect("a fleet"));
    story.turn(vec![Observation::Config { fleet: parsed, warnings: vec!["`x` is unknown".to_owned()] }]);
    assert!(story.told().contains("config loaded, with mistakes: `x` is unknown"));
}

#[test]
fn loops_that_are_gone_are_remembered_within_a_bound() {
    let head = PAIR.split("[loop]").next().unwrap_or_default();
    let mut story = Story::new(PAIR);
    for count in 0..50 {
        let a_loop =
            format!("[[loop]]\nname = \"l{count}\"\nphases = [{{ id = \"1\", plan = \"p\", status = \"s\" }}]\n");
        story.edit(&format!("{head}{a_loop}"));
        story.pass_s(1);
    }
    let names: Vec<&String> = story.saved.loops.keys().collect();
    assert!(names.len() <= 34 && story.saved.loops.contains_key("l48"), "{names:?}");
    assert!(!story.saved.loops.contains_key("l1"), "the oldest go first: {names:?}");
}

#[test]
fn a_screen_that_no_rule_knows_is_told_once_after_a_minute_however_often_it_is_drawn() {
    let mut story = Story::new(ONE);
    story.pass_s(10);
    story.told();
    story.pane("worker").dialog = true;
    story.output("worker");
    story.pass_s(30);
    assert!(!story.told().contains("needs a person"), "it may be on its way to another one");
    for _ in 0..20 {
        story.output("worker");
        story.pass_s(10);
    }
    assert_eq!(story.told().matches("needs a person").count(), 1);
}

#[test]
fn a_rest_is_kept_once_it_has_lasted_also_where_the_time_to_do_so_was_missed() {
    let text = ONE.replace("watch = \"heal\"", "watch = \"heal+stall\"");
    let mut story = Story::new(&text);
    story.pass_s(20);
    assert_eq!(story.saved.agents["worker"].idle, None, "short rests are not written");
    let missed = Duration::from_secs(100);
    story.now.mono = story.now.mono + missed;
    story.now.wall += missed;
    story.turn(vec![Observation::Deadline]);
    let idle = story.saved.agents["worker"].idle.clone().expect("kept").since;
    let (mono, wall) = (story.now.mono.since(idle.mono), (story.now.wall - idle.wall).to_std().expect("past"));
    assert!(mono > Duration::from_secs(100) && mono == wall, "{mono:?} by the one clock, {wall:?} by the other");
    story.pass_s(10);
}

#[test]
fn status_says_until_when_an_agent_waits_and_that_what_writes_works() {
    let mut story = Story::new(ONE);
    story.pass_s(10);
    assert_eq!(story.state_of("worker"), "idle");
    story.output("worker");
    assert_eq!(story.state_of("worker"), "working");
    for (named, shown) in [("2026-06-13T04:10:00Z", "Sat 04:10:00"), ("2099-01-01T00:00:00Z", "Sat 05:0")] {
        story.pane("worker").above = format!("WAITING-UNTIL: {named}");
        story.output("worker");
        story.pass_s(10);
        let state = story.state_of("worker");
        assert!(state.starts_with(&format!("waiting: until {shown}")), "no further than `wait_max`: {state}");
    }
}

#[test]
fn what_a_program_writes_long_after_its_turn_is_work_again() {
    let mut story = telling::pair();
    story.tell("one", telling::idle());
    story.pass_s(60);
    story.output("one");
    assert!(story.state_of("one").starts_with("working"), "{}", story.state_of("one"));
}

#[test]
fn the_last_lines_of_a_program_are_told_where_it_left_any() {
    for lines in [vec!["last words".to_owned()], Vec::new()] {
        let mut story = Story::new(ONE);
        story.pass_s(5);
        let seen = SessionSeen::Died { run: 1, exit: Exit::Code(1), screen: None, last_lines: lines.clone() };
        let seen = [Observation::Session { agent: "worker".to_owned(), seen }];
        let turn = story.supervisor.as_mut().expect("a supervisor").step(&seen, story.now);
        let died = turn.actions.iter().find_map(|action| {
            let Action::Record(event) = action else { return None };
            event.text.starts_with("died").then(|| event.more.contains_key("last_lines"))
        });
        assert_eq!(died, Some(!lines.is_empty()));
    }
}

#[test]
fn status_names_the_watch_as_the_config_does() {
    for (word, watch) in [("none", Watch::None), ("heal", Watch::Heal), ("heal+stall", Watch::HealAndStall)] {
        let parsed = story::fleet(&ONE.replace("watch = \"heal\"", &format!("watch = \"{word}\"")));
        assert_eq!(parsed.fleet.as_ref().expect("a fleet").agents[0].watch, watch);
        assert_eq!(watch.word(), word);
    }
}

#[test]
fn who_starts_what_has_run_before_and_is_no_task_is_told_of_its_end() {
    let text = ONE.replace("watch = \"heal\"", "watch = \"none\"");
    let mut story = Story::new(&text);
    story.pass_s(5);
    story.dies_at_start = Some("worker".to_owned());
    let asked = story.ask(Request::Restart { name: "worker".to_owned(), overrides: std::collections::BTreeMap::new() });
    story.pass_s(5);
    assert!(matches!(&story.replies[&asked], Reply::Failed { .. }), "{:?}", story.replies[&asked]);
    let told = told_of(&mut story, "worker");
    assert!(told.contains("worker has ended"), "{told}");
}

#[test]
fn who_asks_before_an_agent_was_found_is_not_told_that_it_runs() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.kill_supervisor();
    story.silent.insert("worker".to_owned());
    story.wake();
    let asked = story.up(&["worker"]);
    assert!(!story.replies.contains_key(&asked), "it ran when the last supervisor saw it");
    story.silent.clear();
    let seen = SessionSeen::Unknown { why: "no answer".to_owned() };
    story.turn(vec![Observation::Session { agent: "worker".to_owned(), seen }]);
    assert_eq!(
        failed(&story.replies[&asked]),
        (Reason::Failed, "worker cannot be reached, and nothing is started beside it: no answer")
    );
}

#[test]
fn a_task_that_ends_while_its_restart_waits_is_started_all_the_same() {
    let mut story = fleet();
    story.run("upgrader", false, None);
    story.pass_s(60);
    story.missing.insert("upgrader".to_owned(), "no such file".to_owned());
    story.ask(Request::Restart { name: "upgrader".to_owned(), overrides: std::collections::BTreeMap::new() });
    story.pass_s(5);
    story.dies("upgrader", Exit::Code(0));
    story.missing.clear();
    story.pass_s(600);
    assert!(story.pane("upgrader").alive, "{}", story.told());
}

#[test]
fn who_asked_for_a_start_hears_at_the_supervisors_end_that_it_runs_and_nothing_of_the_run_before() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    let restart = || Request::Restart { name: "worker".to_owned(), overrides: std::collections::BTreeMap::new() };
    let parting = |story: &Story| story.supervisor.as_ref().expect("a supervisor").parting();
    let runs = |story: &Story| {
        let worker = &story.saved.agents["worker"];
        worker.run == 2 && matches!(worker.session, Session::Running { .. })
    };
    let asked = story.ask(restart());
    for _ in 0..1000 {
        if runs(&story) {
            break;
        }
        story.pass(Duration::from_millis(10));
    }
    assert_eq!(parting(&story), [(RequestId(asked), Reply::Done { lines: vec!["worker runs (run 2)".to_owned()] })]);
    story.kill_supervisor();
    story.silent.insert("worker".to_owned());
    story.wake();
    story.ask(restart());
    assert!(runs(&story), "the run that is to be ended");
    assert_eq!(parting(&story), []);
}

#[test]
fn what_is_to_be_typed_once_more_is_not_said_to_be_taken_back() {
    let mut story = Story::new(ONE);
    story.pass_s(5);
    story.pane("worker").loses_pastes = 1;
    let sent = story.send("worker", "look again", 20);
    story.pass_s(1);
    "rm -rf build".clone_into(&mut story.pane("worker").input);
    story.output("worker");
    story.pass_s(15);
    assert!(story.saved.agents["worker"].queue[0].is_repeated(), "and a draft is in the way");
    story.pass_s(10);
    assert_eq!(failed(&story.replies[&sent]).0, Reason::Unconfirmed);
}

#[test]
fn a_backend_that_an_edit_breaks_stays_as_it_was_and_of_a_first_config_is_none() {
    let read = |text: &str| story::fleet(text).fleet.clone().expect("a fleet");
    let broken_box = ONE.replacen("[backend.box]", "[backend.box]\nresume_flag = '('\nready_re = '('", 1);
    let good = read(ONE);
    for text in [broken_box.clone(), ONE.replacen("backend = \"box\"", "backend = \"bx\"", 1)] {
        let mut edited = read(&text);
        assert!(edited.agent("worker").expect("there").backend.is_err(), "a first one is misconfigured: {text}");
        assert_eq!(edited.keep_backends(&good), ["backend `box` stays as it was"], "{text}");
        assert_eq!(edited.agent("worker"), good.agent("worker"), "{text}");
    }
    assert_eq!(read(ONE).keep_backends(&read(&broken_box)), [""; 0], "a mended one counts");
    let another = read(&ONE.replacen("bin = \"agent\"", "bin = \"another\"", 1));
    let mut edited = another.clone();
    assert_eq!(edited.keep_backends(&good), [""; 0], "and so does one that is as good as before");
    assert_eq!(edited.agent("worker"), another.agent("worker"));
    let spare =
        |more: &str| read(&format!("{ONE}[backend.spare]\nbin = \"agent\"\nprompt_delivery = \"exec\"\n{more}"));
    let mut edited = spare("ready_re = '('\n");
    assert!(edited.backends["spare"].is_err(), "it is misconfigured");
    assert_eq!(edited.keep_backends(&spare("")), ["backend `spare` stays as it was"], "nobody has it in the config");
    assert!(edited.backends["spare"].is_ok(), "and who was started with it by a word of a person has it still");
}
