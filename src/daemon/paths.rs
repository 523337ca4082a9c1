//! Where things lie (README, "Where things lie").

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::sys::stat::{Mode, umask};
use sha2::{Digest, Sha256};

/// The config of the host's own fleet: its sessions are units of systemd. Every other fleet is ad hoc.
pub const HOST_CONFIG: &str = "/etc/agent-orchestrator/agents.toml";

/// Where the host's own fleet has its sockets and launch files, and its state; made by its units.
const HOST_RUNTIME: &str = "/run/agent-orchestrator";
const HOST_STATE: &str = "/var/lib/agent-orchestrator";

/// The link in the state that names the runtime folder of an ad hoc fleet.
const RUNTIME_NOTE: &str = "runtime";

/// The longest path that a unix socket of ours may have; the kernel's own bound is 108 bytes.
pub const SOCKET_PATH_MAX: usize = 100;

/// The bits of a mode by which group and others may write.
const WRITABLE: u32 = 0o022;

/// Who starts and ends the agents' tmux servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// The supervisor.
    AdHoc,
    /// systemd, one unit for each; the supervisor asks it.
    Systemd,
}

impl Manager {
    /// Returns the command by which a person starts the supervisor.
    pub fn starts_supervisor(self) -> &'static str {
        match self {
            Self::AdHoc => "agent-orchestrator up",
            Self::Systemd => "systemctl start agent-orchestrator",
        }
    }
}

impl std::fmt::Display for Manager {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::AdHoc => "ad hoc",
            Self::Systemd => "systemd",
        })
    }
}

/// The folders of one fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The config file; absolute.
    pub config: PathBuf,
    /// Sockets and launch files; 0700.
    pub runtime: PathBuf,
    /// State, kickoffs, last screens, mirrors, event log.
    pub state: PathBuf,
    /// Session logs and SEQUENCE-COMPLETE.
    pub logs: PathBuf,
    /// Who starts and ends its sessions.
    pub manager: Manager,
}

impl Paths {
    /// Names the folders of the fleet whose config is `config` and whose `log_dir` is `logs`, empty where that is not known;
    /// makes none of them. The runtime folder is the one that the fleet's last supervisor had, while it is there: whoever
    /// asks may have another `XDG_RUNTIME_DIR`, or none, as with cron.
    ///
    /// # Errors
    /// When `config` cannot be made absolute.
    pub fn new(config: &Path, logs: &Path) -> anyhow::Result<Self> {
        let config = absolute(config)?;
        let logs = logs.to_owned();
        if config == Path::new(HOST_CONFIG) {
            let (runtime, state) = (PathBuf::from(HOST_RUNTIME), PathBuf::from(HOST_STATE));
            return Ok(Self { config, runtime, state, logs, manager: Manager::Systemd });
        }
        let state = logs.join("state");
        let of_environment = runtime(&config);
        // A copied project brings the record of its original, whose config has another path.
        let is_ours = |noted: &PathBuf| noted.file_name() == of_environment.file_name();
        let noted = if logs.as_os_str().is_empty() { None } else { noted_runtime(&state)?.filter(is_ours) };
        let runtime = noted.unwrap_or(of_environment);
        Ok(Self { config, runtime, state, logs, manager: Manager::AdHoc })
    }

