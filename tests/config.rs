//! What `agents.toml` says, and what is said of a wrong one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_orchestrator::config::{
    self, FileUse, KEYS, Mistake, Parsed, Severity, TYPED_TEXTS, Where, check_content, entries, files_needed, missing,
    render,
};
use agent_orchestrator::policy::fleet::{
    Agent, Control, DoneSource, Fleet, Kind, Pattern, Prompt, PromptDelivery, Watch,
};
use expect_test::{Expect, expect};

const EVERY_KEY: &str = include_str!("config/every_key.toml");
const LAB: &str = include_str!("config/lab.toml");
const PREDECESSOR: &str = include_str!("config/predecessor.toml");

/// The shortest fleet; tests add to it.
const LEAST: &str = "[defaults]\nsession_prefix = \"p-\"\nlog_dir = \"logs\"\nbackend = \"claude\"\n";

fn place() -> Where {
    Where { file: PathBuf::from("/srv/fleet/agents.toml"), home: Some(PathBuf::from("/home/op")) }
}

fn parse(text: &str) -> Parsed {
    config::parse(text, &place())
}

/// Parses a text that is usable.
fn load(text: &str) -> Fleet {
    let parsed = parse(text);
    parsed.fleet.unwrap_or_else(|| panic!("{}", render(&parsed.mistakes, text, Path::new("agents.toml"))))
}

fn agent<'a>(fleet: &'a Fleet, name: &str) -> &'a Agent {
    fleet.agent(name).expect("the agent exists")
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Compares all that is said of `LEAST` and `more` with what a person shall read; line 5 is the first of `more`.
fn says(more: &str, expected: &Expect) {
    let text = format!("{LEAST}{more}");
    let parsed = parse(&text);
    let verdict = match &parsed.fleet {
        None => "no fleet".to_owned(),
        Some(fleet) => {
            let bad = fleet.agents.iter().filter(|agent| !matches!(agent.kind, Kind::Service { .. }));
            let bad = bad.filter_map(|agent| Some(format!("; {}: {}", agent.name, agent.backend.as_ref().err()?)));
            format!("loads{}", bad.collect::<String>())
        }
    };
    expected.assert_eq(&format!("{}== {verdict}\n", render(&parsed.mistakes, &text, Path::new("agents.toml"))));
}

#[test]
fn the_shortest_fleet_loads_without_a_mistake() {
    let parsed = parse(&format!("{LEAST}[[agent]]\nname = \"worker\"\nprompt = \"Work.\"\n"));
    assert_eq!(parsed.mistakes, []);
    let fleet = parsed.fleet.expect("it is usable");
    assert_eq!(fleet.project_dir, Path::new("/srv/fleet"));
    assert_eq!(fleet.log_dir, Path::new("/srv/fleet/logs"));
    let worker = agent(&fleet, "worker");
    assert_eq!((worker.session.as_str(), worker.account.as_str(), worker.watch), ("p-worker", "claude", Watch::None));
    assert_eq!((worker.dir.as_path(), worker.enabled, worker.resume), (Path::new("/srv/fleet"), true, false));
    assert_eq!(worker.resume_prompt, "Go on where you stopped.");
    assert_eq!(worker.kind, Kind::Persistent(Prompt::Text("Work.".into())));
    assert_eq!(worker.backend.as_ref().expect("the preset").bin, "claude");
}

#[test]
fn an_example_of_every_key_loads_without_a_mistake_and_names_them_all() {
    let parsed = parse(EVERY_KEY);
    assert_eq!(render(&parsed.mistakes, EVERY_KEY, Path::new("agents.toml")), "");
    let written: BTreeSet<&str> = EVERY_KEY.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let unwritten: Vec<_> = KEYS.iter().filter(|key| !written.contains(key.key)).collect();
    assert!(unwritten.is_empty(), "not in the example: {unwritten:?}");
}

