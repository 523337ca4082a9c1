//! How a message reaches an agent: looked, pasted, submitted, confirmed.
//!
//! One message at a time per agent. The text is pasted once; the submit key is pressed again, a bounded number of
//! times, until the input box shows that the text has gone. What cannot be typed now waits and says why.

use std::time::Duration;

use super::action::Action;
use super::aside::{text_file, typed_text};
use super::event::EventKind;
use super::fleet::{Backend, PromptDelivery};
use super::input_box::{self, Likeness};
use super::live::{Look, Obstacle};
use super::look::{judge, unread};
use super::message::{Message, MessageId, Outcome, Progress, Purpose};
use super::now::{Moment, Mono, Now};
use super::screen::{InputBox, Screen};
use super::state::Session;
use super::watch::shows_work;
use super::{Supervisor, Turn, events, post};

/// Between paste and submit key: with less, Gemini's program drops the key (220 of 220 arrived with it).
const SUBMIT_DELAY: Duration = Duration::from_millis(300);
/// Between submit key and the look that confirms, where the input box has shown the text.
const SEEN_DELAY: Duration = Duration::from_millis(100);
/// Between submit key and the look that confirms, where it has not.
const CONFIRM_DELAY: Duration = Duration::from_millis(300);
/// A box that stays empty for so long after the paste gets the submit key all the same: nothing will prove the arrival.
/// What else it holds for so long is a person's; before that it may be half drawn.
pub(super) const SHOW_MAX: Duration = Duration::from_secs(5);
/// The least time between two looks at a text that was pasted.
const SHOW_AGAIN: Duration = Duration::from_millis(200);
/// So often the submit key is pressed one second and more apart; afterwards at every look.
const PRESSES_QUICK: u32 = 5;
/// The submit key is not pressed more often than this for one message.
const PRESSES_MAX: u32 = 20;
/// Output has ended when none came for so long; a working program pauses less (agents.md, 10).
pub(super) const QUIET: Duration = Duration::from_millis(700);
/// A program that starts is looked at when it has been quiet for so long.
const START_QUIET: Duration = Duration::from_millis(250);
/// A look or paste that failed is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest text that is typed into a program that has not asked for bracketed pastes: a terminal in line mode cuts at
/// 4096 bytes, and takes each line end for a submission.
const TYPED_BYTES_MAX: usize = 1000;

impl Supervisor {
    /// Returns the backend that the agent's newest run was started with.
    pub(super) fn backend_of(&self, name: &str) -> Option<&Backend> {
        let one_off = self.state.agents.get(name).and_then(|state| state.backend.as_ref());
        match one_off {
            Some(backend) => self.fleet.backends.get(backend)?.as_ref().ok(),
            None => self.fleet.agent(name)?.backend.as_ref().ok(),
        }
    }

    /// Forgets what the screen showed: another program is in the pane.
    pub(super) fn clear_screen(&mut self, name: &str) {
        if let Some(live) = self.agents.get_mut(name) {
            live.look = None;
            live.title = None;
            live.output = None;
            live.unseen = None;
            live.working = None;
            live.rest = None;
            live.busy = None;
            live.excused = false;
            live.waiting = None;
            live.strange = None;
            live.menu_answered = false;
            live.typing = false;
            live.draft = None;
            live.unattended = None;
        }
    }

