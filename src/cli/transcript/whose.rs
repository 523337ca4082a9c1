//! Whose conversations are read, and where they are: by the preset and the agent's own environment.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use crate::daemon::paths::Manager;
use crate::protocol::launch::MARK;
use crate::protocol::transcript::{Program, expanded};

/// An agent's conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// Whose form they have.
    pub program: Program,
    /// Where the program keeps them.
    pub folder: PathBuf,
    /// The agent's working folder, without symbolic links.
    pub dir: PathBuf,
    /// Shell text: the program.
    pub bin: String,
    /// The agent's environment, as far as it differs from this process's own.
    pub environment: BTreeMap<String, String>,
}

impl Whose {
    /// Fills in where the program keeps its files; `None` where `template` names no folder.
    pub fn new(
        program: Program,
        template: &str,
        dir: &Path,
        bin: &str,
        environment: BTreeMap<String, String>,
    ) -> Option<Self> {
        let variable = |name: &str| environment.get(name).cloned().or_else(|| std::env::var(name).ok());
        let folder = expanded(template, &variable)?;
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        Some(Self { program, folder, dir, bin: bin.to_owned(), environment })
    }
}

/// Returns the environment of an agent: that of its running program, else what its unit gives and the backend adds.
pub fn environment(socket: &Path, manager: Manager, backend: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    if let Some(running) = running(socket) {
        return running;
    }
    let mut environment = BTreeMap::new();
    // A unit has its user's home; who asks may have become that user.
    let user = User::from_uid(Uid::effective()).ok().flatten().filter(|_| manager == Manager::Systemd);
    if let Some(home) = user.and_then(|user| user.dir.to_str().map(str::to_owned)) {
        environment.insert("HOME".to_owned(), home);
    }
    environment.extend(backend.clone());
    environment
}

/// Returns the environment of a process that bears the agent's mark.
fn running(socket: &Path) -> Option<BTreeMap<String, String>> {
    let mark = [MARK.as_bytes(), b"=", socket.as_os_str().as_bytes()].concat();
    let processes = std::fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let mut environments = processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
    let found = environments.find(|environ| environ.split(|byte| *byte == 0).any(|variable| variable == mark))?;
    let variables = found.split(|byte| *byte == 0).filter_map(|variable| {
        let (name, value) = std::str::from_utf8(variable).ok()?.split_once('=')?;
        // What we start with it is not the agent's: it would be ended with it.
        (name != MARK).then(|| (name.to_owned(), value.to_owned()))
    });
    Some(variables.collect())
}
