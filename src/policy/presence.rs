//! What is known of a session, as the state keeps it.

use serde::{Deserialize, Serialize};

use super::observation::Exit;

/// What is known of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "session", rename_all = "snake_case")]
pub enum Session {
    /// There is none.
    Absent,
    /// The files of its next start are being made ready.
    Preparing {
        /// What is there meanwhile.
        over: Over,
    },
    /// It is being ended.
    Stopping {
        /// The prepared run is started afterwards.
        then_start: bool,
    },
    /// The prepared run is being started.
    Starting,
    /// The program runs.
    Running {
        /// It can take messages.
        ready: bool,
    },
    /// The program has ended; its last screen still stands.
    Dead {
        /// How.
        exit: Exit,
    },
    /// It cannot be asked; it may live.
    Unknown {
        /// One line.
        why: String,
        /// When it could be asked last, something was there.
        #[serde(default = "yes")]
        lived: bool,
    },
}

/// What older states say of every [`Session::Unknown`].
fn yes() -> bool {
    true
}

impl Session {
    /// Says whether something was there when this was last known; a program that is about to be started may have come up.
    pub(super) fn lived(&self) -> bool {
        match self {
            Self::Running { .. }
            | Self::Starting
            | Self::Stopping { .. }
            | Self::Preparing { over: Over::Live }
            | Self::Unknown { lived: true, .. } => true,
            Self::Absent
            | Self::Dead { .. }
            | Self::Preparing { over: Over::Nothing | Over::Dead { .. } }
            | Self::Unknown { lived: false, .. } => false,
        }
    }
}

/// What a prepared start replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Nothing is there.
    Nothing,
    /// The session of a program that has ended.
    Dead {
        /// How.
        exit: Exit,
    },
    /// A running program.
    Live,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_an_older_state_could_not_ask_something_was_there() {
        let session: Session = serde_json::from_str(r#"{"session":"unknown","why":"no answer"}"#).expect("a session");
        assert_eq!(session, Session::Unknown { why: "no answer".to_owned(), lived: true });
    }
}
