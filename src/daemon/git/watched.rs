//! One loop's origin: found out, watched or asked, and its head told.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::LoopWatch;
use super::hints::Tracker;
use super::output::{Sink, heads};
use super::read::{Reading, Wanted};
use super::repository::Repository;
use super::settings::Origin;
use super::shared::{About, End, Key, Shared, Step};
use super::told::Told;
use crate::daemon::clock;
use crate::daemon::paths::is_own;
use crate::daemon::regular;
use crate::daemon::watch::Spot;
use crate::policy::now::Mono;

/// A loop whose branch is watched.
#[derive(Debug)]
pub(super) struct Watched {
    pub setup: LoopWatch,
    pub origin: Option<Origin>,
    /// The branch, once it has been found at the origin.
    pub branch: Option<String>,
    pub trackers: Vec<Tracker>,
    /// Clones that are still to be asked for their origin.
    pub unasked: VecDeque<PathBuf>,
    /// A config changed: everything is to be found out anew.
    stale: bool,
    /// When the origin is to be asked, if this look finds it to be the same one.
    not_before: Option<Mono>,
    /// The branch that was expected is not there: the origin is asked for all.
    is_in_doubt: bool,
    /// A clone told of a new head while the origin was being asked.
    pub has_hint: bool,
    /// The child of the look under way.
    looking: Option<u64>,
    look_again: bool,
    pub look_due: Option<Mono>,
    pub look_ended: Mono,
    failures: u32,
    /// Whether changes of the origin come as events.
    has_events: bool,
    pub told: Told,
    pub reading: Option<Reading>,
    pub waiting: Option<Wanted>,
    pub read_failures: u32,
    /// The child that keeps what has been read, and whether there is more to keep by now.
    pub keeping: Option<u64>,
    pub keep_again: bool,
    pub packed: Option<Mono>,
}

impl Watched {
    pub fn new(setup: LoopWatch) -> Self {
        Self {
            setup,
            origin: None,
            branch: None,
            trackers: Vec::new(),
            unasked: VecDeque::new(),
            stale: true,
            not_before: None,
            is_in_doubt: false,
            has_hint: false,
            looking: None,
            look_again: false,
            look_due: None,
            look_ended: Mono::default(),
            failures: 0,
            has_events: false,
            told: Told::default(),
            reading: None,
            waiting: None,
            read_failures: 0,
            keeping: None,
            keep_again: false,
            packed: None,
        }
    }

    /// Takes up a changed setup of the same repository and branch.
    pub fn change(&mut self, setup: LoopWatch, shared: &mut Shared) {
        let clones_changed = setup.clones != self.setup.clones;
        self.setup = setup;
        if clones_changed {
            self.stale = true;
            self.look(shared);
        } else if let Some(due) = self.look_due {
            self.look_due = Some(due.min(clock::mono() + self.cadence()));
        }
    }

    /// Says when something is to be done without an event.
    pub fn deadline(&self) -> Option<Mono> {
        self.look_due
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Mono, shared: &mut Shared) {
        if self.look_due.is_some_and(|due| due <= now) {
            self.not_before = None;
            self.look(shared);
        }
    }

    /// Takes up that something watched may have changed.
    pub fn changed(&mut self, about: About, shared: &mut Shared) {
        match about {
            About::Clones => {
                self.stale = true;
                self.not_before = self.look_due;
                self.look(shared);
            }
            About::Origin => self.look(shared),
            About::Tracking => self.take_hints(shared),
        }
    }

    /// Finds out what the origin's head is. One look at a time.
    pub fn look(&mut self, shared: &mut Shared) {
        if self.looking.is_some() {
            self.look_again = true;
            return;
        }
        self.look_due = None;
        self.go_on(shared);
    }

    /// Takes up the end of a look's child.
    pub fn look_ended(&mut self, end: End, shared: &mut Shared) {
        if self.looking.take() != Some(end.number) {
            return;
        }
        let answer = match end.result {
            Ok(ended) if ended.success => Ok(ended.sink),
            Ok(ended) => Err(ended.complaint),
            Err(why) => Err(why),
        };
        match end.step {
            Step::Settings => self.take_settings(answer, shared),
            Step::Clone => self.take_clone(answer, shared),
            Step::Heads => self.take_heads(answer, shared),
            Step::Init | Step::Fetch | Step::Log | Step::HeadAlone | Step::Files | Step::Keep | Step::Pack => {
                unreachable!("a look has no such child")
            }
        }
    }

    pub fn go_on(&mut self, shared: &mut Shared) {
        let (false, Some(origin)) = (self.stale, &self.origin) else { return self.ask_clone(shared) };
        if let Some(path) = origin.local.clone() {
            return self.read_origin(&path, shared);
        }
        while let Some(clone) = self.unasked.front() {
            if Repository::around(clone).is_some() {
                let order = shared.commands.settings(clone);
                self.looking = Some(shared.run(&self.setup.in_loop, Step::Clone, order));
                return;
            }
            self.unasked.pop_front();
        }
        self.ask_origin(shared);
    }

