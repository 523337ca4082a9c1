//! Which pushed commits and inboxes tell whom what.
//!
//! Subjects are read, edge-triggered on the branch's head; the first sight of a branch is a silent baseline, and the
//! head is kept, so that what was pushed while the supervisor was down is told by the next one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::action::Action;
use super::event::EventKind;
use super::fleet::{DoneSource, Handoff, Loop, Pattern};
use super::message::{Ping, PingAbout, Progress, Purpose};
use super::now::{Mono, Now};
use super::observation::{Commit, Pushed};
use super::reading::Rules;
use super::state::Trouble;
use super::{Supervisor, Turn, with};

/// A failed reading is tried again after this, doubling up to the loop's fallback cadence.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// So many commits are named in one ping; the rest are counted.
const NAMED_COMMITS_MAX: usize = 5;
/// The most characters of a subject that a ping quotes.
const SUBJECT_CHARS_MAX: usize = 100;
/// The most commits that a waiting ping remembers.
const PING_COMMITS_MAX: usize = 100;

impl Loop {
    /// Returns where a file of this loop may stand in its repository, the first that exists counts.
    fn pushed_paths(&self, name: &str) -> Vec<String> {
        let within = |folder: &str| format!("{}/{name}", folder.trim_end_matches('/'));
        if self.state_subdir.is_empty() {
            vec![name.to_owned()]
        } else {
            vec![within(&self.state_subdir), name.to_owned()]
        }
    }

    /// Says whether anything that is pushed matters to this loop.
    fn reads_pushed(&self) -> bool {
        self.handoff.is_some() || self.done_source == DoneSource::Pushed
    }

    /// Returns where the working copy's status file of a phase may stand, the first that exists counts.
    pub(super) fn status_files(&self, status: &str) -> Vec<PathBuf> {
        self.pushed_paths(status).iter().map(|path| self.repo.join(path)).collect()
    }
}

impl Supervisor {
    /// Takes in that a branch's pushed head is this commit.
    pub(super) fn head_told(&mut self, in_loop: &str, head: &str, turn: &mut Turn) {
        let Some(live) = self.loops.get_mut(in_loop) else { return };
        live.head = Some(head.to_owned());
        live.retry = None;
        self.origin_back(in_loop, turn);
    }

    /// Takes in that the config says something else of a loop: what it names now has not been read.
    pub(super) fn loop_edited(&mut self, before: &Loop, after: &Loop) {
        let Some(live) = self.loops.get_mut(&after.name) else { return };
        live.read_for = None;
        live.pushed_status = None;
        live.reading_outdated = live.reading.is_some();
        if (&before.repo, &before.branch, before.reads_pushed()) != (&after.repo, &after.branch, after.reads_pushed()) {
            // What was asked of the other branch is answered by nobody, and the head of this one is told anew.
            live.reading = None;
            live.reading_outdated = false;
            live.head = None;
        }
    }

    /// Takes in that the origin cannot be asked.
    pub(super) fn origin_trouble(&mut self, in_loop: &str, why: &str, turn: &mut Turn) {
        let Some(state) = self.state.loops.get_mut(in_loop) else { return };
        if state.trouble.as_ref().is_some_and(|trouble| trouble.why == why) {
            return;
        }
        let since = state.trouble.as_ref().map_or(turn.now.moment(), |trouble| trouble.since);
        state.trouble = Some(Trouble { why: why.to_owned(), since });
        let event = self.about_loop(in_loop, EventKind::OriginTrouble, why, turn.now);
        turn.act(Action::Record(event));
    }

    fn origin_back(&mut self, in_loop: &str, turn: &mut Turn) {
        let Some(state) = self.state.loops.get_mut(in_loop) else { return };
        if let Some(trouble) = state.trouble.take() {
            let text = format!("the origin can be read again after {} s", turn.now.since_ever(trouble.since).as_secs());
            turn.act(Action::Record(self.about_loop(in_loop, EventKind::OriginBack, &text, turn.now)));
        }
    }

