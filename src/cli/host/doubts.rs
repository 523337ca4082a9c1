//! What of the host does not fit the config: folders that another agent can swap, that are hidden, or that cannot be used, and
//! users that are not there.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{ENTER, HOMES, Person, READ, USER, Unit, Units, WRITE};
use crate::config::{self, FleetAgent, Mistake, Needed, Parsed};
use crate::daemon::paths::Paths;

/// The bit of a folder in which only its owner takes away what is another's (unlink(2)).
const STICKY: u32 = 0o1000;

/// What helps where a drop-in is older than the config.
const UNITS: &str = "`sudo agent-orchestrator units` lets it";

/// What is wrong, and what helps.
type Words = (String, String);

/// Returns a warning for all that `units` tell of the fleet and that does not fit; none without them.
pub fn doubts(parsed: &Parsed, source: &str, paths: &Paths, units: &Units) -> Vec<Mistake> {
    let Some(fleet) = &parsed.fleet else { return Vec::new() };
    let known: Vec<(&FleetAgent, &Unit)> = fleet
        .agents
        .iter()
        .filter(|agent| agent.enabled)
        .filter_map(|agent| Some((agent, units.known.get(&agent.name)?)))
        .collect();
    let enabled = |name: &str| fleet.agents.iter().any(|agent| agent.name == name && agent.enabled);
    let strangers = units.strangers.iter().filter(|(name, _)| enabled(name)).map(|(name, user)| {
        let message = format!("the unit of `{name}` is to run as `{user}`, a user that the host does not have");
        let hint = format!("`sudo useradd --system {user}`, or another `User=` in its unit");
        config::folder_doubt(parsed, name, (message, hint), source)
    });
    let mut found: Vec<Mistake> = strangers.collect();
    for (index, (agent, unit)) in known.iter().enumerate() {
        let others = known.iter().filter(|(_, other)| other.person.uid != unit.person.uid && other.person.uid != 0);
        let of_one = [
            others.clone().find_map(|(other, its)| led_by(agent, other, its)),
            known[..index].iter().find_map(|(other, its)| shared_with(agent, unit, other, its)),
            hidden(agent, unit),
            unusable(agent, &unit.person, &paths.config),
            without_environment(agent, unit),
            unlogged(agent, &unit.person, &paths.session_log(&agent.session)),
        ];
        found
            .extend(of_one.into_iter().flatten().map(|words| config::folder_doubt(parsed, &agent.name, words, source)));
    }
    found
}

/// Returns the warning that the fleet's user cannot read a file; where that is known.
pub fn unreadable(needed: &Needed, source: &str) -> Option<Mistake> {
    let path = needed.candidates.iter().find(|path| path.exists())?;
    let shut = Person::named(USER, &[])?.kept_from(path, READ)?;
    let why = format!("the user `{USER}` is kept from it by `{}`", shut.display());
    Some(config::unreadable(needed, source, path, &why))
}

/// Another agent can put something else in the place of the folder.
fn led_by(agent: &FleetAgent, other: &FleetAgent, its: &Unit) -> Option<Words> {
    let real = agent.dir.canonicalize().ok();
    let ways = std::iter::once(agent.dir.as_path()).chain(real.as_deref());
    let mut steps = ways.flat_map(|way| way.ancestors().skip(1).zip(way.ancestors()));
    let (place, _) = steps.find(|(folder, part)| *folder == other.dir || swaps(its, folder, part))?;
    let (name, user, place) = (&agent.name, &its.person.name, place.display());
    Some((
        format!("`{}` runs as `{user}`, which can write in `{place}`, above the folder of `{name}`", other.name),
        format!(
            "it could put a link, or settings of its own, in the way of `{name}`: give that a folder below one that is root's"
        ),
    ))
}

/// Whether an agent can put another `part` into `folder`. What runs as the fleet's user does so from its unit alone.
fn swaps(its: &Unit, folder: &Path, part: &Path) -> bool {
    let person = &its.person;
    let may = folder.metadata().is_ok_and(|of| {
        let is_anothers = || part.symlink_metadata().is_ok_and(|part| part.uid() != person.uid);
        let is_kept = of.mode() & STICKY != 0 && of.uid() != person.uid && is_anothers();
        of.uid() == person.uid || person.may(&of, WRITE | ENTER) && !is_kept
    });
    may && person.kept_from(folder, ENTER).is_none() && (person.name != USER || its.lets_write(folder))
}

