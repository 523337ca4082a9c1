//! Runs of the simulation: one seed each, shrunk and told where a rule is broken.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::{DAY, HOUR, stamp};
use super::coverage::Coverage;
use super::plan::{self, Planned};
use super::random::Random;
use super::setup::Setup;
use super::world::{Failure, World};

/// Time of one run in which things go wrong.
pub const RUN: u64 = 3 * DAY;
/// Time in which they do not, at the end.
pub const CALM: u64 = 10 * HOUR;
/// Seeds that are tried at the same time.
const THREADS: usize = 2;
/// Lines of the trace that are told, unless `SIMULATION_LINES` says otherwise.
const TRACE_LINES: usize = 150;
/// Attempts that shrinking may take.
const SHRINKING_MAX: u32 = 40;

/// How programs tell of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// The truth.
    Truly,
    /// Also too late, twice, of others or not at all, which is known to break rules in a few seeds (README).
    Wrongly,
}

/// What runs came to.
#[derive(Debug, Default)]
pub struct Tally {
    time: u64,
    turns: u64,
    faults: u64,
    lives: u64,
    confirmed: u64,
    repeated: u64,
    pub coverage: Coverage,
    /// Seeds of runs in which a rule was broken, and which.
    pub broken: BTreeMap<u64, &'static str>,
}

impl Tally {
    fn add(&mut self, seed: u64, world: &World) {
        self.time += world.clock.at;
        self.turns += world.guard.turns;
        self.faults += world.faults;
        self.lives += world.guard.life;
        self.confirmed += world.oracle.delivery.confirmed;
        self.repeated += world.oracle.delivery.repeated;
        self.coverage.add(&world.oracle.coverage);
        if let Some(failure) = &world.failure {
            self.broken.insert(seed, failure.rule);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, turns, faults, lives, confirmed, repeated, coverage: _, broken: _ } = self;
        write!(
            out,
            "{} simulated days, {turns} turns, {faults} faults, {lives} supervisors, {confirmed} messages confirmed, \
             {repeated} possibly repeated",
            time / DAY
        )
    }
}

