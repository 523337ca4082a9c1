//! Whether a program can be made to tell of itself, by what its backend says.

use super::fleet::{Backend, Teller};
use super::launch::starts_itself;

/// Returns why the program of `backend` is not made to tell of itself, though it could be; a file that it names may be
/// another reason.
pub fn silence(backend: &Backend) -> Option<&'static str> {
    // The presets name the same program for both.
    let Some(teller) = backend.events else {
        return backend.transcripts.map(|_| "`events` is `none`");
    };
    if !starts_itself(backend) {
        return Some("what starts it is a template of one's own, `prompt_delivery = \"exec\"` or `attach`");
    }
    let flags = format!("{} {}", backend.bin, backend.flags);
    match teller {
        Teller::Claude if option_in(&flags, "--settings") == Setting::Unclear => {
            Some("only a shell knows the value of its `--settings`")
        }
        Teller::Codex if flags.contains("notify") => Some("its flags name a `notify`"),
        Teller::Opencode if option_in(&flags, "--port") != Setting::Absent => Some("its flags name a `--port`"),
        Teller::Claude | Teller::Codex | Teller::Gemini | Teller::Opencode => None,
    }
}

/// What shell text says of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// It is not given.
    Absent,
    /// It has this value.
    Word(String),
    /// It has a value that only a shell could tell.
    Unclear,
}

/// Returns the value that shell text gives to `option`, the last one of several.
pub fn option_in(text: &str, option: &str) -> Setting {
    let (words, is_clear) = words(text);
    let mut found = Setting::Absent;
    for (place, word) in words.iter().enumerate() {
        let value = if word == option {
            Some(words.get(place + 1).cloned().unwrap_or_default())
        } else {
            word.strip_prefix(option).and_then(|rest| rest.strip_prefix('=')).map(str::to_owned)
        };
        if let Some(value) = value {
            found = Setting::Word(value);
        }
    }
    if found != Setting::Absent && !is_clear { Setting::Unclear } else { found }
}

/// Splits shell text into words, quotes taken off; false where it holds what only a shell understands.
fn words(text: &str) -> (Vec<String>, bool) {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in text.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (Some(_) | None, _) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    let is_clear = quote.is_none() && !text.contains(['$', '`', '\\', ';', '|', '&', '#', '\n']);
    (words, is_clear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_in_shell_text() {
        let find = |text: &str| option_in(text, "--settings");
        assert_eq!(find("--model x"), Setting::Absent);
        assert_eq!(find("--model $MODEL"), Setting::Absent);
        assert_eq!(find(r#"claude --settings '{"a": 1}' -x"#), Setting::Word(r#"{"a": 1}"#.to_owned()));
        assert_eq!(find("--settings=/a/b.json"), Setting::Word("/a/b.json".to_owned()));
        assert_eq!(find("--settings a --settings \"b c\""), Setting::Word("b c".to_owned()));
        assert_eq!(find("--settings"), Setting::Word(String::new()));
        for unclear in ["--settings $FILE", "--settings \"$(cat x)\"", "--settings 'open", "--settings a\\ b"] {
            assert_eq!(find(unclear), Setting::Unclear, "{unclear}");
        }
    }
}
