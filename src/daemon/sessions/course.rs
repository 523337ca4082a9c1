//! How an agent's session goes from one state to the next.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::Context;
use super::agent::Agent;
use super::client::{Client, REPLY_MAX};
use super::descriptor::{Server, Watched, knock, server};
use super::ending::Ending;
use super::leaving::{Leaving, end_of};
use super::life::{Dying, Ended, Goal, Life, Lost, Pane, Search, Starting, Waiting, retry_delay};
use super::line::first_line;
use super::place::NoLine;
use super::query::Query;
use super::stopping::{Stopping, Whose};
use crate::daemon::paths::Manager;
use crate::daemon::unit::{self, Question};
use crate::daemon::{child, open_files, pane, tree};
use crate::policy::observation::{Exit, SessionSeen};

/// How long the `session` verb may take.
const START_MAX: Duration = Duration::from_secs(10);

impl Agent {
    /// Looks what there is on the socket, then asks it.
    pub(super) fn look_for(&mut self, goal: Goal, pane: Option<Pane>, context: &mut Context) {
        if !self.leaving.is_empty() {
            return self.wait(None, Search { goal, any: false, pane }, context);
        }
        let place = self.place();
        match knock(place) {
            Ok(knock) if let Some(why) = self.strangeness(place, &knock, context) => {
                self.failed(goal, pane, why, context);
            }
            Ok(knock) => match Watched::new(&context.reactor, &mut self.numbers, knock) {
                Ok(knock) => self.wait(Some(knock), Search { goal, any: false, pane }, context),
                Err(error) => self.failed(goal, pane, format!("cannot watch a socket: {error}"), context),
            },
            Err(Server::Gone) => self.not_there(goal, pane, context),
            Err(Server::Listens(_)) => self.failed(goal, pane, self.no_answer(), context),
            Err(Server::Unclear(why)) => self.failed(goal, pane, why, context),
        }
    }

    /// Attaches a client, never while the server has not let go the one before: tmux 3.3a crashes, with all that runs in it,
    /// when it tells of a client that goes (`%client-detached`) while another one is half introduced. So there is one at
    /// most in the queue of a server that hangs, and none of a supervisor that has found it so: it knocks first.
    pub(super) fn attach(&mut self, goal: Goal, any: bool, pane: Option<Pane>, context: &mut Context) {
        if !self.leaving.is_empty() {
            return self.wait(None, Search { goal, any, pane }, context);
        }
        let session = (!any).then(|| self.session.clone());
        match self.line(session.as_deref(), context) {
            Ok(line) => self.life = Life::Attaching(Client::new(line, context.now), Search { goal, any, pane }),
            Err(NoLine::Gone) => self.not_there(goal, pane, context),
            Err(NoLine::Failed(why)) => self.failed(goal, pane, why, context),
        }
    }

    fn wait(&mut self, knock: Option<Watched<OwnedFd>>, search: Search, context: &Context) {
        self.life = Life::Waiting(Waiting { search, knock, due: Some(context.now + REPLY_MAX) });
    }

    /// The server has taken a connection: it can be asked.
    pub(super) fn is_let_in(&mut self, context: &mut Context) {
        if let Life::Waiting(waiting) = std::mem::replace(&mut self.life, Life::Absent) {
            let Search { goal, any, pane } = waiting.search;
            self.attach(goal, any, pane, context);
        }
    }

    /// The server hangs: says so, and goes on waiting for as long as it does.
    pub(super) fn waits_in_vain(&mut self, context: &mut Context) {
        let why = self.no_answer();
        let Life::Waiting(waiting) = &mut self.life else { return };
        waiting.due = None;
        let goal = std::mem::replace(&mut waiting.search.goal, Goal::Again { tries: 0, told: true });
        self.tell_failure(goal, why, context);
    }

    /// Says that the server is silent.
    pub(super) fn no_answer(&self) -> String {
        format!("tmux on `{}` does not answer", self.place().display())
    }

