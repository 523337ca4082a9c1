//! Rules across tables.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::agent::{AgentDraft, RESUME_PROMPT};
use super::backend::{Backends, known_hint};
use super::loops::LoopDraft;
use super::mistake::{Mistake, Notes};
use super::reader::Found;
use crate::policy::fleet::{Backend, Kind};
use crate::policy::typed;

/// Returns what the supervisor itself types, each with what people call it: none of it may look like a limit.
pub fn typed_texts() -> Vec<(&'static str, String)> {
    let mut texts = typed::texts();
    texts.push(("the default `resume_prompt`", RESUME_PROMPT.to_owned()));
    texts
}

/// What helps when a typed text looks like a limit.
pub(super) const NUDGE_HINT: &str =
    "typed into the pane it would be taken for a limit banner: make the pattern match only what the program prints";

/// Returns which rule of the backend would take `typed` for a usage limit, and the part that it matches.
pub(super) fn limit_hit(backend: &Backend, typed: &str) -> Option<(String, String)> {
    let (rule, hit) = backend.screen.limit_hit(typed)?;
    Some((rule_words(&rule.name), shortened(hit)))
}

/// Returns what a mistake calls a rule.
fn rule_words(name: &str) -> String {
    if name == "limit_re" { format!("`{name}`") } else { format!("rule `{name}`") }
}

fn shortened(hit: &str) -> String {
    hit.chars().take(80).collect()
}

/// Notes every broken rule.
pub(super) fn check(agents: &[AgentDraft], loops: &mut [LoopDraft], backends: &Backends, notes: &Notes) {
    unique_agents(agents, notes);
    unique_loops(loops, notes);
    for draft in loops {
        pings(draft, agents, notes);
        on_complete(draft, agents, notes);
        roles(draft, agents, notes);
    }
    nudges(agents, backends, notes);
}

fn unique_agents(agents: &[AgentDraft], notes: &Notes) {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut sessions: BTreeMap<&str, &str> = BTreeMap::new();
    for draft in agents {
        let (name, session) = (draft.value.name.as_str(), draft.value.session.as_str());
        if !names.insert(name) {
            let mistake = Mistake::fatal(
                &format!("{}.name", draft.path),
                format!("two agents or services have the name `{name}`"),
            );
            notes.add(mistake.at(draft.name_span.clone()));
        } else if let Some(other) = sessions.insert(session, name) {
            let mistake = Mistake::fatal(
                &format!("{}.session", draft.path),
                format!("`{other}` and `{name}` have the same session `{session}`"),
            );
            notes.add(mistake.at(draft.session_span.clone()));
        }
    }
}

fn unique_loops(loops: &[LoopDraft], notes: &Notes) {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for draft in loops.iter().filter(|draft| !draft.value.name.is_empty()) {
        if !names.insert(&draft.value.name) {
            let mistake = Mistake::fatal(&draft.place.path, format!("two loops have the name `{}`", draft.value.name));
            notes.add(mistake.at(draft.place.span.clone()));
        }
    }
}

fn pings(draft: &LoopDraft, agents: &[AgentDraft], notes: &Notes) {
    for found in &draft.pings {
        let key = found.path.rsplit('.').next().unwrap_or_default();
        match find(agents, &found.value) {
            None => {
                notes.add(unknown(found, key, agents, |kind| !matches!(kind, Kind::Task(_) | Kind::Service { .. })));
            }
            Some(Kind::Task(_) | Kind::Service { .. }) => {
                let mistake =
                    Mistake::error(&found.path, format!("`{key}` names `{}`, which takes no pings", found.value));
                notes.add(mistake.at(found.span.clone()).hint("name a loop or persistent agent".to_owned()));
            }
            // Also where nothing is named, and the agents of another loop have the usual names.
            Some(Kind::Loop { in_loop, .. }) if *in_loop != draft.value.name => {
                let whose = format!("`{key}` is `{}`, an agent of loop `{in_loop}`", found.value);
                let mistake = Mistake::error(&found.path, whose).at(found.span.clone());
                notes.add(mistake.hint(format!("name an agent of loop `{}`", draft.value.name)));
            }
            Some(Kind::Loop { .. } | Kind::Persistent(_)) => {}
        }
    }
}

