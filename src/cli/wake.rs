//! `wake`: types an agent's wake text into it as soon as it is idle.

use std::path::Path;

use super::client::{self, Patience};
use super::stop::Outcome;
use crate::protocol::control::Request;

/// What stands below `wake --help`.
pub const HELP: &str = "\
The text is that of `wake.prompt_file` as it is now. A busy agent is not disturbed: the wake waits and is typed when \
it is idle, and no second one waits behind it. While the agent's sequence is complete, wakes rest.
Without a supervisor the wake is kept, and queued as soon as one starts. Made for timers; `wake.interval` needs none.

Exit codes:
  0  it is queued, waits already, is kept for the next supervisor, or wakes rest
  1  it has no `wake`, or is disabled
  2  unknown name
  4  the agent does not run, and is not to run
  5  too many messages wait for it
  9  nobody answered, its text cannot be read, or the wake could not be kept: ask again

Example:
  agent-orchestrator wake orchestrator";

/// What `wake` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The agent
    name: String,
}

/// Wakes it.
///
/// # Errors
/// See [`HELP`].
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let names = [arguments.name];
    client::must_know(config, &names)?;
    let [name] = names;
    client::order(config, &Request::Wake { name }, Patience::Short)
}
