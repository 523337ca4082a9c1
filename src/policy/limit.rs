//! Usage limits, one record per account (and model, where the banner names one).
//!
//! A held account is left alone until its probe time; then one agent, the canary, is asked to go on. When it works, or
//! any agent of the account begins to work, the account is open and the others follow one after another. There is no
//! hold without a next deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::event::EventKind;
use super::fleet::Watchdog;
use super::hold::Hold;
use super::message::{Message, Progress, Purpose};
use super::now::{Moment, Now};
use super::reading::{Meaning, Reading};
use super::reset_time::{self, Form};
use super::state::Session;
use super::{Supervisor, Turn};

/// What the canary is told. It looks like no limit to any backend (rule 1).
pub const PROBE_TEXT: &str =
    "supervisor: please go on where you stopped. Pull first, and read your status and review files again.";
/// What the agents that showed the banner are told when the account is open.
pub const RESUME_TEXT: &str =
    "supervisor: you can work again. Pull, read your status and review files again, and go on where you stopped.";
/// A named date is probed so often all the same: capacity has come back hours early.
pub(super) const DATE_PROBE: Duration = Duration::from_secs(3600);
/// The agents of an open account follow each other after this time.
const STAGGER: Duration = Duration::from_secs(5);
/// Work is proven when every look for so long has shown it: a refused turn shows work for a moment, too.
const WORK_PROOF: Duration = Duration::from_secs(8);
/// A canary that rests without a banner so long after it was asked has answered.
pub(super) const ANSWER_PROOF: Duration = Duration::from_secs(5);
/// A refusal within this time after a named reset may be false.
const DOUBT_WINDOW: TimeDelta = TimeDelta::hours(1);
/// Such a refusal names a time at least this far ahead.
const DOUBT_AHEAD: TimeDelta = TimeDelta::hours(4);
/// It is tried again after these times before it is believed (limits.md).
const DOUBT_WAITS: [Duration; 3] = [Duration::from_secs(300), Duration::from_secs(600), Duration::from_secs(1200)];
/// So many fruitless probes give one loud warning (rule 7).
pub(super) const WARN_PROBES: u32 = 3;
/// Models that banners name.
const MODELS: [&str; 5] = ["opus", "sonnet", "haiku", "fable", "fast"];
/// The rule that proves that a menu's selected entry is the one that waits.
const WAIT_SELECTED: &str = "limit-menu-wait-selected";

static MODEL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r"(?i)\byour ({})\b[ \w.]* limit", MODELS.join("|"))).ok());

/// A held account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The account.
    pub account: String,
    /// The model that the banner names, in lower case; agents with another one are not held.
    pub model: Option<String>,
    /// Since when.
    pub since: Moment,
    /// Which agent showed it first.
    pub source: String,
    /// The banner that the hold goes by; see [`first_line`].
    pub banner: String,
    /// The newest banner that was weighed; one that is not believed yet differs from `banner`.
    pub newest: String,
    /// The reset time that it names.
    pub named: Option<DateTime<Utc>>,
    /// How it goes on.
    pub hold: Hold,
    /// Probes that were refused or showed nothing.
    pub probes: u32,
    /// Refusals after the named time that were not believed yet.
    pub doubts: usize,
    /// The agents that show the banner, since when.
    pub shown: BTreeMap<String, Moment>,
    /// What each of them showed last: the banners of several agents may differ, and only a change tells something new.
    #[serde(default)]
    pub banners: BTreeMap<String, String>,
    /// The agents that were seen without work since the hold began: if they work, the account is open.
    pub rested: BTreeSet<String>,
    /// Agents that were canary since the last probe time and could not be asked.
    pub passed_over: BTreeSet<String>,
    /// Agents that were asked in the midst of work from before the hold: they take it up once that is over, and are not
    /// asked again until they rest.
    #[serde(default)]
    pub asked_busy: BTreeSet<String>,
    /// Nothing proves that the newest probe has arrived, though its agent's input box can be read: a rest is no answer.
    #[serde(default)]
    pub probe_lost: bool,
}

impl Limit {
    /// Translates the record into another boot: every agent was ended by it, so that its screens prove nothing.
    pub(super) fn reboot(&mut self, now: Now) {
        self.since = self.since.rebased(now);
        self.hold = self.hold.rebooted(now);
        self.shown.clear();
        self.banners.clear();
        self.rested.clear();
        self.passed_over.clear();
        self.asked_busy.clear();
    }

    /// An agent was seen without work: what it does from now on was begun after the hold.
    pub(super) fn note_rested(&mut self, name: &str) {
        self.rested.insert(name.to_owned());
        self.asked_busy.remove(name);
    }

