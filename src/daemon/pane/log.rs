//! The log writer of one session: bounded, and independent of the supervisor.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::fcntl::OFlag;

use super::{READY, fifo, pastes_mark, read};
use crate::daemon::child;
use crate::daemon::regular;
use crate::protocol::paste_mode::PasteMode;

/// Who may read what an agent makes beside its terminal: the fleet's group.
pub const MODE: u32 = 0o640;

/// The most bytes of a session's log; one older file of that size is kept beside it as `.1`.
pub const LOG_BYTES_MAX: u64 = 16 << 20;

/// How much is copied at once.
const COPY_BYTES: usize = 64 << 10;

/// Copies standard input to the session's log until its end, which comes with the pane. A file tells whether the program
/// takes a pasted text as a whole, which tmux tells from 3.7 on only.
///
/// What cannot be written (a full disk) is dropped: the agent must not wait for its log.
///
/// # Errors
/// When the launch file or standard input cannot be read.
pub fn log(launch_file: &Path) -> anyhow::Result<()> {
    child::unblock_signals().context("cannot unblock signals")?;
    // Fails only for the leader of a process group, which nobody else could signal by its group either.
    let _ = nix::unistd::setsid();
    let launch = read(launch_file)?;
    std::env::set_current_dir("/").context("cannot enter `/`")?;
    // Opened for both, so that neither side waits for the other; kept open, so that the byte stays in it.
    let ready =
        OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(fifo(launch_file));
    let (mut writer, said) = match Writer::open(&launch.log, LOG_BYTES_MAX) {
        Ok(writer) => (Some(writer), READY.to_owned()),
        Err(error) => (None, format!("cannot write `{}`: {error}\n", launch.log.display()).into_bytes()),
    };
    if let Ok(mut ready) = ready.as_ref() {
        let _ = ready.write_all(&said);
    }
    let mut input = io::stdin().lock();
    let mut piece = vec![0; COPY_BYTES];
    let (mut pastes, mut marked) = (PasteMode::default(), false);
    loop {
        match input.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let takes_whole = pastes.feed(&piece[..count]);
                if takes_whole != marked {
                    marked = takes_whole;
                    note_pastes(&pastes_mark(launch_file), takes_whole);
                }
                if let Some(writer) = &mut writer {
                    let _ = writer.write(&piece[..count]);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("cannot read the pane's output"),
        }
    }
}

/// Tells the supervisor how a text is to be typed; where that fails, long ones are read from a file.
fn note_pastes(mark: &Path, takes_whole: bool) {
    let _ = if takes_whole { regular::anew(mark, MODE).map(drop) } else { std::fs::remove_file(mark) };
}

/// A log file that is set aside when it is full.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl Writer {
    /// Appends to the log at `path`, and makes its folder.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, bytes_max: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, bytes_max })
    }

    /// Writes `piece` as a whole; what does not fit into the file goes into the next one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while !piece.is_empty() {
            if self.bytes >= self.bytes_max {
                self.rotate()?;
            }
            let room = usize::try_from(self.bytes_max - self.bytes).unwrap_or(usize::MAX);
            let (now, later) = piece.split_at(piece.len().min(room));
            self.file.write_all(now)?;
            self.bytes += now.len() as u64;
            piece = later;
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        match std::fs::rename(&self.path, old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.file = append(&self.path)?;
        self.bytes = self.file.metadata()?.len();
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    // Where agents have users of their own the folder is shared: a link there may lead to a file of this agent's.
    regular::append(path, MODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_a_logs_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("a.log"), folder.path().join("profile"));
        std::fs::write(&elsewhere, "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(Writer::open(&path, 10).is_err());
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine");
    }

    #[test]
    fn a_full_log_is_set_aside_once_and_a_restart_appends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs").join("a.log");
        let old = folder.path().join("logs").join("a.log.1");
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();

        Writer::open(&path, 10).unwrap().write(b"0123").unwrap();
        let mut writer = Writer::open(&path, 10).unwrap();
        writer.write(b"456789").unwrap();
        assert!(!old.exists());
        writer.write(b"abc").unwrap();
        assert_eq!((text(&old), text(&path)), ("0123456789".into(), "abc".into()));

        writer.write(b"defghijklmnopqrstuvwxyz").unwrap();
        assert_eq!((text(&old), text(&path)), ("klmnopqrst".into(), "uvwxyz".into()));
        let files = std::fs::read_dir(folder.path().join("logs")).unwrap().count();
        assert_eq!(files, 2, "nothing else is kept");
    }
}
