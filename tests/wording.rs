//! What the supervisor says to people and types into agents, word for word.

mod story;

use agent_orchestrator::policy::request::Reply;
use story::Story;

/// A program whose input box is not known: long texts reach it through a file.
const PLAIN: &str = r#"
[defaults]
session_prefix = "x-"
log_dir = "logs"
[backend.plain]
bin = "agent"
prompt_delivery = "exec"
[[agent]]
name = "worker"
kind = "loop"
role = "worker"
backend = "plain"
watch = "heal"
[loop]
phases = [
  { id = "p1", plan = "plan-1.md", status = "STATUS-1.md" },
  { id = "p2", plan = "plan-2.md", status = "STATUS-2.md" },
]
"#;

#[test]
fn a_text_of_many_lines_stands_in_a_file_that_the_agent_is_pointed_to() {
    let mut story = Story::new(PLAIN);
    story.pass_s(1);
    story.pane("worker").line_based = true;
    story.send("worker", "one\ntwo", 30);
    story.pass_s(2);
    let file = "/s/texts/worker-m1.txt";
    assert_eq!(story.disk.get(std::path::Path::new(file)).map(String::as_str), Some("one\ntwo"));
    assert_eq!(story.pane("worker").taken, [format!("A message for you stands in {file}: read it now and act on it.")]);
}

#[test]
fn a_phase_that_is_set_is_named() {
    let mut story = Story::new(PLAIN);
    story.pass_s(1);
    let id = story.phase_set("p2");
    assert_eq!(story.replies.get(&id), Some(&Reply::Done { lines: vec!["phase is now p2".to_owned()] }));
}
