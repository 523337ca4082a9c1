//! Why a verb ends early, and how a person is told.

use std::io;

use crate::protocol::control::Reason;

/// Begins the first line of an error.
const ERROR: &str = "error: ";

/// Begins a line that helps.
const HINT: &str = "hint: ";

/// What every verb returns.
pub type Outcome<T = ()> = Result<T, Stop>;

/// Why a verb ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// It failed.
    Failed(Failure),
    /// It failed and has itself told why; the exit code.
    Told(u8),
    /// Nobody reads what it prints any more (`| head`); not an error.
    ReaderGone,
}

/// A failure as a person is told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// One sentence, lower case, no full stop.
    pub error: String,
    /// What helps.
    pub hints: Vec<String>,
}

impl Failure {
    /// Makes a failure without hints; its exit code is that of `reason`.
    pub fn new(reason: Reason, error: impl Into<String>) -> Self {
        Self { code: reason.exit_code(), error: error.into(), hints: Vec::new() }
    }

    /// Adds what helps.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(out, "{ERROR}{}", self.error)?;
        self.hints.iter().try_for_each(|hint| writeln!(out, "{HINT}{hint}"))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<anyhow::Error> for Stop {
    /// Joins the chain of causes; lines `hint: ...` at the end of any of them stay hints.
    fn from(error: anyhow::Error) -> Self {
        let mut causes: Vec<String> = Vec::new();
        let mut hints = Vec::new();
        for cause in error.chain() {
            let text = cause.to_string();
            let mut said: Vec<&str> = text.trim_end().lines().collect();
            let hinted = said.iter().rev().take_while(|line| line.starts_with(HINT)).count();
            let hinted = said.split_off(said.len() - hinted);
            hints.extend(hinted.into_iter().map(|line| line.trim_start_matches(HINT).to_owned()));
            let said = said.join("\n");
            if !causes.last().is_some_and(|outer| outer.ends_with(&said)) {
                causes.push(said);
            }
        }
        let error = causes.join(": ");
        let error = error.strip_prefix(ERROR).unwrap_or(&error).to_owned();
        Failure { code: Reason::Failed.exit_code(), error, hints }.into()
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}
