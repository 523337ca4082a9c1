//! `units`: writes what the unit files need of the config, as drop-ins.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::host::{self, HOMES, USER, Unit};
use super::install::systemd;
use super::stop::{Failure, Outcome};
use super::{check, fleet_file, out, text};
use crate::config::{self, Mistake, Parsed, Severity};
use crate::daemon::paths::{HOST_CONFIG, Paths};
use crate::protocol::control::Reason;
use crate::protocol::unit;

/// What stands below `units --help`.
pub const HELP: &str = "\
For a host whose fleet is kept by systemd (README, \"Under systemd\"). It writes a drop-in `10-fleet.conf` for each \
agent's session unit (the folders that it may write; of an agent with a `User=` of its own its home) and for each timer (its calendar), enables the timers, makes missing \
working folders for the agents' users, and removes its own files of agents that are gone. Limits and other \
changes of yours belong into other files of these folders: `systemctl edit agent-orchestrator-session@NAME`. \
To be run again when `dir`, `schedule`, `log_dir` or a `User=` change. Mistakes of the config that leave a fleet are told, and \
do not keep it from writing.

Exit codes:
  0  written
  1  the config is not usable, or a file cannot be written

Example:
  agent-orchestrator units";

/// What `units` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to; the drop-ins take effect at once when this is left out
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Where the administrator's unit files lie.
const ADMINISTRATORS: &str = "/etc/systemd/system";

/// Where units are installed, the first of them that has ours counts.
const INSTALLED: [&str; 4] =
    ["/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", ADMINISTRATORS];

/// The name of every drop-in of ours.
const DROP_IN: &str = "10-fleet.conf";

/// With which timers run.
const TARGET: &str = "agent-orchestrator.target";

/// Where the timers that are enabled stand.
const WANTS: &str = "agent-orchestrator.target.wants";

/// Where the session unit and the supervisor's may write without a drop-in.
const LOGS: &str = "/var/log/agent-orchestrator";

/// Writes the drop-ins.
///
/// # Errors
/// When the config is not usable or a file cannot be written.
pub fn run(config: &Path, arguments: &Arguments) -> Outcome {
    super::install::readable_by_all();
    must_be_the_hosts(config, arguments)?;
    let (source, parsed) = fleet_file::parse(config)?;
    let Some(fleet) = &parsed.fleet else {
        let failure = Failure::new(Reason::Failed, format!("`{}` describes no usable fleet", config.display()));
        return Err(failure.hint("`agent-orchestrator check` lists the mistakes").into());
    };
    let mut drop_ins = BTreeMap::new();
    let mut timers = Vec::new();
    let is_host = arguments.output.is_none() && systemd::runs();
    if is_host {
        refuse_calendars(&parsed, &source)?;
        // A `User=` that was just written counts.
        systemd::run("systemctl", &["daemon-reload"])?;
    }
    let known = if is_host { host::units(config, fleet).known } else { BTreeMap::new() };
    let elsewhere = Some(&fleet.log_dir).filter(|folder| !folder.starts_with(LOGS));
    if let Some(folder) = elsewhere {
        drop_ins.insert("agent-orchestrator.service".to_owned(), writable(&[folder], None, Homes::Seen));
    }
    for agent in &fleet.agents {
        let name = &agent.name;
        let folders: Vec<&PathBuf> = std::iter::once(&agent.dir).chain(elsewhere).collect();
        let home = known.get(name).and_then(own_home);
        drop_ins.insert(format!("agent-orchestrator-session@{name}.service"), writable(&folders, home, Homes::Hidden));
        let wake = agent.wake.as_ref().and_then(|wake| wake.schedule.as_ref());
        for (verb, calendar) in [("wake", wake), ("run", agent.schedule.as_ref())] {
            if let Some(calendar) = calendar.filter(|_| agent.enabled) {
                let timer = unit::timer(verb, name);
                let calendar = calendar.replace('%', "%%");
                drop_ins.insert(timer.clone(), format!("[Timer]\nOnCalendar={calendar}\n"));
                timers.push((timer, format!("agent-orchestrator-{verb}@.timer")));
            }
        }
    }
    let folder = arguments.output.clone().unwrap_or_else(|| PathBuf::from(ADMINISTRATORS));
    let _held = super::install::hold(&folder)?;
    write(&folder, config, &drop_ins)?;
    enable(&folder, &timers)?;
    let mut lines = vec![format!("wrote {} drop-ins below {}", drop_ins.len(), folder.display())];
    if config != Path::new(HOST_CONFIG) {
        lines.push(format!("the units read `{HOST_CONFIG}`, not `{}`", config.display()));
    }
    if is_host {
        let user_of = |agent: &str| known.get(agent).map_or(USER, |unit| unit.person.name.as_str());
        let of_agents = fleet.agents.iter().filter(|agent| agent.enabled);
        let folders = of_agents.map(|agent| (&agent.dir, user_of(&agent.name))).chain(elsewhere.map(|dir| (dir, USER)));
        lines.extend(make_folders(folders)?);
        put_in_force(&timers)?;
    }
    tell_mistakes(config, &parsed, &source)?;
    out::lines(&lines)
}

