//! Translates the text of `agents.toml` to a checked fleet.
//!
//! Nothing here reads a file: `parse` is given the text, and `files_needed` tells the `check` verb which files to look at.

mod agent;
mod answers;
mod backend;
pub mod check;
pub mod files;
pub mod fleet;
pub mod keys;
mod loops;
pub mod mistake;
mod pattern;
mod place;
pub mod preset;
pub mod proven;
mod reader;
pub mod render;
mod rules;
mod screens;
pub mod selftest;
pub mod telling;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use crate::policy::fleet::{Agent as FleetAgent, Backend, Fleet};
pub use backend::known_hint;
pub use check::typed_texts;
pub use files::{
    Calendar, FileUse, Needed, check_content, files_needed, folder_doubt, missing, no_repository, unreadable,
    wrong_calendar,
};
pub use keys::{Form, KEYS, Key, reference_markdown};
pub use mistake::{Entry, Mistake, Severity, entries};
pub use render::render;

/// The longest config that is read.
pub const TEXT_MAX_BYTES: usize = 1 << 20;

/// How many mistakes of one text are kept.
pub const MISTAKES_MAX: usize = 500;

/// How many agents and services one fleet may have.
pub const AGENTS_MAX: usize = 1000;

/// Where the text comes from: what its relative paths and `~` mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    /// The config file; absolute.
    pub file: PathBuf,
    /// What `~` stands for, if known; absolute.
    pub home: Option<PathBuf>,
}

/// What a text says.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The fleet, unless a mistake is `Fatal`.
    pub fleet: Option<Fleet>,
    /// All mistakes, in the order of the text.
    pub mistakes: Vec<Mistake>,
    /// The files that the text names; empty without a fleet.
    pub files: Vec<Needed>,
    /// The calendars that the text names; empty without a fleet.
    pub calendars: Vec<Calendar>,
}

/// Reads `text`, never fails and never panics: whatever is wrong with it is among the mistakes.
pub fn parse(text: &str, at: &Where) -> Parsed {
    fleet::parse(text, at)
}

/// Returns the backends that every config has, by name: those that need no `[backend.NAME]`.
pub fn preset_backends() -> BTreeMap<String, Result<Backend, String>> {
    fleet::preset_backends()
}
