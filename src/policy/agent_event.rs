//! What an agent's own program tells of itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The most bytes of a submitted prompt that are told; the rest is cut, see [`Told::Receipt`].
pub const PROMPT_BYTES_MAX: usize = 16 << 10;

/// The most characters of any other text that is told.
pub const TEXT_CHARS_MAX: usize = 500;

/// The longest id of a conversation, bytes.
pub const ID_BYTES_MAX: usize = 128;

/// Variable that gives opencode a configuration besides its files.
pub const CONFIG_VARIABLE: &str = "OPENCODE_CONFIG_CONTENT";

/// One thing that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEvent {
    /// Who told it.
    pub source: Source,
    /// When, by the teller's clock.
    pub time: DateTime<Utc>,
    /// The conversation that it is about, where that is told with everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// What.
    #[serde(flatten)]
    pub told: Told,
}

/// Through what a program tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Claude Code's hooks.
    ClaudeHook,
    /// Claude Code's status line.
    ClaudeStatus,
    /// Codex's `notify`.
    CodexNotify,
    /// Gemini's hooks.
    GeminiHook,
    /// opencode's event stream.
    OpencodeStream,
}

impl Source {
    /// Returns what `explain` calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ClaudeHook => "claude-hook",
            Self::ClaudeStatus => "claude-status",
            Self::CodexNotify => "codex-notify",
            Self::GeminiHook => "gemini-hook",
            Self::OpencodeStream => "opencode-stream",
        }
    }

    /// Says whether a prompt that was submitted is told at once, so that one that is not told has not arrived.
    pub fn gives_receipts(self) -> bool {
        match self {
            Self::ClaudeHook | Self::GeminiHook | Self::OpencodeStream => true,
            // Codex tells its prompts when the turn has ended, and only of turns that succeed.
            Self::ClaudeStatus | Self::CodexNotify => false,
        }
    }

    /// Says whether the beginning of a turn is told as its end is.
    pub fn tells_beginnings(self) -> bool {
        match self {
            Self::ClaudeHook | Self::ClaudeStatus | Self::GeminiHook | Self::OpencodeStream => true,
            Self::CodexNotify => false,
        }
    }
}

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "kebab-case")]
pub enum Told {
    /// The program has begun, or has taken up another conversation.
    SessionStart {
        /// `startup`, `resume`, `clear`, ….
        how: String,
    },
    /// The program or its conversation has ended.
    SessionEnd {
        /// As the program calls it.
        why: String,
    },
    /// It works in this conversation.
    Conversation {
        /// As it is named to the program on a resume.
        id: String,
    },
    /// This prompt was submitted: it has arrived.
    Receipt {
        /// The prompt, or its first [`PROMPT_BYTES_MAX`].
        text: String,
    },
    /// A turn runs.
    Working,
    /// No turn runs.
    Idle {
        /// It has just ended; otherwise nothing but that it rests is told.
        ended: bool,
    },
    /// A person is asked for leave or for an answer.
    Permission {
        /// For what.
        what: String,
    },
    /// The model's service refused, and the turn has ended.
    Refused {
        /// Why.
        kind: Refusal,
        /// What the program says of it.
        text: String,
        /// When a usage limit ends, where that is told as a number.
        resets_at: Option<DateTime<Utc>>,
    },
    /// The model's service refused, and the program tries again by itself.
    Retrying {
        /// It is a usage limit that it waits out.
        limit: bool,
        /// What it says of it.
        text: String,
    },
    /// What came of a message that was handed to the program's own interface.
    Posted {
        /// The message's number.
        message: u64,
        /// How it went.
        outcome: Posted,
    },
    /// So much of the model's context is filled.
    Context {
        /// Of 100.
        used_percent: u8,
    },
    /// So much of an allowance is used.
    Allowance {
        /// The program's name of it, `five_hour` for instance.
        window: String,
        /// Of 100.
        used_percent: u8,
        /// When it is whole again.
        resets_at: Option<DateTime<Utc>>,
    },
}

