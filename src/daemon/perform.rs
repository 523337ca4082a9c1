//! Does what a turn decided: every action to the part that can do it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;

use super::event_log::EventLog;
use super::event_socket::EventSocket;
use super::files::Files;
use super::git::{Git, LoopWatch};
use super::journal::Journal;
use super::listener::Listener;
use super::notify::Notify;
use super::notify_command::NotifyCommand;
use super::paths::Paths;
use super::prepare::{prepare, read as read_prompt};
use super::reactor::{Owner, Part, Reactor};
use super::sessions::Sessions;
use super::spool::Spool;
use super::state_file::replace_as;
use crate::policy::action::Action;
use crate::policy::event::Event;
use crate::policy::fleet::{DoneSource, Fleet, Kind, Prompt};
use crate::policy::message::MessageId;
use crate::policy::now::Mono;
use crate::policy::observation::Observation;
use crate::policy::request::Reply;
use crate::policy::status::Picture;
use crate::protocol::event::Post;

/// Stands for a key that submits no message; no message has this number.
const NO_MESSAGE: MessageId = MessageId(0);
/// So long a text stays that an agent was pointed to: longer than any agent looks back into its conversation.
const TEXT_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Whether the supervisor goes on after an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It does.
    GoOn,
    /// It ends.
    End,
}

/// Where events are told.
#[derive(Debug)]
pub struct Telling {
    /// For programs, and `events`.
    pub event_log: EventLog,
    /// For people.
    pub journal: Journal,
}

impl Telling {
    /// Tells one event everywhere; returns what went wrong, once.
    pub fn tell(&mut self, event: &Event) -> Option<String> {
        self.journal.tell(event);
        self.event_log.append(event).err().flatten()
    }
}

/// Everything that acts for the supervisor.
pub struct Parts {
    /// The agents' sessions.
    pub sessions: Sessions,
    /// What is pushed.
    pub git: Git,
    /// Watched files.
    pub files: Files,
    /// The control socket.
    pub listener: Listener,
    /// What was asked while there was no supervisor.
    pub spool: Spool,
    /// What the agents' own programs tell.
    pub event_socket: EventSocket,
    /// Event log and journal.
    pub telling: Telling,
    /// systemd.
    pub notify: Notify,
    /// The operator's command.
    pub notify_command: NotifyCommand,
    /// Where things lie.
    pub paths: Rc<Paths>,
    names: BTreeMap<String, String>,
}

