//! The whole fleet in a simulated world: faults by seed, a virtual clock, and rules that hold after every turn.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "reads how many days to simulate, and tells what it did"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most faults do not fit most moments, and a rule looks at what concerns it"
)]
#![allow(clippy::expect_used, reason = "a test may panic")]

#[path = "simulation/account.rs"]
mod account;
#[path = "simulation/agenda.rs"]
mod agenda;
#[path = "simulation/calm.rs"]
mod calm;
#[path = "simulation/clock.rs"]
mod clock;
#[path = "simulation/coverage.rs"]
mod coverage;
#[path = "simulation/faults.rs"]
mod faults;
#[path = "simulation/guard.rs"]
mod guard;
#[path = "simulation/host.rs"]
mod host;
#[path = "simulation/interface.rs"]
mod interface;
#[path = "simulation/mind.rs"]
mod mind;
#[path = "simulation/oracle/mod.rs"]
mod oracle;
#[path = "simulation/origin.rs"]
mod origin;
#[path = "simulation/over.rs"]
mod over;
#[path = "simulation/person.rs"]
mod person;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/program.rs"]
mod program;
#[path = "simulation/random.rs"]
mod random;
#[path = "simulation/repo.rs"]
mod repo;
#[path = "simulation/rules.rs"]
mod rules;
#[path = "simulation/runs.rs"]
mod runs;
#[path = "simulation/setup.rs"]
mod setup;
#[path = "simulation/slips.rs"]
mod slips;
#[path = "simulation/steps.rs"]
mod steps;
#[path = "simulation/teller.rs"]
mod teller;
#[path = "simulation/words.rs"]
mod words;
#[path = "simulation/world.rs"]
mod world;

use clock::DAY;
use runs::{CALM, RUN, Telling};

/// Days that are simulated unless `SIMULATION_DAYS` says otherwise.
const DAYS: u64 = 300;

/// In so many days every step is taken that may be.
const MANY_DAYS: u64 = 2000;

/// Of so many days programs tell wrongly in one more.
const WRONGLY_EVERY: u64 = 10;

/// Reads a number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Returns the seeds from `first` on that take so many days.
fn seeds(first: u64, days: u64) -> std::ops::Range<u64> {
    first..first + (days * DAY).div_ceil(RUN + CALM).max(1)
}

/// Runs these seeds, and names those that break a rule, the first with its trace.
fn holds(seeds: std::ops::Range<u64>, telling: Telling) -> coverage::Coverage {
    // All seeds are tried, and those that break a rule are only named.
    let goes_on = number("SIMULATION_GOES_ON").is_some();
    let shrinks = number("SIMULATION_UNSHRUNK").is_none();
    let tally = runs::run_all(seeds.clone(), telling, goes_on);
    eprintln!("{tally}, seeds {} to {}, {} rules", seeds.start, seeds.end - 1, rules::rules().len());
    let told: Vec<String> = if goes_on {
        tally.broken.iter().map(|(seed, rule)| format!("seed {seed}: {rule}")).collect()
    } else {
        tally.broken.keys().map(|seed| runs::tell(*seed, telling, shrinks)).collect()
    };
    if number("SIMULATION_STEPS").is_some() {
        eprintln!("{}", tally.coverage.times().join("\n"));
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    tally.coverage
}

#[test]
fn rules_hold_whatever_happens() {
    let days = number("SIMULATION_DAYS").unwrap_or(DAYS);
    let telling = if number("SIMULATION_SLIPS").is_some() { Telling::Wrongly } else { Telling::Truly };
    let coverage = holds(seeds(number("SIMULATION_SEED").unwrap_or(1), days), telling);
    let missing = coverage.missing(days >= MANY_DAYS);
    assert!(days < DAYS || missing.is_empty(), "none of these days had: {}", missing.join(", "));
}

#[test]
fn rules_hold_though_programs_tell_wrongly() {
    let days = number("SIMULATION_DAYS").unwrap_or(DAYS);
    let coverage = holds(seeds(1, days.div_ceil(WRONGLY_EVERY)), Telling::Wrongly);
    let missing = coverage.missing_by_slips();
    assert!(days < DAYS || missing.is_empty(), "none of these days had: {}", missing.join(", "));
}

/// Seed of the world whose supervisor is killed at every place.
const KILLED: u64 = 3;
/// Of so many places one is tried where days are few.
const KILLED_EVERY: usize = 3;

#[test]
fn a_kill_before_any_action_leads_to_the_same_end() {
    let days = number("SIMULATION_DAYS").unwrap_or(DAYS);
    let every = if days > DAYS { 1 } else { KILLED_EVERY };
    let actions = runs::kill_before(KILLED, None).unwrap_or_else(|how| panic!("{how}"));
    let mut places = 0;
    for number in (1..=actions).step_by(every) {
        runs::kill_before(KILLED, Some(number)).unwrap_or_else(|how| panic!("{how}"));
        places += 1;
    }
    eprintln!("{places} supervisors killed, each before another one of {actions} actions");
    assert!(places > 20, "only {places} places");
}

/// Seeds that broke a rule once, with programs that tell nothing of themselves: a reading that was outrun by a push, an
/// ordered run that was forgotten, a program that was ended while it worked unheard, one that was ended with its dialog, a
/// wait on a clock that was set, an account that was opened by old work, a draft that got a key, one that was erased, a
/// probe that stood typed.
const BROKEN_SILENT: [u64; 11] = [7, 112, 22, 59, 82, 4, 109, 297, 253, 157, 514];

#[test]
fn what_broke_a_rule_once_does_no_more() {
    for seed in BROKEN_SILENT {
        runs::run_silent(seed).unwrap_or_else(|how| panic!("{how}"));
    }
}
