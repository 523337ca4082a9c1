//! The hidden verbs inside of a session: `session`, `pane`, `log`.
