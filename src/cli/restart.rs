//! `restart`: stops and starts one agent or service.

use std::path::Path;

use super::client::{self, Patience};
use super::overrides;
use super::stop::Outcome;
use crate::protocol::control::Request;

/// What stands below `restart --help`.
pub const HELP: &str = "\
The agent's program and all its children are ended, then it is started as the config says now.
AGENT_MODEL_<name> and AGENT_BACKEND_<name> in the environment hold for this one start.
It returns when the agent runs, or says why it does not.

Exit codes:
  0  it runs
  1  it does not
  2  unknown name
  3  no supervisor runs
  6  it is held by a usage limit, and was left alone: its new start would have to wait

Examples:
  agent-orchestrator restart builder
  AGENT_BACKEND_builder=codex agent-orchestrator restart builder";

/// What `restart` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Agent or service
    pub name: String,
}

/// Restarts it.
///
/// # Errors
/// When it does not start.
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let names = [arguments.name];
    client::warn_of_config(&client::must_supervise(config, &names)?);
    let overrides = overrides::of_environment(&names);
    let [name] = names;
    client::order(config, &Request::Restart { name, overrides }, Patience::Endless)
}
