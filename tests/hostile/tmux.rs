//! What tmux's clients print.

use agent_orchestrator::protocol::tmux::{Notification, Parser, REPLY_BYTES_MAX};

use crate::MUCH;
use crate::random::{Random, ends};

const TMUX: [&str; 22] = [
    "%begin 1 2 1\n",
    "%end 1 2 1\n",
    "%error 1 2 1\n",
    "%begin 1 3 1\n",
    "%end 1 3 1\n",
    "%begin ",
    "%end 1 2",
    "%output %1 ",
    "%extended-output %1 0 : ",
    "%pause %0\n",
    "%continue %0\n",
    "%exit\n",
    "%exit too far behind\n",
    "%subscription-changed a $0 @0 0 %0 : b\n",
    "%subscription-changed : \n",
    "\n",
    "\n\n",
    " ",
    "%",
    "99999999999999999999",
    "é\u{1b}[31m\\033",
    "text that an agent wrote",
];

#[test]
fn the_tmux_protocol_is_read_the_same_however_the_stream_is_cut() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let text = random.soup(&TMUX, 60);
        let bytes = random.mutated(text.as_bytes(), &TMUX);
        let whole = Parser::default().feed(&bytes);
        let mut parser = Parser::default();
        let mut rest = bytes.as_slice();
        let mut told = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + random.below(30)).min(rest.len()));
            told.extend(parser.feed(piece));
            rest = after;
        }
        assert_eq!(told, whole, "seed {seed}");
        assert!(whole.len() <= bytes.split(|byte| *byte == b'\n').count(), "seed {seed}");
    }
}

#[test]
fn megabytes_of_tmux_output_are_read_in_linear_time_and_a_reply_is_bounded_line_by_line() {
    ends("the tmux parser", || {
        let mut random = Random::new(1);
        let stream = random.soup(&TMUX, MUCH / 8);
        Parser::default().feed(stream.as_bytes());
        for filler in ["\n", "x\n", "%end 1 3 1\n", "x"] {
            let mut parser = Parser::default();
            parser.feed(b"%begin 1 2 1\n");
            for _ in 0..8 {
                parser.feed(filler.repeat(MUCH / filler.len() / 4).as_bytes());
            }
            let told = parser.feed(b"\n%end 1 2 1\n");
            let [Notification::Reply(reply)] = told.as_slice() else { panic!("{} told", told.len()) };
            let kept: usize = reply.lines.iter().map(|line| line.len() + size_of::<String>()).sum();
            assert!(kept <= REPLY_BYTES_MAX, "{kept} bytes are kept of lines like {filler:?}");
        }
    });
}
