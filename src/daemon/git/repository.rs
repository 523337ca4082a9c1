//! A repository as its files show it: where it lies, what its branches are.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::daemon::regular::{self, Links};

/// The most bytes that are read of a small file of git's.
const SMALL_BYTES_MAX: u64 = 64 << 10;

/// The most bytes that are read of `packed-refs`; a larger one is left to git itself.
const PACKED_REFS_BYTES_MAX: u64 = 16 << 20;

/// How many symbolic references one reference is followed through, as in git.
const SYMREFS_MAX: usize = 5;

/// The most branches that are looked for where only a sole one is of use.
const BRANCHES_MAX: usize = 2;

/// The most entries that are looked at for that: links may lead round in circles.
const ENTRIES_MAX: usize = 10_000;

/// File systems that other hosts change without an event here: NFS, SMB, CIFS, FUSE, 9P, Ceph (statfs(2)).
const NETWORK_FILE_SYSTEMS: [u64; 6] = [0x6969, 0xfe53_4d42, 0xff53_4d42, 0x6573_5546, 0x0102_1997, 0x00c3_6400];

/// Where a repository keeps its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repository {
    /// `HEAD` of this working tree.
    pub git_dir: PathBuf,
    /// `config` and branches; differs from `git_dir` for an added working tree.
    pub common_dir: PathBuf,
}

impl Repository {
    /// Returns the repository that holds the folder `path`, as `git -C path` finds it.
    pub fn around(path: &Path) -> Option<Self> {
        path.ancestors().find_map(|folder| Self::at(&folder.join(".git")).or_else(|| Self::at(folder)))
    }

    /// Returns the repository that the local address `path` means, tried in git's order.
    pub fn addressed(path: &Path) -> Option<Self> {
        let mut other = path.as_os_str().to_owned();
        other.push(".git");
        let other = PathBuf::from(other);
        [path.join(".git"), path.to_owned(), other.join(".git"), other].iter().find_map(|path| Self::at(path))
    }

    /// Returns the repository whose git folder `path` is, or names (`gitdir: ...`).
    fn at(path: &Path) -> Option<Self> {
        if path.is_file() {
            let text = small(path).ok()?;
            let named = text.strip_prefix("gitdir:")?.trim_matches([' ', '\t', '\r', '\n']);
            let git_dir = path.parent()?.join(named);
            return git_dir.is_dir().then(|| Self::with_common(git_dir));
        }
        let found = Self::with_common(path.to_owned());
        let whole = found.git_dir.join("HEAD").symlink_metadata().is_ok()
            && found.common_dir.join("objects").is_dir()
            && found.common_dir.join("refs").is_dir();
        whole.then_some(found)
    }

    fn with_common(git_dir: PathBuf) -> Self {
        let common_dir = match small(&git_dir.join("commondir")) {
            Ok(named) => git_dir.join(named.trim_end_matches(['\r', '\n'])),
            Err(_) => git_dir.clone(),
        };
        Self { git_dir, common_dir }
    }

    /// Returns whether it may change without an event on this host.
    pub fn is_on_network(&self) -> bool {
        rustix::fs::statfs(&self.common_dir)
            .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| NETWORK_FILE_SYSTEMS.contains(&kind)))
    }

    /// Returns whether references are kept in a form that only git reads.
    pub fn has_reftable(&self) -> bool {
        self.common_dir.join("reftable").is_dir()
    }

    /// The file that changes with every reference of a reftable repository.
    pub fn reftable_list(&self) -> PathBuf {
        self.common_dir.join("reftable/tables.list")
    }

    /// The file of a reference that is not packed.
    pub fn loose(&self, reference: &str) -> PathBuf {
        self.common_dir.join(reference)
    }

    /// The file of all packed references.
    pub fn packed(&self) -> PathBuf {
        self.common_dir.join("packed-refs")
    }

    /// Returns the object id of a reference, `None` where there is no such reference.
    ///
    /// # Errors
    /// When a file cannot be read or makes no sense; git itself may know better.
    pub fn resolve(&self, reference: &str) -> io::Result<Option<String>> {
        let mut reference = reference.to_owned();
        for _ in 0..SYMREFS_MAX {
            // In this order: git packs a reference before it removes the loose one.
            let Some(text) = absent(small(&self.loose(&reference)))? else { return self.packed_value(&reference) };
            match text.trim_end().strip_prefix("ref:") {
                Some(other) => other.trim().clone_into(&mut reference),
                None if is_object_id(text.trim_end()) => return Ok(Some(text.trim_end().to_owned())),
                None => return Err(io::Error::other("not a reference")),
            }
        }
        Err(io::Error::other("too many symbolic references"))
    }

    fn packed_value(&self, reference: &str) -> io::Result<Option<String>> {
        let Some(text) = absent(bounded(&self.packed(), PACKED_REFS_BYTES_MAX))? else { return Ok(None) };
        let value = text.lines().find_map(|line| {
            let (id, name) = line.split_once(' ')?;
            (name == reference && is_object_id(id)).then(|| id.to_owned())
        });
        Ok(value)
    }

    /// Returns the branch that a clone remembers as the default of its origin.
    pub fn default_of_origin(&self) -> Option<String> {
        branch_named_in(&self.loose("refs/remotes/origin/HEAD"), "refs/remotes/origin/")
    }

    /// Returns the branch that `HEAD` names, which need not exist.
    pub fn default_branch(&self) -> Option<String> {
        branch_named_in(&self.git_dir.join("HEAD"), "refs/heads/")
    }

    /// Returns the branches, at most two of them.
    pub fn branches(&self) -> Vec<String> {
        let mut found = BTreeSet::new();
        if let Ok(text) = bounded(&self.packed(), PACKED_REFS_BYTES_MAX) {
            let names = text.lines().filter_map(|line| line.split_once(' ')?.1.strip_prefix("refs/heads/"));
            found.extend(names.take(BRANCHES_MAX).map(str::to_owned));
        }
        let top = self.loose("refs/heads");
        let mut folders = vec![top.clone()];
        let mut entries = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                entries += 1;
                if found.len() >= BRANCHES_MAX || entries > ENTRIES_MAX {
                    return found.into_iter().collect();
                }
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(name) = path.strip_prefix(&top).ok().and_then(Path::to_str)
                    && path.extension().is_none_or(|extension| extension != "lock")
                {
                    found.insert(name.to_owned());
                }
            }
        }
        found.into_iter().collect()
    }
}

/// Tells a full object id, SHA-1 or SHA-256.
pub(super) fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn branch_named_in(path: &Path, prefix: &str) -> Option<String> {
    let text = small(path).ok()?;
    Some(text.trim_end().strip_prefix("ref:")?.trim().strip_prefix(prefix)?.to_owned())
}

fn small(path: &Path) -> io::Result<String> {
    bounded(path, SMALL_BYTES_MAX)
}

fn bounded(path: &Path, bytes_max: u64) -> io::Result<String> {
    let bytes = regular::read(path, Links::Followed, bytes_max)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn absent(read: io::Result<String>) -> io::Result<Option<String>> {
    match read {
        Ok(text) => Ok(Some(text)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
