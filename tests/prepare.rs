//! What a start finds on disk, and what is said when something is missing.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "writes files; a test may panic")]

mod within;

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_orchestrator::daemon::paths::{Manager, Paths};
use agent_orchestrator::daemon::prepare::{PROMPT_BYTES_MAX, prepare};
use agent_orchestrator::policy::action::{Conversation, Start};
use agent_orchestrator::policy::fleet::{
    Agent, Backend, Control, DoneSource, Fleet, Kind, Loop, Phase, Prompt, PromptDelivery, Watch,
};
use agent_orchestrator::protocol::launch::Launch;
use within::within;

struct Lab {
    folder: tempfile::TempDir,
    fleet: Fleet,
    paths: Paths,
}

fn backend() -> Backend {
    Backend {
        bin: "agent".to_owned(),
        flags: String::new(),
        model_flag: "--model {model}".to_owned(),
        resume_flag: String::new(),
        supports_resume: false,
        new_id_flag: None,
        remote_control: false,
        remote_control_flag: String::new(),
        preamble: String::new(),
        server: String::new(),
        attach: String::new(),
        model_env: false,
        connect_delay: Duration::ZERO,
        ready_max: Duration::ZERO,
        submit_key: "Enter".to_owned(),
        clear_key: None,
        process_name: None,
        footer_ui: false,
        log_grace: Duration::ZERO,
        stall_idle: Duration::ZERO,
        prompt_delivery: PromptDelivery::Arg,
        queues_while_busy: false,
        screen: Arc::default(),
        events: None,
        transcripts: None,
        transcripts_dir: String::new(),
        proven: None,
        answers: BTreeMap::new(),
        answer_pause: Duration::from_secs(600),
        env: [("TOKEN".to_owned(), "t".to_owned())].into(),
    }
}

