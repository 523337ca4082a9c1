//! Prompts of programs that tell of them: each message is one exactly once, and is never both posted and typed unmarked.

use std::collections::{BTreeMap, BTreeSet};

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::agent_event::{Posted, Told};
use agent_orchestrator::policy::message::{MessageId, REPEATED};
use agent_orchestrator::policy::observation::Observation;

use super::{Step, Verdict, broken};
use crate::clock::MINUTE;

/// What happened so long before a message was sent may still have to do with it.
const BEFORE: u64 = MINUTE;

/// What became a prompt, and what was in the way.
#[derive(Debug, Default)]
pub struct Prompts {
    /// How often a message has been a prompt, by reader and message.
    prompted: BTreeMap<(String, u64), u32>,
    /// When a message was typed or handed over first.
    sent: BTreeMap<u64, u64>,
    /// When something last happened to an agent, its messages or its telling.
    disturbed: BTreeMap<String, u64>,
    /// Messages that a person or a dialog took away, or that nobody can tell of.
    lost: BTreeSet<(String, u64)>,
    /// Messages that were handed over and may have arrived.
    posted: BTreeSet<u64>,
    /// Claims and reviews that count as delivered, with their loops.
    delivered: BTreeMap<(String, u64), String>,
    broken: Option<String>,
}

impl Prompts {
    pub fn disturbed(&mut self, agent: &str, at: u64) {
        self.disturbed.insert(agent.to_owned(), at);
    }

    pub fn lost(&mut self, agent: &str, message: MessageId) {
        self.lost.insert((agent.to_owned(), message.0));
    }

    pub fn delivered(&mut self, agent: &str, message: MessageId, in_loop: &str) {
        self.delivered.insert((agent.to_owned(), message.0), in_loop.to_owned());
    }

    /// A loop has left the phase that its messages belong to.
    pub fn phase_left(&mut self, in_loop: &str) {
        self.delivered.retain(|_, of| of != in_loop);
    }

    /// A message has come into a conversation; `excused`: something is in the way of telling just now.
    pub fn prompted(&mut self, agent: &str, message: MessageId, excused: bool) {
        let times = self.prompted.entry((agent.to_owned(), message.0)).or_default();
        *times += 1;
        let sent = self.sent.get(&message.0).copied().unwrap_or_default();
        let disturbed = self.disturbed.get(agent).copied().unwrap_or_default() + BEFORE >= sent;
        if *times > 1 && !excused && !disturbed {
            self.broken = Some(format!("{agent}: {message} is a prompt for the {times}. time"));
        }
    }

    pub fn judge(&mut self, seen: &Step, at: u64) -> Verdict {
        if let Some(how) = self.broken.take() {
            return broken("a message is a prompt once", how);
        }
        for observation in seen.told {
            match observation {
                Observation::PostFailed { message, .. } => drop(self.posted.remove(&message.0)),
                Observation::Told { event, .. } => {
                    if let Told::Posted { message, outcome: Posted::Refused(_) } = &event.told {
                        self.posted.remove(message);
                    }
                }
                _ => {}
            }
        }
        for action in &seen.turn.actions {
            match action {
                Action::Post { message, .. } => {
                    self.sent.entry(message.0).or_insert(at);
                    self.posted.insert(message.0);
                }
                Action::Paste { agent, message, text } => {
                    self.sent.entry(message.0).or_insert(at);
                    // Of a text that is pointed to the mark stands in its file.
                    let is_marked_aside = |action: &Action| matches!(action, Action::WriteText { text, .. } if text.starts_with(REPEATED));
                    let is_marked = text.starts_with(REPEATED) || seen.turn.actions.iter().any(is_marked_aside);
                    if self.posted.contains(&message.0) && !is_marked {
                        return broken("what was handed over is typed with a mark", format!("{agent}: {message}"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Names a claim or review that counts as delivered and never was a prompt, though nothing took it away.
    pub fn missing(&self) -> Option<&(String, u64)> {
        self.delivered.keys().find(|key| !self.prompted.contains_key(key) && !self.lost.contains(key))
    }
}
