//! One agent's session: what is asked of it, and what happens to it by itself.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::Context;
use super::answers::State;
use super::client::{Ask, Client, Leaving, TextFile, Told, end_of, first_line};
use super::descriptor::{Numbers, Server, Watched, server};
use super::life::{Attaching, Dying, Goal, Life, Lost, Pane, Starting, retry_delay};
use super::row::PANES;
use super::stopping::{Stopping, Whose};
use crate::daemon::paths::Paths;
use crate::daemon::{child, tree};
use crate::policy::message::MessageId;
use crate::policy::now::Mono;
use crate::policy::observation::{Exit, Observation, SessionSeen};
use crate::protocol::launch::Launch;
use crate::protocol::tmux::{literal, quote};

/// How long the `session` verb may take.
const START_MAX: Duration = Duration::from_secs(10);

/// The least time between two tellings of output.
const OUTPUT_MIN: Duration = Duration::from_millis(200);

/// An agent and its session.
#[derive(Debug)]
pub struct Agent {
    pub(super) name: String,
    session: String,
    pub(super) numbers: Numbers,
    socket: PathBuf,
    launch_file: PathBuf,
    pub(super) life: Life,
    /// The tmux server as it was last seen.
    pub(super) server: Option<tree::Process>,
    /// What the first half of a look has shown.
    pub(super) state: Option<Result<State, String>>,
    output_told: Mono,
    output_waits: bool,
    leaving: Vec<Leaving>,
}

impl Agent {
    pub fn new(name: &str, session: &str, numbers: Numbers, paths: &Paths) -> Self {
        Self {
            name: name.to_owned(),
            session: session.to_owned(),
            numbers,
            socket: paths.tmux_socket(name),
            launch_file: paths.launch_file(name),
            life: Life::Absent,
            server: None,
            state: None,
            output_told: Mono::default(),
            output_waits: false,
            leaving: Vec::new(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn set_session(&mut self, session: &str) {
        session.clone_into(&mut self.session);
    }

    pub fn find(&mut self, context: &mut Context) {
        match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Absent => self.look_for(Goal::Find, None, context),
            Life::Lost(lost) => self.look_for(Goal::Find, lost.pane, context),
            Life::Running(mut client, pane) => {
                let asked = client.tell(PANES, Ask::Panes, context.now);
                self.life = Life::Running(client, pane);
                if let Err(error) = asked {
                    self.client_failed(format!("{error:#}"), context);
                }
            }
            Life::Attaching(Attaching { client, goal: Goal::Find | Goal::Again { .. }, any, pane }) => {
                self.life = Life::Attaching(Attaching { client, goal: Goal::Find, any, pane });
            }
            // These end with an answer of their own.
            busy @ (Life::Starting(_) | Life::Attaching(_) | Life::Dying(..) | Life::Stopping(_)) => self.life = busy,
        }
    }

    pub fn start(&mut self, run: u64, context: &mut Context) {
        let why = match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Absent => return self.look_for(Goal::Start { run, launched: false }, None, context),
            Life::Attaching(Attaching { client, goal: Goal::Find | Goal::Again { .. }, any, pane }) => {
                let goal = Goal::Start { run, launched: false };
                self.life = Life::Attaching(Attaching { client, goal, any, pane });
                return;
            }
            Life::Running(client, pane) => {
                let there = pane.run;
                self.life = Life::Running(client, pane);
                if there == run {
                    return self.tell(SessionSeen::Running { run }, context);
                }
                format!("run {there} is there already")
            }
            Life::Starting(starting) => {
                let there = starting.run;
                self.life = Life::Starting(starting);
                if there == run {
                    return;
                }
                format!("run {there} is being started")
            }
            Life::Lost(lost) => {
                let why = lost.why.clone();
                self.life = Life::Lost(lost);
                why
            }
            Life::Attaching(attaching) => {
                let goal = attaching.goal;
                self.life = Life::Attaching(attaching);
                if matches!(goal, Goal::Start { run: there, .. } if there == run) {
                    return;
                }
                "another run is being started".to_owned()
            }
            busy @ (Life::Dying(..) | Life::Stopping(_)) => {
                self.life = busy;
                "its session is still ending".to_owned()
            }
        };
        self.tell(SessionSeen::StartFailed { run, why }, context);
    }

    pub fn stop(&mut self, context: &mut Context) {
        match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Stopping(stopping) => {
                self.life = Life::Stopping(stopping);
                return;
            }
            Life::Starting(starting) => {
                self.life = Life::Starting(Starting { then_stop: true, ..starting });
                return;
            }
            Life::Attaching(Attaching { client, .. }) | Life::Running(client, _) | Life::Dying(client, _) => {
                self.let_go(client, "its session is being stopped", context);
            }
            Life::Absent | Life::Lost(_) => {}
        }
        self.begin_stop(context);
    }

