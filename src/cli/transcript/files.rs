//! Conversations that are files: Claude Code, Codex, Gemini.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::whose::Whose;
use crate::cli::follow;
use crate::daemon::regular::{self, Links};
use crate::protocol::transcript::{Entry, Program, Reader, conversation_of, project_folder};

/// The most folders that are looked into: Codex has one for each day.
const FOLDERS_MAX: usize = 400;

/// The most files that are looked at, the newest folders first.
const FILES_MAX: usize = 2000;

/// The most of a file's first record that is read, bytes.
const FIRST_BYTES_MAX: u64 = 1 << 20;

/// How much is read at once, bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// As it is named on a resume.
    pub id: String,
    path: PathBuf,
    changed: SystemTime,
}

/// The session files of an agent, each read as far as it has been.
#[derive(Debug)]
pub struct Files {
    whose: Whose,
    /// What each file holds; `None`: nothing of this agent's.
    ids: BTreeMap<PathBuf, Option<String>>,
    open: BTreeMap<PathBuf, Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    reader: Reader,
}

impl Files {
    /// Begins with nothing read.
    pub fn new(whose: Whose) -> Self {
        Self { whose, ids: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// Returns the conversations that are there, in the order in which they were changed last.
    pub fn conversations(&mut self) -> Vec<Conversation> {
        let mut found = Vec::new();
        for path in self.folders().iter().flat_map(|folder| listed(folder)).take(FILES_MAX) {
            let Some(id) = self.id_of(&path) else { continue };
            let Ok(changed) = path.metadata().and_then(|metadata| metadata.modified()) else { continue };
            found.push(Conversation { id, path, changed });
        }
        found.sort_by(|one, other| (one.changed, &one.path).cmp(&(other.changed, &other.path)));
        found
    }

    fn id_of(&mut self, path: &Path) -> Option<String> {
        if let Some(known) = self.ids.get(path) {
            return known.clone();
        }
        let name = path.file_name()?.to_str()?;
        let mut first = Vec::new();
        BufReader::new(regular::open(path, Links::Followed).ok()?.take(FIRST_BYTES_MAX))
            .read_until(b'\n', &mut first)
            .ok()?;
        let id = conversation_of(self.whose.program, name, &first, &self.whose.dir);
        // A first record that has no end yet is looked at again.
        if first.ends_with(b"\n") {
            if self.ids.len() >= 2 * FILES_MAX {
                self.ids.clear();
            }
            self.ids.insert(path.to_owned(), id.clone());
        }
        id
    }

    /// Returns the folders that hold conversations, those of the newest first.
    fn folders(&self) -> Vec<PathBuf> {
        let Whose { program, folder, dir, .. } = &self.whose;
        match program {
            Program::Claude => vec![folder.join(project_folder(dir))],
            Program::Codex => {
                let below = |folders: Vec<PathBuf>| folders.iter().flat_map(|each| listed(each)).collect::<Vec<_>>();
                let mut days = below(below(listed(folder)));
                days.truncate(FOLDERS_MAX);
                days
            }
            Program::Gemini => {
                let of_dir = |project: &PathBuf| {
                    let root = regular::read(&project.join(".project_root"), Links::Followed, FIRST_BYTES_MAX);
                    let root = root.unwrap_or_default();
                    Path::new(OsStr::from_bytes(root.strip_suffix(b"\n").unwrap_or(&root))) == dir
                };
                let projects = listed(folder).into_iter().take(FOLDERS_MAX).filter(of_dir);
                projects.map(|project| project.join("chats")).collect()
            }
            Program::Opencode => Vec::new(),
        }
    }

    /// Returns the folders in which a new conversation would show, and the files that grow.
    pub fn watched(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let top = &self.whose.folder;
        // The day after, or the project's folder while it is missing, shows in what is above it.
        let newest = self.folders().into_iter().next().unwrap_or_else(|| top.clone());
        let within = newest.ancestors().take_while(|each| each.starts_with(top)).map(Path::to_owned);
        let mut folders: Vec<PathBuf> = within.collect();
        folders.extend(top.ancestors().find(|each| each.is_dir()).map(Path::to_owned));
        if self.whose.program == Program::Gemini {
            // Whose a folder is, is written into it when it is there.
            folders.extend(listed(top).into_iter().take(FOLDERS_MAX));
        }
        let in_use = self.open.iter().filter(|(path, _)| path.starts_with(&newest) || self.open.len() < FOLDERS_MAX);
        (folders, in_use.map(|(path, _)| path.clone()).collect())
    }

    /// Goes on behind what the file holds now.
    pub fn skip(&mut self, conversation: &Conversation) {
        if let Ok(mut file) = regular::open(&conversation.path, Links::Followed)
            && file.seek(SeekFrom::End(0)).is_ok()
        {
            self.open.insert(conversation.path.clone(), Open { file, reader: Reader::new(self.whose.program) });
        }
    }

    /// Hands all that is new in a conversation to `take`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self, conversation: &Conversation, take: &mut dyn FnMut(Entry)) -> anyhow::Result<()> {
        let path = &conversation.path;
        let Some(now) = follow::open(path)? else { return Ok(()) };
        let open = match self.open.remove(path) {
            Some(open) if follow::same(Some(&open.file), &now)? => open,
            Some(_) | None => Open { file: now, reader: Reader::new(self.whose.program) },
        };
        let open = self.open.entry(path.clone()).or_insert(open);
        if open.file.stream_position()? > open.file.metadata()?.len() {
            open.file.seek(SeekFrom::Start(0))?;
            open.reader.begin_anew();
        }
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match open.file.read(&mut chunk)? {
                0 => return Ok(()),
                count => open.reader.take(&chunk[..count]).into_iter().for_each(&mut *take),
            }
        }
    }
}

/// Returns what a folder holds, the last name first.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).take(FILES_MAX).collect();
    paths.sort_by(|one, other| other.cmp(one));
    paths
}
