//! All processes of one agent, and their end.
