//! What programs tell of themselves, and how that reaches the supervisor: late, twice, in another order, or never.

use std::collections::VecDeque;

use agent_orchestrator::policy::agent_event::{AgentEvent, Refusal, Source, Told};
use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::observation::Observation;
use chrono::TimeDelta;

use super::agenda::Event;
use super::clock::{MINUTE, SECOND};
use super::mind::Doing;
use super::program::Program;
use super::random::Random;
use super::world::World;

/// Past prompts and ends that may be told again.
pub const EARLIER_MAX: usize = 8;
/// Who writes on while the supervisor takes it for idle does so for so many seconds at most.
const SEEN_WORKING: u32 = 300;

/// A word that is older when it comes may say what is not so any more.
const STALE: TimeDelta = TimeDelta::seconds(10);

/// Whose way of telling it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    Silent,
    Claude,
    Codex,
    Gemini,
    Opencode,
}

impl Teller {
    /// Says whether each prompt is told when it is submitted.
    pub fn has_receipts(self) -> bool {
        match self {
            Self::Claude | Self::Gemini | Self::Opencode => true,
            Self::Silent | Self::Codex => false,
        }
    }

    pub fn source(self) -> Source {
        match self {
            Self::Silent | Self::Claude => Source::ClaudeHook,
            Self::Codex => Source::CodexNotify,
            Self::Gemini => Source::GeminiHook,
            Self::Opencode => Source::OpencodeStream,
        }
    }
}

/// A prompt as a program has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The message that it is, if it is one.
    pub message: Option<MessageId>,
    pub text: String,
}

/// How what is told goes astray for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Astray {
    /// It comes later than it should.
    Late,
    /// It overtakes what was told before.
    Disorder,
}

/// How a program tells, and what the supervisor makes of it.
#[derive(Debug, Clone)]
pub struct Mouth {
    pub teller: Teller,
    /// The conversation that it works in.
    pub conversation: String,
    /// What comes in a turn is told at once, not when it is begun with.
    pub at_once: bool,
    /// It tells nothing any more.
    pub mute: bool,
    /// Its interface takes nothing any more.
    pub closed: bool,
    /// Something that it told was lost, or came so late that it was worth nothing.
    pub lossy: bool,
    /// Its screen has disagreed with what it told, and the supervisor has said so.
    pub drifted: bool,
    pub loses: u32,
    pub doubles: u32,
    pub astray: Option<(Astray, u64)>,
    /// The next refusal is told as one of this kind.
    pub wrong_kind: Option<Refusal>,
    /// So many answers to what is handed over go astray.
    pub unsure: u32,
    /// When the newest thing that was told arrives.
    arrives: u64,
    /// What it told last.
    pub earlier: VecDeque<AgentEvent>,
    /// The newest prompt, for who tells it at the end.
    pub prompt: String,
    /// What the present supervisor was told last: whether it works, and its conversation.
    pub believed: Option<bool>,
    pub knows: Option<String>,
    /// It was told that its conversation is broken.
    pub told_fatal: bool,
}

impl Mouth {
    pub fn new(teller: Teller, conversation: String, at_once: bool) -> Self {
        // What opencode is given is in its conversation at once, though a turn runs.
        let at_once = at_once || teller == Teller::Opencode;
        Self {
            teller,
            conversation,
            at_once,
            mute: teller == Teller::Silent,
            closed: teller != Teller::Opencode,
            lossy: false,
            drifted: false,
            loses: 0,
            doubles: 0,
            astray: None,
            wrong_kind: None,
            unsure: 0,
            arrives: 0,
            earlier: VecDeque::new(),
            prompt: String::new(),
            believed: None,
            knows: None,
            told_fatal: false,
        }
    }

    /// Tells rightly again, if it tells at all.
    pub fn mend(&mut self) {
        (self.loses, self.doubles, self.unsure) = (0, 0, 0);
        (self.astray, self.wrong_kind) = (None, None);
    }

    /// Another supervisor listens, and was told nothing yet.
    pub fn unheard(&mut self) {
        (self.believed, self.knows, self.told_fatal) = (None, None, false);
    }

    /// Says whether something of what it tells may be wrong or missing just now.
    pub fn is_astray(&self) -> bool {
        self.loses + self.doubles + self.unsure > 0 || self.astray.is_some() || self.wrong_kind.is_some()
    }

    fn source_of(&self, told: &Told) -> Source {
        match (self.teller, told) {
            (Teller::Claude, Told::Context { .. } | Told::Allowance { .. }) => Source::ClaudeStatus,
            (teller, _) => teller.source(),
        }
    }
}

impl World {
    pub fn mouth(&mut self, agent: &str) -> Option<&mut Mouth> {
        self.program(agent).map(|program| &mut program.mouth).filter(|mouth| !mouth.mute)
    }

    pub fn teller_of(&self, agent: &str) -> Teller {
        self.panes
            .get(agent)
            .and_then(|pane| pane.program.as_ref())
            .map_or(Teller::Silent, |program| program.mouth.teller)
    }

