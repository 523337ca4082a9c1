//! Reads patterns, and says where and why one cannot be read.

use std::ops::Range;

use super::mistake::Mistake;
use super::reader::Found;
use crate::policy::fleet::Pattern;

/// How far the `regex` crate indents the pattern in its errors.
const INDENT: usize = 4;

/// Compiles what was found; an error points into `text` where it can.
///
/// # Errors
/// The mistake, not yet noted.
pub fn compile(key: &str, found: &Found<String>, text: &str) -> Result<Pattern, Mistake> {
    let error = match Pattern::new(&found.value) {
        Ok(pattern) => return Ok(pattern),
        Err(error) => error.to_string(),
    };
    let reason = error.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it is too large");
    let marked = marked(&error).and_then(|at| within(found.span.clone()?, at, text));
    let mistake = Mistake::error(&found.path, format!("bad pattern in `{key}`: {reason}"));
    Err(mistake.at(marked.or(found.span.clone())).hint(hint(reason)))
}

fn hint(reason: &str) -> Option<String> {
    let helps = if reason.starts_with("look-around") {
        "`(?=`, `(?!`, `(?<=` and `(?<!` do not exist here: match the text itself, or list the cases with `|`"
    } else if reason.starts_with("backreference") {
        "write out what the group may be, with `|`"
    } else if reason.starts_with("unrecognized escape") {
        "the end of the text is `\\z`; a backslash stands before punctuation, not before other letters"
    } else if reason == "it is too large" {
        "make it shorter, or its repetitions smaller"
    } else {
        return None;
    };
    Some(helps.to_owned())
}

/// Returns the characters of a one-line pattern that an error of the `regex` crate underlines.
fn marked(error: &str) -> Option<Range<usize>> {
    let carets = error.lines().find(|line| line.contains('^') && line.chars().all(|c| matches!(c, ' ' | '^')))?;
    let start = carets.find('^')?.checked_sub(INDENT)?;
    Some(start..start + carets.matches('^').count())
}

/// Maps characters of a value to bytes of the one-line TOML string at `span`.
fn within(span: Range<usize>, characters: Range<usize>, text: &str) -> Option<Range<usize>> {
    let raw = text.get(span.clone())?;
    let quote = raw.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let inner = raw.strip_prefix(quote)?.strip_suffix(quote)?;
    if inner.starts_with(quote) {
        return None;
    }
    let mut starts = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        starts.push(at);
        let rest = inner.get(at..)?;
        at += if quote == '"' && rest.starts_with('\\') { escape_len(rest) } else { rest.chars().next()?.len_utf8() };
    }
    starts.push(inner.len());
    let base = span.start + 1;
    let (start, end) = (*starts.get(characters.start)?, *starts.get(characters.end)?);
    Some(base + start..base + end)
}

/// Returns how many bytes an escape of a TOML string has.
fn escape_len(rest: &str) -> usize {
    match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 2,
    }
}