    /// Returns when the next probe is due, on this turn's clocks; `None` while one runs.
    pub fn due(&self, now: Now) -> Option<Moment> {
        self.hold.due(now)
    }
}

/// Says when a hold with this banner is probed: at the time that it names, or at the flat cadence.
fn next_probe(banner: &str, watchdog: &Watchdog, probed: bool, now: Now) -> (Hold, Option<DateTime<Utc>>) {
    let (slack, flat) = (watchdog.limit_reset_slack, watchdog.limit_probe_fallback);
    let flat_until = |wait: Duration| Hold::Flat { until: now.moment() + wait };
    let Some(reset) = reset_time::parse(banner, now).filter(|reset| reset.believable(now)) else {
        return (flat_until(flat), None);
    };
    let until = reset.at + slack;
    let far = matches!(reset.form, Form::Date | Form::Weekday | Form::Epoch | Form::Relative);
    // A time that has passed already is due; after a probe the same banner says nothing new.
    let hold = if until <= now.wall {
        flat_until(if probed { flat } else { slack })
    } else if far && until > now.wall + DATE_PROBE {
        flat_until(DATE_PROBE)
    } else {
        Hold::Named { until }
    };
    (hold, Some(reset.at))
}

impl Supervisor {
    /// Returns the record that holds an agent, if one does.
    pub(super) fn limit_of(&self, name: &str) -> Option<&Limit> {
        self.state.limits.iter().find(|limit| self.is_of(name, limit))
    }

    /// Says whether messages, wakes, healing and starts wait for the agent's account.
    pub(super) fn is_held(&self, name: &str, now: Now) -> bool {
        let released = self.state.agents.get(name).and_then(|state| state.release);
        self.limit_of(name).is_some() || released.is_some_and(|release| release.mono > now.mono)
    }

    /// Says whether the agent is the one that is asked to go on.
    pub(super) fn is_canary(&self, name: &str) -> bool {
        let asked = |limit: &Limit| matches!(&limit.hold, Hold::Probing { canary, .. } if canary == name);
        self.state.limits.iter().any(asked)
    }

    pub(super) fn is_of(&self, name: &str, limit: &Limit) -> bool {
        let Some(agent) = self.fleet.agent(name).filter(|agent| agent.account == limit.account) else { return false };
        if agent.backend_name.is_empty() {
            return false;
        }
        let Some(model) = &limit.model else { return true };
        limit.shown.contains_key(name)
            || self.model_in_force(name).is_some_and(|own| own.to_lowercase().contains(model))
    }

    /// Weighs what a look showed of a limit.
    pub(super) fn weigh_limit(&mut self, name: &str, readings: &[Reading], turn: &mut Turn) {
        if self.fleet.agent(name).is_none() {
            return;
        }
        match readings.first().map(|reading| reading.meaning) {
            Some(Meaning::Limited | Meaning::LimitMenu | Meaning::ContinuesByItself) => {
                self.shows_limit(name, readings, turn);
            }
            Some(Meaning::Working) => self.works(name, turn),
            // What it tells is so behind a dialog as well.
            Some(Meaning::Permission | Meaning::UnknownDialog) if self.tells_of_limit(name) => {
                self.shows_limit(name, readings, turn);
            }
            // Who has not begun yet has not answered.
            Some(Meaning::Starting) => self.rests(name),
            Some(
                Meaning::Idle
                | Meaning::Retrying
                | Meaning::Refused
                | Meaning::Login
                | Meaning::Permission
                | Meaning::UnknownDialog
                | Meaning::Fatal
                | Meaning::Context,
            )
            | None => {
                self.answers(name, turn);
                self.rests(name);
            }
        }
    }

    fn shows_limit(&mut self, name: &str, readings: &[Reading], turn: &mut Turn) {
        let Some(strongest) = readings.first() else { return };
        let says = |meaning| readings.iter().find(move |reading| reading.meaning == meaning);
        // What stands before everything may be a dialog, whose words the agent chooses.
        let banner = says(Meaning::Limited).or(says(Meaning::ContinuesByItself)).unwrap_or(strongest);
        self.choose_to_wait(name, strongest, turn);
        if self.is_old(name, banner) {
            self.answers(name, turn);
            return self.rests(name);
        }
        let line = first_line(&banner.text);
        let at = match self.state.limits.iter().position(|limit| self.is_of(name, limit)) {
            Some(at) => at,
            None => self.open_limit(name, &line, turn),
        };
        self.weigh_banner(at, name, &line, turn);
        let limit = &mut self.state.limits[at];
        limit.shown.entry(name.to_owned()).or_insert(turn.now.moment());
        limit.banners.insert(name.to_owned(), line);
        limit.note_rested(name);
    }

