//! `hook` as the agents' programs start it: what reaches the event socket, and what nobody notices.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs the program; a test may panic")]

mod loopback;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use agent_orchestrator::protocol::event::{
    DATAGRAM_BYTES_MAX, Post, Posted, SECRET_BYTES, SENDER_VARIABLE, SOCKET_VARIABLE, Sender, Source, Told, read,
};
use loopback::{STREAM_HEAD, answer, chunk, request};

/// The longest that a test waits for anything.
const WAIT_MAX: Duration = Duration::from_secs(20);

const PROMPT: &str = r#"{"session_id":"e1","hook_event_name":"UserPromptSubmit","prompt":"do it"}"#;

/// A runtime folder with a supervisor's socket in it.
struct Desk {
    folder: tempfile::TempDir,
    socket: UnixDatagram,
    sender: Sender,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("launch/worker")).unwrap();
        std::fs::create_dir_all(folder.path().join("home/.claude")).unwrap();
        let socket = UnixDatagram::bind(folder.path().join("events")).unwrap();
        socket.set_read_timeout(Some(WAIT_MAX)).unwrap();
        Self { folder, socket, sender: Sender::of(&[1; SECRET_BYTES], "worker", 2) }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
        command.arg("hook").args(arguments).env("HOME", self.at("home")).env_remove("CLAUDE_CONFIG_DIR");
        command.env(SOCKET_VARIABLE, self.at("events")).env(SENDER_VARIABLE, self.sender.to_variable());
        command
    }

    /// Runs a hook with this on its standard input.
    fn hook(&self, arguments: &[&str], handed: &str) -> Output {
        handed_to(&mut self.command(arguments), handed)
    }

    /// Returns what the next datagram tells.
    fn told(&self) -> Vec<Told> {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        let count = self.socket.recv(&mut datagram).expect("a datagram");
        let events = read(&datagram[..count]).expect("events");
        assert!(events.iter().all(|(sender, _)| *sender == self.sender), "{events:?}");
        events.into_iter().map(|(_, event)| event.told).collect()
    }
}