    /// Takes in the answer to `ReadPushed`.
    pub(super) fn pushed(&mut self, in_loop: &str, result: &Result<Pushed, String>, turn: &mut Turn) {
        let fleet = Arc::clone(&self.fleet);
        let (Some(a_loop), Some(live)) = (fleet.loop_named(in_loop), self.loops.get_mut(in_loop)) else { return };
        let Some(asked_for) = live.reading.take() else { return };
        let asked_for = (!std::mem::take(&mut live.reading_outdated)).then_some(asked_for);
        match result {
            Err(why) => {
                live.failures += 1;
                let wait = READ_AGAIN * (1 << (live.failures - 1).min(10));
                live.retry = Some(turn.now.mono + wait.min(fleet.watchdog.signal_interval.max(READ_AGAIN)));
                self.origin_trouble(in_loop, why, turn);
            }
            Ok(pushed) => {
                live.failures = 0;
                live.retry = None;
                self.origin_back(in_loop, turn);
                self.take_pushed(a_loop, asked_for, pushed, turn);
            }
        }
    }

    /// Takes in what is pushed; files count only if they were asked for in the phase `asked_for` and still are.
    fn take_pushed(&mut self, a_loop: &Loop, asked_for: Option<String>, pushed: &Pushed, turn: &mut Turn) {
        let phase = self.state.loops.get(&a_loop.name).and_then(|state| state.phase.clone());
        let Some(state) = self.state.loops.get_mut(&a_loop.name) else { return };
        let baseline = state.head.is_none();
        state.head = Some(pushed.head.clone());
        if let Some(live) = self.loops.get_mut(&a_loop.name) {
            // What was read may be newer than what was told before; it is not read again for that. What was told while
            // it was read may be newer still.
            if live.head == live.asked_at {
                live.head = Some(pushed.head.clone());
            }
        }
        let complete = state.complete.is_some();
        if let (Some(handoff), false, false) = (&a_loop.handoff, baseline, complete) {
            self.hand_over(a_loop, handoff, &pushed.commits, turn);
        }
        if asked_for.is_some() && asked_for == phase {
            if let Some(handoff) = a_loop.handoff.as_ref().filter(|_| !complete) {
                self.read_inboxes(a_loop, handoff, pushed, turn);
            }
            self.read_plan(a_loop, pushed, turn);
            let status = self.phase_of(a_loop).map(|phase| phase.status.clone()).unwrap_or_default();
            let text = a_loop.pushed_paths(&status).iter().find_map(|path| pushed.files.get(path));
            let text = text.map(|blob| blob.text.clone());
            if let Some(live) = self.loops.get_mut(&a_loop.name) {
                live.pushed_status = text;
                live.read_for = asked_for;
            }
        }
    }

    /// Tells the reader of claims and the reader of reviews what was pushed for them.
    fn hand_over(&mut self, a_loop: &Loop, handoff: &Handoff, commits: &[Commit], turn: &mut Turn) {
        let matching = |pattern: &Pattern| -> Vec<Commit> {
            commits.iter().filter(|commit| pattern.regex().is_match(&commit.subject)).cloned().collect()
        };
        for (about, reader, commits) in [
            (PingAbout::Claim, &handoff.claim_pings, matching(&handoff.claim_pattern)),
            (PingAbout::Review, &handoff.review_pings, matching(&handoff.review_pattern)),
        ] {
            let Some(newest) = commits.last() else { continue };
            let text = format!("{} → {reader}", line(newest));
            let ids: Vec<_> = commits.iter().map(|commit| commit.id.clone()).collect();
            let event = self.about_loop(&a_loop.name, EventKind::Handoff, &text, turn.now);
            turn.act(Action::Record(with(event, "commits", ids)));
            self.ping(reader, Ping { in_loop: a_loop.name.clone(), about, commits }, turn.now);
        }
        self.count_rounds(a_loop, handoff, commits, turn);
    }

