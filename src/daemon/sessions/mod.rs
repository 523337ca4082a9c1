//! The agents' tmux sessions: found, started, read, typed into, ended.

mod agent;
mod answers;
mod client;
mod course;
mod descriptor;
mod ending;
mod leaving;
mod life;
mod line;
mod place;
mod query;
mod row;
mod stale;
mod stopping;
mod units;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use agent::Agent;
use descriptor::{Numbers, Watched};
pub(super) use descriptor::{Server, knock, server};
pub(super) use leaving::end_of;
pub(super) use line::client as tmux_client;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::clock;
use super::pane::BRIDGE;
use super::paths::{Manager, Paths};
use super::reactor::{Part, Reactor};
use super::tree::Table;
use crate::policy::message::MessageId;
use crate::policy::now::Mono;
use crate::policy::observation::Observation;

/// How long the clients may take to end when the supervisor does.
const FINISH_MAX: Duration = Duration::from_secs(1);

/// What the sessions of all agents share.
#[derive(Debug)]
struct Context {
    reactor: Rc<Reactor>,
    paths: Rc<Paths>,
    program: PathBuf,
    /// Nothing of what is seen is taken in: whoever asks next is to see it as well.
    only_looks: bool,
    told: Vec<Observation>,
    now: Mono,
    /// The process table, and when it was read: after so many waits.
    table: Option<(u64, Rc<Table>)>,
}

impl Context {
    /// Returns a process table that is newer than everything that the reactor has told; agents that end together share it.
    fn table(&mut self) -> std::io::Result<Rc<Table>> {
        let waits = self.reactor.waits();
        if let Some((at, table)) = &self.table
            && *at == waits
        {
            return Ok(Rc::clone(table));
        }
        let table = Rc::new(Table::read()?);
        self.table = Some((waits, Rc::clone(&table)));
        Ok(table)
    }
}

/// The agents' tmux sessions, each with a control-mode client of ours.
///
/// Nothing here waits: what is asked is answered by an observation, after a bounded time. Dropping it leaves all agents
/// running.
#[derive(Debug)]
pub struct Sessions {
    context: Context,
    agents: Vec<Agent>,
    names: BTreeMap<String, String>,
    /// Tells of sockets that come: a person can start a unit.
    sockets: Option<Watched<Inotify>>,
    /// Where bridges come, and whose.
    bridges: BTreeMap<WatchDescriptor, String>,
}

/// The number of no agent, for what belongs to all of them.
const NOBODY: u32 = (1 << 24) - 1;

impl Sessions {
    /// Makes the part; `program` is this program's own path ([`super::child::own_program`]).
    pub fn new(reactor: Rc<Reactor>, paths: Rc<Paths>, program: PathBuf) -> Self {
        let sockets = match paths.manager {
            Manager::AdHoc => None,
            // Without it a session that a person starts is seen only when the supervisor looks for it.
            Manager::Systemd => watch(&reactor, &paths.runtime.join("tmux")).ok(),
        };
        let (told, now) = (Vec::new(), clock::mono());
        let context = Context { reactor, paths, program, only_looks: false, told, now, table: None };
        Self { context, agents: Vec::new(), names: BTreeMap::new(), sockets, bridges: BTreeMap::new() }
    }

    /// Leaves for whoever comes next what is told only once.
    pub fn only_look(&mut self) {
        self.context.only_looks = true;
    }

    /// Says how the agents' sessions are called from now on: agent to session.
    pub fn set_names(&mut self, names: BTreeMap<String, String>) {
        for agent in &mut self.agents {
            if let Some(session) = names.get(agent.name()) {
                agent.set_session(session);
            }
        }
        self.names = names;
    }

    /// Looks for the agent's session and adopts what runs. Answered by `Session`.
    pub fn find(&mut self, agent: &str) {
        self.watch_for_bridge(agent);
        self.with(agent, Agent::find);
    }

    /// Starts the run that the agent's launch file holds. Answered by `Session` (`Running` or `StartFailed`).
    pub fn start(&mut self, agent: &str, run: u64) {
        self.watch_for_bridge(agent);
        self.with(agent, |agent, context| agent.start(run, context));
    }

    /// Ends the agent's session and all of its processes. Answered by `Session` (`Absent`, or `Unknown`).
    pub fn stop(&mut self, agent: &str) {
        self.with(agent, Agent::stop);
    }

