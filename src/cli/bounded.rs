//! Runs a short-lived child to its end, with a bound on its time and output.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// The longest that a `git` or `tmux` of ours may take.
const CHILD_MAX: Duration = Duration::from_secs(20);

/// The most that is kept of what a child prints, bytes; the rest is read and dropped.
const OUTPUT_SIZE_MAX: usize = 8 << 20;

/// Variables that would make `git` look elsewhere than in the folder it is run in, or write for somebody else.
const GIT_VARIABLES: [&str; 10] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
];

/// Runs `git` in `dir`, independent of the caller's own configuration, and returns what it prints.
///
/// # Errors
/// When it fails, with its last line, or takes too long.
pub fn git(dir: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"]).args(arguments);
    command.envs([("GIT_TERMINAL_PROMPT", "0"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")]);
    command.envs([("GIT_EDITOR", "true"), ("LC_ALL", "C")]);
    for name in GIT_VARIABLES {
        command.env_remove(name);
    }
    run(&mut command, CHILD_MAX).with_context(|| format!("`git {}` in `{}`", arguments.join(" "), dir.display()))
}

/// Runs `tmux` on the server of `socket` and returns what it prints.
///
/// # Errors
/// When it fails, with its last line, or takes too long.
pub fn tmux(socket: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("tmux");
    command.arg("-S").arg(socket).args(arguments);
    run(&mut command, CHILD_MAX)
}

/// Runs `command` without standard input and returns what it prints to both outputs.
///
/// # Errors
/// When it cannot be started, fails (with its last line), or is not done after `longest`; then it is killed.
pub fn run(command: &mut Command, longest: Duration) -> anyhow::Result<String> {
    run_with(command, Stdio::null(), longest)
}

/// As [`run`], with a standard input.
///
/// # Errors
/// The same.
pub fn run_with(command: &mut Command, input: Stdio, longest: Duration) -> anyhow::Result<String> {
    let end = Instant::now() + longest;
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).context("cannot make a pipe")?;
    let mut reader = File::from(reader);
    command.stdin(input).stdout(writer.try_clone()?).stderr(writer);
    let spawned = command.spawn();
    // The command holds the pipe's other end until it is told to let go.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawned.context("cannot be started")?;
    let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).context("cannot be watched")?;
    let mut output = Vec::new();
    let mut chunk = [0; 8192];
    let done = loop {
        if !readable(reader.as_fd(), end)? {
            break false;
        }
        match reader.read(&mut chunk)? {
            0 => break readable(process.as_fd(), end)?,
            count => output.extend_from_slice(&chunk[..count.min(OUTPUT_SIZE_MAX - output.len())]),
        }
    };
    if !done {
        child.kill().context("cannot be killed")?;
    }
    let status = child.wait().context("cannot be waited for")?;
    let output = String::from_utf8_lossy(&output).into_owned();
    if !done {
        bail!("not done after {} s, killed", longest.as_secs());
    }
    if !status.success() {
        bail!("{status}: {}", output.trim_end().lines().next_back().unwrap_or("it printed nothing"));
    }
    Ok(output)
}

/// Waits until `fd` has something to read (or its end), at most until `end`.
///
/// # Errors
/// What the kernel says.
pub fn readable(fd: BorrowedFd, end: Instant) -> anyhow::Result<bool> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).context("the bound is out of range")?;
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&left)) {
            Ok(count) => return Ok(count > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for a child"),
        }
    }
}
