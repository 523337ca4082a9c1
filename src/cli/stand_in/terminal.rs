//! A line of input below what is said, as agent programs show it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The most that may be typed before it is submitted, bytes; the rest is dropped.
const TYPED_SIZE_MAX: usize = 64 << 10;

/// How much of what is typed is shown, characters: fewer than the narrowest pane has columns.
const SHOWN_MAX: usize = 78;

const WORKING: &str = "✻ Working… (esc to interrupt)";

/// The terminal of a stand-in; a pipe will do.
pub struct Terminal {
    /// How the terminal was before, where it is one.
    before: Option<Termios>,
    typed: Vec<u8>,
    escape: Escape,
    submitted: VecDeque<String>,
    working: bool,
    /// Rows of ours below what was said.
    rows: usize,
}

/// How much of an escape sequence has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    Outside,
    Begun,
    Control,
}

impl Terminal {
    /// Turns off the terminal's own echo and line editing, and shows an empty line.
    pub fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            tcsetattr(io::stdin(), OptionalActions::Now, &modes)?;
        }
        let (typed, submitted) = (Vec::new(), VecDeque::new());
        let mut terminal = Self { before, typed, escape: Escape::Outside, submitted, working: false, rows: 0 };
        terminal.draw("")?;
        Ok(terminal)
    }

    /// Prints a line above the input.
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        self.draw(&format!("{line}\n"))
    }

    /// Shows or hides the sign of work.
    pub fn set_working(&mut self, working: bool) -> io::Result<()> {
        self.working = working;
        self.draw("")
    }

    /// Waits for a line that is not blank; `None` when the terminal is gone.
    pub fn line(&mut self) -> io::Result<Option<String>> {
        let mut bytes = [0; 4096];
        loop {
            if let Some(line) = self.submitted.pop_front() {
                return Ok(Some(line));
            }
            let count = match io::stdin().read(&mut bytes) {
                Ok(0) => return Ok(None),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error() == Some(nix::libc::EIO) => return Ok(None),
                Err(error) => return Err(error),
            };
            bytes[..count].iter().for_each(|byte| self.take(*byte));
            self.draw("")?;
        }
    }

    fn take(&mut self, byte: u8) {
        match (self.escape, byte) {
            (Escape::Begun, b'[') => self.escape = Escape::Control,
            (Escape::Control, 0x40..=0x7e) => self.escape = Escape::Outside,
            (Escape::Control, _) => {}
            (Escape::Outside | Escape::Begun, _) => {
                self.escape = Escape::Outside;
                self.take_plain(byte);
            }
        }
    }

    fn take_plain(&mut self, byte: u8) {
        match byte {
            0x1b => self.escape = Escape::Begun,
            b'\r' | b'\n' => {
                let line = String::from_utf8_lossy(&self.typed).trim().to_owned();
                self.typed.clear();
                if !line.is_empty() {
                    self.submitted.push_back(line);
                }
            }
            // Control-U, and both keys that delete a character.
            0x15 => self.typed.clear(),
            0x08 | 0x7f => while self.typed.pop().is_some_and(|last| last & 0xc0 == 0x80) {},
            _ if self.typed.len() < TYPED_SIZE_MAX && (byte >= b' ' || byte == b'\t') => self.typed.push(byte),
            _ => {}
        }
    }

    /// Replaces our rows by `above` and our rows as they are now, in one write: a half is never seen.
    fn draw(&mut self, above: &str) -> io::Result<()> {
        let mut text = String::from("\r\x1b[K");
        text.push_str(&"\x1b[A\r\x1b[K".repeat(self.rows.saturating_sub(1)));
        text.push_str(above);
        if self.working {
            text.push_str(WORKING);
            text.push('\n');
        }
        let typed = String::from_utf8_lossy(&self.typed);
        text.push_str("> ");
        text.extend(typed.chars().take(SHOWN_MAX).map(|shown| if shown == '\t' { ' ' } else { shown }));
        self.rows = if self.working { 2 } else { 1 };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // The terminal may be gone, and then nothing is to be restored.
            let _gone = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
