//! A terminal of its own for a client of another user, passed on from and to the one where a person sits.
//!
//! `runuser --pty` does the same, but where the person's terminal vanishes it types an end of file into the other one, which
//! ends many a program there. Here that terminal just vanishes as well.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
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

/// The most bytes that are on their way in each direction.
const WAY_BYTES_MAX: usize = 64 << 10;

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
    let passed = pass_on(&child, own, &resized);
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

fn pass_on(child: &Child, mut own: File, resized: &SignalFd) -> io::Result<End> {
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let (stdin, mut stdout) = (io::stdin(), io::stdout());
    let (mut up, mut piece) = (Vec::new(), vec![0; WAY_BYTES_MAX]);
    loop {
        let (of_person, of_own) = if up.is_empty() {
            (PollFlags::IN, PollFlags::IN)
        } else {
            (PollFlags::empty(), PollFlags::IN | PollFlags::OUT)
        };
        let mut waited = [
            PollFd::new(&stdin, of_person),
            PollFd::new(&own, of_own),
            PollFd::new(resized, PollFlags::IN),
            PollFd::new(&ended, PollFlags::IN),
        ];
        match poll(&mut waited, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [person, shown, size, program] = waited.map(|fd| fd.revents());
        if !size.is_empty() {
            let _ = resized.read_signal();
            resize(&own);
        }
        if !shown.is_empty() {
            match own.read(&mut piece) {
                Ok(0) => return Ok(End::OfProgram),
                Ok(count) => stdout.write_all(&piece[..count]).and_then(|()| stdout.flush())?,
                Err(error) if is_for_later(&error) => {}
                // Nobody has its other end any more.
                Err(_) => return Ok(End::OfProgram),
            }
        } else if !program.is_empty() {
            return Ok(End::OfProgram);
        }
        if !up.is_empty() {
            match own.write(&up) {
                Ok(count) => drop(up.drain(..count)),
                Err(error) if is_for_later(&error) => {}
                Err(_) => return Ok(End::OfProgram),
            }
        } else if !person.is_empty() {
            match rustix::io::read(&stdin, &mut piece) {
                Ok(0) | Err(rustix::io::Errno::IO) => return Ok(End::OfPersonsTerminal),
                Ok(count) => up.extend_from_slice(&piece[..count]),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
