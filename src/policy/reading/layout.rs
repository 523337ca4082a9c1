//! Parts a screen into lines, paragraphs and regions.

use std::ops::Range;

use super::{Region, Rules};
use crate::policy::fleet::Pattern;
use crate::policy::input_box::{self, Place, first_mark, is_rule, up_to_column};
use crate::policy::screen::{ROWS_MAX, Screen, columns};

/// The most rows that are read, from the bottom.
const ROWS_READ_MAX: usize = 200;

/// The most characters of a line; what is longer goes on in another one.
const LINE_CHARS_MAX: usize = 4_000;

/// The most rows of a dialog.
const DIALOG_ROWS_MAX: usize = 40;

/// A row is full when the next word would not fit, with so many columns left free at the right edge.
const RIGHT_MARGIN: usize = 8;

/// A narrower screen wraps nothing.
const WIDTH_MIN: usize = 40;

/// One line as the program wrote it, wrapped rows joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The row where it begins, from 0 at the top of what is read.
    pub(super) row: usize,
    pub(super) text: String,
    /// Number of its paragraph: blank rows and rules part them.
    pub(super) paragraph: usize,
    /// Said by the agent, printed by its tools or typed as a prompt, as far as can be told.
    pub(super) is_prose: bool,
}

/// A screen in parts.
#[derive(Debug)]
pub(super) struct Layout {
    lines: Vec<Line>,
    /// The input box's last row.
    box_bottom: Option<usize>,
    /// Where the conversation's newest part begins and ends, in `lines`.
    end: Range<usize>,
    /// A dialog begins here or, where this is a rule, below it; `None` where there is no room for one.
    dialog_row: Option<usize>,
    /// Row after the last one that is not blank.
    rows: usize,
    /// So many rows of the screen stand above what is read.
    skipped: usize,
}

impl Layout {
    pub(super) fn of(screen: &Screen, rules: &Rules) -> Self {
        let mut rows = screen.text_rows();
        let kept = rows.iter().rposition(|row| !row.trim().is_empty()).map_or(0, |last| last + 1);
        rows.truncate(kept);
        let first = rows.len().saturating_sub(ROWS_READ_MAX);
        let skipped = screen.rows.len().saturating_sub(ROWS_MAX) + first;
        let rows = &rows[first..];
        let place = rules.input_re.as_ref().and_then(|input_re| input_box::place(rows, input_re));
        let last_rule = rows.iter().rposition(|row| is_rule(row));
        let talk_rows = place.as_ref().map_or(last_rule.unwrap_or(rows.len()), |place| place.top);
        let dialog_row = match place {
            Some(_) => None,
            None => Some(last_rule.unwrap_or(0).max(rows.len().saturating_sub(DIALOG_ROWS_MAX))),
        };
        let mut lines = lines(rows, place.as_ref());
        let end = end_of_talk(&lines, talk_rows, rules.closing_re.as_ref());
        mark_prose(&mut lines);
        let box_bottom = place.map(|place| place.bottom);
        Self { lines, box_bottom, end, dialog_row, rows: rows.len(), skipped }
    }

    /// Returns the row where a line begins, from 0 at the top of the screen.
    pub(super) fn row_of(&self, line: &Line) -> usize {
        self.skipped + line.row
    }

    pub(super) fn has_box(&self) -> bool {
        self.box_bottom.is_some()
    }

    /// Returns the lines of a region, top to bottom; none for the title.
    pub(super) fn region(&self, region: Region) -> &[Line] {
        let from_row = |row: usize| &self.lines[self.lines.partition_point(|line| line.row < row)..];
        match region {
            Region::Title => &[],
            // Rows of the box and rules are no lines.
            Region::Footer => self.box_bottom.map_or(&[], from_row),
            Region::End => &self.lines[self.end.clone()],
            Region::Dialog => self.dialog_row.map_or(&[], from_row),
            Region::LastRows(rows) => from_row(self.rows.saturating_sub(rows)),
            Region::Anywhere => &self.lines,
        }
    }
}

/// Joins wrapped rows to lines; what is typed into the box is left out.
fn lines(rows: &[String], place: Option<&Place>) -> Vec<Line> {
    let width = place.and_then(|place| place.width);
    let screen_width = width.unwrap_or_else(|| wrap_width(rows));
    let mut lines: Vec<Line> = Vec::new();
    let mut paragraph = 0;
    let mut open: Option<Part> = None;
    for (at, row) in rows.iter().enumerate() {
        let above_box = place.is_some_and(|place| at < place.top);
        let row = if above_box { up_to_column(row, width.unwrap_or(usize::MAX)) } else { row };
        let part = Part::of(row);
        let in_box = place.is_some_and(|place| (place.top..=place.bottom).contains(&at));
        if in_box || is_rule(row) || part.is_frame() {
            paragraph += 1;
            open = None;
            continue;
        }
        match lines.last_mut() {
            Some(line) if open.is_some_and(|open| part.continues(open, screen_width)) => {
                join(&mut line.text, part.text);
            }
            Some(_) | None => {
                let text: String = part.whole.chars().take(LINE_CHARS_MAX).collect();
                lines.push(Line { row: at, text, paragraph, is_prose: false });
            }
        }
        open = Some(part);
    }
    lines
}

