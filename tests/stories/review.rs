//! What a second pair of eyes found: what must not happen when moments fall badly.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::story::Story;
use crate::story::fleets::{PAIR_AND_JOB, WORKER};
use agent_orchestrator::policy::observation::{Exit, Observation};
use agent_orchestrator::policy::request::{Override, Reason, Reply, Request};

fn failure(story: &Story, answer: u64) -> (Reason, String) {
    match &story.replies[&answer] {
        Reply::Failed { reason, error, .. } => (*reason, error.clone()),
        other @ (Reply::Done { .. } | Reply::Status { .. } | Reply::Explanation { .. }) => {
            panic!("not refused: {other:?}")
        }
    }
}

fn is_done(story: &Story, answer: u64) -> bool {
    matches!(story.replies.get(&answer), Some(Reply::Done { .. }))
}

fn restart(story: &mut Story, name: &str) -> u64 {
    story.ask(Request::Restart { name: name.to_owned(), overrides: BTreeMap::new() })
}

fn queue(story: &mut Story, name: &str, text: &str) -> u64 {
    let (name, text) = (name.to_owned(), text.to_owned());
    story.ask(Request::Send { name, text, wait: Duration::ZERO, queue: true })
}

#[test]
fn a_task_that_ended_while_nobody_looked_is_not_run_again_by_a_bare_up() {
    let mut story = Story::new(&PAIR_AND_JOB.replace("watch = \"heal\"", "watch = \"none\""));
    story.up(&["job"]);
    story.pass_s(5);
    story.kill_supervisor();
    story.pane("job").alive = false;
    story.pane("builder").alive = false;
    story.wake_held();
    let answer = story.up(&[]);
    story.pass_s(10);
    assert!(story.state_of("job").starts_with("finished"), "{}", story.state_of("job"));
    assert!(is_done(&story, answer), "{:?}", story.replies);
    assert!(story.pane("builder").alive, "a bare `up` starts what is enabled");
}

#[test]
fn a_second_restart_in_the_middle_of_the_first_is_answered_by_the_same_start() {
    let mut story = Story::new(WORKER);
    story.pass_s(5);
    story.slow.insert("worker".to_owned());
    let first = restart(&mut story, "worker");
    story.pass_s(1);
    let second = restart(&mut story, "worker");
    story.pass_s(1);
    story.slow.clear();
    story.ends("worker");
    story.pass_s(100);
    assert!(is_done(&story, first) && is_done(&story, second), "{:?}", story.replies);
    assert_eq!(story.told().matches("host: worker starts").count(), 2, "one start at the beginning, one for both");
}

#[test]
fn a_one_off_model_is_for_the_start_that_was_asked_for_only() {
    let with_model = |story: &mut Story, verb: fn(String, BTreeMap<String, Override>) -> Request| {
        let model = Override { model: Some("big".to_owned()), backend: None };
        story.ask(verb("worker".to_owned(), BTreeMap::from([("worker".to_owned(), model)])))
    };
    let mut story = Story::new(WORKER);
    story.pass_s(5);
    with_model(&mut story, |name, overrides| Request::Up { names: vec![name], overrides });
    story.pass_s(100);
    story.dies("worker", Exit::Code(1));
    story.pass_s(1);
    let models = |story: &Story| story.prepared.iter().map(|(_, start)| start.model.clone()).collect::<Vec<_>>();
    assert_eq!(models(&story), [None, None], "it ran already, nothing was started for it");

    story.slow.insert("worker".to_owned());
    restart(&mut story, "worker");
    let answer = with_model(&mut story, |name, overrides| Request::Restart { name, overrides });
    story.slow.clear();
    story.ends("worker");
    story.pass_s(5);
    assert_eq!(models(&story).last(), Some(&Some("big".to_owned())), "in mid-restart it counts for the next start");
    assert!(is_done(&story, answer));
    story.dies("worker", Exit::Code(1));
    story.pass_s(5);
    assert_eq!(models(&story).last(), Some(&None));
}

#[test]
fn up_says_why_a_loop_cannot_start_when_its_phase_is_not_known() {
    let mut story = Story::asleep(PAIR_AND_JOB);
    story.disk.insert("/p/logs/state/phase-idx".into(), "17".to_owned());
    story.wake();
    let answers = [story.up(&["builder"]), story.up(&[])];
    story.pass_s(10);
    for answer in answers {
        let (_, error) = failure(&story, answer);
        assert!(error.contains("holds no index of a phase"), "{error}");
    }
}

#[test]
fn up_says_when_an_agent_in_a_crash_loop_is_tried_again() {
    let mut story = Story::new(WORKER);
    story.pass_s(5);
    for wait_s in [1, 2, 3, 5, 5] {
        story.dies("worker", Exit::Code(7));
        story.pass_s(wait_s);
    }
    let bare = story.up(&[]);
    story.pass_s(1);
    let (_, error) = failure(&story, bare);
    assert!(error.contains("exit status 7") && error.contains("again in 29"), "{error}");
    let named = story.up(&["worker"]);
    story.pass_s(1);
    assert!(is_done(&story, named), "who names it tries at once");
}

