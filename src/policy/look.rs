//! What a screen says of typing into it: whether the program is ready, and what is in the way.

use super::fleet::{Backend, Pattern};
use super::input_box;
use super::live::{Look, Obstacle};
use super::now::Moment;
use super::reading::{self, Meaning, Reading};
use super::screen::{InputBox, Screen};
use super::stall::waiting_until;

/// Names of shells: what stands in a pane whose agent program has ended.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "zsh", "fish", "ksh"];

/// A look that has shown nothing yet.
pub(super) fn unread(at: Moment) -> Look {
    Look {
        at,
        input: None,
        obstacle: None,
        ready: false,
        resumed: false,
        readings: Vec::new(),
        seen: Vec::new(),
        waiting: None,
        said: None,
        pastes: false,
    }
}

/// Judges a screen: whether the program is ready, and what keeps a message from being typed.
///
/// Of a program that is `untold`, which has resumed a conversation and was told nothing yet, a refused login above its box
/// is one of before, which the restart was to mend.
pub(super) fn judge(screen: &Screen, backend: &Backend, untold: bool, at: Moment) -> Look {
    let rules = &*backend.screen;
    let input = rules.input_re.as_ref().map(|re| input_box::read(screen, re, rules.placeholder_re.as_ref()));
    let has_box = input.as_ref().is_some_and(|input| *input != InputBox::Absent);
    let mut readings = reading::read_all(screen, rules);
    readings.retain(|reading| !(untold && has_box && reading.meaning == Meaning::Login));
    let said = reading::last_line(screen, rules);
    let waiting = said.as_deref().and_then(waiting_until);
    let shows_row = |re: &Pattern| screen.text_rows().iter().any(|row| re.regex().is_match(row));
    let is_starting = readings.first().is_some_and(|reading| reading.meaning == Meaning::Starting);
    let ready = !is_starting && rules.ready_re.as_ref().map_or(has_box, shows_row);
    let resumed = rules.resumed_re.as_ref().is_none_or(shows_row);
    let obstacle = obstacle(screen, backend, input.as_ref(), readings.first());
    Look { at, obstacle, ready, resumed, input, seen: readings.clone(), readings, waiting, said, pastes: screen.pastes }
}

/// Says what keeps a message from being typed; `reading` is the strongest one.
fn obstacle(
    screen: &Screen,
    backend: &Backend,
    input: Option<&InputBox>,
    reading: Option<&Reading>,
) -> Option<Obstacle> {
    if screen.in_mode {
        return Some(Obstacle::Mode);
    }
    if let Some(dialog) = reading.filter(|reading| reading.meaning.is_in_the_way()) {
        return Some(Obstacle::Dialog(dialog.text.lines().next().unwrap_or_default().to_owned()));
    }
    match input {
        Some(InputBox::Absent) => return Some(Obstacle::NoBox),
        Some(InputBox::Holds(text)) => return Some(Obstacle::Draft(text.clone())),
        Some(InputBox::Empty) => {}
        None => {
            let expected = backend.process_name.as_deref();
            let shell = SHELLS.contains(&screen.command.as_str());
            if shell && expected.is_some_and(|expected| expected != screen.command) {
                return Some(Obstacle::OtherProgram(screen.command.clone()));
            }
        }
    }
    let meaning = reading?.meaning;
    if meaning == Meaning::Starting {
        return Some(Obstacle::Starting);
    }
    (!backend.queues_while_busy && meaning.is_busy()).then_some(Obstacle::Busy)
}