    pub fn look(&mut self, context: &mut Context) {
        let name = self.name.clone();
        let asked = self.ask(context, |client, pane, now| {
            let pane = quote(&pane.id.to_string());
            let state = "#{pane_in_mode}\t#{pane_current_command}\t#{pane_title}";
            client.tell(&format!("display-message -p -t {pane} {}", quote(state)), Ask::LookState, now)?;
            client.tell(&format!("capture-pane -e -p -t {pane}"), Ask::LookScreen, now)
        });
        if let Err(why) = asked {
            context.told.push(Observation::Looked { agent: name, screen: Err(why) });
        }
    }

    pub fn paste(&mut self, message: MessageId, text: &str, context: &mut Context) {
        let agent = self.name.clone();
        let file = context.paths.runtime.join("launch").join(format!("{agent}.{message}.paste"));
        let asked = self.ask(context, |client, pane, now| {
            let path = file.to_str().context("the runtime folder's name is not valid UTF-8")?.to_owned();
            let file = write_text(file, text)?;
            let (path, pane) = (quote(&literal(&path)), quote(&pane.id.to_string()));
            client.tell(&format!("load-buffer -b agent-orchestrator-{message} {path}"), Ask::Load, now)?;
            let paste = format!("paste-buffer -p -d -b agent-orchestrator-{message} -t {pane}");
            client.tell(&paste, Ask::Paste(message, file), now)
        });
        if let Err(why) = asked {
            context.told.push(Observation::Pasted { agent, message, result: Err(why) });
        }
    }

    pub fn press(&mut self, message: MessageId, key: &str, context: &mut Context) {
        let agent = self.name.clone();
        let asked = self.ask(context, |client, pane, now| {
            let (pane, key) = (quote(&pane.id.to_string()), quote(key));
            client.tell(&format!("send-keys -t {pane} -- {key}"), Ask::Press(message), now)
        });
        if let Err(why) = asked {
            context.told.push(Observation::Pressed { agent, message, result: Err(why) });
        }
    }

    /// Asks a running agent's client something, or says why that cannot be.
    fn ask(
        &mut self,
        context: &mut Context,
        ask: impl FnOnce(&mut Client, &Pane, Mono) -> anyhow::Result<()>,
    ) -> Result<(), String> {
        match &mut self.life {
            Life::Running(client, pane) => ask(client, pane, context.now).map_err(|error| format!("{error:#}")),
            Life::Absent => Err("it does not run".to_owned()),
            Life::Starting(_) | Life::Attaching(_) => Err("it is being started or looked for".to_owned()),
            Life::Dying(..) => Err("its program has ended".to_owned()),
            Life::Lost(lost) => Err(lost.why.clone()),
            Life::Stopping(_) => Err("it is being stopped".to_owned()),
        }
    }

    pub fn ready(&mut self, id: u64, context: &mut Context) {
        self.leaving.retain_mut(|leaving| !(leaving.is(id) && leaving.has_ended()));
        match &mut self.life {
            Life::Attaching(Attaching { client, .. }) | Life::Running(client, _) | Life::Dying(client, _)
                if client.is(id) =>
            {
                let (told, ended) = client.read();
                told.into_iter().for_each(|told| self.heard(id, told, context));
                if let Some(why) = ended
                    && self.has_client(id)
                {
                    self.client_failed(why, context);
                }
            }
            Life::Running(_, pane) if is_end(pane, id) => self.program_ended(context),
            Life::Attaching(Attaching { pane: Some(pane), .. }) if is_end(pane, id) => pane.end = None,
            Life::Lost(Lost { pane: Some(pane), .. }) if is_end(pane, id) => {
                pane.end = None;
                self.try_again(context);
            }
            Life::Starting(starting) if starting.end.is(id) => self.started(context),
            Life::Stopping(stopping) => {
                stopping.ended(id);
                self.advance_stop(context);
            }
            Life::Absent
            | Life::Starting(_)
            | Life::Attaching(_)
            | Life::Running(..)
            | Life::Dying(..)
            | Life::Lost(_) => {}
        }
    }

