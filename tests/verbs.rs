//! Every verb, run by the real program on real tmux and git.
#![expect(clippy::disallowed_methods, reason = "runs programs and reads what they wrote")]

mod fleet;

#[path = "verbs/bad_input.rs"]
mod bad_input;
#[path = "verbs/control.rs"]
mod control;
#[path = "verbs/death.rs"]
mod death;
#[path = "verbs/edits.rs"]
mod edits;
#[path = "verbs/followed.rs"]
mod followed;
mod loopback;
#[path = "verbs/phases.rs"]
mod phases;
#[path = "verbs/send.rs"]
mod send;
#[path = "verbs/show.rs"]
mod show;
#[path = "verbs/start_and_stop.rs"]
mod start_and_stop;
#[path = "verbs/survival.rs"]
mod survival;
#[path = "verbs/told.rs"]
mod told;

use fleet::TestFleet;
use fleet::agents::{BOX_BACKEND, DEAF_BACKEND, LINES_BACKEND};

/// What every config of these tests begins with.
const HEAD: &str = "[defaults]\nsession_prefix = 't-'\nlog_dir = 'logs'\nbackend = 'box'\nprompt = 'begin'\n";

/// One agent that is healed.
const ONE: &str = "[[agent]]\nname = 'one'\nwatch = 'heal'\n";

/// Two agents, a task, a disabled agent and a service.
const ALL_KINDS: &str = "\
[[agent]]\nname = 'one'\nwatch = 'heal'\n
[[agent]]\nname = 'two'\nwatch = 'heal'\ndir = 'two'\n
[[agent]]\nname = 'job'\nkind = 'task'\ndir = 'job'\n
[[agent]]\nname = 'off'\nenabled = false\n
[[service]]\nname = 'web'\ncommand = 'echo serving; exec sleep 100000'\n";

/// Returns a config with these agents, and backends for all of them.
fn config(agents: &str) -> String {
    format!("{HEAD}{BOX_BACKEND}{DEAF_BACKEND}{LINES_BACKEND}\n{agents}")
}

/// Returns a fleet with these agents that is up.
#[track_caller]
fn up(agents: &str) -> TestFleet {
    let fleet = TestFleet::new(&config(agents));
    fleet.run(&["up"]).good();
    fleet
}

/// Returns the states of all agents, each as `name state`.
#[track_caller]
fn states(fleet: &TestFleet) -> Vec<String> {
    fleet.status().agents.iter().map(|agent| format!("{} {}", agent.name, agent.state)).collect()
}
