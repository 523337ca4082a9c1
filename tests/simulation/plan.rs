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

/// Draws the faults of a run of this length.
pub fn draw(random: &mut Random, length: u64) -> Vec<Planned> {
    let total: u64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
    // Some runs are nearly quiet, others are not.
    let gap = random.spread(10 * MINUTE..=3 * HOUR);
    let mut plan = Vec::new();
    let mut at = random.between(0..=10 * MINUTE);
    while at < length {
        let mut left = random.below(total);
        let chosen = WEIGHTS.iter().find(|(_, weight)| {
            let hit = left < *weight;
            left = left.saturating_sub(*weight);
            hit
        });
        let fault = match chosen.map_or(Fault::BreakConfig, |(fault, _)| *fault) {
            Fault::Limit(_) => Fault::Limit(random.pick(&FORMS).copied().unwrap_or(Form::None)),
            Fault::Says(_) => Fault::Says(random.pick(&SAID).copied().unwrap_or(Said::Status)),
            Fault::Edit if random.percent(30) => Fault::BreakConfig,
            fault => fault,
        };
        let whom = random.below(1_000_000);
        plan.push(Planned { at, fault, whom, much: random.below(1_000_000) });
        // Faults come in swarms: what happens within a second of another is where the gaps are.
        at += if random.percent(25) { random.spread(1..=20 * SECOND) } else { random.spread(gap / 8..=gap * 2) };
    }
    debug_assert!(length < 100 * DAY);
    plan
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