    /// Reads the agent's screen. Answered by `Looked`.
    pub fn look(&mut self, agent: &str) {
        self.with(agent, Agent::look);
    }

    /// Pastes `text` as a whole, without submitting it; control characters other than line feed and tab are left out, because
    /// they could end the paste early. Answered by `Pasted`.
    pub fn paste(&mut self, agent: &str, message: MessageId, text: &str) {
        self.with(agent, |agent, context| agent.paste(message, text, context));
    }

    /// Presses a key that tmux knows by this name. Answered by `Pressed`.
    pub fn press(&mut self, agent: &str, message: MessageId, key: &str) {
        self.with(agent, |agent, context| agent.press(message, key, context));
    }

    /// An agent that has none, and no folder for it, is none to watch.
    fn watch_for_bridge(&mut self, agent: &str) {
        let folder = self.context.paths.launch_folder(agent);
        let watched =
            self.sockets.as_ref().and_then(|sockets| sockets.add_watch(&folder, AddWatchFlags::IN_CREATE).ok());
        self.bridges.extend(watched.map(|watched| (watched, agent.to_owned())));
    }

    /// Returns whose socket has come.
    fn whose(&self, event: &InotifyEvent) -> Option<usize> {
        let came = event.name.as_deref()?;
        let name = match self.bridges.get(&event.wd) {
            Some(agent) => (came == BRIDGE).then_some(OsStr::new(agent))?,
            None => came,
        };
        self.agents.iter().position(|agent| OsStr::new(agent.name()) == name)
    }

    fn with(&mut self, name: &str, act: impl FnOnce(&mut Agent, &mut Context)) {
        self.context.now = clock::mono();
        let index = self.agents.iter().position(|agent| agent.name() == name).unwrap_or_else(|| {
            let number = u32::try_from(self.agents.len()).unwrap_or(u32::MAX);
            let session = self.names.get(name).map_or(name, String::as_str);
            self.agents.push(Agent::new(name, session, Numbers::new(number), &self.context.paths));
            self.agents.len() - 1
        });
        act(&mut self.agents[index], &mut self.context);
    }
}

/// Watches `folder` for sockets that come.
fn watch(reactor: &Rc<Reactor>, folder: &Path) -> std::io::Result<Watched<Inotify>> {
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    inotify.add_watch(folder, AddWatchFlags::IN_CREATE)?;
    Watched::new(reactor, &mut Numbers::new(NOBODY), inotify)
}

impl Part for Sessions {
    fn ready(&mut self, id: u64, seen: &mut Vec<Observation>) {
        self.context.now = clock::mono();
        if let Some(agent) = self.agents.get_mut(Numbers::agent(id)) {
            agent.ready(id, &mut self.context);
        } else if let Some(sockets) = &self.sockets {
            for event in sockets.read_events().unwrap_or_default() {
                if let Some(index) = self.whose(&event) {
                    self.agents[index].came_up(&mut self.context);
                }
            }
        }
        seen.append(&mut self.context.told);
    }

    fn deadline(&self) -> Option<Mono> {
        // What was answered without waiting is handed over with the next turn, which is at once.
        let at_once = (!self.context.told.is_empty()).then_some(self.context.now);
        self.agents.iter().filter_map(Agent::deadline).chain(at_once).min()
    }

    fn expire(&mut self, now: Mono, seen: &mut Vec<Observation>) {
        self.context.now = now;
        for agent in &mut self.agents {
            agent.expire(&mut self.context);
        }
        seen.append(&mut self.context.told);
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.context.now = clock::mono();
        let context = &mut self.context;
        let leaving: Vec<_> = self.agents.drain(..).flat_map(|agent| agent.leave(context)).collect();
        let deadline = clock::mono() + FINISH_MAX;
        for leaving in leaving {
            leaving.finish(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_process_table_is_shared_until_something_is_waited_for() {
        let reactor = Rc::new(Reactor::new().unwrap());
        let paths = Rc::new(Paths::new(Path::new("/agents.toml"), Path::new("/logs")).unwrap());
        let mut sessions = Sessions::new(Rc::clone(&reactor), paths, PathBuf::new());
        let context = &mut sessions.context;
        let first = context.table().unwrap();
        assert!(Rc::ptr_eq(&first, &context.table().unwrap()));
        reactor.wait(false).unwrap();
        assert!(!Rc::ptr_eq(&first, &context.table().unwrap()));
    }
}
