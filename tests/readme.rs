//! The README says what the program does: its generated parts, its example and its names are checked here.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "runs the program; a test may panic")]

#[path = "simulation/rules.rs"]
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use agent_orchestrator::config;
use agent_orchestrator::protocol::{Event, EventKind};
use regex::Regex;

/// What the part with measurements says while there are none.
const NOT_MEASURED: &str = "Not measured yet.\n";

/// The figures as the measuring scripts leave them.
const RESULTS: &str = "tests/measure/RESULTS.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn command(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    command.args(arguments).current_dir(folder).env("COLUMNS", "200").env_remove("XDG_RUNTIME_DIR");
    command
}

fn program(arguments: &[&str], folder: &Path) -> Output {
    command(arguments, folder).output().unwrap()
}

fn help(arguments: &[&str]) -> String {
    let output = program(&[arguments, &["--help"]].concat(), root());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the lines below `title` up to the next empty one.
fn block<'a>(text: &'a str, title: &str) -> impl Iterator<Item = &'a str> {
    text.lines().skip_while(move |line| *line != title).skip(1).take_while(|line| !line.is_empty())
}

/// Returns every verb that `--help` names, with what it says of it.
fn verbs() -> Vec<(String, String)> {
    let general = help(&[]);
    let verbs = block(&general, "Commands:").map(|line| line.trim().split_once("  ").unwrap());
    let verbs = verbs.map(|(verb, about)| (verb.to_owned(), about.trim().to_owned()));
    verbs.filter(|(verb, _)| verb != "help").collect()
}

/// Returns the exit codes that a help text lists.
fn codes(help: &str) -> BTreeMap<String, String> {
    let line = Regex::new(r"^ +(\d+)  +(.+)$").unwrap();
    let titles = help.lines().filter(|line| line.starts_with("Exit codes"));
    let lines = titles.flat_map(|title| block(help, title));
    lines.filter_map(|text| line.captures(text)).map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
}

/// Returns the rows of the README's table with this title, as cells.
fn table(readme: &str, title: &str) -> Vec<Vec<String>> {
    let rows = readme.lines().skip_while(|line| *line != title).skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<_> = rows.map(cells).collect();
    assert!(!rows.is_empty(), "no table `{title}`");
    rows
}

