//! How the screens of a backend are read: presets, rows of one's own, and the keys of old configs.

use std::sync::Arc;

use agent_orchestrator::config::preset::presets;
use agent_orchestrator::policy::fleet::Backend;
use agent_orchestrator::policy::reading::{Meaning, Region, Rules, read};
use agent_orchestrator::policy::screen::Screen;

use super::*;

/// Returns the backend `name` of `LEAST` and `more`.
fn backend(name: &str, more: &str) -> Backend {
    let fleet = load(&format!("{LEAST}{more}"));
    fleet.backends[name].clone().expect("usable")
}

fn names(rules: &Rules) -> Vec<&str> {
    rules.rules.iter().map(|rule| rule.name.as_str()).collect()
}

fn reads(backend: &Backend, rows: &[&str]) -> Option<(Meaning, String)> {
    let screen = Screen { rows: rows.iter().map(|row| (*row).to_owned()).collect(), ..Screen::default() };
    read(&screen, &backend.screen).map(|reading| (reading.meaning, reading.rule))
}

#[test]
fn fifty_agents_share_what_is_compiled_of_a_preset() {
    let agents = (0..50).fold(String::new(), |text, n| text + &format!("[[agent]]\nname = \"a{n}\"\nprompt = \"x\"\n"));
    let (one, reloaded) = (load(&format!("{LEAST}{agents}")), load(&format!("{LEAST}{agents}")));
    let preset = &presets()["claude"].screen;
    for agent in one.agents.iter().chain(&reloaded.agents) {
        assert!(Arc::ptr_eq(&agent.backend.as_ref().expect("usable").screen, preset), "{}", agent.name);
    }
    let mine = backend("mine", "[backend.mine]\npreset = \"claude\"\nready_re = \"^ready\"\n");
    let compiled = |rules: &Rules| std::ptr::from_ref(rules.rules[0].re.regex());
    assert_eq!(compiled(&mine.screen), compiled(preset), "one key of one's own copies no pattern");
}

#[test]
fn a_backend_of_its_own_reads_nothing() {
    let plain = backend("plain", "[backend.plain]\nbin = \"plain\"\n");
    assert_eq!(*plain.screen, Rules::default());
    assert_eq!(reads(&plain, &["You've hit your session limit"]), None);
}

#[test]
fn presets_start_the_programs_as_they_were_tried() {
    let fleet = load(LEAST);
    let of = |name: &str| fleet.backends[name].as_ref().expect("usable");
    let told = |name: &str| {
        let backend = of(name);
        let process = backend.process_name.clone().unwrap_or_default();
        (backend.bin.clone(), backend.flags.clone(), backend.prompt_delivery, process, backend.queues_while_busy)
    };
    let row = |bin: &str, flags: &str, delivery, process: &str, queues| {
        (bin.to_owned(), flags.to_owned(), delivery, process.to_owned(), queues)
    };
    assert_eq!(told("claude"), row("claude", "", PromptDelivery::Arg, "claude", true));
    assert_eq!(told("codex"), row("codex --no-daemon", "", PromptDelivery::Arg, "", false));
    assert_eq!(told("gemini"), row("gemini", "-i", PromptDelivery::Arg, "", false));
    assert_eq!(told("opencode"), row("opencode", "", PromptDelivery::Ping, "opencode", false));
    for name in ["claude", "codex", "gemini", "opencode"] {
        assert_eq!(of(name).submit_key, "Enter", "{name}");
        assert!(of(name).screen.input_re.is_some() && of(name).screen.closing_re.is_some(), "{name}");
    }
}

#[test]
fn rows_of_ones_own_stand_before_the_presets_and_replace_those_of_their_name() {
    let mine = backend(
        "claude",
        "[[backend.claude.rules]]\nname = \"pager\"\nregion = \"last 2\"\nmeaning = \"permission\"\nre = '^\\(END\\)$'\n\
         [[backend.claude.rules]]\nname = \"spinner\"\nregion = \"end\"\nmeaning = \"working\"\npriority = 7\nre = '^~ '\n",
    );
    let preset = &presets()["claude"].screen;
    assert_eq!(names(&mine.screen)[..2], ["pager", "spinner"]);
    assert_eq!(mine.screen.rules.len(), preset.rules.len() + 1, "`spinner` took the place of the preset's");
    assert_eq!(mine.screen.input_re, preset.input_re);
    let pager = &mine.screen.rules[0];
    assert_eq!((pager.region, pager.meaning, pager.priority), (Region::LastRows(2), Meaning::Permission, 100));
    assert_eq!(mine.screen.rules[1].priority, 7);
    assert_eq!(reads(&mine, &["a", "", "(END)"]), Some((Meaning::Permission, "pager".to_owned())));
    let rule = "────────────────";
    let spins = |mark: &str| reads(&mine, &[&format!("{mark} Thinking…"), "", rule, "❯", rule]);
    assert_eq!(spins("~"), Some((Meaning::Working, "spinner".to_owned())));
    assert_eq!(spins("✻"), None);
}