/// Returns where rows are wrapped, as they show it: a rule reaches that edge, or two rows do. One that is longer than all
/// others may just be long.
fn wrap_width(rows: &[String]) -> usize {
    let widest = rows.iter().map(|row| row_columns(row)).max().unwrap_or(0);
    let mut full = rows.iter().filter(|row| row_columns(row) + RIGHT_MARGIN > widest);
    if full.clone().any(|row| is_rule(row)) || full.nth(1).is_some() { widest } else { usize::MAX }
}

fn join(line: &mut String, text: &str) {
    if line.len() < LINE_CHARS_MAX {
        line.push(' ');
        line.extend(text.chars().take(LINE_CHARS_MAX));
    }
}

/// A row within its frame.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    border: Option<char>,
    /// Without a border on the right.
    whole: &'a str,
    /// Without borders and blanks on both sides.
    text: &'a str,
}

impl<'a> Part<'a> {
    fn of(row: &'a str) -> Self {
        let is_border = |mark: char| matches!(mark, '│' | '┃');
        let border = first_mark(row).filter(|mark| is_border(*mark));
        if border.is_none() {
            return Self { border, whole: row.trim_end(), text: row.trim() };
        }
        let whole = row.trim_end_matches(|mark: char| is_border(mark) || mark.is_whitespace());
        let text = row.trim_matches(|mark: char| is_border(mark) || mark.is_whitespace());
        Self { border, whole, text }
    }

    /// Tells whether nothing is written in the row.
    fn is_frame(&self) -> bool {
        self.text.chars().all(|mark| matches!(mark, ' ' | '─' | '━' | '╌' | '╭' | '╮' | '╰' | '╯' | '╹' | '▀'))
    }

    /// Tells whether this row goes on with the text of the row above it.
    fn continues(&self, above: Part, screen_width: usize) -> bool {
        let word = self.text.split(' ').next().unwrap_or_default();
        let needed = row_columns(above.whole) + 1 + row_columns(word) + RIGHT_MARGIN;
        // What follows a prompt that a program wraps is indented; else it is an answer.
        let is_answer = is_prompt(above.whole) && !self.whole.starts_with(char::is_whitespace);
        screen_width >= WIDTH_MIN
            && self.border == above.border
            && needed > screen_width
            && !is_answer
            && !begins_entry(self.text)
    }
}

/// Tells whether this row begins with what was typed as a prompt.
fn is_prompt(row: &str) -> bool {
    row.trim_start().starts_with(['❯', '›']) || row.starts_with("> ")
}

/// Tells whether the text begins with a mark that programs put before an entry.
fn begins_entry(text: &str) -> bool {
    const MARKS: &str = "●⏺•◦⎿└✻✽✶✳✢✦✕ℹ⚠■❯›▣△▎╭╰";
    text.starts_with(|mark| MARKS.contains(mark))
}

fn row_columns(row: &str) -> usize {
    row.chars().map(columns).sum()
}

/// Finds the conversation's last paragraph above `rows`, with the paragraphs below it that only close it.
fn end_of_talk(lines: &[Line], rows: usize, closing_re: Option<&Pattern>) -> Range<usize> {
    let end = lines.partition_point(|line| line.row < rows);
    let mut start = end;
    while let Some(last) = start.checked_sub(1) {
        let paragraph = lines[last].paragraph;
        start = lines[..start].iter().rposition(|line| line.paragraph != paragraph).map_or(0, |above| above + 1);
        if !closing_re.is_some_and(|pattern| pattern.regex().is_match(&lines[start].text)) {
            break;
        }
    }
    start..end
}

/// Marks what is said: an entry with a bullet and the indented rows below it, and prompts.
fn mark_prose(lines: &mut [Line]) {
    let mut is_prose = false;
    let mut paragraph = None;
    let mut below_bullet = false;
    for line in lines {
        let begins_paragraph = paragraph != Some(line.paragraph);
        paragraph = Some(line.paragraph);
        let bullet = line.text.trim_start().strip_prefix(['●', '⏺', '•', '◦', '✦']);
        if let Some(said) = bullet {
            is_prose = !is_of_program(said.trim_start());
            below_bullet = is_prose;
        } else if is_prompt(&line.text) {
            is_prose = true;
            below_bullet = false;
        } else if line.text.trim_start().starts_with('⎿') {
            // A result hangs below the tool's own entry; by itself or below a prompt it is the program's word.
            is_prose = below_bullet && !begins_paragraph;
        } else if !line.text.starts_with(char::is_whitespace) {
            is_prose = false;
            below_bullet = false;
        }
        line.is_prose = is_prose;
    }
}

/// Tells whether a program says this in an entry that looks like the agent's: an error, or what it is at.
fn is_of_program(text: &str) -> bool {
    text.starts_with("API Error") || text.starts_with("Please run /login") || text.contains("esc to interrupt)")
}