    /// Notes in the state where the runtime folder is, for whoever has another environment.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn note_runtime(&self) -> anyhow::Result<()> {
        if self.manager == Manager::Systemd {
            return Ok(());
        }
        let (note, new) = (self.state.join(RUNTIME_NOTE), self.state.join(".runtime.new"));
        let cannot = || format!("cannot write `{}`", note.display());
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(cannot),
            Ok(()) | Err(_) => {}
        }
        std::os::unix::fs::symlink(&self.runtime, &new).with_context(cannot)?;
        std::fs::rename(&new, &note).with_context(cannot)
    }

    /// The control socket; it depends on the config's path alone.
    pub fn control_socket(&self) -> PathBuf {
        self.runtime.join("control")
    }

    /// Held by the fleet's supervisor, or by who acts in its place.
    pub fn lock(&self) -> PathBuf {
        self.state.join("lock")
    }

    /// The state file.
    pub fn state_file(&self) -> PathBuf {
        self.state.join("state.json")
    }

    /// The event log: one JSON object per line.
    pub fn events(&self) -> PathBuf {
        self.state.join("events.jsonl")
    }

    /// The socket of an agent's tmux server.
    pub fn tmux_socket(&self, agent: &str) -> PathBuf {
        self.runtime.join("tmux").join(agent)
    }

    /// The launch file of an agent's next start.
    pub fn launch_file(&self, agent: &str) -> PathBuf {
        self.launch_folder(agent).join("launch.json")
    }

    /// All that an agent and its supervisor hand to each other in files; under systemd no other agent sees it.
    pub fn launch_folder(&self, agent: &str) -> PathBuf {
        self.runtime.join("launch").join(agent)
    }

    /// Makes the folder of an agent's launch file; under systemd its group may write there, in which an agent with a
    /// user of its own is as well.
    ///
    /// # Errors
    /// When it cannot be made, or is somebody else's.
    pub fn make_launch_folder(&self, agent: &str) -> anyhow::Result<()> {
        let folder = self.launch_folder(agent);
        if self.manager == Manager::AdHoc {
            return private_folder(&folder);
        }
        // The set-group-id bit comes from the folder above, which no service may set by itself.
        let before = umask(Mode::S_IRWXO);
        let made = std::fs::DirBuilder::new().mode(0o770).create(&folder);
        umask(before);
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(error).with_context(|| format!("cannot make folder `{}`", folder.display()))
            }
            Ok(()) => Ok(()),
            Err(_) if folder.symlink_metadata().is_ok_and(|found| found.uid() == nix::unistd::geteuid().as_raw()) => {
                Ok(())
            }
            Err(_) => bail!("folder `{}` is somebody else's", folder.display()),
        }
    }

    /// Says that an agent's unit was stopped by somebody's order; removed when that has been taken in.
    pub fn stopped_mark(&self, agent: &str) -> PathBuf {
        self.launch_file(agent).with_extension("stopped")
    }

    /// Where the agents' own programs tell of themselves.
    pub fn event_socket(&self) -> PathBuf {
        self.runtime.join("events")
    }

    /// By what an agent's processes prove who they are.
    pub fn secret(&self) -> PathBuf {
        self.runtime.join("secret")
    }

    /// Where messages come in for an agent's program that is followed; `hook` finds it by the event socket's folder.
    pub fn mailbox(&self, agent: &str) -> PathBuf {
        self.launch_file(agent).with_extension("post")
    }

    /// Settings that make an agent's program tell of itself.
    pub fn event_settings(&self, agent: &str) -> PathBuf {
        self.launch_file(agent).with_extension("events.json")
    }

    /// Texts too long or too many-lined to be typed; the agent gets a pointer to its file.
    pub fn texts(&self) -> PathBuf {
        self.state.join("texts")
    }

    /// The text of the last config that was in force: what holds while the config is broken and nobody has it in mind.
    pub fn last_config(&self) -> PathBuf {
        let folder = match self.manager {
            // The state's folder is known by the config alone.
            Manager::AdHoc => &self.runtime,
            Manager::Systemd => &self.state,
        };
        folder.join("last-config.toml")
    }

    /// What was asked while there was no supervisor: a file for each request.
    pub fn spool(&self) -> PathBuf {
        self.state.join("spool")
    }

    /// Files from the spool that nobody can read.
    pub fn spool_aside(&self) -> PathBuf {
        self.state.join("spool-aside")
    }

    /// The prompt of an agent's newest start.
    pub fn kickoff(&self, session: &str) -> PathBuf {
        self.state.join(format!("kickoff-{session}.txt"))
    }

    /// The log of a session.
    pub fn session_log(&self, session: &str) -> PathBuf {
        self.logs.join(format!("{session}.log"))
    }

    /// The transcript of an agent, where it is kept.
    pub fn clean_log(&self, agent: &str) -> PathBuf {
        self.logs.join(format!("{agent}.clean.log"))
    }

    /// The last screen of an agent that died.
    pub fn last_screen(&self, agent: &str) -> PathBuf {
        self.state.join("screens").join(format!("{agent}.txt"))
    }

    /// Our own bare mirror of a loop's origin.
    pub fn mirror(&self, in_loop: &str) -> PathBuf {
        self.state.join("mirrors").join(format!("{}.git", if in_loop.is_empty() { "loop" } else { in_loop }))
    }

    /// SEQUENCE-COMPLETE of a loop.
    pub fn complete_marker(&self, in_loop: &str) -> PathBuf {
        let name = "SEQUENCE-COMPLETE";
        self.logs.join(if in_loop.is_empty() { name.to_owned() } else { format!("{name}-{in_loop}") })
    }

    /// What a detached supervisor prints.
    pub fn supervisor_log(&self) -> PathBuf {
        self.logs.join("supervisor.log")
    }

    /// Makes all folders; the runtime folder is private and proven to be ours.
    ///
    /// # Errors
    /// When one cannot be made, is somebody else's, or makes a socket's path too long for `agents`.
    pub fn make(&self, agents: impl Iterator<Item = impl AsRef<str>>) -> anyhow::Result<()> {
        for folder in [self.runtime.clone(), self.runtime.join("tmux"), self.runtime.join("launch")] {
            match self.manager {
                Manager::AdHoc => private_folder(&folder)?,
                Manager::Systemd => made_by_units(&folder)?,
            }
        }
        // Whoever could make a socket there would have our tmux client do what it likes.
        private_folder(&self.runtime.join("tmux"))?;
        let [screens, mirrors] = ["screens", "mirrors"].map(|name| self.state.join(name));
        for folder in [self.state.clone(), self.texts(), screens, mirrors, self.spool(), self.spool_aside()] {
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make folder `{}`", folder.display()))?;
        }
        self.check_sockets(agents)
    }

    /// Checks that every socket's path is short enough for the kernel.
    ///
    /// # Errors
    /// Names the first that is not, and what to shorten.
    pub fn check_sockets(&self, agents: impl Iterator<Item = impl AsRef<str>>) -> anyhow::Result<()> {
        for agent in agents {
            short_enough(
                &self.tmux_socket(agent.as_ref()),
                "shorten the agent's name, or set XDG_RUNTIME_DIR to a shorter folder",
            )?;
        }
        self.check_control()
    }

    /// Checks that the control socket's path is short enough for the kernel.
    ///
    /// # Errors
    /// Says what to shorten.
    pub fn check_control(&self) -> anyhow::Result<()> {
        short_enough(&self.control_socket(), "set XDG_RUNTIME_DIR to a shorter folder")
    }
}

