//! Decides what stands in the input box, and whether it is our own unsent text.

use std::ops::Range;

use super::fleet::Pattern;
use super::screen::{Cell, InputBox, Screen, columns};

/// A row of so many line characters bounds a box.
const RULE_MIN: usize = 10;

/// The least part of our text, in characters that are not blank, that is known as ours; a person may have typed less.
const PART_CHARS_MIN: usize = 8;

/// A text of at least so many characters may stand in the box as a placeholder that names no size.
const FOLDED_CHARS_MIN: usize = 100;

/// Reads the input box.
///
/// `input_re` is matched against single rows of plain text; the lowest one that matches is in the box, and its group
/// `text`, else group 1, else what follows the match, is what is typed there. It may go on in the rows below it. A box
/// is taken as one only where the program still draws it: a rule that closes it is answered by one above it, and what
/// stands below it is indented, as footers are and what a program or shell prints is not. A left border (`┃`) is
/// closed by `╹▀▀▀`; its last paragraph belongs to the frame. A menu (`› 1. Yes`) is no box.
///
/// Dim text counts as nothing, and so does a text of which the whole is matched by `placeholder_re`.
pub fn read(screen: &Screen, input_re: &Pattern, placeholder_re: Option<&Pattern>) -> InputBox {
    let cells = screen.cells();
    let drawn = screen.text_rows();
    let Some(place) = place(&drawn, input_re) else { return InputBox::Absent };
    let typed: Vec<String> = cells.iter().map(|row| without_suggestions(row)).collect();
    let lines: Vec<&str> = place.text.clone().map(|row| place.typed(&drawn[row], &typed[row], input_re)).collect();
    let lines = if place.width.is_some() { &lines[..paragraphs_but_last(&lines)] } else { &lines };
    let text = lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
    let text = text.trim();
    if text.is_empty() || placeholder_re.is_some_and(|pattern| matches_whole(pattern, text)) {
        InputBox::Empty
    } else {
        InputBox::Holds(text.to_owned())
    }
}

/// Tells whether what stands in the box is the text that we pasted: all of it, its beginning or end, or the placeholder
/// that a program shows for it. Blanks and line ends are not compared, since the box wraps.
pub fn is_ours(held: &str, sent: &str) -> bool {
    if let Some(folded) = Folded::parse(held.trim()) {
        return folded.stands_for(sent);
    }
    let held = squeezed(held);
    let sent = squeezed(sent);
    if held.is_empty() {
        return false;
    }
    let part = held.chars().count() >= PART_CHARS_MIN && (sent.starts_with(&held) || sent.ends_with(&held));
    part || held == sent
}

/// How what stands in the box compares with the text that was just pasted into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It is that text, or begins or ends like it: programs draw long ones in ways of their own.
    Ours,
    /// That text stands among other text.
    Within,
    /// It has nothing of it.
    Strange,
}

/// Compares what stands in the box with the text that was just pasted into it.
pub(super) fn compare(held: &str, sent: &str) -> Likeness {
    let (inside, text) = (squeezed(held), squeezed(sent));
    let is_folded = inside.starts_with('[') && inside.to_lowercase().contains("paste");
    if is_ours(held, sent) || is_folded {
        return Likeness::Ours;
    }
    if inside.contains(&text) {
        return Likeness::Within;
    }
    let same = |(one, other): &(char, char)| one == other;
    let at_start = inside.chars().zip(text.chars()).take_while(same).count();
    let at_end = inside.chars().rev().zip(text.chars().rev()).take_while(same).count();
    if at_start.max(at_end) >= PART_CHARS_MIN { Likeness::Ours } else { Likeness::Strange }
}

