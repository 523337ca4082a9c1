//! Bad input: named, with the cure, and nothing half-done.

use super::fleet::{TestFleet, until};
use super::{HEAD, ONE, config, up};

const VERBS: [&[&str]; 16] = [
    &["up"],
    &["up", "one"],
    &["down"],
    &["down", "one"],
    &["restart", "one"],
    &["status"],
    &["status", "--json"],
    &["supervise"],
    &["watchdog"],
    &["logs", "one"],
    &["attach", "one"],
    &["send", "one", "hello"],
    &["phase"],
    &["check"],
    &["events"],
    &["explain", "one"],
];

#[test]
fn without_a_config_every_verb_says_how_to_get_one() {
    let fleet = TestFleet::bare();
    for verb in VERBS {
        let error = fleet.run(verb).bad(1);
        assert_eq!(
            error,
            "error: there is no config `agents.toml`\nhint: `agent-orchestrator init` writes one to start from; \
             `--config PATH` names another\n",
            "{verb:?}"
        );
    }
    assert_eq!(std::fs::read_dir(&fleet.project).unwrap().count(), 0, "nothing was made");
    std::fs::create_dir(fleet.config()).unwrap();
    for verb in VERBS {
        let ended = fleet.run(verb);
        assert!([1, 3].contains(&ended.code) && ended.err.starts_with("error: "), "{verb:?}: {ended:?}");
    }
}

#[test]
fn every_verb_has_a_help_with_its_exit_codes() {
    let fleet = TestFleet::bare();
    let verbs = [
        "up",
        "down",
        "restart",
        "status",
        "supervise",
        "logs",
        "attach",
        "send",
        "phase",
        "check",
        "init",
        "demo",
        "events",
        "explain",
    ];
    let all = fleet.run(&["--help"]).good();
    for verb in verbs {
        let help = fleet.run(&[verb, "--help"]).good();
        assert!(help.contains("Exit codes:") && help.contains("Example"), "{verb}: {help}");
        assert!(all.contains(&format!("\n  {verb} ")), "{verb} in {all}");
    }
    assert_eq!(fleet.run(&[]).code, 2);
    assert_eq!(fleet.run(&["frobnicate"]).code, 2);
    assert_eq!(fleet.run(&["status", "--frobnicate"]).code, 2);
}

#[test]
fn mistakes_are_all_told_and_nothing_starts() {
    let agents = "[[agent]]\nname = \"it's\"\n[[agent]]\nname = 'a b'\n[[agent]]\nname = 'one'\n[[agent]]\nname = 'one'\n\
                  [[agent]]\nname = ''\n[[agent]]\nname = '$(id)'\n[[agent]]\nname = '../up'\n[[agent]]\nname = 'x:y.z'\n";
    let fleet = TestFleet::new(&config(agents));
    let checked = fleet.run(&["check"]);
    assert_eq!(checked.code, 1);
    for name in ["it's", "a b", "$(id)", "../up", "x:y.z"] {
        assert!(checked.out.contains(&format!("`{name}`")), "{name}: {}", checked.out);
    }
    assert!(checked.out.contains("hint: use letters, digits, `_` and `-`, at most 64"), "{}", checked.out);
    assert!(checked.out.contains("two agents or services have the name `one`"), "{}", checked.out);
    let json: serde_json::Value = serde_json::from_str(&fleet.run(&["check", "--json"]).out).unwrap();
    assert!(
        json.as_array().unwrap().iter().all(|mistake| mistake["line"].is_u64() && mistake["column"].is_u64()),
        "{json}"
    );
    let error = fleet.run(&["up"]).bad(1);
    assert!(error.contains("agents.toml:"), "{error}");
    assert!(fleet.processes().is_empty() && !fleet.project.join("logs").exists());
}

#[test]
fn a_config_for_another_host_is_checked_without_its_files() {
    let fleet = TestFleet::bare();
    fleet.run(&["init"]).good();
    let toml = fleet.read("agents.toml").replace("\"prompts/assistant.md\"", "\"here/assistant.md\"");
    fleet.write("agents.toml", &toml.replace("\"plans/p1.md\"", "\"/elsewhere/p1.md\""));
    let here = fleet.project.join("here");
    let below = ["check", "--files-below", here.to_str().unwrap()];
    let told = fleet.run(&below);
    assert_eq!(
        (told.code, told.out.matches("is missing").count()),
        (1, 1),
        "only the one below is looked for: {told:?}"
    );
    fleet.write("here/assistant.md", "Help.");
    fleet.run(&below).good();
    assert!(fleet.run(&["check"]).out.contains("plan `/elsewhere/p1.md` is missing"));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    for log_dir in ["'agents.toml'", "'/proc/none'", "'/dev/null/logs'"] {
        let fleet = TestFleet::new(&config(ONE).replace("'logs'", log_dir));
        for verb in ["up", "supervise", "status", "down"] {
            let error = fleet.run(&[verb]).bad(1);
            assert!(error.starts_with("error: cannot make folder `"), "{verb} {log_dir}: {error}");
        }
        assert!(fleet.processes().is_empty());
    }
}

#[test]
fn a_log_that_cannot_be_written_stops_no_agent() {
    let fleet = TestFleet::new(&config(ONE));
    std::fs::create_dir_all(fleet.project.join("logs/t-one.log")).unwrap();
    fleet.run(&["up"]).good();
    fleet.run(&["send", "one", "hello"]).good();
    let error = fleet.run(&["logs", "one"]).bad(1);
    assert!(error.contains("cannot read `"), "{error}");
    assert!(fleet.run(&["logs", "one", "-f"]).bad(1).contains("cannot read `"));
}

