//! The event socket's words: what an agent's own program tells, one JSON object per line.
//!
//! A datagram holds a few lines. Each names the start that it belongs to, with a proof that only the processes of that
//! start were given. The adapters translate what each program hands to its hooks; what they do not know tells nothing.

mod claude;
mod codex;
mod gemini;
mod opencode;
mod wiring;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use crate::policy::agent_event::*;
pub use opencode::Stream;
pub use wiring::{GEMINI_SETTINGS_VARIABLE, Given, PASSWORD_VARIABLE, Wiring, wire};

/// Name of the variable that tells an agent's processes where the event socket is.
pub const SOCKET_VARIABLE: &str = "AGENT_ORCHESTRATOR_EVENTS";

/// Name of the variable that tells them who they are: a [`Sender`].
pub const SENDER_VARIABLE: &str = "AGENT_ORCHESTRATOR_START";

/// The longest datagram: a prompt of [`PROMPT_BYTES_MAX`] with every character escaped fits, and so does the datagram
/// into a socket's buffer (`net.core.wmem_default`, 212 992).
pub const DATAGRAM_BYTES_MAX: usize = 128 << 10;

/// The most that is read of what a program hands over.
pub const HANDED_BYTES_MAX: usize = 4 << 20;

/// The most events of one datagram.
pub const EVENTS_MAX: usize = 8;

/// Version of the lines' form.
const VERSION: u32 = 1;

/// Bytes of the secret that proofs are made with.
pub const SECRET_BYTES: usize = 32;

/// Whose event it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Name of the agent.
    pub agent: String,
    /// Number of its start.
    pub run: u64,
    /// What proves both, see [`Sender::of`].
    pub proof: String,
}

impl Sender {
    /// Returns the sender that a start's processes are: its proof is a digest of the fleet's secret, agent and start.
    pub fn of(secret: &[u8; SECRET_BYTES], agent: &str, run: u64) -> Self {
        // An agent's name holds no slash.
        let digest = Sha256::new().chain_update(secret).chain_update(format!("{agent}/{run}")).finalize();
        let proof = digest[..16].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        Self { agent: agent.to_owned(), run, proof }
    }

    /// Says whether the proof fits.
    pub fn is_genuine(&self, secret: &[u8; SECRET_BYTES]) -> bool {
        *self == Self::of(secret, &self.agent, self.run)
    }

    /// Returns what [`SENDER_VARIABLE`] holds.
    pub fn to_variable(&self) -> String {
        format!("{}:{}:{}", self.agent, self.run, self.proof)
    }