/// Refuses another config than the one that the host's units read.
fn must_be_the_hosts(config: &Path, arguments: &Arguments) -> Outcome {
    if arguments.output.is_some() || config == Path::new(HOST_CONFIG) {
        return Ok(());
    }
    let error = format!("the host's units read `{HOST_CONFIG}`, not `{}`", config.display());
    let hint = "`--config` names that; `--output` writes those of another config to a folder";
    Err(Failure::new(Reason::Failed, error).hint(hint).into())
}

/// Tells what is wrong with the config, and with what the units make of it now.
fn tell_mistakes(config: &Path, parsed: &Parsed, source: &str) -> Outcome {
    let mut mistakes = parsed.mistakes.clone();
    if let Some(fleet) = &parsed.fleet {
        let paths = Paths::new(config, &fleet.log_dir)?;
        mistakes.extend(host::doubts(parsed, source, &paths, &host::units(config, fleet)));
    }
    out::text(&config::render(&mistakes, source, config))?;
    match mistakes.iter().filter(|mistake| mistake.severity != Severity::Warning).count() {
        0 => Ok(()),
        found => out::text(&format!("{}, all the same:\n", text::counted(found, "mistake"))),
    }
}

/// Returns the home of an agent that has a user of its own; nobody lives in `/`.
fn own_home(unit: &Unit) -> Option<&Path> {
    let home = Some(unit.person.home.as_path()).filter(|home| home.is_dir() && home.parent().is_some());
    home.filter(|_| unit.person.name != USER && unit.person.uid != 0)
}

/// Lets systemd read what was written: timers that are gone are stopped, the others run while their target does.
fn put_in_force(timers: &[(String, String)]) -> anyhow::Result<()> {
    let mut question = vec!["show", "--property=Id,ActiveState", "--", TARGET];
    question.extend(["agent-orchestrator-wake@*.timer", "agent-orchestrator-run@*.timer"]);
    let before = systemd::answer("systemctl", &question)?;
    let wanted: Vec<&str> = timers.iter().map(|(timer, _)| timer.as_str()).collect();
    let (gone, verb) = orders(&before, &wanted);
    // While systemd still has what they were made of.
    if !gone.is_empty() {
        systemd::run("systemctl", &[&["stop", "--"], gone.as_slice()].concat())?;
    }
    systemd::run("systemctl", &["daemon-reload"])?;
    if !wanted.is_empty() {
        systemd::run("systemctl", &[&[verb, "--"], wanted.as_slice()].concat())?;
    }
    Ok(())
}

/// Returns the timers to stop and the verb for those that are wanted, by what systemd shows of the target and all timers.
fn orders<'a>(shown: &'a str, wanted: &[&str]) -> (Vec<&'a str>, &'static str) {
    let mut gone = Vec::new();
    let mut verb = "try-restart";
    for unit in shown.split("\n\n") {
        let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key));
        let (Some(name), Some("active")) = (value("Id="), value("ActiveState=")) else { continue };
        if name == TARGET {
            verb = "restart";
        } else if !wanted.contains(&name) {
            gone.push(name);
        }
    }
    (gone, verb)
}

