//! `hook`: what the agents' programs start to tell the supervisor of themselves (hidden).
//!
//! It ends within a second, always with 0, and says nothing: an agent must not notice it, least of all when there is no
//! supervisor. Only the status line prints something, because that is what a status line is for.

mod follow;
mod http;
mod status_line;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::Utc;
use clap::ValueEnum;

use super::bounded::readable;
use crate::protocol::event::{
    AgentEvent, EVENTS_MAX, HANDED_BYTES_MAX, Interface, SENDER_VARIABLE, SOCKET_VARIABLE, Sender, Source, Told,
    datagram, translate,
};

/// How long is waited for what the program hands over; it writes it at once.
const HANDED_MAX: Duration = Duration::from_millis(800);

/// How long is waited for room in the supervisor's socket.
const SEND_MAX: Duration = Duration::from_millis(200);

/// What `hook` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The program that tells, and through what
    #[arg(long)]
    from: From,
    /// Address of a server whose events are told until the process that started this ends
    #[arg(long, value_name = "URL")]
    follow: Option<String>,
    /// What is handed over as an argument
    #[arg(allow_hyphen_values = true)]
    handed: Vec<OsString>,
}

/// The programs that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// Hooks of Claude Code
    Claude,
    /// Status line of Claude Code
    ClaudeStatus,
    /// `notify` of Codex
    Codex,
    /// Hooks of Gemini
    Gemini,
    /// Event stream of opencode
    Opencode,
}

/// Says whether this process was started as a hook, be it with arguments that nobody knows.
pub fn is_asked() -> bool {
    std::env::args_os().nth(1).is_some_and(|verb| verb == "hook")
}

/// Tells the supervisor, if there is one; what goes wrong is nobody's concern.
pub fn run(arguments: &Arguments) {
    let teller = Teller::of_environment();
    let (interface, handed) = match arguments.from {
        From::Claude => (Interface::ClaudeHook, read_input()),
        From::Gemini => (Interface::GeminiHook, read_input()),
        From::Codex => {
            let last = arguments.handed.last().map(|handed| handed.as_bytes().to_vec());
            (Interface::CodexNotify, last.unwrap_or_default())
        }
        From::ClaudeStatus => {
            let handed = read_input();
            let events = translate(Interface::ClaudeStatus, &handed, Utc::now());
            tell(teller.as_ref(), &events);
            return status_line::print(&handed, &events);
        }
        From::Opencode => {
            if let (Some(teller), Some(address)) = (&teller, &arguments.follow) {
                // It ends with the program that it follows, or cannot follow it at all.
                let _ = follow::follow(teller, address);
            }
            return;
        }
    };
    tell(teller.as_ref(), &translate(interface, &handed, Utc::now()));
}

/// Tells the supervisor, if there is one, in the name of Claude Code.
pub fn tell_as_claude(told: Told) {
    let event = AgentEvent { source: Source::ClaudeHook, time: Utc::now(), conversation: None, told };
    tell(Teller::of_environment().as_ref(), &[event]);
}

fn tell(teller: Option<&Teller>, events: &[AgentEvent]) {
    if let Some(teller) = teller {
        // Without a supervisor nobody listens.
        let _ = teller.tell(events);
    }
}

/// Who tells, and where.
struct Teller {
    socket: PathBuf,
    sender: Sender,
}

impl Teller {
    /// Reads who this is from the environment that an agent's start was given.
    fn of_environment() -> Option<Self> {
        let sender = Sender::from_variable(&std::env::var(SENDER_VARIABLE).ok()?)?;
        Some(Self { socket: std::env::var_os(SOCKET_VARIABLE)?.into(), sender })
    }

    fn tell(&self, events: &[AgentEvent]) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_MAX))?;
        for events in events.chunks(EVENTS_MAX) {
            socket.send_to(&datagram(&self.sender, events), &self.socket)?;
        }
        Ok(())
    }

    /// Where messages come in for the program that is followed.
    fn mailbox(&self) -> PathBuf {
        self.socket.with_file_name("launch").join(&self.sender.agent).join("launch.post")
    }
}

/// Reads standard input to its end, or as far as it comes in time.
fn read_input() -> Vec<u8> {
    let end = Instant::now() + HANDED_MAX;
    let Ok(input) = io::stdin().as_fd().try_clone_to_owned() else { return Vec::new() };
    let mut input = File::from(input);
    let mut handed = Vec::new();
    let mut piece = [0; 16 << 10];
    while handed.len() <= HANDED_BYTES_MAX && readable(input.as_fd(), end).unwrap_or(false) {
        match input.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => handed.extend_from_slice(&piece[..count]),
        }
    }
    handed
}

/// Returns the folder of the person's own settings of Claude Code.
fn claude_home() -> Option<PathBuf> {
    let given = std::env::var_os("CLAUDE_CONFIG_DIR").filter(|folder| !folder.is_empty());
    given.map(PathBuf::from).or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".claude")))
}
