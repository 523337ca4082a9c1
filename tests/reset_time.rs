//! Every banner that has been seen, and what it means at a fixed time.

use agent_orchestrator::policy::now::{Mono, Now};
use agent_orchestrator::policy::reset_time::{BANNER_MAX_BYTES, parse};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

fn now(wall: &str, zone: &str) -> Now {
    let wall = format!("{wall}Z").parse::<DateTime<Utc>>().expect("the test's time is in UTC");
    Now { mono: Mono::default(), wall, zone: zone.parse::<Tz>().expect("the test's zone is known") }
}

/// What `banner` means: the end in UTC, its form, and whether it is believable.
fn read(banner: &str, now: Now) -> String {
    match parse(banner, now) {
        None => "-".to_owned(),
        Some(time) => {
            let doubt = if time.believable(now) { "" } else { ", old" };
            format!("{} {:?}{doubt}", time.at.format("%Y-%m-%d %H:%M:%S"), time.form)
        }
    }
}

/// Reads every banner of `table`, and tells all that differ at once.
#[track_caller]
fn check(now: Now, table: &[(&str, &str)]) {
    let wrong = table
        .iter()
        .map(|(banner, expected)| (banner, expected, read(banner, now)))
        .filter(|(_, expected, found)| *expected != found)
        .map(|(banner, expected, found)| format!("{banner}\n  expected {expected}\n  found    {found}\n"))
        .collect::<Vec<_>>();
    assert!(wrong.is_empty(), "at {}, {}:\n{}", now.wall, now.zone, wrong.concat());
}

/// A Tuesday noon in Berlin (UTC+1).
fn tuesday_noon() -> Now {
    now("2026-02-10T11:00:00", "Europe/Berlin")
}

#[test]
fn times_of_day_are_the_hosts_unless_a_zone_is_named() {
    check(
        tuesday_noon(),
        &[
            ("You've hit your session limit · resets 3:45pm", "2026-02-10 14:45:00 TimeOfDay"),
            ("You’ve hit your session limit ∙ resets 3:45pm", "2026-02-10 14:45:00 TimeOfDay"),
            ("Session limit reached ∙ resets 5pm", "2026-02-10 16:00:00 TimeOfDay"),
            ("You've hit your session limit · resets 1pm (UTC)", "2026-02-10 13:00:00 TimeOfDay"),
            ("You've hit your limit · resets 1pm (Europe/Berlin)", "2026-02-10 12:00:00 TimeOfDay"),
            ("You've hit your limit · resets 10pm (Asia/Seoul)", "2026-02-10 13:00:00 TimeOfDay"),
            (
                "Claude usage limit reached. Your limit will reset at 8am (America/Bogota).",
                "2026-02-10 13:00:00 TimeOfDay",
            ),
            ("or try again at 4:07 PM.", "2026-02-10 15:07:00 TimeOfDay"),
            ("try again at 12:00 p.m. or upgrade", "2026-02-10 11:00:00 TimeOfDay"),
            ("5h limit: 0% left (resets 16:44)", "2026-02-10 15:44:00 TimeOfDay"),
            ("Access resets at 10:57 AM GMT-3.", "2026-02-10 13:57:00 TimeOfDay"),
            ("Access resets at 10:57\u{202f}AM GMT−3.", "2026-02-10 13:57:00 TimeOfDay"),
            ("resets 7:30pm (GMT+5:30)", "2026-02-10 14:00:00 TimeOfDay"),
            ("resets 13:00Z", "2026-02-10 13:00:00 TimeOfDay"),
            ("resets 3pm (your time)", "2026-02-10 14:00:00 TimeOfDay"),
            (
                "Usage limit reached · continuing automatically at 3:45pm · esc to cancel",
                "2026-02-10 14:45:00 TimeOfDay",
            ),
            (
                "Agent terminated early due to an API error: \
                 You've hit your session limit · resets 3:20pm (Europe/Brussels)",
                "2026-02-10 14:20:00 TimeOfDay",
            ),
        ],
    );
}

