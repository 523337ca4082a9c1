//! Every rule learnt in production and every way in which the predecessor broke has tests, and these are their names.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "reads the tree; a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

/// The rules; the tests of each are those named `rule_N_...`.
const RULES: usize = 22;

/// Where the promises of a booted machine stand: the proof of a rule that needs one begins with `rule N:`.
const ON_A_MACHINE: &str = "tests/systemd/scenarios";

/// What broke the predecessor, and the tests that show that it does not break this program.
const EDGES: [(&str, &[&str]); 36] = [
    (
        "a syntax error in the config while running, a half-saved or an empty file",
        &[
            "a_broken_edit_changes_nothing_but_the_shown_error",
            "a_broken_edit_changes_nothing_but_the_shown_error_until_it_is_mended",
        ],
    ),
    (
        "an agent that names an unknown backend",
        &[
            "one_misconfigured_agent_does_not_stop_the_others",
            "a_broken_config_changes_nothing_and_one_broken_backend_stops_one_agent",
        ],
    ),
    (
        "a role, prompt or template that is missing at a restart",
        &[
            "a_missing_file_at_a_restart_waits_and_kills_nothing",
            "a_missing_role_file_keeps_what_runs_until_it_appears",
        ],
    ),
    (
        "a phase index out of range",
        &[
            "an_index_out_of_range_is_shown_and_starts_nothing",
            "a_phase_that_does_not_exist_is_refused_and_nothing_is_written",
        ],
    ),
    (
        "bytes that are not UTF-8 in a status file or a subject",
        &["bytes_that_are_no_utf8_are_read_as_text", "bytes_that_are_no_text_are_replaced"],
    ),
    (
        "a state file that was cut",
        &[
            "a_state_that_cannot_be_read_is_no_empty_one",
            "a_state_that_cannot_be_used_is_an_error_with_a_way_out_and_nothing_is_lost",
        ],
    ),
    (
        "idle clocks, wakes, last head and inbox hashes in memory only",
        &[
            "silence_is_counted_on_over_a_restart_of_the_supervisor_and_not_in_a_hold",
            "an_overdue_wake_fires_once_after_the_downtime_of_the_supervisor_and_of_the_host",
            "rule_14_first_sight_of_a_branch_is_silent_and_what_was_pushed_while_down_is_told",
            "an_inbox_pings_its_reader_once_per_content_also_over_a_restart",
        ],
    ),
    ("an agent's name given twice", &["names_are_unique"]),
    (
        "an interval changed or a wake added while running",
        &["an_interval_that_is_changed_or_added_while_it_runs_is_taken_up", "a_changed_interval_is_taken_up_at_once"],
    ),
    ("a hung fetch", &["a_hung_origin_delays_nothing_else", "a_hung_origin_delays_nobody_else"]),
    (
        "pings, starts and windows at once",
        &["pings_at_once_to_programs_that_hang_delay_nobody", "limit_windows_that_end_together_get_one_probe"],
    ),
    (
        "three terminal programs that start",
        &["no_more_than_max_starting_agents_start_at_once", "ten_agents_start_two_at_a_time"],
    ),
    (
        "a crash loop, and a clean exit that counts as a crash",
        &[
            "death_is_answered_at_once_then_with_back_off_then_braked",
            "a_program_that_ends_again_and_again_is_braked_and_others_go_on",
            "exit_status_and_last_screen_of_the_dead_are_kept_in_the_event_and_a_file",
        ],
    ),
    (
        "a claim that is pushed while the supervisor is down",
        &[
            "what_is_pushed_while_nobody_supervises_is_told_by_the_next",
            "a_kill_between_any_two_actions_loses_no_claim",
        ],
    ),
    ("an inbox that is unread at a restart", &["an_inbox_is_told_once_for_each_content"]),
    ("a reader that is dead when the ping comes", &["a_dead_reader_gets_its_ping_after_the_restart"]),
    (
        "a reader that does not read its terminal",
        &[
            "a_reader_that_does_not_read_stays_unconfirmed_visible_and_within_bounds",
            "a_program_that_never_reads_is_told_as_unconfirmed",
        ],
    ),
    (
        "a reader that is busy or held",
        &[
            "waiting_pings_of_one_kind_are_merged_and_name_all_commits",
            "a_ping_waits_for_a_reader_that_is_dead_busy_or_typed_into",
            "a_held_agent_gets_nothing_until_its_limit_ends",
        ],
    ),
    (
        "a person's half-typed line",
        &["a_persons_draft_is_left_alone_and_told_after_a_while", "a_dialog_and_a_persons_draft_are_left_alone"],
    ),
    ("an origin that cannot be reached", &["an_origin_that_is_away_is_shown_with_since_when_and_comes_back"]),
    ("a fetch in the agent's own clone", &["the_agents_clone_is_left_untouched"]),
    ("a wake text of 23 kB", &["a_wake_text_of_23_kb_is_delivered_and_one_like_a_limit_is_pointed_to"]),
    ("two loops", &["two_loops_do_not_know_of_each_other"]),
    ("what the agent itself writes", &["what_an_agent_writes_is_no_evidence_of_anything"]),
    ("an old WAITING-UNTIL above a valid one", &["rule_9_the_newest_waiting_until_counts_and_only_as_the_last_word"]),
    ("a banner in another time zone", &["times_of_day_are_the_hosts_unless_a_zone_is_named"]),
    ("a pane of 80 columns and 24 rows", &["the_terminal_has_its_own_size_and_no_signal_is_blocked"]),
    (
        "`## DONE criteria`, and a marker that is not pushed",
        &[
            "rule_15_a_template_is_no_end_and_a_heading_is_told_once",
            "only_a_pushed_marker_ends_a_phase_and_the_old_phase_is_forgotten",
        ],
    ),
    ("a quote in an agent's name", &["names_are_plain", "blanks_and_quotes_in_folders_hurt_nobody"]),
    ("logs without a bound", &["a_full_log_is_set_aside_once_and_a_restart_appends"]),
    ("a claim and a review that come together", &["a_claim_and_a_review_that_come_together_are_both_told"]),
    ("an amended claim", &["an_amended_claim_is_told_again"]),
    ("a supervisor that is killed", &["a_killed_supervisor_leaves_the_agents_and_the_next_adopts_them"]),
    ("a state that cannot be written", &["a_supervisor_that_cannot_save_says_so_and_goes_on"]),
    ("a tmux server that hangs", &["a_hung_tmux_server_delays_nothing_else"]),
    ("a second supervisor", &["a_second_supervisor_is_told_who_has_the_fleet"]),
];

