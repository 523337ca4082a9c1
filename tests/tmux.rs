//! Sessions against real tmux servers, each on a socket of its own.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "real processes and files; a test may panic")]

mod tmux_driver;
mod within;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;

use agent_orchestrator::daemon::paths::SOCKET_PATH_MAX;
use agent_orchestrator::daemon::reactor::Part;
use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::observation::{Exit, SessionSeen};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use tmux_driver::{Driver, ECHO, pids_with, running, signal, until_file};
use within::within;

#[test]
fn a_session_is_started_adopted_read_typed_into_and_ended() {
    let mut driver = Driver::new();
    driver.sessions.find("bob");
    assert_eq!(driver.session("bob"), SessionSeen::Absent);
    driver.sessions.stop("bob");
    assert_eq!(driver.session("bob"), SessionSeen::Absent, "nothing is to be stopped");

    driver.start("bob", 1, ECHO);
    assert_eq!(driver.session("bob"), running(1));
    let screen = driver.screen_with("bob", "hello");
    assert_eq!((screen.rows.len(), screen.in_mode, screen.command.as_str()), (50, false, "sh"));
    driver.sessions.start("bob", 1);
    assert_eq!(driver.session("bob"), running(1), "a start bears being done twice");
    driver.sessions.start("bob", 2);
    let refused = SessionSeen::StartFailed { run: 2, why: "run 1 is there already".into() };
    assert_eq!(driver.session("bob"), refused);

    driver.restart_supervisor();
    driver.sessions.find("bob");
    assert_eq!(driver.session("bob"), running(1), "what runs is adopted");
    driver.sessions.start("bob", 1);
    assert_eq!(driver.session("bob"), running(1));
    driver.type_line("bob", "it's me");
    driver.screen_with("bob", "got it's me");
    driver.type_line("bob", "quit");
    let SessionSeen::Died { run, exit, screen, last_lines } = driver.session("bob") else { panic!("it has died") };
    assert_eq!((run, exit), (1, Exit::Code(3)));
    assert_eq!(last_lines, ["it's me", "got it's me", "quit"]);
    assert_eq!(std::fs::read_to_string(screen.unwrap()).unwrap(), "hello\nit's me\ngot it's me\nquit\n");

    driver.restart_supervisor();
    driver.sessions.find("bob");
    let SessionSeen::Died { run, exit, .. } = driver.session("bob") else { panic!("it is dead") };
    assert_eq!((run, exit), (1, Exit::Code(3)), "a death while nobody looked is told too");
    driver.start("bob", 2, ECHO);
    let refused = SessionSeen::StartFailed { run: 2, why: "the session of run 1 is there already".into() };
    assert_eq!(driver.session("bob"), refused);
    driver.sessions.stop("bob");
    assert_eq!(driver.session("bob"), SessionSeen::Absent);
    assert!(!driver.paths.tmux_socket("bob").exists());
    driver.start("bob", 2, ECHO);
    assert_eq!(driver.session("bob"), running(2));
}

#[test]
fn a_look_tells_whether_anybody_elses_terminal_is_attached() {
    let mut driver = Driver::new();
    driver.start("seen", 1, ECHO);
    assert_eq!(driver.session("seen"), running(1));
    let before = driver.screen_with("seen", "hello").attendance;
    assert_eq!(before.terminals, 0, "the supervisor's own is none");
    assert!(before.last > 0, "since when it is there is known");
    let own = driver.clients("seen");
    let mut person = Command::new("tmux");
    person.env_remove("TMUX").arg("-S").arg(driver.paths.tmux_socket("seen")).args(["-C", "attach-session"]);
    let mut person = person.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    driver.until_another_client("seen", &own);
    assert_eq!(driver.screen_with("seen", "hello").attendance.terminals, 1);
    drop(person.stdin.take());
    person.wait().unwrap();
    let gone = driver.screen_with("seen", "hello").attendance;
    assert!(gone.terminals == 0 && gone.last >= before.last);
}

#[test]
fn an_idle_session_wakes_nobody() {
    let mut driver = Driver::new();
    driver.start("idle", 1, ECHO);
    assert_eq!(driver.session("idle"), running(1));
    driver.screen_with("idle", "hello");
    driver.settle();
    assert_eq!(driver.sessions.deadline(), None);
}

