//! What outlives what: kills of the supervisor at any moment, deaths of agents, logs without holes.

use std::collections::BTreeSet;
use std::time::Duration;

use agent_orchestrator::policy::message::REPEATED;
use agent_orchestrator::protocol::Event;

use crate::fleet::{kill_and_wait, lives, rest, until_file};
use crate::loops::{HEAD, Lab, one_loop};

/// So often the supervisor is killed while the sequence is worked, unless the environment names another number.
const KILLS: &str = "15";

/// So many kills are outlived by one phase, about.
const KILLS_PER_PHASE: usize = 4;

/// The longest time between two kills.
const LIFE_MS_MAX: u64 = 1500;

/// The longest time between the start of one that is killed while it begins and that.
const BEGINNING_MS_MAX: u64 = 30;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn word(event: &Event) -> String {
    serde_json::to_value(event.event).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn a_supervisor_killed_again_and_again_completes_the_sequence() {
    let kills_wanted: usize = std::env::var("KILLS").unwrap_or_else(|_| KILLS.to_owned()).parse().unwrap();
    let phases: Vec<String> = (1..=kills_wanted.div_ceil(KILLS_PER_PHASE)).map(|number| format!("p{number}")).collect();
    let phases: Vec<&str> = phases.iter().map(String::as_str).collect();
    // The builder's program tells of each message that comes, the adversary's does not.
    let tells = "$(case {session} in *builder) echo --tells; esac)";
    let program = env!("CARGO_BIN_EXE_agent-orchestrator");
    let stand_in = format!("bin = 'exec {program} stand-in {tells} {{kickoff}} {{session}}'");
    let config =
        one_loop(&phases, "").replace(HEAD.lines().find(|line| line.starts_with("bin = ")).unwrap(), &stand_in);
    let lab = Lab::new(&config);
    lab.repository("", "main", &phases);
    let builder = lab.builder();
    for id in &phases {
        lab.write(&builder, &format!("plans/{id}.md"), format!("# {id}\n\n- File: {id}.txt\n- Line: I am {id}.\n"));
    }
    lab.hand_over(&builder, "plans with something to do");
    for (role, clone) in [("builder", builder.clone()), ("adversary", lab.adversary())] {
        lab.fleet.git(&clone, &["config", "user.name", role]);
        lab.fleet.git(&clone, &["config", "user.email", "stand-in@test.invalid"]);
        lab.fleet.git(&clone, &["pull", "-q", "--rebase"]);
    }
    let marker = lab.fleet.paths().complete_marker("");
    let mut dice = Dice(0x5eed_1234_abcd_0042);
    let (mut kills, mut early) = (0, 0);
    lab.fleet.run(&["up"]).good();
    lab.until_explained("builder", "each prompt that arrives is told");
    while kills < kills_wanted && !marker.exists() {
        rest(Duration::from_millis(dice.below(LIFE_MS_MAX)));
        kill_and_wait(lab.fleet.supervisor());
        kills += 1;
        if kills % 2 == 0 {
            let (is_killed, is_early) = killed_as_it_begins(&lab, Duration::from_millis(dice.below(BEGINNING_MS_MAX)));
            kills += usize::from(is_killed);
            early += usize::from(is_early);
        }
        let up = lab.fleet.run(&["up"]);
        // The end of the sequence may come in the middle of it.
        assert!(up.code == 0 || marker.exists(), "{up:?}\n{}", lab.events_text());
    }
    for id in &phases {
        lab.fleet.until_event_that("phase", None, |event| event.phase.as_deref() == Some(id));
    }
    let last = *phases.last().unwrap();
    until_file(&marker, "the end of the sequence", |text| String::from_utf8_lossy(text).contains(last).then_some(()));
    lab.fleet.until_state("builder", "stopped");
    lab.fleet.until_state("adversary", "stopped");
    assert!(kills >= kills_wanted, "the sequence was too quick for this test");
    assert!(early > 0, "none was killed before `up` had seen it begin");
    println!("the supervisor was killed {kills} times in {} phases, {early} times as it began", phases.len());

    // Each of the builder's and the adversary's commits stands there once and in order, so nobody acted twice.
    let log = lab.fleet.git(&lab.origin(""), &["log", "--reverse", "--format=%s", "main"]);
    let subjects: Vec<&str> = log.lines().skip(2).collect();
    let of = |id: &str| {
        [
            format!("claim({id}): {id}.txt is written"),
            format!("review({id}): FAIL {id}.txt does not hold the plan's line"),
            format!("claim({id}): {id}.txt is written"),
            format!("review({id}): PASS {id}.txt holds the plan's line"),
            format!("status({id}): done"),
        ]
    };
    assert_eq!(subjects, phases.iter().flat_map(|id| of(id)).collect::<Vec<_>>());
    // No program was ended by the kills.
    for event in lab.fleet.events() {
        assert!(word(&event) != "died", "an agent died: {event:?}");
    }
    assert_eq!(taken_twice(&lab), Vec::<String>::new(), "what was typed again says so");
    let begun = lab.fleet.events().iter().filter(|event| word(event) == "phase").count();
    assert_eq!(begun, phases.len(), "no phase began twice");
}

/// Kills the next supervisor after this time, and says whether there was one and whether it had not adopted all.
fn killed_as_it_begins(lab: &Lab, life: Duration) -> (bool, bool) {
    let up = lab.fleet.begin(&["up"]);
    let mut begun = None;
    while begun.is_none() && up.runs() {
        begun = child_that_supervises(up.pid());
    }
    rest(life);
    if let Some(begun) = begun {
        kill_and_wait(begun);
    }
    // It fails where the supervisor ends before all is adopted.
    (begun.is_some(), up.end().code != 0)
}

/// Returns the supervisor that `up` has just started.
fn child_that_supervises(up: i32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{up}/task/{up}/children")).ok()?;
    let mut children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    children.find(|pid: &i32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split('\0').any(|word| word == "supervise")
    })
}

