//! Built-in backends: one file each, read once per process.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use toml::de::DeTable;

use super::mistake::{Mistake, Notes};
use super::reader::{Layer, Reader};
use super::rules;
use crate::policy::reading::Rules;

/// Name and text of every preset; each text is a table of backend keys.
const TEXTS: [(&str, &str); 4] = [
    ("claude", include_str!("presets/claude.toml")),
    ("codex", include_str!("presets/codex.toml")),
    ("gemini", include_str!("presets/gemini.toml")),
    ("opencode", include_str!("presets/opencode.toml")),
];

/// A built-in backend.
#[derive(Debug)]
pub struct Preset {
    /// Its keys, apart from those about the screen.
    pub table: DeTable<'static>,
    /// How its screens are read.
    pub screen: Arc<Rules>,
}

/// All presets by name.
pub type Presets = BTreeMap<&'static str, Preset>;

/// Returns the presets: the same for every config of the process, so that agents share their patterns.
pub fn presets() -> &'static Presets {
    static PRESETS: LazyLock<Presets> =
        LazyLock::new(|| TEXTS.into_iter().filter_map(|(name, text)| Some((name, read(name, text).0?))).collect());
    &PRESETS
}

/// Reads a preset; of one that can be used there are no mistakes.
fn read(name: &str, text: &'static str) -> (Option<Preset>, Vec<Mistake>) {
    let Ok(parsed) = DeTable::parse(text) else {
        return (None, vec![Mistake::fatal("", format!("preset `{name}` is no TOML"))]);
    };
    let mut table = parsed.into_inner();
    let notes = Notes::default();
    let layer = Layer { table: &table, path: format!("preset.{name}"), span: None };
    let screen = Arc::new(rules::of_preset(&Reader::open("backend", layer, &notes)));
    for key in rules::KEYS {
        table.remove(key);
    }
    (Some(Preset { table, screen }), notes.finish(text, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::reading::Rules;

    #[test]
    fn presets_are_read_without_a_mistake_and_all_their_patterns_compile() {
        for (name, text) in TEXTS {
            let (preset, mistakes) = read(name, text);
            assert_eq!(mistakes, [], "{name}");
            let screen = preset.unwrap().screen;
            let Rules { input_re, placeholder_re, ready_re, resumed_re, closing_re, rules } = &*screen;
            let keys = [input_re, placeholder_re, ready_re, resumed_re, closing_re];
            let patterns = keys.into_iter().flatten().chain(rules.iter().map(|rule| &rule.re));
            assert!(patterns.map(|pattern| pattern.regex().as_str().len()).sum::<usize>() > 100, "{name}");
        }
        assert_eq!(presets().len(), TEXTS.len());
    }

    #[test]
    fn what_is_no_preset_is_told() {
        assert_eq!(read("x", "rules = [").1.len(), 1);
        assert_eq!(read("x", "rules = [{ name = 'a' }]").1.len(), 3);
        assert_eq!(read("x", "colour = 1").1.len(), 1);
    }
}
