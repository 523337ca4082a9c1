//! The files that a config names, and the mistakes that only who can read them finds.

use std::ops::Range;
use std::path::PathBuf;

use super::mistake::{Mistake, Severity};
use super::reader::Found;
use super::{Parsed, check};
use crate::policy::fleet::Fleet;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileUse {
    /// The prompt of an agent.
    Prompt,
    /// The role prompt of a loop agent.
    Role,
    /// The frame of a loop's kickoffs.
    Template,
    /// What an agent is woken with.
    WakePrompt,
    /// The plan of a phase.
    Plan,
    /// The folder that an agent works in; it may be made later.
    Folder,
    /// The folder of a loop agent: a clone of its own.
    Clone,
    /// The clone whose origin a loop watches.
    Repository,
}

impl FileUse {
    /// Says whether it is a folder.
    pub fn is_folder(self) -> bool {
        matches!(self, Self::Folder) || self.is_repository()
    }

    /// Says whether it is a folder that lies in a git repository.
    pub fn is_repository(self) -> bool {
        matches!(self, Self::Clone | Self::Repository)
    }

    /// Returns the word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Prompt => "prompt file",
            Self::Role => "role prompt",
            Self::Template => "kickoff template",
            Self::WakePrompt => "wake prompt",
            Self::Plan => "plan",
            Self::Folder => "working folder",
            Self::Clone => "clone",
            Self::Repository => "watched repository",
        }
    }
}

/// A file that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// What for.
    pub file_use: FileUse,
    /// It may stand at any of these absolute paths; the first that exists counts.
    pub candidates: Vec<PathBuf>,
    /// Whose it is, if one agent's.
    pub agent: Option<String>,
    /// The key that names it, from the root.
    pub key: String,
    /// Where that key stands in the text.
    pub span: Option<Range<usize>>,
}

impl Needed {
    pub(super) fn new(file_use: FileUse, candidates: Vec<PathBuf>, place: Found<()>) -> Self {
        Self { file_use, candidates, agent: None, key: place.path, span: place.span }
    }

    pub(super) fn of(mut self, agent: &str) -> Self {
        self.agent = Some(agent.to_owned());
        self
    }
}

/// A calendar that an agent names: a task's, or that of a wake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Whose.
    pub agent: String,
    /// What it says.
    pub text: String,
    /// The key that names it, from the root.
    pub key: String,
    /// Where it stands in the text.
    pub span: Option<Range<usize>>,
}

/// Returns the mistake that systemd does not understand a calendar: what it says.
pub fn wrong_calendar(calendar: &Calendar, said: &str, text: &str) -> Mistake {
    let message = format!("`schedule` of `{}` is no calendar: {said}", calendar.agent);
    let hint = "`man systemd.time` has the form, such as `Sun 02:00 UTC`".to_owned();
    Mistake::error(&calendar.key, message).at(calendar.span.clone()).hint(hint).located(text)
}

/// Returns a warning about the working folder of an agent, or about the agent where it names none.
pub fn folder_doubt(parsed: &Parsed, agent: &str, (message, hint): (String, String), text: &str) -> Mistake {
    let is_its = |needed: &&Needed| needed.file_use.is_folder() && needed.agent.as_deref() == Some(agent);
    let place = parsed.files.iter().find(is_its);
    let mistake = Mistake::new(Severity::Warning, place.map_or("agent", |needed| &needed.key), message);
    mistake.at(place.and_then(|needed| needed.span.clone())).hint(hint).located(text)
}

/// Returns all files that the text names, in its order.
pub fn files_needed(parsed: &Parsed) -> &[Needed] {
    &parsed.files
}

/// Returns the mistake that none of the candidates exists.
pub fn missing(needed: &Needed, text: &str) -> Mistake {
    let word = needed.file_use.word();
    let all: Vec<String> = needed.candidates.iter().map(|path| format!("`{}`", path.display())).collect();
    let (message, hint) = match all.as_slice() {
        [one] => (format!("{word} {one} is missing"), folder_hint(needed, false)),
        several => (format!("{word} is missing"), Some(format!("looked for {}", several.join(", ")))),
    };
    let severity = if needed.file_use.is_folder() { Severity::Warning } else { Severity::Error };
    Mistake::new(severity, &needed.key, message).at(needed.span.clone()).hint(hint).located(text)
}

/// Returns what helps with a folder that is missing, or there and in no git repository.
fn folder_hint(needed: &Needed, is_there: bool) -> Option<String> {
    let path = needed.candidates.first()?.display();
    let made = if is_there { "" } else { "; otherwise it is made, empty, when the agent is started" };
    match needed.file_use {
        FileUse::Folder => Some("it is made, empty, when the agent is started".to_owned()),
        FileUse::Clone => Some(format!("a loop agent has a clone of its own: `git clone ORIGIN {path}`{made}")),
        FileUse::Repository => Some("a push to its origin is what hands work over: make it a clone of that".to_owned()),
        FileUse::Prompt | FileUse::Role | FileUse::Template | FileUse::WakePrompt | FileUse::Plan => None,
    }
}

/// Returns the warning that a folder is there and in no git repository.
pub fn no_repository(needed: &Needed, text: &str, path: &std::path::Path) -> Mistake {
    let message = format!("{} `{}` is in no git repository", needed.file_use.word(), path.display());
    let mistake = Mistake::new(Severity::Warning, &needed.key, message).at(needed.span.clone());
    mistake.hint(folder_hint(needed, true)).located(text)
}

/// Returns the mistake that a file is there and cannot be read.
pub fn unreadable(needed: &Needed, text: &str, path: &std::path::Path, reason: &str) -> Mistake {
    let message = format!("cannot read {} `{}`: {reason}", needed.file_use.word(), path.display());
    Mistake::error(&needed.key, message).at(needed.span.clone()).located(text)
}

/// Returns what is wrong with the content of a file: a wake prompt is typed, so it must not look like a limit.
pub fn check_content(needed: &Needed, content: &str, fleet: &Fleet, text: &str) -> Option<Mistake> {
    if needed.file_use != FileUse::WakePrompt {
        return None;
    }
    let backend = fleet.agent(needed.agent.as_deref()?)?.backend.as_ref().ok()?;
    let words = content.split_whitespace().collect::<Vec<_>>().join(" ");
    let (rule, hit) = [content, &words].into_iter().find_map(|typed| check::limit_hit(backend, typed))?;
    let message = format!("the wake prompt matches the {rule} of its own backend: `{hit}`");
    let mistake = Mistake::error(&needed.key, message).at(needed.span.clone());
    Some(mistake.hint(check::NUDGE_HINT.to_owned()).located(text))
}