#[test]
fn keys_of_old_configs_replace_the_presets_rules_of_their_meaning() {
    let old = backend(
        "claude",
        "[backend.claude]\nactive_re = \"Running tool\"\nlimit_re = \"quota gone\"\nfatal_re = \"\"\n",
    );
    let preset = &presets()["claude"].screen;
    let of = |meaning: Meaning| {
        let rules = old.screen.rules.iter().filter(move |rule| rule.meaning == meaning);
        rules.map(|rule| rule.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of(Meaning::Working), ["active_re", "title-working"], "the title is another source");
    assert_eq!(of(Meaning::Limited), ["limit_re"]);
    assert_eq!(of(Meaning::Fatal), ["thinking-blocks"], "an empty key says nothing");
    assert_eq!(of(Meaning::LimitMenu), ["limit-menu-wait-selected", "limit-menu"]);
    assert_eq!(old.screen.closing_re, preset.closing_re);
    assert_eq!(reads(&old, &["quota gone"]), Some((Meaning::Limited, "limit_re".to_owned())));
    let footer = |key: &str| {
        let fake = format!("[backend.fake]\nbin = \"fake\"\nactive_re = \"thinking\"\n{key}");
        reads(&backend("fake", &fake), &[&["thinking"][..], &["x"; 12]].concat())
    };
    assert_eq!(footer(""), Some((Meaning::Working, "active_re".to_owned())));
    assert_eq!(footer("footer_ui = true\n"), None);
}

#[test]
fn a_row_that_cannot_be_used_is_shown_where_it_is_wrong() {
    says(
        "[[backend.claude.rules]]\nname = \"a\"\nregion = \"top\"\nmeaning = \"workin\"\npriority = 300\nre = 'x(?=y)'\n\
         [[agent]]\nname = \"a\"\nprompt = \"x\"\n",
        &expect![[r#"
            error: unknown `region`: `top`
             --> agents.toml:7:10
              |
            7 | region = "top"
              |          ^^^^^
            hint: one of `title`, `footer`, `end`, `dialog`, `last N` or `anywhere`

            error: unknown `meaning`: `workin`
             --> agents.toml:8:11
              |
            8 | meaning = "workin"
              |           ^^^^^^^^
            hint: did you mean `working`?

            error: bad pattern in `re`: look-around, including look-ahead and look-behind, is not supported
              --> agents.toml:10:8
               |
            10 | re = 'x(?=y)'
               |        ^^^
            hint: `(?=`, `(?!`, `(?<=` and `(?<!` do not exist here: match the text itself, or list the cases with `|`
            == loads; a: backend `claude`: unknown `region`: `top`
        "#]],
    );
    says(
        "[[backend.claude.rules]]\nname = \"b\"\nregion = \"last 0\"\nmeaning = \"angry\"\nre = 'x'\ncolour = \"red\"\n\
         [[agent]]\nname = \"a\"\nprompt = \"x\"\n",
        &expect![[r#"
            error: unknown `region`: `last 0`
             --> agents.toml:7:10
              |
            7 | region = "last 0"
              |          ^^^^^^^^
            hint: one of `title`, `footer`, `end`, `dialog`, `last N` or `anywhere`

            error: unknown `meaning`: `angry`
             --> agents.toml:8:11
              |
            8 | meaning = "angry"
              |           ^^^^^^^
            hint: one of `starting`, `working`, `idle`, `limited`, `limit-menu`, `continues-by-itself`, `retrying`, `refused`, `login`, `permission`, `unknown-dialog`, `fatal`, `context`

            error: unknown key `colour`
              --> agents.toml:10:1
               |
            10 | colour = "red"
               | ^^^^^^
            == loads; a: backend `claude`: unknown `region`: `last 0`
        "#]],
    );
}

#[test]
fn a_row_needs_its_keys_and_a_name_of_its_own() {
    says(
        "[[backend.claude.rules]]\nname = \"b\"\nregion = \"end\"\nmeaning = \"idle\"\nre = 'x'\n\
         [[backend.claude.rules]]\nname = \"b\"\nregion = \"end\"\nmeaning = \"idle\"\nre = 'y'\n\
         [[backend.claude.rules]]\nregion = 3\n\
         [[agent]]\nname = \"a\"\nprompt = \"x\"\n",
        &expect![[r#"
            error: two rules have the name `b`
              --> agents.toml:11:8
               |
            11 | name = "b"
               |        ^^^

            error: a rule has no `name`
              --> agents.toml:15:1
               |
            15 | [[backend.claude.rules]]
               | ^^^^^^^^^^^^^^^^^^^^^^^^

            error: a rule has no `meaning`
              --> agents.toml:15:1
               |
            15 | [[backend.claude.rules]]
               | ^^^^^^^^^^^^^^^^^^^^^^^^

            error: a rule has no `re`
              --> agents.toml:15:1
               |
            15 | [[backend.claude.rules]]
               | ^^^^^^^^^^^^^^^^^^^^^^^^

            error: `region` must be a text, not a whole number
              --> agents.toml:16:10
               |
            16 | region = 3
               |          ^
            == loads; a: backend `claude`: two rules have the name `b`
        "#]],
    );
}

#[test]
fn rows_are_a_list_of_tables_and_bounded() {
    says(
        "[backend.x]\nbin = \"x\"\nrules = [1]\n",
        &expect![[r#"
        error: `rules` must hold tables, not a whole number
         --> agents.toml:7:10
          |
        7 | rules = [1]
          |          ^
        == loads
    "#]],
    );
    says(
        "[backend.x]\nbin = \"x\"\nrules = { name = \"a\" }\n",
        &expect![[r#"
        error: `rules` must be a list of tables, not a table
         --> agents.toml:7:9
          |
        7 | rules = { name = "a" }
          |         ^^^^^^^^^^^^^^
        hint: write `[[rules]]`
        == loads
    "#]],
    );
    let many = "[[backend.x.rules]]\nname = \"a\"\nregion = \"end\"\nmeaning = \"idle\"\nre = 'x'\n".repeat(201);
    says(
        &format!("[backend.x]\nbin = \"x\"\n{many}"),
        &expect![[r#"
        error: 201 rules, 200 are allowed
         --> agents.toml:7:13
          |
        7 | [[backend.x.rules]]
          |             ^^^^^
        == loads
    "#]],
    );
}

#[test]
fn a_row_about_a_limit_may_not_match_what_the_supervisor_types() {
    says(
        "[[backend.claude.rules]]\nname = \"held\"\nregion = \"end\"\nmeaning = \"continues-by-itself\"\nre = 'go on'\n\
         [[backend.claude.rules]]\nname = \"busy\"\nregion = \"end\"\nmeaning = \"working\"\nre = 'go on'\n\
         [[agent]]\nname = \"a\"\nprompt = \"x\"\nresume_prompt = \"Please go on.\"\n\
         [[agent]]\nname = \"b\"\nprompt = \"x\"\nresume_prompt = \"\"\"Continue.\nYou've hit your session limit\"\"\"\n",
        &expect![[r#"
            error: rule `held` matches the ping of an edited plan: `go on`
             --> agents.toml:9:6
              |
            9 | re = 'go on'
              |      ^^^^^^^
            hint: typed into the pane it would be taken for a limit banner: make the pattern match only what the program prints

            error: `resume_prompt` matches the rule `held` of its own backend: `go on`
              --> agents.toml:18:1
               |
            18 | resume_prompt = "Please go on."
               | ^^^^^^^^^^^^^
            hint: typed into the pane it would be taken for a limit banner: make the pattern match only what the program prints

            error: `resume_prompt` matches the rule `limit` of its own backend: `You've hit your session limit`
              --> agents.toml:22:1
               |
            22 | resume_prompt = """Continue.
               | ^^^^^^^^^^^^^
            hint: typed into the pane it would be taken for a limit banner: make the pattern match only what the program prints
            == loads
        "#]],
    );
}
