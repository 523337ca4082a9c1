//! An agent program in its pane: what it shows, what stands in its input box, what it takes.

use std::collections::VecDeque;

use agent_orchestrator::policy::action::Start;
use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::screen::{Attendance, Screen};
use chrono::{DateTime, Utc};

use super::interface::Post;
use super::random::Random;
use super::teller::{Mouth, Prompt};

/// How a program draws itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `> text` in the last row.
    Box,
    /// The same, and its prompt must be typed in.
    Ping,
    /// Nothing tells where it is typed.
    Blind,
    /// As Claude's.
    Claude,
    /// No agent at all.
    Service,
}

impl Style {
    pub fn of(backend: &str) -> Self {
        match backend {
            "claude" => Self::Claude,
            "ping" => Self::Ping,
            "blind" => Self::Blind,
            "" => Self::Service,
            _ => Self::Box,
        }
    }

    pub fn command(self) -> &'static str {
        match self {
            Self::Box => "agent",
            Self::Ping => "pinger",
            Self::Blind => "blind",
            Self::Claude => "claude",
            Self::Service => "serve",
        }
    }

    /// Says whether the input box proves that a message arrived.
    pub fn has_receipts(self) -> bool {
        match self {
            Self::Box | Self::Ping | Self::Claude => true,
            Self::Blind | Self::Service => false,
        }
    }
}

/// What stands in the input box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Empty,
    /// What the supervisor pasted.
    Ours {
        message: MessageId,
        text: String,
    },
    /// What a person typed, and when that began.
    Draft {
        since: u64,
        text: String,
    },
}

/// What covers the input box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialog {
    /// Asks for leave; a rule knows it.
    Permission,
    /// A rule knows that it is a menu.
    Menu,
    /// No rule knows it.
    Strange,
    /// Claude's menu about a limit, with the entry that waits selected, or another one.
    Limit { waits: bool },
}

/// What a program that hangs will read when it has come to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    Paste { message: MessageId, text: String },
    Press,
    Post(Post),
}

/// What its program has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Sound,
    /// Neither reads nor writes.
    Hung,
    /// Every prompt is answered by the same error.
    Fatal,
}

/// What the newest turn is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// None runs.
    Rest,
    Works,
    /// Looks like work, ends in a refusal.
    Refused,
}

/// A program that runs.
#[derive(Debug, Clone)]
pub struct Program {
    /// Counts programs, ever.
    pub number: u64,
    pub run: u64,
    pub style: Style,
    pub command: &'static str,
    pub model: Option<String>,
    pub booted: bool,
    pub input: Input,
    pub swallows: u32,
    pub loses_pastes: u32,
    /// What was typed while it hung.
    pub unread: Vec<Typed>,
    pub health: Health,
    pub turn: Turn,
    /// Counts turns.
    pub turns: u64,
    /// When the newest one began.
    pub began: u64,
    /// When it was drawn last.
    pub drawn: u64,
    /// Prompts that were taken while it worked.
    pub taken: VecDeque<Prompt>,
    /// What it said last, line by line.
    pub said: Vec<String>,
    pub banner: Option<String>,
    /// Its screen shows nothing of the refusal.
    pub hides: bool,
    pub waits: Option<DateTime<Utc>>,
    pub dialog: Option<Dialog>,
    /// When the dialog or a person's hand came to be there.
    pub covered: u64,
    pub scrolled: bool,
    /// It has had a prompt.
    pub prompted: bool,
    /// Since when it has been at rest with nothing in the way.
    pub rests: Option<u64>,
    pub mouth: Mouth,
}

const RULE: &str = "────────────────";

impl Program {
    pub fn new(number: u64, style: Style, start: &Start, mouth: Mouth) -> Self {
        Self {
            number,
            run: start.run,
            style,
            command: style.command(),
            model: start.model.clone(),
            unread: Vec::new(),
            booted: false,
            input: Input::Empty,
            swallows: 0,
            loses_pastes: 0,
            health: Health::Sound,
            turn: Turn::Rest,
            turns: 0,
            began: 0,
            drawn: 0,
            taken: VecDeque::new(),
            said: Vec::new(),
            banner: None,
            waits: None,
            dialog: None,
            covered: 0,
            scrolled: false,
            prompted: false,
            rests: None,
            hides: false,
            mouth,
        }
    }

