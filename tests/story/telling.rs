//! Agents whose program tells of itself.

use agent_orchestrator::policy::agent_event::{AgentEvent, Refusal, Source, Told};
use agent_orchestrator::policy::observation::Observation;

use super::Story;

/// Two agents of one account, whose program tells of itself.
pub const PAIR: &str = r#"
[notify]
command = ["tell-me"]
[defaults]
session_prefix = "x-"
log_dir = "logs"
backend = "box"
watch = "heal+stall"
resume = true
[watchdog]
draft_alarm = 60
[backend.box]
bin = "agent"
prompt_delivery = "exec"
input_re = '^>(?: (?P<text>.*))?$'
active_re = "esc to interrupt"
limit_re = "hit your .*limit"
fatal_re = "cannot be modified"
supports_resume = true
submit_key = "Enter"
stall_idle = 300
[[agent]]
name = "one"
prompt = "x"
[[agent]]
name = "two"
prompt = "x"
"#;

pub const BUSY: &str = "esc to interrupt";
pub const LONG: &str = "please look into the failing test of the parser";

pub fn refused(kind: Refusal, text: &str) -> Told {
    Told::Refused { kind, text: text.to_owned(), resets_at: None }
}

pub fn idle() -> Told {
    Told::Idle { ended: true }
}

/// A pair that is ready; `one` has told that it rests.
pub fn pair() -> Story {
    let mut story = Story::new(PAIR);
    story.pass_s(10);
    for name in ["one", "two"] {
        story.pane(name).tells = true;
        story.tell(name, idle());
    }
    story.pass_s(5);
    story.told();
    story
}

/// A program that keeps for later what comes in its turn, and is in one.
pub fn in_a_turn() -> Story {
    let mut story = Story::new(&PAIR.replace("supports_resume", "queues_while_busy = true\nsupports_resume"));
    story.pass_s(10);
    story.tell("one", Told::Receipt { text: "earlier".to_owned() });
    story.tell("one", Told::Working);
    story.ask(super::send_queued("one", LONG));
    story.pass_s(3);
    assert_eq!(story.pane("one").taken, [LONG]);
    story
}

/// A program writes something while no supervisor is there to be told.
pub fn writes_unseen(story: &mut Story, agent: &str) {
    story.pane(agent).wrote = Some(story.now.wall);
}

pub fn shows(story: &mut Story, agent: &str, text: &str) {
    text.clone_into(&mut story.pane(agent).above);
    story.output(agent);
}

/// An agent works for a while and shows it.
pub fn works(story: &mut Story, agent: &str, seconds: u64) {
    for _ in 0..seconds {
        shows(story, agent, BUSY);
        story.pass_s(1);
    }
}

/// A fleet whose program has an interface of its own.
pub fn with_interface() -> Story {
    let mut story = Story::new(&PAIR.replace("supports_resume", "events = \"opencode\"\nsupports_resume"));
    story.pass_s(10);
    story
}

pub fn stream(story: &mut Story, agent: &str, told: Told) {
    tell_by(story, Source::OpencodeStream, agent, told);
}

/// Its program tells something by this interface.
pub fn tell_by(story: &mut Story, source: Source, agent: &str, told: Told) {
    let run = story.pane(agent).run;
    let event = AgentEvent { source, time: story.now.wall, conversation: None, told };
    story.turn(vec![Observation::Told { agent: agent.to_owned(), run, event }]);
}

/// A program tells several things before the supervisor hears of any.
pub fn tell_at_once(story: &mut Story, agent: &str, told: impl IntoIterator<Item = Told>) {
    let run = story.pane(agent).run;
    let seen = told.into_iter().map(|told| story.event(agent, run, told)).collect();
    story.turn(seen);
}
