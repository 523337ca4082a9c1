//! What is pushed, read from a mirror of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::MIRRORED;
use super::output::Sink;
use super::repository::{Repository, is_object_id};
use super::shared::{End, Shared, Step};
use super::watched::Watched;
use crate::daemon::clock;
use crate::policy::observation::{Blob, Commit, Observation, Pushed};

/// How many of 256 folders of loose objects is looked into, as git's own `gc --auto` does.
const SAMPLE: &str = "objects/17";

/// With more entries in the sample than this (about 6700 objects in all) the mirror is packed.
const SAMPLE_MAX: usize = 27;

/// The least time between two packings.
const PACK_PAUSE: Duration = Duration::from_secs(3600);

/// Complaints of git that mean that the mirror, not the origin, is broken.
const BROKEN: [&str; 7] = [
    "mismatched algorithms",
    "is empty",
    "is corrupt",
    "bad object",
    "not a git repository",
    "unable to read",
    "did not send all necessary objects",
];

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub since: Option<String>,
    pub paths: Vec<String>,
}

/// A reading under way.
#[derive(Debug)]
pub(super) struct Reading {
    wanted: Wanted,
    /// Children whose end is awaited.
    children: BTreeSet<u64>,
    /// Whether the mirror has been made anew for this reading.
    made_anew: bool,
    head: String,
    commits: Vec<Commit>,
    files: BTreeMap<String, Blob>,
}

impl Watched {
    /// Reads what is pushed, after the reading under way; a request that waits already is replaced.
    pub fn read(&mut self, wanted: Wanted, shared: &mut Shared) {
        self.waiting = Some(wanted);
        self.read_waiting(shared);
    }

    /// Begins the reading that waits, if it can begin.
    pub fn read_waiting(&mut self, shared: &mut Shared) {
        let unknown = self.origin.is_none() || self.branch.is_none() || self.told.trouble.is_some();
        if self.reading.is_some() || unknown && self.is_looking() {
            return;
        }
        let Some(wanted) = self.waiting.take() else { return };
        if let Some(why) = &self.told.trouble {
            let result = Err(why.clone());
            shared.told.push(Observation::Pushed { in_loop: self.setup.in_loop.clone(), result });
            return;
        }
        self.reading = Some(Reading {
            wanted,
            children: BTreeSet::new(),
            made_anew: false,
            head: String::new(),
            commits: Vec::new(),
            files: BTreeMap::new(),
        });
        self.prepare_mirror(shared);
    }

    /// Takes up the end of a reading's child.
    pub fn read_ended(&mut self, end: End, shared: &mut Shared) {
        let Some(reading) = &mut self.reading else { return };
        if !reading.children.remove(&end.number) {
            return;
        }
        let result = match end.result {
            Ok(ended) if ended.success => Ok(ended.sink),
            Ok(ended) => Err(ended.complaint),
            Err(why) => Err(why),
        };
        match result {
            Ok(Sink::Commits(commits)) => reading.commits = commits.oldest_first(),
            Ok(Sink::Blobs(blobs)) => reading.files = blobs.found(),
            Ok(Sink::Answer(_)) if end.step == Step::Init => return self.fetch(shared),
            Ok(Sink::Answer(_)) => return self.read_fetched(shared),
            Err(why) => return self.read_step_failed(end.step, why, shared),
        }
        self.finish_if_whole(shared);
    }

    fn read_step_failed(&mut self, step: Step, why: String, shared: &mut Shared) {
        match step {
            Step::Log => {
                // The base is unknown, most likely; the head is what is left to tell.
                let Some(reading) = &self.reading else { return };
                let order = shared.commands.log(&mirror(&self.setup.in_loop, shared), &reading.head, None);
                self.run(Step::HeadAlone, order, shared);
            }
            Step::Fetch if !BROKEN.iter().any(|sign| why.contains(sign)) => self.read_failed(why, shared),
            Step::Init | Step::Fetch | Step::HeadAlone | Step::Files => self.make_anew(why, shared),
            Step::Settings | Step::Clone | Step::Heads | Step::Pack => unreachable!("a reading has no such child"),
        }
    }

    fn prepare_mirror(&mut self, shared: &mut Shared) {
        let mirror = mirror(&self.setup.in_loop, shared);
        if Repository::addressed(&mirror).is_some() {
            return self.fetch(shared);
        }
        if let Some(folder) = mirror.parent()
            && let Err(error) = std::fs::create_dir_all(folder)
        {
            return self.read_failed(format!("cannot make folder `{}`: {error}", folder.display()), shared);
        }
        let order = shared.commands.init(&mirror, self.told.head.as_ref().map_or(0, String::len));
        self.run(Step::Init, order, shared);
    }