fn handed_to(command: &mut Command, handed: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may not want to read it.
    let _ = child.stdin.take().unwrap().write_all(handed.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn assert_silent(output: &Output) {
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_hook_tells_the_supervisor_and_nobody_else() {
    let desk = Desk::new();
    assert_silent(&desk.hook(&["--from", "claude"], PROMPT));
    let expected =
        [Told::Receipt { text: "do it".into() }, Told::Working, Told::Conversation { id: "e1".into() }].to_vec();
    assert_eq!(desk.told(), expected);

    let notification = r#"{"type":"agent-turn-complete","thread-id":"t1","input-messages":["do it"]}"#;
    assert_silent(&desk.hook(&["--from", "codex", notification], ""));
    assert!(desk.told().contains(&Told::Idle { ended: true }));

    assert_silent(&desk.hook(&["--from", "gemini"], r#"{"session_id":"g","hook_event_name":"AfterAgent"}"#));
    assert_eq!(desk.told(), [Told::Idle { ended: true }]);
}

#[test]
fn whatever_goes_wrong_an_agent_does_not_notice() {
    let desk = Desk::new();
    for handed in ["", "nonsense", "{\"hook_event_name\":1}", &"x".repeat(5 << 20)] {
        assert_silent(&desk.hook(&["--from", "claude"], handed));
    }
    for arguments in
        [&["--from", "another-one"][..], &["--unknown"], &[], &["--from", "codex"], &["--from", "opencode"]]
    {
        assert_silent(&desk.hook(arguments, PROMPT));
    }
    assert_silent(&handed_to(desk.command(&["--from", "claude"]).env_remove(SENDER_VARIABLE), PROMPT));
    assert_silent(&handed_to(desk.command(&["--from", "claude"]).env_remove(SOCKET_VARIABLE), PROMPT));
    assert_silent(&handed_to(desk.command(&["--from", "claude"]).env(SOCKET_VARIABLE, "/no/such/socket"), PROMPT));

    let Desk { folder, socket, sender } = desk;
    drop(socket);
    let of_the_dead = Desk { socket: UnixDatagram::unbound().unwrap(), folder, sender };
    assert_silent(&of_the_dead.hook(&["--from", "claude"], PROMPT));
}

#[test]
fn an_input_without_an_end_is_not_waited_for() {
    let desk = Desk::new();
    let mut command = desk.command(&["--from", "claude"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(PROMPT.as_bytes()).unwrap();
    // The program ends though its input is still open.
    assert!(child.wait().unwrap().success());
    drop(input);
    assert_eq!(desk.told().len(), 3, "and what came is told");
}

#[test]
fn a_full_socket_is_not_waited_for() {
    let desk = Desk::new();
    let full = UnixDatagram::unbound().unwrap();
    full.set_nonblocking(true).unwrap();
    while full.send_to(b"x", desk.at("events")).is_ok() {}
    assert_silent(&desk.hook(&["--from", "claude"], PROMPT));
}

#[test]
fn the_status_line_is_the_persons_own_or_says_how_full_all_is() {
    let desk = Desk::new();
    let project = desk.at("project");
    let handed = format!(
        r#"{{"session_id":"e1","workspace":{{"project_dir":{project:?}}},"context_window":{{"used_percentage":12}},
            "rate_limits":{{"five_hour":{{"used_percentage":40,"resets_at":1781330000}}}}}}"#
    );
    let line = |desk: &Desk| {
        let output = desk.hook(&["--from", "claude-status"], &handed);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert_eq!(desk.told().len(), 3);
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(line(&desk), "context 12 % · five hour 40 %\n");

    let own = r#"{"statusLine":{"type":"command","command":"echo noise >&2; grep -o five_hour"}}"#;
    std::fs::write(desk.at("home/.claude/settings.json"), own).unwrap();
    assert_eq!(line(&desk), "five_hour\n", "the person's own gets the same input");

    std::fs::create_dir_all(project.join(".claude")).unwrap();
    let of_project = r#"{"statusLine":{"type":"command","command":"echo of the project"}}"#;
    std::fs::write(project.join(".claude/settings.json"), of_project).unwrap();
    assert_eq!(line(&desk), "of the project\n");
}

/// A follower whose starter is a shell that waits for its input to end.
struct Followed {
    shell: Child,
}

impl Followed {
    fn start(desk: &Desk, address: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_agent-orchestrator");
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(format!("'{program}' hook --from opencode --follow {address} </dev/null & read line"));
        shell.env(SOCKET_VARIABLE, desk.at("events")).env(SENDER_VARIABLE, desk.sender.to_variable());
        shell.env("OPENCODE_SERVER_PASSWORD", "secret").stdin(Stdio::piped());
        Self { shell: shell.spawn().unwrap() }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

#[test]
fn a_server_is_followed_and_takes_messages_until_its_program_ends() {
    let desk = Desk::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let followed = Followed::start(&desk, &format!("http://{}", server.local_addr().unwrap()));

    let (mut events, _) = server.accept().unwrap();
    let (head, _) = request(&mut events);
    assert!(head.starts_with("GET /event HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nAuthorization: Basic b3BlbmNvZGU6c2VjcmV0\r\n"), "{head}");
    events.write_all(STREAM_HEAD.as_bytes()).unwrap();
    let (mut sessions, _) = server.accept().unwrap();
    assert!(request(&mut sessions).0.starts_with("GET /session/status "));
    answer(&mut sessions, "200 OK", "{}");
    drop(sessions);
    assert_eq!(desk.told(), [Told::Idle { ended: false }], "what is so when it begins to listen");

    chunk(&mut events, r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"busy"}}}"#);
    assert_eq!(desk.told(), [Told::Working, Told::Conversation { id: "ses_1".into() }]);

    let post = Post { message: 7, conversation: "ses_1".into(), text: "line one\n\"two\"".into() };
    let mailbox = desk.at("launch/worker/launch.post");
    UnixDatagram::unbound().unwrap().send_to(&post.datagram().unwrap(), &mailbox).unwrap();
    let (mut prompt, _) = server.accept().unwrap();
    let (head, body) = request(&mut prompt);
    assert!(head.starts_with("POST /session/ses_1/prompt_async "), "{head}");
    assert_eq!(body.pointer("/parts/0/text").unwrap(), "line one\n\"two\"");
    answer(&mut prompt, "204 No Content", "");
    assert_eq!(desk.told(), [Told::Posted { message: 7, outcome: Posted::Taken }]);

    UnixDatagram::unbound().unwrap().send_to(&post.datagram().unwrap(), &mailbox).unwrap();
    let (mut prompt, _) = server.accept().unwrap();
    request(&mut prompt);
    answer(&mut prompt, "404 Not Found", "");
    assert_eq!(desk.told(), [Told::Posted { message: 7, outcome: Posted::Refused("status 404".into()) }]);

    drop(events);
    let (mut again, _) = server.accept().unwrap();
    assert!(request(&mut again).0.starts_with("GET /event "), "a stream that ends is taken up again");
    again.write_all(STREAM_HEAD.as_bytes()).unwrap();
    let (mut sessions, _) = server.accept().unwrap();
    request(&mut sessions);
    answer(&mut sessions, "200 OK", r#"{"ses_1":{"type":"busy"}}"#);
    drop(sessions);
    assert_eq!(desk.told(), [Told::Working]);

    drop(followed);
    again.set_read_timeout(Some(WAIT_MAX)).unwrap();
    assert_eq!(again.read(&mut [0]).expect("the end"), 0, "it ends with the program that started it");
}

#[test]
fn sources_are_told_apart() {
    let words =
        [Source::ClaudeHook, Source::ClaudeStatus, Source::CodexNotify, Source::GeminiHook, Source::OpencodeStream];
    for source in words {
        assert_eq!(serde_json::to_value(source).unwrap(), source.word());
    }
}
