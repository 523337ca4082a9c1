//! How many files may be open: the supervisor needs several for each agent; what it starts keeps the limit of before.

use std::io;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most that the supervisor asks for: enough for ten thousand agents. systemd's hard limit is eight times as much, and
/// what goes through all descriptors that it may have would take long.
const OPEN_FILES_MAX: u64 = 65_536;

static BEFORE: OnceLock<u64> = OnceLock::new();

/// Raises the soft limit of this process to the hard one, at most to 65,536; to be called once at the start.
///
/// # Errors
/// What the kernel says.
pub fn raise() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(OPEN_FILES_MAX).min(OPEN_FILES_MAX);
    let Some(before) = current.filter(|before| *before < wanted) else { return Ok(()) };
    set(wanted)?;
    BEFORE.get_or_init(|| before);
    Ok(())
}

/// Returns the soft limit as it was before it was raised; `None` where it was not.
pub fn before() -> Option<u64> {
    BEFORE.get().copied()
}

/// Sets the soft limit of this process, which what it becomes inherits. Programs that still use select(2) go wrong with
/// descriptors from 1024 on, so agents get no more than they would have had.
///
/// # Errors
/// What the kernel says.
pub fn set(files: u64) -> io::Result<()> {
    let limit = Rlimit { current: Some(files), ..getrlimit(Resource::Nofile) };
    Ok(setrlimit(Resource::Nofile, limit)?)
}
