//! Puts everything that a start needs in place: the kickoff and the launch file.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use super::pane;
use super::paths::Paths;
use super::regular::{self, Links};
use super::wiring;
use crate::policy::action::{Conversation, Start};
use crate::policy::fleet::{Agent, Backend, Fleet, Kind, Prompt};
use crate::policy::launch::{CommandLine, Program, command, fill_text};
use crate::protocol::launch::{Kept, Launch, MARK};

/// The frame of a kickoff where the config names none.
pub const KICKOFF_TEMPLATE: &str = include_str!("../../prompts/kickoff.md");

/// The longest prompt file that is taken.
pub const PROMPT_BYTES_MAX: u64 = 1 << 20;

/// Writes the kickoff and the launch file of `agent`'s next start; touches no session. Returns the number of the start that the
/// files are of: the last one's, where they say the same and may stay.
///
/// # Errors
/// One line that names what is missing or wrong; a launch file of an earlier start stays as it was.
pub fn prepare(fleet: &Fleet, paths: &Paths, agent: &str, start: &Start) -> Result<u64, String> {
    let agent = fleet.agent(agent).ok_or_else(|| format!("no agent `{agent}` in the config"))?;
    paths.make_launch_folder(&agent.name).map_err(|error| format!("{error:#}"))?;
    if let Some(run) = start.unless_same.then(|| same(fleet, paths, agent, start)).flatten() {
        return Ok(run);
    }
    let (launch, prompt) = drafted(fleet, paths, agent, start)?;
    if let Some(prompt) = prompt {
        replace(&paths.kickoff(&agent.session), prompt.as_bytes())?;
    }
    let path = paths.launch_file(&agent.name);
    let json = serde_json::to_vec(&launch).map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    replace(&path, &json)?;
    Ok(start.run)
}

/// Returns the number of the last start, if its files say what those of `start` would. The agent can write there: no number but
/// that of the start before this one is believed.
fn same(fleet: &Fleet, paths: &Paths, agent: &Agent, start: &Start) -> Option<u64> {
    let last = pane::read(&paths.launch_file(&agent.name)).ok()?;
    if last.run.checked_add(1) != Some(start.run) {
        return None;
    }
    let (launch, prompt) = drafted(fleet, paths, agent, &Start { run: last.run, ..start.clone() }).ok()?;
    let is_told = |prompt: String| read(&paths.kickoff(&agent.session)).is_ok_and(|last| last == prompt);
    (launch == last && prompt.is_none_or(is_told)).then_some(last.run)
}

/// Returns what the launch file of a start says, and the prompt of what has one.
fn drafted(fleet: &Fleet, paths: &Paths, agent: &Agent, start: &Start) -> Result<(Launch, Option<String>), String> {
    let Drafted { line, beside, prompt } = match &agent.kind {
        Kind::Service { command } => Drafted {
            line: CommandLine { text: command.clone(), env: BTreeMap::new() },
            beside: Vec::new(),
            prompt: None,
        },
        Kind::Loop { .. } | Kind::Persistent(_) | Kind::Task(_) => agent_command(fleet, paths, agent, start)?,
    };
    let launch = Launch {
        run: start.run,
        agent: agent.name.clone(),
        session: agent.session.clone(),
        dir: agent.dir.clone(),
        command: line.text,
        env: line.env,
        beside,
        kept: kept(fleet, paths, agent, start),
        log: paths.session_log(&agent.session),
    };
    Ok((launch, prompt))
}

/// How a program is called.
struct Drafted {
    line: CommandLine,
    /// What runs beside it.
    beside: Vec<String>,
    prompt: Option<String>,
}

/// Returns the transcript that is kept of an agent. Who shares folder and program with another has only the conversation
/// that its start names.
fn kept(fleet: &Fleet, paths: &Paths, agent: &Agent, start: &Start) -> Option<Kept> {
    let backend = backend_of(fleet, agent, start).ok().filter(|_| agent.clean_log)?;
    let program = backend.transcripts?;
    let reads = |other: &Agent| other.backend.as_ref().is_ok_and(|backend| backend.transcripts == Some(program));
    let is_shared = fleet.agents.iter().any(|other| other.name != agent.name && other.dir == agent.dir && reads(other));
    let id = match &start.conversation {
        Conversation::New(id) | Conversation::Resumed(id) => Some(id.clone()),
        Conversation::Unknown => None,
    };
    Some(Kept {
        path: paths.clean_log(&agent.name),
        program: program.word().to_owned(),
        transcripts_dir: backend.transcripts_dir.clone(),
        bin: backend.bin.clone(),
        only: id.filter(|_| is_shared),
    })
}

