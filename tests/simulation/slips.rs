//! How telling goes astray, and what people do at a program's terminal that it tells, or does not.

use std::collections::BTreeSet;

use agent_orchestrator::policy::agent_event::{AgentEvent, Posted, Refusal, Told};
use agent_orchestrator::policy::observation::Observation;

use super::agenda::{Event, Over};
use super::clock::{MINUTE, SECOND};
use super::program::{Dialog, Health, Input, Style, Turn};
use super::random::Random;
use super::teller::{Astray, EARLIER_MAX, Prompt, Teller, wrong_kind};
use super::world::World;

/// What goes wrong with one program's telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// The next things that it tells are lost.
    Lost,
    /// They are told twice.
    Twice,
    Late,
    Disorder,
    /// An old word comes again.
    Echo,
    /// A word of the start before comes.
    EarlierRun,
    /// A program that it has started speaks for it.
    Nested,
    /// It tells nothing any more.
    Mute,
    /// It tells of work, and there is none.
    NoWork,
    /// It tells of an end, and there is none.
    NoEnd,
    /// It tells of a question, and there is none.
    NoQuestion,
    /// Its next refusal is told as one of another kind.
    WrongKind,
    /// A person stops its turn.
    Stopped,
    /// A person begins another conversation.
    Cleared,
    /// A person types a prompt.
    Prompted,
    /// Its interface takes nothing any more.
    Closed,
    /// What is handed over is answered wrongly or not at all.
    Unsure,
}

pub const SLIPS: [Slip; 17] = [
    Slip::Lost,
    Slip::Twice,
    Slip::Late,
    Slip::Disorder,
    Slip::Echo,
    Slip::EarlierRun,
    Slip::Nested,
    Slip::Mute,
    Slip::NoWork,
    Slip::NoEnd,
    Slip::NoQuestion,
    Slip::WrongKind,
    Slip::Stopped,
    Slip::Cleared,
    Slip::Prompted,
    Slip::Closed,
    Slip::Unsure,
];

impl World {
    pub fn slip(&mut self, slip: Slip, whom: u64, much: u64) {
        let at = self.clock.at;
        let tells = |agent: &String| self.teller_of(agent) != Teller::Silent;
        let running: Vec<String> = self.running().into_iter().filter(tells).collect();
        let place = usize::try_from(whom % running.len().max(1) as u64).unwrap_or(0);
        let Some(agent) = running.get(place).cloned() else { return };
        self.disturb(&agent);
        let until = at + Random::new(much).spread(MINUTE..=60 * MINUTE);
        let count = u32::try_from(much % 4 + 1).unwrap_or(1);
        let Some(program) = self.program(&agent) else { return };
        let (number, teller, works) = (program.number, program.mouth.teller, program.works());
        let mouth = &mut program.mouth;
        match slip {
            Slip::Lost => {
                mouth.loses += count;
                if teller == Teller::Opencode {
                    let after = Random::new(much).spread(500..=90 * SECOND);
                    self.over(after, Over::Lost { agent, program: number });
                }
            }
            Slip::Twice => mouth.doubles += count,
            Slip::Late => mouth.astray = Some((Astray::Late, until)),
            Slip::Disorder => mouth.astray = Some((Astray::Disorder, until)),
            Slip::Echo => self.echoes(&agent, false),
            Slip::EarlierRun => self.echoes(&agent, true),
            Slip::Nested => self.nested_tells(&agent),
            Slip::Mute => {
                (mouth.mute, mouth.lossy) = (true, true);
                self.shows_that_it_works(&agent);
            }
            Slip::NoWork if !works => self.tells(&agent, vec![Told::Working]),
            Slip::NoEnd if works => self.tells(&agent, vec![Told::Idle { ended: true }]),
            // Where the screen has no box nothing belies it, and it is believed until something else is told: messages
            // would wait for as long as the model pleases.
            Slip::NoQuestion if program.style != Style::Blind => self.tells_question(&agent),
            Slip::WrongKind => mouth.wrong_kind = Some(wrong_kind(much)),
            Slip::Closed => mouth.closed = true,
            Slip::Unsure => mouth.unsure += count,
            Slip::Stopped | Slip::Cleared | Slip::Prompted => self.at_the_terminal(slip, &agent),
            Slip::NoWork | Slip::NoEnd | Slip::NoQuestion => {}
        }
    }

    /// Something that was told before is told again, as if it came from a start before this one or from this one.
    pub fn echoes(&mut self, agent: &str, of_earlier: bool) {
        let at = self.clock.at;
        let Some(program) = self.panes.get_mut(agent).and_then(|pane| pane.program.as_mut()) else { return };
        let run = if of_earlier { program.run.saturating_sub(1) } else { program.run };
        let place = self.telling.below(EARLIER_MAX as u64);
        let Some(event) = program.mouth.earlier.get(usize::try_from(place).unwrap_or(0)).cloned() else { return };
        self.disturb(agent);
        self.agenda.add(at + 1, Event::Tells { agent: agent.to_owned(), run, events: vec![event] });
    }

