//! What systemd knows of the agents of the host's own fleet: who each is, and what its unit lets it do.

mod doubts;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

pub use doubts::{doubts, unreadable};
use nix::unistd::{Gid, Group, User, getgrouplist};

use super::install::systemd;
use crate::config::Fleet;
use crate::daemon::paths::HOST_CONFIG;
use crate::protocol::unit;

/// Whose the fleet is.
pub const USER: &str = "agent-orchestrator";

/// Folders that `ProtectHome=` hides (systemd.exec(5)).
pub const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// The extended attribute of a file that has an access control list (acl(5)).
const ACCESS_LIST: &str = "system.posix_acl_access";

/// The bit of a mode by which its owner reads.
pub const READ: u32 = 0o400;
/// That by which its owner writes.
pub const WRITE: u32 = 0o200;
/// That by which its owner enters a folder, or runs a program.
pub const ENTER: u32 = 0o100;

/// What is asked of systemd.
const PROPERTIES: &str =
    "Id,DynamicUser,User,Group,SupplementaryGroups,ProtectHome,ReadWritePaths,BindPaths,EnvironmentFiles";

/// A user of the host, as far as files are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The number.
    pub uid: u32,
    /// All groups.
    pub groups: BTreeSet<u32>,
    /// The home.
    pub home: PathBuf,
}

impl Person {
    /// Looks up a user, who is in `groups` besides; `None` where the host has none of this name.
    pub fn named(name: &str, groups: &[&str]) -> Option<Self> {
        let named = User::from_name(name).ok().flatten();
        let user = named.or_else(|| User::from_uid(name.parse::<u32>().ok()?.into()).ok().flatten())?;
        let own = getgrouplist(&CString::new(user.name.as_str()).ok()?, user.gid).unwrap_or_else(|_| vec![user.gid]);
        let more = groups.iter().filter_map(|group| Group::from_name(group).ok().flatten()).map(|group| group.gid);
        let groups = own.into_iter().chain(more).map(Gid::as_raw).collect();
        Some(Self { name: user.name, uid: user.uid.as_raw(), groups, home: user.dir })
    }

    /// Whether the mode of a file lets this user do all of `bits`, which are those of an owner.
    pub fn may(&self, found: &Metadata, bits: u32) -> bool {
        let shift = if found.uid() == self.uid {
            0
        } else if self.groups.contains(&found.gid()) {
            3
        } else {
            6
        };
        self.uid == 0 || found.mode() << shift & bits == bits
    }

    /// Returns what keeps this user from doing `bits` to what is at `path`: a folder above it, or itself. Access control lists are not read: who has one is believed.
    pub fn kept_from(&self, path: &Path, bits: u32) -> Option<PathBuf> {
        let real = path.canonicalize().ok()?;
        let mut way: Vec<&Path> = real.ancestors().skip(1).collect();
        way.reverse();
        let is_shut = |place: &Path, bits| place.metadata().is_ok_and(|of| !self.may(&of, bits)) && !has_list(place);
        let above = way.into_iter().find(|place| is_shut(place, ENTER));
        above.or_else(|| Some(real.as_path()).filter(|place| is_shut(place, bits))).map(Path::to_owned)
    }
}

fn has_list(path: &Path) -> bool {
    let mut nothing: [u8; 0] = [];
    rustix::fs::getxattr(path, ACCESS_LIST, &mut nothing).is_ok_and(|size| size > 0)
}

/// An agent's session unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// As whom the agent runs.
    pub person: Person,
    /// Whether homes are hidden.
    pub hides_homes: bool,
    /// What it may write, as systemd prints that.
    pub writable: String,
    /// Whose lines are its environment; those without which it does not start.
    pub environment_files: Vec<PathBuf>,
}

impl Unit {
    /// Whether it may write at `path`; a name with other characters than systemd prints as they are is believed.
    pub fn lets_write(&self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        let is_plain = text.chars().all(|each| each.is_ascii_alphanumeric() || "/._-+@,=".contains(each));
        let places = self.writable.split([' ', ':', '"']).map(|place| place.trim_start_matches(['-', '+']));
        !is_plain || places.filter(|place| place.starts_with('/')).any(|place| path.starts_with(place))
    }
}

/// The session units of a fleet, by the names of its agents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Units {
    /// Those of users that the host has.
    pub known: BTreeMap<String, Unit>,
    /// As whom the others are to run.
    pub strangers: BTreeMap<String, String>,
}

/// Returns the units of the fleet's agents; none where systemd does not keep it, or tells nothing.
pub fn units(config: &Path, fleet: &Fleet) -> Units {
    let mut units = Units::default();
    if config != Path::new(HOST_CONFIG) || !systemd::runs() || fleet.agents.is_empty() {
        return units;
    }
    let names: Vec<String> = fleet.agents.iter().map(|agent| unit::name(&agent.name)).collect();
    let question = format!("--property={PROPERTIES}");
    let mut words = vec!["show", question.as_str(), "--"];
    words.extend(names.iter().map(String::as_str));
    let answer = systemd::answer("systemctl", &words).unwrap_or_default();
    for agent in &fleet.agents {
        match understood(&answer, &agent.name) {
            Some(Ok(unit)) => drop(units.known.insert(agent.name.clone(), unit)),
            Some(Err(user)) => drop(units.strangers.insert(agent.name.clone(), user)),
            None => {}
        }
    }
    units
}

