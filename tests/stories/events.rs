//! What agents tell of themselves, each as a script of moments.

use crate::story;
use crate::story::telling::{BUSY, LONG, PAIR, idle, pair, refused, shows, tell_by, with_interface, works};
use crate::story::{Story, telling};
use agent_orchestrator::policy::agent_event::{AgentEvent, Refusal, Source, Told};
use agent_orchestrator::policy::event::EventKind;
use agent_orchestrator::policy::hold::Hold;
use agent_orchestrator::policy::observation::{Exit, Observation};

/// Returns what `explain` tells, without ages.
fn sources(story: &Story, name: &str) -> Vec<String> {
    let supervisor = story.supervisor.as_ref().expect("a supervisor");
    let explanation = supervisor.explain(name, story.now).expect("an agent");
    let known = ["events", "screen", "drift"];
    let sources = explanation.sources.into_iter().filter(|source| known.contains(&source.name.as_str()));
    sources.map(|source| format!("{}: {}", source.name, source.says)).collect()
}

#[test]
fn the_state_comes_from_events_first_and_explain_shows_all() {
    let mut story = pair();
    assert_eq!(story.state_of("one"), "idle");
    story.tell("one", Told::Working);
    assert_eq!(story.state_of("one"), "working", "though its screen shows nothing of it");
    assert_eq!(
        sources(&story, "one"),
        [
            "screen: working by rule told-working (decides): a turn runs",
            "events: claude-hook: a turn runs",
            "events: a turn runs by claude-hook (counts before the screen)",
        ]
    );
    shows(&mut story, "one", BUSY);
    story.pass_s(5);
    story.tell("one", idle());
    story.pass_s(4);
    assert_eq!(story.state_of("one"), "idle", "though the screen has not been redrawn");
    assert!(sources(&story, "one").contains(&"screen: working by rule active_re (overruled by its events)".to_owned()));
}

#[test]
fn an_agent_that_tells_of_a_turn_is_no_stall_while_it_writes() {
    let mut story = pair();
    story.tell("one", Told::Working);
    for _ in 0..400 {
        story.output("one");
        story.pass_s(1);
    }
    assert_eq!(story.pane("one").run, 1, "its screen equals that of an idle one for 400 s");
    assert_eq!(story.saved.agents["one"].drifts, 0);
    story.tell("one", idle());
    story.pass_s(310);
    assert_eq!(story.pane("one").run, 2, "told idle, it is one");
}

#[test]
fn a_screen_that_disagrees_for_too_long_is_a_drift_and_counts() {
    let mut story = pair();
    story.tell("one", Told::Working);
    story.pass_s(20);
    assert_eq!(story.state_of("one"), "working");
    story.pass_s(20);
    let told = story.told();
    assert!(told.contains("one: its screen and what it tells (claude-hook: a turn runs) disagree for 30 s"), "{told}");
    let idle_by_screen = "idle: by its screen: it tells otherwise";
    assert_eq!(story.state_of("one"), idle_by_screen, "a person has interrupted the turn, of which no hook tells");
    assert_eq!(story.saved.agents["one"].drifts, 1);
    let drift = "drift: screen and events have disagreed 1 times".to_owned();
    assert!(sources(&story, "one").contains(&drift), "{:?}", sources(&story, "one"));
    story.pass_s(100);
    assert!(!story.told().contains("disagree"), "told once");
    story.tell("one", Told::Working);
    assert_eq!(story.state_of("one"), "working", "what is told anew counts again");
}

#[test]
fn work_that_is_not_told_is_a_drift_as_well() {
    let mut story = pair();
    for _ in 0..40 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
    }
    assert!(story.told().contains("(claude-hook: the turn has ended) disagree"));
    assert_eq!(story.state_of("one"), "working: by its screen: it tells otherwise");
}