/// Two users have one folder.
fn shared_with(agent: &FleetAgent, unit: &Unit, other: &FleetAgent, its: &Unit) -> Option<Words> {
    let is_same = agent.dir == other.dir
        || agent.dir.canonicalize().is_ok_and(|dir| other.dir.canonicalize().is_ok_and(|its| its == dir));
    if !is_same || unit.person.uid == its.person.uid {
        return None;
    }
    let (one, two) = (&unit.person.name, &its.person.name);
    Some((
        format!("`{}` and `{}` have one folder, and run as `{one}` and `{two}`", agent.name, other.name),
        "whoever can write there can have the other one run commands: give each a `dir` of its own".to_owned(),
    ))
}

/// The unit hides the folder or the home, or keeps it from being written: a drop-in is missing, or older than the config.
fn hidden(agent: &FleetAgent, unit: &Unit) -> Option<Words> {
    let is_hidden = |place: &&Path| unit.hides_homes && is_in_home(place) && !unit.lets_write(place);
    let home = Some(unit.person.home.as_path()).filter(is_hidden);
    let dir = Some(agent.dir.as_path()).filter(|dir| !unit.lets_write(dir));
    let (what, place) = dir.map(|dir| ("folder", dir)).or(home.map(|home| ("home", home)))?;
    let message = format!("the unit of `{}` does not let it write its {what} `{}`", agent.name, place.display());
    Some((message, UNITS.to_owned()))
}

/// Whether units that hide homes hide this.
pub fn is_in_home(place: &Path) -> bool {
    HOMES.iter().any(|home| place.starts_with(home))
}

/// The agent's user cannot write the folder, or does not get there.
fn unusable(agent: &FleetAgent, person: &Person, config: &Path) -> Option<Words> {
    let shut = person.kept_from(&agent.dir, WRITE | ENTER)?;
    let (user, dir) = (&person.name, agent.dir.display());
    let message = format!("`{}` runs as `{user}`, which cannot write its folder `{dir}`", agent.name);
    let hint = if config.starts_with(&agent.dir) {
        "the config lies there: give it a `dir` of its own".to_owned()
    } else if agent.dir.canonicalize().is_ok_and(|dir| dir == shut) {
        format!("`sudo chown -R {user}:{USER} {dir}` and `sudo chmod 2750 {dir}`")
    } else {
        format!("`{}` may not be entered by `{user}`", shut.display())
    };
    Some((message, hint))
}

/// A file that the unit starts with is not there.
fn without_environment(agent: &FleetAgent, unit: &Unit) -> Option<Words> {
    let file: &PathBuf = unit.environment_files.iter().find(|file| matches!(file.try_exists(), Ok(false)))?;
    let message = format!("the unit of `{}` starts with `{}`, which is not there", agent.name, file.display());
    Some((message, "the agent does not start without it".to_owned()))
}

