//! `demo`: a small fleet of stand-in agents works a plan, supervised for real.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::bounded;

mod fleet;
mod lab;
mod show;
mod waiter;

use fleet::Fleet;
use lab::Lab;
use show::Show;
use waiter::Waiter;

/// The longest that the demo may take.
const DEMO_MAX: Duration = Duration::from_secs(120);

/// The longest that it may take without pings, where it cannot succeed.
const SILENT_DEMO_MAX: Duration = Duration::from_secs(12);

/// How often files are read although nothing told of a change.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long `tmux -V` and the like may take.
const VERSION_MAX: Duration = Duration::from_secs(5);

/// The exit code after Ctrl-C, as shells count: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// What stands below `demo --help`.
pub const HELP: &str = "\
It needs tmux and git, no network and no AI: builder and adversary are scripted, and act only on what is typed into them.
One line is printed for each fact: seconds since the start, phase, who, what. Then everything is ended and removed.

Exit codes:
  0    all phases were worked
  1    they were not, or something is missing
  130  ended by Ctrl-C

Examples:
  agent-orchestrator demo
  agent-orchestrator demo --keep /tmp/demo";

/// What `demo` takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arguments {
    /// Build it in DIR, which must be absent or empty, and leave its files there
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Tell nobody of claims and reviews: the demo must then fail (for the tests)
    #[arg(long, hide = true)]
    pub no_handoff: bool,
}

/// How the sequence came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All phases were worked.
    Complete,
    /// A signal came.
    Interrupted,
    /// Nobody reads what is printed any more.
    ReaderGone,
}

/// Runs the demo, cleans up after it, and returns the exit code: 0, or 130 after Ctrl-C.
///
/// # Errors
/// When a tool is missing, or the sequence is not worked to its end in time; everything is ended all the same.
pub fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    for (tool, flag) in [("tmux", "-V"), ("git", "--version")] {
        bounded::run(Command::new(tool).arg(flag), VERSION_MAX).with_context(|| {
            format!("the demo needs `{tool}`, which cannot be run\nhint: install it, or add it to PATH")
        })?;
    }
    let mut waiter = Waiter::new()?;
    let start = Instant::now();
    let lab = Lab::build(arguments.keep.as_deref(), !arguments.no_handoff)?;
    let longest = if arguments.no_handoff { SILENT_DEMO_MAX } else { DEMO_MAX };
    let supervised = supervise(&lab, &mut waiter, start, start + longest);
    let removed = if arguments.keep.is_some() { Ok(()) } else { lab.remove() };
    let end = supervised?;
    removed?;
    if let Some(folder) = &arguments.keep {
        print(&format!("kept in `{}`", folder.display()));
    }
    Ok(match end {
        End::Complete | End::ReaderGone => 0,
        End::Interrupted => INTERRUPTED,
    })
}

/// Plays the demo in `lab` and ends its fleet in any case.
fn supervise(lab: &Lab, waiter: &mut Waiter, start: Instant, until: Instant) -> anyhow::Result<End> {
    let fleet = Fleet::new(lab)?;
    let mut show = Show::new(lab, start)?;
    let played = play(&fleet, waiter, &mut show, until);
    if played.is_err() {
        show::last_words(&fleet);
    }
    let ended = fleet.end();
    let end = played?;
    ended?;
    match end {
        End::Complete => show.summary(lab::PHASES.len()),
        End::Interrupted => drop(print("\ninterrupted: the fleet has been ended")),
        End::ReaderGone => {}
    }
    Ok(end)
}

/// Starts the fleet and shows what happens until the sequence is complete.
fn play(fleet: &Fleet, waiter: &mut Waiter, show: &mut Show, until: Instant) -> anyhow::Result<End> {
    waiter.watch(&fleet.paths.state)?;
    waiter.watch(&fleet.paths.logs)?;
    waiter.watch(&show.origin.join("refs").join("heads"))?;
    let mut up = Some(fleet.start()?);
    loop {
        show.look(fleet)?;
        if fleet.is_complete() {
            show.look(fleet)?;
            return Ok(End::Complete);
        }
        if !show.has_reader {
            return Ok(End::ReaderGone);
        }
        let now = Instant::now();
        if now >= until {
            bail!("the sequence was not complete in time");
        }
        if let Some(mut starting) = up.take()
            && !starting.is_done()?
        {
            up = Some(starting);
        }
        let wait = LOOK_INTERVAL.min(until - now);
        if waiter.wait(up.as_ref().map(fleet::Starting::process), wait)? {
            return Ok(End::Interrupted);
        }
    }
}

/// Prints a line and tells whether somebody still reads.
fn print(line: &str) -> bool {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}

/// Returns the last `count` lines of `text` that are not blank, indented.
fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().flat_map(|line| ["    ", line, "\n"]).collect()
}

fn utf8(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("path `{}` is not UTF-8", path.display()))
}