    pub fn deadline(&self) -> Option<Mono> {
        let life = match &self.life {
            Life::Absent => None,
            Life::Starting(starting) => Some(starting.deadline),
            Life::Attaching(Attaching { client, .. }) | Life::Running(client, _) | Life::Dying(client, _) => {
                client.deadline()
            }
            Life::Lost(lost) => Some(lost.retry),
            Life::Stopping(stopping) => Some(stopping.deadline()),
        };
        let output = self.output_waits.then_some(self.output_told + OUTPUT_MIN);
        self.leaving.iter().map(Leaving::deadline).chain(life).chain(output).min()
    }

    pub fn expire(&mut self, context: &mut Context) {
        let now = context.now;
        self.leaving.retain_mut(|leaving| {
            let late = leaving.deadline() <= now;
            if late {
                leaving.kill();
            }
            !late
        });
        if self.output_waits && self.output_told + OUTPUT_MIN <= now {
            self.tell_output(context);
        }
        match &self.life {
            Life::Starting(starting) if starting.deadline <= now => self.started(context),
            Life::Attaching(Attaching { client, .. }) | Life::Running(client, _) | Life::Dying(client, _)
                if client.deadline().is_some_and(|deadline| deadline <= now) =>
            {
                let why = format!("tmux on `{}` does not answer", self.socket.display());
                self.client_hangs(why, context);
            }
            Life::Lost(lost) if lost.retry <= now => self.try_again(context),
            Life::Stopping(stopping) if stopping.deadline() <= now => self.advance_stop(context),
            Life::Absent
            | Life::Starting(_)
            | Life::Attaching(_)
            | Life::Running(..)
            | Life::Dying(..)
            | Life::Lost(_)
            | Life::Stopping(_) => {}
        }
    }

