//! `transcript`: what an agent and its program said to each other, in readable lines.

mod database;
mod files;
pub mod keep;
mod source;
mod whose;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use chrono::{Local, TimeZone, Utc};

use super::fleet_file;
use super::follow::{Waited, Waiter};
use super::stop::{Failure, Outcome};
use super::text::{Paint, Tone, joined};
use super::{names, out, status};
use crate::config::{Fleet, FleetAgent};
use crate::daemon::paths::Paths;
use crate::protocol::control::Reason;
use crate::protocol::transcript::{Entry, Kind};
use source::{Source, Which};
use whose::Whose;

/// What stands below `transcript --help`.
pub const HELP: &str = "\
Reads the session files of the agent's own program: prompts, answers, one line for each tool call, failed calls and \
refusals, in this host's time. Thinking, system prompts and what tools printed stay where they are. It shows the \
conversation that the agent works in, or worked in last; with --all all of its folder, or without a name the \
conversations of all agents. With --follow it goes on as it grows, into new conversations too, until Ctrl-C. It needs no \
supervisor.

Exit codes:
  0  shown, also after Ctrl-C
  1  there is none, or it cannot be read
  2  unknown name

Examples:
  agent-orchestrator transcript builder -f
  agent-orchestrator transcript builder --all -n 100000 | grep 'tool .*cargo test'
  agent-orchestrator transcript --all --follow";

/// How long passes between two readings that each cost a second of a processor.
const BUSY_PAUSE: Duration = Duration::from_secs(5);

/// Width of a line's mark, characters.
const WORD_WIDTH: usize = 6;

/// Width of a line's time, characters.
const TIME_WIDTH: usize = 19;

/// What `transcript` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Agent
    #[arg(required_unless_present = "all")]
    name: Option<String>,
    /// Go on as it grows, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// All conversations of the agent's folder, or without a name those of all agents
    #[arg(long)]
    all: bool,
    /// How many entries of the past are shown
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: usize,
    /// Print one JSON object per entry
    #[arg(long)]
    json: bool,
}

/// An agent whose transcript is shown.
struct Shown {
    /// Begins each line where there are several.
    label: Option<String>,
    source: Source,
}

/// Shows the transcript.
///
/// # Errors
/// When there is none or it cannot be read.
pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    let mut shown = wanted(config, arguments)?;
    let mut past: VecDeque<(Option<chrono::DateTime<Utc>>, String)> = VecDeque::new();
    let paint = out::paint();
    let mut is_there = false;
    for Shown { label, source } in &mut shown {
        let mut mine = VecDeque::new();
        is_there |= source.read(&mut |entry| {
            mine.push_back((entry.time, written(&entry, label.as_deref(), arguments.json, paint)));
            if mine.len() > arguments.lines {
                mine.pop_front();
            }
        })?;
        past.extend(mine);
    }
    if !is_there && !arguments.follow {
        let name = arguments.name.as_deref().unwrap_or("no agent");
        return Err(Failure::new(Reason::Failed, format!("`{name}` has no conversation yet")).into());
    }
    if shown.len() > 1 {
        past.make_contiguous().sort_by_key(|(time, _)| *time);
    }
    let skipped = past.len().saturating_sub(arguments.lines);
    out::text(&past.iter().skip(skipped).map(|(_, text)| text.as_str()).collect::<String>())?;
    if arguments.follow { follow(&mut shown, arguments.json, paint) } else { Ok(()) }
}

fn follow(shown: &mut [Shown], json: bool, paint: Paint) -> Outcome {
    let waiter = Waiter::of_a_person()?;
    loop {
        for Shown { label, source } in shown.iter_mut() {
            loop {
                let mut text = String::new();
                source.read(&mut |entry| text += &written(&entry, label.as_deref(), json, paint))?;
                out::text(&text)?;
                if !source.watch(&waiter)? {
                    break;
                }
            }
        }
        if waiter.wait(None)? == Waited::Ended {
            return Ok(());
        }
        let pause = shown.iter().find_map(|each| each.source.pause(BUSY_PAUSE));
        if !pause.map_or(Ok(true), |pause| waiter.pause(pause))? {
            return Ok(());
        }
    }
}

