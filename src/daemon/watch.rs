//! inotify: which watched path may have changed, whether it exists or not.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

/// The most symbolic links that one path is followed through, as in the kernel (`path_resolution(7)`).
const LINKS_MAX: usize = 40;

/// How often one path is looked at again because it changed while its watches were set.
const ARM_TRIES_MAX: usize = 8;

/// The most reads of 4 KiB that one turn takes; the rest stays for the next.
const READS_MAX: usize = 64;

/// Tells that paths may have changed, each under a key that the user chose.
///
/// A path need not exist, nor its folders. Every folder and symbolic link on the way to it is watched for its own
/// removal, and only the last one for what happens in it, so that a busy folder further up wakes nobody.
#[derive(Debug)]
pub struct Watcher<K> {
    inotify: Inotify,
    targets: Vec<Target<K>>,
}

#[derive(Debug)]
struct Target<K> {
    key: K,
    spot: Spot,
    hooks: Vec<Hook>,
}

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// The file (or whatever stands) at this absolute path.
    At(PathBuf),
    /// The folder at this absolute path, and everything directly in it.
    Within(PathBuf),
}

impl Spot {
    fn path(&self) -> &Path {
        match self {
            Self::At(path) | Self::Within(path) => path,
        }
    }
}

/// A watch of the kernel's and which of its events matter.
#[derive(Debug)]
struct Hook {
    descriptor: WatchDescriptor,
    concern: Concern,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Concern {
    /// The watched thing's own end.
    Itself,
    /// The entry of this name.
    Entry(OsString),
    /// Every entry.
    Anything,
}

/// What has to be watched for one path as it stands now.
type Steps = Vec<(PathBuf, Concern)>;

impl<K: Ord + Clone> Watcher<K> {
    /// Opens an inotify instance.
    ///
    /// # Errors
    /// When the kernel gives none (`fs.inotify.max_user_instances`).
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        Ok(Self { inotify, targets: Vec::new() })
    }

    /// Reports `key` from now on when one of exactly these spots may have changed. Read them after this call.
    ///
    /// # Errors
    /// When the kernel refuses (`fs.inotify.max_user_watches`, or a folder that may not be read); the spot stays
    /// known, and is tried again with the next event on the way to it.
    pub fn watch(&mut self, key: &K, spots: &[Spot]) -> io::Result<()> {
        let mut added = Vec::new();
        for spot in spots {
            if !self.targets.iter().any(|target| target.key == *key && target.spot == *spot) {
                added.push(Target { key: key.clone(), spot: spot.clone(), hooks: Vec::new() });
            }
        }
        let first = self.targets.len();
        self.targets.extend(added);
        let result = (first..self.targets.len()).map(|index| self.arm(index)).fold(Ok(()), Result::and);
        self.retain(|target| target.key != *key || spots.contains(&target.spot));
        result
    }

    /// Ends all watches whose keys are not wanted.
    pub fn keep(&mut self, mut wanted: impl FnMut(&K) -> bool) {
        self.retain(|target| wanted(&target.key));
    }

