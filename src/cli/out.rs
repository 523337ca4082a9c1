//! Standard output, whose reader may leave at any time.

use std::io::{self, IsTerminal, Write};

use super::stop::{Outcome, Stop};
use super::text::Paint;

/// Writes `bytes` to standard output, at once.
///
/// # Errors
/// [`Stop::ReaderGone`] when nobody reads it; a failure when it cannot be written.
pub fn bytes(bytes: &[u8]) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Stop::ReaderGone;
        }
        anyhow::Error::from(error).context("cannot write to standard output").into()
    })
}

/// Writes `text` to standard output, at once.
///
/// # Errors
/// As [`bytes`].
pub fn text(text: &str) -> Outcome {
    bytes(text.as_bytes())
}

/// Writes each of `lines` on a line of its own.
///
/// # Errors
/// As [`bytes`].
pub fn lines(lines: &[String]) -> Outcome {
    text(&super::text::joined(lines))
}

/// Writes `value` as JSON for people and programs.
///
/// # Errors
/// As [`bytes`].
pub fn json(value: &impl serde::Serialize) -> Outcome {
    let json = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
    text(&format!("{json}\n"))
}

/// Says whether a terminal shows what is printed.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Returns colours for a terminal that shows them, unless `NO_COLOR` is set (<https://no-color.org>).
pub fn paint() -> Paint {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if is_terminal() && !set("NO_COLOR") && !dumb { Paint::Colour } else { Paint::Plain }
}

/// Tells the person of something that was gone on after.
pub fn warn(sentence: &str) {
    eprintln!("warning: {sentence}");
}
