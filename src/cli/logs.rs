//! `logs`: what an agent printed, as it printed it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::Context;

use super::fleet_file::FleetFile;
use super::follow::{self, Tail};
use super::out;
use super::stop::{Failure, Outcome};
use crate::protocol::control::Reason;

/// What stands below `logs --help`.
pub const HELP: &str = "\
Prints the end of the session's log, byte for byte, with the terminal codes of the agent's program, and ends.
With --follow it goes on as the log grows, over rotations, until Ctrl-C. It needs no supervisor.
`attach` shows the screen itself; `explain` says what the supervisor makes of it.

Exit codes:
  0  shown, also after Ctrl-C
  1  there is no log
  2  unknown name

Examples:
  agent-orchestrator logs builder -n 1000 | less -R
  agent-orchestrator logs builder -f";

/// The most of a log that is looked at for its last lines, bytes; the same again of the rotated one.
const LOOK_BACK_MAX: u64 = 8 << 20;

/// Takes a terminal out of what the log of a full-screen program may have left it in: colours, hidden cursor,
/// mouse reports, bracketed paste, alternate screen.
const RESET: &str = "\x1b[0m\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1049l";

/// What `logs` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Agent or service
    name: String,
    /// How many lines of the past are shown
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: usize,
    /// Go on as the log grows, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
}

/// Shows the log.
///
/// # Errors
/// When there is none or it cannot be read.
pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    let fleet = FleetFile::read_or_ask(config)?;
    let path = fleet.paths.session_log(fleet.session(&arguments.name)?);
    let mut file = follow::open(&path)?;
    if file.is_none() && !arguments.follow {
        let error = format!("`{}` has no log yet: `{}` does not exist", arguments.name, path.display());
        return Err(Failure::new(Reason::Failed, error).into());
    }
    let ended = show(&path, file.as_mut(), arguments.lines)
        .and_then(|()| if arguments.follow { Tail::new(&path, file).follow(out::bytes) } else { Ok(()) });
    if out::is_terminal() {
        out::text(RESET)?;
    }
    ended
}

/// Prints the last `count` lines and leaves `file` at its end.
fn show(path: &Path, file: Option<&mut File>, count: usize) -> Outcome {
    let Some(file) = file else { return Ok(()) };
    let text = end_of(file).with_context(|| format!("cannot read `{}`", path.display()))?;
    let missing = count.saturating_sub(text.split(|byte| *byte == b'\n').count() - 1);
    let before = follow::rotated(path);
    if missing > 0
        && let Some(mut older) = follow::open(&before)?
    {
        let text = end_of(&mut older).with_context(|| format!("cannot read `{}`", before.display()))?;
        out::bytes(follow::last_lines(&text, missing))?;
    }
    out::bytes(follow::last_lines(&text, count))
}

/// Reads the end of `file`, at most [`LOOK_BACK_MAX`] of it.
fn end_of(file: &mut File) -> std::io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOOK_BACK_MAX)))?;
    let mut text = Vec::new();
    file.take(LOOK_BACK_MAX).read_to_end(&mut text)?;
    Ok(text)
}