    /// A program that the agent has started in its turn tells of itself, in the agent's name.
    pub fn nested_tells(&mut self, agent: &str) {
        let (time, at) = (self.clock.now().wall, self.clock.at);
        let Some(program) = self.program(agent) else { return };
        let mouth = &program.mouth;
        // Who is not known to work in its conversation may have gone to another one.
        let is_known = mouth.believed == Some(true) && mouth.knows.as_ref() == Some(&mouth.conversation);
        if mouth.mute || mouth.teller == Teller::Opencode || !program.works() || !is_known {
            return;
        }
        let (run, source) = (program.run, mouth.teller.source());
        let id = format!("nested-{}", program.turns);
        let event = |told: Told| AgentEvent { source, time, conversation: Some(id.clone()), told };
        let told = [Told::Conversation { id: id.clone() }, Told::Working, Told::Idle { ended: true }];
        for event in told.map(event) {
            if self.guard.supervisor.is_some() {
                let seen = Observation::Told { agent: agent.to_owned(), run, event };
                self.agenda.add(at, Event::Seen { life: self.guard.life, seen });
            }
        }
    }

    /// A person does something at a program's terminal.
    fn at_the_terminal(&mut self, slip: Slip, agent: &str) {
        let Some(program) = self.program(agent).filter(|program| program.health == Health::Sound) else { return };
        match slip {
            Slip::Stopped if program.turn == Turn::Works => {
                program.turn = Turn::Rest;
                program.turns += 1;
                let back: Vec<Prompt> = program.taken.drain(..).collect();
                self.lost(agent, &back);
                if self.teller_of(agent) == Teller::Opencode {
                    self.tells(agent, vec![Told::Idle { ended: true }]);
                }
                self.wrote(agent);
                self.chooses_rest(agent);
                self.rests_or_not(agent);
            }
            Slip::Cleared if program.takes() && !program.works() => {
                program.mouth.conversation = format!("cleared-{}-{}", program.number, program.turns);
                let id = self.conversation_of(agent);
                self.tells(agent, vec![Told::SessionStart { how: "clear".to_owned() }, id]);
                self.wrote(agent);
            }
            Slip::Prompted if program.takes() && program.input == Input::Empty => {
                let prompt = Prompt { message: None, text: "please have a look at the log, too".to_owned() };
                if program.works() { self.keeps(agent, prompt) } else { self.begin_turn(agent, &[prompt]) }
            }
            _ => {}
        }
    }

    /// What a program was refused comes to be, as it tells it.
    pub fn refused(&mut self, agent: &str, kind: Refusal, text: &str) {
        self.tells_refusal(agent, kind, text);
        self.dequeues(agent);
    }

    /// A program at rest begins with what it kept.
    pub fn dequeues(&mut self, agent: &str) {
        let silent = self.teller_of(agent) == Teller::Silent;
        let Some(program) = self.program(agent).filter(|program| !silent && program.takes() && !program.works()) else {
            return;
        };
        let kept: Vec<Prompt> = program.taken.drain(..).collect();
        if !kept.is_empty() {
            self.begin_turn_with(agent, &kept, true);
        }
    }

    /// Says whether a refusal leaves nothing on the screen.
    pub fn hides_refusals(&mut self, agent: &str) -> bool {
        let tells = matches!(self.teller_of(agent), Teller::Claude | Teller::Opencode);
        tells && self.telling.percent(25) && !self.program(agent).is_some_and(|program| program.mouth.mute)
    }

    /// The stream of a program's server is there again, and says what is so now.
    pub fn stream_is_back(&mut self, agent: &str, number: u64) {
        let Some(program) = self.program(agent).filter(|program| program.number == number) else { return };
        program.mouth.loses = 0;
        self.tells_again(agent);
    }

    /// A program that hung has not answered to what was handed over.
    pub fn unanswered(&mut self, agent: &str, number: u64, message: u64) {
        if self.program(agent).is_some_and(|program| program.number == number) {
            let outcome = Posted::Unsure("timed out".to_owned());
            self.tells(agent, vec![Told::Posted { message, outcome }]);
        }
    }

    /// Something has happened to an agent, its messages or its telling.
    pub fn disturb(&mut self, agent: &str) {
        let at = self.clock.at;
        self.oracle.delivery.disturbed(agent, at);
    }

    pub fn disturb_all(&mut self) {
        let names: BTreeSet<String> = self.panes.keys().cloned().collect();
        for agent in names {
            self.disturb(&agent);
        }
    }

    /// Says whether something is wrong with an agent just now.
    pub fn is_disturbed(&self, agent: &str) -> bool {
        let Some(pane) = self.panes.get(agent) else { return true };
        let Some(program) = &pane.program else { return true };
        self.slow
            || pane.unreachable.is_some()
            || pane.stuck
            || program.health != Health::Sound
            || program.dialog.is_some_and(|dialog| !matches!(dialog, Dialog::Limit { .. }))
            || program.scrolled
            || program.swallows + program.loses_pastes > 0
            || matches!(program.input, Input::Draft { .. })
            || program.command != program.style.command()
            || program.mouth.is_astray()
            || program.mouth.mute
    }

    /// What goes wrong begins or ends.
    pub fn fault_disturbs(&mut self, over: &Over) {
        match over {
            Over::Unreachable { agent, .. }
            | Over::Told { agent, .. }
            | Over::Draft { agent, .. }
            | Over::Dialog { agent, .. }
            | Over::Scroll { agent, .. }
            | Over::Hang { agent, .. }
            | Over::Posted { agent, .. }
            | Over::Lost { agent, .. } => self.disturb(agent),
            Over::Slow => self.disturb_all(),
            Over::Files { .. }
            | Over::Origin { .. }
            | Over::Account { .. }
            | Over::Config
            | Over::HangUp { .. }
            | Over::AskUp
            | Over::Leftover { .. }
            | Over::StartAll
            | Over::Clock => {}
        }
    }
}
