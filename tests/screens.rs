//! Every screen of every backend has one expected reading.
#![expect(clippy::disallowed_methods, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_orchestrator::config::preset::presets;
use agent_orchestrator::config::preset_backends;
use agent_orchestrator::config::selftest::selftest;
use agent_orchestrator::policy::input_box;
use agent_orchestrator::policy::now::{Mono, Now};
use agent_orchestrator::policy::reading::{self, Meaning, Rules};
use agent_orchestrator::policy::screen::{InputBox, Screen};
use agent_orchestrator::policy::sighting::see;
use chrono::DateTime;
use serde::Deserialize;

const BACKENDS: [&str; 4] = ["claude", "codex", "gemini", "opencode"];

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(rename = "box")]
    input_box: String,
    /// `MEANING by RULE`, or `nothing`.
    reads: String,
}

/// Returns a moment; the screens name none.
fn now() -> Now {
    Now { mono: Mono::default(), wall: DateTime::UNIX_EPOCH, zone: chrono_tz::UTC }
}

struct Backend {
    folder: PathBuf,
    rules: Arc<Rules>,
    expected: BTreeMap<String, Expected>,
}

impl Backend {
    fn load(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("tests/screens").join(name);
        let expected = fs::read_to_string(folder.join("expect.toml")).unwrap();
        Self { rules: Arc::clone(&presets()[name].screen), expected: toml::from_str(&expected).unwrap(), folder }
    }

    fn screens(&self) -> BTreeMap<String, Screen> {
        let files = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files.filter_map(|file| file.strip_suffix(".txt").map(|name| (name.to_owned(), self.screen(name)))).collect()
    }

    /// Reads a capture; one with colours that does not tell its title has that of its plain twin.
    fn screen(&self, name: &str) -> Screen {
        let capture = |name: &str| fs::read_to_string(self.folder.join(format!("{name}.txt")));
        let mut screen = Screen::of_capture(&capture(name).unwrap());
        if let (true, Some(twin)) = (screen.command.is_empty(), name.strip_suffix(".ansi")) {
            let twin = capture(twin).map(|twin| Screen::of_capture(&twin)).unwrap_or_default();
            (screen.title, screen.command) = (twin.title, twin.command);
        }
        screen
    }

    fn reading(&self, screen: &Screen) -> Expected {
        let input_re = self.rules.input_re.as_ref().unwrap();
        let input_box = match input_box::read(screen, input_re, self.rules.placeholder_re.as_ref()) {
            InputBox::Absent => "absent".to_owned(),
            InputBox::Empty => "empty".to_owned(),
            InputBox::Holds(text) => format!("holds {text}"),
        };
        let reads = reading::read(screen, &self.rules)
            .map_or("nothing".to_owned(), |reading| format!("{} by {}", reading.meaning.word(), reading.rule));
        Expected { input_box, reads }
    }
}

