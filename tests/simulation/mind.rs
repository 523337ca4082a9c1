//! What programs do with their prompts: work, claim, review, wait, hit limits, end.

use std::path::PathBuf;

use agent_orchestrator::policy::agent_event::Refusal;
use agent_orchestrator::policy::fleet::Kind;
use agent_orchestrator::policy::observation::Exit;
use chrono::TimeDelta;

use super::account::Form;
use super::agenda::{Event, Over};
use super::clock::{HOUR, MINUTE, SECOND, span};
use super::program::{Dialog, Health, Input, Program, Turn, Typed, said};
use super::teller::{Prompt, Teller};
use super::world::World;

/// What a broken conversation answers to everything.
pub const BROKEN_CONVERSATION: &str = "thinking blocks in the latest message cannot be modified";

/// What a program is about to do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It draws its first whole screen.
    Boot,
    /// It draws something.
    Draw,
    /// Its turn ends.
    EndTurn,
    /// Its turn ends in a refusal.
    Refuse,
    /// The time that it waits for has come.
    Alarm,
    /// It goes on by itself.
    GoOn,
    /// It begins something of its own.
    Wander,
    /// It writes, so many times more, as long as it is taken for idle.
    Write(u32),
    /// It tells once more what it does.
    Remind,
    /// It ends.
    Die,
}

impl World {
    pub fn later(&mut self, agent: &str, after: u64, doing: Doing) {
        let Some(program) = self.program(agent) else { return };
        let (number, turn) = (program.number, program.turns);
        let event = Event::Program { agent: agent.to_owned(), program: number, turn, doing };
        self.agenda.add(self.clock.at + after, event);
    }

    /// A program has been started.
    pub fn begin_program(&mut self, agent: &str) {
        let after = self.random.spread(200..=8 * SECOND);
        self.later(agent, after, Doing::Boot);
        self.wrote(agent);
    }

    /// A program does what it is about, unless it has come to something else meanwhile.
    pub fn does(&mut self, agent: &str, number: u64, turn: u64, doing: Doing) {
        let at = self.clock.at;
        let Some(program) = self.program(agent) else { return };
        if program.number != number || program.turns != turn && doing != Doing::Boot {
            return;
        }
        if program.health == Health::Hung {
            // It goes on with it when it has come to itself.
            let event = Event::Program { agent: agent.to_owned(), program: number, turn, doing };
            return self.agenda.add(at + 10 * MINUTE, event);
        }
        match doing {
            Doing::Boot => self.boots(agent),
            Doing::Draw => self.wrote(agent),
            Doing::EndTurn => self.ends_turn(agent),
            Doing::Refuse => self.is_refused(agent),
            Doing::Die => self.dies(agent, Exit::Code(1)),
            Doing::Write(left) => self.writes_on(agent, left),
            Doing::Remind => self.tells_again(agent),
            Doing::Alarm | Doing::GoOn | Doing::Wander => self.begin_turn(agent, &[]),
        }
    }

    fn boots(&mut self, agent: &str) {
        let typed = self.backend_of(agent) == "ping";
        let Some(program) = self.program(agent) else { return };
        program.booted = true;
        self.wrote(agent);
        self.tells_start(agent);
        if self.fragile.get(agent).is_some_and(|until| *until > self.clock.at) {
            let after = self.random.spread(1..=20 * SECOND);
            self.later(agent, after, Doing::Die);
        }
        if !typed && self.is_agent(agent) {
            self.begin_turn(agent, &[Prompt { message: None, text: "kickoff".to_owned() }]);
        }
        self.rests_or_not(agent);
    }

    /// Something was submitted to a program.
    pub fn submitted(&mut self, agent: &str, submitted: Input) {
        let Some(program) = self.program(agent) else { return };
        let (number, works) = (program.number, program.works());
        let prompt = match submitted {
            Input::Ours { message, text } => {
                let read = self.read_through(&text);
                self.oracle.delivery.taken(agent, message, &read, number);
                Prompt { message: Some(message), text }
            }
            Input::Draft { text, .. } => {
                self.taken_within(agent, &text, number);
                Prompt { message: None, text }
            }
            Input::Empty => return,
        };
        if works {
            self.keeps(agent, prompt);
        } else {
            self.begin_turn(agent, &[prompt]);
        }
    }

