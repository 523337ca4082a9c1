//! Rules and breaking points of the phases and of what several concerns share, each as a script of moments.

use crate::story::Story;
use crate::story::fleets::{PAIR, failed};
use agent_orchestrator::policy::request::{Reason, Reply};

#[test]
fn a_current_phase_that_is_gone_is_shown_and_moves_nothing() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    story.told();
    story.edit(&PAIR.replace("id = \"p1\"", "id = \"renamed\""));
    story.pass_s(600);
    let told = story.told();
    assert_eq!(told.matches("phase `p1` is not in the config any more").count(), 1, "{told}");
    assert_eq!(story.pane("builder").run, 1, "nothing was killed for it");
    let answer = story.phase_set("renamed");
    story.pass_s(1);
    assert!(matches!(story.replies[&answer], Reply::Done { .. }));
    assert_eq!(story.pane("builder").run, 2);
}

#[test]
fn a_phase_that_does_not_exist_is_refused_and_nothing_is_written() {
    let mut story = Story::new(PAIR);
    story.pass_s(1);
    let before = story.saved.clone();
    for target in ["7", "-1", "nonsense", "99999999999999999999"] {
        let answer = story.phase_set(target);
        let (reason, error) = failed(&story.replies[&answer]);
        assert_eq!(reason, Reason::Usage);
        assert!(error.contains("valid are p1, p2 or 0 to 1"), "{error}");
    }
    assert_eq!(story.saved, before);
    let answer = story.phase_set("1");
    assert!(matches!(&story.replies[&answer], Reply::Done { lines } if lines[0].contains("p2")));
}

#[test]
fn a_plan_edited_in_mid_phase_is_told_to_both() {
    let mut story = Story::new(PAIR);
    story.write("/p/plan-1.md", "first");
    story.pass_s(1);
    assert!(story.pane("builder").taken.is_empty(), "the first sight is silent");
    story.write("/p/plan-1.md", "second");
    story.pass_s(2);
    for agent in ["builder", "adversary"] {
        let taken = story.pane(agent).taken.clone();
        assert!(taken.len() == 1 && taken[0].contains("plan-1.md was edited"), "{agent}: {taken:?}");
    }
}

#[test]
fn the_predecessors_phase_index_is_read_once() {
    let mut story = Story::asleep(PAIR);
    story.disk.insert("/p/logs/state/phase-idx".into(), "1\n".to_owned());
    story.wake();
    story.pass_s(1);
    assert_eq!(story.saved.loops[""].phase.as_deref(), Some("p2"));
    story.write("/p/logs/state/phase-idx", "0\n");
    story.kill_supervisor();
    story.wake();
    assert_eq!(story.saved.loops[""].phase.as_deref(), Some("p2"), "afterwards our own state counts");
}

#[test]
fn an_index_out_of_range_is_shown_and_starts_nothing() {
    let mut story = Story::asleep(PAIR);
    story.disk.insert("/p/logs/state/phase-idx".into(), "17".to_owned());
    story.wake();
    story.pass_s(1);
    assert!(story.panes.is_empty());
    assert!(story.told().contains("holds no index of a phase"));
    assert!(story.ready, "a person is needed, and systemd does not wait for one");
    story.phase_set("p1");
    story.pass_s(400);
    assert!(story.pane("builder").alive);
}

#[test]
fn a_restarted_supervisor_adopts_what_runs() {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    story.kill_supervisor();
    story.pass_s(1000);
    story.wake();
    story.pass_s(1000);
    assert_eq!((story.pane("builder").run, story.pane("adversary").run), (1, 1));
    assert!(story.ready);
}

#[test]
fn down_ends_everything_then_the_supervisor_and_is_not_remembered() {
    let mut story = Story::new(PAIR);
    story.pass_s(5);
    let answer = story.down(&[]);
    assert!(story.ended && story.panes.is_empty());
    assert!(matches!(story.replies[&answer], Reply::Done { .. }));
    story.wake();
    story.pass_s(1);
    assert!(story.pane("builder").alive);
}

#[test]
fn ages_go_on_over_a_reboot() {
    let mut story = Story::new(PAIR);
    story.pass_s(100_000);
    story.kill_supervisor();
    story.reboot();
    story.wake();
    story.pass_s(60);
    let picture = story.supervisor.as_ref().expect("a supervisor").picture(story.now);
    assert!((100_000..100_120).contains(&picture.loops[0].age_s), "{} s", picture.loops[0].age_s);
}
