//! What the verbs print, and the small decisions that need no supervisor.

use std::path::Path;

use agent_orchestrator::cli::text::{self, Paint, Tone};
use agent_orchestrator::cli::{check, events, explain, init, names, overrides, send, status, stop};
use agent_orchestrator::config;
use agent_orchestrator::protocol::control::{AgentPicture, Explanation, LoopPicture, Picture, Reason, Source};
use agent_orchestrator::protocol::{Event, EventKind, Level};
use chrono::{TimeZone, Utc};
use expect_test::expect;

fn agent(name: &str, state: &str, age_s: u64) -> AgentPicture {
    AgentPicture {
        name: name.to_owned(),
        session: format!("ao-{name}"),
        kind: "loop".to_owned(),
        backend: "claude".to_owned(),
        model: "opus".to_owned(),
        watch: "heal+stall".to_owned(),
        state: state.to_owned(),
        detail: None,
        age_s,
        pending: 0,
        recent_deaths: 0,
        drifts: 0,
        last_exit: None,
        conversation: None,
    }
}

fn in_loop(name: &str) -> LoopPicture {
    LoopPicture {
        name: name.to_owned(),
        phase: Some("p1".to_owned()),
        position: 1,
        phases: vec!["p1".to_owned(), "p2".to_owned()],
        plan: Some("plans/p1.md".to_owned()),
        state: "in progress".to_owned(),
        age_s: 190,
        rounds: 0,
        head: None,
        trouble: None,
    }
}

fn picture() -> Picture {
    Picture {
        time: Utc.with_ymd_and_hms(2026, 11, 21, 4, 0, 0).unwrap(),
        supervised: true,
        supervisor_pid: Some(123),
        mode: "ad hoc".to_owned(),
        config: "/srv/proj/agents.toml".to_owned(),
        log_dir: "/srv/proj/logs".to_owned(),
        config_error: None,
        holds: Vec::new(),
        config_warnings: Vec::new(),
        notify_trouble: None,
        loops: vec![in_loop("")],
        agents: vec![agent("builder", "working", 3), agent("adversary", "idle", 240)],
    }
}

