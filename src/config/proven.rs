//! Whether the agents' programs are there, and of a version that their presets are known to fit.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::mistake::{Mistake, Severity};
use crate::policy::fleet::Fleet;

/// A version with three numbers, wherever it stands in what a program says.
static VERSION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(\d+)\.(\d+)\.\d+[\w.+-]*").ok());

/// A program that is to be asked for its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Name of the backend.
    pub backend: String,
    /// Shell text: the program.
    pub bin: String,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// The version that is known to be read well.
    pub proven: String,
}

/// What a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What it printed.
    Said(String),
    /// There is no such program.
    Missing,
    /// It cannot tell: why.
    Failed(String),
}

/// Returns the programs that agents of the fleet use and whose version is known to fit.
pub fn programs(fleet: &Fleet) -> Vec<Asked> {
    let used = |name: &str| fleet.agents.iter().any(|agent| agent.enabled && agent.backend_name == name);
    let backends = fleet.backends.iter().filter(|(name, _)| used(name));
    let asked = backends.filter_map(|(name, backend)| {
        let backend = backend.as_ref().ok().filter(|backend| !backend.bin.contains('{'))?;
        let (bin, env) = (backend.bin.clone(), backend.env.clone());
        Some(Asked { backend: name.clone(), bin, env, proven: backend.proven.clone()? })
    });
    asked.collect()
}

/// Returns the warning that an answer gives cause for. Versions whose first two numbers agree count as the same.
pub fn doubt(asked: &Asked, answer: &Answer) -> Option<Mistake> {
    let Asked { backend, bin, proven, .. } = asked;
    let (message, hint) = match answer {
        Answer::Missing => {
            (format!("backend `{backend}`: there is no program `{bin}`"), "install it, or name it with `bin`")
        }
        Answer::Failed(why) => {
            (format!("backend `{backend}`: `{bin} --version` fails: {why}"), "`bin` names the program")
        }
        Answer::Said(said) => match series(said) {
            Some((found, _)) if Some(found) == series(proven).map(|(series, _)| series) => return None,
            Some((_, version)) => {
                let message =
                    format!("backend `{backend}`: `{bin}` is {version}, and its screens are known from {proven}");
                (message, "`explain` shows what is made of a screen; `proven` of the backend silences this")
            }
            None => {
                let message = format!("backend `{backend}`: `{bin} --version` names no version");
                (message, "`bin` names the program")
            }
        },
    };
    Some(Mistake::new(Severity::Warning, &format!("backend.{backend}"), message).hint(hint.to_owned()))
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
        let asked = Asked {
            backend: "claude".to_owned(),
            bin: "claude".to_owned(),
            env: BTreeMap::new(),
            proven: "2.1.197".to_owned(),
        };
        let said = |text: &str| doubt(&asked, &Answer::Said(text.to_owned())).map(|mistake| mistake.message);
        assert_eq!(said("2.1.197 (Claude Code)\n"), None);
        assert_eq!(said("codex-cli 2.1.300-alpha.1"), None);
        let other = said("2.2.0 (Claude Code)").expect("a warning");
        assert_eq!(other, "backend `claude`: `claude` is 2.2.0, and its screens are known from 2.1.197");
        assert_eq!(said("hello").expect("a warning"), "backend `claude`: `claude --version` names no version");
        let missing = doubt(&asked, &Answer::Missing).expect("a warning");
        assert_eq!((missing.severity, missing.message.contains("no program")), (Severity::Warning, true));
    }
}