#[test]
fn who_begins_to_work_untold_just_before_it_would_be_a_stall_is_not_ended() {
    let mut story = pair();
    story.pass_s(280);
    works(&mut story, "one", 60);
    assert_eq!((story.pane("one").run, story.pane("two").run), (1, 2), "{}", story.told());
    assert_eq!(story.state_of("one"), "working: by its screen: it tells otherwise");
    shows(&mut story, "one", "");
    story.pass_s(310);
    assert_eq!(story.pane("one").run, 2, "silent from then on, it is one");

    let mut story = pair();
    story.pass_s(200);
    works(&mut story, "one", 3);
    story.pass_s(290);
    assert_eq!((story.pane("one").run, story.pane("two").run), (1, 2), "it was seen at work, however briefly");
    story.pass_s(20);
    assert_eq!(story.pane("one").run, 2);
}

#[test]
fn what_is_typed_into_a_turn_that_is_told_to_have_ended_is_not_lost_with_its_program() {
    let mut story = telling::in_a_turn();
    story.pane("one").taken.clear();
    works(&mut story, "one", 5);
    story.tell("one", idle());
    story.ask(story::send_queued("one", "look at the second gate, too"));
    works(&mut story, "one", 60);
    assert_eq!(story.pane("one").taken, ["look at the second gate, too"]);
    story.pane("one").taken.clear();
    story.dies("one", Exit::Code(1));
    story.pass_s(20);
    let taken = story.pane("one").taken.join("; ");
    assert!(taken.contains("(possibly repeated) look at the second gate, too"), "{taken}");
}

#[test]
fn a_turn_whose_beginning_is_never_told_is_seen_on_the_screen() {
    let mut story = pair();
    tell_by(&mut story, Source::CodexNotify, "one", idle());
    story.pass_s(5);
    for _ in 0..40 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
        assert_eq!(story.state_of("one"), "working");
    }
    assert!(!story.told().contains("disagree"), "its screen does not contradict what was told of the turn before");
}

#[test]
fn a_refusal_with_a_reset_time_holds_the_account() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 6am"));
    assert_eq!(story.saved.limits.len(), 1, "at once, whatever the screen shows");
    let held = "limited: account box, next probe Sat 06:00:45 UTC: You've hit your session limit · resets 6am";
    assert_eq!((story.state_of("one"), story.state_of("two")), (held.to_owned(), held.to_owned()));
    story.pass_s(2 * 3600 + 40);
    let (one, two) = (story.pane("one").taken.len(), story.pane("two").taken.len());
    assert_eq!((one, two), (1, 0), "the one that was refused is asked, and it tells that it works");
    for _ in 0..12 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
    }
    assert!(story.saved.limits.is_empty(), "{}", story.told());
    story.pass_s(20);
    assert_eq!(story.saved.limits.len(), 0, "an old refusal opens no new hold");
}

#[test]
fn a_canary_that_is_refused_again_goes_on_by_the_fresh_time() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 4:30am"));
    story.pass_s(30 * 60 + 60);
    assert_eq!(story.pane("one").taken.len(), 1);
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 6:00am"));
    story.pass_s(10);
    assert_eq!(story.saved.limits[0].probes, 1);
    assert!(story.state_of("one").contains("next probe Sat 06:00:45 UTC"), "{}", story.state_of("one"));
}

/// opencode tells a refusal and the end of its turn in one breath.
fn is_refused_by_stream(story: &mut Story) {
    let said = "The usage limit has been reached, try again at 6:00 AM";
    let told = [Told::Working, refused(Refusal::Limit, said), idle()];
    let told = told.map(|told| {
        let event = AgentEvent { source: Source::OpencodeStream, time: story.now.wall, conversation: None, told };
        Observation::Told { agent: "one".to_owned(), run: 1, event }
    });
    story.turn(told.to_vec());
    story.pass_s(10);
}

