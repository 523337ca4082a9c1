//! Runs the operator's command with an event on its standard input; whatever it does harms nothing.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::rc::Rc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, pidfd_open};

use super::reactor::{Interest, Owner, Part, Reactor};
use super::{child, clock};
use crate::policy::event::Event;
use crate::policy::now::Mono;
use crate::policy::observation::Observation;

/// Names the event's kind to the command.
pub const KIND_VARIABLE: &str = "AGENT_ORCHESTRATOR_EVENT";

/// How long the command may take; then its process group is killed.
pub const COMMAND_MAX: Duration = Duration::from_secs(10);

/// How many of the command run at once.
pub const RUNNING_MAX: usize = 2;

/// How many events wait for the command; the oldest is given up for another one.
pub const QUEUE_MAX: usize = 32;

/// How much the command may write; then nobody reads it any more.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Bytes that one turn reads of what it writes.
const READ_BYTES_MAX: usize = 64 << 10;

/// The most bytes that are kept of what it wrote, for its last line.
const KEPT_BYTES_MAX: usize = 4 << 10;

/// The longest line of it that is told, in characters.
const LINE_CHARS_MAX: usize = 300;

/// How many descriptors a running command has.
const CHANNELS: u64 = 3;
const INPUT: u64 = 0;
const OUTPUT: u64 = 1;
const END: u64 = 2;

/// The operator's command with the events that it has not been told yet.
#[derive(Debug)]
pub struct NotifyCommand {
    reactor: Rc<Reactor>,
    program: PathBuf,
    command: Vec<String>,
    dir: PathBuf,
    queue: VecDeque<Event>,
    running: BTreeMap<u64, Running>,
    last_number: u64,
    /// What was last told of its failures.
    trouble: Option<String>,
}

/// One run of the command.
#[derive(Debug)]
struct Running {
    child: Child,
    end: OwnedFd,
    input: Option<(ChildStdin, Vec<u8>)>,
    output: Option<std::fs::File>,
    output_bytes: usize,
    /// The end of what it wrote.
    kept: Vec<u8>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    InTime { until: Mono },
    Killed,
}

impl NotifyCommand {
    /// Tells nobody until [`NotifyCommand::configure`]; `program` is this program, whose hidden verb `unblocked` becomes
    /// the command.
    pub fn new(reactor: Rc<Reactor>, program: PathBuf) -> Self {
        Self {
            reactor,
            program,
            command: Vec::new(),
            dir: PathBuf::from("/"),
            queue: VecDeque::new(),
            running: BTreeMap::new(),
            last_number: 0,
            trouble: None,
        }
    }

    /// From now on runs `command` in the folder `dir`; without one, what waits is forgotten.
    pub fn configure(&mut self, command: Option<&[String]>, dir: &Path) {
        let command = command.unwrap_or_default();
        if self.command != command {
            self.trouble = None;
            command.clone_into(&mut self.command);
        }
        dir.clone_into(&mut self.dir);
        if self.command.is_empty() {
            self.queue.clear();
        }
    }

    /// Tells the command one event, as soon as fewer than [`RUNNING_MAX`] run.
    pub fn tell(&mut self, event: Event, seen: &mut Vec<Observation>) {
        if self.command.is_empty() {
            return;
        }
        if self.queue.len() >= QUEUE_MAX {
            self.queue.pop_front();
            self.failed(&format!("is too slow: more than {QUEUE_MAX} events wait, the oldest are given up"), seen);
        }
        self.queue.push_back(event);
        self.start_next(seen);
    }

