//! Every key of `agents.toml`: what the parser knows and what the README's reference says.

use std::fmt::Write;

use crate::policy::fleet::Teller;
use crate::policy::reading::Meaning;

/// The longest time that a key may name, seconds: 10 years.
pub const SECONDS_MAX: i64 = 10 * 365 * 24 * 3600;

/// What a key's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// A path; relative ones start at `project_dir`, `~` is the home folder.
    Path,
    /// Letters, digits, `_` and `-`; at most 64.
    Name,
    /// A regular expression, case-insensitive, `^ $` at line ends.
    Pattern,
    /// Shell text.
    Shell,
    /// true or false.
    Flag,
    /// Whole seconds from this minimum up to `SECONDS_MAX`.
    Seconds(i64),
    /// A whole number between these bounds.
    Count(i64, i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A table of its own section.
    Table,
    /// A list of tables of its own section.
    Tables,
    /// A table of texts under free names.
    Environment,
}

impl Form {
    /// Returns what the reference and mistakes call it.
    pub fn words(self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Path => "path".into(),
            Self::Name => "name".into(),
            Self::Pattern => "pattern".into(),
            Self::Shell => "shell text".into(),
            Self::Flag => "true or false".into(),
            Self::Seconds(_) => "seconds".into(),
            Self::Count(min, max) => format!("number, {min} to {max}"),
            Self::OneOf(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            Self::Texts => "list of texts".into(),
            Self::Table => "table".into(),
            Self::Tables => "list of tables".into(),
            Self::Environment => "table of texts".into(),
        }
    }
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The section that it stands in, see `SECTIONS`.
    pub section: &'static str,
    /// Its name.
    pub key: &'static str,
    /// What its value looks like.
    pub form: Form,
    /// What holds without it; `-` for nothing.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// The sections in the order of the reference, each with its title.
pub const SECTIONS: [(&str, &str); 13] = [
    ("", "The file"),
    ("defaults", "`[defaults]`"),
    ("watchdog", "`[watchdog]`"),
    ("notify", "`[notify]`"),
    ("agent", "`[[agent]]`, and in `[defaults]` for all agents"),
    ("wake", "`wake` of an agent"),
    ("service", "`[[service]]`"),
    ("backend", "`[backend.NAME]`"),
    ("rule", "`[[backend.NAME.rules]]`"),
    ("loop", "`[loop]` or `[[loop]]`"),
    ("phase", "`phases` of a loop"),
    ("handoff", "`[loop.handoff]`"),
    ("on_complete", "`[loop.on_complete]`"),
];

/// Keys of an agent that make no sense as a default.
const NO_DEFAULTS: [&str; 2] = ["name", "session"];

const fn key(
    section: &'static str,
    key: &'static str,
    form: Form,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { section, key, form, default, meaning }
}

/// Every key.
pub const KEYS: [Key; 117] = [
    key("", "defaults", Form::Table, "required", "names of sessions and folders; defaults of all agents"),
    key("", "watchdog", Form::Table, "-", "cadences and bounds of the supervisor"),
    key("", "notify", Form::Table, "-", "the operator's command"),
    key("", "agent", Form::Tables, "-", "the agents"),
    key("", "service", Form::Tables, "-", "plain commands beside the agents"),
    key("", "backend", Form::Table, "the presets", "agent programs, by name"),
    key("", "loop", Form::Table, "-", "a loop; several as `[[loop]]` with a `name` each"),
    key("defaults", "session_prefix", Form::Name, "required", "put before an agent's name to form its session's name"),
    key("defaults", "log_dir", Form::Path, "required", "session logs, and ad hoc the state"),
    key("defaults", "project_dir", Form::Path, "the config's folder", "where relative paths start"),
    key("watchdog", "signal_interval", Form::Seconds(1), "30", "fallback cadence of the handoff without events"),
    key("watchdog", "heavy_interval", Form::Seconds(1), "300", "fallback cadence of everything else"),
    key("watchdog", "stall_grace", Form::Seconds(0), "180", "silence allowed past an agent's own WAITING-UNTIL"),
    key("watchdog", "limit_probe_fallback", Form::Seconds(1), "300", "cadence of limit probes without a reset time"),
    key("watchdog", "limit_reset_slack", Form::Seconds(0), "45", "added to a named reset time"),
    key("watchdog", "wait_max", Form::Seconds(1), "3600", "the furthest WAITING-UNTIL that is honoured"),
    key("watchdog", "max_starting", Form::Count(1, 1000), "4", "agents that may be starting at once"),
    key("watchdog", "draft_alarm", Form::Seconds(1), "900", "how long a person's draft blocks messages untold"),
    key("notify", "command", Form::Texts, "-", "program and arguments that get each important event"),
    key("agent", "name", Form::Name, "required", "unique over agents and services"),
    key("agent", "session", Form::Name, "`session_prefix` and name", "name of its tmux session; unique"),
    key(
        "agent",
        "kind",
        Form::OneOf(&["persistent", "loop", "task"]),
        "`persistent`",
        "runs always, works a loop's phases, or runs once when asked",
    ),
    key("agent", "enabled", Form::Flag, "true", "false: not started, and stopped when it runs"),
    key("agent", "watch", Form::OneOf(&["none", "heal", "heal+stall"]), "`none`", "what the supervisor heals"),
    key("agent", "backend", Form::Name, "required", "a `[backend.NAME]` or a preset"),
    key("agent", "model", Form::Text, "the program's own", "a phase may name another"),
    key("agent", "dir", Form::Path, "`.`", "working folder"),
    key("agent", "role", Form::Name, "-", "of a loop agent: names its prompt, `roles_dir`/ROLE.md"),
    key("agent", "loop", Form::Name, "the only loop", "the loop that a loop agent belongs to"),
    key(
        "agent",
        "prompt",
        Form::Text,
        "-",
        "what it is started with; it or `prompt_file` is required, but of a loop agent",
    ),
    key("agent", "prompt_file", Form::Path, "-", "the same, read at each start"),
    key("agent", "resume", Form::Flag, "false", "resume its conversation after a death or reboot"),
    key("agent", "resume_prompt", Form::Text, "Go on where you stopped.", "said instead of the kickoff on a resume"),
    key("agent", "account", Form::Name, "the backend's", "whose usage limits it shares"),
    key("agent", "wake", Form::Table, "-", "what it is woken with, and when"),
    key("agent", "schedule", Form::Text, "-", "of a task: a systemd calendar that runs it"),
    key(
        "agent",
        "control",
        Form::OneOf(&["none", "observe", "operate"]),
        "`none`",
        "what it may itself ask of the supervisor",
    ),
    key("agent", "clean_log", Form::Flag, "false", "keep its transcript as `NAME.clean.log` below `log_dir`"),
    key("wake", "prompt_file", Form::Path, "required", "the text that is typed"),
    key("wake", "interval", Form::Seconds(1), "3600 without `schedule`", "kept by the supervisor"),
    key("wake", "schedule", Form::Text, "-", "a systemd calendar; only a timer fires it"),
    key("service", "name", Form::Name, "required", "unique over agents and services"),
    key("service", "command", Form::Shell, "required", "what runs"),
    key("service", "dir", Form::Path, "`.`", "working folder"),
    key("service", "session", Form::Name, "`session_prefix` and name", "name of its tmux session; unique"),
    key("service", "enabled", Form::Flag, "true", "false: not started, and stopped when it runs"),
    key("backend", "preset", Form::Name, "the preset of its name", "where keys that it does not name come from"),
    key("backend", "bin", Form::Shell, "required", "the program; for `exec` with {kickoff} {session} {model}"),
    key("backend", "flags", Form::Shell, "-", "further arguments"),
    key("backend", "prompt_delivery", Form::OneOf(&["arg", "ping", "exec"]), "`arg`", "how the prompt reaches it"),
    key("backend", "model_flag", Form::Shell, "--model '{model}'", "chooses the model"),
    key("backend", "model_env", Form::Flag, "false", "give the model through OPENCODE_CONFIG_CONTENT"),
    key("backend", "supports_resume", Form::Flag, "false", "whether a conversation can be resumed"),
    key("backend", "resume_flag", Form::Shell, "--resume '{id}'", "resumes a conversation"),
    key("backend", "new_id_flag", Form::Shell, "-", "chooses a new conversation's id, with {id}"),
    key("backend", "remote_control", Form::Flag, "false", "whether `remote_control_flag` is given"),
    key("backend", "remote_control_flag", Form::Shell, "--remote-control '{session}'", "names the session"),
    key("backend", "preamble", Form::Shell, "-", "before the program of a `ping` backend"),
    key("backend", "server", Form::Text, "-", "address that `attach` names"),
    key("backend", "attach", Form::Shell, "{bin}", "command of a `ping` backend with {bin} {server} {dir}"),
    key("backend", "connect_delay", Form::Seconds(0), "12", "ready after this time where no pattern tells"),
    key("backend", "ready_max", Form::Seconds(1), "60", "a start ends after this time at the latest"),
    key("backend", "submit_key", Form::Text, "Enter, `ping`: C-m", "tmux key that submits"),
    key("backend", "clear_key", Form::Text, "", "tmux key that empties the line in the input box"),
    key("backend", "process_name", Form::Text, "-", "tells the program from another one in its session"),
    key("backend", "footer_ui", Form::Flag, "false", "`active_re` sees the ten bottom rows only"),
    key("backend", "log_grace", Form::Seconds(0), "180", "of `footer_ui`: a log written so recently is activity"),
    key("backend", "stall_idle", Form::Seconds(1), "300", "idle for so long without WAITING-UNTIL is a stall"),
    key("backend", "queues_while_busy", Form::Flag, "false", "whether it takes a message while it works"),
    key(
        "backend",
        "active_re",
        Form::Pattern,
        "the preset's rules",
        "what the screen of a working agent shows; replaces the preset's rules for that, but for those on the title",
    ),
    key(
        "backend",
        "limit_re",
        Form::Pattern,
        "the preset's rules",
        "what a usage limit looks like; replaces the preset's rules for that",
    ),
    key(
        "backend",
        "fatal_re",
        Form::Pattern,
        "the preset's rules",
        "what a broken conversation looks like; replaces the preset's rules for that",
    ),
    key("backend", "input_re", Form::Pattern, "-", "the row of the input box; group `text` is what is typed"),
    key("backend", "placeholder_re", Form::Pattern, "-", "what stands in the empty input box, where it is not dim"),
    key(
        "backend",
        "ready_re",
        Form::Pattern,
        "the input box",
        "a row of a screen that can take a prompt; blanks at its end are not seen",
    ),
    key(
        "backend",
        "resumed_re",
        Form::Pattern,
        "-",
        "a row of a screen that shows a resumed conversation; `resume_prompt` is typed then, and not passed at the start",
    ),
    key("backend", "closing_re", Form::Pattern, "-", "how a paragraph begins that ends no conversation: a summary"),
    key("backend", "rules", Form::Tables, "-", "what else a screen can mean; tried before the preset's rules"),
    key(
        "backend",
        "answers",
        Form::Environment,
        "-",
        "by a rule's name: the text that is typed when an idle agent shows it",
    ),
    key("backend", "answer_pause", Form::Seconds(60), "600", "between two answers to the same rule"),
    key(
        "backend",
        "events",
        Form::OneOf(&Teller::WORDS),
        "`none`",
        "as which program it is made to tell of itself; `none`: only its screen is read",
    ),
    key(
        "backend",
        "transcripts",
        Form::OneOf(&Teller::WORDS),
        "`none`",
        "as which program's session files its conversations are read",
    ),
    key(
        "backend",
        "transcripts_dir",
        Form::Text,
        "-",
        "where they are; with `~` and `${NAME:-VALUE}` at its beginning",
    ),
    key(
        "backend",
        "proven",
        Form::Text,
        "-",
        "a version that the rules are known for; `check` tells of another series",
    ),
    key("backend", "env", Form::Environment, "-", "environment of the program"),
    key("backend", "account", Form::Name, "the backend's name", "whose usage limits its agents share"),
    key("rule", "name", Form::Text, "required", "unique; that of a preset's rule replaces it"),
    key("rule", "region", Form::Text, "required", "title, footer, end, dialog, last N (rows) or anywhere"),
    key("rule", "meaning", Form::OneOf(&Meaning::WORDS), "required", "what a match means"),
    key("rule", "priority", Form::Count(0, 255), "100; 65 of `context`", "the highest wins; presets use 40 to 91"),
    key("rule", "re", Form::Pattern, "required", "tried on each line, wrapped rows joined"),
    key("loop", "name", Form::Name, "-", "required and unique in `[[loop]]`"),
    key("loop", "phases", Form::Tables, "required", "in the order in which they are worked"),
    key("loop", "auto_advance", Form::Flag, "true", "false: a done phase is told, nothing moves"),
    key("loop", "kickoff_template", Form::Path, "built in", "with {phase_id} {plan} {status} {role}"),
    key("loop", "roles_dir", Form::Path, "`prompts`", "holds ROLE.md, which follows the template"),
    key("loop", "done_marker", Form::Text, "## DONE", "the line that ends a phase"),
    key(
        "loop",
        "done_source",
        Form::OneOf(&["pushed", "worktree"]),
        "`pushed`",
        "which copy of the status file counts",
    ),
    key("loop", "state_file", Form::Path, "`phase-idx`", "of the predecessor, below `log_dir`/state; read once"),
    key("loop", "resume_phase", Form::Flag, "-", "accepted; the phase is always kept"),
    key("loop", "review_rounds_max", Form::Count(1, 1000), "5", "reviews that do not pass before an alarm"),
    key("loop", "handoff", Form::Table, "-", "who is told of which commit"),
    key("loop", "on_complete", Form::Table, "-", "what follows the last phase"),
    key("phase", "id", Form::Text, "required", "unique within the loop"),
    key("phase", "plan", Form::Text, "required", "the plan's path as the kickoff names it"),
    key("phase", "status", Form::Text, "required", "name of the status file"),
    key("phase", "models", Form::Environment, "-", "model by role"),
    key("handoff", "repo", Form::Path, "`project_dir`", "the clone whose origin is watched"),
    key("handoff", "branch", Form::Text, "the remote's default", "the branch that is watched"),
    key("handoff", "state_subdir", Form::Text, "machine-docs", "holds status files and inboxes, else the root"),
    key("handoff", "claim_pattern", Form::Pattern, "^claim", "subjects that hand work to the reviewer"),
    key("handoff", "review_pattern", Form::Pattern, "^review", "subjects that hand work back"),
    key("handoff", "claim_pings", Form::Name, "adversary", "the agent that is told of claims"),
    key("handoff", "review_pings", Form::Name, "builder", "the agent that is told of reviews"),
    key("handoff", "inboxes", Form::Texts, "-", "files: read by `claim_pings`, then by `review_pings`"),
    key("on_complete", "run", Form::Name, "-", "the task that is run"),
    key("on_complete", "trigger_file", Form::Path, "`.run-on-complete`", "below `log_dir`; deleted before the run"),
];

/// Returns the key of this section and name.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    let own = KEYS.iter().find(|key| key.section == section && key.key == name);
    own.or_else(|| if section == "defaults" && !NO_DEFAULTS.contains(&name) { find("agent", name) } else { None })
}

