//! What has been told of a loop's origin, so that nothing is told twice.

use std::collections::VecDeque;

use super::shared::Shared;
use crate::policy::observation::Observation;

/// The most heads that are remembered to tell an old one from a new one.
const RECENT_MAX: usize = 64;

/// What has been told of a loop's origin.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub head: Option<String>,
    pub trouble: Option<String>,
    /// Tell the head once more, though it be the same.
    pub again: bool,
    recent: VecDeque<String>,
}

impl Told {
    /// Tells a head that is new, or that the origin is back.
    pub fn head(&mut self, in_loop: &str, head: String, shared: &mut Shared) {
        let again = std::mem::take(&mut self.again) | self.trouble.take().is_some();
        self.remember(&head);
        if again || self.head.as_ref() != Some(&head) {
            self.head = Some(head.clone());
            shared.told.push(Observation::Head { in_loop: in_loop.to_owned(), head });
        }
    }

    /// Keeps a head that was seen.
    pub fn remember(&mut self, head: &str) {
        if !self.knows(head) {
            self.recent.push_back(head.to_owned());
            if self.recent.len() > RECENT_MAX {
                self.recent.pop_front();
            }
        }
    }

    /// Tells whether this head was seen lately.
    pub fn knows(&self, head: &str) -> bool {
        self.recent.iter().any(|known| known == head)
    }

    /// Tells why the origin cannot be asked, once for each reason.
    pub fn trouble(&mut self, in_loop: &str, why: String, shared: &mut Shared) {
        if self.trouble.as_ref() != Some(&why) {
            self.trouble = Some(why.clone());
            shared.told.push(Observation::OriginTrouble { in_loop: in_loop.to_owned(), why });
        }
    }
}
