//! What is asked on the control socket.

use agent_orchestrator::policy::request::Reply;
use agent_orchestrator::protocol::control::{Arrival, Incoming, REQUEST_BYTES_MAX, parse_reply, parse_request};

use crate::FLEET;
use crate::random::{Random, ends};
use crate::state::STATE;
use crate::story::Story;

const REQUESTS: [&str; 12] = [
    r#"{"request":"status"}"#,
    r#"{"request":"explain","name":"builder"}"#,
    r#"{"request":"up","names":["builder","builder","nobody"],"overrides":{"builder":{"model":"x","backend":"nonsense"}}}"#,
    r#"{"request":"up","names":[]}"#,
    r#"{"request":"down","names":["web","web"]}"#,
    r#"{"request":"down","names":[]}"#,
    r#"{"request":"restart","name":"builder"}"#,
    r#"{"request":"send","name":"builder","text":"x\u001b[201~\u0000","wait":{"secs":18446744073709551615,"nanos":999999999},"queue":false}"#,
    r#"{"request":"send","name":"web","text":"x","wait":{"secs":0,"nanos":4294967295},"queue":true}"#,
    r#"{"request":"phase-show","in_loop":null}"#,
    r#"{"request":"phase-set","in_loop":"","to":{"named":"1"},"restart":true}"#,
    r#"{"request":"phase-set","in_loop":null,"to":"next","restart":false}"#,
];

#[test]
fn any_request_is_refused_or_answered_and_the_supervisor_goes_on() {
    ends("requests", || {
        let mut understood = 0;
        for seed in 0..1500 {
            let mut random = Random::new(seed);
            let line = random.pick(&REQUESTS).as_bytes().to_vec();
            let line = if seed % 3 == 0 { line } else { random.mutated(&line, &STATE) };
            match parse_request(&line) {
                Ok(request) => {
                    understood += 1;
                    let mut story = Story::new(FLEET);
                    story.pass_s(1);
                    story.ask(request);
                    story.pass_s(400);
                }
                Err(reply) => assert!(matches!(*reply, Reply::Failed { .. })),
            }
            let _ = parse_reply(&line);
        }
        assert!(understood > 500, "only {understood} requests were usable: the test shows little");
    });
}

#[test]
fn a_request_line_is_bounded_however_it_comes() {
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let mut incoming = Incoming::new(REQUEST_BYTES_MAX);
        let mut total = 0;
        loop {
            let piece = vec![b'x'; 1 + random.below(100_000)];
            total += piece.len();
            match incoming.push(&piece) {
                Arrival::Partial => assert!(total <= REQUEST_BYTES_MAX),
                Arrival::TooLong => break,
                Arrival::Whole(_) | Arrival::Surplus => panic!("there was no newline"),
            }
        }
        assert!(total > REQUEST_BYTES_MAX);
    }
    for text in ["[".repeat(REQUEST_BYTES_MAX), "{\"request\":".repeat(REQUEST_BYTES_MAX / 11)] {
        assert!(parse_request(text.as_bytes()).is_err());
        assert!(parse_reply(text.as_bytes()).is_err());
    }
}
