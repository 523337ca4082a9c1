//! `init`: writes a config, prompts and a first plan to start from.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::stop::{Failure, Outcome};
use super::{fleet_file, out};
use crate::protocol::control::Reason;

/// What stands below `init --help`.
pub const HELP: &str = "\
Writes agents.toml, prompts/, plans/ and machine-docs/ into DIR, best of all a git repository: the builder and \
the adversary work in clones of it. It overwrites nothing: when one of its files is there, it writes none.

Exit codes:
  0  written
  1  something is there already, or cannot be written

Example:
  agent-orchestrator init myproject && cd myproject && agent-orchestrator check";

const CONFIG: &str = include_str!("init/agents.toml");
const PLAN: &str = include_str!("init/plan.md");
const STATUS: &str = include_str!("init/status.md");
const IGNORE_ALL: &str = "# All in here belongs to this machine, not to the repository.\n*\n";

/// Stands in [`CONFIG`] where the session prefix goes.
const PREFIX_SLOT: &str = "{session_prefix}";

/// The longest session prefix that is made of a folder's name, without its dash, characters.
const PREFIX_LENGTH_MAX: usize = 24;

/// What `init` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to; made if it is missing
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

/// Writes the files.
///
/// # Errors
/// When one is there already or cannot be written; then none is left behind.
pub fn run(arguments: &Arguments) -> Outcome {
    let folder = &arguments.folder;
    let files = files(&name_of(folder)?);
    let there: Vec<&str> = files.iter().map(|(path, _)| *path).filter(|path| is_there(&folder.join(path))).collect();
    if !there.is_empty() {
        let error = format!("`{}` already has {}", folder.display(), there.join(", "));
        return Err(Failure::new(Reason::Failed, error).hint("nothing was written; choose an empty folder").into());
    }
    let mut made = Vec::new();
    for (path, text) in &files {
        let path = folder.join(path);
        if let Err(error) = write(&path, text, &mut made) {
            undo(&made);
            return Err(error.context("nothing was written").into());
        }
    }
    let at = folder.display();
    out::text(&format!(
        "wrote {} files to `{at}`\nnext: read the head of `{}`, which leads to `agent-orchestrator up`\n",
        files.len(),
        folder.join(fleet_file::DEFAULT).display()
    ))
}

/// Returns the failure of `--config PATH init`.
pub fn config_given() -> Failure {
    Failure::new(Reason::Usage, "`init` writes agents.toml into a folder and takes no `--config`")
        .hint("agent-orchestrator init DIR")
}

/// Returns all files of a new fleet in a folder called `name`: path within the folder, and text.
pub fn files(name: &str) -> Vec<(&'static str, String)> {
    let prompts = [
        ("prompts/kickoff.md", include_str!("../../prompts/kickoff.md")),
        ("prompts/builder.md", include_str!("../../prompts/builder.md")),
        ("prompts/adversary.md", include_str!("../../prompts/adversary.md")),
        ("prompts/orchestrator.md", include_str!("../../prompts/orchestrator.md")),
        ("prompts/wake.md", include_str!("../../prompts/wake.md")),
        ("prompts/upgrader.md", include_str!("../../prompts/upgrader.md")),
        ("prompts/assistant.md", include_str!("../../prompts/assistant.md")),
    ];
    let own = [
        ("plans/p1.md", PLAN),
        ("machine-docs/STATUS-p1.md", STATUS),
        ("clones/.gitignore", IGNORE_ALL),
        (".agent-orchestrator/.gitignore", IGNORE_ALL),
    ];
    let config = (fleet_file::DEFAULT, CONFIG.replace(PREFIX_SLOT, &session_prefix(name)));
    let rest = prompts.into_iter().chain(own).map(|(path, text)| (path, text.to_owned()));
    std::iter::once(config).chain(rest).collect()
}

/// Makes a session prefix of a folder's name: what tmux and the config allow, in one piece, with a dash behind it.
pub fn session_prefix(name: &str) -> String {
    let allowed = |each: char| if each.is_ascii_alphanumeric() || each == '_' { each } else { '-' };
    let words: String = name.chars().map(allowed).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let prefix: String = words.join("-").chars().take(PREFIX_LENGTH_MAX).collect();
    let prefix = prefix.trim_end_matches('-');
    format!("{}-", if prefix.is_empty() { "fleet" } else { prefix })
}

/// Returns the name of a folder that may not exist yet.
fn name_of(folder: &Path) -> Outcome<String> {
    let whole = folder.canonicalize().or_else(|_| std::path::absolute(folder));
    let whole = whole.with_context(|| format!("cannot find `{}`", folder.display()))?;
    Ok(whole.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// Also a link to nowhere is something that must not be overwritten.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Writes a new file; notes all that it made, folders as well.
fn write(path: &Path, text: &str, made: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let cannot = || format!("cannot write `{}`", path.display());
    let folders: Vec<&Path> =
        path.ancestors().skip(1).take_while(|each| !each.as_os_str().is_empty() && !each.is_dir()).collect();
    for folder in folders.into_iter().rev() {
        std::fs::create_dir(folder).with_context(cannot)?;
        made.push(folder.to_owned());
    }
    let mut file = std::fs::File::create_new(path).with_context(cannot)?;
    made.push(path.to_owned());
    file.write_all(text.as_bytes()).with_context(cannot)
}

/// Takes back what was made, newest first.
fn undo(made: &[PathBuf]) {
    for path in made.iter().rev() {
        let undone = if path.is_dir() { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
        if let Err(error) = undone {
            out::warn(&format!("cannot take back `{}`: {error}, ignoring", path.display()));
        }
    }
}
