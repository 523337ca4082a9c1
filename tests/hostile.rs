//! Whatever strangers write is read without a panic, in bounded memory and without a square of its length.
#![expect(clippy::disallowed_methods)]

#[path = "hostile/random.rs"]
mod random;
mod story;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use agent_orchestrator::config::preset::presets;
use agent_orchestrator::config::{self, MISTAKES_MAX, TEXT_MAX_BYTES, Where};
use agent_orchestrator::daemon::reactor::Reactor;
use agent_orchestrator::daemon::state_file;
use agent_orchestrator::daemon::timer::Timer;
use agent_orchestrator::policy::fleet::Pattern;
use agent_orchestrator::policy::now::{Mono, Now};
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use agent_orchestrator::policy::phase::read_status;
use agent_orchestrator::policy::reading::{self, Rules};
use agent_orchestrator::policy::request::{Reply, Request, RequestId};
use agent_orchestrator::policy::screen::{ROW_CELLS_MAX, ROWS_MAX, Screen};
use agent_orchestrator::policy::state::State;
use agent_orchestrator::policy::{Places, Supervisor, input_box, launch, reset_time};
use agent_orchestrator::protocol::control::{Arrival, Incoming, REQUEST_BYTES_MAX, parse_reply, parse_request};
use agent_orchestrator::protocol::tmux::{Notification, Parser, REPLY_BYTES_MAX};
use random::{Random, ends, is_linear};
use story::Story;

/// Megabytes for whoever reads what an agent prints.
const MUCH: usize = 2 << 20;

/// What is compared with eight times as much.
const SOME: usize = 32 << 10;

const FLEET: &str = r#"
[notify]
command = ["tell-me"]
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
watch = "heal"
[backend.box]
bin = "agent"
prompt_delivery = "ping"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "usage limit"
[loop]
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
inboxes = ["A.md", "B.md"]
[loop.on_complete]
run = "job"
[[agent]]
name = "builder"
kind = "loop"
role = "builder"
[[agent]]
name = "adversary"
kind = "loop"
role = "adversary"
[[agent]]
name = "job"
kind = "task"
prompt = "x"
[[service]]
name = "web"
command = "serve"
"#;

fn now() -> Now {
    Now {
        mono: Mono(Duration::from_secs(10_000)),
        wall: "2026-06-13T04:00:00Z".parse().expect("a time"),
        zone: chrono_tz::Europe::Berlin,
    }
}

// ---- tmux

const TMUX: [&str; 22] = [
    "%begin 1 2 1\n",
    "%end 1 2 1\n",
    "%error 1 2 1\n",
    "%begin 1 3 1\n",
    "%end 1 3 1\n",
    "%begin ",
    "%end 1 2",
    "%output %1 ",
    "%extended-output %1 0 : ",
    "%pause %0\n",
    "%continue %0\n",
    "%exit\n",
    "%exit too far behind\n",
    "%subscription-changed a $0 @0 0 %0 : b\n",
    "%subscription-changed : \n",
    "\n",
    "\n\n",
    " ",
    "%",
    "99999999999999999999",
    "é\u{1b}[31m\\033",
    "text that an agent wrote",
];

#[test]
fn the_tmux_protocol_is_read_the_same_however_the_stream_is_cut() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let text = random.soup(&TMUX, 60);
        let bytes = random.mutated(text.as_bytes(), &TMUX);
        let whole = Parser::default().feed(&bytes);
        let mut parser = Parser::default();
        let mut rest = bytes.as_slice();
        let mut told = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + random.below(30)).min(rest.len()));
            told.extend(parser.feed(piece));
            rest = after;
        }
        assert_eq!(told, whole, "seed {seed}");
        assert!(whole.len() <= bytes.iter().filter(|byte| **byte == b'\n').count(), "seed {seed}");
    }
}

#[test]
fn megabytes_of_tmux_output_are_read_in_linear_time_and_a_reply_is_bounded_line_by_line() {
    ends("the tmux parser", || {
        let mut random = Random::new(1);
        let stream = random.soup(&TMUX, MUCH / 8);
        Parser::default().feed(stream.as_bytes());
        for filler in ["\n", "x\n", "%end 1 3 1\n", "x"] {
            let mut parser = Parser::default();
            parser.feed(b"%begin 1 2 1\n");
            for _ in 0..8 {
                parser.feed(filler.repeat(MUCH / filler.len() / 4).as_bytes());
            }
            let told = parser.feed(b"\n%end 1 2 1\n");
            let [Notification::Reply(reply)] = told.as_slice() else { panic!("{} told", told.len()) };
            let kept: usize = reply.lines.iter().map(|line| line.len() + size_of::<String>()).sum();
            assert!(kept <= REPLY_BYTES_MAX, "{kept} bytes are kept of lines like {filler:?}");
        }
    });
}

