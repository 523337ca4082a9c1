//! What the programs wrote, as it was captured (long texts cut), and how it is shown.

use std::fmt::Write as _;

use std::path::Path;

use expect_test::{Expect, expect};

use super::*;

fn shown(entries: &[Entry]) -> String {
    entries.iter().fold(String::new(), |mut out, entry| {
        let time = entry.time.map(|time| time.format("%H:%M:%S").to_string()).unwrap_or_default();
        writeln!(out, "{time} {} {:?}", entry.kind.word(), entry.text).expect("a text");
        out
    })
}

/// Reads a file in pieces that end anywhere.
fn read(program: Program, file: &str, piece: usize, expected: &Expect) {
    let mut reader = Reader::new(program);
    let entries: Vec<Entry> = file.as_bytes().chunks(piece).flat_map(|bytes| reader.take(bytes)).collect();
    expected.assert_eq(&shown(&entries));
}

#[test]
fn claude_code_is_read() {
    let file = include_str!("../../../tests/transcripts/claude.jsonl");
    for piece in [1, 1000, 1 << 20] {
        read(
            Program::Claude,
            file,
            piece,
            &expect![[r#"
            09:01:34 prompt "hello there\nsecond line of the prompt"
            09:01:34 says "Calling a tool."
            09:01:34 tool "Bash: echo first; echo second >&2; exit 3"
            09:01:34 failed "Exit code 3 first second"
            09:01:34 says "Done. This is the stub answer."
            09:02:09 prompt "again"
            09:02:09 error "Credit balance is too low"
        "#]],
        );
    }
}

#[test]
fn codex_is_read() {
    read(
        Program::Codex,
        include_str!("../../../tests/transcripts/codex.jsonl"),
        100,
        &expect![[r#"
        09:02:11 prompt "hello codex"
        09:02:11 says "Calling a tool."
        09:02:11 tool "exec_command: echo first; echo second >&2; exit 3"
        09:02:11 failed "exit code 3 first second"
        09:02:11 says "Done. This is the stub answer."
    "#]],
    );
}

#[test]
fn gemini_is_read_and_a_record_that_is_written_again_is_told_once() {
    read(
        Program::Gemini,
        include_str!("../../../tests/transcripts/gemini.jsonl"),
        100,
        &expect![[r#"
        09:02:23 prompt "hello gemini"
        09:02:24 says "Calling a tool."
        09:02:24 tool "run_shell_command: echo first; echo second >&2; exit 3"
        09:02:24 says "Done. This is the stub answer."
    "#]],
    );
}

#[test]
fn opencodes_rows_are_read_and_told_once() {
    let rows: Value = serde_json::from_str(include_str!("../../../tests/transcripts/opencode.json")).expect("rows");
    let mut reader = Reader::new(Program::Opencode);
    let mut tell = || rows.as_array().expect("rows").iter().flat_map(|row| reader.value(row)).collect::<Vec<_>>();
    expect![[r#"
        09:02:46 prompt "\"hello opencode\""
        09:02:53 says "Calling a tool."
        09:02:53 tool "bash: echo first; echo second >&2; exit 3"
        09:02:56 says "Done. This is the stub answer."
        09:09:22 prompt "again"
        09:09:22 error "Incorrect API key provided: sk-test*real."
    "#]]
    .assert_eq(&shown(&tell()));
    assert_eq!(tell(), []);
}

#[test]
fn what_claude_code_hides_stays_hidden() {
    let mut reader = Reader::new(Program::Claude);
    let mut tell = |record: &str| shown(&reader.take(format!("{record}\n").as_bytes()));
    let hidden = [
        r#"{"type":"assistant","message":{"content":[{"type":"thinking","thinking":"secret"},{"type":"redacted_thinking","data":"secret"}]}}"#,
        r#"{"type":"user","isMeta":true,"message":{"content":"secret"}}"#,
        r#"{"type":"assistant","isSidechain":true,"message":{"content":[{"type":"text","text":"secret"}]}}"#,
        r#"{"type":"user","message":{"content":"<system-reminder>secret</system-reminder>"}}"#,
        r#"{"type":"user","message":{"content":"<system-reminder>secret without an end"}}"#,
        r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"secret"}]}}"#,
        r#"{"type":"attachment","attachment":{"content":"secret"}}"#,
    ];
    for record in hidden {
        assert_eq!(tell(record), "", "{record}");
    }
    let record =
        r#"{"type":"user","message":{"content":"one <system-reminder>secret</system-reminder>\u001b]0;two\u0007"}}"#;
    assert_eq!(tell(record), " prompt \"one ]0;two\"\n");
    let record = r#"{"type":"user","message":{"content":"<command-name>/compact</command-name><command-args>now</command-args>"}}"#;
    assert_eq!(tell(record), " prompt \"/compact now\"\n");
}

#[test]
fn a_tool_call_is_one_line_of_bounded_length() {
    let call = |input: &Value| call(None, "Bash", input).text;
    assert_eq!(call(&serde_json::json!({ "description": "d", "command": "a\n  b\tc\u{1b}[2J" })), "Bash: a b c [2J");
    assert_eq!(call(&serde_json::json!({ "command": ["bash", "-lc", "ls"] })), "Bash: bash -lc ls");
    assert_eq!(call(&serde_json::json!({ "colour": 1 })), "Bash: {\"colour\":1}");
    assert_eq!(call(&serde_json::json!({ "command": "x".repeat(1 << 20) })).chars().count(), CALL_CHARS_MAX + 1);
    assert_eq!(entry(None, Kind::Says, &"ä".repeat(1 << 20)).text.chars().count(), TEXT_CHARS_MAX + 1);
}

#[test]
fn a_record_that_is_too_long_is_left_out_and_said_so() {
    let mut reader = Reader::new(Program::Claude);
    for _ in 0..=RECORD_BYTES_MAX / 1000 {
        assert_eq!(reader.take(&[b'x'; 1000]), []);
        assert!(reader.rest.len() <= RECORD_BYTES_MAX);
    }
    let good = r#"{"type":"user","message":{"content":"good"}}"#;
    let entries = reader.take(format!("\n{good}\n").as_bytes());
    assert_eq!(shown(&entries), " note \"a record of more than 4 MiB is left out\"\n prompt \"good\"\n");
}

#[test]
fn places_are_filled_in_with_the_agents_environment() {
    let variable = |name: &str| match name {
        "HOME" => Some("/home/ada".to_owned()),
        "CODEX_HOME" => Some("/srv/codex".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let filled = |path: &str| expanded(path, &variable).map(|path| path.to_string_lossy().into_owned());
    assert_eq!(filled("${CLAUDE_CONFIG_DIR:-~/.claude}/projects").as_deref(), Some("/home/ada/.claude/projects"));
    assert_eq!(filled("${CODEX_HOME:-~/.codex}/sessions").as_deref(), Some("/srv/codex/sessions"));
    assert_eq!(filled("${EMPTY:-~}/x").as_deref(), Some("/home/ada/x"));
    assert_eq!(filled("/a/b").as_deref(), Some("/a/b"));
    for none in ["", "a/b", "~other/x", "${NONE}/x"] {
        assert_eq!(filled(none).filter(|path| path != "/x"), None, "{none}");
    }
    assert_eq!(project_folder(Path::new("/srv/my.w_1/ä")), "-srv-my-w-1--");
}

#[test]
fn a_file_is_of_the_folder_that_its_first_record_names() {
    let of = |program, name, first: &str| conversation_of(program, name, first.as_bytes(), Path::new("/srv/w"));
    assert_eq!(of(Program::Claude, "1-2.jsonl", "{}").as_deref(), Some("1-2"));
    assert_eq!(of(Program::Claude, "1-2.json", "{}"), None);
    let first = include_str!("../../../tests/transcripts/codex.jsonl").lines().next().expect("a line");
    let id = Some("01a1fd57-7b50-7b71-8cfb-53e4278b1ce5");
    assert_eq!(of(Program::Codex, "rollout-x.jsonl", first).as_deref(), id);
    assert_eq!(of(Program::Codex, "rollout-x.jsonl", &first.replace("/srv/w", "/srv/v")), None);
    assert_eq!(of(Program::Codex, "rollout-x.jsonl", &first.replace("\"user\"", "\"title\"")), None);
    let first = include_str!("../../../tests/transcripts/gemini.jsonl").lines().next().expect("a line");
    let id = Some("2a6b993b-4c8a-4894-ba24-f0ba780682b6");
    assert_eq!(of(Program::Gemini, "session-x.jsonl", first).as_deref(), id);
    assert_eq!(of(Program::Gemini, "session-x.jsonl", &first.replace("main", "subagent")), None);
}

#[test]
fn what_is_asked_of_a_database_holds_no_strangers_words() {
    assert!(sessions_query("/srv/it's").contains("'/srv/it''s'"));
    assert_eq!(parts_query("x' or 1", 0), None);
    assert_eq!(sessions(&serde_json::json!([{ "id": "ses_1" }, { "id": "'" }, 3])), ["ses_1"]);
}