    /// Finds out anew which origin the loop's clone has.
    fn ask_clone(&mut self, shared: &mut Shared) {
        self.unasked = self.setup.clones.iter().filter(|clone| **clone != self.setup.repo).cloned().collect();
        self.unasked.push_front(self.setup.repo.clone());
        self.watch_clones(shared);
        if Repository::around(&self.setup.repo).is_none() {
            return self.fail(format!("`{}` is not a git clone", self.setup.repo.display()), shared);
        }
        self.stale = false;
        let order = shared.commands.settings(&self.setup.repo);
        self.looking = Some(shared.run(&self.setup.in_loop, Step::Settings, order));
    }

    fn take_settings(&mut self, answer: Result<Sink, String>, shared: &mut Shared) {
        let repo = self.setup.repo.clone();
        let origin = match answer {
            Ok(sink) => Origin::parse(&sink.answer(), top_of(&repo), is_own),
            // Nothing of what was asked for stands in any config.
            Err(why) if why.is_empty() => None,
            Err(why) => return self.fail_stale(why, shared),
        };
        let Some(origin) = origin else {
            return self.fail_stale(format!("`{}` has no remote `origin`", repo.display()), shared);
        };
        self.trackers.clear();
        if self.origin.as_ref() != Some(&origin) {
            self.branch = None;
            self.watch(About::Origin, &[], shared);
            self.watch(About::Tracking, &[], shared);
            self.failures = 0;
            self.not_before = None;
        }
        self.origin = Some(origin);
        self.go_on(shared);
    }

    fn fail_stale(&mut self, why: String, shared: &mut Shared) {
        self.stale = true;
        self.fail(why, shared);
    }

    /// Reads the head of an origin on this host from its files.
    fn read_origin(&mut self, path: &Path, shared: &mut Shared) {
        let Some(repository) = Repository::addressed(path) else {
            let spots = [path.join("HEAD"), path.join(".git/HEAD"), path.join("refs"), path.join("objects")];
            self.watch(About::Origin, &spots.map(Spot::At), shared);
            let what = if path.exists() { "is not a git repository" } else { "does not exist" };
            return self.fail(format!("the origin `{}` {what}", path.display()), shared);
        };
        if repository.has_reftable() {
            self.watch(About::Origin, &[Spot::At(repository.reftable_list())], shared);
            return self.ask_origin(shared);
        }
        let candidates = self.candidates(&repository);
        let mut spots = vec![Spot::At(repository.packed())];
        spots.extend(candidates.iter().map(|branch| Spot::At(repository.loose(&reference(branch)))));
        if self.setup.branch.is_none() && self.branch.is_none() {
            spots.push(Spot::At(repository.git_dir.join("HEAD")));
            spots.push(Spot::Within(repository.loose("refs/heads")));
        }
        self.watch(About::Origin, &spots, shared);
        self.has_events &= !repository.is_on_network();
        for branch in candidates {
            match repository.resolve(&reference(&branch)) {
                Ok(Some(head)) => return self.succeed(&branch, head, shared),
                Ok(None) => {}
                // git would read it without an end.
                Err(error) if regular::is_irregular(&error) => {
                    return self.fail(format!("a reference of the origin `{}` is {error}", path.display()), shared);
                }
                Err(_) => return self.ask_origin(shared),
            }
        }
        if self.setup.branch.is_none() && self.branch.take().is_some() {
            // The default is another one by now.
            return self.read_origin(path, shared);
        }
        let branches = repository.branches();
        match (&self.setup.branch, &branches[..]) {
            (_, []) => self.fail("the origin is empty".to_owned(), shared),
            (None, [only]) if let Ok(Some(head)) = repository.resolve(&reference(only)) => {
                self.succeed(only, head, shared);
            }
            (Some(branch), _) => self.fail(no_branch(branch), shared),
            (None, _) => self.fail(NO_DEFAULT.to_owned(), shared),
        }
    }

    /// The branches that can be meant, the first that exists counts.
    fn candidates(&self, origin: &Repository) -> Vec<String> {
        if let Some(branch) = self.setup.branch.as_ref().or(self.branch.as_ref()) {
            return vec![branch.clone()];
        }
        let remembered = Repository::around(&self.setup.repo).and_then(|clone| clone.default_of_origin());
        remembered.into_iter().chain(origin.default_branch()).collect()
    }

    fn ask_origin(&mut self, shared: &mut Shared) {
        let Some(origin) = &self.origin else { return };
        if let (None, Some(due), Some(_), 0) = (&origin.local, self.not_before.take(), &self.branch, self.failures) {
            self.watch_trackers(shared);
            self.end_look(shared);
            if !self.stale {
                self.look_due = Some(due);
            }
            return;
        }
        let order = shared.commands.heads(origin, self.expected().as_deref());
        self.has_hint = false;
        self.looking = Some(shared.run(&self.setup.in_loop, Step::Heads, order));
    }

