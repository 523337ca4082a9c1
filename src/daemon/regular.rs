//! Files where others can write too: a pipe, a device or a text without an end in their place holds nobody up.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// What a link in a file's own place is; those in the folders above are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// It stands for what it leads to.
    Followed,
    /// Not a file.
    Refused,
}

impl Links {
    fn flags(self) -> i32 {
        let links = if self == Self::Refused { OFlag::O_NOFOLLOW } else { OFlag::empty() };
        (OFlag::O_NONBLOCK | links).bits()
    }
}

/// Opens a regular file to read.
///
/// # Errors
/// When it cannot be opened, or is something else.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    regular(OpenOptions::new().read(true).custom_flags(links.flags()).open(path)?)
}

/// Reads a regular file of at most `bytes_max` bytes.
///
/// # Errors
/// When it cannot be read, is something else, or is longer.
pub fn read(path: &Path, links: Links, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, links)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("longer than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Opens a regular file to append to, and makes it where there is none; a link in its place is refused.
///
/// # Errors
/// When it cannot be opened, or is something else.
pub fn append(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    regular(options.append(true).create(true).mode(mode).custom_flags(Links::Refused.flags()).open(path)?)
}

/// Makes a new file in the place of whatever is there, but of a folder.
///
/// # Errors
/// When what is there cannot be removed, or no file be made.
pub fn anew(path: &Path, mode: u32) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// Tells whether something else than a regular file stood there: whoever reads it by other means may never come to its end.
pub fn is_irregular(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}
