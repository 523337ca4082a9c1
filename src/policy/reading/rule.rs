//! What a rule is, and which rules the patterns of old configs stand for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::policy::fleet::Pattern;

/// Rows at the bottom that tell of activity in a `footer_ui` backend.
const FOOTER_UI_ROWS: usize = 10;

/// Rows at the bottom that tell of activity in another backend of one's own.
const ACTIVITY_ROWS: usize = 40;

/// Rows at the bottom that can hold a banner of a backend of one's own.
const BANNER_ROWS: usize = 25;

/// What a screen means for the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// All, in the order in which they are listed to people.
    pub const ALL: [Self; 13] = [
        Self::Starting,
        Self::Working,
        Self::Idle,
        Self::Limited,
        Self::LimitMenu,
        Self::ContinuesByItself,
        Self::Retrying,
        Self::Refused,
        Self::Login,
        Self::Permission,
        Self::UnknownDialog,
        Self::Fatal,
        Self::Context,
    ];

    /// The words of [`Self::ALL`].
    pub const WORDS: [&str; Self::ALL.len()] = {
        let mut words = [""; Self::ALL.len()];
        let mut at = 0;
        while at < words.len() {
            words[at] = Self::ALL[at].word();
            at += 1;
        }
        words
    };

    /// Returns what a rule's `meaning` calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Idle => "idle",
            Self::Limited => "limited",
            Self::LimitMenu => "limit-menu",
            Self::ContinuesByItself => "continues-by-itself",
            Self::Retrying => "retrying",
            Self::Refused => "refused",
            Self::Login => "login",
            Self::Permission => "permission",
            Self::UnknownDialog => "unknown-dialog",
            Self::Fatal => "fatal",
            Self::Context => "context",
        }
    }

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

    /// Tells whether the model's service has refused, for whatever reason.
    pub fn is_refusal(self) -> bool {
        match self {
            Self::Limited
            | Self::LimitMenu
            | Self::ContinuesByItself
            | Self::Retrying
            | Self::Refused
            | Self::Login
            | Self::Fatal => true,
            Self::Starting | Self::Working | Self::Idle | Self::Permission | Self::UnknownDialog | Self::Context => {
                false
            }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

impl Region {
    /// What can be written for one.
    pub const FORMS: &str = "`title`, `footer`, `end`, `dialog`, `last N` or `anywhere`";

    /// Reads what a rule's `region` says.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "title" => Some(Self::Title),
            "footer" => Some(Self::Footer),
            "end" => Some(Self::End),
            "dialog" => Some(Self::Dialog),
            "anywhere" => Some(Self::Anywhere),
            _ => text.strip_prefix("last ")?.parse().ok().filter(|rows| *rows > 0).map(Self::LastRows),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Title => write!(out, "title"),
            Self::Footer => write!(out, "footer"),
            Self::End => write!(out, "end"),
            Self::Dialog => write!(out, "dialog"),
            Self::LastRows(rows) => write!(out, "last {rows}"),
            Self::Anywhere => write!(out, "anywhere"),
        }
    }
}

/// One row of `[[rules]]`.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    /// The row of the input box; see [`crate::policy::input_box::read`].
    pub input_re: Option<Pattern>,
    /// What stands in an empty input box.
    pub placeholder_re: Option<Pattern>,
    /// A row of a screen that can take a prompt, where the box alone does not tell.
    pub ready_re: Option<Pattern>,
    /// A row of a screen that shows a resumed conversation; a program with it is told then how to go on, not at its start.
    pub resumed_re: Option<Pattern>,
    /// How a paragraph begins that the program adds below the conversation's last one.
    pub closing_re: Option<Pattern>,
    /// Names are unique. Of two that find equally much, the first counts.
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

/// The patterns of a config of the predecessor's kind.
#[derive(Debug, Clone, Default)]
pub struct Legacy {
    /// `active_re`
    pub active_re: Option<Pattern>,
    /// `limit_re`
    pub limit_re: Option<Pattern>,
    /// `fatal_re`
    pub fatal_re: Option<Pattern>,
    /// `footer_ui`: only the bottom rows count as activity.
    pub footer_ui: bool,
}

impl Legacy {
    /// Returns the rules that these patterns stand for; each has its key as its name.
    pub fn rules(&self) -> Vec<Rule> {
        let activity_rows = if self.footer_ui { FOOTER_UI_ROWS } else { ACTIVITY_ROWS };
        let rows = [
            ("active_re", &self.active_re, activity_rows, Meaning::Working, 75),
            ("limit_re", &self.limit_re, BANNER_ROWS, Meaning::Limited, 72),
            ("fatal_re", &self.fatal_re, BANNER_ROWS, Meaning::Fatal, 70),
        ];
        let rule = |(name, re, rows, meaning, priority): (&str, &Option<Pattern>, usize, Meaning, u8)| {
            let region = Region::LastRows(rows);
            re.as_ref().map(|re| Rule { name: name.to_owned(), region, meaning, priority, re: re.clone() })
        };
        rows.into_iter().filter_map(rule).collect()
    }

    /// Tells whether one of these patterns takes the place of a preset's rule: it has the same meaning and reads text
    /// as well. A rule about the title stays, since these patterns never saw one.
    pub fn replaces(&self, rule: &Rule) -> bool {
        let given = match rule.meaning {
            Meaning::Working => &self.active_re,
            Meaning::Limited => &self.limit_re,
            Meaning::Fatal => &self.fatal_re,
            Meaning::Starting
            | Meaning::Idle
            | Meaning::LimitMenu
            | Meaning::ContinuesByItself
            | Meaning::Retrying
            | Meaning::Refused
            | Meaning::Login
            | Meaning::Permission
            | Meaning::UnknownDialog
            | Meaning::Context => &None,
        };
        given.is_some() && rule.region != Region::Title
    }
}