    /// Closes what is ours and returns the children that are to be waited for.
    pub fn leave(mut self, context: &mut Context) -> Vec<Leaving> {
        match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Attaching(Attaching { client, .. }) | Life::Running(client, _) | Life::Dying(client, _) => {
                self.let_go(client, "the supervisor ends", context);
            }
            Life::Absent | Life::Starting(_) | Life::Lost(_) | Life::Stopping(_) => {}
        }
        self.leaving
    }

    pub(super) fn tell(&self, seen: SessionSeen, context: &mut Context) {
        context.told.push(Observation::Session { agent: self.name.clone(), seen });
    }

    pub(super) fn has_client(&self, id: u64) -> bool {
        match &self.life {
            Life::Attaching(Attaching { client, .. }) | Life::Running(client, _) | Life::Dying(client, _) => {
                client.is(id)
            }
            Life::Absent | Life::Starting(_) | Life::Lost(_) | Life::Stopping(_) => false,
        }
    }

    pub(super) fn wrote(&mut self, context: &mut Context) {
        if context.now >= self.output_told + OUTPUT_MIN {
            self.tell_output(context);
        } else {
            self.output_waits = true;
        }
    }

    fn tell_output(&mut self, context: &mut Context) {
        self.output_told = context.now;
        self.output_waits = false;
        context.told.push(Observation::Output { agent: self.name.clone() });
    }

    /// Lets a client go and answers what it has not.
    pub(super) fn let_go(&mut self, client: Client, why: &str, context: &mut Context) {
        let (leaving, unanswered) = client.leave(&context.reactor, &mut self.numbers, context.now);
        self.leaving.push(leaving);
        unanswered.into_iter().for_each(|ask| self.refuse(ask, why, context));
    }

    /// Looks what there is on the socket, then asks it.
    pub(super) fn look_for(&mut self, goal: Goal, pane: Option<Pane>, context: &mut Context) {
        match server(&self.socket) {
            Server::Gone => self.not_there(goal, pane, context),
            Server::Listens(_) => self.attach(goal, false, pane, context),
            Server::Unclear(why) => self.failed(goal, pane, why, context),
        }
    }

    pub(super) fn attach(&mut self, goal: Goal, any: bool, pane: Option<Pane>, context: &mut Context) {
        let session = (!any).then_some(self.session.as_str());
        match Client::attach(&context.reactor, &mut self.numbers, &self.socket, session, context.now) {
            Ok(client) => self.life = Life::Attaching(Attaching { client, goal, any, pane }),
            Err(error) => self.failed(goal, pane, format!("{error:#}"), context),
        }
    }

    /// There is no session of this agent on its socket.
    pub(super) fn not_there(&mut self, goal: Goal, pane: Option<Pane>, context: &mut Context) {
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
            (Goal::Find | Goal::Again { .. }, Some(pane)) => self.died(pane.run, Exit::Unknown, None, context),
            (Goal::Find | Goal::Again { .. }, None) => self.tell(SessionSeen::Absent, context),
        }
    }

    /// The session cannot be asked: says so, and tries again later.
    pub(super) fn failed(&mut self, goal: Goal, pane: Option<Pane>, why: String, context: &mut Context) {
        let tries = match goal {
            Goal::Find => {
                self.tell(SessionSeen::Unknown { why: why.clone() }, context);
                0
            }
            Goal::Start { run, .. } => {
                self.tell(SessionSeen::StartFailed { run, why: why.clone() }, context);
                0
            }
            Goal::Again { tries, told } => {
                if !told {
                    self.tell(SessionSeen::Unknown { why: why.clone() }, context);
                }
                tries
            }
        };
        self.lose(pane, tries, true, (why, context));
    }

    fn lose(&mut self, pane: Option<Pane>, tries: u32, told: bool, (why, context): (String, &Context)) {
        let retry = context.now + retry_delay(tries);
        self.life = Life::Lost(Lost { pane, tries: tries.saturating_add(1), told, retry, why });
    }

    fn try_again(&mut self, context: &mut Context) {
        if let Life::Lost(lost) = std::mem::replace(&mut self.life, Life::Absent) {
            let Lost { pane, tries, told, .. } = lost;
            self.look_for(Goal::Again { tries, told }, pane, context);
        }
    }

    /// The client has ended by itself: attaches once more.
    pub(super) fn client_failed(&mut self, why: String, context: &mut Context) {
        match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Running(client, pane) => {
                self.let_go(client, &why, context);
                self.look_for(Goal::Again { tries: 0, told: false }, Some(pane), context);
            }
            Life::Attaching(Attaching { client, goal, pane, .. }) => {
                self.let_go(client, &why, context);
                match server(&self.socket) {
                    Server::Gone => self.not_there(goal, pane, context),
                    Server::Listens(_) | Server::Unclear(_) => self.failed(goal, pane, why, context),
                }
            }
            Life::Dying(client, dying) => {
                self.let_go(client, &why, context);
                self.died(dying.run, dying.exit, None, context);
            }
            other @ (Life::Absent | Life::Starting(_) | Life::Lost(_) | Life::Stopping(_)) => self.life = other,
        }
    }

    /// The client has not answered in time.
    fn client_hangs(&mut self, why: String, context: &mut Context) {
        match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Running(client, pane) => {
                self.let_go(client, &why, context);
                self.failed(Goal::Again { tries: 0, told: false }, Some(pane), why, context);
            }
            Life::Attaching(Attaching { client, goal, pane, .. }) => {
                self.let_go(client, &why, context);
                self.failed(goal, pane, why, context);
            }
            other => {
                self.life = other;
                self.client_failed(why, context);
            }
        }
    }

    /// Starts the `session` verb; the launch file must be of this run.
    fn launch(&mut self, run: u64, context: &mut Context) -> anyhow::Result<()> {
        let name = self.launch_file.display();
        let text = std::fs::read(&self.launch_file).with_context(|| format!("cannot read launch file `{name}`"))?;
        let launch: Launch =
            serde_json::from_slice(&text).with_context(|| format!("cannot understand launch file `{name}`"))?;
        if launch.run != run {
            bail!("launch file `{name}` is of run {}, not of run {run}", launch.run);
        }
        self.session = launch.session;
        let mut verb = child::command(&context.program);
        verb.arg("session").arg(&self.launch_file).current_dir("/").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = verb.spawn().with_context(|| format!("cannot run `{}`", context.program.display()))?;
        let Some(errors) = child.stderr.take() else { unreachable!("the child was given a pipe") };
        rustix::io::ioctl_fionbio(&errors, true).context("cannot set up a pipe")?;
        let end = end_of(&child).context("cannot watch a start")?;
        let end = Watched::new(&context.reactor, &mut self.numbers, end).context("cannot watch a start")?;
        let deadline = context.now + START_MAX;
        self.life = Life::Starting(Starting { run, child, errors, end, deadline, then_stop: false });
        Ok(())
    }

    /// The `session` verb has ended, or its time is over.
    fn started(&mut self, context: &mut Context) {
        let Life::Starting(mut starting) = std::mem::replace(&mut self.life, Life::Absent) else { return };
        let run = starting.run;
        let ended = starting.child.try_wait();
        let why = match ended {
            Ok(Some(status)) if status.success() => None,
            Ok(Some(status)) => {
                let said = first_line(&mut starting.errors);
                Some(if said.is_empty() { format!("the start ended with {status}") } else { said })
            }
            Ok(None) if starting.deadline > context.now => {
                self.life = Life::Starting(starting);
                return;
            }
            Ok(None) => {
                let kill = context.now;
                self.leaving.push(Leaving::new(&context.reactor, &mut self.numbers, starting.child, kill));
                Some(format!("tmux did not start within {} s", START_MAX.as_secs()))
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
    fn program_ended(&mut self, context: &mut Context) {
        if let Life::Running(client, pane) = std::mem::replace(&mut self.life, Life::Absent) {
            let dying = Dying { pane: pane.id, run: pane.run, rounds: 0, exit: Exit::Unknown };
            self.ask_death(client, dying, context);
        }
    }

    fn begin_stop(&mut self, context: &mut Context) {
        self.life = Life::Stopping(Stopping::new(self.server, context, &mut self.numbers));
        self.advance_stop(context);
    }

    fn advance_stop(&mut self, context: &mut Context) {
        let Life::Stopping(stopping) = &mut self.life else { return };
        let whose = Whose { socket: &self.socket, launch_file: &self.launch_file };
        match stopping.advance(whose, context, &mut self.numbers) {
            None => {}
            Some(Ok(())) => {
                (self.life, self.server) = (Life::Absent, None);
                self.tell(SessionSeen::Absent, context);
            }
            Some(Err(why)) => self.failed(Goal::Find, None, why, context),
        }
    }

    /// Takes what a client told; what it answers after it was let go comes too late.
    fn heard(&mut self, id: u64, told: Told, context: &mut Context) {
        match told {
            Told::Answer(ask, reply) if self.has_client(id) => self.answered(ask, &reply, context),
            Told::Answer(ask, _) => self.refuse(ask, "its session has ended", context),
            Told::Output(pane) => {
                if matches!(&self.life, Life::Running(_, own) if own.id == pane) {
                    self.wrote(context);
                }
            }
            Told::Paused(pane) => {
                let go_on = format!("refresh-client -A {}", quote(&format!("{pane}:continue")));
                if let Life::Running(client, _) = &mut self.life {
                    // A client that takes no commands is found by the deadline of those before.
                    let _ = client.tell(&go_on, Ask::Aside, context.now);
                }
            }
        }
    }
}

fn is_end(pane: &Pane, id: u64) -> bool {
    pane.end.as_ref().is_some_and(|end| end.is(id))
}

/// Writes a text for tmux to read; line feeds and tabs are its only control characters.
fn write_text(path: PathBuf, text: &str) -> anyhow::Result<TextFile> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let failed = || format!("cannot write `{}`", path.display());
    let plain: String = text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect();
    let mut open = std::fs::OpenOptions::new();
    let mut file = open.write(true).create(true).truncate(true).mode(0o600).open(&path).with_context(failed)?;
    file.write_all(plain.as_bytes()).with_context(failed)?;
    Ok(TextFile(path))
}
