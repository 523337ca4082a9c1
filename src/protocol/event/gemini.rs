//! Gemini CLI: its hooks, by the reference of 0.61.

use serde::Deserialize;
use serde_json::Value;

use super::{Told, conversation, plain, prompt};

#[derive(Deserialize)]
struct Hook {
    #[serde(rename = "hook_event_name")]
    event: String,
    session_id: Option<String>,
    source: Option<String>,
    reason: Option<String>,
    prompt: Option<String>,
    notification_type: Option<String>,
    message: Option<String>,
    details: Option<Value>,
}

/// Translates what a hook gets on its standard input. Refusals have no hook: the screen tells them.
pub fn hook(handed: &[u8]) -> Vec<Told> {
    let Ok(hook) = serde_json::from_slice::<Hook>(handed) else { return Vec::new() };
    let id = || conversation(hook.session_id.as_deref());
    match hook.event.as_str() {
        "SessionStart" => {
            let how = plain(hook.source.as_deref().unwrap_or("startup"));
            [Some(Told::SessionStart { how }), id()].into_iter().flatten().collect()
        }
        "SessionEnd" => vec![Told::SessionEnd { why: plain(hook.reason.as_deref().unwrap_or("other")) }],
        "BeforeAgent" => {
            let receipt = hook.prompt.as_deref().map(|text| Told::Receipt { text: prompt(text) });
            [receipt, Some(Told::Working), id()].into_iter().flatten().collect()
        }
        "BeforeTool" | "AfterTool" | "PreCompress" => vec![Told::Working],
        "AfterAgent" => vec![Told::Idle { ended: true }],
        "Notification" if hook.notification_type.as_deref() == Some("ToolPermission") => {
            let title = hook.details.as_ref().and_then(|details| details.get("title")?.as_str());
            let what = plain(title.or(hook.message.as_deref()).unwrap_or("a tool"));
            vec![Told::Permission { what }]
        }
        _ => Vec::new(),
    }
}
