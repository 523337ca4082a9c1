//! Single keys: unknown, of a wrong type, out of range, unreadable.

use super::*;

#[test]
fn unknown_keys_are_told_wherever_they_stand() {
    says(
        "wacth = \"heal\"\nname = \"x\"\n[watchdog]\nstal_grace = 3\n[backend.x]\nbin = \"x\"\nstal_idle = 3\n[lop]\n\
         [[agent]]\nname = \"a\"\nprompt = \"x\"\nstall_idle = 3\nwake = { prompt_fil = \"x\", interval = 3 }\n\
         [[service]]\nname = \"s\"\ncommand = \"x\"\nwatch = \"heal\"\n",
        &expect![[r#"
            error: unknown key `wacth`
             --> agents.toml:5:1
              |
            5 | wacth = "heal"
              | ^^^^^
            hint: did you mean `watch`?

            error: unknown key `name`
             --> agents.toml:6:1
              |
            6 | name = "x"
              | ^^^^
            hint: it is a key of `[[agent]]`, and in `[defaults]` for all agents

            error: unknown key `stal_grace`
             --> agents.toml:8:1
              |
            8 | stal_grace = 3
              | ^^^^^^^^^^
            hint: did you mean `stall_grace`?

            error: unknown key `stal_idle`
              --> agents.toml:11:1
               |
            11 | stal_idle = 3
               | ^^^^^^^^^
            hint: did you mean `stall_idle`?

            error: unknown key `lop`
              --> agents.toml:12:2
               |
            12 | [lop]
               |  ^^^
            hint: did you mean `loop`?

            error: unknown key `stall_idle`
              --> agents.toml:16:1
               |
            16 | stall_idle = 3
               | ^^^^^^^^^^
            hint: it is a key of `[backend.NAME]`

            error: the wake of agent `a` has no `prompt_file`
              --> agents.toml:17:1
               |
            17 | wake = { prompt_fil = "x", interval = 3 }
               | ^^^^
            hint: without it, the agent is not woken

            error: unknown key `prompt_fil`
              --> agents.toml:17:10
               |
            17 | wake = { prompt_fil = "x", interval = 3 }
               |          ^^^^^^^^^^
            hint: did you mean `prompt_file`?

            error: unknown key `watch`
              --> agents.toml:21:1
               |
            21 | watch = "heal"
               | ^^^^^
            hint: it is a key of `[[agent]]`, and in `[defaults]` for all agents
            == loads
        "#]],
    );
}

#[test]
fn syntax_errors_are_told_together_with_what_stands_elsewhere() {
    says(
        "log = = 3\n[watchdog]\nheavy_intervall = 3\n[[agent]\nname = \"a\"\n",
        &expect![[r#"
        error: extra `=`, expected nothing
         --> agents.toml:5:7
          |
        5 | log = = 3
          |       ^

        error: unexpected key or value, expected newline, `#`
         --> agents.toml:5:9
          |
        5 | log = = 3
          |         ^

        error: unknown key `heavy_intervall`
         --> agents.toml:7:1
          |
        7 | heavy_intervall = 3
          | ^^^^^^^^^^^^^^^
        hint: did you mean `heavy_interval`?

        error: unclosed array table, expected `]`
         --> agents.toml:8:9
          |
        8 | [[agent]
          |         ^

        error: unknown key `name`
         --> agents.toml:9:1
          |
        9 | name = "a"
          | ^^^^
        hint: it is a key of `[[agent]]`, and in `[defaults]` for all agents
        == no fleet
    "#]],
    );
}

#[test]
fn what_every_fleet_needs_is_asked_for() {
    let text = "[[agent]]\nname = \"a\"\n";
    expect![[r#"
        error: no `[defaults]`
         --> agents.toml
        hint: it must set at least `session_prefix` and `log_dir`
    "#]]
    .assert_eq(&render(&parse(text).mistakes, text, Path::new("agents.toml")));
    let text = "[defaults]\nlog_dir = \"\"\n";
    expect![[r#"
        error: `session_prefix` is required in `[defaults]`
         --> agents.toml:1:2
          |
        1 | [defaults]
          |  ^^^^^^^^
        hint: for example session_prefix = "proj-"

        error: `log_dir` is required in `[defaults]`
         --> agents.toml:2:1
          |
        2 | log_dir = ""
          | ^^^^^^^
        hint: for example log_dir = "logs"
    "#]]
    .assert_eq(&render(&parse(text).mistakes, text, Path::new("agents.toml")));
    assert!(parse("").fleet.is_none());
}

#[test]
fn wrong_types_are_told_all_at_once() {
    says(
        "model = 3\n[watchdog]\nsignal_interval = \"soon\"\nmax_starting = 2.5\n[loop]\nphases = \"many\"\n\
         [loop.handoff]\ninboxes = [1]\n[[agent]]\nname = 7\n[[agent]]\nname = \"a\"\nprompt = [\"x\"]\nenabled = \"yes\"\n\
         wake = true\n",
        &expect![[r#"
            error: `model` must be a text, not a whole number
             --> agents.toml:5:9
              |
            5 | model = 3
              |         ^

            error: `signal_interval` must be a number of seconds, not a text
             --> agents.toml:7:19
              |
            7 | signal_interval = "soon"
              |                   ^^^^^^

            error: `max_starting` must be a whole number, not a fraction
             --> agents.toml:8:16
              |
            8 | max_starting = 2.5
              |                ^^^

            error: `phases` must be a list of tables, not a text
              --> agents.toml:10:10
               |
            10 | phases = "many"
               |          ^^^^^^

            error: `claim_pings` names `adversary`, which does not exist
              --> agents.toml:11:7
               |
            11 | [loop.handoff]
               |       ^^^^^^^
            hint: known are `a`

            error: `review_pings` names `builder`, which does not exist
              --> agents.toml:11:7
               |
            11 | [loop.handoff]
               |       ^^^^^^^
            hint: known are `a`

            error: `inboxes` must hold texts only
              --> agents.toml:12:11
               |
            12 | inboxes = [1]
               |           ^^^

            error: `name` must be a text, not a whole number
              --> agents.toml:14:8
               |
            14 | name = 7
               |        ^

            error: `prompt` must be a text, not a list
              --> agents.toml:17:10
               |
            17 | prompt = ["x"]
               |          ^^^^^

            error: `enabled` must be true or false, not a text
              --> agents.toml:18:11
               |
            18 | enabled = "yes"
               |           ^^^^^

            error: `wake` must be a table, not true or false
              --> agents.toml:19:8
               |
            19 | wake = true
               |        ^^^^
            == no fleet
        "#]],
    );
}

#[test]
fn lists_of_tables_are_asked_for() {
    says(
        "agent = { name = \"a\" }\n",
        &expect![[r#"
            error: unknown key `agent`
             --> agents.toml:5:1
              |
            5 | agent = { name = "a" }
              | ^^^^^
            hint: `[[agent]]` is a section of the file
            == loads
        "#]],
    );
    says(
        "[agent]\nname = \"a\"\n[backend]\nclaude = \"x\"\n",
        &expect![[r#"
            error: `agent` must be a list of tables, not a table
             --> agents.toml:5:1
              |
            5 | [agent]
              | ^^^^^^^
            hint: write `[[agent]]`

            error: `claude` must be a table, not a text
             --> agents.toml:8:10
              |
            8 | claude = "x"
              |          ^^^
            == no fleet
        "#]],
    );
}

#[test]
fn a_wrong_type_in_a_backend_spoils_only_its_agents() {
    says(
        "[backend.x]\nbin = 3\n[[agent]]\nname = \"a\"\nprompt = \"x\"\nbackend = \"x\"\n",
        &expect![[r#"
        error: `bin` must be a text, not a whole number
         --> agents.toml:6:7
          |
        6 | bin = 3
          |       ^
        == loads; a: backend `x`: `bin` must be a text, not a whole number
    "#]],
    );
}

#[test]
fn numbers_out_of_range_are_told_and_the_default_holds() {
    let more = "[watchdog]\nsignal_interval = 0\nheavy_interval = -5\nlimit_probe_fallback = 99999999999999999999\n\
                wait_max = 1000000000\nmax_starting = 0\n";
    says(
        more,
        &expect![[r#"
        error: `signal_interval` must be at least 1
         --> agents.toml:6:19
          |
        6 | signal_interval = 0
          |                   ^
        hint: without it, 30 is used

        error: `heavy_interval` must be at least 1
         --> agents.toml:7:18
          |
        7 | heavy_interval = -5
          |                  ^^
        hint: without it, 300 is used

        error: `limit_probe_fallback` must be at most 315360000
         --> agents.toml:8:24
          |
        8 | limit_probe_fallback = 99999999999999999999
          |                        ^^^^^^^^^^^^^^^^^^^^
        hint: without it, 300 is used

        error: `wait_max` must be at most 315360000
         --> agents.toml:9:12
          |
        9 | wait_max = 1000000000
          |            ^^^^^^^^^^
        hint: without it, 3600 is used

        error: `max_starting` must be at least 1
          --> agents.toml:10:16
           |
        10 | max_starting = 0
           |                ^
        hint: without it, 4 is used
        == loads
    "#]],
    );
    assert_eq!(load(&format!("{LEAST}{more}")).watchdog, agent_orchestrator::policy::fleet::Watchdog::default());
}

#[test]
fn unknown_words_are_told() {
    says(
        "control = \"opperate\"\n[backend.x]\nbin = \"x\"\nprompt_delivery = \"pnig\"\n\
         [[agent]]\nname = \"a\"\nkind = \"lop\"\nprompt = \"x\"\n\
         [[agent]]\nname = \"b\"\nbackend = \"x\"\nprompt = \"x\"\nwatch = \"always\"\n",
        &expect![[r#"
            error: unknown `control`: `opperate`
             --> agents.toml:5:11
              |
            5 | control = "opperate"
              |           ^^^^^^^^^^
            hint: did you mean `operate`?

            error: unknown `prompt_delivery`: `pnig`
             --> agents.toml:8:19
              |
            8 | prompt_delivery = "pnig"
              |                   ^^^^^^
            hint: did you mean `ping`?

            error: unknown `kind`: `lop`
              --> agents.toml:11:8
               |
            11 | kind = "lop"
               |        ^^^^^
            hint: did you mean `loop`?

            error: unknown `watch`: `always`
              --> agents.toml:17:9
               |
            17 | watch = "always"
               |         ^^^^^^^^
            hint: one of `none`, `heal`, `heal+stall`
            == loads; a: unknown `kind`: `lop`; b: backend `x`: unknown `prompt_delivery`: `pnig`
        "#]],
    );
}

#[test]
fn a_bad_pattern_is_shown_where_it_is_bad() {
    says(
        "[backend.x]\nbin = \"x\"\nactive_re = \"done\\\\.(?!not yet)\"\nlimit_re = 'limit (\\w+'\nfatal_re = '(a)\\1'\n\
         ready_re = 'x{1000}{1000}{1000}'\n[loop]\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\n\
         handoff = { claim_pattern = \"^claim(?=x)\", claim_pings = \"a\", review_pings = \"a\" }\n\
         [[agent]]\nname = \"a\"\nprompt = \"x\"\n",
        &expect![[r#"
            error: bad pattern in `active_re`: look-around, including look-ahead and look-behind, is not supported
             --> agents.toml:7:21
              |
            7 | active_re = "done\\.(?!not yet)"
              |                     ^^^
            hint: `(?=`, `(?!`, `(?<=` and `(?<!` do not exist here: match the text itself, or list the cases with `|`

            error: bad pattern in `limit_re`: unclosed group
             --> agents.toml:8:19
              |
            8 | limit_re = 'limit (\w+'
              |                   ^

            error: bad pattern in `fatal_re`: backreferences are not supported
             --> agents.toml:9:16
              |
            9 | fatal_re = '(a)\1'
              |                ^^
            hint: write out what the group may be, with `|`

            error: bad pattern in `ready_re`: it is too large
              --> agents.toml:10:12
               |
            10 | ready_re = 'x{1000}{1000}{1000}'
               |            ^^^^^^^^^^^^^^^^^^^^^
            hint: make it shorter, or its repetitions smaller

            error: bad pattern in `claim_pattern`: look-around, including look-ahead and look-behind, is not supported
              --> agents.toml:13:36
               |
            13 | handoff = { claim_pattern = "^claim(?=x)", claim_pings = "a", review_pings = "a" }
               |                                    ^^^
            hint: `(?=`, `(?!`, `(?<=` and `(?<!` do not exist here: match the text itself, or list the cases with `|`; until it is mended, `^claim` is used
            == loads
        "#]],
    );
}

#[test]
fn homes_are_found_or_asked_for() {
    says(
        "[[agent]]\nname = \"a\"\nprompt = \"x\"\ndir = \"~other/work\"\n",
        &expect![[r#"
        error: cannot resolve `~other/work`: only `~/` is known
         --> agents.toml:8:7
          |
        8 | dir = "~other/work"
          |       ^^^^^^^^^^^^^
        hint: write the folder's whole path
        == loads
    "#]],
    );
    let text = format!("{LEAST}[[agent]]\nname = \"a\"\nprompt = \"x\"\ndir = \"~/work\"\n");
    let parsed = config::parse(&text, &Where { home: None, ..place() });
    expect![[r#"
        error: cannot resolve `~/work`: no home folder is known
         --> agents.toml:8:7
          |
        8 | dir = "~/work"
          |       ^^^^^^^^
        hint: set HOME, or write the whole path
    "#]]
    .assert_eq(&render(&parsed.mistakes, &text, Path::new("agents.toml")));
}
