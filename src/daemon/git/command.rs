//! The git commands that are run, all of which only read what belongs to others.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::output::{Blobs, Commits, Sink};
use super::process::{Order, Patience};
use super::settings::{Origin, WANTED};
use crate::daemon::child;
use crate::policy::observation::COMMITS_MAX;

/// How long git may take where it asks another host.
const NETWORK_TIME_MAX: Duration = Duration::from_secs(20);

/// How long git may take where it only reads files of this host.
const LOCAL_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the first fetch of a large repository may take while it makes progress.
const FIRST_FETCH_TIME_MAX: Duration = Duration::from_secs(1800);

/// How long packing may take; nothing waits for it.
const PACK_TIME_MAX: Duration = Duration::from_secs(600);

/// The most memory of git where it reads references, commits and small files.
const MEMORY_MAX: u64 = 1 << 30;

/// The most memory of git where it packs, which takes some 150 bytes for each object: enough for 25 million of them.
const PACKING_MEMORY_MAX: u64 = 4 << 30;

/// Where the mirror keeps the watched branch, whatever its name is.
pub(super) const MIRRORED: &str = "refs/heads/pushed";

/// What an inherited environment could say about the repository at hand (`git rev-parse --local-env-vars`).
const OF_A_REPOSITORY: [&str; 16] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Where objects are read.
#[derive(Debug)]
pub(super) struct Store {
    /// Our mirror.
    pub mirror: PathBuf,
    /// A folder of objects that the mirror does not have yet.
    pub borrowed: Option<PathBuf>,
}

/// Makes git commands.
#[derive(Debug)]
pub(super) struct Commands {
    /// The program, `git` unless a test stands in for it.
    pub program: PathBuf,
}

impl Commands {
    /// Reads what a clone's config says of its origin.
    pub fn settings(&self, clone: &Path) -> Order {
        let mut command = self.git(&[]);
        command.arg("-C").arg(clone).args([
            "config",
            "--null",
            "--show-scope",
            "--show-origin",
            "--get-regexp",
            WANTED,
        ]);
        order("git config", command, Patience::Whole(LOCAL_TIME_MAX))
    }

    /// Asks the origin for a branch, or for its default and all branches.
    pub fn heads(&self, origin: &Origin, branch: Option<&str>) -> Order {
        let mut command = self.reaching(origin, &["ls-remote", "--symref"]);
        let wanted = format!("refs/heads/{}", branch.unwrap_or("*"));
        command.arg("--").arg(&origin.url).arg("HEAD").arg(wanted);
        order("git ls-remote", command, Patience::Whole(NETWORK_TIME_MAX))
    }

    /// Makes our mirror, for object ids of this length.
    pub fn init(&self, mirror: &Path, id_length: usize) -> Order {
        let format = if id_length == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        let mut command = self.git(&[]);
        command.args(["init", "--quiet", "--bare", "--template=", format, "--"]).arg(mirror);
        command.env("GIT_DEFAULT_REF_FORMAT", "files");
        order("git init", command, Patience::Whole(LOCAL_TIME_MAX))
    }

    /// Fetches exactly one branch into our mirror.
    pub fn fetch(&self, mirror: &Path, origin: &Origin, branch: &str, is_first: bool) -> Order {
        let mut command = self.reaching_from(mirror, origin, &["fetch", "--no-tags", "--no-write-fetch-head"]);
        command.args(["--no-recurse-submodules", "--force"]);
        command.arg(if is_first { "--progress" } else { "--quiet" });
        command.arg("--").arg(&origin.url).arg(format!("+refs/heads/{branch}:{MIRRORED}"));
        let patience = if is_first {
            Patience::Quiet { quiet_max: NETWORK_TIME_MAX, whole: FIRST_FETCH_TIME_MAX }
        } else {
            Patience::Whole(NETWORK_TIME_MAX)
        };
        Order { memory_max: PACKING_MEMORY_MAX, ..order("git fetch", command, patience) }
    }

    /// Lists the commits of `head` that are not in `since`, or `head` alone.
    pub fn log(&self, store: &Store, head: &str, since: Option<&str>) -> Order {
        let mut command = self.in_store(store);
        command.args(["log", "-z", "--format=tformat:%H%x20%s", "--no-show-signature", "--no-color", "--date-order"]);
        match since {
            Some(since) => command.arg(format!("--max-count={COMMITS_MAX}")).args([head, "--not", since, "--"]),
            None => command.args(["--max-count=1", head, "--"]),
        };
        let mut order = order("git log", command, Patience::Whole(LOCAL_TIME_MAX));
        order.sink = Sink::Commits(Commits::default());
        order
    }

