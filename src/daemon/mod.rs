//! Acts: everything that touches processes, files, sockets and clocks.
#![expect(clippy::disallowed_methods, reason = "effects live here")]

pub mod child;
pub mod clock;
pub mod config_file;
pub mod event_log;
pub mod event_loop;
pub mod event_socket;
pub mod files;
pub mod git;
pub mod journal;
pub mod listener;
pub mod lock;
pub mod notify;
pub mod notify_command;
pub mod offline;
mod open_files;
pub mod pane;
pub mod paths;
mod peer;
pub mod perform;
pub mod prepare;
mod pty;
pub mod reactor;
pub mod regular;
pub mod sessions;
pub mod spool;
pub mod start;
pub mod state_file;
pub mod terminal;
pub mod timer;
pub mod tree;
pub mod unit;
pub mod watch;
mod way;
mod wiring;
