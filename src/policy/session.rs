//! Which agent is started, stopped, restarted, and when.
