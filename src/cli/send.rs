//! `send`: types a text into an agent and says whether it arrived.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::client::{self, Patience};
use super::stop::{Failure, Outcome, Stop};
use crate::protocol::control::{Reason, Request};

/// What stands below `send --help`.
pub const HELP: &str = "\
The text is typed as a whole and submitted, and its arrival is checked.
When --wait runs out before it could be typed, the message is taken back; with --queue it stays in the queue, \
and without a supervisor it is kept for the next one.
A person's half-written line in the agent's input box is left alone: the message waits behind it.

Exit codes:
  0  it arrived (with --queue: it is in the queue, or kept for the next supervisor)
  1  failed
  2  usage, or unknown name
  3  no supervisor runs (never with --queue)
  4  the agent does not run
  5  still busy when --wait ran out
  6  held by a usage limit
  7  typed, and nothing proves that it arrived
  8  a dialog or a person's draft is in the way

Examples:
  agent-orchestrator send builder please run the tests again
  git diff | agent-orchestrator send adversary --file - --wait 120";

/// The longest text, bytes.
pub const TEXT_SIZE_MAX: usize = 512 * 1024;

/// The longest wait that can be asked for, seconds.
const WAIT_S_MAX: u64 = 24 * 60 * 60;

/// How long a message typed at the last moment may take to be confirmed, beyond the wait, seconds.
const CONFIRM_S_MAX: u64 = 60;

/// What `send` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The agent
    name: String,
    /// The text; words are joined by a blank, and behind `--` they may begin with a dash
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    text: Vec<String>,
    /// How long to wait until it has arrived
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=WAIT_S_MAX))]
    wait: u64,
    /// Leave it in the queue and return at once
    #[arg(long, conflicts_with = "wait")]
    queue: bool,
    /// Take the text from a file, `-` for standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Sends the text.
///
/// # Errors
/// See [`HELP`].
pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let Arguments { name, text, wait, queue, file } = arguments;
    let text = checked(match file {
        None => text.join(" "),
        Some(file) => read(&file)?,
    })?;
    let names = [name];
    if queue {
        client::must_know(config, &names)?;
    } else {
        client::must_supervise(config, &names).map_err(with_queue_hint)?;
    }
    let [name] = names;
    let wait = Duration::from_secs(wait);
    let patience = if queue { Patience::Short } else { Patience::Until(wait + Duration::from_secs(CONFIRM_S_MAX)) };
    client::order(config, &Request::Send { name, text, wait, queue }, patience)
}

/// Adds what helps where no supervisor runs.
fn with_queue_hint(stop: Stop) -> Stop {
    match stop {
        Stop::Failed(failure) if failure.code == Reason::NoSupervisor.exit_code() => {
            failure.hint("`send --queue` keeps the message for the next one").into()
        }
        other @ (Stop::Failed(_) | Stop::Told(_) | Stop::ReaderGone) => other,
    }
}

/// Returns `text` without the line ends at its end, if it can be sent.
///
/// # Errors
/// A usage error when it is empty or longer than [`TEXT_SIZE_MAX`].
pub fn checked(mut text: String) -> Result<String, Failure> {
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.trim().is_empty() {
        return Err(Failure::new(Reason::Usage, "the text is empty"));
    }
    if text.len() > TEXT_SIZE_MAX {
        let error = format!("the text is longer than {} kB", TEXT_SIZE_MAX / 1024);
        return Err(Failure::new(Reason::Usage, error).hint("put it into a file and send the file's path"));
    }
    Ok(text)
}

/// Reads a text from a file or standard input, not much further than what can be sent.
fn read(file: &Path) -> Outcome<String> {
    let mut bytes = Vec::new();
    let bound = TEXT_SIZE_MAX as u64 + 2;
    if file == Path::new("-") {
        io::stdin().lock().take(bound).read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        let cannot = || format!("cannot read `{}`", file.display());
        File::open(file).with_context(cannot)?.take(bound).read_to_end(&mut bytes).with_context(cannot)?;
    }
    String::from_utf8(bytes).or_else(|error| {
        // A character that the bound has cut in two: the text is too long, and that is what is said.
        let cut = error.as_bytes().len() > TEXT_SIZE_MAX;
        let lossy = String::from_utf8_lossy(error.as_bytes()).into_owned();
        if cut { Ok(lossy) } else { Err(Failure::new(Reason::Usage, "the text is not UTF-8").into()) }
    })
}
