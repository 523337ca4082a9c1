//! The demo's stand-in agents, told by a test what a supervisor would type, over real git.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs git; a test may panic")]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use std::path::{Path, PathBuf};
use std::process::Command;

use agent_orchestrator::cli::stand_in::Player;
use agent_orchestrator::daemon::prepare::KICKOFF_TEMPLATE;
use agent_orchestrator::policy::launch::{fill_text, pointer};
use expect_test::expect;

/// An origin with a plan, and a clone for each part, below a path with blanks and quotes.
struct Lab {
    folder: tempfile::TempDir,
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(arguments).envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("LC_ALL", "C")]);
    let out = command.output().unwrap();
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

impl Lab {
    fn new() -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(lab.root()).unwrap();
        git(&lab.root(), &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"]);
        for name in ["builder", "adversary"] {
            git(&lab.root(), &["clone", "--quiet", "origin.git", name]);
            git(&lab.root().join(name), &["config", "user.name", name]);
            git(&lab.root().join(name), &["config", "user.email", "none@example.org"]);
        }
        let builder = lab.root().join("builder");
        std::fs::write(builder.join("plan.md"), "# Plan\n\n- File: greeting.txt\n- Line: Hello.\n").unwrap();
        git(&builder, &["add", "."]);
        git(&builder, &["commit", "--quiet", "-m", "plan"]);
        git(&builder, &["push", "--quiet", "origin", "main"]);
        lab
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("it's \"here\"")
    }

    fn player(&self, role: &str) -> Player {
        let fields = [("phase_id", "p1"), ("plan", "plan.md"), ("status", "STATUS-p1.md"), ("role", role)];
        Player::new(&fill_text(KICKOFF_TEMPLATE, &fields), self.root().join(role)).unwrap()
    }

    /// Returns the pushed subjects, oldest first, and how the status file ends.
    fn pushed(&self) -> String {
        let log = git(&self.root().join("origin.git"), &["log", "--reverse", "--format=%an: %s", "main"]);
        let status = git(&self.root().join("origin.git"), &["show", "main:machine-docs/STATUS-p1.md"]);
        format!("{log}last line: {}\n", status.lines().last().unwrap())
    }
}

fn begin(player: &Player) -> String {
    let mut said = String::new();
    player.begin(&mut |line| said = format!("{said}{line}\n")).unwrap();
    said
}

fn hear(player: &Player, typed: &str) -> String {
    let mut said = String::new();
    player.hear(typed, &mut |line| said = format!("{said}{line}\n")).unwrap();
    said
}

#[test]
fn a_phase_is_worked_by_what_is_typed() {
    let lab = Lab::new();
    let (builder, adversary) = (lab.player("builder"), lab.player("adversary"));
    assert!(begin(&adversary).starts_with("● I review phase p1 against plan.md\nWAITING-UNTIL: "));
    begin(&builder);
    assert!(hear(&adversary, "Good morning.").starts_with("● Noted.\nWAITING-UNTIL: "), "a claim is not looked for");
    hear(&adversary, "ping: a CLAIM was pushed");
    hear(&builder, "ping: a review was pushed");
    hear(&adversary, "ping: a claim was pushed");
    let again = hear(&adversary, "(possibly repeated) ping: a claim was pushed");
    assert!(again.contains("No claim waits for me"), "{again}");
    hear(&builder, "ping: a review was pushed");
    hear(&builder, "ping: a review was pushed");
    expect![[r#"
        builder: plan
        builder: claim(p1): greeting.txt is written
        adversary: review(p1): FAIL greeting.txt does not hold the plan's line
        builder: claim(p1): greeting.txt is written
        adversary: review(p1): PASS greeting.txt holds the plan's line
        builder: status(p1): done
        last line: ## DONE
    "#]]
    .assert_eq(&lab.pushed());
}

#[test]
fn a_builder_that_starts_again_does_not_claim_again() {
    let lab = Lab::new();
    begin(&lab.player("builder"));
    let said = begin(&lab.player("builder"));
    assert!(said.contains("My claim waits for its review"), "{said}");
    begin(&lab.player("adversary"));
    expect![[r#"
        builder: plan
        builder: claim(p1): greeting.txt is written
        last line: Claimed: `greeting.txt` holds the plan's line. To check: `cat greeting.txt`.
    "#]]
    .assert_eq(&lab.pushed());
}

#[test]
fn a_long_message_is_read_from_the_file_it_points_to() {
    let lab = Lab::new();
    begin(&lab.player("builder"));
    let text = lab.root().join("m 1.txt");
    std::fs::write(&text, "many words\nand a claim\n").unwrap();
    let typed = pointer(&text);
    let said = hear(&lab.player("adversary"), &typed);
    assert!(said.contains("● FAIL greeting.txt"), "{typed}\n{said}");
    assert!(hear(&lab.player("adversary"), "read it in `/no/such`").starts_with("● Noted."));
}

#[test]
fn a_kickoff_without_its_fields_is_refused() {
    let error = |kickoff: &str| Player::new(kickoff, PathBuf::new()).unwrap_err().to_string();
    assert_eq!(error("hello"), "the kickoff does not say `Your role`");
    assert_eq!(error("- Your role: cook"), "no part for role `cook`");
}
