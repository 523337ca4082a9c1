//! Tests of the regions, the last words and the order of rules.

use super::*;
use crate::policy::fleet::Pattern;

fn screen(rows: &[&str]) -> Screen {
    Screen { rows: rows.iter().map(|row| (*row).to_owned()).collect(), ..Screen::default() }
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn rule(name: &str, region: &str, meaning: Meaning, priority: u8, re: &str) -> Rule {
    Rule { name: name.to_owned(), region: Region::parse(region).unwrap(), meaning, priority, re: pattern(re) }
}

fn one_rule(region: &str, re: &str) -> Rules {
    Rules {
        input_re: Some(pattern("^> ?(?<text>.*)$")),
        closing_re: Some(pattern("^done")),
        rules: vec![rule("it", region, Meaning::Limited, 1, re)],
        ..Rules::default()
    }
}

fn found(rows: &[&str], region: &str, re: &str) -> Option<(usize, String)> {
    read(&screen(rows), &one_rule(region, re)).map(|reading| (reading.row.unwrap(), reading.text))
}

/// A backend that is described by patterns alone.
fn legacy(rows: &[&str], footer_ui: bool) -> Vec<Meaning> {
    let patterns = Legacy {
        active_re: Some(pattern("esc to interrupt|thinking")),
        limit_re: Some(pattern("usage limit")),
        fatal_re: Some(pattern("cannot be modified")),
        footer_ui,
    };
    let rules = Rules { rules: patterns.rules(), ..Rules::default() };
    read_all(&screen(rows), &rules).into_iter().map(|reading| reading.meaning).collect()
}

#[test]
fn a_region_ends_where_it_says() {
    let rows = ["old limit", "", "new limit", "", "done", "", "> my limit", "", "  a limit below"];
    assert_eq!(found(&rows, "end", "limit"), Some((2, "new limit".to_owned())));
    assert_eq!(found(&rows, "end", "old"), None);
    assert_eq!(found(&rows, "end", "done"), Some((4, "done".to_owned())));
    assert_eq!(found(&rows, "footer", "limit"), Some((8, "a limit below".to_owned())));
    assert_eq!(found(&rows, "footer", "new|my"), None);
    assert_eq!(found(&rows, "dialog", "limit"), None);
    assert_eq!(found(&rows, "last 3", "new|my"), None);
    assert_eq!(found(&rows, "last 7", "new"), Some((2, "new limit".to_owned())));
    assert_eq!(found(&rows, "anywhere", "my"), None);
    assert_eq!(found(&rows, "anywhere", "old"), Some((0, "old limit".to_owned())));
}

#[test]
fn a_dialog_is_what_stands_below_the_last_rule_when_there_is_no_box() {
    let rows = ["1. said", "────────────", " Choose", "", " 1. Yes", "", "Esc to cancel"];
    assert_eq!(found(&rows, "dialog", "1\\."), Some((4, "1. Yes".to_owned())));
    assert_eq!(found(&rows, "dialog", "said"), None);
    assert_eq!(found(&rows, "end", "said"), Some((0, "1. said".to_owned())));
}

#[test]
fn wrapped_rows_are_one_line_and_others_are_not() {
    let rule = "─".repeat(60);
    let wrapped = [
        "  ⎿  The request was refused since the model has reached",
        "     its limit for this account, resets 3pm",
        "  not wrapped",
        "  and not joined",
        &rule,
    ];
    let expected = "⎿  The request was refused since the model has reached its limit for this account, resets 3pm";
    let (row, text) = found(&wrapped, "anywhere", "reached its limit .* resets").unwrap();
    assert_eq!((row, text.lines().next()), (0, Some(expected)));
    assert_eq!(found(&wrapped, "anywhere", "wrapped.*joined"), None);
    let full = "word ".repeat(11);
    let entry = [&full, "  ⎿  limit", &rule];
    assert_eq!(found(&entry, "anywhere", "limit"), Some((1, "⎿  limit".to_owned())));
    let beside = [&full, "  │ limit", &rule];
    assert_eq!(found(&beside, "anywhere", "limit"), Some((1, "│ limit".to_owned())));
    let framed = [
        "╭──────────────────────────────────────────╮",
        "│ The account has reached its own usage    │",
        "│ limit.                                   │",
        "╰──────────────────────────────────────────╯",
    ];
    assert_eq!(found(&framed, "dialog", "usage limit").map(|(row, _)| row), Some(1));
}

#[test]
fn a_row_goes_on_where_its_next_word_would_not_have_fitted() {
    let rule = "─".repeat(60);
    let joined = |columns: usize| {
        let above = "x".repeat(columns);
        found(&[&above, "limit, reached", &rule], "anywhere", "limit").map(|(row, _)| row == 0)
    };
    assert_eq!([joined(45), joined(46), joined(52)], [Some(false), Some(true), Some(true)]);
}

#[test]
fn the_longest_row_of_a_screen_is_not_its_edge_for_that_and_an_answer_is_no_part_of_its_prompt() {
    let long = "please go on where you stopped. ".repeat(4);
    let seen = |rows: &[&str]| found(rows, "last 2", "^quota exceeded").is_some();
    assert!(seen(&[&long, "quota exceeded", "> "]));
    assert!(!seen(&[&long, &long, "quota exceeded", "> "]), "two rows that end together are wrapped there");
    let edge = "x".repeat(60);
    let beside = |columns: usize| seen(&[&"x".repeat(columns), &edge, "quota exceeded", "> "]);
    assert_eq!([beside(40), beside(52), beside(53)], [true, true, false], "that is, within 8 columns of each other");
    let prompt = format!("> {long}");
    assert!(seen(&[&prompt, "quota exceeded", &prompt, "quota exceeded", "> "]));
}

#[test]
fn the_last_words_are_no_ornament_and_not_what_closes_a_turn() {
    let last = |rows: &[&str]| last_line(&screen(rows), &one_rule("end", "x"));
    assert_eq!(last(&["said this", "", "done in 3 s", "", "> "]).as_deref(), Some("said this"));
    assert_eq!(last(&["said this", "  · · ·", "> "]).as_deref(), Some("said this"));
    assert_eq!(last(&["> "]), None);
}

#[test]
fn the_highest_priority_wins_then_the_lowest_row() {
    let rules = Rules {
        rules: vec![
            rule("a", "anywhere", Meaning::Refused, 1, "error"),
            rule("b", "anywhere", Meaning::Limited, 1, "limit"),
            rule("also b", "anywhere", Meaning::Idle, 1, "limit"),
            rule("c", "title", Meaning::Working, 2, "^busy"),
        ],
        ..Rules::default()
    };
    let names = |screen: &Screen| read_all(screen, &rules).into_iter().map(|reading| reading.rule).collect::<Vec<_>>();
    let mut shown = screen(&["error", "limit", "", "error"]);
    assert_eq!(names(&shown), ["a", "b", "also b"]);
    shown.rows.push("limit".to_owned());
    assert_eq!(names(&shown), ["b", "also b", "a"]);
    shown.title = "busy".to_owned();
    assert_eq!(names(&shown), ["c", "b", "also b", "a"]);
}

#[test]
fn rows_are_counted_from_the_top_of_the_capture() {
    let mut rows = vec!["x"; 5_000];
    rows.extend(["", "limit", ""]);
    assert_eq!(found(&rows, "end", "limit"), Some((5_001, "limit".to_owned())));
}

#[test]
fn patterns_of_ones_own_see_the_bottom_rows_and_no_prose() {
    assert_eq!(legacy(&["You have hit your usage limit"], false), [Meaning::Limited]);
    assert_eq!(legacy(&["API Error: blocks cannot be modified"], false), [Meaning::Fatal]);
    assert_eq!(legacy(&["● API Error: blocks cannot be modified"], false), [Meaning::Fatal]);
    assert_eq!(legacy(&["• Working (6s • esc to interrupt)"], false), [Meaning::Working]);
    let prose = [
        "● I hit a usage limit; blocks cannot be modified.",
        "",
        "  Press esc to interrupt, said the usage limit.",
        "● Bash(cat log)",
        "  ⎿  usage limit",
        "     cannot be modified",
        "❯ what is a usage limit?",
        "> thinking about usage limit",
    ];
    assert_eq!(legacy(&prose, false), []);
    assert_eq!(legacy(&["❯ go on", "  ⎿  usage limit reached"], false), [Meaning::Limited]);
}

#[test]
fn what_scrolled_up_counts_no_more() {
    let rows = |above: &'static str, count: usize| [vec![above], vec!["x"; count]].concat();
    assert_eq!(legacy(&rows("usage limit", 24), false), [Meaning::Limited]);
    assert_eq!(legacy(&rows("usage limit", 25), false), []);
    assert_eq!(legacy(&rows("thinking", 39), false), [Meaning::Working]);
    assert_eq!(legacy(&rows("thinking", 40), false), []);
    assert_eq!(legacy(&rows("thinking", 9), true), [Meaning::Working]);
    assert_eq!(legacy(&rows("thinking", 10), true), []);
}

#[test]
fn old_patterns_take_the_place_of_rules_that_read_the_same_text() {
    let patterns = Legacy { active_re: Some(pattern("x")), ..Legacy::default() };
    let replaces = |region, meaning| patterns.replaces(&rule("it", region, meaning, 1, "x"));
    assert!(replaces("end", Meaning::Working) && replaces("footer", Meaning::Working));
    assert!(!replaces("title", Meaning::Working), "the title is another source");
    assert!(!replaces("end", Meaning::Limited) && !replaces("end", Meaning::Retrying));
}

#[test]
fn what_is_written_for_regions_and_meanings_is_what_is_shown() {
    for text in ["title", "footer", "end", "dialog", "anywhere", "last 12"] {
        assert_eq!(Region::parse(text).unwrap().to_string(), text);
    }
    for text in ["", "top", "last", "last 0", "last -1", "last 12 rows", "Title"] {
        assert_eq!(Region::parse(text), None, "{text}");
    }
    for meaning in Meaning::ALL {
        assert_eq!(serde_json::to_value(meaning).unwrap(), meaning.word());
    }
}
