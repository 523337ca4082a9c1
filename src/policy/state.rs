//! What is kept over restarts.

use serde::{Deserialize, Serialize};

use super::now::Now;

/// Version of the state file's form.
pub const VERSION: u32 = 1;

/// Everything that the supervisor knows and must not forget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Form of this state, [`VERSION`].
    pub version: u32,
    /// Id of the boot whose monotonic clock the moments in here are read from.
    pub boot: String,
}

impl State {
    /// Returns the state of a fleet that never ran.
    pub fn new(boot: &str) -> Self {
        Self { version: VERSION, boot: boot.to_owned() }
    }

    /// Translates a state that was read from disk into the running boot.
    #[must_use]
    pub fn taken_up(self, boot: &str, _now: Now) -> Self {
        Self { boot: boot.to_owned(), ..self }
    }
}
