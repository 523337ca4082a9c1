//! `transcript` and kept transcripts, on the session files that the programs wrote when they were captured.
#![expect(clippy::disallowed_methods, reason = "writes session files and runs the program")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod fleet;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fleet::{TestFleet, until};
use nix::sys::signal::Signal;

const CLAUDE: &str = include_str!("transcripts/claude.jsonl");
const CODEX: &str = include_str!("transcripts/codex.jsonl");
const GEMINI: &str = include_str!("transcripts/gemini.jsonl");
const OPENCODE: &str = include_str!("transcripts/opencode.json");

const CONFIG: &str = r#"
agent = [
  { name = "ada", backend = "claude", prompt = "x" },
  { name = "cod", backend = "codex", prompt = "x" },
  { name = "gem", backend = "gemini", prompt = "x" },
  { name = "opa", backend = "opencode", prompt = "x" },
  { name = "old", backend = "plain", prompt = "x" },
]
[defaults]
session_prefix = "t-"
log_dir = "logs"
[backend.plain]
bin = "cat"
[backend.opencode]
bin = "../opencode"
"#;

/// A conversation of Claude Code with one prompt.
fn prompt(text: &str) -> String {
    format!("{{\"type\":\"user\",\"timestamp\":\"2026-06-13T04:00:00Z\",\"message\":{{\"content\":\"{text}\"}}}}\n")
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Where Claude Code keeps the conversations of the fleet's folder.
fn claude(fleet: &TestFleet) -> PathBuf {
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    let folder: String = fleet.project.to_str().unwrap().chars().map(plain).collect();
    fleet.root.join("home/.claude/projects").join(folder)
}

fn transcript(fleet: &TestFleet, arguments: &[&str]) -> String {
    let arguments = [&["transcript"], arguments].concat();
    fleet.begin_command(fleet.command(&arguments).env("TZ", "UTC")).end().good()
}

fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|each| each == *line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn the_session_files_of_every_program_are_found_and_shown() {
    let fleet = TestFleet::new(CONFIG);
    let (home, project) = (fleet.root.join("home"), fleet.project.to_str().unwrap());
    write(&claude(&fleet).join("11111111-1111-4111-8111-111111111111.jsonl"), CLAUDE);
    let day = home.join(".codex/sessions/2026/11/21");
    write(&day.join("rollout-2026-11-21T09-02-11-a.jsonl"), &CODEX.replace("/srv/w", project));
    write(
        &day.join("rollout-2026-11-21T09-02-12-b.jsonl"),
        &CODEX.replace("/srv/w", "/else").replace("hello", "other"),
    );
    write(&home.join(".gemini/tmp/w/.project_root"), project);
    write(&home.join(".gemini/tmp/w/chats/session-1.jsonl"), GEMINI);
    write(&home.join(".gemini/tmp/v/.project_root"), "/else");
    write(&home.join(".gemini/tmp/v/chats/session-1.jsonl"), &GEMINI.replace("hello", "other"));
    write(&home.join(".local/share/opencode/opencode.db"), "");
    let rows = home.join("rows");
    write(&rows, OPENCODE);
    // It answers as `opencode db` does: the conversations first, then a conversation's rows.
    let program = format!(
        "#!/bin/sh\necho a warning >&2\ncase $2 in\n*'from session'*\"'{project}'\"*) echo '[{{\"id\":\"ses_1\"}}]' ;;\n\
         *'ses_1'*) cat '{}' ;;\n*) exit 3 ;;\nesac\n",
        rows.display()
    );
    write(&fleet.root.join("opencode"), &program);
    std::fs::set_permissions(fleet.root.join("opencode"), PermissionsExt::from_mode(0o755)).unwrap();

    let tool = "echo first; echo second >&2; exit 3";
    let shown = transcript(&fleet, &["ada"]);
    has(
        &shown,
        &[
            "2026-11-21 09:01:34 prompt hello there",
            "                           second line of the prompt",
            "2026-11-21 09:01:34 says   Calling a tool.",
            &format!("2026-11-21 09:01:34 tool   Bash: {tool}"),
            "2026-11-21 09:01:34 failed Exit code 3 first second",
            "2026-11-21 09:02:09 error  Credit balance is too low",
        ],
    );
    assert!(!shown.contains("skill") && !shown.contains("Catch-all"), "what it hides: {shown}");
    let shown = transcript(&fleet, &["cod"]);
    let call = format!("2026-11-21 09:02:11 tool   exec_command: {tool}");
    has(&shown, &["2026-11-21 09:02:11 prompt hello codex", &call]);
    assert!(!shown.contains("other") && !shown.contains("environment"), "{shown}");
    let shown = transcript(&fleet, &["gem"]);
    let call = format!("2026-11-21 09:02:24 tool   run_shell_command: {tool}");
    has(&shown, &["2026-11-21 09:02:23 prompt hello gemini", &call]);
    assert!(!shown.contains("other") && !shown.contains("session_context"), "{shown}");
    let shown = transcript(&fleet, &["opa"]);
    let call = format!("2026-11-21 09:02:53 tool   bash: {tool}");
    has(&shown, &[&call, "2026-11-21 09:02:53 says   Calling a tool."]);

    let all = transcript(&fleet, &["--all", "-n", "1000"]);
    assert!(
        ["ada ", "cod ", "gem ", "opa "].iter().all(|name| all.lines().any(|line| line.starts_with(name))),
        "{all}"
    );
    assert_eq!(transcript(&fleet, &["ada", "-n", "1"]), "2026-11-21 09:02:09 error  Credit balance is too low\n");
    let json = transcript(&fleet, &["ada", "-n", "1", "--json"]);
    let entry: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&entry["kind"], &entry["text"]), (&"error".into(), &"Credit balance is too low".into()));
    assert!(fleet.run(&["transcript", "old"]).bad(1).contains("are not known"));
    assert!(fleet.run(&["transcript", "adda"]).bad(2).contains("did you mean `ada`?"));
    fleet.run(&["transcript"]).bad(2);
}

