//! How starts make programs tell of themselves: launch files and settings as they are written.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "reads what was written; a test may panic")]
#![expect(clippy::print_stdout, reason = "says what could not be tried")]

use std::path::Path;
use std::rc::Rc;

use agent_orchestrator::config::{self, Where};
use agent_orchestrator::daemon::event_socket::{EventSocket, secret};
use agent_orchestrator::daemon::paths::Paths;
use agent_orchestrator::daemon::prepare::prepare;
use agent_orchestrator::daemon::reactor::Reactor;
use agent_orchestrator::policy::action::{Conversation, Start};
use agent_orchestrator::policy::fleet::Fleet;
use agent_orchestrator::protocol::event::{SENDER_VARIABLE, SOCKET_VARIABLE, Sender};
use agent_orchestrator::protocol::launch::Launch;
use serde_json::Value;

struct Lab {
    fleet: Fleet,
    paths: Rc<Paths>,
    _socket: EventSocket,
    _reactor: Reactor,
    folder: tempfile::TempDir,
}

impl Lab {
    /// A fleet whose one agent has this backend.
    fn new(backend: &str) -> Self {
        Self::below(&std::env::temp_dir(), backend)
    }

    fn below(parent: &Path, backend: &str) -> Self {
        let folder = tempfile::tempdir_in(parent).unwrap();
        let text = format!(
            "[defaults]\nsession_prefix = 'x-'\nlog_dir = 'logs'\n[[agent]]\nname = 'one'\nprompt = 'go'\n{backend}"
        );
        let at = Where { file: folder.path().join("agents.toml"), home: None };
        let parsed = config::parse(&text, &at);
        let fleet = parsed.fleet.unwrap_or_else(|| panic!("{:?}", parsed.mistakes));
        let paths = Paths::new(&folder.path().join("agents.toml"), &folder.path().join("logs")).unwrap();
        let paths = Rc::new(Paths { runtime: folder.path().join("run"), ..paths });
        std::fs::create_dir_all(folder.path().join("run/launch")).unwrap();
        std::fs::create_dir_all(&paths.state).unwrap();
        let reactor = Reactor::new().unwrap();
        let socket = EventSocket::new(&reactor, &paths).unwrap();
        Self { fleet, paths, _socket: socket, _reactor: reactor, folder }
    }

    fn start(&self, conversation: Conversation) -> Launch {
        let start = Start {
            run: 7,
            phase: None,
            backend: None,
            model: None,
            extra_text: None,
            conversation,
            unless_same: false,
        };
        prepare(&self.fleet, &self.paths, "one", &start).unwrap();
        serde_json::from_slice(&std::fs::read(self.paths.launch_file("one")).unwrap()).unwrap()
    }

    fn settings(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.paths.event_settings("one")).unwrap()).unwrap()
    }
}

fn new_start(backend: &str) -> (Lab, Launch) {
    let lab = Lab::new(backend);
    let launch = lab.start(Conversation::Unknown);
    (lab, launch)
}

#[test]
fn every_agent_knows_where_to_tell_and_who_it_is() {
    let (lab, launch) = new_start("backend = 'own'\n[backend.own]\nbin = 'agent'\n");
    assert_eq!(Path::new(&launch.env[SOCKET_VARIABLE]), lab.paths.event_socket());
    let sender = Sender::from_variable(&launch.env[SENDER_VARIABLE]).unwrap();
    assert!(sender.is_genuine(&secret(&lab.paths.secret()).unwrap().unwrap()));
    assert_eq!((sender.agent.as_str(), sender.run), ("one", 7));
    assert!(!lab.paths.event_settings("one").exists() && launch.beside.is_empty(), "and nothing else is changed");
}

#[test]
fn claude_code_starts_with_a_settings_file_of_its_own() {
    let (lab, launch) = new_start("backend = 'claude'\n");
    let path = lab.paths.event_settings("one").display().to_string();
    assert!(launch.command.contains(&format!(" --settings {path} \"$(cat ")), "{}", launch.command);
    assert!(lab.settings()["hooks"]["StopFailure"].is_array());
}

