//! Whose terminal a person sits down at: a client of tmux does what its server says, so it is to run as the server's user.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, anyhow, bail};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{Uid, User};
use rustix::fs::{Mode, OFlags};

use super::pane::own_socket;
use super::paths::Paths;
use super::{pty, start, unit};
use crate::protocol::unit::agent_of;

/// The terminal of an agent.
#[derive(Debug)]
pub struct Terminal {
    /// The socket of its tmux server, for this process and what it becomes or starts.
    pub socket: PathBuf,
    /// As whom root attaches; everybody else does as who they are.
    pub user: Option<User>,
    _held: Option<OwnedFd>,
}

impl Terminal {
    /// Runs a client of tmux's as the server's user, on a terminal of its own: root's, once the server has it, could be read and
    /// written until it is closed, and pushed into. Of the environment it has `told`.
    ///
    /// # Errors
    /// When there is no terminal to be had, or nothing can be run.
    pub fn run(&self, arguments: &[&str], told: &[(&str, OsString)]) -> anyhow::Result<ExitStatus> {
        let user = self.user.as_ref().context("the terminal is this user's own")?;
        let socket = self.socket.to_str().context("the socket's name is not valid UTF-8")?;
        let words = [&["tmux", "-N", "-S", socket], arguments].concat();
        pty::run(&user.name, user.gid.as_raw(), &words, told)
    }
}

/// Finds the terminal of `agent`; `None` where nobody listens.
///
/// # Errors
/// When it is not for this user, or cannot be reached.
pub fn find(config: &Path, paths: &Paths, agent: &str) -> anyhow::Result<Option<Terminal>> {
    let own = own_socket(&paths.launch_file(agent));
    let is_own = own.symlink_metadata().is_ok();
    let owner = start::owner(config)?;
    let named = if is_own { own } else { paths.tmux_socket(agent) };
    let cannot = || format!("cannot ask tmux for the session of `{agent}` on `{}`", named.display());
    let held = if is_own && Uid::effective().is_root() { Some(hold(&named).with_context(cannot)?) } else { None };
    let socket = held.as_ref().map_or(named.clone(), |held| format!("/proc/self/fd/{}", held.as_raw_fd()).into());
    let connection = match UnixStream::connect(&socket) {
        Ok(connection) => connection,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error).with_context(cannot),
    };
    let peer = getsockopt(&connection, PeerCredentials).with_context(cannot)?;
    let (whose, asker) = (Uid::from_raw(peer.uid()), Uid::effective());
    if whose == asker && owner.is_none() {
        return Ok(Some(Terminal { socket, user: None, _held: held }));
    }
    let user = User::from_uid(whose).with_context(cannot)?.with_context(|| format!("there is no user {whose}"))?;
    if !asker.is_root() {
        bail!(
            "the terminal of `{agent}` is that of user `{}`, whose tmux server yours would obey\nhint: `sudo \
             agent-orchestrator attach {agent}` has a client of that user's",
            user.name
        );
    }
    let is_its = match owner.filter(|_| !is_own) {
        // The folder is that user's.
        Some(owner) => whose == owner.uid,
        None => agent_of(&unit::cgroup_of(peer.pid()).map_err(|why| anyhow!(why))?) == Some(agent),
    };
    if !is_its {
        bail!("process {}, which listens on `{}`, is not this agent's", peer.pid(), named.display());
    }
    Ok(Some(Terminal { socket, user: Some(user), _held: held }))
}

/// Holds a socket, also for what this process becomes: in the folders above it are the fleet's group and nobody else, and that
/// group an agent's user has in its unit only, which shows it no other agent's folder.
fn hold(socket: &Path) -> std::io::Result<OwnedFd> {
    Ok(rustix::fs::open(socket, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?)
}
