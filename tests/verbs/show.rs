//! `status`, `events`, `logs`, `explain`, `attach`.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::fleet::{TestFleet, lives, until};
use super::{ALL_KINDS, ONE, config, up};
use agent_orchestrator::protocol::Event;
use agent_orchestrator::protocol::control::Explanation;

#[test]
fn status_shows_the_fleet_with_and_without_a_supervisor() {
    let fleet = TestFleet::new(&config(ALL_KINDS));
    let shown = fleet.run(&["status"]).good();
    assert!(shown.starts_with("no supervisor (state from disk and tmux)\nconfig: "), "{shown}");
    assert!(!fleet.status().supervised);
    fleet.run(&["up"]).good();
    fleet.run(&["send", "one", "/busy"]).good();
    let shown = fleet.run(&["status"]).good();
    assert!(shown.starts_with(&format!("supervisor: pid {} (ad hoc)\n", fleet.supervisor())), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    let picture = fleet.status();
    assert_eq!(
        picture.agents.iter().map(|agent| agent.session.as_str()).collect::<Vec<_>>(),
        ["t-one", "t-two", "t-job", "t-off", "t-web"]
    );
    assert_eq!(picture.config, fleet.config().to_str().unwrap());
    fleet.kill_supervisor();
    let picture = fleet.status();
    assert_eq!((picture.supervised, picture.supervisor_pid), (false, None));
    let running = |name: &str| {
        picture
            .agents
            .iter()
            .any(|agent| agent.name == name && ["idle", "working", "running"].contains(&agent.state.as_str()))
    };
    assert!(running("one") && running("web") && !running("off"), "tmux is asked: {picture:?}");
    assert!(fleet.pane_pid("one") > 0, "looking ends nothing");
}

#[test]
fn a_config_is_named_from_anywhere() {
    let fleet = up(ONE);
    let config = fleet.config();
    std::os::unix::fs::symlink(&fleet.project, fleet.root.join("link")).unwrap();
    let linked = fleet.root.join("link").join("agents.toml");
    for path in [config.to_str().unwrap(), linked.to_str().unwrap(), "../p/./agents.toml"] {
        let mut command = fleet.command(&["status", "--json", "--config", path]);
        if !path.starts_with('.') {
            command.current_dir("/");
        }
        let shown = fleet.begin_command(&mut command).end().good();
        assert!(shown.contains("\"supervised\": true"), "{path}: {shown}");
    }
}

#[test]
fn events_are_shown_by_agent_and_as_they_come() {
    let fleet = TestFleet::new(&config(ALL_KINDS));
    assert_eq!(fleet.run(&["events"]).good(), "");
    let all = fleet.begin(&["events", "--follow"]);
    let of_two = fleet.begin(&["events", "-f", "--json", "--agent", "two"]);
    fleet.run(&["up"]).good();
    fleet.run(&["down", "two"]).good();
    let said = of_two.until_said("\"stopped\"");
    let events: Vec<Event> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event.agent.as_deref() == Some("two")), "{events:?}");
    let said = all.until_said("stopped           two          stopped");
    assert!(said.contains("started           one          started (run 1)"), "{said}");
    fleet.run(&["down"]).good();
    fleet.run(&["up"]).good();
    all.until_said("started (run 2)");
    all.signal(Signal::SIGINT);
    of_two.signal(Signal::SIGTERM);
    assert_eq!((all.end().code, of_two.end().code), (0, 0));

    let last = fleet.run(&["events", "-n", "2", "--agent", "two", "--json"]).good();
    assert_eq!(last.lines().count(), 2);
    assert_eq!(fleet.run(&["events", "-n", "0"]).good(), "");
    let error = fleet.run(&["events", "--agent", "tow"]).bad(2);
    assert!(error.contains("did you mean `two`?"), "{error}");
    assert_eq!(fleet.run(&["events", "-n", "some"]).code, 2);
}

