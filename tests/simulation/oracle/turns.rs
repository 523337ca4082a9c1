//! Turns end, wait for something, and do not chase their own deadlines.

use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::policy::state::State;

use super::{Step, Verdict, broken};
use crate::clock::SECOND;
use crate::world::World;

/// Turns by deadlines alone that may follow each other within a second.
const ALONE_MAX: u32 = 60;
/// Every so many turns the state is written and read.
const WRITTEN_EVERY: u64 = 64;

/// Counts turns that nothing but a deadline caused.
#[derive(Debug, Default)]
pub struct Turns {
    alone: u32,
    since: u64,
    count: u64,
}

impl Turns {
    pub fn supervisor_starts(&mut self, at: u64) {
        self.alone = 0;
        self.since = at;
    }

    pub fn judge(&mut self, seen: &Step, world: &World) -> Verdict {
        let at = world.clock.at;
        self.count += 1;
        if at >= self.since + SECOND {
            self.alone = 0;
            self.since = at;
        }
        self.alone += u32::from(seen.told == [Observation::Deadline]);
        if self.alone > ALONE_MAX {
            return broken("no turn without need", format!("{} turns by deadlines within a second", self.alone));
        }
        let state = &world.guard.saved;
        if self.count.is_multiple_of(WRITTEN_EVERY) {
            let text = serde_json::to_string(state).unwrap_or_default();
            let read: Result<State, _> = serde_json::from_str(&text);
            if read.ok().as_ref() != Some(state) {
                return broken("what is saved is what is read", text);
            }
        }
        Ok(())
    }
}
