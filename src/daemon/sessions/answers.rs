//! What tmux's answers mean for an agent.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Context;
use super::agent::Agent;
use super::client::{Ask, Client};
use super::descriptor::Watched;
use super::life::{Dying, Ended, Goal, Life, Pane, Search};
use super::row::{PANES, Row, rows};
use super::stale::{self, CLIENTS};
use crate::daemon::pane::pastes_mark;
use crate::daemon::regular;
use crate::daemon::tree::Process;
use crate::policy::observation::{Exit, Observation, SessionSeen};
use crate::policy::screen::{Attendance, Screen};
use crate::protocol::tmux::{Reply, quote};

/// How often tmux is asked how a program ended. Every time it runs a small child first, whose end makes tmux 3.3a see the
/// program's too.
const DEATH_ROUNDS_MAX: u32 = 20;

/// How often an empty last screen is captured again: tmux tells of an end before it has drawn what was written last.
const BLANK_SCREENS_MAX: u32 = 10;

/// How many lines of the scrollback are kept of a dead program.
const SCROLLBACK_LINES: u32 = 200;

/// How many of its last lines are told.
const LAST_LINES_MAX: usize = 3;

/// The most characters of each.
const LAST_LINE_CHARS_MAX: usize = 300;

/// What the first half of a look shows.
#[derive(Debug)]
pub struct State {
    in_mode: bool,
    attendance: Attendance,
    command: String,
    title: String,
}

impl Agent {
    /// Takes the answer to a command.
    pub(super) fn answered(&mut self, ask: Ask, reply: &Reply, context: &mut Context) {
        let result = if reply.ok { Ok(()) } else { Err(reply.first_line().to_owned()) };
        let agent = self.name.clone();
        match ask {
            Ask::Attach => self.attached(result, context),
            Ask::Panes => self.panes_seen(&rows(reply), context),
            Ask::LookState => self.state = Some(result.and_then(|()| state(reply))),
            Ask::Title => {
                let title = reply.lines.first().filter(|_| reply.ok).cloned();
                context.told.extend(title.map(|title| Observation::Titled { agent, title }));
            }
            Ask::LookScreen => {
                let state = self.state.take().unwrap_or_else(|| Err("tmux told no state".to_owned()));
                let screen = result.and(state).map(|state| Screen {
                    rows: reply.lines.clone(),
                    title: state.title,
                    command: state.command,
                    in_mode: state.in_mode,
                    pastes: pastes_mark(&self.launch_file).exists(),
                    attendance: state.attendance,
                });
                context.told.push(Observation::Looked { agent, screen });
            }
            Ask::Paste(message, file) => {
                drop(file);
                context.told.push(Observation::Pasted { agent, message, result });
            }
            Ask::Press(message) => context.told.push(Observation::Pressed { agent, message, result }),
            Ask::LastScreen => self.last_screen_seen(reply, context),
            Ask::Clients => {
                if let Some(own) = self.life.client().and_then(Client::pid) {
                    stale::end_others(reply, own);
                }
            }
            // A buffer that could not be loaded is missed by the paste.
            Ask::Load | Ask::Aside => {}
        }
    }

    /// Answers for a client that does not any more.
    pub(super) fn refuse(&mut self, ask: Ask, why: &str, context: &mut Context) {
        let (agent, why) = (self.name.clone(), why.to_owned());
        match ask {
            Ask::LookScreen => context.told.push(Observation::Looked { agent, screen: Err(why) }),
            Ask::Paste(message, file) => {
                drop(file);
                context.told.push(Observation::Pasted { agent, message, result: Err(why) });
            }
            Ask::Press(message) => context.told.push(Observation::Pressed { agent, message, result: Err(why) }),
            Ask::LookState => self.state = None,
            Ask::Attach | Ask::Panes | Ask::Title | Ask::Load | Ask::LastScreen | Ask::Clients | Ask::Aside => {}
        }
    }

    fn attached(&mut self, result: Result<(), String>, context: &mut Context) {
        let Life::Attaching(mut client, search) = std::mem::replace(&mut self.life, Life::Absent) else {
            unreachable!("only a client that attaches has asked to")
        };
        let Err(why) = result else {
            let asked = client.tell(PANES, Ask::Panes, context.now);
            self.life = Life::Attaching(client, search);
            if let Err(error) = asked {
                self.client_failed(format!("{error:#}"), context);
            }
            return;
        };
        let Search { goal, any, pane } = search;
        self.let_go(client, &why, context);
        match (why.starts_with("can't find session") || why.starts_with("no sessions"), any) {
            (true, false) => self.attach(goal, true, pane, context),
            (true, true) => self.not_there(goal, pane, context),
            (false, _) => self.failed(goal, pane, why, context),
        }
    }