#[test]
fn a_file_that_came_is_found_by_up_and_by_restart() {
    for ask in [(|story| story.up(&[])) as fn(&mut Story) -> u64, |story| restart(story, "worker")] {
        let mut story = Story::asleep(WORKER);
        story.missing.insert("worker".to_owned(), "cannot read `/p/x.md`".to_owned());
        story.wake();
        story.pass_s(5);
        let answer = ask(&mut story);
        story.pass_s(1);
        assert!(failure(&story, answer).1.contains("cannot read `/p/x.md`"));
        story.missing.clear();
        let answer = ask(&mut story);
        story.pass_s(1);
        assert!(is_done(&story, answer) && story.pane("worker").alive, "{:?}", story.replies[&answer]);
    }
}

#[test]
fn a_file_that_came_is_taken_up_at_once_also_by_an_agent_that_died_long_ago() {
    let mut story = Story::new(WORKER);
    story.pass_s(5);
    story.dies("worker", Exit::Code(1));
    story.pass_s(5000);
    story.missing.insert("worker".to_owned(), "cannot read `/p/x.md`".to_owned());
    restart(&mut story, "worker");
    story.pass_s(1);
    let run = story.pane("worker").run;
    story.missing.clear();
    story.turn(vec![Observation::PromptsChanged]);
    story.pass_s(1);
    assert!(story.pane("worker").run > run);
}

#[test]
fn an_edit_of_the_status_file_or_the_inboxes_of_the_current_phase_is_taken_up() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.push("done, elsewhere", &[("STATUS-WORKER.md", Some("## DONE\n")), ("A.md", Some("look"))]);
    story.pass_s(5);
    assert_eq!(story.saved.loops[""].phase.as_deref(), Some("p1"));
    let edited = PAIR_AND_JOB
        .replace("inboxes", "#")
        .replace("review_pings = \"builder\"", "review_pings = \"builder\"\ninboxes = [\"A.md\", \"B.md\"]");
    story.edit(&edited);
    story.pass_s(5);
    assert_eq!(story.pane("adversary").taken.len(), 1, "the inbox was there already and is told now");
    story.edit(&edited.replace("STATUS-1.md", "STATUS-WORKER.md"));
    story.pass_s(5);
    assert_eq!(story.saved.loops[""].phase.as_deref(), Some("p2"));
}

#[test]
fn an_edit_while_git_reads_does_not_stop_the_handoff() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.pass_s(5);
    story.git_hangs = true;
    story.push("claim(p1): lost in the middle of an edit", &[]);
    story.edit(&PAIR_AND_JOB.replace("repo = \"builder\"", "repo = \"adversary\""));
    story.git_hangs = false;
    story.push("claim(p1): the next one", &[]);
    story.pass_s(5);
    let taken = story.pane("adversary").taken.clone();
    assert!(taken.iter().any(|text| text.contains("the next one")), "{taken:?}");
}

#[test]
fn a_head_that_was_passed_before_it_was_told_is_read_once() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.pass_s(5);
    story.commits.push(("c1".to_owned(), "claim(p1): one".to_owned()));
    story.commits.push(("c2".to_owned(), "claim(p1): two".to_owned()));
    story.turn(vec![Observation::Head { in_loop: String::new(), head: "c1".to_owned() }]);
    story.turn(vec![Observation::Head { in_loop: String::new(), head: "c2".to_owned() }]);
    story.pass_s(5);
    assert_eq!(story.pane("adversary").taken.len(), 1);
}

#[test]
fn a_full_queue_loses_no_claim() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.pass_s(5);
    story.pane("adversary").dialog = true;
    story.output("adversary");
    for number in 0..150 {
        queue(&mut story, "adversary", &format!("note {number}"));
    }
    story.push("claim(p1): in a crowd", &[]);
    story.pass_s(5);
    story.pane("adversary").dialog = false;
    story.output("adversary");
    story.pass_s(600);
    let taken = story.pane("adversary").taken.clone();
    assert!(taken.last().is_some_and(|text| text.contains("in a crowd")), "{} taken", taken.len());
}

#[test]
fn queues_of_long_texts_stay_below_what_a_state_file_may_be() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.pass_s(5);
    let long = "\"\\ ".repeat(150_000);
    let mut refused = 0;
    for name in ["builder", "adversary"] {
        story.pane(name).dialog = true;
        story.output(name);
        for _ in 0..4 {
            let answer = queue(&mut story, name, &long);
            refused += usize::from(!is_done(&story, answer));
        }
    }
    assert!(refused > 0, "somebody was told that too much waits");
    let bytes = serde_json::to_vec(&story.saved).expect("JSON").len();
    assert!(bytes < 8 << 20, "{bytes} bytes are written at every change");
    story.push("claim(p1): still told", &[]);
    assert!(story.saved.agents["adversary"].queue.iter().any(|message| message.text.contains("still told")));
}

