//! The prompts say everything that agents need to work together, and nothing that looks like a refusal.

use agent_orchestrator::policy::fleet::Pattern;

const KICKOFF: &str = include_str!("../prompts/kickoff.md");
const BUILDER: &str = include_str!("../prompts/builder.md");
const ADVERSARY: &str = include_str!("../prompts/adversary.md");
const ORCHESTRATOR: &str = include_str!("../prompts/orchestrator.md");
const WAKE: &str = include_str!("../prompts/wake.md");
const UPGRADER: &str = include_str!("../prompts/upgrader.md");
const ASSISTANT: &str = include_str!("../prompts/assistant.md");

const ALL: [(&str, &str); 7] = [
    ("kickoff", KICKOFF),
    ("builder", BUILDER),
    ("adversary", ADVERSARY),
    ("orchestrator", ORCHESTRATOR),
    ("wake", WAKE),
    ("upgrader", UPGRADER),
    ("assistant", ASSISTANT),
];

/// Returns the text with its line breaks as blanks, so that a wrapped sentence is found.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn says(name: &str, text: &str, sentences: &[&str]) {
    let text = flat(text);
    for sentence in sentences {
        assert!(text.contains(sentence), "prompts/{name}.md does not say: {sentence}");
    }
}

#[test]
fn builder_and_adversary_know_the_whole_protocol() {
    for (name, text) in [("builder", BUILDER), ("adversary", ADVERSARY)] {
        let files = ["`STATUS-ID.md`", "`BACKLOG-ID.md`", "`REVIEW-ID.md`", "`JOURNAL-ID.md`"];
        says(name, text, &files);
        let rules = [
            "in `machine-docs/` where that folder exists, else at the root",
            "`DECISIONS.md` | both, shared by all phases | decisions with reasons; append only",
            "`git pull --rebase` before every edit. Then the smallest change that stands by itself, commit, push.",
            "Never force a push",
            "begins `claim(ID): `",
            "begins `review(ID): `",
            "read it, act, delete the file, commit, push",
            "the final line of your message is `WAITING-UNTIL: <ISO8601 UTC>`",
            "at most 10 minutes ahead",
            "A longer wait is made of several such chunks",
            "Compact your conversation at about 80 % of the context",
        ];
        says(name, text, &rules);
    }
    says("builder", BUILDER, &["`BUILDER-INBOX.md` | the adversary | a note for you"]);
    says("adversary", ADVERSARY, &["`ADVERSARY-INBOX.md` | the builder | a note for you"]);
}

#[test]
fn a_phase_ends_only_after_a_fresh_pass_for_every_item() {
    let handshake = [
        "Propose the end: a claim that lists every item of the plan",
        "checks each one cold, from a fresh clone",
        "Only when `REVIEW-ID.md` holds a fresh PASS for every item",
        "add a line `## DONE` to the status file, commit, push",
    ];
    says("builder", BUILDER, &handshake);
    let doubt = [
        "You disbelieve it",
        "Verify cold: make a fresh clone",
        "Only when every item of the plan has a fresh PASS",
        "you never write `## DONE`",
    ];
    says("adversary", ADVERSARY, &doubt);
    for (name, text) in ALL {
        let ends = text.lines().any(|line| line.starts_with("## DONE"));
        assert!(!ends, "prompts/{name}.md has a line that would end a phase if it were copied");
    }
}

#[test]
fn the_orchestrator_keeps_a_journal_and_leaves_the_supervisor_its_work() {
    let duties = [
        "Append to `JOURNAL.md` at each pass and at every handoff",
        "`agent-orchestrator status`",
        "`agent-orchestrator explain NAME`",
        "`agent-orchestrator events`",
        "`agent-orchestrator send NAME",
        "Only where the supervisor cannot",
        "`git pull --rebase` before every edit",
        "never force",
    ];
    says("orchestrator", ORCHESTRATOR, &duties);
    says("wake", WAKE, &["one supervision pass", "Append what you saw and did to `JOURNAL.md`"]);
}

#[test]
fn whoever_else_commits_knows_the_rules_of_the_repository() {
    says("upgrader", UPGRADER, &["Once a week", "never merge anything yourself", "Report", "never force"]);
    says("assistant", ASSISTANT, &["when asked", "`git pull --rebase` before every edit", "never force"]);
    for (name, text) in [("orchestrator", ORCHESTRATOR), ("upgrader", UPGRADER), ("assistant", ASSISTANT)] {
        says(name, text, &["Do not begin a", "`claim(` or `review(`"]);
    }
}

#[test]
fn every_wait_is_in_utc_and_capped() {
    for (name, text) in ALL {
        for (place, _) in flat(text).match_indices("WAITING-UNTIL: ") {
            let rest = &flat(text)[place + "WAITING-UNTIL: ".len()..];
            let in_utc = rest.starts_with("<ISO8601 UTC>") || rest.find('Z') == Some("2031-05-04T13:20:00".len());
            assert!(in_utc, "prompts/{name}.md: {rest:.40}");
        }
        assert_eq!(
            text.contains("WAITING-UNTIL"),
            flat(text).contains("at most 10 minutes ahead"),
            "prompts/{name}.md"
        );
    }
}

#[test]
fn no_prompt_looks_like_a_refusal() {
    let banners = [
        r"usage[ -]limit",
        r"limits? (was |has been |is )?(reached|exceeded)",
        r"(hit|reached|exceeded) (your|the|its) .*limit",
        r"\blimit\b.*\breset",
        r"rate.?limit",
        r"quota (limit|exceeded|reached)",
        r"too many requests",
        r"resets? (at|in) \d",
        r"cannot be modified",
        r"esc to interrupt",
        r"\b429\b|\b529\b",
    ];
    for (name, text) in ALL {
        for banner in banners {
            let pattern = Pattern::new(banner).unwrap();
            assert!(!pattern.regex().is_match(text), "prompts/{name}.md matches {banner}");
            assert!(!pattern.regex().is_match(&flat(text)), "prompts/{name}.md matches {banner} when it is wrapped");
        }
    }
}

#[test]
fn the_kickoff_has_exactly_its_four_placeholders() {
    let braces = Pattern::new(r"\{[^}]*\}").unwrap();
    let mut found: Vec<&str> = braces.regex().find_iter(KICKOFF).map(|found| found.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["{phase_id}", "{plan}", "{role}", "{status}"]);
}
