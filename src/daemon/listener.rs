//! The control socket: takes requests, gives answers, never waits for anybody.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::clock;
use super::paths::{Manager, Paths};
use super::peer::{Peer, Peers};
use super::reactor::{Interest, Owner, Part, Reactor};
use crate::policy::now::Mono;
use crate::policy::observation::Observation;
use crate::policy::request::{Reason, Reply, RequestId};
use crate::protocol::control::{Arrival, Incoming, REQUEST_BYTES_MAX, not_understood, parse_request, reply_line};

/// The most connections at once; who comes beyond is told so.
pub const CONNECTIONS_MAX: usize = 64;

/// A client must have asked after this time, and must have read its answer this time after it was given.
pub const CLIENT_SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long nobody is accepted after the process ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;

/// The listening socket's own number; connections count from 1.
const SOCKET_ID: u64 = 0;

/// The control socket and its connections.
#[derive(Debug)]
pub struct Listener {
    reactor: Rc<Reactor>,
    socket: UnixListener,
    path: PathBuf,
    peers: Peers,
    paused_until: Option<Mono>,
    connections: BTreeMap<u64, Connection>,
    last_id: u64,
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    peer: Peer,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The request comes in.
    Asking { line: Incoming, until: Mono },
    /// The supervisor has it.
    Waiting,
    /// The answer goes out.
    Answering { rest: Vec<u8>, until: Mono },
}