    /// Returns what a prompt says: where it points to a file, what stands there.
    fn read_through(&self, prompt: &str) -> String {
        let named = |path: &&PathBuf| prompt.contains(&*path.to_string_lossy());
        let file = self.disk.keys().find(named).filter(|_| prompt.starts_with("A message for you stands in"));
        file.and_then(|path| self.disk.get(path)).map_or_else(|| prompt.to_owned(), Clone::clone)
    }

    /// A person submits what the supervisor has pasted behind a draft, or before one.
    fn taken_within(&mut self, agent: &str, text: &str, program: u64) {
        let queue = self.guard.saved.agents.get(agent).map(|state| state.queue.clone()).unwrap_or_default();
        for message in queue.iter().filter(|message| text.contains(&message.text)) {
            self.oracle.delivery.taken_within(agent, message.id, &message.text, program);
        }
    }

    /// A program keeps a prompt for after its turn.
    pub fn keeps(&mut self, agent: &str, mut prompt: Prompt) {
        let is_in_conversation = self.teller_of(agent) == Teller::Opencode;
        if let Some(message) = prompt.message.take_if(|_| is_in_conversation) {
            let excused = self.is_disturbed(agent);
            let number = self.program(agent).map(|program| program.number).unwrap_or_default();
            self.oracle.delivery.prompted(agent, message, number, excused);
        }
        self.tells_waiting(agent, &prompt.text);
        if let Some(program) = self.program(agent) {
            program.taken.push_back(prompt);
        }
    }

    /// A program has prompts, or something of its own, and begins with it.
    pub fn begin_turn(&mut self, agent: &str, prompts: &[Prompt]) {
        self.begin_turn_with(agent, prompts, false);
    }

    pub fn begin_turn_with(&mut self, agent: &str, prompts: &[Prompt], waited: bool) {
        let account = self.account_of(agent);
        let Some(program) = self.panes.get_mut(agent).and_then(|pane| pane.program.as_mut()) else { return };
        if !program.takes() {
            return self.lost(agent, prompts);
        }
        let number = program.number;
        program.prompted = true;
        program.turns += 1;
        program.began = self.clock.at;
        program.waits = None;
        program.rests = None;
        program.hides = false;
        let refused = self.accounts.entry(account).or_default().refuses(program.model.as_deref(), &self.clock);
        program.turn = if refused.is_some() { Turn::Refused } else { Turn::Works };
        if refused.is_none() {
            program.banner = None;
            if program.health == Health::Fatal {
                program.turn = Turn::Rest;
                self.begun(agent, prompts, number, waited);
                self.tells_refusal(agent, Refusal::Fatal, BROKEN_CONVERSATION);
                self.wrote(agent);
                return self.rests_or_not(agent);
            }
        }
        self.begun(agent, prompts, number, waited);
        self.refusals.remove(agent);
        if let Some(banner) = refused {
            self.tells_retry(agent, &banner);
            self.refusals.insert(agent.to_owned(), banner);
            let after = self.random.between(500..=3 * SECOND);
            self.later(agent, after, Doing::Refuse);
        } else {
            self.works(agent);
        }
        self.wrote(agent);
    }

    /// What was submitted is in the conversation.
    fn begun(&mut self, agent: &str, prompts: &[Prompt], program: u64, waited: bool) {
        let excused = self.is_disturbed(agent);
        for prompt in prompts {
            if let Some(message) = prompt.message {
                self.oracle.delivery.prompted(agent, message, program, excused);
            }
        }
        self.tells_begin(agent, prompts, waited);
    }

    /// Prompts come to nothing, by a person's hand or by a dialog's.
    pub fn lost(&mut self, agent: &str, prompts: &[Prompt]) {
        self.disturb(agent);
        for message in prompts.iter().filter_map(|prompt| prompt.message) {
            self.oracle.delivery.lost(agent, message);
        }
    }

