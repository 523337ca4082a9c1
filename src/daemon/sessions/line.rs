//! What a control-mode client is spoken with over: the pipes of one that we run, or a connection to an agent's bridge.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use anyhow::Context;

use super::descriptor::{Numbers, Watched};
use super::leaving::Leaving;
use crate::daemon::child;
use crate::daemon::reactor::Reactor;

/// How our clients are attached: they do not count for the size, and output that they do not take is held back.
pub const FLAGS: &str = "ignore-size,pause-after=5";

/// The most bytes of an error message.
const ERROR_BYTES_MAX: u64 = 4096;

/// Prepares the client that attaches to `session` on `socket`, or to any session where none is named; it never starts a
/// server.
pub fn client(socket: &Path, session: Option<&str>) -> Command {
    let mut tmux = child::command("tmux");
    tmux.args(["-N", "-u", "-S"]).arg(socket).args(["-C", "attach-session", "-f", FLAGS]);
    if let Some(session) = session {
        tmux.arg("-t").arg(format!("={session}"));
    }
    tmux.current_dir("/");
    tmux
}

/// A control-mode client, as far as it is spoken with.
#[derive(Debug)]
pub enum Line {
    /// One that we run.
    Own {
        /// It.
        child: Child,
        /// What it is told.
        input: ChildStdin,
        /// What it tells.
        output: Watched<ChildStdout>,
        /// What it says before it ends.
        errors: ChildStderr,
    },
    /// One that an agent's bridge runs (`pane/bridge.rs`).
    Bridged(Watched<UnixStream>),
}

impl Line {
    /// Runs a client of our own.
    ///
    /// # Errors
    /// When there is no tmux.
    pub fn own(
        reactor: &Rc<Reactor>,
        numbers: &mut Numbers,
        socket: &Path,
        session: Option<&str>,
    ) -> anyhow::Result<Self> {
        let mut tmux = client(socket, session);
        tmux.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = tmux.spawn().context("cannot run `tmux`")?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            unreachable!("the child was given three pipes")
        };
        for pipe in [input.as_fd(), output.as_fd(), errors.as_fd()] {
            rustix::io::ioctl_fionbio(pipe, true).context("cannot set up the pipes of `tmux`")?;
        }
        match Watched::new(reactor, numbers, output) {
            Ok(output) => Ok(Self::Own { child, input, output, errors }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error).context("cannot watch `tmux`")
            }
        }
    }

    /// Has the bridge at the other end of `connection`, which does not block, run a client.
    ///
    /// # Errors
    /// When it takes nothing.
    pub fn bridged(
        reactor: &Rc<Reactor>,
        numbers: &mut Numbers,
        connection: OwnedFd,
        session: Option<&str>,
    ) -> anyhow::Result<Self> {
        let connection = UnixStream::from(connection);
        let asked = format!("{}\n", session.unwrap_or_default());
        (&connection).write_all(asked.as_bytes()).context("cannot write to its bridge")?;
        Ok(Self::Bridged(Watched::new(reactor, numbers, connection).context("cannot watch its bridge")?))
    }

    /// Tells whether the reactor's number `id` is this one's.
    pub fn is(&self, id: u64) -> bool {
        match self {
            Self::Own { output, .. } => output.is(id),
            Self::Bridged(connection) => connection.is(id),
        }
    }

    /// Returns the process of a client that we run.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Own { child, .. } => Some(child.id()),
            Self::Bridged(_) => None,
        }
    }

    /// Returns what the client printed as its reason for ending.
    pub fn last_words(&mut self) -> String {
        let text = match self {
            Self::Own { errors, .. } => first_line(errors),
            Self::Bridged(_) => String::new(),
        };
        if text.is_empty() { "its tmux client has ended".to_owned() } else { text }
    }

    /// Lets the client go, which ends it and nothing else.
    pub fn leave(self) -> Leaving {
        match self {
            Self::Own { child, input, output, .. } => Leaving::client(child, input, output),
            Self::Bridged(connection) => Leaving::bridged(connection),
        }
    }
}

impl Read for Line {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Own { output, .. } => output.read(piece),
            Self::Bridged(connection) => (&**connection).read(piece),
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Own { input, .. } => input.write(bytes),
            Self::Bridged(connection) => (&**connection).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the first line that is not empty of what a child has printed so far; `errors` does not block.
pub fn first_line(errors: &mut ChildStderr) -> String {
    let mut bytes = Vec::new();
    // Ends with an error where the pipe is empty and still open: what was read until then counts.
    let _ = errors.take(ERROR_BYTES_MAX).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}
