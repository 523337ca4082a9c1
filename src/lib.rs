//! Supervises a fleet of AI coding agents in tmux.
pub mod cli;
pub mod config;
pub mod daemon;
pub mod policy;
pub mod protocol;
