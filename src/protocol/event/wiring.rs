//! How a program is made to tell of itself at its start, without a change to the person's own settings.

use serde_json::{Map, Value, json};

use crate::policy::fleet::Teller;
use crate::policy::launch::quoted;

/// Where opencode finds the password that its server asks for; its user is `opencode`.
pub const PASSWORD_VARIABLE: &str = "OPENCODE_SERVER_PASSWORD";

/// Where Gemini reads the settings that come before all others.
pub const GEMINI_SETTINGS_VARIABLE: &str = "GEMINI_CLI_SYSTEM_SETTINGS_PATH";

/// How long Claude Code waits for a hook, seconds; ours ends within one.
const CLAUDE_HOOK_MAX_S: u64 = 5;

/// How long Gemini waits for a hook, milliseconds.
const GEMINI_HOOK_MAX_MS: u64 = 5000;

/// Hooks of Claude Code with the tools that they are for.
const CLAUDE_HOOKS: [(&str, &str); 10] = [
    ("SessionStart", ""),
    ("UserPromptSubmit", ""),
    ("PreToolUse", "AskUserQuestion"),
    ("PostToolUse", "*"),
    ("PermissionRequest", "*"),
    ("Notification", ""),
    ("Stop", ""),
    ("StopFailure", ""),
    ("PreCompact", ""),
    ("SessionEnd", ""),
];

/// Hooks of Gemini.
const GEMINI_HOOKS: [&str; 7] =
    ["SessionStart", "BeforeAgent", "AfterTool", "AfterAgent", "Notification", "PreCompress", "SessionEnd"];

/// What a start gives.
#[derive(Debug, Clone)]
pub struct Given<'a> {
    /// The program whose verb `hook` tells.
    pub program: &'a str,
    /// A file of the start's own for settings.
    pub file: &'a str,
    /// Settings that the program would read if there were no such file; they stay in force.
    pub settings: Map<String, Value>,
    /// A free port of this host.
    pub port: u16,
}

/// What makes the program tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wiring {
    /// Shell text behind the program's other flags.
    pub flags: String,
    /// Added to its environment.
    pub env: Vec<(String, String)>,
    /// The text of the file of the start's own.
    pub file: Option<String>,
    /// Arguments of this program that run beside the agent.
    pub beside: Vec<String>,
}

/// Returns what makes a program tell of itself.
pub fn wire(teller: Teller, given: &Given) -> Wiring {
    match teller {
        Teller::Claude => Wiring {
            flags: format!("--settings {}", quoted(given.file)),
            file: Some(claude_settings(given)),
            ..Wiring::default()
        },
        Teller::Codex => {
            let notify = json!([given.program, "hook", "--from", "codex"]);
            Wiring { flags: format!("-c {}", quoted(&format!("notify={notify}"))), ..Wiring::default() }
        }
        Teller::Gemini => Wiring {
            env: vec![(GEMINI_SETTINGS_VARIABLE.to_owned(), given.file.to_owned())],
            file: Some(gemini_settings(given)),
            ..Wiring::default()
        },
        Teller::Opencode => {
            let address = format!("http://127.0.0.1:{}", given.port);
            let beside = ["hook", "--from", "opencode", "--follow", &address].map(str::to_owned).to_vec();
            Wiring { flags: format!("--port {}", given.port), beside, ..Wiring::default() }
        }
    }
}

/// Returns shell text that tells and never objects, whatever has become of the program.
fn command(given: &Given, from: &str) -> String {
    format!("{} hook --from {from} >/dev/null 2>&1 || :", quoted(given.program))
}

fn claude_settings(given: &Given) -> String {
    let mut settings = given.settings.clone();
    for (event, matcher) in CLAUDE_HOOKS {
        let hook = json!({ "type": "command", "command": command(given, "claude"), "timeout": CLAUDE_HOOK_MAX_S });
        let entry = if matcher.is_empty() {
            json!({ "hooks": [hook] })
        } else {
            json!({ "matcher": matcher, "hooks": [hook] })
        };
        add_hook(&mut settings, event, entry);
    }
    let line = format!("{} hook --from claude-status 2>/dev/null || :", quoted(given.program));
    settings.entry("statusLine").or_insert_with(|| json!({ "type": "command", "command": line }));
    Value::Object(settings).to_string()
}

