//! The host's sessions: what is asked of them arrives after a while, in order, and is answered after another.

use agent_orchestrator::policy::action::{Conversation, Start};
use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::observation::{Exit, Observation, SessionSeen};
use chrono::{DateTime, Utc};

use super::agenda::Event;
use super::clock::SECOND;
use super::program::{Input, Program, Style, Turn};
use super::teller::Mouth;
use super::world::World;

/// Two tellings of output lie at least so far apart.
const OUTPUT_MIN: u64 = 200;

/// What is asked of a session.
#[derive(Debug, Clone)]
pub enum Command {
    Find,
    Start { run: u64 },
    Stop,
    Look,
    Paste { message: MessageId, text: String },
    Press { message: MessageId },
    Key { key: String },
}

/// What is there of an agent on the host.
#[derive(Debug, Default)]
pub struct Pane {
    pub program: Option<Program>,
    /// A program that has ended, in a session that still stands: its run, and how.
    pub corpse: Option<(u64, Exit)>,
    /// What was prepared last.
    pub prepared: Option<Start>,
    /// When the newest thing that was asked arrives, and when the newest thing is told.
    arrives: u64,
    told: u64,
    output_told: u64,
    /// When something was written last, as tmux knows it.
    wrote: Option<DateTime<Utc>>,
    output_waits: bool,
    /// Its title as it was last told.
    titled: String,
    /// Counts clients; one that was lost answers nothing any more.
    pub client: u64,
    /// The life of the supervisor that knows of the session.
    pub known: u64,
    /// It cannot be asked: the number of the trouble, and whether that has been told.
    pub unreachable: Option<(u64, bool)>,
    pub troubles: u64,
    /// It cannot be ended.
    pub stuck: bool,
    pub starts_fail: u32,
    pub files_missing: bool,
    /// A start of a supervisor that was killed may still come about.
    pub late_start: bool,
    /// When it was last looked at, and what covered it or was typed there by a person came later than that.
    pub looked: u64,
}

impl Pane {
    /// Says how long it takes until all that was asked of it has arrived.
    pub fn busy_for(&self, at: u64) -> Option<u64> {
        (self.arrives > at).then(|| self.arrives - at + 1)
    }
}

impl World {
    pub fn pane(&mut self, agent: &str) -> &mut Pane {
        self.panes.entry(agent.to_owned()).or_default()
    }

    pub fn program(&mut self, agent: &str) -> Option<&mut Program> {
        self.panes.get_mut(agent)?.program.as_mut()
    }

    /// Returns how long something takes on the host now.
    pub fn delay(&mut self) -> u64 {
        let slow = if self.slow { 20 } else { 1 };
        slow * match self.random.below(100) {
            0..90 => self.random.between(1..=5),
            90..99 => self.random.between(5..=100),
            _ => self.random.between(100..=2 * SECOND),
        }
    }

    /// Sends a command on its way to the agent's session.
    pub fn ask(&mut self, agent: &str, command: Command) {
        let least = match command {
            Command::Start { .. } => 40,
            Command::Stop => 20,
            Command::Find | Command::Look | Command::Paste { .. } | Command::Press { .. } | Command::Key { .. } => 0,
        };
        let delay = least + self.delay();
        let (at, life) = (self.clock.at, self.guard.life);
        let pane = self.pane(agent);
        pane.arrives = pane.arrives.max(at) + delay;
        let event = Event::Arrive { life, agent: agent.to_owned(), client: pane.client, command };
        let at = pane.arrives;
        self.agenda.add(at, event);
    }

    /// Tells the supervisor that asked, else the present one, something about a session, after all that was told of it
    /// before.
    pub fn tell_of(&mut self, agent: &str, seen: Observation) {
        let delay = self.delay();
        let (at, life) = (self.clock.at, self.asker.unwrap_or(self.guard.life));
        let pane = self.pane(agent);
        pane.told = pane.told.max(at + delay);
        let at = pane.told;
        self.agenda.add(at, Event::Seen { life, seen });
    }

    pub fn tell_session(&mut self, agent: &str, seen: SessionSeen) {
        self.tell_of(agent, Observation::Session { agent: agent.to_owned(), seen });
    }

    /// Lets a command have its effect.
    pub fn arrive(&mut self, life: u64, agent: &str, client: u64, command: Command) {
        let by_dead = life != self.guard.life || self.guard.supervisor.is_none();
        if by_dead && self.dies_with_asker(&command) {
            return;
        }
        let lost = client != self.pane(agent).client;
        self.asker = Some(life);
        match command {
            Command::Find => self.found(agent),
            Command::Start { run } => self.start(agent, run),
            Command::Stop => self.stop(agent),
            Command::Look => self.look(agent, lost),
            Command::Paste { message, text } => self.paste(agent, message, &text, lost),
            Command::Press { message } => self.press(agent, message, lost),
            Command::Key { key } => self.key(agent, &key, lost),
        }
        self.asker = None;
    }

