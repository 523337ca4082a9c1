//! The builder and adversary loop, by the real program on real tmux and git.
#![expect(clippy::disallowed_methods, reason = "reads and writes what the tests are about")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "the continuous check shows how often it killed")]

#[path = "loop/endurance.rs"]
mod endurance;
mod fleet;
#[path = "loop/handoff.rs"]
mod handoff;
#[path = "fleet/loops.rs"]
mod loops;
#[path = "loop/outage.rs"]
mod outage;
#[path = "loop/phases.rs"]
mod phases;
