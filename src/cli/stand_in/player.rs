//! What a stand-in does when it is told something: the builder's or the adversary's part, over real git.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use chrono::{DateTime, TimeDelta, Utc};

use crate::cli::bounded::git;

/// Folder of the state files within the repository.
const STATE_FOLDER: &str = "machine-docs";

/// How far ahead it says that it waits, minutes.
const WAIT_MIN: i64 = 10;

/// How often a push is tried again after somebody else's came first.
const PUSH_RETRIES: usize = 3;

/// The longest file that a typed line may point to, bytes.
const POINTED_SIZE_MAX: u64 = 1 << 20;

/// Receives each line that is said.
pub type Say<'a> = &'a mut dyn FnMut(&str);

/// A stand-in with its part, in its clone.
#[derive(Debug, Clone)]
pub struct Player {
    role: Role,
    phase: String,
    plan: String,
    status: String,
    dir: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Builder,
    Adversary,
}

/// Where a phase stands, by its newest commit that hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Turn {
    Untouched,
    Claimed { commit: String },
    Refused,
    Passed,
}

/// What a plan of the demo demands.
struct Demand {
    file: String,
    line: String,
}

impl Player {
    /// Takes the part that `kickoff` (the built-in template) gives, in the clone at `dir`.
    ///
    /// # Errors
    /// When the kickoff does not name role, phase, plan and status file, or the role is unknown.
    pub fn new(kickoff: &str, dir: PathBuf) -> anyhow::Result<Self> {
        let field = |name: &str| {
            let found =
                kickoff.lines().find_map(|line| line.strip_prefix("- ")?.strip_prefix(name)?.strip_prefix(": "));
            found.map(|value| value.trim().to_owned()).ok_or_else(|| anyhow!("the kickoff does not say `{name}`"))
        };
        let role = match field("Your role")?.as_str() {
            "builder" => Role::Builder,
            "adversary" => Role::Adversary,
            other => bail!("no part for role `{other}`"),
        };
        Ok(Self { role, phase: field("Phase")?, plan: field("Plan")?, status: field("Status file")?, dir })
    }

    /// Does what the kickoff alone asks for: the builder begins, the adversary waits to be told of a claim.
    ///
    /// # Errors
    /// When git or a file fails.
    pub fn begin(&self, say: Say) -> anyhow::Result<()> {
        match self.role {
            Role::Builder => {
                say(&format!("● I build phase {} by {}", self.phase, self.plan));
                self.build(say)?;
            }
            Role::Adversary => say(&format!("● I review phase {} against {}", self.phase, self.plan)),
        }
        say(&waiting_line(Utc::now()));
        Ok(())
    }

    /// Acts on a typed line, or on the file that it points to, if it is about the other one's work.
    ///
    /// # Errors
    /// When git or a file fails.
    pub fn hear(&self, typed: &str, say: Say) -> anyhow::Result<()> {
        let text = whole_text(typed).to_lowercase();
        match self.role {
            Role::Builder if text.contains("review") => self.build(say)?,
            Role::Adversary if text.contains("claim") => self.review(say)?,
            Role::Builder | Role::Adversary => say("● Noted."),
        }
        say(&waiting_line(Utc::now()));
        Ok(())
    }

    fn build(&self, say: Say) -> anyhow::Result<()> {
        self.pull(say)?;
        let demand = self.demand()?;
        let status = self.state_file(&self.status);
        match self.turn()? {
            // Its full stop is forgotten: something for the adversary to find.
            Turn::Untouched => self.claim(&demand, demand.line.trim_end_matches('.'), say),
            Turn::Refused => self.claim(&demand, &demand.line, say),
            Turn::Claimed { .. } => {
                say("● My claim waits for its review");
                Ok(())
            }
            Turn::Passed => {
                let text = read(&status)?;
                if text.lines().any(|line| line == "## DONE") {
                    return Ok(());
                }
                write(&status, &format!("{text}\n## DONE\n"))?;
                self.hand_over(&format!("status({}): done", self.phase), say)
            }
        }
    }

    fn claim(&self, demand: &Demand, line: &str, say: Say) -> anyhow::Result<()> {
        say(&format!("● Write({})", demand.file));
        write(&self.dir.join(&demand.file), &format!("{line}\n"))?;
        let (phase, file) = (&self.phase, &demand.file);
        let status = format!("# Phase {phase}\n\nClaimed: `{file}` holds the plan's line. To check: `cat {file}`.\n");
        write(&self.state_file(&self.status), &status)?;
        self.hand_over(&format!("claim({phase}): {file} is written"), say)
    }

