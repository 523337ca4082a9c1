//! `trust`: writes what keeps the agents' programs from asking at their first start whether a folder is trusted.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::host::{self, Person};
use super::stop::{Failure, Outcome};
use super::transcript::environment_of;
use super::{fleet_file, names, out};
use crate::daemon::paths::Paths;
use crate::protocol::control::Reason;
use crate::protocol::trust;

/// What stands below `trust --help`.
pub const HELP: &str = "\
Claude Code, Codex and Gemini ask at the first start in a folder whether it is trusted, and wait for a person. This says \
so for the folders of the agents named, or of all: in `.claude.json`, `config.toml` and `trustedFolders.json` of the user \
they run as, which has to be who asks; root asks as the fleet's. What else stands there stays; a folder that you have \
called untrusted stays so with Codex and Gemini, and is told (Claude Code keeps no such word). Do it while the \
programs do not run, as they write these files too. Logins and keys are yours.

Exit codes:
  0  all of them are trusted
  1  a file cannot be read or written, or says otherwise; an agent runs as another user
  2  unknown name

Example:
  agent-orchestrator trust && agent-orchestrator up";

/// What `trust` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Agents; all without a name
    names: Vec<String>,
}

/// Writes it.
///
/// # Errors
/// See [`HELP`].
pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    let (_, parsed) = fleet_file::parse(config)?;
    let Some(fleet) = parsed.fleet else {
        let failure = Failure::new(Reason::Failed, format!("`{}` describes no usable fleet", config.display()));
        return Err(failure.hint("`agent-orchestrator check` lists the mistakes").into());
    };
    let known: Vec<&str> = fleet.agents.iter().map(|agent| agent.name.as_str()).collect();
    names::all_known(&arguments.names, &known)?;
    let paths = Paths::new(config, &fleet.log_dir)?;
    let units = host::units(config, &fleet);
    let (mut lines, mut left) = (Vec::new(), Vec::new());
    for agent in &fleet.agents {
        let Ok(backend) = &agent.backend else { continue };
        let is_named = arguments.names.is_empty() || arguments.names.contains(&agent.name);
        let Some(program) = backend.transcripts.filter(|_| is_named) else { continue };
        if let Some(whose) = units.known.get(&agent.name).map(|unit| &unit.person).filter(|whose| !is_asker(whose)) {
            left.push((agent.name.as_str(), whose.name.as_str()));
            continue;
        }
        let environment = environment_of(&agent.name, &backend.env, &paths);
        let variable = |name: &str| environment.get(name).cloned().or_else(|| std::env::var(name).ok());
        let Some(file) = trust::place(program, &variable) else { continue };
        // The programs name a folder as the kernel does.
        let dir = agent.dir.canonicalize().unwrap_or_else(|_| agent.dir.clone());
        let text = text_of(&file)?;
        let failed = |why: String| {
            Failure::new(Reason::Failed, format!("cannot trust `{}` in `{}`: {why}", dir.display(), file.display()))
        };
        if let Some(text) = trust::trusting(program, &text, &dir).map_err(failed)? {
            replace(&file, &text)?;
            lines.push(format!("{}: `{}` trusts `{}`", agent.name, file.display(), dir.display()));
        }
    }
    if !left.is_empty() && (lines.is_empty() || !arguments.names.is_empty()) {
        out::lines(&lines)?;
        return Err(anothers(&left).into());
    }
    lines.extend(
        left.iter().map(|(agent, user)| format!("left out: {agent} runs as `{user}`: `{}`", as_user(agent, user))),
    );
    if lines.is_empty() {
        lines.push("nothing to do: every folder is trusted, or its program never asks".to_owned());
    }
    out::lines(&lines)
}

/// Whether what is written lands in the home of the user that asks.
fn is_asker(whose: &Person) -> bool {
    whose.uid == nix::unistd::geteuid().as_raw()
}

/// Returns the failure that agents run as somebody else, in whose home nothing can be written from here.
fn anothers(left: &[(&str, &str)]) -> Failure {
    let whose: Vec<String> = left.iter().map(|(agent, user)| format!("{agent} runs as `{user}`")).collect();
    let error = format!("a program asks its own user, and this would trust in another's name: {}", whose.join(", "));
    left.iter().fold(Failure::new(Reason::Failed, error), |failure, (agent, user)| {
        failure.hint(format!("`{}`", as_user(agent, user)))
    })
}

/// Returns the command that trusts the folder of an agent.
fn as_user(agent: &str, user: &str) -> String {
    match user {
        host::USER => format!("sudo agent-orchestrator trust {agent}"),
        _ => format!("sudo -Hu {user} -g {} agent-orchestrator trust {agent}", host::USER),
    }
}

/// Reads a file; one that is not there is empty.
fn text_of(path: &Path) -> anyhow::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        text => text.with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// Replaces a file in one step; who may read it stays, and of a new one is the owner.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write `{}`", path.display());
    // A link leads to where the person keeps the file.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mode = std::fs::metadata(&path).map_or(0o600, |about| about.permissions().mode() & 0o777);
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).with_context(failed)?;
    let draft = PathBuf::from(format!("{}.draft", path.display()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&draft)
        .with_context(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(failed)?;
    std::fs::rename(&draft, &path).with_context(failed)
}