    /// Lets a banner on a held account's screen change the hold: the canary's refusal, or one that names more.
    fn weigh_banner(&mut self, at: usize, name: &str, line: &str, turn: &mut Turn) {
        let told = self.was_asked(name);
        let looked = self.agents.get(name).map(|live| live.asked_to_look).unwrap_or_default();
        let limit = &self.state.limits[at];
        let fresh = limit.newest != line && limit.banners.get(name).is_none_or(|shown| shown != line);
        let asked = match &limit.hold {
            Hold::Probing { canary, since, .. } if canary == name => Some(since.mono + ANSWER_PROOF),
            Hold::Probing { .. } | Hold::Named { .. } | Hold::Flat { .. } => None,
        };
        let probing = matches!(limit.hold, Hold::Probing { .. });
        match asked {
            // The banner from before still stands while the question is typed, however long that takes.
            Some(due) if fresh || told && looked >= due => self.refused(at, name, line, turn),
            None if fresh && !probing => self.rearm(at, line, true, turn.now),
            Some(_) | None => {}
        }
    }

    /// Presses Enter in a limit menu, once, and only when the screen proves that the entry that waits is selected.
    fn choose_to_wait(&mut self, name: &str, strongest: &Reading, turn: &mut Turn) {
        let Some(live) = self.agents.get_mut(name) else { return };
        let proven = strongest.meaning == Meaning::LimitMenu && strongest.rule == WAIT_SELECTED;
        if proven && !live.menu_answered {
            live.menu_answered = true;
            turn.act(Action::Key { agent: name.to_owned(), key: "Enter".to_owned() });
        } else if strongest.meaning != Meaning::LimitMenu {
            live.menu_answered = false;
        }
    }

    /// Says whether a limit is what its program has told last.
    fn tells_of_limit(&self, name: &str) -> bool {
        self.agents.get(name).is_some_and(|live| live.heard.is_limited())
    }

    /// Says whether the banner has stood there since before the account was opened.
    fn is_old(&self, name: &str, banner: &Reading) -> bool {
        let Some(state) = self.state.agents.get(name) else { return true };
        // What was told before is forgotten when an account is opened.
        if self.tells_of_limit(name) {
            return false;
        }
        state.old_banner.as_ref().is_some_and(|old| *old == first_line(&banner.text))
    }

    /// Opens a record and returns its place.
    fn open_limit(&mut self, name: &str, line: &str, turn: &mut Turn) -> usize {
        let account = self.fleet.agent(name).map(|agent| agent.account.clone()).unwrap_or_default();
        let model = MODEL.as_ref().and_then(|model| model.captures(line)).map(|found| found[1].to_lowercase());
        let (hold, named) = next_probe(line, &self.fleet.watchdog, false, turn.now);
        let limit = Limit {
            account,
            model,
            since: turn.now.moment(),
            source: name.to_owned(),
            banner: line.to_owned(),
            newest: line.to_owned(),
            named,
            hold,
            probes: 0,
            doubts: 0,
            shown: BTreeMap::new(),
            banners: BTreeMap::new(),
            rested: BTreeSet::new(),
            passed_over: BTreeSet::new(),
            asked_busy: BTreeSet::new(),
            probe_lost: false,
        };
        let until = limit.due(turn.now).map(|due| local(due.wall, turn.now)).unwrap_or_default();
        let text = format!("account {} is held: {line} (next probe {until})", limit.account);
        turn.act(Action::Record(self.about_limit(name, (EventKind::LimitHeld, &text), &limit, turn.now)));
        self.state.limits.push(limit);
        self.state.limits.len() - 1
    }

    /// Takes in that the canary was refused: the hold goes on by the fresh banner.
    fn refused(&mut self, at: usize, canary: &str, line: &str, turn: &mut Turn) {
        let limit = &mut self.state.limits[at];
        limit.probes = limit.probes.saturating_add(1);
        limit.passed_over.clear();
        self.rearm(at, line, true, turn.now);
        self.tell_refusal(canary, at, turn);
    }

    /// Sets the next probe by a banner. Right after a named reset, one that names a time hours ahead is often false: it
    /// is doubted a few times before it is believed.
    fn rearm(&mut self, at: usize, line: &str, probed: bool, now: Now) {
        let (hold, named) = next_probe(line, &self.fleet.watchdog, probed, now);
        let limit = &mut self.state.limits[at];
        line.clone_into(&mut limit.newest);
        let just_reset = limit.named.is_some_and(|before| before <= now.wall && now.wall - before <= DOUBT_WINDOW);
        let far = named.is_some_and(|named| named - now.wall >= DOUBT_AHEAD);
        if just_reset && far && limit.doubts < DOUBT_WAITS.len() {
            let wait = DOUBT_WAITS[limit.doubts];
            limit.doubts += 1;
            limit.hold = Hold::Flat { until: now.moment() + wait };
            return;
        }
        limit.hold = hold;
        if named.is_some() {
            limit.named = named;
            line.clone_into(&mut limit.banner);
        }
    }

