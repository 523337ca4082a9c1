//! The end of a run: what is wrong is mended, people start what they stopped, and everything has to come to its end.

use std::collections::BTreeMap;

use agent_orchestrator::policy::request::Request;

use super::agenda::{Event, Over};
use super::clock::{HOUR, MINUTE, SECOND};
use super::program::Input;
use super::world::World;

impl World {
    /// Nothing goes wrong any more, and what is wrong is mended.
    pub fn calm_down(&mut self) {
        self.note(|| "host: calm".to_owned());
        self.calm = true;
        self.slow = false;
        self.guard.kill = None;
        self.fragile.clear();
        self.clock.set_right();
        self.accounts.clear();
        for agent in self.panes.keys().cloned().collect::<Vec<_>>() {
            self.mend(&agent);
        }
        for in_loop in self.origins.keys().cloned().collect::<Vec<_>>() {
            if let Some(origin) = self.origins.get_mut(&in_loop) {
                origin.bad_reads = 0;
            }
            self.is_over(Over::Origin { in_loop });
        }
        self.setup.calm();
        self.config_came();
        if self.guard.supervisor.is_none() {
            self.agenda.add(self.clock.at + SECOND, Event::Supervise { held: false });
        }
        // What is held is not started anew; by the second time nothing is.
        for after in [MINUTE, HOUR] {
            self.agenda.add(self.clock.at + after, Event::Over(Over::StartAll));
        }
    }

    fn mend(&mut self, agent: &str) {
        let number = self.pane(agent).troubles;
        self.is_over(Over::Unreachable { agent: agent.to_owned(), number });
        self.is_over(Over::Files { agent: agent.to_owned() });
        let pane = self.pane(agent);
        pane.starts_fail = 0;
        let Some(program) = &mut pane.program else { return };
        program.dialog = None;
        program.scrolled = false;
        program.swallows = 0;
        program.loses_pastes = 0;
        program.mouth.mend();
        program.command = program.style.command();
        if matches!(program.input, Input::Draft { .. }) {
            program.input = Input::Empty;
        }
        let number = program.number;
        self.revives(agent, number);
        self.dequeues(agent);
        self.wrote(agent);
    }

    /// People start everything by name, and anew what they left in another phase than they recorded.
    pub fn start_all(&mut self) {
        for agent in self.fleet.clone().agents.iter().filter(|agent| agent.name != "report") {
            let recorded = agent.in_loop().and_then(|name| self.guard.saved.loops.get(name)?.phase.clone());
            let told = self.pane(&agent.name).prepared.as_ref().and_then(|start| start.phase.clone());
            let overrides = BTreeMap::new();
            self.request(if recorded == told {
                Request::Up { names: vec![agent.name.clone()], overrides }
            } else {
                Request::Restart { name: agent.name.clone(), overrides }
            });
        }
    }

    /// Judges that everything came to its end.
    pub fn judge_end(&mut self) {
        let state = self.guard.saved.clone();
        if self.guard.supervisor.is_none() {
            return self.fail("a supervisor is there in the end", String::new);
        }
        // Where nobody runs, nobody can be asked; who is started then is the probe.
        let someone_runs = |account: &str| {
            self.panes.iter().any(|(name, pane)| pane.program.is_some() && self.account_of(name) == account)
        };
        if let Some(limit) = state.limits.iter().find(|limit| someone_runs(&limit.account)) {
            return self.fail("no hold outlives its limit", || format!("{limit:?}"));
        }
        for a_loop in &self.fleet.clone().loops {
            let marked = self.complete.get(&a_loop.name).copied().unwrap_or_default();
            let at = state.loops.get(&a_loop.name);
            let last = a_loop.phases.last().map(|phase| phase.id.clone());
            let is_last = at.is_some_and(|at| at.phase == last && at.complete.is_some());
            if !is_last || !marked {
                return self.fail("every sequence comes to its end", || format!("{}: {at:?}, {marked}", a_loop.name));
            }
        }
        if let Some(missing) = self.oracle.delivery.prompts.missing().cloned() {
            return self.fail("what is delivered becomes a prompt", || format!("{missing:?}"));
        }
        for (name, agent) in &state.agents {
            if agent.order.is_some() {
                return self.fail("what was ordered has begun", || format!("{name}: {agent:?}"));
            }
        }
    }
}