    /// Says whether a prompt that is typed now would reach the program as one; a service reads and forgets.
    pub fn takes(&self) -> bool {
        self.booted && self.health != Health::Hung && self.dialog.is_none() && self.style != Style::Service
    }

    pub fn works(&self) -> bool {
        self.turn != Turn::Rest
    }

    /// Pastes a text of the supervisor's; says what stood there before.
    pub fn paste(&mut self, message: MessageId, text: &str) -> Input {
        let before = self.input.clone();
        if self.health == Health::Hung {
            self.unread.push(Typed::Paste { message, text: text.to_owned() });
            return Input::Empty;
        }
        if self.loses_pastes > 0 || !self.booted || self.dialog.is_some() {
            self.loses_pastes = self.loses_pastes.saturating_sub(1);
            return before;
        }
        self.input = match &before {
            Input::Empty => Input::Ours { message, text: text.to_owned() },
            Input::Ours { text: there, .. } => Input::Ours { message, text: format!("{there}{text}") },
            Input::Draft { since, text: there } => Input::Draft { since: *since, text: format!("{there}{text}") },
        };
        before
    }

    /// Presses the key that submits; returns what was submitted.
    pub fn press(&mut self) -> Option<Input> {
        if self.health == Health::Hung {
            self.unread.push(Typed::Press);
            return None;
        }
        if self.style == Style::Service {
            self.input = Input::Empty;
            return None;
        }
        if self.swallows > 0 || !self.takes() {
            self.swallows = self.swallows.saturating_sub(1);
            return None;
        }
        match std::mem::replace(&mut self.input, Input::Empty) {
            Input::Empty => None,
            submitted => Some(submitted),
        }
    }

    pub fn screen(&self) -> Screen {
        let rows = match self.style {
            Style::Claude => self.claude_rows(),
            Style::Box | Style::Ping => self.box_rows(),
            Style::Blind | Style::Service => self.talk("esc to interrupt"),
        };
        let pastes = self.style == Style::Claude;
        let attendance = Attendance { terminals: u32::from(matches!(self.input, Input::Draft { .. })), last: 0 };
        let command = self.command.to_owned();
        Screen { rows, title: self.title(), command, in_mode: self.scrolled, pastes, attendance }
    }

    pub fn title(&self) -> String {
        if self.style == Style::Claude && self.works() { "⠂ task".to_owned() } else { String::new() }
    }

    fn typed(&self) -> &str {
        match &self.input {
            Input::Empty => "",
            Input::Ours { text, .. } | Input::Draft { text, .. } => text,
        }
    }

    fn talk(&self, working: &str) -> Vec<String> {
        // A wide row, as every real screen has one: a row's place in the width tells whether it goes on in the next.
        let mut rows = vec![format!("agent {}", ".".repeat(90)), String::new()];
        if !self.booted {
            rows.push("starting".to_owned());
            return rows;
        }
        rows.extend(self.said.iter().cloned());
        if let Some(banner) = self.shown_banner() {
            rows.push(banner.clone());
        } else if self.health == Health::Fatal {
            rows.push("API Error: 400 thinking blocks in the latest message cannot be modified".to_owned());
        }
        if self.works() {
            rows.extend([String::new(), working.to_owned()]);
        }
        if let Some(until) = self.waits.filter(|_| !self.works()) {
            rows.push(format!("WAITING-UNTIL: {}", until.format("%Y-%m-%dT%H:%M:%SZ")));
        }
        rows
    }

    fn box_rows(&self) -> Vec<String> {
        let mut rows = self.talk("esc to interrupt");
        match self.dialog {
            _ if !self.booted => {}
            Some(Dialog::Permission | Dialog::Menu | Dialog::Strange | Dialog::Limit { .. }) => {
                rows.push("Do you want to proceed?".to_owned());
            }
            None => rows.push(format!("> {}", self.typed().replace('\n', "\n  "))),
        }
        rows.iter().flat_map(|row| row.split('\n').map(str::to_owned)).collect()
    }

