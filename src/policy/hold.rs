//! How the hold of an account goes on.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::limit::DATE_PROBE;
use super::now::{Moment, Now};

/// How a hold goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "snake_case")]
pub enum Hold {
    /// Probed at a time that the banner names.
    Named {
        /// By the wall clock.
        until: DateTime<Utc>,
    },
    /// Probed after a time of our own.
    Flat {
        /// By the monotonic clock.
        until: Moment,
    },
    /// One agent was asked to go on.
    Probing {
        /// Which.
        canary: String,
        /// Since when.
        since: Moment,
        /// What was in force when a person had it asked before that was due.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Box<Hold>>,
    },
}

impl Hold {
    /// Translates it into another boot.
    pub(super) fn rebooted(&self, now: Now) -> Self {
        match self {
            Self::Named { until } => Self::Named { until: *until },
            // The wall clock may have been set back in between.
            Self::Flat { until } => {
                let left = (until.wall - now.wall).to_std().unwrap_or_default().min(DATE_PROBE);
                Self::Flat { until: now.moment() + left }
            }
            Self::Probing { before: Some(before), .. } => before.rebooted(now),
            Self::Probing { before: None, .. } => Self::Flat { until: now.moment() },
        }
    }

    /// Returns when the next probe is due, on this turn's clocks; `None` while one runs.
    pub(super) fn due(&self, now: Now) -> Option<Moment> {
        match self {
            Self::Named { until } => {
                let left = (*until - now.wall).to_std().unwrap_or_default();
                Some(Moment { mono: now.mono + left, wall: *until })
            }
            Self::Flat { until } => Some(*until),
            Self::Probing { .. } => None,
        }
    }

    /// Returns what is in force after a probe in vain: a probe at `next`, or when it was to be, where that is later.
    pub(super) fn after_probe(&self, next: Moment, now: Now) -> Self {
        match self {
            Self::Probing { before: Some(before), .. } if before.due(now).is_some_and(|due| due.mono > next.mono) => {
                Self::clone(before)
            }
            Self::Named { .. } | Self::Flat { .. } | Self::Probing { .. } => Self::Flat { until: next },
        }
    }
}
