//! What a unit tells of its session: whether a person has stopped it, and whether what is silent has ended.

use std::path::Path;
use std::time::Duration;

use super::Context;
use super::agent::Agent;
use super::descriptor::{Server, server};
use super::life::{Asking, AskingTurn, Doubt, Ended, Goal, Life, Pane, Search};
use super::query::Query;
use crate::daemon::paths::Manager;
use crate::daemon::regular::{self, Links};
use crate::daemon::unit::Question;
use crate::policy::now::Mono;
use crate::policy::observation::SessionSeen;
use crate::protocol::unit::{Active, Shown, name};

/// How long a unit that changes is left alone until it is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// How often a unit that changes is asked: longer than its own `TimeoutStopSec=` and `TimeoutStartSec=`.
const TRIES_MAX: u32 = 150;

/// How often a unit that is active though its server is gone is asked: systemd has not seen its end yet.
const TRIES_ACTIVE_MAX: u32 = 5;

/// How often systemd is asked about a death when it does not answer: a person may have ordered it.
const TRIES_SILENT_MAX: u32 = 3;

/// More than the digits of any time.
const MARK_BYTES_MAX: u64 = 32;

impl Agent {
    /// There is no session on the agent's socket: where it is a unit's, that may be unknown.
    pub(super) fn not_there(&mut self, goal: Goal, pane: Option<Pane>, context: &mut Context) {
        match context.paths.manager {
            Manager::AdHoc => self.is_not_there(goal, pane, context),
            Manager::Systemd => self.doubt(Doubt::Search(Search { goal, any: false, pane }), 0, context),
        }
    }

    /// A program has ended: where it is a unit's, a person may have ended it.
    pub(super) fn died(&mut self, ended: Ended, context: &mut Context) {
        match context.paths.manager {
            Manager::AdHoc => self.has_died(ended, context),
            Manager::Systemd => self.doubt(Doubt::Death(ended), 0, context),
        }
    }

    fn doubt(&mut self, doubt: Doubt, tries: u32, context: &mut Context) {
        match Query::new(Question::Show, &self.name, context, &mut self.numbers) {
            Ok(query) => self.life = Life::Asking(Asking { turn: AskingTurn::Asked(query), doubt, tries }),
            Err(why) => self.undecided(doubt, tries, why, context),
        }
    }

    /// The answer is there, or the time has come.
    pub(super) fn ask_on(&mut self, context: &mut Context) {
        let Life::Asking(mut asking) = std::mem::replace(&mut self.life, Life::Absent) else {
            unreachable!("only what is asked is answered")
        };
        match &mut asking.turn {
            AskingTurn::Pause(until) if *until > context.now => self.life = Life::Asking(asking),
            AskingTurn::Pause(_) => match (asking.doubt, server(self.place())) {
                (Doubt::Search(Search { goal, pane, .. }), Server::Listens(_) | Server::Unclear(_)) => {
                    self.look_for(goal, pane, context);
                }
                (doubt @ (Doubt::Search(_) | Doubt::Death(_)), _) => self.doubt(doubt, asking.tries, context),
            },
            AskingTurn::Asked(query) => {
                let no_state = || "systemd tells no state of its unit".to_owned();
                let read = |text: String| Shown::parse(&text).ok_or_else(no_state);
                match query.answer(context.now).map(|answer| answer.and_then(read)) {
                    None => self.life = Life::Asking(asking),
                    Some(Err(why)) => self.undecided(asking.doubt, asking.tries, why, context),
                    Some(Ok(shown)) => self.shown(asking.doubt, asking.tries, &shown, context),
                }
            }
        }
    }

