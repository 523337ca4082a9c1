//! Bytes on their way from one end to another, neither of which blocks.

use std::io::{self, ErrorKind, Read, Write};

/// The most bytes that are on their way.
const WAY_BYTES_MAX: usize = 64 << 10;

/// Whether more can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// It can.
    Open,
    /// The end it comes from is no more.
    Ended,
}

/// Reads what there is into `way`, which is empty.
pub fn fill(mut from: impl Read, way: &mut Vec<u8>) -> Filled {
    way.resize(WAY_BYTES_MAX, 0);
    let read = from.read(way);
    way.truncate(*read.as_ref().unwrap_or(&0));
    match read {
        Ok(0) => Filled::Ended,
        Ok(_) => Filled::Open,
        Err(error) if is_for_later(&error) => Filled::Open,
        Err(_) => Filled::Ended,
    }
}

/// Writes what can be of `way`.
///
/// # Errors
/// When nobody takes it any more.
pub fn drain(mut to: impl Write, way: &mut Vec<u8>) -> io::Result<()> {
    if way.is_empty() {
        return Ok(());
    }
    match to.write(way) {
        Ok(count) => drop(way.drain(..count)),
        Err(error) if is_for_later(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