/// Runs these seeds until one breaks a rule; all of them with `goes_on`.
pub fn run_all(seeds: Range<u64>, telling: Telling, goes_on: bool) -> Tally {
    let next = AtomicU64::new(seeds.start);
    let tally = Mutex::new(Tally::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let world = run(seed, telling);
            let mut tally = tally.lock().expect("the tally");
            tally.add(seed, &world);
            if !tally.broken.is_empty() && !goes_on {
                return next.store(seeds.end, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    tally.into_inner().expect("the tally")
}

/// Runs a world in which nothing goes wrong but that its supervisor is killed before the action of this number, and says
/// how many there were.
///
/// # Errors
/// How a rule was broken.
pub fn kill_before(seed: u64, number: Option<u64>) -> Result<u64, String> {
    let (setup, _) = draw(seed, Telling::Truly);
    let mut world = World::new(seed, setup, Vec::new(), false);
    world.guard.kill_before = number;
    world.calm_down();
    world.run(CALM);
    world.judge_end();
    match world.failure {
        Some(failure) => {
            Err(format!("seed {seed}, killed before action {number:?}: {}: {}", failure.rule, failure.how))
        }
        None => Ok(world.guard.actions),
    }
}

/// Draws the world of a seed and what goes wrong in it.
fn draw(seed: u64, telling: Telling) -> (Setup, Vec<Planned>) {
    let (mut setup, mut plan) = draw_silent(seed);
    let mut random = Random::new(seed ^ 0x007e_11e5);
    setup.draw_tellers(&mut random);
    let mut storms = Random::new(seed ^ 0x5701);
    match seed % 3 {
        0 => plan.extend(plan::draw_storms(&mut storms, RUN)),
        1 => plan.extend(plan::draw_flurries(&mut storms, RUN)),
        _ => {}
    }
    plan.sort_by_key(|planned| planned.at);
    plan.extend(plan::draw_stalls(&mut Random::new(seed ^ 0x0005_7a11), &plan));
    plan.sort_by_key(|planned| planned.at);
    if telling == Telling::Wrongly {
        plan.extend(plan::draw_slips(&mut random, RUN));
        plan.sort_by_key(|planned| planned.at);
    }
    (setup, plan)
}

/// Draws the same, but that no program tells of itself.
fn draw_silent(seed: u64) -> (Setup, Vec<Planned>) {
    let mut random = Random::new(seed ^ 0x5eed);
    let setup = Setup::draw(&mut random);
    let plan = plan::draw(&mut random, RUN);
    (setup, plan)
}

/// Runs one seed with programs that tell nothing of themselves, and tells how it breaks a rule.
pub fn run_silent(seed: u64) -> Result<(), String> {
    let drawn = draw_silent(seed);
    let world = attempt(seed, &drawn.0, (drawn.1.clone(), RUN + CALM), false);
    if world.failure.is_some() { Err(tell_of(seed, drawn, true)) } else { Ok(()) }
}

/// Runs one seed.
pub fn run(seed: u64, telling: Telling) -> World {
    let (setup, plan) = draw(seed, telling);
    attempt(seed, &setup, (plan, RUN + CALM), false)
}

/// Runs a world until then, the last part of it calm.
fn attempt(seed: u64, setup: &Setup, (plan, until): (Vec<Planned>, u64), traced: bool) -> World {
    let mut world = World::new(seed, setup.clone(), plan, traced);
    world.run(until.min(RUN));
    if world.failure.is_none() && until > RUN {
        world.calm_down();
        world.run(until);
        if until == RUN + CALM {
            world.judge_end();
        }
    }
    world
}

/// Tells how a seed breaks a rule: with as few faults as can be found, and what happened last.
pub fn tell(seed: u64, telling: Telling, shrinks: bool) -> String {
    tell_of(seed, draw(seed, telling), shrinks)
}

fn tell_of(seed: u64, (setup, plan): (Setup, Vec<Planned>), shrinks: bool) -> String {
    let whole = attempt(seed, &setup, (plan.clone(), RUN + CALM), false);
    let Some(failure) = whole.failure else { return format!("seed {seed}: no rule is broken") };
    let plan = if shrinks { shrunk(seed, &setup, plan, &failure) } else { plan };
    let world = attempt(seed, &setup, (plan.clone(), RUN + CALM), true);
    let trace = world.trace.unwrap_or_default();
    let lines = std::env::var("SIMULATION_LINES").ok().and_then(|text| text.parse().ok()).unwrap_or(TRACE_LINES);
    let failure = world.failure.unwrap_or(failure);
    let faults: Vec<String> = plan
        .iter()
        .filter(|planned| planned.at <= failure.at)
        .map(|planned| format!("{} {:?} {}", stamp(planned.at), planned.fault, planned.whom))
        .collect();
    format!(
        "seed {seed}: {}: {}\nat {}\nfaults:\n{}\ntrace:\n{}\n",
        failure.rule,
        failure.how,
        stamp(failure.at),
        faults.join("\n"),
        trace[trace.len().saturating_sub(lines)..].join("\n")
    )
}

/// Removes faults as long as the same rule is broken without them.
fn shrunk(seed: u64, setup: &Setup, mut plan: Vec<Planned>, known: &Failure) -> Vec<Planned> {
    let mut attempts = 0;
    plan.retain(|planned| planned.at <= known.at);
    // Without some faults it may take a little longer.
    let until = if known.at > RUN { RUN + CALM } else { known.at + HOUR };
    let mut fails = |plan: &[Planned]| {
        attempts += 1;
        attempts <= SHRINKING_MAX
            && attempt(seed, setup, (plan.to_vec(), until), false)
                .failure
                .is_some_and(|failure| failure.rule == known.rule)
    };
    let mut size = plan.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        while start < plan.len() {
            let end = (start + size).min(plan.len());
            let rest: Vec<Planned> = plan[..start].iter().chain(&plan[end..]).copied().collect();
            if fails(&rest) {
                plan = rest;
            } else {
                start = end;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    plan
}
