//! `probe`: asks an agent of a held account at once to go on.

use std::path::Path;

use super::client::{self, Patience};
use super::stop::Outcome;
use crate::protocol::control::Request;

/// What stands below `probe --help`.
pub const HELP: &str = "\
A held account is probed by itself when its limit should be over. Whoever knows better, because the banner was misread \
or the limit has been raised, need not wait: the agent is told now to go on, and if it works, its account is open and \
the others follow. An agent that does not run is started. If it is refused, the account stays held.
It returns when the probe is on its way; `events --follow` shows what comes of it.

Exit codes:
  0  it is asked
  1  its account is not held, or it cannot be asked now
  2  unknown name
  3  no supervisor runs

Example:
  agent-orchestrator probe builder";

/// What `probe` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The agent
    name: String,
}

/// Asks it.
///
/// # Errors
/// See [`HELP`].
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let names = [arguments.name];
    client::must_supervise(config, &names)?;
    let [name] = names;
    client::order(config, &Request::Probe { name }, Patience::Short)
}
