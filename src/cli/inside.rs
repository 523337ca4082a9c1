//! `session`, `pane`, `log`: what runs inside of a session (hidden).

use std::path::PathBuf;

use super::stop::Outcome;
use crate::daemon::pane;

/// What `session` and `pane` take.
#[derive(Debug, clap::Args)]
pub struct LaunchFile {
    /// The launch file
    pub path: PathBuf,
}

/// What `log` takes.
#[derive(Debug, clap::Args)]
pub struct LogFile {
    /// The session's log
    pub path: PathBuf,
}

/// Starts the session of a launch file.
///
/// # Errors
/// As [`pane::session`].
pub fn session(file: &LaunchFile) -> Outcome {
    match pane::session(&file.path)? {}
}

/// Becomes the agent of a launch file.
///
/// # Errors
/// As [`pane::pane`].
pub fn pane(file: &LaunchFile) -> Outcome {
    match pane::pane(&file.path)? {}
}

/// Writes standard input to a session's log.
///
/// # Errors
/// As [`pane::log`].
pub fn log(file: &LogFile) -> Outcome {
    pane::log(&file.path)?;
    Ok(())
}
