//! `check`: finds every mistake in the config.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::install::systemd;
use super::stop::{Failure, Outcome};
use super::{bounded, fleet_file, host, out, text};
use crate::config::proven::{self, Answer, Asked};
use crate::config::{self, Backend, Calendar, Fleet, Mistake, Needed, Parsed, Severity, telling};
use crate::daemon::paths::{Paths, is_roots_alone};
use crate::daemon::start;
use crate::protocol::control::Reason;

/// What stands below `check --help`.
pub const HELP: &str = "\
Finds all mistakes at once, each with file, line, column and what helps; also files that the config names and \
that are not there. It warns of a program that is missing, an agent's or that of `[notify]`, as it looks from here, and \
of one of another series (2.1 of 2.1.197) than its preset is known to fit: those are asked for their `--version`. It \
warns of a program that could tell of itself and is not made to. Calendars are shown to `systemd-analyze`, where there is \
one. Of the fleet that systemd keeps it warns of folders that an agent's user cannot use, or that another agent could \
swap. It starts nothing else and needs no supervisor.

Exit codes:
  0  no mistakes; warnings do not count
  1  mistakes were found, or the config cannot be read

Examples:
  agent-orchestrator --config fleet/agents.toml check
  agent-orchestrator --config agents.toml check --files-below /nix/store   # built here, to run elsewhere";

/// How much is read of a file that the config names, bytes.
const CONTENT_SIZE_MAX: u64 = 1 << 20;

/// How long a program may take to tell its version.
const VERSION_MAX: Duration = Duration::from_secs(20);

/// What of Gemini's environment stands in the place of its user's home.
const GEMINI_HOME: &str = "GEMINI_CLI_HOME";

/// Where Gemini's settings of the host stand.
const GEMINI_HOST_SETTINGS: &str = "/etc/gemini-cli/settings.json";

/// What a hook runs that tells of it.
const GEMINI_HOOK: &str = "hook --from gemini";

/// How a shell ends that finds no program (POSIX, "Exit Status for Commands").
const NOT_FOUND: &str = "exit status: 127";

/// How it ends that finds a file that cannot be run.
const NOT_EXECUTABLE: &str = "exit status: 126";

/// What `check` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Print the mistakes as JSON
    #[arg(long)]
    json: bool,
    /// Look only for files below this folder: the others are on another host
    #[arg(long, value_name = "DIR")]
    files_below: Option<PathBuf>,
}

impl Arguments {
    /// Whether a file is looked for: it may stand at one of the places that can be looked at.
    fn looks_for(&self, needed: &Needed) -> bool {
        let here = |path: &PathBuf| self.files_below.as_ref().is_none_or(|folder| path.starts_with(folder));
        needed.candidates.iter().any(here)
    }
}

/// Checks the config.
///
/// # Errors
/// When there are mistakes.
pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    let (source, parsed) = fleet_file::parse(config)?;
    let mut mistakes = parsed.mistakes.clone();
    let needed = config::files_needed(&parsed).iter().filter(|needed| arguments.looks_for(needed));
    mistakes.extend(needed.filter_map(|needed| wrong_with(needed, &parsed, &source)));
    // What is checked for another host has its programs, and its users, there.
    if let Some(fleet) = parsed.fleet.as_ref().filter(|_| arguments.files_below.is_none()) {
        mistakes.extend(wrong_calendars(&parsed, &source));
        mistakes.extend(of_the_host(config, fleet, &parsed, &source)?);
        mistakes.extend(proven::programs(fleet).iter().filter_map(|asked| proven::doubt(asked, &answer(asked))));
        mistakes.extend(telling::silences(fleet));
        let gemini = telling::by_gemini_hooks(fleet).into_iter();
        let unread = gemini.filter(|(_, backend)| !reads_hooks(config, fleet, backend));
        mistakes.extend(unread.map(|(name, _)| telling::unread_hooks(name)));
    }
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

/// Returns the calendars that systemd does not understand, where it can be asked.
pub fn wrong_calendars(parsed: &Parsed, source: &str) -> Vec<Mistake> {
    let wrong = |calendar: &Calendar| {
        let said = systemd::calendar_mistake(&calendar.text)?;
        Some(config::wrong_calendar(calendar, &text::clean(&said), source))
    };
    parsed.calendars.iter().filter_map(wrong).collect()
}

/// Returns what does not fit the host whose fleet systemd keeps: files that its user cannot read, and what units tell.
fn of_the_host(config: &Path, fleet: &Fleet, parsed: &Parsed, source: &str) -> Outcome<Vec<Mistake>> {
    let units = host::units(config, fleet);
    if units == host::Units::default() {
        return Ok(Vec::new());
    }
    let mut found = host::doubts(parsed, source, &Paths::new(config, &fleet.log_dir)?, &units);
    // What who asks cannot read either is told already.
    let files = config::files_needed(parsed).iter().filter(|needed| !needed.file_use.is_folder());
    let others = files.filter(|needed| wrong_with(needed, parsed, source).is_none());
    found.extend(others.filter_map(|needed| host::unreadable(needed, source)));
    Ok(found)
}

/// Asks a program for its version, or whether it is there.
fn answer(asked: &Asked) -> Answer {
    let mut command = start::apart("/bin/sh");
    command.arg("-c").arg(&asked.question).envs(&asked.env);
    if asked.dir.is_dir() {
        command.current_dir(&asked.dir);
    }
    match bounded::run(&mut command, VERSION_MAX).map_err(|error| format!("{error:#}")) {
        Ok(said) => Answer::Said(said),
        Err(error) if error.starts_with(NOT_FOUND) => Answer::Missing,
        Err(error) if error.starts_with(NOT_EXECUTABLE) => Answer::NoProgram,
        Err(error) => Answer::Failed(text::clean(&error)),
    }
}

/// Whether Gemini finds our hooks: those of its start, or in settings of the host's or of this user's own.
fn reads_hooks(config: &Path, fleet: &Fleet, backend: &Backend) -> bool {
    let of_start = Paths::new(config, &fleet.log_dir).is_ok_and(|paths| is_roots_alone(&paths.runtime));
    let home = backend.env.get(GEMINI_HOME).map(OsString::from);
    let home = home.or_else(|| std::env::var_os(GEMINI_HOME)).or_else(|| std::env::var_os("HOME"));
    let own = home.map(|home| Path::new(&home).join(".gemini/settings.json"));
    let places = own.into_iter().chain([PathBuf::from(GEMINI_HOST_SETTINGS)]);
    of_start || places.filter_map(|path| read(&path).ok()).any(|text| text.contains(GEMINI_HOOK))
}

/// Returns what is wrong with a file that the config names.
fn wrong_with(needed: &Needed, parsed: &Parsed, source: &str) -> Option<Mistake> {
    let there = |path: &&PathBuf| !matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound);
    let Some(path) = needed.candidates.iter().find(there) else { return Some(config::missing(needed, source)) };
    if needed.file_use.is_folder() {
        if !path.is_dir() {
            return Some(config::unreadable(needed, source, path, "it is no folder"));
        }
        let is_in_one = path.ancestors().any(|folder| folder.join(".git").exists());
        return (needed.file_use.is_repository() && !is_in_one).then(|| config::no_repository(needed, source, path));
    }
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
