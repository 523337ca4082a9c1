//! `stand-in`: the scripted agent that the demo supervises (hidden).

use std::path::PathBuf;

use anyhow::Context;

mod player;
mod terminal;

use super::hook::tell_as_claude;
use crate::protocol::event::Told;
pub use player::Player;
use terminal::Terminal;

/// What `stand-in` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file with its instructions
    pub kickoff: PathBuf,
    /// The name it goes by
    pub session: String,
    /// It tells of each prompt and of its turns, as a program with hooks does
    #[arg(long)]
    pub tells: bool,
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
    let tell = |told| {
        if arguments.tells {
            tell_as_claude(told);
        }
    };
    tell(Told::Working);
    work(&mut terminal, |say| player.begin(say))?;
    tell(Told::Idle { ended: true });
    while let Some(typed) = terminal.line()? {
        tell(Told::Receipt { text: typed.clone() });
        tell(Told::Working);
        terminal.say(&format!("» {typed}"))?;
        work(&mut terminal, |say| player.hear(&typed, say))?;
        tell(Told::Idle { ended: true });
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
