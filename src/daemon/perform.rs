//! Performs actions.
