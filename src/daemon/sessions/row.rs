//! What tmux tells of the panes of a session.

use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;

use crate::policy::observation::Exit;
use crate::protocol::tmux::{PaneId, Reply};

/// Asks for all panes of the client's session; see [`rows`].
pub const PANES: &str = "list-panes -s -F '#{pane_id},#{@agent_orchestrator_pane},#{pane_pid},#{pane_dead},\
    #{pane_dead_status},#{pane_dead_signal},#{@agent_orchestrator_run},#{pid},#{window_activity}'";

/// One pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub pane: PaneId,
    /// It is the one that the session was started with.
    pub is_agents: bool,
    /// The process that was started in it.
    pub pid: i32,
    /// That process has ended.
    pub dead: bool,
    /// How it ended, as soon as tmux knows.
    pub exit: Option<Exit>,
    /// The number of the start; `None` in a session that is not ours.
    pub run: Option<u64>,
    /// The tmux server's process.
    pub server: i32,
    /// When something was written in its window last, to the second.
    pub wrote: Option<DateTime<Utc>>,
}

/// Understands the answer to [`PANES`]; a refusal and lines of another form give nothing.
pub fn rows(reply: &Reply) -> Vec<Row> {
    if reply.ok { reply.lines.iter().filter_map(|line| row(line)).collect() } else { Vec::new() }
}

fn row(line: &str) -> Option<Row> {
    let fields: Vec<_> = line.split(',').collect();
    let [pane, agents, pid, dead, status, signal, run, server, wrote] = fields.as_slice() else { return None };
    Some(Row {
        pane: PaneId::parse(pane)?,
        is_agents: pane == agents,
        pid: pid.parse().ok()?,
        dead: *dead == "1",
        exit: status.parse().ok().map(Exit::Code).or_else(|| signal_number(signal).map(Exit::Signal)),
        run: run.parse().ok(),
        server: server.parse().ok()?,
        wrote: wrote.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
    })
}

/// Understands a signal's number, or its name with or without `SIG`, as tmux's systems differ.
fn signal_number(text: &str) -> Option<i32> {
    let named = || text.parse::<Signal>().or_else(|_| format!("SIG{text}").parse()).map(|signal| signal as i32);
    text.parse().ok().or_else(|| named().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tmux_rows_are_understood() {
        let running = Row {
            pane: PaneId(0),
            is_agents: true,
            pid: 9244,
            dead: false,
            exit: None,
            run: Some(7),
            server: 9243,
            wrote: DateTime::from_timestamp(1_790_000_000, 0),
        };
        assert_eq!(row("%0,%0,9244,0,,,7,9243,1790000000"), Some(running.clone()));
        let dead = Row { dead: true, exit: Some(Exit::Code(3)), ..running.clone() };
        assert_eq!(row("%0,%0,9244,1,3,,7,9243,1790000000"), Some(dead));
        let killed = Row { dead: true, exit: Some(Exit::Signal(9)), ..running.clone() };
        for signal in ["9", "KILL", "SIGKILL"] {
            assert_eq!(row(&format!("%0,%0,9244,1,,{signal},7,9243,1790000000")), Some(killed.clone()));
        }
        assert_eq!(
            row("%3,,9244,0,,,,9243,"),
            Some(Row { pane: PaneId(3), is_agents: false, run: None, wrote: None, ..running })
        );
        assert_eq!(row("can't find session: x"), None);
    }
}
