//! What can be done while no supervisor runs.