/// Returns what helps with an unknown key: the known one that looks like it, or where it belongs.
pub(super) fn hint(section: &str, name: &str) -> Option<String> {
    let known = KEYS.iter().map(|key| key.key).filter(|key| find(section, key).is_some());
    if let Some(near) = nearest(name, known) {
        return Some(format!("did you mean `{near}`?"));
    }
    let home = KEYS.iter().find(|key| key.key == name)?;
    let (_, title) = SECTIONS.iter().find(|(known, _)| *known == home.section)?;
    Some(match (home.section, home.form) {
        ("", Form::Tables) => format!("`[[{name}]]` is a section of the file"),
        ("", _) => format!("`[{name}]` is a section of the file"),
        _ => format!("it is a key of {title}"),
    })
}

/// The longest word that is compared with others.
const COMPARED_MAX: usize = 64;

/// Returns the candidate that `word` is most likely a misspelling of.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > COMPARED_MAX {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    let near = candidates.map(|candidate| (distance(word, candidate), candidate));
    near.filter(|(far, _)| *far <= allowed).min_by_key(|(far, _)| *far).map(|(_, candidate)| candidate)
}

/// Counts the characters to insert, delete, replace or swap with their neighbour between two words.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(COMPARED_MAX).collect();
    let right: Vec<char> = right.chars().take(COMPARED_MAX).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for (i, from) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in right.iter().enumerate() {
            let mut least = (rows[i][j] + usize::from(from != to)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == right[j - 1] && left[i - 1] == *to {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

/// Writes the reference of all keys: a title and a table per section.
pub fn reference_markdown() -> String {
    let mut out = String::new();
    for (section, title) in SECTIONS {
        let _ = write!(out, "### {title}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
        for key in KEYS.iter().filter(|key| key.section == section) {
            let (form, default) = (key.form.words(), key.default);
            let _ = writeln!(out, "| `{}` | {form} | {default} | {} |", key.key, key.meaning);
        }
        out.push('\n');
    }
    out.trim_end().to_owned() + "\n"
}
