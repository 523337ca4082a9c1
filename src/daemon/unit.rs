//! Asks systemd about session units, and to start or stop them; each question is a child with a deadline.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use super::child;
use crate::protocol::unit::{PROPERTIES, SLICE, name};

/// How long `systemctl show` may take: on a busy host that boots it does take 5 s.
pub const SHOW_MAX: Duration = Duration::from_secs(15);

/// How long a start may take; the unit's own `TimeoutStartSec=` ends first.
pub const START_MAX: Duration = Duration::from_secs(30);

/// How long a stop may take; the unit's own `TimeoutStopSec=` ends first.
pub const STOP_MAX: Duration = Duration::from_secs(30);

/// The most bytes that are read of an answer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// What `systemctl` says when polkit does not allow what is asked (systemd's bus errors `InteractiveAuthorizationRequired`
/// and `AccessDenied`).
const REFUSALS: [&str; 2] = ["Interactive authentication required", "Access denied"];

/// Reads where a process stands among the units (cgroups(7)).
///
/// # Errors
/// One line, also when the process has ended.
pub fn cgroup_of(pid: i32) -> Result<String, String> {
    let read = std::fs::read_to_string(format!("/proc/{pid}/cgroup"));
    read.map_err(|error| format!("cannot read the unit of process {pid}: {error}"))
}

/// Returns what `systemctl` said with what helps.
pub fn explained(said: String) -> String {
    if REFUSALS.iter().any(|refusal| said.contains(refusal)) {
        return format!("polkit refuses it, is the supervisor's rule in force? {said}");
    }
    // systemctl's own words: "Job for UNIT failed because …".
    if let Some((unit, _)) = said.strip_prefix("Job for ").and_then(|rest| rest.split_once(" failed")) {
        return format!("{said} `journalctl -u {unit}` says why");
    }
    said
}

/// Says whether this is a verb of root's that acts as the fleet's user (`start::Rights::Stops`).
fn was_root() -> bool {
    nix::unistd::getresuid().is_ok_and(|users| users.saved.is_root() && !users.effective.is_root())
}

/// What can be asked of an agent's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// How far it is.
    Show,
    /// To start it; answered when it has started.
    Start,
    /// To stop it; answered when it has stopped.
    Stop,
}

impl Question {
    /// Returns the command that asks it.
    pub fn command(self, agent: &str) -> Command {
        let mut command = child::command("systemctl");
        command.args(["--no-pager", "--no-ask-password"]).current_dir("/").env("LC_ALL", "C");
        match self {
            Self::Show => command.args(["show", &format!("--property={PROPERTIES}"), "--", &name(agent), SLICE]),
            Self::Start => command.args(["start", "--", &name(agent)]),
            Self::Stop => command.args(["stop", "--", &name(agent)]),
        };
        if self == Self::Stop && was_root() {
            command.uid(0);
        }
        command
    }

    /// Returns how long it may take.
    pub fn time_max(self) -> Duration {
        match self {
            Self::Show => SHOW_MAX,
            Self::Start => START_MAX,
            Self::Stop => STOP_MAX,
        }
    }
}

/// A question on its way.
#[derive(Debug)]
pub struct Asked {
    child: Child,
    output: ChildStdout,
    errors: ChildStderr,
}

impl Asked {
    /// Asks.
    ///
    /// # Errors
    /// When there is no `systemctl`, or the kernel gives no descriptors.
    pub fn new(question: Question, agent: &str) -> anyhow::Result<Self> {
        let mut command = question.command(agent);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run `systemctl`")?;
        let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            unreachable!("the child was given pipes")
        };
        rustix::io::ioctl_fionbio(&output, true).context("cannot set up a pipe")?;
        rustix::io::ioctl_fionbio(&errors, true).context("cannot set up a pipe")?;
        Ok(Self { child, output, errors })
    }

    /// Opens a descriptor that becomes readable when the answer is there.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn end(&self) -> io::Result<OwnedFd> {
        super::sessions::end_of(&self.child)
    }

    /// Returns the answer, or why there is none; `None` while it is not there.
    pub fn answer(&mut self) -> Option<Result<String, String>> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(self.read(status)),
            Err(error) => Some(Err(format!("cannot wait for `systemctl`: {error}"))),
        }
    }

    fn read(&mut self, status: ExitStatus) -> Result<String, String> {
        let text = |source: &mut dyn Read| {
            let mut bytes = Vec::new();
            // Ends with an error where somebody else still holds the pipe: what was read until then counts.
            let _ = source.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        if status.success() {
            return Ok(text(&mut self.output));
        }
        let errors = text(&mut self.errors);
        let said = errors.lines().map(str::trim).find(|line| !line.is_empty());
        Err(said.map_or_else(|| format!("`systemctl` ended with {status}"), |said| explained(said.to_owned())))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // What systemd was asked for goes on without who asked.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