#[test]
fn what_the_persons_own_settings_argument_says_stays_in_force() {
    let flags = r#"flags = '''--settings '{"skipDangerousModePermissionPrompt": true}' --verbose'''"#;
    let (lab, launch) = new_start(&format!("backend = 'claude'\n[backend.claude]\n{flags}\n"));
    assert!(
        launch.command.rfind("--settings").unwrap() > launch.command.find("--verbose").unwrap(),
        "ours is the last"
    );
    assert_eq!(lab.settings()["skipDangerousModePermissionPrompt"], true);

    for flags in [
        "flags = '--dangerously-skip-permissions'",
        "flags = '--permission-mode bypassPermissions'",
        "bin = 'claude --permission-mode=bypassPermissions'",
    ] {
        let (lab, _) = new_start(&format!("backend = 'claude'\n[backend.claude]\n{flags}\n"));
        assert_eq!(lab.settings()["skipDangerousModePermissionPrompt"], true, "the flag is the answer: {flags}");
    }

    let lab = Lab::new("backend = 'claude'\n[backend.claude]\nflags = '--settings mine.json'\n");
    std::fs::write(lab.folder.path().join("mine.json"), r#"{"model": "opus"}"#).unwrap();
    lab.start(Conversation::Unknown);
    assert_eq!(lab.settings()["model"], "opus");

    for unclear in ["--settings $MINE", "--settings missing.json", "--settings '{'"] {
        let (lab, launch) = new_start(&format!("backend = 'claude'\n[backend.claude]\nflags = \"{unclear}\"\n"));
        assert!(!lab.paths.event_settings("one").exists(), "{unclear}");
        assert_eq!(launch.command.matches("--settings").count(), 1, "{}", launch.command);
    }
}

#[test]
fn gemini_gets_a_settings_file_only_where_it_would_read_it() {
    let host = tempfile::tempdir().unwrap();
    let host = host.path().join("host.json");
    std::fs::create_dir_all(host.parent().unwrap()).unwrap();
    std::fs::write(&host, r#"{"ui": {"theme": "x"}}"#).unwrap();
    let env = format!("[backend.gemini.env]\nGEMINI_CLI_SYSTEM_SETTINGS_PATH = '{}'\n", host.display());
    let backend = format!("backend = 'gemini'\n{env}");

    let (lab, launch) = new_start(&backend);
    assert_eq!(Path::new(&launch.env["GEMINI_CLI_SYSTEM_SETTINGS_PATH"]), host, "others write in the temporary folder");
    assert!(!lab.paths.event_settings("one").exists());
    assert!(launch.command.contains("gemini -i \"$(cat "), "{}", launch.command);

    if !nix::unistd::geteuid().is_root() {
        println!("not tried: settings that Gemini reads, which are root's alone");
        return;
    }
    let lab = Lab::below(Path::new("/run"), &backend);
    let launch = lab.start(Conversation::Unknown);
    assert_eq!(Path::new(&launch.env["GEMINI_CLI_SYSTEM_SETTINGS_PATH"]), lab.paths.event_settings("one"));
    let settings = lab.settings();
    assert!(settings["ui"]["theme"] == "x" && settings["hooks"]["BeforeAgent"].is_array(), "{settings}");
}

#[test]
fn the_others_get_what_they_understand() {
    let (_, launch) = new_start("backend = 'codex'\n");
    assert!(launch.command.contains(r#" -c 'notify=[""#), "{}", launch.command);
    let (_, launch) = new_start("backend = 'codex'\n[backend.codex]\nflags = \"-c 'notify=[\\\"mine\\\"]'\"\n");
    assert_eq!(launch.command.matches("notify").count(), 1, "{}", launch.command);

    let (_, launch) = new_start("backend = 'opencode'\n");
    let port = launch.command.strip_prefix("opencode --port ").unwrap();
    assert_eq!(launch.beside.last().unwrap(), &format!("http://127.0.0.1:{port}"));
    let password = |launch: &Launch| launch.env.get("OPENCODE_SERVER_PASSWORD").cloned().unwrap_or_default();
    let (first, (_, again)) = (password(&launch), new_start("backend = 'opencode'\n"));
    assert!(!first.is_empty() && first != password(&again), "one for each start, so that nobody else uses its server");
    let (_, launch) = new_start("backend = 'opencode'\n[backend.opencode.env]\nOPENCODE_SERVER_PASSWORD = 'mine'\n");
    assert_eq!(password(&launch), "mine");
    let elsewhere = "backend = 'opencode'\n[backend.opencode]\nserver = 'http://127.0.0.1:4096'\n\
                     attach = '{bin} attach {server}'\n";
    let (_, launch) = new_start(elsewhere);
    assert!(launch.beside.is_empty() && !launch.command.contains("--port"), "{}", launch.command);
}

#[test]
fn a_conversation_is_resumed_by_a_program_that_is_typed_to_as_well() {
    let lab = Lab::new("backend = 'opencode'\nresume = true\n");
    let launch = lab.start(Conversation::Resumed("ses_1".to_owned()));
    assert!(
        launch.command.starts_with("opencode -s ses_1 --port ") || launch.command.starts_with("opencode -s 'ses_1'")
    );
}
