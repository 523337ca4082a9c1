//! Descriptors that are watched for as long as they live, and what is done with them.

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, Shutdown, SockFlag, SockType, UnixAddr, sockopt};

use crate::daemon::pane::is_bridge;
use crate::daemon::reactor::{Interest, Owner, Reactor};

/// Hands out numbers for the descriptors of one agent: the agent's own number, then a serial one.
#[derive(Debug)]
pub struct Numbers {
    agent: u32,
    serial: u32,
}

impl Numbers {
    /// Begins the numbers of the agent with this number, which is below 2^24.
    pub fn new(agent: u32) -> Self {
        Self { agent, serial: 0 }
    }

    /// Returns the agent whose descriptor has this number.
    pub fn agent(id: u64) -> usize {
        usize::try_from(id >> 32).unwrap_or(usize::MAX)
    }

    fn next(&mut self) -> u64 {
        self.serial = self.serial.wrapping_add(1);
        u64::from(self.agent) << 32 | u64::from(self.serial)
    }
}

/// A descriptor that the reactor watches for reading until it is dropped.
#[derive(Debug)]
pub struct Watched<T: AsFd> {
    reactor: Rc<Reactor>,
    id: u64,
    inner: T,
}

impl<T: AsFd> Watched<T> {
    /// Begins to watch.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new(reactor: &Rc<Reactor>, numbers: &mut Numbers, inner: T) -> io::Result<Self> {
        let id = numbers.next();
        reactor.add(&inner, Owner::Sessions, id, Interest::Read)?;
        Ok(Self { reactor: Rc::clone(reactor), id, inner })
    }

    /// Tells whether the reactor's number `id` is this one.
    pub fn is(&self, id: u64) -> bool {
        self.id == id
    }
}

impl<T: AsFd> AsFd for Watched<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl<T: AsFd> Deref for Watched<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: AsFd> DerefMut for Watched<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: AsFd> Drop for Watched<T> {
    fn drop(&mut self) {
        // Fails only for what is not watched, which cannot be here.
        let _ = self.reactor.remove(&self.inner);
    }
}

/// What a connection to a tmux socket shows, without asking the server anything.
#[derive(Debug, PartialEq, Eq)]
pub enum Server {
    /// Nobody listens; a stale socket of tmux has been removed.
    Gone,
    /// Somebody does, maybe without ever answering; the server's process id where the kernel tells it.
    Listens(Option<i32>),
    /// It cannot be known, and why.
    Unclear(String),
}

/// Looks who listens on `socket`, without waiting.
pub fn server(socket: &Path) -> Server {
    match connect(socket) {
        Ok(probe) => Server::Listens(listener_of(&probe)),
        Err(nobody) => nobody,
    }
}

/// Connects to `socket`, and ends the connection from this side: what is returned becomes readable when the server has
/// taken the connection, seen that nothing comes, and ended it too. One that hangs does so when it goes on.
///
/// # Errors
/// What [`server`] says instead.
pub fn knock(socket: &Path) -> Result<OwnedFd, Server> {
    let knock = connect(socket)?;
    match socket::shutdown(knock.as_raw_fd(), Shutdown::Write) {
        Ok(()) => Ok(knock),
        Err(error) => Err(unclear(socket, error)),
    }
}

/// Returns the process that listens at the other end of a connection, where the kernel tells it.
pub fn listener_of(connection: &impl AsFd) -> Option<i32> {
    let peer = socket::getsockopt(connection, sockopt::PeerCredentials);
    peer.ok().map(|peer| peer.pid()).filter(|pid| *pid > 1)
}

fn unclear(socket: &Path, error: Errno) -> Server {
    Server::Unclear(format!("cannot reach tmux on `{}`: {}", socket.display(), error.desc()))
}

/// Connects to `socket`, without waiting.
///
/// # Errors
/// What [`server`] says instead.
pub fn connect(socket: &Path) -> Result<OwnedFd, Server> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let failed = |error| unclear(socket, error);
    let connection = socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(failed)?;
    let address = UnixAddr::new(socket).map_err(failed)?;
    Err(match socket::connect(connection.as_raw_fd(), &address) {
        Ok(()) => return Ok(connection),
        // Its queue of connections is full: it does not take them, but it is there.
        Err(Errno::EAGAIN) => Server::Listens(None),
        Err(Errno::ENOENT) => Server::Gone,
        // One that has just been made does not listen yet; the next start removes it.
        Err(Errno::ECONNREFUSED) if is_bridge(socket) => Server::Gone,
        Err(Errno::ECONNREFUSED) => match std::fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Server::Unclear(format!("cannot remove stale socket `{}`: {error}", socket.display()))
            }
            Ok(()) | Err(_) => Server::Gone,
        },
        Err(error) => failed(error),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_stale_socket_is_removed_but_no_bridge() {
        let folder = tempfile::tempdir().unwrap();
        for (path, is_kept) in [("tmux/bridge", false), ("launch/bridge/tmux", false), ("launch/a/bridge", true)] {
            let socket = folder.path().join(path);
            std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
            drop(UnixListener::bind(&socket).unwrap());
            assert_eq!(server(&socket), Server::Gone);
            assert_eq!(socket.exists(), is_kept, "{path}");
        }
    }
}
