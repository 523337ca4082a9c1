//! A bound for what must not wait.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Far longer than any of it takes, also on a busy host.
const LONGEST: Duration = Duration::from_secs(60);

/// Does `work` in a thread of its own, which is left behind where it hangs or panics.
pub fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(LONGEST).unwrap_or_else(|error| panic!("{what}: {error}"))
}
