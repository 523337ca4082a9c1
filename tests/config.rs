//! What `agents.toml` says, and what is said of a wrong one.
#![expect(clippy::needless_raw_string_hashes)]

#[path = "config/answers.rs"]
mod answers;
#[path = "config/bounds.rs"]
mod bounds;
#[path = "config/keys.rs"]
mod keys;
#[path = "config/loops.rs"]
mod loops;
#[path = "config/rules.rs"]
mod rules;
#[path = "config/screen.rs"]
mod screen;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_orchestrator::config::{
    self, FileUse, KEYS, Mistake, Parsed, Severity, Where, check_content, entries, files_needed, missing, render,
    typed_texts,
};
use agent_orchestrator::policy::fleet::{
    Agent, Control, DoneSource, Fleet, Kind, Pattern, Prompt, PromptDelivery, Watch,
};
use expect_test::{Expect, expect};

const EVERY_KEY: &str = include_str!("config/every_key.toml");
const LAB: &str = include_str!("config/lab.toml");
const PREDECESSOR: &str = include_str!("config/predecessor.toml");

/// The shortest fleet; tests add to it.
const LEAST: &str = "[defaults]\nsession_prefix = \"p-\"\nlog_dir = \"logs\"\nbackend = \"claude\"\n";

fn place() -> Where {
    Where { file: PathBuf::from("/srv/fleet/agents.toml"), home: Some(PathBuf::from("/home/op")) }
}

fn parse(text: &str) -> Parsed {
    config::parse(text, &place())
}

/// Parses a text that is usable.
fn load(text: &str) -> Fleet {
    let parsed = parse(text);
    parsed.fleet.unwrap_or_else(|| panic!("{}", render(&parsed.mistakes, text, Path::new("agents.toml"))))
}

fn agent<'a>(fleet: &'a Fleet, name: &str) -> &'a Agent {
    fleet.agent(name).expect("the agent exists")
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Compares all that is said of `LEAST` and `more` with what a person shall read; line 5 is the first of `more`.
fn says(more: &str, expected: &Expect) {
    let text = format!("{LEAST}{more}");
    let parsed = parse(&text);
    let verdict = match &parsed.fleet {
        None => "no fleet".to_owned(),
        Some(fleet) => {
            let bad = fleet.agents.iter().filter(|agent| !matches!(agent.kind, Kind::Service { .. }));
            let bad = bad.filter_map(|agent| Some(format!("; {}: {}", agent.name, agent.backend.as_ref().err()?)));
            format!("loads{}", bad.collect::<String>())
        }
    };
    expected.assert_eq(&format!("{}== {verdict}\n", render(&parsed.mistakes, &text, Path::new("agents.toml"))));
}

#[test]
fn the_shortest_fleet_loads_without_a_mistake() {
    let parsed = parse(&format!("{LEAST}[[agent]]\nname = \"worker\"\nprompt = \"Work.\"\n"));
    assert_eq!(parsed.mistakes, []);
    let fleet = parsed.fleet.expect("it is usable");
    assert_eq!(fleet.project_dir, Path::new("/srv/fleet"));
    assert_eq!(fleet.log_dir, Path::new("/srv/fleet/logs"));
    let worker = agent(&fleet, "worker");
    assert_eq!((worker.session.as_str(), worker.account.as_str(), worker.watch), ("p-worker", "claude", Watch::None));
    assert_eq!((worker.dir.as_path(), worker.enabled, worker.resume), (Path::new("/srv/fleet"), true, false));
    assert_eq!(worker.resume_prompt, "Go on where you stopped.");
    assert_eq!(worker.kind, Kind::Persistent(Prompt::Text("Work.".into())));
    assert_eq!(worker.backend.as_ref().expect("the preset").bin, "claude");
}

#[test]
fn an_example_of_every_key_loads_without_a_mistake_and_names_them_all() {
    let parsed = parse(EVERY_KEY);
    assert_eq!(render(&parsed.mistakes, EVERY_KEY, Path::new("agents.toml")), "");
    let written: BTreeSet<&str> = EVERY_KEY.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let unwritten: Vec<_> = KEYS.iter().filter(|key| !written.contains(key.key)).collect();
    assert!(unwritten.is_empty(), "not in the example: {unwritten:?}");
}

