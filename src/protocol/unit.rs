//! The names of session units, and what systemd tells of one.

use std::time::Duration;

use crate::policy::now::Mono;

/// The slice in which the whole fleet lives.
pub const SLICE: &str = "agent-orchestrator.slice";

const PREFIX: &str = "agent-orchestrator-session@";
const WEB: &str = "agent-orchestrator-web.service";
const SUPERVISOR: &str = "agent-orchestrator.service";
const SUFFIX: &str = ".service";
/// Where systemd has what users start themselves, and their managers.
const USERS: &str = "user.slice";
const USER_PREFIX: &str = "user@";

/// The properties that [`Shown::parse`] understands, for `systemctl show --property=`.
pub const PROPERTIES: &str = "Id,ActiveState,Result,ActiveEnterTimestampMonotonic,ActiveExitTimestampMonotonic";

/// Returns the name of an agent's session unit.
pub fn name(agent: &str) -> String {
    format!("{PREFIX}{agent}{SUFFIX}")
}

/// Returns the name of the timer that asks for a verb, `wake` or `run`, of an agent.
pub fn timer(verb: &str, agent: &str) -> String {
    format!("agent-orchestrator-{verb}@{agent}.timer")
}

/// The properties that [`timer_line`] understands, for `systemctl show --property=`.
pub const TIMER_PROPERTIES: &str = "ActiveState,NextElapseUSecRealtime";

/// Says when a timer fires next, by the answer of `systemctl show`.
pub fn timer_line(timer: &str, answer: &str) -> String {
    let value = |key: &str| answer.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    match (value("ActiveState"), value("NextElapseUSecRealtime")) {
        (Some("active"), Some(next)) if !next.is_empty() => format!("{timer} fires next at {next}"),
        (Some("active"), _) => format!("{timer} has just fired"),
        _ => format!("{timer} does not run: `agent-orchestrator units` and a start of the target enable it"),
    }
}

/// Returns the agent in whose session unit a process is, by its `/proc/PID/cgroup` (cgroups(7)). A unit of a user's own
/// manager is nobody's, whatever its name.
pub fn agent_of(cgroup: &str) -> Option<&str> {
    parts(cgroup).find_map(|part| part.strip_prefix(PREFIX)?.strip_suffix(SUFFIX))
}

/// What of ours runs in a unit that is no agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The web server, with what it runs.
    Web,
    /// The supervisor, with what it has started.
    Supervisor,
}

/// Returns of which part a process is, by its `/proc/PID/cgroup`.
pub fn part_of(cgroup: &str) -> Option<Part> {
    parts(cgroup).find_map(|part| match part {
        WEB => Some(Part::Web),
        SUPERVISOR => Some(Part::Supervisor),
        _ => None,
    })
}

fn parts(cgroup: &str) -> impl Iterator<Item = &str> {
    let is_users = |part: &str| part == USERS || part.starts_with(USER_PREFIX) && part.ends_with(SUFFIX);
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.flat_map(move |path| path.split('/').take_while(move |part| !is_users(part)))
}

/// How far a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Active {
    /// `active`, `reloading`, `refreshing`.
    Active,
    /// `activating`.
    Activating,
    /// `deactivating`.
    Deactivating,
    /// `inactive`, `failed`.
    Inactive,
}

/// What systemd tells of a session unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// How far it is.
    pub active: Active,
    /// How it ended last: `success`, `signal`, `oom-kill`, ….
    pub result: String,
    /// When the fleet's slice was entered, or left where it is not entered: the end of the whole fleet leaves it, last of all.
    pub fleet_since: Option<Mono>,
}