/// Returns how an agent's program is called.
fn agent_command(fleet: &Fleet, paths: &Paths, agent: &Agent, start: &Start) -> Result<Drafted, String> {
    let backend = backend_of(fleet, agent, start)?;
    let prompt = match &start.conversation {
        Conversation::Resumed(id) => {
            elsewhere(id, &paths.tmux_socket(&agent.name))?;
            agent.resume_prompt.clone()
        }
        Conversation::New(_) | Conversation::Unknown => prompt_of(fleet, agent, start)?,
    };
    let kickoff = paths.kickoff(&agent.session);
    let wiring = wiring::prepare(paths, agent, backend, start.run)?;
    let program = Program {
        backend,
        session: &agent.session,
        dir: &agent.dir,
        model: start.model.as_deref(),
        kickoff: &kickoff,
        prompt: &prompt,
        conversation: &start.conversation,
        event_flags: &wiring.flags,
    };
    let mut line = command(&program)?;
    line.env.extend(wiring.env);
    Ok(Drafted { line, beside: wiring.beside, prompt: Some(prompt) })
}

/// Makes sure that no program outside of the agent's own session has the conversation open: two would write two
/// branches of it, and one would be lost.
fn elsewhere(id: &str, socket: &Path) -> Result<(), String> {
    let mark = [MARK.as_bytes(), b"=", socket.as_os_str().as_encoded_bytes()].concat();
    let processes = std::fs::read_dir("/proc").map_err(|error| format!("cannot read `/proc`: {}", reason(&error)))?;
    for process in processes.filter_map(Result::ok) {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let read = |name: &str| std::fs::read(process.path().join(name)).unwrap_or_default();
        let names_it = |argument: &[u8]| argument.windows(id.len()).any(|part| part == id.as_bytes());
        if !read("cmdline").split(|byte| *byte == 0).any(names_it) {
            continue;
        }
        if !read("environ").split(|byte| *byte == 0).any(|variable| variable == mark) {
            return Err(format!("conversation `{id}` is open in process {pid}; it can be resumed when that has ended"));
        }
    }
    Ok(())
}

fn backend_of<'a>(fleet: &'a Fleet, agent: &'a Agent, start: &Start) -> Result<&'a Backend, String> {
    let found = match &start.backend {
        Some(name) => fleet.backends.get(name).ok_or_else(|| format!("unknown backend `{name}`"))?,
        None => &agent.backend,
    };
    found.as_ref().map_err(Clone::clone)
}

fn prompt_of(fleet: &Fleet, agent: &Agent, start: &Start) -> Result<String, String> {
    let prompt = match &agent.kind {
        Kind::Loop { in_loop, role } => loop_kickoff(fleet, in_loop, role, start)?,
        Kind::Persistent(Prompt::Text(text)) | Kind::Task(Prompt::Text(text)) => text.clone(),
        Kind::Persistent(Prompt::File(path)) | Kind::Task(Prompt::File(path)) => read(path)?,
        Kind::Service { .. } => String::new(),
    };
    Ok(match &start.extra_text {
        Some(extra) if prompt.trim().is_empty() => extra.clone(),
        Some(extra) => format!("{}\n\n{extra}\n", prompt.trim_end()),
        None => prompt,
    })
}

fn loop_kickoff(fleet: &Fleet, in_loop: &str, role: &str, start: &Start) -> Result<String, String> {
    let a_loop = fleet.loop_named(in_loop).ok_or_else(|| format!("no loop `{in_loop}` in the config"))?;
    let phase = match &start.phase {
        Some(id) => {
            let named = a_loop.phases.iter().find(|phase| phase.id == *id);
            Some(named.ok_or_else(|| format!("no phase `{id}` in the config"))?)
        }
        None => None,
    };
    let template = match &a_loop.kickoff_template {
        Some(path) => read(path)?,
        None => KICKOFF_TEMPLATE.to_owned(),
    };
    let fields = [
        ("phase_id", phase.map_or("", |phase| &phase.id)),
        ("plan", phase.map_or("", |phase| &phase.plan)),
        ("status", phase.map_or("", |phase| &phase.status)),
        ("role", role),
    ];
    let mut kickoff = fill_text(&template, &fields);
    if !kickoff.is_empty() && !kickoff.ends_with('\n') {
        kickoff.push('\n');
    }
    Ok(kickoff + &read(&a_loop.roles_dir.join(format!("{role}.md")))?)
}

/// Reads a prompt; what is not UTF-8 is replaced.
///
/// # Errors
/// One line that names the file.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let cannot = |why: String| format!("cannot read `{}`: {why}", path.display());
    let bytes = regular::read(path, Links::Followed, PROMPT_BYTES_MAX).map_err(|error| cannot(reason(&error)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes a private file in one step. It is not synced: every start writes it anew.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let cannot = |error: io::Error| format!("cannot write `{}`: {}", path.display(), reason(&error));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".draft");
    let draft = path.with_file_name(name);
    let written = regular::anew(&draft, 0o640).and_then(|mut file| file.write_all(bytes));
    written.and_then(|()| std::fs::rename(&draft, path)).map_err(cannot)
}

/// Says what went wrong without the system's number and capital.
fn reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        return "no such file".to_owned();
    }
    let text = error.to_string().to_lowercase();
    text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words).to_owned()
}
