//! Ends clients that a supervisor left behind when it was killed.
//!
//! tmux keeps a control-mode client until it has taken all of its output. One whose reader is gone never does: it would
//! stay for ever, and would keep the server from ending when it is asked to.

use rustix::process::Signal;

use super::line::FLAGS;
use crate::daemon::tree::{self, Held, Process};
use crate::protocol::tmux::Reply;

/// Asks for all clients of the server; see [`end_others`].
pub const CLIENTS: &str = "list-clients -F '#{client_pid},#{client_flags}'";

/// The name that tmux gives to a client's process.
const NAME: &str = "tmux: client";

/// Kills every client that is attached as ours are and is not `own`. One supervisor acts at a time: theirs is gone.
pub fn end_others(reply: &Reply, own: u32) {
    let lines = reply.lines.iter().filter(|_| reply.ok);
    for pid in lines.filter_map(|line| stale(line, own)).filter(|pid| tree::name(*pid) == NAME) {
        // One that cannot be held has ended, or stays and makes the next stop slow.
        if let Some(Ok(Some(client))) = Process::read(pid).map(Held::new) {
            client.signal(Signal::KILL);
        }
    }
}

/// Returns the process of a client that is one of ours, but not `own`.
fn stale(line: &str, own: u32) -> Option<i32> {
    let (pid, flags) = line.split_once(',')?;
    let is_ours = flags.contains("control-mode") && flags.contains(FLAGS);
    pid.parse().ok().filter(|pid| is_ours && i64::from(*pid) != i64::from(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_client_is_no_stale_one_of_ours() {
        let ours = "attached,focused,control-mode,ignore-size,pause-after=5,UTF-8";
        assert_eq!(stale(&format!("71,{ours}"), 70), Some(71));
        assert_eq!(stale(&format!("70,{ours}"), 70), None);
        for other in ["attached,focused,UTF-8", "attached,control-mode,UTF-8", "attached,ignore-size,UTF-8"] {
            assert_eq!(stale(&format!("71,{other}"), 70), None, "{other}");
        }
        assert_eq!(stale("no server running", 70), None);
    }
}