impl Listener {
    /// Binds the fleet's control socket: for its own user, under systemd for its group as well. The caller holds the fleet's lock, so a socket that is there
    /// already belongs to a dead supervisor and is removed.
    ///
    /// # Errors
    /// When it cannot be bound or watched.
    pub fn new(reactor: Rc<Reactor>, paths: &Paths) -> anyhow::Result<Self> {
        let path = paths.control_socket();
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error).with_context(|| format!("cannot remove the old socket `{}`", path.display()));
        }
        let mode = match paths.manager {
            Manager::AdHoc => 0o600,
            Manager::Systemd => 0o660,
        };
        let bind = || -> io::Result<UnixListener> {
            let socket = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, Permissions::from_mode(mode))?;
            socket.set_nonblocking(true)?;
            reactor.add(&socket, Owner::Listener, SOCKET_ID, Interest::Read)?;
            Ok(socket)
        };
        let socket = bind().with_context(|| format!("cannot listen on `{}`", path.display()))?;
        let (peers, connections) = (Peers::new(paths), BTreeMap::new());
        Ok(Self { reactor, socket, path, peers, paused_until: None, connections, last_id: SOCKET_ID })
    }

    /// Answers a request and closes its connection once the answer is out; nothing happens if the client has gone.
    pub fn answer(&mut self, id: RequestId, reply: &Reply) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if !matches!(connection.stage, Stage::Waiting) {
            return;
        }
        connection.stage = Stage::Answering { rest: reply_line(reply), until: clock::mono() + CLIENT_SILENCE_MAX };
        self.write(id.0);
    }

    /// Returns whether an answer is not yet out.
    pub fn has_answers_pending(&self) -> bool {
        self.connections.values().any(|connection| matches!(connection.stage, Stage::Answering { .. }))
    }

    /// Writes out the answers that were given, for at most `max`; only for the end of the supervisor.
    pub fn flush(&mut self, max: Duration) {
        let until = clock::mono() + max;
        while self.has_answers_pending() {
            let left = until.since(clock::mono());
            if left.is_zero() {
                return;
            }
            let answering: Vec<u64> = self
                .connections
                .iter()
                .filter(|(_, connection)| matches!(connection.stage, Stage::Answering { .. }))
                .map(|(id, _)| *id)
                .collect();
            let mut waited: Vec<PollFd> = answering
                .iter()
                .map(|id| PollFd::new(self.connections[id].stream.as_fd(), PollFlags::POLLOUT))
                .collect();
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut waited, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return,
            }
            for id in answering {
                self.write(id);
            }
        }
    }

    fn accept(&mut self) {
        for _ in 0..CONNECTIONS_MAX {
            match self.socket.accept() {
                Ok((stream, _)) => self.welcome(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    // Out of descriptors: the socket stays readable, so it must not be waited for.
                    if self.reactor.remove(&self.socket).is_ok() {
                        self.paused_until = Some(clock::mono() + ACCEPT_PAUSE);
                    }
                    return;
                }
            }
        }
    }

    fn welcome(&mut self, mut stream: UnixStream) {
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            let reply = Reply::Failed {
                reason: Reason::Unanswered,
                error: format!("the supervisor has {CONNECTIONS_MAX} connections already"),
                hint: Some("end some of the programs that wait for it".to_owned()),
            };
            // A fresh socket has room for these few bytes; who has gone meanwhile misses nothing.
            let _ = stream.write(&reply_line(&reply));
            return;
        }
        self.last_id += 1;
        if self.reactor.add(&stream, Owner::Listener, self.last_id, Interest::Read).is_err() {
            return;
        }
        let stage = Stage::Asking { line: Incoming::new(REQUEST_BYTES_MAX), until: clock::mono() + CLIENT_SILENCE_MAX };
        let peer = Peer::of(&stream);
        self.connections.insert(self.last_id, Connection { stream, peer, stage });
    }

    fn read(&mut self, id: u64, seen: &mut Vec<Observation>) {
        let mut buffer = [0; READ_BYTES];
        loop {
            let Some(connection) = self.connections.get_mut(&id) else { return };
            let count = match connection.stream.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            match &mut connection.stage {
                Stage::Asking { .. } if count == 0 => return self.close(id),
                Stage::Asking { line, .. } => {
                    let arrival = line.push(&buffer[..count]);
                    self.arrived(id, arrival, seen);
                }
                Stage::Waiting if count > 0 && buffer[..count].iter().all(u8::is_ascii_whitespace) => return,
                Stage::Waiting => {
                    seen.push(Observation::RequestGone { id: RequestId(id) });
                    return self.close(id);
                }
                Stage::Answering { .. } => return,
            }
        }
    }

    fn arrived(&mut self, id: u64, arrival: Arrival, seen: &mut Vec<Observation>) {
        let refusal = match arrival {
            Arrival::Partial => return,
            Arrival::Whole(line) => match parse_request(&line) {
                Ok(request) => {
                    let Some(connection) = self.connections.get_mut(&id) else { return };
                    connection.stage = Stage::Waiting;
                    let asker = self.peers.asker(&connection.peer);
                    seen.push(Observation::Request { id: RequestId(id), asker, request });
                    return;
                }
                Err(reply) => *reply,
            },
            Arrival::TooLong => not_understood(format!("the request is longer than {REQUEST_BYTES_MAX} bytes"), None),
            Arrival::Surplus => not_understood("one connection takes one request".to_owned(), None),
        };
        self.set_stage(id, Stage::Waiting);
        self.answer(RequestId(id), &refusal);
    }

    fn set_stage(&mut self, id: u64, stage: Stage) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.stage = stage;
        }
    }

    fn write(&mut self, id: u64) {
        let Some(Connection { stream, stage: Stage::Answering { rest, .. }, .. }) = self.connections.get_mut(&id)
        else {
            return;
        };
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(count) if count > 0 => drop(rest.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.reactor.change(&*stream, Owner::Listener, id, Interest::Write).is_err() {
                        self.close(id);
                    }
                    return;
                }
                Ok(_) | Err(_) => break,
            }
        }
        self.close(id);
    }

    fn close(&mut self, id: u64) {
        if let Some(connection) = self.connections.remove(&id) {
            // The kernel forgets a closed descriptor by itself; a failure here changes nothing.
            let _ = self.reactor.remove(&connection.stream);
        }
    }
}

impl Part for Listener {
    fn ready(&mut self, id: u64, seen: &mut Vec<Observation>) {
        if id == SOCKET_ID {
            return self.accept();
        }
        match self.connections.get(&id).map(|connection| &connection.stage) {
            Some(Stage::Asking { .. } | Stage::Waiting) => self.read(id, seen),
            Some(Stage::Answering { .. }) => self.write(id),
            None => {}
        }
    }

    fn deadline(&self) -> Option<Mono> {
        let clients = self.connections.values().filter_map(|connection| match &connection.stage {
            Stage::Asking { until, .. } | Stage::Answering { until, .. } => Some(*until),
            Stage::Waiting => None,
        });
        clients.chain(self.paused_until).min()
    }

    fn expire(&mut self, now: Mono, _seen: &mut Vec<Observation>) {
        if self.paused_until.is_some_and(|until| until <= now) {
            let watched = self.reactor.add(&self.socket, Owner::Listener, SOCKET_ID, Interest::Read);
            self.paused_until = watched.is_err().then(|| now + ACCEPT_PAUSE);
        }
        let late: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| match &connection.stage {
                Stage::Asking { until, .. } | Stage::Answering { until, .. } => *until <= now,
                Stage::Waiting => false,
            })
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            self.close(id);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
