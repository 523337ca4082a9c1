//! What a pane shows: its cells as text, and what stands in the input box.

/// The most rows of a capture that are read; the lowest ones count.
pub const ROWS_MAX: usize = 2_000;

/// The most cells of a row that are read: tmux's own bound on a window's width.
pub const ROW_CELLS_MAX: usize = 10_000;

/// The most parameters of one escape sequence that are read.
const PARAMETERS_MAX: usize = 64;

/// A captured pane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Screen {
    /// The rows as tmux prints them with `capture-pane -e -p` (SGR escapes kept), top to bottom.
    pub rows: Vec<String>,
    /// `#{pane_title}`.
    pub title: String,
    /// `#{pane_current_command}`.
    pub command: String,
    /// `#{pane_in_mode}`: a person scrolls or selects.
    pub in_mode: bool,
    /// The program has asked for bracketed pastes: it takes a text as a whole.
    pub pastes: bool,
    /// Who else sees it.
    pub attendance: Attendance,
}

/// Who has a pane on a terminal of theirs: whoever has not cannot have typed into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attendance {
    /// How many terminals beside the supervisor's own client (`#{session_attached}`).
    pub terminals: u32,
    /// When one was attached last, the supervisor's own included, in seconds of the wall clock
    /// (`#{session_last_attached}`).
    pub last: u64,
}

/// What stands in the input box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputBox {
    /// No input box is on the screen: the program starts, or a dialog is in its place.
    Absent,
    /// Nothing, or only a dim placeholder or suggestion.
    Empty,
    /// This text, as far as it can be read.
    Holds(String),
}

/// One character of a pane with what tells typed text from a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Never a control character.
    pub character: char,
    /// Drawn faint (SGR 2).
    pub dim: bool,
    /// Drawn in reverse (SGR 7), as programs draw their own cursor.
    pub reverse: bool,
}

impl Screen {
    /// Reads what `tmux capture-pane -p` printed, with `-e` or without it.
    ///
    /// A last line `[[command | title | more]]` is no part of the screen: it tells command and title.
    pub fn of_capture(text: &str) -> Self {
        let mut rows: Vec<&str> = text.lines().collect();
        let about = rows.last().and_then(|row| row.strip_prefix("[[")?.strip_suffix("]]"));
        if about.is_some() {
            rows.pop();
        }
        let (command, rest) = about.unwrap_or_default().split_once(" | ").unwrap_or_default();
        let title = rest.rsplit_once(" | ").map_or(rest, |(title, _)| title);
        let rows = rows.into_iter().map(str::to_owned).collect();
        Self { rows, title: title.to_owned(), command: command.to_owned(), ..Self::default() }
    }

    /// Returns the cells of each row, blanks at the end of a row removed: at most [`ROWS_MAX`] rows of
    /// [`ROW_CELLS_MAX`] cells, in time linear in the capture whatever bytes it holds.
    pub fn cells(&self) -> Vec<Vec<Cell>> {
        let mut style = Style::default();
        self.kept_rows().iter().map(|row| row_cells(row, &mut style)).collect()
    }

    /// Returns the plain text of each row, blanks at the end removed; bounded as [`Screen::cells`].
    pub fn text_rows(&self) -> Vec<String> {
        self.cells().iter().map(|row| row.iter().map(|cell| cell.character).collect()).collect()
    }

    fn kept_rows(&self) -> &[String] {
        &self.rows[self.rows.len().saturating_sub(ROWS_MAX)..]
    }
}

/// Returns how many columns of a terminal a character fills: 0, 1 or 2.
pub fn columns(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1_f300..=0x1_faff
        | 0x2_0000..=0x3_fffd => 2,
        _ => 1,
    }
}

/// The part of the SGR state that cells keep; tmux carries it over from row to row.
#[derive(Debug, Clone, Copy, Default)]
struct Style {
    dim: bool,
    reverse: bool,
}

impl Style {
    /// Applies the parameters of one `ESC [ … m`.
    fn apply(&mut self, parameters: &str) {
        let mut numbers = parameters.split(';').take(PARAMETERS_MAX);
        while let Some(parameter) = numbers.next() {
            match parameter {
                "" | "0" | "00" => *self = Self::default(),
                "2" | "02" => self.dim = true,
                "22" => self.dim = false,
                "7" | "07" => self.reverse = true,
                "27" => self.reverse = false,
                // A colour's own numbers follow and are no attributes.
                "38" | "48" | "58" => match numbers.next() {
                    Some("5") => drop(numbers.next()),
                    Some("2") => drop(numbers.nth(2)),
                    Some(_) | None => {}
                },
                _ => {}
            }
        }
    }
}

fn row_cells(row: &str, style: &mut Style) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut rest = row;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        if character == '\u{1b}' {
            rest = after_escape(rest, style);
        } else if cells.len() < ROW_CELLS_MAX {
            let character = if character == '\t' { ' ' } else { character };
            if !character.is_control() {
                cells.push(Cell { character, dim: style.dim, reverse: style.reverse });
            }
        }
    }
    let kept = cells.iter().rposition(|cell| cell.character != ' ').map_or(0, |last| last + 1);
    cells.truncate(kept);
    cells
}

