//! When a usage limit ends, as its banner says it.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{
    DateTime, Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone,
    Utc, Weekday,
};
use chrono_tz::Tz;
use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};

use super::now::Now;

/// How much of a banner is read, bytes from its end.
pub const BANNER_MAX_BYTES: usize = 4096;

/// The furthest that a bare time of day may lie ahead: the window is 5 h, so a later one is an old banner's.
pub const BARE_AHEAD_MAX: TimeDelta = TimeDelta::hours(6);

/// A time of day or weekday that passed so long ago at most is the one meant, not tomorrow's or next week's.
///
/// One that passed earlier is read as the next to come. For a time of day that is never believable, for a weekday
/// it is a week ahead: in both cases the caller probes at its flat cadence, which is what an old banner deserves.
pub const PASSED_MAX: TimeDelta = TimeDelta::minutes(5);

/// The longest relative time that is read, seconds (400 days).
pub const SPAN_MAX_S: f64 = 400.0 * 86_400.0;

/// When a limit ends, and how that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetTime {
    /// The end; at or before the present where it has just passed, or where a past date is named.
    pub at: DateTime<Utc>,
    /// How it was said.
    pub form: Form,
}

impl ResetTime {
    /// Returns whether this can be the present limit's end: false for a bare time of day more than
    /// [`BARE_AHEAD_MAX`] ahead, which only an old banner shows.
    pub fn believable(&self, now: Now) -> bool {
        match self.form {
            Form::TimeOfDay => self.at.signed_duration_since(now.wall) <= BARE_AHEAD_MAX,
            Form::Weekday | Form::Date | Form::Relative | Form::Epoch => true,
        }
    }
}

/// How a banner names a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `3:45pm`, `18:44`, also with a zone.
    TimeOfDay,
    /// `Mon 12:00am`.
    Weekday,
    /// `Jan 12, 10:59am`, `2026-04-01 at 00:00 UTC`. Without a year, the one that lies nearest to the present.
    Date,
    /// `in 3h44m`. It counts from the present: a banner that is read again later seems to name a later time.
    Relative,
    /// Seconds or milliseconds since 1970.
    Epoch,
}

/// Reads when a usage limit ends from a banner's text, which is free of escape sequences.
///
/// Only a time behind a lead word (`resets at`, `try again in`, ...) counts; of several the last. `None` where none is
/// named, where it is no time (`13:75`), or where its zone is unknown: no zone is guessed, and an older banner
/// above it is no evidence. In `Retrying in 29s (3:45am)` the time of day counts where it is believable: it is
/// the limit's end, and where it is only the next try's it differs by less than a minute.
///
/// A time without a zone is the host's. One that daylight saving skips is read by the offset before the change;
/// of one that occurs twice, the first that has not passed is meant.
pub fn parse(banner: &str, now: Now) -> Option<ResetTime> {
    let found = BANNER.captures_iter(tail(banner)).filter(names_a_time).last()?;
    if let Some(epoch) = found.name("epoch") {
        return from_epoch(epoch.as_str());
    }
    if let Some(span) = found.name("span") {
        let beside =
            found.name("beside").and_then(|text| from_time_of_day(clock(text.as_str())?, Zone::Named(now.zone), now));
        return beside.filter(|time| time.believable(now)).or_else(|| from_span(span.as_str(), now));
    }
    let zone = Zone::of(&found, now.zone)?;
    let time = found.name("clock").map_or(Some(NaiveTime::MIN), |text| clock(text.as_str()))?;
    match (found.name("date"), found.name("weekday")) {
        (Some(date), _) => from_date(date.as_str(), time, zone, now),
        (None, Some(weekday)) => from_weekday(weekday.as_str(), time, zone, now),
        (None, None) => from_time_of_day(time, zone, now),
    }
}

/// A lead word and what is said behind it, in all forms.
static BANNER: LazyLock<Regex> = LazyLock::new(|| {
    let lead = r"\b(?:resets?|try\s+again|regain\s+access|retry(?:ing)?|continuing\s+automatically)[:\s]+";
    let amount = format!(r"[0-9]{{1,9}}(?:\.[0-9]{{1,9}})?\s*{UNIT}");
    let span = format!(r"(?:{amount}(?:\b[\s,]*(?:and\s+)?)?)*{amount}\b");
    let written = format!(r"(?:{MONTH})\b\.?\s*[0-9]{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s+[0-9]{{4}}\b)?");
    let date = format!(r"(?:(?P<weekday>{WEEKDAY})\b,?\s*)?(?P<date>{written}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})?");
    let half = r"(?:[ap]m\b|[ap]\.m\.?)";
    let clock =
        format!(r"[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,9}})?)?(?:\s*{half})?|[0-9]{{1,2}}\s*{half}");
    let offset = r"[+\u{2212}-][0-9]{1,2}(?::?[0-9]{2})?";
    let in_brackets = format!(r"\s*\(\s*(?P<inside>(?:utc|gmt)\s?{offset}|[a-z][a-z0-9_/+-]*)");
    let region = "[A-Z][A-Za-z_]+/[A-Za-z0-9_/+-]+";
    let bare = format!(r"(?:UTC|GMT)\s?{offset}|UTC\b|Z\b|[A-Z]{{1,4}}T\b|{region}|[+-][0-9]{{2}}:?[0-9]{{2}}\b");
    let zone = format!(r"(?:{in_brackets}|[^\S\n]*(?P<behind>(?-i:{bare})))");
    let epoch = r"\breached\s*\|\s*(?P<epoch>[0-9]{13}|[0-9]{10})\b";
    let relative = format!(r"(?:in|after)\s+(?P<span>{span})(?:\s*\((?P<beside>{clock})\))?");
    let absolute = format!(r"(?:(?:at|on|by|after)\s+)?{date}(?:,?\s*at\s+|t|,?\s*)(?P<clock>{clock})?{zone}?");
    compiled(&format!("(?i){epoch}|{lead}(?:{relative}|{absolute})"))
});

