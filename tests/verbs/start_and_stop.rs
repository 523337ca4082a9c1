//! `up`, `down`, `restart`, `supervise`.

use nix::sys::signal::Signal;

use super::fleet::{TestFleet, arguments, kill_and_wait, lives, until};
use super::{ALL_KINDS, ONE, config, up};

#[test]
fn up_starts_what_is_enabled_and_down_ends_it_and_is_not_remembered() {
    let fleet = TestFleet::new(&config(ALL_KINDS));
    assert_eq!(fleet.run(&["up"]).good(), "one runs (run 1)\ntwo runs (run 1)\njob runs (run 1)\nweb runs (run 1)\n");
    let pids = ["one", "two", "job", "web"].map(|name| fleet.pane_pid(name));
    assert_eq!(fleet.agent("off").state, "disabled");
    assert_eq!(fleet.agent("web").state, "running");
    let error = fleet.run(&["up", "off"]).bad(1);
    assert_eq!(error, "error: `off` is disabled in the config\nhint: set `enabled = true`\n");

    fleet.run(&["up"]).good();
    fleet.run(&["up", "one", "web"]).good();
    assert_eq!(["one", "two", "job", "web"].map(|name| fleet.pane_pid(name)), pids, "what runs is left alone");

    let supervisor = fleet.supervisor();
    fleet.run(&["down"]).good();
    assert!(!lives(supervisor), "it is gone when `down` comes back");
    until("the end of everything", || fleet.processes().is_empty());
    let picture = fleet.status();
    assert!(!picture.supervised && picture.supervisor_pid.is_none());
    assert!(!picture.agents.iter().any(|agent| agent.state == "running" || agent.state == "idle"), "{picture:?}");

    assert_eq!(fleet.run(&["up"]).good(), "one runs (run 2)\ntwo runs (run 2)\nweb runs (run 2)\n");
    assert_eq!(fleet.agent("job").state, "stopped", "a task that has run waits to be asked");
    assert_eq!(fleet.run(&["up", "job"]).good(), "job runs (run 2)\n");
}

#[test]
fn a_deliberate_stop_is_remembered_over_every_restart_until_a_person_lifts_it() {
    let fleet = up(ALL_KINDS);
    assert_eq!(fleet.run(&["down", "one", "web"]).good(), "one has ended\nweb has ended\n");
    assert_eq!(fleet.run(&["down", "one"]).good(), "one has ended\n", "twice is once");
    assert_eq!((fleet.agent("one").state, fleet.agent("web").state), ("stopped".to_owned(), "stopped".to_owned()));
    fleet.kill_supervisor();
    fleet.run(&["up"]).good();
    assert_eq!(fleet.agent("one").state, "stopped");
    fleet.run(&["down"]).good();
    fleet.run(&["up"]).good();
    assert_eq!((fleet.agent("one").state, fleet.agent("web").state), ("stopped".to_owned(), "stopped".to_owned()));
    fleet.run(&["up", "one"]).good();
    fleet.until_event("agent-ready", Some("one"));
    fleet.run(&["restart", "web"]).good();
    fleet.kill_supervisor();
    fleet.run(&["up"]).good();
    assert_eq!((fleet.pane_pid("one") > 0, fleet.agent("web").state), (true, "running".to_owned()));
}

#[test]
fn down_works_without_a_supervisor_and_is_remembered_by_name() {
    let fleet = up(ALL_KINDS);
    fleet.kill_supervisor();
    assert_eq!(fleet.run(&["down", "two"]).good(), "two has ended\n");
    assert_eq!(
        fleet.run(&["down", "nobody"]).bad(2).lines().next(),
        Some("error: there is no agent or service `nobody`")
    );
    assert!(fleet.pane_pid("one") > 0, "the others go on");
    fleet.run(&["up"]).good();
    assert_eq!(fleet.agent("two").state, "stopped");
    assert_eq!(fleet.count_events("adopted", Some("one")), 1);
    fleet.kill_supervisor();
    fleet.run(&["down"]).good();
    until("the end of everything", || fleet.processes().is_empty());
    fleet.run(&["down"]).good();
}

#[test]
fn a_whole_process_tree_is_ended_also_what_ignores_hup_and_leaves_its_session() {
    let stubborn = "trap '' HUP TERM INT; (trap '' HUP TERM; exec setsid sleep 100001) & \
                    setsid sh -c 'trap \"\" HUP TERM; sleep 100002 & sleep 100003 & wait' & \
                    (sleep 100004 &) ; nohup sleep 100005 >/dev/null 2>&1 & while :; do sleep 100006; done";
    let service = format!("[[service]]\nname = 'web'\ncommand = '''{stubborn}'''\n");
    let fleet = up(&service);
    let sleeps = |number: u32| {
        let all = fleet.processes();
        all.into_iter().any(|pid| arguments(pid).ends_with(&format!("sleep 10000{number}")))
    };
    until("all of it", || (1..=6).all(sleeps));
    fleet.run(&["restart", "web"]).good();
    until("all of it, once", || (1..=6).all(sleeps) && fleet.processes().len() < 20);
    let copies = fleet.processes().into_iter().filter(|pid| arguments(*pid) == "sleep 100003").count();
    assert_eq!(copies, 1);
    fleet.run(&["down", "web"]).good();
    assert!(!(1..=6).any(sleeps), "nothing of it is left when `down` comes back");
}

