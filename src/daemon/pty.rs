//! A terminal of its own for a client of another user, passed on from and to the one where a person sits.
//!
//! `runuser --pty` does the same, but where the person's terminal vanishes it types an end of file into the other one, which
//! ends many a program there. Here that terminal just vanishes as well.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::Context;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use super::child;
use super::way::{Filled, drain, fill};

/// Runs the program `words` as user `name` of this group, on a terminal that is its own, and returns how it ended; for root, whose
/// standard input and output are a terminal. Of the environment it has `told`.
///
/// # Errors
/// When there is no terminal to be had, or the program cannot be run.
pub fn run(name: &str, group: u32, words: &[&str], told: &[(&str, std::ffi::OsString)]) -> anyhow::Result<ExitStatus> {
    let resized = resizes().context("cannot hear of the terminal's size")?;
    let (own, theirs) = pair().context("cannot make a terminal")?;
    // They are started with the signals that this process has blocked.
    let mut command = Command::new(child::own_program());
    command.args(["unblocked", "--", "setsid", "--ctty", "setpriv", "--reuid", name, "--regid", &group.to_string()]);
    command.args(["--init-groups", "--"]).args(words).current_dir("/");
    command.env_clear().envs(told.iter().map(|(name, value)| (name, value)));
    command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
    let spawned = command.spawn();
    // The command holds the terminal's other end until it is told to let go.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawned.context("cannot run `setsid`")?;
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).context("cannot ask the terminal")?;
    let mut raw = before.clone();
    raw.make_raw();
    tcsetattr(&stdin, OptionalActions::Now, &raw).context("cannot set the terminal")?;
    let passed = pass_on(&child, &own, &resized);
    drop(own);
    // Fails where the terminal is gone.
    let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    if !matches!(passed, Ok(End::OfProgram)) {
        let _ = child.kill();
    }
    let status = child.wait().context("cannot wait for the program")?;
    passed.context("cannot pass on what is typed and shown")?;
    Ok(status)
}

/// Returns what becomes readable when the person's terminal is given another size.
fn resizes() -> nix::Result<SignalFd> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGWINCH);
    signals.thread_block()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Returns both ends of a new terminal of the size of the person's, this process's first.
fn pair() -> io::Result<(File, OwnedFd)> {
    let own = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&own)?;
    unlockpt(&own)?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(ptsname(&own, Vec::new())?, flags, Mode::empty())?;
    resize(&own);
    rustix::io::ioctl_fionbio(&own, true)?;
    Ok((File::from(own), theirs))
}

fn resize(own: impl AsFd) {
    // One without a size stays so.
    let _ = tcgetwinsize(io::stdin()).and_then(|size| tcsetwinsize(own, size));
}

/// Why nothing is passed on any more.
#[derive(Debug, PartialEq, Eq)]
enum End {
    OfProgram,
    OfPersonsTerminal,
}

fn pass_on(child: &Child, own: &File, resized: &SignalFd) -> io::Result<End> {
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    // The library's own would keep bytes back.
    let person = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (mut up, mut down) = (Vec::new(), Vec::new());
    loop {
        let (of_person, of_own) = if up.is_empty() {
            (PollFlags::IN, PollFlags::IN)
        } else {
            (PollFlags::empty(), PollFlags::IN | PollFlags::OUT)
        };
        let mut waited = [
            PollFd::new(&person, of_person),
            PollFd::new(own, of_own),
            PollFd::new(resized, PollFlags::IN),
            PollFd::new(&ended, PollFlags::IN),
        ];
        match poll(&mut waited, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [typed, shown, size, program] = waited.map(|fd| !fd.revents().is_empty());
        if size {
            // What cannot be read is asked for all the same.
            let _ = resized.read_signal();
            resize(own);
        }
        if shown {
            let filled = fill(own, &mut down);
            io::stdout().write_all(&down).and_then(|()| io::stdout().flush())?;
            if filled == Filled::Ended {
                return Ok(End::OfProgram);
            }
        } else if program {
            return Ok(End::OfProgram);
        }
        if !up.is_empty() {
            if drain(own, &mut up).is_err() {
                return Ok(End::OfProgram);
            }
        } else if typed && fill(&person, &mut up) == Filled::Ended {
            return Ok(End::OfPersonsTerminal);
        }
    }
}
