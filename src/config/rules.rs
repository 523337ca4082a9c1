//! From the keys about the screen of a backend to the rules that it is read by.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mistake::{Mistake, Severity};
use super::pattern;
use super::reader::{Found, Reader};
use crate::policy::fleet::Pattern;
use crate::policy::reading::{Legacy, Meaning, Region, Rule, Rules};

/// The keys of `[backend.NAME]` that say how its screens are read.
pub const KEYS: [&str; 9] = [
    "input_re",
    "placeholder_re",
    "ready_re",
    "resumed_re",
    "closing_re",
    "active_re",
    "limit_re",
    "fatal_re",
    "rules",
];

/// The priority of a row that names none: above all of a preset.
const PRIORITY: u8 = 100;

/// That of a row about the context, as in the presets: it says nothing of what the agent does just now.
const WARNING_PRIORITY: u8 = 65;

/// The most rows of one backend.
pub const ROWS_MAX: usize = 200;

/// How the screens of a backend are read.
#[derive(Debug)]
pub struct Read {
    /// The rules; the preset's own where the text says nothing about the screen.
    pub screen: Arc<Rules>,
    /// Where the pattern of each rule of the text stands, by the rule's name.
    pub places: BTreeMap<String, Found<()>>,
}

/// Reads what the text says over what the preset does: a pattern replaces the preset's, rows come before the preset's,
/// a row replaces the preset's of its name, and `active_re`, `limit_re`, `fatal_re` those of their meaning.
pub fn read(reader: &Reader<'_>, preset: Option<&Arc<Rules>>, text: &str) -> Read {
    let own = reader.own();
    let base = preset.map(Arc::clone).unwrap_or_default();
    if KEYS.iter().all(|key| own.place(key).is_none()) {
        return Read { screen: base, places: BTreeMap::new() };
    }
    let pattern = |key: &str| compiled(&own, key, Some(text));
    note_blind_box(&own);
    let legacy = Legacy {
        active_re: pattern("active_re"),
        limit_re: pattern("limit_re"),
        fatal_re: pattern("fatal_re"),
        footer_ui: reader.flag("footer_ui").unwrap_or(false),
    };
    let of_legacy = legacy.rules();
    let mut places: BTreeMap<_, _> =
        of_legacy.iter().filter_map(|rule| Some((rule.name.clone(), own.value_place(&rule.name)?))).collect();
    let mut rules = rows(&own, Some(text), &mut places);
    rules.extend(of_legacy);
    let replaced = |rule: &Rule| legacy.replaces(rule) || rules.iter().any(|own| own.name == rule.name);
    let kept: Vec<Rule> = base.rules.iter().filter(|rule| !replaced(rule)).cloned().collect();
    rules.extend(kept);
    let screen = Rules {
        input_re: pattern("input_re").or_else(|| base.input_re.clone()),
        placeholder_re: pattern("placeholder_re").or_else(|| base.placeholder_re.clone()),
        ready_re: pattern("ready_re").or_else(|| base.ready_re.clone()),
        resumed_re: pattern("resumed_re").or_else(|| base.resumed_re.clone()),
        closing_re: pattern("closing_re").or_else(|| base.closing_re.clone()),
        rules,
    };
    Read { screen: Arc::new(screen), places }
}

/// Notes an `input_re` that takes the whole row and says nothing of what is typed in it: its box would always be empty.
fn note_blind_box(reader: &Reader<'_>) {
    let Some(found) = reader.filled("input_re") else { return };
    let groups = regex::Regex::new(&found.value).map_or(1, |re| re.captures_len() - 1);
    if groups == 0 && (found.value.contains(".*") || found.value.contains(".+")) {
        let message =
            "`input_re` has no group `text` and matches the whole row: the box looks empty, whatever is typed";
        let mistake = Mistake::new(Severity::Warning, &found.path, message).at(found.span);
        reader.note(mistake.hint("for example '^> ?(?P<text>.*)$'".to_owned()));
    }
}

/// Reads a preset, whose patterns are compiled when they are needed.
pub fn of_preset(reader: &Reader<'_>) -> Rules {
    let pattern = |key: &str| compiled(reader, key, None);
    Rules {
        input_re: pattern("input_re"),
        placeholder_re: pattern("placeholder_re"),
        ready_re: pattern("ready_re"),
        resumed_re: pattern("resumed_re"),
        closing_re: pattern("closing_re"),
        rules: rows(reader, None, &mut BTreeMap::new()),
    }
}

/// Reads a pattern of `text`, or of a preset without one.
fn compiled(reader: &Reader<'_>, key: &str, text: Option<&str>) -> Option<Pattern> {
    let found = reader.filled(key)?;
    let Some(text) = text else { return Some(Pattern::of_preset(&found.value)) };
    pattern::compile(key, &found, text).map_err(|mistake| reader.fault(mistake)).ok()
}

/// Reads `[[rules]]`; names that are there already may not be given again.
fn rows(reader: &Reader<'_>, text: Option<&str>, places: &mut BTreeMap<String, Found<()>>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let rows = reader.rows("rules", "rule");
    if rows.len() > ROWS_MAX {
        let mistake = Mistake::error(&reader.path("rules"), format!("{} rules, {ROWS_MAX} are allowed", rows.len()));
        reader.fault(mistake.at(reader.place("rules").and_then(|place| place.span)));
        return rules;
    }
    for row in rows {
        let Some(rule) = rule(&row, text) else { continue };
        let place =
            row.value_place("re").unwrap_or_else(|| Found { value: (), span: row.span(), path: row.path("re") });
        if places.insert(rule.name.clone(), place).is_some() {
            let mistake = Mistake::error(&row.path("name"), format!("two rules have the name `{}`", rule.name));
            row.fault(mistake.at(row.value_place("name").and_then(|place| place.span)));
            continue;
        }
        rules.push(rule);
    }
    rules
}

fn rule(row: &Reader<'_>, text: Option<&str>) -> Option<Rule> {
    let needed = |key: &str| {
        let found = row.filled(key);
        if found.is_none() && (row.place(key).is_none() || row.text(key).is_some()) {
            row.fault(Mistake::error(&row.path(key), format!("a rule has no `{key}`")).at(row.span()));
        }
        found
    };
    let (name, region, meaning, re) = (needed("name"), needed("region"), needed("meaning"), needed("re"));
    let region = region.and_then(|found| {
        let region = Region::parse(&found.value);
        if region.is_none() {
            let mistake = Mistake::error(&found.path, format!("unknown `region`: `{}`", found.value)).at(found.span);
            row.fault(mistake.hint(format!("one of {}", Region::FORMS)));
        }
        region
    });
    let meaning = meaning.and_then(|_| row.decisive_word("meaning"));
    let meaning = Meaning::ALL.into_iter().find(|known| meaning == Some(known.word()));
    let re = re.and_then(|_| compiled(row, "re", text));
    let meaning = meaning?;
    let default = if meaning == Meaning::Context { WARNING_PRIORITY } else { PRIORITY };
    let priority = row.count("priority").and_then(|count| u8::try_from(count).ok()).unwrap_or(default);
    Some(Rule { name: name?.value, region: region?, meaning, priority, re: re? })
}
