//! From the file's tables to a resolved fleet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, Error};

use super::agent::{self, AgentDraft, Around};
use super::backend::{self, Backends};
use super::check;
use super::files::Needed;
use super::loops::{self, LoopDraft};
use super::mistake::{Mistake, Notes};
use super::place::{self, Base};
use super::reader::{Layer, Reader};
use super::{AGENTS_MAX, MISTAKES_MAX, Parsed, TEXT_MAX_BYTES, Where};
use crate::policy::fleet::{Backend, Fleet, Watchdog};

/// Reads the whole text.
pub(super) fn parse(text: &str, at: &Where) -> Parsed {
    if text.len() > TEXT_MAX_BYTES {
        let message = format!("the config has {} bytes, {TEXT_MAX_BYTES} are allowed", text.len());
        return Parsed {
            fleet: None,
            mistakes: vec![Mistake::fatal("", message)],
            files: Vec::new(),
            calendars: Vec::new(),
        };
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let syntax: Vec<Mistake> = errors.iter().take(MISTAKES_MAX).map(syntax_mistake).collect();
    let notes = Notes::default();
    let mut files = Vec::new();
    let fleet = {
        let layer = Layer { table: root.get_ref(), path: String::new(), span: Some(0..0) };
        let root = Reader::open("", layer, &notes);
        let backends = backend::read(&root, &notes, text);
        resolve(&root, backends, (at, &notes, text), &mut files)
    };
    let fatal = !syntax.is_empty() || notes.any_fatal();
    let fleet = fleet.filter(|_| !fatal);
    if fleet.is_none() {
        files.clear();
    }
    files.sort_by_key(|needed| needed.span.as_ref().map_or(usize::MAX, |span| span.start));
    let calendars = notes.calendars().into_iter().filter(|_| fleet.is_some()).collect();
    Parsed { fleet, mistakes: notes.finish(text, syntax), files, calendars }
}

/// Returns the backends of a text that says nothing.
pub(super) fn preset_backends() -> BTreeMap<String, Result<Backend, String>> {
    let (table, notes) = (DeTable::new(), Notes::default());
    let root = Reader::open("", Layer { table: &table, path: String::new(), span: None }, &notes);
    backend::read(&root, &notes, "").by_name
}

fn syntax_mistake(error: &Error) -> Mistake {
    let message = error.message().lines().next().unwrap_or("cannot be read").to_owned();
    Mistake::fatal("", message).at(error.span())
}

/// Builds the fleet; it is only good for use when nothing fatal was noted.
fn resolve<'a>(
    root: &Reader<'a>,
    backends: Backends,
    (at, notes, text): (&Where, &'a Notes, &str),
    files: &mut Vec<Needed>,
) -> Option<Fleet> {
    let watchdog = root.table("watchdog", "watchdog").map(|table| watchdog(&table)).unwrap_or_default();
    let notify = root.table("notify", "notify").and_then(|table| notify(&table, notes));
    let Some(defaults) = root.table("defaults", "defaults") else {
        if root.place("defaults").is_none() {
            let mistake = Mistake::fatal("defaults", "no `[defaults]`");
            notes.add(mistake.hint("it must set at least `session_prefix` and `log_dir`".to_owned()));
        }
        return None;
    };
    let (prefix, project_dir, log_dir) = places(&defaults, at, notes);
    let base = Base { notes, at, project_dir: &project_dir, log_dir: &log_dir, session_prefix: &prefix };
    let mut loops: Vec<LoopDraft> = loops::read(root, &base, notes, text, files);
    let values: Vec<_> = loops.iter().map(|draft| draft.value.clone()).collect();
    let around = Around { base, backends: &backends, loops: &values };
    let agents = agents(root, &defaults, &around, notes, files);
    check::check(&agents, &mut loops, &backends, notes);
    Some(Fleet {
        watchdog,
        notify,
        agents: agents.into_iter().map(|draft| draft.value).collect(),
        loops: loops.into_iter().map(|draft| draft.value).collect(),
        backends: backends.by_name,
        session_prefix: prefix,
        project_dir,
        log_dir,
    })
}

fn agents<'a>(
    root: &Reader<'a>,
    defaults: &Reader<'a>,
    around: &Around<'_>,
    notes: &'a Notes,
    files: &mut Vec<Needed>,
) -> Vec<AgentDraft> {
    let (agents, services) = (root.tables("agent"), root.tables("service"));
    if agents.len() + services.len() > AGENTS_MAX {
        let message = format!("{} agents and services, {AGENTS_MAX} are allowed", agents.len() + services.len());
        notes.add(Mistake::fatal("agent", message).at(root.place("agent").and_then(|place| place.span)));
        return Vec::new();
    }
    let mut drafts: Vec<AgentDraft> =
        agents.into_iter().filter_map(|layer| agent::agent(layer, defaults.layer(), around, notes, files)).collect();
    drafts.extend(services.into_iter().filter_map(|layer| agent::service(layer, &around.base, notes, files)));
    drafts
}

