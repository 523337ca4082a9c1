//! Translates bytes to values and back.

pub mod control;
pub mod launch;
pub mod tmux;
