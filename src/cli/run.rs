//! `run`: runs a task unless it works already.

use std::path::Path;

use super::client::{self, Patience};
use super::send;
use super::stop::Outcome;
use crate::protocol::control::Request;

/// What stands below `run --help`.
pub const HELP: &str = "\
A task that works is left alone; one that is idle, has finished or hangs silently is ended and started anew.
TEXT is appended to the task's prompt, for this one run. A finished task keeps its last screen for review.
It returns when the task runs, and does not wait for its end. Without a supervisor the run is kept for the next one.

Exit codes:
  0  it runs, was left alone, or is kept for the next supervisor
  1  it is disabled or was stopped by a person; or it cannot be started yet, and is as soon as it can
  2  unknown name, or no task
  5  another run with other text is just being started
  9  nobody answered, its session cannot be reached, or the run could not be kept: ask again

Examples:
  agent-orchestrator run upgrader
  agent-orchestrator run upgrader --fresh -- only the CLIs, no reboot";

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The task
    name: String,
    /// Also when it works: that run is ended
    #[arg(long)]
    fresh: bool,
    /// Appended to its prompt; words are joined by a blank
    #[arg(last = true)]
    text: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// See [`HELP`].
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let Arguments { name, fresh, text } = arguments;
    let text = if text.is_empty() { None } else { Some(send::checked(text.join(" "))?) };
    let names = [name];
    client::must_know(config, &names)?;
    let [name] = names;
    client::order(config, &Request::Run { name, fresh, text }, Patience::Endless)
}
