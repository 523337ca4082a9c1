//! From `[[agent]]` and `[[service]]` to the agents of a fleet.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::backend::{Backends, known_hint};
use super::files::{FileUse, Needed};
use super::mistake::{Mistake, Notes};
use super::place::{Base, NAME_MAX, SESSION_MAX, is_name, is_plain};
use super::reader::{Found, Layer, Reader};
use crate::policy::fleet::{Agent, Backend, Control, Kind, Loop, Prompt, Wake, Watch};

/// What helps with a bad name.
pub const NAME_HINT: &str = "use letters, digits, `_` and `-`, at most 64";

/// What `wake.interval` is without it and without a schedule, as in the predecessor.
const WAKE_INTERVAL: Duration = Duration::from_secs(3600);

/// What is said on a resume unless the config says something else.
pub const RESUME_PROMPT: &str = "Go on where you stopped.";

/// An agent with the places that rules across tables point to.
#[derive(Debug)]
pub struct AgentDraft {
    /// The agent.
    pub value: Agent,
    /// Where its name stands.
    pub name_span: Option<Range<usize>>,
    /// Where `session` stands, else the name.
    pub session_span: Option<Range<usize>>,
    /// Where `resume_prompt` stands.
    pub resume_prompt: Option<Found<()>>,
    /// Its path from the root.
    pub path: String,
}

/// What agents refer to.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Paths, prefix, mistakes.
    pub base: Base<'a>,
    /// All backends.
    pub backends: &'a Backends,
    /// All loops.
    pub loops: &'a [Loop],
}

/// Reads one `[[agent]]` over the defaults; `None` when it has no name, which is noted.
pub fn agent<'a>(
    layer: Layer<'a>,
    defaults: Option<Layer<'a>>,
    around: &Around<'_>,
    notes: &'a Notes,
    files: &mut Vec<Needed>,
) -> Option<AgentDraft> {
    let reader = Reader::open("agent", layer, notes);
    let name = name(&reader, notes, "agent")?;
    let session = session(&reader, &name.value, &around.base);
    let reader = reader.over(defaults);
    let kind = kind(&reader, around, &name.value, files);
    let (backend_name, backend) = backend(&reader, around, &name.value);
    let own_account = reader.filled("account").map(|found| found.value);
    let account = own_account.or_else(|| around.backends.accounts.get(&backend_name).cloned());
    let wake = wake(&reader, around, &kind, &name.value, files);
    let faults = reader.faults();
    let folder_use = if matches!(kind, Kind::Loop { .. }) { FileUse::Clone } else { FileUse::Folder };
    let value = Agent {
        enabled: reader.flag("enabled").unwrap_or(true),
        watch: watch(&reader),
        model: reader.filled("model").map(|found| found.value),
        dir: folder(&reader, &around.base, (folder_use, &name.value), files),
        resume: reader.flag("resume").unwrap_or(false),
        resume_prompt: reader.filled("resume_prompt").map_or_else(|| RESUME_PROMPT.to_owned(), |found| found.value),
        account: account.unwrap_or_else(|| backend_name.clone()),
        schedule: reader.filled("schedule").filter(|_| matches!(kind, Kind::Task(_))).map(|found| {
            notes.add_calendar(&name.value, &found);
            found.value
        }),
        clean_log: reader.flag("clean_log").unwrap_or(false),
        control: match reader.word("control") {
            Some("observe") => Control::Observe,
            Some("operate") => Control::Operate,
            _ => Control::None,
        },
        backend: faults.first().map_or(backend, |fault| Err(fault.clone())),
        session: session.value,
        name: name.value,
        kind,
        backend_name,
        wake,
    };
    let resume_prompt = reader.place("resume_prompt");
    Some(AgentDraft { value, name_span: name.span, session_span: session.span, resume_prompt, path: reader.path("") })
}