#[test]
fn the_end_that_follows_a_refusal_takes_nothing_of_it_back() {
    let mut story = with_interface();
    story.pane("one").tells = true;
    is_refused_by_stream(&mut story);
    assert_eq!(story.saved.limits.len(), 1, "its screen shows nothing of it");
    story.pass_s(2 * 3600 + 40);
    assert_eq!(story.pane("one").taken.len(), 1, "it is asked to go on");
    is_refused_by_stream(&mut story);
    assert_eq!(story.saved.limits.len(), 1, "an end is no work: {}", story.told());
    assert_eq!(story.saved.limits[0].probes, 1);
}

#[test]
fn an_end_that_is_told_later_is_of_another_turn() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Auth, "Not logged in · Please run /login"));
    story.pass_s(60);
    story.tell("one", idle());
    assert_eq!(story.state_of("one"), "idle", "somebody has logged in, and the turn's beginning was lost");
}

#[test]
fn a_limit_without_a_time_takes_it_from_the_used_up_allowance() {
    let mut story = pair();
    let resets_at = "2026-06-13T04:50:00Z".parse().ok();
    story.tell("one", Told::Allowance { window: "five_hour".into(), used_percent: 100, resets_at });
    story.tell("one", Told::Allowance { window: "seven_day".into(), used_percent: 60, resets_at: None });
    assert!(story.saved.limits.is_empty(), "an allowance alone holds nobody");
    story.tell("one", refused(Refusal::Limit, "You've hit your limit"));
    assert!(story.state_of("one").contains("next probe Sat 04:50:45 UTC"), "{}", story.state_of("one"));
}

#[test]
fn a_refusal_that_is_no_limit_holds_nobody() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Overload, "API Error: Repeated 529 Overloaded errors"));
    story.tell("one", Told::Idle { ended: false });
    story.pass_s(10);
    assert!(story.saved.limits.is_empty() && story.saved.agents["one"].attention.is_none());
    assert_eq!(story.state_of("one"), "idle");
}

#[test]
fn a_question_is_told_and_in_the_way_until_it_is_gone() {
    let mut story = pair();
    story.pane("one").dialog = true;
    story.tell("one", Told::Permission { what: "Bash: rm -r build".to_owned() });
    assert_eq!(story.state_of("one"), "attention: Bash: rm -r build");
    assert_eq!(story.notified.iter().filter(|event| event.event == EventKind::Attention).count(), 1);
    story.send("one", LONG, 300);
    story.pass_s(100);
    assert!(story.pane("one").taken.is_empty());
    story.pane("one").dialog = false;
    story.output("one");
    story.pass_s(5);
    assert_eq!(story.pane("one").taken, [LONG], "it was answered, of which nothing is told");
    assert_eq!(story.notified.iter().filter(|event| event.event == EventKind::Attention).count(), 1);
}

#[test]
fn a_broken_login_is_attention_and_a_broken_conversation_a_fresh_start() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Auth, "Not logged in · Please run /login"));
    assert_eq!(story.state_of("one"), "attention: Not logged in · Please run /login");
    story.pass_s(200);
    story.tell("two", refused(Refusal::Fatal, "thinking blocks cannot be modified"));
    story.pass_s(5);
    assert_eq!(story.pane("two").run, 2);
    story.pass_s(1000);
    assert_eq!(story.pane("one").run, 1, "what a person must mend is not restarted");
    assert!(story.told().contains("its conversation is broken: thinking blocks cannot be modified"));
}

#[test]
fn a_conversation_that_was_told_is_resumed() {
    let mut story = pair();
    story.tell("one", Told::Conversation { id: "0199-ab".to_owned() });
    story.tell("one", Told::Conversation { id: String::new() });
    story.dies("one", Exit::Code(1));
    story.pass_s(5);
    let (_, start) = story.prepared.last().expect("a start");
    assert_eq!(format!("{:?}", start.conversation), "Resumed(\"0199-ab\")");
}

