//! The verbs, one file each.
#![expect(clippy::disallowed_methods, clippy::print_stderr, reason = "verbs read files and the environment, and print")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::daemon::paths::HOST_CONFIG;
use crate::daemon::start::{self, Rights};
use stop::{Outcome, Stop};

pub mod attach;
pub mod bounded;
pub mod capture;
pub mod check;
pub mod client;
pub mod demo;
pub mod down;
pub mod events;
pub mod explain;
pub mod fleet_file;
pub mod follow;
pub mod hook;
pub mod host;
pub mod init;
pub mod inside;
pub mod install;
pub mod logs;
pub mod names;
pub mod out;
pub mod overrides;
pub mod phase;
pub mod probe;
pub mod restart;
pub mod run;
pub mod selftest;
pub mod send;
pub mod stand_in;
pub mod status;
pub mod stop;
pub mod supervise;
pub mod table;
pub mod text;
pub mod transcript;
pub mod trust;
pub mod units;
pub mod up;
pub mod wake;

const HELP: &str = "\
Exit codes of every verb:
  0  done
  1  failed, or mistakes were found
  2  usage: an unknown verb, option or agent
  3  no supervisor runs
  9  the supervisor did not answer: ask again; `wake`, `run`: it could neither be done nor kept
`send` has more: see `agent-orchestrator send --help`.

A first fleet:
  agent-orchestrator init myfleet && cd myfleet
  agent-orchestrator check
  agent-orchestrator up
  agent-orchestrator status";

/// Supervises a fleet of AI coding agents in tmux: keeps them moving and shows what goes on
#[derive(Debug, Parser)]
#[command(name = "agent-orchestrator", version, after_help = HELP)]
pub struct Arguments {
    /// The fleet's config file [default: ./agents.toml, else /etc/agent-orchestrator/agents.toml]
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the supervisor and all that is enabled, or agents by name
    #[command(after_help = up::HELP)]
    Up(up::Arguments),
    /// Stop agents by name, or everything and the supervisor
    #[command(after_help = down::HELP)]
    Down(down::Arguments),
    /// Stop and start one agent or service
    #[command(after_help = restart::HELP)]
    Restart(restart::Arguments),
    /// Show the fleet: every agent, what it does and since when
    #[command(after_help = status::HELP)]
    Status(status::Arguments),
    /// Show all that is known of one agent, where from, and what happens next
    #[command(after_help = explain::HELP)]
    Explain(explain::Arguments),
    /// Show what happened, newest last
    #[command(after_help = events::HELP)]
    Events(events::Arguments),
    /// Show what an agent printed
    #[command(after_help = logs::HELP)]
    Logs(logs::Arguments),
    /// Show what an agent and its program said to each other
    #[command(after_help = transcript::HELP)]
    Transcript(transcript::Arguments),
    /// Sit down at an agent's terminal
    #[command(after_help = attach::HELP)]
    Attach(attach::Arguments),
    /// Type a text into an agent and say whether it arrived
    #[command(after_help = send::HELP)]
    Send(send::Arguments),
    /// Type an agent's wake text into it as soon as it is idle
    #[command(after_help = wake::HELP)]
    Wake(wake::Arguments),
    /// Ask an agent of a held account at once to go on
    #[command(after_help = probe::HELP)]
    Probe(probe::Arguments),
    /// Run a task unless it works already
    #[command(after_help = run::HELP)]
    Run(run::Arguments),
    /// Show or move the phase of a loop
    #[command(after_help = phase::HELP)]
    Phase(phase::Arguments),
    /// Find every mistake in the config
    #[command(after_help = check::HELP)]
    Check(check::Arguments),
    /// Prove that the presets read their screens as they should
    #[command(after_help = selftest::HELP)]
    Selftest(selftest::Arguments),
    /// Write a config, prompts and a first plan to start from
    #[command(after_help = init::HELP)]
    Init(init::Arguments),
    /// Put the program and its unit files where systemd finds them
    #[command(after_help = install::HELP)]
    Install(install::Arguments),
    /// Keep the agents' programs from asking whether their folders are trusted
    #[command(after_help = trust::HELP)]
    Trust(trust::Arguments),
    /// Write what the unit files need of the config, as drop-ins
    #[command(after_help = units::HELP)]
    Units(units::Arguments),
    /// Run the supervisor in the foreground
    #[command(alias = "watchdog", after_help = supervise::HELP)]
    Supervise(supervise::Arguments),
    /// Watch a small fleet of stand-in agents work a plan, without any AI
    #[command(after_help = demo::HELP)]
    Demo(demo::Arguments),
    #[command(hide = true)]
    StandIn(stand_in::Arguments),
    #[command(hide = true)]
    Hook(hook::Arguments),
    #[command(hide = true)]
    Session(inside::Session),
    #[command(hide = true)]
    Bridge(inside::LaunchFile),
    #[command(hide = true)]
    Stopping(inside::LaunchFile),
    #[command(hide = true)]
    Pane(inside::LaunchFile),
    #[command(hide = true)]
    Log(inside::LogFile),
    #[command(hide = true)]
    Keep(inside::LaunchFile),
    #[command(hide = true)]
    Unblocked(inside::CommandLine),
}