/// Checks what follows the last phase; what cannot be run is taken out.
fn on_complete(draft: &mut LoopDraft, agents: &[AgentDraft], notes: &Notes) {
    let Some(found) = &draft.run else { return };
    let runs = match find(agents, &found.value) {
        Some(Kind::Task(_)) => return,
        None => {
            notes.add(unknown(found, "run", agents, |kind| matches!(kind, Kind::Task(_))));
            false
        }
        Some(kind @ (Kind::Loop { .. } | Kind::Persistent(_) | Kind::Service { .. })) => {
            let mistake = Mistake::error(&found.path, format!("`run` names `{}`, which is no task", found.value));
            notes.add(
                mistake.at(found.span.clone()).hint(format!("its kind is `{}`; only a task runs once", kind.word())),
            );
            matches!(kind, Kind::Persistent(_))
        }
    };
    if let Some(on_complete) = draft.value.on_complete.as_mut().filter(|_| !runs) {
        on_complete.run = None;
    }
}

fn roles(draft: &LoopDraft, agents: &[AgentDraft], notes: &Notes) {
    let known: Vec<&str> = agents
        .iter()
        .filter_map(|agent| match &agent.value.kind {
            Kind::Loop { in_loop, role } if *in_loop == draft.value.name => Some(role.as_str()),
            Kind::Loop { .. } | Kind::Persistent(_) | Kind::Task(_) | Kind::Service { .. } => None,
        })
        .collect();
    for found in draft.roles.iter().filter(|found| !known.contains(&found.value.as_str())) {
        let mistake = Mistake::error(&found.path, format!("no agent of this loop has the role `{}`", found.value));
        notes.add(mistake.at(found.span.clone()).hint(known_hint(&found.value, known.iter().copied())));
    }
}

fn find<'a>(agents: &'a [AgentDraft], name: &str) -> Option<&'a Kind> {
    agents.iter().find(|draft| draft.value.name == name).map(|draft| &draft.value.kind)
}

fn unknown(found: &Found<String>, key: &str, agents: &[AgentDraft], fits: impl Fn(&Kind) -> bool) -> Mistake {
    let known: Vec<&str> =
        agents.iter().filter(|draft| fits(&draft.value.kind)).map(|draft| draft.value.name.as_str()).collect();
    let mistake = Mistake::error(&found.path, format!("`{key}` names `{}`, which does not exist", found.value));
    mistake.at(found.span.clone()).hint(known_hint(&found.value, known.into_iter()))
}

fn nudges(agents: &[AgentDraft], backends: &Backends, notes: &Notes) {
    let texts = typed_texts();
    for (name, backend) in &backends.by_name {
        let Ok(backend) = backend else { continue };
        let places = backends.rule_places.get(name);
        for rule in backend.screen.rules.iter().filter(|rule| rule.meaning.is_limit()) {
            let Some(place) = places.and_then(|places| places.get(&rule.name)) else { continue };
            let hit = |typed: &str| rule.re.regex().find(typed).map(|hit| shortened(hit.as_str()));
            let hit = texts.iter().find_map(|(what, typed)| Some((what, hit(typed)?)));
            let Some((what, hit)) = hit else { continue };
            let message = format!("{} matches {what}: `{hit}`", rule_words(&rule.name));
            nudge(&place.path, message, place.span.clone(), notes);
        }
    }
    for draft in agents {
        let (Ok(backend), Some(place)) = (&draft.value.backend, &draft.resume_prompt) else { continue };
        let Some((rule, hit)) = limit_hit(backend, &draft.value.resume_prompt) else { continue };
        let message = format!("`resume_prompt` matches the {rule} of its own backend: `{hit}`");
        nudge(&place.path, message, place.span.clone(), notes);
    }
}

fn nudge(path: &str, message: String, span: Option<Range<usize>>, notes: &Notes) {
    notes.add(Mistake::error(path, message).at(span).hint(NUDGE_HINT.to_owned()));
}
