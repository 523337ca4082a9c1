//! The one loop: waits, collects what was seen, lets the supervisor decide, performs.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::clock;
use super::config_file::{self, Loaded};
use super::perform::{After, Parts};
use super::reactor::{Interest, Owner, Reactor};
use super::state_file::Keeper;
use super::timer::{ClockWatch, Timer};
use crate::policy::Supervisor;
use crate::policy::event::{Event, EventKind, Level};
use crate::policy::now::{Mono, Now};
use crate::policy::observation::Observation;

/// Turns that may follow each other at once, each on what the one before brought; then descriptors are read again.
const TURNS_AT_ONCE_MAX: usize = 16;

/// A turn's own deadline is not sooner than this, so that a deadline that has passed burns no processor.
const DEADLINE_MIN: Duration = Duration::from_millis(1);

/// How long the end of the supervisor waits for clients to take their answers.
const LAST_ANSWERS_MAX: Duration = Duration::from_secs(1);

/// How long it waits for the operator's command; what then still runs is killed.
const LAST_NOTICES_MAX: Duration = Duration::from_secs(2);

/// Signal reads at once; the kernel merges equal ones, so there are never more than kinds of them.
const SIGNALS_MAX: usize = 8;

const SIGNALS_ID: u64 = 0;
const TIMER_ID: u64 = 1;
const CLOCK_WATCH_ID: u64 = 2;

/// The loop with everything that takes part in it.
pub struct EventLoop {
    reactor: Rc<Reactor>,
    parts: Parts,
    supervisor: Supervisor,
    keeper: Keeper,
    signals: SignalFd,
    timer: Timer,
    clock_watch: ClockWatch,
    zone: chrono_tz::Tz,
    due: Option<Mono>,
    /// systemd has been told so, and not yet that it is over.
    is_reloading: bool,
    end: Option<End>,
}

/// Why the loop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The supervisor decided so.
    Decided,
    /// This signal asked for it; agents go on.
    Signal(Signal),
}

/// What woke the loop, as far as it concerns the loop itself.
#[derive(Debug, Default)]
struct Woken {
    is_reload_asked: bool,
    is_clock_set: bool,
}

/// Blocks the signals that the loop reads; must be done before anything of the supervisor's is at stake.
///
/// # Errors
/// When the kernel refuses.
pub fn block_signals() -> anyhow::Result<()> {
    signals().thread_block().context("cannot block signals")
}

fn signals() -> SigSet {
    // Not SIGCHLD: who starts a child sees its end by pidfd or end of file.
    SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP])
}

