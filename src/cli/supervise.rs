//! `supervise`: runs the supervisor in the foreground.

use std::path::Path;

use super::fleet_file;
use super::stop::Outcome;
use crate::daemon::start;

/// What stands below `supervise --help`.
pub const HELP: &str = "\
Starts all that is enabled, adopts what runs already, and supervises until Ctrl-C or SIGTERM.
The end of the supervisor ends no agent: `down` does. One supervisor runs per config; `up` starts it detached.

Exit codes:
  0  ended as asked
  1  it could not begin, or another one supervises this fleet

Example:
  agent-orchestrator supervise";

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
/// When supervision cannot begin.
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    fleet_file::must_exist(config)?;
    let Arguments { detached, hold } = arguments;
    start::supervise(&start::Options { config: config.to_owned(), detached, hold })?;
    Ok(())
}
