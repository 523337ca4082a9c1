//! What is found to run: what the supervisor has started itself, and what it takes over.

use super::action::Action;
use super::event::EventKind;
use super::events::Heard;
use super::state::Session;
use super::{Supervisor, Turn};

impl Supervisor {
    /// Takes in that a program runs which this supervisor has not seen before.
    pub(super) fn adopted(&mut self, name: &str, run: u64, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        let is_lifted = state.stopped.is_some() && state.session == Session::Absent;
        let was_out_of_reach = matches!(state.session, Session::Unknown { .. });
        let ready = was_out_of_reach || state.session == Session::Running { ready: true };
        state.asked |= state.stopped.is_none();
        state.enter(Session::Running { ready }, turn.now);
        state.began(run, turn.now);
        if let Some(live) = self.agents.get_mut(name) {
            live.adopted_run = Some(run);
            live.heard = Heard::of(run);
            live.heard.gives_receipts = state.receipts_run.filter(|told| *told == run).map(|_| turn.now.mono);
        }
        if is_lifted {
            return self.started_by_a_person(name, turn);
        }
        let text = format!("adopted (run {run})");
        turn.act(Action::Record(self.about(name, EventKind::Adopted, &text, turn.now)));
        if was_out_of_reach {
            self.tell_reachable(name, turn);
        }
    }

    fn tell_reachable(&self, name: &str, turn: &mut Turn) {
        turn.act(Action::Record(self.about(name, EventKind::Reachable, "answers again", turn.now)));
    }

    /// Takes in that the program of the newest start runs, or the one that could not be asked.
    pub(super) fn runs(&mut self, name: &str, was: &Session, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        match was {
            Session::Starting => {
                state.blocked = None;
                state.enter(Session::Running { ready: false }, turn.now);
                state.began(state.run, turn.now);
                let text = format!("started (run {})", state.run);
                let event = self.about(name, EventKind::Started, &text, turn.now);
                turn.act(Action::Record(event));
                self.clear_screen(name);
            }
            Session::Unknown { lived: true, .. } => {
                state.enter(Session::Running { ready: true }, turn.now);
                // What it wrote meanwhile was told to nobody, and may have been work.
                state.idle = None;
                if let Some(live) = self.agents.get_mut(name) {
                    live.look = None;
                    live.working = None;
                    live.rest = None;
                    live.output = Some(turn.now.mono);
                }
                self.tell_reachable(name, turn);
            }
            Session::Absent | Session::Dead { .. } | Session::Unknown { lived: false, .. } => {
                self.started_by_a_person(name, turn);
            }
            Session::Running { .. } | Session::Preparing { .. } | Session::Stopping { .. } => {}
        }
    }
}
