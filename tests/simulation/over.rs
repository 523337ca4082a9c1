//! How faults end.

use agent_orchestrator::policy::observation::{Observation, SessionSeen};

use super::agenda::Over;
use super::clock::{MINUTE, SECOND};
use super::host::died;
use super::program::{Dialog, Input};
use super::world::World;

impl World {
    pub fn is_over(&mut self, over: Over) {
        self.fault_disturbs(&over);
        match over {
            Over::Posted { agent, program, message } => self.unanswered(&agent, program, message.0),
            Over::Lost { agent, program } => self.stream_is_back(&agent, program),
            Over::Unreachable { agent, number } => self.reachable(&agent, number),
            Over::Told { agent, number } => {
                let pane = self.pane(&agent);
                if pane.unreachable == Some((number, false)) {
                    pane.unreachable = Some((number, true));
                    self.tell_session(&agent, SessionSeen::Unknown { why: "no answer".to_owned() });
                }
            }
            Over::Draft { agent, program, submits } => self.draft_over(&agent, program, submits),
            Over::Leftover { agent, text } => self.leftover_over(&agent, &text),
            Over::Dialog { agent, program } => self.dialog_over(&agent, program),
            Over::Scroll { agent, program: number } => {
                if let Some(program) = self.program(&agent).filter(|program| program.number == number) {
                    program.scrolled = false;
                    self.wrote(&agent);
                }
            }
            Over::Hang { agent, program } => self.revives(&agent, program),
            Over::Files { agent } => {
                self.pane(&agent).files_missing = false;
                self.see_soon(Observation::PromptsChanged);
            }
            Over::Origin { in_loop } => {
                if let Some(origin) = self.origins.get_mut(&in_loop) {
                    origin.trouble = None;
                }
                let after = self.random.between(1..=40 * SECOND);
                self.look_at_origin(&in_loop, after);
            }
            Over::Account { account, number } => {
                let account = self.accounts.entry(account).or_default();
                account.limited.take_if(|limited| limited.number == number);
            }
            Over::Slow => self.slow = false,
            Over::Config => self.config_mended(),
            Over::HangUp { request } => self.hangs_up(request),
            Over::AskUp => {
                if self.guard.supervisor.is_some() {
                    let overrides = std::collections::BTreeMap::new();
                    let names = Vec::new();
                    self.request(agent_orchestrator::policy::request::Request::Up { names, overrides });
                }
            }
            Over::StartAll => self.start_all(),
            Over::Clock => {
                self.clock.set_right();
                self.guard.sees(Observation::Deadline);
            }
        }
    }

    fn reachable(&mut self, agent: &str, number: u64) {
        let (life, at) = (self.guard.life, self.clock.at);
        let pane = self.pane(agent);
        if pane.troubles != number {
            return;
        }
        // What was asked before is done before.
        if let Some(wait) = pane.busy_for(at) {
            return self.over(wait, Over::Unreachable { agent: agent.to_owned(), number });
        }
        let pane = self.pane(agent);
        pane.stuck = false;
        let told = pane.unreachable.take().is_some_and(|(_, told)| told);
        if pane.known != life {
            return;
        }
        let seen = match (&pane.program, pane.corpse) {
            (Some(program), _) if told => SessionSeen::Running { run: program.run },
            (None, Some((run, exit))) => died(run, exit),
            (None, None) if told => SessionSeen::Absent,
            (Some(_), _) => return self.tell_of(agent, Observation::Output { agent: agent.to_owned() }),
            (None, _) => return,
        };
        self.tell_session(agent, seen);
    }

    /// A person who is told that something stands in a box sees to what is not their own.
    pub fn hears_of_draft(&mut self, agent: &str) {
        let Some(Input::Ours { text, .. }) = self.program(agent).map(|program| program.input.clone()) else { return };
        let after = self.random.spread(MINUTE..=20 * MINUTE);
        self.over(after, Over::Leftover { agent: agent.to_owned(), text });
    }

    fn leftover_over(&mut self, agent: &str, left: &str) {
        let Some(program) = self.program(agent) else { return };
        if matches!(&program.input, Input::Ours { text, .. } if text == left) {
            program.input = Input::Empty;
            self.disturb(agent);
            self.wrote(agent);
        }
    }

    fn draft_over(&mut self, agent: &str, number: u64, submits: bool) {
        let Some(program) = self.program(agent).filter(|program| program.number == number) else { return };
        if !matches!(program.input, Input::Draft { .. }) {
            return;
        }
        let submitted = std::mem::replace(&mut program.input, Input::Empty);
        self.wrote(agent);
        if submits && self.program(agent).is_some_and(|program| program.takes()) {
            self.submitted(agent, submitted);
        }
    }

    fn dialog_over(&mut self, agent: &str, number: u64) {
        let Some(program) = self.program(agent).filter(|program| program.number == number) else { return };
        if let Some(dialog) = program.dialog.take() {
            if dialog == Dialog::Permission {
                self.tells_answer(agent);
            }
            self.wrote(agent);
            self.dequeues(agent);
        }
    }

    fn config_mended(&mut self) {
        self.setup.broken = false;
        self.config_came();
    }
}