/// Compares the part between two markers, or with `UPDATE_README` writes it.
fn expect_part(name: &str, expected: &str) {
    let (begin, end) = (format!("<!-- begin: {name} -->\n"), format!("<!-- end: {name} -->\n"));
    let readme = read("README.md");
    let (before, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("no `{begin}`"));
    let (part, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no `{end}`"));
    let expected = format!("\n{}\n\n", expected.trim());
    if part == expected {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_README").is_some(),
        "the part `{name}` of README.md is old; `UPDATE_README=1 cargo test --test readme` rewrites it:\n{expected}"
    );
    fs::write(root().join("README.md"), [before, &begin, &expected, &end, after].concat()).unwrap();
}

#[test]
fn the_generated_parts_are_what_the_program_says() {
    let mut table = "| verb | what it does |\n| --- | --- |\n".to_owned();
    for (verb, about) in verbs() {
        let text = help(&[&verb]);
        let usage = text.lines().find_map(|line| line.strip_prefix("Usage: agent-orchestrator ")).unwrap();
        let usage = usage.replace("[OPTIONS] ", "").replace(" [OPTIONS]", "");
        writeln!(table, "| `{usage}` | {about} |").unwrap();
    }
    expect_part("verbs", &table);
    // The reference has titles of its own, one level below the README's.
    expect_part("reference", &config::reference_markdown());
    let results = root().join(RESULTS);
    let measured = if results.exists() { read(RESULTS) } else { NOT_MEASURED.to_owned() };
    expect_part("measurements", &measured);
    expect_part("simulation", &simulation());
    expect_part("message-ids", &message_ids());
}

/// Returns the kinds of events, each with its id in the journal.
fn message_ids() -> String {
    let form = Regex::new(r#"EventKind::(\w+) => "([0-9a-f]{32})""#).unwrap();
    let source = read("src/daemon/journal.rs");
    let mut ids: Vec<String> =
        form.captures_iter(&source).map(|found| format!("`{}` {}", kebab(&found[1]), &found[2])).collect();
    assert!(ids.len() > 40, "{ids:?}");
    ids.sort();
    ids.join(", ") + "."
}

/// Returns a variant's name as it is told: `AgentReady` as `agent-ready`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// Returns the rules of the simulation, and which of them finds which planted mistake.
fn simulation() -> String {
    let rules = rules::rules();
    let words: Vec<String> = rules.iter().cloned().collect();
    let mut text = format!("The {} rules: {}.\n\n", rules.len(), words.join("; "));
    let mut mistakes: Vec<_> =
        fs::read_dir(root().join("tests/simulation/mistakes")).unwrap().map(Result::unwrap).collect();
    mistakes.sort_by_key(fs::DirEntry::file_name);
    writeln!(text, "| one of {} planted mistakes | is found by the rule | seed |\n| --- | --- | --- |", mistakes.len())
        .unwrap();
    let form = Regex::new(r"^Found by seed (\d+): (.+)\.\n").unwrap();
    for mistake in mistakes {
        let name = mistake.path().file_stem().unwrap().to_string_lossy().into_owned();
        let patch = fs::read_to_string(mistake.path()).unwrap();
        let found = form.captures(&patch).unwrap_or_else(|| panic!("`{name}` does not say which rule finds it"));
        assert!(rules.contains(&found[2]), "`{name}` is to break `{}`, which is no rule", &found[2]);
        writeln!(text, "| `{name}` | {} | {} |", &found[2], &found[1]).unwrap();
    }
    text
}

#[test]
fn every_exit_code_is_told() {
    let readme = read("README.md");
    let told: BTreeMap<String, String> =
        table(&readme, "| exit code | meaning |").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    for (code, meaning) in codes(&help(&[])) {
        assert_eq!(told.get(&code), Some(&meaning), "exit code {code}");
    }
    for (verb, _) in verbs() {
        for (code, meaning) in codes(&help(&[&verb])) {
            let row = told.get(&code).unwrap_or_else(|| panic!("exit code {code} of `{verb}` is not in the README"));
            let general = code.parse::<u8>().unwrap() < 4;
            assert!(general || row.contains(&format!("`{verb}`")), "exit code {code} of `{verb}`: {row}");
            assert!(verb != "send" || general || row.contains(&meaning), "exit code {code}: {meaning}: {row}");
        }
    }
}

#[test]
fn the_example_is_short_and_check_accepts_it() {
    let readme = read("README.md");
    let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(example.lines().count() <= 12, "{example}");
    let folder = tempfile::tempdir().unwrap();
    let init = program(&["init"], folder.path());
    assert!(init.status.success(), "{init:?}");
    fs::write(folder.path().join("agents.toml"), example).unwrap();
    for clone in ["clones/builder/.git", "clones/adversary/.git"] {
        fs::create_dir_all(folder.path().join(clone)).unwrap();
    }
    let claude = folder.path().join("claude");
    fs::write(&claude, "#!/bin/sh\necho '2.1.197 (Claude Code)'\n").unwrap();
    fs::set_permissions(&claude, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let check = command(&["check"], folder.path()).env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!((check.status.code(), said.as_str()), (Some(0), "agents.toml: 2 agents, 1 loop, no mistakes\n"));
}

#[test]
fn the_backend_of_ones_own_is_accepted_and_lets_go_of_an_old_banner() {
    let readme = read("README.md");
    let mine = readme.split("```toml\n").find(|part| part.starts_with("[backend.mine]")).unwrap();
    let mine = mine.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine-agent"), "").unwrap();
    fs::set_permissions(folder.path().join("mine-agent"), PermissionsExt::from_mode(0o755)).unwrap();
    let head =
        "[defaults]\nsession_prefix = 'x-'\nlog_dir = 'logs'\n[[agent]]\nname = 'a'\nbackend = 'mine'\nprompt = 'x'\n";
    fs::write(folder.path().join("agents.toml"), format!("{head}{mine}")).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let check = command(&["check"], folder.path()).env("PATH", path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&check.stdout), "agents.toml: 1 agent, no mistakes\n");
    let banner = "> go\nquota exceeded until 3pm\n> ";
    for (screen, meaning) in [
        (banner.to_owned(), "limited, by rule quota"),
        (format!("{banner}go on\nthinking hard\n"), "working, by rule thinking"),
        (format!("{banner}go on\nthinking hard\ndone\n> "), "nothing that a rule knows"),
    ] {
        fs::write(folder.path().join("screen"), &screen).unwrap();
        let explained = program(&["explain", "--backend", "mine", "--screen", "screen"], folder.path());
        let said = String::from_utf8_lossy(&explained.stdout).into_owned();
        assert!(said.starts_with(&format!("mine: {meaning}\n")), "{screen}: {said}");
    }
}

#[test]
fn what_the_operators_command_gets_is_all_told() {
    let readme = read("README.md");
    let every: Event = serde_json::from_value(serde_json::json!({
        "time": "2026-06-13T04:00:00Z", "event": "limit-held", "level": "warning", "agent": "a", "loop": "l",
        "phase": "p", "text": "t", "more": { "left_out": 1 },
    }))
    .unwrap();
    let every = serde_json::to_value(every).unwrap();
    let fields: BTreeSet<&str> = every.as_object().unwrap().keys().map(String::as_str).collect();
    let rows = table(&readme, "| field | what it says |");
    let told: BTreeSet<&str> =
        rows.iter().flat_map(|row| row[0].split(", ")).map(|word| word.trim_matches('`')).collect();
    assert_eq!(told, fields);
    let list = readme.split("The kinds that are told: ").nth(1).unwrap().split('.').next().unwrap();
    let told: BTreeSet<String> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let source = read("src/policy/event.rs");
    let variants = source.split("pub enum EventKind {").nth(1).unwrap().split("\n}").next().unwrap();
    let capital = Regex::new("([a-z])([A-Z])").unwrap();
    let names = variants.lines().filter_map(|line| line.trim().strip_suffix(','));
    let names = names.map(|name| capital.replace_all(name, "$1-$2").to_lowercase());
    let is_told = |name: &String| serde_json::from_value::<EventKind>(name.as_str().into()).unwrap().is_told();
    assert_eq!(told, names.filter(is_told).collect());
}

#[test]
fn every_preset_is_named() {
    let readme = read("README.md");
    let told = readme.split("one of the presets ").nth(1).unwrap().split(", any key").next().unwrap();
    let told: BTreeSet<String> = told.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let files = fs::read_dir(root().join("src/config/presets")).unwrap();
    let presets = files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    assert_eq!(told, presets.collect());
}

#[test]
fn the_order_of_the_concerns_is_that_of_a_step() {
    let source = read("src/policy/mod.rs");
    let step = source.split("fn step(").nth(1).unwrap().split("if turn.actions.len() == before").next().unwrap();
    let decided: Vec<&str> = Regex::new(r"self\.decide_([a-z]+)\(")
        .unwrap()
        .captures_iter(step)
        .map(|found| found.extract::<1>().1[0])
        .collect();
    let readme = read("README.md");
    let order = readme.split("**").find(|bold| bold.contains(" → ")).expect("the order of the concerns");
    let told: Vec<&str> = order.split(" → ").collect();
    let same = |(told, decided): (&&str, &&str)| decided.starts_with(told.trim_end_matches('y'));
    assert!(told.len() == decided.len() && told.iter().zip(&decided).all(same), "{told:?} but {decided:?}");
}

#[test]
fn every_state_that_status_shows_is_explained() {
    let readme = read("README.md");
    let rows = table(&readme, "| state | what it means |");
    let told: BTreeSet<&str> =
        rows.iter().flat_map(|row| row[0].split(", ")).map(|word| word.trim_matches('`')).collect();
    // The words stand in pairs with their details: `("idle", detail)`.
    let word = Regex::new(r#"\("([a-z-]+)", |"(misconfigured|waiting)""#).unwrap();
    let source = read("src/policy/picture.rs");
    let words = |name: &str| {
        let body = source.split(&format!("fn {name}(")).nth(1).unwrap_or_else(|| panic!("no `{name}`"));
        body.split("\n    }\n").next().unwrap().to_owned()
    };
    let bodies = ["state_words", "running_words", "resting_words", "attention_words"].map(words).concat();
    let shown: BTreeSet<&str> =
        word.captures_iter(&bodies).map(|found| found.get(1).or(found.get(2)).unwrap().as_str()).collect();
    assert_eq!(told, shown);
}

#[test]
fn every_file_that_is_named_is_there() {
    let path = Regex::new(r"`((?:src|tests|prompts|\.ci|\.clippy)[/.][A-Za-z0-9_./-]*)`").unwrap();
    let readme = read("README.md");
    let named: BTreeSet<&str> = path.captures_iter(&readme).map(|found| found.get(1).unwrap().as_str()).collect();
    assert!(named.len() > 10, "{named:?}");
    let missing: Vec<_> = named.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_is_not_there_yet_is_not_there() {
    let readme = read("README.md").replace('\n', " ");
    let honest = readme.split("Not there yet:").nth(1).expect("what is missing").split("  ").next().unwrap();
    let missing = honest.split("and the verb").nth(1).expect("the missing verbs");
    let verbs: BTreeSet<String> = verbs().into_iter().map(|(verb, _)| verb).collect();
    let named: Vec<&str> = missing.split('`').skip(1).step_by(2).collect();
    let there: Vec<_> = named.iter().filter(|verb| verbs.contains(**verb)).collect();
    assert!(!named.is_empty() && there.is_empty(), "these are there: {there:?}");
}

#[test]
fn the_continuous_check_runs_the_commands_of_the_readme() {
    let (readme, check) = (read("README.md"), read(".ci/run"));
    for command in ["cargo run --release -- demo", "cargo test"] {
        assert!(readme.contains(&format!("\n    {command}\n")), "`{command}` in README.md");
        let runs = |line: &str| !line.trim_start().starts_with('#') && line.contains(command);
        assert!(check.lines().any(runs), "`{command}` in .ci/run");
    }
}
