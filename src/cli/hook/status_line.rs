//! What stands in Claude Code's status line: what the person's own status line says, else how full all is.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::Value;

use super::claude_home;
use crate::cli::bounded;
use crate::protocol::event::{AgentEvent, Told};

/// How long the person's own status line may take.
const OWN_MAX: Duration = Duration::from_secs(3);

/// The longest settings file that is read, bytes.
const SETTINGS_BYTES_MAX: u64 = 4 << 20;

/// Prints the line for what Claude Code handed over.
pub fn print(handed: &[u8], events: &[AgentEvent]) {
    let line = own_command(handed).map_or_else(|| summary(events), |command| own(&command, handed));
    // Who started this may have gone.
    let _ = io::stdout().write_all(format!("{}\n", line.trim_end()).as_bytes());
}

/// Returns the command of the person's own status line: the project's settings come before the person's.
fn own_command(handed: &[u8]) -> Option<String> {
    let status: Value = serde_json::from_slice(handed).unwrap_or_default();
    let project = status.pointer("/workspace/project_dir").and_then(Value::as_str);
    let of_project = project.map(|folder| Path::new(folder).join(".claude"));
    let files = ["settings.local.json", "settings.json"];
    let of_project = of_project.iter().flat_map(|folder| files.map(|file| folder.join(file)));
    let of_person = claude_home().map(|folder| folder.join("settings.json"));
    of_project.chain(of_person).find_map(|file| command_of(&file))
}

fn command_of(file: &PathBuf) -> Option<String> {
    if std::fs::metadata(file).ok()?.len() > SETTINGS_BYTES_MAX {
        return None;
    }
    let settings: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    Some(settings.pointer("/statusLine/command")?.as_str()?.to_owned())
}

/// Runs the person's own status line on the same input and returns what it prints.
fn own(command: &str, handed: &[u8]) -> String {
    let run = || -> anyhow::Result<String> {
        let mut input = File::from(memfd_create("status", MemfdFlags::CLOEXEC)?);
        input.write_all(handed)?;
        input.rewind()?;
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(format!("exec 2>/dev/null\n{command}"));
        bounded::run_with(&mut shell, Stdio::from(input), OWN_MAX)
    };
    run().unwrap_or_default()
}

/// Says in one line how much is filled and used.
fn summary(events: &[AgentEvent]) -> String {
    let parts = events.iter().filter_map(|event| match &event.told {
        Told::Context { used_percent } => Some(format!("context {used_percent} %")),
        Told::Allowance { window, used_percent, .. } => Some(format!("{} {used_percent} %", window.replace('_', " "))),
        Told::SessionStart { .. }
        | Told::SessionEnd { .. }
        | Told::Conversation { .. }
        | Told::Receipt { .. }
        | Told::Working
        | Told::Idle { .. }
        | Told::Permission { .. }
        | Told::Refused { .. }
        | Told::Retrying { .. }
        | Told::Posted { .. } => None,
    });
    parts.collect::<Vec<_>>().join(" · ")
}
