//! Makes an agent's program tell of itself: its environment, and a settings file of the start's own.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::child;
use super::event_socket::secret;
use super::paths::{Paths, is_roots_alone};
use super::prepare::{read, replace};
use crate::policy::fleet::{Agent, Backend, Teller};
use crate::policy::wiring::{Setting, option_in, silence};
use crate::protocol::event::{
    GEMINI_SETTINGS_VARIABLE, Given, PASSWORD_VARIABLE, SENDER_VARIABLE, SOCKET_VARIABLE, Sender, Wiring, wire,
};

/// Where Gemini's settings of the host stand, where no variable names another place.
const GEMINI_SETTINGS: &str = "/etc/gemini-cli/settings.json";

/// Returns what makes the program of `agent`'s start `run` tell of itself, its settings file being written. Where that
/// cannot be had, the start is one whose screen is read: it never fails for want of events.
///
/// # Errors
/// One line when the settings file cannot be written, or the fleet's secret not be read.
pub fn prepare(paths: &Paths, agent: &Agent, backend: &Backend, run: u64) -> Result<Wiring, String> {
    let secret =
        secret(&paths.secret()).map_err(|error| format!("cannot read `{}`: {error}", paths.secret().display()))?;
    let (Some(secret), Some(socket)) = (secret, text(&paths.event_socket())) else {
        return Ok(Wiring::default());
    };
    let wiring = wired(paths, agent, backend)?;
    let has_server = wiring.is_some() && backend.events == Some(Teller::Opencode);
    let mut wiring = wiring.unwrap_or_default();
    let sender = Sender::of(&secret, &agent.name, run);
    // Without a password every user of the host could have the agent run commands. Only this start has the sender's proof.
    if has_server && !is_set(PASSWORD_VARIABLE, backend) {
        wiring.env.push((PASSWORD_VARIABLE.to_owned(), sender.to_variable()));
    }
    let ours = [(SOCKET_VARIABLE.to_owned(), socket), (SENDER_VARIABLE.to_owned(), sender.to_variable())];
    wiring.env.extend(ours);
    Ok(wiring)
}

/// The flags that have Claude Code ask at its start whether that is meant.
const CLAUDE_BYPASS: [&str; 3] =
    ["--dangerously-skip-permissions", "--permission-mode bypassPermissions", "--permission-mode=bypassPermissions"];

/// Returns the program's own wiring; `None` where there is none, or the person's own settings are in its place and
/// cannot be understood.
fn wired(paths: &Paths, agent: &Agent, backend: &Backend) -> Result<Option<Wiring>, String> {
    let Some(teller) = backend.events.filter(|_| silence(backend).is_none()) else { return Ok(None) };
    let path = paths.event_settings(&agent.name);
    let (Some(file), Some(program)) = (text(&path), text(&child::own_program())) else { return Ok(None) };
    let Some(mut settings) = given_settings(teller, agent, backend) else { return Ok(None) };
    // Whoever gives this flag has answered; a blind Enter would end the program.
    let bypasses = |flag: &&str| backend.flags.contains(flag) || backend.bin.contains(flag);
    if teller == Teller::Claude && CLAUDE_BYPASS.iter().any(bypasses) {
        settings.entry("skipDangerousModePermissionPrompt").or_insert(Value::Bool(true));
    }
    let port = if teller == Teller::Opencode { free_port() } else { Some(0) };
    let Some(port) = port else { return Ok(None) };
    let wiring = wire(teller, &Given { program: &program, file: &file, settings, port });
    if let Some(file) = &wiring.file {
        replace(&path, file.as_bytes())?;
    }
    // What it refuses to read would keep it from the host's settings all the same, and it would say so on its screen.
    if teller == Teller::Gemini && !is_roots_alone(&path) {
        let _gone = std::fs::remove_file(&path);
        return Ok(None);
    }
    Ok(Some(wiring))
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
        Teller::Codex | Teller::Opencode => Some(Map::new()),
    }
}

/// Says whether the program finds a variable in its environment without us.
fn is_set(variable: &str, backend: &Backend) -> bool {
    backend.env.contains_key(variable) || std::env::var_os(variable).is_some_and(|value| !value.is_empty())
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
