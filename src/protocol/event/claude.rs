//! Claude Code: its hooks and its status line. Seen with 2.1.197.

use std::sync::LazyLock;

use chrono::DateTime;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::{Refusal, Told, conversation, plain, prompt};

/// What a refusal says when a usage limit is meant.
static LIMIT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:hit|reached) your\b.*\blimits?\b|\blimits? reached\b").ok());
/// What it says when the service is only busy.
const NO_LIMIT: &str = "not your usage limit";
/// What it says when the conversation is broken.
static FATAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\bthinking\b.* blocks\b.*\bcannot be modified").ok());
/// What it says when the conversation has become too long.
static TOO_LONG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:prompt is too long|context limit reached|request too large)").ok());

/// What every hook gets, and what some of them get besides.
#[derive(Deserialize)]
struct Hook {
    #[serde(rename = "hook_event_name")]
    event: String,
    session_id: Option<String>,
    /// Of a sub-agent; the main one has none.
    agent_id: Option<String>,
    source: Option<String>,
    reason: Option<String>,
    trigger: Option<String>,
    prompt: Option<String>,
    tool_name: Option<String>,
    tool_input: Option<Value>,
    notification_type: Option<String>,
    message: Option<String>,
    error: Option<String>,
    last_assistant_message: Option<String>,
}

/// Translates what a hook gets on its standard input.
pub fn hook(handed: &[u8]) -> Vec<Told> {
    let Ok(hook) = serde_json::from_slice::<Hook>(handed) else { return Vec::new() };
    let of_main = hook.agent_id.is_none();
    let id = || conversation(hook.session_id.as_deref());
    match hook.event.as_str() {
        "SessionStart" => {
            let how = plain(hook.source.as_deref().unwrap_or("startup"));
            [Some(Told::SessionStart { how }), id()].into_iter().flatten().collect()
        }
        "SessionEnd" => vec![Told::SessionEnd { why: plain(hook.reason.as_deref().unwrap_or("other")) }],
        "UserPromptSubmit" if of_main => {
            let receipt = hook.prompt.as_deref().map(|text| Told::Receipt { text: prompt(text) });
            [receipt, Some(Told::Working), id()].into_iter().flatten().collect()
        }
        "PermissionRequest" => vec![Told::Permission { what: asked(&hook) }],
        "PreToolUse" if hook.tool_name.as_deref() == Some("AskUserQuestion") => {
            vec![Told::Permission { what: asked(&hook) }]
        }
        "PreToolUse" | "PostToolUse" | "PostToolUseFailure" if of_main => vec![Told::Working],
        // Of one that a person asked for no hook tells the end.
        "PreCompact" if hook.trigger.as_deref() == Some("auto") => vec![Told::Working],
        "Notification" => match hook.notification_type.as_deref() {
            Some("permission_prompt") => {
                let what = plain(hook.message.as_deref().unwrap_or("Claude needs your permission"));
                vec![Told::Permission { what }]
            }
            Some("idle_prompt") => vec![Told::Idle { ended: false }],
            Some(_) | None => Vec::new(),
        },
        "Stop" if of_main => vec![Told::Idle { ended: true }],
        "StopFailure" if of_main => {
            let text = plain(hook.last_assistant_message.as_deref().unwrap_or_default());
            let word = hook.error.as_deref().unwrap_or_default();
            vec![Told::Refused { kind: refusal(word, &text), text: said(text, word), resets_at: None }]
        }
        _ => Vec::new(),
    }
}

/// Says what leave is asked for.
fn asked(hook: &Hook) -> String {
    let tool = hook.tool_name.as_deref().unwrap_or("a tool");
    let input = hook.tool_input.as_ref();
    let question = input.and_then(|input| input.pointer("/questions/0/question"));
    let detail = ["command", "file_path", "url"].iter().find_map(|key| input?.get(key)).or(question);
    plain(&match detail.and_then(Value::as_str) {
        Some(detail) => format!("{tool}: {detail}"),
        None => tool.to_owned(),
    })
}

fn refusal(word: &str, text: &str) -> Refusal {
    let says = |pattern: &LazyLock<Option<Regex>>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(text));
    match word {
        "rate_limit" if says(&LIMIT) && !text.contains(NO_LIMIT) => Refusal::Limit,
        "rate_limit" | "overloaded" | "server_error" => Refusal::Overload,
        "authentication_failed" | "billing_error" | "model_not_found" | "oauth_org_not_allowed" => Refusal::Auth,
        _ if says(&FATAL) => Refusal::Fatal,
        _ if says(&TOO_LONG) => Refusal::Context,
        _ => Refusal::Other,
    }
}

fn said(text: String, word: &str) -> String {
    if text.is_empty() { plain(word) } else { text }
}

#[derive(Deserialize)]
struct Status {
    session_id: Option<String>,
    rate_limits: Option<serde_json::Map<String, Value>>,
    context_window: Option<Value>,
}

/// The most allowances that are told.
const ALLOWANCES_MAX: usize = 4;

/// Translates what the status line gets on its standard input.
pub fn status(handed: &[u8]) -> Vec<Told> {
    let Ok(status) = serde_json::from_slice::<Status>(handed) else { return Vec::new() };
    let mut told = Vec::from_iter(conversation(status.session_id.as_deref()));
    let context = status.context_window.as_ref().and_then(percent);
    told.extend(context.map(|used_percent| Told::Context { used_percent }));
    let limits = status.rate_limits.unwrap_or_default();
    told.extend(limits.iter().take(ALLOWANCES_MAX).filter_map(|(window, limit)| {
        let resets_at = limit.get("resets_at").and_then(Value::as_i64).and_then(|at| DateTime::from_timestamp(at, 0));
        Some(Told::Allowance { window: plain(window), used_percent: percent(limit)?, resets_at })
    }));
    told
}

fn percent(of: &Value) -> Option<u8> {
    let used = of.get("used_percentage")?.as_f64()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100")]
    Some(used.clamp(0.0, 100.0) as u8)
}
