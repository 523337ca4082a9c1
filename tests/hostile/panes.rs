//! What agents print, and texts that strangers wrote.

use std::sync::Arc;

use agent_orchestrator::config::preset::presets;
use agent_orchestrator::policy::fleet::Pattern;
use agent_orchestrator::policy::phase::read_status;
use agent_orchestrator::policy::reading::{self, Rules};
use agent_orchestrator::policy::screen::{ROW_CELLS_MAX, ROWS_MAX, Screen};
use agent_orchestrator::policy::{input_box, launch, reset_time};

use crate::random::{Random, ends, is_linear};
use crate::{MUCH, SOME, now};

const PANE: [&str; 60] = [
    "\u{1b}",
    "\u{1b}[",
    "\u{1b}[2m",
    "\u{1b}[7m",
    "\u{1b}[0m",
    "\u{1b}[38;5;",
    "\u{1b}[38;2;1;2;3m",
    "\u{1b}]8;;x\u{1b}\\",
    "\u{1b}]",
    "\u{7}",
    "\u{1b}(",
    "\u{9b}",
    "\0",
    "\t",
    " ",
    "  ",
    "\u{a0}",
    "é",
    "漢",
    "👩‍👩‍👧",
    "\u{301}",
    "\u{200b}",
    "\u{202e}",
    "\u{fffd}",
    "─",
    "────────────────────────────────",
    "━",
    "│",
    "┃",
    "╭",
    "╮",
    "╰",
    "╯",
    "╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀",
    "❯",
    "›",
    "●",
    "⏺",
    "•",
    "✻",
    "⎿",
    "> ",
    ">",
    "1. Yes",
    "2. No",
    "esc to interrupt",
    "You've hit your usage limit",
    "resets 3pm (Europe/Berlin)",
    "resets at 25:99",
    "try again at Jun 31st, 2026 13:99 PM",
    "in 99999999999999 hours",
    "Do you want to proceed?",
    "Try \"fix\"",
    "[Pasted text #1 +99999999999999999999 lines]",
    "API Error",
    "thinking",
    "WAITING-UNTIL: 2099-01-01T00:00:00Z",
    "(((((",
    "a b c d e f g h",
    "word",
];

fn all_rules() -> Vec<Arc<Rules>> {
    presets().values().map(|preset| Arc::clone(&preset.screen)).collect()
}

/// Reads a screen in every way that there is.
fn read_screen(screen: &Screen, rules: &[Arc<Rules>]) {
    let cells = screen.cells();
    assert!(cells.len() <= ROWS_MAX && cells.iter().all(|row| row.len() <= ROW_CELLS_MAX));
    assert!(cells.iter().flatten().all(|cell| !cell.character.is_control()));
    assert_eq!(screen.text_rows().len(), cells.len());
    for rules in rules {
        for reading in reading::read_all(screen, rules) {
            assert!(reading.text.chars().count() <= reading::QUOTE_CHARS_MAX);
            assert!(reading.row.is_none_or(|row| row < screen.rows.len()));
        }
        if let Some(input_re) = &rules.input_re {
            input_box::read(screen, input_re, rules.placeholder_re.as_ref());
        }
    }
    let own = Pattern::new("^>(?: (?P<text>.*))?$").expect("a pattern");
    input_box::read(screen, &own, None);
}

#[test]
fn any_screen_is_read_without_a_panic_and_within_its_bounds() {
    ends("screens", || {
        let rules = all_rules();
        for seed in 0..400 {
            let mut random = Random::new(seed);
            let rows = (0..random.below(60)).map(|_| {
                let count = random.below(12);
                random.soup(&PANE, count)
            });
            let rows = rows.collect();
            let title = random.soup(&PANE, 3);
            read_screen(&Screen { rows, title, command: "x".to_owned(), ..Screen::default() }, &rules);
        }
    });
}

#[test]
fn megabytes_of_hostile_pane_text_are_read_in_linear_time() {
    ends("a huge screen", || {
        let rules = all_rules();
        let mut random = Random::new(7);
        let screens = [
            vec![random.soup(&PANE, MUCH / 8)],
            (0..MUCH / 200).map(|_| random.soup(&PANE, 25)).collect(),
            vec![String::new(); MUCH / 8],
        ];
        for rows in screens {
            read_screen(&Screen { rows, ..Screen::default() }, &rules);
        }
        let tokens = ["\u{1b}[", "\u{1b}]", "─", "❯ ", "> ", "┃ ", "● ", "⎿", "a", "1. Yes", "usage limit ", "(", "漢"];
        for (at, token) in tokens.into_iter().enumerate() {
            let rules = &rules[at % rules.len()..][..1];
            let shapes: [&dyn Fn(usize) -> Vec<String>; 3] = [
                &|length| vec![token.repeat(length / token.len())],
                &|length| vec![token.repeat(1024 / token.len()); length / 1024],
                &|length| vec![token.to_owned(); length / 8],
            ];
            for rows in shapes {
                is_linear(token, SOME, |length| {
                    read_screen(&Screen { rows: rows(length), ..Screen::default() }, rules);
                });
            }
        }
    });
}

#[test]
fn texts_of_strangers_are_compared_and_understood_in_linear_time() {
    ends("texts", || {
        for seed in 0..2000 {
            let mut random = Random::new(seed);
            let text = random.soup(&PANE, 30);
            reset_time::parse(&text, now());
            let other = random.soup(&PANE, 3);
            input_box::is_ours(&text, &other);
            input_box::is_ours(&other, &text);
            read_status(&text, "## DONE");
            launch::fill(&text, &[("model", "it's")]);
            launch::quoted(&text);
        }
        let much = |piece: &str, length: usize| piece.repeat(length / piece.len());
        for piece in PANE {
            is_linear(piece, SOME, |length| _ = reset_time::parse(&much(piece, length), now()));
            is_linear(piece, SOME, |length| {
                let text = much(piece, length);
                let _ = input_box::is_ours(&text, &text);
            });
            is_linear(piece, SOME, |length| _ = launch::fill_text(&much(piece, length), &[("model", "x")]));
        }
        for piece in
            ["## DONE\n", "## DONE\n\n", "\n", "```\n", "<!--\n", "## DONE: pending\n", "## DONE ", "## DONE x\n\n\n"]
        {
            is_linear(piece, SOME, |length| _ = read_status(&much(piece, length), "## DONE"));
        }
        for piece in ["$(", "`", "\"", "'", "{model}", "\\", "#", "( # ", "${", "$x{model}", "$xxxx"] {
            is_linear(piece, SOME, |length| _ = launch::fill(&much(piece, length), &[("model", "it's")]));
        }
    });
}
