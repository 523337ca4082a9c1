//! The demo as a person runs it: real supervisor, tmux and git, scripted agents.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs the program; a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A temporary folder that the demo takes for the system's, and for the runtime folder's place.
struct Lab {
    folder: tempfile::TempDir,
}

/// How a demo ended, and what it printed.
struct Ended {
    status: ExitStatus,
    said: String,
}

impl Lab {
    fn new() -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(lab.folder.path().join("run")).unwrap();
        lab
    }

    fn demo(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
        command.arg("demo").args(arguments).env("TMPDIR", self.folder.path());
        command.env("XDG_RUNTIME_DIR", self.folder.path().join("run")).env("HOME", "/nonexistent");
        command.env("GIT_AUTHOR_NAME", "somebody");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let out = self.demo(arguments).wait_with_output().unwrap();
        let said = String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap();
        Ended { status: out.status, said }
    }

    /// Proves that neither a file nor a process of a demo is left.
    fn is_as_before(&self, said: &str) {
        for folder in [self.folder.path().to_owned(), self.folder.path().join("run")] {
            let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert!(left.is_empty() || left == ["run"], "{left:?} is left\n{said}");
        }
        self.has_no_processes(said);
    }

    fn has_no_processes(&self, said: &str) {
        let folder = self.folder.path().to_str().unwrap();
        for process in std::fs::read_dir("/proc").unwrap() {
            let path = process.unwrap().path();
            // A process may end while it is looked at.
            let read = |name: &str| std::fs::read(path.join(name)).unwrap_or_default();
            let (command, environment) = (read("cmdline"), read("environ"));
            let names = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(folder);
            assert!(!names(&command) && !names(&environment), "{} is left\n{said}", String::from_utf8_lossy(&command));
        }
    }
}

/// Returns the pushed subjects in the order in which they were shown; a message speaks of pushing, too.
fn subjects(said: &str) -> Vec<String> {
    let pushed = said.lines().filter_map(|line| line.get(25..)?.strip_prefix("pushed "));
    pushed.map(|commit| commit.split_once(' ').unwrap().1.to_owned()).collect()
}

/// Returns how many messages the summary counts.
fn delivered(said: &str) -> Option<u32> {
    let summary = said.lines().find_map(|line| line.strip_prefix("all done: 2 phases, 10 commits, "))?;
    summary.split_once(" messages delivered, ")?.0.parse().ok()
}

#[test]
fn two_phases_are_worked_and_nothing_is_left() {
    let lab = Lab::new();
    let Ended { status, said } = lab.run(&[]);
    assert_eq!(status.code(), Some(0), "{said}");
    let expected: Vec<String> = [("p1", "greeting.txt"), ("p2", "farewell.txt")]
        .iter()
        .flat_map(|(phase, file)| {
            [
                format!("claim({phase}): {file} is written"),
                format!("review({phase}): FAIL {file} does not hold the plan's line"),
                format!("claim({phase}): {file} is written"),
                format!("review({phase}): PASS {file} holds the plan's line"),
                format!("status({phase}): done"),
            ]
        })
        .collect();
    assert_eq!(subjects(&said), expected, "{said}");
    // A phase's last message is acted on, and the phase over, before it is seen to have arrived.
    assert!(delivered(&said).is_some_and(|count| (6..=8).contains(&count)), "{said}");
    assert!(!said.contains('\u{1b}'), "it can be read in a pipe: {said:?}");
    lab.is_as_before(&said);
}

#[test]
fn without_pings_it_fails_shows_why_and_leaves_nothing() {
    let lab = Lab::new();
    let Ended { status, said } = lab.run(&["--no-handoff"]);
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(subjects(&said), ["claim(p1): greeting.txt is written"], "{said}");
    assert!(said.contains("the sequence was not complete in time"), "{said}");
    for agent in ["builder", "adversary"] {
        assert!(said.contains(&format!("last screen of {agent}:\n    ")), "{said}");
    }
    assert!(said.contains("● I review phase p1 against plans/p1.md"), "the screens are shown: {said}");
    lab.is_as_before(&said);
}

#[test]
fn control_c_in_the_middle_ends_everything() {
    let lab = Lab::new();
    let mut demo = lab.demo(&[]);
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let seen = lines.find(|line| line.contains("claim(p1)"));
    kill(Pid::from_raw(demo.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let said: String = lines.collect::<Vec<_>>().join("\n");
    let status = demo.wait().unwrap();
    assert!(seen.is_some(), "{said}");
    assert_eq!(status.code(), Some(130), "{said}");
    lab.is_as_before(&said);
}

#[test]
fn a_folder_is_kept_where_it_is_asked_for_and_never_overwritten() {
    let lab = Lab::new();
    let kept = lab.folder.path().join("it's \"kept\" here");
    let folder = kept.to_str().unwrap();
    let Ended { status, said } = lab.run(&["--keep", folder]);
    assert_eq!(status.code(), Some(0), "{said}");
    for file in
        ["agents.toml", "logs/SEQUENCE-COMPLETE", "logs/state/events.jsonl", "builder/machine-docs/STATUS-p2.md"]
    {
        assert!(Path::new(folder).join(file).exists(), "{file} is not kept\n{said}");
    }
    lab.has_no_processes(&said);
    let Ended { status, said } = lab.run(&["--keep", folder]);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("is not empty\nhint: "), "{said}");
}

#[test]
fn a_missing_tool_is_named() {
    let lab = Lab::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    let out = command.arg("demo").env("PATH", lab.folder.path()).env("TMPDIR", lab.folder.path()).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("the demo needs `tmux`, which cannot be run") && said.contains("hint: "), "{said}");
    lab.is_as_before(&said);
}
