//! Session files: their text is the model's, the web's and that of whatever file an agent reads.

use std::path::Path;

use agent_orchestrator::protocol::transcript::{
    CALL_CHARS_MAX, Entry, Kind, Program, Reader, TEXT_CHARS_MAX, conversation_of, expanded,
};

use crate::random::{Random, ends, is_linear};
use crate::{MUCH, SOME};

const FILES: [(Program, &str); 4] = [
    (Program::Claude, include_str!("../transcripts/claude.jsonl")),
    (Program::Codex, include_str!("../transcripts/codex.jsonl")),
    (Program::Gemini, include_str!("../transcripts/gemini.jsonl")),
    (Program::Opencode, include_str!("../transcripts/opencode.json")),
];

const TOKENS: [&str; 14] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "\\u0000",
    "\\ud800",
    "\u{1b}[2J",
    "\n\n",
    "<system-reminder>",
    "-1e999",
];

fn assert_bounded(entries: &[Entry]) {
    for entry in entries {
        let is_order = |character: char| character.is_control() && character != '\n';
        assert!(!entry.text.is_empty() && !entry.text.contains(is_order), "{:?}", entry.text);
        let longest = match entry.kind {
            Kind::Prompt | Kind::Says | Kind::Error => 4 * TEXT_CHARS_MAX + 1,
            Kind::Tool | Kind::Failed | Kind::Note => CALL_CHARS_MAX + 1,
        };
        assert!(entry.text.chars().count() <= longest, "{:?}", entry.kind);
        assert!(entry.kind != Kind::Tool || !entry.text.contains('\n'));
    }
}

#[test]
fn whatever_stands_in_a_session_file_is_shown_or_passed_over() {
    ends("session files", || {
        let mut told = 0;
        for seed in 0..800 {
            let mut random = Random::new(seed);
            let (program, file) = random.pick(&FILES);
            let lines: Vec<&str> = file.lines().collect();
            let record = random.pick(&lines).as_bytes().to_vec();
            let mut record = if seed % 4 == 0 { record } else { random.mutated(&record, &TOKENS) };
            record.push(b'\n');
            // A record of one program in the file of another as well.
            for program in [*program, Program::Claude, Program::Codex, Program::Gemini, Program::Opencode] {
                let entries = Reader::new(program).take(&record);
                assert_bounded(&entries);
                told += entries.len();
                conversation_of(program, "a.jsonl", &record, Path::new("/srv/w"));
            }
            let text = String::from_utf8_lossy(&record);
            expanded(&text, &|_| Some(text.clone().into_owned()));
        }
        assert!(told > 100, "only {told} entries: the test shows little");
        for deep in ["[".repeat(MUCH), "{\"a\":".repeat(MUCH / 5)] {
            assert!(Reader::new(Program::Claude).take(format!("{deep}\n").as_bytes()).is_empty());
        }
    });
}

#[test]
fn a_session_file_is_read_in_the_time_of_its_length() {
    is_linear("a prompt of reminders", SOME, |size| {
        let text = "<system-reminder>x</system-reminder>y ".repeat(size / 40);
        let record = format!("{{\"type\":\"user\",\"message\":{{\"content\":\"{text}\"}}}}\n");
        assert_bounded(&Reader::new(Program::Claude).take(record.as_bytes()));
    });
    is_linear("a record in small pieces", SOME, |size| {
        let mut reader = Reader::new(Program::Codex);
        for _ in 0..size {
            assert!(reader.take(b"x").is_empty());
        }
    });
    is_linear("a message that is written again and again", SOME, |size| {
        let mut reader = Reader::new(Program::Gemini);
        for number in 0..size / 100 {
            let record = format!("{{\"id\":\"{number}\",\"type\":\"gemini\",\"content\":\"x\"}}\n");
            assert_eq!(reader.take(record.repeat(2).as_bytes()).len(), 1);
        }
    });
}
