//! Fills shell templates and builds the command line of an agent's pane.

use std::collections::BTreeMap;
use std::path::Path;

use super::action::Conversation;
use super::agent_event::CONFIG_VARIABLE;
use super::fleet::{Backend, PromptDelivery};

/// The longest prompt that is given as an argument; the kernel's bound is 131 072 bytes for each
/// (`MAX_ARG_STRLEN`, execve(2)).
pub const ARGUMENT_BYTES_MAX: usize = 120_000;

/// What a program is started with.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// How it is started.
    pub backend: &'a Backend,
    /// Name of its tmux session.
    pub session: &'a str,
    /// Working folder; absolute.
    pub dir: &'a Path,
    /// The model in force, if any.
    pub model: Option<&'a str>,
    /// The file that holds `prompt`; absolute.
    pub kickoff: &'a Path,
    /// The prompt's text.
    pub prompt: &'a str,
    /// The conversation that is resumed or begun.
    pub conversation: &'a Conversation,
    /// Shell text that makes the program tell of itself; empty where it is not made to.
    pub event_flags: &'a str,
}

/// What `/bin/sh -c` runs in a pane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandLine {
    /// Shell text.
    pub text: String,
    /// Environment: the backend's, with the model where `model_env` asks for it.
    pub env: BTreeMap<String, String>,
}

/// Builds the command line that starts `program`, according to its backend's `prompt_delivery`.
///
/// # Errors
/// When a path is not UTF-8, or something holds a NUL byte, which no argument can.
pub fn command(program: &Program) -> Result<CommandLine, String> {
    let backend = program.backend;
    let model = program.model.filter(|model| !model.is_empty());
    let id = match program.conversation {
        Conversation::New(id) | Conversation::Resumed(id) => id,
        Conversation::Unknown => "",
    };
    let fields = [
        ("kickoff", text_of(program.kickoff)?),
        ("dir", text_of(program.dir)?),
        ("session", program.session),
        ("model", model.unwrap_or_default()),
        ("id", id),
        ("server", &backend.server),
    ];
    let conversation_flag = match program.conversation {
        Conversation::Resumed(_) if backend.supports_resume => backend.resume_flag.as_str(),
        Conversation::New(_) => backend.new_id_flag.as_deref().unwrap_or_default(),
        Conversation::Unknown | Conversation::Resumed(_) => "",
    };
    let text = match backend.prompt_delivery {
        PromptDelivery::Exec => fill(&backend.bin, &fields),
        PromptDelivery::Ping => attach(program, conversation_flag, &fields),
        PromptDelivery::Arg => {
            let remote = if backend.remote_control { backend.remote_control_flag.as_str() } else { "" };
            let model_flag = model.map_or("", |_| &backend.model_flag);
            let parts = [&backend.bin, conversation_flag, remote, model_flag, &backend.flags];
            let mut words: Vec<String> = parts.iter().map(|part| fill(part, &fields)).collect();
            words.push(program.event_flags.to_owned());
            // The last flag may be one that takes the prompt.
            let is_typed =
                matches!(program.conversation, Conversation::Resumed(_)) && backend.screen.resumed_re.is_some();
            let empty = || if program.prompt.trim().is_empty() { String::new() } else { "''".to_owned() };
            let prompt = || Ok::<_, String>(prompt_argument(program.prompt, text_of(program.kickoff)?));
            words.push(if is_typed { empty() } else { prompt()? });
            words.retain(|word| !word.trim().is_empty());
            words.join(" ")
        }
    };
    let env = environment(backend, model);
    let has_nul = text.contains('\0') || env.iter().any(|(name, value)| name.contains('\0') || value.contains('\0'));
    if has_nul {
        return Err("the command line holds a NUL byte".to_owned());
    }
    Ok(CommandLine { text, env })
}

/// Returns one line that tells an agent to read the prompt in `path`.
pub fn pointer(path: &Path) -> String {
    format!(
        "Your instructions for this run are in the file `{}`: read all of it first, then do what it says.",
        path.display()
    )
}

/// Replaces `{name}` in shell text by the value of that name, safe wherever it stands: bare (quoted where it needs
/// it, and where it is empty), within single or double quotes, within `$(…)` or backticks.
///
/// Unknown names, `${name}`, `\{name}` and comments stay as they are; so do braces within values.
pub fn fill(template: &str, fields: &[(&str, &str)]) -> String {
    let mut shell = ShellText::default();
    let mut rest = template;
    while !rest.is_empty() {
        if let Some((value, after)) = placeholder(rest, fields).filter(|_| shell.place() != Place::Comment) {
            shell.push_value(value);
            rest = after;
        } else {
            let (token, after) = rest.split_at(shell.token_length(rest));
            shell.push_token(token);
            rest = after;
        }
    }
    shell.text
}

/// Replaces `{name}` in plain text by the value of that name; everything else stays as it is.
pub fn fill_text(template: &str, fields: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(brace) = rest.find('{') {
        text.push_str(&rest[..brace]);
        rest = &rest[brace..];
        if let Some((value, after)) = placeholder(rest, fields) {
            text.push_str(value);
            rest = after;
        } else {
            text.push('{');
            rest = &rest[1..];
        }
    }
    text + rest
}

/// Returns `value` as one shell word: as it is where it needs no quotes, else in single quotes.
pub fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        return value.to_owned();
    }
    in_quotes(value)
}

fn in_quotes(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

fn text_of(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("path `{}` is not UTF-8", path.display()))
}

