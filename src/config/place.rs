//! What paths and names in a config stand for.

use std::path::{Path, PathBuf};

use super::Where;
use super::mistake::{Mistake, Notes};
use super::reader::Found;

/// The longest name of an agent, a service or a loop.
pub const NAME_MAX: usize = 64;

/// The longest name of a session: a prefix and a name.
pub const SESSION_MAX: usize = 2 * NAME_MAX;

/// Whether `name` may name an agent, a service or a loop.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(is_plain)
}

/// Whether a character may stand in a name.
pub fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// What the whole file says of places, and where mistakes go.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// Collects mistakes.
    pub notes: &'a Notes,
    /// Where the text comes from.
    pub at: &'a Where,
    /// Absolute.
    pub project_dir: &'a Path,
    /// Absolute.
    pub log_dir: &'a Path,
    /// Put before names of sessions.
    pub session_prefix: &'a str,
}

impl Base<'_> {
    /// Makes a path of the project absolute.
    pub fn path(&self, found: &Found<String>) -> PathBuf {
        resolve(self.project_dir, found, self.at, self.notes)
    }

    /// Makes a path below `folder` absolute.
    pub fn path_below(&self, folder: &Path, found: &Found<String>) -> PathBuf {
        resolve(folder, found, self.at, self.notes)
    }
}

/// Makes a path absolute: `~` is the home folder, a relative one starts at `folder`.
pub fn resolve(folder: &Path, found: &Found<String>, at: &Where, notes: &Notes) -> PathBuf {
    let text = found.value.as_str();
    let rest = match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
        Some(_) => {
            let mistake = Mistake::error(&found.path, format!("cannot resolve `{text}`: only `~/` is known"));
            notes.add(mistake.at(found.span.clone()).hint("write the folder's whole path".to_owned()));
            return tidy(&folder.join(text));
        }
        None => return tidy(&folder.join(text)),
    };
    if at.home.is_none() {
        let mistake = Mistake::error(&found.path, format!("cannot resolve `{text}`: no home folder is known"));
        notes.add(mistake.at(found.span.clone()).hint("set HOME, or write the whole path".to_owned()));
    }
    tidy(&at.home.as_deref().unwrap_or(folder).join(rest))
}

/// Drops `.` from a path; `..` stays, since what stands before it may be a link.
fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}
