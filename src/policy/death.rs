//! What follows a death: back-off, the crash-loop brake, what is told.

use std::path::PathBuf;
use std::time::Duration;

use super::action::Action;
use super::conversation::RESUME_PROOF;
use super::event::EventKind;
use super::fleet::{Kind, Watch};
use super::now::{Moment, Mono, Now};
use super::observation::Exit;
use super::state::{AgentState, Blocked, LastExit, Session};
use super::{Supervisor, Turn, with};

/// Deaths are forgotten once a program has run for so long (decisions.md, "Sessions").
pub const HEALTHY: Duration = Duration::from_secs(600);
/// So many deaths within [`HEALTHY`] are a crash loop.
pub const CRASH_LOOP_DEATHS: usize = 5;
/// The longest wait before a restart, and the only one in a crash loop.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(300);
/// What fails so soon after its start says why on its last line; later on that is any line of a conversation.
const EARLY: Duration = Duration::from_secs(10);

/// How a program ended, with what it left behind.
#[derive(Debug, Clone)]
pub(super) struct Death {
    pub exit: Exit,
    pub screen: Option<PathBuf>,
    pub last_lines: Vec<String>,
}

impl Death {
    /// A death that nobody saw.
    pub(super) const UNSEEN: Self = Self { exit: Exit::Unknown, screen: None, last_lines: Vec::new() };
}

/// Returns how long to wait before the restart that follows this many deaths.
///
/// The first is at once, the second waits 1 s, then it doubles up to [`BACK_OFF_MAX`].
pub fn back_off(deaths: usize, crash_loop: bool) -> Duration {
    match deaths {
        _ if crash_loop => BACK_OFF_MAX,
        0 | 1 => Duration::ZERO,
        more => Duration::from_secs(1 << (more - 2).min(16)).min(BACK_OFF_MAX),
    }
}

impl AgentState {
    /// Returns when the restart that follows the last death may be tried; `None` without a death.
    pub(super) fn back_off_end(&self) -> Option<Mono> {
        Some(self.deaths.last()?.mono + back_off(self.deaths.len(), self.crash_loop))
    }

    /// Notes a death at `now`, after the program had run since `began`; says whether this makes it a crash loop.
    pub(super) fn count_death(&mut self, began: Option<Moment>, now: Now) -> bool {
        if began.is_some_and(|began| now.since(began) >= HEALTHY) {
            self.deaths.clear();
            self.crash_loop = false;
        }
        self.note_death(now);
        let recent = self.deaths.iter().filter(|death| now.since(**death) < HEALTHY).count();
        let begins = !self.crash_loop && recent >= CRASH_LOOP_DEATHS;
        self.crash_loop |= begins;
        self.set_retry(now);
        begins
    }

    /// Notes a start at `now` that did not come about. It waits as after a death, but alone it is no crash loop: the
    /// agent's program has not shown anything, and a bus or a disk that is away for ten seconds would cost minutes.
    /// Says whether a person is to hear of it.
    fn count_failed_start(&mut self, now: Now) -> bool {
        self.note_death(now);
        self.set_retry(now);
        self.deaths.len() == CRASH_LOOP_DEATHS
    }

    fn note_death(&mut self, now: Now) {
        self.deaths.push(now.moment());
        let excess = self.deaths.len().saturating_sub(2 * CRASH_LOOP_DEATHS);
        self.deaths.drain(..excess);
    }

    fn set_retry(&mut self, now: Now) {
        self.retry = Some(now.moment() + back_off(self.deaths.len(), self.crash_loop));
    }
}