/// Returns what an agent took twice without a word that it may be a repetition, read off the log of its session, which
/// has every byte.
fn taken_twice(lab: &Lab) -> Vec<String> {
    let mut twice = Vec::new();
    for session in ["t-builder", "t-adversary"] {
        let log = std::fs::read(lab.fleet.paths().session_log(session)).unwrap();
        let log = String::from_utf8_lossy(&log).into_owned();
        let mut seen = BTreeSet::new();
        for text in log.lines().filter_map(|line| Some(line.split_once("» ")?.1.trim_end())) {
            let is_new = seen.insert(text.trim_start_matches(REPEATED).to_owned());
            if !is_new && !text.starts_with(REPEATED) {
                twice.push(text.to_owned());
            }
        }
        assert!(!seen.is_empty(), "nothing was taken: {log}");
    }
    twice
}

#[test]
fn ten_agents_start_two_at_a_time() {
    let agents: Vec<String> = (0..10).map(|n| format!("[[agent]]\nname = 'a{n}'\nprompt = 'x'\n")).collect();
    let config = HEAD.replace("[watchdog]", "[watchdog]\nmax_starting = 2") + &agents.concat();
    let lab = Lab::new(&config).up();
    let (mut starting, mut most) = (0_i32, 0);
    for event in lab.fleet.events() {
        match word(&event).as_str() {
            "started" => starting += 1,
            "agent-ready" => starting -= 1,
            _ => {}
        }
        most = most.max(starting);
    }
    assert_eq!((starting, most), (0, 2));
    for n in 0..10 {
        let start = lab.until_start(&format!("a{n}"), 1);
        assert!(start.contains(" blocked=0000000000000000 "), "no signal is blocked in an agent: {start}");
    }
}

#[test]
fn deaths_are_answered_as_configured_and_agents_outlive_the_supervisor() {
    let agent = |name: &str, more: &str| format!("[[agent]]\nname = '{name}'\nprompt = 'x'\n{more}");
    let kinds =
        [agent("healed", ""), agent("left", "watch = 'none'\n"), agent("downed", ""), agent("once", "kind = 'task'\n")];
    let lab = Lab::new(&format!("{HEAD}{}", kinds.concat()));
    lab.fleet.run(&["up"]).good();
    lab.until_ready(&["healed", "left", "downed", "once"]);

    // W1: at once the first time, a second later the next; its last screen and exit status are kept.
    lab.type_line("healed", "/exit 7");
    lab.until_start("healed", 2);
    let died = lab.fleet.until_event("died", Some("healed"));
    assert!(died.text.contains("exit status 7"), "{died:?}");
    let screen = std::fs::read_to_string(died.more["screen"].as_str().unwrap()).unwrap();
    assert!(screen.contains("last words"), "{screen:?}");
    lab.until_ready(&["healed"]);
    kill_and_wait(lab.fleet.pane_pid("healed"));
    lab.until_start("healed", 3);
    let row = lab.fleet.agent("healed");
    assert_eq!((row.recent_deaths, row.last_exit.as_deref()), (2, Some("signal 9")));
    let times = |kind: &str| {
        let found = lab.fleet.events().into_iter().filter(|event| word(event) == kind);
        found.filter(|event| event.agent.as_deref() == Some("healed")).map(|event| event.time).collect::<Vec<_>>()
    };
    let pause = times("started")[2] - times("died")[1];
    assert!(pause.num_milliseconds() >= 1000, "the second restart waits: {pause}");

    // W6: what is not to be healed stays dead, and a task stays for review.
    kill_and_wait(lab.fleet.pane_pid("left"));
    assert_eq!(lab.fleet.until_state("left", "dead").last_exit.as_deref(), Some("signal 9"));
    lab.type_line("once", "/exit 0");
    lab.fleet.until_state("once", "finished");

    // B5, B6: a deliberate stop is remembered, everything that runs is found again, also after a kill.
    lab.fleet.run(&["down", "downed"]).good();
    lab.until_ready(&["healed"]);
    let pid = lab.fleet.pane_pid("healed");
    for _ in 0..2 {
        lab.fleet.kill_supervisor();
        assert!(lives(pid));
        lab.fleet.run(&["up"]).good();
        assert_eq!(lab.fleet.pane_pid("healed"), pid);
    }
    lab.fleet.until_status("two adoptions", |_| lab.fleet.count_events("adopted", Some("healed")) == 2);
    lab.fleet.until_state("downed", "stopped");
    lab.fleet.until_state("once", "finished");
    assert_eq!((lab.starts("downed").len(), lab.starts("once").len(), lab.starts("healed").len()), (1, 1, 3));
    // What dies while nobody supervises is started by the next.
    let supervisor = lab.fleet.supervisor();
    kill_and_wait(supervisor);
    kill_and_wait(pid);
    let said = lab.fleet.run(&["up"]).bad(1);
    assert!(said.starts_with("error: healed died (signal 9) and is started again in "), "{said}");
    lab.until_start("healed", 4);
    lab.fleet.run(&["up", "downed"]).good();
    lab.until_start("downed", 2);
}

