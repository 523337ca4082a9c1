//! When a screen and what its program tells disagree, and which of them counts then.
//!
//! A screen that says otherwise for [`DRIFT_MAX`], with the agent's output as third witness, is believed until the program
//! tells something again: a turn that a person interrupts ends without a word.

use std::time::Duration;

use super::action::Action;
use super::activity::WORKING;
use super::agent_event::{Refusal, Told};
use super::event::EventKind;
use super::events::SETTLE;
use super::fleet::Backend;
use super::live::{AgentLive, Obstacle};
use super::now::{Mono, Now};
use super::reading::Meaning;
use super::screen::InputBox;
use super::watch::shows_work;
use super::{Supervisor, Turn};

/// A screen that disagrees with what is told for so long is believed.
pub const DRIFT_MAX: Duration = Duration::from_secs(30);

impl Supervisor {
    /// Decides for every agent whether its screen has disagreed for too long with what it tells.
    pub(super) fn weigh_drifts(&mut self, turn: &mut Turn) {
        let names: Vec<String> = self.agents.keys().cloned().collect();
        for name in &names {
            let shows_work = self.backend_of(name).is_some_and(Backend::shows_work);
            let Some(live) = self.agents.get_mut(name).filter(|live| shows_work && !live.looking) else { continue };
            let Some(since) = disagreement(live, turn.now, turn) else { continue };
            if live.heard.strange_work.is_some() {
                // Whichever of them counts in the end, it is no silence.
                self.rests_anew(name, turn.now);
            }
            let due = since + DRIFT_MAX;
            if due > turn.now.mono {
                turn.due(due);
            } else {
                self.drifted(name, turn);
            }
        }
    }

    fn drifted(&mut self, name: &str, turn: &mut Turn) {
        let (Some(state), Some(live)) = (self.state.agents.get_mut(name), self.agents.get_mut(name)) else { return };
        let Some(doing) = &live.heard.doing else { return };
        state.drifts = state.drifts.saturating_add(1);
        live.heard.overruled = true;
        live.heard.strange_work = None;
        // What it tells is not to be relied on: it may have begun with what it had kept.
        state.doubt_kept();
        let text = format!(
            "its screen and what it tells ({}: {}) disagree for {} s; the screen counts until it tells something again",
            doing.source.word(),
            doing.told.line(),
            DRIFT_MAX.as_secs()
        );
        turn.act(Action::Record(self.about(name, EventKind::Drift, &text, turn.now)));
        self.look_again(name, turn);
    }
}

/// Returns since when the screen says otherwise than the program, with its output as third witness.
fn disagreement(live: &mut AgentLive, now: Now, turn: &mut Turn) -> Option<Mono> {
    let look = live.look.as_ref().filter(|look| !matches!(look.obstacle, Some(Obstacle::Unreadable(_))))?;
    let (told, at) = live.heard.in_force().map(|doing| (doing.told.clone(), doing.at.mono))?;
    let quiet_at = live.output.map_or(at, |output| output + WORKING).max(at);
    let shows = look.seen.first().map(|reading| reading.meaning);
    match told {
        // A retry that has ended without a word would keep the agent waiting for ever.
        Told::Working | Told::Retrying { .. } => {
            let rests = matches!(shows, None | Some(Meaning::Idle)) && look.input != Some(InputBox::Absent);
            if rests && quiet_at > now.mono {
                turn.due(quiet_at);
            }
            (rests && quiet_at <= now.mono && look.at.mono >= at).then_some(quiet_at)
        }
        // What it told counts as long as the screen shows no work: one that tells nothing more is open by its work as well.
        Told::Idle { .. } | Told::Refused { kind: Refusal::Limit, .. } => {
            let works = shows_work(&look.seen) && quiet_at > now.mono && look.at.mono >= at + SETTLE;
            if !works {
                live.heard.strange_work = None;
                return None;
            }
            Some(*live.heard.strange_work.get_or_insert(now.mono))
        }
        Told::Permission { .. }
        | Told::Refused { .. }
        | Told::SessionStart { .. }
        | Told::SessionEnd { .. }
        | Told::Conversation { .. }
        | Told::Receipt { .. }
        | Told::Posted { .. }
        | Told::Context { .. }
        | Told::Allowance { .. } => None,
    }
}
