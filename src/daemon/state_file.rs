//! Keeps the state over restarts: one file, replaced in one step.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::regular;
use crate::policy::state::{State, VERSION};

/// The largest state file.
pub const STATE_BYTES_MAX: u64 = 64 << 20;

/// Returns the id of the running boot; moments of the monotonic clock mean something only within it.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn boot_id() -> anyhow::Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"))?;
    Ok(text.trim().to_owned())
}

/// Reads the state file; `None` if there is none.
///
/// # Errors
/// When it is there and cannot be used; the sentence names the way out.
pub fn load(path: &Path) -> anyhow::Result<Option<State>> {
    let file = match OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read state `{}`", path.display())),
    };
    let mut text = Vec::new();
    file.take(STATE_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .with_context(|| format!("cannot read state `{}`", path.display()))?;
    match parse(&text) {
        Ok(state) => Ok(Some(state)),
        Err(why) => bail!(
            "cannot use state `{path}`: {why}\nhint: `mv {path} {path}.broken` starts the fleet anew, every loop at its \
             first phase; running agents are found again, and `phase set` moves a loop",
            path = path.display()
        ),
    }
}

fn parse(text: &[u8]) -> Result<State, String> {
    if text.len() as u64 > STATE_BYTES_MAX {
        return Err(format!("it is larger than {STATE_BYTES_MAX} bytes"));
    }
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let value: serde_json::Value = serde_json::from_slice(text).map_err(|error| format!("it is not JSON: {error}"))?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => return Err(format!("it has version {version}, this program knows version {VERSION}")),
        None => return Err("it has no version".to_owned()),
    }
    serde_json::from_value(value).map_err(|error| format!("it is no state: {error}"))
}

/// Replaces the state file in one step.
///
/// # Errors
/// What could not be written; the old file is whole.
pub fn save(path: &Path, state: &State) -> anyhow::Result<()> {
    let what = || format!("cannot save state `{}`", path.display());
    let text = serde_json::to_vec(state).with_context(what)?;
    if text.len() as u64 > STATE_BYTES_MAX {
        bail!("{}: it is larger than {STATE_BYTES_MAX} bytes", what());
    }
    replace(path, &text).with_context(what)
}

/// Replaces a file in one step: after a crash there is the old content or the new one, nothing between.
///
/// # Errors
/// What the file system says; the old file is whole.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_as(path, content, 0o600)
}

/// As [`replace`], with this mode; the umask takes from it.
///
/// # Errors
/// The same.
pub fn replace_as(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the path of a file"));
    };
    let mut draft_name = name.to_owned();
    draft_name.push(".draft");
    let draft = folder.join(draft_name);
    let written = write_draft(&draft, content, mode).and_then(|()| std::fs::rename(&draft, path));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&draft);
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