    /// Returns why it was not told something, if it has not succeeded since.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Returns whether nothing runs and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.queue.is_empty()
    }

    /// Lets what runs come to its end, for at most `max`; only for the end of the supervisor.
    pub fn flush(&mut self, max: Duration) {
        let until = clock::mono() + max;
        // Who would be told of a failure ends as well.
        let mut seen = Vec::new();
        while !self.is_idle() {
            let left = until.since(clock::mono());
            if left.is_zero() {
                return;
            }
            let mut ids = Vec::new();
            let mut waited = Vec::new();
            for (number, running) in &self.running {
                for (channel, fd, flags) in running.descriptors() {
                    ids.push(number * CHANNELS + channel);
                    waited.push(PollFd::new(fd, flags));
                }
            }
            match poll(&mut waited, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return,
            }
            let is_ready = |fd: &PollFd| fd.revents().is_some_and(|events| !events.is_empty());
            let ready: Vec<u64> =
                ids.into_iter().zip(&waited).filter(|(_, fd)| is_ready(fd)).map(|(id, _)| id).collect();
            for id in ready {
                self.ready(id, &mut seen);
            }
        }
    }

    fn start_next(&mut self, seen: &mut Vec<Observation>) {
        while self.running.len() < RUNNING_MAX {
            let Some(event) = self.queue.pop_front() else { return };
            self.last_number += 1;
            match self.start(self.last_number, &event) {
                Ok(running) => {
                    self.running.insert(self.last_number, running);
                }
                Err(error) => self.failed(&format!("cannot be started: {error}"), seen),
            }
        }
    }

    fn start(&self, number: u64, event: &Event) -> io::Result<Running> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        let kind = serde_json::to_value(event.event)?;
        let (output, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&output, true)?;
        let mut command = child::command(&self.program);
        command.args(["unblocked", "--"]).args(&self.command).current_dir(&self.dir);
        command.env(KIND_VARIABLE, kind.as_str().unwrap_or_default());
        command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        drop(command);
        let input = child.stdin.take();
        let watched = self.watch(number, &child, input.as_ref(), &output);
        let end = match watched {
            Ok(end) => end,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let until = clock::mono() + COMMAND_MAX;
        Ok(Running {
            child,
            end,
            input: input.map(|pipe| (pipe, line)),
            output: Some(output.into()),
            output_bytes: 0,
            kept: Vec::new(),
            stage: Stage::InTime { until },
        })
    }

    /// Waits for all descriptors of a run; closed ones are forgotten by the kernel.
    fn watch(&self, number: u64, child: &Child, input: Option<&ChildStdin>, output: &OwnedFd) -> io::Result<OwnedFd> {
        let id = number * CHANNELS;
        let end = pidfd_open(rustix::process::Pid::from_child(child), PidfdFlags::empty())?;
        if let Some(pipe) = input {
            rustix::io::ioctl_fionbio(pipe, true)?;
            self.reactor.add(pipe, Owner::NotifyCommand, id + INPUT, Interest::Write)?;
        }
        self.reactor.add(output, Owner::NotifyCommand, id + OUTPUT, Interest::Read)?;
        self.reactor.add(&end, Owner::NotifyCommand, id + END, Interest::Read)?;
        Ok(end)
    }

    fn finish(&mut self, number: u64, seen: &mut Vec<Observation>) {
        let Some(mut running) = self.running.remove(&number) else { return };
        running.read(&self.reactor);
        running.close(&self.reactor);
        // What it left in the background would run without a deadline.
        running.kill_group();
        let _ = self.reactor.remove(&running.end);
        let status = running.child.wait();
        let said = last_line(&running.kept);
        let said = if said.is_empty() { said } else { format!(": {said}") };
        match (running.stage, status) {
            (Stage::Killed, _) => {
                self.failed(&format!("did not end within {} s{said}", COMMAND_MAX.as_secs()), seen);
            }
            (Stage::InTime { .. }, Ok(status)) if status.success() => self.trouble = None,
            (Stage::InTime { .. }, Ok(status)) => self.failed(&format!("failed ({status}){said}"), seen),
            (Stage::InTime { .. }, Err(error)) => self.failed(&format!("cannot be waited for: {error}"), seen),
        }
        self.start_next(seen);
    }

    /// Tells a failure, once until the command succeeds again.
    fn failed(&mut self, how: &str, seen: &mut Vec<Observation>) {
        if self.trouble.is_none() {
            let program = self.command.first().map(String::as_str).unwrap_or_default();
            let what = format!("notify command `{program}` {how}");
            self.trouble = Some(what.clone());
            seen.push(Observation::Trouble { what });
        }
    }
}

