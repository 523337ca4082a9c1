//! What a fault does to the world.

use agent_orchestrator::policy::agent_event::Refusal;
use agent_orchestrator::policy::fleet::Kind;
use agent_orchestrator::policy::observation::{Exit, Observation};

use super::agenda::{Event, Over};
use super::clock::{HOUR, JUMP_MAX, MINUTE, SECOND, span};
use super::mind::BROKEN_CONVERSATION;
use super::plan::{BY_NAME, Fault, Planned};
use super::program::{Dialog, Health, Input, Turn};
use super::repo::NOT_DONE;
use super::world::World;

/// So many phases come to their end in the calm that follows.
const PHASES_MAX: usize = 9;
/// The supervisor gets to run again within this time.
const STALL_MAX: u64 = 20 * SECOND;

/// Returns a time of the range, small ones as often as ones of twice the size, by a number drawn before.
fn spread(much: u64, low: u64, high: u64) -> u64 {
    super::random::Random::new(much).spread(low..=high)
}

fn place_in(of: &[String], whom: u64) -> usize {
    usize::try_from(whom % of.len().max(1) as u64).unwrap_or(0)
}

impl World {
    pub fn strike(&mut self, planned: Planned) {
        self.note(|| format!("fault: {:?}", planned.fault));
        self.faults += 1;
        let Planned { at: _, fault, whom, much } = planned;
        match fault {
            Fault::Slip(slip) => self.slip(slip, whom, much),
            Fault::Die
            | Fault::DieAgain
            | Fault::Hang
            | Fault::Fatal
            | Fault::Dialog
            | Fault::Draft
            | Fault::Scroll
            | Fault::Swallow
            | Fault::LosePaste
            | Fault::WrongProgram
            | Fault::Shell
            | Fault::Refused => self.strike_program(fault, whom, much),
            Fault::Limit(form) => self.strike_account(form, whom),
            Fault::Unreachable | Fault::Stuck | Fault::ClientLost | Fault::StartsFail | Fault::FilesMissing => {
                self.strike_session(fault, whom, much);
            }
            Fault::OriginFails
            | Fault::BadReads
            | Fault::Amend
            | Fault::PushTogether
            | Fault::EditPlan
            | Fault::Inbox
            | Fault::NotDone => self.strike_origin(fault, whom, much),
            Fault::Kill if self.guard.supervisor.is_some() => self.guard.kill = Some(much),
            Fault::Kill => {}
            Fault::Reboot => self.reboot(),
            Fault::Suspend => {
                self.disturb_all();
                self.clock.sleep(spread(much, MINUTE, 12 * HOUR));
                self.guard.sees(Observation::Deadline);
            }
            Fault::Jump => {
                self.disturb_all();
                let by = span(spread(much, SECOND, JUMP_MAX));
                self.clock.jump(if whom.is_multiple_of(2) { by } else { -by });
                self.guard.sees(Observation::Deadline);
                self.over(spread(much, MINUTE, 2 * HOUR), Over::Clock);
            }
            Fault::Slow => {
                self.disturb_all();
                self.slow = true;
                self.over(spread(much, 10 * SECOND, 10 * MINUTE), Over::Slow);
            }
            Fault::Stall => {
                self.disturb_all();
                self.guard.stalled_until = self.clock.at + spread(much, 50, STALL_MAX);
            }
            Fault::Says(said) => self.person_says(said, whom),
            Fault::Edit | Fault::AddPhase | Fault::BreakConfig => self.edit(fault, whom, much),
        }
    }

    /// Chooses one of these; from [`BY_NAME`] on the same agent among whichever.
    pub fn chosen(&self, of: &[String], whom: u64) -> Option<String> {
        if whom < BY_NAME {
            return of.get(place_in(of, whom)).cloned();
        }
        let mut names = self.setup.names();
        names.sort();
        names.get(place_in(&names, whom)).filter(|name| of.contains(name)).cloned()
    }

    pub fn over(&mut self, after: u64, over: Over) {
        self.agenda.add(self.clock.at + after, Event::Over(over));
    }

    pub fn running(&self) -> Vec<String> {
        let runs = self.panes.iter().filter(|(_, pane)| pane.program.as_ref().is_some_and(|program| program.booted));
        runs.map(|(name, _)| name.clone()).collect()
    }

