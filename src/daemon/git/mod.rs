//! What is pushed: watched by inotify or asked of the origin, read from our own mirror.

mod command;
mod hints;
mod output;
mod process;
mod read;
mod repository;
mod settings;
mod shared;
mod told;
mod watched;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::paths::Paths;
use super::reactor::{Part, Reactor};
use crate::policy::now::Mono;
use crate::policy::observation::Observation;
use read::Wanted;
use shared::{INOTIFY, Shared, Step};
use watched::Watched;

/// What is to be watched for one loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopWatch {
    /// The loop; empty for the unnamed one.
    pub in_loop: String,
    /// The clone whose `origin` counts; absolute.
    pub repo: PathBuf,
    /// Working folders of the loop's agents, clones or not; absolute. A push from one of them is an event.
    pub clones: Vec<PathBuf>,
    /// The branch; the origin's default if none.
    pub branch: Option<String>,
    /// Whether anything that is pushed matters to this loop; if not, its origin is left alone.
    pub pushed: bool,
    /// How often an origin is asked that gives no events.
    pub signal_interval: Duration,
    /// How often the files of one that does are read again; the longest pause after failures.
    pub heavy_interval: Duration,
}

/// Watches the origins of all loops, and reads what is pushed there. Never writes into a clone.
#[derive(Debug)]
pub struct Git {
    shared: Shared,
    loops: BTreeMap<String, Watched>,
}

impl Git {
    /// Opens the watch; no loop is watched yet.
    ///
    /// # Errors
    /// When the kernel gives no inotify instance.
    pub fn new(reactor: Rc<Reactor>, paths: Rc<Paths>) -> io::Result<Self> {
        Self::with_program(reactor, paths, PathBuf::from("git"))
    }

    /// Does the same with another program than the `git` that is found on the PATH.
    ///
    /// # Errors
    /// As [`Git::new`].
    pub fn with_program(reactor: Rc<Reactor>, paths: Rc<Paths>, program: PathBuf) -> io::Result<Self> {
        Ok(Self { shared: Shared::new(reactor, paths, program)?, loops: BTreeMap::new() })
    }

    /// Watches exactly these loops from now on; one whose repository and branch are the same goes on undisturbed.
    ///
    /// For each, [`Observation::Head`] or [`Observation::OriginTrouble`] follows once, and then whenever it changes;
    /// `Head` also, though it be the same, when the origin is back after trouble, and some time after a failed reading.
    pub fn configure(&mut self, loops: &[LoopWatch]) {
        let wanted: BTreeMap<&str, &LoopWatch> =
            loops.iter().filter(|setup| setup.pushed).map(|setup| (setup.in_loop.as_str(), setup)).collect();
        let is_same = |old: &LoopWatch, new: &LoopWatch| old.repo == new.repo && old.branch == new.branch;
        let Self { shared, loops } = self;
        loops.retain(|name, watched| {
            let stays = wanted.get(name.as_str()).is_some_and(|setup| is_same(&watched.setup, setup));
            if !stays {
                shared.give_up(name);
            }
            stays
        });
        shared.watcher.keep(|key| loops.contains_key(&key.in_loop));
        for (name, setup) in wanted {
            match loops.get_mut(name) {
                Some(watched) if watched.setup == *setup => {}
                Some(watched) => watched.change(setup.clone(), shared),
                None => {
                    let mut watched = Watched::new(setup.clone());
                    watched.look(shared);
                    loops.insert(name.to_owned(), watched);
                }
            }
        }
    }

    /// Reads commits after `since` and these files at the branch's head; answered by [`Observation::Pushed`].
    ///
    /// Without `since` no commits are told; with one that the mirror does not know, the head alone. While one reading
    /// of a loop is under way the next one waits, and is replaced by a later one.
    pub fn read_pushed(&mut self, in_loop: &str, since: Option<String>, paths: Vec<String>) {
        if let Some(watched) = self.loops.get_mut(in_loop) {
            watched.read(Wanted { since, paths }, &mut self.shared);
        } else {
            let result = Err("nothing pushed is watched for this loop".to_owned());
            self.shared.told.push(Observation::Pushed { in_loop: in_loop.to_owned(), result });
        }
    }

    /// Deals with all ends of children, and with those that this leads to.
    fn settle(&mut self, seen: &mut Vec<Observation>) {
        while let Some(end) = self.shared.next_end() {
            let Some(watched) = self.loops.get_mut(&end.in_loop) else { continue };
            match end.step {
                Step::Settings | Step::Clone | Step::Heads => watched.look_ended(end, &mut self.shared),
                Step::Init | Step::Fetch | Step::Log | Step::HeadAlone | Step::Files => {
                    watched.read_ended(end, &mut self.shared);
                }
                Step::Keep => watched.kept(&end, &mut self.shared),
                // What could not be packed is packed another time.
                Step::Pack => {}
            }
        }
        seen.append(&mut self.shared.told);
    }
}

impl Part for Git {
    fn ready(&mut self, id: u64, seen: &mut Vec<Observation>) {
        if id == INOTIFY {
            for key in self.shared.watcher.changed() {
                if let Some(watched) = self.loops.get_mut(&key.in_loop) {
                    watched.changed(key.about, &mut self.shared);
                }
            }
        } else {
            self.shared.ready(id);
        }
        self.settle(seen);
    }

    fn deadline(&self) -> Option<Mono> {
        self.loops.values().filter_map(Watched::deadline).chain(self.shared.deadline()).min()
    }

    fn expire(&mut self, now: Mono, seen: &mut Vec<Observation>) {
        self.shared.expire(now);
        self.settle(seen);
        for watched in self.loops.values_mut() {
            watched.expire(now, &mut self.shared);
        }
        self.settle(seen);
    }
}
