//! Names of agents that a person typed, against those that exist.

use super::stop::Failure;
use super::text;
use crate::protocol::control::Reason;

/// The most known names that an error lists.
const LISTED_MAX: usize = 30;

/// Proves that each of `wanted` is one of `known`.
///
/// # Errors
/// For the first that is not; see [`unknown`].
pub fn all_known(wanted: &[String], known: &[&str]) -> Result<(), Failure> {
    match wanted.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(unknown(name, known)),
        None => Ok(()),
    }
}

/// Returns the failure for a name that nothing has: a usage error that says which was meant and which exist.
pub fn unknown(name: &str, known: &[&str]) -> Failure {
    let failure = Failure::new(Reason::Usage, format!("there is no agent or service `{}`", text::clean(name)));
    let failure = match text::meant(name, known) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure,
    };
    if known.is_empty() {
        return failure.hint("the fleet is empty: add an `[[agent]]` to the config");
    }
    let more = known.len().saturating_sub(LISTED_MAX);
    let listed = known[..known.len() - more].join(", ");
    failure.hint(if more == 0 { format!("known: {listed}") } else { format!("known: {listed} and {more} more") })
}
