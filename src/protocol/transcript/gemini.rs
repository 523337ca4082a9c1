//! Gemini's session files: `tmp/PROJECT/chats/session-TIME-CONVERSATION.jsonl` (seen with 0.61.0).
//!
//! A record is written again with the same id when its tools have come back.

use serde_json::Value;

use super::{Entry, Kind, Known, call, entry, line, text_of, time_of, word};

/// How the prompt begins that the program writes itself.
const OWN: &str = "<session_context>";

/// Returns what a record says that has not been told.
pub(super) fn entries(record: &Value, known: &mut Known) -> Vec<Entry> {
    if let Some(messages) = record["$set"]["messages"].as_array() {
        return messages.iter().flat_map(|message| message_entries(message, known)).collect();
    }
    message_entries(record, known)
}

fn message_entries(record: &Value, known: &mut Known) -> Vec<Entry> {
    let (time, id, text) = (time_of(record), word(record, "id"), text_of(&record["content"]));
    let kind = match word(record, "type") {
        "user" if text.starts_with(OWN) => return Vec::new(),
        "user" => Kind::Prompt,
        "gemini" => Kind::Says,
        "error" => Kind::Error,
        "info" | "warning" => Kind::Note,
        _ => return Vec::new(),
    };
    let calls = record["toolCalls"].as_array().map(Vec::as_slice).unwrap_or_default();
    // The text counts as one, each call as another.
    let told = known.replace(id, 1 + calls.len());
    let said = (told == 0).then(|| entry(time, kind, &text)).into_iter();
    said.chain(calls.iter().skip(told.saturating_sub(1)).flat_map(call_entries)).collect()
}

fn call_entries(record: &Value) -> Vec<Entry> {
    let time = time_of(record);
    let mut entries = vec![call(time, word(record, "name"), &record["args"])];
    if ["error", "cancelled"].contains(&word(record, "status")) {
        let shown = record["resultDisplay"].as_str().unwrap_or("it was cancelled");
        entries.push(line(time, Kind::Failed, shown));
    }
    entries
}
