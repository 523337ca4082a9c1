//! State files, and lives on what they hold.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use agent_orchestrator::daemon::reactor::Reactor;
use agent_orchestrator::daemon::state_file;
use agent_orchestrator::daemon::timer::Timer;
use agent_orchestrator::policy::now::Mono;
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use agent_orchestrator::policy::request::{Asker, Request, RequestId};
use agent_orchestrator::policy::screen::Screen;
use agent_orchestrator::policy::state::State;
use agent_orchestrator::policy::{Places, Supervisor};

use crate::config::parse_config;
use crate::random::{Random, ends};
use crate::story::Story;
use crate::{FLEET, MUCH, now};

fn places() -> Places {
    Places { texts: PathBuf::from("/s/texts"), state: PathBuf::from("/s"), has_timers: false }
}

/// Returns states that a fleet really had.
fn states() -> Vec<State> {
    let mut story = Story::new(FLEET);
    let mut states = vec![story.saved.clone()];
    story.pass_s(2);
    states.push(story.saved.clone());
    story.pane("adversary").dialog = true;
    story.push("claim(p1): x", &[("A.md", Some("x")), ("plan-1.md", Some("y"))]);
    story.send("builder", "hello", 100);
    states.push(story.saved.clone());
    story.dies("builder", Exit::Code(1));
    story.dies("builder", Exit::Code(1));
    story.turn(vec![Observation::ConfigBroken { error: "x".to_owned() }]);
    states.push(story.saved.clone());
    story.push("done", &[("STATUS-1.md", Some("## DONE\n")), ("STATUS-2.md", Some("## DONE\n"))]);
    states.push(story.saved.clone());
    story.pass_s(5);
    states.push(story.saved.clone());
    states
}

pub const STATE: [&str; 24] = [
    "null",
    "true",
    "[]",
    "{}",
    "0",
    "-1",
    "18446744073709551615",
    "4294967295",
    "1e999",
    "\"\"",
    "\"x\"",
    ",",
    ":",
    "{",
    "}",
    "\"running\"",
    "\"starting\"",
    "\"stopping\"",
    "\"absent\"",
    "\"dead\"",
    "\"p2\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"-262143-01-01T00:00:00Z\"",
    "\"queued\"",
];

/// Lets a supervisor live a little on this state.
fn live_on(state: &State) {
    let parsed = parse_config(FLEET);
    let fleet = Arc::new(parsed.fleet.expect("a fleet"));
    for boot in [state.boot.clone(), "another".to_owned()] {
        let mut now = now();
        let state = state.clone().taken_up(&boot, now);
        let mut supervisor = Supervisor::new(Arc::clone(&fleet), state, places(), false);
        let names: Vec<String> = supervisor.state().agents.keys().cloned().collect();
        supervisor.step(&[], now);
        let mut seen = vec![Observation::Head { in_loop: String::new(), head: "c1".to_owned() }];
        for (at, name) in names.iter().enumerate() {
            let seen_there = match at % 3 {
                0 => SessionSeen::Running { run: 1 },
                1 => SessionSeen::Absent,
                _ => SessionSeen::Died { run: 1, exit: Exit::Unknown, screen: None, last_lines: Vec::new() },
            };
            seen.push(Observation::Session { agent: name.clone(), seen: seen_there });
            let screen = Screen { rows: vec!["> text".to_owned()], ..Screen::default() };
            seen.push(Observation::Looked { agent: name.clone(), screen: Ok(screen) });
            seen.push(Observation::Prepared { agent: name.clone(), run: 2, result: Ok(()) });
        }
        seen.push(Observation::Request { id: RequestId(1), asker: Asker::Person, request: Request::Status });
        for seconds in [0, 1, 400, 100_000] {
            now.mono = now.mono + Duration::from_secs(seconds);
            supervisor.step(&seen, now);
            seen.truncate(seen.len() / 2);
        }
        supervisor.picture(now);
        for name in names {
            supervisor.explain(&name, now);
        }
    }
}

