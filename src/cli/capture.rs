//! `explain --screen`: what a captured pane means to the rules of a backend.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::stop::{Failure, Outcome};
use super::table::{self, Cell, Column};
use super::text::{self, Paint, Tone};
use super::{fleet_file, out, status};
use crate::config::{self, known_hint};
use crate::daemon::clock;
use crate::protocol::capture::{self, CAPTURE_BYTES_MAX, Finding, Input, Report};
use crate::protocol::control::Reason;

const COLUMNS: [Column; 6] = [
    Column { heading: "MEANING", floor: usize::MAX },
    Column { heading: "RULE", floor: usize::MAX },
    Column { heading: "PRIORITY", floor: usize::MAX },
    Column { heading: "REGION", floor: usize::MAX },
    Column { heading: "LINE", floor: usize::MAX },
    Column { heading: "TEXT", floor: 60 },
];

/// What `explain --screen` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Capture {
    /// Show what this captured pane means instead; `-` for standard input
    #[arg(long, value_name = "FILE", requires = "backend")]
    screen: Option<PathBuf>,
    /// The backend that reads it: a preset, or one of the config
    #[arg(long, value_name = "NAME", requires = "screen")]
    backend: Option<String>,
    /// The pane's title, where the capture's last line does not tell it
    #[arg(long, requires = "screen")]
    title: Option<String>,
    /// When it was captured, as in 2026-06-13T04:00:00Z; now, if not given
    #[arg(long, value_name = "TIME", requires = "screen")]
    at: Option<DateTime<Utc>>,
}

/// Reads the capture and shows what was found.
///
/// # Errors
/// When the capture or the config cannot be read, or there is no such backend.
pub fn run(config: &Path, arguments: &Capture, json: bool) -> Outcome {
    let (Some(file), Some(name)) = (&arguments.screen, &arguments.backend) else {
        return Err(Failure::new(Reason::Usage, "neither an agent nor a screen is named").into());
    };
    let backends = backends(config)?;
    let backend = match backends.get(name) {
        Some(Ok(backend)) => backend,
        Some(Err(why)) => return Err(Failure::new(Reason::Failed, why.clone()).into()),
        None => {
            let failure = Failure::new(Reason::Usage, format!("there is no backend `{}`", text::clean(name)));
            return Err(failure.hint(known_hint(name, backends.keys().map(String::as_str))).into());
        }
    };
    let mut now = clock::now(clock::host_zone());
    now.wall = arguments.at.unwrap_or(now.wall);
    let text = read(file)?;
    if let Some(why) = no_capture(&text) {
        let failure = Failure::new(Reason::Failed, format!("screen `{}` {why}", file.display()));
        return Err(failure.hint("`tmux capture-pane -e -p` prints one").into());
    }
    let report = capture::report(&text, arguments.title.as_deref(), (name, backend), now);
    if json { out::json(&report) } else { out::text(&render(&report, now.zone, status::width(), out::paint())) }
}

type Backends = BTreeMap<String, Result<config::Backend, String>>;

/// Returns the backends of the config, or, where none is named or at hand, the presets.
fn backends(config: &Path) -> Outcome<Backends> {
    if config == Path::new(fleet_file::DEFAULT) && config.try_exists().is_ok_and(|exists| !exists) {
        return Ok(config::preset_backends());
    }
    let (_, parsed) = fleet_file::parse(config)?;
    let unusable = || {
        let failure = Failure::new(Reason::Failed, format!("`{}` describes no usable fleet", config.display()));
        failure.hint("`agent-orchestrator check` lists the mistakes")
    };
    Ok(parsed.fleet.ok_or_else(unusable)?.backends)
}

fn read(file: &Path) -> Outcome<String> {
    let cannot = || format!("cannot read screen `{}`", file.display());
    let source: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file).with_context(cannot)?) };
    let mut capture = Vec::new();
    source.take(CAPTURE_BYTES_MAX + 1).read_to_end(&mut capture).with_context(cannot)?;
    if capture.len() as u64 > CAPTURE_BYTES_MAX {
        let error = format!("screen `{}` has more than {CAPTURE_BYTES_MAX} bytes", file.display());
        return Err(Failure::new(Reason::Failed, error).into());
    }
    Ok(String::from_utf8_lossy(&capture).into_owned())
}

/// Says why a text is no captured pane, if it is none: an empty screen has its line ends.
fn no_capture(text: &str) -> Option<&'static str> {
    if text.contains('\0') { Some("is no text") } else { text.is_empty().then_some("is empty") }
}

/// Renders a report for people.
pub fn render(report: &Report, zone: Tz, width: usize, paint: Paint) -> String {
    let Report { backend, title, meaning, input, ready, obstacle, readings, waiting, limited, resets } = report;
    let local = |time: &DateTime<Utc>| time.with_timezone(&zone).format("%a %Y-%m-%d %H:%M:%S %Z").to_string();
    let reads = meaning.map_or("nothing that a rule knows", |meaning| meaning.word());
    let decides = readings.first().map(|first| format!(", by rule {}", first.rule)).unwrap_or_default();
    let input = match input {
        Input::Unknown => "not known: the backend has no `input_re`".to_owned(),
        Input::Absent => "not on the screen".to_owned(),
        Input::Empty => "empty".to_owned(),
        Input::Holds(typed) => format!("holds `{}`", text::clean(typed)),
    };
    let message = obstacle.as_ref().map_or("can be typed".to_owned(), |why| format!("waits: {}", text::clean(why)));
    let title =
        if title.is_empty() { "none, `--title` gives one".to_owned() } else { format!("`{}`", text::clean(title)) };
    let mut lines = vec![
        format!("{}: {}{}", text::clean(backend), paint.tone(Tone::Passing, reads), text::clean(&decides)),
        format!("  title: {title}"),
        format!("  input box: {input}"),
        format!("  a start: {}", if *ready { "has ended, it takes a prompt" } else { "goes on" }),
        format!("  a message: {message}"),
    ];
    lines.extend(waiting.as_ref().map(|time| format!("  it waits until: {}", local(time))));
    if *limited {
        let named = resets.as_ref().map_or("no time that is believed, so probes go by the clock".to_owned(), local);
        lines.push(format!("  the limit ends: {named}"));
    }
    let head = text::joined(lines);
    if readings.is_empty() {
        return head;
    }
    let rows: Vec<_> = readings.iter().map(row).collect();
    format!("{head}\nwhat the rules found, the first decides:\n{}", table::render(&COLUMNS, &rows, width, paint))
}

fn row(finding: &Finding) -> [Cell; 6] {
    let Finding { rule, meaning, priority, region, line, text } = finding;
    let line = line.map_or_else(|| "-".to_owned(), |line| line.to_string());
    [meaning.word(), rule, &priority.to_string(), region, &line, text].map(Cell::usual)
}
