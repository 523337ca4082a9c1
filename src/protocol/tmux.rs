//! Parses what a tmux control-mode client prints, and quotes what it is told.

use std::fmt;

/// The most bytes that are kept of one line; the rest of it is dropped.
pub const LINE_BYTES_MAX: usize = 256 << 10;

/// The most bytes that are kept of one reply, with what every line costs; later lines of it are dropped.
pub const REPLY_BYTES_MAX: usize = 4 << 20;

/// What is kept of a line of output: enough for its name and its pane.
const OUTPUT_HEAD_BYTES: usize = 64;

/// How a program sets its pane's title, as tmux writes that in a line of output: `ESC ] 0 ;` and `ESC ] 2 ;`.
const TITLE_MARKS: [&[u8]; 2] = [b"\\033]0;", b"\\033]2;"];

/// The flags of a reply to what was written into the client; the reply to the client's own `attach` has 0.
pub const FLAGS_ASKED: u64 = 1;

/// A pane's id, unique in its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PaneId(pub u32);

impl PaneId {
    /// Reads `%NUMBER`.
    pub fn parse(text: &str) -> Option<Self> {
        text.strip_prefix('%')?.parse().ok().map(Self)
    }
}

impl fmt::Display for PaneId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "%{}", self.0)
    }
}

/// One thing that a control-mode client told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// The pane's program wrote something.
    Output {
        /// Which pane.
        pane: PaneId,
        /// It set its title as well.
        sets_title: bool,
    },
    /// No more output of this pane is told until it is continued.
    Pause {
        /// Which pane.
        pane: PaneId,
    },
    /// A paused pane goes on.
    Continue,
    /// A subscribed format has a new value.
    SubscriptionChanged {
        /// The subscription's name.
        name: String,
        /// The new value.
        value: String,
    },
    /// The client ends.
    Exit {
        /// Why, if tmux says.
        reason: Option<String>,
    },
    /// A command has been answered.
    Reply(Reply),
    /// Anything else.
    Other,
}

/// The answer to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// When tmux ran the command; seconds since the epoch.
    pub time: u64,
    /// The command's number in its server.
    pub number: u64,
    /// [`FLAGS_ASKED`] for what was written into the client.
    pub flags: u64,
    /// False for `%error`.
    pub ok: bool,
    /// What the command printed; not UTF-8 is replaced.
    pub lines: Vec<String>,
}

impl Reply {
    /// Returns the first line, or what stands for an empty error.
    pub fn first_line(&self) -> &str {
        self.lines.iter().map(|line| line.trim()).find(|line| !line.is_empty()).unwrap_or("tmux gave no reason")
    }
}

/// Takes a client's output as it comes, in pieces of any size.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    open: Option<Open>,
    /// The end of what was dropped of a line of output, where a mark may begin.
    tail: Vec<u8>,
    sets_title: bool,
}

/// A reply whose end has not been seen.
#[derive(Debug)]
struct Open {
    guard: Guard,
    lines: Vec<String>,
    bytes: usize,
}

/// Time, number and flags: what a reply's first and last line have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Guard {
    time: u64,
    number: u64,
    flags: u64,
}

impl Parser {
    /// Takes the next bytes and returns what they complete, in order.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<Notification> {
        let mut told = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.tail.clear();
            told.extend(self.line(&line));
            self.sets_title = false;
        }
        self.keep(bytes);
        told
    }

    /// Appends a piece of a line as far as there is room for it.
    fn keep(&mut self, piece: &[u8]) {
        let head = OUTPUT_HEAD_BYTES.saturating_sub(self.line.len()).min(piece.len());
        self.line.extend_from_slice(&piece[..head]);
        if self.open.is_none() && is_output(&self.line) {
            return self.note_title(piece);
        }
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
        let rest = &piece[head..];
        self.line.extend_from_slice(&rest[..rest.len().min(room)]);
    }

    /// Notes whether a piece of output sets the title.
    fn note_title(&mut self, piece: &[u8]) {
        let length = TITLE_MARKS[0].len();
        let holds_mark = |bytes: &[u8]| bytes.windows(length).any(|part| TITLE_MARKS.contains(&part));
        self.tail.extend_from_slice(&piece[..piece.len().min(length - 1)]);
        self.sets_title |= holds_mark(&self.tail) || holds_mark(piece);
        if piece.len() >= length {
            self.tail.clear();
            self.tail.extend_from_slice(&piece[piece.len() - (length - 1)..]);
        } else {
            let surplus = self.tail.len().saturating_sub(length - 1);
            self.tail.drain(..surplus);
        }
    }

    fn line(&mut self, line: &[u8]) -> Option<Notification> {
        let text = String::from_utf8_lossy(line);
        let Some(open) = &mut self.open else {
            if let Some(guard) = text.strip_prefix("%begin ").and_then(Guard::parse) {
                self.open = Some(Open { guard, lines: Vec::new(), bytes: 0 });
                return None;
            }
            return Some(notification(&text, self.sets_title));
        };
        if let Some(ok) = open.guard.ends(&text) {
            let Open { guard, lines, .. } = self.open.take()?;
            let Guard { time, number, flags } = guard;
            return Some(Notification::Reply(Reply { time, number, flags, ok, lines }));
        }
        open.bytes = open.bytes.saturating_add(text.len() + size_of::<String>());
        if open.bytes <= REPLY_BYTES_MAX {
            open.lines.push(text.into_owned());
        }
        None
    }
}

