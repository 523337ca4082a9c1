//! What the supervisor decides, each as a script of moments on a host in memory.

#[path = "../story/mod.rs"]
mod story;

mod accounts;
mod asked;
mod canary;
mod conversations;
mod crash;
mod delivery;
mod drafts;
mod events;
mod handoff;
mod kept;
mod left_alone;
mod limits;
mod looks;
mod loops;
mod notify;
mod phases;
mod probe;
mod receipts;
mod restarts;
mod resumed;
mod review;
mod rules;
mod screens;
mod sessions;
mod silence;
mod tasks;
mod titles;
mod told;
mod units;
mod wake;
mod words;
