//! Delivery without typing: a message goes to the interface of the agent's own program.
//!
//! Where the program's server is followed and its conversation is known, a message is handed over there: no draft is in
//! its way, and the program's answer is the receipt. What it does not take is typed.

use std::time::Duration;

use super::action::Action;
use super::agent_event::{Posted, Source};
use super::event::EventKind;
use super::fleet::Teller;
use super::live::Obstacle;
use super::message::{Outcome, Progress};
use super::now::Moment;
use super::{Supervisor, Turn};

/// The program's answer has come by then, or never comes.
const POST_MAX: Duration = Duration::from_secs(15);

impl Supervisor {
    /// Says whether the agent's messages are handed to its program's interface.
    pub(super) fn posts(&self, name: &str) -> bool {
        let follows = self.backend_of(name).is_some_and(|backend| backend.events == Some(Teller::Opencode));
        let heard = self.agents.get(name).map(|live| &live.heard);
        follows
            && heard.is_some_and(|heard| {
                let is_followed = heard.in_force().is_some_and(|doing| doing.source == Source::OpencodeStream);
                is_followed && heard.conversation.is_some() && !heard.takes_no_posts
            })
    }

    /// Hands over the first message; the caller has made sure that it may be delivered now.
    pub(super) fn post(&mut self, name: &str, turn: &mut Turn) {
        let Some(conversation) = self.agents.get(name).and_then(|live| live.heard.conversation.clone()) else { return };
        let Some(message) = self.state.agents.get_mut(name).and_then(|state| state.queue.first_mut()) else { return };
        message.progress = Progress::Posted { since: turn.now.moment() };
        let (id, text) = (message.id, message.text.clone());
        turn.act(Action::Post { agent: name.to_owned(), message: id, conversation, text });
    }

    /// Takes in what came of it.
    pub(super) fn posted(&mut self, name: &str, id: u64, outcome: &Posted, turn: &mut Turn) {
        let Some(message) = self.state.agents.get_mut(name).and_then(|state| state.queue.first_mut()) else { return };
        if message.id.0 != id || !matches!(message.progress, Progress::Posted { .. }) {
            return;
        }
        match outcome {
            Posted::Taken => self.finish(name, Outcome::Confirmed, turn),
            Posted::Refused(_) => {
                message.progress = Progress::Queued;
                self.types_from_now(name);
            }
            Posted::Unsure(_) => {
                message.repeat();
                self.types_from_now(name);
            }
        }
    }

    /// Decides whether the answer has been waited for long enough.
    pub(super) fn decide_posted(&mut self, name: &str, since: Moment, turn: &mut Turn) {
        let due = since.mono + POST_MAX;
        if due > turn.now.mono {
            return turn.due(due);
        }
        let Some(message) = self.state.agents.get_mut(name).and_then(|state| state.queue.first_mut()) else { return };
        message.repeat();
        let text = format!("message {} was handed over, and the program does not answer: it is typed", message.id);
        self.types_from_now(name);
        turn.act(Action::Record(self.about(name, EventKind::Unconfirmed, &text, turn.now)));
    }

    fn types_from_now(&mut self, name: &str) {
        if let Some(live) = self.agents.get_mut(name) {
            live.heard.takes_no_posts = true;
        }
    }
}

/// Says whether this keeps a message from being handed over: what stands in the input box does not.
pub(super) fn is_in_the_way(obstacle: &Obstacle) -> bool {
    match obstacle {
        Obstacle::Dialog(_) | Obstacle::Starting | Obstacle::Busy => true,
        Obstacle::Unreadable(_) | Obstacle::Mode | Obstacle::OtherProgram(_) | Obstacle::NoBox | Obstacle::Draft(_) => {
            false
        }
    }
}