impl Parts {
    /// Builds all parts of a fleet; whoever acts in it has the fleet's lock.
    ///
    /// # Errors
    /// When the control socket cannot be bound, or the kernel gives no descriptors.
    pub fn new(
        reactor: &Rc<Reactor>,
        paths: &Rc<Paths>,
        program: PathBuf,
        telling: Telling,
        notify: Notify,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            sessions: Sessions::new(Rc::clone(reactor), Rc::clone(paths), program.clone()),
            git: Git::new(Rc::clone(reactor), Rc::clone(paths)).context("cannot watch repositories")?,
            files: Files::new(Rc::clone(reactor)).context("cannot watch files")?,
            listener: Listener::new(Rc::clone(reactor), paths)?,
            spool: Spool::new(Rc::clone(reactor), paths).context("cannot watch the spool")?,
            event_socket: EventSocket::new(reactor, paths)?,
            telling,
            notify,
            notify_command: NotifyCommand::new(Rc::clone(reactor), program),
            paths: Rc::clone(paths),
            names: BTreeMap::new(),
        })
    }

    /// Takes up what `fleet` says; must be done before the turn that is told of it. Sessions that the config no
    /// longer names stay known, so that they can still be ended.
    pub fn configure(&mut self, fleet: &Fleet, picture: &Picture) {
        let remembered = picture.agents.iter().map(|agent| (agent.name.clone(), agent.session.clone()));
        self.names.extend(remembered);
        self.names.extend(fleet.agents.iter().map(|agent| (agent.name.clone(), agent.session.clone())));
        self.sessions.set_names(self.names.clone());
        self.git.configure(&loop_watches(fleet));
        self.files.watch_extra(prompt_files(fleet));
        self.files.set_fallback(fleet.watchdog.heavy_interval);
        self.notify_command.configure(fleet.notify.as_deref(), &fleet.project_dir);
        self.spool.set_fallback(fleet.watchdog.heavy_interval);
    }

    /// Lets the part that owns a ready descriptor read it.
    pub fn ready(&mut self, owner: Owner, id: u64, seen: &mut Vec<Observation>) {
        match owner {
            Owner::Loop => {}
            Owner::Sessions => self.sessions.ready(id, seen),
            Owner::Git => self.git.ready(id, seen),
            Owner::Files => self.files.ready(id, seen),
            Owner::Listener => self.listener.ready(id, seen),
            Owner::NotifyCommand => self.notify_command.ready(id, seen),
            Owner::Spool => self.spool.ready(id, seen),
            Owner::EventSocket => self.event_socket.ready(id, seen),
        }
    }

    /// Returns when the first part wants to be called.
    pub fn deadline(&self) -> Option<Mono> {
        let Self { sessions, git, files, listener, notify_command, spool, .. } = self;
        let parts: [&dyn Part; 6] = [sessions, git, files, listener, notify_command, spool];
        parts.into_iter().filter_map(Part::deadline).chain(self.notify.deadline()).min()
    }

    /// Calls every part whose deadline has come.
    pub fn expire(&mut self, now: Mono, seen: &mut Vec<Observation>) {
        let Self { sessions, git, files, listener, notify_command, spool, .. } = self;
        let parts: [&mut dyn Part; 6] = [sessions, git, files, listener, notify_command, spool];
        for part in parts {
            if part.deadline().is_some_and(|deadline| deadline <= now) {
                part.expire(now, seen);
            }
        }
    }

    /// Does one thing; what can be told of it at once goes into `seen`, the rest is seen later.
    pub fn perform(&mut self, action: Action, fleet: &Fleet, seen: &mut Vec<Observation>) -> After {
        match action {
            Action::Find { agent } => self.sessions.find(&agent),
            Action::Prepare { agent, start } => {
                let prepared = prepare(fleet, &self.paths, &agent, &start);
                let run = *prepared.as_ref().unwrap_or(&start.run);
                seen.push(Observation::Prepared { agent, run, result: prepared.map(drop) });
            }
            Action::Start { agent, run } => self.sessions.start(&agent, run),
            Action::Stop { agent } => self.sessions.stop(&agent),
            Action::Look { agent } => self.sessions.look(&agent),
            Action::Paste { agent, message, text } => self.sessions.paste(&agent, message, &text),
            Action::Post { agent, message, conversation, text } => {
                let post = Post { message: message.0, conversation, text };
                self.event_socket.post(&agent, message, &post, seen);
            }
            Action::Press { agent, message, key } => self.sessions.press(&agent, message, &key),
            Action::Key { agent, key } => self.sessions.press(&agent, NO_MESSAGE, &key),
            Action::WriteText { path, text } => {
                try_to(write_text(&path, &text), seen);
                try_to(remove_old_texts(&path), seen);
            }
            Action::ReadText { agent, path } => {
                let result = read_prompt(&path);
                seen.push(Observation::TextRead { agent, result });
            }
            Action::Unspool { ids } => self.spool.finish(ids),
            Action::ReadPushed { in_loop, since, paths } => self.git.read_pushed(&in_loop, since, paths),
            Action::WatchFiles { in_loop, paths } => self.files.watch(&in_loop, paths),
            Action::MarkComplete { in_loop, text } => {
                try_to(mark_complete(&self.paths.complete_marker(&in_loop), text.as_deref()), seen);
            }
            Action::RemoveFile { path } => try_to(remove_file(&path), seen),
            Action::Answer { id, reply } => {
                let reply = completed(reply, &self.paths, self.notify_command.trouble());
                self.listener.answer(id, &reply);
            }
            Action::Record(event) => {
                let trouble = self.telling.tell(&event);
                seen.extend(trouble.map(|what| Observation::Trouble { what }));
            }
            Action::Notify(event) => self.notify_command.tell(event, seen),
            Action::Ready => self.notify.ready(),
            Action::Exit => return After::End,
        }
        After::GoOn
    }
}

/// Fills in what only the daemon knows of a picture.
fn completed(reply: Reply, paths: &Paths, notify_trouble: Option<&str>) -> Reply {
    match reply {
        Reply::Status { mut picture } => {
            picture.supervised = true;
            picture.supervisor_pid = Some(std::process::id());
            picture.mode = paths.manager.to_string();
            picture.config = paths.config.display().to_string();
            picture.log_dir = paths.logs.display().to_string();
            picture.notify_trouble = notify_trouble.map(str::to_owned);
            Reply::Status { picture }
        }
        Reply::Done { .. } | Reply::Failed { .. } | Reply::Explanation { .. } => reply,
    }
}

/// Writes a text for a pointer to it.
///
/// # Errors
/// Names the file.
pub(super) fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    // An agent may have a user of its own, in the group.
    replace_as(path, text.as_bytes(), 0o640).with_context(|| format!("cannot write `{}`", path.display()))
}