/// Tells whether the end of `text` stands on the screen: a box that wraps to the first column cannot be told apart.
pub fn shows(screen: &Screen, text: &str) -> bool {
    let end: Vec<char> = squeezed(text).chars().rev().take(PART_CHARS_MIN).collect();
    let end: String = end.into_iter().rev().collect();
    !end.is_empty() && squeezed(&screen.text_rows().concat()).contains(&end)
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

fn matches_whole(pattern: &Pattern, text: &str) -> bool {
    pattern.regex().find(text).is_some_and(|found| found.start() == 0 && found.end() == text.len())
}

/// A placeholder for a pasted text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folded {
    /// `[Pasted text #1]`
    Unsized,
    /// `[Pasted text #1 +39 lines]`, `[Pasted ~39 lines]`, `[Pasted Text: 39 lines]`
    Lines(usize),
    /// `[Pasted Content 1001 chars]`, `[Pasted Text: 1001 chars]`
    Chars(usize),
}

impl Folded {
    fn parse(held: &str) -> Option<Self> {
        let (inside, after) = held.strip_prefix("[Pasted ")?.split_once(']')?;
        let repeat = after.trim().strip_prefix('#').unwrap_or(after.trim());
        if !repeat.chars().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let words: Vec<&str> = inside.split_whitespace().collect();
        match words.as_slice() {
            ["text", number] if number.starts_with('#') => Some(Self::Unsized),
            ["text", _, lines, "lines" | "line"] | [lines, "lines" | "line"] => {
                lines.trim_start_matches(['+', '~']).parse().ok().map(Self::Lines)
            }
            ["Text:", lines, "lines" | "line"] => lines.parse().ok().map(Self::Lines),
            ["Content" | "Text:", chars, "chars"] => chars.parse().ok().map(Self::Chars),
            _ => None,
        }
    }

    fn stands_for(self, sent: &str) -> bool {
        let within_one = |count: usize, named: usize| count.abs_diff(named) <= 1;
        match self {
            Self::Unsized => sent.chars().count() >= FOLDED_CHARS_MIN,
            Self::Lines(lines) => {
                within_one(sent.matches('\n').count(), lines) || within_one(sent.lines().count(), lines)
            }
            Self::Chars(chars) => within_one(sent.chars().count(), chars) || sent.trim_end().chars().count() == chars,
        }
    }
}

/// Where the input box stands: rows counted from the top of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its first row, a rule included.
    pub(super) top: usize,
    /// The rows that can hold text.
    pub(super) text: Range<usize>,
    /// Its last row, a rule included.
    pub(super) bottom: usize,
    /// The column at which a box with a left border ends; other things may stand to the right of it.
    pub(super) width: Option<usize>,
}

impl Place {
    /// Returns what is typed in a row of the box.
    fn typed<'a>(&self, drawn: &str, typed: &'a str, input_re: &Pattern) -> &'a str {
        let width = self.width.unwrap_or(usize::MAX);
        let (drawn, typed) = (up_to_column(drawn, width), up_to_column(typed, width));
        typed_group(input_re, drawn, typed).unwrap_or(typed)
    }
}

/// Finds the input box among the plain rows of a screen.
pub(super) fn place(rows: &[String], input_re: &Pattern) -> Option<Place> {
    let kept = rows.iter().rposition(|row| !row.trim().is_empty()).map_or(0, |last| last + 1);
    let rows = &rows[..kept];
    let input = rows.iter().rposition(|row| input_re.regex().is_match(row))?;
    if first_mark(&rows[input]) == Some('┃') {
        return bordered_place(rows, input, input_re);
    }
    let below = &rows[input + 1..];
    if !below.iter().all(|row| is_rule(row) || is_indented(row)) {
        return None;
    }
    match below.iter().position(|row| is_rule(row)) {
        Some(closing) => {
            let closing = input + 1 + closing;
            let top = input.checked_sub(1).filter(|above| is_rule(&rows[*above]))?;
            Some(Place { top, text: input..closing, bottom: closing, width: None })
        }
        None if is_menu(rows, input, typed_group(input_re, &rows[input], &rows[input])) => None,
        None => {
            let end = input + 1 + paragraphs_but_last(below);
            Some(Place { top: input, text: input..end, bottom: end - 1, width: None })
        }
    }
}

