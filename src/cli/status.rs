//! `status`: one picture of the fleet.

use std::path::Path;

use super::client::{self, Patience};
use super::out;
use super::stop::Outcome;
use super::table::{self, Cell, Column};
use super::text::{self, Paint, Tone};
use crate::protocol::control::{AgentPicture, LoopPicture, Picture, Reply, Request};

/// What stands below `status --help`.
pub const HELP: &str = "\
One line per agent and service: what it does, for how long, how many messages wait for it, and what more there \
is to say.
Without a supervisor it shows what disk and tmux tell. A broken config is shown and hides nothing.

Exit codes:
  0  shown, also without a supervisor
  1  nothing can be known

Examples:
  agent-orchestrator status
  agent-orchestrator status --json | jq -r '.agents[] | select(.state == \"attention\").name'";

/// The width that tables fit on a terminal, characters.
pub const WIDTH: usize = 100;

const COLUMNS: [Column; 8] = [
    Column { heading: "NAME", floor: 12 },
    Column { heading: "KIND", floor: 10 },
    Column { heading: "BACKEND", floor: 8 },
    Column { heading: "MODEL", floor: 8 },
    Column { heading: "STATE", floor: 13 },
    Column { heading: "FOR", floor: 4 },
    Column { heading: "MSGS", floor: 4 },
    Column { heading: "DETAIL", floor: 26 },
];

/// What `status` takes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Arguments {
    /// Print the picture as JSON
    #[arg(long)]
    json: bool,
}

/// Shows the fleet.
///
/// # Errors
/// When neither a supervisor nor the disk can be asked.
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let picture = picture(config)?;
    if arguments.json { out::json(&picture) } else { out::text(&render(&picture, width(), out::paint())) }
}

/// Returns the width of tables: what reads a pipe gets them whole.
pub fn width() -> usize {
    if out::is_terminal() { WIDTH } else { usize::MAX }
}

/// Returns the supervisor's picture, without one that of disk and tmux.
///
/// # Errors
/// When neither can be had.
pub fn picture(config: &Path) -> Outcome<Picture> {
    match client::answer(config, &Request::Status, Patience::Short)? {
        Reply::Status { picture } => Ok(*picture),
        other @ (Reply::Failed { .. } | Reply::Done { .. } | Reply::Explanation { .. }) => {
            Err(client::unexpected(other).into())
        }
    }
}

/// Renders a picture for people, its table in at most `width` characters.
pub fn render(picture: &Picture, width: usize, paint: Paint) -> String {
    let mut lines = header(picture, paint);
    lines.extend(picture.loops.iter().flat_map(|each| loop_lines(each, paint)));
    let head = text::joined(lines);
    if picture.agents.is_empty() {
        return head + "no agents are configured\n";
    }
    let rows: Vec<_> = picture.agents.iter().map(row).collect();
    format!("{head}\n{}", table::render(&COLUMNS, &rows, width, paint))
}

fn header(picture: &Picture, paint: Paint) -> Vec<String> {
    let supervisor = match (picture.supervised, picture.supervisor_pid) {
        (true, Some(pid)) => format!("supervisor: pid {pid} ({})", picture.mode),
        (true, None) => format!("supervisor: runs ({})", picture.mode),
        (false, _) => paint.tone(Tone::Passing, "no supervisor (state from disk and tmux)"),
    };
    let mut lines = vec![supervisor, format!("config: {}", picture.config)];
    if let Some(error) = &picture.config_error {
        let mut said = error.lines().map(text::printable);
        let in_force = if picture.supervised { " (the last good one is in force)" } else { "" };
        let first = format!("config error: {}{in_force}", said.next().unwrap_or_default());
        lines.push(paint.tone(Tone::Bad, &first));
        lines.extend(said.map(|line| format!("  {line}")));
    }
    for warning in &picture.config_warnings {
        lines.push(paint.tone(Tone::Passing, &format!("config warning: {}", text::clean(warning))));
    }
    if let Some(trouble) = &picture.notify_trouble {
        lines.push(paint.tone(Tone::Bad, &text::clean(trouble)));
    }
    lines
}

/// Renders the lines of one loop: where it is, and what is wrong.
pub fn loop_lines(of: &LoopPicture, paint: Paint) -> Vec<String> {
    let name = if of.name.is_empty() { "phase".to_owned() } else { format!("phase {}", of.name) };
    let Some(phase) = &of.phase else {
        let why = if of.phases.is_empty() { "none configured" } else { "none begun yet" };
        return vec![format!("{name}: {why}")];
    };
    let position = if of.position == 0 { "?".to_owned() } else { of.position.to_string() };
    let plan = of.plan.as_ref().map(|plan| format!(" plan={plan}")).unwrap_or_default();
    let rounds = if of.rounds == 0 { String::new() } else { format!(", {} reviews not passed", of.rounds) };
    let (all, age) = (of.phases.len(), text::age(of.age_s));
    let at = format!("{name}: {phase} [{position}/{all}]{plan} ({}, {age}{rounds})", of.state);
    let mut lines = vec![text::clean(&at)];
    if let Some(trouble) = &of.trouble {
        lines.push(paint.tone(Tone::Bad, &format!("  trouble: {}", text::clean(trouble))));
    }
    lines
}

fn row(agent: &AgentPicture) -> [Cell; 8] {
    let pending = if agent.pending == 0 { "-".to_owned() } else { agent.pending.to_string() };
    [
        Cell::usual(&agent.name),
        Cell::usual(&agent.kind),
        Cell::usual(&agent.backend),
        Cell::usual(&agent.model),
        Cell::toned(&agent.state, tone(&agent.state)),
        Cell::usual(&text::age(agent.age_s)),
        Cell::usual(&pending),
        Cell::usual(&detail(agent)),
    ]
}

/// Returns what more there is to say: the detail, deaths of late, and how the program ended where it does not run.
fn detail(agent: &AgentPicture) -> String {
    let mut said: Vec<String> = agent.detail.iter().cloned().collect();
    if agent.recent_deaths > 0 {
        said.push(text::counted(agent.recent_deaths, "death") + " in 10m");
    }
    let ended = ["dead", "back-off", "finished", "attention"].contains(&agent.state.as_str());
    if let Some(exit) = agent.last_exit.as_ref().filter(|exit| ended && !said.iter().any(|each| each.contains(*exit))) {
        said.push(exit.clone());
    }
    said.join(", ")
}

/// Returns what the colour of a state's word means; the words are those of [`AgentPicture::state`].
pub fn tone(state: &str) -> Tone {
    match state {
        "working" => Tone::Good,
        "starting" | "restarting" | "stopping" | "back-off" | "limited" => Tone::Passing,
        "attention" | "dead" | "misconfigured" | "unknown" => Tone::Bad,
        "stopped" | "finished" | "disabled" => Tone::Faint,
        _ => Tone::Usual,
    }
}
