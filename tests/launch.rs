//! Command lines, run by a real `/bin/sh -c` and compared by what the program gets.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs a shell; a test may panic")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use agent_orchestrator::policy::action::Conversation;
use agent_orchestrator::policy::fleet::{Backend, PromptDelivery};
use agent_orchestrator::policy::launch::{ARGUMENT_BYTES_MAX, CommandLine, Program, command, fill, fill_text, pointer};
use agent_orchestrator::policy::pattern::Pattern;
use agent_orchestrator::policy::reading::Rules;

/// Values that break careless templates.
const NASTY: [&str; 14] = [
    "plain",
    "",
    "two words",
    "it's",
    "a \"quoted\" word",
    "$HOME and ${HOME} and $(echo ran)",
    "back`echo ran`tick",
    "back\\slash\\",
    "semi; echo ran & | > < * ? [a] ~ #x !",
    "{dir} {session} {other}",
    "line\nbreak",
    "ünïcode — “quotes”",
    "'\"'\\''\\\"`$",
    "~/x=y",
];

fn sh(text: &str) -> Vec<String> {
    let script = format!("show() {{ for word; do printf '%s\\001' \"$word\"; done; }}\nA=1\n{text}");
    let out = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    let words = String::from_utf8(out.stdout).unwrap();
    words.split_terminator('\u{1}').map(str::to_owned).collect()
}

#[test]
fn a_value_arrives_whole_wherever_its_placeholder_stands() {
    for value in NASTY {
        let whole = |template: &str| sh(&fill(template, &[("x", value), ("dir", "WRONG")]));
        assert_eq!(whole("show {x}"), [value], "bare");
        assert_eq!(whole("show --x={x}/end"), [format!("--x={value}/end")], "glued");
        assert_eq!(whole("show '{x}'"), [value], "single");
        assert_eq!(whole("show '--x={x} end' {x}"), [format!("--x={value} end"), value.to_owned()], "both");
        assert_eq!(whole("show \"{x}\""), [value], "double");
        assert_eq!(whole("show \"it's {x}'s\""), [format!("it's {value}'s")], "apostrophe within double");
        assert_eq!(whole("show it\\'s {x}"), ["it's", value], "escaped quote");
        assert_eq!(whole("show \"$(printf '%s' {x})\""), [value], "substitution within double");
        assert_eq!(whole("show \"$(printf '%s' \"$(printf %s '{x}')\")\" {x}"), [value, value], "nested");
        assert_eq!(whole("show \"`printf '%s' {x}`\" {x}"), [value, value], "backticks");
        assert_eq!(whole("show \"`printf '%s' '{x}'`\""), [value], "single within backticks");
        assert_eq!(whole("show \"$A{x}\" $A{x}"), [format!("1{value}"), format!("1{value}")], "behind a variable");
        assert_eq!(whole("# don't {x}\nshow {x}"), [value], "behind a comment");
        assert_eq!(whole("show ${A:-{x}} \"${B:-{x}}\"")[0], "1", "within an expansion");
        assert_eq!(whole("(show {x}); show $((1+(2)))"), [value, "3"], "parentheses");
    }
}

#[test]
fn braces_of_the_shell_stay() {
    let fields = [("dir", "/d"), ("model", "m")];
    for text in
        ["echo ${dir} ${model:-x}", "f() { echo {a,b} {unknown} {}; }", "echo \\{dir} '${dir}' {", "awk '{print $1}'"]
    {
        assert_eq!(fill(text, &fields), text);
    }
    assert_eq!(fill("{dir}{model}{dir}x", &fields), "/dm/dx");
}

#[test]
fn a_comment_begins_with_a_word_and_is_left_as_it_is() {
    let fields = [("x", "it's")];
    for text in ["# {x}", "show 1 # {x}", "show 1;# {x}", "show \"$(show 1 # {x}\n)\""] {
        assert_eq!(fill(text, &fields), text);
    }
    assert_eq!(sh(&fill("show a#{x} b", &fields)), ["a#it's", "b"], "within a word it is none");
    assert_eq!(fill("show \"{x}\"", &fields), "show \"it's\"", "and a value in quotes gets no more of them");
}

#[test]
fn plain_text_is_filled_once_and_never_quoted() {
    let fields = [("role", "{plan} it's"), ("plan", "p")];
    assert_eq!(fill_text("{role} {plan} {other} {", &fields), "{plan} it's p {other} {");
}

