//! One agent's conversations, whatever form they have.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::database::Database;
use super::files::Files;
use super::whose::Whose;
use crate::cli::follow::Waiter;
use crate::protocol::transcript::{Entry, Program};

/// Which conversations are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All of the agent's folder.
    All,
    /// This one.
    Only(String),
    /// The one that was changed last, and every later one.
    Newest,
    /// Those that come, and what is added to those that are there.
    Later,
}

/// An agent's conversations.
#[derive(Debug)]
pub struct Source {
    form: Form,
    which: Which,
    /// The conversations that do not count.
    passed: Vec<String>,
    /// This is the first reading.
    is_first: bool,
    watched: BTreeSet<PathBuf>,
}

#[derive(Debug)]
enum Form {
    Files(Files),
    Database(Database),
}

impl Source {
    /// Begins to read; `now` is the moment, milliseconds since 1970.
    pub fn new(whose: Whose, which: Which, now: i64) -> Self {
        let form = match whose.program {
            Program::Claude | Program::Codex | Program::Gemini => Form::Files(Files::new(whose)),
            Program::Opencode => Form::Database(Database::new(whose, if which == Which::Later { now } else { 0 })),
        };
        Self { form, which, passed: Vec::new(), is_first: true, watched: BTreeSet::new() }
    }

    /// Hands all that is new to `take`, the oldest conversation first; returns whether there is any conversation.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read(&mut self, take: &mut dyn FnMut(Entry)) -> anyhow::Result<bool> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match &mut self.form {
            Form::Files(files) => {
                let found = files.conversations();
                let ids: Vec<String> = found.iter().map(|each| each.id.clone()).collect();
                if is_first {
                    self.passed = passed(&self.which, &ids);
                }
                for conversation in &found {
                    if is_first && self.which == Which::Later {
                        files.skip(conversation);
                    } else if counts(&self.which, &self.passed, &conversation.id) {
                        files.read(conversation, take)?;
                    }
                }
                Ok(ids.iter().any(|id| counts(&self.which, &self.passed, id)))
            }
            Form::Database(database) => {
                let ids = match &self.which {
                    Which::Only(id) => vec![id.clone()],
                    Which::All | Which::Newest | Which::Later => database.conversations()?,
                };
                if is_first {
                    self.passed = passed(&self.which, &ids);
                }
                let mut is_there = false;
                for id in ids.iter().filter(|id| counts(&self.which, &self.passed, id)) {
                    database.read(id, take)?;
                    is_there = true;
                }
                Ok(is_there)
            }
        }
    }

    /// Makes `waiter` see what changes. True when something more is watched than before: what happened there until now has
    /// not been seen.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn watch(&mut self, waiter: &Waiter) -> anyhow::Result<bool> {
        let (folders, files) = match &self.form {
            Form::Files(files) => files.watched(),
            Form::Database(database) => database.watched(),
        };
        folders.iter().try_for_each(|folder| waiter.watch_folder(folder))?;
        files.iter().try_for_each(|file| waiter.watch_file(file))?;
        let there: BTreeSet<PathBuf> = folders.into_iter().chain(files).filter(|path| path.exists()).collect();
        let is_more = !there.is_subset(&self.watched);
        self.watched = there;
        Ok(is_more)
    }

    /// Returns how long to let pass between two readings: `busy` where each costs a second of a processor.
    pub fn pause(&self, busy: Duration) -> Option<Duration> {
        match &self.form {
            Form::Files(_) => None,
            Form::Database(_) => Some(busy),
        }
    }
}

/// Returns the conversations, the newest last, that do not count.
fn passed(which: &Which, ids: &[String]) -> Vec<String> {
    match which {
        Which::All | Which::Only(_) | Which::Later => Vec::new(),
        Which::Newest => ids.split_last().map(|(_, others)| others.to_vec()).unwrap_or_default(),
    }
}

fn counts(which: &Which, passed: &[String], id: &str) -> bool {
    match which {
        Which::All | Which::Later => true,
        Which::Only(only) => only == id,
        Which::Newest => !passed.iter().any(|each| each == id),
    }
}
