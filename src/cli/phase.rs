//! `phase`: shows or moves the phase of a loop.

use std::path::Path;

use clap::Subcommand;

use super::client::{self, Patience};
use super::stop::{Failure, Outcome};
use super::text::Paint;
use super::{fleet_file, out, status};
use crate::daemon::offline;
use crate::protocol::control::{LoopPicture, PhaseTarget, Picture, Reason, Reply, Request};

/// What stands below `phase --help`.
pub const HELP: &str = "\
`next` and `set` stop the loop's agents, forget what was pushed for the old phase, clear its SEQUENCE-COMPLETE and
start the agents with the new kickoff. With --no-restart the phase is only recorded.
All of it works without a supervisor as well; then nothing is started.

Exit codes: 0 done; 1 failed; 2 no such loop or phase.

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
        What::Show => return show(config, in_loop),
        What::Next { no_restart } => (PhaseTarget::Next, no_restart),
        What::Set { to, no_restart } => (PhaseTarget::Named(to), no_restart),
    };
    let request = Request::PhaseSet { in_loop, to, restart: !no_restart };
    match client::ask(config, &request, Patience::Endless)? {
        Some(Reply::Done { lines }) => out::lines(&lines),
        Some(other) => Err(client::unexpected(other).into()),
        None => {
            fleet_file::must_exist(config)?;
            out::lines(&offline::phase(config, &request)?)
        }
    }
}

fn show(config: &Path, in_loop: Option<String>) -> Outcome {
    match client::ask(config, &Request::PhaseShow { in_loop: in_loop.clone() }, Patience::Short)? {
        Some(Reply::Done { lines }) => out::lines(&lines),
        Some(other) => Err(client::unexpected(other).into()),
        None => {
            fleet_file::must_exist(config)?;
            out::text(&render(&offline::picture(config)?, in_loop.as_deref())?)
        }
    }
}

/// Renders the loops of a picture, or the one that is named.
///
/// # Errors
/// A usage error when there is no such loop.
pub fn render(picture: &Picture, in_loop: Option<&str>) -> Result<String, Failure> {
    let shown: Vec<_> = picture.loops.iter().filter(|each| in_loop.is_none_or(|name| each.name == name)).collect();
    if let (true, Some(name)) = (shown.is_empty(), in_loop) {
        let known: Vec<&str> =
            picture.loops.iter().map(|each| if each.name.is_empty() { "(unnamed)" } else { &each.name }).collect();
        let failure = Failure::new(Reason::Usage, format!("there is no loop `{name}`"));
        return Err(failure.hint(format!("known: {}", known.join(", "))));
    }
    if shown.is_empty() {
        return Ok("no loop is configured\n".to_owned());
    }
    let lines = shown.iter().flat_map(|each| status::loop_lines(each, Paint::Plain).into_iter().chain(phases(each)));
    Ok(lines.map(|line| format!("{line}\n")).collect())
}

/// Lists the phases of a loop, the current one marked.
fn phases(of: &LoopPicture) -> Vec<String> {
    let row = |(index, id): (usize, &String)| {
        let mark = if index + 1 == of.position { '>' } else { ' ' };
        format!("  {mark} {index}  {id}")
    };
    of.phases.iter().enumerate().map(row).collect()
}