fn backend(prompt_delivery: PromptDelivery, bin: &str) -> Backend {
    Backend {
        bin: bin.to_owned(),
        flags: "--flag 'one word'".to_owned(),
        model_flag: "--model '{model}'".to_owned(),
        resume_flag: "--resume '{id}'".to_owned(),
        supports_resume: true,
        new_id_flag: Some("--session-id '{id}'".to_owned()),
        remote_control: true,
        remote_control_flag: "--remote-control {session}".to_owned(),
        preamble: "export SEEN=\"pre {dir}\";".to_owned(),
        server: "http://127.0.0.1:4096/?a=1&b=2".to_owned(),
        attach: "{bin} attach {server} --dir {dir}".to_owned(),
        model_env: false,
        connect_delay: Duration::ZERO,
        ready_max: Duration::ZERO,
        submit_key: "Enter".to_owned(),
        clear_key: None,
        process_name: None,
        footer_ui: false,
        log_grace: Duration::ZERO,
        stall_idle: Duration::ZERO,
        prompt_delivery,
        queues_while_busy: false,
        screen: Arc::default(),
        events: None,
        transcripts: None,
        transcripts_dir: String::new(),
        proven: None,
        answers: std::collections::BTreeMap::new(),
        answer_pause: Duration::from_secs(600),
        env: [("FROM_BACKEND".to_owned(), "yes".to_owned())].into(),
    }
}

/// A folder with a program that writes its arguments, and a kickoff file, both below an awkward path.
struct Lab {
    folder: tempfile::TempDir,
    program: PathBuf,
    kickoff: PathBuf,
}

impl Lab {
    fn new(prompt: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let awkward = folder.path().join("it's a \"$HOME\" `path`");
        std::fs::create_dir(&awkward).unwrap();
        let program = awkward.join("pro gram");
        std::fs::write(
            &program,
            "#!/bin/sh\nfor word; do printf '%s\\001' \"$word\"; done > \"$OUT\"\nenv > \"$OUT.env\"\n",
        )
        .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let kickoff = awkward.join("kick off.txt");
        std::fs::write(&kickoff, prompt).unwrap();
        Self { folder, program, kickoff }
    }

    fn bin(&self) -> String {
        fill("{program}", &[("program", self.program.to_str().unwrap())])
    }

    fn program<'a>(&'a self, backend: &'a Backend, prompt: &'a str) -> Program<'a> {
        let dir = self.kickoff.parent().unwrap();
        let conversation = &Conversation::Unknown;
        Program {
            backend,
            session: "fleet-b",
            dir,
            model: Some("m 1"),
            kickoff: &self.kickoff,
            prompt,
            conversation,
            event_flags: "",
        }
    }

    /// Runs the line and returns the program's arguments and environment.
    fn run(&self, line: &CommandLine) -> (Vec<String>, String) {
        let out = self.folder.path().join("out");
        let status =
            Command::new("/bin/sh").args(["-c", &line.text]).env("OUT", &out).envs(&line.env).status().unwrap();
        assert!(status.success(), "{}", line.text);
        let words = std::fs::read_to_string(&out).unwrap();
        let env = std::fs::read_to_string(Path::new(&format!("{}.env", out.display()))).unwrap();
        (words.split_terminator('\u{1}').map(str::to_owned).collect(), env)
    }
}

#[test]
fn arg_gives_flags_and_the_prompt_as_one_argument() {
    let prompt = "Do `this`, \"that\" and $(echo more).\n\n  It's all.\n\n";
    let lab = Lab::new(prompt);
    let backend = backend(PromptDelivery::Arg, &lab.bin());
    let fresh = command(&lab.program(&backend, prompt)).unwrap();
    let (words, env) = lab.run(&fresh);
    assert_eq!(words, ["--remote-control", "fleet-b", "--model", "m 1", "--flag", "one word", prompt.trim_end()]);
    assert!(env.contains("FROM_BACKEND=yes"));
    for (conversation, flag) in
        [(Conversation::Resumed("1-2".to_owned()), "--resume"), (Conversation::New("1-2".to_owned()), "--session-id")]
    {
        let program = Program { conversation: &conversation, model: None, ..lab.program(&backend, prompt) };
        let words = lab.run(&command(&program).unwrap()).0;
        assert_eq!(words, [flag, "1-2", "--remote-control", "fleet-b", "--flag", "one word", prompt.trim_end()]);
    }
}

