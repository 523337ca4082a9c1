//! What the tree keeps to, read off its own files: which way imports point, sizes, and what must not stand in it.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "reads the tree; a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

/// The longest source file, lines; the lengths of functions are clippy's.
const LINES_MAX: usize = 450;

/// The folders of `src`, each with what it may use besides itself: a folder, or one module of it.
const MAY_USE: [(&str, &[&str]); 6] = [
    ("policy", &[]),
    ("protocol", &["policy"]),
    ("config", &["policy"]),
    ("daemon", &["policy", "protocol", "config"]),
    // `paths` names folders and touches nothing but the runtime folder; a verb must know where the socket is.
    ("cli", &["protocol", "config", "daemon::start", "daemon::offline", "daemon::paths"]),
    ("main", &["cli"]),
];

/// Files that may use more, with the reason. One that no longer needs it fails.
const EXCEPTIONS: [(&str, &str, &str); 7] = [
    ("src/cli/attach.rs", "daemon::terminal", "a person's own tmux client, beside the supervisor's"),
    ("src/cli/capture.rs", "daemon::clock", "what a banner names is read as at a time of the host's"),
    ("src/cli/inside.rs", "daemon::pane", "the hidden verbs run in a pane, beside the supervisor: one call each"),
    ("src/cli/transcript/keep.rs", "daemon::pane", "a hidden verb beside a pane, which writes as its log writer does"),
    ("src/cli/follow.rs", "daemon::regular", "what an agent can write is opened as the supervisor opens it"),
    ("src/cli/transcript/files.rs", "daemon::regular", "what an agent can write is opened as the supervisor opens it"),
    ("src/cli/inside.rs", "daemon::child", "a hidden verb becomes another program, with no signal blocked"),
];

/// What the folders that decide or translate must not even name; clippy bans the calls, this bans the modules.
const EFFECTS: [&str; 14] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::os",
    "std::io",
    "std::thread",
    "nix::",
    "rustix::",
    "libsystemd::",
    "sd_notify::",
    "anyhow::",
    "clap::",
    "tempfile::",
];

/// What the top level may hold besides dotfiles.
const TOP_LEVEL: [&str; 10] =
    ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "flake.lock", "flake.nix", "nixos", "prompts", "src", "tests"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the tree, named from its top.
struct Source {
    name: String,
    text: String,
}

/// Returns all Rust files below the folder, in the order of their names.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push(Source { name, text: fs::read_to_string(path).unwrap() });
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!found.is_empty(), "no source below `{folder}`");
    found
}

impl Source {
    /// Returns the text without comments that have a line of their own.
    fn code(&self) -> String {
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        self.text.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect()
    }

    /// Returns the code in front of the tests.
    fn own_code(&self) -> String {
        if self.name.ends_with("/tests.rs") {
            return String::new();
        }
        let code = self.code();
        code.split_once("#[cfg(test)]\nmod tests {").map_or(code.clone(), |(own, _)| own.to_owned())
    }

    /// Returns the module that it is: `["cli", "demo"]` for `src/cli/demo/mod.rs`.
    fn module(&self) -> Vec<String> {
        let path = self.name.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').map(str::to_owned).collect()
    }

    /// Returns what it uses of this crate, each as the path from the crate's top.
    fn uses(&self) -> BTreeSet<String> {
        let start = Regex::new(r"\b(crate|agent_orchestrator|super(?:::super)*)::").unwrap();
        let code = self.code();
        let module = self.module();
        let mut found = BTreeSet::new();
        for at in start.captures_iter(&code) {
            let supers = at[1].matches("super").count();
            let above = if supers > 0 { &module[..module.len().saturating_sub(supers)] } else { &[] };
            let mut rest = &code[at.get(0).unwrap().end()..];
            for path in use_tree(&mut rest) {
                let whole: Vec<&str> = above.iter().map(String::as_str).chain(path.split("::")).collect();
                found.insert(whole.join("::"));
            }
        }
        found
    }
}

/// Reads one path, or the paths of a group in braces, and leaves in `rest` what follows.
fn use_tree(rest: &mut &str) -> Vec<String> {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        let mut paths = Vec::new();
        while !rest.is_empty() && !rest.starts_with('}') {
            paths.extend(use_tree(rest));
            *rest = rest.trim_start().trim_start_matches(',').trim_start();
        }
        *rest = rest.get(1..).unwrap_or_default();
        return paths;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, behind) = rest.split_at(end.max(usize::from(rest.starts_with('*'))));
    *rest = behind;
    match behind.strip_prefix("::") {
        Some(deeper) if !deeper.starts_with('<') => {
            *rest = deeper;
            use_tree(rest).into_iter().map(|path| format!("{name}::{path}")).collect()
        }
        Some(_) | None if name.is_empty() => {
            // Not a path after all; go past whatever stands there.
            *rest = behind.get(behind.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
            Vec::new()
        }
        Some(_) | None => vec![name.to_owned()],
    }
}

/// Says whether `path` is `module` or within it.
fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn use_trees_are_read_as_the_compiler_does() {
    let read = |text: &str| {
        let mut rest = text;
        use_tree(&mut rest)
    };
    assert_eq!(read("daemon::start;"), ["daemon::start"]);
    assert_eq!(
        read("{\n    config::{self, Mistake},\n    daemon::{git::{read, told}, paths},\n};"),
        ["config::self", "config::Mistake", "daemon::git::read", "daemon::git::told", "daemon::paths"]
    );
    assert_eq!(read("policy::request::*;"), ["policy::request::*"]);
    assert_eq!(read("daemon::paths::Paths::new(config)"), ["daemon::paths::Paths::new"]);
    let source = Source {
        name: "src/cli/demo/lab.rs".to_owned(),
        text: "use super::super::super::daemon::tree;\nuse super::{utf8, fleet::Fleet};\n// crate::policy::x\n"
            .to_owned(),
    };
    assert_eq!(
        source.uses(),
        BTreeSet::from(["daemon::tree", "cli::demo::utf8", "cli::demo::fleet::Fleet"].map(str::to_owned))
    );
}