#[test]
fn the_newest_conversation_is_shown_and_followed_into_the_next_one() {
    let fleet = TestFleet::new(CONFIG);
    assert!(fleet.run(&["transcript", "ada"]).bad(1).contains("no conversation yet"));
    let early = fleet.begin(&["transcript", "ada", "--follow"]);
    let (one, two) = (claude(&fleet).join("one.jsonl"), claude(&fleet).join("two.jsonl"));
    write(&one, &prompt("first"));
    early.until_said("first");
    let old = fleet.root.join("home/.claude/projects/other/x.jsonl");
    write(&old, &prompt("of another folder"));
    write(&two, "{\"type\":\"us");
    write(&two, &prompt("x")[11..].replace("\"x\"", "\"second\""));
    early.until_said("second");
    std::fs::write(&two, prompt("anew")).unwrap();
    early.until_said("anew");
    early.signal(Signal::SIGINT);
    let shown = early.end().good();
    assert_eq!(shown.lines().count(), 3, "{shown}");

    std::fs::File::options().write(true).open(&one).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let newest = transcript(&fleet, &["ada"]);
    assert!(newest.contains("anew") && !newest.contains("first"), "{newest}");
    let all = transcript(&fleet, &["ada", "--all"]);
    assert!(all.contains("anew") && all.contains("first") && !all.contains("of another"), "{all}");
}

#[test]
fn a_transcript_is_kept_beside_an_agent_until_its_end() {
    let fleet = TestFleet::new(
        r#"
[[agent]]
name = "ada"
backend = "own"
prompt = "x"
clean_log = true
[defaults]
session_prefix = "t-"
log_dir = "logs"
[backend.own]
bin = "bash ../home/box.sh"
prompt_delivery = "ping"
connect_delay = 0
transcripts = "claude"
transcripts_dir = "~/.claude/projects"
"#,
    );
    let log = || fleet.read("logs/ada.clean.log");
    let one = claude(&fleet).join("one.jsonl");
    write(&one, &prompt("of an earlier start"));
    fleet.run(&["up"]).good();
    until("the file", || fleet.project.join("logs/ada.clean.log").exists());
    until("what is added", || {
        write(&one, &prompt("added"));
        log().contains("added")
    });
    write(&claude(&fleet).join("two.jsonl"), &prompt("another one"));
    until("another conversation", || log().contains("another one"));
    assert!(!log().contains("earlier") && log().contains(" prompt another one\n"), "{}", log());
    fleet.run(&["down"]).good();
    until("its writer has ended too", || fleet.processes().is_empty());
}