    fn review(&self, say: Say) -> anyhow::Result<()> {
        self.pull(say)?;
        let Turn::Claimed { commit } = self.turn()? else {
            say("● No claim waits for me");
            return Ok(());
        };
        let demand = self.demand()?;
        let found = self.cold_look(&demand.file, say)?;
        let (phase, file) = (&self.phase, &demand.file);
        let passes = found.as_deref() == Some(&format!("{}\n", demand.line));
        let verdict = if passes {
            format!("PASS {file} holds the plan's line")
        } else {
            format!("FAIL {file} does not hold the plan's line")
        };
        say(&format!("● {verdict}"));
        let review = self.state_file(&format!("REVIEW-{phase}.md"));
        let before = if review.exists() { read(&review)? } else { format!("# Review of phase {phase}\n\n") };
        let found = found.as_deref().map_or("no file", str::trim_end);
        write(&review, &format!("{before}- {commit}: {verdict}: expected `{}`, found `{found}`\n", demand.line))?;
        self.hand_over(&format!("review({phase}): {verdict}"), say)
    }

    /// Reads `file` from a fresh clone of the origin.
    fn cold_look(&self, file: &str, say: Say) -> anyhow::Result<Option<String>> {
        say("● Verify from a fresh clone");
        let origin = git(&self.dir, &["remote", "get-url", "origin"])?;
        let cold = self.dir.join(".git").join("cold");
        remove(&cold)?;
        git(&self.dir, &["clone", "--quiet", origin.trim_end(), &cold.to_string_lossy()])?;
        let path = cold.join(file);
        let found = if path.exists() { Some(read(&path)?) } else { None };
        remove(&cold)?;
        Ok(found)
    }

    fn pull(&self, say: Say) -> anyhow::Result<()> {
        say("● Bash(git pull --rebase)");
        git(&self.dir, &["pull", "--quiet", "--rebase"]).map(drop)
    }

    /// Commits everything under `subject` and pushes it.
    fn hand_over(&self, subject: &str, say: Say) -> anyhow::Result<()> {
        say(&format!("● Bash(git commit -m \"{subject}\" && git push)"));
        git(&self.dir, &["add", "--all"])?;
        git(&self.dir, &["commit", "--quiet", "--allow-empty", "-m", subject])?;
        let mut pushed = git(&self.dir, &["push", "--quiet"]);
        for _ in 0..PUSH_RETRIES {
            if pushed.is_ok() {
                break;
            }
            git(&self.dir, &["pull", "--quiet", "--rebase"])?;
            pushed = git(&self.dir, &["push", "--quiet"]);
        }
        pushed.map(drop)
    }

    fn turn(&self) -> anyhow::Result<Turn> {
        let log = git(&self.dir, &["log", "--format=%h %s"])?;
        let (claim, review) = (format!("claim({}): ", self.phase), format!("review({}): ", self.phase));
        let turn = log.lines().find_map(|line| {
            let (commit, subject) = line.split_once(' ')?;
            if subject.starts_with(&claim) {
                return Some(Turn::Claimed { commit: commit.to_owned() });
            }
            let verdict = subject.strip_prefix(&review)?;
            Some(if verdict.starts_with("PASS") { Turn::Passed } else { Turn::Refused })
        });
        Ok(turn.unwrap_or(Turn::Untouched))
    }

    fn demand(&self) -> anyhow::Result<Demand> {
        let plan = read(&self.dir.join(&self.plan))?;
        let field = |name: &str| {
            let found = plan.lines().find_map(|line| line.strip_prefix(name));
            found.map(|value| value.trim().to_owned()).ok_or_else(|| anyhow!("`{}` does not say `{name}`", self.plan))
        };
        Ok(Demand { file: field("- File: ")?, line: field("- Line: ")? })
    }

    fn state_file(&self, name: &str) -> PathBuf {
        self.dir.join(STATE_FOLDER).join(name)
    }
}

/// Returns the last line of an agent that waits from `now` on.
fn waiting_line(now: DateTime<Utc>) -> String {
    format!("WAITING-UNTIL: {}", (now + TimeDelta::minutes(WAIT_MIN)).format("%Y-%m-%dT%H:%M:%SZ"))
}

/// Returns `typed`, with the text of the file that it points to, if it names one in quotes, backticks or blanks.
fn whole_text(typed: &str) -> String {
    let enclosed = ['`', '"', '\''].into_iter().flat_map(|quote| typed.split(quote).skip(1).step_by(2));
    let words = typed.split_whitespace().map(|word| word.trim_matches(|edge: char| "`'\"().,:;".contains(edge)));
    let mut paths = enclosed.chain(words).filter(|word| word.starts_with('/')).map(Path::new);
    let pointed =
        paths.find(|path| path.metadata().is_ok_and(|found| found.is_file() && found.len() <= POINTED_SIZE_MAX));
    match pointed.and_then(|path| fs::read(path).ok()) {
        Some(text) => format!("{typed}\n{}", String::from_utf8_lossy(&text)),
        None => typed.to_owned(),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make folder `{}`", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", folder.display()))
        }
        _ => Ok(()),
    }
}
