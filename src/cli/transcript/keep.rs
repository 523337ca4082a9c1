//! `keep`: writes an agent's transcript beside it, until its program has ended (hidden).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use chrono::{Local, Utc};
use rustix::process::{PidfdFlags, getppid, pidfd_open};

use super::render;
use super::source::{Source, Which};
use super::whose::Whose;
use crate::cli::follow::{Waited, Waiter};
use crate::cli::inside::LaunchFile;
use crate::cli::stop::Outcome;
use crate::cli::text::Paint;
use crate::daemon::pane::{self, LOG_BYTES_MAX, Writer};
use crate::protocol::transcript::Program;

/// How long passes between two readings that each cost a second of a processor.
const BUSY_PAUSE: Duration = Duration::from_secs(30);

/// Keeps the transcript of a launch file's agent.
///
/// # Errors
/// When it cannot be read or written.
pub fn run(file: &LaunchFile) -> Outcome {
    let parent = getppid().context("the program has ended")?;
    let parent = pidfd_open(parent, PidfdFlags::empty()).context("the program cannot be watched")?;
    let launch = pane::read(&file.path)?;
    let Some(kept) = launch.kept else { return Ok(()) };
    let program = Program::named(&kept.program).context("its program is not known")?;
    // This process has the agent's own environment.
    let whose = Whose::new(program, &kept.transcripts_dir, &launch.dir, &kept.bin, BTreeMap::new());
    let whose = whose.context("its folder is not known")?;
    let which = kept.only.map_or(Which::Later, Which::Only);
    let mut source = Source::new(whose, which, Utc::now().timestamp_millis());
    let mut log = Writer::open(&kept.path, LOG_BYTES_MAX).context("the transcript cannot be written")?;
    let waiter = Waiter::of_a_process(parent)?;
    // What cannot be read or written now is left out: the agent must not wait for its transcript.
    let mut keep = |source: &mut Source| {
        let _ = source.read(&mut |entry| {
            let _ = log.write(render(&entry, &Local, Paint::Plain).as_bytes());
        });
    };
    loop {
        keep(&mut source);
        while source.watch(&waiter)? {
            keep(&mut source);
        }
        let mut ended = waiter.wait(None)? == Waited::Ended;
        if let Some(pause) = source.pause(BUSY_PAUSE).filter(|_| !ended) {
            ended = !waiter.pause(pause)?;
        }
        if ended {
            keep(&mut source);
            return Ok(());
        }
    }
}
