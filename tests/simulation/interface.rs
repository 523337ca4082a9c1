//! The interface of a program that takes messages by another way than its terminal.

use agent_orchestrator::policy::agent_event::{Posted, Told};
use agent_orchestrator::policy::message::MessageId;
use agent_orchestrator::policy::observation::Observation;

use super::agenda::{Event, Over};
use super::clock::SECOND;
use super::program::{Health, Typed};
use super::teller::Prompt;
use super::world::World;

/// A message on its way to a program's interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    pub message: MessageId,
    pub conversation: String,
    pub text: String,
}

/// How handing over a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Taken,
    Refused,
    /// Nobody can tell; it was taken or not.
    Unsure(bool),
    /// Nothing is said; it was taken or not.
    Silent(bool),
}

impl World {
    /// The supervisor hands a message over.
    pub fn post(&mut self, agent: &str, post: Post) {
        let open = self.program(agent).filter(|program| !program.mouth.closed).map(|program| program.number);
        let Some(program) = open else {
            let seen = Observation::PostFailed {
                agent: agent.to_owned(),
                message: post.message,
                why: "no such mailbox".to_owned(),
            };
            return self.see_soon(seen);
        };
        let after = self.telling.between(2..=60);
        self.agenda.add(self.clock.at + after, Event::Post { agent: agent.to_owned(), program, post });
    }

    /// A message comes to the program's interface.
    pub fn posted(&mut self, agent: &str, number: u64, post: Post) {
        let draw = self.telling.below(5);
        let Some(program) = self.program(agent).filter(|program| program.number == number) else { return };
        if program.health == Health::Hung {
            program.unread.push(Typed::Post(post.clone()));
            return self
                .over(5 * SECOND, Over::Posted { agent: agent.to_owned(), program: number, message: post.message });
        }
        let mouth = &mut program.mouth;
        if mouth.knows.as_ref() == Some(&mouth.conversation) && post.conversation != mouth.conversation {
            let how = format!("{agent}: {post:?} while it works in {}", mouth.conversation);
            return self.fail("a message goes to the conversation that was told last", || how);
        }
        let course = if mouth.unsure > 0 {
            mouth.unsure -= 1;
            [Course::Refused, Course::Unsure(false), Course::Unsure(true), Course::Silent(false), Course::Silent(true)]
                [usize::try_from(draw).unwrap_or(0)]
        } else if post.conversation == mouth.conversation {
            Course::Taken
        } else {
            Course::Refused
        };
        self.note(|| format!("host: {agent} is handed {}: {course:?}", post.message));
        let message = post.message.0;
        let answer = match course {
            Course::Taken => Some(Posted::Taken),
            Course::Refused => Some(Posted::Refused("status 404".to_owned())),
            Course::Unsure(_) => Some(Posted::Unsure("timed out".to_owned())),
            Course::Silent(_) => None,
        };
        let taken = matches!(course, Course::Taken | Course::Unsure(true) | Course::Silent(true));
        if course != Course::Taken {
            self.disturb(agent);
        }
        let told = answer.map(|outcome| Told::Posted { message, outcome });
        // The answer and what the stream tells of the prompt come as they come.
        let first = draw.is_multiple_of(2);
        if let Some(told) = told.clone().filter(|_| first) {
            self.tells(agent, vec![told]);
        }
        if taken {
            self.takes_post(agent, post);
        }
        if let Some(told) = told.filter(|_| !first) {
            self.tells(agent, vec![told]);
        }
    }

    /// A program has a prompt that was handed over.
    pub fn takes_post(&mut self, agent: &str, post: Post) {
        let Post { message, text, conversation: _ } = post;
        let Some(program) = self.program(agent) else { return };
        let (number, waits) = (program.number, program.works() || program.dialog.is_some());
        self.oracle.delivery.taken(agent, message, &text, number);
        let prompt = Prompt { message: Some(message), text };
        if waits {
            self.keeps(agent, prompt);
        } else {
            self.begin_turn(agent, &[prompt]);
        }
    }
}
