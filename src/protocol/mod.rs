//! Translates bytes to values and back.

pub mod capture;
pub mod control;
pub mod event;
pub mod launch;
pub mod paste_mode;
pub mod tmux;
pub mod transcript;
pub mod trust;
pub mod unit;

pub use crate::policy::event::{Event, EventKind, Level};