/// Reads one `[[service]]`; `None` when it has no name, which is noted.
pub fn service<'a>(layer: Layer<'a>, base: &Base<'_>, notes: &'a Notes, files: &mut Vec<Needed>) -> Option<AgentDraft> {
    let reader = Reader::open("service", layer, notes);
    let name = name(&reader, notes, "service")?;
    let session = session(&reader, &name.value, base);
    let command = reader.filled("command").map(|found| found.value);
    if command.is_none() && (reader.place("command").is_none() || reader.text("command").is_some()) {
        let mistake = Mistake::fatal(&reader.path("command"), format!("service `{}` has no `command`", name.value));
        notes.add(mistake.at(name.span.clone()));
    }
    let value = Agent {
        session: session.value,
        kind: Kind::Service { command: command.unwrap_or_default() },
        enabled: reader.flag("enabled").unwrap_or(true),
        watch: Watch::None,
        backend_name: String::new(),
        backend: Err("a service has no backend".to_owned()),
        model: None,
        dir: folder(&reader, base, (FileUse::Folder, &name.value), files),
        resume: false,
        resume_prompt: String::new(),
        account: String::new(),
        wake: None,
        schedule: None,
        control: Control::None,
        clean_log: false,
        name: name.value,
    };
    Some(AgentDraft {
        value,
        name_span: name.span,
        session_span: session.span,
        resume_prompt: None,
        path: reader.path(""),
    })
}

fn here() -> Found<String> {
    Found { value: ".".to_owned(), span: None, path: String::new() }
}

fn name(reader: &Reader<'_>, notes: &Notes, what: &str) -> Option<Found<String>> {
    let Some(found) = reader.text("name") else {
        if reader.place("name").is_none() {
            notes.add(Mistake::fatal(&reader.path("name"), format!("{what} without `name`")).at(reader.span()));
        }
        return None;
    };
    if !is_name(&found.value) {
        let mistake = Mistake::fatal(&found.path, format!("{what} name `{}` cannot be used", found.value));
        notes.add(mistake.at(found.span.clone()).hint(NAME_HINT.to_owned()));
    }
    Some(found)
}

/// Returns the session's name with a plain character in place of each that tmux or a path would take amiss.
fn session(reader: &Reader<'_>, name: &str, base: &Base<'_>) -> Found<String> {
    let place = reader.place("name");
    let prefixed = || Found {
        value: format!("{}{name}", base.session_prefix),
        span: place.and_then(|place| place.span),
        path: reader.path("session"),
    };
    let own = reader.filled("session");
    let is_own = own.is_some();
    let mut found = own.unwrap_or_else(prefixed);
    let usable = plain_session(&found.value);
    if usable != found.value {
        // A bad prefix is noted once, where it stands.
        if is_own || found.value.len() > SESSION_MAX {
            let mistake = Mistake::error(&found.path, format!("session name `{}` cannot be used", found.value));
            base.notes.add(
                mistake
                    .at(found.span.clone())
                    .hint(format!("`{usable}` is used; it may have {SESSION_MAX} letters, digits, `_` and `-`")),
            );
        }
        found.value = usable;
    }
    found
}