/// Returns the names of all tests below `folder`.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    let test = Regex::new(r"(?m)^ *#\[test\]\s+(?:#\[[^\n]*\s+)*fn (\w+)").unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            names.extend(test.captures_iter(&source).map(|found| found[1].to_owned()));
        }
    }
}

fn all_tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src", "tests"] {
        tests_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut names);
    }
    names
}

#[test]
fn every_rule_has_a_test_that_is_named_after_it() {
    let tests = all_tests();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(ON_A_MACHINE);
    let scenarios = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let scenarios: String = scenarios.collect();
    let is_tested = |rule: usize| {
        let prefix = format!("rule_{rule}_");
        let promise = format!("promise \"rule {rule}:");
        tests.iter().any(|name| name.starts_with(&prefix)) || scenarios.contains(&promise)
    };
    let missing: Vec<usize> = (1..=RULES).filter(|rule| !is_tested(*rule)).collect();
    assert!(missing.is_empty(), "rules without a test: {missing:?}");
}

#[test]
fn everything_that_broke_the_predecessor_has_a_test() {
    let tests = all_tests();
    let is_missing = |(case, names): &(&str, &[&str])| {
        let missing: Vec<&str> = names.iter().filter(|name| !tests.contains(**name)).copied().collect();
        (!missing.is_empty()).then(|| format!("{case}: {}", missing.join(", ")))
    };
    let missing: Vec<String> = EDGES.iter().filter_map(is_missing).collect();
    assert!(missing.is_empty(), "tests that are not there:\n{}", missing.join("\n"));
}
