//! `events`: what happened, newest last.

use std::collections::VecDeque;
use std::path::Path;

use chrono::{Local, TimeZone};

use super::fleet_file::FleetFile;
use super::follow::{self, Tail};
use super::out;
use super::stop::Outcome;
use super::text::{self, Paint, Tone};
use crate::protocol::{Event, Level};

/// What stands below `events --help`.
pub const HELP: &str = "\
One line per event in this host's time: when, what kind, which agent or loop, and a sentence.
With --follow it goes on as events come, until Ctrl-C. It reads the event log and needs no supervisor.

Exit codes:
  0  shown, also after Ctrl-C
  1  the log cannot be read
  2  unknown name

Examples:
  agent-orchestrator events -f
  agent-orchestrator events --agent builder -n 20
  agent-orchestrator events --json -n 1000 | jq -r 'select(.event == \"died\").time'";

/// The longest line that is kept, bytes.
const LINE_SIZE_MAX: usize = 1 << 20;

/// How much is shown of what a program said last, characters.
const LAST_LINE_MAX: usize = 100;

/// Width of the longest kind that is aligned, characters.
const KIND_WIDTH: usize = 17;

/// Width of the names that are aligned, characters.
const SUBJECT_WIDTH: usize = 12;

/// What `events` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Go on as events come, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only what is about this agent or service
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Print the log's own lines: one JSON object each
    #[arg(long)]
    json: bool,
    /// How many events of the past are shown
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: usize,
}

/// Shows the events.
///
/// # Errors
/// When the log cannot be read.
pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    let fleet = FleetFile::read_or_ask(config)?;
    let path = fleet.paths.events();
    let view = View { agent: arguments.agent.as_deref(), json: arguments.json, paint: out::paint() };
    let (past, mut tail, mut rest) = past(&path, &view, arguments.lines)?;
    if past.is_empty()
        && let Some(name) = view.agent
    {
        // What the config no longer names still has its past; a name that has neither is a mistake.
        fleet.session(name)?;
    }
    out::lines(&Vec::from(past))?;
    if !arguments.follow {
        return Ok(());
    }
    tail.follow(|bytes| {
        let lines: Vec<String> = whole_lines(&mut rest, bytes).iter().filter_map(|line| view.line(line)).collect();
        if lines.is_empty() { Ok(()) } else { out::lines(&lines) }
    })
}

/// What is shown of an event, and how.
#[derive(Debug, Clone, Copy)]
struct View<'a> {
    agent: Option<&'a str>,
    json: bool,
    paint: Paint,
}

impl View<'_> {
    /// Returns what is printed for a line of the log, if anything.
    fn line(&self, bytes: &[u8]) -> Option<String> {
        let raw = String::from_utf8_lossy(bytes);
        let raw = raw.trim();
        if raw.is_empty() {
            return None;
        }
        let parsed = serde_json::from_str::<Event>(raw);
        if let Some(wanted) = self.agent
            && parsed.as_ref().ok().and_then(|event| event.agent.as_deref()) != Some(wanted)
        {
            return None;
        }
        match parsed {
            Ok(event) if !self.json => Some(render(&event, &Local, self.paint)),
            Err(_) if !self.json => Some(text::clean(raw)),
            Ok(_) | Err(_) => Some(raw.to_owned()),
        }
    }
}

/// Reads what is there: the last `count` events to show, and where to go on.
fn past(path: &Path, view: &View, count: usize) -> Outcome<(VecDeque<String>, Tail, Vec<u8>)> {
    // The newer file first: a rotation in between then shows nothing twice, as its other name is the same file.
    let newer = follow::open(path)?;
    let older = follow::open(&follow::rotated(path))?;
    let mut shown = VecDeque::new();
    let mut keep = |line: &[u8]| {
        shown.extend(view.line(line));
        while shown.len() > count {
            shown.pop_front();
        }
    };
    let mut rest = Vec::new();
    let mut take = |bytes: &[u8]| {
        for line in whole_lines(&mut rest, bytes) {
            keep(&line);
        }
        Ok(())
    };
    if let Some(mut older) = older
        && !follow::same(newer.as_ref(), &older)?
    {
        follow::copy(&mut older, &mut take)?;
        take(b"\n")?;
    }
    let mut tail = Tail::new(path, newer);
    tail.drain(&mut take)?;
    Ok((shown, tail, rest))
}

/// Appends `bytes` to what is left of the last call and takes out the lines that are whole now.
fn whole_lines(rest: &mut Vec<u8>, bytes: &[u8]) -> Vec<Vec<u8>> {
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        let room = LINE_SIZE_MAX.saturating_sub(rest.len()).min(bytes.len());
        rest.extend_from_slice(&bytes[..room]);
        return Vec::new();
    };
    rest.extend_from_slice(&bytes[..=end]);
    let left = bytes[end + 1..].to_vec();
    let whole = std::mem::replace(rest, left);
    whole.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Renders an event on one line, its time in `zone`.
pub fn render<Zone: TimeZone>(event: &Event, zone: &Zone, paint: Paint) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let time = event.time.with_timezone(zone).format("%Y-%m-%d %H:%M:%S");
    let kind = serde_json::to_value(event.event).ok();
    let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or("?");
    let subject = match (&event.agent, &event.in_loop) {
        (Some(agent), _) => agent.clone(),
        (None, Some(in_loop)) if !in_loop.is_empty() => format!("loop {in_loop}"),
        (None, Some(_)) => "loop".to_owned(),
        (None, None) => "-".to_owned(),
    };
    let (tone, mark) = match event.level {
        Level::Error => (Tone::Bad, "error: "),
        Level::Warning => (Tone::Passing, "warning: "),
        Level::Notice | Level::Info => (Tone::Usual, ""),
        Level::Debug => (Tone::Faint, ""),
    };
    let last = last_line(event).map(|line| format!(": {line}")).unwrap_or_default();
    let said = paint.tone(tone, &format!("{mark}{}{last}", text::clean(&event.text)));
    let subject = text::clean(&subject);
    format!("{} {kind:KIND_WIDTH$} {subject:SUBJECT_WIDTH$} {said}", paint.tone(Tone::Faint, &time.to_string()))
}

/// Returns what a program that died said last: often why.
fn last_line(event: &Event) -> Option<String> {
    let lines = event.more.get("last_lines")?.as_array()?;
    let line = lines.iter().rev().filter_map(serde_json::Value::as_str).find(|line| !line.trim().is_empty())?;
    Some(text::clean(line).trim().chars().take(LAST_LINE_MAX).collect())
}
