//! The control socket's words: one JSON object per line, one request and its reply on each connection.
//!
//! A client that closes its side before the reply takes its request back.

use serde::Serialize;

pub use crate::policy::{request::*, status::*};

/// The longest request, its newline included; a text of 100 kB fits with every character escaped.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The longest reply that a client takes.
pub const REPLY_BYTES_MAX: usize = 16 << 20;

/// Returns the line that asks `request`.
pub fn request_line(request: &Request) -> Vec<u8> {
    line(request)
}

/// Returns the line that answers `reply`.
pub fn reply_line(reply: &Reply) -> Vec<u8> {
    line(reply)
}

fn line(value: &impl Serialize) -> Vec<u8> {
    let Ok(mut bytes) = serde_json::to_vec(value) else {
        unreachable!("requests and replies have string keys only, nothing else fails (serde_json)")
    };
    bytes.push(b'\n');
    bytes
}

/// Reads a request from its line, or tells what to answer to what is none.
///
/// # Errors
/// A [`Reply::Failed`] with [`Reason::Usage`].
pub fn parse_request(line: &[u8]) -> Result<Request, Box<Reply>> {
    serde_json::from_slice(line).map_err(|error| {
        let hint = "the program that asks may be of another version than the supervisor; restart the supervisor";
        Box::new(not_understood(format!("cannot read request: {error}"), Some(hint.to_owned())))
    })
}

/// Reads a reply from its line.
///
/// # Errors
/// One sentence that says why it is none.
pub fn parse_reply(line: &[u8]) -> Result<Reply, String> {
    serde_json::from_slice(line).map_err(|error| format!("cannot read the supervisor's reply: {error}"))
}

/// Returns the answer to what is no request.
pub fn not_understood(error: String, hint: Option<String>) -> Reply {
    Reply::Failed { reason: Reason::Usage, error, hint }
}

/// A line on its way in.
#[derive(Debug, Clone)]
pub struct Incoming {
    bytes: Vec<u8>,
    bytes_max: usize,
}

/// How far an incoming line has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// Its newline is missing.
    Partial,
    /// The line, without its newline.
    Whole(Vec<u8>),
    /// It is longer than is allowed.
    TooLong,
    /// Something else than blanks follows its newline.
    Surplus,
}

impl Incoming {
    /// Expects one line of at most `bytes_max` bytes, its newline included.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max }
    }

    /// Takes what has come in; to be called no more once it returned something else than [`Arrival::Partial`].
    pub fn push(&mut self, bytes: &[u8]) -> Arrival {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (head, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        if self.bytes.len() + head.len() > self.bytes_max {
            return Arrival::TooLong;
        }
        self.bytes.extend_from_slice(head);
        if end.is_none() {
            return Arrival::Partial;
        }
        if !rest.iter().all(u8::is_ascii_whitespace) {
            return Arrival::Surplus;
        }
        self.bytes.pop();
        Arrival::Whole(std::mem::take(&mut self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    fn requests() -> Vec<Request> {
        let names = vec!["builder".to_owned()];
        let overrides =
            BTreeMap::from([("builder".to_owned(), Override { model: Some("big".to_owned()), backend: None })]);
        vec![
            Request::Status,
            Request::Explain { name: "builder".to_owned() },
            Request::Up { names: names.clone(), overrides: overrides.clone() },
            Request::Down { names },
            Request::Restart { name: "builder".to_owned(), overrides },
            Request::Send {
                name: "builder".to_owned(),
                text: "two\nlines, a \"quote\", \u{1b}[0m and ü".to_owned(),
                wait: Duration::from_millis(1500),
                queue: false,
            },
            Request::Wake { name: "builder".to_owned() },
            Request::Run { name: "upgrader".to_owned(), fresh: true, text: Some("only\none".to_owned()) },
            Request::Run { name: "upgrader".to_owned(), fresh: false, text: None },
            Request::PhaseShow { in_loop: None },
            Request::PhaseSet { in_loop: Some("web".to_owned()), to: PhaseTarget::Next, restart: true },
            Request::PhaseSet { in_loop: None, to: PhaseTarget::Named("p2".to_owned()), restart: false },
        ]
    }

    #[test]
    fn every_request_comes_out_as_it_went_in_on_one_line() {
        for request in requests() {
            let sent = request_line(&request);
            let mut incoming = Incoming::new(REQUEST_BYTES_MAX);
            let Arrival::Whole(line) = incoming.push(&sent) else { panic!("no line: {request:?}") };
            assert_eq!(parse_request(&line), Ok(request));
        }
    }

    #[test]
    fn replies_come_out_as_they_went_in() {
        for reply in [
            Reply::Done { lines: vec!["builder started".to_owned(), "a\nb".to_owned()] },
            Reply::Failed { reason: Reason::InTheWay, error: "a draft".to_owned(), hint: None },
        ] {
            let sent = reply_line(&reply);
            assert_eq!(sent.iter().position(|byte| *byte == b'\n'), Some(sent.len() - 1));
            assert_eq!(parse_reply(&sent), Ok(reply));
        }
    }

    #[test]
    fn a_text_of_100_kb_passes_however_it_must_be_escaped() {
        let text = "\u{1}".repeat(100_000);
        let request = Request::Send { name: "a".to_owned(), text, wait: Duration::MAX, queue: true };
        let sent = request_line(&request);
        assert!(sent.len() <= REQUEST_BYTES_MAX, "{} bytes", sent.len());
        assert_eq!(parse_request(&sent), Ok(request));
    }

    #[test]
    fn what_is_no_request_is_answered_as_usage() {
        let deep = "[".repeat(100_000);
        let wait = r#"{"request":"send","name":"a","text":"","wait":{"secs":18446744073709551615,"nanos":4294967295},"queue":true}"#;
        for garbage in
            ["", "x", "{}", "null", r#"{"request":"dance"}"#, r#"{"request":"explain"}"#, &deep, wait, "\u{0}"]
        {
            let answer = parse_request(garbage.as_bytes()).map_err(|reply| *reply);
            assert!(matches!(answer, Err(Reply::Failed { reason: Reason::Usage, .. })), "{garbage:.40}: {answer:?}");
        }
        assert!(parse_request(&[0xff, 0xfe, b'{']).is_err());
    }

    #[test]
    fn every_cut_of_a_request_is_refused_and_none_panics() {
        for request in requests() {
            let sent = request_line(&request);
            for end in 0..sent.len() - 1 {
                assert!(parse_request(&sent[..end]).is_err());
            }
            for place in 0..sent.len() {
                let mut bent = sent.clone();
                bent[place] ^= 0x55;
                let _ = parse_request(&bent);
            }
        }
    }

    #[test]
    fn a_line_is_put_together_from_its_pieces_and_bounded() {
        let mut incoming = Incoming::new(8);
        assert_eq!(incoming.push(b"abc"), Arrival::Partial);
        assert_eq!(incoming.push(b""), Arrival::Partial);
        assert_eq!(incoming.push(b"defg\n \r\n"), Arrival::Whole(b"abcdefg".to_vec()));
        assert_eq!(Incoming::new(8).push(b"abcdefgh\n"), Arrival::TooLong);
        assert_eq!(Incoming::new(8).push(b"abcdefghi"), Arrival::TooLong);
        assert_eq!(Incoming::new(8).push(b"a\nb"), Arrival::Surplus);
    }
}