#[test]
fn a_bare_time_of_day_more_than_six_hours_ahead_is_an_old_banner() {
    check(
        tuesday_noon(),
        &[
            ("resets 6pm", "2026-02-10 17:00:00 TimeOfDay"),
            ("resets 6:01pm", "2026-02-10 17:01:00 TimeOfDay, old"),
            ("resets 3am", "2026-02-11 02:00:00 TimeOfDay, old"),
            ("resets 7pm (UTC)", "2026-02-10 19:00:00 TimeOfDay, old"),
            ("resets 18:44", "2026-02-10 17:44:00 TimeOfDay, old"),
            ("resets Tue 11:00 PM", "2026-02-10 22:00:00 Weekday"),
            ("resets Feb 10, 11pm", "2026-02-10 22:00:00 Date"),
            ("try again in 11 hours", "2026-02-10 22:00:00 Relative"),
        ],
    );
}

#[test]
fn a_time_that_has_just_passed_is_meant_and_not_tomorrows() {
    check(
        tuesday_noon(),
        &[
            ("resets 12pm", "2026-02-10 11:00:00 TimeOfDay"),
            ("resets 11:55am", "2026-02-10 10:55:00 TimeOfDay"),
            ("resets 11:54am", "2026-02-11 10:54:00 TimeOfDay, old"),
            ("resets Tue 11:55am", "2026-02-10 10:55:00 Weekday"),
            ("resets Tue 11:54am", "2026-02-17 10:54:00 Weekday"),
            ("resets Feb 10 at 9am", "2026-02-10 08:00:00 Date"),
        ],
    );
}

#[test]
fn midnight_is_no_obstacle() {
    check(
        now("2026-02-10T22:58:00", "Europe/Berlin"),
        &[
            ("resets 12am", "2026-02-10 23:00:00 TimeOfDay"),
            ("resets 12:30am", "2026-02-10 23:30:00 TimeOfDay"),
            ("resets 00:00", "2026-02-10 23:00:00 TimeOfDay"),
            ("resets 3am", "2026-02-11 02:00:00 TimeOfDay"),
            ("resets 3am (Asia/Tokyo)", "2026-02-11 18:00:00 TimeOfDay, old"),
            ("resets Wed 12:00am", "2026-02-10 23:00:00 Weekday"),
        ],
    );
    check(now("2026-02-10T23:01:00", "Europe/Berlin"), &[("resets 11:58pm", "2026-02-10 22:58:00 TimeOfDay")]);
}

#[test]
fn weekdays_are_the_next_ones() {
    check(
        tuesday_noon(),
        &[
            ("You've hit your weekly limit · resets Mon 12:00am", "2026-02-15 23:00:00 Weekday"),
            ("resets Fri 4:00 PM", "2026-02-13 15:00:00 Weekday"),
            ("resets Friday at 4pm (America/New_York)", "2026-02-13 21:00:00 Weekday"),
            ("resets Tue 4pm", "2026-02-10 15:00:00 Weekday"),
            ("resets on Thursday", "2026-02-11 23:00:00 Weekday"),
        ],
    );
}

#[test]
fn dates_are_believed_and_need_no_year() {
    check(
        tuesday_noon(),
        &[
            ("resets Jan 12, 10:59am (America/New_York)", "2026-01-12 15:59:00 Date"),
            ("resets Jul 4 at 12:30am (Asia/Calcutta)", "2026-07-03 19:00:00 Date"),
            ("You've hit your limit · resets Apr 1 at 9am (Asia/Tokyo)", "2026-04-01 00:00:00 Date"),
            ("try again at Feb 23rd, 2026 9:01 PM.", "2026-02-23 20:01:00 Date"),
            (
                "You have reached your specified API usage limits. You will regain access on 2026-04-01 at 00:00 UTC.",
                "2026-04-01 00:00:00 Date",
            ),
            ("You've hit your monthly limit · resets Mar 1 at 12:00am", "2026-02-28 23:00:00 Date"),
            ("You've hit your weekly limit · resets Feb 13, 10:23am (UTC)", "2026-02-13 10:23:00 Date"),
            ("resets on Mon, Feb 16 at 9am", "2026-02-16 08:00:00 Date"),
            ("resets February 16", "2026-02-15 23:00:00 Date"),
            ("resets Feb 16, 2026 at 9:30:15 a.m.", "2026-02-16 08:30:15 Date"),
            ("resets 2026-02-16T09:30:15.250Z", "2026-02-16 09:30:15 Date"),
            ("resets 2026-02-16 09:30 +05:30", "2026-02-16 04:00:00 Date"),
        ],
    );
}