/// The box of which `last` is the last row beside the left border.
fn bordered_place(rows: &[String], last: usize, input_re: &Pattern) -> Option<Place> {
    let closing = rows.get(last + 1)?;
    let indent = closing.chars().take_while(|mark| *mark == ' ').count();
    let line_chars = closing.trim_start().strip_prefix('╹')?.chars().take_while(|mark| *mark == '▀').count();
    if line_chars < RULE_MIN || !rows[last + 2..].iter().all(|row| is_indented(row)) {
        return None;
    }
    let top = rows[..last].iter().rposition(|row| !input_re.regex().is_match(row)).map_or(0, |row| row + 1);
    Some(Place { top, text: top..last + 1, bottom: last + 1, width: Some(indent + 1 + line_chars) })
}

/// Tells whether the row is a selected entry with its neighbour: `› 1. Yes` above `  2. No`.
fn is_menu(rows: &[String], row: usize, text: Option<&str>) -> bool {
    let Some(number) = text.and_then(entry_number) else { return false };
    let above = row.checked_sub(1).and_then(|above| entry_number(&rows[above]));
    let below = rows.get(row + 1).and_then(|below| entry_number(below));
    below == number.checked_add(1) || above.is_some_and(|above| above.checked_add(1) == Some(number))
}

/// Returns the part of `typed` where `input_re` finds text in `drawn`: both have the same characters, apart from
/// suggestions, which are blanks in `typed`.
fn typed_group<'a>(input_re: &Pattern, drawn: &str, typed: &'a str) -> Option<&'a str> {
    let found = input_re.regex().captures(drawn)?;
    let (start, end) = match found.name("text").or_else(|| found.get(1)) {
        Some(group) => (group.start(), group.end()),
        None if found.len() > 1 => return Some(""),
        None => (found.get(0).map_or(0, |whole| whole.end()), drawn.len()),
    };
    let chars_before = drawn[..start].chars().count();
    let chars_inside = drawn[start..end].chars().count();
    let start = byte_of_char(typed, chars_before);
    let end = start + byte_of_char(&typed[start..], chars_inside);
    Some(&typed[start..end])
}

fn byte_of_char(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte)
}

pub(super) fn up_to_column(row: &str, width: usize) -> &str {
    let mut column = 0;
    for (byte, character) in row.char_indices() {
        column += columns(character);
        if column > width {
            return &row[..byte];
        }
    }
    row
}

/// Blanks out dim cells, and the cell under the program's own cursor where dim text follows it: the first letter of a
/// suggestion.
fn without_suggestions(row: &[Cell]) -> String {
    let suggested = |at: usize| {
        let cell = row[at];
        cell.dim || (cell.reverse && row.get(at + 1).is_some_and(|next| next.dim && !next.character.is_whitespace()))
    };
    (0..row.len()).map(|at| if suggested(at) { ' ' } else { row[at].character }).collect()
}

/// Returns how many rows stand before the last paragraph, a footer; all of them where there is but one.
fn paragraphs_but_last<T: AsRef<str>>(rows: &[T]) -> usize {
    let is_blank = |row: &T| row.as_ref().trim().is_empty();
    let text_end = rows.iter().rposition(|row| !is_blank(row)).map_or(0, |last| last + 1);
    rows[..text_end].iter().rposition(is_blank).map_or(text_end, |blank| blank)
}

pub(super) fn first_mark(row: &str) -> Option<char> {
    row.chars().find(|character| !character.is_whitespace())
}

fn is_indented(row: &str) -> bool {
    match first_mark(row) {
        None => true,
        Some(mark) => row.starts_with(char::is_whitespace) && !matches!(mark, '╭' | '│' | '╰' | '┃'),
    }
}

/// A line across the pane, which may carry a few words.
pub(super) fn is_rule(row: &str) -> bool {
    let line_chars = row.chars().filter(|character| matches!(character, '─' | '━' | '═')).count();
    let row_chars = row.trim().chars().count();
    row.starts_with(['─', '━', '═']) && line_chars >= RULE_MIN && line_chars * 2 >= row_chars
}

/// Returns N of `N. text`, with or without a selection mark before it.
fn entry_number(text: &str) -> Option<u32> {
    let text =
        text.trim_start_matches(|character: char| character.is_whitespace() || matches!(character, '❯' | '›' | '●'));
    let (number, after) = text.split_once('.')?;
    if after.starts_with(' ') { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
