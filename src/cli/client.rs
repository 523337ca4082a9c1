//! Asks the supervisor: one JSON line over the control socket, one back.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt};
use nix::sys::time::TimeVal;

use super::fleet_file::{self, FleetFile};
use super::stop::{Failure, Outcome};
use super::{names, out, text};
use crate::daemon::offline;
use crate::daemon::paths::{Manager, Paths};
use crate::protocol::control::{Picture, Reason, Reply, Request};

/// How long the supervisor may take to accept a request, and to answer one that changes nothing, seconds.
const ANSWER_S_MAX: u32 = 5;

/// The longest answer that is read, bytes.
const REPLY_SIZE_MAX: u64 = 16 << 20;

/// How long an answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A supervisor whose loop turns answers at once.
    Short,
    /// The request takes this long, and then a little.
    Until(Duration),
    /// Until it is done; the person has Ctrl-C.
    Endless,
}

/// Sends `request` to the supervisor of `config` and returns its answer, or `None` when there is no supervisor; one that
/// ends over a request that changes nothing is none.
///
/// # Errors
/// When the socket cannot be reached for another reason than that nobody listens; exit code 9 when the answer does not come.
pub fn ask(config: &Path, request: &Request, patience: Patience) -> Outcome<Option<Reply>> {
    let Some(stream) = open(config)? else { return Ok(None) };
    let silence_max = match patience {
        Patience::Short => Some(Duration::from_secs(ANSWER_S_MAX.into())),
        Patience::Until(work) => Some(work.saturating_add(Duration::from_secs(ANSWER_S_MAX.into()))),
        Patience::Endless => None,
    };
    stream.set_read_timeout(silence_max).context("cannot set a deadline")?;
    let mut line = serde_json::to_vec(request).context("cannot write the request")?;
    line.push(b'\n');
    // Who refuses a request may close before the whole of it is written, and its answer says why.
    let written = (&stream).write_all(&line);
    let mut reader = BufReader::new(stream.take(REPLY_SIZE_MAX));
    let mut answer = Vec::new();
    let read = reader.read_until(b'\n', &mut answer);
    if answer.last() != Some(&b'\n') {
        let failed = written.err().or(read.err()).filter(|error| !is_hang_up(error));
        return match failed {
            Some(error) => Err(unanswered("cannot ask the supervisor", &error).into()),
            // Who looks may as well have come when it was gone.
            None if only_looks(request) => Ok(None),
            None => Err(Failure::new(Reason::Unanswered, "the supervisor ended before it answered")
                .hint("agent-orchestrator status")
                .into()),
        };
    }
    serde_json::from_slice(&answer).map(Some).map_err(|error| {
        Failure::new(Reason::Unanswered, format!("cannot read the supervisor's answer: {error}"))
            .hint("it may be of another version: end it with SIGTERM (agents go on), then start it again")
            .into()
    })
}

/// Asks the supervisor of `config`, or without one disk and tmux.
///
/// # Errors
/// What either says; exit code 3 for what only a supervisor can do.
pub fn answer(config: &Path, request: &Request, patience: Patience) -> Outcome<Reply> {
    let reply = if let Some(reply) = ask(config, request, patience)? {
        reply
    } else {
        fleet_file::must_be_known(config)?;
        offline::ask(config, request)
    };
    if let Reply::Failed { .. } = reply { Err(unexpected(reply).into()) } else { Ok(reply) }
}

/// Returns the supervisor's picture, or `None` when there is no supervisor.
///
/// # Errors
/// As [`ask`].
pub fn picture(config: &Path) -> Outcome<Option<Picture>> {
    match ask(config, &Request::Status, Patience::Short)? {
        None => Ok(None),
        Some(Reply::Status { picture }) => Ok(Some(*picture)),
        Some(other) => Err(unexpected(other).into()),
    }
}

/// Returns the supervisor's picture and proves that it knows all of `wanted`; `None` when there is no supervisor.
///
/// # Errors
/// Exit code 2 with the known names for a name that it does not know; else as [`ask`].
pub fn picture_with(config: &Path, wanted: &[String]) -> Outcome<Option<Picture>> {
    let Some(picture) = picture(config)? else { return Ok(None) };
    names::all_known(wanted, &known(&picture))?;
    Ok(Some(picture))
}

/// Returns the names of all agents and services of a picture.
pub fn known(picture: &Picture) -> Vec<&str> {
    picture.agents.iter().map(|agent| agent.name.as_str()).collect()
}