#[test]
fn a_fresh_start_leaves_the_conversation_before_for_good() {
    let mut story = pair();
    story.tell("one", Told::Conversation { id: "broken".to_owned() });
    story.tell("one", refused(Refusal::Fatal, "thinking blocks cannot be modified"));
    story.pass_s(60);
    assert_eq!(story.pane("one").run, 2);
    story.dies("one", Exit::Code(1));
    story.pass_s(5);
    let (_, start) = story.prepared.last().expect("a start");
    assert_eq!((start.run, format!("{:?}", start.conversation)), (3, "Unknown".to_owned()));
}

#[test]
fn what_a_program_tells_while_it_is_replaced_is_not_of_the_next_one() {
    let named = PAIR.replace("supports_resume", "new_id_flag = \"--id '{id}'\"\nsupports_resume");
    let mut story = Story::new(&named);
    story.pass_s(10);
    story.slow.insert("one".to_owned());
    story.tell("one", refused(Refusal::Fatal, "thinking blocks cannot be modified"));
    story.tell("one", Told::Conversation { id: "broken".to_owned() });
    let begun = format!("{:?}", story.prepared.last().expect("a start").1.conversation);
    story.slow.clear();
    story.ends("one");
    story.pass_s(60);
    assert_eq!(story.pane("one").run, 2);
    story.dies("one", Exit::Code(1));
    story.pass_s(5);
    let resumed = format!("{:?}", story.prepared.last().expect("a start").1.conversation);
    assert_eq!(resumed, begun.replace("New", "Resumed"));
}

#[test]
fn a_context_that_fills_is_answered_as_its_screen_would_be() {
    let rule = "[[backend.box.rules]]\nname = \"context-warning\"\nregion = \"last 5\"\nmeaning = \"context\"\n\
                re = \"context is full\"\n[backend.box.answers]\ncontext-warning = \"/compact\"\n";
    let fleet = PAIR.replace("[[agent]]\nname = \"one\"", &format!("{rule}[[agent]]\nname = \"one\""));
    let mut story = Story::new(&fleet.replace("stall_idle = 300", "stall_idle = 100000"));
    story.pass_s(10);
    story.tell("one", Told::Context { used_percent: 89 });
    story.pass_s(10);
    assert!(story.pane("one").taken.is_empty());
    story.tell("one", Told::Context { used_percent: 93 });
    story.pass_s(10);
    assert_eq!(story.pane("one").taken, ["/compact"]);
    story.tell("one", Told::Context { used_percent: 5 });
    story.pass_s(2000);
    assert_eq!(story.pane("one").taken.len(), 1);
}

#[test]
fn a_refusal_that_only_the_supervisor_before_heard_opens_no_account() {
    let mut story = Story::new(&PAIR.replace("supports_resume", "events = \"claude\"\nsupports_resume"));
    story.pass_s(10);
    story.pane("one").tells = true;
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 4:30am"));
    story.pass_s(30 * 60 + 36);
    assert_eq!(story.pane("one").taken.len(), 1, "it is asked, and works");
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 4:30am"));
    assert!(matches!(story.saved.limits[0].hold, Hold::Probing { .. }), "it may be the old one");
    story.kill_supervisor();
    story.wake();
    story.pass_s(8);
    assert_eq!(story.pane("one").taken.len(), 2, "its screen shows nothing of the refusal: it is asked anew");
    assert_eq!(story.saved.limits.len(), 1);
}

#[test]
fn a_refusal_that_only_the_supervisor_before_heard_opens_no_account_where_a_person_has_wired_the_program() {
    let mut story = pair();
    story.pane("one").tells = true;
    story.send("one", LONG, 60);
    story.pass_s(5);
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 4:30am"));
    story.pass_s(30 * 60 + 40);
    assert_eq!(story.pane("one").taken.len(), 2, "it is asked, and works");
    story.kill_supervisor();
    story.wake();
    story.pass_s(8);
    assert_eq!((story.pane("one").taken.len(), story.saved.limits.len()), (3, 1), "it is asked anew");
}

