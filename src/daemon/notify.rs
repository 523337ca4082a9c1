//! Tells systemd how the supervisor is: ready, what it does, and that its loop turns.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::policy::now::Mono;
use crate::policy::status::Picture;

/// Until it is ready the supervisor asks for so much more time, so often: agents that stand at a login dialog keep the others of
/// a large fleet from starting for as long as `ready_max`, a few at a time.
const START_EXTENSION: Duration = Duration::from_secs(60);
const START_EXTENDED_EVERY: Duration = Duration::from_secs(20);

/// What systemd shows before the fleet has been adopted.
const STATUS_STARTING: &str = "looking for running agents";

/// The notification socket of the service, if there is one.
///
/// A message that systemd does not take is lost: nobody could be told.
#[derive(Debug)]
pub struct Notify {
    is_asked_for: bool,
    is_ready: bool,
    /// When more time was asked for.
    extended: Mono,
    watchdog: Option<Watchdog>,
    status: String,
}

#[derive(Debug)]
struct Watchdog {
    /// Half of what systemd allows.
    interval: Duration,
    fed: Mono,
}

impl Notify {
    /// Reads from the environment whether systemd wants to be told (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).
    pub fn new(now: Mono) -> Self {
        let mut allowed_us = 0;
        let is_watched = sd_notify::watchdog_enabled(false, &mut allowed_us);
        let watchdog = is_watched.then(|| Watchdog { interval: Duration::from_micros(allowed_us) / 2, fed: now });
        let is_asked_for = std::env::var_os("NOTIFY_SOCKET").is_some();
        send(&[NotifyState::Status(STATUS_STARTING), more_time()]);
        Self { is_asked_for, is_ready: false, extended: now, watchdog, status: STATUS_STARTING.to_owned() }
    }

    /// Tells that the fleet has been adopted or started.
    pub fn ready(&mut self) {
        self.is_ready = true;
        send(&[NotifyState::Ready, NotifyState::Status(&self.status)]);
    }

    /// Tells that the config is being read again.
    pub fn reloading(&self) {
        if let (true, Ok(since)) = (self.is_ready, NotifyState::monotonic_usec_now()) {
            send(&[NotifyState::Reloading, since]);
        }
    }

    /// Tells that the config has been read again.
    pub fn reloaded(&self) {
        if self.is_ready {
            send(&[NotifyState::Ready]);
        }
    }

    /// Tells that the supervisor ends.
    pub fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }

    /// Tells at the end of a turn that the loop turns, and what `picture` shows if that has changed.
    pub fn turned(&mut self, now: Mono, picture: impl FnOnce() -> Picture) {
        if !self.is_asked_for {
            return;
        }
        let status = status_line(&picture());
        if status != self.status {
            send(&[NotifyState::Status(&status)]);
            self.status = status;
        }
        if !self.is_ready && now.since(self.extended) >= START_EXTENDED_EVERY / 2 {
            self.extended = now;
            send(&[more_time()]);
        }
        let Some(watchdog) = &mut self.watchdog else { return };
        if now.since(watchdog.fed) >= watchdog.interval / 2 {
            watchdog.fed = now;
            send(&[NotifyState::Watchdog]);
        }
    }

    /// Returns when a turn is due for systemd's sake.
    pub fn deadline(&self) -> Option<Mono> {
        let extension = (self.is_asked_for && !self.is_ready).then(|| self.extended + START_EXTENDED_EVERY);
        let watchdog = self.watchdog.as_ref().map(|watchdog| watchdog.fed + watchdog.interval);
        extension.into_iter().chain(watchdog).min()
    }
}

fn more_time() -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(START_EXTENSION.as_micros()).unwrap_or(u32::MAX))
}

fn send(states: &[NotifyState]) {
    // Without `NOTIFY_SOCKET` this does nothing.
    let _ = sd_notify::notify(false, states);
}

/// Returns one line for `systemctl status`: agents by state, where each loop is, which accounts are held.
fn status_line(picture: &Picture) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for agent in &picture.agents {
        match counts.iter_mut().find(|(state, _)| *state == agent.state) {
            Some((_, count)) => *count += 1,
            None => counts.push((&agent.state, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let states: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let mut parts = vec![if states.is_empty() { "no agents".to_owned() } else { states.join(", ") }];
    for a_loop in &picture.loops {
        let name = if a_loop.name.is_empty() { String::new() } else { format!("{}: ", a_loop.name) };
        let phase = a_loop.phase.as_deref().unwrap_or("no phase");
        parts.push(format!("{name}{phase} ({} of {}), {}", a_loop.position, a_loop.phases.len(), a_loop.state));
    }
    parts.extend(picture.holds.iter().map(|hold| format!("held: {hold}")));
    if picture.config_error.is_some() {
        parts.push("config on disk is broken".to_owned());
    }
    parts.join("; ").replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};

    use super::*;
    use crate::policy::status::{AgentPicture, LoopPicture};

    fn agent(state: &str) -> AgentPicture {
        AgentPicture {
            name: "a".to_owned(),
            session: "a".to_owned(),
            kind: "loop".to_owned(),
            backend: "claude".to_owned(),
            model: "default".to_owned(),
            watch: "heal".to_owned(),
            state: state.to_owned(),
            detail: None,
            age_s: 1,
            pending: 0,
            recent_deaths: 0,
            drifts: 0,
            last_exit: None,
            conversation: None,
        }
    }

    #[test]
    fn more_time_is_asked_for_until_it_is_ready() {
        let (extended, fed, interval) =
            (Mono(Duration::from_secs(100)), Mono(Duration::from_secs(95)), Duration::from_secs(60));
        let watchdog = Some(Watchdog { interval, fed });
        let mut notify = Notify { is_asked_for: true, is_ready: false, extended, watchdog, status: String::new() };
        assert_eq!(notify.deadline(), Some(extended + START_EXTENDED_EVERY));
        notify.is_ready = true;
        assert_eq!(notify.deadline(), Some(fed + interval));
        (notify.is_ready, notify.is_asked_for, notify.watchdog) = (false, false, None);
        assert_eq!(notify.deadline(), None, "nobody listens");
    }

    #[test]
    fn the_status_line_tells_the_fleet_in_one_glance() {
        let mut picture = Picture {
            time: Utc.with_ymd_and_hms(2026, 6, 13, 4, 5, 6).single().expect("a time"),
            supervised: true,
            supervisor_pid: None,
            mode: String::new(),
            config: String::new(),
            log_dir: String::new(),
            config_error: None,
            holds: Vec::new(),
            config_warnings: Vec::new(),
            notify_trouble: None,
            loops: Vec::new(),
            agents: Vec::new(),
        };
        assert_eq!(status_line(&picture), "no agents");
        picture.agents = ["idle", "working", "dead", "working"].map(agent).to_vec();
        picture.loops.push(LoopPicture {
            name: String::new(),
            phase: Some("p2".to_owned()),
            position: 2,
            phases: ["p1", "p2", "p3"].map(str::to_owned).to_vec(),
            plan: None,
            state: "in progress".to_owned(),
            age_s: 5,
            rounds: 0,
            head: None,
            trouble: None,
        });
        picture.holds.push("account claude, next probe 15:00".to_owned());
        picture.config_error = Some("line 3".to_owned());
        assert_eq!(
            status_line(&picture),
            "2 working, 1 idle, 1 dead; p2 (2 of 3), in progress; held: account claude, next probe 15:00; config on disk is broken"
        );
    }
}
