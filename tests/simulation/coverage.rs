//! Which actions, observations and steps of sessions have occurred, and which there are.

use std::collections::BTreeSet;

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::agent_event::{Posted, Told};
use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::policy::state::{Over, Session};

use super::oracle::{Step, Verdict, broken};

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

/// What only programs bring about that tell wrongly, see `runs::draw`.
const BY_SLIPS: &[&str] = &["Observation::PostFailed", "Posted::Refused"];

fn session_name(session: &Session) -> &'static str {
    match session {
        Session::Absent => "absent",
        Session::Preparing { over: Over::Nothing } => "preparing",
        Session::Preparing { over: Over::Dead { .. } } => "preparing over dead",
        Session::Preparing { over: Over::Live } => "preparing over live",
        Session::Stopping { then_start: false } => "stopping",
        Session::Stopping { then_start: true } => "stopping to start",
        Session::Starting => "starting",
        Session::Running { ready: false } => "running",
        Session::Running { ready: true } => "ready",
        Session::Dead { .. } => "dead",
        Session::Unknown { .. } => "unknown",
    }
}

/// What one turn may make of a session and has to make of one in the days of a whole run, and below what it may make of
/// one and hardly ever does.
const STEPS: &[(&str, &str)] = &[
    ("absent", "preparing"),
    ("absent", "unknown"),
    ("dead", "absent"),
    ("dead", "preparing over dead"),
    ("dead", "stopping"),
    ("dead", "unknown"),
    ("preparing", "absent"),
    ("preparing", "starting"),
    ("preparing over dead", "dead"),
    ("preparing over dead", "preparing"),
    ("preparing over dead", "stopping to start"),
    ("preparing over live", "ready"),
    ("preparing over live", "running"),
    ("preparing over live", "stopping to start"),
    ("ready", "dead"),
    ("ready", "preparing over dead"),
    ("ready", "preparing over live"),
    ("ready", "stopping"),
    ("ready", "unknown"),
    ("running", "dead"),
    ("running", "preparing over live"),
    ("running", "ready"),
    ("running", "stopping"),
    ("running", "unknown"),
    ("starting", "dead"),
    ("starting", "preparing"),
    ("starting", "preparing over dead"),
    ("starting", "preparing over live"),
    ("starting", "ready"),
    ("starting", "running"),
    ("starting", "stopping"),
    ("stopping", "absent"),
    ("stopping", "preparing"),
    ("stopping to start", "absent"),
    ("stopping to start", "preparing"),
    ("stopping to start", "starting"),
    ("unknown", "absent"),
    ("unknown", "dead"),
    ("unknown", "ready"),
];

const RARE: &[(&str, &str)] = &[
    ("stopping to start", "stopping"),
    ("unknown", "preparing over live"),
    ("unknown", "preparing over dead"),
    ("dead", "preparing"),
    ("absent", "starting"),
    ("dead", "starting"),
    ("preparing", "unknown"),
    ("preparing over dead", "absent"),
    ("preparing over dead", "unknown"),
    ("preparing over live", "absent"),
    ("preparing over live", "dead"),
    ("preparing over live", "preparing over dead"),
    ("preparing over live", "stopping"),
    ("preparing over live", "unknown"),
    ("ready", "absent"),
    ("ready", "preparing"),
    ("running", "absent"),
    ("running", "preparing over dead"),
    ("starting", "absent"),
    ("starting", "unknown"),
    ("stopping", "starting"),
    ("stopping", "stopping to start"),
    ("stopping", "unknown"),
    ("stopping to start", "dead"),
    ("stopping to start", "unknown"),
    ("unknown", "preparing"),
    ("unknown", "running"),
    ("unknown", "stopping"),
];

/// What has occurred.
#[derive(Debug, Default)]
pub struct Coverage {
    seen: BTreeSet<&'static str>,
    steps: BTreeSet<(&'static str, &'static str)>,
}

impl Coverage {
    pub fn judge(&mut self, seen: &Step) -> Verdict {
        self.seen.extend(seen.told.iter().map(observation_name));
        self.seen.extend(seen.turn.actions.iter().map(action_name));
        for observation in seen.told {
            let Observation::Told { event, .. } = observation else { continue };
            self.seen.insert(told_name(&event.told));
            if let Told::Posted { outcome, .. } = &event.told {
                self.seen.insert(posted_name(outcome));
            }
        }
        for (name, after) in &seen.after.agents {
            let Some(before) = seen.before.agents.get(name) else { continue };
            let step = (session_name(&before.session), session_name(&after.session));
            if step.0 == step.1 || !self.steps.insert(step) {
                continue;
            }
            if !STEPS.contains(&step) && !RARE.contains(&step) {
                return broken("sessions take known steps only", format!("{name}: {} → {}", step.0, step.1));
            }
        }
        Ok(())
    }

    pub fn add(&mut self, other: &Self) {
        self.seen.extend(&other.seen);
        self.steps.extend(&other.steps);
    }

    /// Names what there is and has not occurred.
    pub fn missing(&self) -> Vec<String> {
        let all = ACTIONS.iter().chain(OBSERVATIONS).chain(TOLD).chain(POSTED);
        let variants = all.filter(|name| !self.seen.contains(*name) && !BY_SLIPS.contains(name));
        let steps = STEPS.iter().filter(|step| !self.steps.contains(*step));
        variants.map(|name| (*name).to_owned()).chain(steps.map(|(from, to)| format!("{from} → {to}"))).collect()
    }
}
