//! `stand-in`: the scripted agent that the demo supervises (hidden).

use std::path::PathBuf;

use anyhow::Context;

mod player;
mod terminal;

pub use player::Player;
use terminal::Terminal;

/// What `stand-in` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file with its instructions
    pub kickoff: PathBuf,
    /// The name it goes by
    pub session: String,
}

/// Plays a builder or an adversary in the current folder, as the kickoff says; acts on what is typed.
///
/// # Errors
/// When the kickoff, the folder or the terminal cannot be used.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut terminal = Terminal::open().context("cannot use the terminal")?;
    terminal.say(&format!("stand-in agent `{}`", arguments.session))?;
    let path = &arguments.kickoff;
    let kickoff = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let player = Player::new(&kickoff, std::env::current_dir().context("cannot find the working folder")?)?;
    work(&mut terminal, |say| player.begin(say))?;
    while let Some(typed) = terminal.line()? {
        terminal.say(&format!("» {typed}"))?;
        work(&mut terminal, |say| player.hear(&typed, say))?;
    }
    Ok(())
}

/// Shows that work goes on while `job` does it. A job that fails is told: who supervises sees a waiting agent.
fn work(terminal: &mut Terminal, job: impl FnOnce(&mut dyn FnMut(&str)) -> anyhow::Result<()>) -> anyhow::Result<()> {
    terminal.set_working(true)?;
    let mut told = Ok(());
    let done = job(&mut |line| {
        if told.is_ok() {
            told = terminal.say(line);
        }
    });
    told?;
    if let Err(error) = done {
        terminal.say(&format!("✗ {error:#}"))?;
    }
    Ok(terminal.set_working(false)?)
}