fn agent(name: &str, kind: Kind, root: &Path) -> Agent {
    Agent {
        name: name.to_owned(),
        session: format!("fleet-{name}"),
        kind,
        enabled: true,
        watch: Watch::Heal,
        backend_name: "agent".to_owned(),
        backend: Ok(backend()),
        model: None,
        dir: root.join(name),
        resume: false,
        resume_prompt: String::new(),
        account: "agent".to_owned(),
        wake: None,
        schedule: None,
        control: Control::None,
        clean_log: false,
    }
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let a_loop = Loop {
            name: String::new(),
            phases: vec![Phase {
                id: "p1".to_owned(),
                plan: "plans/p1.md".to_owned(),
                status: "STATUS-p1.md".to_owned(),
                models: BTreeMap::new(),
            }],
            state_file: root.join("phase-idx"),
            auto_advance: true,
            kickoff_template: None,
            roles_dir: root.join("prompts"),
            done_marker: "## DONE".to_owned(),
            done_source: DoneSource::Pushed,
            repo: root.to_owned(),
            branch: None,
            state_subdir: "machine-docs".to_owned(),
            handoff: None,
            on_complete: None,
            review_rounds_max: 5,
        };
        let file = root.join("upgrade.md");
        let mut broken = agent("broken", Kind::Persistent(Prompt::Text("p".to_owned())), root);
        broken.backend = Err("unknown backend `nope`".to_owned());
        let agents = vec![
            agent("builder", Kind::Loop { in_loop: String::new(), role: "builder".to_owned() }, root),
            agent("helper", Kind::Persistent(Prompt::Text("Help {role}.".to_owned())), root),
            agent("upgrader", Kind::Task(Prompt::File(file)), root),
            agent("web", Kind::Service { command: "serve '{dir}' --port 1".to_owned() }, root),
            broken,
        ];
        let backends = [
            ("other".to_owned(), Ok(Backend { bin: "other-agent".to_owned(), ..backend() })),
            ("bad".to_owned(), Err("`limit_re` is not usable".to_owned())),
        ];
        let fleet = Fleet { agents, loops: vec![a_loop], backends: backends.into(), ..Fleet::default() };
        let paths = Paths {
            config: root.join("agents.toml"),
            runtime: root.join("run"),
            state: root.join("state"),
            logs: root.join("logs"),
            manager: Manager::AdHoc,
        };
        std::fs::create_dir_all(root.join("run/launch")).unwrap();
        std::fs::create_dir_all(root.join("state")).unwrap();
        std::fs::create_dir_all(root.join("prompts")).unwrap();
        Self { folder, fleet, paths }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn prepare(&self, agent: &str, start: &Start) -> Result<(), String> {
        prepare(&self.fleet, &self.paths, agent, start)
            .map(drop)
            .map_err(|error| error.replace(self.folder.path().to_str().unwrap(), "…"))
    }

    fn launch(&self, agent: &str) -> Launch {
        let path = self.paths.launch_file(agent);
        assert_eq!(
            path.metadata().unwrap().permissions().mode() & 0o777,
            0o640,
            "an agent of its own user is of the fleet's group"
        );
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn kickoff(&self, agent: &str) -> String {
        std::fs::read_to_string(self.paths.kickoff(&format!("fleet-{agent}"))).unwrap()
    }
}

fn start() -> Start {
    Start {
        run: 7,
        phase: Some("p1".to_owned()),
        backend: None,
        model: None,
        extra_text: None,
        conversation: Conversation::Unknown,
        unless_same: false,
    }
}

#[test]
fn what_the_last_start_says_already_is_prepared_anew_only_where_that_is_asked_for() {
    let lab = Lab::new();
    lab.write("prompts/builder.md", "# You build\n");
    let prepared = |lab: &Lab, start: &Start| prepare(&lab.fleet, &lab.paths, "builder", start);
    let again = Start { run: 8, unless_same: true, ..start() };
    assert_eq!(prepared(&lab, &again), Ok(8), "there was none before");
    let again = Start { run: 9, ..again };
    assert_eq!(prepared(&lab, &again), Ok(8), "it says the same");
    assert_eq!(prepared(&lab, &Start { model: Some("m".to_owned()), ..again.clone() }), Ok(9), "another model");
    assert_eq!(prepared(&lab, &Start { run: 10, ..again.clone() }), Ok(10), "the model as before");
    lab.write("prompts/builder.md", "# You build well\n");
    assert_eq!(prepared(&lab, &Start { run: 11, ..again.clone() }), Ok(11), "another prompt");
    assert_eq!(prepared(&lab, &Start { run: 12, unless_same: false, ..again }), Ok(12));
    assert_eq!(lab.launch("builder").run, 12);
}

#[test]
fn no_number_is_believed_but_that_of_the_start_before() {
    let lab = Lab::new();
    lab.write("prompts/builder.md", "# You build\n");
    lab.prepare("builder", &start()).unwrap();
    let forged = Launch { run: 2, ..lab.launch("builder") };
    std::fs::write(lab.paths.launch_file("builder"), serde_json::to_vec(&forged).unwrap()).unwrap();
    let again = Start { run: 8, unless_same: true, ..start() };
    assert_eq!(prepare(&lab.fleet, &lab.paths, "builder", &again), Ok(8));
    assert_eq!(lab.launch("builder").run, 8);
}

/// Puts something in the place of a file, and prepares a start that looks at the last one's.
fn start_over(lab: Lab, name: &'static str, put: impl Fn(&Path)) -> Lab {
    let path = lab.paths.launch_file("builder").with_file_name(name);
    let _ = std::fs::remove_file(&path);
    put(&path);
    let (lab, run) = within(name, move || {
        let again = Start { run: 8, unless_same: name == "launch.json", ..start() };
        let run = prepare(&lab.fleet, &lab.paths, "builder", &again);
        (lab, run)
    });
    assert_eq!(run, Ok(8), "{name}");
    assert_eq!(lab.launch("builder").run, 8, "{name}");
    lab
}

#[test]
fn what_an_agent_puts_into_its_launch_folder_holds_no_start_up() {
    let mut lab = Lab::new();
    lab.write("prompts/builder.md", "# You build\n");
    lab.prepare("builder", &start()).unwrap();
    let mine = lab.folder.path().join("mine");
    lab.write("mine", "mine");
    for name in ["launch.json", "launch.json.draft"] {
        lab = start_over(lab, name, |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap());
        lab = start_over(lab, name, |path| symlink("/dev/zero", path).unwrap());
        lab = start_over(lab, name, |path| symlink(&mine, path).unwrap());
    }
    assert_eq!(std::fs::read_to_string(mine).unwrap(), "mine");
}

#[test]
fn a_loop_agent_gets_the_filled_template_and_its_role() {
    let mut lab = Lab::new();
    lab.write("prompts/builder.md", "# You build {plan}\n");
    lab.prepare("builder", &Start { model: Some("m".to_owned()), ..start() }).unwrap();
    let kickoff = lab.kickoff("builder");
    for line in ["- Your role: builder\n", "- Phase: p1\n", "- Plan: plans/p1.md\n", "- Status file: STATUS-p1.md\n"] {
        assert!(kickoff.contains(line), "{kickoff}");
    }
    assert!(kickoff.ends_with("\n\n# You build {plan}\n"), "the role's own text is not filled: {kickoff}");
    let launch = lab.launch("builder");
    assert_eq!((launch.run, launch.agent.as_str(), launch.session.as_str()), (7, "builder", "fleet-builder"));
    assert_eq!(launch.dir, lab.folder.path().join("builder"));
    assert_eq!(launch.log, lab.folder.path().join("logs/fleet-builder.log"));
    assert_eq!(launch.env["TOKEN"], "t");
    let path = lab.paths.kickoff("fleet-builder");
    assert_eq!(launch.command, format!("agent --model m \"$(cat '{}')\"", path.display()));

    lab.write("frame.md", "Go {phase_id} {unknown}");
    lab.fleet.loops[0].kickoff_template = Some(lab.folder.path().join("frame.md"));
    lab.prepare("builder", &start()).unwrap();
    assert_eq!(lab.kickoff("builder"), "Go p1 {unknown}\n# You build {plan}\n");
}

#[test]
fn other_agents_get_their_prompt_and_what_was_added() {
    let lab = Lab::new();
    lab.prepare("helper", &start()).unwrap();
    assert_eq!(lab.kickoff("helper"), "Help {role}.");
    lab.write("upgrade.md", b"Upgrade \xff.\n");
    let extra_text = Some("Only the shell.".to_owned());
    lab.prepare("upgrader", &Start { extra_text, backend: Some("other".to_owned()), ..start() }).unwrap();
    assert_eq!(lab.kickoff("upgrader"), "Upgrade \u{fffd}.\n\nOnly the shell.\n");
    assert!(lab.launch("upgrader").command.starts_with("other-agent "));
    lab.prepare("web", &start()).unwrap();
    assert_eq!(lab.launch("web").command, "serve '{dir}' --port 1");
}

#[test]
fn what_is_missing_is_named_and_the_last_launch_file_stays() {
    let lab = Lab::new();
    lab.write("prompts/builder.md", "x");
    lab.prepare("builder", &start()).unwrap();
    std::fs::remove_file(lab.folder.path().join("prompts/builder.md")).unwrap();
    let error = |agent: &str, start: Start| lab.prepare(agent, &start).unwrap_err();
    assert_eq!(error("builder", Start { run: 8, ..start() }), "cannot read `…/prompts/builder.md`: no such file");
    assert_eq!(lab.launch("builder").run, 7);
    assert_eq!(error("upgrader", start()), "cannot read `…/upgrade.md`: no such file");
    assert_eq!(error("broken", start()), "unknown backend `nope`");
    assert_eq!(error("helper", Start { backend: Some("x".to_owned()), ..start() }), "unknown backend `x`");
    assert_eq!(error("helper", Start { backend: Some("bad".to_owned()), ..start() }), "`limit_re` is not usable");
    assert_eq!(error("builder", Start { phase: Some("p9".to_owned()), ..start() }), "no phase `p9` in the config");
    assert_eq!(error("nobody", start()), "no agent `nobody` in the config");
    lab.write("upgrade.md", vec![b'x'; usize::try_from(PROMPT_BYTES_MAX).unwrap() + 1]);
    assert_eq!(error("upgrader", start()), "cannot read `…/upgrade.md`: longer than 1048576 bytes");
    std::fs::remove_file(lab.folder.path().join("upgrade.md")).unwrap();
    nix::unistd::mkfifo(&lab.folder.path().join("upgrade.md"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(error("upgrader", start()), "cannot read `…/upgrade.md`: not a regular file", "a pipe does not block");
}

#[test]
fn a_folder_that_is_gone_is_told() {
    let lab = Lab::new();
    std::fs::remove_dir_all(lab.folder.path().join("state")).unwrap();
    assert_eq!(
        lab.prepare("helper", &start()).unwrap_err(),
        "cannot write `…/state/kickoff-fleet-helper.txt`: no such file"
    );
}

#[test]
fn a_conversation_that_is_open_elsewhere_is_not_resumed_and_one_that_is_free_gets_the_resume_prompt() {
    let lab = Lab::new();
    let id = format!("0123-{}-4567", std::process::id());
    let resumed = || Start { conversation: Conversation::Resumed(id.clone()), ..start() };
    let mut elsewhere = std::process::Command::new("/bin/sh")
        .args(["-c", "echo; read line", "resume", &id])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0];
    std::io::Read::read_exact(elsewhere.stdout.as_mut().unwrap(), &mut said).unwrap();
    let error = lab.prepare("helper", &resumed()).unwrap_err();
    assert!(error.contains(&format!("is open in process {}", elsewhere.id())), "{error}");
    drop(elsewhere.stdin.take());
    elsewhere.wait().unwrap();
    lab.prepare("helper", &resumed()).unwrap();
    let kickoff = std::fs::read_to_string(lab.paths.kickoff(&lab.fleet.agent("helper").unwrap().session)).unwrap();
    assert_eq!(kickoff, "", "this agent's resume prompt is empty");
}
