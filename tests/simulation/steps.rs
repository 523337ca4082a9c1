//! Which steps sessions, limits and messages have taken, which they have to take in a whole run, and which they may.

use std::collections::{BTreeMap, BTreeSet};

use agent_orchestrator::policy::event::EventKind;
use agent_orchestrator::policy::hold::Hold;
use agent_orchestrator::policy::kept::Receipt;
use agent_orchestrator::policy::limit::Limit;
use agent_orchestrator::policy::message::{Message, Progress};
use agent_orchestrator::policy::state::{AgentState, Over, Session, State};

use super::oracle::{Step, Verdict, broken, is_held};
use super::world::World;

type Pair = (&'static str, &'static str);

/// So many steps are taken in one turn at most: one for each thing that it is told of, and one that it decides.
const STEPS_AT_ONCE: usize = 3;

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

/// What may become of a session by what is told in one turn, and has to in the days of a whole run; below what has to in the
/// many days of `.ci/run` only. A turn that is told of several things may take several of these steps.
const SESSIONS: &[Pair] = &[
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

const SESSIONS_RARE: &[Pair] = &[
    ("dead", "preparing"),
    ("preparing", "unknown"),
    ("preparing over dead", "unknown"),
    ("preparing over live", "dead"),
    ("preparing over live", "stopping"),
    ("preparing over live", "unknown"),
    ("starting", "absent"),
    ("starting", "unknown"),
    ("stopping to start", "stopping"),
    ("stopping to start", "unknown"),
    ("stopping", "unknown"),
    ("unknown", "preparing over dead"),
    ("unknown", "preparing over live"),
    ("unknown", "preparing"),
    ("unknown", "stopping"),
];

/// The same of the limit of an account, or of a model of it.
const LIMITS: &[Pair] = &[
    ("held for a while", "held until a named time"),
    ("held for a while", "open"),
    ("held for a while", "probed"),
    ("held until a named time", "held for a while"),
    ("held until a named time", "open"),
    ("held until a named time", "probed"),
    ("open", "held for a while"),
    ("open", "held until a named time"),
    ("probed", "held for a while"),
    ("probed", "held until a named time"),
    ("probed", "open"),
];

/// The same of a message.
const MESSAGES: &[Pair] = &[
    ("handed over", "delivered"),
    ("held back", "gone"),
    ("held back", "handed over"),
    ("held back", "pasting"),
    ("held back", "waiting"),
    ("held back", "withdrawn"),
    ("kept", "gone"),
    ("kept", "kept, receipt doubted"),
    ("kept", "kept, receipt heard"),
    ("kept", "waiting, marked"),
    ("kept, receipt doubted", "gone"),
    ("kept, receipt doubted", "waiting, marked"),
    ("kept, receipt heard", "gone"),
    ("kept, receipt heard", "waiting, marked"),
    ("new", "held back"),
    ("new", "pasting"),
    ("new", "waiting"),
    ("pasting", "typed"),
    ("submitted", "delivered"),
    ("submitted", "kept"),
    ("submitted", "kept, receipt heard"),
    ("submitted", "pasting"),
    ("submitted", "unconfirmed"),
    ("submitted", "waiting, marked"),
    ("typed", "gone"),
    ("typed", "submitted"),
    ("waiting", "gone"),
    ("waiting", "handed over"),
    ("waiting", "held back"),
    ("waiting", "pasting"),
    ("waiting", "withdrawn"),
    ("waiting, marked", "pasting"),
];

const MESSAGES_RARE: &[Pair] = &[
    ("handed over", "gone"),
    ("handed over", "held back"),
    ("handed over", "waiting, marked"),
    ("held back", "waiting, marked"),
    ("kept", "unconfirmed"),
    ("kept, receipt doubted", "held back"),
    ("kept, receipt doubted", "kept, receipt heard"),
    ("kept, receipt doubted", "unconfirmed"),
    ("kept, receipt heard", "held back"),
    ("pasting", "gone"),
    ("pasting", "held back"),
    ("pasting", "waiting"),
    ("pasting", "waiting, marked"),
    ("submitted", "gone"),
    ("submitted", "held back"),
    ("typed", "pasting"),
    ("typed", "waiting"),
    // It was lost, and a person types.
    ("typed", "waiting, marked"),
    ("waiting, marked", "gone"),
    ("waiting, marked", "handed over"),
    ("waiting, marked", "held back"),
    ("waiting, marked", "withdrawn"),
];

/// How often each step was taken.
type Taken = BTreeMap<Pair, u64>;

/// The steps that have been taken.
#[derive(Debug, Default)]
pub struct Steps {
    sessions: Taken,
    limits: Taken,
    messages: Taken,
}

impl Steps {
    pub fn judge(&mut self, seen: &Step, world: &World) -> Verdict {
        for (name, after) in &seen.after.agents {
            let Some(before) = seen.before.agents.get(name) else { continue };
            let step = (session_name(&before.session), session_name(&after.session));
            if is_taken(&mut self.sessions, step) && !is_known(step, &[SESSIONS, SESSIONS_RARE], seen.told.len()) {
                return broken("sessions take known steps only", format!("{name}: {} → {}", step.0, step.1));
            }
            self.judge_messages(name, (before, after), seen, world)?;
        }
        for limit in seen.before.limits.iter().chain(&seen.after.limits) {
            let step = (hold_name(seen.before, limit), hold_name(seen.after, limit));
            if is_taken(&mut self.limits, step) && !is_known(step, &[LIMITS], seen.told.len()) {
                return broken("limits take known steps only", format!("{limit:?}: {} → {}", step.0, step.1));
            }
        }
        Ok(())
    }

    fn judge_messages(
        &mut self,
        name: &str,
        (before, after): (&AgentState, &AgentState),
        seen: &Step,
        world: &World,
    ) -> Verdict {
        let was_held = is_held(seen.before, &world.fleet, name);
        let held = is_held(seen.after, &world.fleet, name);
        let ids: BTreeSet<_> = [before, after]
            .iter()
            .flat_map(|agent| agent.queue.iter().chain(agent.kept.iter().map(|kept| &kept.message)))
            .map(|message| message.id)
            .collect();
        for id in ids {
            let place = |agent: &AgentState, held: bool| {
                let queued = agent.queue.iter().find(|message| message.id == id);
                let kept = agent.kept.iter().find(|kept| kept.message.id == id);
                queued.map(|message| progress_name(message, held)).or(kept.map(|kept| receipt_name(kept.receipt)))
            };
            let from = place(before, was_held).unwrap_or("new");
            let to = place(after, held).unwrap_or_else(|| end_name(seen, &id.to_string()));
            let step = (from, to);
            if is_taken(&mut self.messages, step) && !is_known(step, &[MESSAGES, MESSAGES_RARE], seen.told.len()) {
                return broken("messages take known steps only", format!("{name}: {id}: {} → {}", step.0, step.1));
            }
        }
        Ok(())
    }

    pub fn add(&mut self, other: &Self) {
        let all = [
            (&mut self.sessions, &other.sessions),
            (&mut self.limits, &other.limits),
            (&mut self.messages, &other.messages),
        ];
        for (taken, more) in all {
            for (step, times) in more {
                *taken.entry(*step).or_default() += times;
            }
        }
    }

    /// Tells how often each step was taken, the rarest first.
    pub fn times(&self) -> Vec<String> {
        let of = |what: &'static str, taken: &Taken| -> Vec<(u64, String)> {
            taken.iter().map(|((from, to), times)| (*times, format!("{times} {what}: {from} → {to}"))).collect()
        };
        let mut all =
            [of("session", &self.sessions), of("limit", &self.limits), of("message", &self.messages)].concat();
        all.sort();
        all.into_iter().map(|(_, text)| text).collect()
    }

    /// Names the steps that have to be taken and have not been; in many days the rare ones as well.
    pub fn missing(&self, are_many: bool) -> Vec<String> {
        let of = |what: &str, all: &[Pair], taken: &Taken| -> Vec<String> {
            let missing = all.iter().filter(|step| !taken.contains_key(*step));
            missing.map(|(from, to)| format!("{what}: {from} → {to}")).collect()
        };
        let few = [
            of("session", SESSIONS, &self.sessions),
            of("limit", LIMITS, &self.limits),
            of("message", MESSAGES, &self.messages),
        ];
        let rare = [of("session", SESSIONS_RARE, &self.sessions), of("message", MESSAGES_RARE, &self.messages)];
        few.concat().into_iter().chain(rare.concat().into_iter().filter(|_| are_many)).collect()
    }
}

