//! One git child: its pipes never block us, what it says is bounded, and it ends in time.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, Resource, Rlimit, pidfd_open, prlimit};

use super::output::{Sink, complaint};
use crate::daemon::reactor::{Interest, Owner, Reactor};
use crate::policy::now::Mono;

/// The most bytes that one turn reads from a pipe; the rest comes in the next.
const READ_BYTES_MAX: usize = 1 << 20;

/// The most bytes that are kept of what git complains.
const COMPLAINT_BYTES_MAX: usize = 16 << 10;

/// Of what runs out of a host's memory git goes first: it is run again, an agent is not (`oom_score_adj`, proc(5)).
const OOM_SCORE_ADJ: &str = "500";

/// How many descriptors a process has.
pub(super) const CHANNELS: u64 = 4;
const INPUT: u64 = 0;
const OUTPUT: u64 = 1;
const ERRORS: u64 = 2;
const END: u64 = 3;

/// What is to be run.
#[derive(Debug)]
pub(super) struct Order {
    /// As errors name it: `git fetch`.
    pub what: &'static str,
    /// Program, arguments, environment.
    pub command: Command,
    /// Written to its standard input.
    pub input: Vec<u8>,
    /// Takes its standard output.
    pub sink: Sink,
    /// When it is given up.
    pub patience: Patience,
    /// The most memory that each of its processes may have of its own, bytes: files that agents can write may make git
    /// read without an end.
    pub memory_max: u64,
}

/// When a process is given up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// After this time.
    Whole(Duration),
    /// After this time without a sign of progress, or after `whole`.
    Quiet {
        /// Without a sign.
        quiet_max: Duration,
        /// All in all.
        whole: Duration,
    },
}

/// How a process ended by itself.
#[derive(Debug)]
pub(super) struct Ended {
    /// Whether it said that it had succeeded.
    pub success: bool,
    /// What it wrote.
    pub sink: Sink,
    /// What it complained, one line; empty if nothing.
    pub complaint: String,
}

/// A running git.
#[derive(Debug)]
pub(super) struct Process {
    what: &'static str,
    child: Child,
    end: OwnedFd,
    input: Option<(ChildStdin, Vec<u8>)>,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    sink: Sink,
    complaints: Vec<u8>,
    patience: Patience,
    began: Mono,
    last_sign: Mono,
}

/// Bounds what `child`, and each process that it starts, takes of the host's memory.
fn bound(child: &Child, memory_max: u64) {
    let limit = Rlimit { current: Some(memory_max), maximum: Some(memory_max) };
    // What has ended already takes nothing; where the kernel refuses, git runs as everything else does.
    let _ = prlimit(Some(rustix::process::Pid::from_child(child)), Resource::Data, limit);
    let _ = std::fs::write(format!("/proc/{}/oom_score_adj", child.id()), OOM_SCORE_ADJ);
}

impl Process {
    /// Starts the process and registers its descriptors from `id` on.
    ///
    /// # Errors
    /// When it cannot be started, as one line.
    pub fn start(reactor: &Reactor, id: u64, order: Order, now: Mono) -> Result<Self, String> {
        let what = order.what;
        Self::try_start(reactor, id, order, now).map_err(|error| format!("cannot start `{what}`: {error}"))
    }