#[test]
fn every_key_reaches_the_fleet() {
    let fleet = load(EVERY_KEY);
    assert_eq!(fleet.notify, Some(vec!["notify-me".into(), "--json".into()]));
    assert_eq!((fleet.watchdog.signal_interval, fleet.watchdog.stall_grace), (seconds(20), seconds(0)));
    assert_eq!((fleet.watchdog.max_starting, fleet.watchdog.draft_alarm), (2, seconds(600)));
    let builder = agent(&fleet, "builder");
    assert_eq!((builder.session.as_str(), builder.account.as_str()), ("the-builder", "mine"));
    assert_eq!(builder.dir, Path::new("/home/op/builder"));
    assert_eq!((builder.enabled, builder.watch, builder.control), (false, Watch::HealAndStall, Control::Observe));
    assert_eq!((builder.resume, builder.resume_prompt.as_str(), builder.clean_log), (true, "Continue.", true));
    assert_eq!(builder.kind, Kind::Loop { in_loop: "main".into(), role: "builder".into() });
    assert_eq!(builder.backend.as_ref().expect("usable").flags, "--permission-mode acceptEdits");
    assert_eq!(agent(&fleet, "adversary").account, "team");
    assert_eq!(agent(&fleet, "adversary").watch, Watch::Heal);
    let wake = agent(&fleet, "orchestrator").wake.as_ref().expect("it is woken");
    assert_eq!(
        (wake.interval, wake.prompt_file.as_path()),
        (Some(seconds(1800)), Path::new("/srv/fleet/prompts/wake.md"))
    );
    let wake = agent(&fleet, "assistant").wake.as_ref().expect("it is woken");
    assert_eq!((wake.interval, wake.schedule.as_deref()), (None, Some("hourly")));
    assert_eq!(agent(&fleet, "upgrader").schedule.as_deref(), Some("Sun 02:00 UTC"));
    assert_eq!(agent(&fleet, "upgrader").kind, Kind::Task(Prompt::File("/etc/prompts/upgrader.md".into())));
    let web = agent(&fleet, "web");
    assert_eq!((web.session.as_str(), web.dir.as_path()), ("web-server", Path::new("/srv/fleet/web")));
    assert_eq!(web.kind, Kind::Service { command: "exec web --port 4096".into() });
}