    /// Says whether what a supervisor asked is lost with it.
    fn dies_with_asker(&mut self, command: &Command) -> bool {
        match command {
            Command::Find | Command::Look => true,
            Command::Start { .. } => self.random.percent(20),
            Command::Stop | Command::Paste { .. } | Command::Press { .. } | Command::Key { .. } => {
                self.random.percent(50)
            }
        }
    }

    fn found(&mut self, agent: &str) {
        let life = self.guard.life;
        let pane = self.pane(agent);
        let seen = match (&pane.program, pane.corpse) {
            _ if pane.unreachable.is_some() => {
                pane.unreachable = pane.unreachable.map(|(number, _)| (number, true));
                SessionSeen::Unknown { why: "no answer".to_owned() }
            }
            (Some(program), _) => SessionSeen::Running { run: program.run },
            (None, Some((run, exit))) => died(run, exit),
            (None, None) => SessionSeen::Absent,
        };
        pane.known = life;
        let wrote = pane.wrote.filter(|_| matches!(seen, SessionSeen::Running { .. }));
        if let Some(at) = wrote.and_then(|at| DateTime::from_timestamp(at.timestamp(), 0)) {
            self.tell_of(agent, Observation::Wrote { agent: agent.to_owned(), at });
        }
        self.tell_session(agent, seen);
    }

    fn start(&mut self, agent: &str, run: u64) {
        let life = self.guard.life;
        let (backend, number) = (self.backend_of(agent), self.programs + 1);
        let teller = self.setup.teller(&backend);
        let pane = self.pane(agent);
        let failed = |why: &str| SessionSeen::StartFailed { run, why: why.to_owned() };
        let there = pane.program.as_ref().map(|program| program.run);
        let seen = match there {
            Some(there) if there == run => SessionSeen::Running { run },
            Some(_) if pane.late_start => failed("another run is there already"),
            Some(there) => {
                self.fail("no two programs of one session", || format!("{agent}: run {run} over run {there}"));
                return;
            }
            None if pane.corpse.is_some() => failed("the session of another run is there already"),
            None if pane.starts_fail > 0 => {
                pane.starts_fail -= 1;
                failed("tmux did not start")
            }
            None => {
                let Some(start) = pane.prepared.clone().filter(|start| start.run == run) else {
                    return self.fail("only what is prepared is started", || format!("{agent}: run {run}"));
                };
                let conversation = match &start.conversation {
                    Conversation::New(id) | Conversation::Resumed(id) => id.clone(),
                    Conversation::Unknown => format!("own-{number}"),
                };
                let mouth = Mouth::new(teller, conversation.clone(), number.is_multiple_of(3));
                pane.program = Some(Program::new(number, Style::of(&backend), &start, mouth));
                pane.known = life;
                self.programs = number;
                self.judge_conversation(agent, &conversation);
                self.begin_program(agent);
                SessionSeen::Running { run }
            }
        };
        self.note(|| format!("host: {agent} start of run {run}: {seen:?}"));
        self.tell_session(agent, seen);
    }

    /// Checks that no two programs go on with one conversation.
    fn judge_conversation(&mut self, agent: &str, conversation: &str) {
        let same = |(name, pane): &(&String, &Pane)| {
            *name != agent && pane.program.as_ref().is_some_and(|program| program.mouth.conversation == conversation)
        };
        if let Some((other, _)) = self.panes.iter().find(same) {
            let how = format!("{agent} and {other}: {conversation}");
            self.fail("no two programs on one conversation", || how);
        }
    }

    fn stop(&mut self, agent: &str) {
        let pane = self.pane(agent);
        pane.late_start = false;
        if pane.stuck {
            let why = "cannot end process 7".to_owned();
            return self.tell_session(agent, SessionSeen::Unknown { why });
        }
        pane.corpse = None;
        self.tells_farewell(agent, "other");
        if let Some(program) = self.pane(agent).program.take() {
            self.note(|| format!("host: {agent} run {} is ended", program.run));
            self.program_gone(agent, Some(&program));
            if self.pane(agent).known == self.guard.life {
                // Who listens sees it, whoever asked.
                self.asker = None;
            }
        }
        self.tell_session(agent, SessionSeen::Absent);
    }

    fn look(&mut self, agent: &str, lost: bool) {
        let at = self.clock.at;
        let pane = self.pane(agent);
        if let Some(program) = &mut pane.program {
            program.drawn = at;
        }
        let screen = match &pane.program {
            _ if lost || pane.unreachable.is_some() => Err("no answer".to_owned()),
            None => Err("it does not run".to_owned()),
            Some(program) => {
                pane.looked = at;
                Ok(program.screen())
            }
        };
        if let (Ok(_), Some(program)) = (&screen, &pane.program) {
            let shows = program.turn == Turn::Rest && program.shown_banner().is_some();
            self.oracle.limits.shown(agent, shows);
        }
        self.tell_of(agent, Observation::Looked { agent: agent.to_owned(), screen });
    }

