//! Configs.

use std::path::PathBuf;

use agent_orchestrator::config::{self, MISTAKES_MAX, TEXT_MAX_BYTES, Where};

use crate::random::{Random, ends, is_linear};
use crate::{FLEET, SOME};

const TOML: [&str; 40] = [
    "[",
    "]",
    "[[",
    "]]",
    "\n",
    "=",
    ".",
    ",",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "{",
    "}",
    "#",
    "\\",
    "\\u00e9",
    "é",
    "\t",
    "\0",
    "[[agent]]\n",
    "name = \"a\"\n",
    "[loop]\n",
    "[[loop]]\n",
    "[[loop.phases]]\n",
    "id = \"p1\"\n",
    "[backend.x]\n",
    "limit_re = \"(?=x)\"\n",
    "active_re = \"(((((\"\n",
    "kind = \"loop\"\n",
    "9223372036854775807",
    "-1",
    "1e400",
    "1979-05-27T07:32:00Z",
    "true",
    "[[service]]\n",
    "[watchdog]\n",
    "heavy_interval = 0\n",
    "agent.name",
    "x = [",
];

pub fn parse_config(text: &str) -> config::Parsed {
    let at = Where { file: PathBuf::from("/p/agents.toml"), home: Some(PathBuf::from("/h")) };
    let parsed = config::parse(text, &at);
    assert!(parsed.mistakes.len() <= MISTAKES_MAX);
    config::render(&parsed.mistakes, text, &at.file);
    config::entries(&parsed.mistakes, &at.file);
    parsed
}

#[test]
fn any_config_is_read_to_the_end_with_its_mistakes() {
    ends("the config", || {
        let whole = std::fs::read_to_string("tests/config/every_key.toml").expect("a config");
        for seed in 0..600 {
            let mut random = Random::new(seed);
            let bytes = match seed % 3 {
                0 => random.mutated(whole.as_bytes(), &TOML),
                1 => random.mutated(FLEET.as_bytes(), &TOML),
                _ => random.soup(&TOML, 80).into_bytes(),
            };
            parse_config(&String::from_utf8_lossy(&bytes));
        }
    });
}

#[test]
fn the_deepest_configs_overflow_nothing() {
    ends("a deep config", || {
        let fill = |piece: &str| piece.repeat(TEXT_MAX_BYTES / piece.len() - 10);
        let deep = ["[", "{", "a.", "[a.", "[[a]]\n", "\"", "é"].map(fill);
        let closed = [
            format!("a = {}", fill("[")),
            format!("a = {}", fill("{a=")),
            format!("{}a= 1", fill("a.")),
            format!("[{}a]", fill("a.")),
            format!("[[{}a]]", fill("a.")),
            format!("{FLEET}\nx = \"{}\"", "y".repeat(1 << 19)),
        ];
        for text in deep.iter().chain(&closed) {
            parse_config(text);
        }
    });
}

#[test]
fn the_largest_configs_are_read_in_linear_time() {
    ends("a large config", || {
        let kinds: [fn(usize) -> String; 10] = [
            |_| "x=1\n".to_owned(),
            |_| "[[agent]]\n".to_owned(),
            |_| "[[loop]]\n".to_owned(),
            |_| "# é\n\n".to_owned(),
            |number| format!("[[agent]]\nname = \"a{number}\"\nprompt = \"x\"\n"),
            |_| "[[agent]]\nname = \"same\"\nprompt = \"x\"\n".to_owned(),
            |number| format!("[[loop]]\nname = \"l{number}\"\n"),
            |number| format!("[backend.b{number}]\nbin = \"x\"\n"),
            |number| format!("[[loop.phases]]\nid = \"p{number}\"\nplan = \"x\"\nstatus = \"y\"\n"),
            |number| format!("key{number} = {number}\n"),
        ];
        for kind in kinds {
            is_linear(&kind(0), SOME, |length| {
                let mut text = "[defaults]\nsession_prefix = \"x-\"\nlog_dir = \"l\"\n".to_owned();
                for number in 0.. {
                    text.push_str(&kind(number));
                    if text.len() >= length {
                        break;
                    }
                }
                parse_config(&text);
            });
        }
    });
}
