//! `explain`: all that is known of one agent, where from, and what happens next.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::client::{self, Patience};
use super::stop::Outcome;
use super::table::{self, Cell, Column};
use super::text::{self, Paint};
use super::{bounded, capture, names, out, status};
use crate::protocol::control::{AgentPicture, Explanation, Reply, Request, Source};
use crate::protocol::unit;

/// What stands below `explain --help`.
pub const HELP: &str = "\
Lists every source of knowledge with its age and what it says, the messages that wait and why, and what happens \
next.
Without a supervisor it shows what disk and tmux tell.

With --screen it shows what a captured pane means to the rules of a backend, and which rule decides. It needs \
neither a supervisor nor a config; with one it knows the backends and rules of that, too.

Exit codes:
  0  shown
  1  nothing can be known, or the file is no capture
  2  unknown name

Examples:
  agent-orchestrator explain builder
  tmux capture-pane -e -p | agent-orchestrator explain --backend claude --screen - --title \"✳ Claude Code\"";

/// How long systemd may take to tell of a timer.
const SHOW_MAX: Duration = Duration::from_secs(5);

const COLUMNS: [Column; 3] = [
    Column { heading: "SOURCE", floor: 12 },
    Column { heading: "AGE", floor: 5 },
    Column { heading: "SAYS", floor: usize::MAX },
];

/// What `explain` takes.
#[derive(Debug, clap::Args)]
#[command(override_usage = "agent-orchestrator explain [OPTIONS] <NAME>
       agent-orchestrator explain --backend <NAME> --screen <FILE> [--title <TITLE>] [--at <TIME>] [--json]")]
pub struct Arguments {
    /// Agent or service
    #[arg(
        required_unless_present_any = ["screen", "backend", "title", "at"],
        conflicts_with_all = ["screen", "backend", "title", "at"]
    )]
    name: Option<String>,
    #[command(flatten)]
    capture: capture::Capture,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Explains it.
///
/// # Errors
/// When there is no such agent, or nothing can be known.
pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    let Some(name) = &arguments.name else { return capture::run(config, &arguments.capture, arguments.json) };
    names::all_known(std::slice::from_ref(name), &client::known(&status::picture(config)?))?;
    let explanation = match client::answer(config, &Request::Explain { name: name.clone() }, Patience::Short)? {
        Reply::Explanation { explanation } => explanation,
        other @ (Reply::Failed { .. } | Reply::Done { .. } | Reply::Status { .. }) => {
            return Err(client::unexpected(other).into());
        }
    };
    let mut explanation = explanation;
    explanation.next.extend(explanation.timers.iter().map(|verb| timer(verb, name)));
    if arguments.json { out::json(&explanation) } else { out::text(&render(&explanation, out::paint())) }
}

/// Asks systemd when the timer fires that asks for `verb`.
fn timer(verb: &str, agent: &str) -> String {
    let timer = unit::timer(verb, agent);
    let mut show = Command::new("systemctl");
    let properties = format!("--property={}", unit::TIMER_PROPERTIES);
    show.args(["--no-pager", "show", &properties, "--", &timer]).env("LC_ALL", "C");
    match bounded::run(&mut show, SHOW_MAX) {
        Ok(answer) => unit::timer_line(&timer, &answer),
        Err(error) => format!("when {timer} fires is not known: `systemctl`: {error:#}"),
    }
}

/// Renders an explanation for people.
pub fn render(explanation: &Explanation, paint: Paint) -> String {
    let Explanation { agent, sources, pending, next, timers: _ } = explanation;
    let row = |source: &Source| {
        let age = source.age_s.map_or_else(|| "never".to_owned(), text::age);
        [Cell::usual(&source.name), Cell::usual(&age), Cell::usual(&source.says)]
    };
    let rows: Vec<_> = sources.iter().map(row).collect();
    let known = if rows.is_empty() {
        String::new()
    } else {
        format!("\n{}", table::render(&COLUMNS, &rows, status::WIDTH, paint))
    };
    text::joined(heading(agent, paint)) + &known + &list("messages that wait", pending) + &list("next", next)
}

fn heading(agent: &AgentPicture, paint: Paint) -> Vec<String> {
    let AgentPicture { name, session, kind, backend, model, watch, state, detail, age_s, .. } = agent;
    let state = paint.tone(status::tone(state), &text::clean(state));
    let detail = detail.as_ref().map(|detail| format!(" ({})", text::clean(detail))).unwrap_or_default();
    let mut lines = vec![
        format!(
            "{name}: {state}{detail}, {}",
            if *age_s == 0 { "just now".to_owned() } else { format!("for {}", text::age(*age_s)) }
        ),
        format!("  {kind}, backend {backend}, model {model}, watch {watch}, session {session}"),
    ];
    if agent.recent_deaths > 0 {
        lines.push(format!("  {} in the last 10m", text::counted(agent.recent_deaths, "death")));
    }
    lines.extend(agent.last_exit.iter().map(|exit| format!("  last exit: {}", text::clean(exit))));
    lines
}

fn list(heading: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    format!("\n{heading}:\n{}", text::joined(items.iter().map(|item| format!("  {}", text::clean(item)))))
}
