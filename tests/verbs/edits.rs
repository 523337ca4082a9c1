//! The config is edited while the fleet runs.

use super::fleet::until;
use super::{ALL_KINDS, ONE, config, states, up};

#[test]
fn agents_are_added_disabled_and_removed() {
    let fleet = up(ALL_KINDS);
    let pids = ["two", "job"].map(|name| fleet.pane_pid(name));
    let edited = ALL_KINDS
        .replace("name = 'one'", "name = 'one'\nenabled = false")
        .replace("name = 'off'\nenabled = false", "name = 'off'")
        .replace("[[service]]\nname = 'web'\n", "[[service]]\nname = 'new'\n");
    fleet.forget_events();
    fleet.write("agents.toml", &config(&edited));
    fleet.until_event("stopped", Some("one"));
    fleet.until_event("stopped", Some("web"));
    fleet.until_event("started", Some("off"));
    fleet.until_event("started", Some("new"));
    fleet.until_state("off", "idle");
    until("all of it", || states(&fleet) == ["one disabled", "two idle", "job idle", "off idle", "new running"]);
    assert_eq!(["two", "job"].map(|name| fleet.pane_pid(name)), pids, "the others are left alone");
    fleet.run(&["up", "web"]).bad(2);
    fleet.write("agents.toml", &config(ALL_KINDS));
    fleet.until_state("one", "idle");
    fleet.until_state("web", "running");
    fleet.until_state("off", "disabled");
}

#[test]
fn a_broken_edit_changes_nothing_but_the_shown_error_until_it_is_mended() {
    let fleet = up(ONE);
    let pid = fleet.pane_pid("one");
    let good = config(ONE);
    let broken = [
        (good.replace("[[agent]]", "[[agent"), ": unclosed array table"),
        (String::new(), "config error: cannot read config `"),
        (good[..good.len() - 3].to_owned(), "config error: line "),
        (good.replace("t-", "t 'x"), "config error: line "),
        ("\u{0}\u{1}".to_owned(), "config error: line 1: "),
    ];
    for (text, error) in broken {
        fleet.forget_events();
        fleet.write("agents.toml", &text);
        fleet.until_event("config-broken", None);
        let shown = fleet.run(&["status"]).good();
        assert!(shown.contains(error), "{error}: {shown}");
        assert!(shown.contains("(the last good one is in force)"), "{shown}");
        assert!(fleet.status().config_error.is_some());
        fleet.write("agents.toml", &good);
        fleet.until_event("config-loaded", None);
        assert_eq!(fleet.status().config_error, None);
    }
    fleet.forget_events();
    std::fs::remove_file(fleet.config()).unwrap();
    fleet.until_event("config-broken", None);
    assert!(fleet.run(&["status"]).good().contains("there is no config"));
    let draft = fleet.project.join("draft");
    std::fs::write(&draft, &good).unwrap();
    std::fs::rename(&draft, fleet.config()).unwrap();
    fleet.until_event("config-loaded", None);
    assert_eq!(fleet.pane_pid("one"), pid);
    assert_eq!(fleet.count_events("died", None) + fleet.count_events("stopped", None), 0);
}

#[test]
fn a_config_that_was_removed_hides_nothing_also_without_a_supervisor() {
    let fleet = up(ONE);
    fleet.forget_events();
    let text = std::fs::read(fleet.config()).unwrap();
    std::fs::remove_file(fleet.config()).unwrap();
    fleet.until_event("config-broken", None);
    fleet.kill_supervisor();
    let shown = fleet.run(&["status"]).good();
    assert!(shown.contains("there is no config") && shown.contains("one"), "{shown}");
    fleet.run(&["logs", "one"]).good();
    assert!(fleet.run(&["logs", "nobody"]).bad(2).contains("one"));
    assert!(fleet.run(&["up"]).bad(1).contains("there is no config"), "it is wanted for a start");
    std::fs::write(fleet.config(), text).unwrap();
}

#[test]
fn a_changed_interval_is_taken_up_at_once() {
    let fleet = up(ONE);
    fleet.until_screen("one", ">");
    fleet.tmux("one", &["send-keys", "-l", "a draft"]);
    fleet.until_screen("one", "> a draft");
    fleet.run(&["send", "one", "--queue", "hello"]).good();
    until("the draft to be seen", || fleet.run(&["explain", "one"]).good().contains("a person's draft stands"));
    assert!(fleet.run(&["explain", "one"]).good().contains("a draft that still stands is told in 8"), "of 900 s");
    fleet.write("agents.toml", &format!("{}\n[watchdog]\ndraft_alarm = 1\n", config(ONE)));
    fleet.until_event("draft", Some("one"));
}

#[test]
fn what_cannot_change_while_it_runs_is_shown() {
    let fleet = up(ONE);
    fleet.write("agents.toml", &config(ONE).replace("log_dir = 'logs'", "log_dir = 'elsewhere'\nsesion = 1"));
    let picture = fleet.until_status("two warnings", |picture| picture.config_warnings.len() == 2);
    let all = picture.config_warnings.join("\n");
    assert!(all.contains("`log_dir` stays `") && all.contains("unknown key `sesion`"), "{all}");
    let shown = fleet.run(&["status"]).good();
    assert_eq!(shown.matches("config warning: ").count(), 2, "{shown}");
    assert!(fleet.pane_pid("one") > 0);
    fleet.write("agents.toml", &config(ONE));
    fleet.until_status("no warnings", |picture| picture.config_warnings.is_empty());
}
