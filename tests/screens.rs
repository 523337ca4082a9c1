//! Every screen of every backend has one expected reading.
#![expect(clippy::disallowed_methods, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use agent_orchestrator::policy::fleet::Pattern;
use agent_orchestrator::policy::input_box;
use agent_orchestrator::policy::screen::{InputBox, Screen};
use serde::Deserialize;

const BACKENDS: [&str; 4] = ["claude", "codex", "gemini", "opencode"];

/// The part of a preset that is about screens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names)]
struct Preset {
    input_re: String,
    placeholder_re: String,
    ready_re: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(rename = "box")]
    input_box: String,
}

struct Backend {
    folder: PathBuf,
    preset: Preset,
    expected: BTreeMap<String, Expected>,
}

impl Backend {
    fn load(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("tests/screens").join(name);
        let preset = fs::read_to_string(root.join(format!("src/config/presets/{name}.screens.toml"))).unwrap();
        let expected = fs::read_to_string(folder.join("expect.toml")).unwrap();
        Self { preset: toml::from_str(&preset).unwrap(), expected: toml::from_str(&expected).unwrap(), folder }
    }

    fn screens(&self) -> BTreeMap<String, Screen> {
        let files = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files.filter_map(|file| file.strip_suffix(".txt").map(|name| (name.to_owned(), self.screen(name)))).collect()
    }

    /// Reads a capture; one with colours that lacks the last line has it from its plain twin.
    fn screen(&self, name: &str) -> Screen {
        let text = |name: &str| fs::read_to_string(self.folder.join(format!("{name}.txt"))).unwrap();
        let capture = text(name);
        let (mut rows, mut about) = split_capture(&capture);
        let twin = name.strip_suffix(".ansi").filter(|twin| self.folder.join(format!("{twin}.txt")).exists()).map(text);
        if let (None, Some(twin)) = (about, &twin) {
            about = split_capture(twin).1;
        }
        let about = about.unwrap_or_default();
        let (command, rest) = about.split_once(" | ").unwrap_or_default();
        let title = rest.rsplit_once(" | ").unwrap_or_default().0;
        rows.truncate(50);
        Screen { rows, title: title.to_owned(), command: command.to_owned(), in_mode: false }
    }

    fn reading(&self, screen: &Screen) -> Expected {
        let input = Pattern::new(&self.preset.input_re).unwrap();
        let placeholder = Pattern::new(&self.preset.placeholder_re).unwrap();
        let input_box = match input_box::read(screen, &input, Some(&placeholder)) {
            InputBox::Absent => "absent".to_owned(),
            InputBox::Empty => "empty".to_owned(),
            InputBox::Holds(text) => format!("holds {text}"),
        };
        Expected { input_box }
    }
}

fn split_capture(capture: &str) -> (Vec<String>, Option<&str>) {
    let mut rows: Vec<&str> = capture.lines().collect();
    let about = rows.last().and_then(|row| row.strip_prefix("[[")).and_then(|row| row.strip_suffix("]]"));
    if about.is_some() {
        rows.pop();
    }
    (rows.into_iter().map(str::to_owned).collect(), about)
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
fn a_box_that_is_drawn_early_is_not_yet_ready() {
    let codex = Backend::load("codex");
    let ready = Pattern::new(codex.preset.ready_re.as_ref().unwrap()).unwrap();
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
