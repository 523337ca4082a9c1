//! An agent whose program serves: its server is followed by a child of the pane, and takes messages.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use super::config;
use super::fleet::agents::SERVED_BACKEND;
use super::fleet::{TestFleet, arguments, kill_and_wait, until};
use super::loopback::{STREAM_HEAD, answer, chunk, request};

/// A fleet of one agent, and the server that it is told to have, followed.
struct Served {
    fleet: TestFleet,
    server: TcpListener,
    events: TcpStream,
}

impl Served {
    fn up() -> Self {
        let fleet = TestFleet::new(&config(&format!(
            "{SERVED_BACKEND}[[agent]]\nname = 'one'\nbackend = 'served'\nprompt = 'begin'\nwatch = 'heal'\n"
        )));
        fleet.run(&["up"]).good();
        let text = fleet.until_file_has("arguments.txt", "--port ");
        let port: u16 = text.trim().rsplit(' ').next().and_then(|port| port.parse().ok()).expect("a port");
        fleet.until_file_has("received.txt", "Your instructions for this run");
        let server = TcpListener::bind(("127.0.0.1", port)).expect("bound");
        let (mut events, _) = server.accept().expect("a follower");
        assert!(request(&mut events).0.starts_with("GET /event "));
        events.write_all(STREAM_HEAD.as_bytes()).expect("written");
        let (mut sessions, _) = server.accept().expect("a follower");
        request(&mut sessions);
        answer(&mut sessions, "200 OK", "{}");
        Self { fleet, server, events }
    }

    /// The program tells what its session does.
    fn status(&mut self, word: &str) {
        let event =
            format!(r#"{{"type":"session.status","properties":{{"sessionID":"ses_1","status":{{"type":"{word}"}}}}}}"#);
        chunk(&mut self.events, &event);
    }

    /// Processes of the fleet that follow a server.
    fn followers(&self) -> usize {
        let follows = |pid: &&i32| arguments(**pid).contains(" hook --from opencode --follow ");
        self.fleet.processes().iter().filter(follows).count()
    }
}

#[test]
fn its_state_comes_by_the_stream_and_messages_go_by_its_interface() {
    let mut served = Served::up();
    served.status("busy");
    served.fleet.until_state("one", "working");
    served.status("idle");
    served.fleet.until_state("one", "idle");
    served.fleet.tmux("one", &["send-keys", "-l", "half a line of a person"]);

    let sent = served.fleet.begin(&["send", "one", "by the interface"]);
    let (mut prompt, _) = served.server.accept().unwrap();
    let (head, body) = request(&mut prompt);
    assert!(head.starts_with("POST /session/ses_1/prompt_async "), "{head}");
    assert_eq!(body.pointer("/parts/0/text").unwrap(), "by the interface");
    answer(&mut prompt, "204 No Content", "");
    assert_eq!(sent.end().good(), "message m2 delivered\n");
    assert!(served.fleet.screen("one").contains("> half a line of a person"), "which nobody has touched");
    assert!(!served.fleet.read("received.txt").contains("by the interface"));
}

#[test]
fn its_follower_ends_with_it_and_comes_again_with_the_next_one() {
    let served = Served::up();
    assert_eq!(served.followers(), 1);
    kill_and_wait(served.fleet.pane_pid("one"));
    served.fleet.until_event_that("started", Some("one"), |event| event.text == "started (run 2)");
    until("the old follower's end", || served.followers() == 1);
    served.fleet.run(&["down", "one"]).good();
    assert_eq!(served.followers(), 0);
}