#[test]
fn a_ping_that_may_have_arrived_says_so_also_when_another_one_joins_it() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.pass_s(5);
    story.pane("adversary").swallows = u32::MAX;
    story.push("claim(p1): one", &[]);
    story.pass_s(3);
    story.missing.insert("adversary".to_owned(), "not yet".to_owned());
    story.dies("adversary", Exit::Code(1));
    story.missing.clear();
    story.turn(vec![Observation::PromptsChanged]);
    story.pane("adversary").dialog = true;
    story.pass_s(3);
    story.push("claim(p1): two", &[]);
    story.pane("adversary").dialog = false;
    story.output("adversary");
    story.pass_s(60);
    let taken = story.pane("adversary").taken.clone();
    assert!(taken.len() == 1 && taken[0].starts_with("(possibly repeated) ") && taken[0].contains("two"), "{taken:?}");
}

#[test]
fn a_down_whose_asker_goes_away_comes_to_its_end() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.pass_s(5);
    story.slow.extend(["builder".to_owned(), "adversary".to_owned()]);
    let answer = story.down(&[]);
    story.hang_up(answer);
    story.pass_s(1);
    story.slow.clear();
    story.ends("builder");
    story.ends("adversary");
    story.pass_s(1);
    assert!(story.ended && story.panes.is_empty());
}

#[test]
fn a_task_that_becomes_a_persistent_agent_is_started() {
    let text = WORKER.replace("prompt = \"work\"", "prompt = \"work\"\nkind = \"task\"");
    let mut story = Story::new(&text);
    story.pass_s(5);
    assert!(story.panes.is_empty());
    story.edit(WORKER);
    story.pass_s(5);
    assert!(story.pane("worker").alive);
}

#[test]
fn a_loop_that_an_edit_takes_away_for_a_while_keeps_its_phase() {
    let mut story = Story::new(PAIR_AND_JOB);
    story.push("done", &[("STATUS-1.md", Some("## DONE\n"))]);
    story.pass_s(5);
    assert_eq!(story.saved.loops[""].phase.as_deref(), Some("p2"));
    story.edit(WORKER);
    story.pass_s(5);
    story.kill_supervisor();
    story.wake();
    story.edit(PAIR_AND_JOB);
    story.pass_s(5);
    assert_eq!(story.saved.loops[""].phase.as_deref(), Some("p2"), "never back");
}

#[test]
fn many_phases_with_one_done_status_file_end_nobody() {
    let mut text = WORKER.to_owned();
    text.push_str("[loop]\ndone_source = \"worktree\"\n");
    for number in 0..100 {
        let phase = format!("[[loop.phases]]\nid = \"p{number}\"\nplan = \"plan\"\nstatus = \"STATUS.md\"\n");
        text.push_str(&phase);
    }
    let mut story = Story::asleep(&text);
    story.disk.insert("/p/STATUS.md".into(), "## DONE\n".to_owned());
    story.disk.insert("/p/machine-docs/STATUS.md".into(), "## DONE\n".to_owned());
    story.wake();
    story.pass_s(10);
    assert!(story.marker.is_some());
}

#[test]
fn a_text_that_somebody_goes_on_typing_behind_is_not_submitted() {
    let mut story = Story::new(WORKER);
    story.pass_s(5);
    story.pane("worker").swallows = 6;
    queue(&mut story, "worker", "go on where you stopped");
    story.pass_s(15);
    let left = story.pane("worker").swallows;
    assert_eq!(left, 1, "five quick presses, then one at each look");
    let due = story.deadline.expect("a next press");
    story.pass(due.since(story.now.mono).saturating_sub(Duration::from_millis(50)));
    story.pane("worker").input.push_str(" and on, says a person");
    story.output("worker");
    story.pass_s(60);
    assert_eq!(story.pane("worker").swallows, left, "nobody pressed a key");
}

#[test]
fn a_submit_key_that_tmux_does_not_know_is_tried_within_bounds() {
    let mut story = Story::new(&WORKER.replace("backend = \"box\"", "backend = \"blind\""));
    story.pass_s(5);
    story.keys_fail = true;
    let answer = story.send("worker", "go on", 1000);
    story.pass_s(1100);
    assert_eq!(failure(&story, answer).0, Reason::Unconfirmed);
    let waiting = serde_json::to_string(&story.saved.agents["worker"].queue).expect("JSON");
    assert!(waiting.contains("\"presses\":20"), "{waiting}");
    assert_eq!(story.told().matches("was not submitted").count(), 1);
}

#[test]
fn answers_are_sentences() {
    let mut story = Story::new(&PAIR_AND_JOB.replace("backend = \"box\"", "backend = \"other\""));
    story.pass_s(5);
    let answer = story.phase_set("p2");
    assert!(matches!(&story.replies[&answer], Reply::Done { lines } if lines == &["phase is now p2"]));
    story.pass_s(5);
    story.pane("builder").line_based = true;
    queue(&mut story, "builder", &"long ".repeat(1000));
    story.pass_s(5);
    let taken = story.pane("builder").taken.clone();
    assert!(taken.last().is_some_and(|text| text.ends_with(".txt: read it now and act on it.")), "{taken:?}");
}
