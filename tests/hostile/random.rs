//! A small generator whose every run is the same, and guards against what never ends or takes a square of its length.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Nothing here may take longer; what is linear takes seconds where a square takes hours.
const HANG_MAX: Duration = Duration::from_secs(120);

/// xorshift64* (Vigna 2014).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % bound.max(1)
    }

    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Puts together `count` of these.
    pub fn soup(&mut self, tokens: &[&str], count: usize) -> String {
        (0..count).map(|_| *self.pick(tokens)).collect()
    }

    /// Changes a few places of `bytes`: a byte, a cut, a piece said twice, a piece of `tokens`.
    pub fn mutated(&mut self, bytes: &[u8], tokens: &[&str]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let until = (at + self.below(40)).min(bytes.len());
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] = self.next().to_le_bytes()[3],
                1 => drop(bytes.drain(at..until)),
                2 => {
                    let piece = bytes[at..until].to_vec();
                    bytes.splice(at..at, piece);
                }
                3 => bytes.truncate(at.max(bytes.len() / 2)),
                _ => drop(bytes.splice(at..at, self.pick(tokens).bytes())),
            }
        }
        bytes
    }
}

/// Runs `work` and fails if it does not end.
pub fn ends<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, waits) = channel();
    let worker = thread::spawn(move || {
        let result = work();
        // Nobody waits any more once the guard has failed.
        let _ = done.send(());
        result
    });
    match waits.recv_timeout(HANG_MAX) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }
        Err(RecvTimeoutError::Timeout) => panic!("{what} does not end"),
    }
}

/// Fails if the processor's work for eight times the length is nearer to the square than to the length.
///
/// What is compared is work, not time: an eightfold takes 8 times as much where it is linear and 64 times where it is
/// not, and only what is above half of that three times in a row fails.
pub fn is_linear(what: &str, length: usize, work: impl Fn(usize)) {
    let cost = |length: usize| {
        let before = processor_time();
        work(length);
        processor_time().saturating_sub(before)
    };
    let is_square = || cost(8 * length) > 32 * cost(length).max(Duration::from_millis(2));
    assert!(!(is_square() && is_square() && is_square()), "{what} takes more than linear work");
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock").into()
}