impl Guard {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(str::parse);
        let guard = Self { time: numbers.next()?.ok()?, number: numbers.next()?.ok()?, flags: numbers.next()?.ok()? };
        numbers.next().is_none().then_some(guard)
    }

    /// Returns whether the command succeeded, if `line` is the end of its reply.
    fn ends(self, line: &str) -> Option<bool> {
        let (ok, rest) = match line.strip_prefix("%end ") {
            Some(rest) => (true, rest),
            None => (false, line.strip_prefix("%error ")?),
        };
        (Self::parse(rest) == Some(self)).then_some(ok)
    }
}

fn is_output(line: &[u8]) -> bool {
    line.starts_with(b"%output ") || line.starts_with(b"%extended-output ")
}

fn notification(line: &str, sets_title: bool) -> Notification {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let pane = || PaneId::parse(rest.split(' ').next().unwrap_or_default());
    match name {
        "%output" | "%extended-output" => {
            pane().map_or(Notification::Other, |pane| Notification::Output { pane, sets_title })
        }
        "%pause" => pane().map_or(Notification::Other, |pane| Notification::Pause { pane }),
        "%continue" => Notification::Continue,
        "%exit" => Notification::Exit { reason: (!rest.is_empty()).then(|| rest.to_owned()) },
        "%subscription-changed" => subscription(rest).unwrap_or(Notification::Other),
        _ => Notification::Other,
    }
}

fn subscription(rest: &str) -> Option<Notification> {
    let (head, value) = rest.split_once(" : ").or_else(|| Some((rest.strip_suffix(" :")?, "")))?;
    let name = head.split(' ').next()?.to_owned();
    Some(Notification::SubscriptionChanged { name, value: value.to_owned() })
}

/// Quotes `text` as one argument for tmux's command parser, on one line whatever it holds.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        match character {
            '\'' => quoted.push_str("'\"'\"'"),
            control if control.is_ascii_control() => {
                quoted = quoted + "'\"" + &format!("\\{:03o}", u32::from(control)) + "\"'";
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('\'');
    quoted
}

/// Writes `text` so that tmux's format expansion (`#{…}`, `#(…)`) gives it back as it is.
///
/// A run of `#` before `[` is a style to tmux, which it copies unchanged.
pub fn literal(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('#') {
        let run = rest[start..].len() - rest[start..].trim_start_matches('#').len();
        let end = start + run;
        written.push_str(&rest[..end]);
        if !rest[end..].starts_with('[') {
            written.push_str(&rest[start..end]);
        }
        rest = &rest[end..];
    }
    written + rest
}

