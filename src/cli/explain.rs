//! `explain`: all that is known of one agent, where from, and what happens next.

use std::path::Path;

use super::client::{self, Patience};
use super::stop::{Failure, Outcome};
use super::table::{self, Cell, Column};
use super::text::{self, Paint};
use super::{fleet_file, names, out, status};
use crate::daemon::offline;
use crate::protocol::control::{AgentPicture, Explanation, Picture, Reply, Request};

/// What stands below `explain --help`.
pub const HELP: &str = "\
Lists every source of knowledge with its age and what it says, the messages that wait and why, and what happens next.
Without a supervisor it shows what disk and tmux tell.

Exit codes: 0 shown; 1 nothing can be known; 2 unknown name.

Example:
  agent-orchestrator explain builder";

const COLUMNS: [Column; 3] = [
    Column { heading: "SOURCE", floor: 12 },
    Column { heading: "AGE", floor: 5 },
    Column { heading: "SAYS", floor: usize::MAX },
];

/// What `explain` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Agent or service
    name: String,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Explains it.
///
/// # Errors
/// When there is no such agent, or nothing can be known.
pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    let name = &arguments.name;
    let explanation = if client::picture_with(config, std::slice::from_ref(name))?.is_some() {
        match client::ask(config, &Request::Explain { name: name.clone() }, Patience::Short)? {
            Some(Reply::Explanation { explanation }) => *explanation,
            Some(other) => return Err(client::unexpected(other).into()),
            None => return Err(client::no_supervisor(config).into()),
        }
    } else {
        fleet_file::must_exist(config)?;
        of_disk(&offline::picture(config)?, name)?
    };
    if arguments.json { out::json(&explanation) } else { out::text(&render(&explanation, out::paint())) }
}

/// Returns what a picture without a supervisor tells of one agent.
fn of_disk(picture: &Picture, name: &str) -> Result<Explanation, Failure> {
    let agent = picture.agents.iter().find(|agent| agent.name == name).cloned();
    let agent = agent.ok_or_else(|| names::unknown(name, &client::known(&picture)))?;
    let next = vec!["nothing: no supervisor runs (`agent-orchestrator up` starts one)".to_owned()];
    Ok(Explanation { agent, sources: Vec::new(), pending: Vec::new(), next })
}

/// Renders an explanation for people.
pub fn render(explanation: &Explanation, paint: Paint) -> String {
    let mut shown = heading(&explanation.agent, paint);
    if !explanation.sources.is_empty() {
        let rows: Vec<_> = explanation
            .sources
            .iter()
            .map(|source| {
                let age = source.age_s.map_or_else(|| "never".to_owned(), text::age);
                [Cell::usual(&source.name), Cell::usual(&age), Cell::usual(&source.says)]
            })
            .collect();
        shown += &format!("\n{}", table::render(&COLUMNS, &rows, status::WIDTH, paint));
    }
    shown + &list("messages that wait", &explanation.pending) + &list("next", &explanation.next)
}

fn heading(agent: &AgentPicture, paint: Paint) -> String {
    let AgentPicture { name, session, kind, backend, model, watch, state, detail, age_s, .. } = agent;
    let state = paint.tone(status::tone(state), &text::clean(state));
    let detail = detail.as_ref().map(|detail| format!(" ({})", text::clean(detail))).unwrap_or_default();
    let mut shown = format!("{name}: {state}{detail}, for {}\n", text::age(*age_s));
    shown += &format!("  {kind}, backend {backend}, model {model}, watch {watch}, session {session}\n");
    if agent.recent_deaths > 0 {
        shown += &format!("  {} in the last 10m\n", text::counted(agent.recent_deaths, "death"));
    }
    if let Some(exit) = &agent.last_exit {
        shown += &format!("  last exit: {}\n", text::clean(exit));
    }
    shown
}

fn list(heading: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let lines: String = items.iter().map(|item| format!("  {}\n", text::clean(item))).collect();
    format!("\n{heading}:\n{lines}")
}
