//! `install` and `units`: what they write for a host with systemd, into folders of the test's own.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs the program; a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use expect_test::expect;

const FLEET: &str = r#"
agent = [
  { name = "ada", dir = "a b", prompt = "go", wake = { prompt_file = "w.md", schedule = "hourly" } },
  { name = "upgrader", kind = "task", dir = "/srv/up", prompt = "go", schedule = "Sun 02:00 UTC" },
]
[defaults]
session_prefix = "t-"
log_dir = "logs"
project_dir = "/srv/fleet"
backend = "claude"
"#;

fn run(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns each of the files with its lines, without comments.
fn shown(files: &BTreeMap<String, String>) -> String {
    let shown = files.iter().map(|(name, text)| {
        let text: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        format!("{name}\n  {}\n", text.join("\n  "))
    });
    shown.collect()
}

/// Returns every file below `folder` but the program, with its text; a link with where it leads.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if path.is_symlink() {
                found.insert(name, format!("-> {}\n", fs::read_link(path).unwrap().display()));
            } else if path.is_dir() {
                folders.push(path);
            } else if !name.ends_with("bin/agent-orchestrator") {
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn what_the_units_need_of_the_config_is_written_and_what_is_gone_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("agents.toml");
    fs::write(&config, FLEET).unwrap();
    let out = folder.path().join("out");
    let foreign = out.join("agent-orchestrator-session@ada.service.d/20-mine.conf");
    let arguments = ["units", "--output", "out"];
    run(folder.path(), &arguments);
    fs::write(&foreign, "[Service]\nMemoryMax=1G\n").unwrap();
    let written = tree(&out);
    expect![[r#"
        agent-orchestrator-run@upgrader.timer.d/10-fleet.conf
          [Timer]
          OnCalendar=Sun 02:00 UTC
        agent-orchestrator-session@ada.service.d/10-fleet.conf
          [Service]
          ReadWritePaths="/srv/fleet/a b"
          ReadWritePaths="/srv/fleet/logs"
        agent-orchestrator-session@ada.service.d/20-mine.conf
          [Service]
          MemoryMax=1G
        agent-orchestrator-session@upgrader.service.d/10-fleet.conf
          [Service]
          ReadWritePaths="/srv/up"
          ReadWritePaths="/srv/fleet/logs"
        agent-orchestrator-wake@ada.timer.d/10-fleet.conf
          [Timer]
          OnCalendar=hourly
        agent-orchestrator.service.d/10-fleet.conf
          [Service]
          ReadWritePaths="/srv/fleet/logs"
        agent-orchestrator.target.wants/agent-orchestrator-run@upgrader.timer
          -> /usr/local/lib/systemd/system/agent-orchestrator-run@.timer
        agent-orchestrator.target.wants/agent-orchestrator-wake@ada.timer
          -> /usr/local/lib/systemd/system/agent-orchestrator-wake@.timer
    "#]]
    .assert_eq(&shown(&written));

    run(folder.path(), &arguments);
    assert_eq!(tree(&out), written, "a second time changes nothing");

    let without: String = FLEET.lines().filter(|line| !line.contains("upgrader")).fold(String::new(), |all, line| {
        all + &line
            .replace(", schedule = \"hourly\"", "")
            .replace("log_dir = \"logs\"", "log_dir = \"/var/log/agent-orchestrator\"")
            + "\n"
    });
    fs::write(&config, without).unwrap();
    run(folder.path(), &arguments);
    let left: Vec<String> = tree(&out).into_keys().collect();
    let ada = "agent-orchestrator-session@ada.service.d";
    assert_eq!(left, [format!("{ada}/10-fleet.conf"), format!("{ada}/20-mine.conf")]);
}

#[test]
fn logs_in_a_home_hide_no_home_from_the_supervisor_which_reads_clones_there() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = FLEET.replace("\"logs\"", "\"/home/p/logs\"").replace("\"a b\"", "\"/home/p/ada\"");
    let fleet: Vec<&str> = fleet.lines().filter(|line| !line.contains("upgrader")).collect();
    fs::write(folder.path().join("agents.toml"), fleet.join("\n").replace(", schedule = \"hourly\"", "")).unwrap();
    run(folder.path(), &["units", "--output", "out"]);
    expect![[r#"
        agent-orchestrator-session@ada.service.d/10-fleet.conf
          [Service]
          ProtectHome=tmpfs
          BindPaths="/home/p/ada"
          BindPaths="/home/p/logs"
        agent-orchestrator.service.d/10-fleet.conf
          [Service]
          ReadWritePaths="/home/p/logs"
    "#]]
    .assert_eq(&shown(&tree(&folder.path().join("out"))));
}

#[test]
fn mistakes_that_leave_a_fleet_are_told_and_keep_nothing_from_being_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("agents.toml"), FLEET.replace("prompt = \"go\", wake", "promt = \"go\", wake"))
        .unwrap();
    let said = run(folder.path(), &["units", "--output", "out"]);
    assert!(said.contains("unknown key `promt`") && said.contains("mistakes, all the same:\nwrote "), "{said}");
    assert!(folder.path().join("out/agent-orchestrator-session@ada.service.d/10-fleet.conf").exists());
}

#[test]
fn check_shows_calendars_to_systemd_and_points_to_what_that_does_not_understand() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("agents.toml"), FLEET.replace("Sun 02:00 UTC", "Sun 25:00")).unwrap();
    let tool = folder.path().join("systemd-analyze");
    fs::write(&tool, "#!/bin/sh\n[ \"$3\" != 'Sun 25:00' ] || { echo 'Failed to parse' >&2; exit 1; }\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let check = |path: String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
        let output = command.args(["check", "--json"]).current_dir(folder.path()).env("PATH", path).output().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let of_calendars = |entry: &&serde_json::Value| entry["key"].as_str().unwrap().contains("schedule");
        found.as_array().unwrap().iter().find(of_calendars).cloned()
    };
    let path = std::env::var("PATH").unwrap();
    let found = check(format!("{}:{path}", folder.path().display())).unwrap();
    assert_eq!(found["key"], "agent[1].schedule");
    assert_eq!(found["message"], "`schedule` of `upgrader` is no calendar: Failed to parse");
    assert_eq!((&found["line"], &found["severity"]), (&4.into(), &"error".into()));
    assert_eq!(check("/bin/none".to_owned()), None, "where there is no systemd nobody can tell");
}

