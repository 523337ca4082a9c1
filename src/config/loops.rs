//! From `[loop]` and `[[loop]]` to the loops of a fleet.

use std::collections::BTreeSet;

use super::files::{FileUse, Needed};
use super::mistake::{Mistake, Notes};
use super::pattern;
use super::place::{Base, is_name};
use super::reader::{Found, Layer, Reader};
use crate::policy::fleet::{DoneSource, Handoff, Loop, OnComplete, Pattern, Phase};

/// A loop with the places that rules across tables point to.
#[derive(Debug)]
pub struct LoopDraft {
    /// The loop.
    pub value: Loop,
    /// Where its header, or its name, stands.
    pub place: Found<()>,
    /// Who is told of claims, then who of reviews.
    pub pings: Vec<Found<String>>,
    /// The task of `on_complete`.
    pub run: Option<Found<String>>,
    /// Roles that phases name models for.
    pub roles: Vec<Found<String>>,
}

/// Reads all loops.
pub fn read<'a>(
    root: &Reader<'a>,
    base: &Base<'_>,
    notes: &'a Notes,
    text: &str,
    files: &mut Vec<Needed>,
) -> Vec<LoopDraft> {
    let readers: Vec<Reader<'a>> = if root.is_list("loop") {
        root.tables("loop").into_iter().map(|layer| Reader::open("loop", layer, notes)).collect()
    } else {
        let of_table = root.table("loop", "loop");
        of_table.filter(|reader| reader.layer().is_some_and(|layer| !layer.table.is_empty())).into_iter().collect()
    };
    let named = root.is_list("loop");
    readers.iter().map(|reader| one(reader, base, (notes, text, named), files)).collect()
}

fn one<'a>(
    reader: &Reader<'a>,
    base: &Base<'_>,
    (notes, text, named): (&'a Notes, &str, bool),
    files: &mut Vec<Needed>,
) -> LoopDraft {
    let (name, place) = name(reader, notes, named);
    let path = |key: &str| reader.filled(key).map(|found| base.path(&found));
    let state = base.log_dir.join("state");
    let state_file = reader.filled("state_file");
    reader.flag("resume_phase");
    let handoff = reader.table("handoff", "handoff");
    let repo = handoff.as_ref().and_then(|handoff| handoff.filled("repo"));
    let subdir = handoff.as_ref().and_then(|handoff| handoff.text("state_subdir"));
    let mut roles = Vec::new();
    let (told, pings) = handoff.as_ref().map_or((None, Vec::new()), |handoff| read_handoff(handoff, notes, text));
    let (on_complete, run) = read_on_complete(reader, base);
    let value = Loop {
        phases: phases(reader, notes, &mut roles),
        name,
        state_file: match &state_file {
            Some(found) => base.path_below(&state, found),
            None => state.join("phase-idx"),
        },
        auto_advance: reader.flag("auto_advance").unwrap_or(true),
        kickoff_template: path("kickoff_template"),
        roles_dir: path("roles_dir").unwrap_or_else(|| base.project_dir.join("prompts")),
        done_marker: reader.filled("done_marker").map_or_else(|| "## DONE".to_owned(), |found| found.value),
        done_source: match reader.word("done_source") {
            Some("worktree") => DoneSource::Worktree,
            _ => DoneSource::Pushed,
        },
        repo: repo.map_or_else(|| base.project_dir.to_owned(), |found| base.path(&found)),
        branch: handoff.as_ref().and_then(|handoff| handoff.filled("branch")).map(|found| found.value),
        state_subdir: subdir.map_or_else(|| "machine-docs".to_owned(), |found| found.value),
        handoff: told,
        on_complete,
        review_rounds_max: reader.count("review_rounds_max").and_then(|count| u32::try_from(count).ok()).unwrap_or(5),
    };
    note_files(reader, base, &value, files);
    LoopDraft { value, place, pings, run, roles }
}

fn name(reader: &Reader<'_>, notes: &Notes, named: bool) -> (String, Found<()>) {
    let header = Found { value: (), span: reader.span(), path: reader.path("") };
    let Some(found) = reader.filled("name") else {
        if named && reader.text("name").is_some() == reader.place("name").is_some() {
            let mistake = Mistake::fatal(&reader.path("name"), "a loop of `[[loop]]` has no `name`");
            notes.add(
                mistake
                    .at(header.span.clone())
                    .hint("give each loop a `name` of its own, or write `[loop]`".to_owned()),
            );
        }
        return (String::new(), header);
    };
    if !is_name(&found.value) {
        let mistake = Mistake::fatal(&found.path, format!("loop name `{}` cannot be used", found.value));
        notes.add(mistake.at(found.span.clone()).hint(super::agent::NAME_HINT.to_owned()));
    }
    (found.value, Found { value: (), span: found.span, path: found.path })
}

