//! The hidden verbs inside of a session: `session`, `bridge`, `pane`, `log`.

mod bridge;
mod folder;
mod log;

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::Uid;

use super::paths::is_of_the_host;
use super::regular::{self, Links};
use super::{child, clock, open_files};
use crate::protocol::launch::{Launch, MARK, PANE_OPTION, RUN_OPTION};
use crate::protocol::tmux::{argument, literal};

pub use bridge::{BRIDGE, bridge as bridge_to};
use folder::Folder;
pub use log::{LOG_BYTES_MAX, Writer, log};

/// The most bytes that are read of a launch file; what exec takes is less (`MAX_ARG_STRLEN` and the stack's limit,
/// execve(2)).
const LAUNCH_BYTES_MAX: u64 = 16 << 20;

/// A detached pane's size, columns and rows: banners and dialogs stand on it as a whole.
const SIZE: (&str, &str) = ("200", "50");

/// How long a pane waits for its log writer before it goes on without.
const LOG_READY_MAX: Duration = Duration::from_secs(10);

/// What the log writer says when it can write; anything else is the reason why it cannot.
const READY: &[u8] = b"\n";

/// The most bytes of that reason.
const READY_BYTES_MAX: u64 = 4096;

/// The terminal that programs in the pane are told of, where its description is installed.
const TERMINAL: &str = "tmux-256color";

/// What the set-up of a server waits for: its bridge listens.
const BRIDGED: &str = "agent-orchestrator-bridged";

/// How a session is set up.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// How many files its programs may have open, if that is said.
    pub files: Option<u64>,
    /// It has a bridge, which one of another user than the supervisor's has anyway.
    pub bridged: bool,
}

/// Becomes the tmux client that starts the session of `launch_file` on a server of its own.
///
/// # Errors
/// When the file cannot be read, a folder cannot be made, or there is no tmux.
pub fn session(launch_file: &Path, how: How) -> anyhow::Result<Infallible> {
    child::unblock_signals().context("cannot unblock signals")?;
    how.files.map_or(Ok(()), open_files::set).context("cannot set the limit of open files")?;
    let launch = read(launch_file).map_err(|error| explained(error, launch_file))?;
    Folder::new(&launch.dir, launch_file)?.make()?;
    if let Err(error) = regular::append(&launch.log, log::MODE)
        && error.kind() == std::io::ErrorKind::PermissionDenied
    {
        // The pane says so as well, where nobody may look.
        let text = format!("no log is written: `{}` is of a former user of the agent\n", launch.log.display());
        std::io::stderr().write_all(text.as_bytes()).context("cannot tell of the log")?;
    }
    let fifo = fifo(launch_file);
    let is_bridged = how.bridged || !is_supervisors(launch_file)?;
    let own = own_socket(launch_file);
    // A socket of a former user of the agent could not be used; a server of this one is in no unit any more.
    let server = is_bridged.then_some(&own).filter(|_| is_of_the_host(launch_file));
    let stale = [&fifo, &stopped_mark(launch_file), &pastes_mark(launch_file), &bridge(launch_file)];
    for stale in stale.into_iter().chain(server) {
        if let Err(error) = std::fs::remove_file(stale)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error).with_context(|| format!("cannot remove `{}`", stale.display()));
        }
    }
    nix::unistd::mkfifo(&fifo, Mode::S_IRUSR | Mode::S_IWUSR)
        .with_context(|| format!("cannot make `{}`", fifo.display()))?;
    let program = child::own_program();
    let mut tmux = child::replacement("tmux");
    tmux.env_remove("TMUX").env_remove("TMUX_PANE").current_dir("/");
    let socket = if is_bridged { own } else { socket(launch_file, &launch)? };
    tmux.arg("-S").arg(socket).args(["-f", "/dev/null"]);
    tmux.args(commands(&launch, &program, launch_file, is_bridged)?);
    Err(anyhow!("cannot run `tmux`: {}", tmux.exec()))
}

