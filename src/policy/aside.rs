//! What is typed of a message: the text, or one line that points to the file in which it stands.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::message::Message;

/// Returns what is typed of a message to `agent`.
pub(super) fn typed_text<'a>(message: &'a Message, agent: &str, texts: &Path) -> Cow<'a, str> {
    if message.aside { pointer(&text_file(message, agent, texts)).into() } else { message.text.as_str().into() }
}

/// Returns where a message to `agent` stands that is not typed itself.
pub(super) fn text_file(message: &Message, agent: &str, texts: &Path) -> PathBuf {
    texts.join(format!("{agent}-{}.txt", message.id))
}

/// Returns one line that tells an agent to read the message in `path`.
pub(super) fn pointer(path: &Path) -> String {
    format!("A message for you stands in {}: read it now and act on it.", path.display())
}
