//! The supervisor as a process: starts once, says why it does not, listens, ends and leaves nothing behind.
#![expect(clippy::disallowed_methods)]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent_orchestrator::daemon::paths::Paths;
use agent_orchestrator::daemon::start::{detached_from, supervisor_pid};
use agent_orchestrator::daemon::{event_log, journal, offline, state_file};
use agent_orchestrator::policy::request::{Reason, Reply, Request};
use agent_orchestrator::policy::status::Picture;
use agent_orchestrator::protocol::control::{parse_reply, request_line};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

/// No test waits longer for anything.
const WAIT_MAX: Duration = Duration::from_secs(10);

const CONFIG: &str = "[defaults]\nsession_prefix = \"t-\"\nlog_dir = \"logs\"\n";

/// A fleet of no agents in a folder of its own.
struct Fleet {
    folder: tempfile::TempDir,
    paths: Paths,
}

impl Fleet {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let config = folder.path().join("agents.toml");
        std::fs::write(&config, CONFIG).expect("written");
        let paths = Paths::new(&config, &folder.path().join("logs")).expect("paths");
        paths.make(std::iter::empty::<&str>()).expect("made");
        Self { folder, paths }
    }

    fn write_config(&self, text: &str) {
        std::fs::write(&self.paths.config, text).expect("written");
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.args(["supervise", "--config"]).arg(&self.paths.config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Supervises in the foreground and returns once it listens.
    fn supervise(&self) -> Child {
        let mut child = self.command().spawn().expect("started");
        let until = Instant::now() + WAIT_MAX;
        while UnixStream::connect(self.paths.control_socket()).is_err() {
            assert!(Instant::now() < until, "it does not listen");
            assert!(child.try_wait().expect("asked").is_none(), "it ended");
            std::thread::yield_now();
        }
        child
    }

    fn ask(&self, request: &Request) -> Reply {
        let mut client = UnixStream::connect(self.paths.control_socket()).expect("connected");
        client.set_read_timeout(Some(WAIT_MAX)).expect("set");
        client.write_all(&request_line(request)).expect("sent");
        let mut line = Vec::new();
        BufReader::new(client).read_until(b'\n', &mut line).expect("an answer");
        parse_reply(&line).expect("a reply")
    }

    fn picture(&self) -> Picture {
        match self.ask(&Request::Status) {
            Reply::Status { picture } => *picture,
            other @ (Reply::Done { .. } | Reply::Failed { .. } | Reply::Explanation { .. }) => panic!("{other:?}"),
        }
    }

    /// Asks for the picture until it is as `wanted`.
    fn await_picture(&self, what: &str, wanted: impl Fn(&Picture) -> bool) {
        let until = Instant::now() + WAIT_MAX;
        while !wanted(&self.picture()) {
            assert!(Instant::now() < until, "not seen: {what}");
        }
    }

    /// Returns why no detached supervisor starts.
    fn refusal(&self, program: &Path) -> String {
        let error = detached_from(program, &self.paths.config).expect_err("it must not start");
        format!("{error:#}").replace(&self.folder.path().display().to_string(), "FOLDER")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if let Some(pid) = supervisor_pid(&self.paths) {
            let _ = kill(pid_of(pid), Signal::SIGKILL);
        }
        let _ = std::fs::remove_dir_all(&self.paths.runtime);
    }
}

fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_agent-orchestrator").into()
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("a pid"))
}

fn await_end(pid: u32) {
    let Some(process) = rustix::process::Pid::from_raw(pid_of(pid).as_raw()) else { panic!("no pid: {pid}") };
    let Ok(process) = pidfd_open(process, PidfdFlags::empty()) else { return };
    let until = Instant::now() + WAIT_MAX;
    loop {
        let left = PollTimeout::try_from(until.saturating_duration_since(Instant::now())).expect("a timeout");
        match poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], left) {
            Ok(1) => return,
            Err(nix::errno::Errno::EINTR) => {}
            other => panic!("{pid} does not end: {other:?}"),
        }
    }
}

/// Waits for the end and returns exit status and standard error.
fn ended(mut child: Child) -> (Option<i32>, String) {
    await_end(child.id());
    let status = child.wait().expect("ended");
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    (status.code(), said)
}

#[test]
fn a_detached_supervisor_listens_when_the_call_returns_and_is_the_only_one() {
    let fleet = Fleet::new();
    assert_eq!(supervisor_pid(&fleet.paths), None);
    detached_from(&program(), &fleet.paths.config).expect("started");
    let pid = supervisor_pid(&fleet.paths).expect("it holds the lock");
    let picture = fleet.picture();
    assert_eq!((picture.supervised, picture.supervisor_pid), (true, Some(pid)));
    assert_eq!(Path::new(&picture.config), fleet.paths.config);
    let session = nix::unistd::getsid(Some(pid_of(pid))).expect("asked");
    assert_eq!(session, pid_of(pid), "it leads a session of its own");

    let second = fleet.refusal(&program());
    assert!(second.starts_with(&format!("a supervisor of this fleet runs already (pid {pid}, since ")), "{second}");
    let (code, said) = ended(fleet.command().spawn().expect("started"));
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("runs already (pid {pid}, since ")), "{said}");
    assert_eq!(supervisor_pid(&fleet.paths), Some(pid), "the first one goes on");

    assert!(matches!(fleet.ask(&Request::Down { names: Vec::new() }), Reply::Done { .. }), "told before the end");
    await_end(pid);
    assert_eq!(supervisor_pid(&fleet.paths), None);
    assert!(!fleet.paths.control_socket().exists());
    assert!(state_file::load(&fleet.paths.state_file()).expect("usable").is_some(), "the state is kept");
}

