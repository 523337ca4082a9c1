//! The agents' tmux sessions: found, started, read, typed into, ended.
