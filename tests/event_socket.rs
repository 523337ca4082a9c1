//! The event socket with real datagrams: genuine ones, forged ones, floods, and messages that go out.
#![expect(clippy::disallowed_methods, reason = "opens sockets")]

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::time::Duration;

use agent_orchestrator::daemon::event_socket::{DATAGRAMS_MAX, EventSocket, secret};
use agent_orchestrator::daemon::paths::Paths;
use agent_orchestrator::daemon::reactor::{Part, Reactor};
use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::protocol::event::{AgentEvent, DATAGRAM_BYTES_MAX, Post, Sender, Source, Told, datagram};

struct Desk {
    paths: Rc<Paths>,
    reactor: Reactor,
    socket: EventSocket,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let paths = Paths::new(&folder.path().join("agents.toml"), &folder.path().join("logs")).expect("paths");
        let paths = Rc::new(Paths { runtime: folder.path().to_path_buf(), ..paths });
        std::fs::create_dir_all(paths.launch_folder("worker")).expect("a folder");
        let reactor = Reactor::new().expect("epoll");
        let socket = EventSocket::new(&reactor, &paths).expect("a socket");
        Self { paths, reactor, socket, _folder: folder }
    }

    fn sender(&self, run: u64) -> Sender {
        Sender::of(&secret(&self.paths.secret()).expect("read").expect("a secret"), "worker", run)
    }

    fn send(&self, bytes: &[u8]) {
        let client = UnixDatagram::unbound().expect("a socket");
        client.send_to(bytes, self.paths.event_socket()).expect("sent");
    }

    /// One turn: what its descriptors have.
    fn turn(&mut self) -> Vec<Observation> {
        let mut seen = Vec::new();
        for (_, id) in self.reactor.wait(false).expect("waited") {
            self.socket.ready(id, &mut seen);
        }
        seen
    }
}

fn event(told: Told) -> AgentEvent {
    AgentEvent {
        source: Source::ClaudeHook,
        time: "2026-06-13T04:00:00Z".parse().expect("a time"),
        conversation: None,
        told,
    }
}

#[test]
fn genuine_events_are_seen_with_whose_they_are() {
    let mut desk = Desk::open();
    desk.send(&datagram(&desk.sender(3), &[event(Told::Working), event(Told::Idle { ended: true })]));
    let told = |told| Observation::Told { agent: "worker".to_owned(), run: 3, event: event(told) };
    assert_eq!(desk.turn(), [told(Told::Working), told(Told::Idle { ended: true })]);
    assert_eq!(desk.turn(), []);
}

#[test]
fn nobody_speaks_for_another_and_the_first_refusal_is_told() {
    let mut desk = Desk::open();
    let genuine = desk.sender(3);
    let forged = [
        Sender { agent: "other".to_owned(), ..genuine.clone() },
        Sender { run: 4, ..genuine.clone() },
        Sender { proof: "0".repeat(32), ..genuine.clone() },
        Sender { proof: String::new(), ..genuine },
    ];
    for sender in &forged {
        desk.send(&datagram(sender, &[event(Told::Working)]));
    }
    for bytes in [&b"nonsense"[..], b"", b"\xff\xfe", &vec![b'{'; 100_000]] {
        desk.send(bytes);
    }
    let seen = desk.turn();
    assert!(
        matches!(&seen[..], [Observation::Trouble { what }] if what.contains("not from a start of ours")),
        "{seen:?}"
    );
    desk.send(&vec![b' '; DATAGRAM_BYTES_MAX + 10]);
    assert_eq!(desk.turn(), []);
}

