//! Which actions, observations and steps have occurred, and which there are.

use std::collections::BTreeSet;

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::agent_event::{Posted, Told};
use agent_orchestrator::policy::observation::Observation;

use super::oracle::{Step, Verdict};
use super::steps::Steps;
use super::world::World;

/// Names every variant of a type, once: the compiler asks for a new one.
macro_rules! variants {
    ($list:ident, $name_of:ident, $type:ident: $($variant:ident),+ $(,)?) => {
        const $list: &[&str] = &[$(concat!(stringify!($type), "::", stringify!($variant))),+];

        fn $name_of(value: &$type) -> &'static str {
            match value {
                $($type::$variant { .. } => concat!(stringify!($type), "::", stringify!($variant))),+
            }
        }
    };
}

variants!(ACTIONS, action_name, Action:
    Find, Prepare, Start, Stop, Look, Paste, Press, Key, WriteText, ReadText, Unspool, ReadPushed, WatchFiles,
    MarkComplete, RemoveFile, Answer, Record, Notify, Ready, Exit, Post);

variants!(OBSERVATIONS, observation_name, Observation:
    Config, ConfigBroken, PromptsChanged, Session, Prepared, Output, Wrote, Titled, Looked, Pasted, Pressed, Head, OriginTrouble,
    Pushed, File, Request, RequestGone, TextRead, Spool, Trouble, Deadline, Told, PostFailed);

variants!(TOLD, told_name, Told:
    SessionStart, SessionEnd, Conversation, Receipt, Working, Idle, Permission, Refused, Retrying, Posted, Context,
    Allowance);

variants!(POSTED, posted_name, Posted: Taken, Refused, Unsure);

/// What only programs bring about that tell wrongly, see `runs::Telling`.
const BY_SLIPS: &[&str] = &["Observation::PostFailed", "Posted::Refused"];

/// What has occurred.
#[derive(Debug, Default)]
pub struct Coverage {
    seen: BTreeSet<&'static str>,
    steps: Steps,
}

impl Coverage {
    pub fn judge(&mut self, seen: &Step, world: &World) -> Verdict {
        self.seen.extend(seen.told.iter().map(observation_name));
        self.seen.extend(seen.turn.actions.iter().map(action_name));
        for observation in seen.told {
            let Observation::Told { event, .. } = observation else { continue };
            self.seen.insert(told_name(&event.told));
            if let Told::Posted { outcome, .. } = &event.told {
                self.seen.insert(posted_name(outcome));
            }
        }
        self.steps.judge(seen, world)
    }

    pub fn add(&mut self, other: &Self) {
        self.seen.extend(&other.seen);
        self.steps.add(&other.steps);
    }

    /// Tells how often each step was taken, the rarest first.
    pub fn times(&self) -> Vec<String> {
        self.steps.times()
    }

    /// Names what only programs bring about that tell wrongly and has not occurred.
    pub fn missing_by_slips(&self) -> Vec<&'static str> {
        BY_SLIPS.iter().filter(|name| !self.seen.contains(*name)).copied().collect()
    }

    /// Names what there is and has not occurred.
    pub fn missing(&self, are_many: bool) -> Vec<String> {
        let all = ACTIONS.iter().chain(OBSERVATIONS).chain(TOLD).chain(POSTED);
        let variants = all.filter(|name| !self.seen.contains(*name) && !BY_SLIPS.contains(name));
        variants.map(|name| (*name).to_owned()).chain(self.steps.missing(are_many)).collect()
    }
}