fn longest_line(shown: &str) -> usize {
    shown.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

#[test]
fn a_small_fleet_is_one_short_table() {
    expect![[r"
        supervisor: pid 123 (ad hoc)
        config: /srv/proj/agents.toml
        phase: p1 [1/2] plan=plans/p1.md (in progress, 3m)

        NAME       KIND  BACKEND  MODEL  STATE    FOR  MSGS  DETAIL
        builder    loop  claude   opus   working  3s   -
        adversary  loop  claude   opus   idle     4m   -
    "]]
    .assert_eq(&status::render(&picture(), status::WIDTH, Paint::Plain));
}

#[test]
fn long_fields_are_cut_and_the_table_fits_100_columns() {
    let mut shown = picture();
    let mut wide = agent(&"builder-of-the-northern-wing".repeat(2), "misconfigured", 7300);
    wide.kind = "persistent".to_owned();
    wide.backend = "opencode-with-a-long-name".to_owned();
    wide.model = "anthropic/claude-opus-4-8-20260601-thinking".to_owned();
    wide.detail = Some("role prompt `/srv/proj/prompts/builder.md` is missing, nothing was stopped for it".to_owned());
    wide.pending = 12;
    shown.agents.push(wide);
    let table = status::render(&shown, status::WIDTH, Paint::Plain);
    assert_eq!(longest_line(&table), status::WIDTH);
    expect![[r"
        supervisor: pid 123 (ad hoc)
        config: /srv/proj/agents.toml
        phase: p1 [1/2] plan=plans/p1.md (in progress, 3m)

        NAME           KIND        BACKEND    MODEL     STATE          FOR  MSGS  DETAIL
        builder        loop        claude     opus      working        3s   -
        adversary      loop        claude     opus      idle           4m   -
        builder-of-t…  persistent  opencode…  anthrop…  misconfigured  2h   12    role prompt `/srv/proj/pr…
    "]]
    .assert_eq(&table);
}

#[test]
fn troubles_stand_above_the_table_and_why_behind_each_agent() {
    let mut shown = picture();
    shown.config_error = Some("unknown key `modle`\n --> agents.toml:7:1".to_owned());
    shown.config_warnings = vec!["agent `upgrader`: a schedule needs a timer".to_owned()];
    shown.notify_trouble = Some("notify command `tell` failed (exit status: 7)".to_owned());
    shown.loops[0].trouble = Some("the origin cannot be reached since 3m".to_owned());
    let mut gone = in_loop("web");
    (gone.position, gone.state) = (0, "unknown".to_owned());
    shown.loops.push(gone);
    shown.loops.push(LoopPicture { phase: None, phases: Vec::new(), ..in_loop("empty") });
    shown.loops.push(LoopPicture { phase: None, ..in_loop("new") });
    let mut dead = agent("assistant", "back-off", 5);
    (dead.recent_deaths, dead.last_exit) = (2, Some("exit status 1".to_owned()));
    dead.detail = Some("again in 4s".to_owned());
    let mut asking = agent("orchestrator", "attention", 90_000);
    asking.detail = Some("wants \u{1b}[31mpermission\nnow".to_owned());
    shown.agents = vec![dead, asking];
    expect![[r"
        supervisor: pid 123 (ad hoc)
        config: /srv/proj/agents.toml
        config error: unknown key `modle` (the last good one is in force)
           --> agents.toml:7:1
        config warning: agent `upgrader`: a schedule needs a timer
        notify command `tell` failed (exit status: 7)
        phase: p1 [1/2] plan=plans/p1.md (in progress, 3m)
          trouble: the origin cannot be reached since 3m
        phase web: p1 [?/2] plan=plans/p1.md (unknown, 3m)
        phase empty: none configured
        phase new: none begun yet

        NAME          KIND  BACKEND  MODEL  STATE      FOR  MSGS  DETAIL
        assistant     loop  claude   opus   back-off   5s   -     again in 4s, 2 deaths in 10m, exit status…
        orchestrator  loop  claude   opus   attention  1d   -     wants [31mpermission now
    "]]
    .assert_eq(&status::render(&shown, status::WIDTH, Paint::Plain));
    let whole = status::render(&shown, usize::MAX, Paint::Plain);
    assert!(
        whole.contains("again in 4s, 2 deaths in 10m, exit status 1\n"),
        "what reads a pipe gets it whole: {whole}"
    );
}

#[test]
fn without_a_supervisor_it_says_where_the_state_comes_from() {
    let mut shown = picture();
    (shown.supervised, shown.supervisor_pid, shown.loops, shown.agents) = (false, None, Vec::new(), Vec::new());
    expect![[r"
        no supervisor (state from disk and tmux)
        config: /srv/proj/agents.toml
        no agents are configured
    "]]
    .assert_eq(&status::render(&shown, status::WIDTH, Paint::Plain));
}

#[test]
fn colours_change_no_width_and_plain_text_has_none() {
    let coloured = status::render(&picture(), status::WIDTH, Paint::Colour);
    assert!(coloured.contains("\x1b[32mworking\x1b[0m"), "{coloured}");
    let codes = regex::Regex::new("\x1b\\[[0-9]+m").unwrap();
    assert_eq!(codes.replace_all(&coloured, ""), status::render(&picture(), status::WIDTH, Paint::Plain));
    assert_eq!(Paint::Plain.tone(Tone::Bad, "dead"), "dead");
}

#[test]
fn ages_are_told_in_their_largest_unit() {
    let ages = [0, 59, 60, 3599, 3600, 86_399, 86_400, 500_000, u64::MAX].map(text::age);
    assert_eq!(ages, ["0s", "59s", "1m", "59m", "1h", "23h", "1d", "5d", "213503982334601d"]);
}

#[test]
fn a_cut_field_shows_that_it_was_cut() {
    assert_eq!(text::cut("naïve", 5), "naïve");
    assert_eq!(text::cut("naïveté", 5), "naïv…");
    assert_eq!((text::cut("ab", 1), text::cut("ab", 0)), ("…".to_owned(), String::new()));
}

#[test]
fn explain_lists_sources_messages_and_what_comes_next() {
    let mut builder = agent("builder", "waiting", 65);
    (builder.detail, builder.last_exit) = (Some("until 04:30".to_owned()), Some("signal 9".to_owned()));
    builder.recent_deaths = 1;
    let source = |name: &str, age_s, says: &str| Source { name: name.to_owned(), age_s, says: says.to_owned() };
    let long = format!("rule `waiting` matched: {}.", "x".repeat(100));
    let explanation = Explanation {
        agent: builder,
        sources: vec![source("screen", Some(1), &long), source("own events", None, "none yet")],
        pending: vec!["7, 3m, behind a draft: please \u{7}run".to_owned()],
        next: vec!["at 04:31 a restart, if it is still silent".to_owned()],
        timers: Vec::new(),
    };
    let shown = explain::render(&explanation, Paint::Plain);
    assert!(shown.contains(&long), "explain cuts nothing: {shown}");
    expect![[r"
        builder: waiting (until 04:30), for 1m
          loop, backend claude, model opus, watch heal+stall, session ao-builder
          1 death in the last 10m
          last exit: signal 9

        SOURCE      AGE    SAYS
        screen      1s     (long)
        own events  never  none yet

        messages that wait:
          7, 3m, behind a draft: please run

        next:
          at 04:31 a restart, if it is still silent
    "]]
    .assert_eq(&shown.replace(&long, "(long)"));
}

#[test]
fn each_event_is_one_line() {
    let event = |event, level, agent: Option<&str>, in_loop: Option<&str>, said: &str| Event {
        time: Utc.with_ymd_and_hms(2026, 11, 21, 4, 5, 6).unwrap(),
        event,
        level,
        agent: agent.map(str::to_owned),
        in_loop: in_loop.map(str::to_owned),
        phase: None,
        text: said.to_owned(),
        more: serde_json::Map::new(),
    };
    let mut gone = event(EventKind::Died, Level::Warning, Some("adversary"), Some(""), "died (exit status 127)");
    gone.more.insert("last_lines".to_owned(), serde_json::json!(["$ claude", "sh: claude:\u{1b} not found", " "]));
    let events = [
        gone,
        event(EventKind::SupervisorStarted, Level::Info, None, None, "pid 123"),
        event(EventKind::Died, Level::Warning, Some("builder"), Some(""), "exit status 1\nagain in 1s"),
        event(EventKind::SequenceComplete, Level::Notice, None, Some("web"), "all 2 phases are done"),
        event(EventKind::PhaseUnknown, Level::Error, None, Some(""), "phase `p9` is gone"),
    ];
    let lines = events.iter().map(|event| events::render(event, &chrono_tz::Europe::Berlin, Paint::Plain));
    expect![[r"
        2026-11-21 05:05:06 died              adversary    warning: died (exit status 127): sh: claude: not found
        2026-11-21 05:05:06 supervisor-started -            pid 123
        2026-11-21 05:05:06 died              builder      warning: exit status 1 again in 1s
        2026-11-21 05:05:06 sequence-complete loop web     all 2 phases are done
        2026-11-21 05:05:06 phase-unknown     loop         error: phase `p9` is gone
    "]]
    .assert_eq(&text::joined(lines));
}

#[test]
fn overrides_come_from_the_environment_of_this_call() {
    let collect = |names: &[&str]| {
        let variables = [
            ("AGENT_MODEL_builder", "opus"),
            ("AGENT_BACKEND_builder", " codex "),
            ("AGENT_MODEL_my-agent", "o3"),
            ("AGENT_MODEL_empty", ""),
            ("AGENT_MODEL_", "nobody"),
            ("XAGENT_MODEL_builder", "no"),
            ("PATH", "/bin"),
        ];
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = overrides::collect(variables.map(|(name, value)| (name.to_owned(), value.to_owned())), &names);
        serde_json::to_string(&found).unwrap()
    };
    assert_eq!(collect(&[]), r#"{"builder":{"model":"opus","backend":"codex"},"my-agent":{"model":"o3"}}"#);
    assert_eq!(collect(&["my-agent", "empty"]), r#"{"my-agent":{"model":"o3"}}"#);
}

#[test]
fn an_unknown_name_is_told_with_the_known_ones() {
    let known = ["builder", "adversary", "ui"];
    expect![[r"
        error: there is no agent or service `bulider`
        hint: did you mean `builder`?
        hint: known: builder, adversary, ui
    "]]
    .assert_eq(&names::unknown("bulider", &known).to_string());
    assert_eq!(text::meant("Builder", &known), Some("builder"));
    assert_eq!(text::meant("xy", &known), None, "a name of which nothing is left was not meant");
    assert_eq!(names::unknown("x", &known).code, 2);
    let many: Vec<String> = (0..40).map(|number| format!("agent{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(names::unknown("zzz", &many).to_string().ends_with("agent29 and 10 more\n"));
    assert!(names::all_known(&["ui".to_owned(), "builder".to_owned()], &known).is_ok());
}

#[test]
fn a_chain_of_causes_is_one_sentence_and_its_hints_come_last() {
    let told = |error: anyhow::Error| match stop::Stop::from(error) {
        stop::Stop::Failed(failure) => failure.to_string(),
        stop::Stop::Told(_) | stop::Stop::ReaderGone => panic!("a failure"),
    };
    let error = anyhow::anyhow!("permission denied").context("cannot read `x`\nhint: run it as the owner");
    assert_eq!(told(error), "error: cannot read `x`: permission denied\nhint: run it as the owner\n");
    let mistakes = "error: one\n --> a:1:1\nhint: first\n\nerror: two\n --> a:2:1\nhint: second\n";
    assert_eq!(told(anyhow::anyhow!(mistakes)), mistakes, "a hint stays behind its own mistake");
}

#[test]
fn a_text_is_sent_without_the_line_ends_of_its_file() {
    assert_eq!(send::checked("two\nlines\r\n\n".to_owned()).unwrap(), "two\nlines");
    assert_eq!(send::checked(" \n".to_owned()).unwrap_err().code, Reason::Usage.exit_code());
    assert!(send::checked("x".repeat(send::TEXT_SIZE_MAX)).is_ok());
    assert!(send::checked("x".repeat(send::TEXT_SIZE_MAX + 1)).is_err());
}

#[test]
fn check_counts_what_it_found() {
    let path = Path::new("agents.toml");
    let five = ["loop", "loop", "persistent", "persistent", "task"];
    assert_eq!(check::summary(path, &five, 1, 0), "agents.toml: 5 agents, 1 loop, no mistakes\n");
    let summary = check::summary(path, &["persistent", "service", "service"], 0, 1);
    assert_eq!(summary, "agents.toml: 1 agent, 2 services, no mistakes, 1 warning\n");
}

#[test]
fn a_new_fleet_passes_its_own_check() {
    let files = init::files("My Project (2)");
    let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
    expect![[r"
        agents.toml
        prompts/kickoff.md
        prompts/builder.md
        prompts/adversary.md
        prompts/orchestrator.md
        prompts/wake.md
        prompts/upgrader.md
        prompts/assistant.md
        plans/p1.md
        machine-docs/STATUS-p1.md
        clones/.gitignore
        .agent-orchestrator/.gitignore
    "]]
    .assert_eq(&text::joined(&paths));
    let at = config::Where { file: "/new/agents.toml".into(), home: None };
    let parsed = config::parse(&files[0].1, &at);
    assert_eq!(parsed.mistakes, []);
    // The clones are made by the operator.
    let files = config::files_needed(&parsed).iter().filter(|needed| !needed.file_use.is_folder());
    for needed in files {
        let written = needed.candidates.iter().filter_map(|path| path.strip_prefix("/new").ok()?.to_str());
        assert!(written.into_iter().any(|path| paths.contains(&path)), "{needed:?}");
    }
    let fleet = parsed.fleet.unwrap();
    assert_eq!(fleet.session_prefix, "My-Project-2-");
    assert_eq!(fleet.agents.len(), 5);
}

#[test]
fn a_status_file_of_a_new_fleet_is_not_done() {
    let files = init::files("x");
    let (_, status) = files.iter().find(|(path, _)| path.contains("STATUS")).unwrap();
    assert!(!status.contains("## DONE"), "{status}");
}

#[test]
fn session_prefixes_suit_tmux() {
    let prefixes = ["proj", "a.b:c", "--", "", "ünïcode", &"long-".repeat(9)].map(init::session_prefix);
    assert_eq!(prefixes, ["proj-", "a-b-c-", "fleet-", "fleet-", "n-code-", "long-long-long-long-long-"]);
}
