//! Which conversation an agent's start goes on with.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Supervisor;
use super::action::Conversation;
use super::fleet::{Agent, Kind};
use super::now::Now;

/// A resumed program that ends sooner than this could not go on with its conversation: the next start is fresh.
pub(super) const RESUME_PROOF: Duration = Duration::from_secs(30);

impl Supervisor {
    /// Decides the conversation of a start: death and reboot resume, a stall, a broken conversation and another phase
    /// begin anew (decisions.md, "Sessions").
    pub(super) fn conversation_of(&self, agent: &Agent, run: u64, now: Now) -> Conversation {
        let (Some(state), Some(backend)) = (self.state.agents.get(&agent.name), self.backend_of(&agent.name)) else {
            return Conversation::Unknown;
        };
        if matches!(agent.kind, Kind::Service { .. }) {
            return Conversation::Unknown;
        }
        let resumes = agent.resume && backend.supports_resume && !state.fresh;
        match (&state.conversation, &backend.new_id_flag) {
            (Some(id), _) if resumes => Conversation::Resumed(id.clone()),
            (_, Some(_)) => Conversation::New(new_id(&self.state.boot, &agent.name, run, now)),
            (_, None) => Conversation::Unknown,
        }
    }
}

impl Supervisor {
    /// Takes in which conversation an agent's program works in: a resume goes on with that one.
    pub(super) fn learn_conversation(&mut self, name: &str, id: &str) {
        if let Some(state) = self.state.agents.get_mut(name)
            && state.conversation.as_deref() != Some(id)
        {
            state.conversation = Some(id.to_owned());
        }
    }
}

/// Makes an id that no other start has: a UUID (version 8, RFC 9562) of the boot, the agent, the start and its moment.
fn new_id(boot: &str, agent: &str, run: u64, now: Now) -> String {
    let seed = format!(
        "{boot}/{agent}/{run}/{}/{}",
        now.wall.timestamp_nanos_opt().unwrap_or_default(),
        now.mono.0.as_nanos()
    );
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&Sha256::digest(seed.as_bytes())[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::now::Mono;

    #[test]
    fn ids_are_uuids_and_differ() {
        let wall = "2026-06-13T04:00:00Z".parse().expect("a time");
        let now = Now { mono: Mono(Duration::from_secs(1)), wall, zone: chrono_tz::UTC };
        let form = regex::Regex::new("^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$");
        let form = form.expect("a pattern");
        let mut ids: Vec<String> = (0..64).map(|run| new_id("boot", "builder", run, now)).collect();
        ids.push(new_id("boot", "adversary", 1, now));
        ids.push(new_id("another boot", "builder", 1, now));
        assert!(ids.iter().all(|id| form.is_match(id)), "{ids:?}");
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "no two are the same");
    }
}
