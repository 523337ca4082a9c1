//! Translates the text of `agents.toml` to a checked fleet.

pub mod check;
pub mod fleet;
