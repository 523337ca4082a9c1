//! One agent's session: what is asked of it, and what happens to it by itself.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use super::Context;
use super::answers::State;
use super::client::{Ask, Client, REPLY_MAX, TextFile, Told};
use super::descriptor::Numbers;
use super::leaving::Leaving;
use super::life::{Asking, AskingTurn, Goal, Life, Pane, Search, Starting, Waiting};
use super::row::PANES;
use crate::daemon::pane::bridge;
use crate::daemon::paths::Paths;
use crate::daemon::tree;
use crate::policy::message::MessageId;
use crate::policy::now::Mono;
use crate::policy::observation::{Observation, SessionSeen};
use crate::protocol::tmux::{literal, quote};

/// The least time between two tellings of output.
const OUTPUT_MIN: Duration = Duration::from_millis(200);

/// The least time between two questions for the title.
const TITLE_MIN: Duration = Duration::from_millis(500);

/// An agent and its session.
#[derive(Debug)]
pub struct Agent {
    pub(super) name: String,
    pub(super) session: String,
    pub(super) numbers: Numbers,
    pub(super) socket: PathBuf,
    pub(super) bridge: PathBuf,
    pub(super) launch_file: PathBuf,
    pub(super) life: Life,
    /// The tmux server as it was last seen.
    pub(super) server: Option<tree::Process>,
    /// What the first half of a look has shown.
    pub(super) state: Option<Result<State, String>>,
    output_told: Mono,
    output_waits: bool,
    title_asked: Mono,
    title_waits: bool,
    /// Clients that were let go and have not ended.
    pub(super) leaving: Vec<Leaving>,
}

impl Agent {
    pub fn new(name: &str, session: &str, numbers: Numbers, paths: &Paths) -> Self {
        Self {
            name: name.to_owned(),
            session: session.to_owned(),
            numbers,
            socket: paths.tmux_socket(name),
            bridge: bridge(&paths.launch_file(name)),
            launch_file: paths.launch_file(name),
            life: Life::Absent,
            server: None,
            state: None,
            output_told: Mono::default(),
            output_waits: false,
            title_asked: Mono::default(),
            title_waits: false,
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
        if let Some(search) = self.life.search() {
            if !matches!(search.goal, Goal::Start { .. }) {
                search.goal = Goal::Find;
            }
            return self.life.answer_by(context.now + REPLY_MAX);
        }
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
            // These end with an answer of their own.
            busy @ (Life::Starting(_)
            | Life::Waiting(_)
            | Life::Attaching(..)
            | Life::Dying(..)
            | Life::Asking(_)
            | Life::Stopping(_)) => self.life = busy,
        }
    }

    pub fn start(&mut self, run: u64, context: &mut Context) {
        match self.life.search() {
            Some(Search { goal: Goal::Start { run: there, .. }, .. }) if *there == run => return,
            Some(Search { goal: goal @ (Goal::Find | Goal::Again { .. }), .. }) => {
                *goal = Goal::Start { run, launched: false };
                return self.life.answer_by(context.now + REPLY_MAX);
            }
            Some(Search { goal: Goal::Start { .. }, .. }) | None => {}
        }
        let why = match std::mem::replace(&mut self.life, Life::Absent) {
            Life::Absent => return self.look_for(Goal::Start { run, launched: false }, None, context),
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
            busy @ (Life::Waiting(_) | Life::Attaching(..)) => {
                self.life = busy;
                "another run is being started".to_owned()
            }
            busy @ (Life::Dying(..) | Life::Asking(_) | Life::Stopping(_)) => {
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
            Life::Attaching(client, _) | Life::Running(client, _) | Life::Dying(client, _) => {
                self.let_go(client, "its session is being stopped", context);
            }
            Life::Absent | Life::Waiting(_) | Life::Lost(_) | Life::Asking(_) => {}
        }
        self.begin_stop(context);
    }

    pub fn look(&mut self, context: &mut Context) {
        let name = self.name.clone();
        let asked = self.ask(context, |client, pane, now| {
            let pane = quote(&pane.id.to_string());
            let state = "#{pane_in_mode}\t#{session_attached}\t#{session_last_attached}\t#{pane_current_command}\t#{pane_title}";
            client.tell(&format!("display-message -p -t {pane} {}", quote(state)), Ask::LookState, now)?;
            client.tell(&format!("capture-pane -e -p -t {pane}"), Ask::LookScreen, now)
        });
        if let Err(why) = asked {
            context.told.push(Observation::Looked { agent: name, screen: Err(why) });
        }
    }

    pub fn paste(&mut self, message: MessageId, text: &str, context: &mut Context) {
        let agent = self.name.clone();
        let file = context.paths.launch_folder(&agent).join(format!("{message}.paste"));
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
            Life::Starting(_) | Life::Waiting(_) | Life::Attaching(..) => {
                Err("it is being started or looked for".to_owned())
            }
            Life::Dying(..) => Err("its program has ended".to_owned()),
            Life::Lost(lost) => Err(lost.why.clone()),
            Life::Asking(_) => Err("systemd is being asked about it".to_owned()),
            Life::Stopping(_) => Err("it is being stopped".to_owned()),
        }
    }