    fn strike_program(&mut self, fault: Fault, whom: u64, much: u64) {
        let at = self.clock.at;
        let running = self.running();
        let Some(agent) = self.chosen(&running, whom) else { return };
        self.disturb(&agent);
        if matches!(fault, Fault::Die | Fault::DieAgain) {
            if fault == Fault::DieAgain {
                self.fragile.insert(agent.clone(), at + spread(much, MINUTE, 30 * MINUTE));
            }
            let exit =
                if much.is_multiple_of(3) { Exit::Signal(9) } else { Exit::Code(i32::try_from(much % 3).unwrap_or(1)) };
            return self.dies(&agent, exit);
        }
        let task = self.fleet.agent(&agent).is_some_and(|agent| matches!(agent.kind, Kind::Service { .. }));
        let Some(program) = self.program(&agent).filter(|_| !task) else { return };
        let number = program.number;
        match fault {
            Fault::Hang if program.health == Health::Sound => {
                program.health = Health::Hung;
                // Most do not come to themselves before they are ended.
                self.over(spread(much, 20 * SECOND, 5 * HOUR), Over::Hang { agent: agent.clone(), program: number });
            }
            Fault::Fatal if program.works() => {
                program.health = Health::Fatal;
                program.turn = Turn::Rest;
                program.turns += 1;
                self.refused(&agent, Refusal::Fatal, BROKEN_CONVERSATION);
            }
            Fault::Dialog if program.dialog.is_none() && !program.works() => {
                let kinds = [Dialog::Permission, Dialog::Menu, Dialog::Strange];
                program.dialog = Some(kinds[usize::try_from(much % 3).unwrap_or(0)]);
                program.covered = at;
                if program.dialog == Some(Dialog::Permission) {
                    self.tells_question(&agent);
                }
                self.over(spread(much, 10 * SECOND, 3 * HOUR), Over::Dialog { agent: agent.clone(), program: number });
            }
            Fault::Draft if program.input == Input::Empty && program.takes() => {
                program.input = Input::Draft { since: at, text: "rm -rf build &&".to_owned() };
                let submits = much.is_multiple_of(2);
                let over = Over::Draft { agent: agent.clone(), program: number, submits };
                self.over(spread(much, 2 * SECOND, HOUR), over);
            }
            Fault::Scroll => {
                program.scrolled = true;
                self.over(spread(much, 2 * SECOND, HOUR), Over::Scroll { agent: agent.clone(), program: number });
            }
            // Fewer than the keys that are pressed.
            Fault::Swallow => program.swallows = program.swallows.max(u32::try_from(much % 7 + 1).unwrap_or(1)),
            Fault::LosePaste => program.loses_pastes += 1,
            Fault::WrongProgram => program.command = if program.command == "claude" { "agent" } else { "claude" },
            Fault::Shell => program.command = "sh",
            Fault::Refused if program.works() => {
                program.turn = Turn::Rest;
                program.turns += 1;
                program.said = vec!["● API Error: 529 Overloaded".to_owned()];
                self.refused(&agent, Refusal::Overload, "API Error: 529 Overloaded");
            }
            _ => return,
        }
        self.wrote(&agent);
        self.rests_or_not(&agent);
    }

    fn strike_account(&mut self, form: super::account::Form, whom: u64) {
        let mut accounts: Vec<String> = self.fleet.agents.iter().map(|agent| agent.account.clone()).collect();
        accounts.sort();
        accounts.dedup();
        // No rule of `blind` reads limits.
        accounts.retain(|account| !account.is_empty() && account != "blind");
        let by_name = self.chosen(&self.setup.names(), whom).filter(|_| whom >= BY_NAME);
        let of_agent = by_name.map(|name| self.account_of(&name)).filter(|name| accounts.contains(name));
        let Some(name) = of_agent.or_else(|| self.chosen(&accounts, whom)) else { return };
        let account = self.accounts.entry(name.clone()).or_default();
        if account.limited.is_some() {
            return;
        }
        let model = (name == "claude" && whom.is_multiple_of(5)).then(|| "opus".to_owned());
        let number = account.limit(form, model, &self.clock, &mut self.random);
        let limited = account.limited.clone();
        self.note(|| format!("host: account {name} is limited: {limited:?}"));
        let Some(limited) = limited else { return };
        let until = self.clock.when(limited.until) - self.clock.at;
        self.over(until + HOUR, Over::Account { account: name.clone(), number });
        for agent in self.running() {
            let works = self.program(&agent).is_some_and(|program| program.works());
            if works && self.account_of(&agent) == name && self.random.percent(80) {
                self.limit_hits(&agent, &name);
            }
        }
    }

    /// A program that works is refused by its account.
    fn limit_hits(&mut self, agent: &str, account: &str) {
        let Some(program) = self.panes.get_mut(agent).and_then(|pane| pane.program.as_mut()) else { return };
        let account = self.accounts.entry(account.to_owned()).or_default();
        let Some(banner) = account.refuses(program.model.as_deref(), &self.clock) else { return };
        let form = account.limited.as_ref().map(|limited| (limited.form, limited.until));
        self.show_limit(agent, banner, form);
    }