#[test]
fn the_turn_of_the_year_is_understood() {
    check(
        now("2025-12-30T12:00:00", "UTC"),
        &[
            ("resets Jan 2, 9am", "2026-01-02 09:00:00 Date"),
            ("resets Dec 31, 9am", "2025-12-31 09:00:00 Date"),
            ("resets Sep 1 at 12:00am", "2025-09-01 00:00:00 Date"),
            ("resets Nov 23, 10:23am (UTC)", "2025-11-23 10:23:00 Date"),
        ],
    );
    check(
        now("2026-01-01T00:10:00", "UTC"),
        &[
            ("resets Dec 31 at 11:59pm", "2025-12-31 23:59:00 Date"),
            ("resets Dec 31 at 8pm (America/New_York)", "2026-01-01 01:00:00 Date"),
            ("resets 11:59pm", "2026-01-01 23:59:00 TimeOfDay, old"),
        ],
    );
    check(now("2028-02-20T00:00:00", "UTC"), &[("resets Feb 29 at 1am", "2028-02-29 01:00:00 Date")]);
    check(now("2026-02-20T00:00:00", "UTC"), &[("resets Feb 29 at 1am", "-")]);
}

#[test]
fn relative_times_count_from_the_present() {
    check(
        tuesday_noon(),
        &[
            ("resets in 2h", "2026-02-10 13:00:00 Relative"),
            ("resets in 3h44m", "2026-02-10 14:44:00 Relative"),
            ("try again in 2 days 17 hours 14 minutes.", "2026-02-13 04:14:00 Relative"),
            ("Weekly usage limit reached. Resets in 19hr", "2026-02-11 06:00:00 Relative"),
            ("5 hour usage limit reached. It will reset in 4 hours.", "2026-02-10 15:00:00 Relative"),
            ("Your quota will reset after 12h22m45s.", "2026-02-10 23:22:45 Relative"),
            ("Rate Limited [retrying in 2h5m attempt #4]", "2026-02-10 13:05:00 Relative"),
            ("Retrying in 29s · 3 retries left", "2026-02-10 11:00:29 Relative"),
            ("Please try again in 1.5s.", "2026-02-10 11:00:01 Relative"),
            ("try again in 1 hour and 30 minutes", "2026-02-10 12:30:00 Relative"),
            ("resets in 1 week, 2 days", "2026-02-19 11:00:00 Relative"),
            ("retrying in 209ms…", "2026-02-10 11:00:00 Relative"),
            ("resets in 99999 days", "-"),
            ("resets in 5 moments", "-"),
        ],
    );
}

#[test]
fn a_retry_tells_the_limits_end_in_brackets() {
    check(
        now("2026-02-10T02:45:10", "UTC"),
        &[
            ("✻ Session limit reached · Retrying in 29s (3:45am) · attempt 1/10", "2026-02-10 03:45:00 TimeOfDay"),
            ("✻ Session limit reached · Retrying in 29s (2:45am) · attempt 1/10", "2026-02-10 02:45:00 TimeOfDay"),
            ("✻ Session limit reached · Retrying in 29s (11:45am) · attempt 1/10", "2026-02-10 02:45:39 Relative"),
            ("✻ API error · Retrying in 5s · attempt 1/10", "2026-02-10 02:45:15 Relative"),
        ],
    );
}

#[test]
fn epochs_are_read_in_seconds_and_milliseconds() {
    check(
        now("2025-06-24T05:00:00", "America/New_York"),
        &[
            ("Claude AI usage limit reached|1750748400", "2025-06-24 07:00:00 Epoch"),
            ("Claude AI usage limit reached|1750748400123", "2025-06-24 07:00:00 Epoch"),
            ("Claude AI usage limit reached|17507", "-"),
            ("Claude AI usage limit reached|1750708800", "2025-06-23 20:00:00 Epoch"),
        ],
    );
}

#[test]
fn the_last_time_wins() {
    check(
        tuesday_noon(),
        &[
            ("resets 1pm\nresets 2pm", "2026-02-10 13:00:00 TimeOfDay"),
            (
                "resets Mon 12:00am\n...\nYou've hit your session limit · resets 2pm\n> ",
                "2026-02-10 13:00:00 TimeOfDay",
            ),
            ("resets 2pm · /upgrade to reset your limits, or try again later.", "2026-02-10 13:00:00 TimeOfDay"),
            ("resets 2pm\nresets 3pm (Nowhere/Else)", "-"),
        ],
    );
}

