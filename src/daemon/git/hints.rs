//! What the agents' clones know of an origin on another host: a push from one of them is seen there first.

use std::time::Duration;

use super::output::Sink;
use super::repository::Repository;
use super::settings::Origin;
use super::shared::{About, Shared};
use super::watched::{Watched, top_of};
use crate::daemon::paths::is_own;
use crate::daemon::watch::Spot;

/// How soon after a look a clone's mere sign of change leads to the next.
const SIGN_PAUSE: Duration = Duration::from_secs(1);

/// A clone with the loop's origin, and what it knew of the branch when it was looked at last.
#[derive(Debug)]
pub(super) struct Tracker {
    repository: Repository,
    known: Option<String>,
}

impl Watched {
    /// Takes up which origin an agent's clone has.
    pub fn take_clone(&mut self, answer: Result<Sink, String>, shared: &mut Shared) {
        if let (Some(clone), Ok(sink), Some(origin)) = (self.unasked.pop_front(), answer, &self.origin)
            && Origin::parse(&sink.answer(), top_of(&clone), is_own).is_some_and(|other| other.is_same_place(origin))
            && let Some(repository) = Repository::around(&clone)
            && !self.trackers.iter().any(|tracker| tracker.repository.common_dir == repository.common_dir)
        {
            self.trackers.push(Tracker { repository, known: None });
        }
        self.go_on(shared);
    }

    /// Watches what the clones know of the branch.
    pub fn watch_trackers(&mut self, shared: &mut Shared) {
        let Some(branch) = &self.branch else { return };
        let name = tracking(branch);
        let mut spots = Vec::new();
        for Tracker { repository, .. } in &self.trackers {
            if repository.has_reftable() {
                spots.push(Spot::At(repository.reftable_list()));
            } else {
                spots.extend([Spot::At(repository.loose(&name)), Spot::At(repository.packed())]);
            }
        }
        self.watch(About::Tracking, &spots, shared);
        for tracker in &mut self.trackers {
            if tracker.known.is_none() {
                tracker.known = tracker.repository.resolve(&name).ok().flatten();
            }
        }
    }

    /// Takes what a push or fetch in a clone left there for the head of the origin.
    pub fn take_hints(&mut self, shared: &mut Shared) {
        let Some(branch) = &self.branch else { return };
        let name = tracking(branch);
        for tracker in &mut self.trackers {
            if tracker.repository.has_reftable() {
                let due = self.look_ended + SIGN_PAUSE;
                self.look_due = self.look_due.map(|known| known.min(due));
            } else if let Ok(Some(head)) = tracker.repository.resolve(&name)
                && tracker.known.as_ref() != Some(&head)
            {
                tracker.known = Some(head.clone());
                if !self.told.knows(&head) {
                    self.has_hint = true;
                    self.told.head(&self.setup.in_loop, head, shared);
                }
            }
        }
    }
}

fn tracking(branch: &str) -> String {
    format!("refs/remotes/origin/{branch}")
}