impl Part for NotifyCommand {
    fn ready(&mut self, id: u64, seen: &mut Vec<Observation>) {
        let Some(running) = self.running.get_mut(&(id / CHANNELS)) else { return };
        match id % CHANNELS {
            INPUT => running.write(&self.reactor),
            OUTPUT => running.read(&self.reactor),
            _ => self.finish(id / CHANNELS, seen),
        }
    }

    fn deadline(&self) -> Option<Mono> {
        let untils = self.running.values().filter_map(|running| match running.stage {
            Stage::InTime { until } => Some(until),
            Stage::Killed => None,
        });
        untils.min()
    }

    fn expire(&mut self, now: Mono, _seen: &mut Vec<Observation>) {
        for running in self.running.values_mut() {
            if matches!(running.stage, Stage::InTime { until } if until <= now) {
                running.stage = Stage::Killed;
                running.kill_group();
                running.close(&self.reactor);
            }
        }
    }
}

impl Drop for NotifyCommand {
    fn drop(&mut self) {
        for running in self.running.values_mut() {
            running.kill_group();
            let _ = running.child.try_wait();
        }
    }
}

impl Running {
    fn descriptors(&self) -> impl Iterator<Item = (u64, std::os::fd::BorrowedFd<'_>, PollFlags)> {
        let input = self.input.as_ref().map(|(pipe, _)| (INPUT, pipe.as_fd(), PollFlags::POLLOUT));
        let output = self.output.as_ref().map(|pipe| (OUTPUT, pipe.as_fd(), PollFlags::POLLIN));
        input.into_iter().chain(output).chain([(END, self.end.as_fd(), PollFlags::POLLIN)])
    }

    fn write(&mut self, reactor: &Reactor) {
        let Some((pipe, left)) = &mut self.input else { return };
        match pipe.write(left) {
            Ok(count) => drop(left.drain(..count)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            // It does not want to know: its end tells whether that is a failure.
            Err(_) => left.clear(),
        }
        if left.is_empty() {
            close(reactor, self.input.take().map(|(pipe, _)| pipe));
        }
    }

    fn read(&mut self, reactor: &Reactor) {
        let mut buffer = [0; 16 << 10];
        let mut turn_bytes = 0;
        while turn_bytes < READ_BYTES_MAX {
            let Some(pipe) = &mut self.output else { return };
            match pipe.read(&mut buffer) {
                Ok(count) if count > 0 && self.output_bytes < OUTPUT_BYTES_MAX => {
                    turn_bytes += count;
                    self.output_bytes += count;
                    self.kept.extend_from_slice(&buffer[..count]);
                    let surplus = self.kept.len().saturating_sub(KEPT_BYTES_MAX);
                    self.kept.drain(..surplus);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => close(reactor, self.output.take()),
            }
        }
    }

    fn close(&mut self, reactor: &Reactor) {
        close(reactor, self.input.take().map(|(pipe, _)| pipe));
        close(reactor, self.output.take());
    }

    fn kill_group(&self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

fn close(reactor: &Reactor, pipe: Option<impl AsFd>) {
    if let Some(pipe) = pipe {
        let _ = reactor.remove(&pipe);
    }
}

/// Returns the last line that says something, without anything that a terminal would obey.
fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|character| !character.is_control()).take(LINE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something_is_told() {
        assert_eq!(last_line(b"one\n\xfftwo \x1b[31m\n \n"), "\u{fffd}two [31m");
        assert_eq!(last_line(b"\n\n"), "");
        assert_eq!(last_line(&b"x".repeat(1000)).len(), LINE_CHARS_MAX);
    }
}