#[test]
fn a_loop_and_a_backend_are_read_whole() {
    let fleet = load(EVERY_KEY);
    let main = fleet.loop_named("main").expect("the loop");
    assert_eq!(main.phases.iter().map(|phase| phase.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(main.phases[0].models.get("builder").map(String::as_str), Some("opus"));
    assert_eq!((main.auto_advance, main.done_source, main.review_rounds_max), (false, DoneSource::Worktree, 7));
    assert_eq!(main.state_file, Path::new("/srv/fleet/logs/state/main-idx"));
    assert_eq!(main.kickoff_template.as_deref(), Some(Path::new("/srv/fleet/prompts/kickoff.md")));
    assert_eq!((main.roles_dir.as_path(), main.done_marker.as_str()), (Path::new("/srv/fleet/roles"), "## FINISHED"));
    assert_eq!((main.repo.as_path(), main.branch.as_deref()), (Path::new("/srv/fleet/clone"), Some("trunk")));
    let handoff = main.handoff.as_ref().expect("the handoff");
    assert_eq!((main.state_subdir.as_str(), handoff.inboxes.len()), ("docs", 2));
    assert_eq!(handoff.claim_pattern, Pattern::new("^claim\\(").expect("good"));
    let after = main.on_complete.as_ref().expect("what follows");
    assert_eq!(after.run.as_deref(), Some("upgrader"));
    assert_eq!(after.trigger_file.as_deref(), Some(Path::new("/srv/fleet/logs/.done")));
    let other = agent(&fleet, "adversary").backend.as_ref().expect("usable");
    assert_eq!((other.bin.as_str(), other.prompt_delivery), ("other", PromptDelivery::Ping));
    assert_eq!((other.connect_delay, other.ready_max), (seconds(3), seconds(30)));
    assert_eq!((other.submit_key.as_str(), other.env.len()), ("C-j", 1));
    assert_eq!(other.new_id_flag.as_deref(), Some("-n '{id}'"));
}

#[test]
fn the_predecessors_lab_loads_without_a_mistake() {
    let parsed = parse(LAB);
    assert_eq!(parsed.mistakes, []);
    let fleet = parsed.fleet.expect("it is usable");
    let fake = agent(&fleet, "builder").backend.as_ref().expect("usable");
    assert_eq!((fake.prompt_delivery, fake.stall_idle), (PromptDelivery::Exec, seconds(100_000)));
    let its_loop = fleet.loop_named("").expect("the unnamed loop");
    assert_eq!((its_loop.repo.as_path(), its_loop.phases.len()), (Path::new("/lab/builder"), 2));
    assert_eq!(its_loop.handoff.as_ref().expect("the handoff").claim_pattern, Pattern::new("^claim").expect("good"));
    assert_eq!(agent(&fleet, "orch").wake.as_ref().expect("woken").interval, Some(seconds(2)));
}

#[test]
fn an_installation_of_the_predecessor_loads_as_written() {
    let fleet = load(PREDECESSOR);
    assert_eq!(
        (fleet.project_dir.as_path(), fleet.log_dir.as_path()),
        (Path::new("/srv/fleet/../project"), Path::new("/home/op/logs"))
    );
    let builder = agent(&fleet, "builder");
    let claude = builder.backend.as_ref().expect("usable");
    assert_eq!((claude.bin.as_str(), claude.remote_control), ("IS_SANDBOX=1 claude", true));
    assert!(
        claude.screen.input_re.is_some() && claude.queues_while_busy,
        "what it does not name comes from the preset"
    );
    assert_eq!(builder.dir, Path::new("/srv/fleet/../project/work"));
    assert_eq!(builder.model.as_deref(), Some("claude-sonnet-4-6"));
    let adversary = agent(&fleet, "adv").backend.as_ref().expect("usable");
    assert_eq!((adversary.submit_key.as_str(), adversary.log_grace), ("Enter", seconds(120)));
    assert!(adversary.screen.input_re.is_some(), "there is a preset of this name");
    assert_eq!(agent(&fleet, "oc-web").dir, Path::new("/srv/fleet/../project"));
    let after = fleet.loops[0].on_complete.as_ref().expect("what follows");
    assert_eq!(after.trigger_file.as_deref(), Some(Path::new("/home/op/logs/.run-upgrader")));
}

#[test]
fn the_predecessors_defaults_hold_without_a_preset() {
    let fleet = load(&format!("{LEAST}[backend.x]\nbin = \"x\"\n"));
    let x = fleet.backends["x"].as_ref().expect("usable");
    assert_eq!((x.connect_delay, x.ready_max), (seconds(12), seconds(60)));
    assert_eq!((x.stall_idle, x.log_grace), (seconds(300), seconds(180)));
    assert_eq!((x.submit_key.as_str(), x.attach.as_str()), ("Enter", "{bin}"));
    assert_eq!((x.resume_flag.as_str(), x.model_flag.as_str()), ("--resume '{id}'", "--model '{model}'"));
    assert_eq!(x.remote_control_flag, "--remote-control '{session}'");
    assert!(!x.supports_resume && !x.queues_while_busy && x.new_id_flag.is_none() && x.screen.rules.is_empty());
}

#[test]
fn the_claude_preset_reads_the_row_of_the_input_box_and_no_other() {
    let fleet = load(LEAST);
    let claude = fleet.backends["claude"].as_ref().expect("usable");
    let input = claude.screen.input_re.as_ref().expect("a pattern").regex();
    let typed = |row: &str| input.captures(row).map(|found| found["text"].to_owned());
    assert_eq!(typed("❯\u{a0}"), Some(String::new()));
    assert_eq!(typed("❯\u{a0}hello plain slow"), Some("hello plain slow".into()));
    assert_eq!(typed("❯\u{a0}1. a numbered draft"), Some("1. a numbered draft".into()));
    assert_eq!(typed("❯ hello"), Some("hello".into()), "where it stands tells it from one in the conversation");
    assert_eq!(typed(" ❯ 1. Yes, I trust this folder"), None, "a menu");
    assert_eq!(typed("  ❯ queued ONE"), None, "a queued prompt");
}

#[test]
fn a_misconfigured_agent_does_not_stop_the_others() {
    let fleet = load(&format!(
        "{LEAST}[backend.broken]\nbin = \"x\"\nactive_re = \"a(?=b)\"\n\
         [[agent]]\nname = \"one\"\nprompt = \"x\"\nbackend = \"nonesuch\"\n\
         [[agent]]\nname = \"two\"\nprompt = \"x\"\nbackend = \"broken\"\n\
         [[agent]]\nname = \"three\"\nprompt = \"x\"\n"
    ));
    let reason = |name: &str| agent(&fleet, name).backend.clone().err();
    assert_eq!(reason("one").as_deref(), Some("unknown backend `nonesuch`"));
    assert!(reason("two").is_some_and(|reason| reason.starts_with("backend `broken`: bad pattern in `active_re`")));
    assert_eq!(reason("three"), None);
    assert!(fleet.backends["broken"].is_err() && fleet.backends["claude"].is_ok());
}
