//! `down`: stops agents by name, or everything and the supervisor.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::poll::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::client::{self, Patience};
use super::fleet_file::{self, FleetFile};
use super::stop::{Failure, Outcome};
use super::{names, status};
use crate::daemon::start;
use crate::protocol::control::{Reason, Request};

/// What stands below `down --help`.
pub const HELP: &str = "\
Without NAME: ends agents, services, then the supervisor. It is not remembered: the next `up` starts all again.
With NAME: ends these and remembers it: only `up NAME` starts them again.
It returns when they are gone, and works without a supervisor as well; where agents are units of systemd, as root.

Exit codes:
  0  all are gone
  1  one does not end
  2  unknown name

Examples:
  agent-orchestrator down
  agent-orchestrator down builder";

/// How long the supervisor may take to end after it has said that all else has ended, milliseconds.
const END_MS_MAX: u16 = 10_000;

/// What `down` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Agents or services; none for everything
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// Stops what is asked.
///
/// # Errors
/// When something does not end.
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let names = arguments.names;
    if let Some(picture) = client::picture_with(config, &names)? {
        let supervisor = if names.is_empty() { picture.supervisor_pid.and_then(process) } else { None };
        client::order(config, &Request::Down { names }, Patience::Endless)?;
        return supervisor.map_or(Ok(()), |process| wait_for_end(&process));
    }
    fleet_file::must_be_known(config)?;
    if !start::may_stop(&FleetFile::paths(config)?)? {
        let failure = Failure::new(Reason::Failed, "no supervisor runs, and without one only root may stop units");
        return Err(failure.hint("`sudo agent-orchestrator down …` does").into());
    }
    if !names.is_empty() {
        names::all_known(&names, &client::known(&status::picture(config)?))?;
    }
    client::order(config, &Request::Down { names }, Patience::Endless)
}

/// Takes hold of a process; `None` when it has gone.
fn process(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(pid.try_into().ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Waits until the supervisor, which has said that all is done, has gone: the next `up` must not meet it.
fn wait_for_end(supervisor: &OwnedFd) -> Outcome {
    let mut waiting = [PollFd::new(supervisor.as_fd(), PollFlags::POLLIN)];
    match poll(&mut waiting, END_MS_MAX) {
        Ok(0) => {
            let error = format!("all agents are gone, and the supervisor is still there after {} s", END_MS_MAX / 1000);
            Err(Failure::new(Reason::Failed, error).into())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(anyhow::Error::from(error).context("cannot wait for the supervisor's end").into()),
    }
}
