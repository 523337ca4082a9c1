//! What agents' programs tell of themselves.

use agent_orchestrator::policy::observation::Observation;
use agent_orchestrator::protocol::event::{
    AgentEvent, DATAGRAM_BYTES_MAX, EVENTS_MAX, HANDED_BYTES_MAX, Interface, PROMPT_BYTES_MAX, Posted, Refusal,
    SECRET_BYTES, Sender, Source, Stream, TEXT_CHARS_MAX, Told, datagram, read, translate,
};

use crate::random::{Random, ends, is_linear};
use crate::story::Story;
use crate::{FLEET, MUCH, SOME, now};

const HANDED: [&str; 8] = [
    r#"{"session_id":"e1","hook_event_name":"UserPromptSubmit","prompt":"hello"}"#,
    r#"{"session_id":"e1","hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"x"}}"#,
    r#"{"session_id":"e1","hook_event_name":"StopFailure","error":"rate_limit","last_assistant_message":"You've hit your session limit · resets 3am"}"#,
    r#"{"session_id":"e1","rate_limits":{"five_hour":{"used_percentage":1e300,"resets_at":9223372036854775807}},"context_window":{"used_percentage":-1}}"#,
    r#"{"type":"agent-turn-complete","thread-id":"t1","input-messages":["a","b"]}"#,
    r#"{"session_id":"g1","hook_event_name":"Notification","notification_type":"ToolPermission","details":{"title":"x"}}"#,
    r#"{"type":"session.error","properties":{"sessionID":"ses_1","error":{"name":"APIError","data":{"message":"x","statusCode":429}}}}"#,
    r#"{"type":"message.part.updated","properties":{"part":{"messageID":"m","type":"text","text":"x"}}}"#,
];

const TOKENS: [&str; 14] =
    ["\"", "{", "}", "[", "]", ":", ",", "null", "\\u0000", "\\ud800", "\u{1b}[2J", "\n\n", "data: ", "-1e999"];

const INTERFACES: [Interface; 4] =
    [Interface::ClaudeHook, Interface::ClaudeStatus, Interface::CodexNotify, Interface::GeminiHook];

fn assert_bounded(events: &[AgentEvent]) {
    for event in events {
        match &event.told {
            Told::Receipt { text } => assert!(text.len() <= PROMPT_BYTES_MAX),
            Told::SessionStart { how: text }
            | Told::SessionEnd { why: text }
            | Told::Permission { what: text }
            | Told::Refused { text, .. }
            | Told::Retrying { text, .. } => {
                assert!(text.chars().count() <= TEXT_CHARS_MAX && !text.chars().any(char::is_control), "{text:?}");
            }
            Told::Context { used_percent } | Told::Allowance { used_percent, .. } => assert!(*used_percent <= 100),
            Told::Conversation { id } => {
                assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{id:?}");
            }
            Told::Working | Told::Idle { .. } | Told::Posted { .. } => {}
        }
    }
}

#[test]
fn whatever_a_program_hands_over_is_translated_or_passed_over() {
    ends("hooks", || {
        let mut told = 0;
        for seed in 0..4000 {
            let mut random = Random::new(seed);
            let handed = random.pick(&HANDED).as_bytes().to_vec();
            let handed = if seed % 4 == 0 { handed } else { random.mutated(&handed, &TOKENS) };
            for interface in INTERFACES {
                let events = translate(interface, &handed, now().wall);
                assert_bounded(&events);
                told += events.len();
            }
            let mut stream = Stream::default();
            assert_bounded(&stream.push(b"data: ", now().wall));
            assert_bounded(&stream.push(&handed, now().wall));
            assert_bounded(&stream.push(b"\n\n", now().wall));
        }
        assert!(told > 1000, "only {told} events: the test shows little");
        for deep in ["[".repeat(MUCH), "{\"a\":".repeat(MUCH / 5)] {
            assert!(translate(Interface::ClaudeHook, deep.as_bytes(), now().wall).is_empty());
        }
        assert!(translate(Interface::CodexNotify, &vec![b' '; HANDED_BYTES_MAX + 1], now().wall).is_empty());
    });
}

