//! The control socket: one JSON request line, one JSON reply line.

pub use crate::policy::{request::*, status::*};
