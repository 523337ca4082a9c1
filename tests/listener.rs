//! The control socket with real clients: slow ones, rude ones, many at once.
#![expect(clippy::disallowed_methods)]

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use agent_orchestrator::daemon::clock;
use agent_orchestrator::daemon::listener::{CLIENT_SILENCE_MAX, CONNECTIONS_MAX, Listener};
use agent_orchestrator::daemon::paths::{Manager, Paths};
use agent_orchestrator::daemon::reactor::{Part, Reactor};
use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::policy::request::{Asker, Reason, Reply, Request, RequestId};
use agent_orchestrator::protocol::control::{REQUEST_BYTES_MAX, parse_reply, request_line};

/// No test waits longer for anything.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Larger than what a socket holds.
const LARGE_BYTES: usize = 3 << 20;

struct Desk {
    _folder: tempfile::TempDir,
    paths: Paths,
    reactor: Rc<Reactor>,
    listener: Listener,
}

impl Desk {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let at = |name: &str| folder.path().join(name);
        let (config, runtime) = (at("agents.toml"), folder.path().into());
        let paths = Paths { config, runtime, state: at("state"), logs: at("logs"), manager: Manager::AdHoc };
        let reactor = Rc::new(Reactor::new().expect("epoll"));
        let listener = Listener::new(Rc::clone(&reactor), &paths).expect("a socket");
        Self { _folder: folder, paths, reactor, listener }
    }

    fn connect(&self) -> UnixStream {
        let client = UnixStream::connect(self.paths.control_socket()).expect("connected");
        client.set_read_timeout(Some(WAIT_MAX)).expect("set");
        client
    }

    /// Connects, asks for the status and returns the request's id.
    fn ask(&mut self) -> (UnixStream, RequestId) {
        let mut client = self.connect();
        client.write_all(&request_line(&Request::Status)).expect("sent");
        let id = asked(&self.turn())[0].0;
        (client, id)
    }

    /// Lets the listener work until no descriptor is ready.
    fn turn(&mut self) -> Vec<Observation> {
        let mut seen = Vec::new();
        loop {
            let ready = self.reactor.wait(false).expect("waited");
            if ready.is_empty() {
                return seen;
            }
            for (_, id) in ready {
                self.listener.ready(id, &mut seen);
            }
        }
    }
}

fn done(text: &str) -> Reply {
    Reply::Done { lines: vec![text.to_owned()] }
}

fn answer_of(mut client: &UnixStream) -> Reply {
    let mut line = Vec::new();
    client.read_to_end(&mut line).expect("an answer, then the end");
    parse_reply(&line).expect("a reply")
}

fn usage_error(client: &UnixStream) -> String {
    let answer = answer_of(client);
    let Reply::Failed { reason: Reason::Usage, error, .. } = answer else { panic!("{answer:?}") };
    error
}

fn asked(seen: &[Observation]) -> Vec<(RequestId, Request)> {
    let pick = |one: &Observation| {
        if let Observation::Request { id, asker: Asker::Person, request } = one {
            Some((*id, request.clone()))
        } else {
            None
        }
    };
    seen.iter().filter_map(pick).collect()
}

#[test]
fn the_socket_is_private_and_a_dead_supervisors_one_is_replaced() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let paths = Paths { runtime: folder.path().into(), ..Desk::open().paths.clone() };
    drop(UnixListener::bind(paths.control_socket()).expect("a stale socket"));
    assert!(UnixStream::connect(paths.control_socket()).is_err());

    let listener = Listener::new(Rc::new(Reactor::new().expect("epoll")), &paths).expect("bound again");
    let mode = std::fs::metadata(paths.control_socket()).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    UnixStream::connect(paths.control_socket()).expect("alive");
    drop(listener);
    assert!(!paths.control_socket().exists(), "the end takes the socket away");
}

#[test]
fn two_who_ask_in_pieces_get_their_own_answers_in_any_order() {
    let mut desk = Desk::open();
    let (mut first, mut second) = (desk.connect(), desk.connect());
    let status = request_line(&Request::Status);
    let show = request_line(&Request::PhaseShow { in_loop: None });
    first.write_all(&status[..5]).expect("sent");
    second.write_all(&show[..9]).expect("sent");
    assert_eq!(desk.turn(), []);
    second.write_all(&show[9..]).expect("sent");
    let shown = asked(&desk.turn());
    first.write_all(&status[5..]).expect("sent");
    let pictured = asked(&desk.turn());
    assert_eq!(shown[0].1, Request::PhaseShow { in_loop: None });
    assert_eq!(pictured[0].1, Request::Status);

    desk.listener.answer(pictured[0].0, &done("first"));
    desk.listener.answer(shown[0].0, &done("second"));
    assert_eq!(answer_of(&first), done("first"));
    assert_eq!(answer_of(&second), done("second"));
    desk.listener.answer(shown[0].0, &done("nobody is there any more"));
    assert_eq!(desk.turn(), []);
}