/// Says whether a file is one by which systemd's own fleet is run.
pub fn is_of_the_host(file: &Path) -> bool {
    file.starts_with(HOST_RUNTIME)
}

fn short_enough(socket: &Path, hint: &str) -> anyhow::Result<()> {
    let length = socket.as_os_str().len();
    if length >= SOCKET_PATH_MAX {
        let path = socket.display();
        bail!("socket path `{path}` is too long ({length} bytes, {SOCKET_PATH_MAX} allowed)\nhint: {hint}");
    }
    Ok(())
}

/// How many hexadecimal digits name a fleet's runtime folder.
pub const HASH_CHARS: usize = 12;

/// Returns the runtime folder of the fleet whose config stands at the absolute path `config`.
fn runtime(config: &Path) -> PathBuf {
    let digest = Sha256::digest(config.as_os_str().as_encoded_bytes());
    let hash = digest[..HASH_CHARS / 2].iter().fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"));
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| Path::new(folder).is_absolute()) {
        Some(folder) => PathBuf::from(folder).join("agent-orchestrator").join(hash),
        None => std::env::temp_dir().join(format!("agent-orchestrator-{}", nix::unistd::getuid())).join(hash),
    }
}

/// Returns the runtime folder that the state names; `None` where it names none, or one that is gone, as after a boot.
///
/// # Errors
/// When that cannot be known: an own folder beside it would be a second fleet.
fn noted_runtime(state: &Path) -> anyhow::Result<Option<PathBuf>> {
    let note = state.join(RUNTIME_NOTE);
    let noted = match std::fs::read_link(&note) {
        Ok(noted) => noted,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", note.display())),
    };
    match std::fs::metadata(&noted) {
        Ok(found) => Ok(found.is_dir().then_some(noted)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| {
            format!("cannot reach the fleet's runtime folder `{}`, which `{}` names", noted.display(), note.display())
        }),
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput)
}