    fn claude_rows(&self) -> Vec<String> {
        if !self.booted {
            return vec!["  starting".to_owned()];
        }
        let mut rows = vec!["❯ earlier".to_owned(), String::new()];
        rows.push(format!("● {}", ".".repeat(90)));
        rows.push(String::new());
        rows.extend(self.said.iter().cloned());
        rows.push(String::new());
        if let Some(banner) = self.shown_banner() {
            let banner = if self.goes_on() { "You've hit your session limit" } else { banner };
            rows.extend(["❯ go on".to_owned(), format!("  ⎿  {banner}"), String::new(), "✻ Cooked for 3s".to_owned()]);
        } else if self.health == Health::Fatal {
            rows.push("● API Error: 400 thinking blocks in the latest message cannot be modified.".to_owned());
        }
        if self.works() {
            rows.extend([
                String::new(),
                format!("✻ Cooking… ({}s · esc to interrupt)", (self.drawn - self.began) / 1000),
            ]);
        } else if let Some(until) = self.waits {
            rows.push(format!("● WAITING-UNTIL: {}", until.format("%Y-%m-%dT%H:%M:%SZ")));
        }
        rows.extend([String::new(), RULE.to_owned()]);
        rows.extend(self.claude_below());
        rows
    }

    /// Returns the banner that stands on its screen.
    pub fn shown_banner(&self) -> Option<&String> {
        self.banner.as_ref().filter(|_| !self.hides)
    }

    /// Says whether it waits for the end of a limit by itself.
    fn goes_on(&self) -> bool {
        self.shown_banner().is_some_and(|banner| banner.contains("continuing"))
    }

    fn claude_below(&self) -> Vec<String> {
        let rows: &[&str] = match self.dialog {
            Some(Dialog::Permission) => &[" Bash command", "", " Do you want to proceed?", " ❯ 1. Yes", "   2. No"],
            Some(Dialog::Menu) => &[" Pick one", "", " ❯ 1. This", "   2. That", "", " Esc to cancel"],
            Some(Dialog::Strange) => &["  a screen of another kind"],
            Some(Dialog::Limit { waits: true }) => &[
                "  What do you want to do?",
                "",
                "  ❯ 1. Stop and wait for limit to reset",
                "    2. Upgrade your plan",
            ],
            Some(Dialog::Limit { waits: false }) => &[
                "  What do you want to do?",
                "",
                "    1. Stop and wait for limit to reset",
                "  ❯ 2. Upgrade your plan",
            ],
            None => {
                let typed = self.typed().replace('\n', "\n  ");
                let footer = match self.shown_banner() {
                    _ if self.works() => "  esc to interrupt".to_owned(),
                    Some(banner) if self.goes_on() => format!("  {banner} · esc to cancel"),
                    Some(_) | None => "  ? for shortcuts".to_owned(),
                };
                let rows = [format!("❯\u{a0}{typed}"), RULE.to_owned(), footer];
                return rows.iter().flat_map(|row| row.split('\n').map(str::to_owned)).collect();
            }
        };
        rows.iter().map(|row| (*row).to_owned()).collect()
    }
}

/// Returns lines that an agent says: harmless ones, or ones that quote what a program would print.
pub fn said(style: Style, random: &mut Random) -> Vec<String> {
    let bullet = if style == Style::Claude { "● " } else { "• " };
    let texts = [
        "All checks are green.",
        "I waited since the log says: You've hit your session limit · resets 3pm",
        "The error `cannot be modified` is mended.",
        "The footer said esc to interrupt, so I looked again.",
        "Next: gate two.",
    ];
    let text = random.pick(&texts).copied().unwrap_or_default();
    let mut lines = vec![format!("{bullet}{text}")];
    if random.percent(30) {
        lines.push("  It is done as planned.".to_owned());
    }
    lines
}