    /// A program tells something, all of it at once.
    pub fn tells(&mut self, agent: &str, told: Vec<Told>) {
        let (time, at, slow) = (self.clock.now().wall, self.clock.at, self.slow);
        let Some(program) = self.panes.get_mut(agent).and_then(|pane| pane.program.as_mut()) else { return };
        let (run, mouth) = (program.run, &mut program.mouth);
        if mouth.mute {
            return;
        }
        let event = |told: Told| {
            let conversation = (mouth.teller != Teller::Opencode).then(|| mouth.conversation.clone());
            AgentEvent { source: mouth.source_of(&told), time, conversation, told }
        };
        let events: Vec<AgentEvent> = told.into_iter().map(event).collect();
        mouth.earlier.extend(events.iter().cloned());
        while mouth.earlier.len() > EARLIER_MAX {
            mouth.earlier.pop_front();
        }
        if mouth.loses > 0 {
            mouth.loses -= 1;
            mouth.lossy = true;
            self.disturb(agent);
            return self.note(|| format!("host: {agent} tells and is not heard: {}", lines(&events)));
        }
        let mut due = at + self.telling.between(1..=40) * if slow { 20 } else { 1 };
        mouth.astray.take_if(|(_, until)| *until < at);
        match mouth.astray {
            Some((Astray::Late, _)) => due += self.telling.spread(SECOND..=20 * MINUTE),
            Some((Astray::Disorder, _)) => due += self.telling.between(0..=5 * SECOND),
            None => {}
        }
        // Hooks are waited for, and a stream has an order.
        if mouth.astray.is_none() || mouth.teller == Teller::Opencode {
            mouth.arrives = mouth.arrives.max(due);
            due = mouth.arrives;
        }
        let doubles = mouth.doubles > 0;
        mouth.doubles = mouth.doubles.saturating_sub(1);
        if doubles || mouth.astray.is_some() || due > at + 10 * SECOND {
            mouth.lossy |= mouth.astray.is_some();
            self.disturb(agent);
        }
        if doubles {
            let again = due + self.telling.spread(10..=2 * MINUTE);
            self.agenda.add(again, Event::Tells { agent: agent.to_owned(), run, events: events.clone() });
        }
        self.agenda.add(due, Event::Tells { agent: agent.to_owned(), run, events });
    }

    /// What was told of this run arrives; without a supervisor nobody hears it.
    pub fn told(&mut self, agent: &str, run: u64, events: Vec<AgentEvent>) {
        if self.guard.supervisor.is_none() {
            if let Some(mouth) = self.mouth(agent) {
                mouth.lossy = true;
            }
            self.disturb(agent);
            return;
        }
        // A word that comes late is believed as if it were of now.
        let now = self.clock.now().wall;
        if events.iter().any(|event| now - event.time > STALE) {
            self.disturb(agent);
        }
        for event in events {
            if self.program(agent).is_some_and(|program| program.run == run) {
                self.heeded(agent, &event);
            }
            self.guard.sees(Observation::Told { agent: agent.to_owned(), run, event });
        }
    }

    /// Keeps what the supervisor will believe of a program.
    fn heeded(&mut self, agent: &str, event: &AgentEvent) {
        let Some(program) = self.program(agent) else { return };
        let works = match &event.told {
            Told::Working | Told::Retrying { .. } => Some(true),
            Told::Idle { .. } | Told::Refused { .. } => Some(false),
            Told::Permission { .. } | Told::SessionEnd { .. } => None,
            Told::Conversation { id } => {
                program.mouth.knows = Some(id.clone());
                return;
            }
            Told::SessionStart { .. }
            | Told::Receipt { .. }
            | Told::Posted { .. }
            | Told::Context { .. }
            | Told::Allowance { .. } => return,
        };
        program.mouth.believed = works;
        program.mouth.told_fatal = match &event.told {
            Told::Refused { kind, .. } => *kind == Refusal::Fatal,
            // A stream tells the end behind it.
            Told::Idle { .. } => program.mouth.told_fatal,
            _ => false,
        };
        if works == Some(false) && program.works() {
            // It draws as who works does; usually a word that it goes on follows at once.
            self.later(agent, 2 * SECOND, Doing::Write(SEEN_WORKING));
        }
    }

    /// A program begins to work that may not be heard: who is taken for idle draws as who works does.
    pub fn shows_that_it_works(&mut self, agent: &str) {
        let Some(program) = self.program(agent) else { return };
        if program.mouth.teller == Teller::Codex {
            program.mouth.believed = None;
        }
        if program.mouth.believed == Some(false) {
            self.later(agent, 2 * SECOND, Doing::Write(SEEN_WORKING));
        }
    }

    /// A program that is taken for idle writes on.
    pub fn writes_on(&mut self, agent: &str, left: u32) {
        let belied = |program: &mut Program| program.works() && program.mouth.believed == Some(false);
        if left > 0 && self.program(agent).is_some_and(belied) {
            self.wrote(agent);
            self.later(agent, SECOND, Doing::Write(left - 1));
        }
    }
}

/// Draws how the programs of a fleet tell, by backend.
pub fn draw(random: &mut Random) -> Vec<(&'static str, Teller)> {
    let any = [Teller::Claude, Teller::Codex, Teller::Gemini, Teller::Opencode, Teller::Opencode, Teller::Silent];
    let claude = if random.percent(80) { Teller::Claude } else { Teller::Silent };
    let mut tellers = vec![("claude", claude)];
    for backend in ["box", "ping", "blind"] {
        tellers.push((backend, random.pick(&any).copied().unwrap_or(Teller::Silent)));
    }
    tellers
}

fn lines(events: &[AgentEvent]) -> String {
    events.iter().map(|event| event.told.line()).collect::<Vec<_>>().join(", ")
}

/// Chooses a kind of refusal; who says that its conversation is broken is believed, and gets a new one.
pub fn wrong_kind(much: u64) -> Refusal {
    let kinds = [Refusal::Limit, Refusal::Overload, Refusal::Auth, Refusal::Context, Refusal::Other];
    kinds[usize::try_from(much % 5).unwrap_or(0)]
}
