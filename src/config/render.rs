//! Shows mistakes to a person.

use std::fmt::Write;
use std::path::Path;

use super::mistake::{Mistake, Severity};

/// How many characters of a line are shown.
const SHOWN_MAX: usize = 160;

/// Writes each mistake with its place, its line and what helps, one blank line between two.
pub fn render(mistakes: &[Mistake], text: &str, file: &Path) -> String {
    let blocks: Vec<String> = mistakes.iter().map(|mistake| block(mistake, text, file)).collect();
    blocks.join("\n")
}

fn block(mistake: &Mistake, text: &str, file: &Path) -> String {
    let word = match mistake.severity {
        Severity::Fatal | Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let clean = |text: &str| text.chars().map(printable).collect::<String>();
    let mut out = format!("{word}: {}\n", clean(&mistake.message));
    let file = file.display();
    // Writing to a string cannot fail.
    let _ = match &mistake.span {
        Some(span) => write!(out, "{}", excerpt(mistake, span.len(), text, &file.to_string())),
        None => writeln!(out, " --> {file}"),
    };
    if let Some(hint) = &mistake.hint {
        let _ = writeln!(out, "hint: {}", clean(hint));
    }
    out
}

/// Returns place, line and carets; of a long line only the part around its column.
fn excerpt(mistake: &Mistake, span_len: usize, text: &str, file: &str) -> String {
    let line = text.lines().nth(mistake.line - 1).unwrap_or_default();
    let span_start = mistake.span.as_ref().map_or(0, |span| span.start);
    let marked = text.get(span_start..span_start + span_len).and_then(|marked| marked.lines().next());
    let skipped = if mistake.column > SHOWN_MAX { mistake.column - SHOWN_MAX / 2 } else { 0 };
    let shown: String = line.chars().skip(skipped).take(SHOWN_MAX).map(printable).collect();
    let before = (mistake.column - 1).saturating_sub(skipped);
    let padding: String = shown.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let room = shown.chars().count().saturating_sub(before);
    let carets = "^".repeat(marked.map_or(0, |marked| marked.chars().count()).min(room).max(1));
    let number = mistake.line.to_string();
    let gutter = " ".repeat(number.len());
    format!(
        "{gutter}--> {file}:{number}:{column}\n{gutter} |\n{number} | {shown}\n{gutter} | {padding}{carets}\n",
        column = mistake.column
    )
}

/// Keeps a config from writing escape sequences to the terminal of who checks it.
fn printable(character: char) -> char {
    if character.is_control() && character != '\t' { '\u{fffd}' } else { character }
}