#[test]
fn what_keeps_a_detached_supervisor_from_starting_is_reported() {
    let fleet = Fleet::new();
    std::fs::write(fleet.paths.state_file(), "{\"version\":1").expect("written");
    let error = fleet.refusal(&program());
    assert!(error.starts_with("cannot use state `FOLDER/logs/state/state.json`: it is not JSON"), "{error}");
    assert!(error.contains("\nhint: `mv FOLDER/logs/state/state.json "), "{error}");

    fleet.write_config("[defaults\n");
    assert!(fleet.refusal(&program()).lines().count() > 1, "the mistake with its place");
    fleet.write_config("");
    assert_eq!(fleet.refusal(&program()), "cannot read config `FOLDER/agents.toml`: it is empty");
    std::fs::remove_file(&fleet.paths.config).expect("removed");
    let error = fleet.refusal(&program());
    assert!(error.starts_with("there is no config `FOLDER/agents.toml`\nhint: "), "{error}");
}

#[test]
fn a_supervisor_that_ends_without_a_word_is_reported_too() {
    let fleet = Fleet::new();
    let error = fleet.refusal(Path::new("false"));
    assert_eq!(error, "the supervisor ended without a word\nhint: its log is `FOLDER/logs/supervisor.log`");
    let error = fleet.refusal(Path::new("/no/such/program"));
    assert!(error.starts_with("cannot start `/no/such/program`"), "{error}");
}

#[test]
fn a_broken_config_is_shown_and_a_mended_one_is_taken_up() {
    let fleet = Fleet::new();
    let child = fleet.supervise();
    assert_eq!(fleet.picture().config_error, None);
    fleet.write_config("[defaults\n");
    fleet.await_picture("the mistake", |picture| picture.config_error.is_some());
    fleet.write_config(CONFIG);
    fleet.await_picture("no mistake", |picture| picture.config_error.is_none());

    let moved = fleet.folder.path().join("agents.toml.away");
    std::fs::rename(&fleet.paths.config, &moved).expect("moved");
    kill(pid_of(child.id()), Signal::SIGHUP).expect("sent");
    fleet.await_picture("the missing file", |picture| {
        picture.config_error.as_ref().is_some_and(|error| error.starts_with("there is no config"))
    });

    kill(pid_of(child.id()), Signal::SIGTERM).expect("sent");
    let (code, said) = ended(child);
    assert_eq!(code, Some(143));
    assert!(said.ends_with(" supervisor ended by SIGTERM; agents go on\n"), "{said}");
    assert!(!fleet.paths.control_socket().exists());
    let events = std::fs::read_to_string(fleet.paths.events()).expect("a log");
    let last = events.lines().next_back().expect("an event");
    assert!(last.contains("\"event\":\"supervisor-stopped\""), "{last}");
}

#[test]
fn the_supervisor_ends_at_once_although_a_client_hangs_in_mid_request() {
    let fleet = Fleet::new();
    let child = fleet.supervise();
    let mut rude = UnixStream::connect(fleet.paths.control_socket()).expect("connected");
    rude.write_all(b"{\"request\":").expect("sent");
    kill(pid_of(child.id()), Signal::SIGINT).expect("sent");
    assert_eq!(ended(child).0, Some(130));
}

#[test]
fn a_kill_leaves_nothing_that_keeps_the_next_one_from_starting() {
    let fleet = Fleet::new();
    let child = fleet.supervise();
    let first = fleet.picture().supervisor_pid;
    kill(pid_of(child.id()), Signal::SIGKILL).expect("sent");
    assert_eq!(ended(child).0, None);
    assert!(fleet.paths.control_socket().exists(), "the dead one's socket stays");
    assert_eq!(supervisor_pid(&fleet.paths), None, "but not its lock");

    let child = fleet.supervise();
    let second = fleet.picture().supervisor_pid;
    assert_eq!(second, Some(child.id()));
    assert_ne!(first, second);
    kill(pid_of(child.id()), Signal::SIGTERM).expect("sent");
    assert_eq!(ended(child).0, Some(143));
}

#[test]
fn a_state_that_cannot_be_saved_stops_nobody_and_is_saved_as_soon_as_it_can_be() {
    let fleet = Fleet::new();
    let state = fleet.paths.state_file();
    let in_the_way = state.with_extension("json.draft");
    std::fs::create_dir(&in_the_way).expect("made");
    let child = fleet.supervise();
    assert!(fleet.picture().supervised && !state.exists());
    std::fs::remove_dir(&in_the_way).expect("removed");
    fleet.await_picture("the state on disk", |_| state.exists());
    kill(pid_of(child.id()), Signal::SIGTERM).expect("sent");
    assert_eq!(ended(child).0, Some(143));
}

