//! Every message reaches its reader as a whole, once, or stays queued and visible.

use std::collections::{BTreeMap, BTreeSet};

use agent_orchestrator::policy::action::Action;
use agent_orchestrator::policy::event::EventKind;
use agent_orchestrator::policy::message::{Message, MessageId, Ping, PingAbout, Purpose, REPEATED};
use agent_orchestrator::policy::queue::QUEUE_MAX;
use agent_orchestrator::policy::state::{LoopState, State};

use super::prompts::Prompts;
use super::{Step, Verdict, broken};
use crate::program::Style;
use crate::world::World;

/// A text that a program took.
#[derive(Debug)]
struct Take {
    text: String,
    program: u64,
    /// It was begun with; until then it is kept for after the turn.
    begun: bool,
    /// It went with its program before that.
    gone: bool,
}

/// What was typed and taken.
#[derive(Debug, Default)]
pub struct Delivery {
    /// What programs took as a message, by reader and message.
    taken: BTreeMap<(String, u64), Vec<Take>>,
    pub prompts: Prompts,
    /// Messages that were handed over.
    posts: BTreeSet<u64>,
    /// How often a message was pasted.
    pastes: BTreeMap<u64, u32>,
    /// Which message told a reader of a commit.
    told: BTreeMap<(String, bool, String), u64>,
    broken: Option<String>,
    pub confirmed: u64,
    pub repeated: u64,
}

impl Delivery {
    /// A program took a text that was pasted as this message.
    pub fn taken(&mut self, agent: &str, message: MessageId, text: &str, program: u64) {
        let takes = self.taken.entry((agent.to_owned(), message.0)).or_default();
        if takes.iter().any(|take| !take.gone) && !text.starts_with(REPEATED) {
            self.broken = Some(format!("{agent} took {message} again, unmarked: {text}"));
        }
        takes.push(Take { text: text.to_owned(), program, begun: false, gone: false });
    }

    /// A person submitted a text that this message stands in.
    pub fn taken_within(&mut self, agent: &str, message: MessageId, text: &str, program: u64) {
        let takes = self.taken.entry((agent.to_owned(), message.0)).or_default();
        takes.push(Take { text: text.to_owned(), program, begun: true, gone: false });
        self.prompts.lost(agent, message);
    }

    /// A program has begun with a message.
    pub fn prompted(&mut self, agent: &str, message: MessageId, program: u64, excused: bool) {
        self.prompts.prompted(agent, message, excused);
        for take in self.taken.get_mut(&(agent.to_owned(), message.0)).into_iter().flatten() {
            take.begun |= take.program == program;
        }
    }

    /// A program is gone, with what it had kept for later; of one that is `lossy` nobody was told what it had begun with.
    pub fn program_gone(&mut self, agent: &str, program: u64, (tells, lossy): (bool, bool)) {
        for ((_, _), takes) in self.taken.range_mut((agent.to_owned(), 0)..=(agent.to_owned(), u64::MAX)) {
            for take in takes.iter_mut().filter(|take| take.program == program && (!take.begun || lossy)) {
                take.gone |= tells;
            }
        }
    }

    pub fn disturbed(&mut self, agent: &str, at: u64) {
        self.prompts.disturbed(agent, at);
    }

    pub fn lost(&mut self, agent: &str, message: MessageId) {
        self.prompts.lost(agent, message);
    }

