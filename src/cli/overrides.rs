//! One-off models and backends from the caller's environment: `AGENT_MODEL_<name>`, `AGENT_BACKEND_<name>`.

use std::collections::BTreeMap;

use crate::protocol::control::Override;

const MODEL: &str = "AGENT_MODEL_";
const BACKEND: &str = "AGENT_BACKEND_";

/// Collects the overrides of `variables` by agent; with `names`, only theirs. An empty value overrides nothing.
pub fn collect(variables: impl IntoIterator<Item = (String, String)>, names: &[String]) -> BTreeMap<String, Override> {
    let mut found: BTreeMap<String, Override> = BTreeMap::new();
    for (variable, value) in variables {
        let (Some(name), false) = (agent(&variable), value.trim().is_empty()) else { continue };
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let entry = found.entry(name.to_owned()).or_default();
        let field = if variable.starts_with(MODEL) { &mut entry.model } else { &mut entry.backend };
        *field = Some(value.trim().to_owned());
    }
    found
}

/// Collects the overrides of this process's environment; what is not UTF-8 overrides nothing.
pub fn of_environment(names: &[String]) -> BTreeMap<String, Override> {
    let variables = std::env::vars_os();
    collect(variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))), names)
}

/// Returns the agent that a variable is about.
fn agent(variable: &str) -> Option<&str> {
    let name = variable.strip_prefix(MODEL).or_else(|| variable.strip_prefix(BACKEND))?;
    (!name.is_empty()).then_some(name)
}
