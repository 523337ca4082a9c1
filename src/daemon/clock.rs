//! Reads the clocks; nothing else does.

use std::time::Duration;

use chrono::Utc;
use nix::time::{ClockId, clock_gettime};

use crate::policy::now::{Mono, Now};

/// Reads both clocks.
pub fn now(zone: chrono_tz::Tz) -> Now {
    Now { mono: mono(), wall: Utc::now(), zone }
}

/// Reads the monotonic clock (`CLOCK_MONOTONIC`).
pub fn mono() -> Mono {
    let Ok(read) = clock_gettime(ClockId::CLOCK_MONOTONIC) else {
        unreachable!("CLOCK_MONOTONIC is always there (clock_gettime(2))")
    };
    Mono(Duration::from(read))
}

/// Returns the host's time zone: `TZ`, else where `/etc/localtime` points to, else UTC.
pub fn host_zone() -> chrono_tz::Tz {
    let named = std::env::var("TZ").ok().or_else(|| {
        let link = std::fs::read_link("/etc/localtime").ok()?;
        Some(link.to_str()?.split_once("zoneinfo/")?.1.to_owned())
    });
    named.and_then(|name| name.trim_start_matches(':').parse().ok()).unwrap_or(chrono_tz::UTC)
}
