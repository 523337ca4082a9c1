//! What a rule is, and how its row in a preset is read.

use serde::Deserialize;

use crate::policy::fleet::Pattern;

/// Rows at the bottom that tell of activity in a `footer_ui` backend.
const FOOTER_UI_ROWS: usize = 10;

/// Rows at the bottom that tell of activity in another backend of one's own.
const ACTIVITY_ROWS: usize = 40;

/// Rows at the bottom that can hold a banner of a backend of one's own.
const BANNER_ROWS: usize = 25;

/// What a screen means for the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// The program draws its first screens and takes no prompt yet.
    Starting,
    /// A turn runs.
    Working,
    /// It takes a prompt.
    Idle,
    /// The account is held by a usage limit.
    Limited,
    /// A menu about a usage limit waits for a choice.
    LimitMenu,
    /// A usage limit that the program waits out by itself.
    ContinuesByItself,
    /// A refusal that is no usage limit; the program tries again by itself.
    Retrying,
    /// A refusal that is no usage limit, and the turn has ended.
    Refused,
    /// A person must mend login, key, credit or model.
    Login,
    /// A person is asked for leave or a choice.
    Permission,
    /// A menu that no rule knows.
    UnknownDialog,
    /// The conversation is broken; resuming it brings the fault back.
    Fatal,
    /// The conversation fills the model's context, or will soon.
    Context,
}

impl Meaning {
    /// Tells whether a message that is typed now would be lost or answer a question.
    pub fn is_in_the_way(self) -> bool {
        self == Self::LimitMenu || self.needs_person()
    }

    /// Tells whether a turn runs, be it that it waits for something.
    pub fn is_busy(self) -> bool {
        match self {
            Self::Working | Self::Retrying | Self::ContinuesByItself => true,
            Self::Starting
            | Self::Idle
            | Self::Limited
            | Self::LimitMenu
            | Self::Refused
            | Self::Login
            | Self::Permission
            | Self::UnknownDialog
            | Self::Fatal
            | Self::Context => false,
        }
    }

    /// Tells whether a usage limit holds the account.
    pub fn is_limit(self) -> bool {
        match self {
            Self::Limited | Self::LimitMenu | Self::ContinuesByItself => true,
            Self::Starting
            | Self::Working
            | Self::Idle
            | Self::Retrying
            | Self::Refused
            | Self::Login
            | Self::Permission
            | Self::UnknownDialog
            | Self::Fatal
            | Self::Context => false,
        }
    }

    /// Tells whether only a person can go on from here.
    pub fn needs_person(self) -> bool {
        match self {
            Self::Login | Self::Permission | Self::UnknownDialog => true,
            Self::Starting
            | Self::Working
            | Self::Idle
            | Self::Limited
            | Self::LimitMenu
            | Self::ContinuesByItself
            | Self::Retrying
            | Self::Refused
            | Self::Fatal
            | Self::Context => false,
        }
    }
}

/// Where a rule looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Region {
    /// `title`: the pane's title.
    Title,
    /// `footer`: below the input box; nothing where there is no box.
    Footer,
    /// `end`: the last paragraph of the conversation, and what the program adds below it (`closing_re`), down to the
    /// input box or the dialog. What stands above it is history.
    End,
    /// `dialog`: below the last rule where there is no input box; nothing where there is one.
    Dialog,
    /// `last N`: the N lowest rows, without the input box and what can be told to be the agent's prose.
    LastRows(usize),
    /// `anywhere`, without the input box and what can be told to be the agent's prose.
    Anywhere,
}

impl Region {
    /// Tells whether what the agent says stands in the region as well; the others hold only what the program prints.
    pub(super) fn holds_prose(self) -> bool {
        match self {
            Self::LastRows(_) | Self::Anywhere => true,
            Self::Title | Self::Footer | Self::End | Self::Dialog => false,
        }
    }
}

