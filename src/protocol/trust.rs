//! What the agents' programs keep of the folders that a person trusts: with it none asks at its first start.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::transcript::{Program, expanded};

/// Returns the file in which a program keeps it, by the agent's environment; `None` for a program that never asks.
pub fn place(program: Program, variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let path = match program {
        Program::Claude => "${CLAUDE_CONFIG_DIR:-~}/.claude.json",
        Program::Codex => "${CODEX_HOME:-~/.codex}/config.toml",
        Program::Gemini => "${GEMINI_CLI_HOME:-~}/.gemini/trustedFolders.json",
        Program::Opencode => return None,
    };
    expanded(path, variable)
}

/// Returns the file's text with `dir` trusted; `None` where that stands there already. What else it says stays.
///
/// # Errors
/// When the text is not of the program's form, or the person has said otherwise.
pub fn trusting(program: Program, text: &str, dir: &Path) -> Result<Option<String>, String> {
    let dir = dir.to_str().ok_or("the folder's name is not UTF-8")?;
    match program {
        Program::Claude => in_json(text, |whole| {
            whole.insert("hasCompletedOnboarding".to_owned(), true.into());
            let projects = object(whole, "projects")?;
            object(projects, dir)?.insert("hasTrustDialogAccepted".to_owned(), true.into());
            Ok(())
        }),
        Program::Gemini => in_json(text, |whole| match whole.get(dir).and_then(Value::as_str) {
            Some("DO_NOT_TRUST") => Err("it says that the folder is not to be trusted".to_owned()),
            Some(_) => Ok(()),
            None => {
                whole.insert(dir.to_owned(), "TRUST_FOLDER".into());
                Ok(())
            }
        }),
        Program::Codex => in_toml(text, dir),
        Program::Opencode => Ok(None),
    }
}

fn in_json(
    text: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<(), String>,
) -> Result<Option<String>, String> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let before: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let mut after = before.clone();
    change(after.as_object_mut().ok_or("it is no JSON object")?)?;
    Ok((after != before).then(|| format!("{after:#}\n")))
}

fn object<'a>(within: &'a mut Map<String, Value>, key: &str) -> Result<&'a mut Map<String, Value>, String> {
    let value = within.entry(key).or_insert_with(|| Value::Object(Map::new()));
    value.as_object_mut().ok_or_else(|| format!("`{key}` is no JSON object"))
}

fn in_toml(text: &str, dir: &str) -> Result<Option<String>, String> {
    let whole: toml::Table =
        text.parse().map_err(|error: toml::de::Error| format!("it is no TOML: {}", error.message()))?;
    let project = whole.get("projects").and_then(|projects| projects.get(dir));
    match project.and_then(|project| project.get("trust_level")).and_then(toml::Value::as_str) {
        Some("trusted") => return Ok(None),
        Some(other) => return Err(format!("it says that the folder is `{other}`")),
        None => {}
    }
    let mut added = toml::Table::new();
    added.insert("trust_level".to_owned(), "trusted".into());
    // What a key is quoted with is that of JSON; a value's quotes can be of a kind that no key has.
    let table = format!("[projects.{}]\n{added}", Value::from(dir));
    let gap = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n" };
    let after = format!(
        "{}{gap}{table}",
        if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
    );
    // What cannot be written behind the rest, such as a table that is there already, is the person's to say.
    after.parse::<toml::Table>().map_err(|_| format!("add `trust_level = \"trusted\"` to its project `{dir}`"))?;
    Ok(Some(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(program: Program, text: &str) -> Result<Option<String>, String> {
        let dir = Path::new("/srv/it's \"here\"");
        let done = trusting(program, text, dir)?;
        if let Some(text) = &done {
            assert_eq!(trusting(program, text, dir), Ok(None), "once is enough");
        }
        Ok(done)
    }

    #[test]
    fn a_folder_is_added_and_the_rest_stays() {
        let claude = trusted(Program::Claude, r#"{"theme":"dark","projects":{"/a":{"x":1}}}"#).unwrap().unwrap();
        let claude: Value = serde_json::from_str(&claude).unwrap();
        assert_eq!(claude["projects"]["/srv/it's \"here\""]["hasTrustDialogAccepted"], true);
        assert_eq!((&claude["theme"], &claude["projects"]["/a"]["x"]), (&"dark".into(), &1.into()));
        assert_eq!(claude["hasCompletedOnboarding"], true);
        let gemini = trusted(Program::Gemini, "").unwrap().unwrap();
        assert_eq!(gemini, "{\n  \"/srv/it's \\\"here\\\"\": \"TRUST_FOLDER\"\n}\n");
        let codex = trusted(Program::Codex, "model = 'x' # mine\n[projects.'/a']\ntrust_level = 'untrusted'").unwrap();
        let codex = codex.unwrap();
        assert!(codex.starts_with("model = 'x' # mine\n[projects.'/a']\ntrust_level = 'untrusted'\n\n[projects."));
        assert_eq!(trusted(Program::Opencode, "").unwrap(), None);
    }

    #[test]
    fn what_cannot_be_added_is_told_and_nothing_is_lost() {
        for (program, text) in [
            (Program::Claude, "{"),
            (Program::Claude, "[]"),
            (Program::Claude, r#"{"projects":[]}"#),
            (Program::Gemini, r#"{"/srv/it's \"here\"":"DO_NOT_TRUST"}"#),
            (Program::Codex, "= x"),
            (Program::Codex, "projects = {}"),
            (Program::Codex, "[projects.\"/srv/it's \\\"here\\\"\"]\ntrust_level = \"untrusted\""),
            (Program::Codex, "[projects.\"/srv/it's \\\"here\\\"\"]\nx = 1"),
        ] {
            assert!(trusted(program, text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_program_has_its_place() {
        let home = |name: &str| (name == "HOME").then(|| "/h".to_owned());
        let places = [Program::Claude, Program::Codex, Program::Gemini].map(|program| place(program, &home).unwrap());
        assert_eq!(
            places.map(|path| path.display().to_string()),
            ["/h/.claude.json", "/h/.codex/config.toml", "/h/.gemini/trustedFolders.json"]
        );
    }
}
