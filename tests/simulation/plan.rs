//! What goes wrong in a run, and when: drawn by the seed before it begins, so that it can be shrunk.

use super::account::{FORMS, Form};
use super::clock::{DAY, HOUR, MINUTE, SECOND};
use super::person::{SAID, Said};
use super::random::Random;
use super::slips::{SLIPS, Slip};

/// A fault, or what people do. `whom` chooses who is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Die,
    DieAgain,
    Hang,
    Fatal,
    Limit(Form),
    Dialog,
    Draft,
    Scroll,
    Swallow,
    LosePaste,
    WrongProgram,
    Shell,
    Refused,
    Unreachable,
    Stuck,
    ClientLost,
    StartsFail,
    FilesMissing,
    OriginFails,
    BadReads,
    Amend,
    PushTogether,
    EditPlan,
    Inbox,
    NotDone,
    Kill,
    Reboot,
    Suspend,
    Jump,
    Slow,
    Says(Said),
    Edit,
    AddPhase,
    BreakConfig,
    /// The supervisor does not get to run for a while, and hears of all that happens then at once.
    Stall,
    Slip(Slip),
}

/// A fault at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    pub at: u64,
    pub fault: Fault,
    pub whom: u64,
    /// How much, where that is left to chance.
    pub much: u64,
}

/// About so many of a hundred faults the supervisor does not get to run.
const STALLED_PERCENT: u64 = 25;

/// Kinds of faults in a storm, and how many come.
const STORM_KINDS: std::ops::RangeInclusive<u64> = 2..=5;
const STORM_FAULTS: std::ops::RangeInclusive<u64> = 10..=60;
const STORM_GAP_MAX: u64 = 20 * SECOND;
const STORM_OF_ONE_PERCENT: u64 = 70;

/// From here on `whom` means the same agent for every kind of fault.
pub const BY_NAME: u64 = 1 << 32;

/// What befalls one agent in a flurry: its life, or what is said to it.
const LIFE: [Fault; 14] = [
    Fault::Die,
    Fault::DieAgain,
    Fault::Hang,
    Fault::Fatal,
    Fault::Unreachable,
    Fault::Stuck,
    Fault::StartsFail,
    Fault::FilesMissing,
    Fault::Kill,
    Fault::Says(Said::Up),
    Fault::Says(Said::Down),
    Fault::Says(Said::Restart),
    Fault::Says(Said::Run),
    Fault::Says(Said::RunFresh),
];
const WORDS: [Fault; 14] = [
    Fault::Says(Said::Send),
    Fault::Says(Said::Send),
    Fault::Says(Said::SendLong),
    Fault::Says(Said::SendQueued),
    Fault::Says(Said::SendGone),
    Fault::Limit(Form::Zoned),
    Fault::Dialog,
    Fault::Draft,
    Fault::Swallow,
    Fault::LosePaste,
    Fault::Refused,
    Fault::Hang,
    Fault::Die,
    Fault::Kill,
];

/// How often each fault comes, about, in a thousand.
const WEIGHTS: [(Fault, u64); 33] = [
    (Fault::Die, 70),
    (Fault::DieAgain, 20),
    (Fault::Hang, 30),
    (Fault::Fatal, 20),
    (Fault::Limit(Form::Zoned), 90),
    (Fault::Dialog, 30),
    (Fault::Draft, 70),
    (Fault::Scroll, 20),
    (Fault::Swallow, 40),
    (Fault::LosePaste, 30),
    (Fault::WrongProgram, 15),
    (Fault::Shell, 10),
    (Fault::Refused, 20),
    (Fault::Unreachable, 40),
    (Fault::Stuck, 10),
    (Fault::ClientLost, 40),
    (Fault::StartsFail, 25),
    (Fault::FilesMissing, 20),
    (Fault::OriginFails, 30),
    (Fault::BadReads, 30),
    (Fault::Amend, 20),
    (Fault::PushTogether, 20),
    (Fault::EditPlan, 20),
    (Fault::Inbox, 30),
    (Fault::NotDone, 20),
    (Fault::Kill, 140),
    (Fault::Reboot, 8),
    (Fault::Suspend, 15),
    (Fault::Jump, 15),
    (Fault::Slow, 15),
    (Fault::Says(Said::Up), 130),
    (Fault::Edit, 20),
    (Fault::AddPhase, 15),
];

/// Draws the kind of a fault.
fn any_fault(random: &mut Random) -> Fault {
    let mut left = random.below(WEIGHTS.iter().map(|(_, weight)| weight).sum());
    let chosen = WEIGHTS.iter().find(|(_, weight)| {
        let hit = left < *weight;
        left = left.saturating_sub(*weight);
        hit
    });
    chosen.map_or(Fault::BreakConfig, |(fault, _)| *fault)
}