    fn works(&mut self, agent: &str) {
        let length = if self.calm {
            self.random.spread(MINUTE..=4 * MINUTE)
        } else {
            self.random.spread(20 * SECOND..=5 * HOUR)
        };
        for second in [4, 11] {
            self.later(agent, (second * SECOND).min(length), Doing::Draw);
        }
        let mut at = self.random.spread(20 * SECOND..=20 * MINUTE);
        while at < length {
            self.later(agent, at, Doing::Draw);
            // A program that draws nothing for long is taken for one that has stopped.
            at += self.random.spread(2 * MINUTE..=10 * MINUTE);
        }
        self.later(agent, length, Doing::EndTurn);
        self.shows_that_it_works(agent);
    }

    fn is_refused(&mut self, agent: &str) {
        let Some(banner) = self.refusals.remove(agent) else { return };
        let form = self.accounts.get(&self.account_of(agent)).and_then(|account| account.limited.clone());
        self.show_limit(agent, banner, form.map(|limited| (limited.form, limited.until)));
    }

    /// A program shows that its account is held.
    pub fn show_limit(&mut self, agent: &str, banner: String, form: Option<(Form, chrono::DateTime<chrono::Utc>)>) {
        let at = self.clock.at;
        let waits = self.random.percent(70);
        let claude = self.backend_of(agent) == "claude";
        let hides = self.hides_refusals(agent);
        let Some(program) = self.program(agent) else { return };
        program.turn = Turn::Rest;
        program.turns += 1;
        program.waits = None;
        let banner = if claude { banner } else { plain(&banner) };
        program.banner = Some(banner.clone());
        program.hides = hides && !matches!(form, Some((Form::Menu | Form::ByItself, _)));
        self.tells_refusal(agent, Refusal::Limit, &banner);
        let Some(program) = self.program(agent) else { return };
        match form {
            Some((Form::Menu, _)) if claude => {
                program.dialog = Some(Dialog::Limit { waits });
                program.covered = at;
                let number = program.number;
                let over = Over::Dialog { agent: agent.to_owned(), program: number };
                let after = self.random.spread(5 * MINUTE..=3 * HOUR);
                self.agenda.add(at + after, Event::Over(over));
            }
            Some((Form::ByItself, until)) if claude => {
                let after = self.clock.when(until) - at + 20 * SECOND;
                self.later(agent, after, Doing::GoOn);
            }
            Some(_) | None => {}
        }
        self.wrote(agent);
        self.rests_or_not(agent);
        self.dequeues(agent);
    }

    /// A key is pressed that answers a menu.
    pub fn menu_key(&mut self, agent: &str, key: &str) {
        let Some(program) = self.program(agent) else { return };
        match program.dialog {
            Some(Dialog::Limit { waits: true }) if key == "Enter" => {
                program.dialog = None;
                self.wrote(agent);
                self.dequeues(agent);
            }
            Some(dialog) => self.fail("no blind key", || format!("{agent}: {key} into {dialog:?}")),
            None => {}
        }
    }

    fn ends_turn(&mut self, agent: &str) {
        let kind = self.fleet.agent(agent).map(|agent| agent.kind.clone());
        let Some(program) = self.panes.get_mut(agent).and_then(|pane| pane.program.as_mut()) else { return };
        program.turn = Turn::Rest;
        program.turns += 1;
        program.said = said(program.style, &mut self.random);
        let next: Vec<Prompt> = program.taken.drain(..).collect();
        self.wrote(agent);
        self.tells_end(agent);
        match kind {
            Some(Kind::Loop { in_loop, role }) => self.hands_over(agent, &in_loop, &role),
            Some(Kind::Task(_)) if self.random.percent(80) => return self.dies(agent, Exit::Code(0)),
            Some(Kind::Persistent(_) | Kind::Task(_) | Kind::Service { .. }) | None => {}
        }
        if !next.is_empty() {
            return self.begin_turn_with(agent, &next, true);
        }
        self.chooses_rest(agent);
        self.rests_or_not(agent);
    }

