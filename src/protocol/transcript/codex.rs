//! Codex's session files: `sessions/YEAR/MONTH/DAY/rollout-TIME-CONVERSATION.jsonl` (seen with 0.169.0).

use serde_json::Value;

use super::{Entry, Kind, call, entry, line, text_of, time_of, word};

/// How the parts of a prompt begin that the program adds itself.
const OWN: [&str; 5] =
    ["<environment_context>", "<user_instructions>", "# AGENTS.md instructions", "<skill", "<permissions"];

/// Returns what a record says.
pub(super) fn entries(record: &Value) -> Vec<Entry> {
    let (time, payload) = (time_of(record), &record["payload"]);
    match (word(record, "type"), word(payload, "type")) {
        ("response_item", "message") => match word(payload, "role") {
            "user" => prompt(record),
            "assistant" => vec![entry(time, Kind::Says, &text_of(&payload["content"]))],
            _ => Vec::new(),
        },
        ("response_item", "function_call") => {
            let input = serde_json::from_str(word(payload, "arguments")).unwrap_or(Value::Null);
            vec![call(time, word(payload, "name"), &input)]
        }
        ("response_item", "custom_tool_call") => vec![call(time, word(payload, "name"), &payload["input"])],
        ("response_item", "local_shell_call") => vec![call(time, "shell", &payload["action"])],
        ("response_item", "web_search_call") => vec![call(time, "web_search", &payload["action"])],
        ("event_msg", "item_completed") => failed(record),
        ("event_msg", "error" | "stream_error") => vec![line(time, Kind::Error, word(payload, "message"))],
        ("event_msg", "turn_aborted") => vec![line(time, Kind::Note, "the turn was interrupted")],
        ("compacted", _) => vec![line(time, Kind::Note, "the conversation was compacted")],
        _ => Vec::new(),
    }
}

fn prompt(record: &Value) -> Vec<Entry> {
    let parts = record["payload"]["content"].as_array().into_iter().flatten();
    let texts = parts.map(|part| word(part, "text")).filter(|text| !OWN.iter().any(|own| text.starts_with(own)));
    texts.map(|text| entry(time_of(record), Kind::Prompt, text)).collect()
}

fn failed(record: &Value) -> Vec<Entry> {
    let item = &record["payload"]["item"];
    if word(item, "type") != "CommandExecution" || word(item, "status") != "failed" {
        return Vec::new();
    }
    let code = item["exit_code"].as_i64().map(|code| format!("exit code {code} ")).unwrap_or_default();
    vec![line(time_of(record), Kind::Failed, &format!("{code}{}", word(item, "aggregated_output")))]
}
