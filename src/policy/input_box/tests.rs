//! Tests of what is read off an input box.

use super::*;

const RULE: &str = "────────────────────────────────";

fn read_rows(rows: &[&str], input_re: &str) -> InputBox {
    let screen = Screen { rows: rows.iter().map(|row| (*row).to_owned()).collect(), ..Screen::default() };
    read(&screen, &Pattern::new(input_re).unwrap(), Some(&Pattern::new("Try \".*\"").unwrap()))
}

fn framed(rows: &[&str]) -> InputBox {
    let rows = [&["● said", RULE], rows, &[RULE, "  footer", ""]].concat();
    read_rows(&rows, r"^❯(?:[ \x{a0}](?<text>.*))?$")
}

fn bordered(rows: &[&str]) -> InputBox {
    let closing = ["  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀", "   /srv"];
    read_rows(&[rows, &closing].concat(), r"^ *┃(?:  (?<text>.*))?$")
}

fn holds(text: &str) -> InputBox {
    InputBox::Holds(text.to_owned())
}

#[test]
fn dim_text_is_nothing_and_the_cursor_on_its_first_letter_neither() {
    assert_eq!(framed(&["❯\u{a0}\u{1b}[7mr\u{1b}[0;2mun the tests\u{1b}[0m"]), InputBox::Empty);
    assert_eq!(framed(&["❯\u{a0}ye\u{1b}[7ms\u{1b}[0;2m, please\u{1b}[0m"]), holds("ye"));
    assert_eq!(framed(&["❯\u{a0}\u{1b}[7my\u{1b}[0m"]), holds("y"));
    assert_eq!(framed(&["❯\u{a0}\u{1b}[7mr\u{1b}[0mm -rf"]), holds("rm -rf"));
}

#[test]
fn a_placeholder_is_the_whole_text() {
    assert_eq!(framed(&["❯\u{a0}Try \"fix lint errors\""]), InputBox::Empty);
    assert_eq!(framed(&["❯\u{a0}Try \"x\" and more"]), holds("Try \"x\" and more"));
}

#[test]
fn a_draft_goes_on_to_the_closing_rule_over_blank_rows() {
    assert_eq!(framed(&["❯\u{a0}one", "  two", "", "  1. three"]), holds("one\ntwo\n\n1. three"));
    assert_eq!(framed(&["❯\u{a0}", "  two"]), holds("two"));
}

#[test]
fn a_submitted_prompt_a_menu_and_what_a_dead_program_left_are_no_boxes() {
    let input_re = r"^❯(?:[ \x{a0}](?<text>.*))?$";
    let absent = [
        &["❯ do it", "● Working on it", "", "  and on"][..],
        &["❯ /limits", RULE, "  What do you want to do?", "  ❯ 1. Stop"],
        &["  1. Yes", "❯ 2. No"],
        &["❯ 1. Yes", "  2. No", "", "  Esc to cancel"],
        &[RULE, "❯\u{a0}", RULE, "  footer", "root@host:~# "],
        &[],
    ];
    for rows in absent {
        assert_eq!(read_rows(rows, input_re), InputBox::Absent, "{rows:?}");
    }
}

