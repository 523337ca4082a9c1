//! Reads typed values out of tables, notes what is wrong with them and goes on.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::MISTAKES_MAX;
use super::keys::{self, Form, SECONDS_MAX};
use super::mistake::{Mistake, Notes, Severity};

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Where it stands in the text; `None` when it comes from a preset.
    pub span: Option<Range<usize>>,
    /// Its key from the root.
    pub path: String,
}

/// One table of the text or of a preset.
#[derive(Debug, Clone)]
pub struct Layer<'a> {
    /// Its keys and values.
    pub table: &'a DeTable<'a>,
    /// Its path from the root.
    pub path: String,
    /// Where its header stands; `None` for a preset.
    pub span: Option<Range<usize>>,
}

/// Reads the keys of one section from the first of some layers that has them.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    section: &'static str,
    layers: Vec<Layer<'a>>,
    notes: &'a Notes,
    wrong: Severity,
    faults: Rc<RefCell<Vec<String>>>,
}

type Entry<'a> = (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>);

impl<'a> Reader<'a> {
    /// Reads `layer` as `section` and notes its unknown keys.
    pub fn open(section: &'static str, layer: Layer<'a>, notes: &'a Notes) -> Self {
        let reader =
            Self { section, layers: vec![layer], notes, wrong: Severity::Fatal, faults: Rc::new(RefCell::default()) };
        reader.note_unknown();
        reader
    }

    /// Takes keys that are missing here from `layer`.
    pub fn over(mut self, layer: Option<Layer<'a>>) -> Self {
        self.layers.extend(layer);
        self
    }

    /// Lets a wrong type spoil only what is read here, not the fleet: see `faults`.
    pub fn tolerant(mut self) -> Self {
        self.wrong = Severity::Error;
        self
    }

    /// Reads the first layer alone.
    pub fn own(&self) -> Self {
        let mut own = self.clone();
        own.layers.truncate(1);
        own
    }

