//! A question to systemd about one agent's unit, as a part of its session.

use std::os::fd::OwnedFd;

use super::Context;
use super::descriptor::{Numbers, Watched};
use crate::daemon::unit::{Asked, Question};
use crate::policy::now::Mono;

/// A question on its way, with the time until which it is waited for.
#[derive(Debug)]
pub struct Query {
    asked: Asked,
    end: Watched<OwnedFd>,
    deadline: Mono,
}

impl Query {
    /// Asks.
    ///
    /// # Errors
    /// What keeps it from being asked.
    pub fn new(question: Question, agent: &str, context: &Context, numbers: &mut Numbers) -> Result<Self, String> {
        let asked = Asked::new(question, agent).map_err(|error| format!("{error:#}"))?;
        let end = asked.end().and_then(|end| Watched::new(&context.reactor, numbers, end));
        let end = end.map_err(|error| format!("cannot wait for `systemctl`: {error}"))?;
        Ok(Self { asked, end, deadline: context.now + question.time_max() })
    }

    /// Tells whether the reactor's number `id` is its own.
    pub fn is(&self, id: u64) -> bool {
        self.end.is(id)
    }

    /// Says when it is given up.
    pub fn deadline(&self) -> Mono {
        self.deadline
    }

    /// Returns the answer, or why there is none; `None` while there is time.
    pub fn answer(&mut self, now: Mono) -> Option<Result<String, String>> {
        let answer = self.asked.answer();
        let late = || (self.deadline <= now).then(|| Err("systemd does not answer".to_owned()));
        answer.or_else(late)
    }
}