fn phases<'a>(reader: &Reader<'a>, notes: &'a Notes, roles: &mut Vec<Found<String>>) -> Vec<Phase> {
    let layers: Vec<Layer<'a>> = reader.tables("phases");
    if layers.is_empty() && (reader.place("phases").is_none() || reader.is_list("phases")) {
        let mistake = Mistake::error(&reader.path("phases"), "the loop has no `phases`").at(reader.span());
        notes.add(mistake.hint("add at least one: phases = [{ id = \"1\", plan = \"…\", status = \"…\" }]".to_owned()));
    }
    let mut phases = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (index, layer) in layers.into_iter().enumerate() {
        let reader = Reader::open("phase", layer, notes);
        let required = |key: &str| {
            if let Some(found) = reader.filled(key) {
                return found;
            }
            let path = reader.path(key);
            if reader.place(key).is_none() || reader.text(key).is_some() {
                notes.add(Mistake::error(&path, format!("a phase has no `{key}`")).at(reader.span()));
            }
            Found { value: String::new(), span: reader.span(), path }
        };
        let (mut id, plan, status) = (required("id"), required("plan"), required("status"));
        if id.value.is_empty() {
            id.value = format!("phase-{}", index + 1);
        }
        if !seen.insert(id.value.clone()) {
            let mistake = Mistake::fatal(&id.path, format!("two phases have the id `{}`", id.value));
            notes.add(mistake.at(id.span.clone()));
        }
        let models = reader.named_texts("models");
        roles.extend(models.iter().map(|(role, _)| role.clone()));
        let models = models.into_iter().map(|(role, model)| (role.value, model.value)).collect();
        phases.push(Phase { id: id.value, plan: plan.value, status: status.value, models });
    }
    phases
}

fn read_handoff(reader: &Reader<'_>, notes: &Notes, text: &str) -> (Option<Handoff>, Vec<Found<String>>) {
    if reader.layer().is_none_or(|layer| layer.table.is_empty()) {
        return (None, Vec::new());
    }
    let agent = |key: &str, default: &str| {
        let header = || Found { value: default.to_owned(), span: reader.span(), path: reader.path(key) };
        reader.filled(key).unwrap_or_else(header)
    };
    let (claims, reviews) = (agent("claim_pings", "adversary"), agent("review_pings", "builder"));
    let Some(claim_pattern) = subject(reader, ("claim_pattern", "^claim"), notes, text) else { return (None, vec![]) };
    let Some(review_pattern) = subject(reader, ("review_pattern", "^review"), notes, text) else {
        return (None, vec![]);
    };
    let inboxes = reader.texts("inboxes");
    if let Some(found) = inboxes.as_ref().filter(|found| found.value.len() > 2) {
        let mistake = Mistake::error(&found.path, "`inboxes` has more than two files").at(found.span.clone());
        notes.add(mistake.hint("the first is read by `claim_pings`, the second by `review_pings`".to_owned()));
    }
    let handoff = Handoff {
        claim_pattern,
        review_pattern,
        claim_pings: claims.value.clone(),
        review_pings: reviews.value.clone(),
        inboxes: inboxes.map(|found| found.value.into_iter().take(2).collect()).unwrap_or_default(),
    };
    (Some(handoff), vec![claims, reviews])
}

/// Reads the pattern of a subject; in place of a bad one the default holds.
fn subject(reader: &Reader<'_>, (key, default): (&str, &str), notes: &Notes, text: &str) -> Option<Pattern> {
    let compiled = reader.filled(key).map(|found| pattern::compile(key, &found, text));
    let mistake = match compiled {
        Some(Ok(pattern)) => return Some(pattern),
        Some(Err(mistake)) => mistake,
        None => return Pattern::new(default).ok(),
    };
    let until = format!("until it is mended, `{default}` is used");
    let hint = mistake.hint.as_ref().map_or_else(|| until.clone(), |hint| format!("{hint}; {until}"));
    notes.add_local(mistake.hint(hint));
    Pattern::new(default).ok()
}

fn read_on_complete(reader: &Reader<'_>, base: &Base<'_>) -> (Option<OnComplete>, Option<Found<String>>) {
    let Some(reader) = reader.table("on_complete", "on_complete") else { return (None, None) };
    if reader.layer().is_none_or(|layer| layer.table.is_empty()) {
        return (None, None);
    }
    let run = reader.filled("run");
    let trigger_file = match reader.filled("trigger_file") {
        Some(found) => base.path_below(base.log_dir, &found),
        None => base.log_dir.join(".run-on-complete"),
    };
    let name = run.as_ref().map(|found| found.value.clone());
    (Some(OnComplete { run: name, trigger_file: Some(trigger_file) }), run)
}

fn note_files(reader: &Reader<'_>, base: &Base<'_>, value: &Loop, files: &mut Vec<Needed>) {
    if let Some(place) = reader.table("handoff", "handoff").and_then(|handoff| handoff.value_place("repo")) {
        files.push(Needed::new(FileUse::Repository, vec![value.repo.clone()], place));
    }
    if let (Some(path), Some(place)) = (&value.kickoff_template, reader.place("kickoff_template")) {
        files.push(Needed::new(FileUse::Template, vec![path.clone()], place));
    }
    for (layer, phase) in reader.tables("phases").into_iter().zip(&value.phases) {
        let Some((name, _)) = layer.table.get_key_value("plan").filter(|_| !phase.plan.is_empty()) else { continue };
        let found = Found { value: phase.plan.clone(), span: Some(name.span()), path: format!("{}.plan", layer.path) };
        let folders = [base.project_dir.to_owned(), value.repo.clone(), value.repo.join(&value.state_subdir)];
        let mut candidates: Vec<_> = folders.iter().map(|folder| base.path_below(folder, &found)).collect();
        candidates.dedup();
        let place = Found { value: (), span: found.span, path: found.path };
        files.push(Needed::new(FileUse::Plan, candidates, place));
    }
}
