//! What the supervisor itself types into agents, word for word up to names and numbers.

use std::path::Path;

use super::message::{Ping, PingAbout};
use super::{aside, handoff, launch, limit, wake};

/// Returns each text with what people call it. None of them may look like a usage limit to the program that it is
/// typed into (rule 1): `check` compares them with every backend.
pub fn texts() -> Vec<(&'static str, String)> {
    let ping = |about| {
        let ping = Ping { in_loop: String::new(), about, commits: Vec::new() };
        handoff::ping_text(&ping, "plan.md", None)
    };
    vec![
        ("the ping of a claim", ping(PingAbout::Claim)),
        ("the ping of a review", ping(PingAbout::Review)),
        ("the ping of an inbox", ping(PingAbout::Inbox("INBOX.md".to_owned()))),
        ("the ping of an edited plan", ping(PingAbout::Plan)),
        ("the probe of a held account", limit::PROBE_TEXT.to_owned()),
        ("the end of a hold", limit::RESUME_TEXT.to_owned()),
        ("the pointer to a kickoff", launch::pointer(Path::new("kickoff.txt"))),
        ("the pointer to a message", aside::pointer(Path::new("message.txt"))),
        ("the pointer to a wake", wake::pointer(Path::new("wake.md"))),
    ]
}
