//! One timer on the monotonic clock, and a watch over jumps of the wall clock.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::reactor::{Interest, Owner, Reactor};
use crate::policy::now::Mono;

/// A moment that never comes, seconds of either clock (of the wall clock, the year 2514).
const NEVER_S: u64 = 1 << 34;

/// Wakes the reactor at a moment of the monotonic clock.
#[derive(Debug)]
pub struct Timer {
    timer: TimerFd,
    set: Option<Mono>,
}

impl Timer {
    /// Makes a timer that wakes `reactor` as the loop's descriptor `id`.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn new(reactor: &Rc<Reactor>, id: u64) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        reactor.add(&timer, Owner::Loop, id, Interest::Read)?;
        Ok(Self { timer, set: None })
    }

    /// Wakes at `at`, at once if that has passed, never if there is none; also ends a wake that is under way.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set(&mut self, at: Option<Mono>) -> io::Result<()> {
        if self.set == at {
            return Ok(());
        }
        match at {
            // Zero would disarm it, and what the kernel's clock cannot count to would be refused.
            Some(at) => self.timer.set(
                Expiration::OneShot(TimeSpec::from_duration(
                    at.0.clamp(Duration::from_nanos(1), Duration::from_secs(NEVER_S)),
                )),
                TimerSetTimeFlags::TFD_TIMER_ABSTIME,
            )?,
            None => self.timer.unset()?,
        }
        self.set = at;
        Ok(())
    }

    /// Ends the wake after it was told; the timer is not set any more.
    pub fn rang(&mut self) {
        // Non-blocking: fails only where it has not rung.
        let _ = self.timer.wait();
        self.set = None;
    }
}

/// Wakes the reactor when the wall clock is set or the host has slept: deadlines that are named by the wall clock
/// must be computed anew then.
#[derive(Debug)]
pub struct ClockWatch {
    timer: TimerFd,
}

impl ClockWatch {
    /// Begins to watch, as the loop's descriptor `id`.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    pub fn new(reactor: &Rc<Reactor>, id: u64) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        let watch = Self { timer };
        watch.arm()?;
        reactor.add(&watch.timer, Owner::Loop, id, Interest::Read)?;
        Ok(watch)
    }

    /// Ends the wake after it was told.
    pub fn rang(&self) {
        let _ = self.timer.wait();
        // A timer that cannot be armed again only loses later jumps; the kernel has no reason to refuse.
        let _ = self.arm();
    }

    fn arm(&self) -> io::Result<()> {
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        Ok(self.timer.set(Expiration::OneShot(TimeSpec::from_duration(Duration::from_secs(NEVER_S))), flags)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::clock;

    #[test]
    fn it_wakes_at_its_moment_at_once_for_a_past_one_and_not_before() {
        let reactor = Rc::new(Reactor::new().expect("epoll"));
        let mut timer = Timer::new(&reactor, 7).expect("a timer");
        let _watch = ClockWatch::new(&reactor, 8).expect("a timer");

        timer.set(Some(Mono::default())).expect("set");
        assert_eq!(reactor.wait(true).expect("waited"), [(Owner::Loop, 7)]);
        timer.rang();
        assert_eq!(reactor.wait(false).expect("waited"), []);

        let at = clock::mono() + Duration::from_millis(20);
        timer.set(Some(at)).expect("set");
        assert_eq!(reactor.wait(true).expect("waited"), [(Owner::Loop, 7)]);
        assert!(clock::mono() >= at);

        timer.set(None).expect("unset");
        assert_eq!(reactor.wait(false).expect("waited"), []);
    }
}