#[test]
fn every_kill_is_told_with_its_signal() {
    let mut driver = Driver::new();
    let names: Vec<_> = (0..8).map(|number| format!("victim-{number}")).collect();
    for name in &names {
        driver.start(name, 1, "echo pid $$; exec sleep 1000");
    }
    for name in &names {
        assert_eq!(driver.session(name), running(1));
        let screen = driver.screen_with(name, "pid ");
        let pid = screen.rows[0].trim().trim_start_matches("pid ").parse().unwrap();
        signal(pid, Signal::SIGKILL);
        let SessionSeen::Died { exit, .. } = driver.session(name) else { panic!("it was killed") };
        assert_eq!(exit, Exit::Signal(9));
    }
}

#[test]
fn the_log_begins_with_the_first_byte_and_has_no_hole() {
    let mut driver = Driver::new();
    let count = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done";
    driver.start("writer", 1, &format!("printf FIRST; {count}; read x; {count}; echo LAST; read x"));
    assert_eq!(driver.session("writer"), running(1));
    driver.restart_supervisor();
    driver.sessions.find("writer");
    assert_eq!(driver.session("writer"), running(1));
    driver.screen_with("writer", "line 3000");
    driver.sessions.press("writer", MessageId(1), "Enter");
    driver.pressed("writer").unwrap();
    driver.restart_supervisor();

    let log = until_file(&driver.paths.session_log("ao-writer"), |text| text.ends_with(b"LAST\r\n"));
    let mut expected = "FIRST".to_owned();
    for round in ["\r\n", "LAST\r\n"] {
        for line in 1..=3000 {
            write!(expected, "line {line}\r\n").unwrap();
        }
        expected += round;
    }
    assert_eq!(String::from_utf8(log).unwrap(), expected);
}

#[test]
fn a_stubborn_agent_is_ended_whole() {
    let mut driver = Driver::new();
    let stay = "trap '' HUP TERM; while :; do sleep 1000; done";
    let daemon = format!("setsid sh -c \"{stay}\" &");
    let bare = format!("env -i setsid sh -c \"{stay}\" &");
    driver.start("mule", 1, &format!("trap '' HUP TERM; ({daemon}) ; {bare} echo ready; {stay}"));
    assert_eq!(driver.session("mule"), running(1));
    driver.screen_with("mule", "ready");
    let server = driver.server("mule");
    let mut all: BTreeSet<_> = pids_with(&driver.mark("mule"));
    assert!(all.len() >= 2, "the agent and its daemon bear the mark: {all:?}");
    all.extend([server]);
    driver.sessions.stop("mule");
    assert_eq!(driver.session("mule"), SessionSeen::Absent);
    assert_eq!(pids_with(&driver.mark("mule")), BTreeSet::new());
    assert_eq!(all.iter().filter(|pid| tmux_driver::lives(**pid)).count(), 0);
    assert_eq!(tmux_driver::sleepers_of(&driver), 0, "also what has cleared its environment is gone");
    assert!(!driver.paths.tmux_socket("mule").exists());
}

#[test]
fn what_outlived_its_tmux_server_is_found_by_its_mark() {
    let mut driver = Driver::new();
    driver.start("codex", 1, "setsid sh -c 'trap \"\" HUP; while :; do sleep 1000; done' & echo ready; read x");
    assert_eq!(driver.session("codex"), running(1));
    driver.screen_with("codex", "ready");
    signal(driver.server("codex"), Signal::SIGKILL);
    let SessionSeen::Died { run: 1, exit: Exit::Unknown, screen: None, .. } = driver.session("codex") else {
        panic!("it died with its server")
    };
    assert_ne!(pids_with(&driver.mark("codex")), BTreeSet::new());
    driver.sessions.stop("codex");
    assert_eq!(driver.session("codex"), SessionSeen::Absent);
    assert_eq!(pids_with(&driver.mark("codex")), BTreeSet::new());
}

#[test]
fn the_terminal_has_its_own_size_and_no_signal_is_blocked() {
    let mut driver = Driver::new();
    let mut blocked = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD] {
        blocked.add(signal);
    }
    pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&blocked), None).unwrap();
    driver.start("size", 1, "stty size; grep SigBlk /proc/self/status; read x");
    assert_eq!(driver.session("size"), running(1));
    let screen = driver.screen_with("size", "SigBlk");
    let rows: Vec<_> = screen.rows[..2].iter().map(|row| row.trim_end()).collect();
    assert_eq!(rows[0], "50 200");
    assert!(rows[1].ends_with(" 0000000000000000"), "{rows:?}");
    // The shell empties its own mask: the processes around it show what was passed on.
    let server = driver.server("size");
    let mut around = tmux_driver::children(server);
    assert_eq!(around.len(), 2, "a pane and a log writer");
    around.insert(server);
    for pid in around {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("SigBlk:\t0000000000000000\n"), "{status}");
    }
}

