//! What each program handed over, as it was captured, and what it tells.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

fn time() -> DateTime<Utc> {
    "2026-06-13T04:00:00Z".parse().expect("a time")
}

fn line(told: &Told) -> String {
    serde_json::to_string(told).expect("json")
}

/// Translates each row of a table: what it is, and the payload.
fn table(interface: Interface, rows: &[(&str, &str)], expected: &Expect) {
    let mut out = String::new();
    for (name, handed) in rows {
        let told: Vec<String> =
            translate(interface, handed.as_bytes(), time()).iter().map(|event| line(&event.told)).collect();
        let _ = writeln!(out, "{name}: {}", if told.is_empty() { "nothing".to_owned() } else { told.join(" ") });
    }
    expected.assert_eq(&out);
}

const CLAUDE: [(&str, &str); 21] = [
    (
        "start",
        r#"{"session_id":"e1e31448-7ea8","transcript_path":"/h/x.jsonl","cwd":"/w","hook_event_name":"SessionStart","source":"startup","model":"claude-sonnet-5"}"#,
    ),
    (
        "prompt",
        r#"{"session_id":"e1e31448-7ea8","prompt_id":"efb7","permission_mode":"default","hook_event_name":"UserPromptSubmit","prompt":"hello there\nsecond line"}"#,
    ),
    (
        "question of a tool",
        r#"{"session_id":"e1","hook_event_name":"PreToolUse","tool_name":"AskUserQuestion","tool_input":{"questions":[{"question":"Which one?"}]}}"#,
    ),
    (
        "tool begins",
        r#"{"session_id":"e1","effort":{"level":"high"},"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"echo > made"},"tool_use_id":"toolu_4"}"#,
    ),
    (
        "permission",
        r#"{"session_id":"e1","hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"echo > made","description":"run"},"permission_suggestions":[{"type":"addDirectories"}]}"#,
    ),
    (
        "permission 6 s later",
        r#"{"session_id":"e1","hook_event_name":"Notification","message":"Claude needs your permission","notification_type":"permission_prompt"}"#,
    ),
    (
        "tool done",
        r#"{"session_id":"e1","hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"x"},"tool_response":{"stdout":"","stderr":"","interrupted":false},"duration_ms":171}"#,
    ),
    ("compaction", r#"{"session_id":"e1","hook_event_name":"PreCompact","trigger":"auto"}"#),
    (
        "compaction by hand",
        r#"{"session_id":"e1","hook_event_name":"PreCompact","trigger":"manual","custom_instructions":null}"#,
    ),
    (
        "end of a turn",
        r#"{"session_id":"e1","hook_event_name":"Stop","stop_hook_active":false,"last_assistant_message":"Done. You've hit your limit.","background_tasks":[]}"#,
    ),
    (
        "60 s at rest",
        r#"{"session_id":"e1","hook_event_name":"Notification","message":"Claude is waiting for your input","notification_type":"idle_prompt"}"#,
    ),
    (
        "session limit",
        r#"{"session_id":"e1","prompt_id":"3e","effort":{"level":"high"},"hook_event_name":"StopFailure","error":"rate_limit","last_assistant_message":"You've hit your session limit · resets 8:55am (UTC)"}"#,
    ),
    (
        "429 of a key",
        r#"{"session_id":"e1","hook_event_name":"StopFailure","error":"rate_limit","last_assistant_message":"API Error: Request rejected (429) · Error"}"#,
    ),
    (
        "busy service",
        r#"{"session_id":"e1","hook_event_name":"StopFailure","error":"rate_limit","last_assistant_message":"API Error: Server is temporarily limiting requests (not your usage limit)"}"#,
    ),
    (
        "overload",
        r#"{"session_id":"e1","hook_event_name":"StopFailure","error":"server_error","last_assistant_message":"API Error: Repeated 529 Overloaded errors. The API is at capacity"}"#,
    ),
    (
        "login",
        r#"{"session_id":"e1","hook_event_name":"StopFailure","error":"authentication_failed","last_assistant_message":"Not logged in · Please run /login"}"#,
    ),
    (
        "broken conversation",
        r#"{"session_id":"e1","hook_event_name":"StopFailure","error":"unknown","last_assistant_message":"API Error: 400 messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified."}"#,
    ),
    (
        "too long",
        r#"{"session_id":"e1","hook_event_name":"StopFailure","error":"invalid_request","error_details":"400","last_assistant_message":"Prompt is too long · the request is ~208310 tokens"}"#,
    ),
    (
        "the same, of the agent that compacts",
        r#"{"session_id":"e1","agent_id":"a1","hook_event_name":"StopFailure","error":"invalid_request","last_assistant_message":"Prompt is too long"}"#,
    ),
    ("end", r#"{"session_id":"e1","hook_event_name":"SessionEnd","reason":"prompt_input_exit"}"#),
    ("unknown", r#"{"session_id":"e1","hook_event_name":"TeammateIdle"}"#),
];

#[test]
fn hooks_of_claude_code() {
    table(
        Interface::ClaudeHook,
        &CLAUDE,
        &expect![[r#"
            start: {"told":"session-start","how":"startup"} {"told":"conversation","id":"e1e31448-7ea8"}
            prompt: {"told":"receipt","text":"hello there\nsecond line"} {"told":"working"} {"told":"conversation","id":"e1e31448-7ea8"}
            question of a tool: {"told":"permission","what":"AskUserQuestion: Which one?"}
            tool begins: {"told":"working"}
            permission: {"told":"permission","what":"Bash: echo > made"}
            permission 6 s later: {"told":"permission","what":"Claude needs your permission"}
            tool done: {"told":"working"}
            compaction: {"told":"working"}
            compaction by hand: nothing
            end of a turn: {"told":"idle","ended":true}
            60 s at rest: {"told":"idle","ended":false}
            session limit: {"told":"refused","kind":"limit","text":"You've hit your session limit · resets 8:55am (UTC)","resets_at":null}
            429 of a key: {"told":"refused","kind":"overload","text":"API Error: Request rejected (429) · Error","resets_at":null}
            busy service: {"told":"refused","kind":"overload","text":"API Error: Server is temporarily limiting requests (not your usage limit)","resets_at":null}
            overload: {"told":"refused","kind":"overload","text":"API Error: Repeated 529 Overloaded errors. The API is at capacity","resets_at":null}
            login: {"told":"refused","kind":"auth","text":"Not logged in · Please run /login","resets_at":null}
            broken conversation: {"told":"refused","kind":"fatal","text":"API Error: 400 messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.","resets_at":null}
            too long: {"told":"refused","kind":"context","text":"Prompt is too long · the request is ~208310 tokens","resets_at":null}
            the same, of the agent that compacts: nothing
            end: {"told":"session-end","why":"prompt_input_exit"}
            unknown: nothing
        "#]],
    );
}

#[test]
fn status_line_of_claude_code() {
    table(
        Interface::ClaudeStatus,
        &[
            (
                "at the start",
                r#"{"session_id":"e1e31448-7ea8","model":{"id":"claude-sonnet-5"},"context_window":{"context_window_size":200000,"current_usage":null,"used_percentage":null}}"#,
            ),
            (
                "after a turn",
                r#"{"session_id":"e1e31448-7ea8","context_window":{"total_input_tokens":1200,"used_percentage":96.4},"exceeds_200k_tokens":false}"#,
            ),
            (
                "with a subscription",
                r#"{"session_id":"e1","rate_limits":{"five_hour":{"used_percentage":100,"resets_at":1781330000},"seven_day":{"used_percentage":41.5,"resets_at":1781830000}}}"#,
            ),
        ],
        &expect![[r#"
            at the start: {"told":"conversation","id":"e1e31448-7ea8"}
            after a turn: {"told":"conversation","id":"e1e31448-7ea8"} {"told":"context","used_percent":96}
            with a subscription: {"told":"conversation","id":"e1"} {"told":"allowance","window":"five_hour","used_percent":100,"resets_at":"2026-06-13T05:53:20Z"} {"told":"allowance","window":"seven_day","used_percent":41,"resets_at":"2026-06-19T00:46:40Z"}
        "#]],
    );
}

#[test]
fn notify_of_codex() {
    table(
        Interface::CodexNotify,
        &[
            (
                "end of a turn",
                r#"{"type":"agent-turn-complete","thread-id":"0199-ab","turn-id":"1","cwd":"/w","client":"codex-tui","input-messages":["first","do it"],"last-assistant-message":"done"}"#,
            ),
            (
                "its own turn for a title",
                r#"{"type":"agent-turn-complete","thread-id":"0199-cd","turn-id":"1","input-messages":["Generate a concise, single-line task title for: do it"]}"#,
            ),
            ("unknown", r#"{"type":"approval-requested","thread-id":"0199-ab"}"#),
        ],
        &expect![[r#"
            end of a turn: {"told":"receipt","text":"do it"} {"told":"conversation","id":"0199-ab"} {"told":"idle","ended":true}
            its own turn for a title: nothing
            unknown: nothing
        "#]],
    );
}

#[test]
fn hooks_of_gemini() {
    table(
        Interface::GeminiHook,
        &[
            (
                "start",
                r#"{"session_id":"77aa","transcript_path":"","cwd":"/w","hook_event_name":"SessionStart","timestamp":"2026-06-13T04:00:00.000Z","source":"startup"}"#,
            ),
            ("prompt", r#"{"session_id":"77aa","hook_event_name":"BeforeAgent","prompt":"do it"}"#),
            (
                "tool begins",
                r#"{"session_id":"77aa","hook_event_name":"BeforeTool","tool_name":"run_shell_command","tool_input":{"command":"ls"}}"#,
            ),
            (
                "permission",
                r#"{"session_id":"77aa","hook_event_name":"Notification","notification_type":"ToolPermission","message":"Tool Shell requires execution confirmation","details":{"type":"exec","title":"Confirm Shell Command","command":"ls"}}"#,
            ),
            (
                "end of a turn",
                r#"{"session_id":"77aa","hook_event_name":"AfterAgent","prompt":"do it","prompt_response":"done","stop_hook_active":false}"#,
            ),
            ("end", r#"{"session_id":"77aa","hook_event_name":"SessionEnd","reason":"exit"}"#),
        ],
        &expect![[r#"
            start: {"told":"session-start","how":"startup"} {"told":"conversation","id":"77aa"}
            prompt: {"told":"receipt","text":"do it"} {"told":"working"} {"told":"conversation","id":"77aa"}
            tool begins: {"told":"working"}
            permission: {"told":"permission","what":"Confirm Shell Command"}
            end of a turn: {"told":"idle","ended":true}
            end: {"told":"session-end","why":"exit"}
        "#]],
    );
}

const OPENCODE: [&str; 17] = [
    r#"{"type":"server.connected","properties":{}}"#,
    r#"{"type":"session.created","properties":{"info":{"id":"ses_1","title":"New"}}}"#,
    r#"{"type":"message.updated","properties":{"info":{"id":"msg_1","sessionID":"ses_1","role":"user"}}}"#,
    r#"{"type":"message.part.updated","properties":{"part":{"id":"prt_1","sessionID":"ses_1","messageID":"msg_1","type":"text","text":"do it"}}}"#,
    r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"busy"}}}"#,
    r#"{"type":"message.part.updated","properties":{"part":{"id":"prt_2","sessionID":"ses_1","messageID":"msg_2","type":"text","text":"an answer"}}}"#,
    r#"{"type":"permission.asked","properties":{"id":"per_1","sessionID":"ses_1","permission":"bash","patterns":["rm -r build"]}}"#,
    r#"{"type":"permission.replied","properties":{"sessionID":"ses_1","requestID":"per_1","reply":"once"}}"#,
    r#"{"type":"session.created","properties":{"info":{"id":"ses_2","parentID":"ses_1"}}}"#,
    r#"{"type":"session.idle","properties":{"sessionID":"ses_2"}}"#,
    r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"retry","attempt":1,"message":"The usage limit has been reached","next":1781330000000}}}"#,
    r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"retry","attempt":3,"message":"Provider is overloaded","next":1781330000000}}}"#,
    r#"{"type":"session.error","properties":{"sessionID":"ses_1","error":{"name":"APIError","data":{"message":"Incorrect API key provided","statusCode":401,"isRetryable":false}}}}"#,
    r#"{"type":"session.error","properties":{"sessionID":"ses_1","error":{"name":"ContextOverflowError","data":{"message":"Your input exceeds the context window"}}}}"#,
    r#"{"type":"session.error","properties":{"sessionID":"ses_1","error":{"name":"MessageAbortedError","data":{"message":"Aborted"}}}}"#,
    r#"{"type":"session.idle","properties":{"sessionID":"ses_1"}}"#,
    r#"{"type":"server.heartbeat","properties":{}}"#,
];

fn told_by(stream: &mut Stream, bytes: &[u8]) -> String {
    stream.push(bytes, time()).iter().map(|event| line(&event.told) + "\n").collect()
}

#[test]
fn stream_of_opencode() {
    let body = OPENCODE.iter().fold(String::new(), |body, event| body + "data: " + event + "\n\n");
    let whole = told_by(&mut Stream::default(), body.as_bytes());
    expect![[r#"
        {"told":"receipt","text":"do it"}
        {"told":"conversation","id":"ses_1"}
        {"told":"working"}
        {"told":"permission","what":"bash: rm -r build"}
        {"told":"working"}
        {"told":"retrying","limit":true,"text":"The usage limit has been reached"}
        {"told":"retrying","limit":false,"text":"Provider is overloaded"}
        {"told":"refused","kind":"auth","text":"Incorrect API key provided","resets_at":null}
        {"told":"refused","kind":"context","text":"Your input exceeds the context window","resets_at":null}
        {"told":"idle","ended":true}
        {"told":"idle","ended":true}
    "#]]
    .assert_eq(&whole);

    let mut stream = Stream::default();
    let in_pieces: String = body.as_bytes().chunks(7).map(|piece| told_by(&mut stream, piece)).collect();
    assert_eq!(in_pieces, whole, "however it is cut");
    let with_returns = body.replace('\n', "\r\n").replace("data:", "event: message\r\nid: 1\r\ndata:");
    assert_eq!(told_by(&mut Stream::default(), with_returns.as_bytes()), whole);
}

#[test]
fn what_is_told_comes_back_from_its_datagram() {
    let sender = Sender::of(&[7; SECRET_BYTES], "builder", 3);
    assert_eq!(Sender::from_variable(&sender.to_variable()), Some(sender.clone()));
    assert!(sender.is_genuine(&[7; SECRET_BYTES]) && !sender.is_genuine(&[8; SECRET_BYTES]));
    assert!(!Sender { run: 4, ..sender.clone() }.is_genuine(&[7; SECRET_BYTES]), "another start's proof");

    let mut events: Vec<AgentEvent> = CLAUDE[..6]
        .iter()
        .flat_map(|(_, handed)| translate(Interface::ClaudeHook, handed.as_bytes(), time()))
        .take(EVENTS_MAX)
        .collect();
    let expected: Vec<_> = events.iter().map(|event| (sender.clone(), event.clone())).collect();
    assert_eq!(read(&datagram(&sender, &events)), Ok(expected));

    let long = Told::Receipt { text: prompt(&"\u{1}".repeat(PROMPT_BYTES_MAX + 1)) };
    events[0].told = long.clone();
    let back = read(&datagram(&sender, &events[..1])).expect("it fits");
    assert_eq!(back[0].1.told, long, "the longest prompt with every character escaped");
}

#[test]
fn what_is_no_datagram_of_ours_is_refused() {
    let sender = Sender::of(&[7; SECRET_BYTES], "builder", 3);
    let event = AgentEvent { source: Source::ClaudeHook, time: time(), conversation: None, told: Told::Working };
    let line = datagram(&sender, std::slice::from_ref(&event));
    assert!(read(&line.repeat(EVENTS_MAX + 1)).expect_err("too many").contains("more than 8 events"));
    assert!(read(&vec![b' '; DATAGRAM_BYTES_MAX + 1]).expect_err("too long").contains("longer than"));
    let newer = String::from_utf8(line).expect("text").replace("\"version\":1", "\"version\":2");
    assert_eq!(read(newer.as_bytes()), Err("version 2 instead of 1".to_owned()));
    assert!(read(b"{\"version\":1}").is_err() && read(b"\xff\n").is_err());
    assert_eq!(read(b"\n \n"), Ok(Vec::new()));
}

#[test]
fn what_a_line_may_hold_is_bounded_whoever_wrote_it() {
    let sender = Sender::of(&[7; SECRET_BYTES], "builder", 3);
    let told = |told: Told| {
        let event = AgentEvent { source: Source::ClaudeHook, time: time(), conversation: None, told };
        read(&datagram(&sender, &[event])).expect("a datagram").remove(0).1.told
    };
    let text = format!("\u{1b}[31m{}\n", "x".repeat(2000));
    let Told::Permission { what } = told(Told::Permission { what: text }) else { panic!("another kind") };
    assert!(what.starts_with("[31mxxx") && what.chars().count() <= TEXT_CHARS_MAX, "{what}");
    assert_eq!(told(Told::Conversation { id: "-x; rm".to_owned() }), Told::Conversation { id: String::new() });
    assert_eq!(told(Told::Context { used_percent: 250 }), Told::Context { used_percent: 100 });
}
