//! What all loops of the git part share: the watch, the running children, what is to be told.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use super::command::Commands;
use super::process::{CHANNELS, Ended, Order, Process};
use crate::daemon::clock;
use crate::daemon::paths::Paths;
use crate::daemon::reactor::{Interest, Owner, Reactor};
use crate::daemon::watch::Watcher;
use crate::policy::now::Mono;
use crate::policy::observation::Observation;

/// The descriptor of the watch; those of processes follow.
pub(super) const INOTIFY: u64 = 0;

/// What a watched path says something about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub in_loop: String,
    pub about: About,
}

/// See [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// Configs of the clones: which origin they have.
    Clones,
    /// The local origin's branch.
    Origin,
    /// What the clones know of a remote origin's branch.
    Tracking,
}

/// What a child was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The loop's own clone: its origin.
    Settings,
    /// An agent's clone: its origin.
    Clone,
    /// The origin's branches.
    Heads,
    /// Our mirror is made.
    Init,
    /// The branch is fetched.
    Fetch,
    /// New commits.
    Log,
    /// The head commit, where it is not known what is new.
    HeadAlone,
    /// Files.
    Files,
    /// What has been read elsewhere is fetched into our mirror.
    Keep,
    /// Our mirror's loose objects are packed.
    Pack,
}

/// The end of a child.
#[derive(Debug)]
pub(super) struct End {
    pub in_loop: String,
    pub step: Step,
    pub number: u64,
    /// How it ended, or why it did not begin or end.
    pub result: Result<Ended, String>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    /// Whose it is; `None` once it was given up and only has to be waited for.
    purpose: Option<(String, Step)>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    pub reactor: Rc<Reactor>,
    pub paths: Rc<Paths>,
    pub commands: Commands,
    pub watcher: Watcher<Key>,
    pub told: Vec<Observation>,
    running: BTreeMap<u64, Running>,
    ended: VecDeque<End>,
    last_number: u64,
}

impl Shared {
    /// # Errors
    /// When the kernel gives no inotify instance.
    pub fn new(reactor: Rc<Reactor>, paths: Rc<Paths>, program: PathBuf) -> io::Result<Self> {
        let watcher = Watcher::new()?;
        reactor.add(&watcher, Owner::Git, INOTIFY, Interest::Read)?;
        Ok(Self {
            reactor,
            paths,
            commands: Commands { program },
            watcher,
            told: Vec::new(),
            running: BTreeMap::new(),
            ended: VecDeque::new(),
            last_number: 0,
        })
    }

    /// Starts a child for a loop and returns its number; its end, or that it did not begin, comes as [`End`].
    pub fn run(&mut self, in_loop: &str, step: Step, order: Order) -> u64 {
        self.last_number += 1;
        let number = self.last_number;
        match Process::start(&self.reactor, number * CHANNELS, order, clock::mono()) {
            Ok(process) => {
                self.running.insert(number, Running { process, purpose: Some((in_loop.to_owned(), step)) });
            }
            Err(why) => {
                self.ended.push_back(End { in_loop: in_loop.to_owned(), step, number, result: Err(why) });
            }
        }
        number
    }

    /// Ends everything that runs for a loop.
    pub fn give_up(&mut self, in_loop: &str) {
        self.ended.retain(|end| end.in_loop != in_loop);
        for running in self.running.values_mut() {
            if running.purpose.as_ref().is_some_and(|(name, _)| name == in_loop) {
                running.purpose = None;
                running.process.kill(&self.reactor);
            }
        }
    }

    /// Serves a descriptor of a child.
    pub fn ready(&mut self, id: u64) {
        let number = id / CHANNELS;
        let Some(running) = self.running.get_mut(&number) else { return };
        if !running.process.ready(&self.reactor, id % CHANNELS, clock::mono()) {
            return;
        }
        let Some(running) = self.running.remove(&number) else { return };
        let ended = running.process.finish(&self.reactor);
        if let Some((in_loop, step)) = running.purpose {
            self.ended.push_back(End { in_loop, step, number, result: Ok(ended) });
        }
    }

    /// Gives up the children whose time is over.
    pub fn expire(&mut self, now: Mono) {
        for (number, running) in &mut self.running {
            if running.process.deadline() <= now
                && let Some((in_loop, step)) = running.purpose.take()
            {
                let result = Err(running.process.too_late());
                running.process.kill(&self.reactor);
                self.ended.push_back(End { in_loop, step, number: *number, result });
            }
        }
    }

    /// Returns the next end that has not been dealt with.
    pub fn next_end(&mut self) -> Option<End> {
        self.ended.pop_front()
    }

    /// Says when [`Shared::expire`] has something to do; at once while something waits to be told.
    pub fn deadline(&self) -> Option<Mono> {
        if !self.told.is_empty() || !self.ended.is_empty() {
            return Some(Mono::default());
        }
        self.running
            .values()
            .filter(|running| running.purpose.is_some())
            .map(|running| running.process.deadline())
            .min()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for running in self.running.values_mut() {
            running.process.kill(&self.reactor);
        }
        // The epoll instance may be gone first.
        let _ = self.reactor.remove(&self.watcher);
    }
}
