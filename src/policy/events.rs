//! Sightings from events: what an agent's own program tells comes first, its screen second.
//!
//! What is told becomes a reading beside those of the screen, so that limits, health, silence and delivery weigh both
//! alike. It takes the place of the screen's opinion whether a turn runs; banners and dialogs on the screen stand. A
//! screen that says otherwise for long is believed instead, see [`super::drift`].

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::agent_event::{AgentEvent, Refusal, Source, Told};
use super::fleet::Backend;
use super::live::{Look, Obstacle};
use super::now::{Moment, Mono, Now};
use super::reading::{Meaning, Reading, Region};
use super::reset_time;
use super::screen::InputBox;
use super::state::Session;
use super::status;
use super::watch::shows_work;
use super::{Supervisor, Turn};

/// The end of a turn that is told so soon after its refusal is the same one.
const SAME_END_MAX: Duration = Duration::from_secs(5);
/// A look so soon after an event may show what was before it.
pub(super) const SETTLE: Duration = Duration::from_secs(1);
/// So much of the context filled is worth a warning, as the screens of the programs have it.
const CONTEXT_WARN_PERCENT: u8 = 90;
/// The most allowances that are kept of one agent.
const ALLOWANCES_MAX: usize = 8;
/// Names of the presets' rules about the context: what answers them answers what is told, too.
const CONTEXT_WARNING: &str = "context-warning";
const CONTEXT_FULL: &str = "context-full";

/// What an agent's own program has told since it was started.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    /// Number of the start that is listened to.
    pub run: Option<u64>,
    /// What it does.
    pub doing: Option<Doing>,
    /// A refusal by a limit that stands behind the question which it tells of.
    behind: Option<Doing>,
    /// The screen has said otherwise for too long: it counts until something is told again.
    pub overruled: bool,
    /// It tells of each prompt that is submitted, as is known since then.
    pub gives_receipts: Option<Mono>,
    /// A receipt did not come; no more are expected.
    pub is_mute: bool,
    /// The conversation that it works in.
    pub conversation: Option<String>,
    /// When that was heard last, and how old it was then: a word that was told before that and comes later is of before.
    named: Option<(Mono, Duration)>,
    /// What was submitted last and never seen to arrive, without its mark: the receipt of that may come yet.
    pub given_up: Option<String>,
    /// Its interface did not take a message: from then on everything is typed.
    pub takes_no_posts: bool,
    /// The screen has shown work since then though none is told.
    pub strange_work: Option<Mono>,
    context: Option<(u8, Moment)>,
    allowances: BTreeMap<String, (u8, Option<DateTime<Utc>>, Moment)>,
    /// What each source told last.
    last: BTreeMap<Source, (Moment, String)>,
}

/// What a program does, as it told.
#[derive(Debug, Clone)]
pub(super) struct Doing {
    /// As it told it.
    pub told: Told,
    /// Who told it.
    pub source: Source,
    /// When it was told last.
    pub at: Moment,
}

impl Heard {
    /// Listens to the program of this start; what another one told is forgotten.
    pub fn of(run: u64) -> Self {
        Self { run: Some(run), ..Self::default() }
    }

    /// Returns what the program does, as far as it counts.
    pub fn in_force(&self) -> Option<&Doing> {
        self.doing.as_ref().filter(|_| !self.overruled)
    }

    /// Says whether a turn runs; `None` where that is not told.
    pub fn works(&self) -> Option<bool> {
        match &self.in_force()?.told {
            Told::Working | Told::Retrying { .. } => Some(true),
            Told::Idle { .. } | Told::Refused { .. } => Some(false),
            Told::Permission { .. }
            | Told::SessionStart { .. }
            | Told::SessionEnd { .. }
            | Told::Conversation { .. }
            | Told::Receipt { .. }
            | Told::Posted { .. }
            | Told::Context { .. }
            | Told::Allowance { .. } => None,
        }
    }

