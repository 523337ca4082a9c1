//! Reads off the screen what an agent is doing, by rules that are data.

mod layout;
mod rule;

use super::screen::Screen;
use layout::{Layout, Line};
pub use rule::{Legacy, Meaning, Region, Rule, Rules};

/// The most characters of a screen's text that a reading quotes.
pub const QUOTE_CHARS_MAX: usize = 500;

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it means.
    pub meaning: Meaning,
    /// The rule's name.
    pub rule: String,
    /// The line that matched and the lines below it in its paragraph, at most [`QUOTE_CHARS_MAX`]; wrapped rows are one
    /// line.
    pub text: String,
    /// Where the rule looked.
    pub region: Region,
    /// The row of the screen where the line begins, from 0 at the top; `None` for the title.
    pub row: Option<usize>,
    /// The rule's priority.
    pub priority: u8,
}

/// Returns what the screen shows: the reading of the highest priority, among equals the lowest on the screen; `None`
/// where no rule matches.
pub fn read(screen: &Screen, rules: &Rules) -> Option<Reading> {
    read_all(screen, rules).into_iter().next()
}

/// Returns what every rule that matches found, the strongest first; each rule tells its lowest match.
///
/// A menu may hide when a limit ends, and the banner above it tells: both are here.
pub fn read_all(screen: &Screen, rules: &Rules) -> Vec<Reading> {
    let layout = Layout::of(screen, rules);
    // A title that says "ready" stays while a dialog is up and when the program has died.
    let has_box = rules.input_re.is_none() || layout.has_box();
    let counts = |rule: &&Rule| has_box || rule.meaning != Meaning::Idle;
    let mut readings: Vec<Reading> =
        rules.rules.iter().filter(counts).filter_map(|rule| reading_by(rule, screen, &layout)).collect();
    readings.sort_by_key(|reading| std::cmp::Reverse((reading.priority, reading.row)));
    readings
}

/// Returns what a title alone says; one that says "idle" counts only where the screen has an input box.
pub fn read_title(title: &str, rules: &Rules) -> Option<Reading> {
    let screen = Screen { title: title.to_owned(), ..Screen::default() };
    let layout = Layout::of(&screen, rules);
    let of_title = rules.rules.iter().filter(|rule| rule.region == Region::Title);
    let readings = of_title.filter_map(|rule| reading_by(rule, &screen, &layout));
    readings.max_by_key(|reading| reading.priority)
}

/// Returns the conversation's last line above the input box, without what the program adds below a turn.
pub fn last_line(screen: &Screen, rules: &Rules) -> Option<String> {
    let layout = Layout::of(screen, rules);
    let closes = |line: &Line| rules.closing_re.as_ref().is_some_and(|pattern| pattern.regex().is_match(&line.text));
    let says = |line: &&Line| line.text.chars().any(char::is_alphanumeric) && !closes(line);
    layout.region(Region::End).iter().rev().find(says).map(|line| line.text.trim().to_owned())
}

fn reading_by(rule: &Rule, screen: &Screen, layout: &Layout) -> Option<Reading> {
    let matches = |text: &str| rule.re.regex().is_match(text);
    let (text, row) = if rule.region == Region::Title {
        let title: String = screen.title.chars().take(QUOTE_CHARS_MAX).collect();
        if !matches(&title) {
            return None;
        }
        (title, None)
    } else {
        let lines = layout.region(rule.region);
        let is_evidence = |line: &Line| !(rule.region.holds_prose() && line.is_prose);
        let at = lines.iter().rposition(|line| is_evidence(line) && matches(&line.text))?;
        (quote(&lines[at..]), Some(layout.row_of(&lines[at])))
    };
    let Rule { name, region, meaning, priority, re: _ } = rule;
    Some(Reading { meaning: *meaning, rule: name.clone(), text, region: *region, row, priority: *priority })
}

fn quote(lines: &[Line]) -> String {
    let paragraph = lines.iter().take_while(|line| line.paragraph == lines[0].paragraph);
    let text = paragraph.map(|line| line.text.trim()).collect::<Vec<_>>().join("\n");
    text.chars().take(QUOTE_CHARS_MAX).map(|character| if character == '\u{a0}' { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests;
