//! Of which conversation a word is: the agent's own, or one of a program that it has started. Each as a script of moments.

use std::time::Duration;

use crate::story::telling::{LONG, PAIR, idle, pair};
use crate::story::{Story, send_queued};
use agent_orchestrator::policy::agent_event::{AgentEvent, Source, Told};
use agent_orchestrator::policy::message::Progress;
use agent_orchestrator::policy::observation::Observation;

/// What a program tells in the conversation `id`.
fn in_conversation(story: &mut Story, id: &str, told: Told) {
    let conversation = Some(id.to_owned());
    let event = AgentEvent { source: Source::ClaudeHook, time: story.now.wall, conversation, told };
    story.turn(vec![Observation::Told { agent: "one".to_owned(), run: 1, event }]);
}

#[test]
fn a_program_that_the_agent_starts_in_its_turn_does_not_speak_for_it() {
    let mut story = pair();
    story.tell("one", Told::Conversation { id: "own".to_owned() });
    let tells = |story: &mut Story, of: &str, told: Told| {
        let run = story.pane("one").run;
        let conversation = Some(of.to_owned());
        let event = AgentEvent { source: Source::GeminiHook, time: story.now.wall, conversation, told };
        story.turn(vec![Observation::Told { agent: "one".to_owned(), run, event }]);
    };
    tells(&mut story, "own", Told::Working);
    tells(&mut story, "nested", Told::Conversation { id: "nested".to_owned() });
    tells(&mut story, "nested", idle());
    assert_eq!(story.state_of("one"), "working");
    assert_eq!(story.saved.agents["one"].conversation.as_deref(), Some("own"));
    tells(&mut story, "own", idle());
    story.pass_s(2);
    tells(&mut story, "cleared", Told::Conversation { id: "cleared".to_owned() });
    assert_eq!(story.saved.agents["one"].conversation.as_deref(), Some("cleared"), "at rest it may begin another one");
}

#[test]
fn a_person_may_begin_another_conversation_whose_end_of_turn_was_lost() {
    let mut story = pair();
    story.tell("one", Told::Conversation { id: "own".to_owned() });
    story.tell("one", Told::Working);
    let tells = |story: &mut Story, told: Told| {
        let conversation = Some("cleared".to_owned());
        let event = AgentEvent { source: Source::ClaudeHook, time: story.now.wall, conversation, told };
        story.turn(vec![Observation::Told { agent: "one".to_owned(), run: 1, event }]);
    };
    story.tell("one", Told::SessionStart { how: "compact".to_owned() });
    assert_eq!(story.state_of("one"), "working", "a compaction ends no turn");
    tells(&mut story, Told::SessionStart { how: "startup".to_owned() });
    tells(&mut story, idle());
    assert_eq!(story.state_of("one"), "working", "a program of its own has begun there");
    tells(&mut story, Told::SessionStart { how: "clear".to_owned() });
    tells(&mut story, idle());
    assert_ne!(story.state_of("one"), "working");
    tells(&mut story, Told::Conversation { id: "cleared".to_owned() });
    assert_eq!(story.saved.agents["one"].conversation.as_deref(), Some("cleared"));
}

#[test]
fn a_turn_of_another_conversation_whose_beginning_was_lost_ends_where_it_began() {
    let mut story = pair();
    in_conversation(&mut story, "own", Told::Conversation { id: "own".to_owned() });
    in_conversation(&mut story, "cleared", Told::Working);
    story.pass_s(5);
    assert_eq!(story.state_of("one"), "working");
    in_conversation(&mut story, "cleared", idle());
    story.pass_s(60);
    assert_eq!((story.state_of("one").as_str(), story.saved.agents["one"].drifts), ("idle", 0));
}

#[test]
fn the_receipt_of_what_was_typed_here_says_which_conversation_this_is() {
    let mut story = Story::new(&PAIR.replace("supports_resume", "queues_while_busy = true\nsupports_resume"));
    story.pass_s(10);
    in_conversation(&mut story, "own", Told::Conversation { id: "own".to_owned() });
    in_conversation(&mut story, "own", Told::Working);
    // It rests: the end of its turn was lost, and a person has begun anew.
    let submitted = |story: &Story| matches!(story.saved.agents["one"].queue[0].progress, Progress::Submitted { .. });
    story.ask(send_queued("one", LONG));
    for _ in 0..100 {
        if submitted(&story) {
            break;
        }
        story.pass(Duration::from_millis(10));
    }
    assert!(submitted(&story), "{}", story.told());
    in_conversation(&mut story, "nested", Told::Receipt { text: format!("{LONG} now") });
    assert_eq!(story.saved.agents["one"].conversation.as_deref(), Some("own"), "another text is another program's");
    in_conversation(&mut story, "cleared", Told::Receipt { text: LONG.to_owned() });
    assert_eq!(story.saved.agents["one"].conversation.as_deref(), Some("cleared"));
    story.pass_s(5);
    assert_eq!(story.pane("one").taken, [LONG]);
}
