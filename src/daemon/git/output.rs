//! What git writes, taken in with bounds: answers, commits, files, complaints.

use std::collections::{BTreeMap, VecDeque};

use super::repository::is_object_id;
use crate::policy::observation::{BLOB_BYTES_MAX, Blob, Commit};

/// The most bytes of an answer that is kept as a whole.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// The most characters of a commit's subject that are kept.
const SUBJECT_CHARS_MAX: usize = 1000;

/// The most bytes of a line of `git log` that are kept: an object id, a blank and a subject.
const RECORD_BYTES_MAX: usize = 64 + 1 + 4 * SUBJECT_CHARS_MAX;

/// The longest header of `git cat-file --batch`: an object's name, kind and size, or a path that is missing.
const HEADER_BYTES_MAX: usize = 8 << 10;

/// The longest complaint that is told, in characters.
const COMPLAINT_CHARS_MAX: usize = 300;

/// Takes what a git process writes to its standard output.
#[derive(Debug)]
pub(super) enum Sink {
    /// Kept as it is, up to a bound.
    Answer(Vec<u8>),
    /// `git log -z --format=tformat:%H%x20%s`.
    Commits(Commits),
    /// `git cat-file --batch`.
    Blobs(Blobs),
}

impl Sink {
    /// Takes the next bytes; what is beyond the bounds is dropped.
    pub fn take(&mut self, bytes: &[u8]) {
        match self {
            Self::Answer(kept) => keep(kept, bytes, ANSWER_BYTES_MAX),
            Self::Commits(commits) => commits.take(bytes),
            Self::Blobs(blobs) => blobs.take(bytes),
        }
    }

    /// Returns the whole answer; empty for other sinks.
    pub fn answer(self) -> Vec<u8> {
        match self {
            Self::Answer(kept) => kept,
            Self::Commits(_) | Self::Blobs(_) => Vec::new(),
        }
    }
}

/// Commits, newest first as git tells them.
#[derive(Debug, Default)]
pub(super) struct Commits {
    record: Vec<u8>,
    found: Vec<Commit>,
}

impl Commits {
    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == 0) {
            let (text, ends) = part
                .split_last()
                .map_or((part, false), |(last, text)| if *last == 0 { (text, true) } else { (part, false) });
            keep(&mut self.record, text, RECORD_BYTES_MAX);
            if ends {
                self.found.extend(commit(&std::mem::take(&mut self.record)));
            }
        }
    }

    /// Returns the commits, oldest first.
    pub fn oldest_first(mut self) -> Vec<Commit> {
        self.found.reverse();
        self.found
    }
}

fn commit(record: &[u8]) -> Option<Commit> {
    let text = String::from_utf8_lossy(record);
    let (id, subject) = text.split_once(' ')?;
    let subject = subject.chars().filter(|character| !character.is_control()).take(SUBJECT_CHARS_MAX).collect();
    is_object_id(id).then(|| Commit { id: id.to_owned(), subject })
}

/// Files, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    asked: VecDeque<String>,
    header: Vec<u8>,
    body: Option<Body>,
    found: BTreeMap<String, Blob>,
}

#[derive(Debug)]
struct Body {
    path: Option<String>,
    id: String,
    kept: Vec<u8>,
    /// Bytes still to come, with the line feed behind them.
    left: u64,
}

impl Blobs {
    /// Waits for the answers about these paths.
    pub fn of(paths: impl IntoIterator<Item = String>) -> Self {
        Self { asked: paths.into_iter().collect(), ..Self::default() }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.body.take() {
                Some(body) => self.take_body(body, bytes),
                None => self.take_header(bytes),
            };
        }
    }

    fn take_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (line, rest) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&bytes[..end], Some(&bytes[end + 1..])),
            None => (bytes, None),
        };
        keep(&mut self.header, line, HEADER_BYTES_MAX);
        let Some(rest) = rest else { return &[] };
        let header = String::from_utf8_lossy(&std::mem::take(&mut self.header)).into_owned();
        let path = self.asked.pop_front();
        let fields: Vec<&str> = header.split(' ').collect();
        // Anything else, `PATH missing` for one, has no content behind it.
        if let [id, kind, size] = fields[..]
            && is_object_id(id)
            && let Ok(size) = size.parse::<u64>()
        {
            let path = path.filter(|_| kind == "blob");
            self.body = Some(Body { path, id: id.to_owned(), kept: Vec::new(), left: size.saturating_add(1) });
        }
        rest
    }

    fn take_body<'a>(&mut self, mut body: Body, bytes: &'a [u8]) -> &'a [u8] {
        let count = usize::try_from(body.left).unwrap_or(usize::MAX).min(bytes.len());
        let (part, rest) = bytes.split_at(count);
        body.left -= count as u64;
        let content = if body.left == 0 { &part[..count - 1] } else { part };
        keep(&mut body.kept, content, BLOB_BYTES_MAX);
        if body.left > 0 {
            self.body = Some(body);
        } else if let Some(path) = body.path {
            let text = String::from_utf8_lossy(&body.kept).into_owned();
            self.found.insert(path, Blob { id: body.id, text });
        }
        rest
    }

    /// Returns the files that exist.
    pub fn found(self) -> BTreeMap<String, Blob> {
        self.found
    }
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8], bytes_max: usize) {
    let room = bytes_max.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(&bytes[..room]);
}

