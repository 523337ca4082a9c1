//! Shows what happens: one line for each commit and each event.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;

use super::fleet::Fleet;
use super::lab::{AGENTS, Lab};
use crate::cli::bounded::git;
use crate::protocol::{Event, EventKind, Level};

/// The most of the event log that is read at once, bytes; the rest comes with the next look.
const READ_SIZE_MAX: u64 = 1 << 20;

/// How many rows of each screen and log a failure shows.
const LAST_ROWS: usize = 15;

/// What has been shown, and where to go on.
pub struct Show {
    /// The repository whose commits are shown.
    pub origin: PathBuf,
    /// Whether somebody still reads what is printed.
    pub has_reader: bool,
    start: Instant,
    events: EventLog,
    /// The newest commit that was shown.
    commit: String,
    commits: usize,
    delivered: usize,
}

impl Show {
    /// Begins behind the commits that `lab` has already.
    pub fn new(lab: &Lab, start: Instant) -> anyhow::Result<Self> {
        let origin = lab.origin();
        let commit = git(&origin, &["rev-parse", "main"])?.trim_end().to_owned();
        let events = EventLog::default();
        Ok(Self { origin, has_reader: true, start, events, commit, commits: 0, delivered: 0 })
    }

    /// Prints what is new on the origin, then what is new in the event log of the fleet.
    pub fn look(&mut self, fleet: &Fleet) -> anyhow::Result<()> {
        self.look_at_commits()?;
        for event in self.events.read(&fleet.paths.events())? {
            if matches!(event.event, EventKind::Delivered | EventKind::Unconfirmed) {
                self.delivered += 1;
            }
            if event.level < Level::Debug {
                let who = event.agent.as_deref().unwrap_or("supervisor");
                self.fact(event.phase.as_deref().unwrap_or_default(), who, &event.text);
            }
        }
        Ok(())
    }

    /// Prints what it all came to.
    pub fn summary(&self, phases: usize) {
        let seconds = self.start.elapsed().as_secs_f64();
        let (commits, delivered) = (self.commits, self.delivered);
        super::print(&format!(
            "\nall done: {phases} phases, {commits} commits, {delivered} messages delivered, {seconds:.1} s"
        ));
    }

    fn look_at_commits(&mut self) -> anyhow::Result<()> {
        let head = git(&self.origin, &["rev-parse", "main"])?.trim_end().to_owned();
        if head == self.commit {
            return Ok(());
        }
        let range = format!("{}..{head}", self.commit);
        let log = git(&self.origin, &["log", "--reverse", "--format=%h%x09%an%x09%s", &range])?;
        for line in log.lines() {
            let mut parts = line.splitn(3, '\t');
            let (Some(id), Some(who), Some(subject)) = (parts.next(), parts.next(), parts.next()) else { continue };
            let phase = subject.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(id, _)| id);
            self.commits += 1;
            self.fact(phase, who, &format!("pushed {id} {subject}"));
        }
        self.commit = head;
        Ok(())
    }

    fn fact(&mut self, phase: &str, who: &str, what: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.has_reader &= super::print(&format!("{seconds:6.2} s  {phase:<3} {who:<10} {what}"));
    }
}

/// Prints the last screens, events and log lines, for a person to see what went wrong.
pub fn last_words(fleet: &Fleet) {
    for agent in AGENTS {
        let screen = fleet.screen(agent, LAST_ROWS).unwrap_or_else(|error| format!("    {error:#}\n"));
        super::print(&format!("\nlast screen of {agent}:\n{screen}"));
    }
    for path in [fleet.paths.events(), fleet.paths.supervisor_log(), fleet.paths.logs.join("up.log")] {
        if let Ok(text) = std::fs::read_to_string(&path) {
            super::print(&format!("end of `{}`:\n{}", path.display(), super::tail(&text, LAST_ROWS)));
        }
    }
}

/// Reads an event log as it grows.
#[derive(Debug, Default)]
struct EventLog {
    /// Behind the last whole line that was read.
    offset: u64,
}

impl EventLog {
    /// Returns the events since the last reading; a log that is not there yet has none.
    fn read(&mut self, path: &Path) -> anyhow::Result<Vec<Event>> {
        let cannot = || format!("cannot read `{}`", path.display());
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(cannot),
        };
        if file.metadata().with_context(cannot)?.len() < self.offset {
            self.offset = 0;
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.offset)).with_context(cannot)?;
        file.take(READ_SIZE_MAX).read_to_end(&mut bytes).with_context(cannot)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.offset += whole as u64;
        let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).with_context(cannot)).collect()
    }
}
