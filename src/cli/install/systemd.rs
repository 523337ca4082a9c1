//! The tools of a running systemd.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Tells whether systemd runs this host (`sd_booted(3)`).
pub fn runs() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Runs one of its tools to its end.
///
/// # Errors
/// When it cannot be run or fails; it says why itself.
pub fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(program).args(arguments).status().with_context(|| format!("cannot run `{program}`"))?;
    if !status.success() {
        bail!("`{program} {}` failed: {status}", arguments.join(" "));
    }
    Ok(())
}

/// Returns what one of its tools answers.
///
/// # Errors
/// When it cannot be run or fails; it says why itself.
pub fn answer(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let cannot = || format!("cannot run `{program}`");
    let output = Command::new(program).args(arguments).stderr(Stdio::inherit()).output().with_context(cannot)?;
    if !output.status.success() {
        bail!("`{program} {}` failed: {}", arguments.join(" "), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Says what is wrong with a calendar (systemd.time(7)); nothing where nobody can tell.
pub fn calendar_mistake(calendar: &str) -> Option<String> {
    let output = Command::new("systemd-analyze").args(["calendar", "--", calendar]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    (!output.status.success()).then_some(said)
}
