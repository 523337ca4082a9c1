//! Tells events to people: to the journal with fields, else as lines on standard error.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use libsystemd::logging::{Priority, connected_to_journal, journal_send};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::event_log::old;
use crate::policy::event::{Event, EventKind, Level};

/// A detached supervisor's log of this size is put aside as the one old file.
pub const LOG_BYTES_MAX: u64 = 8 << 20;

/// The longest line on standard error: so much goes into a pipe that has room at all (`PIPE_BUF`).
const LINE_BYTES_MAX: usize = 4096;

/// Where events are told.
#[derive(Debug)]
pub struct Journal {
    zone: chrono_tz::Tz,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    /// The journal, by its own protocol.
    Journal,
    /// Whoever reads standard error.
    StandardError,
    /// Standard error is this file.
    File(BoundedFile),
    /// Nobody: a verb prints its own answer.
    Nobody,
}

#[derive(Debug)]
struct BoundedFile {
    path: PathBuf,
    bytes: u64,
    bytes_max: u64,
}

impl Journal {
    /// Tells the journal if standard error leads there, else standard error itself, with times in `zone`.
    pub fn new(zone: chrono_tz::Tz) -> Self {
        Self { zone, sink: if connected_to_journal() { Sink::Journal } else { Sink::StandardError } }
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        Self { zone: chrono_tz::UTC, sink: Sink::Nobody }
    }

    /// Makes the file at `path` standard error, keeps it below [`LOG_BYTES_MAX`] and tells it, with times in `zone`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn in_file(path: PathBuf, zone: chrono_tz::Tz) -> io::Result<Self> {
        let mut log = BoundedFile { path, bytes: 0, bytes_max: LOG_BYTES_MAX };
        log.open()?;
        Ok(Self { zone, sink: Sink::File(log) })
    }

    /// Tells one event. What cannot be told is lost here; the event log has it.
    pub fn tell(&mut self, event: &Event) {
        match &mut self.sink {
            Sink::Journal => {
                if journal_send(priority(event.level), &sentence(event), fields(event).into_iter()).is_err() {
                    // Standard error leads to the journal too, which adds the time and takes the level from here.
                    write(&format!("<{}>{}\n", event.level as u8, sentence(event)));
                }
            }
            Sink::StandardError => write(&line(event, self.zone)),
            Sink::File(log) => {
                let line = line(event, self.zone);
                if log.bytes + line.len() as u64 > log.bytes_max && log.turn_over().is_err() {
                    return;
                }
                log.bytes += line.len() as u64;
                write(&line);
            }
            Sink::Nobody => {}
        }
    }
}

impl BoundedFile {
    fn open(&mut self) -> io::Result<()> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(&self.path)?;
        self.bytes = file.metadata()?.len();
        nix::unistd::dup2(file.as_raw_fd(), io::stderr().as_raw_fd())?;
        Ok(())
    }

    fn turn_over(&mut self) -> io::Result<()> {
        std::fs::rename(&self.path, old(Path::new(&self.path)))?;
        self.open()
    }
}

/// Writes to standard error, unless that would wait: a stopped terminal or a full pipe loses lines.
fn write(line: &str) {
    let standard_error = io::stderr();
    let mut waited = [PollFd::new(standard_error.as_fd(), PollFlags::POLLOUT)];
    let has_room = poll(&mut waited, PollTimeout::ZERO).is_ok()
        && waited[0].revents().is_some_and(|events| events.contains(PollFlags::POLLOUT));
    if has_room {
        let _ = standard_error.lock().write_all(line.as_bytes());
    }
}

/// Returns `2026-06-13 04:05:06 builder: started (run 3)` with its newline.
fn line(event: &Event, zone: chrono_tz::Tz) -> String {
    let time = event.time.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S");
    let mut line = format!("{time} {}", sentence(event));
    if line.len() >= LINE_BYTES_MAX {
        let end = (0..=LINE_BYTES_MAX - 4).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
        line.truncate(end);
        line.push('…');
    }
    line.push('\n');
    line
}

/// Returns the event's text after whom it is about, without anything that a terminal would obey.
fn sentence(event: &Event) -> String {
    let subject = match (&event.agent, &event.in_loop) {
        (Some(agent), _) => format!("{agent}: "),
        (None, Some(in_loop)) if !in_loop.is_empty() => format!("loop {in_loop}: "),
        (None, Some(_)) => "loop: ".to_owned(),
        (None, None) => String::new(),
    };
    subject + &event.text.replace(char::is_control, " ")
}

