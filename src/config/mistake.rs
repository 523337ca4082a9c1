//! What is wrong with a config, and where.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use serde::Serialize;

use super::MISTAKES_MAX;
use super::files::Calendar;
use super::reader::Found;

/// How much a mistake matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// There is no fleet: `check` fails, and a running supervisor keeps the last good config.
    Fatal,
    /// `check` fails. At load it is a warning, and an agent that cannot be started because of it is misconfigured.
    Error,
    /// Neither fails.
    Warning,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What helps.
    pub hint: Option<String>,
    /// The bytes of the text that it is about; `None` when it is about something that is not there.
    pub span: Option<Range<usize>>,
    /// Counted from 1; 1 without a span.
    pub line: usize,
    /// In characters, counted from 1; 1 without a span.
    pub column: usize,
    /// The key that it is about, from the root: `agent[0].watch`; empty for the whole text.
    pub path: String,
}

impl Mistake {
    pub(super) fn new(severity: Severity, path: &str, message: impl Into<String>) -> Self {
        let (message, path) = (message.into(), path.to_owned());
        Self { severity, message, hint: None, span: None, line: 1, column: 1, path }
    }

    pub(super) fn fatal(path: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Fatal, path, message)
    }

    pub(super) fn error(path: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, path, message)
    }

    pub(super) fn at(mut self, span: Option<Range<usize>>) -> Self {
        self.span = span;
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Finds line and column of the span in `text`; a span that lies outside of it is cut.
    pub(super) fn located(mut self, text: &str) -> Self {
        if let Some(span) = self.span.take() {
            let span = floor(text, span.start)..floor(text, span.end.max(span.start));
            let before = &text[..span.start];
            self.line = before.matches('\n').count() + 1;
            self.column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            self.span = Some(span);
        }
        self
    }
}

/// Returns the nearest character boundary of `text` at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let index = index.min(text.len());
    (0..=index).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// A mistake as `check --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry<'a> {
    /// How much it matters.
    pub severity: Severity,
    /// The config file.
    pub file: &'a Path,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The key that it is about, from the root.
    pub key: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// What helps.
    pub hint: Option<&'a str>,
}

/// Returns the mistakes of `file` as `check --json` prints them.
pub fn entries<'a>(mistakes: &'a [Mistake], file: &'a Path) -> Vec<Entry<'a>> {
    let entry = |mistake: &'a Mistake| Entry {
        severity: mistake.severity,
        file,
        line: mistake.line,
        column: mistake.column,
        key: &mistake.path,
        message: &mistake.message,
        hint: mistake.hint.as_deref(),
    };
    mistakes.iter().map(entry).collect()
}

/// Collects mistakes while a text is read.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// With each, whether it holds however the rest of the text reads.
    found: RefCell<Vec<(Mistake, bool)>>,
    calendars: RefCell<Vec<Calendar>>,
}

impl Notes {
    /// Notes a calendar that an agent names.
    pub fn add_calendar(&self, agent: &str, named: &Found<String>) {
        let Found { value, span, path } = named.clone();
        self.calendars.borrow_mut().push(Calendar { agent: agent.to_owned(), text: value, key: path, span });
    }

    /// Returns the calendars that were noted.
    pub fn calendars(&self) -> Vec<Calendar> {
        self.calendars.take()
    }

    /// Notes a mistake that may be the consequence of another one.
    pub fn add(&self, mistake: Mistake) {
        self.push(mistake, false);
    }

    /// Notes a mistake that one key alone makes.
    pub fn add_local(&self, mistake: Mistake) {
        self.push(mistake, true);
    }

    fn push(&self, mistake: Mistake, local: bool) {
        let mut found = self.found.borrow_mut();
        if found.len() < MISTAKES_MAX && !found.iter().any(|(other, _)| *other == mistake) {
            found.push((mistake, local));
        } else if mistake.severity == Severity::Fatal && !found.iter().any(|(other, _)| *other == mistake) {
            found.pop();
            found.push((mistake, local));
        }
    }

    /// Whether there is a mistake after which no fleet can be used.
    pub fn any_fatal(&self) -> bool {
        self.found.borrow().iter().any(|(mistake, _)| mistake.severity == Severity::Fatal)
    }

    /// Returns the mistakes in the order of `text`; after errors of syntax only those that are no consequence of them.
    pub fn finish(self, text: &str, syntax: Vec<Mistake>) -> Vec<Mistake> {
        let broken = !syntax.is_empty();
        let found = self.found.into_inner().into_iter().filter(|(_, local)| *local || !broken);
        let syntax: Vec<Mistake> = syntax.into_iter().map(|mistake| mistake.located(text)).collect();
        let lines: Vec<usize> = syntax.iter().map(|mistake| mistake.line).collect();
        let mut all = syntax;
        let others = found.map(|(mistake, _)| mistake.located(text));
        let room = MISTAKES_MAX.saturating_sub(all.len());
        all.extend(others.filter(|mistake| !lines.contains(&mistake.line)).take(room));
        all.sort_by_key(|mistake| mistake.span.as_ref().map_or((usize::MAX, 0), |span| (span.start, span.end)));
        all
    }
}