#[test]
fn who_reads_no_more_ends_the_following() {
    let fleet = up(ONE);
    let mut command = std::process::Command::new("sh");
    let program = env!("CARGO_BIN_EXE_agent-orchestrator");
    command.args(["-c", "\"$0\" events -f | head -n 1; \"$0\" status | head -n 1", program]);
    command.current_dir(&fleet.project).env("XDG_RUNTIME_DIR", &fleet.run);
    let shown = fleet.begin_command(&mut command).end();
    assert_eq!((shown.code, shown.out.lines().count(), shown.err.as_str()), (0, 2, ""), "{shown:?}");
}

#[test]
fn logs_have_every_byte_from_the_first_and_go_on() {
    let fleet = TestFleet::new(&config(
        "[[service]]\nname = 'web'\ncommand = 'printf \"first\\nsecond\\n\"; while read line; do echo \"got $line\"; done'\n",
    ));
    assert_eq!(
        fleet.run(&["logs", "web"]).bad(1).lines().next().unwrap().split(": `/").next(),
        Some("error: `web` has no log yet")
    );
    let follower = fleet.begin(&["logs", "web", "--follow"]);
    fleet.run(&["up"]).good();
    follower.until_said("second\r\n");
    fleet.kill_supervisor();
    fleet.tmux("web", &["send-keys", "-l", "hello"]);
    fleet.tmux("web", &["send-keys", "Enter"]);
    let said = follower.until_said("got hello\r\n");
    assert_eq!(said, "first\r\nsecond\r\nhello\r\ngot hello\r\n", "no hole while there is no supervisor");
    follower.signal(Signal::SIGINT);
    assert_eq!(follower.end().code, 0);
    assert_eq!(fleet.run(&["logs", "web", "-n", "1"]).good(), "got hello\r\n");
    let error = fleet.run(&["logs", "wbe"]).bad(2);
    assert!(error.contains("did you mean `web`?"), "{error}");
}

#[test]
fn a_pipe_in_the_place_of_a_log_is_not_read() {
    let fleet = TestFleet::new(&config(ONE));
    let log = fleet.paths().session_log("t-one");
    std::fs::create_dir_all(log.parent().unwrap()).unwrap();
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = fleet.run(&["logs", "one"]).bad(1);
    assert!(error.contains("t-one.log") && error.contains("not a regular file"), "{error}");
}

#[test]
fn a_broken_config_hides_neither_events_nor_logs_nor_the_agents() {
    let fleet = up(ONE);
    fleet.until_event("agent-ready", Some("one"));
    fleet.write("agents.toml", "[defaults\n");
    fleet.until_event("config-broken", None);
    assert!(fleet.run(&["events"]).good().contains("config is not usable"));
    assert!(fleet.run(&["logs", "one"]).good().contains("an agent in"));
    assert!(fleet.run(&["explain", "one"]).good().starts_with("one: "));
    fleet.run(&["send", "one", "hello"]).good();
    fleet.run(&["restart", "one"]).good();
    fleet.run(&["down", "one"]).good();
    fleet.run(&["up", "one"]).good();
    assert_eq!(fleet.run(&["attach", "one"]).bad(1).lines().next(), Some("error: `attach` needs a terminal"));
    fleet.kill_supervisor();
    assert!(fleet.run(&["status"]).good().contains("config error: line 1: unclosed table"));
    assert!(fleet.run(&["events"]).good().contains("config is not usable"));
    assert!(fleet.run(&["logs", "one"]).good().contains("an agent in"));
    assert!(fleet.run(&["explain", "one"]).good().starts_with("one: "));
    assert_eq!(fleet.run(&["attach", "one"]).bad(1).lines().next(), Some("error: `attach` needs a terminal"));
    assert!(fleet.run(&["send", "one", "--queue", "later"]).good().contains("is kept"));
    for verb in [&["up"][..], &["check"]] {
        let error = fleet.run(verb);
        assert_eq!(error.code, 1, "{verb:?}: {error:?}");
        let told = error.out + &error.err;
        assert!(
            told.contains("unclosed table") || told.contains("`agent-orchestrator check` lists the mistakes"),
            "{verb:?}: {told}"
        );
        assert!(!told.contains("error: error"), "{told}");
    }
    assert!(fleet.pane_pid("one") > 0, "nothing was ended");
    assert_eq!(fleet.run(&["down"]).good(), "one has ended\n");
}