#[test]
fn a_flood_is_read_in_pieces() {
    let mut desk = Desk::open();
    let line = datagram(&desk.sender(1), &[event(Told::Working)]);
    let client = UnixDatagram::unbound().expect("a socket");
    client.set_nonblocking(true).expect("set");
    let (mut sent, mut seen, mut turns) = (0, 0, 0);
    while sent < 4 * DATAGRAMS_MAX || seen < sent {
        while sent < 4 * DATAGRAMS_MAX && client.send_to(&line, desk.paths.event_socket()).is_ok() {
            sent += 1;
        }
        let of_turn = desk.turn().len();
        assert!(of_turn <= DATAGRAMS_MAX);
        seen += of_turn;
        turns += 1;
        assert!(turns < 10_000, "{seen} of {sent}");
    }
    assert_eq!(seen, sent, "who sends is told to wait, and nothing is lost");
}

#[test]
fn the_secret_stays_and_the_socket_goes_with_the_supervisor() {
    let desk = Desk::open();
    let (first, paths) = (desk.sender(1), Rc::clone(&desk.paths));
    let mode = |path: std::path::PathBuf| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(paths.event_socket()), mode(paths.secret())), (0o600, 0o600));
    let Desk { socket, _folder, .. } = desk;
    drop(socket);
    assert!(!paths.event_socket().exists());
    std::fs::write(paths.event_socket(), "what a killed one left").expect("written");
    let again = EventSocket::new(&Reactor::new().expect("epoll"), &paths).expect("a socket");
    let kept = secret(&paths.secret()).expect("read").expect("a secret");
    assert!(first.is_genuine(&kept), "agents that run already are known");
    drop(again);
}

#[test]
fn messages_go_out_without_waiting_or_are_said_to_have_failed() {
    let desk = Desk::open();
    let mut seen = Vec::new();
    let post = |text: &str| Post { message: 5, conversation: "ses_1".to_owned(), text: text.to_owned() };
    desk.socket.post("worker", MessageId(5), &post("nobody follows"), &mut seen);
    let mailbox = UnixDatagram::bind(desk.paths.mailbox("worker")).expect("a mailbox");
    mailbox.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    desk.socket.post("worker", MessageId(5), &post(&"x".repeat(DATAGRAM_BYTES_MAX)), &mut seen);
    assert_eq!(seen.len(), 2);
    desk.socket.post("worker", MessageId(5), &post("hello"), &mut seen);
    assert_eq!(seen.len(), 2, "{seen:?}");
    let mut bytes = vec![0; DATAGRAM_BYTES_MAX];
    let count = mailbox.recv(&mut bytes).expect("a message");
    assert_eq!(Post::read(&bytes[..count]), Some(post("hello")));
    let mut posted = 0;
    while seen.len() == 2 {
        desk.socket.post("worker", MessageId(5), &post("and another"), &mut seen);
        posted += 1;
        assert!(posted < 100_000, "a full mailbox blocks nobody");
    }
    mailbox.set_nonblocking(true).expect("set");
    while mailbox.recv(&mut bytes).is_ok() {}
    assert_eq!(mailbox.recv(&mut bytes).expect_err("empty").kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_text_for_one_agent_is_not_led_to_another() {
    let desk = Desk::open();
    std::fs::create_dir_all(desk.paths.launch_folder("other")).expect("a folder");
    let others = UnixDatagram::bind(desk.paths.mailbox("other")).expect("a mailbox");
    others.set_nonblocking(true).expect("set");
    let post = Post { message: 5, conversation: "ses_1".to_owned(), text: "for worker".to_owned() };
    let mailbox = desk.paths.mailbox("worker");
    let mut seen = Vec::new();
    std::os::unix::fs::symlink(desk.paths.mailbox("other"), &mailbox).expect("a link");
    desk.socket.post("worker", MessageId(5), &post, &mut seen);
    assert_eq!(others.recv(&mut [0; 100]).expect_err("nothing comes").kind(), ErrorKind::WouldBlock);
    assert!(matches!(&seen[..], [Observation::PostFailed { why, .. }] if why == "not a socket"), "{seen:?}");
    std::fs::remove_file(&mailbox).expect("removed");
    nix::unistd::mkfifo(&mailbox, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    desk.socket.post("worker", MessageId(5), &post, &mut seen);
    assert_eq!(seen.len(), 2, "{seen:?}");
}
