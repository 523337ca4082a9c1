//! What programs tell is believed of those who told it: their conversations are resumed, and drifts are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agent_orchestrator::policy::action::{Action, Conversation};
use agent_orchestrator::policy::agent_event::{AgentEvent, Told};
use agent_orchestrator::policy::event::EventKind;
use agent_orchestrator::policy::notify::PAUSE;
use agent_orchestrator::policy::now::Mono;
use agent_orchestrator::policy::observation::{Observation, SessionSeen};
use agent_orchestrator::policy::state::State;
use chrono::{DateTime, Utc};

use super::{Step, Verdict, broken};
use crate::world::World;

/// What waits until a pause has passed is told by then, be the host slow.
const SLACK: Duration = Duration::from_secs(60);

/// What was told of conversations and limits.
#[derive(Debug, Default)]
pub struct Telling {
    /// The run of each agent that this supervisor listens to.
    heard: BTreeMap<String, u64>,
    /// The conversation of each agent, as it was begun or told last.
    conversations: BTreeMap<String, Option<String>>,
    /// When it was told: an old word that comes again says nothing.
    told_at: BTreeMap<String, DateTime<Utc>>,
    prepared: BTreeMap<String, Conversation>,
    /// What the operator was told last of each limit, by account and model: whether it holds.
    last_words: BTreeMap<(String, String), bool>,
    /// Limits of which that is not so, since when.
    untrue: BTreeMap<(String, String), Mono>,
}

impl Telling {
    pub fn supervisor_ends(&mut self) {
        // The next one knows what was named last, and not when.
        self.told_at.clear();
        self.heard.clear();
    }

    pub fn judge(&mut self, seen: &Step, after: &State, world: &World) -> Verdict {
        for observation in seen.told {
            match observation {
                Observation::Session { agent, seen: SessionSeen::Running { run } } => {
                    self.heard.entry(agent.clone()).or_insert(*run);
                }
                Observation::Session { agent, seen: SessionSeen::Absent | SessionSeen::Died { .. } } => {
                    self.heard.entry(agent.clone()).or_insert(0);
                }
                Observation::Told { agent, run, event } if self.heard.get(agent) == Some(run) => {
                    self.told(agent, event);
                }
                _ => {}
            }
        }
        for action in &seen.turn.actions {
            match action {
                Action::Prepare { agent, start } => {
                    if let Conversation::Resumed(id) = &start.conversation {
                        let known = self.conversations.get(agent).cloned().flatten();
                        if known.as_ref() != Some(id) {
                            let how = format!("{agent}: {id} instead of {known:?}");
                            return broken("a resumed conversation is the one that was told last", how);
                        }
                    }
                    self.prepared.insert(agent.clone(), start.conversation.clone());
                }
                Action::Start { agent, run } => {
                    self.heard.insert(agent.clone(), *run);
                    let id = match self.prepared.get(agent) {
                        Some(Conversation::New(id) | Conversation::Resumed(id)) => Some(id.clone()),
                        Some(Conversation::Unknown) | None => None,
                    };
                    self.conversations.insert(agent.clone(), id);
                    self.told_at.remove(agent);
                }
                _ => {}
            }
        }
        self.judge_last_words(seen, after)?;
        judge_drifts(seen, after, world)
    }

    /// Judges that the operator's last word on a limit is true, or is mended when the pause has passed.
    fn judge_last_words(&mut self, seen: &Step, after: &State) -> Verdict {
        for action in &seen.turn.actions {
            let Action::Notify(event) = action else { continue };
            let word = |key| event.more.get(key).and_then(|word| word.as_str()).unwrap_or_default().to_owned();
            if matches!(event.event, EventKind::LimitHeld | EventKind::LimitLifted) {
                self.last_words.insert((word("account"), word("model")), event.event == EventKind::LimitHeld);
            }
        }
        let held: BTreeSet<_> =
            after.limits.iter().map(|limit| (limit.account.clone(), limit.model.clone().unwrap_or_default())).collect();
        for key in held.iter().chain(self.last_words.keys()) {
            if self.last_words.get(key).copied().unwrap_or_default() == held.contains(key) {
                self.untrue.remove(key);
                continue;
            }
            let now = seen.turn.now.mono;
            let since = self.untrue.entry(key.clone()).or_insert(now);
            *since = (*since).min(now);
            if now.since(*since) > PAUSE + SLACK {
                return broken("the operator's last word on a limit is true", format!("{key:?}: {held:?}"));
            }
        }
        Ok(())
    }

    fn told(&mut self, agent: &str, event: &AgentEvent) {
        if let Told::Conversation { id } = &event.told
            && !id.starts_with("nested-")
            && self.told_at.get(agent).is_none_or(|before| *before <= event.time)
        {
            self.told_at.insert(agent.to_owned(), event.time);
            self.conversations.insert(agent.to_owned(), Some(id.clone()));
        }
    }
}

/// Judges that each drift is told and counted, and that who is well and tells rightly has none.
fn judge_drifts(seen: &Step, after: &State, world: &World) -> Verdict {
    for (name, now) in &after.agents {
        let Some(before) = seen.before.agents.get(name) else { continue };
        let told = seen.events(EventKind::Drift).filter(|event| event.agent.as_deref() == Some(name)).count();
        if usize::try_from(now.drifts - before.drifts.min(now.drifts)).unwrap_or_default() != told {
            return broken(
                "a drift is told and counted",
                format!("{name}: {told}, {} → {}", before.drifts, now.drifts),
            );
        }
        let Some(program) = world.panes.get(name).and_then(|pane| pane.program.as_ref()) else { continue };
        // What was told came late, and is so again by now.
        let is_true = program.mouth.believed == Some(program.works()) && !program.mouth.lossy;
        if told > 0 && is_true {
            return broken("who tells what is so does not drift", format!("{name}: {program:?}"));
        }
    }
    Ok(())
}