/// Units of relative times, longer spellings first.
const UNIT: &str = "(?:milliseconds?|ms|weeks?|wks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)";
const WEEKDAY: &str =
    "sun(?:day)?|mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs?(?:day)?)?|fri(?:day)?|sat(?:urday)?";
const MONTH: &str = "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|\
                     oct(?:ober)?|nov(?:ember)?|dec(?:ember)?";

static AMOUNT: LazyLock<Regex> = LazyLock::new(|| compiled(&format!(r"(?i)(?P<number>[0-9.]+)\s*(?P<unit>{UNIT})")));
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"(?i)^(?P<month>[a-z]{3})[a-z]*\.?\s*(?P<day>[0-9]{1,2})[a-z]*(?:,?\s+(?P<year>[0-9]{4}))?$")
});
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    let time = r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2}))?(?::(?P<second>[0-9]{2})[0-9.]*)?";
    compiled(&format!(r"(?i)^{time}\s*(?:(?P<half>[ap])[.m]+)?$"))
});
static OFFSET: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"(?i)^(?:utc|gmt)?\s?(?P<sign>[+\u{2212}-])(?P<hours>[0-9]{1,2}):?(?P<minutes>[0-9]{2})?$")
});

fn compiled(text: &str) -> Regex {
    let Ok(regex) = Regex::new(text) else { unreachable!("the patterns are constants, and a test compiles them") };
    regex
}

/// Returns the last [`BANNER_MAX_BYTES`] of `text`, whole characters only.
fn tail(text: &str) -> &str {
    let mut start = text.len().saturating_sub(BANNER_MAX_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

fn names_a_time(found: &Captures) -> bool {
    ["epoch", "span", "date", "weekday", "clock"].iter().any(|name| found.name(name).is_some())
}

fn number<T: std::str::FromStr>(found: &Captures, name: &str) -> Option<T> {
    found.name(name)?.as_str().parse().ok()
}

fn from_epoch(digits: &str) -> Option<ResetTime> {
    let count = digits.parse().ok()?;
    let milliseconds = digits.len() > 10;
    let at = if milliseconds { DateTime::from_timestamp_millis(count)? } else { DateTime::from_timestamp(count, 0)? };
    Some(ResetTime { at, form: Form::Epoch })
}

fn from_span(span: &str, now: Now) -> Option<ResetTime> {
    let mut seconds = 0.0;
    for amount in AMOUNT.captures_iter(span) {
        let unit = amount.name("unit")?.as_str().to_ascii_lowercase();
        seconds += number::<f64>(&amount, "number")? * unit_s(&unit)?;
    }
    let ahead = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds <= SPAN_MAX_S)?;
    let at = now.wall.checked_add_signed(TimeDelta::from_std(ahead).ok()?)?;
    Some(ResetTime { at, form: Form::Relative })
}

/// Returns the length of a unit, seconds.
fn unit_s(unit: &str) -> Option<f64> {
    if unit == "ms" || unit.starts_with("milli") {
        return Some(0.001);
    }
    match unit.as_bytes().first()? {
        b'w' => Some(7.0 * 86_400.0),
        b'd' => Some(86_400.0),
        b'h' => Some(3600.0),
        b'm' => Some(60.0),
        b's' => Some(1.0),
        _ => None,
    }
}

fn from_time_of_day(time: NaiveTime, zone: Zone, now: Now) -> Option<ResetTime> {
    next(|_| true, time, zone, now).map(|at| ResetTime { at, form: Form::TimeOfDay })
}

fn from_weekday(name: &str, time: NaiveTime, zone: Zone, now: Now) -> Option<ResetTime> {
    let weekday: Weekday = name.get(..3)?.parse().ok()?;
    next(|day| day.weekday() == weekday, time, zone, now).map(|at| ResetTime { at, form: Form::Weekday })
}

/// Returns the first `time` on a day that fits and that has not passed.
fn next(fits: impl Fn(NaiveDate) -> bool, time: NaiveTime, zone: Zone, now: Now) -> Option<DateTime<Utc>> {
    let today = zone.local(now.wall).date();
    (-1..=8)
        .filter_map(|ahead| today.checked_add_signed(TimeDelta::days(ahead)))
        .filter(|day| fits(*day))
        .flat_map(|day| zone.instants(day.and_time(time)))
        .find(|at| !passed(*at, now))
}

fn passed(at: DateTime<Utc>, now: Now) -> bool {
    now.wall.signed_duration_since(at) > PASSED_MAX
}

fn from_date(text: &str, time: NaiveTime, zone: Zone, now: Now) -> Option<ResetTime> {
    let at = days(text, zone.local(now.wall).year())
        .into_iter()
        .filter_map(|day| {
            let instants = zone.instants(day.and_time(time));
            instants.iter().find(|at| !passed(**at, now)).or(instants.last()).copied()
        })
        .min_by_key(|at| at.signed_duration_since(now.wall).abs())?;
    Some(ResetTime { at, form: Form::Date })
}

/// Returns the days that a date can mean: without a year, the one of this year and of its neighbours.
fn days(text: &str, this_year: i32) -> Vec<NaiveDate> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return vec![day];
    }
    let Some(found) = DATE.captures(text) else { return Vec::new() };
    let month = found.name("month").and_then(|name| name.as_str().parse::<chrono::Month>().ok());
    let (Some(month), Some(day)) = (month, number(&found, "day")) else { return Vec::new() };
    let years = number(&found, "year").map_or(this_year - 1..=this_year + 1, |year: i32| year..=year);
    years.filter_map(|year| NaiveDate::from_ymd_opt(year, month.number_from_month(), day)).collect()
}