fn attach(program: &Program, conversation_flag: &str, fields: &[(&str, &str)]) -> String {
    let backend = program.backend;
    let mut start = fill(&attach_template(backend).replace("{bin}", &backend.bin), fields);
    if starts_itself(backend) {
        let flags = [fill(conversation_flag, fields), program.event_flags.to_owned()];
        for flag in flags.iter().filter(|flag| !flag.is_empty()) {
            start = format!("{start} {flag}");
        }
    }
    let preamble = fill(&backend.preamble, fields);
    if preamble.trim().is_empty() { start } else { format!("{preamble}\n{start}") }
}

fn attach_template(backend: &Backend) -> &str {
    if backend.attach.trim().is_empty() { "{bin}" } else { &backend.attach }
}

/// Says whether the command line of a start is the program itself, so that flags may follow it.
pub fn starts_itself(backend: &Backend) -> bool {
    match backend.prompt_delivery {
        PromptDelivery::Arg => true,
        PromptDelivery::Ping => attach_template(backend).trim() == "{bin}",
        PromptDelivery::Exec => false,
    }
}

/// Returns the shell word of the prompt that stands in `kickoff`; empty without a prompt.
fn prompt_argument(prompt: &str, kickoff: &str) -> String {
    if prompt.trim().is_empty() {
        return String::new();
    }
    // A prompt that begins with a dash would be read as an option.
    if prompt.len() > ARGUMENT_BYTES_MAX || prompt.starts_with('-') {
        return quoted(&pointer(Path::new(kickoff)));
    }
    fill(r#""$(cat '{kickoff}')""#, &[("kickoff", kickoff)])
}

fn environment(backend: &Backend, model: Option<&str>) -> BTreeMap<String, String> {
    let mut env = backend.env.clone();
    if let Some(model) = model.filter(|_| backend.model_env) {
        let given = env.get(CONFIG_VARIABLE).and_then(|text| serde_json::from_str(text).ok());
        let mut config: serde_json::Map<String, serde_json::Value> = given.unwrap_or_default();
        config.insert("model".to_owned(), model.into());
        env.insert(CONFIG_VARIABLE.to_owned(), serde_json::Value::Object(config).to_string());
    }
    env
}

/// Returns the value of the placeholder that `text` begins with, and what follows it.
fn placeholder<'a>(text: &'a str, fields: &[(&str, &'a str)]) -> Option<(&'a str, &'a str)> {
    let inner = text.strip_prefix('{')?;
    fields.iter().find_map(|(name, value)| Some((*value, inner.strip_prefix(name)?.strip_prefix('}')?)))
}

/// What the shell takes the next character for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Words and operators.
    Bare,
    /// The same, until `)`.
    Group,
    /// The same, until a backtick.
    Backticks,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `# …`
    Comment,
}

/// Shell text that is being written, with the place where it stands.
#[derive(Debug, Default)]
struct ShellText {
    text: String,
    /// What is open, outermost first.
    open: Vec<Place>,
}

impl ShellText {
    fn place(&self) -> Place {
        self.open.last().copied().unwrap_or(Place::Bare)
    }

    /// Returns how many bytes of `rest`, which is not empty, belong together.
    fn token_length(&self, rest: &str) -> usize {
        let mut chars = rest.chars();
        let (first, second) = (chars.next(), chars.next());
        let joins = match self.place() {
            Place::Comment => false,
            Place::Single => first == Some('$') && second == Some('{'),
            Place::Bare | Place::Group | Place::Backticks | Place::Double => match first {
                Some('\\') => second.is_some(),
                Some('$') => second.is_some_and(|second| "({$".contains(second)),
                _ => false,
            },
        };
        let taken = if joins { [first, second] } else { [first, None] };
        taken.into_iter().flatten().map(char::len_utf8).sum()
    }

    fn push_token(&mut self, token: &str) {
        let place = self.place();
        match (place, token) {
            (Place::Comment, "\n") | (Place::Single, "'") | (Place::Double, "\"") | (Place::Group, ")") => {
                self.open.pop();
            }
            (Place::Comment | Place::Single, _) => {}
            (_, "`") => match self.open.iter().rposition(|open| *open == Place::Backticks) {
                Some(start) => self.open.truncate(start),
                None => self.open.push(Place::Backticks),
            },
            (_, "$(") | (Place::Bare | Place::Group | Place::Backticks, "(") => self.open.push(Place::Group),
            (Place::Bare | Place::Group | Place::Backticks, "'") => self.open.push(Place::Single),
            (Place::Bare | Place::Group | Place::Backticks, "\"") => self.open.push(Place::Double),
            (Place::Bare | Place::Group | Place::Backticks, "#") if self.at_word_start() => {
                self.open.push(Place::Comment);
            }
            (Place::Bare | Place::Group | Place::Backticks | Place::Double, _) => {}
        }
        self.text.push_str(token);
    }

    fn push_value(&mut self, value: &str) {
        let mut piece = match self.place() {
            Place::Bare | Place::Group | Place::Backticks if self.behind_variable() => in_quotes(value),
            Place::Bare | Place::Group | Place::Backticks => quoted(value),
            Place::Single | Place::Comment => value.replace('\'', r"'\''"),
            Place::Double if self.behind_variable() => format!("\"\"{}", escaped(value, "\"\\$`")),
            Place::Double => escaped(value, "\"\\$`"),
        };
        if self.open.contains(&Place::Backticks) {
            piece = escaped(&piece, "\\$`");
        }
        self.text.push_str(&piece);
    }

    fn at_word_start(&self) -> bool {
        self.text.chars().next_back().is_none_or(|last| last.is_whitespace() || ";&|()`".contains(last))
    }

    /// Tells whether a variable's name ends here, which a value would prolong.
    fn behind_variable(&self) -> bool {
        let without_name = self.text.trim_end_matches(|last: char| last.is_ascii_alphanumeric() || last == '_');
        without_name.len() < self.text.len() && without_name.ends_with('$')
    }
}

fn escaped(value: &str, special: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if special.contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}
