//! An agent's conversation in readable lines, translated from the session files that its program writes.
//!
//! What the program hides from its own screen stays hidden: thinking, system prompts, reminders, what tools printed.

mod claude;
mod codex;
mod gemini;
mod opencode;
mod place;

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::policy::agent_event::is_id;
pub use crate::policy::fleet::Teller as Program;
pub use opencode::{ROW_COUNT_MAX, parts_query, sessions, sessions_query};
pub use place::{conversation_of, expanded, project_folder};

/// The longest record that is read, bytes; a longer one holds a picture or a whole file.
pub const RECORD_BYTES_MAX: usize = 4 << 20;

/// The most of one entry's text that is shown, characters.
pub const TEXT_CHARS_MAX: usize = 20_000;

/// The most of a tool call that is shown, characters.
pub const CALL_CHARS_MAX: usize = 200;

/// How many of the newest records are known by their id, so that one that is written again is not told again.
const KNOWN_MAX: usize = 256;

/// The arguments of a tool that say most about a call, the best first.
const TELLING: [&str; 14] = [
    "command",
    "cmd",
    "file_path",
    "filePath",
    "absolute_path",
    "path",
    "pattern",
    "query",
    "url",
    "prompt",
    "description",
    "subject",
    "todos",
    "plan",
];

/// One thing that was said or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by the agent's host.
    pub time: Option<DateTime<Utc>>,
    /// Who, or what.
    pub kind: Kind,
    /// Without control characters but line ends; a tool call has one line.
    pub text: String,
}

/// Who says a thing, or what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What was typed or handed to the agent.
    Prompt,
    /// What the agent says.
    Says,
    /// It calls a tool.
    Tool,
    /// A tool came back with an error.
    Failed,
    /// The program itself: a compaction, a record that is left out.
    Note,
    /// The model's service refused.
    Error,
}

impl Kind {
    /// Returns what a line is marked with, at most six characters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Says => "says",
            Self::Tool => "tool",
            Self::Failed => "failed",
            Self::Note => "note",
            Self::Error => "error",
        }
    }
}

/// Reads a session file as it grows. Its memory is bounded by [`RECORD_BYTES_MAX`].
#[derive(Debug)]
pub struct Reader {
    program: Program,
    /// The beginning of a record whose end is still to come.
    rest: Vec<u8>,
    /// The record is too long: it is read to its end and left out.
    skips: bool,
    known: Known,
}

impl Reader {
    /// Begins a file of `program`.
    pub fn new(program: Program) -> Self {
        Self { program, rest: Vec::new(), skips: false, known: Known::default() }
    }

    /// Takes in what has come, in pieces of any length; returns what it says.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut left = bytes;
        while let Some(end) = left.iter().position(|byte| *byte == b'\n') {
            self.keep(&left[..end]);
            left = &left[end + 1..];
            let record = std::mem::take(&mut self.rest);
            if std::mem::take(&mut self.skips) {
                let text = format!("a record of more than {} MiB is left out", RECORD_BYTES_MAX >> 20);
                entries.push(Entry { time: None, kind: Kind::Note, text });
            } else {
                entries.extend(self.record(&record));
            }
        }
        self.keep(left);
        entries
    }

    /// Forgets a record that has no end: the file was replaced.
    pub fn begin_anew(&mut self) {
        self.rest.clear();
        self.skips = false;
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.skips || self.rest.len() + bytes.len() > RECORD_BYTES_MAX {
            self.skips = true;
            self.rest = Vec::new();
            return;
        }
        self.rest.extend_from_slice(bytes);
    }

    /// Translates one record; what is none, or is of a kind that is not known, says nothing.
    fn record(&mut self, record: &[u8]) -> Vec<Entry> {
        let Ok(record) = serde_json::from_slice::<Value>(record) else { return Vec::new() };
        self.value(&record)
    }

    /// Translates one record that has been parsed: a row of opencode's database.
    pub fn value(&mut self, record: &Value) -> Vec<Entry> {
        let entries = match self.program {
            Program::Claude => claude::entries(record),
            Program::Codex => codex::entries(record),
            Program::Gemini => gemini::entries(record, &mut self.known),
            Program::Opencode => opencode::entries(record, &mut self.known),
        };
        entries.into_iter().filter(|entry| !entry.text.is_empty()).collect()
    }
}

/// What of the newest records has been told.
#[derive(Debug, Default)]
struct Known {
    /// Each record's id, and how much of it.
    told: VecDeque<(String, usize)>,
}

impl Known {
    /// Returns how much of a record was told before, and takes in that `now` is.
    fn replace(&mut self, id: &str, now: usize) -> usize {
        if let Some((_, told)) = self.told.iter_mut().rev().find(|(known, _)| known == id) {
            return std::mem::replace(told, (*told).max(now));
        }
        if self.told.len() == KNOWN_MAX {
            self.told.pop_front();
        }
        self.told.push_back((id.chars().take(CALL_CHARS_MAX).collect(), now));
        0
    }
}

/// Returns an entry of several lines at most.
fn entry(time: Option<DateTime<Utc>>, kind: Kind, text: &str) -> Entry {
    let is_shown = |character: &char| !character.is_control() || *character == '\n' || *character == '\t';
    let mut shown: String = text.trim().chars().filter(is_shown).take(TEXT_CHARS_MAX + 1).collect();
    if let Some((cut, _)) = shown.char_indices().nth(TEXT_CHARS_MAX) {
        shown.truncate(cut);
        shown.push('…');
    }
    Entry { time, kind, text: shown.replace('\t', "    ") }
}

/// Returns an entry of one line.
fn line(time: Option<DateTime<Utc>>, kind: Kind, text: &str) -> Entry {
    // Four times as many: blanks in a row become one.
    let part: String =
        text.chars().take(4 * CALL_CHARS_MAX).map(|each| if each.is_control() { ' ' } else { each }).collect();
    let words = part.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_cut = words.chars().count() > CALL_CHARS_MAX || text.chars().nth(4 * CALL_CHARS_MAX).is_some();
    let mut shown: String = words.chars().take(CALL_CHARS_MAX).collect();
    if is_cut {
        shown.push('…');
    }
    Entry { time, kind, text: shown }
}

/// Returns the line of a tool call: its name, and the argument that says most.
fn call(time: Option<DateTime<Utc>>, name: &str, input: &Value) -> Entry {
    line(time, Kind::Tool, &format!("{name}: {}", telling(input)))
}

fn telling(input: &Value) -> String {
    let best = TELLING.iter().find_map(|name| input.get(name)).unwrap_or(input);
    match best {
        Value::String(text) => text.clone(),
        Value::Array(words) if words.iter().all(Value::is_string) => {
            words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => best.to_string(),
    }
}

/// Returns the text of a list of parts, or of a text alone.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.as_str().or_else(|| part.get("text")?.as_str()));
            texts.collect::<Vec<_>>().join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

fn word<'a>(record: &'a Value, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn time_of(record: &Value) -> Option<DateTime<Utc>> {
    word(record, "timestamp").parse().ok()
}

#[cfg(test)]
mod tests;
