//! What a captured screen says of a program: all that a look at a running one would find.

use chrono::DateTime;

use super::fleet::Backend;
use super::look;
use super::now::{Moment, Mono};
use super::reading::Reading;
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
}

/// Judges a screen as that of a running program.
pub fn see(screen: &Screen, backend: &Backend) -> Sighting {
    let never = Moment { mono: Mono::default(), wall: DateTime::UNIX_EPOCH };
    let look = look::judge(screen, backend, never);
    let obstacle = look.obstacle.map(|obstacle| obstacle.to_string());
    Sighting { input: look.input, ready: look.ready, obstacle, readings: look.readings }
}
