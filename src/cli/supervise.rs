//! `supervise`: runs the supervisor in the foreground.

use std::path::Path;

use nix::sys::signal::Signal;

use super::fleet_file;
use super::stop::{Outcome, Stop};
use crate::daemon::start::{self, End};

/// What stands below `supervise --help`.
pub const HELP: &str = "\
Starts all that is enabled, adopts what runs already, and supervises until Ctrl-C or SIGTERM.
The end of the supervisor ends no agent: `down` does. One supervisor runs per config; `up` starts it detached.

Exit codes:
  0    ended by `down`
  1    it could not begin, or another one supervises this fleet
  130  ended by Ctrl-C
  143  ended by SIGTERM; after either systemd starts it again, unless it was its own

Example:
  agent-orchestrator supervise";

/// How it ends by a signal: as a shell tells the end of a program by that one. What ends it on purpose ends it otherwise.
const INTERRUPTED: u8 = 128 + 2;
const TERMINATED: u8 = 128 + 15;

/// What `supervise` takes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Arguments {
    #[arg(long, hide = true)]
    detached: bool,
    #[arg(long, hide = true)]
    hold: bool,
}

/// Supervises.
///
/// # Errors
/// When supervision cannot begin, and after a signal.
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    fleet_file::must_exist(config)?;
    let Arguments { detached, hold } = arguments;
    match start::supervise(&start::Options { config: config.to_owned(), detached, hold })? {
        End::Signal(Signal::SIGTERM) => Err(Stop::Told(TERMINATED)),
        End::Signal(Signal::SIGINT) => Err(Stop::Told(INTERRUPTED)),
        End::Decided | End::Signal(_) => Ok(()),
    }
}
