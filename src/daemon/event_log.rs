//! The event log: one JSON object per line, bounded.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::policy::event::Event;

/// A log of this size is put aside as the one old file, `events.jsonl.1`.
pub const LOG_BYTES_MAX: u64 = 8 << 20;

/// Appends events; a failure never stops anybody.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    bytes_max: u64,
    file: Option<File>,
    bytes: u64,
    failing: bool,
}

impl EventLog {
    /// Appends to `path` from the first event on.
    pub fn new(path: PathBuf) -> Self {
        Self { path, bytes_max: LOG_BYTES_MAX, file: None, bytes: 0, failing: false }
    }

    /// Appends one event.
    ///
    /// # Errors
    /// What could not be written, once until it can be again.
    pub fn append(&mut self, event: &Event) -> Result<(), Option<String>> {
        match self.write(event) {
            Ok(()) => {
                self.failing = false;
                Ok(())
            }
            Err(error) => {
                // A part of the line may be written: the next one opens the file anew and mends it.
                self.file = None;
                let is_news = !std::mem::replace(&mut self.failing, true);
                Err(is_news.then(|| format!("cannot write event log `{}`: {error}", self.path.display())))
            }
        }
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        if self.file.is_none() {
            let (file, bytes) = open(&self.path)?;
            (self.file, self.bytes) = (Some(file), bytes);
        }
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.bytes_max {
            std::fs::rename(&self.path, old(&self.path))?;
            let (file, bytes) = open(&self.path)?;
            (self.file, self.bytes) = (Some(file), bytes);
        }
        if let Some(file) = &mut self.file {
            file.write_all(&line)?;
            self.bytes += line.len() as u64;
        }
        Ok(())
    }
}

/// Returns where the old events of the log at `path` are.
pub fn old(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// Opens a log and ends a line that a crash has torn.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)?;
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Ok((file, 0));
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok((file, bytes));
    }
    file.write_all(b"\n")?;
    Ok((file, bytes + 1))
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};

    use super::*;
    use crate::policy::event::{EventKind, Level};

    fn event(text: &str) -> Event {
        Event {
            time: Utc.with_ymd_and_hms(2026, 6, 13, 4, 5, 6).single().expect("a time"),
            event: EventKind::Started,
            level: Level::Info,
            agent: Some("builder".to_owned()),
            in_loop: None,
            phase: None,
            text: text.to_owned(),
            more: serde_json::Map::new(),
        }
    }

    fn texts(path: &Path) -> Vec<Result<String, ()>> {
        let log = std::fs::read_to_string(path).expect("a log");
        log.lines().map(|line| serde_json::from_str::<Event>(line).map(|event| event.text).map_err(drop)).collect()
    }

    fn ok(texts: &[&str]) -> Vec<Result<String, ()>> {
        texts.iter().map(|text| Ok((*text).to_owned())).collect()
    }

    #[test]
    fn an_event_is_one_line_that_can_be_read_again() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("events.jsonl");
        let mut log = EventLog::new(path.clone());
        assert_eq!(log.append(&event("started (run 1)\nand more")), Ok(()));
        expect_test::expect![[r#"
            {"time":"2026-06-13T04:05:06Z","event":"started","level":"info","agent":"builder","text":"started (run 1)\nand more"}
        "#]]
        .assert_eq(&std::fs::read_to_string(&path).expect("a log"));
        assert_eq!(texts(&path), ok(&["started (run 1)\nand more"]));
    }

    #[test]
    fn a_line_that_a_crash_has_torn_spoils_no_other() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("events.jsonl");
        let mut log = EventLog::new(path.clone());
        assert_eq!(log.append(&event("one")), Ok(()));
        let whole = std::fs::read(&path).expect("a log");
        std::fs::write(&path, [&whole[..], &whole[..20]].concat()).expect("torn");

        let mut log = EventLog::new(path.clone());
        assert_eq!(log.append(&event("two")), Ok(()));
        assert_eq!(log.append(&event("three")), Ok(()));
        assert_eq!(texts(&path), [&ok(&["one"])[..], &[Err(())], &ok(&["two", "three"])].concat());
    }

    #[test]
    fn a_full_log_becomes_the_one_old_file() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("events.jsonl");
        let mut log = EventLog::new(path.clone());
        let line_bytes = serde_json::to_vec(&event("n")).expect("JSON").len() as u64 + 1;
        log.bytes_max = 2 * line_bytes;
        for text in ["1", "2", "3", "4", "5"] {
            assert_eq!(log.append(&event(text)), Ok(()));
        }
        assert_eq!(texts(&path), ok(&["5"]));
        assert_eq!(texts(&old(&path)), ok(&["3", "4"]));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2);

        let huge = event(&"x".repeat(1000));
        assert_eq!(log.append(&huge), Ok(()), "an event larger than the bound gets a file of its own");
        assert_eq!(texts(&old(&path)), ok(&["5"]));
    }

    #[test]
    fn trouble_is_told_once_and_ends_by_itself() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("events.jsonl");
        std::fs::create_dir(&path).expect("made");
        let mut log = EventLog::new(path.clone());
        let told = log.append(&event("one")).expect_err("not written").expect("told");
        assert!(told.contains("cannot write event log"), "{told}");
        assert_eq!(log.append(&event("two")), Err(None));
        std::fs::remove_dir(&path).expect("removed");
        assert_eq!(log.append(&event("three")), Ok(()));
        assert_eq!(texts(&path), ok(&["three"]));
    }
}
