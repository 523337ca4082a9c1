//! Reads the config from disk.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::state_file;
use crate::config::{Mistake, Severity, TEXT_MAX_BYTES, Where, parse, render};
use crate::policy::fleet::Fleet;

/// A usable config.
#[derive(Debug)]
pub struct Loaded {
    /// What it describes.
    pub fleet: Fleet,
    /// Mistakes that do not stop it, one line each.
    pub warnings: Vec<String>,
    /// Its text.
    pub text: String,
}

/// A config that cannot be used.
#[derive(Debug)]
pub struct Unusable {
    /// The first mistake in one line.
    pub first: String,
    /// All mistakes as `check` prints them.
    pub mistakes: String,
}

/// Reads and checks the config at the absolute path `path`.
///
/// # Errors
/// When it cannot be read or is not usable; an empty file (one that is just being written) is not.
pub fn read(path: &Path) -> Result<Loaded, Unusable> {
    let text = read_text(path).map_err(|error| unreadable(path, &error))?;
    parsed(path, text)
}

/// Reads what [`keep`] kept of the config at the absolute path `path`; `None` when that is nothing usable.
pub fn last(path: &Path, kept: &Path) -> Option<Loaded> {
    parsed(path, read_text(kept).ok()?).ok()
}

/// Keeps the text of the config in force, unless it is kept already.
///
/// # Errors
/// When it cannot be written.
pub fn keep(kept: &Path, text: &str) -> io::Result<()> {
    if read_text(kept).is_ok_and(|kept| kept == text) { Ok(()) } else { state_file::replace(kept, text.as_bytes()) }
}

fn parsed(path: &Path, text: String) -> Result<Loaded, Unusable> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let parsed = parse(&text, &Where { file: path.to_owned(), home });
    if let Some(fleet) = parsed.fleet {
        return Ok(Loaded { fleet, warnings: parsed.mistakes.iter().map(one_line).collect(), text });
    }
    let worst = parsed.mistakes.iter().find(|mistake| mistake.severity == Severity::Fatal);
    let first = worst.or(parsed.mistakes.first()).map(one_line).unwrap_or_default();
    Err(Unusable { first, mistakes: render(&parsed.mistakes, &text, path) })
}

fn unreadable(path: &Path, error: &io::Error) -> Unusable {
    let path = path.display();
    if error.kind() == io::ErrorKind::NotFound {
        let first = format!("there is no config `{path}`");
        return Unusable { mistakes: format!("{first}\nhint: `agent-orchestrator init` writes one"), first };
    }
    let first = format!("cannot read config `{path}`: {error}");
    Unusable { mistakes: first.clone(), first }
}

fn one_line(mistake: &Mistake) -> String {
    format!("line {}: {}", mistake.line, mistake.message.replace(char::is_control, " "))
}

fn read_text(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    file.take(TEXT_MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > TEXT_MAX_BYTES {
        return Err(io::Error::other(format!("it is larger than {TEXT_MAX_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))?;
    // Whoever saves it in two steps is between them.
    if text.trim().is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    Ok(text)
}
