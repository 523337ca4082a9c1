//! Accounts and their usage limits: how long they last and what their banners say.

use chrono::{DateTime, TimeDelta, Utc};

use super::clock::{Clock, HOUR, MINUTE, span};
use super::random::Random;

/// How a banner names the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Time of day with its zone.
    Zoned,
    /// Time of day of the host.
    Local,
    /// No time at all.
    None,
    /// A date.
    Date,
    /// So long from now.
    Relative,
    /// A time of day that has passed.
    Stale,
    /// Claude's menu; the time stands above it.
    Menu,
    /// The program goes on by itself.
    ByItself,
}

pub const FORMS: [Form; 8] =
    [Form::Zoned, Form::Local, Form::None, Form::Date, Form::Relative, Form::Stale, Form::Menu, Form::ByItself];

/// A limit that holds an account.
#[derive(Debug, Clone)]
pub struct Limited {
    /// Counts limits.
    pub number: u64,
    pub form: Form,
    /// Only agents of this model.
    pub model: Option<String>,
    /// When it really ends.
    pub until: DateTime<Utc>,
    /// What its banner names.
    pub named: DateTime<Utc>,
}

/// An account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    pub limited: Option<Limited>,
    /// Refusals right after the end that name a false time are left.
    pub false_refusals: u32,
    pub limits: u64,
}

impl Account {
    /// Begins a limit.
    pub fn limit(&mut self, form: Form, model: Option<String>, clock: &Clock, random: &mut Random) -> u64 {
        self.limits += 1;
        let length = match form {
            Form::Date => random.spread(6 * HOUR..=30 * HOUR),
            Form::Zoned | Form::Local | Form::None | Form::Relative | Form::Stale | Form::Menu | Form::ByItself => {
                random.spread(20 * MINUTE..=5 * HOUR)
            }
        };
        let until = clock.true_time() + span(length);
        let early = if random.percent(20) { random.below(length) } else { 0 };
        self.false_refusals = if random.percent(25) { u32::try_from(random.between(1..=3)).unwrap_or(1) } else { 0 };
        let limited = Limited { number: self.limits, form, model, until: until - span(early), named: until };
        self.limited = Some(limited);
        self.limits
    }

    /// Says whether an agent with this model is refused now; one false refusal is used up.
    pub fn refuses(&mut self, model: Option<&str>, clock: &Clock) -> Option<String> {
        let limited = self.limited.as_ref()?;
        let concerned = limited.model.as_ref().is_none_or(|of| model.is_some_and(|own| own.contains(of.as_str())));
        if !concerned {
            return None;
        }
        if limited.until > clock.true_time() {
            return Some(banner(limited, clock));
        }
        if self.false_refusals > 0 {
            self.false_refusals -= 1;
            let named = clock.true_time() + TimeDelta::hours(5);
            return Some(banner(&Limited { named, form: Form::Zoned, ..limited.clone() }, clock));
        }
        None
    }
}

/// Writes a limit's banner.
fn banner(limited: &Limited, clock: &Clock) -> String {
    let zone = clock.now().zone;
    let named = clock.shown(limited.named).with_timezone(&zone);
    let what = limited.model.as_ref().map_or("session", |model| if model == "opus" { "Opus" } else { "Sonnet" });
    let clock_time = named.format("%-I:%M%P");
    match limited.form {
        Form::Zoned | Form::Menu => format!("You've hit your {what} limit · resets {clock_time} ({zone})"),
        Form::Local => format!("You've hit your {what} limit · resets {clock_time}"),
        Form::None => format!("You've hit your {what} limit. Try again later."),
        Form::Date => {
            let date = named.format("%b %-d, %-I:%M%P");
            format!("You've hit your weekly limit · resets {date} ({zone})")
        }
        Form::Relative => {
            let left = (limited.named - clock.true_time()).num_minutes().max(1);
            format!("You've hit your {what} limit · resets in {}h {}m", left / 60, left % 60)
        }
        Form::Stale => {
            let past = clock.now().wall.with_timezone(&zone) - TimeDelta::hours(3);
            format!("You've hit your {what} limit · resets {}", past.format("%-I:%M%P"))
        }
        Form::ByItself => format!("Usage limit reached · continuing automatically at {clock_time}"),
    }
}
