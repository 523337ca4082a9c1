//! Receipts: a message has arrived when its program says that it was submitted.
//!
//! Of a program that tells of each prompt, an emptied input box proves nothing before that: a dialog may have swallowed
//! the text. While a turn runs the program keeps it for later, and the box is believed.

use std::path::Path;
use std::time::Duration;

use super::action::Action;
use super::agent_event::PROMPT_BYTES_MAX;
use super::delivery::pointer;
use super::event::EventKind;
use super::events::Heard;
use super::live::shortened;
use super::message::{Message, Outcome, Progress, Purpose, REPEATED};
use super::now::Moment;
use super::screen::InputBox;
use super::watch::shows_work;
use super::{Supervisor, Turn, with};

/// A program that tells of its prompts does so within this time after the submit key.
const RECEIPT_MAX: Duration = Duration::from_secs(10);
/// A message at least so long is also recognised within a longer prompt.
const PART_CHARS_MIN: usize = 20;

impl Heard {
    /// Says whether a prompt that was submitted then is told; one of before nobody listened to may have been.
    fn owes_receipt(&self, submitted: Moment) -> bool {
        self.gives_receipts.is_some_and(|since| since <= submitted.mono)
    }
}

impl Supervisor {
    /// Takes in that a prompt was submitted.
    pub(super) fn receipt(&mut self, name: &str, prompt: &str, turn: &mut Turn) {
        let texts = self.places.texts.clone();
        let works = self.agents.get(name).is_some_and(|live| live.heard.works() == Some(true));
        let Some(state) = self.state.agents.get_mut(name) else { return };
        if let Some(place) = state.kept.iter().position(|message| is_prompt(message, name, prompt, &texts)) {
            let message = state.kept.remove(place);
            if works {
                state.keep_until_end(message);
            }
            return;
        }
        let Some(message) = state.queue.first() else { return };
        let under_way = match message.progress {
            Progress::Queued => false,
            Progress::Pasting { .. }
            | Progress::Typed { .. }
            | Progress::Submitted { .. }
            | Progress::Posted { .. } => true,
        };
        if under_way && is_prompt(message, name, prompt, &texts) {
            if works {
                let message = message.clone();
                state.keep_until_end(message);
            }
            self.finish(name, Outcome::Confirmed, turn);
        }
    }

    /// Takes the first message out of the queue and tells how it ended.
    pub(super) fn finish(&mut self, name: &str, outcome: Outcome, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        if state.queue.is_empty() {
            return;
        }
        let message = state.queue.remove(0);
        if message.purpose == Purpose::Wake {
            state.last_wake = Some(turn.now.moment());
        }
        let (kind, word) = match outcome {
            Outcome::Confirmed => (EventKind::Delivered, "delivered"),
            Outcome::Unconfirmed => (EventKind::Unconfirmed, "typed and submitted, unconfirmed"),
        };
        self.rests_anew(name, turn.now);
        let text = format!("message {} {word}: {}", message.id, shortened(&message.text));
        let event = with(self.about(name, kind, &text, turn.now), "message", message.id.to_string());
        turn.act(Action::Record(event));
        self.answer_sender(message.id, outcome, turn);
    }

    /// Says whether the emptied input box does not prove yet that the first message has arrived. In the end a missing
    /// receipt has the text typed once more, marked, and receipts are not expected any more of this program.
    pub(super) fn awaits_receipt(&mut self, name: &str, since: Moment, turn: &mut Turn) -> bool {
        let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) else {
            return false;
        };
        let Some(message) = state.queue.first_mut().filter(|_| live.heard.owes_receipt(since)) else { return false };
        let works =
            live.heard.works().unwrap_or(false) || live.look.as_ref().is_some_and(|look| shows_work(&look.readings));
        // The program's own commands are no prompts.
        if message.text.trim_start().starts_with('/') {
            return false;
        }
        if works {
            let message = message.clone();
            state.keep(message);
            return false;
        }
        let due = since.mono + RECEIPT_MAX;
        if due > turn.now.mono {
            turn.due(due);
            return true;
        }
        live.heard.gives_receipts = None;
        live.heard.is_mute = true;
        if message.text.starts_with(REPEATED) {
            return false;
        }
        message.repeat();
        let text = format!("message {} was submitted, and the agent does not tell that it came: once more", message.id);
        turn.act(Action::Record(self.about(name, EventKind::Unconfirmed, &text, turn.now)));
        true
    }
}

impl Supervisor {
    /// Decides when a text that has left the input box is looked at again for want of a receipt.
    pub(super) fn decide_receipt(&mut self, name: &str, since: Moment, turn: &mut Turn) {
        let Some(live) = self.agents.get(name).filter(|live| live.heard.owes_receipt(since)) else { return };
        let Some(look) = live.look.as_ref().filter(|look| look.input == Some(InputBox::Empty)) else { return };
        let due = since.mono + RECEIPT_MAX;
        if due > turn.now.mono {
            turn.due(due);
        } else if look.at.mono < due && !live.looking && !live.typing {
            self.look(name, turn);
        }
    }
}

/// Says whether a prompt is this message, or the pointer to it; blanks and line ends do not count.
fn is_prompt(message: &Message, agent: &str, prompt: &str, texts: &Path) -> bool {
    let prompt = words(prompt);
    let text = words(&message.text);
    let whole = prompt == text || prompt == words(&pointer(&texts.join(format!("{agent}-{}.txt", message.id))));
    let is_part = text.chars().count() >= PART_CHARS_MIN && prompt.contains(&text);
    // What is told of a long prompt is its beginning, which may end within a word.
    let is_cut = message.text.len() > PROMPT_BYTES_MAX && !prompt.is_empty() && text.starts_with(&prompt);
    whole || is_part || is_cut
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
