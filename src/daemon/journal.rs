//! Tells systemd's journal, or a terminal.
