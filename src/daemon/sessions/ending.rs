//! The end of an agent, by who started it.

use super::Context;
use super::descriptor::{Numbers, Server, server};
use super::query::Query;
use super::stopping::{Stopped, Stopping, Whose};
use crate::policy::now::Mono;

/// A stop that goes on.
#[derive(Debug)]
pub enum Ending {
    /// Of processes that the supervisor has started.
    Processes(Stopping),
    /// Of a unit.
    Unit(Query),
}

impl Ending {
    /// Says when the next stage is due.
    pub fn deadline(&self) -> Mono {
        match self {
            Self::Processes(stopping) => stopping.deadline(),
            Self::Unit(query) => query.deadline(),
        }
    }

    /// Takes up that the process behind the reactor's number `id` has ended.
    pub fn ended(&mut self, id: u64) {
        match self {
            Self::Processes(stopping) => stopping.ended(id),
            Self::Unit(_) => {}
        }
    }

    /// Does what is next; the result says that the stop is over.
    pub fn advance(&mut self, whose: Whose<'_>, context: &mut Context, numbers: &mut Numbers) -> Option<Stopped> {
        match self {
            Self::Processes(stopping) => stopping.advance(whose, context, numbers),
            Self::Unit(query) => {
                let answer = query.answer(context.now)?;
                // The unit's own way to tell it was asked by us as well.
                let _ = std::fs::remove_file(whose.launch_file.with_extension("stopped"));
                Some(answer.and_then(|_| match server(whose.place) {
                    Server::Gone => Ok(()),
                    Server::Listens(_) | Server::Unclear(_) => {
                        Err(format!("a tmux server outside of its unit holds `{}`", whose.place.display()))
                    }
                }))
            }
        }
    }
}
