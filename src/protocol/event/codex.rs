//! Codex CLI: what it hands to its `notify` program. Seen with 0.169.0.

use serde::Deserialize;

use super::{Told, conversation, prompt};

/// How the prompt begins of a turn that the program takes for itself, to name the conversation.
const OWN_PROMPT: &str = "Generate a concise, single-line task title";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Notification {
    r#type: String,
    thread_id: Option<String>,
    #[serde(default)]
    input_messages: Vec<String>,
}

/// Translates the last argument of the `notify` program: a turn that succeeded has ended.
pub fn notify(handed: &[u8]) -> Vec<Told> {
    let Ok(notification) = serde_json::from_slice::<Notification>(handed) else { return Vec::new() };
    let own = notification.input_messages.iter().any(|text| text.trim_start().starts_with(OWN_PROMPT));
    if notification.r#type != "agent-turn-complete" || own {
        return Vec::new();
    }
    let receipt = notification.input_messages.last().map(|text| Told::Receipt { text: prompt(text) });
    let id = conversation(notification.thread_id.as_deref());
    [receipt, id, Some(Told::Idle { ended: true })].into_iter().flatten().collect()
}
