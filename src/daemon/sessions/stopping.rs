//! The end of an agent: all of its processes, then its tmux server, then its socket.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use super::Context;
use super::descriptor::{Numbers, Server, Watched, server};
use crate::daemon::tree::{self, Held, Process, Roots};
use crate::policy::now::Mono;

/// How long processes may take to end by themselves before they are killed.
const END_MAX: Duration = Duration::from_secs(2);

/// How long a stop may take as a whole.
const STOP_MAX: Duration = Duration::from_secs(10);

/// The most processes of one agent that are held at once; the rest comes after them.
const HELD_MAX: usize = 1000;

/// A stop that goes on.
#[derive(Debug)]
pub struct Stopping {
    stage: Stage,
    server: Option<Watched<Held>>,
    members: Vec<Watched<Held>>,
    /// The processes of this server have been looked for. When it has ended, they are looked for once more.
    has_looked: bool,
    sessions: BTreeSet<i32>,
    give_up: Mono,
}

/// How processes are asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// By signals that they can answer; at this time they are killed.
    Asked { kill: Mono },
    /// By SIGKILL.
    Killed,
}

/// What names an agent's processes.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Its tmux socket, by which its processes are marked.
    pub socket: &'a Path,
    /// Where its terminal is reached.
    pub place: &'a Path,
    /// Its launch file.
    pub launch_file: &'a Path,
}

/// How a stop ended: the reason why it could not be brought about, or nothing.
pub type Stopped = Result<(), String>;

impl Stopping {
    /// Begins; `known` is the agent's tmux server as it was last seen, for when its socket does not tell.
    pub fn new(known: Option<Process>, context: &Context, numbers: &mut Numbers) -> Self {
        let known = known.and_then(|known| Held::new(known).ok().flatten());
        Self {
            stage: Stage::Asked { kill: context.now + END_MAX },
            server: known.and_then(|held| Watched::new(&context.reactor, numbers, held).ok()),
            members: Vec::new(),
            has_looked: false,
            sessions: BTreeSet::new(),
            give_up: context.now + STOP_MAX,
        }
    }

    /// Says when the next stage is due.
    pub fn deadline(&self) -> Mono {
        match self.stage {
            Stage::Asked { kill } => kill,
            Stage::Killed => self.give_up,
        }
    }

    /// Takes up that the process behind the reactor's number `id` has ended.
    pub fn ended(&mut self, id: u64) {
        self.members.retain(|member| !member.is(id));
        self.server.take_if(|server| server.is(id));
    }

    /// Does what is next; the result says that the stop is over.
    ///
    /// The server outlives the programs, so that it reaps them and their last words reach the log.
    pub fn advance(&mut self, whose: Whose<'_>, context: &mut Context, numbers: &mut Numbers) -> Option<Stopped> {
        if let Stage::Asked { kill } = self.stage
            && context.now >= kill
        {
            self.stage = Stage::Killed;
            // What a member has begun meanwhile in a session of its own is found by that member while it lives.
            let looked = self.collect(whose, context, numbers);
            self.members.iter().chain(&self.server).for_each(|held| held.signal(Signal::KILL));
            if let Err(why) = looked {
                return Some(Err(why));
            }
        }
        if context.now >= self.give_up {
            // On a busy host the last end may be heard of only now.
            let has_ended = self.members.is_empty() && self.server.is_none() && server(whose.place) == Server::Gone;
            return Some(if has_ended { Ok(()) } else { Err(self.leftovers(whose)) });
        }
        if !self.members.is_empty() {
            return None;
        }
        let listens = server(whose.place);
        if let (None, Server::Listens(Some(pid))) = (&self.server, &listens) {
            let held = Process::read(*pid).and_then(|process| Held::new(process).ok().flatten());
            self.server = held.and_then(|held| Watched::new(&context.reactor, numbers, held).ok());
            self.has_looked = false;
        }
        if !self.has_looked || self.server.is_none() {
            if let Err(why) = self.collect(whose, context, numbers) {
                return Some(Err(why));
            }
            self.has_looked = true;
            if !self.members.is_empty() {
                return None;
            }
        }
        if let Some(server) = &self.server {
            self.ask(server);
            return None;
        }
        (listens == Server::Gone).then_some(Ok(()))
    }

    /// Finds all members that are not held yet, holds them, and signals them.
    fn collect(&mut self, whose: Whose<'_>, context: &mut Context, numbers: &mut Numbers) -> Stopped {
        let known: BTreeSet<_> = self.members.iter().map(|member| member.process.pid).collect();
        let roots = Roots {
            server: self.server.as_ref().map(|server| server.process.pid),
            socket: whose.socket,
            launch_file: whose.launch_file,
            known: known.clone(),
            sessions: &mut self.sessions,
        };
        let table = context.table().map_err(|error| format!("cannot read the process table: {error}"))?;
        let found = tree::members(&table, roots);
        for process in found.into_iter().filter(|process| !known.contains(&process.pid)).take(HELD_MAX) {
            let failed = |error| format!("cannot hold process {}: {error}", process.pid);
            if let Some(held) = Held::new(process).map_err(failed)? {
                self.ask(&held);
                self.members.push(Watched::new(&context.reactor, numbers, held).map_err(failed)?);
            }
        }
        Ok(())
    }

    fn ask(&self, held: &Held) {
        match self.stage {
            Stage::Asked { .. } => [Signal::HUP, Signal::TERM, Signal::CONT].map(|signal| held.signal(signal)),
            Stage::Killed => [Signal::KILL; 3].map(|signal| held.signal(signal)),
        };
    }

    fn leftovers(&self, whose: Whose<'_>) -> String {
        let Some(first) = self.members.first().or(self.server.as_ref()) else {
            return format!("cannot end the tmux server on `{}`", whose.socket.display());
        };
        let (pid, count) = (first.process.pid, self.members.len() + usize::from(self.server.is_some()));
        format!("cannot end process {pid} (`{}`), one of {count}", tree::name(pid))
    }
}
