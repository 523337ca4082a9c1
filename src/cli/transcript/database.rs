//! Conversations in opencode's database, asked of its own program: the form of the file is its own business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::whose::Whose;
use crate::cli::bounded;
use crate::daemon::start;
use crate::protocol::transcript::{Entry, Program, ROW_COUNT_MAX, Reader, parts_query, sessions, sessions_query};

/// How long the program may take to answer; on two busy processors it took five seconds.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// The most answers that are asked for at once.
const ANSWERS_MAX: usize = 1000;

/// The conversations of an agent, each read as far as it has been.
#[derive(Debug)]
pub struct Database {
    whose: Whose,
    /// Each conversation's reader, and the newest moment that it has seen, milliseconds since 1970.
    seen: BTreeMap<String, (Reader, i64)>,
    /// What is older than this does not count, milliseconds since 1970.
    since: i64,
}

impl Database {
    /// Begins with what has been changed at `since` or later, milliseconds since 1970.
    pub fn new(whose: Whose, since: i64) -> Self {
        Self { whose, seen: BTreeMap::new(), since }
    }

    /// Returns the ids of the conversations, the newest last.
    ///
    /// # Errors
    /// When the program does not answer.
    pub fn conversations(&self) -> anyhow::Result<Vec<String>> {
        if !self.file().exists() {
            return Ok(Vec::new());
        }
        let mut ids = sessions(&self.ask(&sessions_query(&self.whose.dir.to_string_lossy()))?);
        ids.reverse();
        Ok(ids)
    }

    /// Hands all that is new in a conversation to `take`.
    ///
    /// # Errors
    /// When the program does not answer.
    pub fn read(&mut self, id: &str, take: &mut dyn FnMut(Entry)) -> anyhow::Result<()> {
        for _ in 0..ANSWERS_MAX {
            let since = self.seen.get(id).map_or(self.since, |(_, since)| *since);
            let Some(query) = parts_query(id, since) else { return Ok(()) };
            let answer = self.ask(&query)?;
            let rows = answer.as_array().context("`opencode db` answers with no list")?;
            let (reader, seen) =
                self.seen.entry(id.to_owned()).or_insert_with(|| (Reader::new(Program::Opencode), since));
            for row in rows {
                reader.value(row).into_iter().for_each(&mut *take);
                *seen = row["updated"].as_i64().unwrap_or(*seen).max(*seen);
            }
            if rows.len() < ROW_COUNT_MAX {
                return Ok(());
            }
            // A whole answer of one moment would come again for ever.
            *seen += i64::from(*seen == since);
        }
        Ok(())
    }

    /// Returns the files that change with every entry.
    pub fn watched(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let file = self.file();
        let above = self.whose.folder.ancestors().find(|each| each.is_dir());
        (above.map(Path::to_owned).into_iter().collect(), vec![file.with_extension("db-wal"), file])
    }

    fn file(&self) -> PathBuf {
        self.whose.folder.join("opencode.db")
    }

    fn ask(&self, query: &str) -> anyhow::Result<Value> {
        let mut command = start::apart("/bin/sh");
        command.arg("-c").arg(format!("{} \"$@\" 2>/dev/null", self.whose.bin)).arg("sh");
        command.args(["db", query, "--format", "json"]).envs(&self.whose.environment);
        let answer = bounded::run(&mut command, ANSWER_MAX).context("cannot ask `opencode db`")?;
        serde_json::from_str(&answer).context("cannot understand what `opencode db` prints")
    }
}
