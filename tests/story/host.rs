//! How the host in memory answers the supervisor's actions.

use std::path::PathBuf;

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::agent_event::{AgentEvent, Source, Told};
use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::observation::{Blob, Commit, Exit, Observation, Pushed, SessionSeen, Spooled};
use agent_orchestrator::policy::screen::{Attendance, Screen};

use agent_orchestrator::policy::request::{Reply, Request};

use super::{Pane, Story};

impl Story {
    pub(super) fn perform(&mut self, action: Action) -> Vec<Observation> {
        match action {
            Action::Find { agent } | Action::Start { agent, .. } if self.silent.contains(&agent) => Vec::new(),
            Action::Find { agent } => {
                let wrote = self.panes.get(&agent).filter(|pane| pane.alive).and_then(|pane| pane.wrote);
                let wrote = wrote.map(|at| Observation::Wrote { agent: agent.clone(), at });
                wrote.into_iter().chain([self.found(agent)]).collect()
            }
            Action::Prepare { agent, start } => {
                self.prepared.push((agent.clone(), start.clone()));
                self.extra_texts.insert(agent.clone(), start.extra_text.clone());
                if self.silent.contains(&agent) {
                    return Vec::new();
                }
                let result = self.missing.get(&agent).map_or(Ok(()), |why| Err(why.clone()));
                let is_same = start.unless_same && self.same.contains(&agent);
                vec![Observation::Prepared { agent, run: start.run - u64::from(is_same), result }]
            }
            Action::Start { agent, run } => self.start(agent, run),
            Action::Stop { agent } => {
                if self.slow.contains(&agent) {
                    return Vec::new();
                }
                if self.hung.contains(&agent) {
                    let seen = SessionSeen::Unknown { why: "no answer".to_owned() };
                    return vec![Observation::Session { agent, seen }];
                }
                if let Some(why) = self.refused.get(&agent).cloned() {
                    self.note(&format!("host: {agent} is not ended"));
                    return vec![Observation::Session { agent, seen: SessionSeen::Unknown { why } }];
                }
                self.note(&format!("host: {agent} is ended"));
                self.panes.remove(&agent);
                self.half_ended.remove(&agent);
                vec![Observation::Session { agent, seen: SessionSeen::Absent }]
            }
            Action::ReadText { agent, path } => {
                let text = self.disk.get(&path).cloned();
                let result = text.ok_or_else(|| format!("cannot read `{}`: no such file", path.display()));
                vec![Observation::TextRead { agent, result }]
            }
            Action::Unspool { ids } => {
                self.spool.retain(|id, _| !ids.contains(id));
                vec![self.spooled()]
            }
            Action::Look { agent } => vec![self.look(agent)],
            Action::Paste { agent, message, text } => self.paste(agent, message, &text),
            Action::Press { agent, message, key: _ } => self.press_key(agent, message),
            Action::ReadPushed { .. } if self.git_hangs => Vec::new(),
            Action::ReadPushed { in_loop, since, paths } => vec![self.read_pushed(in_loop, since.as_deref(), &paths)],
            Action::WatchFiles { in_loop, paths } => self.watch_files(&in_loop, &paths),
            other @ (Action::Key { .. }
            | Action::WriteText { .. }
            | Action::MarkComplete { .. }
            | Action::RemoveFile { .. }
            | Action::Answer { .. }
            | Action::Post { .. }
            | Action::Record(_)
            | Action::Notify(_)
            | Action::Ready
            | Action::Exit) => {
                self.perform_quietly(other);
                Vec::new()
            }
        }
    }

    fn paste(&mut self, agent: String, message: MessageId, text: &str) -> Vec<Observation> {
        let result = if self.paste_answers_fail { Err("no answer".to_owned()) } else { Ok(()) };
        let pasted = Observation::Pasted { agent: agent.clone(), message, result };
        let cut =
            self.panes.get(&agent).is_some_and(|pane| pane.line_based && (text.contains('\n') || text.len() > 4095));
        assert!(!cut, "{agent} takes single lines only: {text}");
        match self.panes.get_mut(&agent) {
            Some(pane) if pane.hangs => {
                pane.unread.push_str(text);
                return vec![pasted];
            }
            Some(pane) if pane.loses_pastes > 0 => pane.loses_pastes -= 1,
            Some(pane) => pane.input.push_str(text),
            None => {}
        }
        vec![pasted, Observation::Output { agent }]
    }