impl EventLoop {
    /// Puts the loop together; [`block_signals`] has been called.
    ///
    /// # Errors
    /// When the kernel gives no descriptors.
    pub fn new(reactor: Rc<Reactor>, parts: Parts, supervisor: Supervisor, keeper: Keeper) -> anyhow::Result<Self> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&signals(), flags).context("cannot read signals")?;
        reactor.add(&signals, Owner::Loop, SIGNALS_ID, Interest::Read).context("cannot wait for signals")?;
        let timer = Timer::new(&reactor, TIMER_ID).context("cannot make a timer")?;
        let clock_watch = ClockWatch::new(&reactor, CLOCK_WATCH_ID).context("cannot watch the clock")?;
        let zone = clock::host_zone();
        Ok(Self {
            reactor,
            parts,
            supervisor,
            keeper,
            signals,
            timer,
            clock_watch,
            zone,
            due: None,
            is_reloading: false,
            end: None,
        })
    }

    /// Runs until the supervisor decides to end or a signal asks for it, and says which.
    ///
    /// # Errors
    /// When descriptors cannot be waited for any more; nothing can be done then.
    pub fn run(mut self) -> anyhow::Result<End> {
        let picture = self.supervisor.picture(self.now());
        self.parts.configure(&Arc::clone(self.supervisor.fleet()), &picture);
        let mut seen = Vec::new();
        self.turn(&mut seen);
        // Tells the warnings, and an edit that came between the first reading and the watch.
        self.reload(self.now(), &mut seen);
        loop {
            self.turns(&mut seen);
            if let Some(end) = self.end {
                self.finish(end);
                return Ok(end);
            }
            self.sleep_until_due().context("cannot set the timer")?;
            let ready = self.reactor.wait(seen.is_empty()).context("cannot wait for events")?;
            self.collect(&ready, &mut seen);
        }
    }

    fn now(&self) -> Now {
        clock::now(self.zone)
    }

    /// Takes turns on `seen` until nothing is left in it, within a bound; none at all when nothing was seen.
    fn turns(&mut self, seen: &mut Vec<Observation>) {
        for _ in 0..TURNS_AT_ONCE_MAX {
            if seen.is_empty() || self.end.is_some() {
                break;
            }
            self.turn(seen);
        }
        if std::mem::take(&mut self.is_reloading) {
            self.parts.notify.reloaded();
        }
        let now = self.now();
        let supervisor = &self.supervisor;
        self.parts.notify.turned(now.mono, || supervisor.picture(now));
    }

    /// Decides on `seen`, saves, performs, and leaves in `seen` what that brought at once.
    fn turn(&mut self, seen: &mut Vec<Observation>) {
        let now = self.now();
        let turn = self.supervisor.step(seen, now);
        seen.clear();
        self.due = turn.deadline.map(|deadline| deadline.max(now.mono + DEADLINE_MIN));
        let is_saved = self.save(seen);
        let fleet = Arc::clone(self.supervisor.fleet());
        for action in turn.actions {
            match self.parts.perform(action, &fleet, seen) {
                After::GoOn => {}
                After::End => self.end = Some(End::Decided),
            }
        }
        if is_saved {
            self.parts.spool.sweep(seen);
        }
        // What a part could tell at once is the next turn's, without a wait in between.
        self.parts.expire(clock::mono(), seen);
    }

    /// Saves the state if it has changed; says whether it is on disk.
    ///
    /// A state that cannot be saved does not stop the turn: a full disk must not leave a whole fleet idle. What a
    /// crash would lose is what happened since the last save, and from there every action bears being done again.
    /// Each further turn tries again.
    fn save(&mut self, seen: &mut Vec<Observation>) -> bool {
        let kept = self.keeper.keep(self.supervisor.state());
        let is_saved = kept.is_ok();
        seen.extend(kept.err().flatten().map(|what| Observation::Trouble { what }));
        is_saved
    }

    fn sleep_until_due(&mut self) -> std::io::Result<()> {
        self.timer.set(self.due.into_iter().chain(self.parts.deadline()).min())
    }

    fn collect(&mut self, ready: &[(Owner, u64)], seen: &mut Vec<Observation>) {
        let mut woken = Woken::default();
        for (owner, id) in ready {
            match (owner, *id) {
                (Owner::Loop, SIGNALS_ID) => self.read_signals(&mut woken),
                (Owner::Loop, TIMER_ID) => self.timer.rang(),
                (Owner::Loop, CLOCK_WATCH_ID) => {
                    self.clock_watch.rang();
                    woken.is_clock_set = true;
                }
                (Owner::Loop, other) => unreachable!("the loop has no descriptor {other}"),
                (
                    owner @ (Owner::Sessions
                    | Owner::Git
                    | Owner::Files
                    | Owner::Listener
                    | Owner::NotifyCommand
                    | Owner::Spool
                    | Owner::EventSocket),
                    id,
                ) => {
                    self.parts.ready(*owner, id, seen);
                }
            }
        }
        let now = self.now();
        self.parts.expire(now.mono, seen);
        let is_config_changed = self.parts.files.take_config_change();
        let is_prompt_changed = self.parts.files.take_extra_change();
        if woken.is_reload_asked {
            self.parts.notify.reloading();
        }
        if woken.is_reload_asked || is_config_changed {
            self.reload(now, seen);
        }
        if is_prompt_changed {
            seen.push(Observation::PromptsChanged);
        }
        self.is_reloading |= woken.is_reload_asked;
        let is_due = self.due.is_some_and(|due| due <= now.mono);
        if seen.is_empty() && (is_due || woken.is_clock_set) {
            seen.push(Observation::Deadline);
        }
    }

    fn read_signals(&mut self, woken: &mut Woken) {
        for _ in 0..SIGNALS_MAX {
            let Ok(Some(read)) = self.signals.read_signal() else { return };
            match i32::try_from(read.ssi_signo).map(Signal::try_from) {
                Ok(Ok(Signal::SIGHUP)) => woken.is_reload_asked = true,
                Ok(Ok(signal)) => self.end = Some(End::Signal(signal)),
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }

    /// Reads the config again; a changed prompt is told the same way, because it may be what a start waits for.
    fn reload(&mut self, now: Now, seen: &mut Vec<Observation>) {
        self.zone = clock::host_zone();
        let paths = Rc::clone(&self.parts.paths);
        let Loaded { mut fleet, mut warnings, text } = match config_file::read(&paths.config) {
            Ok(loaded) => loaded,
            Err(unusable) => return seen.push(Observation::ConfigBroken { error: unusable.first }),
        };
        if let Err(error) = paths.check_sockets(fleet.agents.iter().map(|agent| &agent.name)) {
            return seen.push(Observation::ConfigBroken { error: format!("{error:#}").replace('\n', "; ") });
        }
        if let Err(error) = config_file::keep(&paths.last_config(), &text) {
            warnings.push(format!("cannot keep a copy of the config: {error}"));
        }
        if fleet.log_dir != paths.logs {
            warnings.push(format!("`log_dir` stays `{}` until the supervisor is restarted", paths.logs.display()));
        }
        let in_force = self.supervisor.fleet();
        warnings.extend(fleet.keep_backends(in_force));
        let fleet = if **in_force == fleet { Arc::clone(in_force) } else { Arc::new(fleet) };
        let picture = self.supervisor.picture(now);
        self.parts.configure(&fleet, &picture);
        seen.push(Observation::Config { fleet, warnings });
    }

    fn finish(&mut self, end: End) {
        self.parts.notify.stopping();
        if let End::Signal(signal) = end {
            let event = Event {
                time: self.now().wall,
                event: EventKind::SupervisorStopped,
                level: Level::Notice,
                agent: None,
                in_loop: None,
                phase: None,
                text: format!("supervisor ended by {signal}; agents go on"),
                more: serde_json::Map::new(),
            };
            // The last words: whoever would be told of their loss ends with them.
            let _ = self.parts.telling.tell(&event);
            // What could not be saved is not promised.
            if self.keeper.keep(self.supervisor.state()).is_ok() {
                for (id, reply) in self.supervisor.parting() {
                    self.parts.listener.answer(id, &reply);
                }
            }
        }
        self.parts.listener.flush(LAST_ANSWERS_MAX);
        self.parts.notify_command.flush(LAST_NOTICES_MAX);
    }
}