#[test]
fn every_screen_is_read_as_expected() {
    let mut wrong = Vec::new();
    for name in BACKENDS {
        let backend = Backend::load(name);
        let screens = backend.screens();
        for (screen, captured) in &screens {
            let reading = backend.reading(captured);
            match backend.expected.get(screen) {
                Some(expected) if *expected == reading => {}
                expected => wrong.push(format!("{name}/{screen}: expected {expected:?}, read {reading:?}")),
            }
        }
        for expected in backend.expected.keys().filter(|expected| !screens.contains_key(*expected)) {
            wrong.push(format!("{name}/{expected}: expected, and there is no such screen"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_program_carries_every_screen_and_finds_that_it_reads_them() {
    for checked in selftest() {
        let backend = Backend::load(checked.preset);
        assert_eq!(checked.wrong, [""; 0], "{}", checked.preset);
        assert_eq!(checked.screens, backend.screens().len(), "{}: `config/screens.rs` lacks one", checked.preset);
        assert_eq!(checked.rules, backend.rules.rules.len(), "{}", checked.preset);
    }
    assert_eq!(selftest().iter().map(|checked| checked.preset).collect::<Vec<_>>(), BACKENDS);
}

#[test]
fn a_box_that_is_drawn_early_is_not_yet_ready() {
    let codex = Backend::load("codex");
    let ready = codex.rules.ready_re.as_ref().unwrap();
    let is_ready = |name: &str| codex.screen(name).text_rows().iter().any(|row| ready.regex().is_match(row));
    for (screen, expected) in [
        ("start-xgit", false),
        ("start-xl", false),
        ("dialog-trust-folder", false),
        ("permission-prompt", false),
        ("idle-fresh", true),
        ("finished-turn", true),
    ] {
        assert_eq!(is_ready(screen), expected, "{screen}");
    }
}

#[test]
fn a_message_waits_for_dialogs_and_for_those_that_do_not_queue() {
    let backends = preset_backends();
    let obstacle = |backend: &str, screen: &str| {
        let sighting = see(&Backend::load(backend).screen(screen), backends[backend].as_ref().unwrap(), now());
        format!("{}: {}", if sighting.ready { "ready" } else { "not ready" }, sighting.obstacle.unwrap_or_default())
    };
    let box_gone = "not ready: no input box on the screen, a dialog may be in the way";
    for (backend, screen, expected) in [
        ("claude", "idle-fresh", "ready: "),
        ("claude", "working-4s", "ready: "),
        (
            "claude",
            "typed-not-submitted",
            "ready: a person's draft stands in the input box: `hello, do the slow thing`",
        ),
        ("claude", "permission-prompt-bash", "not ready: the screen asks for a person: `Do you want to proceed?`"),
        (
            "claude",
            "subscriber-limit-so-4s",
            "not ready: the screen asks for a person: `❯ 1. Stop and wait for limit to reset`",
        ),
        ("claude", "subscriber-limit-so-after-enter", "ready: "),
        ("claude", "exit-after-2-ctrl-c", box_gone),
        ("codex", "working-4s", "ready: the agent is busy"),
        ("codex", "start-xgit", "not ready: the program is not ready yet"),
        ("codex", "idle-fresh", "ready: "),
        ("gemini", "working-5s", "ready: the agent is busy"),
        ("opencode", "working-4s", "ready: the agent is busy"),
    ] {
        assert_eq!(obstacle(backend, screen), expected, "{backend}/{screen}");
    }
}

#[test]
fn every_rule_decides_at_least_one_screen() {
    let mut idle = Vec::new();
    for name in BACKENDS {
        let backend = Backend::load(name);
        let names: BTreeSet<&str> = backend.rules.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names.len(), backend.rules.rules.len(), "{name}: a rule's name is given twice");
        let decides =
            |rule: &str| backend.expected.values().any(|expected| expected.reads.ends_with(&format!(" by {rule}")));
        idle.extend(names.into_iter().filter(|rule| !decides(rule)).map(|rule| format!("{name}/{rule}")));
    }
    assert!(idle.is_empty(), "no screen is decided by {idle:?}");
}

#[test]
fn what_an_agent_writes_is_no_evidence_of_anything() {
    let mut screens = 0;
    for name in BACKENDS {
        let backend = Backend::load(name);
        for (screen, captured) in backend.screens().iter().filter(|(screen, _)| screen.starts_with("made-not-")) {
            let readings = reading::read_all(captured, &backend.rules);
            assert!(readings.iter().all(|reading| reading.meaning == Meaning::Idle), "{name}/{screen}: {readings:?}");
            assert!(!readings.is_empty(), "{name}/{screen}");
            screens += 1;
        }
    }
    assert!(screens > 10);
}

#[test]
fn behind_a_menu_the_banner_with_the_time_is_told_too() {
    let claude = Backend::load("claude");
    let readings = reading::read_all(&claude.screen("subscriber-limit-so-4s"), &claude.rules);
    let told: Vec<_> =
        readings.iter().map(|reading| (reading.rule.as_str(), reading.row, reading.text.as_str())).collect();
    assert_eq!(told[0].0, "limit-menu-wait-selected");
    assert!(told.contains(&("limit", Some(14), "⎿  You've hit your session limit · resets 3:47am (UTC)")), "{told:?}");
    let gemini = Backend::load("gemini");
    let reading = reading::read(&gemini.screen("made-limit-menu-pro"), &gemini.rules).unwrap();
    assert!(reading.text.contains("Access resets at 10:57 PM GMT-3."), "{}", reading.text);
}

#[test]
fn megabytes_of_near_misses_are_read_in_linear_time() {
    let near = [
        "● API Error: `thinking` blocks thinking blocks cannot be ",
        "✻ Session limit reached · Retrying in · attempt 1/",
        "  ⎿  You've hit your limit You've hit your ",
        "┃  usage limit quota exceeded [retrying in 9s attempt #",
        "• reconnecting retrying 1/5 • esc to interrupt",
        "✕ [API Error: input token count thinking blocks ",
        "❯ 1. › 1. ╹▀▀▀▀▀▀▀▀▀▀ ",
        "────────────────",
    ];
    for name in BACKENDS {
        let backend = Backend::load(name);
        let row = |text: &&str| text.repeat(10_000 / text.chars().count());
        let rows: Vec<String> = near.iter().map(row).cycle().take(200).collect();
        let screen = Screen { title: rows.concat(), rows, ..Screen::default() };
        let _ = backend.reading(&screen);
    }
}

#[test]
fn no_screen_is_too_strange_to_be_read() {
    const PIECES: [&str; 32] = [
        "\u{1b}[2m",
        "\u{1b}[7m",
        "\u{1b}[0m",
        "\u{1b}[38;5",
        "\u{1b}]",
        "\u{1b}",
        "❯\u{a0}",
        "❯ ",
        "› ",
        " > ",
        "  ┃  ",
        "┃",
        "  ╹▀▀▀▀▀▀▀▀▀▀▀▀",
        "────────────────",
        "│ ",
        "╭──────╮",
        "● ",
        "  ⎿  ",
        "✻ ",
        "■ ",
        "1. ",
        "2. ",
        "limit",
        "漢字",
        "e\u{301}",
        "👩\u{200d}🚀",
        "\u{0}",
        "\t",
        "\u{fffd}",
        " ",
        "",
        "text that goes on for a while",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let backends = BACKENDS.map(Backend::load);
    for _ in 0..500 {
        let mut row = || (0..draw(6)).map(|_| PIECES[draw(PIECES.len())]).collect::<String>();
        let rows: Vec<String> = (0..12).map(|_| row()).collect();
        let screen = Screen { title: rows[0].clone(), rows, ..Screen::default() };
        for backend in &backends {
            let _ = backend.reading(&screen);
        }
    }
}