/// Makes sure that systemd understands all calendars.
fn refuse_calendars(parsed: &Parsed, source: &str) -> Outcome {
    let wrong: Vec<Mistake> = check::wrong_calendars(parsed, source);
    let Some(Mistake { message, hint, .. }) = wrong.into_iter().next() else { return Ok(()) };
    let failure = Failure::new(Reason::Failed, message);
    Err(hint.into_iter().fold(failure, Failure::hint).into())
}

/// Makes those of the folders that are missing, without which a unit does not start, for these users, and returns what to tell.
/// What another user than the fleet's has there its group, in which the supervisor is, reads. Behind a link that is not root's nothing is made:
/// whoever may write above a folder could have root make it anywhere.
fn make_folders<'a>(folders: impl Iterator<Item = (&'a PathBuf, &'a str)>) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for (folder, user) in folders.filter(|(folder, _)| matches!(folder.try_exists(), Ok(false))) {
        if let Some(link) = foreign_link(folder, 0) {
            let (link, folder) = (link.display(), folder.display());
            anyhow::bail!(
                "`{link}`, on the way to `{folder}`, is a link that is not root's: no folder is made behind it"
            );
        }
        let folder = folder.to_string_lossy();
        let mode = if user == USER { "750" } else { "2750" };
        systemd::run("install", &["-d", "-o", user, "-g", USER, "-m", mode, "--", &folder])?;
        lines.push(format!("made `{folder}`, which belongs to the user `{user}`"));
    }
    Ok(lines)
}

/// Returns a link on the way to `folder` that is not the user `owner`'s.
fn foreign_link(folder: &Path, owner: u32) -> Option<&Path> {
    let is_foreign = |found: std::fs::Metadata| found.is_symlink() && found.uid() != owner;
    folder.ancestors().find(|place| place.symlink_metadata().is_ok_and(is_foreign))
}

/// What a unit's `ProtectHome=` makes of homes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Homes {
    /// The unit does not see them.
    Hidden,
    /// It reads them.
    Seen,
}

/// Returns a drop-in that lets a unit write these folders, and this home while it is there; of homes that are hidden it sees them
/// alone.
fn writable(folders: &[&PathBuf], own: Option<&Path>, homes: Homes) -> String {
    let mut text = "[Service]\n".to_owned();
    let is_hidden = |folder: &Path| homes == Homes::Hidden && HOMES.iter().any(|home| folder.starts_with(home));
    let places = folders.iter().map(|folder| (folder.as_path(), "")).chain(own.map(|home| (home, "-")));
    if places.clone().any(|(folder, _)| is_hidden(folder)) {
        text.push_str("ProtectHome=tmpfs\n");
    }
    for (folder, sign) in places {
        let key = if is_hidden(folder) { "BindPaths" } else { "ReadWritePaths" };
        // A write to a string does not fail.
        let _ = writeln!(text, "{key}={}", word(&format!("{sign}{}", folder.display()), key == "BindPaths"));
    }
    text
}

/// Quotes a path as one word of a unit file (systemd.syntax(7)), without specifiers.
fn word(path: &str, has_colons: bool) -> String {
    let mut word = "\"".to_owned();
    for letter in path.chars() {
        match letter {
            '"' | '\\' => word.extend(['\\', letter]),
            ':' if has_colons => word.push_str("\\\\:"),
            '%' => word.push_str("%%"),
            other => word.push(other),
        }
    }
    word + "\""
}

