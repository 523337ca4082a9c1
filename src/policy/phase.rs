//! Which phase a loop is in, what ends it, what comes next.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use sha2::{Digest, Sha256};

use super::action::Action;
use super::event::EventKind;
use super::fleet::{DoneSource, Kind, Loop, Phase};
use super::message::{Progress, Purpose};
use super::now::Now;
use super::request::{PhaseTarget, Reason};
use super::state::{AgentState, Cause, PhaseStatus, Session};
use super::{Supervisor, Turn};

/// What stands behind or below a marker that is still a template (rule 15).
static PLACEHOLDER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^[\s\pP]*(not yet|not done|not complete|incomplete|pending\b|tbd\b|todo\b|n/?a\b|written here only|only when|to be (written|filled)|when all|<.*>)",
    )
    .ok()
});

/// Reads what a status file says of its phase (decisions.md, "Loops and phases").
///
/// A true line is the marker alone, or the marker followed by punctuation and more. A line that goes on in words, a
/// template and what stands in a code fence or comment are none.
pub fn read_status(text: &str, marker: &str) -> PhaseStatus {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut fenced = false;
    let mut commented = false;
    let mut almost = false;
    for (at, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        commented = (commented || line.contains("<!--")) && !line.contains("-->");
        let Some(rest) = line.strip_prefix(marker) else { continue };
        let goes_on = rest.chars().next().is_some_and(char::is_alphanumeric);
        if fenced || commented || goes_on {
            continue;
        }
        let rest = rest.trim_start();
        let words = rest.chars().next().is_some_and(char::is_alphanumeric);
        let below = lines[at + 1..].iter().find(|line| !line.trim().is_empty()).copied().unwrap_or_default();
        let is_template = |text: &str| PLACEHOLDER.as_ref().is_some_and(|pattern| pattern.is_match(text));
        if is_template(rest) || is_template(below) {
            continue;
        }
        if !words {
            return PhaseStatus::Done;
        }
        almost = true;
    }
    if almost { PhaseStatus::AlmostDone } else { PhaseStatus::Open }
}

