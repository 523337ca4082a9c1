//! Files, programs that read the mistakes, and texts that are no config at all.

use super::*;

#[test]
fn a_wake_prompt_may_not_look_like_a_limit() {
    let text = format!(
        "{LEAST}[backend.x]\nbin = \"x\"\nlimit_re = \"usage limit\"\n[[agent]]\nname = \"a\"\nbackend = \"x\"\n\
         prompt = \"x\"\nwake = {{ prompt_file = \"wake.md\", interval = 60 }}\n"
    );
    let parsed = parse(&text);
    let wake = files_needed(&parsed).iter().find(|needed| needed.file_use == FileUse::WakePrompt).expect("a wake");
    let fleet = parsed.fleet.as_ref().expect("usable");
    assert_eq!(check_content(wake, "Look after the others.\n", fleet, &text), None);
    let mistake = check_content(wake, "Is there a usage\n  limit?\n", fleet, &text).expect("it looks like one");
    expect![[r#"
        error: the wake prompt matches the `limit_re` of its own backend: `usage limit`
          --> agents.toml:12:24
           |
        12 | wake = { prompt_file = "wake.md", interval = 60 }
           |                        ^^^^^^^^^
        hint: typed into the pane it would be taken for a limit banner: make the pattern match only what the program prints
    "#]].assert_eq(&render(&[mistake], &text, Path::new("agents.toml")));
}

#[test]
fn the_files_that_must_be_there_are_listed() {
    let parsed = parse(EVERY_KEY);
    let line = |needed: &config::Needed| {
        let paths: Vec<_> = needed.candidates.iter().map(|path| path.display().to_string()).collect();
        format!("{} {} {}\n", needed.file_use.word(), needed.key, paths.join(" "))
    };
    expect![[r#"
        kickoff template loop[0].kickoff_template /srv/fleet/prompts/kickoff.md
        plan loop[0].phases[0].plan /srv/fleet/plans/1.md /srv/fleet/clone/plans/1.md /srv/fleet/clone/docs/plans/1.md
        plan loop[0].phases[1].plan /srv/fleet/plans/2.md /srv/fleet/clone/plans/2.md /srv/fleet/clone/docs/plans/2.md
        watched repository loop[0].handoff.repo /srv/fleet/clone
        clone agent[0].dir /home/op/builder
        role prompt agent[0].role /srv/fleet/roles/builder.md
        role prompt agent[1].role /srv/fleet/roles/adversary.md
        wake prompt agent[2].wake.prompt_file /srv/fleet/prompts/wake.md
        prompt file agent[3].prompt_file /srv/fleet/prompts/assistant.md
        wake prompt agent[3].wake.prompt_file /srv/fleet/prompts/wake.md
        prompt file agent[4].prompt_file /etc/prompts/upgrader.md
        working folder service[0].dir /srv/fleet/web
    "#]]
    .assert_eq(&files_needed(&parsed).iter().map(line).collect::<String>());
    let gone: Vec<Mistake> = files_needed(&parsed)[..3].iter().map(|needed| missing(needed, EVERY_KEY)).collect();
    expect![[r#"
        error: kickoff template `/srv/fleet/prompts/kickoff.md` is missing
          --> agents.toml:70:1
           |
        70 | kickoff_template = "prompts/kickoff.md"
           | ^^^^^^^^^^^^^^^^

        error: plan is missing
          --> agents.toml:78:15
           |
        78 |   { id = "1", plan = "plans/1.md", status = "STATUS-1.md", models = { builder = "opus" } },
           |               ^^^^
        hint: looked for `/srv/fleet/plans/1.md`, `/srv/fleet/clone/plans/1.md`, `/srv/fleet/clone/docs/plans/1.md`

        error: plan is missing
          --> agents.toml:79:15
           |
        79 |   { id = "2", plan = "plans/2.md", status = "STATUS-2.md" },
           |               ^^^^
        hint: looked for `/srv/fleet/plans/2.md`, `/srv/fleet/clone/plans/2.md`, `/srv/fleet/clone/docs/plans/2.md`
    "#]]
    .assert_eq(&render(&gone, EVERY_KEY, Path::new("agents.toml")));
}

#[test]
fn mistakes_can_be_read_by_programs() {
    let text = format!("{LEAST}wacth = \"heal\"\n");
    let mistakes = parse(&text).mistakes;
    let json = serde_json::to_string(&entries(&mistakes, Path::new("agents.toml"))).expect("it is plain data");
    expect![[r#"[{"severity":"error","file":"agents.toml","line":5,"column":1,"key":"defaults.wacth","message":"unknown key `wacth`","hint":"did you mean `watch`?"}]"#]].assert_eq(&json);
}

#[test]
fn what_is_shown_is_safe_and_bounded() {
    let text =
        format!("{LEAST}\"x\u{9b}31m\" = 1\n\twide\u{e4}\u{4e2d} = \"{}\" # {}\n", "y".repeat(300), "z".repeat(300));
    expect![[r#"
        error: unknown key `x�31m`
         --> agents.toml:5:1
          |
        5 | "x�31m" = 1
          | ^^^^^^^

        error: invalid unquoted key, expected letters, numbers, `-`, `_`
         --> agents.toml:6:6
          |
        6 | 	wideä中 = "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
          | 	    ^^
    "#]].assert_eq(&render(&parse(&text).mistakes, &text, Path::new("agents.toml")));
}

#[test]
fn a_config_without_end_is_refused_and_a_flood_of_mistakes_is_bounded() {
    let huge = format!("{LEAST}# {}\n", "x".repeat(config::TEXT_MAX_BYTES));
    assert!(parse(&huge).fleet.is_none());
    let many: String = (0..2000).fold(String::new(), |text, index| text + &format!("unknown_{index} = 1\n"));
    let parsed = parse(&format!("{LEAST}{many}"));
    assert!(parsed.fleet.is_some() && parsed.mistakes.len() == config::MISTAKES_MAX);
}

#[test]
fn a_fatal_mistake_behind_a_flood_still_counts() {
    let many: String = (0..2000).fold(String::new(), |text, index| text + &format!("unknown_{index} = 1\n"));
    assert!(parse(&format!("{LEAST}{many}[[agent]]\nname = \"o'brien\"\nprompt = \"x\"\n")).fleet.is_none());
}

#[test]
fn the_reference_names_every_key() {
    let reference = config::reference_markdown();
    for key in KEYS {
        assert!(reference.contains(&format!("| `{}` | {} | ", key.key, key.form.words())), "{}", key.key);
    }
    assert!(reference.lines().filter(|line| line.starts_with('|')).all(|line| line.matches('|').count() == 5));
}

/// A generator whose numbers are the same in every run.
fn scramble(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap_or(0)
}

/// Says what holds of any text: it is read without a panic, and its mistakes point into it.
fn survives(text: &str) {
    let parsed = parse(text);
    assert_eq!(parsed.fleet.is_none(), parsed.mistakes.iter().any(|mistake| mistake.severity == Severity::Fatal));
    for mistake in &parsed.mistakes {
        let inside = mistake.span.clone().is_none_or(|span| text.get(span).is_some());
        assert!(inside && mistake.line > 0 && mistake.column > 0, "{mistake:?}");
    }
    let _ = render(&parsed.mistakes, text, Path::new("agents.toml"));
}

/// Cuts `text` before every `step`th byte.
fn survives_cuts(text: &str, step: usize) {
    for end in (0..=text.len()).step_by(step).filter(|&end| text.is_char_boundary(end)) {
        survives(&text[..end]);
    }
}

#[test]
fn a_text_cut_anywhere_is_read() {
    for text in [EVERY_KEY, LAB, PREDECESSOR] {
        // Compiling patterns is nearly all of the time: they are cut at each byte by themselves.
        let (patterns, others): (Vec<_>, Vec<_>) =
            text.lines().partition(|line| line.contains("_re =") || line.contains("_pattern ="));
        survives_cuts(&others.join("\n"), 1);
        for pattern in patterns {
            survives_cuts(&format!("[backend.x]\n{pattern}\n"), 1);
        }
        survives_cuts(text, 31);
    }
}

#[test]
fn a_text_with_any_bytes_changed_is_read() {
    let mut seed = 1;
    for text in [EVERY_KEY, LAB, PREDECESSOR] {
        for _ in 0..150 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=scramble(&mut seed) % 4 {
                let at = scramble(&mut seed) % bytes.len();
                let with =
                    [b'"', b'\'', b'[', b']', b'{', b'}', b'=', b'\n', b'\\', b'.', b'0', b'~', 0xc3, 0xff, 0, b'('];
                match scramble(&mut seed) % 3 {
                    0 => bytes[at] = with[scramble(&mut seed) % with.len()],
                    1 => bytes.insert(at, with[scramble(&mut seed) % with.len()]),
                    _ => drop(bytes.remove(at)),
                }
            }
            survives(&String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn deep_and_wide_texts_are_read() {
    survives(&"[".repeat(20_000));
    survives(&format!("x = {}", "[".repeat(20_000)));
    survives(&format!("x = {}", "{a=".repeat(20_000)));
    survives(&format!("{} = 1", "a.".repeat(20_000)));
    survives(&"[[agent]]\n".repeat(20_000));
    survives("\u{feff}[defaults]\r\nsession_prefix = 'p'\r\nlog_dir = 'l'\r\n");
}