    pub fn ready(&mut self, id: u64, context: &mut Context) {
        self.leaving.retain_mut(|leaving| !leaving.has_ended(id));
        self.go_on(context);
        if let Some(client) = self.life.client_mut().filter(|client| client.is(id)) {
            let (told, ended) = client.read();
            for told in told {
                self.heard(id, told, context);
            }
            if let Some(why) = ended.filter(|_| self.has_client(id)) {
                self.client_failed(why, context);
            }
            return;
        }
        if let Some(pane) = self.life.pane().filter(|pane| pane.end.as_ref().is_some_and(|end| end.is(id))) {
            pane.end = None;
            return self.program_ended(context);
        }
        match &mut self.life {
            Life::Starting(starting) if starting.end.is(id) => self.started(context),
            Life::Waiting(Waiting { knock: Some(knock), .. }) if knock.is(id) => self.is_let_in(context),
            Life::Asking(Asking { turn: AskingTurn::Asked(query), .. }) if query.is(id) => self.ask_on(context),
            Life::Stopping(stopping) => {
                stopping.ended(id);
                self.advance_stop(context);
            }
            Life::Absent
            | Life::Starting(_)
            | Life::Waiting(_)
            | Life::Attaching(..)
            | Life::Running(..)
            | Life::Dying(..)
            | Life::Lost(_)
            | Life::Asking(_) => {}
        }
    }

    pub fn deadline(&self) -> Option<Mono> {
        let life = match &self.life {
            Life::Absent | Life::Attaching(..) | Life::Running(..) | Life::Dying(..) => None,
            Life::Waiting(waiting) => waiting.due,
            Life::Starting(starting) => Some(starting.deadline),
            Life::Lost(lost) => Some(lost.retry),
            Life::Asking(asking) => Some(asking.deadline()),
            Life::Stopping(stopping) => Some(stopping.deadline()),
        };
        let client = self.life.client().and_then(Client::deadline);
        let output = self.output_waits.then_some(self.output_told + OUTPUT_MIN);
        let title = self.title_waits.then_some(self.title_asked + TITLE_MIN);
        self.leaving.iter().filter_map(Leaving::deadline).chain(life).chain(client).chain(output).chain(title).min()
    }

    pub fn expire(&mut self, context: &mut Context) {
        let now = context.now;
        self.leaving.retain_mut(|leaving| {
            let late = leaving.deadline().is_some_and(|deadline| deadline <= now);
            if late {
                leaving.kill();
            }
            !late
        });
        self.go_on(context);
        if self.output_waits && self.output_told + OUTPUT_MIN <= now {
            self.tell_output(context);
        }
        if self.title_waits && self.title_asked + TITLE_MIN <= now {
            self.ask_title(context);
        }
        if self.life.client().and_then(Client::deadline).is_some_and(|deadline| deadline <= now) {
            return self.client_hangs(self.no_answer(), context);
        }
        match &self.life {
            Life::Waiting(Waiting { due: Some(due), .. }) if *due <= now => self.waits_in_vain(context),
            Life::Starting(starting) if starting.deadline <= now => self.started(context),
            Life::Lost(lost) if lost.retry <= now => self.try_again(context),
            Life::Asking(asking) if asking.deadline() <= now => self.ask_on(context),
            Life::Stopping(stopping) if stopping.deadline() <= now => self.advance_stop(context),
            Life::Absent
            | Life::Starting(_)
            | Life::Waiting(_)
            | Life::Attaching(..)
            | Life::Running(..)
            | Life::Dying(..)
            | Life::Lost(_)
            | Life::Asking(_)
            | Life::Stopping(_) => {}
        }
    }

    /// Closes what is ours and returns the children that are to be waited for.
    pub fn leave(mut self, context: &mut Context) -> Vec<Leaving> {
        if let Some(client) = std::mem::replace(&mut self.life, Life::Absent).into_client() {
            self.let_go(client, "the supervisor ends", context);
        }
        self.leaving
    }

    pub(super) fn tell(&self, seen: SessionSeen, context: &mut Context) {
        context.told.push(Observation::Session { agent: self.name.clone(), seen });
    }

    fn has_client(&self, id: u64) -> bool {
        self.life.client().is_some_and(|client| client.is(id))
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

    /// Asks for the title that the program has set, now or when the last question is long enough ago.
    fn ask_title(&mut self, context: &mut Context) {
        self.title_waits = context.now < self.title_asked + TITLE_MIN;
        if self.title_waits {
            return;
        }
        self.title_asked = context.now;
        // One that is not answered is seen with the next look.
        let _ = self.ask(context, |client, pane, now| {
            let pane = quote(&pane.id.to_string());
            client.tell(&format!("display-message -p -t {pane} {}", quote("#{pane_title}")), Ask::Title, now)
        });
    }

    /// Lets a client go and answers what it has not.
    pub(super) fn let_go(&mut self, client: Client, why: &str, context: &mut Context) {
        let (leaving, unanswered) = client.leave();
        self.leaving.push(leaving);
        for ask in unanswered {
            self.refuse(ask, why, context);
        }
    }

    /// Takes what a client told; what it answers after it was let go comes too late.
    fn heard(&mut self, id: u64, told: Told, context: &mut Context) {
        match told {
            Told::Answer(ask, reply) if self.has_client(id) => self.answered(ask, &reply, context),
            Told::Answer(ask, _) => self.refuse(ask, "its session has ended", context),
            Told::Output { pane, sets_title } => {
                if matches!(&self.life, Life::Running(_, own) if own.id == pane) {
                    self.wrote(context);
                    if sets_title {
                        self.ask_title(context);
                    }
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

/// Writes a text for tmux to read; line feeds and tabs are its only control characters.
fn write_text(path: PathBuf, text: &str) -> anyhow::Result<TextFile> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let failed = || format!("cannot write `{}`", path.display());
    let plain: String = text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect();
    let mut open = std::fs::OpenOptions::new();
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).with_context(failed),
        Ok(()) | Err(_) => {}
    }
    // The folder is the agent's as well: what it puts there is not followed.
    let mut file = open.write(true).create_new(true).mode(0o640).open(&path).with_context(failed)?;
    file.write_all(plain.as_bytes()).with_context(failed)?;
    Ok(TextFile(path))
}