    /// Says whether an event is of a program that the agent has started in its turn: that has inherited who tells, and
    /// has a conversation of its own.
    fn is_of_another(&self, event: &AgentEvent) -> bool {
        let (Some(of), Some(own)) = (&event.conversation, &self.conversation) else { return false };
        of != own && self.works() == Some(true) && !is_cleared(&event.told)
    }

    /// Returns when its turn ended, where it has told so last.
    pub fn ended(&self) -> Option<Mono> {
        let ended = |doing: &&Doing| matches!(doing.told, Told::Idle { ended: true } | Told::Refused { .. });
        self.in_force().filter(ended).map(|doing| doing.at.mono)
    }

    /// Takes note of a prompt that was submitted: the end of the turn before says nothing more, where no beginning is told.
    pub fn goes_on(&mut self) {
        self.doing.take_if(|doing| !doing.source.tells_beginnings());
    }

    /// Says whether a conversation was named before the newest one that was heard; by the monotonic clock, since the other one
    /// may have been set in between.
    fn is_named_before(&self, age: Duration, now: Now) -> bool {
        self.named.is_some_and(|(heard, age_then)| age > now.mono.since(heard) + age_then)
    }

    /// Says whether a limit has refused it last, be it behind a question.
    pub fn is_limited(&self) -> bool {
        let doing = self.in_force();
        doing.is_some_and(|doing| doing.told.is_of_limit()) || doing.is_some() && self.behind.is_some()
    }

    fn is_told_again(&self, told: &Told) -> bool {
        self.in_force().is_some_and(|doing| doing.told == *told)
    }

    /// Returns when a used-up allowance is whole again, where none of those is told to be free.
    fn reset(&self, now: Now) -> Option<DateTime<Utc>> {
        let used = self.allowances.values().filter(|(used, ..)| *used >= 100);
        used.filter_map(|(_, resets_at, _)| resets_at.filter(|at| *at > now.wall)).max()
    }
}

impl Supervisor {
    /// Takes in what an agent's own program told.
    pub(super) fn told(&mut self, name: &str, run: u64, event: &AgentEvent, turn: &mut Turn) {
        let at = turn.now.moment();
        let is_ours = matches!(&event.told, Told::Receipt { text } if self.is_just_submitted(name, text));
        let Some(live) = self.agents.get_mut(name).filter(|live| live.heard.run == Some(run)) else { return };
        let heard = &mut live.heard;
        let state = self.state.agents.get(name);
        let is_known =
            event.conversation.is_some() && state.is_some_and(|state| state.conversation == event.conversation);
        if !is_known && heard.is_of_another(event) {
            let Some(id) = event.conversation.clone().filter(|_| is_ours) else { return };
            // What was typed here came there: a word of a person's `/clear` was lost, or of the end of a turn.
            heard.conversation = Some(id.clone());
            self.learn_conversation(name, &id);
        }
        let Some(live) = self.agents.get_mut(name) else { return };
        let heard = &mut live.heard;
        heard.last.insert(event.source, (at, event.told.line()));
        if event.source.gives_receipts() && !heard.is_mute {
            heard.gives_receipts.get_or_insert(at.mono);
            if let Some(state) = self.state.agents.get_mut(name) {
                state.receipts_run = Some(run);
            }
        }
        match &event.told {
            Told::Working
            | Told::Idle { .. }
            | Told::Permission { .. }
            | Told::Refused { .. }
            | Told::Retrying { .. } => {
                self.does(name, event, turn);
            }
            Told::Receipt { text } => self.receipt(name, text, event, turn),
            Told::Posted { message, outcome } => self.posted(name, *message, outcome, turn),
            Told::Conversation { id } => {
                let age = (turn.now.wall - event.time).to_std().unwrap_or_default();
                if !id.is_empty() && !heard.is_named_before(age, turn.now) {
                    heard.named = Some((at.mono, age));
                    heard.conversation = Some(id.clone());
                    self.learn_conversation(name, id);
                }
            }
            Told::Context { used_percent } => {
                let warned = heard.context.is_some_and(|(before, _)| before >= CONTEXT_WARN_PERCENT);
                heard.context = Some((*used_percent, at));
                if warned != (*used_percent >= CONTEXT_WARN_PERCENT) {
                    self.look_again(name, turn);
                }
            }
            Told::Allowance { window, used_percent, resets_at } => {
                if heard.allowances.len() < ALLOWANCES_MAX || heard.allowances.contains_key(window) {
                    heard.allowances.insert(window.clone(), (*used_percent, *resets_at, at));
                }
            }
            Told::SessionEnd { .. } => (heard.doing, heard.behind) = (None, None),
            Told::SessionStart { .. } if is_cleared(&event.told) => {
                heard.conversation.clone_from(&event.conversation);
                // That can be done at rest only.
                (heard.doing, heard.behind) = (None, None);
            }
            Told::SessionStart { .. } => {}
        }
    }

