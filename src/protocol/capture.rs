//! Translates a captured pane to what `explain --screen` says of it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::policy::fleet::Backend;
use crate::policy::now::Now;
use crate::policy::reading::{Meaning, Reading};
use crate::policy::screen::{InputBox, Screen};
use crate::policy::sighting::{self, Sighting};

/// The largest capture that is read, bytes: 2000 rows of 200 cells, each with its colours.
pub const CAPTURE_BYTES_MAX: u64 = 8 << 20;

/// What is read off a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How it was read.
    pub backend: String,
    /// The pane's title.
    pub title: String,
    /// What the screen means: that of the first reading.
    pub meaning: Option<Meaning>,
    /// What stands in the input box.
    pub input: Input,
    /// A start would end here: the program can take a prompt.
    pub ready: bool,
    /// Why a message would wait; `None` when it could be typed.
    pub obstacle: Option<String>,
    /// The time that its last line says it waits for.
    pub waiting: Option<DateTime<Utc>>,
    /// A usage limit holds the account.
    pub limited: bool,
    /// The limit's end as its banner names it; `None` where it names none that is believed.
    pub resets: Option<DateTime<Utc>>,
    /// What the rules found, the strongest first.
    pub readings: Vec<Finding>,
}

/// What stands in the input box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "text")]
pub enum Input {
    /// The backend has no `input_re`.
    Unknown,
    /// There is none on the screen.
    Absent,
    /// Nothing, or a placeholder or suggestion.
    Empty,
    /// This text.
    Holds(String),
}

/// What one rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name.
    pub rule: String,
    /// What it means.
    pub meaning: Meaning,
    /// The highest counts.
    pub priority: u8,
    /// Where it looked.
    pub region: String,
    /// The line of the capture that matched, from 1; `None` for the title.
    pub line: Option<usize>,
    /// That line and those below it in its paragraph.
    pub text: String,
}

/// Reads a capture as a screen of `backend` that stands at `now`; `title` stands for the one that the capture may tell.
pub fn report(capture: &str, title: Option<&str>, (name, backend): (&str, &Backend), now: Now) -> Report {
    let mut screen = Screen::of_capture(capture);
    if let Some(title) = title {
        title.clone_into(&mut screen.title);
    }
    let Sighting { input, ready, obstacle, readings, waiting, resets } = sighting::see(&screen, backend, now);
    let input = match input {
        None => Input::Unknown,
        Some(InputBox::Absent) => Input::Absent,
        Some(InputBox::Empty) => Input::Empty,
        Some(InputBox::Holds(text)) => Input::Holds(text),
    };
    Report {
        backend: name.to_owned(),
        title: screen.title,
        meaning: readings.first().map(|reading| reading.meaning),
        input,
        ready,
        obstacle,
        waiting,
        limited: resets.is_some(),
        resets: resets.flatten(),
        readings: readings.into_iter().map(finding).collect(),
    }
}

fn finding(reading: Reading) -> Finding {
    let Reading { meaning, rule, text, region, row, priority } = reading;
    Finding { rule, meaning, priority, region: region.to_string(), line: row.map(|row| row + 1), text }
}
