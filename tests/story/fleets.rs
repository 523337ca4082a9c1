//! Fleets that stories are about.

use agent_orchestrator::policy::request::{Reason, Reply};

/// A builder and an adversary with an input box, and two phases.
pub const PAIR: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
watch = "heal"

[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "usage limit"
submit_key = "Enter"

[loop]
roles_dir = "prompts"
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
inboxes = ["ADVERSARY-INBOX.md", "BUILDER-INBOX.md"]

[[agent]]
name = "builder"
kind = "loop"
role = "builder"
[[agent]]
name = "adversary"
kind = "loop"
role = "adversary"
"#;

/// One persistent agent.
pub const ONE: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
submit_key = "Enter"
[[agent]]
name = "worker"
backend = "box"
watch = "heal"
prompt = "work"
"#;

/// A builder and an adversary whose sequence is followed by a task.
pub const PAIR_AND_JOB: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
watch = "heal"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
submit_key = "Enter"
[backend.other]
bin = "other"
prompt_delivery = "exec"
[loop]
roles_dir = "prompts"
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
[loop.on_complete]
run = "job"
trigger_file = "go"
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
"#;

/// One persistent agent, and a backend whose screen nobody can read.
pub const WORKER: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
submit_key = "Enter"
[backend.blind]
bin = "blind"
prompt_delivery = "exec"
[[agent]]
name = "worker"
backend = "box"
watch = "heal"
prompt = "work"
"#;

/// Returns why something was refused.
pub fn failed(reply: &Reply) -> (Reason, &str) {
    match reply {
        Reply::Failed { reason, error, .. } => (*reason, error),
        Reply::Done { .. } | Reply::Status { .. } | Reply::Explanation { .. } => panic!("not refused: {reply:?}"),
    }
}