    /// Takes in what the program does now.
    fn does(&mut self, name: &str, event: &AgentEvent, turn: &mut Turn) {
        let Some(live) = self.agents.get_mut(name) else { return };
        let heard = &mut live.heard;
        if heard.doing.as_ref().is_some_and(|doing| is_end_of_refused(doing, &event.told, turn.now)) {
            return;
        }
        let begins = event.told == Told::Working && heard.ended().is_some();
        // Who begins at rest is the agent's own program: the word of another conversation, of a person's `/clear`, was lost.
        if event.told == Told::Working && heard.conversation.is_some() && event.conversation.is_some() {
            heard.conversation.clone_from(&event.conversation);
        }
        let is_new = !heard.is_told_again(&event.told);
        let is_question = matches!(event.told, Told::Permission { .. });
        let was_overruled = heard.overruled;
        // Had it gone on, it would have told that.
        let stays = |doing: &Doing| {
            is_question
                && !was_overruled
                && doing.source.tells_beginnings()
                && matches!(doing.told, Told::Refused { kind: Refusal::Limit, .. })
        };
        heard.behind = heard.doing.take().filter(stays).or(heard.behind.take().filter(|_| is_question));
        heard.doing = Some(Doing { told: event.told.clone(), source: event.source, at: turn.now.moment() });
        heard.overruled = false;
        heard.strange_work = None;
        if let Some(state) = self.state.agents.get_mut(name).filter(|_| begins) {
            state.begin_kept();
        }
        if is_new {
            self.look_again(name, turn);
        }
    }

    /// Looks as soon as possible: what is told is weighed with what the screen shows.
    pub(super) fn look_again(&mut self, name: &str, turn: &mut Turn) {
        let runs = self.state.agents.get(name).is_some_and(|state| matches!(state.session, Session::Running { .. }));
        if runs && self.agents.get(name).is_some_and(|live| !live.looking && !live.typing) {
            self.look(name, turn);
        }
    }

    /// Forgets the refusals of these agents: they are of before their account was opened.
    pub(super) fn forget_refusals(&mut self, names: &[String]) {
        for name in names {
            if let Some(live) = self.agents.get_mut(name) {
                live.heard.doing.take_if(|doing| doing.told.is_of_limit());
                live.heard.behind = None;
            }
        }
    }

    /// Says whether a look or an event can tell that the agent works.
    pub(super) fn tells_work(&self, name: &str) -> bool {
        let heard = self.agents.get(name).and_then(|live| live.heard.works());
        heard.is_some() || self.backend_of(name).is_some_and(Backend::shows_work)
    }