/// Draws which one of its kind a fault is.
fn drawn_form(kind: Fault, random: &mut Random) -> Fault {
    match kind {
        Fault::Limit(_) => Fault::Limit(random.pick(&FORMS).copied().unwrap_or(Form::None)),
        Fault::Says(_) => Fault::Says(random.pick(&SAID).copied().unwrap_or(Said::Status)),
        Fault::Edit if random.percent(30) => Fault::BreakConfig,
        fault => fault,
    }
}

/// Draws the faults of a run of this length.
pub fn draw(random: &mut Random, length: u64) -> Vec<Planned> {
    // Some runs are nearly quiet, others are not.
    let gap = random.spread(10 * MINUTE..=3 * HOUR);
    let mut plan = Vec::new();
    let mut at = random.between(0..=10 * MINUTE);
    while at < length {
        let kind = any_fault(random);
        let fault = drawn_form(kind, random);
        let whom = random.below(1_000_000);
        plan.push(Planned { at, fault, whom, much: random.below(1_000_000) });
        // Faults come in swarms: what happens within a second of another is where the gaps are.
        at += if random.percent(25) { random.spread(1..=20 * SECOND) } else { random.spread(gap / 8..=gap * 2) };
    }
    debug_assert!(length < 100 * DAY);
    plan
}

/// Draws storms: a few kinds of faults, again and again within seconds, mostly around one agent. What needs three of them
/// at once hardly ever comes by chance alone (swarm testing: Groce et al., ISSTA 2012).
pub fn draw_storms(random: &mut Random, length: u64) -> Vec<Planned> {
    let mut plan = Vec::new();
    let mut at = random.between(0..=HOUR);
    while at < length {
        let kinds: Vec<Fault> = (0..random.between(STORM_KINDS)).map(|_| any_fault(random)).collect();
        let of_one = random.percent(STORM_OF_ONE_PERCENT).then(|| random.below(1_000_000));
        for _ in 0..random.between(STORM_FAULTS) {
            let fault = drawn_form(random.pick(&kinds).copied().unwrap_or(Fault::Kill), random);
            let whom = of_one.unwrap_or_else(|| random.below(1_000_000));
            plan.push(Planned { at, fault, whom, much: random.below(1_000_000) });
            at += random.spread(1..=STORM_GAP_MAX);
        }
        at += random.spread(HOUR..=12 * HOUR);
    }
    plan
}

/// Draws flurries: within moments several things befall one agent, which the supervisor mostly hears of at once.
pub fn draw_flurries(random: &mut Random, length: u64) -> Vec<Planned> {
    let mut plan = Vec::new();
    let mut at = random.between(0..=HOUR);
    while at < length {
        let whom = BY_NAME + random.below(1_000_000);
        let kinds = if random.percent(50) { &LIFE[..] } else { &WORDS[..] };
        let mut gap = random.spread(20..=3 * SECOND);
        for _ in 0..random.between(2..=6) {
            if random.percent(STALLED_PERCENT) {
                plan.push(Planned { at, fault: Fault::Stall, whom, much: random.below(1_000_000) });
            }
            let kind = random.pick(kinds).copied().unwrap_or(Fault::Kill);
            let fault = if let Fault::Limit(_) = kind { drawn_form(kind, random) } else { kind };
            plan.push(Planned { at, fault, whom, much: random.below(1_000_000) });
            at += random.spread(1..=gap);
            gap = gap.max(2);
        }
        at += random.spread(MINUTE..=40 * MINUTE);
    }
    plan
}

/// Draws when the supervisor does not get to run: about what goes wrong, so that its ends and beginnings come together.
pub fn draw_stalls(random: &mut Random, plan: &[Planned]) -> Vec<Planned> {
    let mut stalls = Vec::new();
    for planned in plan {
        if random.percent(STALLED_PERCENT) {
            let at = planned.at.saturating_sub(random.spread(1..=2 * SECOND));
            stalls.push(Planned { at, fault: Fault::Stall, whom: 0, much: random.below(1_000_000) });
        }
    }
    stalls
}

/// Draws what goes wrong in such a run with what programs tell.
pub fn draw_slips(random: &mut Random, length: u64) -> Vec<Planned> {
    let gap = random.spread(10 * MINUTE..=4 * HOUR);
    let mut plan = Vec::new();
    let mut at = random.between(0..=20 * MINUTE);
    while at < length {
        let slip = random.pick(&SLIPS).copied().unwrap_or(Slip::Lost);
        let (whom, much) = (random.below(1_000_000), random.below(1_000_000));
        plan.push(Planned { at, fault: Fault::Slip(slip), whom, much });
        at += if random.percent(20) { random.spread(1..=20 * SECOND) } else { random.spread(gap / 8..=gap * 2) };
    }
    plan
}