    fn shown(&mut self, doubt: Doubt, tries: u32, shown: &Shown, context: &mut Context) {
        match (shown.active, doubt) {
            (Active::Inactive, doubt) => self.is_inactive(doubt, shown.fleet_since, context),
            // Somebody starts it; the order of the supervisor joins that start.
            (
                Active::Activating,
                Doubt::Search(Search { goal: goal @ Goal::Start { launched: false, .. }, pane, .. }),
            ) => {
                self.is_not_there(goal, pane, context);
            }
            (Active::Active, Doubt::Death(ended))
                if tries >= TRIES_ACTIVE_MAX || server(self.place()) != Server::Gone =>
            {
                self.has_died(ended, context);
            }
            (Active::Active, Doubt::Search(search)) if tries >= TRIES_ACTIVE_MAX => {
                let (place, unit) = (self.place().display(), name(&self.name));
                let why = format!(
                    "its unit is active, but nobody listens on `{place}`: `systemctl restart {unit}` starts it anew"
                );
                self.undecided(Doubt::Search(search), tries, why, context);
            }
            (Active::Activating | Active::Deactivating, doubt) if tries >= TRIES_MAX => {
                self.undecided(doubt, tries, "its unit starts or stops without end".to_owned(), context);
            }
            (Active::Activating, Doubt::Death(_)) => {
                let goal = Goal::Again { tries: 0, told: false };
                self.pause(Doubt::Search(Search { goal, any: false, pane: None }), tries, context.now);
            }
            (Active::Active | Active::Activating | Active::Deactivating, doubt) => {
                self.pause(doubt, tries, context.now);
            }
        }
    }

    fn pause(&mut self, doubt: Doubt, tries: u32, now: Mono) {
        self.life = Life::Asking(Asking { turn: AskingTurn::Pause(now + PAUSE), doubt, tries: tries + 1 });
    }

    /// The unit has ended, by somebody's order or by itself.
    fn is_inactive(&mut self, doubt: Doubt, fleet_since: Option<Mono>, context: &mut Context) {
        let mark = context.paths.stopped_mark(&self.name);
        let is_stopped = match mark.try_exists() {
            Ok(is_stopped) => is_stopped,
            Err(error) => {
                let why = format!("cannot look for `{}`: {error}", mark.display());
                return self.undecided(doubt, TRIES_SILENT_MAX, why, context);
            }
        };
        if is_stopped {
            let at = when(&mark);
            if !context.only_looks {
                // One that cannot be removed is told again, which says nothing new.
                let _ = std::fs::remove_file(mark);
            }
            self.life = Life::Absent;
            return self.tell(SessionSeen::Stopped { at, fleet_since }, context);
        }
        match doubt {
            Doubt::Search(Search { goal, pane: Some(pane), .. }) => {
                self.is_not_there(goal, Some(Pane { end: None, ..pane }), context);
            }
            Doubt::Search(Search { goal, pane: None, .. }) => self.is_not_there(goal, None, context),
            Doubt::Death(ended) => self.has_died(ended, context),
        }
    }

    /// Nobody can say how far the unit is: what was looked for is unknown, what has ended has ended.
    fn undecided(&mut self, doubt: Doubt, tries: u32, why: String, context: &mut Context) {
        match doubt {
            Doubt::Death(_) if tries < TRIES_SILENT_MAX => self.pause(doubt, tries, context.now),
            Doubt::Search(Search { goal, pane, .. }) => self.failed(goal, pane, why, context),
            Doubt::Death(ended) => self.has_died(ended, context),
        }
    }

    /// A session has come up that nobody here has ordered.
    pub(super) fn came_up(&mut self, context: &mut Context) {
        if matches!(self.life, Life::Absent) {
            self.lose(None, 0, true, ("it has just been started".to_owned(), context));
        }
    }
}

/// Reads when a stop by order was marked (`pane::stopping`).
fn when(mark: &Path) -> Option<Mono> {
    let text = String::from_utf8(regular::read(mark, Links::Refused, MARK_BYTES_MAX).ok()?).ok()?;
    Some(Mono(Duration::from_micros(text.trim().parse().ok()?)))
}