/// Reads `3am`, `3:45 PM`, `18:44`, `9:01:30 p.m.`.
fn clock(text: &str) -> Option<NaiveTime> {
    let found = CLOCK.captures(text)?;
    let named: u32 = number(&found, "hour")?;
    let hour = match found.name("half").map(|half| half.as_str().to_ascii_lowercase()) {
        None => named,
        Some(_) if named == 0 || named > 12 => return None,
        Some(half) if half == "p" => named % 12 + 12,
        Some(_) => named % 12,
    };
    let part = |name| found.name(name).map_or(Some(0), |_| number(&found, name));
    NaiveTime::from_hms_opt(hour, part("minute")?, part("second")?)
}

/// Where a local time holds.
#[derive(Debug, Clone, Copy)]
enum Zone {
    Named(Tz),
    Fixed(FixedOffset),
}

impl Zone {
    /// Returns the zone that a banner names, the host's where it names none, `None` where it cannot be known.
    fn of(found: &Captures, host: Tz) -> Option<Self> {
        if let Some(name) = found.name("behind") {
            return Self::read(name.as_str());
        }
        let Some(name) = found.name("inside").map(|name| name.as_str()) else { return Some(Self::Named(host)) };
        let abbreviation = name.bytes().all(|byte| byte.is_ascii_uppercase());
        match Self::read(name) {
            None if !abbreviation && !name.contains('/') => Some(Self::Named(host)),
            read => read,
        }
    }

    fn read(name: &str) -> Option<Self> {
        if let Ok(zone) = name.parse() {
            return Some(Self::Named(zone));
        }
        if name == "Z" {
            return Some(Self::Named(Tz::UTC));
        }
        let found = OFFSET.captures(name)?;
        let minutes = found.name("minutes").map_or(Some(0), |_| number::<i32>(&found, "minutes"))?;
        let east_s = number::<i32>(&found, "hours")? * 3600 + minutes * 60;
        FixedOffset::east_opt(if &found["sign"] == "+" { east_s } else { -east_s }).map(Self::Fixed)
    }

    fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        match self {
            Self::Named(zone) => at.with_timezone(&zone).naive_local(),
            Self::Fixed(zone) => at.with_timezone(&zone).naive_local(),
        }
    }

    /// Returns the moments that a local time means, in order: one, or two where clocks go back.
    fn instants(self, local: NaiveDateTime) -> Vec<DateTime<Utc>> {
        match self {
            Self::Named(zone) => instants(&zone, local),
            Self::Fixed(zone) => instants(&zone, local),
        }
    }
}

fn instants<Z: TimeZone>(zone: &Z, local: NaiveDateTime) -> Vec<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) => vec![at.to_utc()],
        MappedLocalTime::Ambiguous(first, second) => vec![first.to_utc(), second.to_utc()],
        MappedLocalTime::None => {
            let day_before = local.checked_sub_signed(TimeDelta::days(1));
            let before = day_before.and_then(|day| zone.offset_from_local_datetime(&day).earliest());
            let at = before.and_then(|offset| local.checked_sub_offset(offset.fix()));
            at.map(|at| at.and_utc()).into_iter().collect()
        }
    }
}
