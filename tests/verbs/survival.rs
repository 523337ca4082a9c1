//! The supervisor ends, is killed, comes back, and finds what is there.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::fleet::{TestFleet, kill_and_wait, lives, until};
use super::{ALL_KINDS, ONE, config, up};

#[test]
fn a_killed_supervisor_leaves_the_agents_and_the_next_adopts_them() {
    let fleet = up(ALL_KINDS);
    fleet.run(&["send", "one", "/busy"]).good();
    fleet.run(&["send", "one", "--queue", "for later"]).good();
    let pids = ["one", "two", "job", "web"].map(|name| fleet.pane_pid(name));
    for _ in 0..2 {
        fleet.forget_events();
        fleet.kill_supervisor();
        assert!(pids.iter().all(|pid| lives(*pid)));
        fleet.run(&["up"]).good();
        for name in ["one", "two", "job", "web"] {
            fleet.until_event("adopted", Some(name));
        }
        assert_eq!(["one", "two", "job", "web"].map(|name| fleet.pane_pid(name)), pids);
    }
    assert_eq!(fleet.agent("one").pending, 1, "what waits is not forgotten");
    fleet.tmux("one", &["send-keys", "-l", "/idle"]);
    fleet.tmux("one", &["send-keys", "Enter"]);
    fleet.until_file_has("received.txt", "for later\n---\n");
    assert_eq!(fleet.count_events("started", None), 4);
}

#[test]
fn who_has_another_runtime_folder_or_none_finds_the_fleet_all_the_same() {
    let fleet = up(ALL_KINDS);
    let pids = ["one", "two", "job", "web"].map(|name| fleet.pane_pid(name));
    let other = fleet.root.join("o");
    std::fs::create_dir(&other).unwrap();
    let elsewhere = |verb: &[&str]| fleet.begin_command(fleet.command(verb).env("XDG_RUNTIME_DIR", &other)).end();
    let nowhere = |verb: &[&str]| {
        let mut command = fleet.command(verb);
        fleet.begin_command(command.env_remove("XDG_RUNTIME_DIR").env("TMPDIR", &other)).end()
    };
    elsewhere(&["send", "one", "hello"]).good();
    fleet.until_file_has("received.txt", "hello\n");
    fleet.kill_supervisor();
    assert!(nowhere(&["status"]).good().starts_with("no supervisor "));
    elsewhere(&["up"]).good();
    assert_eq!(["one", "two", "job", "web"].map(|name| fleet.pane_pid(name)), pids);
    assert_eq!(fleet.count_events("started", None), 4, "nothing is started a second time");
    nowhere(&["down"]).good();
    assert!(pids.iter().all(|pid| !lives(*pid)));

    std::fs::remove_dir_all(fleet.paths().runtime).unwrap();
    elsewhere(&["up"]).good();
    assert!(fleet.run(&["status"]).good().starts_with("supervisor: pid "), "the new place is known");
    fleet.run(&["down"]).good();
}

#[test]
fn an_up_right_after_a_kill_waits_for_its_end() {
    let fleet = up(ONE);
    for _ in 0..10 {
        kill(Pid::from_raw(fleet.supervisor()), Signal::SIGKILL).unwrap();
        let both = [fleet.begin(&["up"]), fleet.begin(&["up"])];
        for verb in both {
            verb.end().good();
        }
    }
    assert_eq!(fleet.count_events("started", Some("one")), 1);
}

#[test]
fn a_copied_project_is_a_fleet_of_its_own() {
    let fleet = up(ONE);
    let copied = fleet.root.join("copied");
    let mut copy = std::process::Command::new("cp");
    fleet.begin_command(copy.arg("-a").arg(&fleet.project).arg(&copied)).end().good();
    let config = copied.join("agents.toml");
    fleet.run(&["--config", config.to_str().unwrap(), "send", "one", "hello"]).bad(3);
}

#[test]
fn what_dies_while_there_is_no_supervisor_is_started_by_the_next() {
    let fleet = up(ONE);
    fleet.kill_supervisor();
    kill_and_wait(fleet.pane_pid("one"));
    fleet.forget_events();
    fleet.run(&["up"]).good();
    fleet.until_event("died", Some("one"));
    fleet.until_event_that("started", Some("one"), |event| event.text == "started (run 2)");
}