#[test]
fn explain_tells_what_is_known_and_from_where() {
    let fleet = up(ALL_KINDS);
    fleet.until_event("agent-ready", Some("one"));
    let explained = fleet.run(&["explain", "one"]).good();
    assert!(explained.contains("SOURCE") && explained.contains("run 1 runs"), "{explained}");
    let json = fleet.run(&["explain", "one", "--json"]).good();
    let explanation: Explanation = serde_json::from_str(&json).unwrap();
    assert_eq!(explanation.agent.name, "one");
    assert!(fleet.run(&["explain", "web"]).good().starts_with("web: running"));
    assert!(fleet.run(&["explain", "onee"]).bad(2).contains("did you mean `one`?"));
    fleet.kill_supervisor();
    assert!(fleet.run(&["explain", "one"]).good().contains("run 1 runs"));
    assert!(fleet.run(&["explain", "onee"]).bad(2).contains("did you mean `one`?"));
}

#[test]
fn attach_sits_a_person_down_and_their_leaving_ends_nothing() {
    let fleet = up(ONE);
    let person = fleet.root.join("person");
    let tmux = |arguments: &[&str]| {
        let mut command = std::process::Command::new("tmux");
        command.args(["-f", "/dev/null", "-S"]).arg(&person).args(arguments).env("XDG_RUNTIME_DIR", &fleet.run);
        fleet.begin_command(command.env_remove("TMUX").current_dir(&fleet.project)).end().good()
    };
    let program = env!("CARGO_BIN_EXE_agent-orchestrator");
    let attach = format!("'{program}' attach one; echo left with $?; exec sleep 100000");
    tmux(&["new-session", "-d", "-x", "120", "-y", "40", "-s", "desk", &attach]);
    let shows = |text: &str| until(text, || tmux(&["capture-pane", "-p", "-t", "=desk:"]).contains(text));
    shows("an agent in ");
    tmux(&["send-keys", "-t", "=desk:", "-l", "typed by hand"]);
    fleet.until_screen("one", "> typed by hand");
    assert!(fleet.screen("one").lines().count() <= 50);
    assert_eq!(
        fleet.tmux("one", &["display-message", "-p", "#{window_width}x#{window_height}"]),
        "200x50",
        "a person's window changes nothing"
    );
    tmux(&["send-keys", "-t", "=desk:", "C-b", "d"]);
    shows("left with 0");
    assert!(lives(fleet.pane_pid("one")));
    tmux(&["kill-server"]);
    fleet.run(&["down", "one"]).good();
    assert_eq!(
        fleet.run(&["attach", "one"]).bad(4),
        "error: `one` is not running\nhint: `agent-orchestrator up one` starts it; `logs one` shows what it printed\n"
    );
    assert!(fleet.run(&["attach", "onee"]).bad(2).contains("did you mean `one`?"));
}

#[test]
fn who_looks_while_the_supervisor_is_killed_sees_what_disk_and_tmux_tell() {
    let fleet = TestFleet::new(&config(ONE));
    let socket = fleet.paths().control_socket();
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let dying = UnixListener::bind(&socket).unwrap();
    let asking = fleet.begin(&["status"]);
    let mut within = [PollFd::new(dying.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut within, PollTimeout::from(10_000_u16)), Ok(1), "nobody asks");
    let (mut stream, _) = dying.accept().unwrap();
    // What is left unread resets the connection.
    stream.read_exact(&mut [0]).unwrap();
    drop(stream);
    assert!(asking.end().good().starts_with("no supervisor (state from disk and tmux)\n"));
}