    /// Decides how long a program rests, and whether it says so.
    pub fn chooses_rest(&mut self, agent: &str) {
        let wall = self.clock.now().wall;
        let says = self.calm || self.random.percent(55);
        let keeps = self.calm || self.random.percent(70);
        let wait = self.random.spread(MINUTE..=if self.calm { 10 * MINUTE } else { 80 * MINUTE });
        if says {
            let Some(program) = self.program(agent) else { return };
            let until = wall + span(wait);
            program.waits = Some(until - TimeDelta::milliseconds(i64::from(until.timestamp_subsec_millis())));
            if keeps {
                let late = self.random.between(0..=50 * SECOND);
                self.later(agent, wait + late, Doing::Alarm);
            }
        } else if self.random.percent(50) {
            let after = self.random.spread(MINUTE..=3 * HOUR);
            self.later(agent, after, Doing::Wander);
        }
    }

    /// Keeps since when a program is at rest with nothing in the way.
    pub fn rests_or_not(&mut self, agent: &str) {
        let at = self.clock.at;
        let Some(program) = self.program(agent) else { return };
        if program.works() || !program.booted {
            program.rests = None;
        } else if program.rests.is_none() {
            program.rests = Some(at);
        }
    }

    /// A loop agent pushes what it has done.
    fn hands_over(&mut self, agent: &str, in_loop: &str, role: &str) {
        let phase = self.pane(agent).prepared.as_ref().and_then(|start| start.phase.clone());
        let Some(phase) = phase else { return };
        let Some(origin) = self.origins.get_mut(in_loop) else { return };
        let work = origin.work.entry(phase.clone()).or_default();
        let open = work.claims > work.reviews;
        match (role, open) {
            ("builder", false) if work.passes >= 2 => self.write_done(in_loop, &phase),
            ("builder", false) => {
                work.claims += 1;
                let number = work.claims;
                self.push(in_loop, &format!("claim({phase}): gate {number}"), &[]);
            }
            ("adversary", true) => {
                work.reviews = work.claims;
                let number = work.claims;
                let passes = self.random.percent(60);
                let verdict = if passes { "PASS" } else { "FAIL" };
                if let Some(work) = self.origins.get_mut(in_loop).and_then(|origin| origin.work.get_mut(&phase)) {
                    work.passes += u32::from(passes);
                }
                self.push(in_loop, &format!("review({phase}): {verdict} gate {number}"), &[]);
            }
            _ if self.random.percent(10) && !self.calm => {
                let inbox = if role == "builder" { "ADVERSARY-INBOX.md" } else { "BUILDER-INBOX.md" };
                let text = format!("note {}", self.clock.at);
                self.push(in_loop, "notes", &[(format!("machine-docs/{inbox}"), Some(text))]);
            }
            _ if self.random.percent(5) && !self.calm => self.push(in_loop, "wip: nothing to hand over", &[]),
            _ => {}
        }
    }

    /// A program that hung has come to itself and reads what was typed meanwhile.
    pub fn revives(&mut self, agent: &str, number: u64) {
        let Some(program) = self.program(agent).filter(|program| program.number == number) else { return };
        if program.health != Health::Hung {
            return;
        }
        program.health = Health::Sound;
        for typed in std::mem::take(&mut program.unread) {
            let Some(program) = self.program(agent) else { return };
            match typed {
                Typed::Paste { message, text } => drop(program.paste(message, &text)),
                Typed::Press => {
                    if let Some(submitted) = program.press() {
                        self.submitted(agent, submitted);
                    }
                }
                Typed::Post(post) => self.takes_post(agent, post),
            }
        }
        self.wrote(agent);
    }

    /// A program is no more.
    pub fn program_gone(&mut self, agent: &str, program: Option<&Program>) {
        self.refusals.remove(agent);
        self.disturb(agent);
        if let Some(program) = program {
            let tells = program.mouth.teller.has_receipts();
            self.oracle.delivery.program_gone(
                agent,
                program.number,
                (tells, tells && program.mouth.lossy && !program.mouth.drifted),
            );
            if program.mouth.lossy {
                self.lost(agent, &program.taken.iter().cloned().collect::<Vec<_>>());
            }
        }
        self.oracle.limits.gone(agent);
    }

    fn is_agent(&self, agent: &str) -> bool {
        !self.fleet.agent(agent).is_some_and(|agent| matches!(agent.kind, Kind::Service { .. }))
    }
}

/// A banner as programs print it whose screens only `limit_re` reads.
fn plain(banner: &str) -> String {
    if banner.contains("hit your") { banner.to_owned() } else { "You've hit your limit. Try again later.".to_owned() }
}
