//! opencode: its stream of server-sent events. Seen with 1.18.33.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{AgentEvent, HANDED_BYTES_MAX, Refusal, Source, Told, conversation, plain, prompt};

/// The most sub-sessions and prompts that are remembered.
const REMEMBERED_MAX: usize = 64;

#[derive(Deserialize)]
struct Message {
    r#type: String,
    #[serde(default)]
    properties: Value,
}

/// A stream on its way in: lines become events. What belongs to a sub-agent's session is passed over.
#[derive(Debug, Default)]
pub struct Stream {
    /// The line that has no end yet.
    line: Vec<u8>,
    /// It is longer than is read, and what it says is passed over.
    is_too_long: bool,
    /// The `data:` lines of the event so far.
    data: Vec<u8>,
    /// Sessions that another one has begun.
    children: VecDeque<String>,
    /// Messages of people whose text has not come yet.
    prompts: VecDeque<String>,
    /// The session that was told last.
    session: Option<String>,
}

impl Stream {
    /// Takes in what came of the body (chunk framing removed) and returns what it tells.
    pub fn push(&mut self, bytes: &[u8], time: DateTime<Utc>) -> Vec<AgentEvent> {
        let mut told = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, is_whole) = match piece.split_last() {
                Some((b'\n', line)) => (line, true),
                Some(_) | None => (piece, false),
            };
            if self.line.len() + line.len() + self.data.len() > HANDED_BYTES_MAX {
                self.is_too_long = true;
                self.line.clear();
                self.data.clear();
            }
            if !self.is_too_long {
                self.line.extend_from_slice(line);
            }
            if is_whole {
                told.extend(self.end_line());
            }
        }
        told.into_iter()
            .map(|told| AgentEvent { source: Source::OpencodeStream, time, conversation: None, told })
            .collect()
    }

    /// Translates the answer to `GET /session/status`: what is so now, for who comes late.
    pub fn snapshot(answer: &[u8], time: DateTime<Utc>) -> Option<AgentEvent> {
        let sessions: BTreeMap<String, Value> = serde_json::from_slice(answer).ok()?;
        let busy = sessions.values().any(|status| status.get("type").is_some_and(|kind| kind != "idle"));
        let told = if busy { Told::Working } else { Told::Idle { ended: false } };
        Some(AgentEvent { source: Source::OpencodeStream, time, conversation: None, told })
    }

    /// Ends a line: a `data` line is kept, an empty one ends the event (WHATWG HTML, 9.2.6).
    fn end_line(&mut self) -> Vec<Told> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            let passed_over = std::mem::take(&mut self.is_too_long);
            return if passed_over { Vec::new() } else { self.event(&data) };
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            self.data.extend_from_slice(data.trim_ascii_start());
            self.data.push(b'\n');
        }
        Vec::new()
    }

    fn event(&mut self, data: &[u8]) -> Vec<Told> {
        let Ok(message) = serde_json::from_slice::<Message>(data) else { return Vec::new() };
        let Message { r#type, properties } = message;
        let text = |pointer: &str| properties.pointer(pointer).and_then(Value::as_str);
        if let Some(child) = text("/info/id").filter(|_| text("/info/parentID").is_some())
            && r#type.starts_with("session.")
        {
            remember(&mut self.children, child);
            return Vec::new();
        }
        let session = text("/sessionID").or(text("/info/sessionID")).or(text("/part/sessionID"));
        if session.is_some_and(|session| self.children.iter().any(|child| child == session)) {
            return Vec::new();
        }
        let mut told = match r#type.as_str() {
            "session.status" => status(&properties),
            "session.idle" => vec![Told::Idle { ended: true }],
            "session.error" => Vec::from_iter(refused(&properties)),
            "permission.asked" | "permission.updated" => {
                let what = text("/permission").or(text("/title")).unwrap_or("a tool");
                let pattern = text("/patterns/0").map(|pattern| format!(": {pattern}")).unwrap_or_default();
                vec![Told::Permission { what: plain(&format!("{what}{pattern}")) }]
            }
            "question.asked" => {
                let what = text("/questions/0/question").unwrap_or("a question");
                vec![Told::Permission { what: plain(what) }]
            }
            "permission.replied" | "question.replied" | "question.rejected" | "session.compacted" => {
                vec![Told::Working]
            }
            "message.updated" => self.message(&properties),
            "message.part.updated" => Vec::from_iter(self.part(&properties)),
            _ => Vec::new(),
        };
        if !told.is_empty() && session.is_some() && session != self.session.as_deref() {
            self.session = session.map(str::to_owned);
            told.extend(conversation(session));
        }
        told
    }

    /// A message of a person: its text comes in a part of its own.
    fn message(&mut self, properties: &Value) -> Vec<Told> {
        let text = |pointer: &str| properties.pointer(pointer).and_then(Value::as_str);
        if let (Some("user"), Some(id)) = (text("/info/role"), text("/info/id")) {
            remember(&mut self.prompts, id);
        }
        Vec::new()
    }

    fn part(&mut self, properties: &Value) -> Option<Told> {
        let text = |pointer: &str| properties.pointer(pointer).and_then(Value::as_str);
        let at = self.prompts.iter().position(|id| text("/part/messageID") == Some(id))?;
        let made = properties.pointer("/part/synthetic").and_then(Value::as_bool).unwrap_or(false);
        if text("/part/type") != Some("text") || made {
            return None;
        }
        self.prompts.remove(at);
        text("/part/text").map(|text| Told::Receipt { text: prompt(text) })
    }
}

fn status(properties: &Value) -> Vec<Told> {
    let text = |pointer: &str| properties.pointer(pointer).and_then(Value::as_str);
    match text("/status/type") {
        Some("busy") => vec![Told::Working],
        Some("idle") => vec![Told::Idle { ended: true }],
        Some("retry") => {
            let text = plain(text("/status/message").unwrap_or("refused"));
            vec![Told::Retrying { limit: is_limit(&text), text }]
        }
        Some(_) | None => Vec::new(),
    }
}

fn refused(properties: &Value) -> Option<Told> {
    let text = |pointer: &str| properties.pointer(pointer).and_then(Value::as_str);
    let name = text("/error/name")?;
    let said = plain(text("/error/data/message").or(text("/error/message")).unwrap_or(name));
    let of_data = |key: &str| properties.pointer("/error/data").and_then(|data| data.get(key));
    let code = of_data("statusCode").or(properties.pointer("/error/statusCode")).and_then(Value::as_u64);
    let kind = match (name, code) {
        // A person stopped the turn: that is no refusal.
        ("MessageAbortedError", _) => return Some(Told::Idle { ended: true }),
        ("ContextOverflowError", _) => Refusal::Context,
        ("ProviderAuthError", _) | (_, Some(401..=404)) => Refusal::Auth,
        _ if is_limit(&said) => Refusal::Limit,
        (_, Some(408 | 429 | 500..=599)) => Refusal::Overload,
        _ if said.contains("thinking") && said.contains("cannot be modified") => Refusal::Fatal,
        _ => Refusal::Other,
    };
    Some(Told::Refused { kind, text: said, resets_at: None })
}

fn is_limit(text: &str) -> bool {
    let text = text.to_lowercase();
    ["usage limit", "usage exceeded", "quota exceeded"].iter().any(|words| text.contains(words))
}

fn remember(ids: &mut VecDeque<String>, id: &str) {
    if id.len() <= super::ID_BYTES_MAX && !ids.iter().any(|known| known == id) {
        if ids.len() == REMEMBERED_MAX {
            ids.pop_front();
        }
        ids.push_back(id.to_owned());
    }
}