    fn press_key(&mut self, agent: String, message: MessageId) -> Vec<Observation> {
        let result = if self.keys_fail { Err("unknown key".to_owned()) } else { Ok(()) };
        let fails = result.is_err();
        let pressed = Observation::Pressed { agent: agent.clone(), message, result };
        if fails {
            return vec![pressed];
        }
        if self.panes.get(&agent).is_some_and(|pane| pane.unanswered) {
            return Vec::new();
        }
        if let Some(pane) = self.panes.get_mut(&agent).filter(|pane| pane.hangs) {
            pane.unread.push('\n');
            return vec![pressed];
        }
        let taken = self.press(&agent);
        let mut seen = vec![pressed];
        if let (Some(text), Some(pane)) = (taken, self.panes.get(&agent).filter(|pane| pane.tells)) {
            seen.extend([Told::Receipt { text }, Told::Working].map(|told| self.event(&agent, pane.run, told)));
        }
        seen.push(Observation::Output { agent });
        seen
    }

    fn start(&mut self, agent: String, run: u64) -> Vec<Observation> {
        self.note(&format!("host: {agent} starts, run {run}"));
        let pane = self.panes.entry(agent.clone()).or_default();
        assert!(!pane.alive, "two programs of `{agent}`");
        *pane = Pane { run, alive: true, taken: std::mem::take(&mut pane.taken), ..Pane::default() };
        let mut seen = vec![
            Observation::Session { agent: agent.clone(), seen: SessionSeen::Running { run } },
            Observation::Output { agent: agent.clone() },
        ];
        if self.dies_at_start.take_if(|dying| *dying == agent).is_some() {
            pane.alive = false;
            let died = SessionSeen::Died { run, exit: Exit::Code(0), screen: None, last_lines: Vec::new() };
            seen.push(Observation::Session { agent, seen: died });
        }
        seen
    }

    pub(super) fn spooled(&self) -> Observation {
        let spooled = |(id, request): (&String, &Request)| Spooled { id: id.clone(), request: Some(request.clone()) };
        Observation::Spool { found: self.spool.iter().map(spooled).collect() }
    }

    fn watch_files(&mut self, in_loop: &str, paths: &[PathBuf]) -> Vec<Observation> {
        self.watched.retain(|(other, _)| *other != in_loop);
        self.watched.extend(paths.iter().map(|path| (in_loop.to_owned(), path.clone())));
        let file = |path: &PathBuf| Observation::File {
            in_loop: in_loop.to_owned(),
            path: path.clone(),
            content: Ok(self.disk.get(path).cloned()),
        };
        paths.iter().map(file).collect()
    }

    fn perform_quietly(&mut self, action: Action) {
        match action {
            Action::Key { agent, key } => {
                self.note(&format!("host: {agent} gets {key}"));
                if key == "C-u" {
                    self.pane(&agent).input.clear();
                }
            }
            Action::Post { agent, message, conversation, text } => {
                self.note(&format!("host: {conversation} of {agent} is handed {message}: {text}"));
            }
            Action::WriteText { path, text } => {
                self.disk.insert(path, text);
            }
            Action::MarkComplete { text, .. } if text == self.marker => {}
            Action::MarkComplete { text, .. } => {
                self.note(if text.is_some() {
                    "host: SEQUENCE-COMPLETE written"
                } else {
                    "host: SEQUENCE-COMPLETE removed"
                });
                self.marker = text;
            }
            Action::RemoveFile { path } => {
                self.disk.remove(&path);
            }
            Action::Answer { id, reply } => {
                self.note(&format!("answer {}: {}", id.0, brief(&reply)));
                self.replies.insert(id.0, reply);
            }
            Action::Record(event) => {
                let who = event.agent.or(event.in_loop.map(|name| format!("loop {name}"))).unwrap_or_default();
                self.note(&format!("{who}: {}", event.text));
            }
            Action::Notify(event) => self.notified.push(event),
            Action::Ready => self.ready = true,
            Action::Exit => {
                self.note("supervisor exits");
                self.ended = true;
                self.supervisor = None;
            }
            Action::Find { .. }
            | Action::Prepare { .. }
            | Action::Start { .. }
            | Action::Stop { .. }
            | Action::Look { .. }
            | Action::Paste { .. }
            | Action::Press { .. }
            | Action::ReadPushed { .. }
            | Action::ReadText { .. }
            | Action::Unspool { .. }
            | Action::WatchFiles { .. } => unreachable!("these are answered"),
        }
    }

