//! What the end of a sequence leaves behind, and what follows it.

use std::sync::Arc;

use super::action::Action;
use super::event::EventKind;
use super::fleet::{Loop, Phase};
use super::request::Reply;
use super::state::LoopState;
use super::{Supervisor, Turn};

impl Supervisor {
    /// Deals with the end of a loop's last phase.
    pub(super) fn complete(&mut self, a_loop: &Loop, last: &Phase, turn: &mut Turn) {
        if let Some(state) = self.state.loops.get_mut(&a_loop.name) {
            state.complete = Some(turn.now.moment());
        }
        self.mark(a_loop, turn);
        let text = sentence(&last.id);
        turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::SequenceComplete, &text, turn.now)));
        let Some(follows) = &a_loop.on_complete else { return };
        if let Some(path) = &follows.trigger_file {
            turn.act(Action::RemoveFile { path: path.clone() });
        }
        if let Some(task) = &follows.run
            && let Some(Reply::Failed { error, .. }) = self.run(None, task, (false, None))
        {
            let text = format!("`{task}` does not follow the sequence: {error}");
            turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::Trouble, &text, turn.now)));
        }
    }

    /// Writes or removes the loop's SEQUENCE-COMPLETE, as the state has it.
    pub(super) fn mark(&self, a_loop: &Loop, turn: &mut Turn) {
        let Some(LoopState { phase: Some(last), complete, .. }) = self.state.loops.get(&a_loop.name) else { return };
        let text = complete.map(|at| {
            let stamp = at.wall.with_timezone(&turn.now.zone).format("%Y-%m-%d %H:%M:%S %Z");
            format!("{} ({stamp})\n", sentence(last))
        });
        turn.act(Action::MarkComplete { in_loop: a_loop.name.clone(), text });
    }

    /// Does again what nobody answers, and what a supervisor that was killed may have saved and not done.
    pub(super) fn mark_again(&mut self, turn: &mut Turn) {
        let fleet = Arc::clone(&self.fleet);
        for a_loop in &fleet.loops {
            self.mark(a_loop, turn);
            let is_complete = self.state.loops.get(&a_loop.name).is_some_and(|state| state.complete.is_some());
            let Some(follows) = a_loop.on_complete.as_ref().filter(|_| is_complete) else { continue };
            let task = follows.run.as_ref().and_then(|task| self.state.agents.get(task));
            if let Some(path) = follows.trigger_file.as_ref().filter(|_| task.is_some_and(|task| task.order.is_some()))
            {
                turn.act(Action::RemoveFile { path: path.clone() });
            }
        }
    }
}

fn sentence(last: &str) -> String {
    format!("the sequence is complete: phase {last} is done, and it was the last")
}