    fn try_start(reactor: &Reactor, id: u64, mut order: Order, now: Mono) -> io::Result<Self> {
        let stdin = if order.input.is_empty() { Stdio::null() } else { Stdio::piped() };
        order.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = order.command.spawn()?;
        bound(&child, order.memory_max);
        let end = match pidfd_open(rustix::process::Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(end) => end,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error.into());
            }
        };
        let input = child.stdin.take().map(|pipe| (pipe, order.input));
        let mut process = Self {
            what: order.what,
            end,
            input,
            output: child.stdout.take(),
            errors: child.stderr.take(),
            child,
            sink: order.sink,
            complaints: Vec::new(),
            patience: order.patience,
            began: now,
            last_sign: now,
        };
        if let Err(error) = process.register(reactor, id) {
            process.kill(reactor);
            let _ = process.child.wait();
            return Err(error);
        }
        Ok(process)
    }

    fn register(&self, reactor: &Reactor, id: u64) -> io::Result<()> {
        if let Some((pipe, _)) = &self.input {
            rustix::io::ioctl_fionbio(pipe, true)?;
            reactor.add(pipe, Owner::Git, id + INPUT, Interest::Write)?;
        }
        if let Some(pipe) = &self.output {
            rustix::io::ioctl_fionbio(pipe, true)?;
            reactor.add(pipe, Owner::Git, id + OUTPUT, Interest::Read)?;
        }
        if let Some(pipe) = &self.errors {
            rustix::io::ioctl_fionbio(pipe, true)?;
            reactor.add(pipe, Owner::Git, id + ERRORS, Interest::Read)?;
        }
        reactor.add(&self.end, Owner::Git, id + END, Interest::Read)
    }

    /// Serves one of its descriptors; returns whether the process has ended.
    pub fn ready(&mut self, reactor: &Reactor, channel: u64, now: Mono) -> bool {
        match channel {
            INPUT => self.write(reactor),
            OUTPUT => self.read_output(reactor, now),
            ERRORS => self.read_errors(reactor, now),
            _ => {
                // What it wrote last is still in the pipes.
                self.read_output(reactor, now);
                self.read_errors(reactor, now);
                return true;
            }
        }
        false
    }

    /// Says when it has to be given up.
    pub fn deadline(&self) -> Mono {
        match self.patience {
            Patience::Whole(whole) => self.began + whole,
            Patience::Quiet { quiet_max, whole } => (self.last_sign + quiet_max).min(self.began + whole),
        }
    }

    /// Tells that it did not end in time.
    pub fn too_late(&self) -> String {
        let what = self.what;
        match self.patience {
            Patience::Quiet { quiet_max, whole } if self.last_sign > self.began => {
                let (quiet, whole) = (quiet_max.as_secs(), whole.as_secs());
                format!("`{what}` made no progress for {quiet} s, or did not end within {whole} s")
            }
            Patience::Whole(bound) | Patience::Quiet { quiet_max: bound, .. } => {
                format!("`{what}` did not end within {} s", bound.as_secs())
            }
        }
    }

    /// Ends its process group; its end is still to be waited for.
    pub fn kill(&mut self, reactor: &Reactor) {
        self.kill_group();
        self.close_pipes(reactor);
    }

    /// Takes up the end of a process that has ended.
    pub fn finish(mut self, reactor: &Reactor) -> Ended {
        self.close_pipes(reactor);
        // Helpers of its own that outlive it are of no use.
        self.kill_group();
        let _ = reactor.remove(&self.end);
        let success = matches!(self.child.wait(), Ok(status) if status.success());
        Ended { success, complaint: complaint(&self.complaints), sink: self.sink }
    }

    fn kill_group(&self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }

    fn write(&mut self, reactor: &Reactor) {
        let Some((pipe, left)) = &mut self.input else { return };
        match pipe.write(left) {
            Ok(count) => {
                left.drain(..count);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            // It closed its input; its end will tell why.
            Err(_) => left.clear(),
        }
        if left.is_empty()
            && let Some((pipe, _)) = self.input.take()
        {
            let _ = reactor.remove(&pipe);
        }
    }

    fn read_output(&mut self, reactor: &Reactor, now: Mono) {
        let sink = &mut self.sink;
        let sign = drain(reactor, &mut self.output, |bytes| sink.take(bytes));
        self.note(sign, now);
    }

    fn read_errors(&mut self, reactor: &Reactor, now: Mono) {
        let complaints = &mut self.complaints;
        let sign = drain(reactor, &mut self.errors, |bytes| {
            complaints.extend_from_slice(bytes);
            let surplus = complaints.len().saturating_sub(COMPLAINT_BYTES_MAX);
            complaints.drain(..surplus);
        });
        self.note(sign, now);
    }

    fn note(&mut self, sign: bool, now: Mono) {
        if sign {
            self.last_sign = now;
        }
    }

    fn close_pipes(&mut self, reactor: &Reactor) {
        if let Some((pipe, _)) = self.input.take() {
            let _ = reactor.remove(&pipe);
        }
        close(reactor, &mut self.output);
        close(reactor, &mut self.errors);
    }
}

/// Reads what there is, closes the pipe at its end, and returns whether there was anything.
fn drain<P: Read + AsFd>(reactor: &Reactor, pipe: &mut Option<P>, mut take: impl FnMut(&[u8])) -> bool {
    let mut buffer = [0; 16 << 10];
    let mut total = 0;
    while total < READ_BYTES_MAX {
        let Some(open) = pipe else { break };
        match open.read(&mut buffer) {
            Ok(0) => close(reactor, pipe),
            Ok(count) => {
                take(&buffer[..count]);
                total += count;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => close(reactor, pipe),
        }
    }
    total > 0
}

fn close<P: AsFd>(reactor: &Reactor, pipe: &mut Option<P>) {
    if let Some(pipe) = pipe.take() {
        let _ = reactor.remove(&pipe);
    }
}
