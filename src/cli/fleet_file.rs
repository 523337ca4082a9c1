//! What the verbs need of the config file itself.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::stop::{Failure, Outcome};
use super::{names, status};
use crate::config::{self, Parsed, Where};
use crate::daemon::paths::{HOST_CONFIG, Paths};
use crate::protocol::control::Reason;

/// The name of the config file that is taken when none is given.
pub const DEFAULT: &str = "agents.toml";

/// Returns the config that is meant: the one that is given, else that of the folder, else the host's own, also where its
/// last one alone is left. One that is the host's own by another name is that.
pub fn meant(given: Option<&Path>) -> PathBuf {
    let (here, hosts) = (Path::new(DEFAULT), Path::new(HOST_CONFIG));
    let found = given.unwrap_or(if !here.exists() && (hosts.exists() || is_kept(hosts)) { hosts } else { here });
    let is_hosts = found.canonicalize().is_ok_and(|found| hosts.canonicalize().is_ok_and(|hosts| found == hosts));
    if is_hosts { hosts.to_owned() } else { found.to_owned() }
}

/// Says whether the config that was in force last is kept.
fn is_kept(config: &Path) -> bool {
    Paths::new(config, Path::new("")).is_ok_and(|paths| paths.last_config().exists())
}

/// Proves that a config that nobody named may be meant: root does not run the programs of one that lies where it stands by
/// chance and is somebody else's.
///
/// # Errors
/// Says whose it is, and how it is meant.
pub fn may_be_meant(config: &Path) -> Result<(), Failure> {
    let Ok(owner) = config.metadata().map(|found| found.uid()) else { return Ok(()) };
    let asker = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse::<u32>().ok());
    if !nix::unistd::geteuid().is_root() || owner == 0 || asker == Some(owner) {
        return Ok(());
    }
    let owner = nix::unistd::User::from_uid(owner.into()).ok().flatten().map_or(owner.to_string(), |user| user.name);
    let error = format!("`{}` belongs to `{owner}`, and what it names would run as root", config.display());
    let hint = format!("`--config {}` says that it is meant", config.display());
    Err(Failure::new(Reason::Failed, error).hint(hint))
}

/// A fleet as far as the verbs look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetFile {
    /// Where its files lie.
    pub paths: Paths,
    /// Name and session of each agent and service, in the order of the file.
    pub sessions: Vec<(String, String)>,
}

impl FleetFile {
    /// Reads the config and takes from it what it can.
    ///
    /// # Errors
    /// When it is not there or describes no fleet.
    fn read(config: &Path) -> Outcome<Self> {
        let (_, parsed) = parse(config)?;
        let Some(fleet) = parsed.fleet else {
            let failure = Failure::new(Reason::Failed, format!("`{}` describes no usable fleet", config.display()));
            return Err(failure.hint("`agent-orchestrator check` lists the mistakes").into());
        };
        let sessions = fleet.agents.iter().map(|agent| (agent.name.clone(), agent.session.clone())).collect();
        Ok(Self { paths: Paths::new(config, &fleet.log_dir)?, sessions })
    }

    /// Names the folders of the fleet of `config`; of a config that cannot be read, those that its path alone tells.
    ///
    /// # Errors
    /// When the path cannot be made absolute.
    pub fn paths(config: &Path) -> anyhow::Result<Paths> {
        Self::read(config).map_or_else(|_| Paths::new(config, Path::new("")), |fleet| Ok(fleet.paths))
    }

    /// As [`Self::read`]; a config that describes no fleet is replaced by what the fleet's supervisor goes by, or the last
    /// one went by.
    ///
    /// # Errors
    /// As [`Self::read`], when there was none.
    pub fn read_or_ask(config: &Path) -> Outcome<Self> {
        let unusable = match Self::read(config) {
            Ok(fleet) => return Ok(fleet),
            Err(unusable) => unusable,
        };
        // Why that cannot be told is not what is wrong here.
        let Ok(picture) = status::picture(config) else { return Err(unusable) };
        let sessions = picture.agents.into_iter().map(|agent| (agent.name, agent.session)).collect();
        Ok(Self { paths: Paths::new(config, Path::new(&picture.log_dir))?, sessions })
    }