/// Runs the verb that the command line names.
pub fn main() -> ExitCode {
    let Arguments { config, verb } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // An agent takes another exit code of its hook for an objection.
        Err(_) if hook::is_asked() => return ExitCode::SUCCESS,
        Err(error) => error.exit(),
    };
    let place = &fleet_file::meant(config.as_deref());
    let ended = match (&verb, &config) {
        (Verb::Init(_), Some(_)) => Err(init::config_given().into()),
        (Verb::Up(_) | Verb::Check(_) | Verb::Supervise(_), None) => {
            fleet_file::may_be_meant(place).map_err(Stop::from).and_then(|()| run(verb, place))
        }
        _ => run(verb, place),
    };
    match ended {
        Ok(()) | Err(Stop::ReaderGone) => ExitCode::SUCCESS,
        Err(Stop::Told(code)) => ExitCode::from(code),
        Err(Stop::Failed(mut failure)) => {
            if *place == Path::new(HOST_CONFIG) && failure.error.contains("ermission denied") {
                failure = failure.hint("`sudo agent-orchestrator …` acts as the fleet's own user");
            }
            eprint!("{failure}");
            ExitCode::from(failure.code)
        }
    }
}

/// Says whether the verb acts for the fleet: on its state, its sessions or its socket.
fn is_of_the_fleet(verb: &Verb) -> bool {
    match verb {
        Verb::Up(_)
        | Verb::Down(_)
        | Verb::Restart(_)
        | Verb::Status(_)
        | Verb::Explain(_)
        | Verb::Events(_)
        | Verb::Logs(_)
        | Verb::Transcript(_)
        | Verb::Send(_)
        | Verb::Wake(_)
        | Verb::Probe(_)
        | Verb::Run(_)
        | Verb::Phase(_)
        | Verb::Trust(_)
        // It asks the agents' programs for their versions, and those may lie where agents write.
        | Verb::Check(_) => true,
        // It acts as the terminal's user.
        Verb::Attach(_)
        | Verb::Selftest(_)
        | Verb::Init(_)
        | Verb::Hook(_)
        | Verb::Install(_)
        | Verb::Units(_)
        | Verb::Supervise(_)
        | Verb::Demo(_)
        | Verb::StandIn(_)
        | Verb::Session(_)
        | Verb::Bridge(_)
        | Verb::Stopping(_)
        | Verb::Pane(_)
        | Verb::Log(_)
        | Verb::Keep(_)
        | Verb::Unblocked(_) => false,
    }
}

fn run(verb: Verb, config: &Path) -> Outcome {
    if is_of_the_fleet(&verb) {
        let rights = if matches!(verb, Verb::Down(_)) { Rights::Stops } else { Rights::None };
        start::act_as_owner(config, rights)?;
    }
    match verb {
        Verb::Up(arguments) => up::run(config, arguments),
        Verb::Down(arguments) => down::run(config, arguments),
        Verb::Restart(arguments) => restart::run(config, arguments),
        Verb::Status(arguments) => status::run(config, arguments),
        Verb::Explain(arguments) => explain::run(config, &arguments),
        Verb::Events(arguments) => events::run(config, &arguments),
        Verb::Logs(arguments) => logs::run(config, &arguments),
        Verb::Transcript(arguments) => transcript::run(config, &arguments),
        Verb::Attach(arguments) => attach::run(config, &arguments),
        Verb::Send(arguments) => send::run(config, arguments),
        Verb::Wake(arguments) => wake::run(config, arguments),
        Verb::Probe(arguments) => probe::run(config, arguments),
        Verb::Run(arguments) => run::run(config, arguments),
        Verb::Phase(arguments) => phase::run(config, arguments),
        Verb::Check(arguments) => check::run(config, &arguments),
        Verb::Selftest(arguments) => selftest::run(arguments),
        Verb::Init(arguments) => init::run(&arguments),
        Verb::Trust(arguments) => trust::run(config, &arguments),
        Verb::Install(arguments) => install::run(&arguments),
        Verb::Units(arguments) => units::run(config, &arguments),
        Verb::Supervise(arguments) => supervise::run(config, arguments),
        Verb::Demo(arguments) => demo(&arguments),
        Verb::StandIn(arguments) => Ok(stand_in::run(&arguments)?),
        Verb::Hook(arguments) => {
            hook::run(&arguments);
            Ok(())
        }
        Verb::Session(file) => inside::session(&file),
        Verb::Bridge(file) => inside::bridge(&file),
        Verb::Stopping(file) => inside::stopping(&file),
        Verb::Pane(file) => inside::pane(&file),
        Verb::Log(file) => inside::log(&file),
        Verb::Keep(file) => transcript::keep::run(&file),
        Verb::Unblocked(command) => inside::unblocked(&command),
    }
}

fn demo(arguments: &demo::Arguments) -> Outcome {
    match demo::run(arguments)? {
        0 => Ok(()),
        code => Err(Stop::Told(code)),
    }
}