    /// Fetches the branch, unless the mirror has its head.
    fn fetch(&mut self, shared: &mut Shared) {
        let mirror = mirror(&self.setup.in_loop, shared);
        let (Some(origin), Some(branch)) = (&self.origin, &self.branch) else {
            // A clone's config changed; whose origin it is now is being found out.
            self.waiting = self.waiting.take().or(self.reading.take().map(|reading| reading.wanted));
            return;
        };
        let mirrored = head_of(&mirror);
        let on_disk = origin.local.as_deref().and_then(Repository::addressed).filter(|found| !found.has_reftable());
        let head = match on_disk {
            Some(found) => found.resolve(&format!("refs/heads/{branch}")).ok().flatten(),
            None => self.told.head.clone(),
        };
        if mirrored.is_some() && mirrored == head {
            return self.read_fetched(shared);
        }
        let order = shared.commands.fetch(&mirror, origin, branch, mirrored.is_none());
        self.run(Step::Fetch, order, shared);
    }

    fn read_fetched(&mut self, shared: &mut Shared) {
        let mirror = mirror(&self.setup.in_loop, shared);
        let Some(head) = head_of(&mirror) else {
            return self.make_anew("the mirror has no head".to_owned(), shared);
        };
        let Some(reading) = &mut self.reading else { return };
        reading.head.clone_from(&head);
        let Wanted { since, paths } = reading.wanted.clone();
        if let Some(since) = since.filter(|since| *since != head) {
            let since = is_object_id(&since).then_some(since);
            let step = if since.is_some() { Step::Log } else { Step::HeadAlone };
            let order = shared.commands.log(&mirror, &head, since.as_deref());
            self.run(step, order, shared);
        }
        if !paths.is_empty() {
            let order = shared.commands.files(&mirror, &head, &paths);
            self.run(Step::Files, order, shared);
        }
        self.finish_if_whole(shared);
    }

    fn finish_if_whole(&mut self, shared: &mut Shared) {
        let Some(reading) = self.reading.take_if(|reading| reading.children.is_empty()) else { return };
        self.read_failures = 0;
        self.told.remember(&reading.head);
        let pushed = Pushed { head: reading.head, commits: reading.commits, files: reading.files };
        shared.told.push(Observation::Pushed { in_loop: self.setup.in_loop.clone(), result: Ok(pushed) });
        self.pack(shared);
        self.read_waiting(shared);
    }

    fn read_failed(&mut self, why: String, shared: &mut Shared) {
        self.reading = None;
        let why = if why.is_empty() { "git failed without a word".to_owned() } else { why };
        self.read_failures = self.read_failures.saturating_add(1);
        self.look_within(self.back_off(self.read_failures));
        shared.told.push(Observation::Pushed { in_loop: self.setup.in_loop.clone(), result: Err(why) });
        self.read_waiting(shared);
    }

    /// Makes the mirror anew and begins again; it is only a copy. Once for each reading.
    fn make_anew(&mut self, why: String, shared: &mut Shared) {
        let mirror = mirror(&self.setup.in_loop, shared);
        let Some(reading) = self.reading.as_mut().filter(|reading| !reading.made_anew) else {
            return self.read_failed(why, shared);
        };
        reading.made_anew = true;
        reading.children.clear();
        match std::fs::remove_dir_all(&mirror) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                self.read_failed(format!("{why}; cannot remove `{}`: {error}", mirror.display()), shared);
            }
            Ok(()) | Err(_) => self.prepare_mirror(shared),
        }
    }

    /// Packs the mirror's loose objects when they have become many.
    fn pack(&mut self, shared: &mut Shared) {
        let mirror = mirror(&self.setup.in_loop, shared);
        let now = clock::mono();
        let many = std::fs::read_dir(mirror.join(SAMPLE)).is_ok_and(|entries| entries.count() > SAMPLE_MAX);
        if many && self.packed.is_none_or(|packed| now.since(packed) >= PACK_PAUSE) {
            self.packed = Some(now);
            let order = shared.commands.pack(&mirror);
            shared.run(&self.setup.in_loop, Step::Pack, order);
        }
    }

    fn run(&mut self, step: Step, order: super::process::Order, shared: &mut Shared) {
        let number = shared.run(&self.setup.in_loop, step, order);
        if let Some(reading) = &mut self.reading {
            reading.children.insert(number);
        }
    }
}

fn mirror(in_loop: &str, shared: &Shared) -> PathBuf {
    shared.paths.mirror(in_loop)
}

fn head_of(mirror: &Path) -> Option<String> {
    Repository::addressed(mirror)?.resolve(MIRRORED).ok().flatten()
}
