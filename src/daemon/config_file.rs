//! Reads the config from disk.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::config::{Where, parse};
use crate::policy::fleet::Fleet;

/// The largest config.
pub const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// A usable config.
#[derive(Debug)]
pub struct Loaded {
    /// What it describes.
    pub fleet: Fleet,
    /// Mistakes that do not stop it, one line each.
    pub warnings: Vec<String>,
}

/// A config that cannot be used.
#[derive(Debug)]
pub struct Unusable {
    /// All mistakes as `check` prints them.
    pub mistakes: String,
}

impl Unusable {
    /// Returns the first mistake in one line.
    pub fn first_line(&self) -> String {
        first_line(&self.mistakes)
    }
}

/// Reads and checks the config at the absolute path `path`.
///
/// # Errors
/// When it cannot be read or is not usable; an empty file (one that is just being written) is not.
pub fn read(path: &Path) -> Result<Loaded, Unusable> {
    let unreadable =
        |why: &dyn std::fmt::Display| Unusable { mistakes: format!("cannot read config `{}`: {why}", path.display()) };
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let hint = "hint: `agent-orchestrator init` writes one";
            return Err(Unusable { mistakes: format!("there is no config `{}`\n{hint}", path.display()) });
        }
        Err(error) => return Err(unreadable(&error)),
    };
    if text.trim().is_empty() {
        return Err(unreadable(&"it is empty"));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let parsed = parse(&text, &Where { file: path.to_owned(), home });
    let rendered: Vec<String> = parsed.mistakes.iter().map(ToString::to_string).collect();
    match parsed.fleet {
        Some(fleet) => Ok(Loaded { fleet, warnings: rendered.iter().map(|mistake| first_line(mistake)).collect() }),
        None => Err(Unusable { mistakes: rendered.join("\n") }),
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        return Err(io::Error::other(format!("it is larger than {CONFIG_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