/// Writes `text` as an argument on tmux's own command line, where a last `;` would end the command.
pub fn argument(text: &str) -> String {
    match text.strip_suffix(';') {
        Some(rest) => format!("{rest}\\;"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(number: u64, flags: u64, ok: bool, lines: &[&str]) -> Notification {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Notification::Reply(Reply { time: 1_795_236_909, number, flags, ok, lines })
    }

    /// A transcript of tmux 3.3a, with a screen that shows lines of the protocol itself.
    const TRANSCRIPT: &[u8] = b"%begin 1795236909 270 0\n%end 1795236909 270 0\n%session-changed $0 a-b\n\
        %output %0 h\\303\\251\\015\\012\n%begin 1795236909 277 1\n%begin 1795236909 278 1\n%end 1795236909 276 1\n\
        %end 1795236909 277 0\n%end 1795236909 277 1 x\n%end 1795236908 277 1\n%exit\n%output %9 x\nbyte \xff.\n\n\
        %end 1795236909 277 1\n%begin 1795236909 281 1\ncan't find pane: %99\n%error 1795236909 281 1\n\
        /nonexist: No such file or directory\n%extended-output %12 1 : Entr\n%pause %0\n%continue %0\n\
        %subscription-changed st $0 @0 0 %0 : a : b\n%output nonsense\n%exit too far behind\n%exit\n";

    fn transcript_means() -> Vec<Notification> {
        let screen = [
            "%begin 1795236909 278 1",
            "%end 1795236909 276 1",
            "%end 1795236909 277 0",
            "%end 1795236909 277 1 x",
            "%end 1795236908 277 1",
            "%exit",
            "%output %9 x",
            "byte \u{fffd}.",
            "",
        ];
        vec![
            reply(270, 0, true, &[]),
            Notification::Other,
            Notification::Output { pane: PaneId(0), sets_title: false },
            reply(277, 1, true, &screen),
            reply(281, 1, false, &["can't find pane: %99"]),
            Notification::Other,
            Notification::Output { pane: PaneId(12), sets_title: false },
            Notification::Pause { pane: PaneId(0) },
            Notification::Continue,
            Notification::SubscriptionChanged { name: "st".into(), value: "a : b".into() },
            Notification::Other,
            Notification::Exit { reason: Some("too far behind".into()) },
            Notification::Exit { reason: None },
        ]
    }

    #[test]
    fn a_reply_ends_only_at_its_own_guard_wherever_the_stream_is_cut() {
        assert_eq!(Parser::default().feed(TRANSCRIPT), transcript_means());
        for cut in 0..=TRANSCRIPT.len() {
            let mut parser = Parser::default();
            let mut told = parser.feed(&TRANSCRIPT[..cut]);
            told.extend(parser.feed(&TRANSCRIPT[cut..]));
            assert_eq!(told, transcript_means(), "cut at byte {cut}");
        }
        let mut parser = Parser::default();
        let told: Vec<_> = TRANSCRIPT.iter().flat_map(|byte| parser.feed(&[*byte])).collect();
        assert_eq!(told, transcript_means(), "byte by byte");
    }

    #[test]
    fn a_title_is_noticed_wherever_the_stream_is_cut() {
        let stream = ["0;✳ Claude", "2;x", "1;an icon", ";"].map(|text| {
            let before = "y".repeat(2 * OUTPUT_HEAD_BYTES);
            format!("%output %1 {before}\\033]{text}\\007z\n")
        });
        let stream = stream.concat() + "%output %1 \\033]2;short\\007\n%output %1 033]2;\n";
        let output = |sets_title| Notification::Output { pane: PaneId(1), sets_title };
        let means = [true, true, false, false, true, false].map(output);
        for cut in 0..=stream.len() {
            let (before, after) = stream.as_bytes().split_at(cut);
            let mut parser = Parser::default();
            let mut told = parser.feed(before);
            told.extend(parser.feed(after));
            assert_eq!(told, means, "cut at byte {cut}");
        }
        let mut parser = Parser::default();
        let told: Vec<_> = stream.bytes().flat_map(|byte| parser.feed(&[byte])).collect();
        assert_eq!(told, means, "byte by byte");
    }

    #[test]
    fn endless_lines_and_replies_take_bounded_memory() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; 65_536];
        parser.feed(b"%output %3 ");
        for _ in 0..100 {
            assert_eq!(parser.feed(&piece), []);
        }
        assert!(parser.line.len() <= OUTPUT_HEAD_BYTES);
        assert_eq!(parser.feed(b"\n"), [Notification::Output { pane: PaneId(3), sets_title: false }]);

        parser.feed(b"%begin 1 2 1\n");
        for _ in 0..100 {
            parser.feed(&piece);
        }
        assert_eq!(parser.line.len(), LINE_BYTES_MAX);
        let lines = b"\n".iter().chain(b"0123456789\n".iter().cycle().take(11 * 500_000)).copied().collect::<Vec<_>>();
        assert_eq!(parser.feed(&lines), []);
        let told = parser.feed(b"%end 1 2 1\n");
        let [Notification::Reply(reply)] = told.as_slice() else { panic!("one reply expected, not {told:?}") };
        assert!(reply.lines.iter().map(String::len).sum::<usize>() <= REPLY_BYTES_MAX);
    }

    #[test]
    fn lines_that_are_no_protocol_are_passed_over() {
        for line in ["", "%", "%begin", "%begin 1 2", "%begin 1 2 3 4", "%begin -1 2 3", "%end 1 2 3", "%pause", "x"] {
            assert_eq!(Parser::default().feed(format!("{line}\n").as_bytes()), [Notification::Other], "{line}");
        }
    }

    #[test]
    fn arguments_are_quoted() {
        assert_eq!(quote("a b;$HOME#{x}~"), "'a b;$HOME#{x}~'");
        assert_eq!(quote("it's\n\u{1b}"), "'it'\"'\"'s'\"\\012\"''\"\\033\"''");
        assert_eq!(literal("#(rm) ##{x} #[fg] ##[x] é#"), "##(rm) ####{x} #[fg] ##[x] é##");
        assert_eq!(argument("a;b;"), "a;b\\;");
    }
}