#[test]
fn what_names_no_time_gives_none() {
    let none = [
        "",
        "What do you want to do?\n❯ 1. Stop and wait for limit to reset\n  2. Upgrade your plan",
        "You've hit your usage limit. Try again later.",
        "You've hit your monthly spend limit · raise it at https://example.invalid/3:45pm",
        "You've reached your Fable 5 limit. Run /usage-credits to continue or switch models with /model",
        "Usage limit reset · continuing automatically",
        "it is 3:45pm now",
        "presets 3pm",
        "resets 3",
        "resets 25:00",
        "resets 13pm",
        "resets 0am",
        "resets 3:75pm",
        "resets Feb 30 at 9am",
        "resets monthly",
        "resets maybe 3",
        "resets 3pm PDT",
        "resets 3pm (America/New_",
        "resets 3pm GMT+99",
        "retrying 1/5 in 209ms…",
        "please try again in a moment",
    ];
    check(tuesday_noon(), &none.map(|banner| (banner, "-")));
}

#[test]
fn a_time_that_spring_skips_is_read_by_the_offset_before() {
    check(
        now("2026-03-29T00:10:00", "Europe/Berlin"),
        &[
            ("resets 2:30am", "2026-03-29 01:30:00 TimeOfDay"),
            ("resets 3:30am", "2026-03-29 01:30:00 TimeOfDay"),
            ("resets 1:30am", "2026-03-29 00:30:00 TimeOfDay"),
        ],
    );
    check(
        now("2026-03-08T06:00:00", "America/New_York"),
        &[
            ("resets 2:30am", "2026-03-08 07:30:00 TimeOfDay"),
            ("resets 3:00am", "2026-03-08 07:00:00 TimeOfDay"),
            ("resets Mar 8 at 2:30am (America/New_York)", "2026-03-08 07:30:00 Date"),
            ("resets Mon 12:00am", "2026-03-09 04:00:00 Weekday"),
        ],
    );
}

#[test]
fn of_a_time_that_autumn_repeats_the_first_that_has_not_passed_is_meant() {
    let half_past_two =
        [("2026-10-25T00:10:00", "00:30:00"), ("2026-10-25T00:34:00", "00:30:00"), ("2026-10-25T00:40:00", "01:30:00")];
    for (at, end) in half_past_two {
        check(
            now(at, "Europe/Berlin"),
            &[
                ("resets 2:30am", &format!("2026-10-25 {end} TimeOfDay")),
                ("resets Sun 2:30am", &format!("2026-10-25 {end} Weekday")),
                ("resets Oct 25, 2:30am", &format!("2026-10-25 {end} Date")),
                ("resets 3:30am", "2026-10-25 02:30:00 TimeOfDay"),
            ],
        );
    }
    check(
        now("2026-11-01T05:45:00", "America/New_York"),
        &[
            ("resets 1:30am", "2026-11-01 06:30:00 TimeOfDay"),
            ("resets 1:50am", "2026-11-01 05:50:00 TimeOfDay"),
            ("resets 2:00am", "2026-11-01 07:00:00 TimeOfDay"),
        ],
    );
}

#[test]
fn only_the_end_of_a_long_text_is_read() {
    let filler = "ö".repeat(BANNER_MAX_BYTES);
    check(
        tuesday_noon(),
        &[
            (&format!("resets 2pm {filler}"), "-"),
            (&format!("{filler}x resets 2pm"), "2026-02-10 13:00:00 TimeOfDay"),
            (&format!("{filler} resets 2pm"), "2026-02-10 13:00:00 TimeOfDay"),
        ],
    );
}

#[test]
fn no_text_makes_it_panic() {
    const WORDS: [&str; 24] = [
        "resets",
        " ",
        "at ",
        "in ",
        "try again",
        "99999999",
        "9",
        ":",
        "59",
        "pm",
        "Mon",
        "Feb 29",
        "th",
        ", ",
        "(",
        "UTC",
        "+99:99",
        "2026-13-45",
        "T",
        "|",
        "reached",
        "d",
        "Europe/Berlin",
        "\u{202f}é",
    ];
    let mut seed = 1_u64;
    for _ in 0..20_000 {
        let mut text = "resets ".to_owned();
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text += WORDS[usize::try_from(seed >> 33).unwrap_or(0) % WORDS.len()];
        }
        let _ = parse(&text, tuesday_noon());
    }
}