    pub fn judge(&mut self, seen: &Step, after: &State, world: &World) -> Verdict {
        if let Some(how) = self.broken.take() {
            return broken("exactly once where there are receipts", how);
        }
        self.prompts.judge(seen, world.clock.at)?;
        for (name, agent) in &after.agents {
            if agent.queue.len() > QUEUE_MAX {
                return broken("queues are bounded", format!("{name}: {}", agent.queue.len()));
            }
            self.note_told(name, &agent.queue)?;
        }
        for (name, agent) in &seen.before.agents {
            let left: BTreeSet<u64> =
                after.agents.get(name).iter().flat_map(|agent| &agent.queue).map(|message| message.id.0).collect();
            for message in agent.queue.iter().filter(|message| !left.contains(&message.id.0)) {
                self.judge_end(name, message, seen, world)?;
            }
        }
        for (name, before) in &seen.before.loops {
            let same = |now: &LoopState| {
                before.phase == now.phase && before.since == now.since && before.complete == now.complete
            };
            if !after.loops.get(name).is_some_and(same) {
                self.prompts.phase_left(name);
            }
        }
        self.judge_heads(seen, after, world)?;
        for action in &seen.turn.actions {
            match action {
                Action::Paste { agent, message, text } => {
                    self.judge_paste(agent, *message, text)?;
                    judge_wake(agent, *message, after, world)?;
                }
                Action::Post { agent, message, .. } => {
                    self.posts.insert(message.0);
                    judge_wake(agent, *message, after, world)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn judge_paste(&mut self, agent: &str, message: MessageId, text: &str) -> Verdict {
        let pastes = self.pastes.entry(message.0).or_default();
        *pastes += 1;
        if text.starts_with(REPEATED) {
            self.repeated += 1;
            if *pastes == 1 && !self.posts.contains(&message.0) {
                return broken("only what may have arrived is called repeated", format!("{agent}: {message}"));
            }
        }
        Ok(())
    }

    /// Judges why a message is in no queue any more.
    fn judge_end(&mut self, name: &str, message: &Message, seen: &Step, world: &World) -> Verdict {
        let after = seen.after;
        let number = message.id.to_string();
        let told = |kind| seen.events(kind).any(|event| event.more.get("message").is_some_and(|id| *id == *number));
        let key = (name.to_owned(), message.id.0);
        if told(EventKind::Delivered) {
            self.confirmed += 1;
            if let Some(ping) = about_work(message).filter(|_| world.teller_of(name).has_receipts()) {
                self.prompts.delivered(name, message.id, &ping.in_loop);
            }
            // What stood unsubmitted in a box that nobody can read is submitted with the next.
            let holds = |take: &Take| take.text.contains(&message.text);
            let whole = self.taken.get(&key).is_some_and(|takes| takes.iter().any(holds));
            let how = || format!("{name}: {message:?}, taken: {:?}", self.taken.get(&key));
            return if whole { Ok(()) } else { broken("what is confirmed has arrived", how()) };
        }
        let receipts = world.style_of(name).is_none_or(Style::has_receipts);
        // A text that was lost twice is told as unconfirmed.
        if told(EventKind::Unconfirmed) && (!receipts || message.text.starts_with(REPEATED)) {
            return Ok(());
        }
        let ended = match &message.purpose {
            // What was shown goes with its program.
            Purpose::Kickoff { .. } | Purpose::Probe | Purpose::Resume | Purpose::Answer { .. } => true,
            Purpose::Send | Purpose::Wake => {
                seen.events(EventKind::Withdrawn).any(|event| event.agent.as_deref() == Some(name))
            }
            Purpose::Ping(ping) => phase_left(ping, seen, after),
        };
        if ended || !after.agents.contains_key(name) {
            return Ok(());
        }
        broken("no message is lost", format!("{name}: {message:?}"))
    }

    /// Notes which message tells of which commit.
    fn note_told(&mut self, name: &str, queue: &[Message]) -> Verdict {
        for message in queue {
            let Purpose::Ping(Ping { about, commits, .. }) = &message.purpose else { continue };
            let claim = match about {
                PingAbout::Claim => true,
                PingAbout::Review => false,
                PingAbout::Inbox(_) | PingAbout::Plan => continue,
            };
            for commit in commits {
                let by = self.told.entry((name.to_owned(), claim, commit.id.clone())).or_insert(message.id.0);
                if *by != message.id.0 {
                    return broken("a commit is told once", format!("{name}: {commit:?} by m{by} and {}", message.id));
                }
            }
        }
        Ok(())
    }

    /// Judges that what was read of a branch is in its readers' queues.
    fn judge_heads(&self, seen: &Step, after: &State, world: &World) -> Verdict {
        for (name, before) in &seen.before.loops {
            let (Some(now), Some(origin)) = (after.loops.get(name), world.origins.get(name)) else { continue };
            let moved = now.phase != before.phase || now.complete.is_some() || before.complete.is_some();
            let (Some(old), Some(new)) = (&before.head, &now.head) else { continue };
            let Some(a_loop) = world.fleet.loop_named(name).filter(|_| !moved && old != new) else { continue };
            let Some(handoff) = &a_loop.handoff else { continue };
            for commit in origin.between(old, new) {
                for (pattern, reader, claim) in [
                    (&handoff.claim_pattern, &handoff.claim_pings, true),
                    (&handoff.review_pattern, &handoff.review_pings, false),
                ] {
                    let told = self.told.contains_key(&(reader.clone(), claim, commit.id.clone()));
                    let concerned = pattern.regex().is_match(&commit.subject) && after.agents.contains_key(reader);
                    if concerned && !told {
                        return broken("every pushed claim and review is told", format!("{reader}: {commit:?}"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Returns what a message tells of a claim or a review.
fn about_work(message: &Message) -> Option<&Ping> {
    match &message.purpose {
        Purpose::Ping(ping) => Some(ping).filter(|ping| matches!(ping.about, PingAbout::Claim | PingAbout::Review)),
        _ => None,
    }
}

/// Judges that no wake is typed into work that the supervisor can know of.
fn judge_wake(agent: &str, message: MessageId, after: &State, world: &World) -> Verdict {
    let queue = after.agents.get(agent).into_iter().flat_map(|agent| &agent.queue);
    let wakes = queue.into_iter().any(|other| other.id == message && other.purpose == Purpose::Wake);
    let Some(program) = world.panes.get(agent).and_then(|pane| pane.program.as_ref()).filter(|_| wakes) else {
        return Ok(());
    };
    // A screen that shows its work, and a look that was taken since it began.
    let looked = world.panes.get(agent).is_some_and(|pane| pane.looked > program.began);
    let belied = program.mouth.believed == Some(false);
    if program.style.has_receipts() && program.works() && looked && !belied {
        return broken("a wake waits until its agent is idle", format!("{agent}: {program:?}"));
    }
    Ok(())
}

/// Says whether the ping's loop has left the phase that it belongs to.
fn phase_left(ping: &Ping, seen: &Step, after: &State) -> bool {
    match (seen.before.loops.get(&ping.in_loop), after.loops.get(&ping.in_loop)) {
        (Some(before), Some(after)) => {
            before.phase != after.phase || before.complete != after.complete || before.since != after.since
        }
        (None, _) | (_, None) => true,
    }
}