    /// Takes up a search that has waited for a client to end.
    pub(super) fn go_on(&mut self, context: &mut Context) {
        if !self.leaving.is_empty() {
            return;
        }
        match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Waiting(Waiting { search: Search { goal, any: true, pane }, knock: None, .. }) => {
                self.attach(goal, true, pane, context);
            }
            Life::Waiting(Waiting { search: Search { goal, any: false, pane }, knock: None, .. }) => {
                self.look_for(goal, pane, context);
            }
            other @ (Life::Absent
            | Life::Starting(_)
            | Life::Waiting(_)
            | Life::Attaching(..)
            | Life::Running(..)
            | Life::Dying(..)
            | Life::Lost(_)
            | Life::Asking(_)
            | Life::Stopping(_)) => self.life = other,
        }
    }

    /// There is no session of this agent on its socket, and none that is out of sight.
    pub(super) fn is_not_there(&mut self, goal: Goal, pane: Option<Pane>, context: &mut Context) {
        match (goal, pane) {
            (Goal::Start { run, launched: false }, _) => {
                if let Err(error) = self.launch(run, context) {
                    self.tell(SessionSeen::StartFailed { run, why: format!("{error:#}") }, context);
                }
            }
            (Goal::Start { run, launched: true }, _) => {
                let why = "its session vanished while it was started".to_owned();
                self.tell(SessionSeen::StartFailed { run, why }, context);
            }
            (Goal::Find | Goal::Again { .. }, Some(pane)) if pane.end.is_some() => {
                let why = "its tmux server is gone, but its program lives".to_owned();
                match goal {
                    // It has just been hung up: it is given the time until the next attempt to end.
                    Goal::Again { tries: 0, told: false } => self.lose(Some(pane), 0, false, (why, context)),
                    Goal::Find | Goal::Again { .. } | Goal::Start { .. } => self.failed(goal, Some(pane), why, context),
                }
            }
            (Goal::Find | Goal::Again { .. }, Some(pane)) => {
                self.has_died(Ended { run: pane.run, exit: Exit::Unknown, screen: None }, context);
            }
            (Goal::Find | Goal::Again { .. }, None) => match self.out_of_reach(context) {
                Some(why) => self.failed(goal, None, why, context),
                None => self.tell(SessionSeen::Absent, context),
            },
        }
    }

    /// Says what is there though its socket is not: a missing file is no proof of an end.
    fn out_of_reach(&self, context: &mut Context) -> Option<String> {
        let table = match context.table() {
            Ok(table) => table,
            Err(error) => return Some(format!("cannot read the process table: {error}")),
        };
        let (pid, socket) = tree::server_of(&table, &self.socket)?;
        let socket = socket.display();
        Some(format!(
            "its tmux server (process {pid}) lives and its socket `{socket}` is gone: `kill -USR1 {pid}` makes it anew \
             where its folder is there"
        ))
    }

    /// The session cannot be asked: says so, and tries again later.
    pub(super) fn failed(&mut self, goal: Goal, pane: Option<Pane>, why: String, context: &mut Context) {
        self.tell_failure(goal, why.clone(), context);
        let tries = match goal {
            Goal::Find | Goal::Start { .. } => 0,
            Goal::Again { tries, .. } => tries,
        };
        self.lose(pane, tries, true, (why, context));
    }

    fn tell_failure(&self, goal: Goal, why: String, context: &mut Context) {
        match goal {
            Goal::Find | Goal::Again { told: false, .. } => self.tell(SessionSeen::Unknown { why }, context),
            Goal::Start { run, .. } => self.tell(SessionSeen::StartFailed { run, why }, context),
            Goal::Again { told: true, .. } => {}
        }
    }

    pub(super) fn lose(&mut self, pane: Option<Pane>, tries: u32, told: bool, (why, context): (String, &Context)) {
        let retry = context.now + retry_delay(tries);
        self.life = Life::Lost(Lost { pane, tries: tries.saturating_add(1), told, retry, why });
    }

    pub(super) fn try_again(&mut self, context: &mut Context) {
        if let Life::Lost(lost) = std::mem::replace(&mut self.life, Life::Absent) {
            let Lost { pane, tries, told, .. } = lost;
            self.look_for(Goal::Again { tries, told }, pane, context);
        }
    }

    /// The client has ended by itself: attaches once more.
    pub(super) fn client_failed(&mut self, why: String, context: &mut Context) {
        match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Running(client, pane) => {
                let is_brief = client.is_brief(context.now);
                self.let_go(client, &why, context);
                if is_brief {
                    return self.lose(Some(pane), 0, false, (why, context));
                }
                self.look_for(Goal::Again { tries: 0, told: false }, Some(pane), context);
            }
            Life::Attaching(client, Search { goal, pane, .. }) => {
                self.let_go(client, &why, context);
                match server(self.place()) {
                    Server::Gone => self.not_there(goal, pane, context),
                    Server::Listens(_) | Server::Unclear(_) => self.failed(goal, pane, why, context),
                }
            }
            Life::Dying(client, dying) => {
                self.let_go(client, &why, context);
                self.died(Ended { run: dying.run, exit: dying.exit, screen: None }, context);
            }
            other @ (Life::Absent
            | Life::Starting(_)
            | Life::Waiting(_)
            | Life::Lost(_)
            | Life::Asking(_)
            | Life::Stopping(_)) => {
                self.life = other;
            }
        }
    }

    /// The client has not answered in time.
    pub(super) fn client_hangs(&mut self, why: String, context: &mut Context) {
        match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Running(client, pane) => {
                self.let_go(client, &why, context);
                self.failed(Goal::Again { tries: 0, told: false }, Some(pane), why, context);
            }
            Life::Attaching(client, Search { goal, pane, .. }) => {
                self.let_go(client, &why, context);
                self.failed(goal, pane, why, context);
            }
            other @ (Life::Absent
            | Life::Starting(_)
            | Life::Waiting(_)
            | Life::Dying(..)
            | Life::Lost(_)
            | Life::Asking(_)
            | Life::Stopping(_)) => {
                self.life = other;
                self.client_failed(why, context);
            }
        }
    }

    /// Starts the `session` verb; the launch file must be of this run.
    fn launch(&mut self, run: u64, context: &mut Context) -> anyhow::Result<()> {
        let name = self.launch_file.display();
        let launch = pane::read(&self.launch_file)?;
        if launch.run != run {
            bail!("launch file `{name}` is of run {}, not of run {run}", launch.run);
        }
        self.session = launch.session;
        let (mut starter, start_max) = match context.paths.manager {
            Manager::AdHoc => {
                let mut verb = child::command(&context.program);
                verb.arg("session").arg(&self.launch_file).current_dir("/");
                verb.args(open_files::before().map(|files| format!("--open-files={files}")));
                (verb, START_MAX)
            }
            Manager::Systemd => (Question::Start.command(&self.name), unit::START_MAX),
        };
        starter.stdout(Stdio::null()).stderr(Stdio::piped());
        let program = starter.get_program().to_owned();
        let mut child = starter.spawn().with_context(|| format!("cannot run `{}`", Path::new(&program).display()))?;
        let Some(errors) = child.stderr.take() else { unreachable!("the child was given a pipe") };
        rustix::io::ioctl_fionbio(&errors, true).context("cannot set up a pipe")?;
        let end = end_of(&child).and_then(|end| Watched::new(&context.reactor, &mut self.numbers, end));
        let end = match end {
            Ok(end) => end,
            Err(error) => {
                self.leaving.push(Leaving::new(&context.reactor, &mut self.numbers, child, context.now));
                return Err(error).context("cannot watch a start");
            }
        };
        let deadline = context.now + start_max;
        self.life = Life::Starting(Starting { run, child, errors, end, deadline, then_stop: false });
        Ok(())
    }

    /// The `session` verb has ended, or its time is over.
    pub(super) fn started(&mut self, context: &mut Context) {
        let Life::Starting(mut starting) = std::mem::replace(&mut self.life, Life::Absent) else { return };
        let run = starting.run;
        let ended = starting.child.try_wait();
        let why = match ended {
            Ok(Some(status)) if status.success() => None,
            Ok(Some(status)) => {
                let said = first_line(&mut starting.errors);
                Some(if said.is_empty() { format!("the start ended with {status}") } else { unit::explained(said) })
            }
            Ok(None) if starting.deadline > context.now => {
                self.life = Life::Starting(starting);
                return;
            }
            Ok(None) => {
                let kill = context.now;
                self.leaving.push(Leaving::new(&context.reactor, &mut self.numbers, starting.child, kill));
                Some("tmux did not start in time".to_owned())
            }
            Err(error) => Some(format!("cannot wait for the start: {error}")),
        };
        match why {
            _ if starting.then_stop => self.begin_stop(context),
            None => self.look_for(Goal::Start { run, launched: true }, None, context),
            Some(why) => self.tell(SessionSeen::StartFailed { run, why }, context),
        }
    }

    /// The pane's process is no more: asks how it ended.
    pub(super) fn program_ended(&mut self, context: &mut Context) {
        match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Running(client, pane) => {
                let dying = Dying { pane: pane.id, run: pane.run, rounds: 0, blank: 0, exit: Exit::Unknown };
                self.ask_death(client, dying, context);
            }
            lost @ Life::Lost(_) => {
                self.life = lost;
                self.try_again(context);
            }
            other @ (Life::Absent
            | Life::Starting(_)
            | Life::Waiting(_)
            | Life::Attaching(..)
            | Life::Dying(..)
            | Life::Asking(_)
            | Life::Stopping(_)) => self.life = other,
        }
    }

    pub(super) fn begin_stop(&mut self, context: &mut Context) {
        let ending = match context.paths.manager {
            Manager::AdHoc => {
                // Where its socket is gone nobody has seen it.
                let mut hidden = || tree::server_of(&*context.table().ok()?, &self.socket);
                let server = self.server.or_else(|| tree::Process::read(hidden()?.0));
                Ok(Ending::Processes(Stopping::new(server, context, &mut self.numbers)))
            }
            Manager::Systemd => Query::new(Question::Stop, &self.name, context, &mut self.numbers).map(Ending::Unit),
        };
        match ending {
            Ok(ending) => {
                self.life = Life::Stopping(ending);
                self.advance_stop(context);
            }
            Err(why) => self.failed(Goal::Find, None, why, context),
        }
    }

    pub(super) fn advance_stop(&mut self, context: &mut Context) {
        let place = self.place().to_owned();
        let Life::Stopping(stopping) = &mut self.life else { return };
        let whose = Whose { socket: &self.socket, place: &place, launch_file: &self.launch_file };
        match stopping.advance(whose, context, &mut self.numbers) {
            None => {}
            Some(Ok(())) => {
                (self.life, self.server) = (Life::Absent, None);
                self.tell(SessionSeen::Absent, context);
            }
            Some(Err(why)) => self.failed(Goal::Find, None, why, context),
        }
    }
}