    /// Returns what `explain` tells of each source of events, and of what is used up.
    pub(super) fn heard_sources(&self, name: &str, now: Now) -> Vec<status::Source> {
        let Some(heard) = self.agents.get(name).map(|live| &live.heard) else { return Vec::new() };
        let source = |says: String, at: Moment| status::Source {
            name: "events".to_owned(),
            age_s: Some(now.since(at).as_secs()),
            says,
        };
        let mut sources: Vec<status::Source> =
            heard.last.iter().map(|(from, (at, said))| source(format!("{}: {said}", from.word()), *at)).collect();
        if let Some(doing) = &heard.doing {
            let weight = if heard.overruled { "overruled by the screen" } else { "counts before the screen" };
            sources.push(source(format!("{} by {} ({weight})", doing.told.line(), doing.source.word()), doing.at));
        }
        sources.extend(heard.behind.iter().map(|doing| {
            source(format!("{} by {} (behind the question)", doing.told.line(), doing.source.word()), doing.at)
        }));
        sources.extend(heard.allowances.iter().map(|(window, (used_percent, resets_at, at))| {
            let (window, used_percent, resets_at) = (window.clone(), *used_percent, *resets_at);
            source(Told::Allowance { window, used_percent, resets_at }.line(), *at)
        }));
        sources.extend(heard.context.map(|(used_percent, at)| source(Told::Context { used_percent }.line(), at)));
        let ageless =
            |name: &str, says: &str| status::Source { name: name.to_owned(), age_s: None, says: says.to_owned() };
        if heard.is_mute {
            sources.push(ageless("receipts", "one did not come: the emptied input box proves that a message arrived"));
        } else if heard.gives_receipts.is_some() {
            sources.push(ageless("receipts", "each prompt that arrives is told"));
        }
        let drifts = self.state.agents.get(name).map_or(0, |state| state.drifts);
        if drifts > 0 {
            sources.push(ageless("drift", &format!("screen and events have disagreed {drifts} times")));
        }
        sources
    }
}

/// Says whether a person has begun another conversation in the program that is listened to: one that the agent has
/// started begins with "startup".
fn is_cleared(told: &Told) -> bool {
    matches!(told, Told::SessionStart { how } if how == "clear")
}

/// Says whether this tells no more than that the turn has ended which was refused: opencode tells both.
fn is_end_of_refused(doing: &Doing, told: &Told, now: Now) -> bool {
    let is_same = matches!(told, Told::Idle { ended } if !ended || now.since(doing.at) <= SAME_END_MAX);
    is_same && matches!(doing.told, Told::Refused { .. })
}

/// Puts what is told beside what a look has shown.
pub(super) fn merge(heard: &mut Heard, look: &mut Look, backend: &Backend, now: Now) {
    let has_box = matches!(look.input, Some(InputBox::Empty | InputBox::Holds(_)));
    let has_begun = shows_work(&look.seen);
    let is_over = |doing: &mut Doing| {
        let is_passed = match doing.told {
            Told::Permission { .. } => has_box,
            Told::Idle { .. } => has_begun && !doing.source.tells_beginnings(),
            Told::SessionStart { .. }
            | Told::SessionEnd { .. }
            | Told::Conversation { .. }
            | Told::Receipt { .. }
            | Told::Working
            | Told::Refused { .. }
            | Told::Retrying { .. }
            | Told::Posted { .. }
            | Told::Context { .. }
            | Told::Allowance { .. } => false,
        };
        is_passed && look.at.mono >= doing.at.mono + SETTLE
    };
    if heard.doing.take_if(is_over).is_some() {
        heard.doing = heard.behind.take();
    }
    let mut readings = look.seen.clone();
    if heard.context.is_some_and(|(used, _)| used >= CONTEXT_WARN_PERCENT)
        && !readings.iter().any(|reading| reading.meaning == Meaning::Context)
    {
        let line = heard.context.map(|(used_percent, _)| Told::Context { used_percent }.line()).unwrap_or_default();
        readings.push(reading(Meaning::Context, CONTEXT_WARNING, &line, 65));
    }
    if let Some(doing) = heard.in_force() {
        match &doing.told {
            Told::Working => readings.retain(|reading| reading.meaning != Meaning::Idle),
            Told::Idle { .. } => readings.retain(|reading| reading.meaning != Meaning::Working),
            // What works after a refusal works by itself or by a person.
            Told::Permission { .. }
            | Told::Refused { .. }
            | Told::Retrying { .. }
            | Told::SessionStart { .. }
            | Told::SessionEnd { .. }
            | Told::Conversation { .. }
            | Told::Receipt { .. }
            | Told::Posted { .. }
            | Told::Context { .. }
            | Told::Allowance { .. } => {}
        }
        let told = heard.behind.iter().chain([doing]);
        readings.extend(told.filter_map(|doing| reading_of(heard, &doing.told, look, now)));
    }
    readings.sort_by_key(|reading| std::cmp::Reverse((reading.priority, reading.row)));
    look.readings = readings;
    look.obstacle = obstacle(look, backend);
}