impl Shown {
    /// Understands the answer of `systemctl show` for the unit and [`SLICE`]; `None` where it tells no state.
    pub fn parse(answer: &str) -> Option<Self> {
        let mut shown = Self { active: Active::Inactive, result: String::new(), fleet_since: None };
        let mut is_known = false;
        for unit in answer.split("\n\n") {
            let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            let Some(id) = value("Id") else { continue };
            if id == SLICE {
                let is_left = value("ActiveState") == Some("inactive");
                let time = if is_left { "ActiveExitTimestampMonotonic" } else { "ActiveEnterTimestampMonotonic" };
                let since = value(time).and_then(|text| text.parse().ok());
                shown.fleet_since = since.filter(|since| *since > 0).map(|since| Mono(Duration::from_micros(since)));
                continue;
            }
            shown.active = match value("ActiveState")? {
                "active" | "reloading" | "refreshing" => Active::Active,
                "activating" => Active::Activating,
                "deactivating" => Active::Deactivating,
                "inactive" | "failed" => Active::Inactive,
                _ => return None,
            };
            value("Result").unwrap_or_default().clone_into(&mut shown.result);
            is_known = true;
        }
        is_known.then_some(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_units_name_in_any_hierarchy() {
        let unified = "0::/agent-orchestrator.slice/agent-orchestrator-session@b-1.service\n";
        assert_eq!(agent_of(unified), Some("b-1"));
        assert_eq!(part_of("0::/agent-orchestrator.slice/agent-orchestrator-web.service\n"), Some(Part::Web));
        let of_git = part_of("0::/agent-orchestrator.slice/agent-orchestrator.service\n");
        assert_eq!(of_git, Some(Part::Supervisor));
        assert_eq!(part_of(unified), None);
        let legacy = "9:pids:/\n1:name=systemd:/a.slice/agent-orchestrator-session@b_1.service/below\n0::/\n";
        assert_eq!(agent_of(legacy), Some("b_1"));
        for stranger in [
            "0::/agent-orchestrator.slice/agent-orchestrator.service\n",
            "0::/user.slice/session-1.scope\n",
            "0::/user.slice/user-1.slice/user@1.service/app.slice/agent-orchestrator-session@a.service\n",
            "0::/agent-orchestrator.slice/user@1.service/agent-orchestrator-session@a.service\n",
            "0::/x-agent-orchestrator-session@a.service\n",
            "",
            "nonsense",
        ] {
            assert_eq!(agent_of(stranger), None);
        }
        for users in [USERS, "user@1.service"] {
            assert_eq!(part_of(&format!("0::/{users}/agent-orchestrator.service\n")), None);
        }
    }

    #[test]
    fn a_timer_says_when_it_fires_or_what_helps() {
        let line = |answer: &str| timer_line("t.timer", answer);
        let next = "NextElapseUSecRealtime=Sun 2026-11-22 02:00:00 UTC\nActiveState=active\n";
        assert_eq!(line(next), "t.timer fires next at Sun 2026-11-22 02:00:00 UTC");
        assert_eq!(line("NextElapseUSecRealtime=\nActiveState=active\n"), "t.timer has just fired");
        assert!(line("NextElapseUSecRealtime=\nActiveState=inactive\n").contains("does not run"));
        assert!(line("").contains("does not run"));
    }

    #[test]
    fn a_unit_is_read_together_with_its_slice() {
        let answer = "Result=success\nId=agent-orchestrator-session@a.service\nActiveState=deactivating\n\
                      ActiveEnterTimestampMonotonic=7\n\nId=agent-orchestrator.slice\nActiveState=active\n\
                      ActiveEnterTimestampMonotonic=2500000\nActiveExitTimestampMonotonic=1\n";
        let expected = Shown {
            active: Active::Deactivating,
            result: "success".to_owned(),
            fleet_since: Some(Mono(Duration::from_millis(2500))),
        };
        assert_eq!(Shown::parse(answer), Some(expected.clone()));
        let left = answer.replace("State=active", "State=inactive");
        let since = Some(Mono(Duration::from_micros(1)));
        assert_eq!(Shown::parse(&left), Some(Shown { fleet_since: since, ..expected }), "the fleet has ended");
        assert_eq!(Shown::parse("Id=agent-orchestrator.slice\nActiveState=active\n"), None);
        assert_eq!(Shown::parse("Id=a.service\nActiveState=strange\n"), None);
        assert_eq!(Shown::parse(""), None);
    }
}