/// Returns the commands that set up the server and its session, as arguments of one tmux client.
///
/// Only the agent's own window has `window-size manual`: as a default for windows still to come it ends tmux 3.3a when
/// the next one is made.
fn commands(launch: &Launch, program: &Path, launch_file: &Path, is_bridged: bool) -> anyhow::Result<Vec<OsString>> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| anyhow!("`{}` is not valid UTF-8", path.display()))
    };
    let (program, launch_file, dir) = (text(program)?, text(launch_file)?, text(&launch.dir)?);
    let target = format!("={}:", launch.session);
    let run = launch.run.to_string();
    let verb = |verb| {
        let line = format!("exec {} {verb} {}", shell_quote(&program), shell_quote(&launch_file));
        literal(&line).replace('%', "%%")
    };
    let (writer, bridge) = (verb("log"), verb("bridge"));
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["set-option", "-gq", "remain-on-exit", "on"],
        vec!["set-option", "-gq", "history-limit", "5000"],
        vec!["set-option", "-gq", "default-size", "200x50"],
        vec!["set-option", "-gq", "escape-time", "10"],
        vec!["set-option", "-gq", "focus-events", "on"],
    ];
    if terminal_is_known() {
        commands.push(vec!["set-option", "-gq", "default-terminal", TERMINAL]);
    }
    let dir = literal(&dir);
    commands.push(vec!["new-session", "-d", "-s", &launch.session, "-x", SIZE.0, "-y", SIZE.1, "-c", &dir]);
    if let Some(new) = commands.last_mut() {
        new.extend([program.as_str(), "pane", launch_file.as_str()]);
    }
    commands.extend([
        vec!["set-option", "-wq", "-t", &target, "window-size", "manual"],
        vec!["set-option", "-F", "-t", &target, PANE_OPTION, "#{pane_id}"],
        vec!["set-option", "-t", &target, RUN_OPTION, &run],
        vec!["pipe-pane", "-t", &target, &writer],
    ]);
    if is_bridged {
        // A child of the server's: of what systemd sees as its own the server is the only one, and so the main process.
        commands.extend([vec!["run-shell", "-b", &bridge], vec!["wait-for", BRIDGED]]);
    }
    let mut arguments = Vec::new();
    for command in commands {
        if !arguments.is_empty() {
            arguments.push(OsString::from(";"));
        }
        arguments.extend(command.into_iter().map(|word| OsString::from(argument(word))));
    }
    Ok(arguments)
}

/// Becomes the agent, as soon as the log writer can take its first byte.
///
/// # Errors
/// When the launch file cannot be read, or the working folder or the shell is not there.
pub fn pane(launch_file: &Path) -> anyhow::Result<Infallible> {
    child::unblock_signals().context("cannot unblock signals")?;
    let launch = read(launch_file)?;
    if let Err(error) = wait_for_log(&fifo(launch_file)) {
        let text = format!("agent-orchestrator: no log is written: {error:#}\r\n");
        std::io::stdout().write_all(text.as_bytes()).context("cannot write to the terminal")?;
    }
    Folder::new(&launch.dir, launch_file)?.enter()?;
    let mark = socket(launch_file, &launch)?;
    if !launch.beside.is_empty() {
        let arguments: Vec<&OsStr> = launch.beside.iter().map(OsStr::new).collect();
        start_beside(&launch, &mark, &arguments);
    }
    if launch.kept.is_some() {
        start_beside(&launch, &mark, &[OsStr::new("keep"), launch_file.as_os_str()]);
    }
    let mut shell = child::replacement("/bin/sh");
    shell.arg("-c").arg(&launch.command);
    shell.env("PWD", &launch.dir).envs(&launch.env).env(MARK, mark);
    Err(anyhow!("cannot run `/bin/sh`: {}", shell.exec()))
}

/// Starts what runs beside the agent: this program with `arguments`. An agent without it is no worse than one that cannot tell of itself.
fn start_beside(launch: &Launch, mark: &Path, arguments: &[&OsStr]) {
    let mut beside = child::command(child::own_program());
    beside.args(arguments).envs(&launch.env).env(MARK, mark).stdout(Stdio::null()).stderr(Stdio::null());
    // It ends when this process does, whatever that has become.
    let _ = beside.spawn();
}

