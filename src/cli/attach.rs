//! `attach`: sits the person down at an agent's terminal.

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::fleet_file::FleetFile;
use super::stop::{Failure, Outcome};
use super::{client, names, text};
use crate::daemon::terminal::{self, Terminal};
use crate::protocol::control::Reason;

/// What stands below `attach --help`.
pub const HELP: &str = "\
Replaces itself by `tmux attach-session` on the agent's own tmux server; C-b d leaves, the agent goes on.
It works inside of another tmux (press the prefix twice for the inner one) and without a supervisor.

Exit codes:
  0  left again
  1  tmux cannot be asked, or there is no terminal to attach
  2  unknown name
  4  the agent has no session

Example:
  agent-orchestrator attach builder";

/// What `attach` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Agent or service
    name: String,
}

/// Attaches; returns only when that fails.
///
/// # Errors
/// When the agent has no session or tmux cannot be run.
pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    let name = &arguments.name;
    let session = session(config, name)?;
    let target = format!("={session}");
    let Some(terminal) = terminal::find(config, &FleetFile::paths(config)?, name)? else {
        return Err(absent(name, "no server running").into());
    };
    // Another user's client is not asked beforehand: it may do what it likes, and would have root's terminal for that.
    if terminal.user.is_none() {
        let asked = tmux(&terminal, ["has-session", "-t", &target])
            .stdin(Stdio::null())
            .output()
            .context("cannot run `tmux`\nhint: it must be installed and in PATH")?;
        if !asked.status.success() {
            let said = text::clean(&String::from_utf8_lossy(&asked.stderr));
            return Err(absent(name, &said).into());
        }
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Reason::Failed, "`attach` needs a terminal")
            .hint(format!("`agent-orchestrator logs {name}` shows what it printed without one"))
            .into());
    }
    if terminal.user.is_some() {
        let told: Vec<_> = TOLD.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))).collect();
        let status = terminal.run(&["attach-session", "-t", &target], &told)?;
        return if status.success() {
            Ok(())
        } else {
            Err(Failure::new(Reason::Failed, format!("tmux ended with {status}")).into())
        };
    }
    let error = tmux(&terminal, ["attach-session", "-t", &target]).exec();
    Err(anyhow::Error::from(error).context("cannot run `tmux`").into())
}

/// Returns the session of `name`: by the supervisor, which also knows what the config no longer names, else by the file
/// or the last one that was in force.
fn session(config: &Path, name: &str) -> Outcome<String> {
    let Some(picture) = client::picture(config)? else {
        return Ok(FleetFile::read_or_ask(config)?.session(name)?.to_owned());
    };
    match picture.agents.iter().find(|agent| agent.name == name) {
        Some(agent) => Ok(agent.session.clone()),
        None => Err(names::unknown(name, &client::known(&picture)).into()),
    }
}

/// What root's environment tells a client of another user.
const TOLD: [&str; 6] = ["COLORTERM", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TERM"];

/// Prepares a tmux client that does not take itself for a part of the tmux that it may stand in.
fn tmux<const N: usize>(terminal: &Terminal, arguments: [&str; N]) -> Command {
    let mut command = Command::new("tmux");
    command.args(["-N", "-S"]).arg(&terminal.socket).args(arguments).env_remove("TMUX").env_remove("TMUX_PANE");
    command
}

/// Tells a session that is not there from a server that cannot be asked, by tmux's words.
fn absent(name: &str, said: &str) -> Failure {
    let gone = ["no server running", "can't find session", "No such file", "Connection refused"];
    if gone.iter().any(|words| said.contains(words)) {
        return Failure::new(Reason::NotRunning, format!("`{name}` is not running"))
            .hint(format!("`agent-orchestrator up {name}` starts it; `logs {name}` shows what it printed"));
    }
    Failure::new(Reason::Failed, format!("cannot ask tmux for the session of `{name}`: {said}"))
}
