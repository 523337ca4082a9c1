//! What is pushed, read from a mirror of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::{MIRRORED, Store};
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

/// Where a reading finds the commits that our mirror does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// In the origin's own folder of objects, where it can be read; that takes a fraction of a fetch.
    Origin,
    /// In the mirror, after a fetch.
    Mirror,
}

/// A reading under way.
#[derive(Debug)]
pub(super) struct Reading {
    wanted: Wanted,
    /// Children whose end is awaited.
    children: BTreeSet<u64>,
    source: Source,
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
            source: Source::Origin,
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
            // The base is unknown; the head is what is left to tell. Any other reason is a broken mirror.
            Step::Log if why.starts_with("bad object") => {
                let Some(reading) = &self.reading else { return };
                let order = shared.commands.log(&self.store(shared), &reading.head, None);
                self.run(Step::HeadAlone, order, shared);
            }
            Step::Log | Step::HeadAlone | Step::Files if self.is_borrowing() => self.fetch_after_all(shared),
            Step::Fetch if !BROKEN.iter().any(|sign| why.contains(sign)) => self.read_failed(why, shared),
            Step::Init | Step::Fetch | Step::Log | Step::HeadAlone | Step::Files => self.make_anew(why, shared),
            Step::Settings | Step::Clone | Step::Heads | Step::Keep | Step::Pack => {
                unreachable!("a reading has no such child")
            }
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

    /// Fetches the branch, unless its head can be read without.
    fn fetch(&mut self, shared: &mut Shared) {
        let mirror = mirror(&self.setup.in_loop, shared);
        let (Some(origin), Some(branch), Some(reading)) = (&self.origin, &self.branch, &mut self.reading) else {
            // A clone's config changed; whose origin it is now is being found out.
            self.waiting = self.waiting.take().or(self.reading.take().map(|reading| reading.wanted));
            return;
        };
        let mirrored = head_of(&mirror);
        let on_disk = origin.local.as_deref().and_then(Repository::addressed).filter(|found| !found.has_reftable());
        let head = match &on_disk {
            Some(found) => found.resolve(&format!("refs/heads/{branch}")).ok().flatten(),
            None => self.told.head.clone(),
        };
        if let Some(head) = head
            && (mirrored.as_ref() == Some(&head) || on_disk.is_some() && reading.source == Source::Origin)
        {
            if mirrored.as_ref() == Some(&head) {
                reading.source = Source::Mirror;
            }
            return self.read_objects(&head, shared);
        }
        reading.source = Source::Mirror;
        let order = shared.commands.fetch(&mirror, origin, branch, mirrored.is_none());
        self.run(Step::Fetch, order, shared);
    }

    fn fetch_after_all(&mut self, shared: &mut Shared) {
        if let Some(reading) = &mut self.reading {
            reading.source = Source::Mirror;
            reading.children.clear();
        }
        self.fetch(shared);
    }

    fn is_borrowing(&self) -> bool {
        self.reading.as_ref().is_some_and(|reading| reading.source == Source::Origin)
    }

    /// Where objects are read from now.
    fn store(&self, shared: &Shared) -> Store {
        let local = self.origin.as_ref().and_then(|origin| origin.local.as_deref());
        let borrowed = local.filter(|_| self.is_borrowing()).and_then(Repository::addressed);
        Store {
            mirror: mirror(&self.setup.in_loop, shared),
            borrowed: borrowed.map(|origin| origin.common_dir.join("objects")),
        }
    }

    fn read_fetched(&mut self, shared: &mut Shared) {
        match head_of(&mirror(&self.setup.in_loop, shared)) {
            Some(head) => self.read_objects(&head, shared),
            None => self.make_anew("the mirror has no head".to_owned(), shared),
        }
    }

    fn read_objects(&mut self, head: &str, shared: &mut Shared) {
        let store = self.store(shared);
        let Some(reading) = &mut self.reading else { return };
        head.clone_into(&mut reading.head);
        let Wanted { since, paths } = reading.wanted.clone();
        if let Some(since) = since.filter(|since| since != head) {
            let since = is_object_id(&since).then_some(since);
            let step = if since.is_some() { Step::Log } else { Step::HeadAlone };
            let order = shared.commands.log(&store, head, since.as_deref());
            self.run(step, order, shared);
        }
        if !paths.is_empty() {
            let order = shared.commands.files(&store, head, &paths);
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
        if reading.source == Source::Origin {
            self.keep(shared);
        }
        self.pack(shared);
        self.read_waiting(shared);
    }

    /// Fetches what was read at the origin itself, so that it stays known when history is rewritten there.
    fn keep(&mut self, shared: &mut Shared) {
        let (Some(origin), Some(branch), None) = (&self.origin, &self.branch, self.keeping) else {
            self.keep_again = true;
            return;
        };
        let mirror = mirror(&self.setup.in_loop, shared);
        let order = shared.commands.fetch(&mirror, origin, branch, head_of(&mirror).is_none());
        self.keeping = Some(shared.run(&self.setup.in_loop, Step::Keep, order));
    }

    /// Takes up the end of [`Watched::keep`]; what could not be kept is fetched with the next reading.
    pub fn kept(&mut self, end: &End, shared: &mut Shared) {
        if self.keeping == Some(end.number) {
            self.keeping = None;
            if std::mem::take(&mut self.keep_again) {
                self.keep(shared);
            }
        }
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