    fn panes_seen(&mut self, rows: &[Row], context: &mut Context) {
        let own = rows.iter().find(|row| row.is_agents && row.run.is_some());
        if let Some(row) = own {
            self.server = Process::read(row.server);
        }
        match (std::mem::replace(&mut self.life, Life::Absent), own) {
            (Life::Attaching(client, search), Some(row)) => self.found(client, search.goal, row, context),
            (Life::Attaching(client, search), None) => {
                self.let_go(client, "its pane is gone", context);
                self.found_none(search, rows, context);
            }
            (Life::Running(client, pane), Some(row)) if !row.dead => {
                self.life = Life::Running(client, pane);
                if let Some(run) = row.run {
                    self.tell(SessionSeen::Running { run }, context);
                }
            }
            (Life::Running(client, pane), _) => {
                let dying = Dying { pane: pane.id, run: pane.run, rounds: 0, blank: 0, exit: Exit::Unknown };
                self.ask_death(client, dying, context);
            }
            (Life::Dying(client, dying), Some(row)) => self.death_seen(client, dying, row, context),
            (Life::Dying(client, dying), None) => {
                self.let_go(client, "its pane is gone", context);
                self.died(Ended { run: dying.run, exit: dying.exit, screen: None }, context);
            }
            (
                other @ (Life::Absent
                | Life::Starting(_)
                | Life::Waiting(_)
                | Life::Lost(_)
                | Life::Asking(_)
                | Life::Stopping(_)),
                _,
            ) => self.life = other,
        }
    }

    /// The agent's pane is there.
    fn found(&mut self, mut client: Client, goal: Goal, row: &Row, context: &mut Context) {
        let Some(there) = row.run else { unreachable!("a row of ours has a run") };
        let tell = match goal {
            Goal::Start { run, .. } if run != there => {
                let what = if row.dead { "the session of run" } else { "run" };
                let why = format!("{what} {there} is there already");
                self.tell(SessionSeen::StartFailed { run, why }, context);
                if row.dead {
                    return self.let_go(client, "its program has ended", context);
                }
                false
            }
            // A start that came about is told even if its program has ended since: that is told next.
            Goal::Start { .. } => true,
            Goal::Find => !row.dead,
            Goal::Again { told, .. } => told && !row.dead,
        };
        // Looked for, or lost and told as such: what it did until now is news.
        let is_anew = matches!(goal, Goal::Find | Goal::Again { told: true, .. });
        if tell {
            if let Some(at) = row.wrote.filter(|_| is_anew) {
                context.told.push(Observation::Wrote { agent: self.name().to_owned(), at });
            }
            self.tell(SessionSeen::Running { run: there }, context);
        } else if matches!(goal, Goal::Again { .. }) && !row.dead {
            // What it wrote meanwhile was told to no client. Output counts as work, so that the agent is left in peace for a
            // few seconds and looked at; to miss some would leave what it says unread.
            self.wrote(context);
        }
        let end = if row.dead { None } else { pidfd_of(row) };
        let end = end.and_then(|end| Watched::new(&context.reactor, &mut self.numbers, end).ok());
        if end.is_some() {
            // A bridge has one client at a time.
            let may_have_others = is_anew && client.pid().is_some();
            let asked = if may_have_others { client.tell(CLIENTS, Ask::Clients, context.now) } else { Ok(()) };
            self.life = Life::Running(client, Pane { id: row.pane, run: there, end });
            if let Err(error) = asked {
                self.client_failed(format!("{error:#}"), context);
            }
        } else {
            let dying = Dying { pane: row.pane, run: there, rounds: 0, blank: 0, exit: Exit::Unknown };
            self.death_seen(client, dying, row, context);
        }
    }

    /// There is a session, but not the agent's pane.
    fn found_none(&mut self, search: Search, rows: &[Row], context: &mut Context) {
        let Search { goal, any, pane } = search;
        let run_there = rows.iter().find_map(|row| row.run);
        match (run_there, goal) {
            (Some(run), Goal::Find | Goal::Again { .. }) => {
                self.died(Ended { run, exit: Exit::Unknown, screen: None }, context);
            }
            (Some(there), Goal::Start { run, .. }) => {
                let why = format!("the session of run {there} is there already");
                self.tell(SessionSeen::StartFailed { run, why }, context);
            }
            (None, _) if any || rows.is_empty() => self.not_there(goal, pane, context),
            (None, _) => {
                let why = "a session of its name was started by somebody else".to_owned();
                self.failed(goal, pane, why, context);
            }
        }
    }

    /// Asks tmux how the program ended.
    pub(super) fn ask_death(&mut self, mut client: Client, dying: Dying, context: &mut Context) {
        let asked = if dying.rounds == 0 { Ok(()) } else { client.tell("run-shell true", Ask::Aside, context.now) };
        let asked = asked.and_then(|()| client.tell(PANES, Ask::Panes, context.now));
        self.life = Life::Dying(client, Dying { rounds: dying.rounds + 1, ..dying });
        if let Err(error) = asked {
            self.client_failed(format!("{error:#}"), context);
        }
    }

