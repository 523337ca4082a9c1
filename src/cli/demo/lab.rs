//! Builds the folder that the demo plays in: an origin, two clones, plans, prompts and a config.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::utf8;
use crate::cli::bounded::git;
use crate::protocol::launch::quoted;

/// The agents; each has a clone of its name.
pub const AGENTS: [&str; 2] = ["builder", "adversary"];

/// The phases: id, file and line that their plans ask for.
pub const PHASES: [(&str, &str, &str); 2] =
    [("p1", "greeting.txt", "Hello, adversary."), ("p2", "farewell.txt", "Good night, builder.")];

const BUILDER: &str = include_str!("../../../prompts/builder.md");
const ADVERSARY: &str = include_str!("../../../prompts/adversary.md");

/// The demo's folder.
pub struct Lab {
    folder: PathBuf,
}

impl Lab {
    /// Builds everything in `keep`, which must be absent or empty, or in a new temporary folder.
    /// Without `handoff`, the config names subjects that no commit has.
    pub fn build(keep: Option<&Path>, handoff: bool) -> anyhow::Result<Self> {
        let lab = Self { folder: folder(keep)? };
        let filled = lab.fill(handoff);
        if filled.is_err() && keep.is_none() {
            lab.remove()?;
        }
        filled.map(|()| lab)
    }

    /// The fleet's config.
    pub fn config(&self) -> PathBuf {
        self.folder.join("agents.toml")
    }

    /// Its `log_dir`.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// The bare repository that both agents push to.
    pub fn origin(&self) -> PathBuf {
        self.folder.join("origin.git")
    }

    /// Removes the whole folder.
    pub fn remove(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove `{}`", self.folder.display()))
    }

    fn fill(&self, handoff: bool) -> anyhow::Result<()> {
        let origin = self.origin();
        git(&self.folder, &["init", "--quiet", "--bare", "--initial-branch=main", utf8(&origin)?])?;
        for agent in AGENTS {
            let clone = self.folder.join(agent);
            git(&self.folder, &["clone", "--quiet", utf8(&origin)?, utf8(&clone)?])?;
            git(&clone, &["config", "user.name", agent])?;
            git(&clone, &["config", "user.email", &format!("{agent}@demo.invalid")])?;
            git(&clone, &["config", "commit.gpgSign", "false"])?;
        }
        let clone = self.folder.join(AGENTS[0]);
        for (id, file, line) in PHASES {
            let text = format!(
                "# Phase {id}\n\nAt its end this file holds exactly this line:\n\n- File: {file}\n- Line: {line}\n"
            );
            write(&clone.join("plans").join(format!("{id}.md")), &text)?;
        }
        git(&clone, &["add", "--all"])?;
        git(&clone, &["commit", "--quiet", "-m", "plans of the demo"])?;
        git(&clone, &["push", "--quiet", "origin", "main"])?;
        git(&self.folder.join(AGENTS[1]), &["pull", "--quiet", "origin", "main"])?;
        write(&self.folder.join("prompts").join("builder.md"), BUILDER)?;
        write(&self.folder.join("prompts").join("adversary.md"), ADVERSARY)?;
        write(&self.config(), &config(utf8(&own_program()?)?, handoff))?;
        fs::create_dir(self.logs()).context("cannot make the folder of the logs")
    }
}

/// Returns the path of this program.
pub fn own_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file")
}

fn folder(keep: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(keep) = keep else {
        let pattern = std::env::temp_dir().join("agent-orchestrator-demo-XXXXXX");
        let made = nix::unistd::mkdtemp(&pattern);
        let made = made.with_context(|| format!("cannot make a folder in `{}`", std::env::temp_dir().display()))?;
        return made.canonicalize().context("cannot find the folder that was just made");
    };
    fs::create_dir_all(keep).with_context(|| format!("cannot make folder `{}`", keep.display()))?;
    if fs::read_dir(keep).with_context(|| format!("cannot read `{}`", keep.display()))?.next().is_some() {
        bail!("`{}` is not empty\nhint: name a folder that does not exist yet", keep.display());
    }
    keep.canonicalize().with_context(|| format!("cannot find `{}`", keep.display()))
}

fn config(program: &str, handoff: bool) -> String {
    let (claim, review) = if handoff { ("^claim\\(", "^review\\(") } else { ("^no subject$", "^no subject$") };
    let phases = PHASES
        .map(|(id, _, _)| format!("  {{ id = \"{id}\", plan = \"plans/{id}.md\", status = \"STATUS-{id}.md\" }},\n"));
    let agents = AGENTS.map(|name| {
        format!(
            "\n[[agent]]\nname = \"{name}\"\nkind = \"loop\"\nrole = \"{name}\"\nbackend = \"stand-in\"\n\
             dir = \"{name}\"\nwatch = \"heal+stall\"\n"
        )
    });
    let (phases, agents) = (phases.concat(), agents.concat());
    let bin = toml::Value::String(format!("{} stand-in {{kickoff}} {{session}}", quoted(program)));
    format!(
        "# The demo's fleet: two scripted agents that work two phases.\n\
         [defaults]\nsession_prefix = \"demo-\"\nlog_dir = \"logs\"\n\n\
         [backend.stand-in]\nbin = {bin}\nprompt_delivery = \"exec\"\n\
         input_re = '^> ?(?P<text>.*)$'\nactive_re = 'esc to interrupt'\n\
         connect_delay = 2\nready_max = 20\n\n\
         [loop]\nroles_dir = \"prompts\"\nphases = [\n{phases}]\n\n\
         [loop.handoff]\nrepo = \"builder\"\nclaim_pattern = '{claim}'\nreview_pattern = '{review}'\n\
         claim_pings = \"adversary\"\nreview_pings = \"builder\"\n\
         inboxes = [\"ADVERSARY-INBOX.md\", \"BUILDER-INBOX.md\"]\n{agents}"
    )
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make folder `{}`", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
