//! The `bridge` verb: has tmux's clients run as the agent's user for a supervisor of another one.
//!
//! A client of tmux does what its server says: it runs commands and opens files. The server of an agent with a user of its
//! own is that user's to replace; so the client is that user's as well, and the supervisor has the text of control mode.

mod client;

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::stat::{Mode, umask};
use nix::unistd::Uid;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use super::{BRIDGED, own_socket, supervisor};
use crate::daemon::child;
use crate::daemon::sessions::{Server, knock, server, tmux_client};
use client::{Client, Turn};

/// The name of a bridge's socket.
pub const BRIDGE: &str = "bridge";

/// The most connections at a time; the oldest goes for a new one, since one supervisor acts at a time.
const CONNECTIONS_MAX: usize = 16;

/// The longest line by which a client is asked for, bytes.
const ASKED_BYTES_MAX: usize = 256;

/// Lets the supervisor's user speak with clients of the agent's tmux server, until that ends.
///
/// # Errors
/// When it cannot listen: then it ends the server, which is of no use.
pub fn bridge(launch_file: &Path) -> anyhow::Result<()> {
    child::unblock_signals().context("cannot unblock signals")?;
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot end with the tmux server")?;
    if getppid().is_none_or(Pid::is_init) {
        return Ok(());
    }
    let socket = own_socket(launch_file);
    let tell = |words: &[&str]| child::command("tmux").args(["-N", "-S"]).arg(&socket).args(words).status();
    let made = Bridge::new(launch_file);
    let told = if made.is_ok() { tell(&["wait-for", "-S", BRIDGED]) } else { tell(&["kill-server"]) };
    told.context("cannot run `tmux`")?;
    made?.run()
}

/// Who listens, and who has connected.
#[derive(Debug)]
struct Bridge {
    listener: UnixListener,
    /// The tmux server's.
    socket: PathBuf,
    supervisor: Uid,
    connections: Vec<Connection>,
    /// No descriptor is left for one more connection, until one goes.
    is_full: bool,
}

/// A supervisor, and how far it is.
#[derive(Debug)]
enum Connection {
    /// It has not said what it wants.
    New { stream: UnixStream, said: Vec<u8> },
    /// It wants to know whether the server takes connections, and waits until it has taken this one and let it go.
    Knocks { stream: UnixStream, server: OwnedFd },
    /// It wants a client of this session, or of any.
    Asks { stream: UnixStream, session: String },
    /// It has one.
    Has(Client),
}

/// What becomes of a connection.
enum Next {
    Stays(Connection),
    Goes,
    /// The tmux server has gone.
    Ends,
}

impl Bridge {
    fn new(launch_file: &Path) -> anyhow::Result<Self> {
        let path = super::bridge(launch_file);
        // The group is the supervisor's by the folder's; who else is in it is kept out by who connects.
        let before = umask(Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IRWXO);
        let bound = UnixListener::bind(&path);
        umask(before);
        let listener = bound.with_context(|| format!("cannot listen on `{}`", path.display()))?;
        listener.set_nonblocking(true).context("cannot set up a socket")?;
        let (socket, supervisor) = (own_socket(launch_file), supervisor(launch_file)?);
        Ok(Self { listener, socket, supervisor, connections: Vec::new(), is_full: false })
    }