/// Says whether a file or folder and all folders above it are root's and nobody else may write there: Gemini reads no
/// other settings of the host (`isFileAndDirectorySecureSync` of 0.61). What is not there yet will be its maker's.
pub fn is_roots_alone(path: &Path) -> bool {
    let there = path.ancestors().find(|part| part.exists()).unwrap_or(Path::new("/"));
    let is_roots = |of: &Metadata| of.uid() == 0 && of.mode() & WRITABLE == 0;
    holds_upwards(there, is_roots) && (there == path || nix::unistd::geteuid().is_root())
}

/// Says whether nobody but this process's own user and root can write a file, or put another one in its place.
pub fn is_own(file: &Path) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    // In a sticky folder only its owner takes away what is another's (unlink(2), `S_ISVTX`).
    let is_sticky = |of: &Metadata| of.is_dir() && of.mode() & 0o1000 != 0;
    holds_upwards(file, |of| [own, 0].contains(&of.uid()) && (of.mode() & WRITABLE == 0 || is_sticky(of)))
}

/// Says whether this holds of what is at `path` and of all folders above it, as they are named and as they are.
fn holds_upwards(path: &Path, holds: impl Fn(&Metadata) -> bool) -> bool {
    let Ok(real) = path.canonicalize() else { return false };
    path.ancestors().chain(real.ancestors()).all(|part| part.metadata().is_ok_and(|of| holds(&of)))
}

/// Makes `path` absolute with its folder's links resolved, so that two spellings of it mean one fleet.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let whole = std::path::absolute(path).with_context(|| format!("cannot find `{}`", path.display()))?;
    if whole == Path::new(HOST_CONFIG) {
        return Ok(whole);
    }
    let (Some(folder), Some(name)) = (whole.parent(), whole.file_name()) else { return Ok(whole) };
    Ok(folder.canonicalize().map_or(whole.clone(), |folder| folder.join(name)))
}

/// Proves that a folder of the host's own fleet is there.
fn made_by_units(folder: &Path) -> anyhow::Result<()> {
    match folder.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => bail!(
            "there is no folder `{}`\nhint: `systemd-tmpfiles --create` makes it as `agent-orchestrator install` set it up",
            folder.display()
        ),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", folder.display())),
    }
}

/// Makes `folder` with mode 0700, or proves that it is ours and private.
fn private_folder(folder: &Path) -> anyhow::Result<()> {
    if let Some(parent) = folder.parent()
        && !parent.exists()
    {
        private_folder(parent)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("cannot make folder `{}`", folder.display())),
    }
    let found = std::fs::symlink_metadata(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    if !found.is_dir() || found.uid() != nix::unistd::getuid().as_raw() {
        bail!(
            "`{}` is not a folder of ours\nhint: somebody else made it; set XDG_RUNTIME_DIR to a folder of your own",
            folder.display()
        );
    }
    if found.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot make `{}` private", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_write_or_replace_is_not_ones_own() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let mine = folder.path().join("config");
        std::fs::write(&mine, "").expect("written");
        let may = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
        };
        assert!(is_own(&mine) && is_own(Path::new("/etc/passwd")) && !is_own(&folder.path().join("none")));
        may(&mine, 0o664);
        assert!(!is_own(&mine), "its group writes it");
        may(&mine, 0o644);
        may(folder.path(), 0o777);
        assert!(!is_own(&mine), "anybody puts another one in its place");
        may(folder.path(), 0o1777);
        assert!(is_own(&mine), "nobody else does, as in /tmp");
    }
}