/// Returns the agents that the arguments name.
fn wanted(config: &Path, arguments: &Arguments) -> Outcome<Vec<Shown>> {
    let (_, parsed) = fleet_file::parse(config)?;
    let Some(fleet) = parsed.fleet else {
        let failure = Failure::new(Reason::Failed, format!("`{}` describes no usable fleet", config.display()));
        return Err(failure.hint("`agent-orchestrator check` lists the mistakes").into());
    };
    let known: Vec<&str> = fleet.agents.iter().map(|agent| agent.name.as_str()).collect();
    let paths = Paths::new(config, &fleet.log_dir)?;
    // Which conversation it is cannot always be told; then the newest counts.
    let picture = status::picture(config).ok();
    let state_of = |name: &str| picture.iter().flat_map(|picture| &picture.agents).find(|agent| agent.name == name);
    let mut shown = Vec::new();
    for agent in &fleet.agents {
        if arguments.name.as_ref().is_some_and(|name| *name != agent.name) {
            continue;
        }
        let state = state_of(&agent.name);
        let id = state.and_then(|state| state.conversation.clone());
        let which = match (arguments.all, id) {
            (true, _) if arguments.name.is_some() => Which::All,
            (_, Some(id)) if is_shared(&fleet, agent) => Which::Only(id),
            (_, _) => Which::Newest,
        };
        let backend = state.map_or(agent.backend_name.as_str(), |state| state.backend.as_str());
        let Some(whose) = whose(&fleet, agent, backend, &paths) else {
            if arguments.name.is_none() {
                continue;
            }
            let failure = Failure::new(Reason::Failed, format!("the session files of `{}` are not known", agent.name));
            return Err(failure.hint("`transcripts` and `transcripts_dir` of its backend say where they are").into());
        };
        let label = arguments.name.is_none().then(|| agent.name.clone());
        shown.push(Shown { label, source: Source::new(whose, which, Utc::now().timestamp_millis()) });
    }
    match &arguments.name {
        Some(name) if shown.is_empty() => Err(names::unknown(name, &known).into()),
        Some(_) | None => Ok(shown),
    }
}

/// Returns an agent's environment, as far as it differs from this process's own: what its backend adds, and what runs.
pub fn environment_of(name: &str, backend: &BTreeMap<String, String>, paths: &Paths) -> BTreeMap<String, String> {
    whose::environment(&paths.tmux_socket(name), paths.manager, backend)
}

fn whose(fleet: &Fleet, agent: &FleetAgent, backend: &str, paths: &Paths) -> Option<Whose> {
    let backend = fleet.backends.get(backend)?.as_ref().ok()?;
    let environment = environment_of(&agent.name, &backend.env, paths);
    Whose::new(backend.transcripts?, &backend.transcripts_dir, &agent.dir, &backend.bin, environment)
}

/// Says whether another agent has the same folder, so that its conversations are found there too.
fn is_shared(fleet: &Fleet, agent: &FleetAgent) -> bool {
    fleet.agents.iter().any(|other| other.name != agent.name && other.dir == agent.dir)
}

fn written(entry: &Entry, label: Option<&str>, json: bool, paint: Paint) -> String {
    if json {
        let mut value = serde_json::to_value(entry).unwrap_or_default();
        if let (Some(label), Some(fields)) = (label, value.as_object_mut()) {
            fields.insert("agent".to_owned(), label.into());
        }
        return format!("{value}\n");
    }
    let text = render(entry, &Local, paint);
    match label {
        Some(label) => joined(text.lines().map(|line| format!("{label} {line}"))),
        None => text,
    }
}

/// Renders an entry, its time in `zone`; further lines stand below the first one's text.
pub fn render<Zone: TimeZone>(entry: &Entry, zone: &Zone, paint: Paint) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let time = entry.time.map(|time| time.with_timezone(zone).format("%Y-%m-%d %H:%M:%S").to_string());
    let time = format!("{:TIME_WIDTH$}", time.unwrap_or_default());
    let tone = match entry.kind {
        Kind::Prompt => Tone::Good,
        Kind::Says => Tone::Usual,
        Kind::Tool | Kind::Note => Tone::Faint,
        Kind::Failed => Tone::Passing,
        Kind::Error => Tone::Bad,
    };
    let word = paint.tone(tone, &format!("{:WORD_WIDTH$}", entry.kind.word()));
    let mut lines = entry.text.lines();
    let first = lines.next().unwrap_or_default();
    let begin = format!("{} {word} {first}\n", paint.tone(Tone::Faint, &time));
    let indent = " ".repeat(TIME_WIDTH + WORD_WIDTH + 2);
    lines.fold(begin, |text, line| if line.trim().is_empty() { text } else { format!("{text}{indent}{line}\n") })
}