impl TryFrom<String> for Region {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "title" => Ok(Self::Title),
            "footer" => Ok(Self::Footer),
            "end" => Ok(Self::End),
            "dialog" => Ok(Self::Dialog),
            "anywhere" => Ok(Self::Anywhere),
            _ => text.strip_prefix("last ").and_then(|rows| rows.parse().ok()).map(Self::LastRows).ok_or_else(|| {
                format!("unknown region `{text}`\nhint: title, footer, end, dialog, last N or anywhere")
            }),
        }
    }
}

/// One row of `[[rules]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Row")]
pub struct Rule {
    /// Unique in its backend; `explain` tells it.
    pub name: String,
    /// Where it looks.
    pub region: Region,
    /// What a match means.
    pub meaning: Meaning,
    /// The highest wins.
    pub priority: u8,
    /// Matched against single lines, wrapped rows joined.
    pub re: Pattern,
}

/// How the screens of a backend are read.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "Table")]
pub struct Rules {
    /// The row of the input box; see [`crate::policy::input_box::read`].
    pub input_re: Option<Pattern>,
    /// What stands in an empty input box.
    pub placeholder_re: Option<Pattern>,
    /// A row of a screen that can take a prompt, where the box alone does not tell.
    pub ready_re: Option<Pattern>,
    /// What the program adds below the last paragraph of a conversation.
    pub closing_re: Option<Pattern>,
    /// In no order.
    pub rules: Vec<Rule>,
}

impl Rules {
    /// Returns the rule that would take `typed` for a usage limit if it stood on the screen, and the part that it
    /// matches.
    pub fn limit_hit<'a>(&self, typed: &'a str) -> Option<(&Rule, &'a str)> {
        let mut limits = self.rules.iter().filter(|rule| rule.meaning.is_limit());
        limits.find_map(|rule| Some((rule, rule.re.regex().find(typed)?.as_str())))
    }
}

/// The patterns of a backend that is not described by rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct Legacy<'a> {
    /// `active_re`
    pub active_re: Option<&'a Pattern>,
    /// `limit_re`
    pub limit_re: Option<&'a Pattern>,
    /// `fatal_re`
    pub fatal_re: Option<&'a Pattern>,
    /// `footer_ui`: only the bottom rows count as activity.
    pub footer_ui: bool,
}

impl Legacy<'_> {
    /// Returns the rules that these patterns stand for.
    pub fn rules(self) -> Vec<Rule> {
        let activity_rows = if self.footer_ui { FOOTER_UI_ROWS } else { ACTIVITY_ROWS };
        let rows = [
            ("active_re", self.active_re, activity_rows, Meaning::Working, 75),
            ("limit_re", self.limit_re, BANNER_ROWS, Meaning::Limited, 72),
            ("fatal_re", self.fatal_re, BANNER_ROWS, Meaning::Fatal, 70),
        ];
        let rule = |(name, re, rows, meaning, priority): (&str, Option<&Pattern>, usize, Meaning, u8)| {
            let region = Region::LastRows(rows);
            re.map(|re| Rule { name: name.to_owned(), region, meaning, priority, re: re.clone() })
        };
        rows.into_iter().filter_map(rule).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    region: Region,
    meaning: Meaning,
    priority: u8,
    re: String,
}

impl TryFrom<Row> for Rule {
    type Error = String;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let re = Pattern::new(&row.re).map_err(|error| format!("cannot use `re` of rule `{}`: {error}", row.name))?;
        let Row { name, region, meaning, priority, re: _ } = row;
        Ok(Self { name, region, meaning, priority, re })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    input_re: Option<String>,
    placeholder_re: Option<String>,
    ready_re: Option<String>,
    closing_re: Option<String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

impl TryFrom<Table> for Rules {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, Self::Error> {
        let pattern = |key: &str, text: Option<String>| {
            text.map(|text| Pattern::new(&text).map_err(|error| format!("cannot use `{key}`: {error}"))).transpose()
        };
        Ok(Self {
            input_re: pattern("input_re", table.input_re)?,
            placeholder_re: pattern("placeholder_re", table.placeholder_re)?,
            ready_re: pattern("ready_re", table.ready_re)?,
            closing_re: pattern("closing_re", table.closing_re)?,
            rules: table.rules,
        })
    }
}