    /// Reads [`SENDER_VARIABLE`].
    pub fn from_variable(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (agent, run, proof) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        parts.next().is_none().then(|| Self { agent: agent.to_owned(), run, proof: proof.to_owned() })
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    version: u32,
    #[serde(flatten)]
    sender: Sender,
    #[serde(flatten)]
    event: AgentEvent,
}

/// Returns the datagram that tells these events, at most [`EVENTS_MAX`]; what does not fit is left out.
pub fn datagram(sender: &Sender, events: &[AgentEvent]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events.iter().take(EVENTS_MAX) {
        let line = Line { version: VERSION, sender: sender.clone(), event: event.clone() };
        let Ok(line) = serde_json::to_vec(&line) else { continue };
        if bytes.len() + line.len() < DATAGRAM_BYTES_MAX {
            bytes.extend(line);
            bytes.push(b'\n');
        }
    }
    bytes
}

/// Reads a datagram: at most [`EVENTS_MAX`] events with who tells them.
///
/// # Errors
/// One sentence when it is too long or a line is none of ours; nothing of it counts then.
pub fn read(datagram: &[u8]) -> Result<Vec<(Sender, AgentEvent)>, String> {
    if datagram.len() > DATAGRAM_BYTES_MAX {
        return Err(format!("longer than {DATAGRAM_BYTES_MAX} bytes"));
    }
    let lines = datagram.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let mut events = Vec::new();
    for line in lines {
        if events.len() == EVENTS_MAX {
            return Err(format!("more than {EVENTS_MAX} events"));
        }
        let line: Line = serde_json::from_slice(line).map_err(|error| format!("no event: {error}"))?;
        if line.version != VERSION {
            return Err(format!("version {} instead of {VERSION}", line.version));
        }
        events.push((line.sender, cleaned(line.event)));
    }
    Ok(events)
}

/// Bounds what a line may hold, whoever wrote it.
fn cleaned(mut event: AgentEvent) -> AgentEvent {
    event.conversation.take_if(|id| !is_id(id));
    match &mut event.told {
        Told::Receipt { text } => *text = prompt(text),
        Told::SessionStart { how: text }
        | Told::SessionEnd { why: text }
        | Told::Permission { what: text }
        | Told::Refused { text, .. }
        | Told::Retrying { text, .. } => *text = plain(text),
        Told::Posted { outcome: Posted::Refused(why) | Posted::Unsure(why), .. } => *why = plain(why),
        Told::Conversation { id } if !is_id(id) => id.clear(),
        Told::Allowance { window, used_percent, .. } => {
            *window = plain(window);
            *used_percent = (*used_percent).min(100);
        }
        Told::Context { used_percent } => *used_percent = (*used_percent).min(100),
        Told::Conversation { .. } | Told::Working | Told::Idle { .. } | Told::Posted { outcome: Posted::Taken, .. } => {
        }
    }
    event
}

/// A message for a program that takes it by an interface of its own: a datagram to who follows the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The message's number, named in the answer ([`Told::Posted`]).
    pub message: u64,
    /// The conversation that it is for.
    pub conversation: String,
    /// What it says.
    pub text: String,
}

impl Post {
    /// Returns its datagram; `None` when it is longer than [`DATAGRAM_BYTES_MAX`].
    pub fn datagram(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok().filter(|bytes| bytes.len() <= DATAGRAM_BYTES_MAX)
    }

    /// Reads a datagram; `None` where it is none of ours.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        serde_json::from_slice(datagram).ok().filter(|post: &Self| is_id(&post.conversation))
    }
}

/// A program whose words are understood, by the interface that it hands them over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// Claude Code's hooks: JSON on standard input.
    ClaudeHook,
    /// Claude Code's status line: JSON on standard input.
    ClaudeStatus,
    /// Codex's `notify`: JSON as the last argument.
    CodexNotify,
    /// Gemini's hooks: JSON on standard input.
    GeminiHook,
}

/// Translates what a program handed over; what says nothing, or is not understood, gives no event.
pub fn translate(interface: Interface, handed: &[u8], time: DateTime<Utc>) -> Vec<AgentEvent> {
    if handed.len() > HANDED_BYTES_MAX {
        return Vec::new();
    }
    let (source, told) = match interface {
        Interface::ClaudeHook => (Source::ClaudeHook, claude::hook(handed)),
        Interface::ClaudeStatus => (Source::ClaudeStatus, claude::status(handed)),
        Interface::CodexNotify => (Source::CodexNotify, codex::notify(handed)),
        Interface::GeminiHook => (Source::GeminiHook, gemini::hook(handed)),
    };
    let conversation = about(handed);
    told.into_iter().map(|told| AgentEvent { source, time, conversation: conversation.clone(), told }).collect()
}

/// Returns the conversation that a hook's words are about.
fn about(handed: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct About {
        session_id: String,
    }
    let About { session_id } = serde_json::from_slice(handed).ok()?;
    is_id(&session_id).then_some(session_id)
}

/// Returns the event that names a conversation, where this can be one's id.
fn conversation(id: Option<&str>) -> Option<Told> {
    id.filter(|id| is_id(id)).map(|id| Told::Conversation { id: id.to_owned() })
}

#[cfg(test)]
mod tests;