/// What came of handing over a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Posted {
    /// The program has it.
    Taken,
    /// It has it not: why.
    Refused(String),
    /// Nobody can tell: why.
    Unsure(String),
}

/// Why the model's service refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// A usage limit holds the account.
    Limit,
    /// It is overloaded, unreachable or broken; it may work in a minute.
    Overload,
    /// A person must mend login, key, credit or model.
    Auth,
    /// The conversation is broken; going on with it brings the fault back.
    Fatal,
    /// The conversation does not fit into the model's context.
    Context,
    /// Something else.
    Other,
}

impl Told {
    /// Says whether a usage limit is told.
    pub fn is_of_limit(&self) -> bool {
        matches!(self, Self::Refused { kind: Refusal::Limit, .. } | Self::Retrying { limit: true, .. })
    }

    /// Returns what `explain` says of it.
    pub fn line(&self) -> String {
        match self {
            Self::SessionStart { how } => format!("session started ({how})"),
            Self::SessionEnd { why } => format!("session ended ({why})"),
            Self::Conversation { id } => format!("conversation {id}"),
            Self::Receipt { .. } => "a prompt was submitted".to_owned(),
            Self::Working => "a turn runs".to_owned(),
            Self::Idle { ended: true } => "the turn has ended".to_owned(),
            Self::Idle { ended: false } => "it rests".to_owned(),
            Self::Permission { what } => format!("a person is asked: {what}"),
            Self::Refused { text, .. } => format!("refused: {text}"),
            Self::Retrying { text, .. } => format!("tries again by itself: {text}"),
            Self::Posted { message, outcome: Posted::Taken } => format!("m{message} was taken"),
            Self::Posted { message, outcome: Posted::Refused(why) | Posted::Unsure(why) } => {
                format!("m{message} was not taken: {why}")
            }
            Self::Context { used_percent } => format!("{used_percent} % of the context is filled"),
            Self::Allowance { window, used_percent, resets_at } => {
                let until = resets_at.map(|at| format!(", whole again {}", at.format("%Y-%m-%dT%H:%M:%SZ")));
                format!("{used_percent} % of {window} is used{}", until.unwrap_or_default())
            }
        }
    }
}

/// Says whether this can be the id of a conversation: it becomes an argument of a program.
pub fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !text.is_empty() && text.len() <= ID_BYTES_MAX && !text.starts_with(['-', '.']) && text.bytes().all(fits)
}

/// Returns a text without anything that a terminal would obey, cut at [`TEXT_CHARS_MAX`].
pub fn plain(text: &str) -> String {
    let shown = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    let text: String = shown.take(TEXT_CHARS_MAX).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the beginning of a prompt, at most [`PROMPT_BYTES_MAX`], whole characters only.
pub fn prompt(text: &str) -> String {
    let mut end = text.len().min(PROMPT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_plain_word_that_no_program_takes_for_an_option_or_a_path() {
        let longest = "x".repeat(ID_BYTES_MAX);
        for id in ["ses_dd6e50d6dffe", "7c62635d-b772-853e-bc60-ecb08d2df27f", "a.b", &longest] {
            assert!(is_id(id), "{id}");
        }
        for no_id in ["", "-x", ".", "..", ".hidden", "a b", "a/b", "a'b", "a\nb", "ä", &format!("{longest}x")] {
            assert!(!is_id(no_id), "{no_id}");
        }
    }

    #[test]
    fn a_text_loses_what_a_terminal_would_obey_and_is_cut() {
        assert_eq!(plain("  red \u{1b}[31m\nand\tplain "), "red [31m and plain");
        assert_eq!(plain(&"ä".repeat(TEXT_CHARS_MAX + 1)), "ä".repeat(TEXT_CHARS_MAX));
    }

    #[test]
    fn a_prompt_is_cut_between_two_characters() {
        assert_eq!(prompt("whole"), "whole");
        let long = format!("x{}", "ä".repeat(PROMPT_BYTES_MAX / 2));
        assert_eq!(prompt(&long).len(), PROMPT_BYTES_MAX - 1);
    }
}