/// Reads what `systemctl show` says of the unit of `agent`; the name of a user that the host does not have.
fn understood(answer: &str, agent: &str) -> Option<Result<Unit, String>> {
    let id = format!("Id={}", unit::name(agent));
    let of_unit = answer.split("\n\n").find(|unit| unit.lines().any(|line| line == id))?;
    let values = |key: &'static str| of_unit.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='));
    let value = |key: &'static str| values(key).collect::<Vec<_>>().join(" ");
    let groups = [value("Group"), value("SupplementaryGroups")].join(" ");
    let user = Some(value("User")).filter(|user| !user.is_empty()).unwrap_or_else(|| "root".to_owned());
    let needed = values("EnvironmentFiles").filter_map(|file| file.strip_suffix(" (ignore_errors=no)"));
    let Some(person) = Person::named(&user, &groups.split_whitespace().collect::<Vec<_>>()) else {
        // Only what the host says it does not have is told: not one that it could not look up, or that systemd makes.
        let is_none = User::from_name(&user).is_ok_and(|found| found.is_none()) && user.parse::<u32>().is_err();
        return Some(Err(user)).filter(|_| is_none && value("DynamicUser") != "yes");
    };
    Some(Ok(Unit {
        person,
        hides_homes: ["yes", "tmpfs"].contains(&value("ProtectHome").as_str()),
        writable: [value("ReadWritePaths"), value("BindPaths")].join(" "),
        environment_files: needed.map(PathBuf::from).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "Id=agent-orchestrator-session@ada.service\nUser=root\nGroup=\nSupplementaryGroups=GROUP\n\
        ProtectHome=tmpfs\nReadWritePaths=/run/x -/var/log/x \"/srv/a b\"\nBindPaths=/home/ada:/home/ada:rbind\n\
        EnvironmentFiles=/etc/a.env (ignore_errors=no)\nEnvironmentFiles=/etc/b.env (ignore_errors=yes)\n";

    #[test]
    fn a_unit_says_who_its_agent_is_and_where_that_may_write() {
        // One that every host has.
        let own = Group::from_gid(nix::unistd::getegid()).expect("asked").expect("it has a name");
        let shown = SHOWN.replace("GROUP", &own.name);
        let unit =
            understood(&format!("Id=other.service\nUser=bob\n\n{shown}"), "ada").expect("it is told").expect("a user");
        assert_eq!((unit.person.name.as_str(), unit.hides_homes), ("root", true));
        assert!(unit.person.groups.contains(&own.gid.as_raw()));
        let lets = |path: &str| unit.lets_write(Path::new(path));
        assert!(lets("/var/log/x/y") && lets("/home/ada") && lets("/srv/a b") && lets("/run/x"));
        assert!(!lets("/var/log/xy") && !lets("/home/adam") && !lets("/srv"));
        assert_eq!(unit.environment_files, [PathBuf::from("/etc/a.env")]);
        assert_eq!(understood(SHOWN, "bob"), None);
        let of_nobody = SHOWN.replace("User=root", "User=no-such-user");
        assert_eq!(understood(&of_nobody, "ada"), Some(Err("no-such-user".to_owned())));
    }

    #[test]
    fn a_person_may_what_the_mode_of_the_first_class_says_that_they_are_in() {
        // Others may enter it, unlike the folder that `TMPDIR` may name.
        let top = tempfile::tempdir_in("/tmp").expect("a temp folder");
        let file = top.path().canonicalize().expect("there").join("shut/file");
        std::fs::create_dir(file.parent().expect("a folder")).expect("made");
        std::fs::write(&file, "").expect("written");
        let mode = |path: &Path, mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(path, mode).expect("changed");
        };
        mode(top.path(), 0o755);
        mode(&file, 0o640);
        let of = file.metadata().expect("there");
        let person = |uid, gid| Person { name: String::new(), uid, groups: [gid].into(), home: PathBuf::new() };
        let (group, stranger) = (person(of.uid() + 1, of.gid()), person(of.uid() + 1, of.gid() + 1));
        assert!(group.may(&of, READ) && !group.may(&of, WRITE) && !stranger.may(&of, READ));
        assert!(person(0, of.gid() + 1).may(&of, READ | WRITE), "root may all");
        assert_eq!(group.kept_from(&file, READ), None);
        assert_eq!(group.kept_from(&file, WRITE), Some(file.clone()));
        mode(file.parent().expect("a folder"), 0o700);
        assert_eq!(group.kept_from(&file, READ).as_deref(), file.parent(), "it does not get there");
        assert_eq!(group.kept_from(Path::new("/nowhere/at/all"), READ), None, "what is not there is told elsewhere");
    }
}