    /// Counts the claims that a review did not pass; as many as `review_rounds_max` are told once per phase.
    fn count_rounds(&mut self, a_loop: &Loop, handoff: &Handoff, commits: &[Commit], turn: &mut Turn) {
        let Some(state) = self.state.loops.get_mut(&a_loop.name) else { return };
        let before = state.rounds;
        for commit in commits {
            if handoff.claim_pattern.regex().is_match(&commit.subject) {
                state.claimed = true;
            } else if handoff.review_pattern.regex().is_match(&commit.subject) {
                let is_round = state.claimed && !passes(&commit.subject);
                state.rounds = state.rounds.saturating_add(u32::from(is_round));
                state.claimed = false;
            }
        }
        let (rounds, bound) = (state.rounds, a_loop.review_rounds_max);
        if before < bound && rounds >= bound {
            let text = format!("{rounds} reviews of this phase did not pass: a person may have to look");
            turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::ReviewRounds, &text, turn.now)));
        }
    }

    fn read_inboxes(&mut self, a_loop: &Loop, handoff: &Handoff, pushed: &Pushed, turn: &mut Turn) {
        let readers = [&handoff.claim_pings, &handoff.review_pings];
        for (inbox, reader) in handoff.inboxes.iter().zip(readers) {
            let found = a_loop.pushed_paths(inbox).into_iter().find_map(|path| {
                let blob = pushed.files.get(&path)?;
                Some((path, blob.id.clone()))
            });
            let Some(state) = self.state.loops.get_mut(&a_loop.name) else { return };
            let Some((path, id)) = found else {
                state.inboxes.remove(inbox);
                continue;
            };
            if state.inboxes.insert(inbox.clone(), id.clone()).as_ref() == Some(&id) {
                continue;
            }
            let text = format!("{path} has new content → {reader}");
            turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::Inbox, &text, turn.now)));
            let ping = Ping { in_loop: a_loop.name.clone(), about: PingAbout::Inbox(path), commits: Vec::new() };
            self.ping(reader, ping, turn.now);
        }
    }

    fn read_plan(&mut self, a_loop: &Loop, pushed: &Pushed, turn: &mut Turn) {
        let Some(plan) = self.phase_of(a_loop).map(|phase| phase.plan.clone()) else { return };
        if let Some(blob) = a_loop.pushed_paths(&plan).iter().find_map(|path| pushed.files.get(path)) {
            self.plan_seen(a_loop, "pushed", &blob.id, turn);
        }
    }

    /// Takes in the content id of the current plan; a change in mid-phase is told to the loop's agents.
    pub(super) fn plan_seen(&mut self, a_loop: &Loop, source: &str, id: &str, turn: &mut Turn) {
        let Some(state) = self.state.loops.get_mut(&a_loop.name) else { return };
        let before = state.plan.insert(source.to_owned(), id.to_owned());
        if before.is_none_or(|before| before == id) || state.complete.is_some() {
            return;
        }
        let plan = self.phase_of(a_loop).map(|phase| phase.plan.clone()).unwrap_or_default();
        let text = format!("{plan} was edited");
        turn.act(Action::Record(self.about_loop(&a_loop.name, EventKind::PlanEdited, &text, turn.now)));
        for agent in self.loop_agents(&a_loop.name) {
            let ping = Ping { in_loop: a_loop.name.clone(), about: PingAbout::Plan, commits: Vec::new() };
            self.ping(&agent, ping, turn.now);
        }
    }

    /// Queues a ping, or adds to the one about the same that still waits.
    fn ping(&mut self, reader: &str, ping: Ping, now: Now) {
        let rules = self.backend_of(reader).map(|backend| Arc::clone(&backend.screen));
        let a_loop = self.fleet.loop_named(&ping.in_loop);
        let plan = a_loop.and_then(|a_loop| self.phase_of(a_loop)).map(|phase| phase.plan.clone()).unwrap_or_default();
        let Some(state) = self.state.agents.get_mut(reader) else { return };
        for message in state.queue.iter_mut().filter(|message| message.progress == Progress::Queued) {
            let Purpose::Ping(waiting) = &mut message.purpose else { continue };
            if waiting.in_loop == ping.in_loop && waiting.about == ping.about {
                waiting.commits.extend(ping.commits);
                let excess = waiting.commits.len().saturating_sub(PING_COMMITS_MAX);
                waiting.commits.drain(..excess);
                let text = ping_text(waiting, &plan, rules.as_deref());
                message.reword(text);
                return;
            }
        }
        let text = ping_text(&ping, &plan, rules.as_deref());
        self.queue(reader, Purpose::Ping(ping), text, now);
    }

    /// Decides what is read of every loop's origin.
    pub(super) fn decide_handoffs(&mut self, turn: &mut Turn) {
        let fleet = std::sync::Arc::clone(&self.fleet);
        for a_loop in &fleet.loops {
            self.decide_handoff(a_loop, turn);
        }
    }

    fn decide_handoff(&mut self, a_loop: &Loop, turn: &mut Turn) {
        let name = &a_loop.name;
        let (Some(state), Some(live)) = (self.state.loops.get(name), self.loops.get(name)) else { return };
        if live.reading.is_some() || live.head.is_none() || !a_loop.reads_pushed() || state.phase.is_none() {
            return;
        }
        let read = live.head == state.head && live.read_for == state.phase;
        if read {
            return;
        }
        if let Some(retry) = live.retry.filter(|retry: &Mono| *retry > turn.now.mono) {
            return turn.due(retry);
        }
        let phase = state.phase.clone();
        let action =
            Action::ReadPushed { in_loop: name.clone(), since: state.head.clone(), paths: self.wanted_paths(a_loop) };
        if let Some(live) = self.loops.get_mut(name) {
            live.reading = phase;
            live.asked_at.clone_from(&live.head);
        }
        turn.act(action);
    }

    /// Returns all files of the repository that tell something about the current phase.
    fn wanted_paths(&self, a_loop: &Loop) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        if let Some(phase) = self.phase_of(a_loop) {
            names.extend([phase.status.clone(), phase.plan.clone()]);
        }
        names.extend(a_loop.handoff.iter().flat_map(|handoff| handoff.inboxes.clone()));
        let mut paths: Vec<String> = names
            .iter()
            .filter(|name| !name.is_empty() && !name.starts_with('/') && !name.contains('\n'))
            .flat_map(|name| a_loop.pushed_paths(name))
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }
}