/// The session's log is a former user's.
fn unlogged(agent: &FleetAgent, person: &Person, log: &Path) -> Option<Words> {
    let of = log.metadata().ok()?;
    if of.uid() == person.uid || person.may(&of, WRITE) {
        return None;
    }
    let (user, log) = (&person.name, log.display());
    let message = format!("the log of `{}`, `{log}`, is of another user than `{user}`: nothing is logged", agent.name);
    Some((message, format!("`sudo chown {user} {log}*`, and `agent-orchestrator restart {}`", agent.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Where, parse};

    /// Agents `ada` and `eve` with these folders, below the temp folder.
    fn parsed(top: &Path, ada: &str, eve: &str) -> (String, Parsed) {
        let agent = |name: &str, dir: &str| {
            format!("[[agent]]\nname = '{name}'\nprompt = 'x'\nbackend = 'claude'\ndir = '{dir}'\n")
        };
        let head = "[defaults]\nsession_prefix = 't-'\nlog_dir = 'logs'\n";
        let text = format!("{head}{}{}", agent("ada", ada), agent("eve", eve));
        let parsed = parse(&text, &Where { file: top.join("agents.toml"), home: None });
        (text, parsed)
    }

    /// A user of whom the host has none, with a unit that lets it write everywhere.
    fn unit(uid: u32) -> Unit {
        let person = Person { name: format!("u{uid}"), uid, groups: [uid].into(), home: PathBuf::from("/srv") };
        let writable = "/srv /tmp /var /home".to_owned();
        Unit { person, hides_homes: true, writable, environment_files: Vec::new() }
    }

    fn told(top: &Path, folders: (&str, &str), units: &Units) -> Vec<String> {
        let (text, parsed) = parsed(top, folders.0, folders.1);
        let paths = Paths::new(&top.join("agents.toml"), &top.join("logs")).expect("named");
        let found = doubts(&parsed, &text, &paths, units);
        let top = top.display().to_string();
        found.iter().map(|one| format!("{}: {}", one.path, one.message.replace(&top, "TOP"))).collect()
    }

    /// Returns users of whom the first is this process's own, for both agents.
    fn people(ada: u32, eve: u32) -> Units {
        let known = [("ada".to_owned(), unit(ada)), ("eve".to_owned(), unit(eve))].into();
        Units { known, ..Units::default() }
    }

    fn open_to_all(folder: &Path, mode: u32) {
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("changed");
    }

    #[test]
    fn a_folder_below_another_users_and_one_that_two_share_are_told() {
        // Others may enter it, unlike the folder that `TMPDIR` may name.
        let top = tempfile::tempdir_in("/tmp").expect("a temp folder");
        let top = top.path().canonicalize().expect("there");
        open_to_all(&top, 0o755);
        for folder in ["eve/ada", "ada", "open/ada"] {
            std::fs::create_dir_all(top.join(folder)).expect("made");
            open_to_all(&top.join(folder), 0o777);
        }
        open_to_all(&top.join("eve"), 0o777);
        let own = nix::unistd::geteuid().as_raw() + 1000;
        let apart = people(own, own + 1);
        assert_eq!(told(&top, ("ada", "eve"), &people(own, own)), ["agent[1].dir: `eve` runs as"; 0]);
        let below = told(&top, ("eve/ada", "eve"), &apart);
        assert!(below[0].contains("`eve` runs as `u") && below[0].contains("can write in `TOP/eve`"), "{below:?}");
        assert!(below[0].starts_with("agent[0].dir: "), "{below:?}");
        open_to_all(&top.join("open"), 0o777);
        assert!(told(&top, ("open/ada", "ada"), &apart)[0].contains("can write in `TOP/open`"));
        open_to_all(&top.join("open"), 0o1777);
        assert_eq!(told(&top, ("open/ada", "ada"), &apart), [""; 0], "where nobody takes away what is another's");
        let shared = told(&top, ("ada", "ada"), &apart);
        assert!(shared.len() == 1 && shared[0].contains("`eve` and `ada` have one folder"), "{shared:?}");
        assert_eq!(told(&top, ("ada", "ada"), &people(own, own)), [""; 0], "one user shares with itself");
    }

    #[test]
    fn a_folder_a_home_an_environment_and_a_log_that_cannot_be_used_are_told() {
        // Others may enter it, unlike the folder that `TMPDIR` may name.
        let top = tempfile::tempdir_in("/tmp").expect("a temp folder");
        let top = top.path().canonicalize().expect("there");
        open_to_all(&top, 0o755);
        std::fs::create_dir_all(top.join("logs")).expect("made");
        std::fs::create_dir_all(top.join("ada")).expect("made");
        let own = nix::unistd::geteuid().as_raw() + 1000;
        let mut units = people(own, own);
        let all = |units: &Units| told(&top, ("ada", "none"), units);
        assert_eq!(all(&units).len(), 1);
        assert!(all(&units)[0].contains("cannot write its folder `TOP/ada`"));
        open_to_all(&top.join("ada"), 0o777);
        std::fs::write(top.join("logs/t-ada.log"), "").expect("written");
        assert!(all(&units)[0].contains("nothing is logged"));
        std::fs::remove_file(top.join("logs/t-ada.log")).expect("removed");
        let ada = units.known.get_mut("ada").expect("there");
        ada.environment_files = vec![top.join("none.env")];
        assert!(all(&units)[0].contains("`TOP/none.env`, which is not there"));
        let ada = units.known.get_mut("ada").expect("there");
        ada.environment_files.clear();
        ada.person.home = PathBuf::from("/root/ada");
        assert!(all(&units)[0].contains("does not let it write its home `/root/ada`"));
        units.known.get_mut("ada").expect("there").writable = "/root".to_owned();
        assert!(all(&units)[0].contains("does not let it write its folder `TOP/ada`"));
        units.known.remove("ada");
        units.strangers.insert("ada".to_owned(), "no-such-user".to_owned());
        assert!(all(&units)[0].contains("`no-such-user`, a user that the host does not have"));
    }
}
