//! Receipts: a message has arrived when its program says that it was submitted.
//!
//! Of a program that tells of each prompt, an emptied input box proves nothing before that: a dialog may have swallowed
//! the text. While a turn runs the program keeps it for later, and the box is believed.

use std::path::Path;
use std::time::Duration;

use super::action::Action;
use super::agent_event::{AgentEvent, PROMPT_BYTES_MAX, Source};
use super::aside::{pointer, text_file, typed_text};
use super::delivery::SHOW_MAX;
use super::event::EventKind;
use super::events::Heard;
use super::input_box::{self, Likeness};
use super::kept::{Kept, Receipt};
use super::live::{AgentLive, Obstacle, shortened};
use super::message::{Message, Outcome, Progress, Purpose, REPEATED};
use super::now::{Moment, Now};
use super::screen::InputBox;
use super::watch::shows_work;
use super::{Supervisor, Turn, with};

/// A program that tells of its prompts does so within this time after the submit key.
const RECEIPT_MAX: Duration = Duration::from_secs(10);
/// A message at least so long is also recognised within a longer prompt.
const PART_CHARS_MIN: usize = 20;

impl AgentLive {
    /// Says whether a turn runs: as is told, or as the screen shows, be it against what is told.
    fn is_in_turn(&self) -> bool {
        let is_told = self.heard.works() == Some(true) || self.heard.strange_work.is_some();
        is_told || self.look.as_ref().is_some_and(|look| shows_work(&look.readings))
    }

    /// Says whether the screen showed a turn when a message was submitted; a later look may show the turn of its own.
    fn was_in_turn(&self, message: &Message) -> bool {
        let submitted = match message.progress {
            Progress::Submitted { since, .. } => since.mono,
            Progress::Queued | Progress::Pasting { .. } | Progress::Typed { .. } | Progress::Posted { .. } => {
                begun(message).mono
            }
        };
        self.look.as_ref().is_some_and(|look| look.at.mono <= submitted && shows_work(&look.readings))
    }

    /// Says whether a receipt that comes now is of what was given up, which had the same text: a program that hung takes that in
    /// at last, and the key of this message has not been pressed yet, as far as is known.
    fn awaits_given_up(&self, message: &Message) -> bool {
        let is_unpressed = self.typing || matches!(message.progress, Progress::Pasting { .. } | Progress::Typed { .. });
        is_unpressed && self.heard.given_up.as_deref() == Some(message.plain_text())
    }

    /// Says whether the box has shown a message since its submit key was pressed.
    fn still_holds(&self, message: &Message, typed: &str) -> bool {
        let Progress::Submitted { since, .. } = message.progress else { return false };
        self.look.as_ref().is_some_and(|look| {
            let holds = matches!(&look.input, Some(InputBox::Holds(held)) if input_box::is_ours(held, typed));
            look.at.mono > since.mono && holds
        })
    }
}

impl Heard {
    /// Expects no more receipts: one did not come.
    pub(super) fn be_mute(&mut self) {
        self.gives_receipts = None;
        self.is_mute = true;
    }

    /// Says whether a prompt that was submitted then is told; one of before nobody listened to may have been.
    pub(super) fn owes_receipt(&self, submitted: Moment) -> bool {
        self.gives_receipts.is_some_and(|since| since <= submitted.mono)
    }
}

