//! The simulated world: a host, its programs, origins, accounts and people, and the supervisor among them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::fleet::Fleet;
use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::policy::request::Request;
use agent_orchestrator::policy::screen::Screen;
use agent_orchestrator::policy::state::State;
use chrono::{DateTime, TimeDelta, Utc};

use super::account::Account;
use super::agenda::{Agenda, Event};
use super::clock::{Clock, DAY, HOUR, MINUTE, SECOND, span};
use super::guard::Guard;
use super::host::Pane;
use super::oracle::Oracle;
use super::origin::Origin;
use super::plan::Planned;
use super::program::{Program, Style};
use super::random::Random;
use super::setup::Setup;
use super::teller::Teller;

/// So much may happen in the same millisecond.
const STEPS_MAX: u32 = 10_000;

/// A rule that was broken in a run.
#[derive(Debug, Clone)]
pub struct Failure {
    pub rule: &'static str,
    pub how: String,
    pub at: u64,
}

/// All there is.
pub struct World {
    pub clock: Clock,
    pub random: Random,
    /// Left to chance in what programs tell, apart from everything else.
    pub telling: Random,
    pub agenda: Agenda,
    plan: Vec<Planned>,
    pub setup: Setup,
    /// What the config on disk says.
    pub on_disk: Arc<Fleet>,
    /// The one in force.
    pub fleet: Arc<Fleet>,
    pub panes: BTreeMap<String, Pane>,
    /// Counts programs, ever.
    pub programs: u64,
    /// Banners that refused turns will end with.
    pub refusals: BTreeMap<String, String>,
    /// Agents whose programs die soon, until then.
    pub fragile: BTreeMap<String, u64>,
    pub accounts: BTreeMap<String, Account>,
    pub origins: BTreeMap<String, Origin>,
    pub disk: BTreeMap<PathBuf, String>,
    /// Loops that have a SEQUENCE-COMPLETE.
    pub complete: BTreeMap<String, bool>,
    pub guard: Guard,
    pub requests: u64,
    /// The life of the supervisor whose command is having its effect.
    pub asker: Option<u64>,
    /// What was left for the next supervisor: file and request.
    pub spool: Vec<(String, Request)>,
    pub slow: bool,
    /// Nothing goes wrong any more.
    pub calm: bool,
    pub faults: u64,
    pub oracle: Oracle,
    pub trace: Option<Vec<String>>,
    /// Screens as the trace has told them last.
    drawn: BTreeMap<String, String>,
    pub failure: Option<Failure>,
}

impl World {
    pub fn new(seed: u64, setup: Setup, plan: Vec<Planned>, traced: bool) -> Self {
        let mut random = Random::new(seed);
        let telling = Random::new(seed ^ 0x7e11);
        let began: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().expect("a time");
        let began = began + span(random.below(365 * DAY) / SECOND * SECOND);
        let zones = [chrono_tz::UTC, chrono_tz::Europe::Berlin, chrono_tz::America::New_York, chrono_tz::Asia::Kolkata];
        let zone = random.pick(&zones).copied().unwrap_or(chrono_tz::UTC);
        let clock = Clock::new(began, zone);
        let fleet = setup.fleet();
        let origins = setup.loops.iter().map(|a_loop| (a_loop.name.clone(), Origin::new(&a_loop.name))).collect();
        let guard = Guard::new(State::new(&clock.boot_id()));
        let mut agenda = Agenda::default();
        for (place, planned) in plan.iter().enumerate() {
            agenda.add(planned.at, Event::Fault(place));
        }
        agenda.add(0, Event::Supervise { held: false });
        Self {
            clock,
            random,
            telling,
            agenda,
            plan,
            setup,
            on_disk: Arc::clone(&fleet),
            fleet,
            panes: BTreeMap::new(),
            programs: 0,
            refusals: BTreeMap::new(),
            fragile: BTreeMap::new(),
            accounts: BTreeMap::new(),
            origins,
            disk: BTreeMap::new(),
            complete: BTreeMap::new(),
            guard,
            requests: 0,
            asker: None,
            spool: Vec::new(),
            slow: false,
            calm: false,
            faults: 0,
            oracle: Oracle::default(),
            trace: traced.then(Vec::new),
            drawn: BTreeMap::new(),
            failure: None,
        }
    }