#[test]
fn a_log_holds_the_first_byte_and_has_no_hole_over_a_restart() {
    let service = "[[service]]\nname = 'ticker'\n\
                   command = 'n=0; while :; do echo \"tick $((n += 1)) tock\"; sleep 0.01; done'\n";
    let lab = Lab::new(&format!("{HEAD}{service}[[agent]]\nname = 'one'\nprompt = 'x'\n")).up();
    let log = lab.fleet.paths().session_log("t-ticker");
    let ticks = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let seen = ticks(&std::fs::read(&log).unwrap()).len();
        lab.fleet.kill_supervisor();
        until_file(&log, "ticks that nobody supervises", |text| (ticks(text).len() > seen + 20).then_some(()));
        lab.fleet.run(&["up"]).good();
        until_file(&log, "more ticks", |text| (ticks(text).len() > seen + 60).then_some(()));
    }
    let lines = ticks(&std::fs::read(&log).unwrap());
    let expected: Vec<String> = (1..=lines.len()).map(|number| format!("tick {number} tock")).collect();
    assert_eq!(lines, expected);
    let first = std::fs::read(lab.fleet.paths().session_log("t-one")).unwrap();
    assert!(first.starts_with(b"FIRST"), "{:?}", String::from_utf8_lossy(&first));
}

#[test]
fn a_program_that_ends_again_and_again_is_braked_and_others_go_on() {
    let broken = "[backend.broken]\nbin = 'echo no licence; exit 4'\nprompt_delivery = 'exec'\n\
                  [[agent]]\nname = 'broken'\nbackend = 'broken'\nprompt = 'x'\n";
    let lab = Lab::new(&format!("{HEAD}{broken}[[agent]]\nname = 'good'\nprompt = 'x'\n"));
    lab.fleet.run(&["up"]);
    lab.until_ready(&["good"]);
    let told = lab.fleet.until_event("crash-loop", Some("broken"));
    assert!(told.text.contains("5 deaths"), "{told:?}");
    assert_eq!(lab.fleet.count_events("died", Some("broken")), 5);
    let row = lab.fleet.until_state("broken", "back-off");
    assert!(row.detail.is_some_and(|detail| detail.contains("crash loop") && detail.contains("exit status 4")));
    assert_eq!((lab.starts("good").len(), lab.fleet.agent("good").recent_deaths), (1, 0));
    // A person's word goes before the brake.
    lab.fleet.forget_events();
    lab.fleet.run(&["up", "broken"]);
    lab.fleet.until_event("died", Some("broken"));
}

#[test]
fn a_state_that_cannot_be_read_is_no_empty_one() {
    let lab = Lab::of_one_loop(&["p1", "p2"], "").up();
    lab.push_status("p1", "## DONE\n");
    lab.until_start("builder", 2);
    lab.until_start("adversary", 2);
    lab.until_ready(&[]);
    let pid = lab.fleet.pane_pid("builder");
    lab.fleet.kill_supervisor();
    let state = lab.fleet.paths().state_file();
    let good = std::fs::read(&state).unwrap();
    for bad in [&b""[..], &good[..good.len() / 2]] {
        std::fs::write(&state, bad).unwrap();
        let error = lab.fleet.run(&["up"]).bad(1);
        assert!(error.contains("state.json") && error.contains("hint: "), "{error}");
        assert_eq!(std::fs::read(&state).unwrap(), bad, "it is left as evidence");
    }
    assert!(lives(pid), "no agent was ended");
    std::fs::write(&state, good).unwrap();
    lab.fleet.run(&["up"]).good();
    assert_eq!((lab.in_loop("").phase.as_deref(), lab.fleet.pane_pid("builder")), (Some("p2"), pid));
}
