//! The title of a program's terminal: a source of its own, which tells at once that a turn begins, ends or asks.
//!
//! It is weighed with the screen below it, since a program behind a dialog can have the title of an idle one: a title
//! that means something else than before has the screen looked at without delay, whatever is being written there.

use super::live::AgentLive;
use super::now::{Moment, Mono, Now};
use super::reading::{self, Meaning, Reading, Region};
use super::{Supervisor, Turn};

/// What the newest title says.
#[derive(Debug, Clone)]
pub(super) struct Title {
    /// The backend's rule that matches it.
    rule: Option<String>,
    /// Since when it does.
    since: Moment,
}

impl Supervisor {
    /// Takes in that the program has set its title.
    pub(super) fn titled(&mut self, name: &str, title: &str, turn: &mut Turn) {
        if self.note_title(name, title, turn.now) {
            self.look_again(name, turn);
        }
    }

    /// Notes what a title says, and returns whether the one before said something else.
    pub(super) fn note_title(&mut self, name: &str, title: &str, now: Now) -> bool {
        let Some(rules) = self.backend_of(name).map(|backend| &backend.screen) else { return false };
        let rule = reading::read_title(title, rules).map(|reading| reading.rule);
        let Some(live) = self.agents.get_mut(name) else { return false };
        let is_new = live.title.as_ref().is_none_or(|before| before.rule != rule);
        if is_new {
            live.title = Some(Title { rule, since: now.moment() });
        }
        is_new
    }
}

impl AgentLive {
    /// Returns since when the title has said what a reading of it says.
    pub(super) fn titled_since(&self, reading: &Reading) -> Option<Moment> {
        let title = self.title.as_ref().filter(|_| reading.region == Region::Title)?;
        (title.rule.as_ref() == Some(&reading.rule)).then_some(title.since)
    }

    /// Returns since when the title says that no turn runs, where nothing on the screen outweighs it.
    pub(super) fn title_rests(&self) -> Option<Mono> {
        let strongest = self.look.as_ref()?.readings.first()?;
        let since = self.titled_since(strongest)?;
        (strongest.meaning == Meaning::Idle).then_some(since.mono)
    }
}
