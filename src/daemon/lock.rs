//! The fleet's lock: one supervisor, or one who acts in its place.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// The most that is read of a lock's text.
const TEXT_BYTES_MAX: u64 = 256;

/// What the holder of a lock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Supervises the fleet.
    Supervisor,
    /// Runs one verb while there is no supervisor.
    Verb,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Verb => "verb",
        }
    }
}

/// Who holds a lock, as it wrote itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// What it does.
    pub role: Role,
    /// Its process.
    pub pid: u32,
    /// When it took the lock.
    pub since: DateTime<Utc>,
}

/// The lock, held until it is dropped or the process ends.
///
/// It belongs to the open file (`F_OFD_SETLK`), and who only wants to know about it can ask without taking it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path` and writes into it who has it.
    ///
    /// # Errors
    /// When somebody holds it: who and since when. When it cannot be taken at all.
    pub fn take(path: &Path, role: Role, now: DateTime<Utc>) -> anyhow::Result<Self> {
        let what = || format!("cannot lock `{}`", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .with_context(what)?;
        match fcntl(file.as_raw_fd(), FcntlArg::F_OFD_SETLK(&whole_file())) {
            Ok(_) => {}
            Err(Errno::EAGAIN | Errno::EACCES) => bail!("{}", refusal(read_holder(&mut file))),
            Err(error) => return Err(error).with_context(what),
        }
        let since = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        file.set_len(0).with_context(what)?;
        writeln!(file, "{} {} {since}", role.word(), std::process::id()).with_context(what)?;
        Ok(Self { _file: file })
    }
}

/// Returns who holds the lock at `path`; `None` if nobody does, or if it has not yet written who it is.
pub fn holder(path: &Path) -> Option<Holder> {
    read_holder(&mut held(path)?)
}

/// Says whether somebody holds the lock at `path` who has not yet written who it is.
pub fn is_held_by_a_beginner(path: &Path) -> bool {
    held(path).is_some_and(|mut file| read_holder(&mut file).is_none())
}

/// Opens the lock at `path` if somebody holds it.
fn held(path: &Path) -> Option<File> {
    // F_OFD_GETLK for a write lock wants a descriptor that could take one.
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    let mut wanted = whole_file();
    fcntl(file.as_raw_fd(), FcntlArg::F_OFD_GETLK(&mut wanted)).ok()?;
    (i32::from(wanted.l_type) != libc::F_UNLCK).then_some(file)
}

fn refusal(holder: Option<Holder>) -> String {
    match holder {
        Some(Holder { role, pid, since }) => {
            let since = since.format("%Y-%m-%d %H:%M:%S UTC");
            match role {
                Role::Supervisor => format!("a supervisor of this fleet runs already (pid {pid}, since {since})"),
                Role::Verb => format!("another command changes this fleet just now (pid {pid}, since {since})"),
            }
        }
        None => "a supervisor of this fleet runs already".to_owned(),
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(TEXT_BYTES_MAX).read_to_string(&mut text).ok()?;
    let mut words = text.split_whitespace();
    let word = words.next()?;
    let role = [Role::Supervisor, Role::Verb].into_iter().find(|role| role.word() == word)?;
    let pid = words.next()?.parse().ok()?;
    let since = DateTime::parse_from_rfc3339(words.next()?).ok()?.to_utc();
    Some(Holder { role, pid, since })
}

fn whole_file() -> libc::flock {
    // The kernel's constants fit (0, 1, 2); libc merely types them wider than the fields.
    #[expect(clippy::cast_possible_truncation)]
    libc::flock { l_type: libc::F_WRLCK as i16, l_whence: libc::SEEK_SET as i16, l_start: 0, l_len: 0, l_pid: 0 }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn the_second_is_told_who_has_it_and_the_third_gets_it() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("lock");
        let since = Utc.with_ymd_and_hms(2026, 6, 13, 4, 5, 6).single().expect("a time");
        assert_eq!(holder(&path), None);

        let first = Lock::take(&path, Role::Supervisor, since).expect("taken");
        let pid = std::process::id();
        assert_eq!(holder(&path), Some(Holder { role: Role::Supervisor, pid, since }));
        let refused = Lock::take(&path, Role::Verb, since).expect_err("held");
        assert_eq!(
            refused.to_string(),
            format!("a supervisor of this fleet runs already (pid {pid}, since 2026-06-13 04:05:06 UTC)")
        );

        drop(first);
        assert_eq!(holder(&path), None);
        let third = Lock::take(&path, Role::Verb, since).expect("free again");
        assert_eq!(holder(&path).map(|found| found.role), Some(Role::Verb));
        let refused = Lock::take(&path, Role::Supervisor, since).expect_err("held").to_string();
        assert!(refused.starts_with("another command changes this fleet just now"), "{refused}");
        drop(third);
    }

    #[test]
    fn what_stands_in_a_lock_that_nobody_holds_means_nothing() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("lock");
        std::fs::write(&path, "supervisor 1 2026-06-13T04:05:06Z\nand a long rest of something else").expect("written");
        assert_eq!(holder(&path), None);
        let lock = Lock::take(&path, Role::Supervisor, Utc::now()).expect("taken");
        assert_eq!(holder(&path).map(|found| found.pid), Some(std::process::id()));
        assert!(!is_held_by_a_beginner(&path));
        std::fs::write(&path, "").expect("cut");
        assert!(holder(&path).is_none() && is_held_by_a_beginner(&path));
        drop(lock);
        assert!(!is_held_by_a_beginner(&path));
    }
}