// ---- config

const TOML: [&str; 40] = [
    "[",
    "]",
    "[[",
    "]]",
    "\n",
    "=",
    ".",
    ",",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "{",
    "}",
    "#",
    "\\",
    "\\u00e9",
    "é",
    "\t",
    "\0",
    "[[agent]]\n",
    "name = \"a\"\n",
    "[loop]\n",
    "[[loop]]\n",
    "[[loop.phases]]\n",
    "id = \"p1\"\n",
    "[backend.x]\n",
    "limit_re = \"(?=x)\"\n",
    "active_re = \"(((((\"\n",
    "kind = \"loop\"\n",
    "9223372036854775807",
    "-1",
    "1e400",
    "1979-05-27T07:32:00Z",
    "true",
    "[[service]]\n",
    "[watchdog]\n",
    "heavy_interval = 0\n",
    "agent.name",
    "x = [",
];

fn parse_config(text: &str) -> config::Parsed {
    let at = Where { file: PathBuf::from("/p/agents.toml"), home: Some(PathBuf::from("/h")) };
    let parsed = config::parse(text, &at);
    assert!(parsed.mistakes.len() <= MISTAKES_MAX);
    config::render(&parsed.mistakes, text, &at.file);
    config::entries(&parsed.mistakes, &at.file);
    parsed
}

#[test]
fn any_config_is_read_to_the_end_with_its_mistakes() {
    ends("the config", || {
        let whole = std::fs::read_to_string("tests/config/every_key.toml").expect("a config");
        for seed in 0..600 {
            let mut random = Random::new(seed);
            let bytes = match seed % 3 {
                0 => random.mutated(whole.as_bytes(), &TOML),
                1 => random.mutated(FLEET.as_bytes(), &TOML),
                _ => random.soup(&TOML, 80).into_bytes(),
            };
            parse_config(&String::from_utf8_lossy(&bytes));
        }
    });
}

#[test]
fn the_deepest_configs_overflow_nothing() {
    ends("a deep config", || {
        let fill = |piece: &str| piece.repeat(TEXT_MAX_BYTES / piece.len() - 10);
        let deep = ["[", "{", "a.", "[a.", "[[a]]\n", "\"", "é"].map(fill);
        let closed = [
            format!("a = {}", fill("[")),
            format!("a = {}", fill("{a=")),
            format!("{}a= 1", fill("a.")),
            format!("[{}a]", fill("a.")),
            format!("[[{}a]]", fill("a.")),
            format!("{FLEET}\nx = \"{}\"", "y".repeat(1 << 19)),
        ];
        for text in deep.iter().chain(&closed) {
            parse_config(text);
        }
    });
}

#[test]
fn the_largest_configs_are_read_in_linear_time() {
    ends("a large config", || {
        let kinds: [fn(usize) -> String; 10] = [
            |_| "x=1\n".to_owned(),
            |_| "[[agent]]\n".to_owned(),
            |_| "[[loop]]\n".to_owned(),
            |_| "# é\n\n".to_owned(),
            |number| format!("[[agent]]\nname = \"a{number}\"\nprompt = \"x\"\n"),
            |_| "[[agent]]\nname = \"same\"\nprompt = \"x\"\n".to_owned(),
            |number| format!("[[loop]]\nname = \"l{number}\"\n"),
            |number| format!("[backend.b{number}]\nbin = \"x\"\n"),
            |number| format!("[[loop.phases]]\nid = \"p{number}\"\nplan = \"x\"\nstatus = \"y\"\n"),
            |number| format!("key{number} = {number}\n"),
        ];
        for kind in kinds {
            is_linear(&kind(0), SOME, |length| {
                let mut text = "[defaults]\nsession_prefix = \"x-\"\nlog_dir = \"l\"\n".to_owned();
                for number in 0.. {
                    text.push_str(&kind(number));
                    if text.len() >= length {
                        break;
                    }
                }
                parse_config(&text);
            });
        }
    });
}

