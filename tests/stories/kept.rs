//! Which of the messages that a program keeps for after its turn a receipt is of, each as a script of moments.

use crate::story::telling::{BUSY, LONG, PAIR, idle, in_a_turn, shows};
use crate::story::{Story, send_queued};
use agent_orchestrator::policy::agent_event::Told;
use agent_orchestrator::policy::observation::Exit;

const OTHER: &str = "then have a look at the printer as well, please";
const IN_VAIN: &str = "has not been submitted since the turn ended";

fn receipt(story: &mut Story, text: &str) {
    story.tell("one", Told::Receipt { text: text.to_owned() });
}

fn sends(story: &mut Story, text: &str) {
    story.ask(send_queued("one", text));
    story.pass_s(3);
}

/// Lets the turn end, and returns of which messages it is told that they were not submitted.
fn in_vain(story: &mut Story) -> Vec<String> {
    story.told();
    story.tell("one", idle());
    story.pass_s(15);
    let told = story.told();
    let number = |line: &str| Some(line.split_once("message ")?.1.split_once(' ')?.0.to_owned());
    told.lines().filter(|line| line.contains(IN_VAIN)).filter_map(number).collect()
}

#[test]
fn a_receipt_is_of_the_message_whose_text_it_has() {
    let mut story = in_a_turn();
    sends(&mut story, OTHER);
    receipt(&mut story, OTHER);
    assert_eq!(in_vain(&mut story), ["m1"]);
}

#[test]
fn of_two_with_one_text_each_has_its_receipt() {
    let mut story = in_a_turn();
    receipt(&mut story, LONG);
    story.pane("one").tells = true;
    sends(&mut story, LONG);
    assert_eq!(
        in_vain(&mut story),
        [""; 0],
        "the first receipt was of the first, and the second is of what was just sent"
    );

    let mut story = in_a_turn();
    story.pane("one").tells = true;
    sends(&mut story, LONG);
    receipt(&mut story, LONG);
    assert_eq!(in_vain(&mut story), [""; 0], "one that comes late is of the first");
}

#[test]
fn what_came_in_a_turn_is_not_lost_with_it_and_what_came_at_rest_is_not_repeated() {
    let marked = format!("(possibly repeated) {LONG}");
    for (is_told, is_shown, expected) in
        [(true, false, vec![marked.clone()]), (false, true, vec![marked]), (false, false, vec![])]
    {
        let mut story = Story::new(&PAIR.replace("supports_resume", "queues_while_busy = true\nsupports_resume"));
        story.pass_s(10);
        receipt(&mut story, "earlier");
        if is_told {
            story.tell("one", Told::Working);
        }
        if is_shown {
            shows(&mut story, "one", BUSY);
        }
        story.pass_s(2);
        story.ask(send_queued("one", LONG));
        while story.pane("one").taken.is_empty() {
            story.pass(std::time::Duration::from_millis(100));
        }
        receipt(&mut story, LONG);
        story.dies("one", Exit::Code(1));
        story.pass_s(20);
        assert_eq!(story.pane("one").taken, expected, "told: {is_told}, shown: {is_shown}");
    }
}

#[test]
fn a_turn_that_is_told_once_more_has_not_begun_with_what_is_kept() {
    let mut story = in_a_turn();
    receipt(&mut story, LONG);
    story.tell("one", Told::Working);
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    assert_eq!(story.pane("one").taken, [format!("(possibly repeated) {LONG}")]);
}
