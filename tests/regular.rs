//! What lies in the place of a file where agents can write: pipes, devices and links hold nobody up and lead nowhere.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "writes files; a test may panic")]

mod within;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use agent_orchestrator::daemon::pane::{self, LOG_BYTES_MAX, Writer};
use agent_orchestrator::daemon::regular::{self, Links};
use agent_orchestrator::daemon::state_file::replace_as;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use within::within;

fn pipe(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    path
}

fn endless(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    symlink("/dev/zero", &path).unwrap();
    path
}

#[test]
fn what_is_no_file_is_neither_read_nor_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    for path in [pipe(folder.path(), "pipe"), endless(folder.path(), "endless")] {
        for links in [Links::Followed, Links::Refused] {
            let path = path.clone();
            within("read", move || regular::read(&path, links, 100)).unwrap_err();
        }
        within("a launch file", move || pane::read(&path)).unwrap_err();
    }
    let text = folder.path().join("text");
    std::fs::write(&text, "12345").unwrap();
    symlink(&text, folder.path().join("link")).unwrap();
    let read = |name: &str, links, bytes_max| regular::read(&folder.path().join(name), links, bytes_max);
    assert_eq!(read("text", Links::Refused, 5).unwrap(), b"12345");
    assert_eq!(read("link", Links::Followed, 5).unwrap(), b"12345");
    assert_eq!(read("text", Links::Refused, 4).unwrap_err().to_string(), "longer than 4 bytes");
    read("link", Links::Refused, 5).unwrap_err();
}

#[test]
fn a_draft_is_a_new_file_whatever_was_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("mine");
    std::fs::write(&mine, "mine").unwrap();
    let path = folder.path().join("COMPLETE");
    let replaced = |text: &'static str| {
        let path = path.clone();
        within("replaced", move || replace_as(&path, text.as_bytes(), 0o640)).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("COMPLETE")).unwrap(), text);
    };
    pipe(folder.path(), "COMPLETE.draft");
    replaced("one");
    endless(folder.path(), "COMPLETE.draft");
    replaced("two");
    symlink(&mine, folder.path().join("COMPLETE.draft")).unwrap();
    replaced("three");
    assert_eq!(std::fs::read_to_string(mine).unwrap(), "mine");
}

#[test]
fn a_log_in_whose_place_is_a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    for path in [pipe(folder.path(), "ada.log"), endless(folder.path(), "bob.log")] {
        within("opened", move || Writer::open(&path, LOG_BYTES_MAX).map(drop)).unwrap_err();
    }
}