#[test]
fn a_socket_path_that_is_too_long_says_what_to_shorten() {
    let fleet = TestFleet::new(&config(ONE));
    let long = fleet.root.join("x".repeat(90));
    std::fs::create_dir(&long).unwrap();
    let run = |arguments: &[&str]| fleet.begin_command(fleet.command(arguments).env("XDG_RUNTIME_DIR", &long)).end();
    for verb in [&["up"][..], &["supervise"], &["status"], &["down"], &["send", "one", "x"]] {
        let error = run(verb).bad(1);
        assert!(
            error.contains("is too long (") && error.contains("set XDG_RUNTIME_DIR to a shorter folder\n"),
            "{error}"
        );
    }
    assert!(fleet.processes().is_empty());
    fleet.run(&["up"]).good();
    fleet.write("agents.toml", &config(&format!("{ONE}[[agent]]\nname = '{}'\n", "n".repeat(64))));
    fleet.until_event_that("config-broken", None, |event| {
        event.text.contains("is too long (") && event.text.contains("hint: shorten the agent's name")
    });
    assert!(fleet.pane_pid("one") > 0);
}

#[test]
fn a_runtime_folder_of_somebody_else_is_refused() {
    let fleet = TestFleet::new(&config(ONE));
    std::fs::create_dir(fleet.run.join("agent-orchestrator")).unwrap();
    let other = fleet.root.join("other");
    std::fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink(&other, &fleet.paths().runtime).unwrap();
    let error = fleet.run(&["up"]).bad(1);
    assert!(error.contains("is not a folder of ours\nhint: "), "{error}");
    assert!(fleet.processes().is_empty());
}

#[test]
fn a_supervisor_that_listens_elsewhere_is_told() {
    let fleet = up(ONE);
    let other = fleet.root.join("o");
    std::fs::create_dir(&other).unwrap();
    std::fs::remove_file(fleet.paths().state.join("runtime")).unwrap();
    let error = fleet.begin_command(fleet.command(&["up"]).env("XDG_RUNTIME_DIR", &other)).end().bad(1);
    assert!(error.starts_with("error: a supervisor of this fleet runs already (pid "), "{error}");
    // One that has just begun is waited for.
    assert!(
        error.contains("it was started with another XDG_RUNTIME_DIR, or that was removed; `kill` ends it"),
        "{error}"
    );
    assert_eq!(fleet.agent("one").state, "idle");
}

#[test]
fn blanks_and_quotes_in_folders_hurt_nobody() {
    let config = config(&format!("{ONE}dir = 'an \"agent\" `x` $y'\n")).replace("'logs'", "\"the 'logs' %d #{x}\"");
    let fleet = TestFleet::in_folder("it's a \"fleet\" $HOME `id` %d #{pane_id} \u{e9}", &config);
    assert!(fleet.run(&["check"]).code == 0);
    fleet.run(&["up"]).good();
    fleet.run(&["send", "one", "hello"]).good();
    fleet.until_file_has("an \"agent\" `x` $y/received.txt", "hello\n---\n");
    let log = fleet.run(&["logs", "one"]).good();
    assert!(log.contains("it's a \"fleet\""), "{log}");
    super::fleet::kill_and_wait(fleet.pane_pid("one"));
    let log_dir = std::path::PathBuf::from(fleet.status().log_dir);
    until("the restart", || fleet.agent("one").recent_deaths == 1 && fleet.agent("one").state == "idle");
    assert!(log_dir.join("state/screens/one.txt").is_file());
    fleet.run(&["down"]).good();
    until("the end", || fleet.processes().is_empty());
}

#[test]
fn a_fleet_without_agents_is_no_error() {
    let fleet = TestFleet::new(HEAD);
    fleet.run(&["up"]).good();
    assert!(fleet.run(&["status"]).good().contains("no agents are configured"));
    assert!(fleet.run(&["up", "one"]).bad(2).contains("hint: the fleet is empty: add an `[[agent]]` to the config"));
    fleet.run(&["down"]).good();
}

#[test]
fn init_writes_a_fleet_that_passes_check_and_overwrites_nothing() {
    let fleet = TestFleet::bare();
    let said = fleet.run(&["init", "my fleet"]).good();
    assert!(said.contains("next: read the head of `my fleet/agents.toml`"), "{said}");
    let checked = fleet.run(&["--config", "my fleet/agents.toml", "check"]);
    assert_eq!((checked.code, checked.out.contains("no mistakes")), (0, true), "{checked:?}");
    let before = fleet.read("my fleet/agents.toml");
    let error = fleet.run(&["init", "my fleet"]).bad(1);
    assert!(error.contains("already has agents.toml") && error.contains("hint: nothing was written"), "{error}");
    assert_eq!(fleet.read("my fleet/agents.toml"), before);
    assert_eq!(fleet.run(&["--config", "x.toml", "init"]).bad(2).lines().count(), 2);
    fleet.write("file", "");
    assert!(fleet.run(&["init", "file"]).bad(1).starts_with("error: "));
    fleet.run(&["init"]).good();
    fleet.run(&["check"]).good();
}

#[test]
fn a_missing_tmux_is_named() {
    let fleet = TestFleet::new(&config(ONE));
    let empty = fleet.root.join("empty");
    std::fs::create_dir(&empty).unwrap();
    let error = fleet.begin_command(fleet.command(&["up"]).env("PATH", &empty)).end().bad(1);
    assert!(error.contains("cannot run `tmux`"), "{error}");
    fleet.run(&["down"]).good();
}

#[test]
fn a_supervisor_that_hangs_is_told_and_the_verb_does_not_hang_with_it() {
    let fleet = up(ONE);
    let pid = nix::unistd::Pid::from_raw(fleet.supervisor());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
    let error = fleet.run(&["status"]).bad(9);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT).unwrap();
    assert!(error.contains("the supervisor does not answer\nhint: it may hang"), "{error}");
}