#[test]
fn any_state_file_is_refused_with_a_way_out_or_can_be_lived_on() {
    ends("the state", || {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("state.json");
        let states = states();
        let mut lived = 0;
        for seed in 0..1200 {
            let mut random = Random::new(seed);
            let whole = serde_json::to_vec(random.pick(&states)).expect("JSON");
            let bytes = if seed % 4 == 0 { random.mutated(&whole, &STATE) } else { value_changed(&whole, &mut random) };
            std::fs::write(&path, &bytes).expect("written");
            match state_file::load(&path) {
                Ok(Some(state)) => {
                    lived += 1;
                    live_on(&state);
                }
                Ok(None) => panic!("a file that is there is never taken for none"),
                Err(error) => assert!(format!("{error:#}").contains("hint: `mv "), "{error:#}"),
            }
        }
        assert!(lived > 100, "only {lived} states were usable: the test shows little");
    });
}

#[test]
fn numbers_at_their_bounds_overflow_nothing() {
    ends("the state", || {
        let whole = serde_json::to_value(&states()[3]).expect("JSON");
        let mut lived = 0;
        for extreme in [0, u64::from(u32::MAX), u64::MAX] {
            for path in numbers(&whole, "") {
                let mut value = whole.clone();
                *value.pointer_mut(&path).expect("a number") = extreme.into();
                if let Ok(state) = serde_json::from_value(value) {
                    lived += 1;
                    live_on(&state);
                }
            }
        }
        assert!(lived > 100, "only {lived} states were usable: the test shows little");
    });
}

/// Returns where numbers stand, as JSON pointers.
fn numbers(value: &serde_json::Value, path: &str) -> Vec<String> {
    let below = |name: &str, value| numbers(value, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")));
    if let Some(map) = value.as_object() {
        map.iter().flat_map(|(name, value)| below(name, value)).collect()
    } else if let Some(list) = value.as_array() {
        list.iter().enumerate().flat_map(|(at, value)| below(&at.to_string(), value)).collect()
    } else if value.is_number() {
        vec![path.to_owned()]
    } else {
        Vec::new()
    }
}

#[test]
fn a_deadline_that_never_comes_can_be_waited_for() {
    let reactor = Rc::new(Reactor::new().expect("epoll"));
    let mut timer = Timer::new(&reactor, 1).expect("a timer");
    for at in [Duration::MAX, Duration::from_secs(u64::MAX / 2), Duration::from_secs(1 << 62), Duration::ZERO] {
        timer.set(Some(Mono(at))).expect("set");
    }
    assert_eq!(reactor.wait(true).expect("waited").len(), 1, "the last one has passed");
}

/// Replaces one value of a JSON text by another one, so that it stays JSON.
fn value_changed(text: &[u8], random: &mut Random) -> Vec<u8> {
    let mut value: serde_json::Value = serde_json::from_slice(text).expect("JSON");
    let other: serde_json::Value = loop {
        if let Ok(other) = serde_json::from_str(random.pick::<&str>(&STATE)) {
            break other;
        }
    };
    let mut here = &mut value;
    for _ in 0..2 + random.below(8) {
        let count =
            here.as_object().map(serde_json::Map::len).or_else(|| here.as_array().map(Vec::len)).unwrap_or_default();
        if count == 0 {
            break;
        }
        let at = random.below(count);
        here = if here.is_object() {
            here.as_object_mut().and_then(|map| map.values_mut().nth(at)).expect("a value")
        } else {
            here.as_array_mut().and_then(|list| list.get_mut(at)).expect("a value")
        };
    }
    *here = other;
    serde_json::to_vec(&value).expect("JSON")
}

#[test]
fn a_deep_or_huge_state_file_is_refused() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().join("state.json");
    for text in ["[".repeat(MUCH), "{\"version\":".repeat(MUCH / 11), format!("\"{}", "x".repeat(MUCH))] {
        std::fs::write(&path, text).expect("written");
        assert!(state_file::load(&path).is_err());
    }
}
