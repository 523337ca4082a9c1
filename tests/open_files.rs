//! The limit of open files: the supervisor's is raised, its agents' is as it was.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "reads the kernel's files; a test may panic")]

mod fleet;

use fleet::TestFleet;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// One agent that does nothing.
const CONFIG: &str = r#"
agent = [{ name = "ada", prompt = "go" }]
[defaults]
session_prefix = "t-"
log_dir = "log"
backend = "shell"
[backend.shell]
bin = "while read -r line; do echo $line; done"
prompt_delivery = "exec"
connect_delay = 0
"#;

/// Returns the soft and the hard limit of a process.
fn limits(pid: i32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let mut words = line.split_ascii_whitespace().skip(3).map(|word| word.parse().unwrap());
    (words.next().unwrap(), words.next().unwrap())
}

#[test]
fn the_supervisor_may_open_more_files_and_its_agents_as_many_as_before() {
    // The only test of this process, whose children inherit it.
    let hard = getrlimit(Resource::Nofile).maximum.map_or(4000, |hard| hard.min(4000));
    assert!(hard > 300, "this host allows {hard} open files only");
    setrlimit(Resource::Nofile, Rlimit { current: Some(300), maximum: Some(hard) }).unwrap();
    let fleet = TestFleet::new(CONFIG);
    fleet.run(&["up"]).good();
    assert_eq!(limits(fleet.supervisor()), (hard, hard));
    assert_eq!(limits(fleet.pane_pid("ada")), (300, hard));
    fleet.run(&["down"]).good();
}