#[test]
fn every_key_reaches_the_fleet() {
    let fleet = load(EVERY_KEY);
    assert_eq!(fleet.notify, Some(vec!["notify-me".into(), "--json".into()]));
    assert_eq!((fleet.watchdog.signal_interval, fleet.watchdog.stall_grace), (seconds(20), seconds(0)));
    assert_eq!((fleet.watchdog.max_starting, fleet.watchdog.draft_alarm), (2, seconds(600)));
    let builder = agent(&fleet, "builder");
    assert_eq!((builder.session.as_str(), builder.account.as_str()), ("the-builder", "mine"));
    assert_eq!(builder.dir, Path::new("/home/op/builder"));
    assert_eq!((builder.enabled, builder.watch, builder.control), (false, Watch::HealAndStall, Control::Observe));
    assert_eq!((builder.resume, builder.resume_prompt.as_str()), (true, "Continue."));
    assert_eq!(builder.kind, Kind::Loop { in_loop: "main".into(), role: "builder".into() });
    assert_eq!(builder.backend.as_ref().expect("usable").flags, "--permission-mode acceptEdits");
    assert_eq!(agent(&fleet, "adversary").account, "team");
    assert_eq!(agent(&fleet, "adversary").watch, Watch::Heal);
    let wake = agent(&fleet, "orchestrator").wake.as_ref().expect("it is woken");
    assert_eq!(
        (wake.interval, wake.prompt_file.as_path()),
        (Some(seconds(1800)), Path::new("/srv/fleet/prompts/wake.md"))
    );
    let wake = agent(&fleet, "assistant").wake.as_ref().expect("it is woken");
    assert_eq!((wake.interval, wake.schedule.as_deref()), (None, Some("hourly")));
    assert_eq!(agent(&fleet, "upgrader").schedule.as_deref(), Some("Sun 02:00 UTC"));
    assert_eq!(agent(&fleet, "upgrader").kind, Kind::Task(Prompt::File("/etc/prompts/upgrader.md".into())));
    let web = agent(&fleet, "web");
    assert_eq!((web.session.as_str(), web.dir.as_path()), ("web-server", Path::new("/srv/fleet/web")));
    assert_eq!(web.kind, Kind::Service { command: "exec web --port 4096".into() });
}