/// Takes the escape sequence that `rest` continues, and returns what follows it.
fn after_escape<'a>(rest: &'a str, style: &mut Style) -> &'a str {
    let mut characters = rest.chars();
    match characters.next() {
        Some('[') => {
            let body = characters.as_str();
            let end = body.find(|found: char| !matches!(found, ' '..='?')).unwrap_or(body.len());
            let after = &body[end..];
            match after.chars().next() {
                Some('m') => {
                    style.apply(&body[..end]);
                    &after[1..]
                }
                Some(last @ '@'..='~') => &after[last.len_utf8()..],
                Some(_) | None => after,
            }
        }
        Some(']') => {
            let body = characters.as_str();
            match body.find(['\u{7}', '\u{1b}']) {
                // A bell that ends it is dropped like any other control character.
                Some(end) => body[end..].strip_prefix("\u{1b}\\").unwrap_or(&body[end..]),
                None => "",
            }
        }
        Some('(' | ')') => {
            characters.next();
            characters.as_str()
        }
        Some('\\') => characters.as_str(),
        Some(_) | None => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(rows: &[&str]) -> Screen {
        Screen { rows: rows.iter().map(|row| (*row).to_owned()).collect(), ..Screen::default() }
    }

    /// Returns the characters that are dim in lower case letters' place: `d`, reverse `r`, both `b`, else `.`.
    fn marks(row: &[Cell]) -> String {
        row.iter()
            .map(|cell| match (cell.dim, cell.reverse) {
                (true, true) => 'b',
                (true, false) => 'd',
                (false, true) => 'r',
                (false, false) => '.',
            })
            .collect()
    }

    #[test]
    fn a_capture_may_end_with_a_line_about_the_pane() {
        let about = |text: &str| {
            let Screen { rows, title, command, .. } = Screen::of_capture(text);
            (rows.join("/"), title, command)
        };
        let told = |rows: &str, title: &str, command: &str| (rows.to_owned(), title.to_owned(), command.to_owned());
        assert_eq!(about("a\r\n\nb\n"), told("a//b", "", ""));
        assert_eq!(about("a\n[[claude | ✳ a | b | alt=0 cur=2,6,0]]\n"), told("a", "✳ a | b", "claude"));
        assert_eq!(about("a\n[[claude]]"), told("a", "", ""));
        assert_eq!(about("[[a]]\nb"), told("[[a]]/b", "", ""));
        assert_eq!(about(""), told("", "", ""));
    }

    #[test]
    fn attributes_are_kept_over_rows_and_colours_are_no_attributes() {
        let cells = screen(&[
            "a\u{1b}[2mb\u{1b}[38;5;2mc\u{1b}[22md",
            "\u{1b}[38;2;2;7;2me\u{1b}[7mf",
            "g\u{1b}[mh\u{1b}[38:2::2:2:2mi\u{1b}[1;2;7mj\u{1b}[0;48;5;7mk",
            "\u{1b}[2;7ml\u{1b}[27mm\u{1b}[22mn",
        ])
        .cells();
        assert_eq!(cells.iter().map(|row| marks(row)).collect::<Vec<_>>(), [".dd.", ".r", "r..b.", "bd."]);
    }

    #[test]
    fn accents_fill_no_column_and_ideographs_and_pictures_two() {
        let columns: Vec<usize> = ['a', '─', '\u{301}', '\u{200b}', '\u{fe0f}', '漢', '한', '🤖'].map(columns).to_vec();
        assert_eq!(columns, [1, 1, 0, 0, 0, 2, 2, 2]);
    }

    #[test]
    fn text_is_free_of_escapes_controls_and_blanks_at_the_end() {
        let rows = screen(&[
            "\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{7} end  \u{1b}[0m ",
            "\u{1b}(Ba\u{e}b\u{f}\u{9b}c\td",
            "❯\u{a0}\u{1b}[7m \u{1b}[0m",
        ]);
        assert_eq!(rows.text_rows(), ["link end", "abc d", "❯\u{a0}"]);
    }

    #[test]
    fn broken_and_endless_escapes_do_no_harm() {
        for row in ["\u{1b}", "\u{1b}[", "\u{1b}[31", "\u{1b}]0;x", "\u{1b}[é", "\u{1b}[1\u{1b}[2mx", "\u{1b}\u{1b}["]
        {
            let _ = screen(&[row]).cells();
        }
        let endless = format!("\u{1b}[{}mx", "2;".repeat(1 << 20));
        assert_eq!(screen(&[&endless]).text_rows(), ["x"]);
        let many = "\u{1b}]".repeat(1 << 20);
        assert_eq!(screen(&[&many]).text_rows(), [""]);
        assert_eq!(screen(&[&"x".repeat(1 << 20)]).text_rows()[0].len(), ROW_CELLS_MAX);
        assert_eq!(screen(&vec!["x"; ROWS_MAX + 5]).text_rows().len(), ROWS_MAX);
    }
}
