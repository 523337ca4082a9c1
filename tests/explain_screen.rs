//! `explain --screen` and `selftest`, run by the real program without a supervisor.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs the program; a test may panic")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A screen that no preset knows.
const OWN: &str = "said\n\n\u{1b}[31m~~ thinking\u{1b}[0m hard\n\n> \n";

/// A config with a backend that does.
const CONFIG: &str = "[defaults]\nsession_prefix = 'p-'\nlog_dir = 'logs'\n\
    [backend.own]\nbin = 'own'\ninput_re = '^>'\n\
    [[backend.own.rules]]\nname = 'thinks'\nregion = 'end'\nmeaning = 'working'\nre = '^~~ thinking hard$'\n\
    [backend.bad]\nbin = 'bad'\nlimit_re = '('\n";

/// Runs the program in `folder` with `input`; returns what it printed and its exit code.
fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> (String, Option<i32>) {
    let program = env!("CARGO_BIN_EXE_agent-orchestrator");
    let piped = || Stdio::piped();
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("TZ", "UTC")
        .stdin(piped())
        .stdout(piped())
        .stderr(piped())
        .spawn()
        .unwrap();
    // It may end before it has read.
    let _ = child.stdin.take().unwrap().write_all(input);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (String::from_utf8([stdout, stderr].concat()).unwrap(), status.code())
}

fn shows(arguments: &[&str], input: &[u8], expected: &Expect) {
    let folder = TempDir::new().unwrap();
    let (printed, code) = run(folder.path(), arguments, input);
    assert_eq!(code, Some(0), "{printed}");
    expected.assert_eq(&printed);
}

fn capture(name: &str) -> String {
    format!("{ROOT}/tests/screens/{name}.txt")
}