#[test]
fn an_unusable_config_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("agents.toml"), "agent = 7").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    let output = command.args(["units", "--output", "out"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn an_image_is_installed_into_without_touching_this_host() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("image");
    let arguments = ["install", "--root", "image", "--prefix", "/usr", "--listen", "100.64.0.5:80"];
    for _ in 0..2 {
        run(folder.path(), &arguments);
    }
    assert!(root.join("usr/bin/agent-orchestrator").metadata().unwrap().len() > 0);
    let files = tree(&root);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    expect![[r#"
        [
            "usr/lib/systemd/system/agent-orchestrator-run@.service",
            "usr/lib/systemd/system/agent-orchestrator-run@.timer",
            "usr/lib/systemd/system/agent-orchestrator-session@.service",
            "usr/lib/systemd/system/agent-orchestrator-wake@.service",
            "usr/lib/systemd/system/agent-orchestrator-wake@.timer",
            "usr/lib/systemd/system/agent-orchestrator-web.service",
            "usr/lib/systemd/system/agent-orchestrator.service",
            "usr/lib/systemd/system/agent-orchestrator.slice",
            "usr/lib/systemd/system/agent-orchestrator.target",
            "usr/lib/sysusers.d/agent-orchestrator.conf",
            "usr/lib/tmpfiles.d/agent-orchestrator.conf",
            "usr/share/agent-orchestrator/nginx.conf",
            "usr/share/agent-orchestrator/sysctl.conf",
            "usr/share/polkit-1/rules.d/50-agent-orchestrator.rules",
        ]
    "#]]
    .assert_debug_eq(&names);
    let unit = &files["usr/lib/systemd/system/agent-orchestrator.service"];
    assert!(unit.contains("\nExecStart=/usr/bin/agent-orchestrator "), "{unit}");
    assert!(files["usr/share/agent-orchestrator/nginx.conf"].contains("listen 100.64.0.5:80;"));
}
