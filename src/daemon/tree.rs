//! All processes of one agent, held so that a signal can reach nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::protocol::launch::MARK;

use super::paths::HASH_CHARS;

/// The most bytes that are read of a file below `/proc`; the kernel bounds an environment at this size too.
const PROC_BYTES_MAX: u64 = 6 << 20;

/// The room for such a file that is usually enough, so that it is read at once.
const PROC_BYTES_USUAL: usize = 8 << 10;

/// A process as `/proc` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its parent's id.
    pub parent: i32,
    /// The id of its session (setsid(2)).
    pub session: i32,
    /// When it started, in clock ticks since boot; with the pid it names a process uniquely.
    pub started: u64,
    /// It has ended and waits for its parent.
    pub ended: bool,
}

impl Process {
    /// Reads one process; `None` where there is none of that id.
    pub fn read(pid: i32) -> Option<Self> {
        Self::parse(pid, &proc_file(pid, "stat").ok()?)
    }

    /// Understands `/proc/PID/stat` (proc(5)); the program's name may hold blanks and brackets.
    fn parse(pid: i32, stat: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(stat);
        let fields: Vec<_> = text[text.rfind(')')? + 1..].split_ascii_whitespace().collect();
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
            ended: matches!(*fields.first()?, "Z" | "X"),
        })
    }
}

/// Returns the name of a process, for people.
pub fn name(pid: i32) -> String {
    String::from_utf8_lossy(&proc_file(pid, "comm").unwrap_or_default()).trim_end().to_owned()
}

/// A process that cannot be mistaken for a later one of the same id.
#[derive(Debug)]
pub struct Held {
    /// Which.
    pub process: Process,
    pidfd: OwnedFd,
}

impl Held {
    /// Holds `process`; `None` when it has ended meanwhile.
    ///
    /// # Errors
    /// When the kernel gives no descriptor.
    pub fn new(process: Process) -> io::Result<Option<Self>> {
        let Some(pid) = Pid::from_raw(process.pid).filter(|_| process.pid > 1) else { return Ok(None) };
        let pidfd = match pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(pidfd) => pidfd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let same = Process::read(process.pid).is_some_and(|now| now.started == process.started && !now.ended);
        Ok(same.then_some(Self { process, pidfd }))
    }

    /// Sends `signal`; one that has ended is none to signal.
    pub fn signal(&self, signal: Signal) {
        // ESRCH: it has ended. EPERM: it is another user's, and `Unknown` will name it.
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// What belongs to an agent.
#[derive(Debug)]
pub struct Roots<'a> {
    /// The agent's tmux server, while it is known: its children are the agent's, it itself is not among the members.
    pub server: Option<i32>,
    /// The agent's tmux socket: the value of [`MARK`] in the environment of its processes.
    pub socket: &'a Path,
    /// The agent's launch file: its log writer has it as an argument and is not among the members.
    pub launch_file: &'a Path,
    /// Members that are known already.
    pub known: BTreeSet<i32>,
    /// Sessions (setsid(2)) that members have led, as far as they are known already; new ones are added.
    pub sessions: &'a mut BTreeSet<i32>,
}

/// The name that tmux gives to a server's process.
const SERVER_NAME: &str = "tmux: server";

/// All processes at one moment, and whose mark they bear.
#[derive(Debug)]
pub struct Table {
    processes: Vec<Process>,
    marks: BTreeMap<i32, PathBuf>,
}

impl Table {
    /// Reads `/proc`, two files for each process.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn read() -> io::Result<Self> {
        let pids = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let processes: Vec<_> = pids.filter_map(Process::read).collect();
        let marks = processes.iter().filter_map(|Process { pid, .. }| Some((*pid, mark(*pid)?))).collect();
        Ok(Self { processes, marks })
    }
}

