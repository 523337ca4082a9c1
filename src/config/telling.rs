//! Whether the agents' programs are made to tell of themselves.

use super::mistake::{Mistake, Severity};
use crate::policy::fleet::{Backend, Fleet, Teller};
use crate::policy::wiring::silence;

/// Returns a warning for each backend in use whose program could tell of itself and is not made to.
pub fn silences(fleet: &Fleet) -> Vec<Mistake> {
    used(fleet)
        .filter_map(|(name, backend)| Some(warning(name, silence(backend)?, "its screen alone is read")))
        .collect()
}

/// Returns the backends in use whose program is to tell by Gemini's hooks.
pub fn by_gemini_hooks(fleet: &Fleet) -> Vec<(&str, &Backend)> {
    used(fleet).filter(|(_, backend)| backend.events == Some(Teller::Gemini) && silence(backend).is_none()).collect()
}

/// Returns the warning about a Gemini that would not read the hooks that its start gives it.
pub fn unread_hooks(name: &str) -> Mistake {
    let why = "Gemini reads hooks only of a folder that is root's alone, and the fleet's runtime folder is not";
    warning(name, why, "README, \"Events\", has what to put into `~/.gemini/settings.json` of the agents' user")
}

fn used(fleet: &Fleet) -> impl Iterator<Item = (&str, &Backend)> {
    let is_used = |name: &str| fleet.agents.iter().any(|agent| agent.enabled && agent.backend_name == name);
    let backends = fleet.backends.iter().filter(move |(name, _)| is_used(name));
    backends.filter_map(|(name, backend)| Some((name.as_str(), backend.as_ref().ok()?)))
}

fn warning(name: &str, why: &str, hint: &str) -> Mistake {
    let message = format!("backend `{name}`: its program is not made to tell of itself: {why}");
    Mistake::new(Severity::Warning, &format!("backend.{name}"), message).hint(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Where, parse};

    fn said(backend: &str) -> Vec<String> {
        let text = format!(
            "[defaults]\nsession_prefix = 'x-'\nlog_dir = 'logs'\n[[agent]]\nname = 'one'\nprompt = 'go'\nbackend = {backend}"
        );
        let parsed = parse(&text, &Where { file: "/f/agents.toml".into(), home: None });
        let fleet = parsed.fleet.unwrap_or_else(|| panic!("{:?}", parsed.mistakes));
        silences(&fleet).into_iter().map(|mistake| mistake.message).collect()
    }

    #[test]
    fn who_could_tell_and_is_kept_from_it_is_named() {
        for silent in [
            "'claude'\n[backend.claude]\nevents = 'none'",
            "'claude'\n[backend.claude]\nflags = '--settings $MINE'",
            "'codex'\n[backend.codex]\nflags = \"-c 'notify=[]'\"",
            "'opencode'\n[backend.opencode]\nflags = '--port 4000'\nprompt_delivery = 'arg'",
            "'opencode'\n[backend.opencode]\nattach = '{bin} attach {server}'",
            "'claude'\n[backend.claude]\nbin = 'run {kickoff}'\nprompt_delivery = 'exec'",
        ] {
            let said = said(silent);
            assert!(said.len() == 1 && said[0].contains("is not made to tell of itself: "), "{silent}: {said:?}");
        }
        let own = "'own'\n[backend.own]\nbin = 'agent'";
        for fine in ["'claude'", "'codex'", "'gemini'", "'opencode'", own, "'codex'\n[backend.claude]\nevents = 'none'"]
        {
            assert_eq!(said(fine), Vec::<String>::new(), "{fine}");
        }
    }
}
