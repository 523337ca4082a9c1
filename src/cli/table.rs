//! Lays out columns so that a table fits a width.

use super::text::{self, Paint, Tone};

/// Blanks between two columns.
const GAP: usize = 2;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub heading: &'static str,
    /// It is not made narrower than this to fit the table, characters.
    pub floor: usize,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What its colour means.
    pub tone: Tone,
}

impl Cell {
    /// Makes a field without colour, on one line.
    pub fn usual(text: &str) -> Self {
        Self::toned(text, Tone::Usual)
    }

    /// Makes a field, on one line.
    pub fn toned(text: &str, tone: Tone) -> Self {
        Self { text: text::clean(text), tone }
    }
}

/// Renders rows under their headings in at most `width` characters a line, as far as the columns' floors allow; columns
/// lose from the widest above its floor on, and a field that lost its end shows so.
pub fn render<const N: usize>(columns: &[Column; N], rows: &[[Cell; N]], width: usize, paint: Paint) -> String {
    let widths = widths(columns, rows, width);
    let headings = columns.map(|column| Cell::toned(column.heading, Tone::Faint));
    let mut table = String::new();
    for row in std::iter::once(&headings).chain(rows) {
        table += &line(row, &widths, paint);
        table.push('\n');
    }
    table
}

fn widths<const N: usize>(columns: &[Column; N], rows: &[[Cell; N]], width: usize) -> [usize; N] {
    let mut widths = columns.map(|column| column.heading.chars().count());
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(cell.text.chars().count());
        }
    }
    let room = width.saturating_sub(GAP * N.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let slack = |index: usize| widths[index].saturating_sub(columns[index].floor);
        let Some(widest) = (0..N).filter(|index| slack(*index) > 0).max_by_key(|index| slack(*index)) else { break };
        widths[widest] -= 1;
    }
    widths
}

fn line<const N: usize>(row: &[Cell; N], widths: &[usize; N], paint: Paint) -> String {
    let mut line = String::new();
    let mut owed = 0;
    for (cell, width) in row.iter().zip(widths) {
        let text = text::cut(&cell.text, *width);
        let used = text.chars().count();
        if used > 0 {
            line.extend(std::iter::repeat_n(' ', owed));
            line += &paint.tone(cell.tone, &text);
            owed = 0;
        }
        owed += width - used + GAP;
    }
    line
}
