//! Claude Code's session files: `PROJECT/CONVERSATION.jsonl`, one record per line (seen with 2.1.197).

use serde_json::Value;

use super::{Entry, Kind, call, entry, line, text_of, time_of, word};

/// What the program puts into a prompt and does not show.
const HIDDEN: [(&str, &str); 2] =
    [("<system-reminder>", "</system-reminder>"), ("<local-command-caveat>", "</local-command-caveat>")];

/// Returns what a record says.
pub(super) fn entries(record: &Value) -> Vec<Entry> {
    let is = |name: &str| record.get(name).and_then(Value::as_bool).unwrap_or(false);
    // A sub-agent's own conversation, and what the program writes to the model.
    if is("isSidechain") || is("isMeta") || is("isVisibleInTranscriptOnly") {
        return Vec::new();
    }
    let content = &record["message"]["content"];
    match word(record, "type") {
        "user" if is("isCompactSummary") => vec![line(time_of(record), Kind::Note, "the conversation was compacted")],
        "user" => user(record, content),
        "assistant" => {
            let kind = if is("isApiErrorMessage") { Kind::Error } else { Kind::Says };
            assistant(record, content, kind)
        }
        "system" if word(record, "subtype") == "compact_boundary" => Vec::new(),
        "system" if word(record, "level") == "error" => {
            vec![line(time_of(record), Kind::Error, word(record, "content"))]
        }
        _ => Vec::new(),
    }
}

fn user(record: &Value, content: &Value) -> Vec<Entry> {
    let time = time_of(record);
    let prompt = |text: &str| entry(time, Kind::Prompt, &shown(text));
    let Some(parts) = content.as_array() else {
        return vec![prompt(content.as_str().unwrap_or_default())];
    };
    let parts = parts.iter().filter_map(|part| match word(part, "type") {
        "text" => Some(prompt(word(part, "text"))),
        "tool_result" if part["is_error"] == true => Some(line(time, Kind::Failed, &text_of(&part["content"]))),
        "image" => Some(line(time, Kind::Prompt, "(a picture)")),
        _ => None,
    });
    parts.collect()
}

fn assistant(record: &Value, content: &Value, kind: Kind) -> Vec<Entry> {
    let time = time_of(record);
    let parts = content.as_array().into_iter().flatten().filter_map(|part| match word(part, "type") {
        "text" => Some(entry(time, kind, word(part, "text"))),
        "tool_use" => Some(call(time, word(part, "name"), &part["input"])),
        _ => None,
    });
    parts.collect()
}

/// Returns a prompt as the program shows it: without its reminders, a command as it was typed.
fn shown(text: &str) -> String {
    if let Some(name) = between(text, "<command-name>", "</command-name>") {
        let arguments = between(text, "<command-args>", "</command-args>").unwrap_or_default();
        return format!("{name} {arguments}");
    }
    if let Some(output) = between(text, "<local-command-stdout>", "</local-command-stdout>") {
        return output.to_owned();
    }
    let mut text = text.to_owned();
    for (begin, end) in HIDDEN {
        let mut seen = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(begin) {
            seen.push_str(before);
            // One that has no end hides all that follows.
            rest = after.split_once(end).map_or("", |(_, after)| after);
        }
        seen.push_str(rest);
        text = seen;
    }
    text
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(begin)?.1.split_once(end)?.0)
}