/// Says whether a review's subject passes what was claimed.
fn passes(subject: &str) -> bool {
    let words = subject.split(|mark: char| !mark.is_alphanumeric());
    words.clone().any(|word| word == "PASS" || word == "PASSED") && !words.clone().any(|word| word == "FAIL")
}

/// Names a commit in one line.
fn line(commit: &Commit) -> String {
    let short: String = commit.id.chars().take(8).collect();
    let subject: String = commit.subject.chars().take(SUBJECT_CHARS_MAX).collect();
    format!("{short} {subject}")
}

/// Writes a ping. What it quotes never looks like a usage limit to the program that it is typed into (rule 1).
pub(super) fn ping_text(ping: &Ping, plan: &str, rules: Option<&Rules>) -> String {
    let commits = &ping.commits;
    let more = commits.len().saturating_sub(NAMED_COMMITS_MAX);
    let mut named: Vec<String> = commits[more..].iter().map(line).collect();
    if named.iter().any(|line| rules.is_some_and(|rules| rules.limit_hit(line).is_some())) {
        named = commits[more..].iter().map(|commit| commit.id.chars().take(8).collect()).collect();
    }
    let earlier = if more > 0 { format!(" (and {more} earlier)") } else { String::new() };
    let named = named.join("; ");
    match &ping.about {
        PingAbout::Claim => format!(
            "supervisor: the other agent pushed a claim: {named}{earlier}. Pull, then verify what is claimed now."
        ),
        PingAbout::Review => {
            format!(
                "supervisor: the other agent pushed a review: {named}{earlier}. Pull, read the verdict and act on it."
            )
        }
        PingAbout::Inbox(path) => format!(
            "supervisor: {path} has something for you. Pull, read it, act on it, then delete the file, commit and push."
        ),
        PingAbout::Plan => format!("supervisor: the plan {plan} was edited. Read it again before you go on."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_passes_where_it_says_so_in_a_word_and_nothing_fails() {
        for (subject, passed) in [
            ("review(p1): PASS", true),
            ("review(p1): PASSED, with a remark", true),
            ("review(p1) PASS/all gates", true),
            ("review(p1): gate 1 PASS, gate 2 FAIL", false),
            ("review(p1): FAIL", false),
            ("review(p1): what was asked for", false),
            ("review(p1): COMPASS and BYPASSED", false),
        ] {
            assert_eq!(passes(subject), passed, "{subject}");
        }
    }
}
