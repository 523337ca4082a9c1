//! Draws the picture that `status` shows, and what `explain` tells.

use std::time::Duration;

use super::Supervisor;
use super::death::HEALTHY;
use super::fleet::{Agent, Kind, Loop};
use super::limit::{Limit, local};
use super::live::shortened;
use super::message::{Message, Progress, Purpose};
use super::now::Now;
use super::reading::Reading;
use super::state::{AgentState, LastExit, PhaseStatus, Session};
use super::status::{AgentPicture, Explanation, LoopPicture, Picture, Source};
use super::watch::shows_work;

/// A state: in one word, how long it has lasted where that is not its session's age, what more there is to say.
type Words = (&'static str, Option<Duration>, Option<String>);

impl Supervisor {
    /// Returns what `status` shows; who answers fills in what only the daemon knows
    /// (`supervised`, `supervisor_pid`, `mode`, `config`, `log_dir`, `notify_trouble`).
    pub fn picture(&self, now: Now) -> Picture {
        let configured = self.fleet.agents.iter().filter_map(|agent| {
            self.state.agents.get(&agent.name).map(|state| self.agent_picture(Some(agent), &agent.name, state, now))
        });
        let left_over = self.state.agents.iter().filter(|(name, _)| self.fleet.agent(name).is_none());
        let left_over = left_over.map(|(name, state)| self.agent_picture(None, name, state, now));
        Picture {
            time: now.wall,
            supervised: false,
            supervisor_pid: None,
            mode: String::new(),
            config: String::new(),
            log_dir: String::new(),
            config_error: self.config_error.clone(),
            holds: self.state.limits.iter().map(|limit| hold_words(limit, now)).collect(),
            config_warnings: self.config_warnings.clone(),
            notify_trouble: None,
            loops: self.fleet.loops.iter().filter_map(|a_loop| self.loop_picture(a_loop, now)).collect(),
            agents: configured.chain(left_over).collect(),
        }
    }

    fn loop_picture(&self, a_loop: &Loop, now: Now) -> Option<LoopPicture> {
        let state = self.state.loops.get(&a_loop.name)?;
        let position = a_loop.phases.iter().position(|phase| Some(&phase.id) == state.phase.as_ref());
        let word = match (state.complete, position, state.status) {
            (Some(_), _, _) => "complete",
            (None, None, _) => "unknown",
            (None, Some(_), PhaseStatus::Open) => "in progress",
            (None, Some(_), PhaseStatus::AlmostDone) => "almost done",
            (None, Some(_), PhaseStatus::Done) => "done",
        };
        let gone = self.current_phase(&a_loop.name).err().or_else(|| state.astray.clone());
        let trouble = state
            .trouble
            .as_ref()
            .map(|trouble| format!("{}{}", trouble.why, lasted_words(now.since_ever(trouble.since))));
        Some(LoopPicture {
            name: a_loop.name.clone(),
            phase: state.phase.clone(),
            position: position.map_or(0, |at| at + 1),
            phases: a_loop.phases.iter().map(|phase| phase.id.clone()).collect(),
            plan: position.map(|at| a_loop.phases[at].plan.clone()),
            state: word.to_owned(),
            age_s: now.since_ever(state.complete.unwrap_or(state.since)).as_secs(),
            rounds: state.rounds,
            head: state.head.clone(),
            trouble: gone.or(trouble),
        })
    }

    fn agent_picture(&self, agent: Option<&Agent>, name: &str, state: &AgentState, now: Now) -> AgentPicture {
        let (word, lasted, detail) = self.state_words(agent, name, state, now);
        let model = self.model_in_force(name);
        let backend = state.backend.clone().or_else(|| agent.map(|agent| agent.backend_name.clone()));
        let dash = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned());
        AgentPicture {
            name: name.to_owned(),
            session: dash(agent.map(|agent| agent.session.clone())),
            kind: agent.map_or("-", |agent| agent.kind.word()).to_owned(),
            backend: dash(backend),
            model: model.unwrap_or_else(|| "default".to_owned()),
            watch: agent.map_or("-", |agent| agent.watch.word()).to_owned(),
            state: word.to_owned(),
            detail,
            age_s: lasted.unwrap_or_else(|| now.since(state.since)).as_secs(),
            pending: state.queue.len(),
            recent_deaths: state.deaths.iter().filter(|death| now.since(**death) < HEALTHY).count(),
            drifts: state.drifts,
            last_exit: state.last_exit.as_ref().map(|last| last.exit.to_string()),
            conversation: state.conversation.clone(),
        }
    }

    fn state_words(&self, agent: Option<&Agent>, name: &str, state: &AgentState, now: Now) -> Words {
        let blocked = state.blocked.as_ref();
        let why = || blocked.map(|blocked| blocked.why.clone());
        match &state.session {
            Session::Unknown { why, .. } => ("unknown", None, Some(why.clone())),
            Session::Preparing { .. } | Session::Starting => ("starting", None, None),
            Session::Stopping { then_start: true } => ("restarting", None, None),
            Session::Stopping { then_start: false } => ("stopping", None, None),
            Session::Running { ready: false } => {
                attention_words(state, now).unwrap_or_else(|| ("starting", None, Some("not ready yet".to_owned())))
            }
            Session::Running { ready: true } => self.running_words(agent, name, now, why()),
            Session::Absent | Session::Dead { .. } => {
                let (word, detail) = self.resting_words(agent, name, state, now);
                (word, None, detail)
            }
        }
    }

    fn running_words(&self, agent: Option<&Agent>, name: &str, now: Now, blocked: Option<String>) -> Words {
        let detail = self.stop_words(name, now).or(blocked.map(|why| format!("cannot be restarted: {why}")));
        if agent.is_none_or(|agent| matches!(agent.kind, Kind::Service { .. })) {
            return ("running", None, detail);
        }
        if let Some(words) = self.state.agents.get(name).and_then(|state| attention_words(state, now)) {
            return words;
        }
        if let Some(held) = self.held_words(name, now) {
            let lasted = self.limit_of(name).map(|limit| now.since_ever(limit.since));
            return ("limited", lasted, Some(held));
        }
        // What the newest look showed stands for people until the program writes again.
        let is_overruled = self.agents.get(name).is_some_and(|live| live.heard.overruled);
        let detail = detail.or(is_overruled.then(|| "by its screen: it tells otherwise".to_owned()));
        let live = self.agents.get(name).filter(|live| live.rest.is_none());
        let look = live.and_then(|live| live.look.as_ref());
        if self.is_working(name, now) || look.is_some_and(|look| shows_work(&look.readings)) {
            return ("working", self.worked(name, now), detail);
        }
        let rested = self.rested(name, now);
        match self.waits_until(name).filter(|until| *until > now.wall) {
            Some(until) => ("waiting", rested, Some(format!("until {}", local(until, now)))),
            None => ("idle", rested, detail),
        }
    }

    /// Returns how long an agent has been at work, where it has not been so from its start on.
    fn worked(&self, name: &str, now: Now) -> Option<Duration> {
        let live = self.agents.get(name)?;
        // What it just wrote may be work before a look has shown so.
        let since = if live.rest.is_some() { live.unseen.or(live.output) } else { live.busy };
        since.map(|since| now.mono.since(since))
    }

    /// Returns how long an agent has been at rest, as far as that is known.
    fn rested(&self, name: &str, now: Now) -> Option<Duration> {
        let rest = self.agents.get(name).and_then(|live| live.rest).map(|rest| now.mono.since(rest));
        rest.or_else(|| Some(now.since(self.state.agents.get(name)?.idle.as_ref()?.since)))
    }

    /// Says until when an agent is held, if it is.
    fn held_words(&self, name: &str, now: Now) -> Option<String> {
        let limit = self.limit_of(name)?;
        Some(format!("{}: {}", hold_words(limit, now), limit.banner))
    }

    fn resting_words(
        &self,
        agent: Option<&Agent>,
        name: &str,
        state: &AgentState,
        now: Now,
    ) -> (&'static str, Option<String>) {
        let dead = matches!(state.session, Session::Dead { .. });
        let exit = state.last_exit.as_ref().filter(|_| dead).map(LastExit::told);
        let Some(agent) = agent else { return ("stopped", Some("no longer in the config".to_owned())) };
        let task = matches!(agent.kind, Kind::Task(_));
        if !agent.enabled {
            return ("disabled", None);
        }
        if state.stopped.is_some() {
            return ("stopped", Some(format!("by a person; `up {name}` starts it")));
        }
        if let Some(blocked) = state.blocked.as_ref().filter(|_| state.asked) {
            let word = if blocked.misconfigured { "misconfigured" } else { "waiting" };
            return (word, Some(blocked.why.clone()));
        }
        let complete = agent
            .in_loop()
            .and_then(|in_loop| self.state.loops.get(in_loop))
            .is_some_and(|state| state.complete.is_some());
        if complete {
            return ("stopped", Some("the sequence is complete".to_owned()));
        }
        if let Some(held) = self.held_words(name, now).filter(|_| state.asked) {
            return ("limited", Some(format!("waits for its start: {held}")));
        }
        match (state.asked, state.retry) {
            (true, Some(retry)) if retry.mono > now.mono => {
                let left = retry.mono.since(now.mono).as_secs();
                // The table cuts at its end: what matters most comes first.
                let last = state.last_exit.as_ref().map(|last| format!("{}, ", last.exit)).unwrap_or_default();
                let crash = if state.crash_loop { ", crash loop" } else { "" };
                let words = state.last_exit.as_ref().and_then(|last| last.words.as_ref());
                let words = words.map(|words| format!("; {words}")).unwrap_or_default();
                ("back-off", Some(format!("{last}retry in {left} s{crash}{words}")))
            }
            (true, _) if self.hold => ("stopped", Some("the fleet is not up".to_owned())),
            (true, _) => ("waiting", Some("for its start".to_owned())),
            (false, _) if task && dead => ("finished", exit),
            (false, _) if task => {
                let timer = agent.schedule.as_ref().map(|schedule| {
                    let has_timer = self.places.has_timers;
                    if has_timer {
                        format!(", or its timer at `{schedule}`")
                    } else {
                        format!(", or at `{schedule}`: needs a timer")
                    }
                });
                ("stopped", Some(format!("a task; `run {name}` runs it{}", timer.unwrap_or_default())))
            }
            (false, _) if dead => ("dead", exit),
            (false, _) => ("stopped", None),
        }
    }

    /// Returns what `explain` tells of one agent.
    pub fn explain(&self, name: &str, now: Now) -> Option<Explanation> {
        let state = self.state.agents.get(name)?;
        let agent = self.agent_picture(self.fleet.agent(name), name, state, now);
        let pending = state.queue.iter().map(|message| self.pending_line(name, message, now)).collect();
        Some(Explanation {
            sources: self.sources(name, state, now),
            pending,
            next: self.next_lines(name, state, now),
            timers: self.timers(name),
            agent,
        })
    }

    /// Returns the verbs that timers ask for, of this agent.
    fn timers(&self, name: &str) -> Vec<String> {
        let Some(agent) = self.fleet.agent(name).filter(|_| self.places.has_timers) else { return Vec::new() };
        let wake = agent.wake.as_ref().is_some_and(|wake| wake.schedule.is_some()).then_some("wake");
        let run = agent.schedule.is_some().then_some("run");
        wake.into_iter().chain(run).map(str::to_owned).collect()
    }

    fn sources(&self, name: &str, state: &AgentState, now: Now) -> Vec<Source> {
        let live = self.agents.get(name);
        let session = match &state.session {
            Session::Absent => "there is no session".to_owned(),
            Session::Preparing { .. } => "its start is being prepared".to_owned(),
            Session::Stopping { .. } => "it is being ended".to_owned(),
            Session::Starting => format!("run {} is being started", state.run),
            Session::Running { .. } => format!("run {} runs", state.run),
            Session::Dead { exit } => format!("its program ended ({exit}); the last screen still stands"),
            Session::Unknown { why, .. } => format!("cannot be reached: {why}"),
        };
        let mut sources =
            vec![Source { name: "session".to_owned(), age_s: Some(now.since(state.since).as_secs()), says: session }];
        let output = live.and_then(|live| live.output);
        sources.push(Source {
            name: "output".to_owned(),
            age_s: output.map(|output| now.mono.since(output).as_secs()),
            says: match output {
                Some(_) if self.works_by_output(name, now) => {
                    "its program writes to the terminal, which is work where no rule tells (decides)"
                }
                Some(_) => "its program wrote to the terminal",
                None => "nothing since it was found",
            }
            .to_owned(),
        });
        sources.extend(self.look_sources(name, now));
        sources.extend(self.heard_sources(name, now));
        if let Some(last) = &state.last_exit {
            let screen = last.screen.as_ref().map(|path| format!(", last screen in {}", path.display()));
            sources.push(Source {
                name: "last exit".to_owned(),
                age_s: Some(now.since_ever(last.at).as_secs()),
                says: format!("{}{}", last.told(), screen.unwrap_or_default()),
            });
        }
        if let Some(limit) = self.limit_of(name) {
            let says = format!("account {} is held since {} showed: {}", limit.account, limit.source, limit.banner);
            sources.push(Source { name: "limit".to_owned(), age_s: Some(now.since_ever(limit.since).as_secs()), says });
        }
        if let Some(rest) = live.and_then(|live| live.rest) {
            let says = "at rest".to_owned();
            sources.push(Source { name: "silence".to_owned(), age_s: Some(now.mono.since(rest).as_secs()), says });
        }
        if let Some(phase) = &state.phase {
            let says = format!("run {} got the kickoff of phase {phase}", state.run);
            sources.push(Source { name: "kickoff".to_owned(), age_s: None, says });
        }
        sources
    }

    /// Returns what the newest look showed.
    fn look_sources(&self, name: &str, now: Now) -> Vec<Source> {
        let Some(live) = self.agents.get(name) else { return Vec::new() };
        let Some(look) = &live.look else { return Vec::new() };
        let free = match self.limit_of(name).filter(|_| self.is_held(name, now)) {
            Some(limit) => format!("nothing is in the way, but account {} is held", limit.account),
            None => "a message can be typed".to_owned(),
        };
        let says = look.obstacle.as_ref().map_or(free, ToString::to_string);
        let age_s = Some(now.since(look.at).as_secs());
        let mut sources = vec![Source { name: "typing".to_owned(), age_s, says }];
        let reading_source = |reading: &Reading, says: String| {
            let titled = live.titled_since(reading).map(|since| now.since(since).as_secs());
            let name = if titled.is_some() { "title" } else { "screen" };
            Source { name: name.to_owned(), age_s: titled.or(age_s), says }
        };
        sources.extend(look.readings.iter().enumerate().map(|(place, reading)| {
            let weight = if place == 0 { "decides" } else { "weaker" };
            let says =
                format!("{} by rule {} ({weight}): {}", reading.meaning.word(), reading.rule, shortened(&reading.text));
            reading_source(reading, says)
        }));
        let overruled = look.seen.iter().filter(|reading| !look.readings.contains(reading));
        sources.extend(overruled.map(|reading| {
            let says = format!("{} by rule {} (overruled by its events)", reading.meaning.word(), reading.rule);
            reading_source(reading, says)
        }));
        sources
    }

    fn pending_line(&self, name: &str, message: &Message, now: Now) -> String {
        let state = match &message.progress {
            Progress::Queued => self.why_it_waits(name, message),
            Progress::Posted { .. } => "is handed to its program, not answered".to_owned(),
            Progress::Pasting { .. } => "is being typed".to_owned(),
            Progress::Typed { .. } => "is typed, not submitted".to_owned(),
            Progress::Submitted { presses: 1, .. } => "is submitted, not confirmed".to_owned(),
            Progress::Submitted { presses, .. } => format!("is submitted ({presses} times), not confirmed"),
        };
        let age = now.since_ever(message.queued).as_secs();
        format!("{} ({age} s): {state}: {}", message.id, shortened(&message.text))
    }

    fn why_it_waits(&self, name: &str, message: &Message) -> String {
        if let Some(limit) = self.limit_of(name).filter(|_| !self.is_canary(name)) {
            return format!("waits: account {} is held by a usage limit", limit.account);
        }
        let is_first = self.state.agents.get(name).and_then(|state| state.queue.first());
        let is_first = is_first.is_some_and(|first| first.id == message.id);
        let look = self.agents.get(name).and_then(|live| live.look.as_ref());
        match look.and_then(|look| look.obstacle.as_ref()).filter(|_| is_first) {
            Some(obstacle) => format!("waits: {obstacle}"),
            None if matches!(message.purpose, Purpose::Wake | Purpose::Answer { .. }) => {
                "waits until the agent is idle".to_owned()
            }
            None => "waits for its turn".to_owned(),
        }
    }

    fn next_lines(&self, name: &str, state: &AgentState, now: Now) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(retry) = state.retry.filter(|retry| state.asked && retry.mono > now.mono) {
            let left = retry.mono.since(now.mono).as_secs();
            lines.push(format!("a start is tried in {left} s; `up {name}` tries it at once"));
        }
        if let Some(limit) = self.limit_of(name) {
            lines.push(match limit.due(now) {
                Some(due) => format!("the account is probed in {} s", due.mono.since(now.mono).as_secs()),
                None => "the account is being probed".to_owned(),
            });
        }
        if let Some(until) = self.waits_until(name) {
            let grace = self.fleet.watchdog.stall_grace.as_secs();
            lines.push(format!("silence is a stall {grace} s after {}", local(until, now)));
        }
        if state.restart.is_some() {
            lines.push("it is to be restarted".to_owned());
        }
        if let Some(order) = &state.order {
            let text = order.text.as_ref().map(|text| format!(", with: {}", shortened(text))).unwrap_or_default();
            lines.push(format!("a run is ordered{text}"));
        }
        lines.extend(self.answer_next(name, state, now));
        lines.extend(self.wake_next(name, state, now));
        if let Some((since, false)) = self.agents.get(name).and_then(|live| live.draft) {
            let alarm = self.fleet.watchdog.draft_alarm;
            let left = alarm.saturating_sub(now.since(since)).as_secs();
            lines.push(format!("a draft that still stands is told in {left} s"));
        }
        if !state.queue.is_empty() && matches!(state.session, Session::Running { .. }) {
            let cadence = self.fleet.watchdog.signal_interval.as_secs();
            lines.push(format!("the screen is looked at when output ends, and every {cadence} s"));
        }
        lines
    }
}

/// Says how long something has lasted, where that is long enough to be said.
fn lasted_words(lasted: Duration) -> String {
    match lasted.as_secs() {
        0 => String::new(),
        seconds => format!(" (for {seconds} s)"),
    }
}

/// Says which account is held, and when it is asked next.
fn hold_words(limit: &Limit, now: Now) -> String {
    let next = match limit.due(now) {
        Some(due) => format!("next probe {}", local(due.wall, now)),
        None => "being probed".to_owned(),
    };
    format!("account {}, {next}", limit.account)
}

/// Says what a person is needed for, also where the program has not come so far as to take a message.
fn attention_words(state: &AgentState, now: Now) -> Option<Words> {
    let attention = state.attention.as_ref()?;
    Some(("attention", Some(now.since_ever(attention.since)), Some(attention.why.clone())))
}