    fn retain(&mut self, wanted: impl FnMut(&Target<K>) -> bool) {
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.targets).into_iter().partition(wanted);
        self.targets = kept;
        for target in gone {
            self.release(&target.hooks);
        }
    }

    /// Takes what the kernel has to tell, without blocking, and returns the keys whose paths may have changed:
    /// all of them after an overflow.
    pub fn changed(&mut self) -> BTreeSet<K> {
        let mut touched = BTreeSet::new();
        for _ in 0..READS_MAX {
            match self.inotify.read_events() {
                Ok(events) => events.iter().for_each(|event| self.touch(event, &mut touched)),
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        for &index in &touched {
            // A refusal is answered by the users' own re-reading.
            let _ = self.arm(index);
        }
        touched.into_iter().map(|index| self.targets[index].key.clone()).collect()
    }

    fn touch(&self, event: &InotifyEvent, touched: &mut BTreeSet<usize>) {
        let overflow = event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
        for (index, target) in self.targets.iter().enumerate() {
            if overflow || target.hooks.iter().any(|hook| hook.concerns(event)) && !target.is_being_written(event) {
                touched.insert(index);
            }
        }
    }

    /// Sets the watches for one target anew.
    fn arm(&mut self, index: usize) -> io::Result<()> {
        let spot = self.targets[index].spot.clone();
        let mut steps = steps(&spot);
        let mut hooks = Vec::new();
        let mut result = Ok(());
        for _ in 0..ARM_TRIES_MAX {
            result = self.hook(&steps, &mut hooks);
            let again = self::steps(&spot);
            if again == steps {
                break;
            }
            steps = again;
        }
        let old = std::mem::replace(&mut self.targets[index].hooks, hooks);
        self.release(&old);
        result
    }

    fn hook(&self, steps: &Steps, hooks: &mut Vec<Hook>) -> io::Result<()> {
        let mut result = Ok(());
        for (path, concern) in steps {
            match self.inotify.add_watch(path, concern.flags()) {
                Ok(descriptor) => hooks.push(Hook { descriptor, concern: concern.clone() }),
                Err(error) if *concern != Concern::Itself => result = Err(error.into()),
                Err(_) => {}
            }
        }
        result
    }

    /// Ends the kernel's watches that no target needs any more.
    fn release(&self, hooks: &[Hook]) {
        for hook in hooks {
            if !self.targets.iter().flat_map(|target| &target.hooks).any(|kept| kept.descriptor == hook.descriptor) {
                // It may be gone already, with what it watched.
                let _ = self.inotify.rm_watch(hook.descriptor);
            }
        }
    }
}

impl<K> AsFd for Watcher<K> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl<K> Target<K> {
    /// Tells a file that was just created and is still empty: its end of writing follows.
    fn is_being_written(&self, event: &InotifyEvent) -> bool {
        event.mask.contains(AddWatchFlags::IN_CREATE)
            && !event.mask.contains(AddWatchFlags::IN_ISDIR)
            && self.spot.path().file_name() == event.name.as_deref()
            && std::fs::symlink_metadata(self.spot.path()).is_ok_and(|found| found.is_file() && found.len() == 0)
    }
}

impl Hook {
    fn concerns(&self, event: &InotifyEvent) -> bool {
        event.wd == self.descriptor
            && match (&self.concern, &event.name) {
                (_, None) | (Concern::Anything, Some(_)) => true,
                (Concern::Entry(wanted), Some(name)) => wanted == name,
                (Concern::Itself, Some(_)) => false,
            }
    }
}

impl Concern {
    fn flags(&self) -> AddWatchFlags {
        // Two paths may lead to one folder, and its watch must serve both (inotify(7), IN_MASK_ADD).
        let add = AddWatchFlags::from_bits_retain(0x2000_0000);
        let own = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_DONT_FOLLOW | add;
        match self {
            Self::Itself => own,
            Self::Entry(_) | Self::Anything => {
                own | AddWatchFlags::IN_CREATE
                    | AddWatchFlags::IN_DELETE
                    | AddWatchFlags::IN_MOVE
                    | AddWatchFlags::IN_CLOSE_WRITE
                    | AddWatchFlags::IN_ATTRIB
            }
        }
    }
}

/// Names what has to be watched for a spot, in the order of the way to it.
fn steps(spot: &Spot) -> Steps {
    let mut steps = Vec::new();
    let mut links = 0;
    let mut folder = PathBuf::from("/");
    let mut rest = names(spot.path());
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            folder.pop();
            continue;
        }
        let next = folder.join(&name);
        let found = std::fs::symlink_metadata(&next);
        let is = |kind: fn(&std::fs::FileType) -> bool| found.as_ref().is_ok_and(|found| kind(&found.file_type()));
        if is(std::fs::FileType::is_symlink)
            && links < LINKS_MAX
            && let Ok(target) = std::fs::read_link(&next)
        {
            links += 1;
            steps.push((next, Concern::Itself));
            if target.is_absolute() {
                folder = PathBuf::from("/");
            }
            let mut way = names(&target);
            way.append(&mut rest);
            rest = way;
        } else if is(std::fs::FileType::is_dir) && !rest.is_empty() {
            steps.push((next.clone(), Concern::Itself));
            folder = next;
        } else {
            let inside = matches!(spot, Spot::Within(_)) && rest.is_empty() && is(std::fs::FileType::is_dir);
            steps.push((folder, Concern::Entry(name)));
            if inside {
                steps.push((next, Concern::Anything));
            }
            break;
        }
    }
    steps
}

fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}