/// Returns the reading that stands for what a program told; its priority is among those of the presets' rules.
fn reading_of(heard: &Heard, told: &Told, look: &Look, now: Now) -> Option<Reading> {
    let shows = |meaning: Meaning| look.seen.iter().any(|reading| reading.meaning == meaning);
    match told {
        Told::Working => Some(reading(Meaning::Working, "told-working", &told.line(), 69)),
        // Without an input box something else is up.
        Told::Idle { .. } if look.input == Some(InputBox::Absent) => None,
        Told::Idle { .. } => Some(reading(Meaning::Idle, "told-idle", &told.line(), 60)),
        Told::Permission { what } => Some(reading(Meaning::Permission, "told-permission", what, 92)),
        Told::Retrying { limit: true, text } => Some(reading(Meaning::ContinuesByItself, "told-retrying", text, 85)),
        Told::Retrying { limit: false, text } => Some(reading(Meaning::Retrying, "told-retrying", text, 84)),
        Told::Refused { kind: Refusal::Limit, .. } if shows(Meaning::Limited) => None,
        Told::Refused { kind: Refusal::Limit, text, resets_at } => {
            let banner = match resets_at.or_else(|| heard.reset(now)) {
                Some(at) if reset_time::parse(text, now).is_none() => {
                    format!("{text} (limit reached|{})", at.timestamp())
                }
                Some(_) | None => text.clone(),
            };
            Some(reading(Meaning::Limited, "told-limit", &banner, 72))
        }
        Told::Refused { kind: Refusal::Auth, text, .. } => Some(reading(Meaning::Login, "told-login", text, 71)),
        Told::Refused { kind: Refusal::Fatal, text, .. } => Some(reading(Meaning::Fatal, "told-fatal", text, 71)),
        Told::Refused { kind: Refusal::Context, .. } if shows(Meaning::Context) => None,
        Told::Refused { kind: Refusal::Context, text, .. } => Some(reading(Meaning::Context, CONTEXT_FULL, text, 70)),
        Told::Refused { kind: Refusal::Overload | Refusal::Other, text, .. } => {
            Some(reading(Meaning::Refused, "told-refused", text, 68))
        }
        Told::SessionStart { .. }
        | Told::SessionEnd { .. }
        | Told::Conversation { .. }
        | Told::Receipt { .. }
        | Told::Posted { .. }
        | Told::Context { .. }
        | Told::Allowance { .. } => None,
    }
}

fn reading(meaning: Meaning, rule: &str, text: &str, priority: u8) -> Reading {
    Reading { meaning, rule: rule.to_owned(), text: text.to_owned(), region: Region::Anywhere, row: None, priority }
}

/// Returns what keeps a message from being typed, now that more is known than the screen shows.
fn obstacle(look: &Look, backend: &Backend) -> Option<Obstacle> {
    let strongest = look.readings.first();
    let question = strongest.filter(|reading| reading.meaning.is_in_the_way());
    let is_busy = !backend.queues_while_busy && strongest.is_some_and(|reading| reading.meaning.is_busy());
    match (&look.obstacle, question) {
        (None | Some(Obstacle::Busy | Obstacle::Starting | Obstacle::NoBox), Some(reading)) => {
            Some(Obstacle::Dialog(reading.text.clone()))
        }
        (None | Some(Obstacle::Busy | Obstacle::Starting), None) => match strongest {
            Some(reading) if reading.meaning == Meaning::Starting => Some(Obstacle::Starting),
            Some(_) if is_busy => Some(Obstacle::Busy),
            Some(_) | None => None,
        },
        (
            other @ Some(
                Obstacle::Unreadable(_)
                | Obstacle::Mode
                | Obstacle::OtherProgram(_)
                | Obstacle::Dialog(_)
                | Obstacle::NoBox
                | Obstacle::Draft(_),
            ),
            _,
        ) => other.clone(),
    }
}
