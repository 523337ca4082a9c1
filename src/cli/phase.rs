//! `phase`: shows or moves the phase of a loop.

use std::path::Path;

use clap::Subcommand;

use super::client::{self, Patience};
use super::stop::Outcome;
use crate::protocol::control::{PhaseTarget, Request};

/// What stands below `phase --help`.
pub const HELP: &str = "\
`next` and `set` stop the loop's agents, forget what was pushed for the old phase, clear its SEQUENCE-COMPLETE \
and start the agents with the new kickoff. With --no-restart the phase is only recorded.
A phase whose pushed status file says that it is done ends at once: take that line out before you go back to it.
All of it works without a supervisor as well; then nothing is started.

Exit codes:
  0  done
  1  failed
  2  no such loop or phase

Examples:
  agent-orchestrator phase
  agent-orchestrator phase set p2 --no-restart
  agent-orchestrator phase next --loop web";

/// What `phase` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Which loop, when there are several
    #[arg(long = "loop", global = true, value_name = "NAME")]
    in_loop: Option<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show where the loop is (what `phase` alone does)
    Show,
    /// Go to the phase after the current one
    Next {
        /// Only record it: leave the loop's agents alone
        #[arg(long)]
        no_restart: bool,
    },
    /// Go to a phase
    Set {
        /// Its id, or its index from 0 where no phase has that id
        #[arg(value_name = "ID|INDEX")]
        to: String,
        /// Only record it: leave the loop's agents alone
        #[arg(long)]
        no_restart: bool,
    },
}

/// Shows or moves it.
///
/// # Errors
/// When there is no such loop or phase, or it cannot be moved.
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let Arguments { what, in_loop } = arguments;
    let (to, no_restart) = match what.unwrap_or(What::Show) {
        What::Show => return client::order(config, &Request::PhaseShow { in_loop }, Patience::Short),
        What::Next { no_restart } => (PhaseTarget::Next, no_restart),
        What::Set { to, no_restart } => (PhaseTarget::Named(to), no_restart),
    };
    client::order(config, &Request::PhaseSet { in_loop, to, restart: !no_restart }, Patience::Endless)
}
