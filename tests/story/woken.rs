//! A fleet with wakes and a task, and what its stories ask of it.

use agent_orchestrator::policy::request::Reply;

use super::Story;

/// An agent that is woken every 100 s, one that is woken by name only, a task, and a loop of one phase.
pub const FLEET: &str = r#"
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
queues_while_busy = true

[[agent]]
name = "orchestrator"
prompt = "look after them"
wake = { prompt_file = "wake.md", interval = 100 }

[[agent]]
name = "assistant"
prompt = "help"
wake = { prompt_file = "assist.md", schedule = "daily" }

[[agent]]
name = "upgrader"
kind = "task"
prompt = "upgrade"
schedule = "Sun 02:00"

[loop]
roles_dir = "prompts"
[[loop.phases]]
id = "p1"
plan = "plan-1.md"
status = "STATUS-1.md"
[[agent]]
name = "builder"
kind = "loop"
role = "builder"
dir = "."
"#;

/// Begins with the fleet running for 10 s and both wake texts on disk.
pub fn fleet() -> Story {
    let mut story = Story::asleep(FLEET);
    story.disk.insert("/p/wake.md".into(), "look around".to_owned());
    story.disk.insert("/p/assist.md".into(), "anything to do?".to_owned());
    story.wake();
    story.pass_s(10);
    story.told();
    story
}

/// Returns what was told of this agent.
pub fn told_of(story: &mut Story, name: &str) -> String {
    let told = story.told();
    told.split_inclusive('\n').filter(|line| line.contains(name)).collect()
}

/// Returns the exit code of what was asked, and what was said.
pub fn outcome(story: &Story, id: u64) -> (u8, String) {
    match story.replies.get(&id) {
        Some(Reply::Done { lines }) => (0, lines.join("; ")),
        Some(Reply::Failed { reason, error, .. }) => (reason.exit_code(), error.clone()),
        other @ (None | Some(Reply::Status { .. } | Reply::Explanation { .. })) => panic!("no outcome: {other:?}"),
    }
}

/// Lets an agent work, with output every second.
pub fn work(story: &mut Story, name: &str, seconds: u64) {
    for _ in 0..seconds {
        story.output(name);
        story.pass_s(1);
    }
}

/// Counts the wakes that an agent has taken.
pub fn wakes(story: &mut Story, name: &str) -> usize {
    story.pane(name).taken.len()
}