/// Says whether a turn that is told so many things may take this step, or several that lead there.
fn is_known(step: Pair, lists: &[&[Pair]], told: usize) -> bool {
    if lists.iter().any(|list| list.contains(&step)) {
        return true;
    }
    let all = lists.concat();
    let mut reached = BTreeSet::from([step.0]);
    for _ in 0..(told + 1).min(STEPS_AT_ONCE) {
        let next: Vec<&str> = all.iter().filter(|(from, _)| reached.contains(from)).map(|(_, to)| *to).collect();
        reached.extend(next);
    }
    reached.contains(step.1)
}

/// Counts a step, and says whether it is one.
fn is_taken(taken: &mut Taken, step: Pair) -> bool {
    if step.0 != step.1 {
        *taken.entry(step).or_default() += 1;
    }
    step.0 != step.1
}

/// Names what a state says of a limit's account and model.
fn hold_name(state: &State, limit: &Limit) -> &'static str {
    let is_same = |other: &&Limit| other.account == limit.account && other.model == limit.model;
    match state.limits.iter().find(is_same).map(|limit| &limit.hold) {
        None => "open",
        Some(Hold::Named { .. }) => "held until a named time",
        Some(Hold::Flat { .. }) => "held for a while",
        Some(Hold::Probing { .. }) => "probed",
    }
}

/// Names how far a queued message is; one that waits in a hold is held back.
fn progress_name(message: &Message, held: bool) -> &'static str {
    match message.progress {
        Progress::Queued if held => "held back",
        Progress::Queued if message.is_repeated() => "waiting, marked",
        Progress::Queued => "waiting",
        Progress::Pasting { .. } => "pasting",
        Progress::Typed { .. } => "typed",
        Progress::Posted { .. } => "handed over",
        Progress::Submitted { .. } => "submitted",
    }
}

fn receipt_name(receipt: Receipt) -> &'static str {
    match receipt {
        Receipt::Missing => "kept",
        Receipt::Heard => "kept, receipt heard",
        Receipt::Doubted => "kept, receipt doubted",
    }
}

/// Names how a message ended that is in no queue any more.
fn end_name(seen: &Step, id: &str) -> &'static str {
    let told = |kind| seen.events(kind).any(|event| event.more.get("message").is_some_and(|about| about == id));
    match () {
        () if told(EventKind::Delivered) => "delivered",
        () if told(EventKind::Unconfirmed) => "unconfirmed",
        () if told(EventKind::Withdrawn) => "withdrawn",
        () => "gone",
    }
}