impl Supervisor {
    /// Returns a loop's current phase as the config has it.
    pub(super) fn phase_of<'a>(&self, a_loop: &'a Loop) -> Option<&'a Phase> {
        let id = self.state.loops.get(&a_loop.name)?.phase.as_ref()?;
        a_loop.phases.iter().find(|phase| phase.id == *id)
    }

    /// Returns a loop and its current phase, `None` while that is not known.
    ///
    /// # Errors
    /// When there is no such loop, or the config no longer has the phase.
    pub(super) fn current_phase(&self, in_loop: &str) -> Result<(&Loop, Option<&Phase>), String> {
        let a_loop = self.fleet.loop_named(in_loop).ok_or_else(|| format!("there is no loop `{in_loop}`"))?;
        let phase = self.phase_of(a_loop);
        let id = self.state.loops.get(in_loop).and_then(|state| state.phase.clone());
        match (phase, id) {
            (None, Some(id)) => Err(format!("phase `{id}` is not in the config any more; `phase set` names another")),
            (phase, _) => Ok((a_loop, phase)),
        }
    }

    /// Returns the names of a loop's agents.
    pub(super) fn loop_agents(&self, in_loop: &str) -> Vec<String> {
        let of_loop = |kind: &Kind| matches!(kind, Kind::Loop { in_loop: other, .. } if other == in_loop);
        self.fleet.agents.iter().filter(|agent| of_loop(&agent.kind)).map(|agent| agent.name.clone()).collect()
    }

    /// Decides for every loop.
    pub(super) fn decide_phases(&mut self, turn: &mut Turn) {
        let fleet = Arc::clone(&self.fleet);
        for a_loop in &fleet.loops {
            self.watch_files(a_loop, turn);
            self.find_first_phase(a_loop, turn);
            self.check_phase(a_loop, turn);
            self.read_plan_file(a_loop, turn);
            self.decide_phase(a_loop, turn);
        }
    }

    /// Keeps the set of watched files that of the current phase.
    fn watch_files(&mut self, a_loop: &Loop, turn: &mut Turn) {
        let mut paths: Vec<PathBuf> = Vec::new();
        match self.state.loops.get(&a_loop.name).map(|state| state.phase.is_some()) {
            Some(true) => {
                if let Some(phase) = self.phase_of(a_loop) {
                    paths.push(self.fleet.project_dir.join(&phase.plan));
                    if a_loop.done_source == DoneSource::Worktree {
                        paths.extend(a_loop.status_files(&phase.status));
                    }
                }
            }
            Some(false) => paths.push(a_loop.state_file.clone()),
            None => return,
        }
        let Some(live) = self.loops.get_mut(&a_loop.name) else { return };
        if live.watched.as_ref() != Some(&paths) {
            live.files.retain(|path, _| paths.contains(path));
            live.watched = Some(paths.clone());
            turn.act(Action::WatchFiles { in_loop: a_loop.name.clone(), paths });
        }
    }

    /// Takes the first phase, or the one whose index the predecessor left in its state file.
    fn find_first_phase(&mut self, a_loop: &Loop, turn: &mut Turn) {
        let known = self.state.loops.get(&a_loop.name).is_none_or(|state| state.phase.is_some());
        let Some(live) = self.loops.get(&a_loop.name) else { return };
        let Some(left) = live.files.get(&a_loop.state_file) else { return };
        if known || a_loop.phases.is_empty() {
            return;
        }
        let index = match left {
            Ok(None) => 0,
            Ok(Some(text)) => match text.trim().parse::<usize>() {
                Ok(index) if index < a_loop.phases.len() => index,
                Ok(_) | Err(_) => {
                    let file = a_loop.state_file.display();
                    return self.tell_astray(
                        a_loop,
                        &format!("`{file}` holds no index of a phase; `phase set` names one"),
                        turn,
                    );
                }
            },
            Err(why) => {
                let file = a_loop.state_file.display();
                return self.tell_astray(a_loop, &format!("cannot read `{file}`: {why}"), turn);
            }
        };
        self.enter_phase(a_loop, &a_loop.phases[index].id, turn.now);
        let text = format!("phase {} begins", a_loop.phases[index].id);
        turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::Phase, &text, turn.now)));
    }

    /// Tells once that the config no longer has the current phase.
    fn check_phase(&mut self, a_loop: &Loop, turn: &mut Turn) {
        match self.current_phase(&a_loop.name).map(|(_, phase)| phase.is_some()) {
            Ok(false) => {}
            Ok(true) => {
                if let Some(state) = self.state.loops.get_mut(&a_loop.name) {
                    state.astray = None;
                }
            }
            Err(why) => self.tell_astray(a_loop, &why, turn),
        }
    }

    fn tell_astray(&mut self, a_loop: &Loop, why: &str, turn: &mut Turn) {
        let Some(state) = self.state.loops.get_mut(&a_loop.name) else { return };
        if state.astray.as_deref() == Some(why) {
            return;
        }
        state.astray = Some(why.to_owned());
        turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::PhaseUnknown, why, turn.now)));
    }

    fn read_plan_file(&mut self, a_loop: &Loop, turn: &mut Turn) {
        let Some(phase) = self.phase_of(a_loop) else { return };
        let path = self.fleet.project_dir.join(&phase.plan);
        let Some(Ok(Some(text))) = self.loops.get(&a_loop.name).and_then(|live| live.files.get(&path)) else { return };
        let id =
            Sha256::digest(text.as_bytes())[..10].iter().fold(String::new(), |id, byte| id + &format!("{byte:02x}"));
        let known = self.state.loops.get(&a_loop.name).and_then(|state| state.plan.get("disk"));
        if known != Some(&id) {
            self.plan_seen(a_loop, "disk", &id, turn);
        }
    }

    fn decide_phase(&mut self, a_loop: &Loop, turn: &mut Turn) {
        let Some(phase) = self.phase_of(a_loop).cloned() else { return };
        let Some(state) = self.state.loops.get(&a_loop.name) else { return };
        let position = a_loop.phases.iter().position(|other| other.id == phase.id).unwrap_or_default();
        let next = a_loop.phases.get(position + 1).map(|next| next.id.clone());
        if state.complete.is_some() {
            // The end has been dealt with; only a phase that was added behind it goes on.
            if let Some(next) = next.filter(|_| a_loop.auto_advance) {
                self.move_on(a_loop, &next, turn);
            }
            return;
        }
        let before = state.status;
        let Some(status) = self.status_now(a_loop, &phase) else { return };
        if let Some(state) = self.state.loops.get_mut(&a_loop.name) {
            state.status = status;
        }
        match (status, before) {
            (PhaseStatus::Done, _) if a_loop.auto_advance => match next {
                Some(next) => self.move_on(a_loop, &next, turn),
                None => self.complete(a_loop, &phase, turn),
            },
            (PhaseStatus::Done, PhaseStatus::Open | PhaseStatus::AlmostDone) => {
                let text = format!("phase {} is done and waits: auto_advance is off, `phase next` moves on", phase.id);
                turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::PhaseDone, &text, turn.now)));
            }
            (PhaseStatus::AlmostDone, PhaseStatus::Open | PhaseStatus::Done) => {
                let text = format!(
                    "{} has a line that begins with `{}` and goes on in words: that is no end",
                    phase.status, a_loop.done_marker
                );
                turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::AlmostDone, &text, turn.now)));
            }
            (PhaseStatus::Done, PhaseStatus::Done)
            | (PhaseStatus::AlmostDone, PhaseStatus::AlmostDone)
            | (PhaseStatus::Open, PhaseStatus::Open | PhaseStatus::AlmostDone | PhaseStatus::Done) => {}
        }
    }

    /// Reads the copy of the status file that counts; `None` while it has not been read for this phase.
    fn status_now(&self, a_loop: &Loop, phase: &Phase) -> Option<PhaseStatus> {
        let live = self.loops.get(&a_loop.name)?;
        let text = match a_loop.done_source {
            DoneSource::Pushed => {
                if live.read_for.as_ref() != Some(&phase.id) {
                    return None;
                }
                live.pushed_status.clone()
            }
            DoneSource::Worktree => {
                let found: Option<Vec<_>> =
                    a_loop.status_files(&phase.status).iter().map(|path| live.files.get(path)).collect();
                found?.into_iter().find_map(|content| content.as_ref().ok().and_then(Clone::clone))
            }
        };
        Some(text.map_or(PhaseStatus::Open, |text| read_status(&text, &a_loop.done_marker)))
    }

    /// Makes `id` the loop's phase and forgets the baselines of the one before (rule 22).
    fn enter_phase(&mut self, a_loop: &Loop, id: &str, now: Now) {
        let Some(state) = self.state.loops.get_mut(&a_loop.name) else { return };
        state.phase = Some(id.to_owned());
        state.since = now.moment();
        state.inboxes.clear();
        state.plan.clear();
        state.status = PhaseStatus::Open;
        state.rounds = 0;
        state.claimed = false;
        state.complete = None;
        if let Some(live) = self.loops.get_mut(&a_loop.name) {
            live.read_for = None;
            live.pushed_status = None;
        }
        let of_loop = |purpose: &Purpose| matches!(purpose, Purpose::Ping(ping) if ping.in_loop == a_loop.name);
        for agent in self.state.agents.values_mut() {
            // What stands typed is submitted: in the input box it would be taken for a person's draft. A new run drops it.
            for message in &mut agent.queue {
                if message.progress != Progress::Queued && of_loop(&message.purpose) {
                    message.purpose = Purpose::Resume;
                }
            }
            agent.queue.retain(|message| !of_loop(&message.purpose));
            agent.kept.retain(|kept| !of_loop(&kept.message.purpose));
        }
    }

    fn move_on(&mut self, a_loop: &Loop, id: &str, turn: &mut Turn) {
        let was_complete = self.state.loops.get(&a_loop.name).is_some_and(|state| state.complete.is_some());
        self.enter_phase(a_loop, id, turn.now);
        if was_complete {
            self.mark(a_loop, turn);
        }
        let text = format!("phase {id} begins");
        turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::Phase, &text, turn.now)));
        self.restart_loop(&a_loop.name);
    }

    /// Lets every agent of the loop start anew with the current kickoff.
    fn restart_loop(&mut self, in_loop: &str) {
        for name in self.loop_agents(in_loop) {
            let Some(state) = self.state.agents.get_mut(&name) else { continue };
            if state.stopped.is_some() {
                continue;
            }
            state.asked = true;
            state.fresh = true;
            state.retry = None;
            state.restart = match state.session {
                Session::Absent | Session::Dead { .. } => None,
                Session::Preparing { .. }
                | Session::Stopping { .. }
                | Session::Starting
                | Session::Running { .. }
                | Session::Unknown { .. } => Some(Cause::Phase),
            };
        }
    }

    /// Moves a loop because a person said so; returns what was done.
    ///
    /// # Errors
    /// When there is no such phase; nothing has changed then.
    pub(super) fn set_phase(
        &mut self,
        a_loop: &Loop,
        to: &PhaseTarget,
        restart: bool,
        turn: &mut Turn,
    ) -> Result<String, (Reason, String)> {
        let id = self.target(a_loop, to)?;
        let was_complete = self.state.loops.get(&a_loop.name).is_some_and(|state| state.complete.is_some());
        self.enter_phase(a_loop, &id, turn.now);
        if was_complete {
            self.mark(a_loop, turn);
        }
        let text = format!("phase {id} was set by a person");
        turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::Phase, &text, turn.now)));
        if restart {
            self.restart_loop(&a_loop.name);
        }
        if restart && self.hold {
            self.stop_loop(&a_loop.name, turn);
        }
        Ok(format!("phase is now {id}"))
    }

    /// Ends what runs of the loop where nothing is started: the next supervisor starts it with the current kickoff.
    fn stop_loop(&mut self, in_loop: &str, turn: &mut Turn) {
        for name in self.loop_agents(in_loop) {
            let runs = |state: &AgentState| matches!(state.session, Session::Running { .. });
            if self.state.agents.get(&name).is_some_and(runs) {
                self.stop(&name, turn);
            }
        }
    }

    fn target(&self, a_loop: &Loop, to: &PhaseTarget) -> Result<String, (Reason, String)> {
        let ids: Vec<&str> = a_loop.phases.iter().map(|phase| phase.id.as_str()).collect();
        let range = || format!("valid are {} or 0 to {}", ids.join(", "), ids.len().saturating_sub(1));
        if ids.is_empty() {
            return Err((Reason::Failed, "the loop has no phases".to_owned()));
        }
        match to {
            PhaseTarget::Named(name) => {
                let by_index = || name.parse::<usize>().ok().and_then(|index| ids.get(index).copied());
                let found = ids.iter().copied().find(|id| id == name).or_else(by_index);
                found
                    .map(str::to_owned)
                    .ok_or_else(|| (Reason::Usage, format!("there is no phase `{name}`: {}", range())))
            }
            PhaseTarget::Next => {
                let current = self.state.loops.get(&a_loop.name).and_then(|state| state.phase.clone());
                let at = current.as_ref().and_then(|current| ids.iter().position(|id| id == current));
                match (at, current) {
                    (Some(at), _) if at + 1 < ids.len() => Ok(ids[at + 1].to_owned()),
                    (Some(_), Some(current)) => Err((Reason::Failed, format!("phase `{current}` is the last"))),
                    (None, Some(current)) => {
                        Err((Reason::Failed, format!("phase `{current}` is not in the config any more: {}", range())))
                    }
                    (_, None) => Ok(ids[0].to_owned()),
                }
            }
        }
    }
}