/// Replaces what may not stand in a session's name.
pub fn plain_session(name: &str) -> String {
    name.chars().take(SESSION_MAX).map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// Reads `watch`; an unknown word heals, as in the predecessor.
fn watch(reader: &Reader<'_>) -> Watch {
    match reader.word("watch") {
        Some("none") => Watch::None,
        Some("heal+stall") => Watch::HealAndStall,
        Some(_) => Watch::Heal,
        None if reader.place("watch").is_some() => Watch::Heal,
        None => Watch::None,
    }
}

fn backend(reader: &Reader<'_>, around: &Around<'_>, agent: &str) -> (String, Result<Backend, String>) {
    let Some(found) = reader.filled("backend") else {
        let mistake = Mistake::error(&reader.path("backend"), format!("agent `{agent}` has no `backend`"));
        let known: Vec<String> = around.backends.by_name.keys().map(|name| format!("`{name}`")).collect();
        let hint = format!("set it here or in `[defaults]`; known are {}", known.join(", "));
        reader.fault(mistake.at(reader.place("name").and_then(|place| place.span)).hint(hint));
        return (String::new(), Err("no backend".to_owned()));
    };
    if let Some(backend) = around.backends.by_name.get(&found.value) {
        return (found.value, backend.clone());
    }
    let mistake = Mistake::error(&found.path, format!("unknown backend `{}`", found.value)).at(found.span);
    let reason = mistake.message.clone();
    let known: Vec<&str> = around.backends.by_name.keys().map(String::as_str).collect();
    let all: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let near = super::keys::nearest(&found.value, known.into_iter()).map(|near| format!("did you mean `{near}`? "));
    around.base.notes.add(mistake.hint(format!("{}known are {}", near.unwrap_or_default(), all.join(", "))));
    (found.value, Err(reason))
}

fn kind(reader: &Reader<'_>, around: &Around<'_>, agent: &str, files: &mut Vec<Needed>) -> Kind {
    match reader.decisive_word("kind") {
        Some("loop") => loop_kind(reader, around, agent, files),
        Some("task") => Kind::Task(prompt(reader, around, agent, files)),
        _ => Kind::Persistent(prompt(reader, around, agent, files)),
    }
}

fn loop_kind(reader: &Reader<'_>, around: &Around<'_>, agent: &str, files: &mut Vec<Needed>) -> Kind {
    let name_span = reader.place("name").and_then(|place| place.span);
    let role = reader.filled("role");
    if let Some(found) = role.as_ref().filter(|found| !is_file_stem(&found.value)) {
        let mistake = Mistake::error(&found.path, format!("role `{}` cannot be used", found.value));
        reader.fault(
            mistake
                .at(found.span.clone())
                .hint("a role is the name of a file in `roles_dir`, without `.md`".to_owned()),
        );
    } else if role.is_none() {
        let mistake = Mistake::error(&reader.path("role"), format!("loop agent `{agent}` has no `role`"));
        reader.fault(mistake.at(name_span.clone()).hint("a role names its prompt, `roles_dir`/ROLE.md".to_owned()));
    }
    let (in_loop, fault) = match (reader.filled("loop"), around.loops) {
        (Some(found), loops) if loops.iter().any(|a_loop| a_loop.name == found.value) => (found.value, None),
        (Some(found), loops) => {
            let mistake = Mistake::error(&found.path, format!("unknown loop `{}`", found.value)).at(found.span);
            let known = loops.iter().map(|a_loop| a_loop.name.as_str()).filter(|name| !name.is_empty());
            (found.value.clone(), Some(mistake.hint(known_hint(&found.value, known))))
        }
        (None, [only]) => (only.name.clone(), None),
        (None, []) => {
            let mistake = Mistake::error(&reader.path("kind"), format!("loop agent `{agent}` has no loop to work in"));
            (String::new(), Some(mistake.at(name_span).hint("add a `[loop]` with its `phases`".to_owned())))
        }
        (None, several) => {
            let mistake = Mistake::error(&reader.path("loop"), format!("loop agent `{agent}` names none of the loops"));
            let known = several.iter().map(|a_loop| a_loop.name.as_str());
            (String::new(), Some(mistake.at(name_span).hint(format!("set `loop`: {}", known_hint("", known)))))
        }
    };
    if let Some(mistake) = fault {
        reader.fault(mistake);
    }
    let role = role.map(|found| found.value).unwrap_or_default();
    let a_loop = around.loops.iter().find(|a_loop| a_loop.name == in_loop);
    if let (Some(a_loop), Some(place)) = (a_loop.filter(|_| is_file_stem(&role)), reader.place("role")) {
        files.push(Needed::new(FileUse::Role, vec![a_loop.roles_dir.join(format!("{role}.md"))], place).of(agent));
    }
    Kind::Loop { in_loop, role }
}

/// Whether a role can name a file: anything but a path.
fn is_file_stem(role: &str) -> bool {
    !role.is_empty() && role.len() <= NAME_MAX && !role.contains(['/', '\0']) && !role.starts_with('.')
}

/// Reads `dir`; that it is there is looked for where the text names it.
fn folder(
    reader: &Reader<'_>,
    base: &Base<'_>,
    (file_use, agent): (FileUse, &str),
    files: &mut Vec<Needed>,
) -> PathBuf {
    let Some(found) = reader.text("dir") else { return base.path(&here()) };
    let path = base.path(&found);
    let place = Found { value: (), span: found.span, path: found.path };
    files.push(Needed::new(file_use, vec![path.clone()], place).of(agent));
    path
}

/// Reads `prompt` or `prompt_file`; the agent's own come before those of the defaults, of two the file.
fn prompt(reader: &Reader<'_>, around: &Around<'_>, agent: &str, files: &mut Vec<Needed>) -> Prompt {
    let own = reader.own();
    let (own_text, own_file) = (own.filled("prompt"), own.filled("prompt_file"));
    if let (Some(_), Some(file)) = (&own_text, &own_file) {
        let mistake = Mistake::error(&file.path, format!("agent `{agent}` has both `prompt` and `prompt_file`"));
        around.base.notes.add(mistake.at(file.span.clone()).hint("the file is used; remove one of them".to_owned()));
    }
    let found_file = if own_text.is_some() { own_file } else { own_file.or_else(|| reader.filled("prompt_file")) };
    if let Some(found) = found_file {
        let path = around.base.path(&found);
        let place = Found { value: (), span: found.span, path: found.path };
        files.push(Needed::new(FileUse::Prompt, vec![path.clone()], place).of(agent));
        return Prompt::File(path);
    }
    let text = own_text.or_else(|| reader.filled("prompt")).map(|found| found.value);
    let spoilt = |key: &str| reader.place(key).is_some() && reader.text(key).is_none();
    if text.is_none() && !spoilt("prompt") && !spoilt("prompt_file") {
        let mistake = Mistake::error(&reader.path("prompt"), format!("agent `{agent}` has no prompt"));
        let span = reader.place("name").and_then(|place| place.span);
        around.base.notes.add(
            mistake
                .at(span)
                .hint("set `prompt` or `prompt_file`; without one it is started with an empty prompt".to_owned()),
        );
    }
    Prompt::Text(text.unwrap_or_default())
}

fn wake(reader: &Reader<'_>, around: &Around<'_>, kind: &Kind, agent: &str, files: &mut Vec<Needed>) -> Option<Wake> {
    let place = reader.place("wake")?;
    let table =
        reader.table("wake", "wake").filter(|table| table.layer().is_some_and(|layer| !layer.table.is_empty()))?;
    let notes = around.base.notes;
    if matches!(kind, Kind::Task(_)) {
        if reader.own().place("wake").is_some() {
            let mistake = Mistake::error(&place.path, format!("task `{agent}` has a `wake`")).at(place.span);
            notes.add(mistake.hint("a task runs when it is asked to; give it a `schedule`".to_owned()));
        }
        return None;
    }
    let (interval, schedule) = (table.seconds("interval"), table.filled("schedule"));
    if let (Some(_), Some(schedule)) = (table.place("interval"), &schedule) {
        let mistake = Mistake::error(&schedule.path, "`wake.interval` and `wake.schedule` are both set");
        reader.fault(
            mistake
                .at(schedule.span.clone())
                .hint("`interval` is kept by the supervisor, `schedule` by a timer: choose one".to_owned()),
        );
    }
    let Some(found) = table.filled("prompt_file") else {
        if table.place("prompt_file").is_none() || table.text("prompt_file").is_some() {
            let mistake =
                Mistake::error(&table.path("prompt_file"), format!("the wake of agent `{agent}` has no `prompt_file`"));
            notes.add(mistake.at(place.span).hint("without it, the agent is not woken".to_owned()));
        }
        return None;
    };
    let prompt_file = around.base.path(&found);
    let file_place = Found { value: (), span: found.span, path: found.path };
    files.push(Needed::new(FileUse::WakePrompt, vec![prompt_file.clone()], file_place).of(agent));
    if let Some(schedule) = &schedule {
        notes.add_calendar(agent, schedule);
    }
    let interval = interval.or_else(|| schedule.is_none().then_some(WAKE_INTERVAL));
    Some(Wake { prompt_file, interval, schedule: schedule.map(|found| found.value) })
}
