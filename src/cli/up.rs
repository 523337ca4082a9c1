//! `up`: starts the supervisor and what is enabled, or agents by name.

use std::collections::BTreeMap;
use std::path::Path;

use super::client::{self, Patience};
use super::overrides;
use super::stop::Outcome;
use super::{fleet_file, out};
use crate::daemon::paths::{Manager, Paths};
use crate::daemon::start;
use crate::protocol::control::{Override, Picture, Request};

/// What stands below `up --help`.
pub const HELP: &str = "\
Without NAME: starts a supervisor if there is none, then all that is enabled, except what was stopped by name.
With NAME: starts these, also what was stopped by name. What runs already is left alone.
It returns when they run, or says why one does not.
AGENT_MODEL_<name> and AGENT_BACKEND_<name> in the environment hold for the starts of this one call.

Exit codes:
  0  all run
  1  one does not start
  2  unknown name
  3  NAME given and no supervisor runs

Examples:
  agent-orchestrator up
  AGENT_MODEL_builder=opus agent-orchestrator up builder";

/// What `up` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Agents or services; none for all that is enabled
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// Starts what is asked.
///
/// # Errors
/// When something does not start.
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let names = arguments.names;
    if !names.is_empty() {
        client::warn_of_config(&client::must_supervise(config, &names)?);
    } else if let Some(picture) = client::picture(config)? {
        client::warn_of_config(&picture);
    } else {
        fleet_file::must_exist(config)?;
        if Paths::new(config, Path::new(""))?.manager == Manager::Systemd {
            return Err(client::no_supervisor(config).into());
        }
        start::joined_or_detached(config)?;
    }
    let mut overrides = overrides::of_environment(&names);
    if names.is_empty() && !overrides.is_empty() {
        drop_strangers(&client::must_supervise(config, &names)?, &mut overrides);
    }
    client::order(config, &Request::Up { names, overrides }, Patience::Endless)
}

/// Takes out overrides of agents that the fleet does not have, and says so: the variable may be another fleet's.
fn drop_strangers(picture: &Picture, overrides: &mut BTreeMap<String, Override>) {
    let known = client::known(picture);
    overrides.retain(|name, _| {
        let is_known = known.contains(&name.as_str());
        if !is_known {
            out::warn(&format!("AGENT_MODEL_{name} or AGENT_BACKEND_{name} is set and names no agent, ignoring"));
        }
        is_known
    });
}
