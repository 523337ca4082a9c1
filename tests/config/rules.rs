//! Rules across keys and tables.

use super::*;

#[test]
fn unknown_backends_list_the_known_ones() {
    says(
        "[backend.mine]\npreset = \"cluade\"\n[[agent]]\nname = \"a\"\nprompt = \"x\"\nbackend = \"calude\"\n",
        &expect![[r#"
            error: no `bin`
             --> agents.toml:5:10
              |
            5 | [backend.mine]
              |          ^^^^
            hint: name the program, or a `preset`

            error: unknown preset `cluade`
             --> agents.toml:6:10
              |
            6 | preset = "cluade"
              |          ^^^^^^^^
            hint: did you mean `claude`?

            error: unknown backend `calude`
              --> agents.toml:10:11
               |
            10 | backend = "calude"
               |           ^^^^^^^^
            hint: did you mean `claude`? known are `claude`, `codex`, `gemini`, `mine`, `opencode`
            == loads; a: unknown backend `calude`
        "#]],
    );
    let text = "[defaults]\nsession_prefix = \"p-\"\nlog_dir = \"l\"\n[[agent]]\nname = \"a\"\nprompt = \"x\"\n";
    expect![[r#"
        error: agent `a` has no `backend`
         --> agents.toml:5:1
          |
        5 | name = "a"
          | ^^^^
        hint: set it here or in `[defaults]`; known are `claude`, `codex`, `gemini`, `opencode`
    "#]]
    .assert_eq(&render(&parse(text).mistakes, text, Path::new("agents.toml")));
}

#[test]
fn names_are_unique() {
    says(
        "[loop]\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }, { id = \"1\", plan = \"p\", status = \"s\" }]\n\
         [[agent]]\nname = \"a\"\nprompt = \"x\"\n[[agent]]\nname = \"a\"\nprompt = \"x\"\n\
         [[agent]]\nname = \"b\"\nsession = \"p-a\"\nprompt = \"x\"\n[[service]]\nname = \"b\"\ncommand = \"x\"\n",
        &expect![[r#"
            error: two phases have the id `1`
             --> agents.toml:6:58
              |
            6 | phases = [{ id = "1", plan = "p", status = "s" }, { id = "1", plan = "p", status = "s" }]
              |                                                          ^^^

            error: two agents or services have the name `a`
              --> agents.toml:11:8
               |
            11 | name = "a"
               |        ^^^

            error: `a` and `b` have the same session `p-a`
              --> agents.toml:15:11
               |
            15 | session = "p-a"
               |           ^^^^^

            error: two agents or services have the name `b`
              --> agents.toml:18:8
               |
            18 | name = "b"
               |        ^^^
            == no fleet
        "#]],
    );
    says(
        "[[loop]]\nname = \"l\"\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\n\
         [[loop]]\nname = \"l\"\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\n\
         [[loop]]\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\n",
        &expect![[r#"
            error: two loops have the name `l`
             --> agents.toml:9:8
              |
            9 | name = "l"
              |        ^^^

            error: a loop of `[[loop]]` has no `name`
              --> agents.toml:11:1
               |
            11 | [[loop]]
               | ^^^^^^^^
            hint: give each loop a `name` of its own, or write `[loop]`
            == no fleet
        "#]],
    );
}

#[test]
fn names_are_plain() {
    says(
        "[[agent]]\nname = \"o'brien\"\nprompt = \"x\"\n[[agent]]\nname = \"\"\nprompt = \"x\"\n[[agent]]\nprompt = \"x\"\n",
        &expect![[r#"
            error: agent name `o'brien` cannot be used
             --> agents.toml:6:8
              |
            6 | name = "o'brien"
              |        ^^^^^^^^^
            hint: use letters, digits, `_` and `-`, at most 64

            error: agent name `` cannot be used
             --> agents.toml:9:8
              |
            9 | name = ""
              |        ^^
            hint: use letters, digits, `_` and `-`, at most 64

            error: agent without `name`
              --> agents.toml:11:1
               |
            11 | [[agent]]
               | ^^^^^^^^^
            == no fleet
        "#]],
    );
    says(
        "[[agent]]\nname = \"a\"\nsession = \"my.session:1\"\nprompt = \"x\"\n",
        &expect![[r#"
        error: session name `my.session:1` cannot be used
         --> agents.toml:7:11
          |
        7 | session = "my.session:1"
          |           ^^^^^^^^^^^^^^
        hint: `my_session_1` is used; it may have 128 letters, digits, `_` and `-`
        == loads
    "#]],
    );
    let text = "[defaults]\nsession_prefix = \"my proj.\"\nlog_dir = \"l\"\nbackend = \"claude\"\n\
                [[agent]]\nname = \"a\"\nprompt = \"x\"\n";
    expect![[r#"
        error: session prefix `my proj.` cannot be used
         --> agents.toml:2:18
          |
        2 | session_prefix = "my proj."
          |                  ^^^^^^^^^^
        hint: `my_proj_` is used; write letters, digits, `_` and `-`
    "#]]
    .assert_eq(&render(&parse(text).mistakes, text, Path::new("agents.toml")));
    assert_eq!(agent(&load(text), "a").session, "my_proj_a");
}

#[test]
fn a_text_that_the_supervisor_types_may_not_look_like_a_limit() {
    says(
        "[backend.x]\nbin = \"x\"\nlimit_re = \"limit|go on\"\n[backend.y]\nbin = \"y\"\nlimit_re = \"stopped\"\n\
         [[agent]]\nname = \"a\"\nbackend = \"y\"\nprompt = \"x\"\nresume_prompt = \"You were stopped: go on.\"\n",
        &expect![[r#"
            error: `limit_re` matches the ping of an edited plan: `go on`
             --> agents.toml:7:12
              |
            7 | limit_re = "limit|go on"
              |            ^^^^^^^^^^^^^
            hint: typed into the pane it would be taken for a limit banner: make the pattern match only what the program prints

            error: `limit_re` matches the probe of a held account: `stopped`
              --> agents.toml:10:12
               |
            10 | limit_re = "stopped"
               |            ^^^^^^^^^
            hint: typed into the pane it would be taken for a limit banner: make the pattern match only what the program prints

            error: `resume_prompt` matches the `limit_re` of its own backend: `stopped`
              --> agents.toml:15:1
               |
            15 | resume_prompt = "You were stopped: go on."
               | ^^^^^^^^^^^^^
            hint: typed into the pane it would be taken for a limit banner: make the pattern match only what the program prints
            == loads
        "#]],
    );
    for (_, text) in typed_texts() {
        let usual = Pattern::new("usage limit|limit reached|(hit|reached) your .*limit|resets? at").expect("good");
        assert!(!usual.regex().is_match(&text), "{text}");
    }
}

#[test]
fn a_wake_has_one_clock_and_no_task() {
    says(
        "[[agent]]\nname = \"a\"\nprompt = \"x\"\nwake = { prompt_file = \"w\", interval = 60, schedule = \"hourly\" }\n\
         [[agent]]\nname = \"b\"\nkind = \"task\"\nprompt = \"x\"\nwake = { prompt_file = \"w\", interval = 60 }\n\
         [[agent]]\nname = \"c\"\nprompt = \"x\"\nwake = { interval = 60 }\n",
        &expect![[r#"
            error: `wake.interval` and `wake.schedule` are both set
             --> agents.toml:8:55
              |
            8 | wake = { prompt_file = "w", interval = 60, schedule = "hourly" }
              |                                                       ^^^^^^^^
            hint: `interval` is kept by the supervisor, `schedule` by a timer: choose one

            error: task `b` has a `wake`
              --> agents.toml:13:1
               |
            13 | wake = { prompt_file = "w", interval = 60 }
               | ^^^^
            hint: a task runs when it is asked to; give it a `schedule`

            error: the wake of agent `c` has no `prompt_file`
              --> agents.toml:17:1
               |
            17 | wake = { interval = 60 }
               | ^^^^
            hint: without it, the agent is not woken
            == loads; a: `wake.interval` and `wake.schedule` are both set
        "#]],
    );
    let text = format!("{LEAST}[[agent]]\nname = \"a\"\nprompt = \"x\"\nwake = {{ prompt_file = \"w\" }}\n");
    assert_eq!(agent(&load(&text), "a").wake.as_ref().expect("woken").interval, Some(seconds(3600)));
}

#[test]
fn a_persistent_agent_has_one_prompt() {
    says(
        "[[agent]]\nname = \"a\"\nprompt = \"x\"\nprompt_file = \"y\"\n[[agent]]\nname = \"b\"\n",
        &expect![[r#"
        error: agent `a` has both `prompt` and `prompt_file`
         --> agents.toml:8:15
          |
        8 | prompt_file = "y"
          |               ^^^
        hint: the file is used; remove one of them

        error: agent `b` has no prompt
          --> agents.toml:10:1
           |
        10 | name = "b"
           | ^^^^
        hint: set `prompt` or `prompt_file`; without one it is started with an empty prompt
        == loads
    "#]],
    );
    let fleet = load(&format!(
        "{LEAST}prompt_file = \"all.md\"\n[[agent]]\nname = \"a\"\nprompt = \"x\"\n[[agent]]\nname = \"b\"\n"
    ));
    assert_eq!(agent(&fleet, "a").kind, Kind::Persistent(Prompt::Text("x".into())));
    assert_eq!(agent(&fleet, "b").kind, Kind::Persistent(Prompt::File("/srv/fleet/all.md".into())));
}

#[test]
fn what_the_supervisor_types_is_no_limit_to_any_preset() {
    for (name, backend) in config::preset_backends() {
        let screen = backend.expect("usable").screen;
        for (what, text) in typed_texts() {
            assert_eq!(screen.limit_hit(&text).map(|(rule, _)| rule.name.clone()), None, "{name}: {what}");
        }
    }
}

#[test]
fn an_input_box_of_which_nothing_could_be_read_is_told() {
    says(
        "[backend.mine]\nbin = \"x\"\ninput_re = '^> .*$'\n[backend.fine]\nbin = \"x\"\ninput_re = '^> '\n\
         [backend.too]\nbin = \"x\"\ninput_re = '^> (.*)$'\n",
        &expect![[r#"
            warning: `input_re` has no group `text` and matches the whole row: the box looks empty, whatever is typed
             --> agents.toml:7:12
              |
            7 | input_re = '^> .*$'
              |            ^^^^^^^^
            hint: for example '^> ?(?P<text>.*)$'
            == loads
        "#]],
    );
}