fn priority(level: Level) -> Priority {
    match level {
        Level::Error => Priority::Error,
        Level::Warning => Priority::Warning,
        Level::Notice => Priority::Notice,
        Level::Info => Priority::Info,
        Level::Debug => Priority::Debug,
    }
}

/// Returns the journal's fields besides message and priority.
fn fields(event: &Event) -> Vec<(&'static str, String)> {
    let word = serde_json::to_value(event.event).ok().and_then(|word| word.as_str().map(str::to_owned));
    let mut fields = vec![
        ("SYSLOG_IDENTIFIER", "agent-orchestrator".to_owned()),
        ("MESSAGE_ID", message_id(event.event).to_owned()),
        ("EVENT", word.unwrap_or_default()),
    ];
    fields.extend(event.agent.clone().map(|agent| ("AGENT", agent)));
    fields.extend(event.in_loop.clone().map(|in_loop| ("LOOP", in_loop)));
    fields.extend(event.phase.clone().map(|phase| ("PHASE", phase)));
    let account = event.more.get("account").and_then(|account| account.as_str());
    fields.extend(account.map(|account| ("ACCOUNT", account.to_owned())));
    fields
}

/// Returns the kind's 128-bit id, for `journalctl MESSAGE_ID=…`; an id never changes and is never used again.
fn message_id(kind: EventKind) -> &'static str {
    match kind {
        EventKind::SupervisorStarted => "bcca03a1d49148bdb87dca345b26113e",
        EventKind::SupervisorStopped => "7700bb82aa814f5c8ef9c9ce4ce63c59",
        EventKind::ConfigLoaded => "aa06dab1406d4e39998f257996ac7c8f",
        EventKind::ConfigBroken => "ef1b83501aaa45c08962fc556af795c4",
        EventKind::Misconfigured => "3b3d18a81b314aff8f6fa67d0c8211c7",
        EventKind::Adopted => "e6cb54f20d2746ea8102c5dac3a80302",
        EventKind::Started => "bb973dc9b89147f68b23c6a7c456bc35",
        EventKind::AgentReady => "bf2abecd02c748609e71c3f3d1bb456e",
        EventKind::Died => "c5bb3b676d7d4e86a5cdd28382a39ffa",
        EventKind::Stopped => "6b9aeafe73474ef3a0d777ff701f66b7",
        EventKind::StartFailed => "4122b742ef0e4da8afa519bbfdba2d3f",
        EventKind::Unreachable => "64b64141091f462b9e7b9d926d6aa177",
        EventKind::Reachable => "86870471966a44cd9a9cee01761eca2f",
        EventKind::CrashLoop => "5c57ef32ee61474e82d5a903ebfd2d19",
        EventKind::Finished => "47dda34841f64c4492aadc9c519dcc1a",
        EventKind::Handoff => "3fc351692b4e4d8b9ebad8b6906734cd",
        EventKind::Inbox => "7696c9f38f0d43c08550270ea7b9996b",
        EventKind::PlanEdited => "f2988a1ef42b4e9297c51dfeb9135405",
        EventKind::Queued => "9cad7ecf15d14424b99aeaaaa2d16565",
        EventKind::Delivered => "a5835f729c9c4dccb62f86fc08a59dca",
        EventKind::Unconfirmed => "1d76e23a845b4701aa6fefc2e83d1232",
        EventKind::Withdrawn => "7c8517f58f714ce886cbbd5c14a01962",
        EventKind::Draft => "e5fd534700c74322906fa665b5f02391",
        EventKind::WakeFailed => "b5f2297ac5e24df2bdb2484669561b33",
        EventKind::LeftAlone => "e6a9e443b1fd4bab89e1367d0d1fe028",
        EventKind::Drift => "9e00b8b3d32d4a9687b8f3d722dbdb44",
        EventKind::Spooled => "5ecc81320db34386b68aa580c6a36bfd",
        EventKind::Phase => "6d72f6ca3d7b46b597ed14a56858d577",
        EventKind::AlmostDone => "67f0e920434a41ca9890a5ad6bae811f",
        EventKind::PhaseDone => "ff03c21e9691494dbcfc3dd156696b1e",
        EventKind::SequenceComplete => "117d8c64c4a54c2b8fe67f17a6b9b6d1",
        EventKind::PhaseUnknown => "0c50f9ff9cfd4bfa8ec4546f1d635591",
        EventKind::OriginTrouble => "a6333045657c46bfb932a5c8ca2969d6",
        EventKind::OriginBack => "74a5a49d1bfb4d2e96aa358eeb1e50b3",
        EventKind::ReviewRounds => "194df543b904401990916a4ddd4656aa",
        EventKind::LimitHeld => "2c526e19d49b49a6a73d82521d92e9fe",
        EventKind::LimitProbe => "f8134c4d05ad44fbb50e98f9c85616b3",
        EventKind::LimitPersists => "7fa3b27a91b64ab487202b885bbd7f1a",
        EventKind::ScreenAnswered => "22583a0f49014f759ddf04c973ac8df6",
        EventKind::ScreenPersists => "f88abe22c7b84e99a4ab5da3c10a8a5a",
        EventKind::LimitLifted => "73853db867994215ae7cbe2080ed68ec",
        EventKind::Fatal => "826f44f2dd6f42b0ade9f76d4552dff1",
        EventKind::Stalled => "2d38cd63bffb48ac98333fe1f4cf804a",
        EventKind::Attention => "5f11662e10e845d4b87673ea653b04b0",
        EventKind::Trouble => "ae18a5cf971343a2af6356ae04eec4d0",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::{TimeZone, Utc};

    use super::*;

    fn event(agent: Option<&str>, in_loop: Option<&str>, text: &str) -> Event {
        Event {
            time: Utc.with_ymd_and_hms(2026, 6, 13, 4, 5, 6).single().expect("a time"),
            event: EventKind::AgentReady,
            level: Level::Info,
            agent: agent.map(str::to_owned),
            in_loop: in_loop.map(str::to_owned),
            phase: Some("p1".to_owned()),
            text: text.to_owned(),
            more: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_line_says_when_who_and_what_in_the_hosts_time() {
        let lines: String = [
            event(Some("builder"), Some(""), "started (run 3)"),
            event(None, Some(""), "phase p2 begins"),
            event(None, Some("web"), "phase p2 begins"),
            event(None, None, "a subject with \u{1b}[31mcolour\nand lines"),
        ]
        .iter()
        .map(|event| line(event, chrono_tz::Europe::Berlin))
        .collect();
        expect_test::expect![[r"
            2026-06-13 06:05:06 builder: started (run 3)
            2026-06-13 06:05:06 loop: phase p2 begins
            2026-06-13 06:05:06 loop web: phase p2 begins
            2026-06-13 06:05:06 a subject with  [31mcolour and lines
        "]]
        .assert_eq(&lines);
    }

    #[test]
    fn a_line_is_never_longer_than_a_pipe_takes_at_once() {
        for bytes in 4000..4200 {
            let line = line(&event(None, None, &"ü".repeat(bytes / 2)), chrono_tz::UTC);
            assert!(line.len() <= LINE_BYTES_MAX && line.ends_with('\n'), "{}", line.len());
        }
    }

    #[test]
    fn the_journal_gets_fields_to_select_by() {
        let mut event = event(Some("builder"), Some("web"), "ready");
        event.more.insert("account".to_owned(), "claude".into());
        let fields = fields(&event);
        let lines: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        expect_test::expect![[r"
            SYSLOG_IDENTIFIER=agent-orchestrator
            MESSAGE_ID=bf2abecd02c748609e71c3f3d1bb456e
            EVENT=agent-ready
            AGENT=builder
            LOOP=web
            PHASE=p1
            ACCOUNT=claude"]]
        .assert_eq(&lines.join("\n"));
    }

    /// Returns all kinds: serde names them when it is given a word that is none.
    fn every_kind() -> Vec<EventKind> {
        let refusal = serde_json::from_str::<EventKind>("\"none\"").expect_err("no kind").to_string();
        let words = refusal.split('`').skip(1).step_by(2).skip(1);
        words.map(|word| serde_json::from_value(word.into()).expect("a kind")).collect()
    }

    #[test]
    fn every_kind_has_an_id_of_its_own() {
        let kinds = every_kind();
        assert_eq!(kinds.last().map(|last| *last as usize + 1), Some(kinds.len()), "none is left out");
        let ids: BTreeSet<&str> = kinds.iter().copied().map(message_id).collect();
        assert_eq!(ids.len(), kinds.len());
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