#[test]
fn where_the_resume_prompt_is_typed_the_flag_that_takes_a_prompt_gets_an_empty_one() {
    let lab = Lab::new("Go on.");
    let screen = Rules { resumed_re: Some(Pattern::of_preset("^said")), ..Rules::default() };
    let backend = Backend { screen: Arc::new(screen), ..backend(PromptDelivery::Arg, &lab.bin()) };
    for (conversation, prompt) in
        [(Conversation::Resumed("1-2".to_owned()), ""), (Conversation::New("1-2".to_owned()), "Go on.")]
    {
        let program = Program { conversation: &conversation, ..lab.program(&backend, "Go on.") };
        let words = lab.run(&command(&program).unwrap()).0;
        assert_eq!(words.last().map(String::as_str), Some(prompt));
    }
}

#[test]
fn a_prompt_that_is_no_good_argument_becomes_a_pointer() {
    let whole = "x".repeat(ARGUMENT_BYTES_MAX);
    let long = "x".repeat(ARGUMENT_BYTES_MAX + 1);
    for (prompt, expected) in [(whole.as_str(), Some(whole.as_str())), (&long, None), ("- a list", None)] {
        let lab = Lab::new(prompt);
        let backend = backend(PromptDelivery::Arg, &lab.bin());
        let words = lab.run(&command(&lab.program(&backend, prompt)).unwrap()).0;
        let last = words.last().unwrap();
        assert_eq!(last, expected.unwrap_or(&pointer(&lab.kickoff)));
        assert!(!last.contains('\n'));
    }
    let lab = Lab::new("");
    let backend = backend(PromptDelivery::Arg, &lab.bin());
    let words = lab.run(&command(&lab.program(&backend, "")).unwrap()).0;
    assert_eq!(words.last().unwrap(), "one word", "no prompt, no argument");
}

#[test]
fn exec_finds_the_kickoff_itself() {
    let lab = Lab::new("p");
    let template = format!("{} '{{kickoff}}' {{kickoff}} \"{{session}}\" {{model}} {{dir}}", lab.bin());
    let backend = backend(PromptDelivery::Exec, &template);
    let words = lab.run(&command(&lab.program(&backend, "p")).unwrap()).0;
    let (kickoff, dir) = (lab.kickoff.to_str().unwrap(), lab.kickoff.parent().unwrap().to_str().unwrap());
    assert_eq!(words, [kickoff, kickoff, "fleet-b", "m 1", dir]);
}

#[test]
fn ping_attaches_behind_the_preamble_and_takes_the_model_from_the_environment() {
    let lab = Lab::new("p");
    let mut backend = backend(PromptDelivery::Ping, &lab.bin());
    backend.model_env = true;
    backend.env.insert("OPENCODE_CONFIG_CONTENT".to_owned(), r#"{"share":"disabled"}"#.to_owned());
    let (words, env) = lab.run(&command(&lab.program(&backend, "p")).unwrap());
    let dir = lab.kickoff.parent().unwrap().to_str().unwrap();
    assert_eq!(words, ["attach", "http://127.0.0.1:4096/?a=1&b=2", "--dir", dir]);
    assert!(env.contains(&format!("SEEN=pre {dir}\n")));
    assert!(env.contains("OPENCODE_CONFIG_CONTENT={\"model\":\"m 1\",\"share\":\"disabled\"}\n"), "{env}");
    let without = command(&Program { model: None, ..lab.program(&backend, "p") }).unwrap();
    assert!(lab.run(&without).1.contains("OPENCODE_CONFIG_CONTENT={\"share\":\"disabled\"}\n"));
}

#[test]
fn a_nul_byte_is_refused() {
    let lab = Lab::new("p");
    let backend = backend(PromptDelivery::Arg, &lab.bin());
    let error = command(&Program { model: Some("a\0b"), ..lab.program(&backend, "p") }).unwrap_err();
    assert_eq!(error, "the command line holds a NUL byte");
    for (name, value) in [("NAME", "a\0b"), ("NA\0ME", "ab")] {
        let env = std::collections::BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let backend = Backend { env, ..backend.clone() };
        let error = command(&lab.program(&backend, "p")).unwrap_err();
        assert_eq!(error, "the command line holds a NUL byte", "in a variable");
    }
}

#[test]
fn a_session_without_a_launch_file_says_what_starts_it() {
    let mut session = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    let output = session.args(["session", "/nowhere/launch/ada/launch.json"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("error: cannot read launch file `/nowhere/launch/ada/launch.json`"), "{said}");
    assert_eq!(lines[1..], ["hint: it has not run since the boot: `agent-orchestrator up ada` starts it"]);
}
