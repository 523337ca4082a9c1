//! Waits with a bound, woken by the kernel where it can tell.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use agent_orchestrator::protocol::Event;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

use super::{LOOK_EVERY, WAIT_MAX};

/// Waits until `found` finds something in the file at `path`, woken whenever its folder changes.
#[track_caller]
pub fn until_file<T>(path: &Path, what: &str, found: impl Fn(&[u8]) -> Option<T>) -> T {
    let bound = Instant::now() + WAIT_MAX;
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).unwrap();
    let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    let mut watches = false;
    loop {
        watches = watches || inotify.add_watch(path.parent().unwrap(), flags).is_ok();
        let text = std::fs::read(path).unwrap_or_default();
        if let Some(found) = found(&text) {
            return found;
        }
        let left = bound.saturating_duration_since(Instant::now());
        let tail = String::from_utf8_lossy(&text[text.len().saturating_sub(4000)..]).into_owned();
        assert!(!left.is_zero(), "waited too long for {what} in `{}`; it ends with\n{tail}", path.display());
        let left = if watches { left } else { LOOK_EVERY };
        poll(&mut [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)], PollTimeout::try_from(left).unwrap()).unwrap();
        let _ = inotify.read_events();
    }
}

/// Waits until `wanted` is true, looking again and again.
#[track_caller]
pub fn until(what: &str, wanted: impl Fn() -> bool) {
    let bound = Instant::now() + WAIT_MAX;
    while !wanted() {
        assert!(Instant::now() < bound, "waited too long for {what}");
        rest(LOOK_EVERY);
    }
}

/// Lets time pass between two looks where nothing tells of a change.
pub fn rest(time: Duration) {
    poll(&mut [], PollTimeout::try_from(time).unwrap()).unwrap();
}

/// Tells whether a process lives: a zombie does not.
pub fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Kills a process and waits for its end.
#[track_caller]
pub fn kill_and_wait(pid: i32) {
    let process = pidfd_open(rustix::process::Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    assert!(ended(&process, WAIT_MAX), "{pid} does not end");
}

pub(super) fn ended(process: &OwnedFd, within: Duration) -> bool {
    let mut waited = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    poll(&mut waited, PollTimeout::try_from(within).unwrap()).unwrap() == 1
}

pub(super) fn parsed(log: &[u8]) -> Vec<Event> {
    let whole = log.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = log[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// Returns a process's arguments, joined by blanks; empty when it has gone.
pub fn arguments(pid: i32) -> String {
    let text = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&text).trim_end_matches('\0').replace('\0', " ")
}