fn watchdog(reader: &Reader<'_>) -> Watchdog {
    let default = Watchdog::default();
    Watchdog {
        signal_interval: reader.seconds("signal_interval").unwrap_or(default.signal_interval),
        heavy_interval: reader.seconds("heavy_interval").unwrap_or(default.heavy_interval),
        stall_grace: reader.seconds("stall_grace").unwrap_or(default.stall_grace),
        limit_probe_fallback: reader.seconds("limit_probe_fallback").unwrap_or(default.limit_probe_fallback),
        limit_reset_slack: reader.seconds("limit_reset_slack").unwrap_or(default.limit_reset_slack),
        wait_max: reader.seconds("wait_max").unwrap_or(default.wait_max),
        max_starting: reader
            .count("max_starting")
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(default.max_starting),
        draft_alarm: reader.seconds("draft_alarm").unwrap_or(default.draft_alarm),
    }
}

fn notify(reader: &Reader<'_>, notes: &Notes) -> Option<Vec<String>> {
    let found = reader.texts("command")?;
    if found.value.first().is_none_or(String::is_empty) {
        let mistake = Mistake::error(&found.path, "`command` names no program").at(found.span);
        notes.add_local(mistake.hint("write the program and its arguments as a list".to_owned()));
        return None;
    }
    Some(found.value)
}

/// Returns the prefix of sessions, the project's folder and the log folder.
fn places(defaults: &Reader<'_>, at: &Where, notes: &Notes) -> (String, PathBuf, PathBuf) {
    let folder = at.file.parent().unwrap_or(Path::new("/"));
    let project_dir = defaults.filled("project_dir");
    let project_dir = project_dir.map_or_else(|| folder.to_owned(), |found| place::resolve(folder, &found, at, notes));
    let required = |key: &str, example: &str| {
        let found = defaults.filled(key);
        if found.is_none() && (defaults.place(key).is_none() || defaults.text(key).is_some()) {
            let span = defaults.place(key).and_then(|place| place.span).or_else(|| defaults.span());
            let mistake = Mistake::fatal(&defaults.path(key), format!("`{key}` is required in `[defaults]`"));
            notes.add(mistake.at(span).hint(format!("for example {key} = \"{example}\"")));
        }
        found
    };
    let prefix = required("session_prefix", "proj-");
    let log_dir = required("log_dir", "logs").map(|found| place::resolve(&project_dir, &found, at, notes));
    let session_prefix = prefix.map(|found| {
        let usable = agent::plain_session(&found.value);
        if usable != found.value {
            let mistake = Mistake::error(&found.path, format!("session prefix `{}` cannot be used", found.value));
            notes.add_local(
                mistake.at(found.span).hint(format!("`{usable}` is used; write letters, digits, `_` and `-`")),
            );
        }
        usable
    });
    (session_prefix.unwrap_or_default(), project_dir.clone(), log_dir.unwrap_or(project_dir))
}
