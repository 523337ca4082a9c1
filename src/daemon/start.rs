//! Begins to supervise: in the foreground, or detached from who asked for it.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::{Uid, User};

pub use super::child::apart;
use super::config_file::Loaded;
use super::event_log::EventLog;
pub use super::event_loop::End;
use super::event_loop::{EventLoop, block_signals};
use super::journal::Journal;
use super::lock::{self, Holder, Lock, Role};
use super::notify::Notify;
use super::paths::{HOST_CONFIG, Manager, Paths};
use super::perform::{Parts, Telling};
use super::reactor::Reactor;
use super::state_file::{self, Keeper};
use super::{child, clock, config_file, open_files};
use crate::policy::fleet::Fleet;
use crate::policy::now::Now;
use crate::policy::state::State;
use crate::policy::{Places, Supervisor};

/// How long a detached supervisor may take until it listens.
const LISTENING_MAX: Duration = Duration::from_secs(20);

/// A supervisor that somebody else began longer ago does not listen where it should.
const JOIN_MAX: Duration = Duration::from_secs(5);

/// A supervisor that was killed has ended after this time.
const ENDING_MAX: Duration = Duration::from_secs(1);

/// The longest between two attempts to reach a supervisor that is about to listen.
const JOIN_AGAIN: Duration = Duration::from_millis(100);

/// The line by which a detached supervisor says that it listens.
const LISTENING: &str = "listening";

/// Is there where systemd runs (`sd_booted(3)`).
const SYSTEMD_RUNS: &str = "/run/systemd/system";

/// The most that is read of what a detached supervisor says before it listens.
const WORDS_BYTES_MAX: usize = 64 << 10;

/// How to supervise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The config file.
    pub config: PathBuf,
    /// Leave the session of who started it, tell them on standard output when it listens, and log to a file.
    pub detached: bool,
    /// Start nothing until the first `Up` request.
    pub hold: bool,
}

/// Supervises the fleet until it is told to end, and says by what; agents are found and left running at both ends.
///
/// # Errors
/// Whatever keeps it from starting: an unusable config, a supervisor that runs already, an unusable state. Once it
/// supervises, only a kernel that lets nobody wait.
pub fn supervise(options: &Options) -> anyhow::Result<End> {
    if !options.detached {
        return run(options, || Ok(()));
    }
    // Fails only for a leader of its process group, who has left the session of who started it already.
    let _ = nix::unistd::setsid();
    let mut has_listened = false;
    let result = run(options, || {
        has_listened = true;
        leave_standard_output()
    });
    if let (Err(error), false) = (&result, has_listened) {
        // Who waits at the other end may have gone; the error is returned all the same.
        let _ = io::stdout().write_all(format!("{error:#}\n").as_bytes());
    }
    result
}

/// Says that the supervisor listens and lets go of standard output.
fn leave_standard_output() -> anyhow::Result<()> {
    let mut output = io::stdout();
    // Who asked may have gone meanwhile: that ends nothing.
    let _ = output.write_all(format!("{LISTENING}\n").as_bytes()).and_then(|()| output.flush());
    let null = OpenOptions::new().write(true).open("/dev/null").context("cannot open `/dev/null`")?;
    nix::unistd::dup2(null.as_raw_fd(), output.as_raw_fd()).context("cannot close standard output")?;
    Ok(())
}

fn run(options: &Options, listening: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<End> {
    block_signals()?;
    open_files::raise().context("cannot raise the limit of open files")?;
    let program = child::own_program();
    let (fleet, paths) = if options.hold {
        open_fleet(&options.config)?
    } else {
        // After a crash or a boot there is nobody who could mend an edit; who says `up` can.
        let (fleet, paths, _) = open_fleet_or_last(&options.config)?;
        (fleet, paths)
    };
    if paths.manager == Manager::Systemd && !Path::new(SYSTEMD_RUNS).is_dir() {
        bail!("systemd does not run here\nhint: a fleet whose config is not `{HOST_CONFIG}` needs none");
    }
    paths.make(fleet.agents.iter().map(|agent| &agent.name))?;
    let paths = Rc::new(paths);
    let now = clock::now(clock::host_zone());
    let _lock = Lock::take(&paths.lock(), Role::Supervisor, now.wall)?;
    paths.note_runtime()?;
    let journal = if options.detached {
        let log = paths.supervisor_log();
        let what = format!("cannot write log `{}`", log.display());
        Journal::in_file(log, now.zone).context(what)?
    } else {
        Journal::new(now.zone)
    };
    let (saved, state) = open_state(&paths, now)?;
    let telling = Telling { event_log: EventLog::new(paths.events()), journal };
    let reactor = Rc::new(Reactor::new().context("cannot wait for events")?);
    let mut parts = Parts::new(&reactor, &paths, program, telling, Notify::new(now.mono))?;
    parts.files.watch_config(&paths.config);
    listening()?;
    let supervisor = Supervisor::new(Arc::new(fleet), state, places(&paths), options.hold);
    let keeper = Keeper::new(paths.state_file(), saved);
    EventLoop::new(reactor, parts, supervisor, keeper)?.run()
}

/// What of root's rights is left to a verb that acts as the fleet's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// None.
    None,
    /// To stop units, which polkit lets that user do from the supervisor's unit only ([`super::unit::Question`]).
    Stops,
}