    /// The branch that the origin is asked for; `None` asks for its default and all branches.
    fn expected(&self) -> Option<String> {
        let remembered = || Repository::around(&self.setup.repo)?.default_of_origin();
        let known = self.setup.branch.clone().or_else(|| self.branch.clone());
        if self.is_in_doubt { known } else { known.or_else(remembered) }
    }

    fn take_heads(&mut self, answer: Result<Sink, String>, shared: &mut Shared) {
        let text = match answer {
            Ok(sink) => String::from_utf8_lossy(&sink.answer()).into_owned(),
            Err(why) => return self.fail(why, shared),
        };
        let expected = self.expected();
        let (default, branches) = heads(&text);
        let wanted = expected.clone().or(default);
        let found = branches.iter().find(|(branch, _)| wanted.as_ref() == Some(branch));
        match (found, &self.setup.branch, &branches[..]) {
            (Some((_, head)), _, _) if self.has_hint && self.told.knows(head) => {
                // A push overtook this answer.
                self.failures = 0;
                self.end_look(shared);
            }
            (Some((branch, head)), _, _) => self.succeed(branch, head.clone(), shared),
            (None, Some(branch), _) => self.fail(no_branch(branch), shared),
            (None, None, _) if expected.is_some() => {
                // The default is another one by now.
                self.is_in_doubt = true;
                self.branch = None;
                self.ask_origin(shared);
            }
            (None, None, []) => self.fail("the origin is empty".to_owned(), shared),
            (None, None, [(only, head)]) => self.succeed(only, head.clone(), shared),
            (None, None, _) => self.fail(NO_DEFAULT.to_owned(), shared),
        }
    }

    fn succeed(&mut self, branch: &str, head: String, shared: &mut Shared) {
        self.branch = Some(branch.to_owned());
        self.is_in_doubt = false;
        self.failures = 0;
        self.told.head(&self.setup.in_loop, head, shared);
        self.watch_trackers(shared);
        self.end_look(shared);
    }

    fn fail(&mut self, why: String, shared: &mut Shared) {
        let mut why = if why.is_empty() { "git failed without a word".to_owned() } else { why };
        if let Some(file) = self.origin.as_ref().and_then(|origin| origin.unheeded.as_ref()) {
            let _ = write!(why, "; the login in `{}` does not count, since others can write it", file.display());
        }
        self.failures = self.failures.saturating_add(1);
        self.not_before = None;
        self.told.trouble(&self.setup.in_loop, why, shared);
        self.end_look(shared);
    }

    fn end_look(&mut self, shared: &mut Shared) {
        self.look_ended = clock::mono();
        let pause = if self.failures > 0 { self.back_off(self.failures) } else { self.cadence() };
        self.look_due = Some(self.look_ended + pause);
        if std::mem::take(&mut self.look_again) {
            // At once where only files are read; an origin elsewhere is asked at its cadence.
            if self.stale || self.origin.as_ref().is_some_and(|origin| origin.local.is_some()) {
                self.look_due = Some(self.look_ended);
            }
        }
        self.read_waiting(shared);
    }

    /// The time between two looks that find the origin well.
    fn cadence(&self) -> Duration {
        if self.has_events { self.setup.heavy_interval } else { self.setup.signal_interval }
    }

    /// The time to wait after so many failures in a row.
    pub fn back_off(&self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.setup
            .signal_interval
            .saturating_mul(doubled)
            .min(self.setup.heavy_interval.max(self.setup.signal_interval))
    }

    /// Looks again after `pause` at the latest and tells the head then, so that who asks can ask again.
    pub fn look_within(&mut self, pause: Duration) {
        let due = clock::mono() + pause;
        self.told.again = true;
        self.look_due = Some(self.look_due.map_or(due, |known| known.min(due)));
    }

    /// Whether a look is under way or about to begin.
    pub fn is_looking(&self) -> bool {
        self.looking.is_some() || self.look_ended == Mono::default()
    }

    pub fn watch(&mut self, about: About, spots: &[Spot], shared: &mut Shared) {
        let key = Key { in_loop: self.setup.in_loop.clone(), about };
        let watched = shared.watcher.watch(&key, spots);
        if about == About::Origin {
            self.has_events = watched.is_ok() && !spots.is_empty();
        }
    }

    fn watch_clones(&mut self, shared: &mut Shared) {
        let config = |clone: &PathBuf| match Repository::around(clone) {
            Some(repository) => repository.common_dir.join("config"),
            None => clone.join(".git/config"),
        };
        let spots: Vec<Spot> = self.unasked.iter().map(|clone| Spot::At(config(clone))).collect();
        self.watch(About::Clones, &spots, shared);
    }
}

const NO_DEFAULT: &str = "the origin's default branch does not exist; name one with `branch`";

fn no_branch(branch: &str) -> String {
    format!("the origin has no branch `{branch}`")
}

fn reference(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// The folder that a relative address in this clone's config starts from.
pub(super) fn top_of(clone: &Path) -> &Path {
    clone.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(clone)
}
