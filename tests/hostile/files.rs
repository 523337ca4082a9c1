//! Files that verbs read.

use std::path::Path;
use std::process::Command;

use crate::FLEET;
use crate::random::{Random, ends};

fn verb(arguments: &[&str], folder: &Path) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    command.args(arguments).current_dir(folder).env("XDG_RUNTIME_DIR", folder).env("TZ", "Pacific/Kiritimati");
    command.output().expect("run")
}

#[test]
fn any_event_log_is_shown() {
    ends("events", || {
        let folder = tempfile::tempdir().expect("a temp folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("agents.toml"), FLEET).expect("written");
        std::fs::create_dir_all(at("logs/state")).expect("made");
        let event = r#"{"time":"2026-06-13T04:05:06Z","event":"died","level":"warning","agent":"builder","text":"x"}"#;
        let tokens = [
            "+262142-12-31T23:59:59.999999999Z",
            "-262143-01-01T00:00:00Z",
            "\u{1b}[2J",
            "\n",
            "\0",
            "9",
            "\"",
            "é",
            "{",
        ];
        let mut log = Vec::new();
        for seed in 0..2000 {
            log.extend(Random::new(seed).mutated(event.as_bytes(), &tokens));
            log.push(b'\n');
        }
        for time in ["+262142-12-31T23:59:59.999999999Z", "-262143-01-01T00:00:00Z"] {
            log.extend(event.replace("2026-06-13T04:05:06Z", time).bytes());
            log.push(b'\n');
        }
        let endless = vec![b'x'; 16 << 20];
        for (older, newer) in [(&b""[..], &log[..]), (&log, b""), (&endless, &log), (&log, &endless)] {
            std::fs::write(at("logs/state/events.jsonl.1"), older).expect("written");
            std::fs::write(at("logs/state/events.jsonl"), newer).expect("written");
            for arguments in [&["events", "-n", "100000"][..], &["events", "--json"], &["events", "--agent", "builder"]]
            {
                let shown = verb(arguments, folder.path());
                assert!(shown.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&shown.stderr));
                let longest = shown.stdout.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
                assert!(longest < Some(2 << 20), "{arguments:?} keeps {longest:?} bytes of a line");
                if !arguments.contains(&"--json") {
                    assert!(!shown.stdout.contains(&0x1b), "nothing that a terminal would obey");
                }
            }
        }
    });
}

#[test]
fn any_launch_file_is_refused_with_a_reason() {
    ends("launch files", || {
        let folder = tempfile::tempdir().expect("a temp folder");
        std::fs::create_dir_all(folder.path().join("launch/x")).expect("made");
        let path = folder.path().join("launch/x/launch.json");
        let texts = [
            Vec::new(),
            b"{}".to_vec(),
            b"[".repeat(1 << 20),
            b"\xff\xfe".to_vec(),
            b"{\"version\":1}".to_vec(),
            vec![b' '; 64 << 20],
        ];
        for text in texts {
            std::fs::write(&path, &text).expect("written");
            for name in ["session", "pane", "log"] {
                let ended = verb(&[name, &path.display().to_string()], folder.path());
                let said = String::from_utf8_lossy(&ended.stderr).into_owned();
                assert_eq!(ended.status.code(), Some(1), "{name}: {said}");
                assert!(said.contains("launch file `"), "{name}: {said}");
            }
        }
        let ended = verb(&["session", "/dev/zero"], folder.path());
        assert_eq!(ended.status.code(), Some(1), "an endless file is not read to its end");
    });
}