/// Waits until the log writer is ready, at most [`LOG_READY_MAX`]; then nobody needs the FIFO any more.
fn wait_for_log(fifo: &Path) -> anyhow::Result<()> {
    let mut said = std::fs::OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(fifo)?;
    let deadline = clock::mono() + LOG_READY_MAX;
    let mut answer = Vec::new();
    loop {
        let left = deadline.since(clock::mono());
        if left.is_zero() {
            bail!("its writer did not come within {} s", LOG_READY_MAX.as_secs());
        }
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(said.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut piece = [0; 512];
        let count = said.read(&mut piece)?;
        answer.extend_from_slice(&piece[..count]);
        if count == 0 || answer.ends_with(b"\n") || answer.len() as u64 >= READY_BYTES_MAX {
            break;
        }
    }
    // Left behind it would only lie there; the next start makes a new one.
    let _ = std::fs::remove_file(fifo);
    match answer.as_slice() {
        READY => Ok(()),
        reason => bail!("{}", String::from_utf8_lossy(reason).trim_end()),
    }
}

/// Reads a launch file.
///
/// # Errors
/// When it cannot be read or understood.
pub fn read(launch_file: &Path) -> anyhow::Result<Launch> {
    let name = launch_file.display();
    let text = regular::read(launch_file, Links::Refused, LAUNCH_BYTES_MAX)
        .with_context(|| format!("cannot read launch file `{name}`"))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot understand launch file `{name}`"))
}

/// Says what helps where nobody has prepared a start since the boot, which has emptied the folder.
fn explained(error: anyhow::Error, launch_file: &Path) -> anyhow::Error {
    let is_missing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    let agent = launch_file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    if !error.downcast_ref().is_some_and(is_missing) {
        return error;
    }
    anyhow!("{error:#}\nhint: it has not run since the boot: `agent-orchestrator up {agent}` starts it")
}

/// Returns the agent's tmux socket, which marks its processes; the launch file's folder lies in one beside the sockets'
/// (`daemon::paths`).
fn socket(launch_file: &Path, launch: &Launch) -> anyhow::Result<PathBuf> {
    let runtime = launch_file.ancestors().nth(3);
    let runtime =
        runtime.with_context(|| format!("launch file `{}` lies in no runtime folder", launch_file.display()))?;
    Ok(runtime.join("tmux").join(&launch.agent))
}

/// Marks that the unit of `launch_file` is stopped by somebody's order: its server still runs then (`MAINPID`,
/// systemd.service(5)), while one that has ended by itself has no main process any more.
///
/// # Errors
/// When the mark cannot be made.
pub fn stopping(launch_file: &Path) -> anyhow::Result<()> {
    if std::env::var_os("MAINPID").is_none_or(|pid| pid.is_empty()) {
        return Ok(());
    }
    let mark = stopped_mark(launch_file);
    // Microseconds since the boot, as systemd tells its times.
    let at = clock::mono().0.as_micros().to_string();
    let made = regular::anew(&mark, 0o644).and_then(|mut file| file.write_all(at.as_bytes()));
    made.with_context(|| format!("cannot make `{}`", mark.display()))
}

/// Returns where a stop by order is marked (`daemon::paths`).
fn stopped_mark(launch_file: &Path) -> PathBuf {
    launch_file.with_extension("stopped")
}

/// Returns what is there while the program takes a pasted text as a whole.
pub fn pastes_mark(launch_file: &Path) -> PathBuf {
    launch_file.with_extension("pastes")
}

/// Returns where the tmux server of an agent with a bridge listens: in a folder of that agent, unlike the others'.
pub fn own_socket(launch_file: &Path) -> PathBuf {
    launch_file.with_file_name("tmux")
}

/// Returns where an agent's bridge listens.
pub fn bridge(launch_file: &Path) -> PathBuf {
    launch_file.with_file_name(BRIDGE)
}

/// Tells whether `socket` is a bridge's; the agent of a tmux socket may be called so too.
pub fn is_bridge(socket: &Path) -> bool {
    let folder = socket.parent().and_then(Path::parent);
    socket.ends_with(BRIDGE) && folder.is_some_and(|folder| folder.ends_with("launch"))
}

/// Tells whether this process is of the supervisor's user, to whom the launch file's folder belongs.
fn is_supervisors(launch_file: &Path) -> anyhow::Result<bool> {
    Ok(supervisor(launch_file)? == nix::unistd::getuid())
}

/// Returns the supervisor's user.
fn supervisor(launch_file: &Path) -> anyhow::Result<Uid> {
    let folder = launch_file.parent().unwrap_or(Path::new("/"));
    let found = std::fs::metadata(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    Ok(Uid::from_raw(found.uid()))
}

/// Returns where the log writer says that it is ready.
fn fifo(launch_file: &Path) -> PathBuf {
    launch_file.with_extension("ready")
}

/// Quotes `text` as one word for a shell.
fn shell_quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Tells whether terminfo describes [`TERMINAL`] where programs look for it (terminfo(5)).
fn terminal_is_known() -> bool {
    let named = |name| std::env::var_os(name).map(PathBuf::from);
    let listed = std::env::var_os("TERMINFO_DIRS").unwrap_or_default();
    let common = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/run/current-system/sw/share/terminfo"];
    let mut folders = named("TERMINFO").into_iter().chain(named("HOME").map(|home| home.join(".terminfo")));
    let entry = |folder: PathBuf| folder.join("t").join(TERMINAL).exists();
    folders.any(entry) || std::env::split_paths(&listed).any(entry) || common.map(PathBuf::from).into_iter().any(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_word_stays_one_word() {
        assert_eq!(shell_quote("a b'$(c)"), "'a b'\\''$(c)'");
    }
}
