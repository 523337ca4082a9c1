//! The control socket's connections.