    /// Takes in that an agent works: work begun after the hold opens the account.
    fn works(&mut self, name: &str, turn: &mut Turn) {
        if let Some(state) = self.state.agents.get_mut(name)
            && state.old_banner.is_some()
        {
            state.old_banner = None;
        }
        // What it told last counts until the screen has said otherwise for long enough (`drift`).
        if self.tells_of_limit(name) {
            return;
        }
        let opens = |limit: &Limit| self.is_of(name, limit) && limit.rested.contains(name);
        let Some(at) = self.state.limits.iter().position(opens) else { return };
        let Some(working) = self.agents.get(name).and_then(|live| live.working) else { return };
        if turn.now.mono.since(working) >= WORK_PROOF {
            self.lift(at, name, turn);
        }
    }

    /// Takes in that an agent shows neither work nor a banner: of the canary that is an answer, where it has had time.
    fn answers(&mut self, name: &str, turn: &mut Turn) {
        let Some(live) = self.agents.get(name) else { return };
        // Whose words the screen belies may have been refused without a trace.
        let (overruled, looked) = (live.heard.overruled, live.asked_to_look);
        let told = self.was_asked(name);
        let answered = |limit: &Limit| {
            matches!(&limit.hold, Hold::Probing { canary, since, .. }
                if canary == name && told && !overruled && !limit.probe_lost && looked >= since.mono + ANSWER_PROOF)
        };
        let answered = self.state.limits.iter().position(answered);
        if let Some(at) = answered.filter(|_| !self.shows_refusal(name)) {
            if self.listen_to_canary(at, name) {
                return self.lift(at, name, turn);
            }
            self.state.limits[at].hold = Hold::Flat { until: turn.now.moment() };
        }
    }

    /// Takes note that an agent is without work.
    fn rests(&mut self, name: &str) {
        let keys: Vec<usize> =
            (0..self.state.limits.len()).filter(|at| self.is_of(name, &self.state.limits[*at])).collect();
        for at in keys {
            let limit = &mut self.state.limits[at];
            limit.note_rested(name);
            // A banner that has vanished without work makes its agent the next canary.
            if let Some(shown) = limit.shown.get_mut(name) {
                *shown = Moment { mono: super::now::Mono::default(), ..*shown };
            }
        }
    }

    /// Opens an account: the others follow one after another, those that showed the banner with a word.
    fn lift(&mut self, at: usize, by: &str, turn: &mut Turn) {
        let limit = self.state.limits.remove(at);
        let text = format!(
            "account {} is open again after {} s: {by} works",
            limit.account,
            turn.now.since_ever(limit.since).as_secs()
        );
        turn.act(Action::Record(self.about_limit(by, (EventKind::LimitLifted, &text), &limit, turn.now)));
        let names: Vec<String> = self.fleet.agents.iter().map(|agent| agent.name.clone()).collect();
        self.forget_refusals(&names.iter().filter(|name| self.is_of(name, &limit)).cloned().collect::<Vec<_>>());
        let mut place = 0_u32;
        for name in names.iter().filter(|name| *name != by && self.is_of(name, &limit)).cloned().collect::<Vec<_>>() {
            place += 1;
            let wait = STAGGER * place;
            let shown = limit.shown.contains_key(&name);
            let Some(state) = self.state.agents.get_mut(&name) else { continue };
            state.release = Some(turn.now.moment() + wait);
            // A word of an earlier end that still waits says the same.
            let is_said_anew =
                |message: &Message| message.purpose == Purpose::Resume && message.progress == Progress::Queued;
            state.drop_waiting_probe();
            state.queue.retain(|message| !is_said_anew(message));
            if shown {
                state.old_banner = Some(limit.banners.get(&name).unwrap_or(&limit.newest).clone());
            }
            if shown && matches!(state.session, Session::Running { .. }) {
                self.queue(&name, Purpose::Resume, RESUME_TEXT.to_owned(), turn.now);
            }
        }
    }
}

/// Returns a banner's own line without the mark before it; what stands below it in its paragraph changes.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_start_matches(|mark: char| !mark.is_alphanumeric());
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns a time for people, in the host's zone, which it names.
pub(super) fn local(at: DateTime<Utc>, now: Now) -> String {
    at.with_timezone(&now.zone).format("%a %H:%M:%S %Z").to_string()
}
