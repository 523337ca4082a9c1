//! Whether a program has asked its terminal to mark what is pasted (bracketed paste, DEC private mode 2004): such a text
//! reaches it as a whole, whatever its length and its line ends.

/// The mode's number.
const MODE: u32 = 2004;

const ESCAPE: u8 = 0x1b;

/// Follows what a program writes to its terminal, in pieces of any size.
#[derive(Debug, Default)]
pub struct PasteMode {
    on: bool,
    place: Place,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, Default)]
enum Place {
    #[default]
    Text,
    /// `ESC`
    Escape,
    /// `ESC [`
    Sequence,
    /// `ESC [ ?` and modes, the last of them so far, and whether one was [`MODE`].
    Modes { number: u32, found: bool },
}

impl PasteMode {
    /// Takes the next bytes; returns whether the mode is on after them.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            self.place = self.next(byte);
        }
        self.on
    }

    fn next(&mut self, byte: u8) -> Place {
        match (self.place, byte) {
            (_, ESCAPE) => Place::Escape,
            (Place::Escape, b'[') => Place::Sequence,
            (Place::Escape, b'c') => {
                self.on = false;
                Place::Text
            }
            (Place::Sequence, b'?') => Place::Modes { number: 0, found: false },
            (Place::Modes { number, found }, b'0'..=b'9') => {
                let number = number.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
                Place::Modes { number, found }
            }
            (Place::Modes { number, found }, b';') => Place::Modes { number: 0, found: found || number == MODE },
            (Place::Modes { number, found }, b'h' | b'l') => {
                if found || number == MODE {
                    self.on = byte == b'h';
                }
                Place::Text
            }
            (Place::Text | Place::Escape | Place::Sequence | Place::Modes { .. }, _) => Place::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_program_counts_however_it_is_cut() {
        for (written, on) in [
            ("", false),
            ("\x1b[?2004h", true),
            ("\x1b[?1049h\x1b[?2004htext\x1b[?25l", true),
            ("\x1b[?1004;2004;25h", true),
            ("\x1b[?2004h\x1b[?2004l", false),
            ("\x1b[?2004h\x1bc", false),
            ("\x1b[2004h", false),
            ("\x1b[?20040h\x1b[?02004x", false),
            ("[?2004h", false),
            ("\x1b[?\x1b[?2004h", true),
            ("\x1b[?99999999999999999999h", false),
        ] {
            assert_eq!(PasteMode::default().feed(written.as_bytes()), on, "{written:?}");
            let mut mode = PasteMode::default();
            let last = written.bytes().map(|byte| mode.feed(&[byte])).last();
            assert_eq!(last.unwrap_or_default(), on, "{written:?}, byte by byte");
        }
    }
}