    fn death_seen(&mut self, mut client: Client, dying: Dying, row: &Row, context: &mut Context) {
        let dying = Dying { exit: row.exit.unwrap_or(dying.exit), ..dying };
        if !(row.dead && row.exit.is_some()) && dying.rounds < DEATH_ROUNDS_MAX {
            return self.ask_death(client, dying, context);
        }
        let pane = quote(&dying.pane.to_string());
        let capture = format!("capture-pane -p -S -{SCROLLBACK_LINES} -t {pane}");
        let asked = client.tell(&capture, Ask::LastScreen, context.now);
        self.life = Life::Dying(client, dying);
        if let Err(error) = asked {
            self.client_failed(format!("{error:#}"), context);
        }
    }

    fn last_screen_seen(&mut self, reply: &Reply, context: &mut Context) {
        if let Life::Dying(client, dying) = std::mem::replace(&mut self.life, Life::Absent) {
            let is_blank = reply.ok && last_screen(&reply.lines).is_empty();
            if is_blank && dying.blank < BLANK_SCREENS_MAX {
                return self.ask_death(client, Dying { blank: dying.blank + 1, ..dying }, context);
            }
            self.let_go(client, "its program has ended", context);
            let screen = reply.ok.then(|| reply.lines.clone());
            self.died(Ended { run: dying.run, exit: dying.exit, screen }, context);
        }
    }

    /// Tells a death, and keeps the last screen.
    pub(super) fn has_died(&mut self, ended: Ended, context: &mut Context) {
        let Ended { run, exit, screen } = ended;
        self.life = Life::Absent;
        let lines = screen.as_deref().map(last_screen).unwrap_or_default();
        let mut kept = None;
        if screen.is_some() {
            let path = context.paths.last_screen(&self.name);
            match replace(&path, &(lines.join("\n") + "\n")) {
                Ok(()) => kept = Some(path),
                Err(error) => {
                    let what = format!("cannot keep the last screen in `{}`: {error}", path.display());
                    context.told.push(Observation::Trouble { what });
                }
            }
        }
        let newest = lines.iter().rev().filter(|line| !line.trim().is_empty()).take(LAST_LINES_MAX);
        let mut last_lines: Vec<String> =
            newest.map(|line| line.trim().chars().take(LAST_LINE_CHARS_MAX).collect()).collect();
        last_lines.reverse();
        self.tell(SessionSeen::Died { run, exit, screen: kept, last_lines }, context);
    }
}

/// Understands the first half of a look.
fn state(reply: &Reply) -> Result<State, String> {
    let line = reply.lines.first().map(String::as_str).unwrap_or_default();
    let fields: Vec<&str> = line.splitn(5, '\t').collect();
    let [in_mode, attached, last, command, title] = fields.as_slice() else {
        return Err("tmux told a state of another form".to_owned());
    };
    // The one who asks is one of them.
    let terminals = attached.parse::<u32>().map_or(u32::MAX, |attached| attached.saturating_sub(1));
    let attendance = Attendance { terminals, last: last.parse().unwrap_or_default() };
    let in_mode = !matches!(*in_mode, "" | "0");
    Ok(State { in_mode, attendance, command: (*command).to_owned(), title: (*title).to_owned() })
}

/// Opens a descriptor of the pane's process; `None` when it has ended. Only a child of the tmux server can be it.
fn pidfd_of(row: &Row) -> Option<OwnedFd> {
    let end = pidfd_open(Pid::from_raw(row.pid)?, PidfdFlags::NONBLOCK).ok()?;
    Process::read(row.pid).is_some_and(|process| process.parent == row.server).then_some(end)
}

/// Returns what the program left on the screen, without tmux's own line about its death and without the empty rest.
fn last_screen(lines: &[String]) -> Vec<String> {
    let mut lines: Vec<_> = lines.iter().map(|line| line.trim_end().to_owned()).collect();
    let trim = |lines: &mut Vec<String>| {
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
    };
    trim(&mut lines);
    if lines.last().is_some_and(|line| line.starts_with("Pane is dead (")) {
        lines.pop();
    }
    trim(&mut lines);
    lines
}

/// Replaces a file in one step.
fn replace(path: &PathBuf, text: &str) -> io::Result<()> {
    let draft = path.with_extension("draft");
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    regular::anew(&draft, 0o644)?.write_all(text.as_bytes())?;
    std::fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_screen_is_the_programs_own() {
        let lines =
            ["one", "", "two  ", "", "Pane is dead (status 3, Sat Nov 21 04:55:10 2026)", ""].map(str::to_owned);
        assert_eq!(last_screen(&lines), ["one", "", "two"]);
    }
}