/// Returns the user of the host's own fleet, where `config` is that and root asks.
///
/// # Errors
/// When users cannot be looked up.
pub fn owner(config: &Path) -> anyhow::Result<Option<User>> {
    let paths = Paths::new(config, Path::new(""))?;
    if paths.manager == Manager::AdHoc || !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    let Ok(state) = std::fs::metadata(&paths.state) else { return Ok(None) };
    User::from_uid(Uid::from_raw(state.uid())).context("cannot look up the fleet's user")
}

/// Becomes [`owner`], where there is one: what is written stays the fleet's, and root's terminal root's.
///
/// # Errors
/// When the kernel refuses.
pub fn act_as_owner(config: &Path, rights: Rights) -> anyhow::Result<()> {
    let Some(owner) = owner(config)? else { return Ok(()) };
    child::keep_terminal();
    let name = CString::new(owner.name).context("the fleet's user has no usable name")?;
    // What is run loses a user who is only saved (execve(2)).
    let saved = match rights {
        Rights::None => owner.uid,
        Rights::Stops => Uid::from_raw(0),
    };
    nix::unistd::initgroups(&name, owner.gid)
        .and_then(|()| nix::unistd::setgid(owner.gid))
        .and_then(|()| nix::unistd::setresuid(owner.uid, owner.uid, saved))
        .with_context(|| format!("cannot act as user {}", owner.uid))
}

/// Says whether this process may end sessions of the fleet without its supervisor: those that are units are root's to stop.
///
/// # Errors
/// When the kernel tells no users.
pub fn may_stop(paths: &Paths) -> anyhow::Result<bool> {
    Ok(paths.manager == Manager::AdHoc || nix::unistd::getresuid().context("cannot tell who asks")?.saved.is_root())
}

/// Reads the config at `config` and names the fleet's folders.
///
/// # Errors
/// All mistakes of an unusable config.
pub(super) fn open_fleet(config: &Path) -> anyhow::Result<(Fleet, Paths)> {
    let config = Paths::new(config, Path::new(""))?.config;
    let fleet = config_file::read(&config).map_err(|unusable| anyhow!(unusable.mistakes.trim_end().to_owned()))?.fleet;
    let paths = Paths::new(&config, &fleet.log_dir)?;
    Ok((fleet, paths))
}

/// As [`open_fleet`]; a config that is not usable is replaced by the last one that was in force, and what is wrong with it
/// is returned as well.
///
/// # Errors
/// As [`open_fleet`], when none was in force.
pub(super) fn open_fleet_or_last(config: &Path) -> anyhow::Result<(Fleet, Paths, Option<String>)> {
    let paths = Paths::new(config, Path::new(""))?;
    match config_file::read(&paths.config) {
        Ok(loaded) => Ok((loaded.fleet.clone(), Paths::new(&paths.config, &loaded.fleet.log_dir)?, None)),
        Err(unusable) => {
            let last = config_file::last(&paths.config, &paths.last_config());
            let Some(Loaded { fleet, .. }) = last else { return Err(anyhow!(unusable.mistakes.trim_end().to_owned())) };
            let paths = Paths::new(&paths.config, &fleet.log_dir)?;
            Ok((fleet, paths, Some(unusable.first)))
        }
    }
}

/// Reads the state: as it is on disk, and as it is taken up.
///
/// # Errors
/// When it is there and cannot be used.
pub(super) fn open_state(paths: &Paths, now: Now) -> anyhow::Result<(Option<State>, State)> {
    let boot = state_file::boot_id()?;
    let saved = state_file::load(&paths.state_file())?;
    let state = saved.clone().map_or_else(|| State::new(&boot), |saved| saved.taken_up(&boot, now));
    Ok((saved, state))
}

/// Returns what the host gives.
pub(super) fn places(paths: &Paths) -> Places {
    let has_timers = paths.manager == Manager::Systemd;
    Places { texts: paths.texts(), state: paths.state.clone(), has_timers }
}

/// Returns the process of the fleet's supervisor, if there is one.
pub fn supervisor_pid(paths: &Paths) -> Option<u32> {
    match lock::holder(&paths.lock())? {
        Holder { role: Role::Supervisor, pid, .. } => Some(pid),
        Holder { role: Role::Verb, .. } => None,
    }
}

/// Starts a supervisor of its own session that holds until the first `Up` request, and returns when it listens.
///
/// # Errors
/// What it said before it ended, or that it did not listen in time; then it has been ended.
pub fn detached(config: &Path) -> anyhow::Result<()> {
    detached_from(&child::own_program(), config)
}

