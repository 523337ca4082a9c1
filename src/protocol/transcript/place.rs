//! Where a program keeps the session files of a folder.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Program, is_id, word};

/// The longest name that Claude Code gives a project's folder as it is, characters; a longer one ends in a digest.
const PROJECT_CHARS_MAX: usize = 200;

/// Fills in `~` and `${NAME:-VALUE}` at the beginning of a preset's path; `variable` is the agent's environment.
pub fn expanded(path: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let (begin, rest) = match path.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
        Some((inside, rest)) => {
            let (name, other) = inside.split_once(":-").unwrap_or((inside, ""));
            (set(name).unwrap_or_else(|| other.to_owned()), rest)
        }
        None => (path.to_owned(), ""),
    };
    let whole = begin + rest;
    let whole = match whole.strip_prefix('~') {
        Some(below) if below.is_empty() || below.starts_with('/') => set("HOME")? + below,
        Some(_) | None => whole,
    };
    let path = PathBuf::from(whole);
    path.is_absolute().then_some(path)
}

/// Returns the name of the folder in which Claude Code keeps the conversations of `dir`.
pub fn project_folder(dir: &Path) -> String {
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    dir.to_string_lossy().chars().map(plain).take(PROJECT_CHARS_MAX).collect()
}

/// Returns the conversation that a file holds, as it is named on a resume, by the file's name and its first record; `None`
/// where it is none of `dir`, or a hidden one. Gemini names no folder in it: it is known by `.project_root`.
pub fn conversation_of(program: Program, name: &str, first: &[u8], dir: &Path) -> Option<String> {
    let stem = name.strip_suffix(".jsonl")?;
    let record = || serde_json::from_slice::<Value>(first).ok();
    let id = match program {
        Program::Claude => stem.to_owned(),
        Program::Codex => {
            let record = record().filter(|record| word(record, "type") == "session_meta")?;
            let meta = &record["payload"];
            let is_own = ["", "user"].contains(&word(meta, "thread_source"));
            if !is_own || Path::new(word(meta, "cwd")) != dir {
                return None;
            }
            word(meta, "id").to_owned()
        }
        Program::Gemini => {
            let record = record().filter(|record| ["", "main"].contains(&word(record, "kind")))?;
            word(&record, "sessionId").to_owned()
        }
        Program::Opencode => return None,
    };
    is_id(&id).then_some(id)
}
