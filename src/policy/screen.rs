//! What a pane shows: its cells as text, and what stands in the input box.

/// A captured pane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Screen {
    /// The rows as tmux prints them with `capture-pane -e -p` (SGR escapes kept), top to bottom.
    pub rows: Vec<String>,
    /// `#{pane_title}`.
    pub title: String,
    /// `#{pane_current_command}`.
    pub command: String,
    /// `#{pane_in_mode}`: a person scrolls or selects.
    pub in_mode: bool,
}

/// What stands in the input box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputBox {
    /// No input box is on the screen: the program starts, or a dialog is in its place.
    Absent,
    /// Nothing, or only a dim placeholder or suggestion.
    Empty,
    /// This text, as far as it can be read.
    Holds(String),
}