    fn found(&self, agent: String) -> Observation {
        let seen = match self.panes.get(&agent) {
            _ if self.hung.contains(&agent) || self.half_ended.contains(&agent) => {
                SessionSeen::Unknown { why: "no answer".to_owned() }
            }
            None => SessionSeen::Absent,
            Some(pane) if pane.alive => SessionSeen::Running { run: pane.run },
            Some(pane) => {
                SessionSeen::Died { run: pane.run, exit: Exit::Unknown, screen: None, last_lines: Vec::new() }
            }
        };
        Observation::Session { agent, seen }
    }

    fn look(&self, agent: String) -> Observation {
        let Some(pane) = self.panes.get(&agent).filter(|pane| pane.alive) else {
            return Observation::Looked { agent, screen: Err("no session".to_owned()) };
        };
        if pane.unreadable {
            return Observation::Looked { agent, screen: Err("no answer".to_owned()) };
        }
        let box_row = if pane.dialog { "Do you want to proceed?".to_owned() } else { format!("> {}", pane.input) };
        // A wide row, as every real screen has one: a row's place in the width tells whether it goes on in the next.
        let head = format!("agent {}", ".".repeat(190));
        let above = pane.above.lines().map(str::to_owned);
        let rows = [head, String::new()].into_iter().chain(above).chain([box_row]).collect();
        let command = if pane.command.is_empty() { "agent".to_owned() } else { pane.command.clone() };
        let attendance = Attendance { terminals: u32::from(!pane.unattended), last: 0 };
        let (title, pastes) = (pane.title.clone(), !pane.line_based);
        let screen = Screen { rows, command, title, in_mode: false, pastes, attendance };
        Observation::Looked { agent, screen: Ok(screen) }
    }

    pub fn event(&self, agent: &str, run: u64, told: Told) -> Observation {
        let event = AgentEvent { source: Source::ClaudeHook, time: self.now.wall, conversation: None, told };
        Observation::Told { agent: agent.to_owned(), run, event }
    }

    /// Presses the submit key; returns what the program took.
    fn press(&mut self, agent: &str) -> Option<String> {
        let pane = self.panes.get_mut(agent)?;
        if pane.swallows > 0 {
            pane.swallows -= 1;
            return None;
        }
        let text = std::mem::take(&mut pane.input);
        if text.is_empty() {
            return None;
        }
        pane.taken.push(text.clone());
        self.note(&format!("host: {agent} takes: {text}"));
        Some(text)
    }

    /// A program that hung reads on.
    pub fn reads_on(&mut self, agent: &str) {
        let pane = self.pane(agent);
        pane.hangs = false;
        let unread = std::mem::take(&mut pane.unread);
        let (whole, rest) = unread.rsplit_once('\n').unwrap_or(("", &unread));
        pane.taken.extend(whole.lines().map(str::to_owned));
        rest.clone_into(&mut pane.input);
        self.output(agent);
    }

    fn read_pushed(&mut self, in_loop: String, since: Option<&str>, paths: &[String]) -> Observation {
        if let Some(why) = self.git_fails.clone() {
            self.note("host: the origin is not read");
            return Observation::Pushed { in_loop, result: Err(why) };
        }
        let at = since.and_then(|since| self.commits.iter().position(|(id, _)| id == since));
        let new = at.map_or(&self.commits[self.commits.len()..], |at| &self.commits[at + 1..]);
        let pushed = Pushed {
            head: self.commits.last().expect("a commit").0.clone(),
            commits: new.iter().map(|(id, subject)| Commit { id: id.clone(), subject: subject.clone() }).collect(),
            files: paths
                .iter()
                .filter_map(|path| {
                    let text = self.files.get(path)?.clone();
                    Some((path.clone(), Blob { id: format!("blob {text}"), text }))
                })
                .collect(),
        };
        Observation::Pushed { in_loop, result: Ok(pushed) }
    }
}

fn brief(reply: &Reply) -> String {
    match reply {
        Reply::Done { lines } => format!("done: {}", lines.join("; ")),
        Reply::Failed { reason, error, .. } => format!("failed ({}): {error}", reason.exit_code()),
        Reply::Status { .. } => "status".to_owned(),
        Reply::Explanation { .. } => "explanation".to_owned(),
    }
}