#[test]
fn many_that_say_up_at_once_start_one_supervisor_and_one_of_each() {
    let fleet = TestFleet::new(&config(ONE));
    let verbs: Vec<_> = (0..4).map(|_| fleet.begin(&["up"])).collect();
    for verb in verbs {
        let ended = verb.end();
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    assert_eq!(fleet.count_events("supervisor-started", None), 1);
    assert_eq!(fleet.count_events("started", Some("one")), 1);
}

#[test]
fn a_state_that_cannot_be_used_is_an_error_with_a_way_out_and_nothing_is_lost() {
    let fleet = up(ALL_KINDS);
    fleet.run(&["down", "two"]).good();
    let pid = fleet.pane_pid("one");
    fleet.kill_supervisor();
    let state = fleet.paths().state_file();
    let whole = std::fs::read(&state).unwrap();
    let newer = String::from_utf8(whole.clone()).unwrap().replacen("\"version\":1", "\"version\":99", 1);
    let broken = [
        (Vec::new(), "it is empty"),
        (whole[..whole.len() / 2].to_vec(), "it is not JSON"),
        (newer.into_bytes(), "it has version 99, this program knows version 1"),
        (b"{\"version\":1}".to_vec(), "it is no state"),
        (b"\xff\xfe\x00".to_vec(), "it is not JSON"),
    ];
    for (bytes, why) in broken {
        std::fs::write(&state, &bytes).unwrap();
        for verb in [&["up"][..], &["supervise"], &["status"], &["down"], &["down", "one"], &["explain", "one"]] {
            let error = fleet.run(verb).bad(1);
            let begin = format!("error: cannot use state `{}`: {why}", state.display());
            assert!(error.starts_with(&begin) && error.contains("\nhint: `mv "), "{verb:?}: {error}");
        }
        assert_eq!(std::fs::read(&state).unwrap(), bytes, "it is left as it is");
        assert!(lives(pid));
    }
    std::fs::remove_file(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    assert!(fleet.run(&["up"]).bad(1).starts_with("error: cannot read state `"));
    std::fs::remove_dir(&state).unwrap();

    std::fs::write(&state, &whole[..whole.len() / 2]).unwrap();
    let hint = fleet.run(&["up"]).bad(1);
    let way_out = hint.split('`').find(|part| part.starts_with("mv ")).unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", way_out]);
    fleet.begin_command(&mut shell).end().good();
    fleet.run(&["up"]).good();
    assert_eq!(fleet.pane_pid("one"), pid, "what runs is found again");
}

#[test]
fn a_supervisor_that_cannot_save_says_so_and_goes_on() {
    let fleet = up(ONE);
    let draft = fleet.paths().state.join("state.json.draft");
    std::fs::create_dir(&draft).unwrap();
    fleet.run(&["send", "one", "hello"]).good();
    fleet.until_event_that("trouble", None, |event| event.text.contains("cannot save state"));
    kill_and_wait(fleet.pane_pid("one"));
    fleet.until_event_that("started", Some("one"), |event| event.text == "started (run 2)");
    std::fs::remove_dir(&draft).unwrap();
    fleet.run(&["down", "one"]).good();
    until("the saved state", || std::fs::read_to_string(fleet.paths().state_file()).unwrap().contains("\"stopped\":{"));
}

#[test]
fn after_a_kill_a_broken_config_hides_nothing_and_supervision_goes_on_with_the_last_good_one() {
    let fleet = up(ONE);
    let pid = fleet.pane_pid("one");
    fleet.kill_supervisor();
    fleet.write("agents.toml", "[[agent\n");
    let shown = fleet.run(&["status"]).good();
    assert!(shown.contains("config error: line 1: ") && shown.contains("one"), "{shown}");
    assert!(fleet.run(&["explain", "one"]).good().contains("run 1 runs"));
    fleet.run(&["up"]).bad(1);
    assert!(fleet.run(&["send", "one", "--queue", "kept"]).good().contains("is kept"));
    fleet.run(&["send", "one", "now"]).bad(3);
    fleet.run(&["wake", "nobody"]).bad(2);
    assert!(fleet.run(&["attach", "one"]).bad(1).contains("needs a terminal"));
    let supervisor = fleet.begin(&["supervise"]);
    fleet.until_state("one", "idle");
    assert!(fleet.status().config_error.is_some());
    assert_eq!(fleet.pane_pid("one"), pid);
    let warned = fleet.run(&["restart", "one"]);
    assert!(warned.err.contains("the config is not usable, the last good one stays in force"), "{warned:?}");
    supervisor.signal(Signal::SIGTERM);
    assert_eq!(supervisor.end().code, 143);
    fleet.run(&["down", "one"]).good();
    assert!(fleet.run(&["status"]).good().contains("stopped"));
}
