//! Built-in backends: one file each.

/// Name and text of every preset; each text is a table of backend keys.
pub const PRESETS: [(&str, &str); 1] = [("claude", include_str!("presets/claude.toml"))];