impl Supervisor {
    /// Takes in a death: what is healed gets its time of restart.
    ///
    /// What dies while it is being ended, or was known to be dead, is no news.
    pub(super) fn died(&mut self, name: &str, death: &Death, turn: &mut Turn) {
        let (healed, wanted) = (self.healed(name), self.would_be_wanted(name));
        let Some(state) = self.state.agents.get_mut(name) else { return };
        if matches!(state.session, Session::Stopping { .. } | Session::Dead { .. }) {
            return;
        }
        let ran = matches!(state.session, Session::Running { .. }).then_some(state.since);
        // What could not be asked, or was about to be replaced, had run before.
        let began = matches!(state.session, Session::Starting | Session::Running { .. }).then_some(state.since);
        let could_not_resume = state.resumed && began.is_some_and(|began| turn.now.since(began) < RESUME_PROOF);
        state.fresh |= could_not_resume;
        let (exit, at) = (death.exit, turn.now.moment());
        let is_early = began.is_some_and(|began| turn.now.since(began) < EARLY);
        let words = death.last_lines.last().filter(|_| is_early && matches!(exit, Exit::Code(1..))).cloned();
        state.last_exit = Some(LastExit { exit, at, screen: death.screen.clone(), words });
        state.enter(Session::Dead { exit }, turn.now);
        let asked_anew = state.restart.take().is_some();
        let mut crash_loop = false;
        if wanted {
            // A run that was ordered and has not begun is still to come.
            state.asked = healed || asked_anew || state.order.is_some();
            crash_loop = healed && state.count_death(ran, turn.now);
        }
        self.tell_death(name, death, turn);
        if crash_loop {
            self.tell_crash_loop(name, turn);
        }
    }

    fn tell_death(&self, name: &str, death: &Death, turn: &mut Turn) {
        let task = self.fleet.agent(name).is_some_and(|agent| matches!(agent.kind, Kind::Task(_)));
        let (kind, word) = if task { (EventKind::Finished, "finished") } else { (EventKind::Died, "died") };
        let mut event = self.about(name, kind, &format!("{word} ({})", death.exit), turn.now);
        event = with(event, "exit", serde_json::to_value(death.exit).unwrap_or_default());
        if let Some(screen) = &death.screen {
            event = with(event, "screen", screen.display().to_string());
        }
        if !death.last_lines.is_empty() {
            event = with(event, "last_lines", death.last_lines.clone());
        }
        turn.act(Action::Record(event));
    }

    pub(super) fn tell_crash_loop(&self, name: &str, turn: &mut Turn) {
        let text = format!(
            "crash loop: {CRASH_LOOP_DEATHS} deaths within {} minutes, from now on one try every {} s",
            HEALTHY.as_secs() / 60,
            BACK_OFF_MAX.as_secs()
        );
        turn.act(Action::Record(self.about(name, EventKind::CrashLoop, &text, turn.now)));
    }

    /// Takes in that a start did not come about.
    pub(super) fn start_failed(&mut self, name: &str, why: &str, turn: &mut Turn) {
        let Some(state) = self.state.agents.get_mut(name) else { return };
        // What a failed start left behind is ended before the next one.
        state.enter(Session::Dead { exit: Exit::Unknown }, turn.now);
        let is_loud = state.count_failed_start(turn.now);
        state.blocked = Some(Blocked {
            why: format!("cannot be started: {why}"),
            misconfigured: false,
            since: turn.now.moment(),
            again: true,
        });
        let text = format!("cannot be started: {why}");
        turn.act(Action::Record(self.about(name, EventKind::StartFailed, &text, turn.now)));
        if is_loud {
            let text =
                format!("{CRASH_LOOP_DEATHS} starts or runs have failed, it {text}; it is tried ever more rarely");
            turn.act(Action::Record(self.about(name, EventKind::CrashLoop, &text, turn.now)));
        }
    }

    /// Says whether the agent is started again after a death.
    fn healed(&self, name: &str) -> bool {
        self.fleet.agent(name).is_some_and(|agent| match agent.kind {
            Kind::Task(_) => false,
            Kind::Service { .. } => true,
            Kind::Loop { .. } | Kind::Persistent(_) => agent.watch != Watch::None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_runs_for_minutes_and_dies_again_and_again_waits_ever_longer() {
        let wall = "2026-06-13T04:00:00Z".parse().expect("a time");
        let mut now = Now { mono: Mono(Duration::from_secs(1000)), wall, zone: chrono_tz::UTC };
        let mut state = AgentState::new(true, now);
        let mut waits = Vec::new();
        for _ in 0..12 {
            let began = now.moment();
            now.mono = now.mono + Duration::from_secs(200);
            assert!(!state.count_death(Some(began), now), "these are no crash loop");
            let retry = state.retry.expect("a time of restart").mono;
            waits.push(retry.since(now.mono).as_secs());
            now.mono = retry;
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
    }
}