// ---- state

fn places() -> Places {
    Places { texts: PathBuf::from("/s/texts"), state: PathBuf::from("/s") }
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

const STATE: [&str; 24] = [
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
fn live_on(state: State) {
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
        seen.push(Observation::Request { id: RequestId(1), request: Request::Status });
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
                    live_on(state);
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
                    live_on(state);
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
        if let Ok(other) = serde_json::from_str(*random.pick::<&str>(&STATE)) {
            break other;
        }
    };
    let mut here = &mut value;
    for _ in 0..2 + random.below(8) {
        let count = match here {
            serde_json::Value::Object(map) => map.len(),
            serde_json::Value::Array(list) => list.len(),
            _ => 0,
        };
        if count == 0 {
            break;
        }
        let at = random.below(count);
        here = match here {
            serde_json::Value::Object(map) => map.values_mut().nth(at).expect("a value"),
            serde_json::Value::Array(list) => &mut list[at],
            leaf => leaf,
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

// ---- control socket

const REQUESTS: [&str; 12] = [
    r#"{"request":"status"}"#,
    r#"{"request":"explain","name":"builder"}"#,
    r#"{"request":"up","names":["builder","builder","nobody"],"overrides":{"builder":{"model":"x","backend":"nonsense"}}}"#,
    r#"{"request":"up","names":[]}"#,
    r#"{"request":"down","names":["web","web"]}"#,
    r#"{"request":"down","names":[]}"#,
    r#"{"request":"restart","name":"builder"}"#,
    r#"{"request":"send","name":"builder","text":"x\u001b[201~\u0000","wait":{"secs":18446744073709551615,"nanos":999999999},"queue":false}"#,
    r#"{"request":"send","name":"web","text":"x","wait":{"secs":0,"nanos":4294967295},"queue":true}"#,
    r#"{"request":"phase-show","in_loop":null}"#,
    r#"{"request":"phase-set","in_loop":"","to":{"named":"1"},"restart":true}"#,
    r#"{"request":"phase-set","in_loop":null,"to":"next","restart":false}"#,
];

#[test]
fn any_request_is_refused_or_answered_and_the_supervisor_goes_on() {
    ends("requests", || {
        let mut understood = 0;
        for seed in 0..1500 {
            let mut random = Random::new(seed);
            let line = random.pick(&REQUESTS).as_bytes().to_vec();
            let line = if seed % 3 == 0 { line } else { random.mutated(&line, &STATE) };
            match parse_request(&line) {
                Ok(request) => {
                    understood += 1;
                    let mut story = Story::new(FLEET);
                    story.pass_s(1);
                    story.ask(request);
                    story.pass_s(400);
                }
                Err(reply) => assert!(matches!(*reply, Reply::Failed { .. })),
            }
            let _ = parse_reply(&line);
        }
        assert!(understood > 500, "only {understood} requests were usable: the test shows little");
    });
}

#[test]
fn a_request_line_is_bounded_however_it_comes() {
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let mut incoming = Incoming::new(REQUEST_BYTES_MAX);
        let mut total = 0;
        loop {
            let piece = vec![b'x'; 1 + random.below(100_000)];
            total += piece.len();
            match incoming.push(&piece) {
                Arrival::Partial => assert!(total <= REQUEST_BYTES_MAX),
                Arrival::TooLong => break,
                Arrival::Whole(_) | Arrival::Surplus => panic!("there was no newline"),
            }
        }
        assert!(total > REQUEST_BYTES_MAX);
    }
    for text in ["[".repeat(REQUEST_BYTES_MAX), "{\"request\":".repeat(REQUEST_BYTES_MAX / 11)] {
        assert!(parse_request(text.as_bytes()).is_err());
        assert!(parse_reply(text.as_bytes()).is_err());
    }
}

// ---- panes

const PANE: [&str; 60] = [
    "\u{1b}",
    "\u{1b}[",
    "\u{1b}[2m",
    "\u{1b}[7m",
    "\u{1b}[0m",
    "\u{1b}[38;5;",
    "\u{1b}[38;2;1;2;3m",
    "\u{1b}]8;;x\u{1b}\\",
    "\u{1b}]",
    "\u{7}",
    "\u{1b}(",
    "\u{9b}",
    "\0",
    "\t",
    " ",
    "  ",
    "\u{a0}",
    "é",
    "漢",
    "👩‍👩‍👧",
    "\u{301}",
    "\u{200b}",
    "\u{202e}",
    "\u{fffd}",
    "─",
    "────────────────────────────────",
    "━",
    "│",
    "┃",
    "╭",
    "╮",
    "╰",
    "╯",
    "╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀",
    "❯",
    "›",
    "●",
    "⏺",
    "•",
    "✻",
    "⎿",
    "> ",
    ">",
    "1. Yes",
    "2. No",
    "esc to interrupt",
    "You've hit your usage limit",
    "resets 3pm (Europe/Berlin)",
    "resets at 25:99",
    "try again at Jun 31st, 2026 13:99 PM",
    "in 99999999999999 hours",
    "Do you want to proceed?",
    "Try \"fix\"",
    "[Pasted text #1 +99999999999999999999 lines]",
    "API Error",
    "thinking",
    "WAITING-UNTIL: 2099-01-01T00:00:00Z",
    "(((((",
    "a b c d e f g h",
    "word",
];

fn all_rules() -> Vec<Arc<Rules>> {
    presets().values().map(|preset| Arc::clone(&preset.screen)).collect()
}

/// Reads a screen in every way that there is.
fn read_screen(screen: &Screen, rules: &[Arc<Rules>]) {
    let cells = screen.cells();
    assert!(cells.len() <= ROWS_MAX && cells.iter().all(|row| row.len() <= ROW_CELLS_MAX));
    assert!(cells.iter().flatten().all(|cell| !cell.character.is_control()));
    assert_eq!(screen.text_rows().len(), cells.len());
    for rules in rules {
        for reading in reading::read_all(screen, rules) {
            assert!(reading.text.chars().count() <= reading::QUOTE_CHARS_MAX);
            assert!(reading.row.is_none_or(|row| row < screen.rows.len()));
        }
        if let Some(input_re) = &rules.input_re {
            input_box::read(screen, input_re, rules.placeholder_re.as_ref());
        }
    }
    let own = Pattern::new("^>(?: (?P<text>.*))?$").expect("a pattern");
    input_box::read(screen, &own, None);
}

#[test]
fn any_screen_is_read_without_a_panic_and_within_its_bounds() {
    ends("screens", || {
        let rules = all_rules();
        for seed in 0..400 {
            let mut random = Random::new(seed);
            let rows = (0..random.below(60)).map(|_| {
                let count = random.below(12);
                random.soup(&PANE, count)
            });
            let rows = rows.collect();
            let title = random.soup(&PANE, 3);
            read_screen(&Screen { rows, title, command: "x".to_owned(), in_mode: false }, &rules);
        }
    });
}

#[test]
fn megabytes_of_hostile_pane_text_are_read_in_linear_time() {
    ends("a huge screen", || {
        let rules = all_rules();
        let mut random = Random::new(7);
        let screens = [
            vec![random.soup(&PANE, MUCH / 8)],
            (0..MUCH / 200).map(|_| random.soup(&PANE, 25)).collect(),
            vec![String::new(); MUCH / 8],
        ];
        for rows in screens {
            read_screen(&Screen { rows, ..Screen::default() }, &rules);
        }
        let tokens = ["\u{1b}[", "\u{1b}]", "─", "❯ ", "> ", "┃ ", "● ", "⎿", "a", "1. Yes", "usage limit ", "(", "漢"];
        for (at, token) in tokens.into_iter().enumerate() {
            let rules = &rules[at % rules.len()..][..1];
            let shapes: [&dyn Fn(usize) -> Vec<String>; 3] = [
                &|length| vec![token.repeat(length / token.len())],
                &|length| vec![token.repeat(1024 / token.len()); length / 1024],
                &|length| vec![token.to_owned(); length / 8],
            ];
            for rows in shapes {
                is_linear(token, SOME, |length| {
                    read_screen(&Screen { rows: rows(length), ..Screen::default() }, rules);
                });
            }
        }
    });
}

#[test]
fn texts_of_strangers_are_compared_and_understood_in_linear_time() {
    ends("texts", || {
        for seed in 0..2000 {
            let mut random = Random::new(seed);
            let text = random.soup(&PANE, 30);
            reset_time::parse(&text, now());
            let other = random.soup(&PANE, 3);
            input_box::is_ours(&text, &other);
            input_box::is_ours(&other, &text);
            read_status(&text, "## DONE");
            launch::fill(&text, &[("model", "it's")]);
            launch::quoted(&text);
        }
        let much = |piece: &str, length: usize| piece.repeat(length / piece.len());
        for piece in PANE {
            is_linear(piece, SOME, |length| _ = reset_time::parse(&much(piece, length), now()));
            is_linear(piece, SOME, |length| {
                let text = much(piece, length);
                let _ = input_box::is_ours(&text, &text);
            });
            is_linear(piece, SOME, |length| _ = launch::fill_text(&much(piece, length), &[("model", "x")]));
        }
        for piece in
            ["## DONE\n", "## DONE\n\n", "\n", "```\n", "<!--\n", "## DONE: pending\n", "## DONE ", "## DONE x\n\n\n"]
        {
            is_linear(piece, SOME, |length| _ = read_status(&much(piece, length), "## DONE"));
        }
        for piece in ["$(", "`", "\"", "'", "{model}", "\\", "#", "( # ", "${", "$x{model}", "$xxxx"] {
            is_linear(piece, SOME, |length| _ = launch::fill(&much(piece, length), &[("model", "it's")]));
        }
    });
}

// ---- files that verbs read

fn verb(arguments: &[&str], folder: &Path) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    command.args(arguments).current_dir(folder).env("XDG_RUNTIME_DIR", folder).env("TZ", "Pacific/Kiritimati");
    command.output().expect("run")
}

#[test]
fn any_event_log_is_shown() {
    ends("events", || {
        let folder = tempfile::tempdir().expect("a temp folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("agents.toml"), FLEET).expect("written");
        std::fs::create_dir_all(at("logs/state")).expect("made");
        let event = r#"{"time":"2026-06-13T04:05:06Z","event":"died","level":"warning","agent":"builder","text":"x"}"#;
        let tokens = [
            "+262142-12-31T23:59:59.999999999Z",
            "-262143-01-01T00:00:00Z",
            "\u{1b}[2J",
            "\n",
            "\0",
            "9",
            "\"",
            "é",
            "{",
        ];
        let mut log = Vec::new();
        for seed in 0..2000 {
            log.extend(Random::new(seed).mutated(event.as_bytes(), &tokens));
            log.push(b'\n');
        }
        for time in ["+262142-12-31T23:59:59.999999999Z", "-262143-01-01T00:00:00Z"] {
            log.extend(event.replace("2026-06-13T04:05:06Z", time).bytes());
            log.push(b'\n');
        }
        let endless = vec![b'x'; 16 << 20];
        for (older, newer) in [(&b""[..], &log[..]), (&log, b""), (&endless, &log), (&log, &endless)] {
            std::fs::write(at("logs/state/events.jsonl.1"), older).expect("written");
            std::fs::write(at("logs/state/events.jsonl"), newer).expect("written");
            for arguments in [&["events", "-n", "100000"][..], &["events", "--json"], &["events", "--agent", "builder"]]
            {
                let shown = verb(arguments, folder.path());
                assert!(shown.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&shown.stderr));
                let longest = shown.stdout.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
                assert!(longest < Some(2 << 20), "{arguments:?} keeps {longest:?} bytes of a line");
                if !arguments.contains(&"--json") {
                    assert!(!shown.stdout.contains(&0x1b), "nothing that a terminal would obey");
                }
            }
        }
    });
}

#[test]
fn any_launch_file_is_refused_with_a_reason() {
    ends("launch files", || {
        let folder = tempfile::tempdir().expect("a temp folder");
        std::fs::create_dir_all(folder.path().join("launch")).expect("made");
        let path = folder.path().join("launch/x.json");
        let texts = [
            Vec::new(),
            b"{}".to_vec(),
            b"[".repeat(1 << 20),
            b"\xff\xfe".to_vec(),
            b"{\"version\":1}".to_vec(),
            vec![b' '; 64 << 20],
        ];
        for text in texts {
            std::fs::write(&path, &text).expect("written");
            for name in ["session", "pane", "log"] {
                let ended = verb(&[name, &path.display().to_string()], folder.path());
                let said = String::from_utf8_lossy(&ended.stderr).into_owned();
                assert_eq!(ended.status.code(), Some(1), "{name}: {said}");
                assert!(said.contains("launch file `"), "{name}: {said}");
            }
        }
        let ended = verb(&["session", "/dev/zero"], folder.path());
        assert_eq!(ended.status.code(), Some(1), "an endless file is not read to its end");
    });
}
