//! Small texts for people: ages, cut fields, colours, and which name was meant.

/// What replaces the end of a field that is cut.
const ELLIPSIS: char = '…';

/// The most edits between a name and the one that was meant.
const EDITS_MAX: usize = 2;

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// No colours: pipes, files, `NO_COLOR`.
    Plain,
    /// Colours of the terminal's own palette.
    Colour,
}

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing particular.
    Usual,
    /// Goes as it should.
    Good,
    /// Passing, worth a look.
    Passing,
    /// Needs a person.
    Bad,
    /// Of little interest now.
    Faint,
}

impl Paint {
    /// Returns `text` in the colour of `tone`.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Self::Plain, Tone::Usual | Tone::Good | Tone::Passing | Tone::Bad | Tone::Faint)
            | (Self::Colour, Tone::Usual) => return text.to_owned(),
            (Self::Colour, Tone::Good) => 32,
            (Self::Colour, Tone::Passing) => 33,
            (Self::Colour, Tone::Bad) => 31,
            (Self::Colour, Tone::Faint) => 2,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Returns an age in its largest unit, rounded down: `3s`, `4m`, `2h`, `5d`.
pub fn age(seconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m")];
    match UNITS.into_iter().find(|(length, _)| seconds >= *length) {
        Some((length, unit)) => format!("{}{unit}", seconds / length),
        None => format!("{seconds}s"),
    }
}

/// Returns `text` on one line, without control characters: what comes from a screen or a commit must not reach the
/// person's terminal as an order.
pub fn clean(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns `text` with a blank for each control character; for one line whose blanks count.
pub fn printable(text: &str) -> String {
    text.chars().map(|each| if each.is_control() { ' ' } else { each }).collect()
}

/// Returns `text` in at most `width` characters, its lost end marked.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain((width > 0).then_some(ELLIPSIS)).collect()
}

/// Returns `lines` as one text, each with its line end.
pub fn joined(lines: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + line.as_ref() + "\n")
}

/// Returns `count` with its noun: `no mistakes`, `1 mistake`, `2 mistakes`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Returns the one of `known` that `name` was most likely meant to be.
pub fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let edits_max = |known: &str| (known.chars().count() / 3).clamp(1, EDITS_MAX);
    let length = wanted.chars().count();
    known
        .iter()
        .filter(|known| known.chars().count().abs_diff(length) <= EDITS_MAX)
        .map(|known| (edits(&wanted, &known.to_lowercase()), *known))
        .filter(|(edits, known)| *edits <= edits_max(known) && *edits < known.chars().count())
        .min()
        .map(|(_, known)| known)
}

/// Counts the insertions, deletions, replacements and exchanges of neighbours between two texts (Damerau-Levenshtein).
fn edits(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for (above, from) in left.iter().enumerate() {
        let mut row = vec![above + 1];
        for (column, to) in right.iter().enumerate() {
            let mut least = rows[above][column] + usize::from(from != to);
            least = least.min(rows[above][column + 1] + 1).min(row[column] + 1);
            if above > 0 && column > 0 && *from == right[column - 1] && left[above - 1] == *to {
                least = least.min(rows[above - 1][column - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}
