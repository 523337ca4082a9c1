//! Short-lived children end, one way or the other.
#![expect(clippy::disallowed_methods, reason = "runs children")]

use std::process::Command;
use std::time::Duration;

use agent_orchestrator::cli::bounded::run;

const AMPLE: Duration = Duration::from_secs(60);

fn sh(script: &str, longest: Duration) -> Result<String, String> {
    run(Command::new("/bin/sh").args(["-c", script]), longest).map_err(|error| format!("{error:#}"))
}

#[test]
fn what_a_child_prints_is_returned_or_its_last_line_told() {
    assert_eq!(sh("echo out; echo err >&2", AMPLE), Ok("out\nerr\n".to_owned()));
    assert_eq!(sh("echo first; echo last; exit 3", AMPLE), Err("exit status: 3: last".to_owned()));
    assert_eq!(sh("exit 1", AMPLE), Err("exit status: 1: it printed nothing".to_owned()));
    let kept = sh("head -c 10000000 /dev/zero", AMPLE).map(|output| output.len());
    assert_eq!(kept, Ok(8 << 20), "more is read and dropped");
    let error = run(&mut Command::new("/no/such/program"), AMPLE).unwrap_err();
    assert!(format!("{error:#}").starts_with("cannot be started: "), "{error:#}");
}

#[test]
fn a_child_that_hangs_is_killed_also_when_it_closed_its_output() {
    let killed = Err("not done after 1 s, killed".to_owned());
    assert_eq!(sh("exec tail -f /dev/null", Duration::from_secs(1)), killed);
    assert_eq!(sh("exec >/dev/null 2>&1; exec tail -f /dev/null", Duration::from_secs(1)), killed);
}