#[test]
fn imports_point_one_way() {
    let folders: BTreeSet<&str> = MAY_USE.iter().map(|(folder, _)| *folder).collect();
    let mut wrong = Vec::new();
    let mut needed = BTreeSet::new();
    for source in sources("src") {
        let module = source.module();
        let Some((folder, may_use)) = MAY_USE.iter().find(|(folder, _)| *folder == module[0]) else {
            let is_known = ["src/lib.rs", "src/build.rs"].contains(&source.name.as_str());
            assert!(is_known, "a folder that no rule speaks of: {}", source.name);
            continue;
        };
        for path in source.uses() {
            let first = path.split("::").next().unwrap();
            let is_ours = folders.contains(first) && first != *folder;
            if !is_ours || may_use.iter().any(|module| is_within(&path, module)) {
                continue;
            }
            match EXCEPTIONS.iter().find(|(file, module, _)| *file == source.name && is_within(&path, module)) {
                Some(exception) => drop(needed.insert(exception)),
                None => wrong.push(format!("{} uses `{path}`", source.name)),
            }
        }
    }
    assert_none("imports that point the wrong way", &wrong);
    let unneeded: Vec<String> = EXCEPTIONS
        .iter()
        .filter(|known| !needed.contains(known))
        .map(|(file, module, _)| format!("{file} {module}"))
        .collect();
    assert_none("exceptions that nothing needs", &unneeded);
}

#[test]
fn what_decides_and_translates_names_no_effects() {
    let mut wrong = Vec::new();
    for folder in ["src/policy", "src/protocol", "src/config"] {
        for source in sources(folder) {
            let code = source.own_code();
            wrong.extend(
                EFFECTS.iter().filter(|effect| code.contains(*effect)).map(|e| format!("{}: `{e}`", source.name)),
            );
        }
    }
    assert_none("effects in folders that have none", &wrong);
}

#[test]
fn the_bans_are_lifted_in_two_places_only() {
    let lifted: Vec<String> = sources("src")
        .into_iter()
        .filter(|source| source.own_code().contains("clippy::disallowed_methods"))
        .map(|source| source.name)
        .collect();
    assert_eq!(lifted, ["src/cli/mod.rs", "src/daemon/mod.rs"]);
    let printing: Vec<String> = sources("src")
        .into_iter()
        .filter(|source| source.code().contains("clippy::print_") && !source.name.starts_with("src/cli/"))
        .map(|source| source.name)
        .collect();
    assert_none("printing outside of the verbs", &printing);
}

#[test]
fn no_file_is_too_long() {
    let files = sources("src").into_iter().chain(sources("tests"));
    let long: Vec<String> = files
        .map(|source| (source.text.lines().count(), source.name))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, name)| format!("{name}: {lines} lines, {LINES_MAX} are allowed"))
        .collect();
    assert_none("files to split by job", &long);
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let is_silent = |source: &Source| !source.text.lines().next().is_some_and(|line| line.starts_with("//! "));
    let files = sources("src").into_iter().chain(sources("tests"));
    let silent: Vec<String> = files.filter(is_silent).map(|source| source.name).collect();
    assert_none("files that do not open with a `//!` line", &silent);
}

#[test]
fn nothing_sleeps_is_skipped_or_left_for_later() {
    // In two parts, so that this file does not find itself.
    let banned = [
        ["thread::", "sleep"],
        ["#[ign", "ore"],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["to", "do!("],
        ["unimple", "mented!("],
        ["dbg", "!("],
    ]
    .map(|parts| parts.concat());
    let mut found = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        for (at, line) in source.text.lines().enumerate() {
            let hits = banned.iter().filter(|word| line.contains(*word));
            found.extend(hits.map(|word| format!("{}:{}: `{word}`", source.name, at + 1)));
        }
    }
    assert_none("what must not stand in the tree", &found);
}

#[test]
fn every_preset_has_screens() {
    let presets: BTreeSet<String> = fs::read_dir(root().join("src/config/presets"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|file| file.trim_end_matches(".toml").trim_end_matches(".screens").to_owned())
        .collect();
    let captured: BTreeSet<String> = fs::read_dir(root().join("tests/screens"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(presets, captured, "a preset without a folder of screens, or the other way round");
    for backend in &captured {
        let folder = root().join("tests/screens").join(backend);
        let is_screen = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "txt");
        let screens = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(is_screen).count();
        assert!(screens > 0, "`{backend}` has no screen");
        assert!(folder.join("expect.toml").exists(), "`{backend}` does not say how its screens are read");
    }
}

#[test]
fn the_top_level_holds_what_belongs_there() {
    let strange: Vec<String> =
        top_level().into_iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str())).collect();
    assert_none("entries of the top level that belong elsewhere", &strange);
}

/// Returns the entries that git tracks, or, of a tree that came without git, all but what a build makes.
fn top_level() -> BTreeSet<String> {
    let tracked = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    if tracked.status.success() && root().join(".git").exists() {
        let names = String::from_utf8(tracked.stdout).unwrap();
        return names.split_terminator('\0').filter_map(|path| path.split('/').next()).map(str::to_owned).collect();
    }
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter(|name| !["target", "result"].contains(&name.as_str())).collect()
}