#[test]
fn the_log_of_a_detached_supervisor_is_bounded_at_its_start_and_while_it_runs() {
    for missing_bytes in [0, 10] {
        let fleet = Fleet::new();
        let log = fleet.paths.supervisor_log();
        let full_bytes = journal::LOG_BYTES_MAX - missing_bytes;
        std::fs::File::create(&log).and_then(|file| file.set_len(full_bytes)).expect("a full log");
        detached_from(&program(), &fleet.paths.config).expect("started");
        fleet.picture();
        let bytes = |path: &Path| std::fs::metadata(path).expect("a log").len();
        assert_eq!(bytes(&event_log::old(&log)), full_bytes, "what was there is put aside");
        assert!((1..1000).contains(&bytes(&log)), "and the story goes on in a new one");
    }
}

#[test]
fn without_a_supervisor_one_can_look_and_order_but_not_start() {
    let fleet = Fleet::new();
    let ask = |request: Request| offline::ask(&fleet.paths.config, &request);
    let Reply::Status { picture } = ask(Request::Status) else { panic!("no picture") };
    assert_eq!((picture.supervised, picture.supervisor_pid), (false, None));
    assert!(!fleet.paths.state_file().exists(), "who looks leaves no trace");
    let up = ask(Request::Up { names: Vec::new(), overrides: std::collections::BTreeMap::new() });
    assert!(matches!(up, Reply::Failed { reason: Reason::NoSupervisor, .. }), "{up:?}");
    let down = ask(Request::Down { names: Vec::new() });
    assert!(matches!(down, Reply::Done { .. }), "{down:?}");

    let child = fleet.supervise();
    let pid = child.id();
    let down = ask(Request::Down { names: Vec::new() });
    assert!(
        matches!(&down, Reply::Failed { error, .. } if error.contains(&format!("runs already (pid {pid}, since "))),
        "{down:?}"
    );
    kill(pid_of(pid), Signal::SIGTERM).expect("sent");
    assert_eq!(ended(child).0, Some(143));
}

#[test]
fn systemd_is_told_that_it_is_ready_what_it_does_and_that_it_turns() {
    let fleet = Fleet::new();
    let socket = fleet.folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    systemd.set_read_timeout(Some(WAIT_MAX)).expect("set");
    // The watchdog's variables name the process that is watched; the shell becomes it.
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg("WATCHDOG_PID=$$ exec \"$0\" supervise --config \"$1\"");
    shell.arg(program()).arg(&fleet.paths.config);
    shell.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "100000");
    let child = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");

    let await_word = |word: &str| {
        for _ in 0..100 {
            let mut message = [0; 4096];
            let count = match systemd.recv(&mut message) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                told => told.expect("told in time"),
            };
            if String::from_utf8_lossy(&message[..count]).lines().any(|line| line == word) {
                return;
            }
        }
        panic!("never said: {word}");
    };
    await_word("EXTEND_TIMEOUT_USEC=60000000");
    await_word("READY=1");
    await_word("STATUS=no agents");
    await_word("WATCHDOG=1");
    await_word("WATCHDOG=1");
    kill(pid_of(child.id()), Signal::SIGHUP).expect("sent");
    await_word("RELOADING=1");
    await_word("READY=1");
    kill(pid_of(child.id()), Signal::SIGTERM).expect("sent");
    await_word("STOPPING=1");
    assert_eq!(ended(child).0, Some(143));
}

#[test]
fn a_broken_edit_is_told_to_the_operators_command_and_a_command_that_fails_is_told_once() {
    let fleet = Fleet::new();
    let told = fleet.folder.path().join("told");
    let notify = |script: &str| format!("{CONFIG}[notify]\ncommand = [\"/bin/sh\", \"-c\", '{script}']\n");
    fleet.write_config(&notify("cat >> told; exit 7"));
    let supervisor = fleet.supervise();
    fleet.write_config("[defaults");
    let until = Instant::now() + WAIT_MAX;
    while !std::fs::read_to_string(&told).is_ok_and(|text| text.ends_with('\n')) {
        assert!(Instant::now() < until, "not told");
        fleet.picture();
    }
    let text = std::fs::read_to_string(&told).expect("told");
    assert!(text.lines().count() == 1 && text.contains("\"event\":\"config-broken\""), "{text}");
    let events = || std::fs::read_to_string(fleet.paths.events()).unwrap_or_default();
    while !events().contains("notify command `/bin/sh` failed (exit status: 7)") {
        assert!(Instant::now() < until, "the failure is not told: {}", events());
        fleet.picture();
    }
    let trouble = fleet.picture().notify_trouble.expect("status tells it");
    assert!(trouble.starts_with("notify command `/bin/sh` failed (exit status: 7)"), "{trouble}");
    kill(pid_of(supervisor.id()), Signal::SIGTERM).expect("sent");
    ended(supervisor);
}