#[test]
fn a_limit_that_is_told_anew_holds_though_the_banner_is_the_old_one() {
    const BANNER: &str = "You've hit your session limit · resets 6am";
    let mut story = pair();
    for name in ["one", "two"] {
        shows(&mut story, name, BANNER);
        story.pass_s(2);
    }
    story.pass_s(2 * 3600 + 48);
    for _ in 0..12 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
    }
    assert!(story.saved.limits.is_empty(), "open again, and the other one shows what it showed");
    story.tell("two", refused(Refusal::Limit, BANNER));
    story.pass_s(5);
    assert_eq!(story.saved.limits.len(), 1, "{}", story.told());
}

#[test]
fn a_canary_whose_conversation_is_broken_goes_on_with_a_new_one() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 4:30am"));
    story.pass_s(10);
    shows(&mut story, "one", "thinking blocks cannot be modified");
    story.pass_s(20);
    assert_eq!(story.pane("one").run, 1, "nobody is healed in a hold");
    story.pass_s(30 * 60 + 35);
    assert_eq!(story.pane("one").run, 2, "else it would be asked for ever");
    for _ in 0..12 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
    }
    assert!(story.saved.limits.is_empty(), "{}", story.told());
}

#[test]
fn who_retries_by_itself_holds_no_account_that_was_opened_by_another() {
    const BANNER: &str = "You've hit your session limit · resets 6am";
    let mut story = pair();
    story.tell("two", Told::Retrying { limit: true, text: BANNER.to_owned() });
    shows(&mut story, "two", BANNER);
    story.pass_s(2);
    shows(&mut story, "one", BANNER);
    story.pass_s(2);
    assert_eq!(story.saved.limits.len(), 1);
    story.tell("one", Told::Working);
    for _ in 0..12 {
        shows(&mut story, "one", BUSY);
        story.pass_s(1);
    }
    assert!(story.saved.limits.is_empty(), "{}", story.told());
    story.pass_s(30);
    assert!(story.saved.limits.is_empty(), "what it told before is of the hold that is over: {}", story.told());
}

#[test]
fn whose_conversation_is_broken_in_a_hold_is_not_said_to_be_started_anew() {
    let mut story = pair();
    story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 6am"));
    story.pass_s(10);
    shows(&mut story, "two", "thinking blocks cannot be modified");
    story.pass_s(20);
    assert!(!story.told().contains("its conversation is broken"));
    assert!(story.saved.agents["two"].deaths.is_empty(), "nor is that counted");
}

#[test]
fn a_limit_that_is_told_behind_a_dialog_holds_its_account() {
    for meaning in ["permission", "unknown-dialog"] {
        let rule = "[[backend.box.rules]]\nname = \"pick\"\nregion = \"anywhere\"\nre = 'Pick one'\n";
        let mut story = Story::new(&format!("{PAIR}\n{rule}meaning = \"{meaning}\"\n"));
        story.pass_s(10);
        story.tell("one", Told::Working);
        shows(&mut story, "one", "Pick one");
        story.pass_s(2);
        story.tell("one", refused(Refusal::Limit, "You've hit your session limit · resets 6am"));
        story.pass_s(5);
        assert_eq!(story.saved.limits.len(), 1, "{}", story.told());
        assert!(story.saved.limits[0].banner.contains("resets 6am"), "{:?}", story.saved.limits);
        assert_eq!(story.state_of("one"), "attention: Pick one");
    }
}

#[test]
fn the_words_of_a_dialog_are_no_banner() {
    let rule = "[[backend.box.rules]]\nname = \"pick\"\nregion = \"anywhere\"\nmeaning = \"permission\"\nre = '(?m)^Pick .*$'\n";
    let mut story = Story::new(&format!("{PAIR}\n{rule}"));
    story.pass_s(10);
    story.tell("one", Told::Working);
    shows(&mut story, "one", "Pick one · resets 11pm");
    story.pass_s(2);
    story.tell("one", Told::Retrying { limit: true, text: "usage limit reached, resets 6am".to_owned() });
    story.pass_s(5);
    assert!(story.saved.limits[0].banner.contains("resets 6am"), "{:?}", story.saved.limits);
}