/// As [`detached`], with `program` as the supervisor.
///
/// # Errors
/// The same.
pub fn detached_from(program: &Path, config: &Path) -> anyhow::Result<()> {
    let (fleet, paths) = open_fleet(config)?;
    paths.make(fleet.agents.iter().map(|agent| &agent.name))?;
    let log = open_log(&paths.supervisor_log())?;
    // Not in a process group of its own: a leader of one could not leave the session.
    let mut command = child::replacement(program);
    command.args(["supervise", "--detached", "--hold", "--config"]).arg(&paths.config);
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", program.display()))?;
    let Some(output) = child.stdout.take() else { unreachable!("standard output was asked to be a pipe") };
    let result = await_listening(output, &paths.supervisor_log());
    if result.is_err() {
        end(&mut child);
    }
    result
}

/// As [`detached`]; where somebody else has just started the supervisor, returns when that one listens. One that was just
/// killed holds its lock until the kernel is done with it: that is waited for.
///
/// # Errors
/// As [`detached`].
pub fn joined_or_detached(config: &Path) -> anyhow::Result<()> {
    let before = open_fleet(config).ok().and_then(|(_, paths)| supervisor_pid(&paths));
    let result = joined(config);
    if result.is_err() && before.is_some_and(has_ended) { joined(config) } else { result }
}

/// Waits for the end of a process, for [`ENDING_MAX`] at most, and says whether it has come.
fn has_ended(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let Some(pid) = pid else { return true };
    match rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
        Ok(process) => {
            let bound = PollTimeout::try_from(ENDING_MAX).unwrap_or(PollTimeout::ZERO);
            poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], bound) == Ok(1)
        }
        Err(error) => error == rustix::io::Errno::SRCH,
    }
}

fn joined(config: &Path) -> anyhow::Result<()> {
    let Err(error) = detached(config) else { return Ok(()) };
    let Ok((_, paths)) = open_fleet(config) else { return Err(error) };
    if await_other(&paths).unwrap_or(false) {
        return Ok(());
    }
    if supervisor_pid(&paths).is_none() {
        return Err(error);
    }
    let socket = paths.control_socket();
    Err(anyhow!(
        "{error:#}\nhint: it does not listen at `{}`: it was started with another XDG_RUNTIME_DIR, or that was removed; `kill` \
         ends it, `up` begins another one, and agents are not affected",
        socket.display()
    ))
}

/// Waits until a supervisor that began a moment ago listens; false when there is none.
fn await_other(paths: &Paths) -> anyhow::Result<bool> {
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    inotify.add_watch(&paths.runtime, AddWatchFlags::IN_CREATE)?;
    let is_new = |holder: Holder| {
        let age = clock::now(chrono_tz::UTC).wall - holder.since;
        holder.role == Role::Supervisor && age.to_std().unwrap_or_default() < JOIN_MAX
    };
    let until = clock::mono() + JOIN_MAX;
    let begins = || clock::mono() < until && lock::is_held_by_a_beginner(&paths.lock());
    while lock::holder(&paths.lock()).is_some_and(is_new) || begins() {
        if UnixStream::connect(paths.control_socket()).is_ok() {
            return Ok(true);
        }
        // A socket comes into being a moment before it listens, and nothing tells of a lock that is given up.
        let again = PollTimeout::try_from(JOIN_AGAIN).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)], again) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let _ = inotify.read_events();
    }
    Ok(false)
}

fn open_log(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write log `{}`", path.display()))
}

/// Waits until the supervisor at the other end listens.
fn await_listening(mut output: ChildStdout, log: &Path) -> anyhow::Result<()> {
    let until = clock::mono() + LISTENING_MAX;
    let mut words = Vec::new();
    let mut buffer = [0; 4096];
    while words.len() < WORDS_BYTES_MAX {
        let left = until.since(clock::mono());
        if left.is_zero() {
            let log = log.display();
            bail!("the supervisor does not listen after {} s\nhint: its log is `{log}`", LISTENING_MAX.as_secs());
        }
        let mut waited = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error).context("cannot wait for the supervisor"),
        }
        match output.read(&mut buffer).context("cannot hear the supervisor")? {
            0 => break,
            count => words.extend_from_slice(&buffer[..count]),
        }
        if words.split_inclusive(|byte| *byte == b'\n').any(|line| line == format!("{LISTENING}\n").as_bytes()) {
            return Ok(());
        }
    }
    let words = String::from_utf8_lossy(&words);
    match words.trim() {
        "" => bail!("the supervisor ended without a word\nhint: its log is `{}`", log.display()),
        words => bail!("{words}"),
    }
}

/// Ends a supervisor that has started nothing yet.
fn end(child: &mut Child) {
    // It may have ended by itself. It is not waited for: it is init's as soon as we end.
    let _ = child.kill();
    let _ = child.try_wait();
}
