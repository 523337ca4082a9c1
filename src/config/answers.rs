//! From `answers` of a backend to the texts that are typed at known screens.

use std::collections::BTreeMap;

use super::backend::known_hint;
use super::mistake::Mistake;
use super::reader::Reader;
use crate::policy::reading::Rules;

/// Reads which texts answer which rules; a text that would be no answer is taken out.
pub fn read(reader: &Reader<'_>, screen: &Rules) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    for (name, text) in reader.named_texts("answers") {
        let at = |mistake: Mistake| mistake.at(text.span.clone());
        let Some(rule) = screen.rules.iter().find(|rule| rule.name == name.value) else {
            let known = screen.rules.iter().map(|rule| rule.name.as_str());
            let mistake = Mistake::error(&name.path, format!("no rule has the name `{}`", name.value)).at(name.span);
            reader.note(mistake.hint(known_hint(&name.value, known)));
            continue;
        };
        let mistake = if rule.meaning.is_in_the_way() {
            let message = format!("`{}` reads a dialog, into which nothing is typed", name.value);
            Mistake::error(&text.path, message).hint("start the program with the flag that avoids it".to_owned())
        } else if text.value.trim().is_empty() || text.value.contains(char::is_control) {
            Mistake::error(&text.path, "an answer is one line of text".to_owned())
        } else if let Some((limit, hit)) = screen.limit_hit(&text.value) {
            let message = format!("the answer matches the limit rule `{}`: `{hit}`", limit.name);
            Mistake::error(&text.path, message)
                .hint("the supervisor would take its own text for a usage limit".to_owned())
        } else if rule.re.regex().is_match(&text.value) {
            Mistake::error(
                &text.path,
                format!("the answer matches `{}` itself: it would answer its own text", name.value),
            )
        } else {
            answers.insert(name.value, text.value);
            continue;
        };
        reader.note(at(mistake));
    }
    answers
}
