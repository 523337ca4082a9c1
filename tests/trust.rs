//! What a first start needs: folders that are trusted, and programs that are there.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs the program; a test may panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

const FLEET: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
[[agent]]
name = "a"
backend = "claude"
prompt = "x"
dir = "work"
[[agent]]
name = "b"
backend = "codex"
prompt = "x"
[[agent]]
name = "c"
backend = "gemini"
prompt = "x"
[[agent]]
name = "d"
backend = "opencode"
prompt = "x"
"#;

struct Desk {
    root: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("work")).unwrap();
        std::fs::write(root.path().join("agents.toml"), FLEET).unwrap();
        Self { root }
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
        program.args(words).current_dir(&self.root).env_clear().env("HOME", self.root.path());
        program.env("PATH", "/usr/bin:/bin").env("XDG_RUNTIME_DIR", self.root.path()).output().unwrap()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.at(path)).unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn folders_are_trusted_on_request_and_once() {
    let desk = Desk::new();
    std::fs::write(desk.at(".claude.json"), r#"{"theme":"dark"}"#).unwrap();
    std::fs::set_permissions(desk.at(".claude.json"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let first = desk.run(&["trust"]);
    assert!(first.status.success(), "{}", said(&first));
    assert_eq!(said(&first).lines().count(), 3, "opencode never asks: {}", said(&first));
    let root = desk.root.path().canonicalize().unwrap();
    let claude: serde_json::Value = serde_json::from_str(&desk.text(".claude.json")).unwrap();
    let work = root.join("work");
    assert_eq!(claude["projects"][work.to_str().unwrap()]["hasTrustDialogAccepted"], true);
    assert_eq!(claude["theme"], "dark");
    assert_eq!(std::fs::metadata(desk.at(".claude.json")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(desk.text(".codex/config.toml").contains(&format!("[projects.\"{}\"]", root.display())));
    assert!(desk.text(".gemini/trustedFolders.json").contains("TRUST_FOLDER"));
    let second = desk.run(&["trust"]);
    assert!(said(&second).starts_with("nothing to do"), "{}", said(&second));
    assert_eq!(desk.run(&["trust", "nobody"]).status.code(), Some(2));
}

#[test]
fn a_file_that_cannot_be_read_as_it_should_stays_as_it_is() {
    let desk = Desk::new();
    std::fs::write(desk.at(".claude.json"), "{ half").unwrap();
    let failed = desk.run(&["trust", "a"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(said(&failed).contains("cannot trust") && said(&failed).contains("no JSON"), "{}", said(&failed));
    assert_eq!(desk.text(".claude.json"), "{ half");
}

#[test]
fn check_warns_of_programs_that_are_missing_or_of_another_version() {
    let desk = Desk::new();
    let bin = desk.at("claude");
    std::fs::write(&bin, "#!/bin/sh\necho 9.9.9\n").unwrap();
    std::fs::set_permissions(&bin, std::fs::Permissions::from_mode(0o755)).unwrap();
    let fleet =
        format!("{FLEET}[backend.claude]\nbin = \"{}\"\n[backend.codex]\nbin = \"no-such-codex\"\n", bin.display());
    std::fs::write(desk.at("agents.toml"), fleet).unwrap();
    let checked = desk.run(&["check"]);
    let said = said(&checked);
    assert!(checked.status.success(), "warnings only: {said}");
    assert!(said.contains("is 9.9.9, and its screens are known from 2.1.197"), "{said}");
    assert!(said.contains("there is no program `no-such-codex`"), "{said}");
}

#[test]
fn check_warns_of_clones_that_are_missing_or_no_repositories() {
    let desk = Desk::new();
    let warnings = |desk: &Desk| -> Vec<String> {
        let checked = desk.run(&["--config", "new/agents.toml", "check"]);
        let said = said(&checked).replace(desk.root.path().to_str().unwrap(), "");
        assert!(checked.status.success(), "warnings only: {said}");
        let lines = said.lines().filter_map(|line| line.strip_prefix("warning: "));
        lines.filter(|line| !line.starts_with("backend ")).map(str::to_owned).collect()
    };
    assert!(desk.run(&["init", "new"]).status.success());
    let repository = "watched repository `/new` is in no git repository";
    let missing = ["builder", "adversary"].map(|name| format!("clone `/new/clones/{name}` is missing"));
    assert_eq!(warnings(&desk), [repository, &missing[0], &missing[1]]);
    std::fs::create_dir_all(desk.at("new/clones/builder")).unwrap();
    std::fs::create_dir_all(desk.at("new/clones/adversary/.git")).unwrap();
    assert_eq!(warnings(&desk), [repository, "clone `/new/clones/builder` is in no git repository"]);
    std::fs::create_dir_all(desk.at("new/.git")).unwrap();
    assert_eq!(warnings(&desk), Vec::<String>::new());
}

#[test]
fn check_warns_of_ones_own_programs_that_are_missing_and_runs_none_of_them() {
    let desk = Desk::new();
    let head = "[defaults]\nsession_prefix = 'x-'\nlog_dir = 'logs'\n[notify]\ncommand = ['no-such-notifier', 'a b']\n";
    let backends = [
        ("plain", "bin = 'no-such-agent --flag'"),
        ("derived", "preset = 'claude'\nbin = '/nope/claude'"),
        ("template", "bin = 'no-such-template {kickoff}'\nprompt_delivery = 'exec'"),
        ("file", "bin = '/etc/passwd'"),
        ("local", "bin = './agent.sh'"),
        ("home", "bin = '\"$HOME/work/agent.sh\" --go'"),
        ("path", "bin = 'agent.sh'\nenv = { PATH = '/nowhere:WORK' }"),
        ("brought", "bin = 'brought'\nprompt_delivery = 'ping'\npreamble = 'brought() { :; }'"),
        ("unclear", "bin = '$(cat which) --go'"),
    ];
    let tables = backends.map(|(name, keys)| {
        let agent = format!("[[agent]]\nname = '{name}'\nbackend = '{name}'\nprompt = 'x'\ndir = 'work'\n");
        format!("[backend.{name}]\n{keys}\n{agent}")
    });
    let work = desk.at("work").display().to_string();
    std::fs::write(desk.at("agents.toml"), format!("{head}{}", tables.concat()).replace("WORK", &work)).unwrap();
    let own = desk.at("work/agent.sh");
    std::fs::write(&own, "#!/bin/sh\ntouch ran\n").unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
    let checked = desk.run(&["check"]);
    let said = said(&checked);
    assert!(checked.status.success(), "warnings only: {said}");
    let warnings: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
    assert_eq!(
        warnings,
        [
            "`[notify]`: there is no program `no-such-notifier`",
            "backend `derived`: there is no program `/nope/claude`",
            "backend `file`: `/etc/passwd` is no program that can be run",
            "backend `plain`: there is no program `no-such-agent`",
            "backend `template`: there is no program `no-such-template`",
        ]
    );
    assert!(!desk.at("work/ran").exists(), "none was run");
}