#[test]
fn whatever_comes_by_the_event_socket_is_read_or_refused() {
    let sender = Sender::of(&[1; SECRET_BYTES], "builder", 1);
    let whole: Vec<u8> = HANDED
        .iter()
        .flat_map(|handed| translate(Interface::ClaudeHook, handed.as_bytes(), now().wall))
        .take(EVENTS_MAX)
        .flat_map(|event| datagram(&sender, &[event]))
        .collect();
    ends("datagrams", move || {
        let mut understood = 0;
        for seed in 0..4000 {
            let bytes = Random::new(seed).mutated(&whole, &TOKENS);
            if let Ok(events) = read(&bytes) {
                understood += 1;
                assert!(events.len() <= EVENTS_MAX);
                let events: Vec<AgentEvent> = events.into_iter().map(|(_, event)| event).collect();
                for event in &events {
                    if !matches!(&event.told, Told::Conversation { id } if id.is_empty()) {
                        assert_bounded(std::slice::from_ref(event));
                    }
                }
            }
        }
        assert!(understood > 100, "only {understood} datagrams were understood: the test shows little");
        for text in ["[".repeat(DATAGRAM_BYTES_MAX), "\n".repeat(DATAGRAM_BYTES_MAX)] {
            assert!(read(text.as_bytes()).is_err() || text.trim().is_empty());
        }
    });
}

#[test]
fn a_stream_without_an_end_stays_in_bounds() {
    ends("streams", || {
        let mut stream = Stream::default();
        for _ in 0..8 {
            assert!(stream.push(&vec![b'x'; MUCH], now().wall).is_empty());
        }
        let idle = b"\n\ndata: {\"type\":\"session.idle\",\"properties\":{\"sessionID\":\"s\"}}\n\n";
        assert_eq!(stream.push(idle, now().wall).len(), 2, "what follows is read again");
        for number in 0..10_000 {
            let message = format!(
                "data: {{\"type\":\"message.updated\",\"properties\":{{\"info\":{{\"id\":\"m{number}\",\"role\":\"user\"}}}}}}\n\n"
            );
            assert!(stream.push(message.as_bytes(), now().wall).is_empty());
        }
        is_linear("a stream", SOME, |length| {
            let mut stream = Stream::default();
            let body = "data: {\"type\":\"server.heartbeat\",\"properties\":{}}\n\n".repeat(length / 40);
            for piece in body.as_bytes().chunks(100) {
                stream.push(piece, now().wall);
            }
        });
    });
}

#[test]
fn whatever_agents_tell_the_supervisor_goes_on() {
    let texts = ["", "You've hit your limit · resets 3am", "x\u{1b}[2J", "hello there", "limit reached|9999999999999"];
    ends("what agents tell", move || {
        for seed in 0..40 {
            let mut random = Random::new(seed);
            let mut story = Story::new(FLEET);
            story.pass_s(5);
            for _ in 0..40 {
                let agent = *random.pick(&["builder", "adversary", "nobody", "web"]);
                let told = some_event(&mut random, &texts);
                let run = random.next() % 3;
                let event = AgentEvent { source: *random.pick(&SOURCES), time: now().wall, conversation: None, told };
                story.turn(vec![Observation::Told { agent: agent.to_owned(), run, event }]);
                if random.below(4) == 0 {
                    story.send("builder", texts[random.below(texts.len())], 60);
                }
                story.pass_s(random.below(100) as u64);
            }
            story.pass_s(4000);
            let supervisor = story.supervisor.as_ref().expect("it runs");
            for agent in ["builder", "adversary"] {
                let explained = supervisor.explain(agent, story.now).expect("an agent");
                assert!(explained.sources.len() < 60, "{explained:?}");
            }
        }
    });
}

const SOURCES: [Source; 5] =
    [Source::ClaudeHook, Source::ClaudeStatus, Source::CodexNotify, Source::GeminiHook, Source::OpencodeStream];

fn some_event(random: &mut Random, texts: &[&str]) -> Told {
    let text = (*random.pick(texts)).to_owned();
    let kinds = [Refusal::Limit, Refusal::Overload, Refusal::Auth, Refusal::Fatal, Refusal::Context, Refusal::Other];
    let used_percent = u8::try_from(random.below(101)).expect("a percentage");
    match random.below(12) {
        0 => Told::SessionStart { how: text },
        1 => Told::SessionEnd { why: text },
        2 => Told::Conversation { id: format!("c{}", random.below(3)) },
        3 => Told::Receipt { text },
        4 => Told::Working,
        5 => Told::Idle { ended: random.below(2) == 0 },
        6 => Told::Permission { what: text },
        7 => Told::Refused { kind: *random.pick(&kinds), text, resets_at: None },
        8 => Told::Retrying { limit: random.below(2) == 0, text },
        9 => Told::Posted { message: random.next() % 5, outcome: Posted::Taken },
        10 => Told::Context { used_percent },
        _ => Told::Allowance { window: format!("w{}", random.below(100)), used_percent, resets_at: None },
    }
}
