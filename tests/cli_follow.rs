//! A growing file that is rotated is read without a hole and without a repeat.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use agent_orchestrator::cli::follow::{self, Tail};

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn drained(tail: &mut Tail) -> String {
    let mut seen = Vec::new();
    tail.drain(&mut |bytes| {
        seen.extend_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    String::from_utf8(seen).unwrap()
}

#[test]
fn a_tail_reads_on_over_rotations_and_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let mut tail = Tail::new(&path, follow::open(&path).unwrap());
    assert_eq!(drained(&mut tail), "", "it is not there yet");
    append(&path, "one ");
    assert_eq!(drained(&mut tail), "one ");
    append(&path, "two ");
    std::fs::rename(&path, follow::rotated(&path)).unwrap();
    assert_eq!(drained(&mut tail), "two ", "the rest of what was set aside");
    append(&path, "three ");
    assert_eq!(drained(&mut tail), "three ");
    append(&path, "four ");
    std::fs::rename(&path, follow::rotated(&path)).unwrap();
    append(&path, "five ");
    assert_eq!(drained(&mut tail), "four five ");
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, "six");
    assert_eq!(drained(&mut tail), "six", "a file that was cut begins anew");
    assert_eq!(drained(&mut tail), "");
}

#[test]
fn the_last_lines_of_a_log_include_one_without_an_end() {
    assert_eq!(follow::last_lines(b"a\nb\nc\n", 2), b"b\nc\n");
    assert_eq!(follow::last_lines(b"a\nb\nc", 2), b"b\nc");
    assert_eq!(follow::last_lines(b"a\nb\n", 9), b"a\nb\n");
    assert_eq!(follow::last_lines(b"a\n", 0), b"");
    assert_eq!(follow::last_lines(b"", 3), b"");
}