#[test]
fn beside_a_border_only_the_width_of_the_frame_is_read_and_its_last_paragraph_is_frame() {
    let frame = ["  ┃", "  ┃  Build · Model           /srv/agent"];
    let rows = |text: &[&'static str]| bordered(&[text, &frame].concat());
    assert_eq!(rows(&["  ┃", "  ┃"]), InputBox::Empty);
    assert_eq!(rows(&["  ┃", "  ┃  a · b"]), holds("a · b"));
    assert_eq!(rows(&["  ┃  hello                 LSPs are off"]), holds("hello"));
    assert_eq!(rows(&["  ┃  漢字漢字漢字漢字漢    side", "  ┃  two"]), holds("漢字漢字漢字漢字漢\ntwo"));
    assert_eq!(read_rows(&["  ┃  △ Permission required", "  ┃"], r"^ *┃(?:  (?<text>.*))?$"), InputBox::Absent);
}

#[test]
fn a_program_of_ones_own_needs_a_row_only() {
    assert_eq!(read_rows(&["> old", "said", "> new"], "^> "), holds("new"));
    assert_eq!(read_rows(&["> old", "said", ">"], "^> ?(.*)"), InputBox::Empty);
    assert_eq!(read_rows(&["> old", "said"], "^> "), InputBox::Absent);
    assert_eq!(read_rows(&["> new", "  goes on"], "^> "), holds("new\ngoes on"));
    assert_eq!(read_rows(&["> |5 tokens"], r"^> (?:(\w+) *)?\|"), InputBox::Empty, "a group that is not there");
    assert_eq!(read_rows(&["> new", "  goes on", "", "  tokens: 5"], "^> "), holds("new\ngoes on"));
}

#[test]
fn our_unsent_text_is_known_whole_in_part_and_folded() {
    let sent = format!("watchdog: read `INBOX.md`\nand go on. {}", "word ".repeat(30));
    assert!(is_ours(&sent.replace(' ', "\n"), &sent));
    assert!(is_ours("watchdog: read `INB", &sent));
    assert!(is_ours("d word word word", &sent));
    for folded in ["[Pasted text #3 +1 lines]", "[Pasted text #12]", "[Pasted ~2 lines]", "[Pasted Text: 2 lines]"] {
        assert!(is_ours(folded, &sent), "{folded}");
    }
    assert!(is_ours(&format!("[Pasted Content {} chars] #2", sent.chars().count()), &sent));
    assert!(is_ours("go", "go"));
}

#[test]
fn a_persons_draft_is_not_ours() {
    let sent = "watchdog: read `INBOX.md`\nand go on";
    let drafts = [
        "",
        "w",
        "rm -rf build && watchdog: read `INBOX.md` and go on",
        "watchdog: read `INBOX.md` and go on, please",
        "[Pasted text #3 +40 lines]",
        "[Pasted text #3]",
        "[Pasted Content 1001 chars]",
        "[Pasted ~2 lines] zzz",
        "[Pasted",
    ];
    for draft in drafts {
        assert!(!is_ours(draft, sent), "{draft}");
    }
}

#[test]
fn what_stands_beside_or_instead_of_the_pasted_text_is_told_apart() {
    let sent = "please look into the failing test";
    let is = |held: &str, likeness: Likeness| assert_eq!(compare(held, sent), likeness, "{held}");
    is("[Pasted text #1 +80 lines]", Likeness::Ours);
    is("please look in\nto the", Likeness::Ours);
    is("rm && please look into the failing test", Likeness::Within);
    for strange in ["paste the log here", "[x] done", "please"] {
        is(strange, Likeness::Strange);
    }
}

#[test]
fn a_text_that_wraps_to_the_first_column_is_known_by_its_end() {
    let rows = ["> please look into".to_owned(), "the failing te".to_owned(), "st".to_owned()];
    let screen = Screen { rows: rows.to_vec(), ..Screen::default() };
    assert!(shows(&screen, "please look into the failing test"));
    assert!(!shows(&screen, "please look into the passing one") && !shows(&screen, " \n"));
}

#[test]
fn a_placeholder_names_lines_or_line_ends_and_may_be_off_by_one() {
    let ours = |held: &str, sent: &str| is_ours(held, sent);
    for lines in 0..4 {
        assert!(ours(&format!("[Pasted text #1 +{lines} lines]"), "first line\nsecond"), "{lines}");
    }
    assert!(!ours("[Pasted text #1 +4 lines]", "first line\nsecond"));
    assert!(!ours("[Pasted text below]", &"word ".repeat(30)), "a person's words");
}

#[test]
fn a_place_is_its_rows_and_the_width_of_its_frame() {
    let find = |rows: &[&str], input_re: &str| {
        let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        place(&rows, &Pattern::new(input_re).unwrap()).map(|place| (place.top, place.text, place.bottom, place.width))
    };
    let titled = "─────────────── its own words ──";
    assert_eq!(find(&["said", titled, "> a", "  b", RULE, "  footer"], "^> "), Some((1, 2..4, 4, None)));
    assert_eq!(find(&["said", "> a", "  b"], "^> "), Some((1, 1..3, 2, None)));
    assert_eq!(find(&["> a", "", "  footer"], "^> "), Some((0, 0..1, 0, None)));
    let closing = ["  ╹▀▀▀▀▀▀▀▀▀▀", "  ╹▀▀▀▀▀▀▀▀▀"];
    assert_eq!(find(&["said", "  ┃  a", "  ┃", closing[0], "  f"], "^ *┃"), Some((1, 1..3, 3, Some(13))));
    assert_eq!(find(&["  ┃  a", closing[1], "  f"], "^ *┃"), None, "too short for a frame");
    assert_eq!(find(&["  ┃  a", closing[0], "root@host:~# "], "^ *┃"), None, "its program has ended");
    assert_eq!((up_to_column("abcd", 3), up_to_column("a漢字", 4), up_to_column("ab", 2)), ("abc", "a漢", "ab"));
}

#[test]
fn megabytes_of_boxes_are_read_in_linear_time() {
    let rows = ["❯\u{a0}❯ ┃─".repeat(1 << 10), RULE.repeat(1 << 8), "┃  ".repeat(1 << 10)];
    let rows: Vec<&str> = rows.iter().map(String::as_str).cycle().take(600).collect();
    let _ = framed(&rows);
    let _ = bordered(&rows);
    let _ = is_ours(&rows.concat(), &rows.concat());
}