fn write_draft(draft: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = regular::anew(draft, mode)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Saves the state whenever it differs from what is on disk.
#[derive(Debug)]
pub struct Keeper {
    path: PathBuf,
    saved: Option<State>,
    failing: bool,
}

impl Keeper {
    /// Keeps the state at `path`, where `saved` stands.
    pub fn new(path: PathBuf, saved: Option<State>) -> Self {
        Self { path, saved, failing: false }
    }

    /// Saves `state` if it is not on disk.
    ///
    /// # Errors
    /// What could not be written, once until it can be again.
    pub fn keep(&mut self, state: &State) -> Result<(), Option<String>> {
        if self.saved.as_ref() == Some(state) {
            return Ok(());
        }
        match save(&self.path, state) {
            Ok(()) => {
                self.saved = Some(state.clone());
                self.failing = false;
                Ok(())
            }
            Err(error) => {
                let is_news = !std::mem::replace(&mut self.failing, true);
                Err(is_news.then(|| format!("{error:#}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temp folder")
    }

    fn refusal(text: &[u8]) -> String {
        let folder = folder();
        let path = folder.path().join("state.json");
        std::fs::write(&path, text).expect("written");
        let error = load(&path).expect_err("no state");
        assert_eq!(std::fs::read(&path).expect("still there"), text, "it is left as it is");
        format!("{error:#}").replace(&folder.path().display().to_string(), "FOLDER")
    }

    #[test]
    fn only_absent_means_absent() {
        let folder = folder();
        assert!(load(&folder.path().join("state.json")).expect("no error").is_none());
        let error = load(&folder.path().join("no-folder\0/state.json")).expect_err("not absent");
        assert!(format!("{error:#}").starts_with("cannot read state"), "{error:#}");
        std::fs::create_dir(folder.path().join("state.json")).expect("made");
        assert!(load(&folder.path().join("state.json")).is_err(), "a folder is no state");
    }

    #[test]
    fn what_is_saved_is_loaded_and_no_draft_stays() {
        let folder = folder();
        let path = folder.path().join("state.json");
        let state = State::new("boot");
        save(&path, &state).expect("saved");
        assert_eq!(load(&path).expect("loaded"), Some(state));
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    /// Says where something of `old` is missing or different in `new`.
    fn loss(old: &serde_json::Value, new: &serde_json::Value, place: &str) -> Option<String> {
        match (old, new) {
            (serde_json::Value::Object(old), serde_json::Value::Object(new)) => old.iter().find_map(|(key, old)| {
                let place = format!("{place}/{key}");
                new.get(key).map_or_else(|| Some(format!("{place} is gone")), |new| loss(old, new, &place))
            }),
            (serde_json::Value::Array(old), serde_json::Value::Array(new)) if old.len() == new.len() => {
                old.iter().zip(new).enumerate().find_map(|(at, (old, new))| loss(old, new, &format!("{place}/{at}")))
            }
            _ => (old != new).then(|| format!("{place}: {old} has become {new}")),
        }
    }

    /// Returns what a state file that an older program wrote holds when this one has read it.
    fn read_and_written(old: &str) -> (serde_json::Value, serde_json::Value) {
        let state = parse(old.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
        (serde_json::from_str(old).expect("JSON"), serde_json::to_value(&state).expect("JSON"))
    }

    #[test]
    fn what_the_first_program_of_this_version_wrote_is_read_without_loss() {
        let (old, new) = read_and_written(include_str!("../../tests/states/2026-11-21.json"));
        assert_eq!(loss(&old, &new, ""), None);
    }

    #[test]
    fn all_that_has_been_added_since_is_read_and_written_as_it_stands() {
        let (old, new) = read_and_written(include_str!("../../tests/states/2026-11-30.json"));
        assert_eq!((loss(&old, &new, ""), loss(&new, &old, "")), (None, None));
    }

    #[test]
    fn a_state_that_cannot_be_used_is_never_taken_for_none() {
        let whole = serde_json::to_vec(&State::new("boot")).expect("JSON");
        for end in 0..whole.len() {
            assert!(refusal(&whole[..end]).contains("hint: `mv FOLDER/state.json"), "cut at {end}");
        }
        expect_test::expect![[r"
            cannot use state `FOLDER/state.json`: it is empty
            hint: `mv FOLDER/state.json FOLDER/state.json.broken` starts the fleet anew, every loop at its first phase; running agents are found again, and `phase set` moves a loop"]]
        .assert_eq(&refusal(b""));
        let newer = String::from_utf8(whole).expect("text").replacen("\"version\":1", "\"version\":2", 1);
        assert!(refusal(newer.as_bytes()).contains("it has version 2, this program knows version 1"));
        assert!(refusal(b"{}").contains("it has no version"));
        assert!(refusal(b"{\"version\":1}").contains("it is no state: missing field"));
        assert!(refusal(b"\xff\xfe").contains("it is not JSON"));
    }

    #[test]
    fn a_failed_save_leaves_the_old_state_whole_and_is_told_once() {
        let folder = folder();
        let state_folder = folder.path().join("state");
        std::fs::create_dir(&state_folder).expect("made");
        let path = state_folder.join("state.json");
        let mut keeper = Keeper::new(path.clone(), None);
        let old = State::new("old");
        assert_eq!(keeper.keep(&old), Ok(()));

        // A folder in the draft's place stops everybody, root too.
        let draft = state_folder.join("state.json.draft");
        std::fs::create_dir(&draft).expect("made");
        let new = State::new("new");
        let told = keeper.keep(&new).expect_err("not saved").expect("told");
        assert!(told.contains("cannot save state"), "{told}");
        assert_eq!(keeper.keep(&new), Err(None));
        assert_eq!(load(&path).expect("loaded"), Some(old));

        std::fs::remove_dir(&draft).expect("removed");
        assert_eq!(keeper.keep(&new), Ok(()));
        assert_eq!(load(&path).expect("loaded"), Some(new));
    }

    #[test]
    fn a_state_on_disk_is_not_written_again() {
        let folder = folder();
        let path = folder.path().join("state.json");
        let state = State::new("boot");
        let mut keeper = Keeper::new(path.clone(), Some(state.clone()));
        assert_eq!(keeper.keep(&state), Ok(()));
        assert!(!path.exists());
    }

    #[test]
    fn the_boot_has_an_id() {
        assert_eq!(boot_id().expect("an id").len(), 36);
    }
}
