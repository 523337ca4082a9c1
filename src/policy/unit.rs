//! What a person does with `systemctl` to one agent: a stop is remembered like `down NAME`, a start lifts it.

use super::action::Action;
use super::event::EventKind;
use super::now::Mono;
use super::state::{Cause, Session};
use super::{Supervisor, Turn};

impl Supervisor {
    /// Takes in that the agent's unit was stopped by somebody's order.
    ///
    /// Where the fleet's slice was entered, or left, only after that, the whole fleet had been stopped: what ran then is to run
    /// again. What the supervisor itself stops is known to it. Where nothing tells when it was stopped, it was after
    /// the last that is known of it.
    pub(super) fn unit_stopped(&mut self, name: &str, at: Option<Mono>, fleet_since: Option<Mono>, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        let with_fleet = fleet_since.is_some_and(|since| since > at.unwrap_or(state.since.mono));
        let was_stopped = state.stopped.is_some();
        let is_ended_here = matches!(state.session, Session::Stopping { then_start: false });
        state.restart = None;
        state.enter(Session::Absent, turn.now);
        if is_ended_here || with_fleet || was_stopped {
            return;
        }
        state.stopped = Some(turn.now.moment());
        state.asked = false;
        state.retry = None;
        state.order = None;
        let text = "stopped by `systemctl stop`; `up` or `systemctl start` lifts that";
        turn.act(Action::Record(self.about(name, EventKind::Stopped, text, turn.now)));
    }

    /// Takes in that a program runs that was stopped, or dead, and that nobody here has started.
    ///
    /// Its unit has started the launch file of the last start; where the config says something else now, that is started in its
    /// place.
    pub(super) fn started_by_a_person(&mut self, name: &str, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        state.stopped = None;
        state.asked = true;
        state.retry = None;
        state.blocked = None;
        state.restart = Some(Cause::Started);
        state.enter(Session::Running { ready: false }, turn.now);
        let text = "started by `systemctl start`";
        turn.act(Action::Record(self.about(name, EventKind::Started, text, turn.now)));
    }

    /// Takes for a start of its own what a person has started and what need not be replaced.
    pub(super) fn goes_on_as_started(&mut self, name: &str, run: u64, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        state.run = run;
        self.set_out(name, turn);
        let Some(state) = self.state.agents.get_mut(name) else { return };
        state.enter(Session::Running { ready: false }, turn.now);
        state.began(run, turn.now);
        self.clear_screen(name);
    }
}
