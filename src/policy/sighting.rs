//! What a captured screen says of a program: all that a look at a running one would find.

use chrono::{DateTime, Utc};

use super::fleet::Backend;
use super::look;
use super::now::Now;
use super::reading::{Meaning, Reading};
use super::reset_time;
use super::screen::{InputBox, Screen};

/// What a screen shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What stands in the input box; `None` where the backend does not say how it looks.
    pub input: Option<InputBox>,
    /// A start would end here: the program can take a prompt.
    pub ready: bool,
    /// Why a message would wait; `None` when it could be typed.
    pub obstacle: Option<String>,
    /// What the backend's rules found; the first one counts.
    pub readings: Vec<Reading>,
    /// What its last line says that it waits for.
    pub waiting: Option<DateTime<Utc>>,
    /// What a banner of a usage limit names as the limit's end; `None` inside for one without a time that is believed.
    pub resets: Option<Option<DateTime<Utc>>>,
}

/// Judges a screen as that of a program that runs at `now`.
pub fn see(screen: &Screen, backend: &Backend, now: Now) -> Sighting {
    let look = look::judge(screen, backend, false, now.moment());
    let limits = look.readings.iter().filter(|reading| reading.meaning.is_limit());
    // A menu hides when the limit ends, and the banner above it tells.
    let banner = limits.clone().find(|reading| reading.meaning == Meaning::Limited).or(limits.clone().next());
    let resets = banner
        .map(|banner| reset_time::parse(&banner.text, now).filter(|time| time.believable(now)).map(|time| time.at));
    let obstacle = look.obstacle.map(|obstacle| obstacle.to_string());
    Sighting { input: look.input, ready: look.ready, obstacle, readings: look.readings, waiting: look.waiting, resets }
}
