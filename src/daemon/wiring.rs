//! Makes an agent's program tell of itself: its environment, and a settings file of the start's own.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::child;
use super::event_socket::secret;
use super::paths::Paths;
use super::prepare::{read, replace};
use crate::policy::fleet::{Agent, Backend, Teller};
use crate::policy::launch::starts_itself;
use crate::protocol::event::{
    GEMINI_SETTINGS_VARIABLE, Given, SENDER_VARIABLE, SOCKET_VARIABLE, Sender, Setting, Wiring, option_in, wire,
};

/// Where Gemini's settings of the host stand, where no variable names another place.
const GEMINI_SETTINGS: &str = "/etc/gemini-cli/settings.json";

/// Returns what makes the program of `agent`'s start `run` tell of itself, its settings file being written. Where that
/// cannot be had, the start is one whose screen is read: it never fails for want of events.
///
/// # Errors
/// One line when the settings file cannot be written.
pub fn prepare(paths: &Paths, agent: &Agent, backend: &Backend, run: u64) -> Result<Wiring, String> {
    let (Some(secret), Some(socket)) = (secret(&paths.secret()), text(&paths.event_socket())) else {
        return Ok(Wiring::default());
    };
    let mut wiring = wired(paths, agent, backend)?.unwrap_or_default();
    let sender = Sender::of(&secret, &agent.name, run);
    let ours = [(SOCKET_VARIABLE.to_owned(), socket), (SENDER_VARIABLE.to_owned(), sender.to_variable())];
    wiring.env.extend(ours);
    Ok(wiring)
}

/// Returns the program's own wiring; `None` where there is none, or the person's own settings are in its place and
/// cannot be understood.
fn wired(paths: &Paths, agent: &Agent, backend: &Backend) -> Result<Option<Wiring>, String> {
    let Some(teller) = backend.events.filter(|_| starts_itself(backend)) else { return Ok(None) };
    let path = paths.event_settings(&agent.name);
    let (Some(file), Some(program)) = (text(&path), text(&child::own_program())) else { return Ok(None) };
    let Some(settings) = given_settings(teller, agent, backend) else { return Ok(None) };
    let port = if teller == Teller::Opencode { free_port() } else { Some(0) };
    let Some(port) = port else { return Ok(None) };
    let wiring = wire(teller, &Given { program: &program, file: &file, settings, port });
    if let Some(file) = &wiring.file {
        replace(&path, file.as_bytes())?;
    }
    // What it refuses to read would keep it from the host's settings all the same, and it would complain on its screen.
    if teller == Teller::Gemini && !is_roots_alone(&path) {
        let _gone = std::fs::remove_file(&path);
        return Ok(None);
    }
    Ok(Some(wiring))
}

/// Group and others may write.
const WRITABLE: u32 = 0o022;

/// Says whether a file and all folders above it are root's and nobody else may write there: Gemini reads no other
/// settings of the host (`isFileAndDirectorySecureSync` of 0.61).
fn is_roots_alone(path: &Path) -> bool {
    let Ok(real) = path.canonicalize() else { return false };
    let is_safe = |place: &Path| place.metadata().is_ok_and(|of| of.uid() == 0 && of.mode() & WRITABLE == 0);
    path.ancestors().chain(real.ancestors()).all(is_safe)
}

/// Returns the settings that the program would read in the place of ours; `None` where that cannot be known.
fn given_settings(teller: Teller, agent: &Agent, backend: &Backend) -> Option<Map<String, Value>> {
    let flags = format!("{} {}", backend.bin, backend.flags);
    match teller {
        Teller::Claude => match option_in(&flags, "--settings") {
            Setting::Absent => Some(Map::new()),
            Setting::Word(word) if word.trim_start().starts_with('{') => object(&word),
            Setting::Word(word) => object(&read(&agent.dir.join(word)).ok()?),
            Setting::Unclear => None,
        },
        Teller::Gemini => {
            let named = backend.env.get(GEMINI_SETTINGS_VARIABLE).map(PathBuf::from);
            let named = named.or_else(|| std::env::var_os(GEMINI_SETTINGS_VARIABLE).map(PathBuf::from));
            let path = named.unwrap_or_else(|| PathBuf::from(GEMINI_SETTINGS));
            if path.exists() { object(&read(&path).ok()?) } else { Some(Map::new()) }
        }
        // Their own `notify` and port stay.
        Teller::Codex => (!flags.contains("notify")).then(Map::new),
        Teller::Opencode => (option_in(&flags, "--port") == Setting::Absent).then(Map::new),
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// Returns a port of this host that is free now.
fn free_port() -> Option<u16> {
    Some(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?.local_addr().ok()?.port())
}

fn text(path: &Path) -> Option<String> {
    path.to_str().map(str::to_owned)
}
