//! The rules that the simulation judges by, as its own text has them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

/// Returns the words of every rule, in order.
pub fn rules() -> BTreeSet<String> {
    let forms = Regex::new(r#"(?:(?:broken|fail)\(\s*|Self::\w+ => )"([^" ]+ [^"]+)""#).expect("a pattern");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation");
    let mut rules = BTreeSet::new();
    for folder in [folder.join("oracle"), folder] {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("a file").path();
            if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("rules.rs") {
                let text = fs::read_to_string(&path).expect("text");
                rules.extend(forms.captures_iter(&text).map(|found| found[1].to_owned()));
            }
        }
    }
    rules
}