    fn paste(&mut self, agent: &str, message: MessageId, text: &str, lost: bool) {
        let happens = !lost || self.random.percent(50);
        let pane = self.pane(agent);
        let deaf = pane.unreachable.is_some();
        let looked = pane.looked;
        let mut result = if lost || deaf { Err("no answer".to_owned()) } else { Ok(()) };
        match &mut pane.program {
            None => result = Err("it does not run".to_owned()),
            Some(program) if happens && !deaf => {
                let covered = program.dialog.is_some().then_some(program.covered);
                let before = program.paste(message, text);
                self.pasted_over(agent, &before, covered, looked);
                self.wrote(agent);
            }
            Some(_) => {}
        }
        if result.is_err() {
            self.disturb(agent);
        }
        self.note(|| format!("host: {agent} paste of {message}: {result:?}"));
        self.tell_of(agent, Observation::Pasted { agent: agent.to_owned(), message, result });
    }

    /// Checks that nothing is typed where a look has shown a draft or a dialog.
    fn pasted_over(&mut self, agent: &str, before: &Input, covered: Option<u64>, looked: u64) {
        let receipts = self.program(agent).is_some_and(|program| program.style.has_receipts());
        match before {
            Input::Ours { message, .. } if receipts => {
                self.fail("no text is typed twice", || format!("{agent}: {message} stood unsent in the box"));
            }
            Input::Draft { since, text } if *since <= looked && receipts => {
                self.fail("a draft is left alone", || format!("{agent}: typed behind `{text}`"));
            }
            Input::Empty | Input::Ours { .. } | Input::Draft { .. } => {}
        }
        // A program without an input box shows no dialog either.
        if receipts && covered.is_some_and(|covered| covered <= looked) {
            self.fail("nothing is typed into a dialog", || format!("{agent}: pasted"));
        }
    }

    fn press(&mut self, agent: &str, message: MessageId, lost: bool) {
        let happens = !lost || self.random.percent(50);
        let pane = self.pane(agent);
        let deaf = pane.unreachable.is_some();
        let looked = pane.looked;
        let mut result = if lost || deaf { Err("no answer".to_owned()) } else { Ok(()) };
        let mut submitted = None;
        match &mut pane.program {
            None => result = Err("it does not run".to_owned()),
            Some(program) if happens && !deaf => {
                if program.dialog.is_some() && program.covered <= looked && program.style.has_receipts() {
                    self.fail("nothing is typed into a dialog", || format!("{agent}: pressed"));
                    return;
                }
                submitted = program.press();
                self.wrote(agent);
            }
            Some(_) => {}
        }
        self.note(|| format!("host: {agent} press for {message}: {result:?} {submitted:?}"));
        if result.is_err() {
            self.disturb(agent);
        }
        if let Some(submitted) = submitted {
            self.submitted(agent, submitted);
        }
        self.tell_of(agent, Observation::Pressed { agent: agent.to_owned(), message, result });
    }

    fn key(&mut self, agent: &str, key: &str, lost: bool) {
        self.note(|| format!("host: {agent} key {key}"));
        if lost || self.pane(agent).unreachable.is_some() {
            return;
        }
        self.menu_key(agent, key);
        // A key is answered as one that submits the message that nobody has.
        let (agent, message) = (agent.to_owned(), MessageId(0));
        self.tell_of(&agent.clone(), Observation::Pressed { agent, message, result: Ok(()) });
    }

    /// A program has written something.
    pub fn wrote(&mut self, agent: &str) {
        let at = self.clock.at;
        let (life, wall) = (self.guard.life, self.clock.now().wall);
        let pane = self.pane(agent);
        pane.wrote = Some(wall);
        if pane.known != life || pane.unreachable.is_some() || pane.output_waits {
            return;
        }
        pane.output_waits = true;
        let due = (pane.output_told + OUTPUT_MIN).max(at);
        self.agenda.add(due, Event::Output { agent: agent.to_owned() });
    }

    /// What was written is told.
    pub fn tell_output(&mut self, agent: &str) {
        let (at, life) = (self.clock.at, self.guard.life);
        let pane = self.pane(agent);
        pane.output_waits = false;
        let Some(program) = pane.program.as_ref().filter(|_| pane.known == life && pane.unreachable.is_none()) else {
            return;
        };
        let title = program.title();
        let is_new = std::mem::replace(&mut pane.titled, title.clone()) != title;
        pane.output_told = at;
        self.tell_of(agent, Observation::Output { agent: agent.to_owned() });
        if is_new {
            self.tell_of(agent, Observation::Titled { agent: agent.to_owned(), title });
        }
    }

    /// A program ends by itself.
    pub fn dies(&mut self, agent: &str, exit: Exit) {
        let life = self.guard.life;
        if exit == Exit::Code(0) {
            self.tells_farewell(agent, "prompt_input_exit");
        }
        let pane = self.pane(agent);
        let Some(program) = pane.program.take() else { return };
        let run = program.run;
        pane.corpse = Some((run, exit));
        let told = pane.known == life && pane.unreachable.is_none();
        self.note(|| format!("host: {agent} run {run} dies: {exit}"));
        self.program_gone(agent, Some(&program));
        if told {
            self.tell_session(agent, died(run, exit));
        }
    }
}

pub fn died(run: u64, exit: Exit) -> SessionSeen {
    SessionSeen::Died { run, exit, screen: None, last_lines: vec!["last words".to_owned()] }
}