#[test]
fn a_loop_and_a_backend_are_read_whole() {
    let fleet = load(EVERY_KEY);
    let main = fleet.loop_named("main").expect("the loop");
    assert_eq!(main.phases.iter().map(|phase| phase.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(main.phases[0].models.get("builder").map(String::as_str), Some("opus"));
    assert_eq!((main.auto_advance, main.done_source, main.review_rounds_max), (false, DoneSource::Worktree, 7));
    assert_eq!(main.state_file, Path::new("/srv/fleet/logs/state/main-idx"));
    assert_eq!(main.kickoff_template.as_deref(), Some(Path::new("/srv/fleet/prompts/kickoff.md")));
    assert_eq!((main.roles_dir.as_path(), main.done_marker.as_str()), (Path::new("/srv/fleet/roles"), "## FINISHED"));
    assert_eq!((main.repo.as_path(), main.branch.as_deref()), (Path::new("/srv/fleet/clone"), Some("trunk")));
    let handoff = main.handoff.as_ref().expect("the handoff");
    assert_eq!((main.state_subdir.as_str(), handoff.inboxes.len()), ("docs", 2));
    assert_eq!(handoff.claim_pattern, Pattern::new("^claim\\(").expect("good"));
    let after = main.on_complete.as_ref().expect("what follows");
    assert_eq!(after.run.as_deref(), Some("upgrader"));
    assert_eq!(after.trigger_file.as_deref(), Some(Path::new("/srv/fleet/logs/.done")));
    let other = agent(&fleet, "adversary").backend.as_ref().expect("usable");
    assert_eq!((other.bin.as_str(), other.prompt_delivery), ("other", PromptDelivery::Ping));
    assert_eq!((other.connect_delay, other.ready_max), (seconds(3), seconds(30)));
    assert_eq!((other.submit_key.as_str(), other.env.len()), ("C-j", 1));
    assert_eq!(other.new_id_flag.as_deref(), Some("-n '{id}'"));
}

#[test]
fn the_predecessors_lab_loads_without_a_mistake() {
    let parsed = parse(LAB);
    assert_eq!(parsed.mistakes, []);
    let fleet = parsed.fleet.expect("it is usable");
    let fake = agent(&fleet, "builder").backend.as_ref().expect("usable");
    assert_eq!((fake.prompt_delivery, fake.stall_idle), (PromptDelivery::Exec, seconds(100_000)));
    let its_loop = fleet.loop_named("").expect("the unnamed loop");
    assert_eq!((its_loop.repo.as_path(), its_loop.phases.len()), (Path::new("/lab/builder"), 2));
    assert_eq!(its_loop.handoff.as_ref().expect("the handoff").claim_pattern, Pattern::new("^claim").expect("good"));
    assert_eq!(agent(&fleet, "orch").wake.as_ref().expect("woken").interval, Some(seconds(2)));
}

#[test]
fn an_installation_of_the_predecessor_loads_as_written() {
    let fleet = load(PREDECESSOR);
    assert_eq!(
        (fleet.project_dir.as_path(), fleet.log_dir.as_path()),
        (Path::new("/srv/fleet/../project"), Path::new("/home/op/logs"))
    );
    let builder = agent(&fleet, "builder");
    let claude = builder.backend.as_ref().expect("usable");
    assert_eq!((claude.bin.as_str(), claude.fatal_re.as_ref()), ("IS_SANDBOX=1 claude", None));
    assert!(claude.input_re.is_some() && claude.queues_while_busy, "what it does not name comes from the preset");
    assert_eq!(builder.dir, Path::new("/srv/fleet/../project/work"));
    assert_eq!(builder.model.as_deref(), Some("claude-sonnet-4-6"));
    let adversary = agent(&fleet, "adv").backend.as_ref().expect("usable");
    assert_eq!((adversary.submit_key.as_str(), adversary.log_grace), ("C-m", seconds(120)));
    assert!(adversary.input_re.is_none(), "there is no preset of this name");
    assert_eq!(agent(&fleet, "oc-web").dir, Path::new("/srv/fleet/../project"));
    let after = fleet.loops[0].on_complete.as_ref().expect("what follows");
    assert_eq!(after.trigger_file.as_deref(), Some(Path::new("/home/op/logs/.run-upgrader")));
}

#[test]
fn the_predecessors_defaults_hold_without_a_preset() {
    let fleet = load(&format!("{LEAST}[backend.x]\nbin = \"x\"\n"));
    let x = fleet.backends["x"].as_ref().expect("usable");
    assert_eq!((x.connect_delay, x.ready_max), (seconds(12), seconds(60)));
    assert_eq!((x.stall_idle, x.log_grace), (seconds(300), seconds(180)));
    assert_eq!((x.submit_key.as_str(), x.attach.as_str()), ("Enter", "{bin}"));
    assert_eq!((x.resume_flag.as_str(), x.model_flag.as_str()), ("--resume '{id}'", "--model '{model}'"));
    assert_eq!(x.remote_control_flag, "--remote-control '{session}'");
    assert!(!x.supports_resume && !x.queues_while_busy && x.new_id_flag.is_none() && x.active_re.is_none());
}

#[test]
fn the_claude_preset_reads_the_row_of_the_input_box_and_no_other() {
    let fleet = load(LEAST);
    let claude = fleet.backends["claude"].as_ref().expect("usable");
    let input = claude.input_re.as_ref().expect("a pattern").regex();
    let typed = |row: &str| input.captures(row).map(|found| found["text"].to_owned());
    assert_eq!(typed("❯\u{a0}"), Some(String::new()));
    assert_eq!(typed("❯\u{a0}hello plain slow"), Some("hello plain slow".into()));
    assert_eq!(typed("❯\u{a0}1. a numbered draft"), Some("1. a numbered draft".into()));
    assert_eq!(typed("❯ hello"), None, "a prompt in the conversation above");
    assert_eq!(typed(" ❯ 1. Yes, I trust this folder"), None, "a menu");
    assert_eq!(typed("  ❯ queued ONE"), None, "a queued prompt");
    assert!(claude.ready_re.as_ref().expect("a pattern").regex().is_match("❯\u{a0}Try \"fix lint errors\""));
}

#[test]
fn a_misconfigured_agent_does_not_stop_the_others() {
    let fleet = load(&format!(
        "{LEAST}[backend.broken]\nbin = \"x\"\nactive_re = \"a(?=b)\"\n\
         [[agent]]\nname = \"one\"\nprompt = \"x\"\nbackend = \"nonesuch\"\n\
         [[agent]]\nname = \"two\"\nprompt = \"x\"\nbackend = \"broken\"\n\
         [[agent]]\nname = \"three\"\nprompt = \"x\"\n"
    ));
    let reason = |name: &str| agent(&fleet, name).backend.clone().err();
    assert_eq!(reason("one").as_deref(), Some("unknown backend `nonesuch`"));
    assert!(reason("two").is_some_and(|reason| reason.starts_with("backend `broken`: bad pattern in `active_re`")));
    assert_eq!(reason("three"), None);
    assert!(fleet.backends["broken"].is_err() && fleet.backends["claude"].is_ok());
}

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
            hint: did you mean `claude`? known are `claude`, `mine`
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
        hint: known are `claude`
    "#]]
    .assert_eq(&render(&parse(text).mistakes, text, Path::new("agents.toml")));
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
        "[backend.x]\nbin = \"x\"\nlimit_re = \"limit|quota\"\n[backend.y]\nbin = \"y\"\nlimit_re = \"stopped\"\n\
         [[agent]]\nname = \"a\"\nbackend = \"y\"\nprompt = \"x\"\nresume_prompt = \"You were stopped: go on.\"\n",
        &expect![[r#"
            error: `limit_re` matches the probe of a loop agent: `quota`
             --> agents.toml:7:12
              |
            7 | limit_re = "limit|quota"
              |            ^^^^^^^^^^^^^
            hint: typed into the pane it would be taken for a limit banner: make the pattern match only what the program prints

            error: `limit_re` matches the probe of an agent: `stopped`
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
    for (_, text) in TYPED_TEXTS {
        let usual = Pattern::new("usage limit|limit reached|(hit|reached) your .*limit|resets? at").expect("good");
        assert!(!usual.regex().is_match(text), "{text}");
    }
}

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
fn a_loop_agent_needs_a_role_and_a_loop() {
    says(
        "[[agent]]\nname = \"a\"\nkind = \"loop\"\n[[agent]]\nname = \"b\"\nkind = \"loop\"\nrole = \"../b\"\n",
        &expect![[r#"
            error: loop agent `a` has no `role`
             --> agents.toml:6:1
              |
            6 | name = "a"
              | ^^^^
            hint: a role names its prompt, `roles_dir`/ROLE.md

            error: loop agent `a` has no loop to work in
             --> agents.toml:6:1
              |
            6 | name = "a"
              | ^^^^
            hint: add a `[loop]` with its `phases`

            error: loop agent `b` has no loop to work in
             --> agents.toml:9:1
              |
            9 | name = "b"
              | ^^^^
            hint: add a `[loop]` with its `phases`

            error: role `../b` cannot be used
              --> agents.toml:11:8
               |
            11 | role = "../b"
               |        ^^^^^^
            hint: a role is the name of a file in `roles_dir`, without `.md`
            == loads; a: loop agent `a` has no `role`; b: role `../b` cannot be used
        "#]],
    );
    let loops = "[[loop]]\nname = \"left\"\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\n\
                 [[loop]]\nname = \"right\"\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\n";
    says(
        &format!(
            "{loops}[[agent]]\nname = \"a\"\nkind = \"loop\"\nrole = \"r\"\n\
             [[agent]]\nname = \"b\"\nkind = \"loop\"\nrole = \"r\"\nloop = \"rihgt\"\n\
             [[agent]]\nname = \"c\"\nkind = \"loop\"\nrole = \"r\"\nloop = \"left\"\n"
        ),
        &expect![[r#"
            error: loop agent `a` names none of the loops
              --> agents.toml:12:1
               |
            12 | name = "a"
               | ^^^^
            hint: set `loop`: known are `left`, `right`

            error: unknown loop `rihgt`
              --> agents.toml:19:8
               |
            19 | loop = "rihgt"
               |        ^^^^^^^
            hint: did you mean `right`?
            == loads; a: loop agent `a` names none of the loops; b: unknown loop `rihgt`
        "#]],
    );
}

#[test]
fn a_loop_needs_whole_phases() {
    says(
        "[loop]\nauto_advance = true\n",
        &expect![[r#"
        error: the loop has no `phases`
         --> agents.toml:5:2
          |
        5 | [loop]
          |  ^^^^
        hint: add at least one: phases = [{ id = "1", plan = "…", status = "…" }]
        == loads
    "#]],
    );
    says(
        "[loop]\nphases = [{ id = \"1\", status = \"s\" }, { plan = \"p\" }]\n",
        &expect![[r#"
            error: a phase has no `plan`
             --> agents.toml:6:11
              |
            6 | phases = [{ id = "1", status = "s" }, { plan = "p" }]
              |           ^^^^^^^^^^^^^^^^^^^^^^^^^^

            error: a phase has no `id`
             --> agents.toml:6:39
              |
            6 | phases = [{ id = "1", status = "s" }, { plan = "p" }]
              |                                       ^^^^^^^^^^^^^^

            error: a phase has no `status`
             --> agents.toml:6:39
              |
            6 | phases = [{ id = "1", status = "s" }, { plan = "p" }]
              |                                       ^^^^^^^^^^^^^^
            == loads
        "#]],
    );
}

#[test]
fn a_loop_names_agents_that_exist_and_fit() {
    says(
        "[loop]\nphases = [{ id = \"1\", plan = \"p\", status = \"s\", models = { bulider = \"m\" } }]\n\
         on_complete = { run = \"a\" }\nhandoff = { claim_pings = \"t\", inboxes = [\"A\", \"B\", \"C\"] }\n\
         [[agent]]\nname = \"a\"\nkind = \"loop\"\nrole = \"builder\"\n\
         [[agent]]\nname = \"t\"\nkind = \"task\"\nprompt = \"x\"\n",
        &expect![[r#"
            error: no agent of this loop has the role `bulider`
             --> agents.toml:6:60
              |
            6 | phases = [{ id = "1", plan = "p", status = "s", models = { bulider = "m" } }]
              |                                                            ^^^^^^^
            hint: did you mean `builder`?

            error: `run` names `a`, which is no task
             --> agents.toml:7:23
              |
            7 | on_complete = { run = "a" }
              |                       ^^^
            hint: its kind is `loop`; only a task runs once

            error: `review_pings` names `builder`, which does not exist
             --> agents.toml:8:1
              |
            8 | handoff = { claim_pings = "t", inboxes = ["A", "B", "C"] }
              | ^^^^^^^
            hint: known are `a`

            error: `claim_pings` names `t`, which takes no pings
             --> agents.toml:8:27
              |
            8 | handoff = { claim_pings = "t", inboxes = ["A", "B", "C"] }
              |                           ^^^
            hint: name a loop or persistent agent

            error: `inboxes` has more than two files
             --> agents.toml:8:42
              |
            8 | handoff = { claim_pings = "t", inboxes = ["A", "B", "C"] }
              |                                          ^^^^^^^^^^^^^^^
            hint: the first is read by `claim_pings`, the second by `review_pings`
            == loads
        "#]],
    );
    says(
        "[loop]\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\non_complete = { run = \"upgarder\" }\n\
         [[agent]]\nname = \"upgrader\"\nkind = \"task\"\nprompt = \"x\"\n",
        &expect![[r#"
            error: `run` names `upgarder`, which does not exist
             --> agents.toml:7:23
              |
            7 | on_complete = { run = "upgarder" }
              |                       ^^^^^^^^^^
            hint: did you mean `upgrader`?
            == loads
        "#]],
    );
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
        role prompt agent[0].role /srv/fleet/roles/builder.md
        role prompt agent[1].role /srv/fleet/roles/adversary.md
        wake prompt agent[2].wake.prompt_file /srv/fleet/prompts/wake.md
        prompt file agent[3].prompt_file /srv/fleet/prompts/assistant.md
        wake prompt agent[3].wake.prompt_file /srv/fleet/prompts/wake.md
        prompt file agent[4].prompt_file /etc/prompts/upgrader.md
    "#]]
    .assert_eq(&files_needed(&parsed).iter().map(line).collect::<String>());
    let gone: Vec<Mistake> = files_needed(&parsed)[..3].iter().map(|needed| missing(needed, EVERY_KEY)).collect();
    expect![[r#"
        error: kickoff template `/srv/fleet/prompts/kickoff.md` is missing
          --> agents.toml:60:1
           |
        60 | kickoff_template = "prompts/kickoff.md"
           | ^^^^^^^^^^^^^^^^

        error: plan is missing
          --> agents.toml:68:15
           |
        68 |   { id = "1", plan = "plans/1.md", status = "STATUS-1.md", models = { builder = "opus" } },
           |               ^^^^
        hint: looked for `/srv/fleet/plans/1.md`, `/srv/fleet/clone/plans/1.md`, `/srv/fleet/clone/docs/plans/1.md`

        error: plan is missing
          --> agents.toml:69:15
           |
        69 |   { id = "2", plan = "plans/2.md", status = "STATUS-2.md" },
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
    let many: String = (0..2000).map(|index| format!("unknown_{index} = 1\n")).collect();
    let parsed = parse(&format!("{LEAST}{many}"));
    assert!(parsed.fleet.is_some() && parsed.mistakes.len() == config::MISTAKES_MAX);
}

#[test]
fn a_fatal_mistake_behind_a_flood_still_counts() {
    let many: String = (0..2000).map(|index| format!("unknown_{index} = 1\n")).collect();
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