impl Supervisor {
    /// Decides what a look says of the message that is on its way.
    pub(super) fn confirm(&mut self, name: &str, turn: &mut Turn) {
        let Some(look) = self.agents.get(name).and_then(|live| live.look.clone()) else { return };
        let Some(state) = self.state.agents.get_mut(name) else { return };
        let Some(message) = state.queue.first_mut() else { return };
        let typed = typed_text(message, name, &self.places.texts).into_owned();
        let plain = typed.strip_prefix(REPEATED).unwrap_or(&typed);
        let ours = |held: &str| input_box::is_ours(held, &typed);
        let likeness = |held: &str| input_box::compare(held, &typed);
        // A program that draws its box anew shows pieces of it for a moment, on a busy host for longer.
        let is_steady = |since: &Moment| turn.now.since(*since) >= SHOW_MAX;
        let output = self.agents.get(name).and_then(|live| live.output);
        let wrote_since = |since: &Moment| output.is_some_and(|output| output > since.mono);
        match (&message.progress, &look.input) {
            (Progress::Pasting { .. }, Some(InputBox::Holds(held))) if ours(held) => {
                message.progress = Progress::Typed { since: turn.now.moment(), shown: true };
            }
            (Progress::Pasting { .. }, None | Some(InputBox::Empty | InputBox::Holds(_)))
                if look.obstacle.as_ref().is_none_or(|obstacle| !matches!(obstacle, Obstacle::Unreadable(_))) =>
            {
                message.repeat();
            }
            (Progress::Typed { since, shown }, Some(InputBox::Holds(held))) => {
                let steady = is_steady(since);
                note_box(message, (*since, *shown), (likeness(held), steady), turn.now);
            }
            (Progress::Typed { since, shown } | Progress::Submitted { since, shown, .. }, Some(InputBox::Empty))
                if *shown =>
            {
                let since = *since;
                if !self.awaits_receipt(name, since, turn) {
                    self.finish(name, Outcome::Confirmed, turn);
                }
            }
            // The program reads its terminal and never showed the text: it was lost, or taken before anybody looked.
            (Progress::Submitted { since, shown: false, .. }, Some(InputBox::Empty)) if wrote_since(since) => {
                let since = *since;
                if !self.awaits_receipt(name, since, turn) {
                    self.was_never_shown(name, turn);
                }
            }
            (Progress::Submitted { since, presses, shown: false }, Some(InputBox::Holds(held)))
                if likeness(held) != Likeness::Strange =>
            {
                message.progress = Progress::Submitted { since: *since, presses: *presses, shown: true };
            }
            // A person types the next; of a text that was never shown nobody knows whether it came before.
            (Progress::Submitted { since, shown, .. }, Some(InputBox::Holds(held)))
                if likeness(held) != Likeness::Ours && is_steady(since) =>
            {
                if *shown {
                    self.finish(name, Outcome::Confirmed, turn);
                } else {
                    self.was_never_shown(name, turn);
                }
            }
            // What was taken for lost stands there after all.
            (Progress::Queued, Some(InputBox::Holds(held)))
                if message.is_repeated() && input_box::is_ours(held, plain) =>
            {
                message.text = message.plain_text().to_owned();
                message.progress = Progress::Typed { since: turn.now.moment(), shown: true };
            }
            (
                Progress::Queued
                | Progress::Pasting { .. }
                | Progress::Typed { .. }
                | Progress::Submitted { .. }
                | Progress::Posted { .. },
                _,
            ) => {}
        }
    }

    /// Says whether a prompt is exactly what was typed last and waits for its receipt.
    pub(super) fn is_just_submitted(&self, name: &str, prompt: &str) -> bool {
        let first = self.state.agents.get(name).and_then(|state| state.queue.first());
        first.is_some_and(|message| {
            matches!(message.progress, Progress::Submitted { .. })
                && words(prompt) == words(&typed_text(message, name, &self.places.texts))
        })
    }

    /// Types the first message once more, marked; one that is marked already is given up.
    fn was_never_shown(&mut self, name: &str, turn: &mut Turn) {
        let Some(message) = self.state.agents.get_mut(name).and_then(|state| state.queue.first_mut()) else { return };
        if message.is_repeated() {
            self.finish(name, Outcome::Unconfirmed, turn);
        } else {
            message.repeat();
        }
    }