#[test]
fn restart_starts_anew_what_runs_and_what_is_stopped() {
    let fleet = up(ONE);
    let before = fleet.pane_pid("one");
    assert_eq!(fleet.run(&["restart", "one"]).good(), "one runs (run 2)\n");
    assert!(!lives(before) && fleet.pane_pid("one") != before);
    assert_eq!(fleet.count_events("died", None), 0, "a deliberate end is no death");
    fleet.run(&["down", "one"]).good();
    assert_eq!(fleet.run(&["restart", "one"]).good(), "one runs (run 3)\n");
    assert_eq!(
        fleet.run(&["restart", "on"]).bad(2),
        "error: there is no agent or service `on`\nhint: did you mean `one`?\nhint: known: one\n"
    );
    assert_eq!(fleet.run(&["restart"]).code, 2);
    fleet.kill_supervisor();
    assert_eq!(
        fleet.run(&["restart", "one"]).bad(3),
        "error: no supervisor runs for `agents.toml`\nhint: `agent-orchestrator up`, without names, starts one\n"
    );
    assert!(fleet.pane_pid("one") > 0);
}

#[test]
fn a_model_or_backend_of_the_environment_holds_for_one_start_and_reaches_no_supervisor() {
    let fleet = TestFleet::new(&config(ALL_KINDS));
    let ended =
        fleet.begin_command(fleet.command(&["up"]).env("AGENT_MODEL_one", "opus").env("AGENT_MODEL_x", "y")).end();
    assert!(ended.err.contains("warning: AGENT_MODEL_x or AGENT_BACKEND_x is set and names no agent"), "{ended:?}");
    ended.good();
    let runs = |name: &str, end: &str| {
        until(&format!("{name} with {end}"), || arguments(fleet.pane_pid(name)).ends_with(end));
    };
    runs("one", "box.sh t-one opus");
    runs("two", "box.sh t-two");
    assert_eq!(fleet.agent("one").model, "opus");

    fleet.forget_events();
    kill_and_wait(fleet.pane_pid("one"));
    fleet.until_event("started", Some("one"));
    runs("one", "box.sh t-one");
    assert_eq!(fleet.agent("one").model, "default", "the next start goes by the file");

    let restart = |name: &str, variable: &str, value: &str| {
        fleet.begin_command(fleet.command(&["restart", name]).env(variable, value)).end()
    };
    restart("two", "AGENT_BACKEND_two", "lines").good();
    runs("two", "cat");
    assert_eq!(fleet.agent("two").backend, "lines");
    let error = restart("two", "AGENT_BACKEND_two", "nonsense").bad(2);
    assert!(error.starts_with("error: there is no backend `nonsense` for `two`\nhint: there are: "), "{error}");
    assert_eq!(fleet.agent("two").backend, "lines");
    assert_eq!(arguments(fleet.pane_pid("two")), "cat", "nothing was ended for a start that cannot be");
    restart("two", "AGENT_MODEL_one", "opus").good();
    runs("two", "box.sh t-two");
}

#[test]
fn one_that_cannot_start_is_named_and_the_others_run() {
    let agents = format!(
        "{ONE}[[agent]]\nname = 'bad'\nbackend = 'nonsense'\n[[agent]]\nname = 'lost'\nkind = 'persistent'\nprompt_file = 'none.md'\n"
    );
    let fleet = TestFleet::new(
        &config(&agents).replace("prompt = 'begin'\n", "").replace("name = 'one'", "name = 'one'\nprompt = 'x'"),
    );
    let error = fleet.run(&["up"]).bad(1);
    assert!(error.contains("bad: unknown backend `nonsense`"), "{error}");
    assert!(error.contains("lost: cannot read `") && error.contains("none.md`: no such file"), "{error}");
    assert_eq!(super::states(&fleet)[1..], ["bad misconfigured", "lost waiting"]);
    assert!(fleet.pane_pid("one") > 0);
    fleet.write("none.md", "begin");
    fleet.until_event("started", Some("lost"));
}

#[test]
fn control_c_in_the_middle_of_up_ends_the_verb_only() {
    let slow = "[watchdog]\nmax_starting = 1\n[backend.slow]\nbin = 'exec sleep 100000'\nprompt_delivery = 'exec'\n\
                ready_re = 'never'\nready_max = 3\n[[agent]]\nname = 'slow'\nbackend = 'slow'\n";
    let fleet = TestFleet::new(&config(&format!("{slow}{ONE}")));
    let verb = fleet.begin(&["up"]);
    fleet.until_event("started", Some("slow"));
    assert!(verb.runs(), "it waits for the second");
    verb.signal(Signal::SIGINT);
    assert_eq!(verb.end().code, 130);
    assert!(fleet.status().supervised);
    fleet.until_event("agent-ready", Some("one"));
    fleet.run(&["up"]).good();
}

#[test]
fn a_second_supervisor_is_told_who_has_the_fleet() {
    let fleet = up(ONE);
    let pid = fleet.supervisor();
    for verb in ["supervise", "watchdog"] {
        let error = fleet.run(&[verb]).bad(1);
        assert!(
            error.starts_with(&format!("error: a supervisor of this fleet runs already (pid {pid}, since ")),
            "{error}"
        );
    }
    assert_eq!(fleet.supervisor(), pid);
}

#[test]
fn supervise_runs_in_the_foreground_and_its_end_ends_no_agent() {
    let fleet = TestFleet::new(&config(ONE));
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        fleet.forget_events();
        let supervisor = fleet.begin(&["supervise"]);
        fleet.until_event("supervisor-started", None);
        let pid = fleet
            .until_status("a run of it", |picture| picture.supervised && picture.agents[0].state == "idle")
            .supervisor_pid;
        assert_eq!(pid, u32::try_from(supervisor.pid()).ok());
        let pane = fleet.pane_pid("one");
        supervisor.signal(signal);
        assert_eq!(supervisor.end().code, code);
        fleet.until_event("supervisor-stopped", None);
        assert!(lives(pane));
        assert!(!fleet.status().supervised);
    }
    assert_eq!(fleet.count_events("started", Some("one")), 1, "the second has adopted it");
}
