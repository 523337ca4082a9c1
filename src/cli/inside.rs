//! `session`, `bridge`, `stopping`, `pane`, `log`, `unblocked`: what the supervisor's children are started as (hidden).

use std::ffi::OsString;
use std::path::PathBuf;

use super::stop::Outcome;
use crate::daemon::{child, pane};

/// What `session` takes.
#[derive(Debug, clap::Args)]
pub struct Session {
    #[command(flatten)]
    file: LaunchFile,
    /// How many files its programs may have open
    #[arg(long, value_name = "COUNT")]
    open_files: Option<u64>,
    /// It is reached by a bridge, as one of another user than the supervisor's
    #[arg(long)]
    bridged: bool,
}

/// What `bridge`, `stopping` and `pane` take.
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

/// What `unblocked` takes.
#[derive(Debug, clap::Args)]
pub struct CommandLine {
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

/// Becomes another program, with no signal blocked.
///
/// # Errors
/// As [`child::become_unblocked`].
pub fn unblocked(command: &CommandLine) -> Outcome {
    match child::become_unblocked(&command.words)? {}
}

/// Starts the session of a launch file.
///
/// # Errors
/// As [`pane::session`].
pub fn session(session: &Session) -> Outcome {
    let how = pane::How { files: session.open_files, bridged: session.bridged };
    match pane::session(&session.file.path, how)? {}
}

/// Marks that the unit of a launch file is stopped by somebody's order.
///
/// # Errors
/// As [`pane::stopping`].
pub fn stopping(file: &LaunchFile) -> Outcome {
    pane::stopping(&file.path)?;
    Ok(())
}

/// Has tmux's clients run as the agent's user for the supervisor's.
///
/// # Errors
/// As [`pane::bridge_to`].
pub fn bridge(file: &LaunchFile) -> Outcome {
    pane::bridge_to(&file.path)?;
    Ok(())
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
