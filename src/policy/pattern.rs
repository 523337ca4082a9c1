//! Regular expressions of configs and presets.

use std::sync::{Arc, OnceLock};

use regex::{Error, Regex, RegexBuilder};

/// The largest compiled program of one expression, bytes.
const PROGRAM_BYTES_MAX: usize = 1 << 20;

/// The most that one expression remembers of its own searches, bytes; a search that needs more is slower.
const CACHE_BYTES_MAX: usize = 1 << 16;

/// A regular expression, case-insensitive and with `^ $` at line ends, as the predecessor read its patterns.
///
/// It compares by its text. Copies share what is compiled.
#[derive(Debug, Clone)]
pub struct Pattern(Arc<Lazy>);

#[derive(Debug)]
struct Lazy {
    text: String,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// What the `regex` crate says of `text`.
    pub fn new(text: &str) -> Result<Self, Error> {
        let compiled = OnceLock::from(compile(text)?);
        Ok(Self(Arc::new(Lazy { text: text.to_owned(), compiled })))
    }

    /// Takes a text of ours that is known to be good, and compiles it when it is first used: most rules of a preset
    /// never are.
    pub fn of_preset(text: &str) -> Self {
        Self(Arc::new(Lazy { text: text.to_owned(), compiled: OnceLock::new() }))
    }

    /// Returns the expression as it is written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns the compiled expression.
    ///
    /// # Panics
    /// When a preset's text is no regular expression, which `selftest` finds.
    pub fn regex(&self) -> &Regex {
        self.0.compiled.get_or_init(|| match compile(&self.0.text) {
            Ok(compiled) => compiled,
            Err(error) => panic!("bad pattern in a preset: {error}"),
        })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

fn compile(text: &str) -> Result<Regex, Error> {
    RegexBuilder::new(text)
        .case_insensitive(true)
        .multi_line(true)
        .size_limit(PROGRAM_BYTES_MAX)
        .dfa_size_limit(CACHE_BYTES_MAX)
        .build()
}