/// Proves that there is a supervisor that knows all of `wanted`.
///
/// # Errors
/// Exit code 3 when there is none, 2 for a name that it does not know; else as [`ask`].
pub fn must_supervise(config: &Path, wanted: &[String]) -> Outcome<Picture> {
    if let Some(picture) = picture_with(config, wanted)? {
        return Ok(picture);
    }
    fleet_file::must_be_known(config)?;
    // A file that cannot be used is not what is wrong here.
    if let Ok(fleet) = FleetFile::read_or_ask(config) {
        names::all_known(wanted, &fleet.names())?;
    }
    Err(no_supervisor(config).into())
}

/// Proves that the supervisor, or without one the config that it would go by, knows all of `wanted`.
///
/// # Errors
/// Exit code 2 for a name that is not known; 1 when there is no usable config and was none.
pub fn must_know(config: &Path, wanted: &[String]) -> Outcome {
    if picture_with(config, wanted)?.is_none() {
        names::all_known(wanted, &FleetFile::read_or_ask(config)?.names())?;
    }
    Ok(())
}

/// Warns when what is asked will be done by an older config than the file's.
pub fn warn_of_config(picture: &Picture) {
    if let Some(error) = &picture.config_error {
        out::warn(&format!("the config is not usable, the last good one stays in force: {}", text::clean(error)));
    }
}

/// Sends an order, prints what was done, and fails as the answer says.
///
/// # Errors
/// As [`answer`].
pub fn order(config: &Path, request: &Request, patience: Patience) -> Outcome {
    match answer(config, request, patience)? {
        Reply::Done { lines } => out::lines(&lines),
        other @ (Reply::Failed { .. } | Reply::Status { .. } | Reply::Explanation { .. }) => {
            Err(unexpected(other).into())
        }
    }
}

/// Returns the failure that `reply` tells, or that it is no answer to what was asked.
pub fn unexpected(reply: Reply) -> Failure {
    match reply {
        Reply::Failed { reason, error, hint } => {
            Failure { code: reason.exit_code(), error, hints: hint.into_iter().collect() }
        }
        Reply::Done { .. } | Reply::Status { .. } | Reply::Explanation { .. } => {
            Failure::new(Reason::Failed, "the supervisor answered another question than was asked")
                .hint("it may be of another version: end it with SIGTERM (agents go on), then start it again")
        }
    }
}

/// Returns the failure of a verb that needs a supervisor.
pub fn no_supervisor(config: &Path) -> Failure {
    let manager = Paths::new(config, Path::new("")).map_or(Manager::AdHoc, |paths| paths.manager);
    Failure::new(Reason::NoSupervisor, format!("no supervisor runs for `{}`", config.display())).hint(match manager {
        Manager::AdHoc => "`agent-orchestrator up`, without names, starts one".to_owned(),
        Manager::Systemd => format!("`{}` starts one", manager.starts_supervisor()),
    })
}

/// Connects to the control socket; `None` when nobody listens there.
fn open(config: &Path) -> Outcome<Option<UnixStream>> {
    let paths = FleetFile::paths(config)?;
    paths.check_control()?;
    let path = paths.control_socket();
    let cannot = || format!("cannot reach the supervisor at `{}`", path.display());
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).with_context(cannot)?;
    // Holds for connect(2) as well: a supervisor that hangs accepts nobody.
    setsockopt(&socket, sockopt::SendTimeout, &TimeVal::new(ANSWER_S_MAX.into(), 0)).with_context(cannot)?;
    let address = UnixAddr::new(&path).with_context(cannot)?;
    match connect(socket.as_raw_fd(), &address) {
        Ok(()) => Ok(Some(UnixStream::from(socket))),
        Err(Errno::ENOENT | Errno::ECONNREFUSED | Errno::ENOTDIR) => Ok(None),
        Err(error) => Err(unanswered(&cannot(), &error.into()).into()),
    }
}

/// Says whether who was at the other end has ended.
fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// Says whether a request changes nothing, so that its answer is the same without the supervisor that was asked.
fn only_looks(request: &Request) -> bool {
    match request {
        Request::Status | Request::Explain { .. } | Request::PhaseShow { .. } => true,
        Request::Up { .. }
        | Request::Down { .. }
        | Request::Restart { .. }
        | Request::Send { .. }
        | Request::Wake { .. }
        | Request::Probe { .. }
        | Request::Run { .. }
        | Request::PhaseSet { .. } => false,
    }
}

/// Says why there is no answer; in words where a deadline has passed.
fn unanswered(what: &str, error: &io::Error) -> Failure {
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return Failure::new(Reason::Unanswered, format!("{what}: the supervisor does not answer"))
            .hint("it may hang: `kill -9` of its process and `up` begin another one; agents are not affected");
    }
    Failure::new(Reason::Unanswered, format!("{what}: {error}"))
}
