//! The event socket: what the agents' own programs tell comes in, messages for the programs that take them go out.

use std::fs::Permissions;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context;
use rustix::fs::{FileType, Mode, OFlags};

use super::paths::{Manager, Paths};
use super::reactor::{Interest, Owner, Part, Reactor};
use super::state_file::replace;
use crate::policy::message::MessageId;
use crate::policy::now::Mono;
use crate::policy::observation::Observation;
use crate::protocol::event::{self, DATAGRAM_BYTES_MAX, Post, SECRET_BYTES};

/// Datagrams that one turn reads; what is left makes the next turn.
pub const DATAGRAMS_MAX: usize = 64;

/// The one descriptor's number.
const SOCKET_ID: u64 = 0;

/// The socket, and the secret by which an agent's processes prove who they are.
#[derive(Debug)]
pub struct EventSocket {
    socket: UnixDatagram,
    path: PathBuf,
    paths: Rc<Paths>,
    secret: [u8; SECRET_BYTES],
    buffer: Vec<u8>,
    /// A datagram was refused; it is told once.
    has_refused: bool,
}

impl EventSocket {
    /// Binds the fleet's event socket for its own user, under systemd for its group as well: agents may have users of
    /// their own. The caller holds the fleet's lock, so a socket that is there already belongs to a dead supervisor.
    ///
    /// # Errors
    /// When it cannot be bound or watched, or there is no secret.
    pub fn new(reactor: &Reactor, paths: &Rc<Paths>) -> anyhow::Result<Self> {
        let path = paths.event_socket();
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error).with_context(|| format!("cannot remove the old socket `{}`", path.display()));
        }
        let secret = make_secret(&paths.secret())?;
        let mode = match paths.manager {
            Manager::AdHoc => 0o600,
            Manager::Systemd => 0o660,
        };
        let bind = || -> io::Result<UnixDatagram> {
            let socket = UnixDatagram::bind(&path)?;
            std::fs::set_permissions(&path, Permissions::from_mode(mode))?;
            socket.set_nonblocking(true)?;
            reactor.add(&socket, Owner::EventSocket, SOCKET_ID, Interest::Read)?;
            Ok(socket)
        };
        let socket = bind().with_context(|| format!("cannot listen on `{}`", path.display()))?;
        let buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
        Ok(Self { socket, path, paths: Rc::clone(paths), secret, buffer, has_refused: false })
    }

    /// Hands a message to who follows the agent's program, without waiting.
    pub fn post(&self, agent: &str, message: MessageId, post: &Post, seen: &mut Vec<Observation>) {
        let sent = match post.datagram() {
            Some(datagram) => self.send(&datagram, &self.paths.mailbox(agent)).map_err(|error| error.to_string()),
            None => Err(format!("longer than {DATAGRAM_BYTES_MAX} bytes")),
        };
        if let Err(why) = sent {
            seen.push(Observation::PostFailed { agent: agent.to_owned(), message, why });
        }
    }

    /// Sends to the very socket that the agent's folder holds: a link there may lead to another agent's.
    fn send(&self, datagram: &[u8], mailbox: &Path) -> io::Result<usize> {
        let held = rustix::fs::open(mailbox, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        if !FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode).is_socket() {
            return Err(io::Error::other("not a socket"));
        }
        self.socket.send_to(datagram, format!("/proc/self/fd/{}", held.as_raw_fd()))
    }

    fn take(&mut self, count: usize, seen: &mut Vec<Observation>) {
        let events = event::read(&self.buffer[..count]).and_then(|events| {
            let is_genuine = events.iter().all(|(sender, _)| sender.is_genuine(&self.secret));
            if is_genuine { Ok(events) } else { Err("not from a start of ours".to_owned()) }
        });
        match events {
            Ok(events) => seen.extend(events.into_iter().map(|(sender, event)| Observation::Told {
                agent: sender.agent,
                run: sender.run,
                event,
            })),
            Err(why) if !self.has_refused => {
                self.has_refused = true;
                let what = format!("an event was refused, as further ones may be without a word: {why}");
                seen.push(Observation::Trouble { what });
            }
            Err(_) => {}
        }
    }
}

impl Part for EventSocket {
    fn ready(&mut self, _id: u64, seen: &mut Vec<Observation>) {
        for _ in 0..DATAGRAMS_MAX {
            match self.socket.recv(&mut self.buffer) {
                Ok(count) => self.take(count, seen),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn deadline(&self) -> Option<Mono> {
        None
    }

    fn expire(&mut self, _now: Mono, _seen: &mut Vec<Observation>) {}
}

impl Drop for EventSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Reads the fleet's secret, `None` where there is none or it was cut.
///
/// # Errors
/// When it is there and cannot be read.
pub fn secret(path: &Path) -> io::Result<Option<[u8; SECRET_BYTES]>> {
    let mut secret = [0; SECRET_BYTES];
    match std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut secret)) {
        Ok(()) => Ok(Some(secret)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the fleet's secret, or makes one: agents that run already hold proofs of the one that is there.
fn make_secret(path: &Path) -> anyhow::Result<[u8; SECRET_BYTES]> {
    if let Some(secret) = secret(path).with_context(|| format!("cannot read `{}`", path.display()))? {
        return Ok(secret);
    }
    let mut secret = [0; SECRET_BYTES];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut secret))
        .context("cannot read `/dev/urandom`")?;
    replace(path, &secret).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(secret)
}