fn gemini_settings(given: &Given) -> String {
    let mut settings = given.settings.clone();
    for event in GEMINI_HOOKS {
        let hook = json!({
            "name": "agent-orchestrator",
            "type": "command",
            "command": command(given, "gemini"),
            "timeout": GEMINI_HOOK_MAX_MS,
        });
        add_hook(&mut settings, event, json!({ "hooks": [hook] }));
    }
    settings.entry("hooksConfig").or_insert_with(|| json!({ "enabled": true, "notifications": false }));
    Value::Object(settings).to_string()
}

fn add_hook(settings: &mut Map<String, Value>, event: &str, entry: Value) {
    let hooks = settings.entry("hooks").or_insert_with(|| Value::Object(Map::new()));
    let Some(hooks) = hooks.as_object_mut() else { return };
    if let Some(entries) = hooks.entry(event).or_insert_with(|| json!([])).as_array_mut() {
        entries.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(settings: &Value) -> Given<'static> {
        let settings = settings.as_object().cloned().unwrap_or_default();
        Given { program: "/opt/it's/agent-orchestrator", file: "/run/a b.json", settings, port: 4321 }
    }

    fn file(wiring: &Wiring) -> Value {
        serde_json::from_str(wiring.file.as_deref().expect("a file")).expect("json")
    }

    #[test]
    fn claude_code_gets_hooks_beside_the_persons_own() {
        let own = json!({
            "skipDangerousModePermissionPrompt": true,
            "hooks": { "Stop": [{ "hooks": [{ "type": "command", "command": "mine" }] }] },
        });
        let wiring = wire(Teller::Claude, &given(&own));
        assert_eq!(wiring.flags, "--settings '/run/a b.json'");
        let settings = file(&wiring);
        assert_eq!(settings["skipDangerousModePermissionPrompt"], true);
        assert_eq!(settings["hooks"]["Stop"][0]["hooks"][0]["command"], "mine");
        let command = "'/opt/it'\\''s/agent-orchestrator' hook --from claude >/dev/null 2>&1 || :";
        assert_eq!(settings["hooks"]["Stop"][1]["hooks"][0]["command"], command);
        assert_eq!(settings["hooks"].as_object().expect("hooks").len(), CLAUDE_HOOKS.len());
        assert!(settings["statusLine"]["command"].as_str().expect("a line").contains("hook --from claude-status"));
        let own = json!({ "statusLine": { "type": "command", "command": "mine" } });
        assert_eq!(file(&wire(Teller::Claude, &given(&own)))["statusLine"], own["statusLine"]);
    }

    #[test]
    fn the_others_are_wired_by_what_they_have() {
        let none = json!({});
        let codex = wire(Teller::Codex, &given(&none));
        let notify = r#"notify=["/opt/it'\''s/agent-orchestrator","hook","--from","codex"]"#;
        assert_eq!(codex.flags, format!("-c '{notify}'"));
        let own = json!({ "hooks": { "AfterAgent": [{ "hooks": [] }] }, "ui": { "theme": "x" } });
        let gemini = wire(Teller::Gemini, &given(&own));
        assert_eq!(gemini.env, [(GEMINI_SETTINGS_VARIABLE.to_owned(), "/run/a b.json".to_owned())]);
        let settings = file(&gemini);
        assert_eq!(settings["hooks"]["AfterAgent"].as_array().expect("both").len(), 2);
        assert_eq!(settings["ui"]["theme"], "x");
        let opencode = wire(Teller::Opencode, &given(&none));
        assert_eq!(opencode.flags, "--port 4321");
        assert_eq!(opencode.beside.last().expect("an address"), "http://127.0.0.1:4321");
    }
}