#[test]
fn any_folder_and_any_text_is_taken_as_it_is() {
    let mut driver = Driver::odd();
    let paths = Rc::clone(&driver.paths);
    assert!(paths.tmux_socket("odd_1-x").as_os_str().len() < SOCKET_PATH_MAX);
    let mut launch = driver.launch("odd_1-x", 7, "pwd > where; printf %s \"$ODD\" > odd; echo \"$PWD\"; cat");
    launch.env.insert("ODD".into(), "a 'b' \"c\" $(d)\n#{e} %Y;".into());
    launch.dir = paths.state.join("new 'dir' \"x\" #(touch pwned) ##[y] %Y;");
    driver.write_launch(&launch);
    driver.sessions.start("odd_1-x", 7);
    assert_eq!(driver.session("odd_1-x"), running(7));
    driver.screen_with("odd_1-x", "pwned");
    let text = |name: &str| String::from_utf8(until_file(&launch.dir.join(name), |text| !text.is_empty())).unwrap();
    assert_eq!(text("where").trim_end(), launch.dir.to_str().unwrap());
    assert_eq!(text("odd"), launch.env["ODD"]);
    until_file(&launch.log, |text| text.starts_with(b"/"));
    driver.type_line("odd_1-x", "it's; #{pane_id} $HOME");
    driver.screen_with("odd_1-x", "it's; #{pane_id} $HOME");
    let tmux = driver.tmux("odd_1-x", &["display-message", "-p", "-t", "=ao-odd_1-x:", "#{session_path}"]);
    assert_eq!(tmux, launch.dir.to_str().unwrap(), "a person's new window opens in the same folder");
}

