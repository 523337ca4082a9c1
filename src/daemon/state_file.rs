//! Loads and replaces the state file.