    /// Returns the first layer.
    pub fn layer(&self) -> Option<Layer<'a>> {
        self.layers.first().cloned()
    }

    /// Where the header stands.
    pub fn span(&self) -> Option<Range<usize>> {
        self.layers.first().and_then(|layer| layer.span.clone())
    }

    /// The path of a key, or of the table itself for an empty one.
    pub fn path(&self, key: &str) -> String {
        join(self.layers.first().map_or("", |layer| &layer.path), key)
    }

    /// What made this table unusable, so far.
    pub fn faults(&self) -> Vec<String> {
        self.faults.borrow().clone()
    }

    /// Notes an error that makes this table unusable.
    pub fn fault(&self, mistake: Mistake) {
        self.faults.borrow_mut().push(mistake.message.clone());
        self.notes.add(mistake);
    }

    /// Notes an error that leaves this table usable.
    pub fn note(&self, mistake: Mistake) {
        self.notes.add(mistake);
    }

    fn note_unknown(&self) {
        let Some(layer) = self.layers.first() else { return };
        let unknown = layer.table.iter().filter(|(key, _)| keys::find(self.section, key.get_ref()).is_none());
        for (key, _) in unknown.take(MISTAKES_MAX) {
            let name = key.get_ref();
            let mistake = Mistake::error(&join(&layer.path, name), format!("unknown key `{name}`"));
            let span = layer.span.as_ref().map(|_| key.span());
            self.notes.add_local(mistake.at(span).hint(keys::hint(self.section, name)));
        }
    }

    fn find(&self, key: &str) -> Option<(Entry<'a>, &Layer<'a>)> {
        debug_assert!(keys::find(self.section, key).is_some(), "`{key}` is not in KEYS");
        self.layers.iter().find_map(|layer| layer.table.get_key_value(key).map(|entry| (entry, layer)))
    }

    /// Returns the place of a key if it is there.
    pub fn place(&self, key: &str) -> Option<Found<()>> {
        let ((name, _), layer) = self.find(key)?;
        Some(Found { value: (), span: layer.span.as_ref().map(|_| name.span()), path: join(&layer.path, key) })
    }

    /// Returns the place of a key's value if it is there.
    pub fn value_place(&self, key: &str) -> Option<Found<()>> {
        let ((_, value), layer) = self.find(key)?;
        Some(Found { value: (), span: layer.span.as_ref().map(|_| value.span()), path: join(&layer.path, key) })
    }

    fn form(&self, key: &str) -> Form {
        keys::find(self.section, key).map_or(Form::Text, |key| key.form)
    }

    /// Reads a key with `read`; `None` from it is a wrong type.
    fn read<T>(&self, key: &str, read: impl Fn(&'a DeValue<'a>) -> Option<T>) -> Option<Found<T>> {
        let ((_, value), layer) = self.find(key)?;
        let (span, path) = (layer.span.as_ref().map(|_| value.span()), join(&layer.path, key));
        let Some(found) = read(value.get_ref()) else {
            self.wrong_type(key, value.get_ref(), span, &path);
            return None;
        };
        Some(Found { value: found, span, path })
    }

    fn wrong_type(&self, key: &str, value: &DeValue<'_>, span: Option<Range<usize>>, path: &str) {
        let form = self.form(key);
        let message = match (form, value) {
            (Form::Texts, DeValue::Array(_)) => format!("`{key}` must hold texts only"),
            _ => format!("`{key}` must be {}, not {}", wanted(form), type_name(value)),
        };
        let hint = (form == Form::Tables && matches!(value, DeValue::Table(_))).then(|| format!("write `[[{key}]]`"));
        let mistake = Mistake::new(self.wrong, path, message).hint(hint);
        self.faults.borrow_mut().push(mistake.message.clone());
        self.notes.add_local(mistake.at(span));
    }

    /// Reads a text.
    pub fn text(&self, key: &str) -> Option<Found<String>> {
        self.read(key, |value| value.as_str().map(str::to_owned))
    }

    /// Reads a text; an empty one counts as absent.
    pub fn filled(&self, key: &str) -> Option<Found<String>> {
        self.text(key).filter(|found| !found.value.is_empty())
    }

    /// Reads true or false; numbers count as in the predecessor.
    pub fn flag(&self, key: &str) -> Option<bool> {
        let read = |value: &DeValue<'_>| value.as_bool().or_else(|| Some(integer(value)? != 0));
        self.read(key, read).map(|found| found.value)
    }

    /// Reads a time; one out of range is noted and counts as absent.
    pub fn seconds(&self, key: &str) -> Option<Duration> {
        let found = self.read(key, whole_seconds)?;
        let min = if let Form::Seconds(min) = self.form(key) { min } else { 0 };
        self.in_range(key, found, (min, SECONDS_MAX)).map(Duration::from_secs)
    }

    /// Reads a number; one out of range is noted and counts as absent.
    pub fn count(&self, key: &str) -> Option<u64> {
        let found = self.read(key, integer)?;
        let bounds = if let Form::Count(min, max) = self.form(key) { (min, max) } else { (0, i64::MAX) };
        self.in_range(key, found, bounds)
    }

    fn in_range(&self, key: &str, found: Found<i64>, (min, max): (i64, i64)) -> Option<u64> {
        if (min..=max).contains(&found.value) {
            return u64::try_from(found.value).ok();
        }
        let default = keys::find(self.section, key).map_or("-", |key| key.default);
        let bounds = if found.value < min { format!("at least {min}") } else { format!("at most {max}") };
        let mistake = Mistake::error(&found.path, format!("`{key}` must be {bounds}"));
        self.notes.add_local(mistake.at(found.span).hint(format!("without it, {default} is used")));
        None
    }

    /// Reads one of the words of the key's form; another one is noted and counts as absent.
    pub fn word(&self, key: &str) -> Option<&'static str> {
        let found = self.read(key, |value| value.as_str().map(str::to_owned))?;
        let Form::OneOf(words) = self.form(key) else { return None };
        if let Some(word) = words.iter().find(|word| **word == found.value) {
            return Some(word);
        }
        let near = keys::nearest(&found.value, words.iter().copied());
        let hint =
            near.map_or_else(|| format!("one of {}", self.form(key).words()), |near| format!("did you mean `{near}`?"));
        let mistake = Mistake::error(&found.path, format!("unknown `{key}`: `{}`", found.value));
        self.notes.add_local(mistake.at(found.span).hint(hint));
        None
    }

    /// Reads one of the words of the key's form; another one makes this table unusable.
    pub fn decisive_word(&self, key: &str) -> Option<&'static str> {
        let word = self.word(key);
        if let (None, Some(found)) = (word, self.place(key).and_then(|_| self.text(key))) {
            self.faults.borrow_mut().push(format!("unknown `{key}`: `{}`", found.value));
        }
        word
    }

    /// Reads a list of texts.
    pub fn texts(&self, key: &str) -> Option<Found<Vec<String>>> {
        self.read(key, |value| {
            let DeValue::Array(items) = value else { return None };
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        })
    }

    /// Reads a table of texts under free names: each name and its text.
    pub fn named_texts(&self, key: &str) -> Vec<(Found<String>, Found<String>)> {
        let Some(found) = self.read(key, as_table) else { return Vec::new() };
        let mut texts = Vec::new();
        for (name, value) in found.value {
            let path = join(&found.path, name.get_ref());
            let placed = |value: &str, at: Range<usize>| {
                let span = found.span.as_ref().map(|_| at);
                Found { value: value.to_owned(), span, path: path.clone() }
            };
            let name = placed(name.get_ref(), name.span());
            if let Some(text) = value.get_ref().as_str() {
                texts.push((name, placed(text, value.span())));
                continue;
            }
            let message = format!("`{}` must be a text, not {}", name.value, type_name(value.get_ref()));
            self.faults.borrow_mut().push(message.clone());
            let place = placed("", value.span());
            self.notes.add_local(Mistake::new(self.wrong, &path, message).at(place.span));
        }
        texts
    }

    /// Opens a table as its own section.
    pub fn table(&self, key: &str, section: &'static str) -> Option<Self> {
        let found = self.read(key, as_table)?;
        let span = found.span.and(self.place(key).and_then(|place| place.span));
        Some(Self::open(section, Layer { table: found.value, path: found.path, span }, self.notes))
    }

    /// Returns a table whose keys are free names, with the place of each.
    pub fn named_tables(&self, key: &str) -> Vec<(String, Layer<'a>)> {
        let Some(found) = self.read(key, as_table) else { return Vec::new() };
        let mut tables = Vec::new();
        for (name, value) in found.value {
            let path = join(&found.path, name.get_ref());
            if let DeValue::Table(table) = value.get_ref() {
                tables.push((name.get_ref().to_string(), Layer { table, path, span: Some(name.span()) }));
            } else {
                let message = format!("`{}` must be a table, not {}", name.get_ref(), type_name(value.get_ref()));
                self.notes.add_local(Mistake::fatal(&path, message).at(Some(value.span())));
            }
        }
        tables
    }

    /// Returns the layers of a list of tables.
    pub fn tables(&self, key: &str) -> Vec<Layer<'a>> {
        let Some(found) = self.read(key, |value| if let DeValue::Array(items) = value { Some(items) } else { None })
        else {
            return Vec::new();
        };
        let mut layers = Vec::new();
        for (index, item) in found.value.iter().enumerate() {
            let path = format!("{}[{index}]", found.path);
            if let DeValue::Table(table) = item.get_ref() {
                layers.push(Layer { table, path, span: found.span.as_ref().map(|_| item.span()) });
            } else {
                let message = format!("`{key}` must hold tables, not {}", type_name(item.get_ref()));
                self.faults.borrow_mut().push(message.clone());
                let span = found.span.as_ref().map(|_| item.span());
                self.notes.add_local(Mistake::new(self.wrong, &path, message).at(span));
            }
        }
        layers
    }

    /// Opens each table of a list as its own section; what makes one unusable makes this table unusable.
    pub fn rows(&self, key: &str, section: &'static str) -> Vec<Self> {
        let open = |layer: Layer<'a>| {
            let row = Self { section, layers: vec![layer], ..self.clone() };
            row.note_unknown();
            row
        };
        self.tables(key).into_iter().map(open).collect()
    }

    /// Whether the key holds a list.
    pub fn is_list(&self, key: &str) -> bool {
        self.find(key).is_some_and(|((_, value), _)| matches!(value.get_ref(), DeValue::Array(_)))
    }
}