/// Writes all drop-ins, and removes those of ours that are no more wanted.
fn write(folder: &Path, config: &Path, drop_ins: &BTreeMap<String, String>) -> anyhow::Result<()> {
    for entry in entries(folder)? {
        let Some(unit) = entry.strip_suffix(".d").filter(|unit| unit.starts_with("agent-orchestrator")) else {
            continue;
        };
        if !drop_ins.contains_key(unit) {
            remove(&folder.join(&entry).join(DROP_IN))?;
            // Others may have put files of their own there.
            let _ = std::fs::remove_dir(folder.join(&entry));
        }
    }
    for (unit, text) in drop_ins {
        let path = folder.join(format!("{unit}.d")).join(DROP_IN);
        let head = format!("# Written by `agent-orchestrator units` from {}.\n", config.display());
        super::install::write(&path, (head + text).as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Enables exactly these timers of ours.
fn enable(folder: &Path, timers: &[(String, String)]) -> anyhow::Result<()> {
    let wants = folder.join(WANTS);
    for entry in entries(&wants)? {
        let is_timer = Path::new(&entry).extension().is_some_and(|extension| extension == "timer");
        let is_ours = entry.starts_with("agent-orchestrator-") && is_timer;
        if is_ours && !timers.iter().any(|(timer, _)| *timer == entry) {
            remove(&wants.join(&entry))?;
        }
    }
    if !timers.is_empty() {
        std::fs::create_dir_all(&wants).with_context(|| format!("cannot make `{}`", wants.display()))?;
    }
    for (timer, template) in timers {
        let link = wants.join(timer);
        let there = INSTALLED.iter().map(|folder| Path::new(folder).join(template)).find(|path| path.exists());
        let target = there.unwrap_or_else(|| Path::new(INSTALLED[0]).join(template));
        remove(&link)?;
        std::os::unix::fs::symlink(&target, &link).with_context(|| format!("cannot make `{}`", link.display()))?;
    }
    Ok(())
}

fn entries(folder: &Path) -> anyhow::Result<Vec<String>> {
    match std::fs::read_dir(folder) {
        Ok(found) => Ok(found.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", folder.display())),
    }
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_run_while_their_target_does_and_one_that_is_gone_is_stopped() {
        let shown = |target: &str| {
            format!(
                "Id=agent-orchestrator.target\nActiveState={target}\n\n\
                 ActiveState=active\nId=agent-orchestrator-wake@gone.timer\n\n\
                 Id=agent-orchestrator-wake@ada.timer\nActiveState=active\n\n\
                 Id=agent-orchestrator-run@idle.timer\nActiveState=inactive\n"
            )
        };
        let wanted = ["agent-orchestrator-wake@ada.timer", "agent-orchestrator-run@new.timer"];
        let gone = vec!["agent-orchestrator-wake@gone.timer"];
        assert_eq!(orders(&shown("active"), &wanted), (gone.clone(), "restart"));
        assert_eq!(orders(&shown("inactive"), &wanted), (gone, "try-restart"), "a stopped fleet stays so");
    }

    #[test]
    fn a_link_on_the_way_counts_by_whose_it_is() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let link = folder.path().join("clones");
        std::os::unix::fs::symlink("/usr/local/lib", &link).expect("linked");
        let (own, wanted) = (nix::unistd::geteuid().as_raw(), link.join("eve/deep"));
        assert_eq!(foreign_link(&wanted, own), None);
        assert_eq!(foreign_link(&wanted, own + 1), Some(link.as_path()));
        assert_eq!(foreign_link(&folder.path().join("eve"), own + 1), None, "no link is on this way");
    }

    #[test]
    fn any_path_stays_one_word_without_specifiers() {
        assert_eq!(word("/srv/a b/%i\"\\", false), r#""/srv/a b/%%i\"\\""#);
        assert_eq!(word("/home/a:b", true), r#""/home/a\\:b""#);
    }

    #[test]
    fn a_home_is_bound_into_an_agents_unit_alone() {
        let folders = [&PathBuf::from("/home/ada/shop"), &PathBuf::from("/srv/logs")];
        let expected = "[Service]\nProtectHome=tmpfs\nBindPaths=\"/home/ada/shop\"\nReadWritePaths=\"/srv/logs\"\n";
        assert_eq!(writable(&folders, None, Homes::Hidden), expected);
        let expected = expected.to_owned() + "BindPaths=\"-/home/ada\"\n";
        assert_eq!(writable(&folders, Some(Path::new("/home/ada")), Homes::Hidden), expected, "with a user of its own");
        let expected = "[Service]\nReadWritePaths=\"/home/ada/shop\"\nReadWritePaths=\"/srv/logs\"\n";
        assert_eq!(writable(&folders, None, Homes::Seen), expected, "which the supervisor sees in any case");
    }
}
