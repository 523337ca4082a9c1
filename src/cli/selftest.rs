//! `selftest`: proves that the presets read their screens as they should.

use super::out;
use super::stop::{Failure, Outcome};
use super::text;
use crate::config::selftest::{self, Checked};
use crate::protocol::control::Reason;

/// What stands below `selftest --help`.
pub const HELP: &str = "\
Reads the screens of agent programs that this program carries with it, with the rules of its presets. It needs no \
config, starts nothing and changes nothing.

Exit codes:
  0  every screen is read as it should be
  1  some are not; each is told";

/// What `selftest` takes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Arguments {}

/// Reads all screens.
///
/// # Errors
/// When one is not read as it should be.
pub fn run(_: Arguments) -> Outcome {
    let checked = selftest::selftest();
    out::text(&checked.iter().map(render).collect::<String>())?;
    match checked.iter().map(|preset| preset.wrong.len()).sum() {
        0 => Ok(()),
        wrong => Err(Failure::new(Reason::Failed, text::counted(wrong, "mistake")).into()),
    }
}

/// Renders what one preset made of its screens: a line, and one more for each mistake.
pub fn render(checked: &Checked) -> String {
    let Checked { preset, screens, rules, wrong } = checked;
    let verdict =
        if wrong.is_empty() { "read as they should be".to_owned() } else { text::counted(wrong.len(), "mistake") };
    let (screens, rules) = (text::counted(*screens, "screen"), text::counted(*rules, "rule"));
    let head = format!("{preset}: {screens}, {rules}: {verdict}");
    text::joined(std::iter::once(head).chain(wrong.iter().map(|line| format!("  {}", text::clean(line)))))
}