fn join(path: &str, key: &str) -> String {
    match (path.is_empty(), key.is_empty()) {
        (true, _) => key.to_owned(),
        (false, true) => path.to_owned(),
        (false, false) => format!("{path}.{key}"),
    }
}

fn as_table<'a>(value: &'a DeValue<'a>) -> Option<&'a DeTable<'a>> {
    if let DeValue::Table(table) = value { Some(table) } else { None }
}

/// Reads a whole number; one too large for the type is as large as it can be.
fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    let largest = if integer.as_str().starts_with('-') { i64::MIN } else { i64::MAX };
    Some(i64::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(largest))
}

/// Reads whole seconds as the predecessor did: fractions are cut, digits in quotes count.
#[expect(clippy::cast_possible_truncation)]
fn whole_seconds(value: &DeValue<'_>) -> Option<i64> {
    let float =
        || value.as_float()?.as_str().parse::<f64>().ok().filter(|float| float.is_finite()).map(|float| float as i64);
    let text = || value.as_str()?.trim().parse().ok();
    integer(value).or_else(float).or_else(text)
}

/// Returns what a key of this form must be, as a mistake says it.
fn wanted(form: Form) -> &'static str {
    match form {
        Form::Text | Form::Path | Form::Name | Form::Pattern | Form::Shell | Form::OneOf(_) => "a text",
        Form::Flag => "true or false",
        Form::Seconds(_) => "a number of seconds",
        Form::Count(_, _) => "a whole number",
        Form::Texts => "a list of texts",
        Form::Table => "a table",
        Form::Tables => "a list of tables",
        Form::Environment => "a table of texts",
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
