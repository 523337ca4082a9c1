//! Time as an argument: the two clocks, read once per turn.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A reading of the monotonic clock: time since the host's boot, without the time it slept.
///
/// Silence is measured with it, so that a host's sleep is not an agent's. It means nothing after a reboot;
/// see [`Moment::rebased`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mono(pub Duration);

impl Mono {
    /// Returns the time from `earlier` to this reading, zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for Mono {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

/// Both clocks as read at the start of a turn, with the host's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: for silence, back-off and deadlines of our own.
    pub mono: Mono,
    /// The wall clock: for what is named by people ("resets at 15:00"); it can jump.
    pub wall: DateTime<Utc>,
    /// The host's time zone, for times that are named without one.
    pub zone: chrono_tz::Tz,
}

impl Now {
    /// Returns this turn's reading as a moment to be kept.
    pub fn moment(self) -> Moment {
        Moment { mono: self.mono, wall: self.wall }
    }

    /// Returns how long ago `moment` was, by the monotonic clock.
    pub fn since(self, moment: Moment) -> Duration {
        self.mono.since(moment.mono)
    }

    /// Returns how long ago `moment` was, also where it is of before this boot: the wall clock tells those.
    pub fn since_ever(self, moment: Moment) -> Duration {
        // `rebased` leaves what is older than the boot at the boot.
        if moment.mono == Mono::default() {
            return (self.wall - moment.wall).to_std().unwrap_or_default();
        }
        self.since(moment)
    }
}

/// When something happened, by both clocks; this is what the state file keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// By the monotonic clock of the boot that the state was written in.
    pub mono: Mono,
    /// By the wall clock.
    pub wall: DateTime<Utc>,
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self { mono: self.mono + rhs, wall: self.wall + rhs }
    }
}

impl Moment {
    /// Translates a past moment of an earlier boot into this boot's monotonic clock, by the wall clock's difference.
    ///
    /// Where the wall clock has been set back behind it, it is a moment of just now: one that lies ahead would keep what
    /// is measured from it waiting until then.
    #[must_use]
    pub fn rebased(self, now: Now) -> Self {
        let age = (now.wall - self.wall).to_std().unwrap_or_default();
        Self { mono: Mono(now.mono.0.saturating_sub(age)), wall: self.wall }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_moment_is_later_by_both_clocks() {
        let wall = "2026-06-13T04:00:00Z".parse().expect("a time");
        let later = Moment { mono: Mono(Duration::from_secs(7)), wall } + Duration::from_secs(60);
        assert_eq!(later.mono, Mono(Duration::from_secs(67)));
        assert_eq!(later.wall.to_rfc3339(), "2026-06-13T04:01:00+00:00");
    }
}
