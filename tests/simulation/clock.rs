//! The clocks of the simulated host. Only the world moves them.

use std::time::Duration;

use agent_orchestrator::policy::now::{Mono, Now};
use chrono::{DateTime, TimeDelta, Utc};

/// Times of the simulation are whole milliseconds.
pub const SECOND: u64 = 1000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;
/// The wall clock is never set wrong by more.
pub const JUMP_MAX: u64 = 3 * HOUR;

/// What the monotonic clock shows at the first boot.
const FIRST_MONO: u64 = 10_000 * SECOND;
/// What it shows when the supervisor can be started after another one.
const NEXT_MONO: u64 = 20 * SECOND;

/// All clocks of a host.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Time that the host was awake, since the simulation began.
    pub at: u64,
    began: DateTime<Utc>,
    zone: chrono_tz::Tz,
    /// When it was booted, and what its monotonic clock showed then.
    booted: (u64, u64),
    /// Counts boots.
    pub boots: u64,
    slept: u64,
    /// How wrong the wall clock is.
    wrong: TimeDelta,
}

impl Clock {
    pub fn new(began: DateTime<Utc>, zone: chrono_tz::Tz) -> Self {
        Self { at: 0, began, zone, booted: (0, FIRST_MONO), boots: 1, slept: 0, wrong: TimeDelta::zero() }
    }

    pub fn now(&self) -> Now {
        Now { mono: self.mono(self.at), wall: self.true_time() + self.wrong, zone: self.zone }
    }

    pub fn mono(&self, at: u64) -> Mono {
        Mono(Duration::from_millis(at.saturating_sub(self.booted.0) + self.booted.1))
    }

    /// Returns the first whole moment that is not before `mono`.
    pub fn moment_of(&self, mono: Mono) -> u64 {
        let shown = u64::try_from(mono.0.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        shown.saturating_sub(self.booted.1).saturating_add(self.booted.0)
    }

    /// Returns what a right clock would show.
    pub fn true_time(&self) -> DateTime<Utc> {
        self.began + span(self.at) + span(self.slept)
    }

    /// Returns when a right clock shows `time`, if the host stays awake until then.
    pub fn when(&self, time: DateTime<Utc>) -> u64 {
        let left = (time - self.true_time()).num_milliseconds();
        self.at + u64::try_from(left).unwrap_or(0)
    }

    /// Returns what the host's wall clock will show at the true time.
    pub fn shown(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        time + self.wrong
    }

    pub fn sleep(&mut self, time: u64) {
        self.slept += time;
    }

    /// Sets the wall clock by so much; it is never further from the truth than by [`JUMP_MAX`].
    pub fn jump(&mut self, by: TimeDelta) {
        self.wrong = (self.wrong + by).clamp(-span(JUMP_MAX), span(JUMP_MAX));
    }

    /// Sets the wall clock right.
    pub fn set_right(&mut self) {
        self.wrong = TimeDelta::zero();
    }

    pub fn reboot(&mut self) {
        self.boots += 1;
        self.booted = (self.at, NEXT_MONO);
    }

    pub fn boot_id(&self) -> String {
        format!("boot-{}", self.boots)
    }

    /// Writes the moment for people: days and time since the beginning.
    pub fn stamp(&self) -> String {
        stamp(self.at)
    }
}

/// Writes a moment for people: days and time since the beginning.
pub fn stamp(at: u64) -> String {
    let (days, hours, minutes) = (at / DAY, at / HOUR % 24, at / MINUTE % 60);
    format!("day {days} {hours:02}:{minutes:02}:{:02}.{:03}", at / SECOND % 60, at % SECOND)
}

pub fn span(time: u64) -> TimeDelta {
    TimeDelta::milliseconds(i64::try_from(time).unwrap_or(i64::MAX))
}