    /// Returns the names of all agents and services.
    pub fn names(&self) -> Vec<&str> {
        self.sessions.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Returns the session of the agent or service `name`.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn session(&self, name: &str) -> Outcome<&str> {
        let found = self.sessions.iter().find(|(known, _)| known == name);
        found.map(|(_, session)| session.as_str()).ok_or_else(|| names::unknown(name, &self.names()).into())
    }
}

/// Reads and parses the config; returns its text as well.
///
/// # Errors
/// When it cannot be read.
pub fn parse(config: &Path) -> Outcome<(String, Parsed)> {
    must_exist(config)?;
    let cannot = || format!("cannot read config `{}`", config.display());
    let file = std::path::absolute(config).with_context(cannot)?;
    let mut text = Vec::new();
    let bound = config::TEXT_MAX_BYTES as u64 + 1;
    File::open(config).with_context(cannot)?.take(bound).read_to_end(&mut text).with_context(cannot)?;
    let text = String::from_utf8(text).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        Failure::new(Reason::Failed, format!("config `{}` is not UTF-8 in line {line}", config.display()))
    })?;
    let parsed = config::parse(&text, &Where { file, home: std::env::var_os("HOME").map(PathBuf::from) });
    Ok((text, parsed))
}

/// Proves that the config is there.
///
/// # Errors
/// Says how to get one.
pub fn must_exist(config: &Path) -> Outcome {
    match config.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(missing(config, Path::new(HOST_CONFIG)).into()),
        Err(error) => Err(anyhow::Error::from(error).context(format!("cannot read `{}`", config.display())).into()),
    }
}

/// Proves that the config is there, or the last one that was in force.
///
/// # Errors
/// As [`must_exist`].
pub fn must_be_known(config: &Path) -> Outcome {
    if is_kept(config) { Ok(()) } else { must_exist(config) }
}

/// Says how to get the config that is not there; on a host that has the units, where its own is or is to be.
fn missing(config: &Path, hosts: &Path) -> Failure {
    let failure = Failure::new(Reason::Failed, format!("there is no config `{}`", config.display()))
        .hint("`agent-orchestrator init` writes one to start from; `--config PATH` names another");
    let place = hosts.display();
    if config == hosts || !hosts.parent().is_some_and(Path::is_dir) {
        failure
    } else if hosts.exists() {
        failure.hint(format!("this host's own is `{place}`"))
    } else {
        failure.hint(format!("this host's own is to be `{place}`, which is not there yet"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_takes_no_config_of_somebody_elses_by_chance() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let file = folder.path().join("agents.toml");
        assert!(may_be_meant(&file).is_ok(), "there is none");
        std::fs::write(&file, "").expect("written");
        assert!(may_be_meant(&file).is_ok(), "it is one's own");
        let is_root = nix::unistd::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&file, Some(65534), None).expect("given away");
        }
        assert_eq!(may_be_meant(&file).is_err(), is_root, "who is not root can do no more than that one");
    }

    #[test]
    fn who_lacks_a_config_is_told_of_the_hosts_own_where_units_are_installed() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("etc/agents.toml");
        let hints = |config: &Path| missing(config, &hosts).hints.split_off(1);
        assert_eq!(hints(Path::new("agents.toml")), [""; 0], "nothing is installed");
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        let yet = format!("this host's own is to be `{}`, which is not there yet", hosts.display());
        assert_eq!(hints(Path::new("agents.toml")), [yet]);
        assert_eq!(hints(&hosts), [""; 0]);
        std::fs::write(&hosts, "").unwrap();
        assert_eq!(hints(Path::new("agents.toml")), [format!("this host's own is `{}`", hosts.display())]);
    }
}
