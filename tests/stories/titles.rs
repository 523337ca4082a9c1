//! What the titles of terminals tell, each as a script of moments.

use std::time::Duration;

use crate::story::Story;
use crate::story::telling::PAIR;
use agent_orchestrator::policy::agent_event::Told;

const RULES: &str = r#"
[[backend.box.rules]]
name = "title-blocked"
region = "title"
meaning = "permission"
priority = 87
re = '^!'
[[backend.box.rules]]
name = "title-working"
region = "title"
meaning = "working"
priority = 80
re = '^[\x{2800}-\x{28ff}] '
[[backend.box.rules]]
name = "title-idle"
region = "title"
meaning = "idle"
priority = 60
re = '^✳ '
"#;

/// An agent that rests, whose screen looks the same while it works.
fn titled() -> Story {
    let text = PAIR.replace("active_re = \"esc to interrupt\"\n", "");
    let mut story = Story::new(&format!("{text}{RULES}"));
    story.titles("one", "✳ ready");
    story.pass_s(20);
    assert_eq!(story.state_of("one"), "idle");
    story
}

/// Writes as a program at work does, for so long.
fn writes(story: &mut Story, tenths: u32) {
    for _ in 0..tenths {
        story.output("one");
        story.pass(Duration::from_millis(100));
    }
}

/// Returns what `explain` tells of the title, with its age in seconds.
fn title_of(story: &Story) -> Vec<String> {
    let supervisor = story.supervisor.as_ref().expect("a supervisor");
    let sources = supervisor.explain("one", story.now).expect("an agent").sources;
    let titles = sources.into_iter().filter(|source| source.name == "title");
    titles.map(|source| format!("{}: {}", source.age_s.expect("an age"), source.says)).collect()
}

#[test]
fn a_title_is_a_source_of_its_own_and_acts_at_once_while_text_streams() {
    let mut story = titled();
    writes(&mut story, 2);
    story.titles("one", "⠂ ready");
    assert_eq!(story.state_of("one"), "working");
    assert_eq!(title_of(&story), ["0: working by rule title-working (decides): ⠂ ready"]);
    for _ in 0..10 {
        for title in ["⠐ ready", "⠂ ready"] {
            story.titles("one", title);
            writes(&mut story, 10);
        }
    }
    let says = title_of(&story);
    assert!(says[0].starts_with("20: working by rule title-working"), "its spinner is no other title: {says:?}");
    story.titles("one", "✳ done");
    assert_eq!(story.state_of("one"), "idle", "what it wrote a moment ago is the end of its screen");
    assert_eq!(title_of(&story), ["0: idle by rule title-idle (decides): ✳ done"]);
    story.titles("one", "! a question");
    assert!(story.state_of("one").starts_with("attention: "), "{}", story.state_of("one"));
}

#[test]
fn a_working_title_keeps_an_agent_from_being_a_stall_whatever_its_screen() {
    let mut story = titled();
    story.titles("one", "⠂ ready");
    for _ in 0..400 {
        writes(&mut story, 1);
        story.pass(Duration::from_millis(900));
    }
    assert_eq!(story.pane("one").run, 1, "its screen equals that of an idle one for 400 s");
    story.titles("one", "✳ done");
    story.pass_s(310);
    assert_eq!(story.pane("one").run, 2, "idle by its title, it is one");
}

#[test]
fn an_idle_title_over_a_dialog_is_no_rest() {
    let mut story = titled();
    story.titles("one", "⠂ ready");
    writes(&mut story, 20);
    story.pane("one").dialog = true;
    story.titles("one", "✳ ready");
    assert_eq!(title_of(&story), [""; 0], "without an input box it says nothing");
    let request = story.send("one", "hello", 1);
    story.pass_s(5);
    assert!(format!("{:?}", story.replies[&request]).contains("input box"), "{:?}", story.replies[&request]);
    assert_eq!(story.pane("one").taken.len(), 0);
}

#[test]
fn a_title_that_contradicts_what_is_told_is_a_drift() {
    let mut story = titled();
    story.tell("one", Told::Idle { ended: true });
    story.pass_s(5);
    story.titles("one", "⠂ ready");
    writes(&mut story, 280);
    assert_eq!(story.saved.agents["one"].drifts, 0);
    writes(&mut story, 50);
    assert_eq!(story.saved.agents["one"].drifts, 1);
    assert_eq!(story.state_of("one"), "working: by its screen: it tells otherwise");
}