#[test]
fn a_capture_is_explained_without_a_config() {
    shows(
        &[
            "explain",
            "--backend",
            "claude",
            "--at",
            "2026-06-13T00:00:00Z",
            "--screen",
            &capture("claude/subscriber-limit-so-4s"),
        ],
        b"",
        &expect![[r"
            claude: limit-menu, by rule limit-menu-wait-selected
              title: `✳ Stub title`
              input box: not on the screen
              a start: goes on
              a message: waits: the screen asks for a person: `❯ 1. Stop and wait for limit to reset`
              the limit ends: Sat 2026-06-13 03:47:00 UTC

            what the rules found, the first decides:
            MEANING         RULE                      PRIORITY  REGION  LINE  TEXT
            limit-menu      limit-menu-wait-selected  91        dialog  24    ❯ 1. Stop and wait for limit to reset 2. Upgrade your plan
            unknown-dialog  unknown-dialog            86        dialog  27    Enter to confirm · Esc to cancel
            limited         limit                     70        end     15    ⎿ You've hit your session limit · resets 3:47am (UTC)
        "]],
    );
    shows(
        &["explain", "--backend", "codex", "--screen", &capture("codex/typed-not-submitted")],
        b"",
        &expect![[r"
        codex: idle, by rule title-idle
          title: `cx`
          input box: holds `hello slow codex`
          a start: has ended, it takes a prompt
          a message: waits: a person's draft stands in the input box: `hello slow codex`

        what the rules found, the first decides:
        MEANING  RULE         PRIORITY  REGION  LINE  TEXT
        idle     title-idle   60        title   -     cx
        idle     status-idle  40        footer  49    stub-model default · /srv/agent/cx ⚠ 1 warning · f2 to view
    "]],
    );
    shows(
        &["explain", "--backend", "opencode", "--screen", "-"],
        b"\n",
        &expect![[r"
        opencode: nothing that a rule knows
          title: none, `--title` gives one
          input box: not on the screen
          a start: goes on
          a message: waits: no input box on the screen, a dialog may be in the way
    "]],
    );
}

#[test]
fn the_times_that_a_screen_names_are_read_as_at_the_time_of_the_capture() {
    let rule = "─".repeat(120);
    let waits =
        format!("● done for now\nWAITING-UNTIL: 2026-06-13T04:10:00Z\n\n{rule}\n❯ \n{rule}\n  ? for shortcuts\n");
    let arguments = ["explain", "--backend", "claude", "--at", "2026-06-13T04:00:00Z", "--screen", "-"];
    shows(
        &arguments,
        waits.as_bytes(),
        &expect![[r"
        claude: idle, by rule footer-idle
          title: none, `--title` gives one
          input box: empty
          a start: has ended, it takes a prompt
          a message: can be typed
          it waits until: Sat 2026-06-13 04:10:00 UTC

        what the rules found, the first decides:
        MEANING  RULE         PRIORITY  REGION  LINE  TEXT
        idle     footer-idle  40        footer  7     ? for shortcuts
    "]],
    );
    let old =
        format!("❯ go\n  ⎿  You've hit your session limit · resets 3am\n\n{rule}\n❯ \n{rule}\n  ? for shortcuts\n");
    shows(
        &arguments,
        old.as_bytes(),
        &expect![[r"
        claude: limited, by rule limit
          title: none, `--title` gives one
          input box: empty
          a start: has ended, it takes a prompt
          a message: can be typed
          the limit ends: no time that is believed, so probes go by the clock

        what the rules found, the first decides:
        MEANING  RULE         PRIORITY  REGION  LINE  TEXT
        limited  limit        70        end     2     ⎿ You've hit your session limit · resets 3am
        idle     footer-idle  40        footer  7     ? for shortcuts
    "]],
    );
}

#[test]
fn a_title_on_the_command_line_is_that_of_the_pane() {
    let capture = capture("claude/idle-fresh.ansi");
    let title = "⠂ Thinking";
    shows(
        &["explain", "--json", "--backend", "claude", "--title", title, "--screen", &capture],
        b"",
        &expect![[r#"
            {
              "backend": "claude",
              "title": "⠂ Thinking",
              "meaning": "working",
              "input": {
                "state": "empty"
              },
              "ready": true,
              "obstacle": null,
              "waiting": null,
              "limited": false,
              "resets": null,
              "readings": [
                {
                  "rule": "title-working",
                  "meaning": "working",
                  "priority": 80,
                  "region": "title",
                  "line": null,
                  "text": "⠂ Thinking"
                }
              ]
            }
        "#]],
    );
}

#[test]
fn a_config_adds_its_backends_and_rules() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("agents.toml"), CONFIG).unwrap();
    let explain =
        |backend: &str| run(folder.path(), &["explain", "--backend", backend, "--screen", "-"], OWN.as_bytes());
    let (printed, code) = explain("own");
    assert_eq!(code, Some(0), "{printed}");
    expect![[r"
        own: working, by rule thinks
          title: none, `--title` gives one
          input box: empty
          a start: has ended, it takes a prompt
          a message: waits: the agent is busy

        what the rules found, the first decides:
        MEANING  RULE    PRIORITY  REGION  LINE  TEXT
        working  thinks  100       end     3     ~~ thinking hard
    "]]
    .assert_eq(&printed);
    expect![[r"
        error: backend `bad`: bad pattern in `limit_re`: unclosed group
    "]]
    .assert_eq(&explain("bad").0);
    expect![[r"
        error: there is no backend `won`
        hint: did you mean `own`?
    "]]
    .assert_eq(&explain("won").0);
    let elsewhere = TempDir::new().unwrap();
    let config = folder.path().join("agents.toml");
    let arguments = ["--config", config.to_str().unwrap(), "explain", "--backend", "own", "--screen", "-"];
    let (named, code) = run(elsewhere.path(), &arguments, OWN.as_bytes());
    assert_eq!((named, code), (printed, Some(0)));
}

#[test]
fn what_cannot_be_explained_says_so() {
    let folder = TempDir::new().unwrap();
    let explain = |arguments: &[&str], input: &[u8]| {
        let (printed, code) =
            run(folder.path(), &[&["explain", "--backend", "claude", "--screen"], arguments].concat(), input);
        format!("{code:?} {printed}")
    };
    expect![[r"
        Some(1) error: cannot read screen `nowhere.txt`: No such file or directory (os error 2)
    "]]
    .assert_eq(&explain(&["nowhere.txt"], b""));
    expect![[r"
        Some(1) error: cannot read screen `.`: Is a directory (os error 21)
    "]]
    .assert_eq(&explain(&["."], b""));
    expect![[r"
        Some(1) error: screen `-` has more than 8388608 bytes
    "]]
    .assert_eq(&explain(&["-"], &vec![b'x'; (8 << 20) + 1]));
    assert!(explain(&["-"], &[0xff, 0x1b, b'[', b'\n', 0xc3]).starts_with("Some(0) claude: nothing"));
    assert_eq!(run(folder.path(), &["explain", "one", "--screen", "x", "--backend", "claude"], b"").1, Some(2));
    assert_eq!(run(folder.path(), &["explain", "--screen", "x"], b"").1, Some(2));
    assert_eq!(run(folder.path(), &["explain", "--backend", "claude"], b"").1, Some(2));
}

#[test]
fn every_preset_reads_its_screens_without_a_config() {
    let folder = TempDir::new().unwrap();
    let (printed, code) = run(folder.path(), &["selftest"], b"");
    let presets: Vec<&str> = printed.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!((presets, code), (vec!["claude", "codex", "gemini", "opencode"], Some(0)), "{printed}");
    assert!(printed.lines().all(|line| line.ends_with(" rules: read as they should be")), "{printed}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing");
}

#[test]
fn what_is_no_capture_is_refused_and_both_ways_to_ask_are_named() {
    let folder = TempDir::new().unwrap();
    let explain = |arguments: &[&str], input: &[u8]| run(folder.path(), &[&["explain"], arguments].concat(), input);
    let screen = ["--backend", "claude", "--screen", "-"];
    let hint = "hint: `tmux capture-pane -e -p` prints one\n";
    assert_eq!(explain(&screen, b""), (format!("error: screen `-` is empty\n{hint}"), Some(1)));
    assert_eq!(explain(&screen, b"\x7fELF\0\0"), (format!("error: screen `-` is no text\n{hint}"), Some(1)));
    for arguments in [&[][..], &["--backend", "claude"], &["--screen", "x"], &["one", "--title", "x"]] {
        let (said, code) = explain(arguments, b"");
        let both =
            said.contains("explain [OPTIONS] <NAME>\n") && said.contains("explain --backend <NAME> --screen <FILE>");
        assert!(both && code == Some(2), "{arguments:?}: {said}");
    }
    let (said, _) = explain(&["--backend", "claude"], b"");
    assert!(!said.contains("  <NAME>\n"), "a name would be refused: {said}");
}
