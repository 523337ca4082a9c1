//! Whatever strangers write is read without a panic, in bounded memory and without a square of its length.
#![expect(clippy::disallowed_methods)]

#[path = "hostile/config.rs"]
mod config;
#[path = "hostile/events.rs"]
mod events;
#[path = "hostile/files.rs"]
mod files;
#[path = "hostile/panes.rs"]
mod panes;
#[path = "hostile/random.rs"]
mod random;
#[path = "hostile/requests.rs"]
mod requests;
#[path = "hostile/state.rs"]
mod state;
mod story;
#[path = "hostile/tmux.rs"]
mod tmux;
#[path = "hostile/transcripts.rs"]
mod transcripts;

use std::time::Duration;

use agent_orchestrator::policy::now::{Mono, Now};

/// Megabytes for whoever reads what an agent prints.
const MUCH: usize = 2 << 20;

/// What is compared with eight times as much.
const SOME: usize = 32 << 10;

const FLEET: &str = r#"
[notify]
command = ["tell-me"]
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
watch = "heal"
[backend.box]
bin = "agent"
prompt_delivery = "ping"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "usage limit"
[loop]
[[loop.phases]]
id = "p1"
plan = "plan-1.md"
status = "STATUS-1.md"
[[loop.phases]]
id = "p2"
plan = "plan-2.md"
status = "STATUS-2.md"
[loop.handoff]
repo = "builder"
claim_pings = "adversary"
review_pings = "builder"
inboxes = ["A.md", "B.md"]
[loop.on_complete]
run = "job"
[[agent]]
name = "builder"
kind = "loop"
role = "builder"
[[agent]]
name = "adversary"
kind = "loop"
role = "adversary"
[[agent]]
name = "job"
kind = "task"
prompt = "x"
[[service]]
name = "web"
command = "serve"
"#;

fn now() -> Now {
    Now {
        mono: Mono(Duration::from_secs(10_000)),
        wall: "2026-06-13T04:00:00Z".parse().expect("a time"),
        zone: chrono_tz::Europe::Berlin,
    }
}
