//! What boots machines and asks in them (`tests/systemd/`): that it takes no failure of its own for an answer.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs scripts; a test may panic")]
#![expect(clippy::print_stdout, reason = "says what could not be tried")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use expect_test::{Expect, expect};

const SYSTEMD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/systemd");

/// Runs a scenario of these lines, in which an agent `ada` runs what it is sent, and `deaf` never does.
fn scenario(lines: &str, told: &Expect) {
    let folder = tempfile::tempdir().unwrap();
    for agent in ["ada", "deaf"] {
        fs::create_dir(folder.path().join(agent)).unwrap();
    }
    let script = format!(
        r#". "{SYSTEMD}/scenarios/lib.sh"
        fleet=$PWD
        SCENARIO_PATIENCE=0
        agent-orchestrator() {{
            [[ $1 != send || $2 != ada ]] || (cd ada && sh command >ran 2>&1; echo $? >code)
        }}
        systemctl() {{ :; }}
        journalctl() {{ :; }}
        {lines}
        done_with"#
    );
    let output = Command::new("bash").args(["-c", &script]).current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // Without the words of bash and grep.
    let of_ours = |line: &&str| !line.starts_with("  ") || line.contains("it could not be asked");
    let said: Vec<&str> = said.lines().filter(of_ours).collect();
    told.assert_eq(&format!("{}\n{}\n", said.join("\n"), output.status));
}

#[test]
fn what_an_agent_answers_is_a_promise_kept_or_broken() {
    let lines = "promise yes inside ada true
        promise no not inside ada false
        promise wrong not inside ada true";
    let told = expect![[r"
        ok   - yes
        ok   - no
        FAIL - wrong
        ----- status and journal
        exit status: 1
    "]];
    scenario(lines, &told);
}

#[test]
fn what_cannot_be_asked_is_no_refusal() {
    let lines = r#"promise "an agent that does not run it" not inside deaf false
        promise "one that has no such program" not inside ada no-such-program
        promise "a program of this machine that is not there" not no-such-program
        promise "a file that is not there" not grep -q x no-such-file
        promise "the next is itself again" not inside ada false
        found=$(inside deaf echo x)"#;
    let told = expect![[r"
        FAIL - an agent that does not run it
               it could not be asked: deaf has not run false
        FAIL - one that has no such program
               it could not be asked: ada cannot run no-such-program
               it could not be asked: status 127 of inside ada no-such-program
        FAIL - a program of this machine that is not there
               it could not be asked: status 127 of no-such-program
        FAIL - a file that is not there
               it could not be asked: status 2 of grep -q x no-such-file
        ok   - the next is itself again
        FAIL - everything could be asked
               it could not be asked: deaf has not run echo x
        ----- status and journal
        exit status: 1
    "]];
    scenario(lines, &told);
}

#[test]
fn several_units_are_up_when_all_of_them_are() {
    let lines = r#"systemctl() { [[ ${!#} == good ]]; }
        promise "two" is_up good good
        promise "one" not is_up good bad
        promise "the other" not is_up bad good"#;
    let told = expect![[r"
        ok   - two
        ok   - one
        ok   - the other
        exit status: 0
    "]];
    scenario(lines, &told);
}

#[test]
fn a_root_that_cannot_be_made_is_the_machines_fault_only_without_root_or_mirror() {
    if !nix::unistd::geteuid().is_root() {
        assert_eq!(status_without_debootstrap(true), Some(77));
        println!("not tried: whose fault it is that a root cannot be made, for which one has to be root");
        return;
    }
    assert_eq!(status_without_debootstrap(false), Some(77), "the mirror is out of reach");
    assert_eq!(status_without_debootstrap(true), Some(1), "such as a package that is not there");
}

/// Makes a root with a `debootstrap` that fails.
fn status_without_debootstrap(has_mirror: bool) -> Option<i32> {
    let folder = tempfile::tempdir().unwrap();
    let wget = if has_mirror { "true" } else { "false" };
    for (name, command) in [("debootstrap", "false"), ("wget", wget), ("systemd-nspawn", "true")] {
        let stand_in = folder.path().join(name);
        fs::write(&stand_in, format!("#!/bin/sh\n{command}\n")).unwrap();
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(Path::new(SYSTEMD).join("make_root"));
    command.env("PATH", path).env("XDG_CACHE_HOME", folder.path()).output().unwrap().status.code()
}