#[test]
fn the_supervisors_own_variables_do_not_reach_the_agent() {
    let mut driver = Driver::new();
    let launch = driver.launch("plain", 4, "env; echo END; read x");
    driver.write_launch(&launch);
    let started = Command::new(&driver.program)
        .arg("session")
        .arg(driver.paths.launch_file("plain"))
        .envs(["NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "TMUX", "TMUX_PANE"].map(|name| (name, "/leak,1,2")))
        .env("AGENT_ORCHESTRATOR_SOCKET", "/leak")
        .status();
    assert!(started.unwrap().success());
    driver.sessions.find("plain");
    assert_eq!(driver.session("plain"), running(4), "what a unit has started is adopted");
    driver.screen_with("plain", "END");
    let log = until_file(&launch.log, |text| text.ends_with(b"END\r\n"));
    let log = String::from_utf8(log).unwrap();
    assert!(!log.contains("leak"), "{log}");
    let socket = driver.paths.tmux_socket("plain").display().to_string();
    assert!(log.contains(&format!("AGENT_ORCHESTRATOR_SOCKET={socket}\r\n")), "{log}");
    assert!(log.contains(&format!("TMUX={socket},")), "{log}");
}

#[test]
fn a_stale_socket_is_no_session() {
    let mut driver = Driver::new();
    let socket = driver.paths.tmux_socket("stale");
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    driver.sessions.find("stale");
    assert_eq!(driver.session("stale"), SessionSeen::Absent);
    assert!(!socket.exists());
    drop(UnixListener::bind(&socket).unwrap());
    driver.start("stale", 1, ECHO);
    assert_eq!(driver.session("stale"), running(1));
}

#[test]
fn a_long_text_arrives_whole() {
    let mut driver = Driver::new();
    driver.start("raw", 1, "stty raw -echo; printf '\\033[?2004hREADY'; exec cat > got");
    assert_eq!(driver.session("raw"), running(1));
    driver.screen_with("raw", "READY");
    let mut text = String::new();
    for line in 0.. {
        if text.len() > 100_000 {
            break;
        }
        writeln!(text, "line {line}: it's \"é\" \\ $HOME #{{x}} ;\tend").unwrap();
    }
    driver.sessions.paste("raw", MessageId(12), &format!("\u{1b}[201~{text}"));
    driver.pasted("raw").unwrap();
    let got = until_file(&driver.dir("raw").join("got"), |got| got.ends_with(b"\x1b[201~"));
    let expected = format!("\u{1b}[200~[201~{}\u{1b}[201~", text.replace('\n', "\r"));
    assert!(got == expected.as_bytes(), "got {} bytes of {}", got.len(), expected.len());
    let launches = std::fs::read_dir(driver.paths.launch_folder("raw")).unwrap();
    let mut left: Vec<_> = launches.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["launch.json", "launch.pastes"], "nothing is left behind of the text");
}

#[test]
fn the_agents_own_pane_is_meant_whatever_people_add() {
    let mut driver = Driver::new();
    driver.start("mine", 1, ECHO);
    assert_eq!(driver.session("mine"), running(1));
    driver.screen_with("mine", "hello");
    driver.tmux("mine", &["split-window", "-t", "=ao-mine:", "cat"]);
    driver.tmux("mine", &["new-window", "-t", "=ao-mine:", "cat"]);
    driver.tmux("mine", &["rename-session", "-t", "=ao-mine", "theirs"]);
    driver.sessions.find("mine");
    assert_eq!(driver.session("mine"), running(1));
    driver.restart_supervisor();
    driver.sessions.find("mine");
    assert_eq!(driver.session("mine"), running(1), "also under another name");
    driver.type_line("mine", "you");
    driver.screen_with("mine", "got you");
    let pane = driver.tmux("mine", &["list-panes", "-s", "-t", "=theirs:", "-F", "#{pane_id}"]);
    assert!(pane.starts_with("%0"), "{pane}");
    driver.tmux("mine", &["kill-pane", "-t", "%0"]);
    let SessionSeen::Died { run: 1, .. } = driver.session("mine") else { panic!("its pane is gone") };
}

#[test]
fn a_start_that_fails_says_why() {
    let mut driver = Driver::new();
    driver.sessions.start("none", 1);
    let SessionSeen::StartFailed { run: 1, why } = driver.session("none") else { panic!("it has no launch file") };
    assert!(why.starts_with("cannot read launch file"), "{why}");
    driver.start("none", 2, "true");
    driver.sessions.start("none", 3);
    driver.session("none");
    driver.restart_supervisor();

    let launch = driver.launch("bad", 1, "true");
    driver.write_launch(&launch);
    driver.sessions.start("bad", 2);
    let SessionSeen::StartFailed { run: 2, why } = driver.session("bad") else { panic!("it is another run's") };
    assert!(why.contains("is of run 1, not of run 2"), "{why}");
    let blocked = driver.dir("bad");
    std::fs::remove_dir_all(&blocked).unwrap();
    std::fs::write(&blocked, "").unwrap();
    driver.sessions.start("bad", 1);
    let SessionSeen::StartFailed { run: 1, why } = driver.session("bad") else { panic!("its folder is a file") };
    assert!(why.contains("cannot make folder"), "{why}");

    driver.start("gone", 1, "exec /no/such/program");
    assert_eq!(driver.session("gone"), running(1));
    let SessionSeen::Died { exit, last_lines, .. } = driver.session("gone") else { panic!("there is no such program") };
    assert_eq!(exit, Exit::Code(127));
    assert!(last_lines.concat().contains("/no/such/program"), "{last_lines:?}");
}

#[test]
fn a_launch_file_that_is_none_is_not_waited_for() {
    let put: [fn(&Path); 2] = [
        |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
    ];
    for put in put {
        let why = within("a start", move || {
            let mut driver = Driver::new();
            let launch = driver.launch("odd", 1, "true");
            driver.write_launch(&launch);
            let path = driver.paths.launch_file("odd");
            std::fs::remove_file(&path).unwrap();
            put(&path);
            driver.sessions.start("odd", 1);
            let SessionSeen::StartFailed { why, .. } = driver.session("odd") else { panic!("it has no launch file") };
            why
        });
        assert!(why.starts_with("cannot read launch file"), "{why}");
    }
}

#[test]
fn a_stop_during_a_start_leaves_nothing() {
    let mut driver = Driver::new();
    driver.start("brief", 1, ECHO);
    driver.sessions.stop("brief");
    assert_eq!(driver.session("brief"), SessionSeen::Absent);
    assert_eq!(pids_with(&driver.mark("brief")), BTreeSet::new());
    assert!(!driver.paths.tmux_socket("brief").exists());
}
