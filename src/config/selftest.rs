//! Proves that every preset reads its own screens as it should.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::preset::presets;
use super::screens::{SCREENS, Screens};
use crate::policy::input_box;
use crate::policy::reading::{self, Rules};
use crate::policy::screen::{InputBox, Screen};

/// What one preset made of its screens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its name.
    pub preset: &'static str,
    /// How many screens were read.
    pub screens: usize,
    /// How many of its rules decide at least one of them.
    pub rules: usize,
    /// What is wrong, one line each.
    pub wrong: Vec<String>,
}

/// How a screen is read.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// `absent`, `empty` or `holds TEXT`.
    #[serde(rename = "box")]
    input_box: String,
    /// `MEANING by RULE`, or `nothing`.
    reads: String,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}, box {:?}", self.reads, self.input_box)
    }
}

/// Reads the screens of all presets.
pub fn selftest() -> Vec<Checked> {
    SCREENS.iter().map(check).collect()
}

fn check(screens: &Screens) -> Checked {
    let mut checked = Checked { preset: screens.preset, screens: 0, rules: 0, wrong: Vec::new() };
    let expected: BTreeMap<String, Expected> = match toml::from_str(screens.expected) {
        Ok(expected) => expected,
        Err(error) => {
            checked.wrong.push(format!("what is expected cannot be read: {error}"));
            return checked;
        }
    };
    let Some(preset) = presets().get(screens.preset) else {
        checked.wrong.push("there is no such preset".to_owned());
        return checked;
    };
    for (name, _) in screens.captures {
        checked.screens += 1;
        let read = read(&screen(screens, name), &preset.screen);
        match expected.get(*name) {
            Some(expected) if *expected == read => {}
            Some(expected) => checked.wrong.push(format!("{name}: {read}; expected {expected}")),
            None => checked.wrong.push(format!("{name}: {read}; nothing is expected of it")),
        }
    }
    let captured = |name: &String| screens.captures.iter().any(|(captured, _)| captured == name);
    let missing = expected.keys().filter(|name| !captured(name));
    checked.wrong.extend(missing.map(|name| format!("{name}: expected, and there is no such screen")));
    for rule in &preset.screen.rules {
        let behind = format!(" by {}", rule.name);
        if expected.values().any(|expected| expected.reads.ends_with(&behind)) {
            checked.rules += 1;
        } else {
            checked.wrong.push(format!("no screen is decided by rule {}", rule.name));
        }
    }
    checked
}

/// Returns a screen; one with colours that does not tell its title has that of its plain twin.
fn screen(screens: &Screens, name: &str) -> Screen {
    let capture = |name: &str| screens.captures.iter().find(|(other, _)| *other == name).map(|(_, text)| *text);
    let mut screen = Screen::of_capture(capture(name).unwrap_or_default());
    if let Some(twin) = name.strip_suffix(".ansi").and_then(capture).filter(|_| screen.command.is_empty()) {
        let Screen { title, command, .. } = Screen::of_capture(twin);
        (screen.title, screen.command) = (title, command);
    }
    screen
}

fn read(screen: &Screen, rules: &Rules) -> Expected {
    let read = |input_re| input_box::read(screen, input_re, rules.placeholder_re.as_ref());
    let input_box = match rules.input_re.as_ref().map_or(InputBox::Absent, read) {
        InputBox::Absent => "absent".to_owned(),
        InputBox::Empty => "empty".to_owned(),
        InputBox::Holds(text) => format!("holds {text}"),
    };
    let reads = reading::read(screen, rules)
        .map_or("nothing".to_owned(), |reading| format!("{} by {}", reading.meaning.word(), reading.rule));
    Expected { input_box, reads }
}