    fn run(mut self) -> anyhow::Result<()> {
        loop {
            let waited = self.connections.iter().flat_map(Connection::waits_for);
            let listener = (!self.is_full).then(|| PollFd::new(self.listener.as_fd(), PollFlags::POLLIN));
            let mut waited: Vec<_> = waited.map(|(fd, flags)| PollFd::new(fd, flags)).chain(listener).collect();
            match poll(&mut waited, PollTimeout::NONE) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error).context("cannot wait"),
            }
            self.let_in();
            let before = self.connections.len();
            for connection in std::mem::take(&mut self.connections) {
                match connection.advance(&self.socket) {
                    Next::Stays(connection) => self.connections.push(connection),
                    Next::Goes => {}
                    // The listener goes first: who sees its connection end finds nobody listening.
                    Next::Ends => {
                        drop(self.listener);
                        return Ok(());
                    }
                }
            }
            self.serve();
            self.is_full &= self.connections.len() == before;
        }
    }

    /// Takes a connection of the supervisor's.
    fn let_in(&mut self) {
        let accepted = self.listener.accept();
        let has_no_descriptor = |error: &std::io::Error| error.raw_os_error() == Some(nix::errno::Errno::EMFILE as i32);
        self.is_full = !self.connections.is_empty() && accepted.as_ref().is_err_and(has_no_descriptor);
        // What cannot be accepted has gone again, or comes with another turn.
        let Ok((stream, _)) = accepted else { return };
        let is_supervisors =
            getsockopt(&stream, PeerCredentials).is_ok_and(|peer| Uid::from_raw(peer.uid()) == self.supervisor);
        if !is_supervisors || stream.set_nonblocking(true).is_err() {
            return;
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            let is_idle = |of: &Connection| !matches!(of, Connection::Has(_));
            self.connections.remove(self.connections.iter().position(is_idle).unwrap_or_default());
        }
        self.connections.push(Connection::New { stream, said: Vec::new() });
    }

    /// Gives the last who asks a client, when the server has let go the one before: tmux 3.3a crashes when it tells of a
    /// client that goes while another one is half introduced.
    fn serve(&mut self) {
        let Some(last) = self.connections.iter().rposition(|of| matches!(of, Connection::Asks { .. })) else { return };
        let mut has_one = false;
        for connection in &mut self.connections {
            if let Connection::Has(client) = connection {
                client.leave();
                has_one = true;
            }
        }
        if has_one {
            return;
        }
        if let Connection::Asks { stream, session } = self.connections.remove(last) {
            let session = Some(session.as_str()).filter(|session| !session.is_empty());
            // Without a client the supervisor sees its connection end.
            let client = Client::new(stream, tmux_client(&self.socket, session));
            self.connections.extend(client.ok().map(Connection::Has));
        }
    }
}

impl Connection {
    fn waits_for(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::New { stream, .. } | Self::Asks { stream, .. } => vec![(stream.as_fd(), PollFlags::POLLIN)],
            Self::Knocks { stream, server } => {
                // Of who knocks the end is told without being asked for, when both of its sides have ended.
                vec![(stream.as_fd(), PollFlags::empty()), (server.as_fd(), PollFlags::POLLIN)]
            }
            Self::Has(client) => client.waits_for(),
        }
    }

    fn advance(self, socket: &Path) -> Next {
        match self {
            Self::New { stream, said } => hear(stream, said, socket),
            Self::Knocks { stream, server } if has_gone(&stream) || is_readable(&server) => Next::Goes,
            // It has gone, or does not wait until it is answered.
            Self::Asks { stream, .. } if is_readable(&stream) => Next::Goes,
            same @ (Self::Knocks { .. } | Self::Asks { .. }) => Next::Stays(same),
            Self::Has(mut client) => match client.advance() {
                Turn::GoesOn => Next::Stays(Self::Has(client)),
                Turn::WasLetGo => Next::Goes,
                Turn::Ended if server(socket) != Server::Gone => Next::Goes,
                Turn::Ended => Next::Ends,
            },
        }
    }
}

/// Hears what a supervisor wants: one line names a session, and one that says nothing knocks.
fn hear(stream: UnixStream, mut said: Vec<u8>, socket: &Path) -> Next {
    let mut piece = [0; ASKED_BYTES_MAX];
    let room = ASKED_BYTES_MAX - said.len();
    match (&stream).read(&mut piece[..room]) {
        Ok(0) if said.is_empty() => {}
        Ok(0) => return Next::Goes,
        Ok(count) => {
            said.extend_from_slice(&piece[..count]);
            return match said.strip_suffix(b"\n").map(|line| String::from_utf8(line.to_vec())) {
                Some(Ok(session)) => Next::Stays(Connection::Asks { stream, session }),
                None if said.len() < ASKED_BYTES_MAX => Next::Stays(Connection::New { stream, said }),
                Some(Err(_)) | None => Next::Goes,
            };
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            return Next::Stays(Connection::New { stream, said });
        }
        Err(_) => return Next::Goes,
    }
    match knock(socket) {
        Ok(server) => Next::Stays(Connection::Knocks { stream, server }),
        Err(Server::Gone) => Next::Ends,
        // The server hangs, which who asks for a client finds as well.
        Err(Server::Listens(_) | Server::Unclear(_)) => Next::Goes,
    }
}

/// Tells whether there is something to read, or nothing will ever be.
fn is_readable(end: impl AsFd) -> bool {
    poll(&mut [PollFd::new(end.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(1)
}

/// Tells whether the other end is no more, in both directions.
fn has_gone(stream: &UnixStream) -> bool {
    poll(&mut [PollFd::new(stream.as_fd(), PollFlags::empty())], PollTimeout::ZERO) == Ok(1)
}
