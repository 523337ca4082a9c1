//! `install`: puts the program and its unit files where systemd finds them.

mod polkit;
pub mod systemd;

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::fs::FlockOperation;

use super::out;
use super::stop::Outcome;

/// What stands below `install --help`.
pub const HELP: &str = "\
For a host with systemd 254 or newer that is not managed by Nix; to be run as root. It copies this program, the \
unit files, the polkit rule and the user's and folders' descriptions below PREFIX, makes the user and the folders, and \
starts nothing. To be run again after an upgrade; running agents are not touched.

Exit codes:
  0  installed
  1  a file cannot be written, or a tool of systemd fails

Examples:
  sudo ./agent-orchestrator install
  agent-orchestrator install --root /mnt/image --prefix /usr";

/// What `install` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The host's top folder; only on the running host users and folders are made
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Where bin, lib and share lie on that host
    #[arg(long, value_name = "DIR", default_value = "/usr/local")]
    prefix: PathBuf,
    /// The address on which the reverse proxy of the web part listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

macro_rules! unit_file {
    ($name:literal, $place:literal) => {
        ($place, include_str!(concat!("../../units/", $name)))
    };
    ($name:literal) => {
        (concat!("lib/systemd/system/", $name), include_str!(concat!("../../units/", $name)))
    };
}

/// Every file besides the program: where it goes below PREFIX, and its text.
const FILES: [(&str, &str); 14] = [
    unit_file!("agent-orchestrator.slice"),
    unit_file!("agent-orchestrator.target"),
    unit_file!("agent-orchestrator.service"),
    unit_file!("agent-orchestrator-session@.service"),
    unit_file!("agent-orchestrator-wake@.service"),
    unit_file!("agent-orchestrator-wake@.timer"),
    unit_file!("agent-orchestrator-run@.service"),
    unit_file!("agent-orchestrator-run@.timer"),
    unit_file!("agent-orchestrator-web.service"),
    unit_file!("50-agent-orchestrator.rules", "share/polkit-1/rules.d/50-agent-orchestrator.rules"),
    unit_file!("agent-orchestrator.sysusers.conf", "lib/sysusers.d/agent-orchestrator.conf"),
    unit_file!("agent-orchestrator.tmpfiles.conf", "lib/tmpfiles.d/agent-orchestrator.conf"),
    unit_file!("agent-orchestrator.nginx.conf", "share/agent-orchestrator/nginx.conf"),
    unit_file!("agent-orchestrator.sysctl.conf", "share/agent-orchestrator/sysctl.conf"),
];

/// Lets the modes of what is written be as they are named: other users have to read it, whatever the umask of who installs.
pub fn readable_by_all() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
}

/// Installs.
///
/// # Errors
/// When a file cannot be written or a tool fails.
pub fn run(arguments: &Arguments) -> Outcome {
    let Arguments { root, prefix, listen } = arguments;
    readable_by_all();
    let top = root.join(prefix.strip_prefix("/").unwrap_or(prefix));
    let _held = hold(&top)?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let place = top.join("bin/agent-orchestrator");
    if program != place {
        let bytes = std::fs::read(&program).with_context(|| format!("cannot read `{}`", program.display()))?;
        write(&place, &bytes, 0o755)?;
    }
    let folder = prefix.join("bin");
    for (name, text) in FILES {
        let text = text.replace("@bindir@", &folder.to_string_lossy()).replace("@listen@", &listen.to_string());
        write(&top.join(name), text.as_bytes(), 0o644)?;
    }
    let mut lines = vec![format!("installed below {}", top.display())];
    if root == Path::new("/") && systemd::runs() {
        systemd::run("systemd-sysusers", &[])?;
        let folders = top.join("lib/tmpfiles.d/agent-orchestrator.conf");
        systemd::run("systemd-tmpfiles", &["--create", &folders.to_string_lossy()])?;
        systemd::run("systemctl", &["daemon-reload"])?;
        lines.extend(polkit::hint(prefix));
        lines.push("next: write /etc/agent-orchestrator/agents.toml, then".to_owned());
        lines.push("  agent-orchestrator units && systemctl enable --now agent-orchestrator".to_owned());
    }
    out::lines(&lines)
}

/// Makes a folder, and waits until nobody else installs there; as long as the result is kept, others wait.
///
/// # Errors
/// Names the folder.
pub fn hold(folder: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make folder `{}`", folder.display()))?;
    let what = || format!("cannot lock `{}`", folder.display());
    let held = File::open(folder).with_context(what)?;
    rustix::fs::flock(&held, FlockOperation::LockExclusive).with_context(what)?;
    Ok(held)
}

/// Replaces a file in one step, and makes its folder.
///
/// # Errors
/// Names the file.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let what = || format!("cannot write `{}`", path.display());
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make folder `{}`", folder.display()))?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let mut file = options.open(&draft).with_context(what)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(what)?;
    drop(file);
    std::fs::rename(&draft, path).with_context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_file_is_installed_and_nothing_of_it_is_left_to_fill_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/units");
        let there = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(there, FILES.len() + 1, "the files and the README");
        let hole = regex::Regex::new("@[a-z]+@").unwrap();
        for (name, text) in FILES {
            let filled = text.replace("@bindir@", "").replace("@listen@", "");
            assert_eq!(hole.find(&filled).map(|found| found.as_str()), None, "{name}");
        }
    }
}
