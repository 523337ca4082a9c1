//! Starts the supervisor: in the foreground, or detached; one per fleet.