    /// Reads files of `head`; a path with a line feed in it cannot be asked for and counts as absent.
    pub fn files(&self, store: &Store, head: &str, paths: &[String]) -> Order {
        let mut command = self.in_store(store);
        command.args(["cat-file", "--batch"]);
        let asked: Vec<String> = paths.iter().filter(|path| !path.contains('\n')).cloned().collect();
        let mut order = order("git cat-file", command, Patience::Whole(LOCAL_TIME_MAX));
        order.input = asked.iter().fold(String::new(), |lines, path| lines + head + ":" + path + "\n").into_bytes();
        order.sink = Sink::Blobs(Blobs::of(asked));
        order
    }

    /// Packs the loose objects of our mirror; what nothing refers to any more is kept.
    pub fn pack(&self, mirror: &Path) -> Order {
        let mut command = self.in_mirror(mirror);
        command.args(["repack", "-d", "-l", "-q"]);
        let order = order("git repack", command, Patience::Whole(PACK_TIME_MAX));
        Order { memory_max: PACKING_MEMORY_MAX, ..order }
    }

    fn reaching(&self, origin: &Origin, arguments: &[&str]) -> Command {
        self.with_login(self.git(&[]), origin, arguments)
    }

    fn reaching_from(&self, mirror: &Path, origin: &Origin, arguments: &[&str]) -> Command {
        self.with_login(self.in_mirror(mirror), origin, arguments)
    }

    fn in_mirror(&self, mirror: &Path) -> Command {
        // The mirror is made anew when it is broken; waiting for the disk would only delay every ping.
        let mut command = self.git(&["core.fsync=none"]);
        let mut folder = OsString::from("--git-dir=");
        folder.push(mirror);
        command.arg(folder);
        command
    }

    fn in_store(&self, store: &Store) -> Command {
        let mut command = self.in_mirror(&store.mirror);
        if let Some(folder) = &store.borrowed {
            // Quoted as in C, because a colon would part two folders (git(1)).
            let text = folder.to_string_lossy().replace('\\', r"\\").replace('"', r#"\""#);
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", format!("\"{text}\""));
        }
        command
    }

    fn with_login(&self, mut command: Command, origin: &Origin, arguments: &[&str]) -> Command {
        command.args(arguments);
        command.env("GIT_CONFIG_COUNT", origin.settings.len().to_string());
        for (number, (key, value)) in origin.settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), key).env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        if !origin.has_ssh_command && std::env::var_os("GIT_SSH_COMMAND").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=10");
        }
        if origin.local.is_some() {
            // The other end's git does not inherit our `-c`, and would refuse another user's repository.
            let program = quoted(&self.program);
            let mut other_end = OsString::from("--upload-pack=");
            other_end.push(program);
            other_end.push(" -c 'safe.directory=*' upload-pack");
            command.arg(other_end);
        }
        command
    }

    fn git(&self, settings: &[&str]) -> Command {
        let mut command = child::command(&self.program);
        for name in OF_A_REPOSITORY {
            command.env_remove(name);
        }
        command.current_dir("/");
        command.envs([
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", ""),
            ("SSH_ASKPASS", ""),
            ("GIT_OPTIONAL_LOCKS", "0"),
            // What another repository lacks would be fetched as its config says.
            ("GIT_NO_LAZY_FETCH", "1"),
            ("LC_ALL", "C"),
        ]);
        let ours = [
            "safe.directory=*",
            "gc.auto=0",
            "maintenance.auto=false",
            "protocol.ext.allow=never",
            "core.hooksPath=/dev/null",
            "credential.interactive=false",
        ];
        for setting in ours.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        command
    }
}

fn order(what: &'static str, command: Command, patience: Patience) -> Order {
    let (input, sink) = (Vec::new(), Sink::Answer(Vec::new()));
    Order { what, command, input, sink, patience, memory_max: MEMORY_MAX }
}

/// Quotes a path for the shell that git starts its other end with.
fn quoted(path: &Path) -> OsString {
    let text = path.as_os_str();
    let mut quoted = OsString::from("'");
    match text.to_str() {
        Some(text) => quoted.push(text.replace('\'', r"'\''")),
        None => quoted.push(OsStr::new("git")),
    }
    quoted.push("'");
    quoted
}