    /// Takes in an answer to `Look`.
    pub(super) fn looked(&mut self, name: &str, screen: &Result<Screen, String>, turn: &mut Turn) {
        let backend = self.backend_of(name).cloned();
        let state = self.state.agents.get(name);
        let first = state.and_then(|state| state.queue.first());
        let typed = first.filter(|message| matches!(message.progress, Progress::Typed { .. }));
        let is_kickoff = |message: &Message| matches!(message.purpose, Purpose::Kickoff { .. });
        let waits_to_be_told = first.is_some_and(is_kickoff) && state.is_some_and(|state| state.resumed);
        let Some(live) = self.agents.get_mut(name) else { return };
        let is_untold = waits_to_be_told || live.has_just_resumed(turn.now.mono);
        live.looking = false;
        let at = turn.now.moment();
        let mut look = match (screen, &backend) {
            (Err(why), _) => Look { obstacle: Some(Obstacle::Unreadable(why.clone())), ..unread(at) },
            (Ok(_), None) => unread(at),
            (Ok(screen), Some(backend)) => judge(screen, backend, is_untold, at),
        };
        if let (Ok(screen), Some(InputBox::Absent), Some(message)) = (screen, &look.input, typed)
            && let typed = typed_text(message, name, &self.places.texts)
            && input_box::shows(screen, &typed)
        {
            look.input = Some(InputBox::Holds(typed.into_owned()));
        }
        if let Some(backend) = &backend {
            events::merge(&mut live.heard, &mut look, backend, turn.now);
        }
        let is_told = live.heard.doing.is_some() || backend.as_ref().is_some_and(Backend::tells_of_turns);
        if shows_work(&look.readings) && !is_told {
            live.resumes = None;
        }
        live.look = Some(look);
        if let Ok(screen) = screen {
            self.note_title(name, &screen.title, turn.now);
        }
        self.confirm(name, turn);
        if let Ok(screen) = screen {
            self.note_attendance(name, screen.attendance);
        }
        self.note_draft(name, turn.now);
        if let Ok(screen) = screen {
            self.note_waiting(name, turn.now);
            self.weigh(name, &screen.command, turn);
        }
    }

    /// Takes in an answer to `Paste`.
    pub(super) fn pasted(&mut self, name: &str, id: MessageId, result: &Result<(), String>, now: Now) {
        if let Some(live) = self.agents.get_mut(name) {
            live.typing = false;
        }
        let Some(message) = self.front(name, id) else { return };
        if !matches!(message.progress, Progress::Pasting { .. }) {
            return;
        }
        match result {
            Ok(()) => message.progress = Progress::Typed { since: now.moment(), shown: false },
            // It may have been pasted all the same; a look tells.
            Err(why) => {
                if let Some(live) = self.agents.get_mut(name) {
                    let obstacle = Some(Obstacle::Unreadable(why.clone()));
                    live.look = Some(Look { obstacle, ..unread(now.moment()) });
                }
            }
        }
    }

