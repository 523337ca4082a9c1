//! From `[backend.NAME]` and presets to the backends of a fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeTable;

use super::answers;
use super::keys;
use super::mistake::{Mistake, Notes};
use super::preset::{Presets, presets};
use super::reader::{Found, Layer, Reader};
use super::rules;
use crate::policy::fleet::{Backend, PromptDelivery, Teller};
use crate::policy::reading::Rules;

/// All backends, with what only their agents need of them.
#[derive(Debug, Default)]
pub struct Backends {
    /// Each, or why it cannot be used.
    pub by_name: BTreeMap<String, Result<Backend, String>>,
    /// `account`, where one names one.
    pub accounts: BTreeMap<String, String>,
    /// Where the text gives a backend the pattern of a rule: by the names of both.
    pub rule_places: BTreeMap<String, BTreeMap<String, Found<()>>>,
}

/// Reads all backends of the file over the presets.
pub fn read<'a>(root: &Reader<'a>, notes: &'a Notes, text: &str) -> Backends {
    let of_file: BTreeMap<String, Layer<'a>> = root.named_tables("backend").into_iter().collect();
    let presets = presets();
    let names: BTreeSet<&str> = of_file.keys().map(String::as_str).chain(presets.keys().copied()).collect();
    let mut backends = Backends::default();
    for name in names {
        let reader = match of_file.get(name) {
            Some(layer) => Reader::open("backend", layer.clone(), notes).tolerant(),
            None => Reader::open("backend", preset_layer(name, presets), notes).tolerant(),
        };
        let wanted = reader.filled("preset");
        let base = wanted.as_ref().map_or(name, |found| found.value.as_str());
        if let Some(unknown) = wanted.as_ref().filter(|found| !presets.contains_key(found.value.as_str())) {
            let mistake = Mistake::error(&unknown.path, format!("unknown preset `{}`", unknown.value));
            reader.fault(mistake.at(unknown.span.clone()).hint(known_hint(&unknown.value, presets.keys().copied())));
        }
        let reader = reader.over(presets.contains_key(base).then(|| preset_layer(base, presets)));
        if let Some(account) = reader.filled("account") {
            backends.accounts.insert(name.to_owned(), account.value);
        }
        let read = rules::read(&reader, presets.get(base).map(|preset| &preset.screen), text);
        backends.rule_places.insert(name.to_owned(), read.places);
        let backend = one(&reader, read.screen);
        let faults = reader.faults();
        let result = faults.first().map_or(Ok(backend), |fault| Err(format!("backend `{name}`: {fault}")));
        backends.by_name.insert(name.to_owned(), result);
    }
    backends
}

fn preset_layer<'a>(name: &str, presets: &'a Presets) -> Layer<'a> {
    static EMPTY: std::sync::LazyLock<DeTable<'static>> = std::sync::LazyLock::new(DeTable::new);
    Layer {
        table: presets.get(name).map_or(&EMPTY, |preset| &preset.table),
        path: format!("preset.{name}"),
        span: None,
    }
}

/// Returns what helps with an unknown name: the near one, or all of them.
pub fn known_hint<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = keys::nearest(name, known.clone()).filter(|_| !name.is_empty()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    if all.is_empty() { "there are none".to_owned() } else { format!("known are {}", all.join(", ")) }
}

/// Reads one backend; what makes it unusable is in the reader's faults.
fn one(reader: &Reader<'_>, screen: Arc<Rules>) -> Backend {
    let shell = |key: &str, default: &str| reader.text(key).map_or_else(|| default.to_owned(), |found| found.value);
    let option = |key: &str| reader.filled(key).map(|found| found.value);
    let flag = |key: &str| reader.flag(key).unwrap_or(false);
    let seconds = |key: &str, default: u64| reader.seconds(key).unwrap_or(Duration::from_secs(default));
    let prompt_delivery = match reader.decisive_word("prompt_delivery") {
        Some("ping") => PromptDelivery::Ping,
        Some("exec") => PromptDelivery::Exec,
        _ => PromptDelivery::Arg,
    };
    let answers = answers::read(reader, &screen);
    let default_key = if prompt_delivery == PromptDelivery::Ping { "C-m" } else { "Enter" };
    Backend {
        bin: bin(reader),
        flags: shell("flags", ""),
        model_flag: shell("model_flag", "--model '{model}'"),
        resume_flag: shell("resume_flag", "--resume '{id}'"),
        supports_resume: flag("supports_resume"),
        new_id_flag: option("new_id_flag"),
        remote_control: flag("remote_control"),
        remote_control_flag: shell("remote_control_flag", "--remote-control '{session}'"),
        preamble: shell("preamble", ""),
        server: shell("server", ""),
        attach: shell("attach", "{bin}"),
        model_env: flag("model_env"),
        connect_delay: seconds("connect_delay", 12),
        ready_max: seconds("ready_max", 60),
        submit_key: option("submit_key").unwrap_or_else(|| default_key.to_owned()),
        clear_key: option("clear_key"),
        process_name: option("process_name"),
        footer_ui: flag("footer_ui"),
        log_grace: seconds("log_grace", 180),
        stall_idle: seconds("stall_idle", 300),
        prompt_delivery,
        queues_while_busy: flag("queues_while_busy"),
        screen,
        answers,
        answer_pause: seconds("answer_pause", 600),
        events: reader.decisive_word("events").and_then(Teller::named),
        transcripts: reader.word("transcripts").and_then(Teller::named),
        transcripts_dir: shell("transcripts_dir", ""),
        proven: option("proven"),
        env: reader.named_texts("env").into_iter().map(|(name, found)| (name.value, found.value)).collect(),
    }
}

fn bin(reader: &Reader<'_>) -> String {
    if let Some(found) = reader.filled("bin") {
        return found.value;
    }
    if reader.place("bin").is_none_or(|_| reader.text("bin").is_some()) {
        let mistake = Mistake::error(&reader.path("bin"), "no `bin`").at(reader.span());
        reader.fault(mistake.hint("name the program, or a `preset`".to_owned()));
    }
    String::new()
}
