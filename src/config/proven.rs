//! Whether the agents' programs are there, and of a version that their presets are known to fit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

use super::mistake::{Mistake, Severity};
use crate::policy::fleet::{Backend, Fleet};
use crate::policy::launch::quoted;

/// A version with three numbers, wherever it stands in what a program says.
static VERSION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(\d+)\.(\d+)\.\d+[\w.+-]*").ok());

/// A program that is to be asked for its version, or only looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who names it, as people call it.
    pub whose: String,
    /// The key that it belongs to.
    pub key: String,
    /// Shell text: the program.
    pub bin: String,
    /// What a shell is asked: how it ends tells whether the program is there, what it prints is a version.
    pub question: String,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Where it is started; absolute.
    pub dir: PathBuf,
    /// The version that is known to be read well; `None`: it is only looked for.
    pub proven: Option<String>,
    /// What helps when it is not there.
    pub hint: &'static str,
}

/// What a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What it printed.
    Said(String),
    /// There is no such program.
    Missing,
    /// There is a file that cannot be run.
    NoProgram,
    /// It cannot tell: why.
    Failed(String),
}

/// Returns the programs of the operator's command and of the backends that agents of the fleet use. One whose version is
/// known to fit is asked for it; any other is not run.
pub fn programs(fleet: &Fleet) -> Vec<Asked> {
    let notify = fleet.notify.iter().filter_map(|command| Some(notifier(command.first()?, fleet)));
    let backends = fleet.backends.iter().filter_map(|(name, backend)| {
        let user = fleet.agents.iter().find(|agent| agent.enabled && agent.backend_name == *name)?;
        asked(name, backend.as_ref().ok()?, user.dir.clone())
    });
    notify.chain(backends).collect()
}

fn asked(name: &str, backend: &Backend, dir: PathBuf) -> Option<Asked> {
    let word = program(&backend.bin);
    let proven = backend.proven.clone().filter(|_| !backend.bin.contains('{'));
    let question = match (&proven, word) {
        (Some(_), _) => format!("{} --version", backend.bin),
        // A preamble may be what brings the program.
        (None, Some(word)) if backend.preamble.trim().is_empty() => look(word),
        (None, _) => return None,
    };
    Some(Asked {
        whose: format!("backend `{name}`"),
        key: format!("backend.{name}"),
        bin: word.unwrap_or(&backend.bin).to_owned(),
        question,
        env: backend.env.clone(),
        dir,
        proven,
        hint: "install it, or name it with `bin`",
    })
}

fn notifier(program: &str, fleet: &Fleet) -> Asked {
    Asked {
        whose: "`[notify]`".to_owned(),
        key: "notify.command".to_owned(),
        bin: program.to_owned(),
        question: look(&quoted(program)),
        env: BTreeMap::new(),
        dir: fleet.project_dir.clone(),
        proven: None,
        hint: "install it; `command` lists the program and then each of its arguments",
    }
}

/// Returns shell text that ends as a shell does that would run `word`: 127 where there is none, 126 where it cannot be run.
fn look(word: &str) -> String {
    format!(
        "found=$(command -v {word}) || {{ [ -e {word} ] && exit 126; exit 127; }}\n\
         case $found in */*) [ -x \"$found\" ] && [ ! -d \"$found\" ] || exit 126;; esac"
    )
}

/// Returns the word of shell text that names the program; `None` where only a shell could tell.
fn program(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let mut quote = None;
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        match quote {
            Some(open) if open == character => quote = None,
            None if matches!(character, '\'' | '"') => quote = Some(character),
            None if character.is_whitespace() => {
                end = at;
                break;
            }
            Some(_) | None => {}
        }
    }
    let word = &text[..end];
    let is_clear =
        quote.is_none() && !word.contains(['`', '(', ')', '{', '}', '=', ';', '&', '|', '<', '>', '\\', '#']);
    (is_clear && !word.is_empty()).then_some(word)
}

/// Returns the warning that an answer gives cause for. Versions whose first two numbers agree count as the same.
pub fn doubt(asked: &Asked, answer: &Answer) -> Option<Mistake> {
    let Asked { whose, key, bin, proven, hint: install, .. } = asked;
    let (message, hint) = match (answer, proven) {
        (Answer::Missing, _) => (format!("{whose}: there is no program `{bin}`"), *install),
        (Answer::NoProgram, _) => (format!("{whose}: `{bin}` is no program that can be run"), *install),
        (Answer::Failed(why), Some(_)) => {
            (format!("{whose}: `{bin} --version` fails: {why}"), "`bin` names the program")
        }
        (Answer::Failed(why), None) => (format!("{whose}: `{bin}` cannot be looked for: {why}"), *install),
        (Answer::Said(_), None) => return None,
        (Answer::Said(said), Some(proven)) => match series(said) {
            Some((found, _)) if Some(found) == series(proven).map(|(series, _)| series) => return None,
            Some((_, version)) => {
                let message = format!("{whose}: `{bin}` is {version}, and its screens are known from {proven}");
                (message, "`explain` shows what is made of a screen; `proven` of the backend silences this")
            }
            None => (format!("{whose}: `{bin} --version` names no version"), "`bin` names the program"),
        },
    };
    Some(Mistake::new(Severity::Warning, key, message).hint(hint.to_owned()))
}

/// Returns the first two numbers of the version in a text, and the whole of it.
fn series(text: &str) -> Option<((&str, &str), &str)> {
    let found = VERSION.as_ref()?.captures(text)?;
    let (whole, [major, minor]) = found.extract();
    Some(((major, minor), whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_series_is_told_and_a_later_patch_is_not() {
        let presets = crate::config::preset_backends();
        let backend = presets["claude"].as_ref().expect("a preset");
        let asked = asked("claude", backend, "/".into()).expect("a program");
        let said = |text: &str| doubt(&asked, &Answer::Said(text.to_owned())).map(|mistake| mistake.message);
        assert_eq!(said("2.1.197 (Claude Code)\n"), None);
        assert_eq!(said("codex-cli 2.1.300-alpha.1"), None);
        let other = said("2.2.0 (Claude Code)").expect("a warning");
        assert_eq!(other, "backend `claude`: `claude` is 2.2.0, and its screens are known from 2.1.197");
        assert_eq!(said("hello").expect("a warning"), "backend `claude`: `claude --version` names no version");
        let missing = doubt(&asked, &Answer::Missing).expect("a warning");
        assert_eq!((missing.severity, missing.message.contains("no program")), (Severity::Warning, true));
    }
    #[test]
    fn the_word_that_names_the_program_is_found_where_no_shell_is_needed() {
        for (text, word) in [
            ("agent", "agent"),
            (" agent --flag 'a b'", "agent"),
            ("exec-agent {kickoff}", "exec-agent"),
            ("\"$HOME/my agents/one\" -x", "\"$HOME/my agents/one\""),
            ("~/bin/agent\n", "~/bin/agent"),
        ] {
            assert_eq!(program(text), Some(word), "{text}");
        }
        for unclear in ["", "PATH=/x agent", "$(which agent)", "`x`", "(cd x; y)", "a;b", "'open", "{dir}/x", "a\\ b"] {
            assert_eq!(program(unclear), None, "{unclear}");
        }
    }
}
