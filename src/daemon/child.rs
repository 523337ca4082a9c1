//! Starts every child process: what speaks for the supervisor is not passed on.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow};

use crate::protocol::event::{SENDER_VARIABLE, SOCKET_VARIABLE};
use crate::protocol::launch::MARK;

/// Variables that belong to the supervisor's own process: systemd's notifications, watchdog and sockets, and the mark of
/// the agent that it may have been started by.
const OWN_VARIABLES: [&str; 10] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    MARK,
    SOCKET_VARIABLE,
    SENDER_VARIABLE,
];

/// Variables that tie a program to the tmux session that it was started in.
const TMUX_VARIABLES: [&str; 2] = ["TMUX", "TMUX_PANE"];

/// Whether children begin a session of their own.
static APART: AtomicBool = AtomicBool::new(false);

/// Keeps the terminal of this process from every child that it prepares from now on: what controls a program can be pushed
/// into by it (TIOCSTI, `ioctl_tty(2)`), as if who sits there had typed it.
pub fn keep_terminal() {
    APART.store(true, Ordering::Relaxed);
}

/// Prepares a program that is run to its end; where the terminal is kept from children, without that.
pub fn apart(program: impl AsRef<OsStr>) -> Command {
    if !APART.load(Ordering::Relaxed) {
        return Command::new(program);
    }
    let mut command = Command::new("setsid");
    command.arg(program);
    command
}

/// Prepares a child: in a process group of its own, with nothing to read, without the supervisor's variables.
///
/// The child inherits the blocked signals; only its own program can change that ([`unblock_signals`]). Who starts a child
/// that is not a long-lived one sets a deadline for it, and ends it with SIGKILL.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = without_own_variables(apart(program));
    for name in TMUX_VARIABLES {
        command.env_remove(name);
    }
    // The leader of a group cannot begin a session: `setsid` makes both.
    if !APART.load(Ordering::Relaxed) {
        command.process_group(0);
    }
    command.stdin(Stdio::null());
    command
}

/// Prepares the program that this process is to become (`exec`): as [`command`], but in the same process group, with the
/// same standard input and in the same tmux pane.
pub fn replacement(program: impl AsRef<OsStr>) -> Command {
    without_own_variables(Command::new(program))
}

fn without_own_variables(mut command: Command) -> Command {
    for name in OWN_VARIABLES {
        command.env_remove(name);
    }
    command
}

/// Becomes `words`, a program and its arguments, with no signal blocked: what a command that is not ours is started as.
///
/// # Errors
/// When it cannot be run.
pub fn become_unblocked(words: &[OsString]) -> anyhow::Result<Infallible> {
    unblock_signals().context("cannot unblock signals")?;
    let (program, arguments) = words.split_first().context("there is no command")?;
    let error = replacement(program).args(arguments).exec();
    Err(anyhow!("cannot run `{}`: {error}", Path::new(program).display()))
}

/// Empties the signal mask, which the supervisor's children and what they become inherit: the first thing that a verb of
/// ours does that becomes a long-lived process. A tmux server with SIGCHLD blocked never tells how a program ended.
///
/// # Errors
/// What the kernel says.
pub fn unblock_signals() -> std::io::Result<()> {
    Ok(nix::sys::signal::SigSet::empty().thread_set_mask()?)
}

/// Returns the path of this program as it was when it was first asked for; to be called once at the start, because an
/// upgrade may move the file.
pub fn own_program() -> PathBuf {
    static OWN: OnceLock<PathBuf> = OnceLock::new();
    OWN.get_or_init(|| std::env::current_exe().unwrap_or_else(|_| PathBuf::from("agent-orchestrator"))).clone()
}