/// Removes what stands beside a text since [`TEXT_AGE_MAX`]: who was pointed to it has read it.
///
/// # Errors
/// Names the folder or the file.
fn remove_old_texts(beside: &Path) -> anyhow::Result<()> {
    let Some(folder) = beside.parent() else { return Ok(()) };
    let cannot_look = || format!("cannot look through `{}`", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot_look)? {
        let path = entry.with_context(cannot_look)?.path();
        let text = path.symlink_metadata().ok().filter(std::fs::Metadata::is_file);
        let age = text.and_then(|text| text.modified().ok()?.elapsed().ok());
        if age.is_some_and(|age| age > TEXT_AGE_MAX) {
            remove_file(&path)?;
        }
    }
    Ok(())
}

/// Writes a SEQUENCE-COMPLETE, or removes it.
///
/// # Errors
/// Names the file.
pub(super) fn mark_complete(path: &Path, text: Option<&str>) -> anyhow::Result<()> {
    text.map_or_else(|| remove_file(path), |text| write_text(path, text))
}

/// Removes a file if it is there.
///
/// # Errors
/// Names the file.
pub(super) fn remove_file(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn try_to(result: anyhow::Result<()>, seen: &mut Vec<Observation>) {
    if let Err(error) = result {
        seen.push(Observation::Trouble { what: format!("{error:#}") });
    }
}

/// Returns what git has to watch.
fn loop_watches(fleet: &Fleet) -> Vec<LoopWatch> {
    let watch = |a_loop: &crate::policy::fleet::Loop| {
        let mut clones = Vec::new();
        for agent in &fleet.agents {
            let is_member = matches!(&agent.kind, Kind::Loop { in_loop, .. } if *in_loop == a_loop.name);
            if is_member && !clones.contains(&agent.dir) {
                clones.push(agent.dir.clone());
            }
        }
        LoopWatch {
            in_loop: a_loop.name.clone(),
            repo: a_loop.repo.clone(),
            clones,
            branch: a_loop.branch.clone(),
            pushed: a_loop.done_source == DoneSource::Pushed || a_loop.handoff.is_some(),
            signal_interval: fleet.watchdog.signal_interval,
            heavy_interval: fleet.watchdog.heavy_interval,
        }
    };
    fleet.loops.iter().map(watch).collect()
}

/// Returns the files that starts and wakes read: a missing one that appears is worth another try.
fn prompt_files(fleet: &Fleet) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for agent in &fleet.agents {
        match &agent.kind {
            Kind::Loop { in_loop, role } => {
                let roles_dir = fleet.loop_named(in_loop).map(|a_loop| &a_loop.roles_dir);
                files.extend(roles_dir.map(|folder| folder.join(format!("{role}.md"))));
            }
            Kind::Persistent(Prompt::File(path)) | Kind::Task(Prompt::File(path)) => files.push(path.clone()),
            Kind::Persistent(Prompt::Text(_)) | Kind::Task(Prompt::Text(_)) | Kind::Service { .. } => {}
        }
        files.extend(agent.wake.as_ref().map(|wake| wake.prompt_file.clone()));
    }
    files.extend(fleet.loops.iter().filter_map(|a_loop| a_loop.kickoff_template.clone()));
    files.sort();
    files.dedup();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_written_in_one_step_and_removed_as_often_as_asked() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let marker = folder.path().join("SEQUENCE-COMPLETE");
        mark_complete(&marker, Some("all 3 phases")).expect("written");
        mark_complete(&marker, Some("all 4 phases")).expect("written again");
        assert_eq!(std::fs::read_to_string(&marker).expect("there"), "all 4 phases");
        mark_complete(&marker, None).expect("removed");
        mark_complete(&marker, None).expect("nothing to remove");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn a_text_that_was_pointed_to_is_removed_when_it_is_old() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let [old, young, new] = ["old", "young", "new"].map(|name| folder.path().join(name));
        for (path, age) in [(&old, TEXT_AGE_MAX + Duration::from_secs(60)), (&young, TEXT_AGE_MAX / 2)] {
            let file = std::fs::File::create(path).expect("created");
            file.set_modified(std::time::SystemTime::now() - age).expect("dated back");
        }
        write_text(&new, "text").expect("written");
        remove_old_texts(&new).expect("looked through");
        assert_eq!([&old, &young, &new].map(|path| path.exists()), [false, true, true]);
    }

    #[test]
    fn what_cannot_be_done_is_seen() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let mut seen = Vec::new();
        try_to(remove_file(folder.path()), &mut seen);
        try_to(write_text(&folder.path().join("no/such/file"), "text"), &mut seen);
        let told: Vec<&str> = seen
            .iter()
            .filter_map(|one| if let Observation::Trouble { what } = one { Some(what.as_str()) } else { None })
            .collect();
        assert!(told.len() == 2 && told[0].starts_with("cannot remove `") && told[1].starts_with("cannot write `"));
    }
}
