//! Phases go forward one by one, when they are done, and their end is dealt with once.

use std::collections::{BTreeMap, BTreeSet};

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::event::EventKind;
use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::policy::request::Request;
use agent_orchestrator::policy::state::State;

use super::{Step, Verdict, broken};
use crate::repo::DONE;
use crate::world::World;

/// What was ever written of phases.
#[derive(Debug, Default)]
pub struct Phases {
    /// Phases whose status file held a true end, by loop and id.
    done: BTreeSet<(String, String)>,
    /// Loops whose end has been dealt with, with how many phases they had.
    complete: BTreeMap<String, String>,
}

impl Phases {
    pub fn pushed(&mut self, in_loop: &str, files: &[(String, Option<String>)]) {
        for (path, text) in files {
            let name = path.rsplit('/').next().unwrap_or_default();
            let phase = name.strip_prefix("STATUS-").and_then(|rest| rest.strip_suffix(".md"));
            if let (Some(phase), Some(text)) = (phase, text) {
                self.wrote(in_loop, phase, text);
            }
        }
    }

    pub fn wrote(&mut self, in_loop: &str, phase: &str, text: &str) {
        if text == DONE {
            self.done.insert((in_loop.to_owned(), phase.to_owned()));
        }
    }

    pub fn judge(&mut self, seen: &Step, after: &State, world: &World) -> Verdict {
        let asked = |name: &str| {
            seen.told.iter().any(|seen| match seen {
                Observation::Request { request: Request::PhaseSet { in_loop, .. }, .. } => {
                    in_loop.as_deref().is_none_or(|asked| asked == name)
                }
                _ => false,
            })
        };
        for (name, before) in &seen.before.loops {
            let Some(now) = after.loops.get(name) else { continue };
            let Some(a_loop) = world.fleet.loop_named(name) else { continue };
            if asked(name) {
                self.complete.remove(name);
                continue;
            }
            let place = |id: &Option<String>| a_loop.phases.iter().position(|phase| Some(&phase.id) == id.as_ref());
            if before.phase.is_some() && before.phase != now.phase {
                let (old, new) = (place(&before.phase), place(&now.phase));
                let forward = matches!((old, new), (Some(old), Some(new)) if new == old + 1);
                if !forward {
                    return broken("phases go forward one by one", format!("{name}: {before:?} → {now:?}"));
                }
                let id = before.phase.clone().unwrap_or_default();
                if !self.done.contains(&(name.clone(), id.clone())) {
                    return broken("only a done phase is left", format!("{name}: {id}"));
                }
                self.complete.remove(name);
            }
        }
        self.judge_end(seen, after, world)
    }

    fn judge_end(&mut self, seen: &Step, after: &State, world: &World) -> Verdict {
        for event in seen.events(EventKind::SequenceComplete) {
            let in_loop = event.in_loop.clone().unwrap_or_default();
            let phase = after.loops.get(&in_loop).and_then(|state| state.phase.clone()).unwrap_or_default();
            let last = world.fleet.loop_named(&in_loop).and_then(|a_loop| a_loop.phases.last());
            let is_last = last.is_some_and(|last| last.id == phase);
            if !is_last || !self.done.contains(&(in_loop.clone(), phase.clone())) {
                return broken("a sequence ends with its last phase", format!("{in_loop}: {phase}"));
            }
            if self.complete.insert(in_loop.clone(), phase.clone()).as_ref() == Some(&phase) {
                return broken("the end is acted on once", format!("{in_loop}: {phase}"));
            }
        }
        let mut marks = BTreeMap::new();
        for action in &seen.turn.actions {
            if let Action::MarkComplete { in_loop, text } = action {
                marks.insert(in_loop, text);
            }
        }
        for (in_loop, text) in marks {
            let complete = after.loops.get(in_loop).is_some_and(|state| state.complete.is_some());
            if complete != text.is_some() {
                return broken("a mark says what the state says", format!("{in_loop}: {text:?}"));
            }
        }
        Ok(())
    }
}