    /// Lets everything happen until then, unless a rule is broken before.
    pub fn run(&mut self, until: u64) {
        let mut steps = 0;
        while self.failure.is_none() {
            let event = self.agenda.next_at();
            let turn = self.guard.due(self.clock.at);
            let Some(next) = event.into_iter().chain(turn).min().filter(|next| *next <= until) else { break };
            steps = if next > self.clock.at { 0 } else { steps + 1 };
            if steps > STEPS_MAX {
                return self.fail("time goes on", String::new);
            }
            self.clock.at = next.max(self.clock.at);
            match self.agenda.take_until(self.clock.at) {
                Some(event) => self.happen(event),
                None => self.turn(),
            }
            self.judge_progress();
        }
        self.clock.at = if self.failure.is_none() { until } else { self.clock.at };
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Fault(place) => self.strike(self.plan[place]),
            Event::Arrive { life, agent, client, command } => self.arrive(life, &agent, client, command),
            Event::Seen { life, seen } => {
                if life == self.guard.life && self.guard.supervisor.is_some() {
                    self.guard.sees(seen);
                }
            }
            Event::Program { agent, program, turn, doing } => self.does(&agent, program, turn, doing),
            Event::Tells { agent, run, events } => self.told(&agent, run, events),
            Event::Post { agent, program, post } => self.posted(&agent, program, post),
            Event::Output { agent } => self.tell_output(&agent),
            Event::Origin { life, in_loop } => self.origin_looked_at(life, &in_loop),
            Event::Over(over) => self.is_over(over),
            Event::Supervise { held } => self.supervise(held),
        }
    }

    /// A rule is broken; the first one counts.
    pub fn fail(&mut self, rule: &'static str, how: impl FnOnce() -> String) {
        if self.failure.is_none() {
            let how = how();
            self.note(|| format!("BROKEN: {rule}: {how}"));
            self.failure = Some(Failure { rule, how, at: self.clock.at });
        }
    }

    /// Writes a line of the trace, if one is kept.
    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{} {}", self.clock.stamp(), what()));
        }
    }

    pub fn note_seen(&mut self, seen: &[Observation]) {
        for one in seen {
            let text = match one {
                Observation::Looked { agent, screen: Ok(screen) } => {
                    let text = brief(screen);
                    if self.drawn.insert(agent.clone(), text.clone()).as_ref() == Some(&text) {
                        continue;
                    }
                    format!("  sees {agent}: {text}")
                }
                Observation::Output { .. } | Observation::Deadline => continue,
                Observation::Config { .. } => "  sees the config".to_owned(),
                Observation::Told { agent, run, event } => {
                    format!("  hears {agent} (run {run}): {}", event.told.line())
                }
                other => format!("  sees {other:?}"),
            };
            self.note(|| text);
        }
    }

    pub fn note_action(&mut self, action: &Action) {
        if matches!(action, Action::Look { .. }) {
            return;
        }
        self.note(|| match action {
            Action::Record(event) => {
                format!("  records {:?} {}: {}", event.event, event.agent.clone().unwrap_or_default(), event.text)
            }
            other => format!("  does {other:?}"),
        });
    }

    pub fn backend_of(&self, agent: &str) -> String {
        self.fleet.agent(agent).map(|agent| agent.backend_name.clone()).unwrap_or_default()
    }

    pub fn style_of(&self, agent: &str) -> Option<Style> {
        self.fleet.agent(agent).map(|agent| Style::of(&agent.backend_name))
    }

    pub fn account_of(&self, agent: &str) -> String {
        self.fleet.agent(agent).map(|agent| agent.account.clone()).unwrap_or_default()
    }

    /// Says whether the agent's account would really refuse it.
    pub fn is_limited(&self, agent: &str) -> bool {
        let model = self.panes.get(agent).and_then(|pane| pane.program.as_ref()?.model.clone());
        self.accounts.get(&self.account_of(agent)).and_then(|account| account.limited.as_ref()).is_some_and(|limited| {
            let concerned = limited.model.as_ref().is_none_or(|of| model.is_some_and(|own| own.contains(of.as_str())));
            concerned && limited.until > self.clock.true_time()
        })
    }

    /// Says whether a program has been silent for longer than it may.
    pub fn has_stalled(&self, program: &Program) -> bool {
        let Some(rests) = program.rests else { return false };
        let idle = self.clock.at - rests;
        let now = self.clock.now().wall;
        match program.waits {
            Some(until) => now >= until.min(now + TimeDelta::hours(1)) + span(180 * SECOND) || idle > HOUR + 3 * MINUTE,
            // Work that is not told, or against what is told, may go unseen for as long as a drift takes.
            None if program.mouth.teller == Teller::Silent => idle >= 1795 * SECOND,
            None => idle >= 1760 * SECOND,
        }
    }
}

/// Writes a screen in one line.
fn brief(screen: &Screen) -> String {
    let mut text = String::new();
    for row in
        screen.rows.iter().filter(|row| !row.trim().is_empty() && !row.contains("......") && !row.contains("───"))
    {
        let _ = write!(text, "{} ⏎", row.trim_end());
    }
    format!("{text}[{}{}]", screen.command, if screen.in_mode { ", scrolled" } else { "" })
}
