//! Starts and ends the demo's fleet through the program's own verbs.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

use super::lab::{AGENTS, Lab};
use crate::cli::bounded;
use crate::daemon::paths::Paths;

/// How long `down` may take before everything is killed.
const DOWN_MAX: Duration = Duration::from_secs(20);

/// How long a process that `down` has ended may take to be gone.
const ENDING_MAX: Duration = Duration::from_secs(2);

/// The demo's fleet.
pub struct Fleet {
    /// Where its files lie.
    pub paths: Paths,
    program: PathBuf,
}

/// An `up` that is under way.
pub struct Starting {
    child: Child,
    process: OwnedFd,
    output: PathBuf,
}

impl Fleet {
    /// Names the fleet of `lab` and makes the folders that are watched.
    pub fn new(lab: &Lab) -> anyhow::Result<Self> {
        let paths = Paths::new(&lab.config(), &lab.logs())?;
        paths.check_sockets(AGENTS.into_iter())?;
        std::fs::create_dir_all(&paths.state).context("cannot make the folder of the state")?;
        Ok(Self { paths, program: super::lab::own_program()? })
    }

    /// Begins to start the supervisor and all agents.
    pub fn start(&self) -> anyhow::Result<Starting> {
        let output = self.paths.logs.join("up.log");
        let file = File::create(&output).with_context(|| format!("cannot write `{}`", output.display()))?;
        let mut command = self.verb("up");
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().context("cannot start `up`")?;
        let process = pidfd_open(rustix::process::Pid::from_child(&child), PidfdFlags::empty());
        Ok(Starting { process: process.context("cannot watch `up`")?, child, output })
    }

    /// Tells whether the last phase is done.
    pub fn is_complete(&self) -> bool {
        self.paths.complete_marker("").exists()
    }

    /// Returns the last rows of an agent's screen.
    pub fn screen(&self, agent: &str, rows: usize) -> anyhow::Result<String> {
        let screen = bounded::tmux(&self.paths.tmux_socket(agent), &["capture-pane", "-p"])?;
        Ok(super::tail(&screen, rows))
    }

    /// Ends agents and supervisor, by force where they do not, and removes their sockets.
    pub fn end(&self) -> anyhow::Result<()> {
        let down = bounded::run(&mut self.verb("down"), DOWN_MAX).context("`down` did not work");
        // The supervisor first, so that it starts nothing again.
        let mut killed = kill_listener(&self.paths.control_socket())?;
        for agent in AGENTS {
            killed |= kill_listener(&self.paths.tmux_socket(agent))?;
        }
        let removed = match std::fs::remove_dir_all(&self.paths.runtime) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        if let Some(parent) = self.paths.runtime.parent() {
            // Other fleets may have theirs in it.
            let _shared = std::fs::remove_dir(parent);
        }
        down?;
        if killed {
            bail!("`down` left something running; it has been killed");
        }
        removed.with_context(|| format!("cannot remove `{}`", self.paths.runtime.display()))
    }

    fn verb(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.paths.config).arg(verb);
        for agent in AGENTS {
            command.env_remove(format!("AGENT_MODEL_{agent}")).env_remove(format!("AGENT_BACKEND_{agent}"));
        }
        command
    }
}

/// Waits for the end of the process that listens on `socket`, if one does, and kills it if it goes on; tells whether
/// it had to. A pane ends with its tmux server.
fn kill_listener(socket: &Path) -> anyhow::Result<bool> {
    let Ok(mut listener) = UnixStream::connect(socket) else { return Ok(false) };
    let cannot = || format!("cannot kill who listens on `{}`", socket.display());
    listener.set_read_timeout(Some(ENDING_MAX)).with_context(cannot)?;
    // Its end is an end of this connection, or an error, or else the time runs out.
    let _ended = listener.read(&mut [0]);
    let Ok(listener) = UnixStream::connect(socket) else { return Ok(false) };
    let who = getsockopt(&listener, PeerCredentials).with_context(cannot)?;
    kill(Pid::from_raw(who.pid()), Signal::SIGKILL).with_context(cannot)?;
    Ok(true)
}

impl Starting {
    /// What becomes readable at its end.
    pub fn process(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }

    /// Tells whether the fleet has been started; fails as `up` did.
    pub fn is_done(&mut self) -> anyhow::Result<bool> {
        let Some(status) = self.child.try_wait().context("cannot wait for `up`")? else { return Ok(false) };
        if !status.success() {
            let said = std::fs::read_to_string(&self.output).unwrap_or_default();
            bail!("the fleet did not start ({status})\n{}", super::tail(&said, 10).trim_end());
        }
        Ok(true)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        // It may have ended; whatever it started is ended by `down`.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