    /// Takes in an answer to `Press`.
    pub(super) fn pressed(&mut self, name: &str, id: MessageId, result: &Result<(), String>, turn: &mut Turn) {
        let is_told = self.backend_of(name).is_some_and(Backend::tells_of_turns);
        if let Some(live) = self.agents.get_mut(name) {
            live.typing = false;
            live.resumes.take_if(|_| result.is_ok() && !is_told);
        }
        let proves = self.backend_of(name).is_some_and(|backend| backend.screen.input_re.is_some());
        let Some(message) = self.front(name, id) else { return };
        let is_last = matches!(message.progress, Progress::Submitted { presses: PRESSES_MAX, .. });
        match result {
            Ok(()) if !proves => self.finish(name, Outcome::Unconfirmed, turn),
            Err(why) if is_last => {
                let text = format!("message {id} stands typed and was not submitted: {why}");
                turn.act(Action::Record(self.about(name, EventKind::Unconfirmed, &text, turn.now)));
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn front(&mut self, name: &str, id: MessageId) -> Option<&mut Message> {
        self.state.agents.get_mut(name)?.queue.first_mut().filter(|message| message.id == id)
    }

    /// Decides for every agent what is looked at and typed.
    pub(super) fn decide_deliveries(&mut self, turn: &mut Turn) {
        let names: Vec<String> = self.state.agents.keys().cloned().collect();
        for name in &names {
            let Some(state) = self.state.agents.get(name) else { continue };
            if state.session == (Session::Running { ready: true }) {
                self.decide_rest(name, turn);
            }
            let Some(state) = self.state.agents.get(name) else { continue };
            match state.session {
                Session::Running { ready: false } => self.decide_start_end(name, turn),
                Session::Running { ready: true } if self.may_type(name, turn.now) => self.decide_delivery(name, turn),
                Session::Running { ready: true } => self.decide_watch(name, turn),
                Session::Absent
                | Session::Preparing { .. }
                | Session::Stopping { .. }
                | Session::Starting
                | Session::Dead { .. }
                | Session::Unknown { .. } => {}
            }
        }
    }

    /// Says whether the agent's first message may be worked on: in a hold only the probe, and what was begun.
    fn may_type(&self, name: &str, now: Now) -> bool {
        let first = self.state.agents.get(name).and_then(|state| state.queue.first());
        first.is_some_and(|message| {
            message.purpose == Purpose::Probe || message.progress != Progress::Queued || !self.is_held(name, now)
        })
    }

    /// Decides whether a start has ended: the program can take messages, or has had its time.
    fn decide_start_end(&mut self, name: &str, turn: &mut Turn) {
        let (Some(state), Some(live)) = (self.state.agents.get(name), self.agents.get(name)) else { return };
        let began = state.since;
        let Some(backend) = self.backend_of(name) else { return self.enter_ready(name, turn) };
        let shows = backend.screen.ready_re.is_some() || backend.screen.input_re.is_some();
        let wait_max = match (shows, backend.prompt_delivery) {
            (true, _) => backend.ready_max,
            (false, PromptDelivery::Ping) => backend.connect_delay,
            (false, PromptDelivery::Arg | PromptDelivery::Exec) => Duration::ZERO,
        };
        let sees = live.look.as_ref().is_some_and(|look| look.ready && (look.resumed || !state.resumed));
        if (shows && sees) || turn.now.since(began) >= wait_max {
            return self.enter_ready(name, turn);
        }
        turn.due(began.mono + wait_max);
        if shows {
            let quiet_at = live.output.unwrap_or(began.mono) + START_QUIET;
            self.look_when(name, quiet_at, turn);
        }
    }

    fn enter_ready(&mut self, name: &str, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        state.session = Session::Running { ready: true };
        turn.act(Action::Record(self.about(name, EventKind::AgentReady, "ready", turn.now)));
    }

    /// Looks at `at`, once for every piece of output, and when the fallback cadence has passed since the last look.
    fn look_when(&mut self, name: &str, at: Mono, turn: &mut Turn) {
        let fallback = self.fleet.watchdog.signal_interval;
        let Some(live) = self.agents.get_mut(name) else { return };
        if live.looking || live.typing {
            return;
        }
        let due = match &live.look {
            None => at,
            Some(look) => {
                let failed = matches!(look.obstacle, Some(Obstacle::Unreadable(_)));
                let again = look.at.mono + if failed { AGAIN } else { fallback };
                if live.output.is_some_and(|output| output >= look.at.mono) { again.min(at) } else { again }
            }
        };
        if due > turn.now.mono {
            return turn.due(due);
        }
        self.look(name, turn);
    }

    fn decide_delivery(&mut self, name: &str, turn: &mut Turn) {
        let Some(message) = self.state.agents.get(name).and_then(|state| state.queue.first()) else { return };
        match message.progress.clone() {
            Progress::Queued => self.decide_paste(name, turn),
            Progress::Pasting { .. } => {
                // Nobody is pasting: the supervisor was ended in the middle of it, and a look tells how far it came.
                if self.agents.get(name).is_some_and(|live| !live.typing) {
                    self.look_when(name, turn.now.mono, turn);
                }
            }
            Progress::Posted { since } => self.decide_posted(name, since, turn),
            Progress::Typed { since, shown } => self.decide_first_press(name, since, shown, turn),
            Progress::Submitted { since, presses, shown } => {
                self.decide_receipt(name, since, turn);
                self.decide_next_press(name, since, (presses, shown), turn);
            }
        }
    }

    fn decide_paste(&mut self, name: &str, turn: &mut Turn) {
        if self.tell_long_draft(name, turn) {
            return;
        }
        let needs_idle = self.waits_for_idle(name);
        if needs_idle && !self.may_be_woken(name, turn) {
            return;
        }
        let (reads, posts) = (self.backend_of(name).is_some(), self.posts(name));
        let Some(live) = self.agents.get_mut(name) else { return };
        if live.looking || live.typing {
            return;
        }
        let fresh = live.look.as_ref().is_some_and(|look| look.at.mono == turn.now.mono);
        let free = live.look.as_ref().is_some_and(|look| {
            let is_hindered = look.obstacle.as_ref().is_some_and(|obstacle| !posts || post::is_in_the_way(obstacle));
            !is_hindered && !((needs_idle || posts) && shows_work(&look.readings))
        });
        if posts && fresh && free {
            return self.post(name, turn);
        }
        if !reads || fresh && free {
            live.typing = true;
            let takes_whole = live.look.take().is_some_and(|look| look.pastes);
            return self.paste(name, takes_whole, turn);
        }
        if free {
            live.look = None;
        }
        let quiet_at = match (&live.look, live.output) {
            (Some(_), Some(output)) => output + QUIET,
            (None, _) | (_, None) => turn.now.mono,
        };
        self.look_when(name, quiet_at, turn);
    }

    fn paste(&mut self, name: &str, takes_whole: bool, turn: &mut Turn) {
        self.rests_anew(name, turn.now);
        let texts = self.places.texts.clone();
        let Some(message) = self.state.agents.get_mut(name).and_then(|state| state.queue.first_mut()) else { return };
        message.progress = Progress::Pasting { since: turn.now.moment() };
        message.aside = !takes_whole && (message.text.contains('\n') || message.text.len() > TYPED_BYTES_MAX);
        let message = message.clone();
        let text = typed_text(&message, name, &texts).into_owned();
        if message.aside {
            let path = text_file(&message, name, &texts);
            turn.act(Action::WriteText { path, text: message.text });
        }
        turn.act(Action::Paste { agent: name.to_owned(), message: message.id, text });
    }

    /// Submits a text when the input box shows it: a program that does not read its terminal has an empty box too.
    fn decide_first_press(&mut self, name: &str, since: Moment, shown: bool, turn: &mut Turn) {
        let (due, late) = (since.mono + SUBMIT_DELAY, since.mono + SHOW_MAX);
        if due > turn.now.mono {
            return turn.due(due);
        }
        let proves = self.backend_of(name).is_some_and(|backend| backend.screen.input_re.is_some());
        if !proves {
            return self.press(name, 1, turn);
        }
        let stands = self.holds_first(name);
        let Some(live) = self.agents.get_mut(name) else { return };
        let seen = live.look.as_ref().filter(|look| look.at.mono >= since.mono);
        // A dialog that came up meanwhile would take the key for an answer; what the box holds and does not count as ours
        // is a person's.
        let is_taken = seen.is_some_and(|look| matches!(look.input, Some(InputBox::Holds(_))));
        let is_free = seen.is_some_and(|look| matches!(look.input, None | Some(InputBox::Empty)));
        let is_late = late <= turn.now.mono;
        if shown && (stands || seen.is_none()) || is_late && is_free {
            // The key goes by what is there now, not by what a look has shown before.
            return match seen {
                Some(look) if look.at.mono == turn.now.mono => self.press(name, 1, turn),
                Some(_) | None if live.looking => {}
                Some(_) | None => self.look(name, turn),
            };
        }
        if !is_late {
            turn.due(late);
        }
        let looked = live.look.as_ref().map(|look| look.at.mono).filter(|_| !live.looking);
        if is_taken && is_late && looked.is_some_and(|looked| looked < late) {
            return self.look(name, turn);
        }
        if looked.is_some_and(|looked| looked < since.mono) {
            live.look = None;
        }
        let again = live.look.as_ref().map_or(turn.now.mono, |look| look.at.mono + SHOW_AGAIN);
        self.look_when(name, again, turn);
    }

    fn decide_next_press(&mut self, name: &str, since: Moment, (presses, shown): (u32, bool), turn: &mut Turn) {
        let delay = if shown { SEEN_DELAY } else { CONFIRM_DELAY };
        let proves = self.backend_of(name).is_some_and(|backend| backend.screen.input_re.is_some());
        let Some(live) = self.agents.get(name) else { return };
        if live.typing || live.looking {
            return;
        }
        if !proves {
            // Nobody is pressing: the key failed, or the supervisor was ended before it. A second one does no harm.
            let due = since.mono + AGAIN;
            if presses >= PRESSES_MAX {
                return;
            }
            return if due > turn.now.mono { turn.due(due) } else { self.press(name, presses + 1, turn) };
        }
        let seen = live.look.as_ref().filter(|look| look.at.mono >= since.mono + delay);
        let Some(look) = seen else {
            let due = since.mono + delay;
            if due > turn.now.mono {
                return turn.due(due);
            }
            if let Some(live) = self.agents.get_mut(name) {
                live.look = None;
            }
            return self.look_when(name, turn.now.mono, turn);
        };
        // A person's text is not submitted.
        let stands = self.holds_first(name);
        let looked = look.at.mono;
        let step = if presses < PRESSES_QUICK { AGAIN * presses } else { self.fleet.watchdog.signal_interval };
        if stands && presses < PRESSES_MAX && since.mono + step <= turn.now.mono {
            if looked == turn.now.mono {
                self.press(name, presses + 1, turn);
                if presses == PRESSES_QUICK {
                    let text = format!("a message stands unsent in the input box after {presses} submit keys");
                    turn.act(Action::Record(self.about(name, EventKind::Unconfirmed, &text, turn.now)));
                }
                return;
            }
            // A person may have gone on typing behind the text since the last look.
            return self.look(name, turn);
        }
        if stands && presses < PRESSES_MAX {
            turn.due(since.mono + step);
        }
        if !stands && matches!(look.input, Some(InputBox::Holds(_))) && looked < since.mono + SHOW_MAX {
            let due = since.mono + SHOW_MAX;
            if due <= turn.now.mono {
                return self.look(name, turn);
            }
            turn.due(due);
        }
        let quiet_at = self.agents.get(name).and_then(|live| live.output).unwrap_or(looked) + QUIET;
        let again = if presses < PRESSES_QUICK { quiet_at.min(looked + SHOW_AGAIN) } else { quiet_at };
        self.look_when(name, again, turn);
    }

    /// Says whether the input box held the agent's first message, and nothing else, at the newest look.
    fn holds_first(&self, name: &str) -> bool {
        let first = self.state.agents.get(name).and_then(|state| state.queue.first());
        let look = self.agents.get(name).and_then(|live| live.look.as_ref());
        first.zip(look).is_some_and(|(message, look)| {
            let typed = typed_text(message, name, &self.places.texts);
            matches!(&look.input, Some(InputBox::Holds(held)) if input_box::compare(held, &typed) == Likeness::Ours)
        })
    }

    fn press(&mut self, name: &str, presses: u32, turn: &mut Turn) {
        let key = self.backend_of(name).map_or_else(|| "Enter".to_owned(), |backend| backend.submit_key.clone());
        let Some(message) = self.state.agents.get_mut(name).and_then(|state| state.queue.first_mut()) else { return };
        let shown = match message.progress {
            Progress::Queued | Progress::Pasting { .. } | Progress::Posted { .. } => false,
            Progress::Typed { shown, .. } | Progress::Submitted { shown, .. } => shown,
        };
        message.progress = Progress::Submitted { since: turn.now.moment(), presses, shown };
        let id = message.id;
        if let Some(live) = self.agents.get_mut(name) {
            live.typing = true;
        }
        turn.act(Action::Press { agent: name.to_owned(), message: id, key });
    }
}
