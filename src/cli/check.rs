//! `check`: finds every mistake in the config.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::stop::{Failure, Outcome};
use super::{fleet_file, out, text};
use crate::config::{self, Mistake, Needed, Parsed, Severity};
use crate::protocol::control::Reason;

/// What stands below `check --help`.
pub const HELP: &str = "\
Finds all mistakes at once, each with file, line, column and what helps; also files that the config names and \
that are not there. It starts nothing and needs no supervisor.

Exit codes:
  0  no mistakes; warnings do not count
  1  mistakes were found, or the config cannot be read

Example:
  agent-orchestrator --config fleet/agents.toml check";

/// How much is read of a file that the config names, bytes.
const CONTENT_SIZE_MAX: u64 = 1 << 20;

/// What `check` takes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Arguments {
    /// Print the mistakes as JSON
    #[arg(long)]
    json: bool,
}

/// Checks the config.
///
/// # Errors
/// When there are mistakes.
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let (source, parsed) = fleet_file::parse(config)?;
    let mut mistakes = parsed.mistakes.clone();
    mistakes.extend(config::files_needed(&parsed).iter().filter_map(|needed| wrong_with(needed, &parsed, &source)));
    if arguments.json {
        out::json(&config::entries(&mistakes, config))?;
    } else {
        out::text(&config::render(&mistakes, &source, config))?;
    }
    let warnings = mistakes.iter().filter(|mistake| mistake.severity == Severity::Warning).count();
    if let found @ 1.. = mistakes.len() - warnings {
        let error = format!("{}: {}", config.display(), text::counted(found, "mistake"));
        return Err(Failure::new(Reason::Failed, error).into());
    }
    if arguments.json {
        return Ok(());
    }
    let kinds: Vec<&str> = parsed.fleet.iter().flat_map(|fleet| &fleet.agents).map(|agent| agent.kind.word()).collect();
    let loops = parsed.fleet.as_ref().map_or(0, |fleet| fleet.loops.len());
    out::text(&summary(config, &kinds, loops, warnings))
}

/// Returns what is wrong with a file that the config names.
fn wrong_with(needed: &Needed, parsed: &Parsed, source: &str) -> Option<Mistake> {
    let there = |path: &&PathBuf| !matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound);
    let Some(path) = needed.candidates.iter().find(there) else { return Some(config::missing(needed, source)) };
    match read(path) {
        Ok(content) => config::check_content(needed, &content, parsed.fleet.as_ref()?, source),
        Err(error) => Some(config::unreadable(needed, source, path, &error.to_string())),
    }
}

/// Reads as much of a file as is looked at; a pipe is not waited for.
fn read(path: &Path) -> io::Result<String> {
    if path.metadata()?.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let file = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    let mut content = Vec::new();
    file.take(CONTENT_SIZE_MAX).read_to_end(&mut content)?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// Says in one line what a config without mistakes holds; `kinds` are those of its agents and services.
pub fn summary(config: &Path, kinds: &[&str], loops: usize, warnings: usize) -> String {
    let services = kinds.iter().filter(|kind| **kind == "service").count();
    let mut parts = vec![text::counted(kinds.len() - services, "agent")];
    let others = [(services, "service"), (loops, "loop")].into_iter().filter(|(count, _)| *count > 0);
    parts.extend(others.map(|(count, noun)| text::counted(count, noun)));
    parts.push("no mistakes".to_owned());
    if warnings > 0 {
        parts.push(text::counted(warnings, "warning"));
    }
    format!("{}: {}\n", config.display(), parts.join(", "))
}