/// Returns a living tmux server that runs what bears the mark of `socket`, and where its own socket is: the folder in which a
/// fleet has its own, `HASH/tmux/NAME`, may be another one by now.
pub fn server_of(table: &Table, socket: &Path) -> Option<(i32, PathBuf)> {
    let fleet = socket.iter().rev().nth(2).and_then(|part| part.to_str());
    let is_of_hash =
        fleet.is_some_and(|part| part.len() == HASH_CHARS && part.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_same =
        |mark: &Path| mark == socket || is_of_hash && mark.iter().rev().take(3).eq(socket.iter().rev().take(3));
    table.processes.iter().filter(|process| !process.ended).find_map(|process| {
        let mark = table.marks.get(&process.pid).filter(|mark| is_same(mark))?;
        // A server that the agent itself has started bears the mark like all that it starts.
        let is_its_own = table.marks.get(&process.parent).is_some_and(|mark| is_same(mark));
        (name(process.parent) == SERVER_NAME && !is_its_own).then(|| (process.parent, mark.clone()))
    })
}

/// Returns all living members: the server's children, what bears the mark, all descendants of these, and the sessions that
/// they lead; never the first process, this one, or its children.
pub fn members(table: &Table, roots: Roots<'_>) -> Vec<Process> {
    let Table { processes, marks } = table;
    let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    let spared = closure(processes, BTreeSet::from([own]));
    let mut first = roots.known;
    for Process { pid, parent, .. } in processes {
        let of_server = roots.server == Some(*parent) && !is_log_writer(*pid, roots.launch_file);
        if of_server || marks.get(pid).is_some_and(|mark| mark == roots.socket) {
            first.insert(*pid);
        }
    }
    let all = with_sessions(processes, first, roots.sessions);
    let is_member = |process: &&Process| {
        let Process { pid, ended, .. } = **process;
        pid > 1 && !ended && all.contains(&pid) && !spared.contains(&pid) && roots.server != Some(pid)
    };
    processes.iter().filter(is_member).copied().collect()
}

/// Returns `first` with all descendants and all processes of `sessions`, to which those are added that a member leads: what
/// one of them starts while it is being killed has neither a living parent nor, maybe, the mark.
fn with_sessions(table: &[Process], first: BTreeSet<i32>, sessions: &mut BTreeSet<i32>) -> BTreeSet<i32> {
    let pids: BTreeSet<_> = table.iter().map(|process| process.pid).collect();
    let mut all = first;
    loop {
        let before = all.len();
        all = closure(table, all);
        for process in table {
            let Process { pid, session, .. } = *process;
            if all.contains(&pid) && all.contains(&session) {
                sessions.insert(session);
            }
            // The number of a session that is over may be taken by a new one, whose leader is a stranger.
            if sessions.contains(&session) && (all.contains(&session) || !pids.contains(&session)) {
                all.insert(pid);
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

/// Returns `first` with all descendants.
fn closure(table: &[Process], first: BTreeSet<i32>) -> BTreeSet<i32> {
    let mut all = first;
    loop {
        let new: Vec<_> =
            table.iter().filter(|process| all.contains(&process.parent)).map(|process| process.pid).collect();
        let before = all.len();
        all.extend(new);
        if all.len() == before {
            return all;
        }
    }
}

/// Returns the tmux socket that is the value of [`MARK`] in the environment that a process was started with.
pub fn mark(pid: i32) -> Option<PathBuf> {
    let environ = proc_file(pid, "environ").ok()?;
    let value = |variable: &[u8]| {
        let value = variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=")?;
        Some(PathBuf::from(OsStr::from_bytes(value)))
    };
    environ.split(|byte| *byte == 0).find_map(value)
}

fn is_log_writer(pid: i32, launch_file: &Path) -> bool {
    proc_file(pid, "cmdline").is_ok_and(|line| {
        let mut words = line.split(|byte| *byte == 0).skip(1).map(OsStr::from_bytes);
        words.next() == Some(OsStr::new("log")) && words.next() == Some(launch_file.as_os_str())
    })
}

fn proc_file(pid: i32, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(PROC_BYTES_USUAL);
    File::open(format!("/proc/{pid}/{name}"))?.take(PROC_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let stat = b"42 (a) R 1 (b c) S 7 42 40 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 123456 1 1 18446744073709551615";
        let expected = Process { pid: 42, parent: 7, session: 40, started: 123_456, ended: false };
        assert_eq!(Process::parse(42, stat), Some(expected));
        assert_eq!(Process::parse(42, b"42 (cut"), None);
    }

    #[test]
    fn a_process_is_held_only_as_itself() {
        let own = Process::read(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(Held::new(own).unwrap().is_some());
        assert!(Held::new(Process { started: own.started + 1, ..own }).unwrap().is_none());
        assert!(Held::new(Process { pid: 1, ..own }).unwrap().is_none());
    }

    #[test]
    fn descendants_are_found_through_any_depth() {
        let process = |pid, parent| Process { pid, parent, session: 1, started: 0, ended: false };
        let table = [process(9, 8), process(8, 5), process(5, 1), process(6, 1), process(7, 6)];
        assert_eq!(closure(&table, BTreeSet::from([5])), BTreeSet::from([5, 8, 9]));
    }

    #[test]
    fn what_a_member_has_led_is_found_after_its_death() {
        let process = |pid, parent, session| Process { pid, parent, session, started: 0, ended: false };
        let mut sessions = BTreeSet::new();
        let before = [process(5, 1, 5), process(8, 5, 8), process(9, 8, 8), process(6, 1, 6)];
        let all = with_sessions(&before, BTreeSet::from([5]), &mut sessions);
        assert_eq!((all, &sessions), (BTreeSet::from([5, 8, 9]), &BTreeSet::from([5, 8])));

        let orphan = [process(10, 1, 8), process(6, 1, 6)];
        assert_eq!(with_sessions(&orphan, BTreeSet::new(), &mut sessions), BTreeSet::from([10]));
        let stranger = [process(8, 1, 8), process(10, 8, 8)];
        assert_eq!(with_sessions(&stranger, BTreeSet::new(), &mut sessions), BTreeSet::new());
    }
}