#[test]
fn who_hangs_up_before_the_answer_takes_the_request_back() {
    let mut desk = Desk::open();
    let (client, id) = desk.ask();
    drop(client);
    assert_eq!(desk.turn(), [Observation::RequestGone { id }]);

    let mut hasty = desk.connect();
    hasty.write_all(&request_line(&Request::Status)).expect("sent");
    drop(hasty);
    let seen = desk.turn();
    let id = asked(&seen)[0].0;
    assert_eq!(seen[1..], [Observation::RequestGone { id }]);

    let silent = desk.connect();
    assert_eq!(desk.turn(), []);
    drop(silent);
    assert_eq!(desk.turn(), [], "who never asked is nobody's matter");
    assert_eq!(desk.listener.deadline(), None, "and nothing is left of anybody");
}

#[test]
fn garbage_is_answered_and_never_seen_by_the_supervisor() {
    let mut desk = Desk::open();
    for garbage in [&b"\n"[..], b"hello\n", b"\xff\x00\xfe\n", b"{\"request\":\"dance\"}\n"] {
        let mut client = desk.connect();
        client.write_all(garbage).expect("sent");
        assert_eq!(desk.turn(), []);
        let error = usage_error(&client);
        assert!(error.starts_with("cannot read request"), "{garbage:?}: {error}");
    }
    let mut client = desk.connect();
    client.write_all(&request_line(&Request::Status).repeat(2)).expect("sent");
    assert_eq!(desk.turn(), []);
    assert_eq!(usage_error(&client), "one connection takes one request");
}

#[test]
fn a_line_of_1_mib_passes_and_a_byte_more_does_not() {
    let request = |bytes: usize| {
        let text = "x".repeat(bytes);
        Request::Send { name: "builder".to_owned(), text, wait: Duration::ZERO, queue: true }
    };
    let room = REQUEST_BYTES_MAX - request_line(&request(0)).len();
    for (bytes, passes) in [(room, true), (room + 1, false)] {
        let mut desk = Desk::open();
        let mut client = desk.connect();
        client.set_nonblocking(true).expect("set");
        let (line, mut sent, mut seen) = (request_line(&request(bytes)), 0, Vec::new());
        let until = Instant::now() + WAIT_MAX;
        while sent < line.len() && Instant::now() < until {
            match client.write(&line[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => seen.extend(desk.turn()),
                Err(error) => panic!("{error}"),
            }
        }
        seen.extend(desk.turn());
        client.set_nonblocking(false).expect("set");
        if passes {
            assert_eq!(asked(&seen)[0].1, request(bytes));
        } else {
            assert_eq!(seen, []);
            assert_eq!(usage_error(&client), "the request is longer than 1048576 bytes");
        }
    }
}

#[test]
fn an_answer_larger_than_the_sockets_buffer_goes_out_as_it_is_read() {
    let mut desk = Desk::open();
    let (mut client, id) = desk.ask();
    let reply = done(&"y".repeat(LARGE_BYTES));
    desk.listener.answer(id, &reply);
    assert!(desk.listener.has_answers_pending());

    client.set_nonblocking(true).expect("set");
    let (mut line, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    let until = Instant::now() + WAIT_MAX;
    while Instant::now() < until {
        match client.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => line.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => assert_eq!(desk.turn(), []),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(parse_reply(&line), Ok(reply));
    assert!(!desk.listener.has_answers_pending());
}

#[test]
fn the_last_answers_are_flushed_within_a_bound() {
    let mut desk = Desk::open();
    let (client, id) = desk.ask();
    desk.listener.answer(id, &done(&"y".repeat(LARGE_BYTES)));
    desk.listener.flush(Duration::from_millis(20));
    assert!(desk.listener.has_answers_pending(), "nobody reads: it is given up");

    client.shutdown(Shutdown::Both).expect("closed");
    desk.listener.flush(WAIT_MAX);
    assert!(!desk.listener.has_answers_pending(), "who has gone is not waited for");
}

#[test]
fn who_says_nothing_is_dropped_and_who_waits_for_an_answer_is_not() {
    let mut desk = Desk::open();
    let (patient, id) = desk.ask();
    let mut silent = desk.connect();
    assert_eq!(desk.turn(), []);
    let now = clock::mono();
    assert!(desk.listener.deadline().is_some_and(|deadline| deadline <= now + CLIENT_SILENCE_MAX));

    desk.listener.expire(now, &mut Vec::new());
    assert!(desk.listener.deadline().is_some(), "not before its time");
    desk.listener.expire(now + CLIENT_SILENCE_MAX, &mut Vec::new());
    assert_eq!(silent.read_to_end(&mut Vec::new()).expect("the end"), 0);
    assert_eq!(desk.listener.deadline(), None);

    desk.listener.answer(id, &done("at last"));
    assert_eq!(answer_of(&patient), done("at last"));
}

#[test]
fn who_comes_beyond_the_bound_is_told_so_and_the_next_is_welcome() {
    let mut desk = Desk::open();
    let mut clients: Vec<UnixStream> = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        clients.push(desk.connect());
        assert_eq!(desk.turn(), []);
    }
    let late = desk.connect();
    assert_eq!(desk.turn(), []);
    assert!(matches!(answer_of(&late), Reply::Failed { reason: Reason::Unanswered, .. }));

    clients.pop();
    assert_eq!(desk.turn(), []);
    desk.ask();
}
