//! Whether an agent works, as far as its events, its output and the last look tell.

use std::time::Duration;

use super::Supervisor;
use super::now::{Mono, Now};
use super::watch::shows_work;

/// Output within this time counts as work: a resting program writes nothing (agents.md, 10).
pub(super) const WORKING: Duration = Duration::from_secs(3);

/// What a program writes within this time after it told, or its title, that its turn has ended is the end of its screen.
const DRAWN_MAX: Duration = Duration::from_secs(1);

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    /// It works, as long as nothing else is seen until then.
    Working { until: Mono },
    /// It has not been listened to for long enough to tell.
    Unheard { until: Mono },
    /// It has been silent, and its screen shows no work.
    Idle,
}

impl Supervisor {
    /// Says whether the agent is known to work: it wrote something, or its screen showed so, within the last 3 s.
    pub fn is_working(&self, name: &str, now: Now) -> bool {
        match self.activity(name, now) {
            Activity::Working { .. } => true,
            Activity::Unheard { .. } | Activity::Idle => false,
        }
    }

    /// Says whether what the agent wrote is all that shows it at work.
    pub(super) fn works_by_output(&self, name: &str, now: Now) -> bool {
        let live = self.agents.get(name);
        let is_told = live.is_some_and(|live| live.heard.works() == Some(true));
        let is_shown = live.and_then(|live| live.look.as_ref()).is_some_and(|look| shows_work(&look.readings));
        self.is_working(name, now) && !is_told && !is_shown
    }

    /// Says what a running agent does; a program that was just found or started is not taken for idle.
    pub(super) fn activity(&self, name: &str, now: Now) -> Activity {
        let (Some(state), Some(live)) = (self.state.agents.get(name), self.agents.get(name)) else {
            return Activity::Idle;
        };
        if live.heard.works() == Some(true) && live.rest.is_none() {
            return Activity::Working { until: now.mono + WORKING };
        }
        // What is drawn when a turn ends is no work any more.
        let ended = live.heard.ended().max(live.title_rests());
        let drawn = ended.map(|ended| ended + DRAWN_MAX);
        let output = live.output.filter(|output| drawn.is_none_or(|drawn| *output > drawn));
        let shown = live.look.as_ref().filter(|look| shows_work(&look.readings)).map(|look| look.at.mono);
        let until = output.max(shown).map(|seen| seen + WORKING).filter(|until| *until > now.mono);
        if let Some(until) = until {
            return Activity::Working { until };
        }
        let until = state.since.mono.max(live.found.unwrap_or_default()) + WORKING;
        if until > now.mono { Activity::Unheard { until } } else { Activity::Idle }
    }
}