/// Takes apart what `git ls-remote --symref` tells: the default branch, and branches with their heads.
pub(super) fn heads(text: &str) -> (Option<String>, Vec<(String, String)>) {
    let mut default = None;
    let mut branches = Vec::new();
    for (value, name) in text.lines().filter_map(|line| line.split_once('\t')) {
        if let (Some(target), "HEAD") = (value.strip_prefix("ref: refs/heads/"), name) {
            default = Some(target.to_owned());
        } else if let (Some(branch), true) = (name.strip_prefix("refs/heads/"), is_object_id(value)) {
            branches.push((branch.to_owned(), value.to_owned()));
        }
    }
    (default, branches)
}

/// Returns the line of git's complaints that says most, without passwords; empty if there is none.
pub(super) fn complaint(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let noise = |line: &str| {
        let lower = line.to_ascii_lowercase();
        line.is_empty()
            || line.starts_with('@')
            || ["warning:", "hint:", "please make sure", "and the repository exists", "remote: enumerating"]
                .iter()
                .any(|start| lower.starts_with(start))
            || ["remote: counting", "remote: compressing", "remote: total", "receiving objects", "resolving deltas"]
                .iter()
                .any(|start| lower.starts_with(start))
    };
    let mut lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !noise(line));
    let line = lines.next().unwrap_or_default();
    let line = ["fatal: ", "error: ", "ERROR: "].iter().find_map(|start| line.strip_prefix(start)).unwrap_or(line);
    without_secrets(line).chars().filter(|character| !character.is_control()).take(COMPLAINT_CHARS_MAX).collect()
}

/// Removes what stands between `://` and `@` in addresses.
fn without_secrets(line: &str) -> String {
    let mut parts = line.split("://");
    let mut cleaned = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let host_end = part.find(['/', ' ', '\'']).unwrap_or(part.len());
        let start = part[..host_end].rfind('@').map_or(0, |at| at + 1);
        cleaned = cleaned + "://" + &part[start..];
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1111111111111111111111111111111111111111";

    fn blobs(paths: &[&str], bytes: &[u8], chunk: usize) -> BTreeMap<String, String> {
        let mut blobs = Blobs::of(paths.iter().map(|path| (*path).to_owned()));
        bytes.chunks(chunk).for_each(|part| blobs.take(part));
        blobs.found().into_iter().map(|(path, blob)| (path, blob.text)).collect()
    }

    #[test]
    fn files_are_told_apart_however_the_bytes_come() {
        let bytes = format!("{ID} blob 5\na\nb\nc\n{ID}:no such missing\n{ID} tree 3\nxyz\n{ID} blob 0\n\n");
        for chunk in [1, 2, 7, 1000] {
            let found = blobs(&["one", "no such", "folder", "empty"], bytes.as_bytes(), chunk);
            assert_eq!(found, BTreeMap::from([("one".into(), "a\nb\nc".into()), ("empty".into(), String::new())]));
        }
    }

    #[test]
    fn a_huge_file_is_cut_and_the_next_one_is_read() {
        let size = BLOB_BYTES_MAX + 10;
        let bytes =
            [format!("{ID} blob {size}\n").into_bytes(), vec![b'x'; size], format!("\n{ID} blob 1\ny\n").into()];
        let found = blobs(&["huge", "next"], &bytes.concat(), 4096);
        assert_eq!(found["huge"].len(), BLOB_BYTES_MAX);
        assert_eq!(found["next"], "y");
    }

    #[test]
    fn commits_come_oldest_first_and_clean() {
        let mut commits = Commits::default();
        let long = "x".repeat(SUBJECT_CHARS_MAX + 5);
        let text = [ID.as_bytes(), b" \xffnew\x1b[31m\0", ID.as_bytes(), b" ", long.as_bytes(), b"\0"].concat();
        text.chunks(3).for_each(|part| commits.take(part));
        let subjects: Vec<String> = commits.oldest_first().into_iter().map(|commit| commit.subject).collect();
        assert_eq!(subjects, ["x".repeat(SUBJECT_CHARS_MAX), "\u{fffd}new[31m".to_owned()]);
    }

    #[test]
    fn a_complaint_is_one_telling_line() {
        let told = |text: &str| complaint(text.as_bytes());
        assert_eq!(
            told(
                "Permission denied (publickey).\r\nfatal: Could not read from remote repository.\n\nPlease make sure\n"
            ),
            "Permission denied (publickey)."
        );
        assert_eq!(
            told("warning: redirecting\nfatal: unable to access 'https://me:secret@host/a.git/': 403\n"),
            "unable to access 'https://host/a.git/': 403"
        );
        assert_eq!(told("Receiving objects:  50%\rReceiving objects: 100%\nfatal: early EOF\n"), "early EOF");
        assert_eq!(told(""), "");
    }
}