    fn strike_session(&mut self, fault: Fault, whom: u64, much: u64) {
        let names: Vec<String> = self.panes.keys().cloned().collect();
        let Some(agent) = self.chosen(&names, whom) else { return };
        self.disturb(&agent);
        let life = self.guard.life;
        let pane = self.pane(&agent);
        match fault {
            Fault::Unreachable if pane.unreachable.is_none() => {
                pane.troubles += 1;
                pane.unreachable = Some((pane.troubles, false));
                pane.client += 1;
                let number = pane.troubles;
                let known = pane.known == life;
                let lasts = spread(much, 500, 30 * MINUTE);
                if known {
                    self.over(spread(whom, SECOND, 12 * SECOND), Over::Told { agent: agent.clone(), number });
                }
                self.over(lasts, Over::Unreachable { agent, number });
            }
            Fault::Stuck if pane.unreachable.is_none() => {
                pane.stuck = true;
                pane.troubles += 1;
                let number = pane.troubles;
                self.over(spread(much, SECOND, 30 * MINUTE), Over::Unreachable { agent, number });
            }
            Fault::ClientLost => pane.client += 1,
            Fault::StartsFail => pane.starts_fail = u32::try_from(much % 8 + 1).unwrap_or(1),
            Fault::FilesMissing => {
                pane.files_missing = true;
                self.over(spread(much, MINUTE, 3 * HOUR), Over::Files { agent });
            }
            _ => {}
        }
    }

    fn strike_origin(&mut self, fault: Fault, whom: u64, much: u64) {
        let names: Vec<String> = self.origins.keys().cloned().collect();
        let Some(in_loop) = self.chosen(&names, whom) else { return };
        let phase = self.guard.saved.loops.get(&in_loop).and_then(|state| state.phase.clone()).unwrap_or_default();
        match fault {
            Fault::OriginFails => {
                self.origin_fails(&in_loop, "could not resolve host");
                self.over(spread(much, SECOND, 2 * HOUR), Over::Origin { in_loop });
            }
            Fault::BadReads => {
                if let Some(origin) = self.origins.get_mut(&in_loop) {
                    origin.bad_reads = u32::try_from(much % 9 + 1).unwrap_or(1);
                }
            }
            Fault::Amend => {
                let Some(origin) = self.origins.get_mut(&in_loop) else { return };
                let files: Vec<_> = origin.files().into_iter().collect();
                let Some(commit) = origin.drop_head() else { return };
                self.push(&in_loop, &format!("{} (amended)", commit.subject), &files);
            }
            Fault::PushTogether => {
                self.push(&in_loop, &format!("claim({phase}): extra {much}"), &[]);
                self.push(&in_loop, &format!("Review({phase}): extra {much}"), &[]);
            }
            Fault::EditPlan => {
                let text = format!("plan {much}");
                if whom.is_multiple_of(2) {
                    self.push(&in_loop, "plan", &[(format!("plan-{phase}.md"), Some(text))]);
                } else {
                    self.write(&format!("/p/plan-{phase}.md").into(), Some(&text));
                }
            }
            Fault::Inbox => {
                let inbox = if whom.is_multiple_of(2) { "ADVERSARY-INBOX.md" } else { "BUILDER-INBOX.md" };
                let text = (!much.is_multiple_of(4)).then(|| format!("note {much}"));
                self.push(&in_loop, "note", &[(format!("machine-docs/{inbox}"), text)]);
            }
            Fault::NotDone => {
                let text = NOT_DONE[usize::try_from(much % 5).unwrap_or(0)];
                self.write_status(&in_loop, &phase, text);
            }
            _ => {}
        }
    }

    fn reboot(&mut self) {
        self.note(|| "host: reboot".to_owned());
        self.kill_supervisor();
        self.guard.kill = None;
        self.clock.reboot();
        for agent in self.panes.keys().cloned().collect::<Vec<_>>() {
            let pane = self.pane(&agent);
            pane.corpse = None;
            pane.unreachable = None;
            pane.stuck = false;
            pane.late_start = false;
            let gone = self.pane(&agent).program.take();
            self.program_gone(&agent, gone.as_ref());
        }
        self.agenda.drop_arrivals();
    }

    fn edit(&mut self, fault: Fault, whom: u64, much: u64) {
        match fault {
            Fault::BreakConfig => {
                self.setup.broken = true;
                self.over(spread(much, SECOND, 2 * HOUR), Over::Config);
                return self.see_soon(Observation::ConfigBroken { error: "line 3: expected `=`".to_owned() });
            }
            Fault::AddPhase => {
                let count = self.setup.loops.len() as u64;
                let a_loop = &mut self.setup.loops[usize::try_from(whom % count).unwrap_or(0)];
                if a_loop.phases.len() < PHASES_MAX {
                    a_loop.phases.push(format!("p{}", a_loop.phases.len() + 1));
                }
            }
            _ => {
                let names = self.setup.names();
                let Some(name) = self.chosen(&names, whom) else { return };
                match much % 6 {
                    0 => drop(self.setup.disabled.insert(name)),
                    1 => self.setup.disabled.clear(),
                    2 if self.setup.is_removable(&name) => drop(self.setup.removed.insert(name)),
                    3 => self.setup.added += 1,
                    4 => self.setup.signal_interval = 20 + much % 40,
                    _ => self.setup.draft_alarm = 300 + much % 900,
                }
            }
        }
        self.config_came();
    }

    /// The config on disk is read again.
    pub fn config_came(&mut self) {
        if self.setup.broken {
            return;
        }
        let fleet = self.setup.fleet();
        self.on_disk = std::sync::Arc::clone(&fleet);
        self.see_soon(Observation::Config { fleet, warnings: Vec::new() });
    }
}
