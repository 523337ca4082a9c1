//! The control socket: one JSON request line, one JSON reply line.