    /// Takes in that a prompt was submitted. Many messages have the same text: a word that is older than this one is of
    /// another, and what waits for its receipt goes before what may have had it.
    pub(super) fn receipt(&mut self, name: &str, prompt: &str, event: &AgentEvent, turn: &mut Turn) {
        let texts = self.places.texts.clone();
        let age = (turn.now.wall - event.time).to_std().unwrap_or_default();
        let is_of =
            |message: &Message| is_prompt(message, name, prompt, &texts) && age <= turn.now.since(begun(message));
        let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get(name)) else { return };
        let told_work = live.heard.works() == Some(true);
        let is_due = |message: &Message| {
            message.progress != Progress::Queued && !live.awaits_given_up(message) && is_of(message)
        };
        let first = state.queue.first().filter(|message| is_due(message));
        let stands = first.is_some_and(|message| live.still_holds(message, &typed_text(message, name, &texts)));
        let is_missing = |kept: &Kept| kept.receipt == Receipt::Missing && is_of(&kept.message);
        let kept = match state.kept.iter().position(is_missing) {
            None if first.is_none() || stands => state.kept.iter().position(|kept| is_of(&kept.message)),
            due => due,
        };
        if let Some(place) = kept {
            let Kept { message, .. } = state.kept.remove(place);
            self.note_received(name, &message);
            let Some(live) = self.agents.get(name) else { return };
            if told_work || live.is_in_turn() {
                self.keep(name, message, Receipt::Heard, turn);
            }
            return;
        }
        let Some(message) = first.cloned() else { return };
        // What the stream tells is in the conversation already.
        if event.source != Source::OpencodeStream && (told_work || live.was_in_turn(&message)) {
            self.keep(name, message.clone(), Receipt::Heard, turn);
        }
        self.finish(name, Outcome::Confirmed, turn);
        self.note_received(name, &message);
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
        if message.purpose == Purpose::Probe && outcome == Outcome::Unconfirmed {
            self.probe_was_lost(name);
        }
        self.rests_anew(name, turn.now);
        let typed = typed_text(&message, name, &self.places.texts);
        if let Some(live) = self.agents.get_mut(name) {
            live.heard.goes_on();
            match outcome {
                Outcome::Confirmed => {
                    live.note_taken(&message, &typed);
                    // What was typed before was taken in before.
                    live.heard.given_up = None;
                }
                Outcome::Unconfirmed => live.heard.given_up = Some(message.plain_text().to_owned()),
            }
        }
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
        let works = live.is_in_turn();
        // The program's own commands are no prompts.
        if !message.aside && message.text.trim_start().starts_with('/') {
            return false;
        }
        if works {
            let receipt = if live.heard.overruled { Receipt::Doubted } else { Receipt::Missing };
            let message = message.clone();
            self.keep(name, message, receipt, turn);
            return false;
        }
        let due = since.mono + RECEIPT_MAX;
        if due > turn.now.mono {
            turn.due(due);
            return true;
        }
        live.heard.be_mute();
        state.receipts_run = None;
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

/// Takes in what the box holds of a message that was typed and whose key was not pressed yet.
fn note_box(message: &mut Message, (since, shown): (Moment, bool), (likeness, steady): (Likeness, bool), now: Now) {
    match likeness {
        Likeness::Ours => message.progress = Progress::Typed { since, shown: true },
        // A person types around it and will submit all of it; what has stood there has its time from when that is over.
        Likeness::Within if shown => message.progress = Progress::Typed { since: now.moment(), shown },
        // It was lost or taken out, and a person types.
        Likeness::Strange if steady => message.repeat(),
        Likeness::Within | Likeness::Strange => {}
    }
}

/// Returns when a message could be submitted first; of the presses of the key only the last one is known.
fn begun(message: &Message) -> Moment {
    match message.progress {
        Progress::Pasting { since } | Progress::Typed { since, .. } | Progress::Posted { since } => since,
        Progress::Queued | Progress::Submitted { .. } => message.queued,
    }
}

/// Says whether a prompt is this message, or the pointer to it; blanks and line ends do not count.
fn is_prompt(message: &Message, agent: &str, prompt: &str, texts: &Path) -> bool {
    let prompt = words(prompt);
    let text = words(&message.text);
    let whole = prompt == text || prompt == words(&pointer(&text_file(message, agent, texts)));
    let is_part = text.chars().count() >= PART_CHARS_MIN && prompt.contains(&text);
    // What is told of a long prompt is its beginning, which may end within a word.
    let is_cut = message.text.len() > PROMPT_BYTES_MAX && !prompt.is_empty() && text.starts_with(&prompt);
    whole || is_part || is_cut
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::message::MessageId;
    use super::super::now::{Moment, Mono};
    use super::*;

    fn message(text: &str) -> Message {
        let wall = "2026-06-13T04:00:00Z".parse().expect("a time");
        let queued = Moment { mono: Mono::default(), wall };
        Message {
            id: MessageId(7),
            purpose: Purpose::Send,
            text: text.to_owned(),
            aside: false,
            queued,
            progress: Progress::Queued,
        }
    }

    #[test]
    fn a_prompt_is_the_message_the_pointer_to_it_or_a_longer_one_that_holds_it() {
        let is = |text: &str, prompt: &str| is_prompt(&message(text), "builder", prompt, Path::new("/s/texts"));
        assert!(is("look again", "look again") && is("look\nagain ", " look  again"), "blanks do not count");
        assert!(!is("look again", "look") && !is("look again", "look again and again"), "a short one is all of it");
        assert!(is("look at the second gate", "please look at the second gate now"), "a long one may be a part");
        assert!(!is("look at the second gate", "look at the second"));
        let pointer = pointer(Path::new("/s/texts/builder-m7.txt"));
        assert!(is("look again", &pointer) && !is("look again", &pointer.replace("m7", "m8")), "{pointer}");
    }

    #[test]
    fn of_a_very_long_message_the_beginning_is_told() {
        let text = "word ".repeat(PROMPT_BYTES_MAX / 5 + 10);
        let is = |prompt: &str| is_prompt(&message(&text), "builder", prompt, Path::new("/s/texts"));
        assert!(is(&text[..PROMPT_BYTES_MAX]) && is("word word wo"));
        assert!(!is("") && !is("other words") && !is(" "));
        let whole = "x".repeat(PROMPT_BYTES_MAX);
        assert!(!is_prompt(&message(&whole), "builder", &whole[1..], Path::new("/s/texts")), "one that is told whole");
        assert!(!is_prompt(&message("look at the second gate"), "builder", "look at", Path::new("/s/texts")));
    }
}
