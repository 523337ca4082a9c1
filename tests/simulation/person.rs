//! What people ask of the supervisor, and whether they are answered.

use std::collections::BTreeMap;
use std::time::Duration;

use agent_orchestrator::policy::observation::{Observation, Spooled};
use agent_orchestrator::policy::request::{Asker, PhaseTarget, Reply, Request, RequestId};

use super::agenda::{Event, Over};
use super::clock::{HOUR, MINUTE, SECOND};
use super::world::World;

/// What a person may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Up,
    UpAll,
    Down,
    DownAll,
    Restart,
    Send,
    SendLong,
    SendQueued,
    SendGone,
    PhaseNext,
    PhaseSet,
    PhaseRecord,
    Status,
    Wake,
    Probe,
    Run,
    RunFresh,
}

pub const SAID: [Said; 17] = [
    Said::Up,
    Said::UpAll,
    Said::Down,
    Said::DownAll,
    Said::Restart,
    Said::Send,
    Said::SendLong,
    Said::SendQueued,
    Said::SendGone,
    Said::PhaseNext,
    Said::PhaseSet,
    Said::PhaseRecord,
    Said::Status,
    Said::Wake,
    Said::Probe,
    Said::Run,
    Said::RunFresh,
];

impl World {
    /// A person says something; `whom` chooses the agent or loop.
    pub fn person_says(&mut self, said: Said, whom: u64) {
        let names = self.names();
        let Some(name) = self.chosen(&names, whom) else { return };
        let loops: Vec<String> = self.fleet.loops.iter().map(|a_loop| a_loop.name.clone()).collect();
        let in_loop = loops.get(usize::try_from(whom % loops.len().max(1) as u64).unwrap_or(0)).cloned();
        let overrides = BTreeMap::new;
        let wait = Duration::from_secs(self.random.spread(1..=3600));
        // No two say the same: what was taken twice is told by its text.
        let text = format!("person {}: have a look", self.requests + 1);
        let send = |text: String, queue| Request::Send { name: name.clone(), text, wait, queue };
        let request = match said {
            Said::Up => Request::Up { names: vec![name], overrides: overrides() },
            Said::UpAll => Request::Up { names: Vec::new(), overrides: overrides() },
            Said::Down => Request::Down { names: vec![name] },
            Said::DownAll => Request::Down { names: Vec::new() },
            Said::Restart => Request::Restart { name, overrides: overrides() },
            Said::Send | Said::SendGone => send(text, false),
            Said::SendLong => send(format!("{text}\n{}", "and more of it\n".repeat(100)), false),
            Said::SendQueued => send(text, true),
            Said::PhaseNext => Request::PhaseSet { in_loop, to: PhaseTarget::Next, restart: true },
            Said::PhaseSet | Said::PhaseRecord => {
                let to = PhaseTarget::Named((whom / 7 % 4).to_string());
                Request::PhaseSet { in_loop, to, restart: said == Said::PhaseSet }
            }
            Said::Status => Request::Explain { name },
            Said::Wake => Request::Wake { name },
            Said::Probe => Request::Probe { name },
            Said::Run | Said::RunFresh => {
                let fresh = said == Said::RunFresh;
                Request::Run { name: "report".to_owned(), fresh, text: (whom.is_multiple_of(2)).then_some(text) }
            }
        };
        let number = self.request(request);
        if said == Said::SendGone {
            let after = self.random.spread(10..=10 * SECOND);
            self.agenda.add(self.clock.at + after, Event::Over(Over::HangUp { request: number }));
        }
    }

    /// Somebody asks; returns the request's number.
    pub fn request(&mut self, request: Request) -> u64 {
        self.requests += 1;
        let number = self.requests;
        if self.guard.supervisor.is_none() {
            // The verb starts a supervisor that holds, and asks then.
            if matches!(request, Request::Up { .. }) {
                let at = self.clock.at;
                self.agenda.add(at + SECOND, Event::Supervise { held: true });
                self.agenda.add(at + 2 * SECOND, Event::Over(Over::AskUp));
            }
            let waits =
                matches!(request, Request::Wake { .. } | Request::Run { .. } | Request::Send { queue: true, .. });
            if waits {
                self.spool.push((format!("{number:06}"), request));
            }
            return number;
        }
        self.guard.asked.insert(number, self.clock.at);
        self.see_soon(Observation::Request { id: RequestId(number), request, asker: Asker::Person });
        number
    }

    /// The spool has changed, or a supervisor begins.
    pub fn see_spool(&mut self) {
        let spooled = |(id, request): &(String, Request)| Spooled { id: id.clone(), request: Some(request.clone()) };
        let found = self.spool.iter().map(spooled).collect();
        self.see_soon(Observation::Spool { found });
    }

    pub fn hangs_up(&mut self, request: u64) {
        if self.guard.asked.remove(&request).is_some() {
            self.see_soon(Observation::RequestGone { id: RequestId(request) });
        }
    }

    pub fn answered(&mut self, number: u64, reply: &Reply) {
        let hung_up = number <= self.requests;
        if self.guard.asked.remove(&number).is_none() && !hung_up {
            self.fail("nobody is answered who has not asked", || format!("{number}: {reply:?}"));
        }
    }

    /// The supervisor has ended because a person said so: another one is started after a while.
    pub fn after_exit(&mut self) {
        let after = self.random.spread(MINUTE..=HOUR);
        self.agenda.add(self.clock.at + after, Event::Supervise { held: false });
    }

    fn names(&self) -> Vec<String> {
        self.setup.names()
    }
}
