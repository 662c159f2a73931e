//! `daily("07:30")`, `daily(["07:30", "19:00"], #{ days: ["sat", "sun"] })`: at these times of the
//! wall clock.
//!
//! Unlike a `cron` with several hours, each time is a fixed time: on the day on which the clock
//! skips it, it comes at the change; on the day on which the clock shows it twice, it comes once.

use super::{Days, HomePlace, Mistake, wall};
use jiff::ToSpan;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use porchlight_core::Timestamp;

/// More times than this are a list that nobody wrote.
const MOST_TIMES: usize = 100;

/// Times of day, on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daily {
    times: Vec<Time>,
    days: Days,
    zone: Option<TimeZone>,
}

impl Daily {
    pub(super) fn parse(
        times: &[&str],
        days: Days,
        zone: Option<TimeZone>,
    ) -> Result<Self, Mistake> {
        if times.is_empty() {
            let help = "write one, such as \"07:30\"";
            return Err(Mistake::new("the list has no time in it", help));
        }
        if times.len() > MOST_TIMES {
            let message = format!("the list has {} times in it", times.len());
            return Err(Mistake::new(message, format!("at most {MOST_TIMES}")));
        }
        let times = times.iter().map(|text| time_of_day(text));
        Ok(Self {
            times: times.collect::<Result<_, _>>()?,
            days,
            zone,
        })
    }

    /// Its own zone, where it has one.
    pub(super) fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    pub(super) fn next_after(&self, after: Timestamp, place: &HomePlace) -> Option<Timestamp> {
        let zone = &self.zone.clone().unwrap_or_else(|| place.zone());
        let shown = zone.to_datetime(wall::instant(after)?);
        let mut day = shown.date().checked_sub(1.day()).ok()?;
        // The day before, since a change of clocks may carry a time over midnight; then a week, and
        // one more when the only day of the week is today and its time is over.
        for _ in 0..10 {
            if self.days.contains(day.weekday()) {
                let moments = self.times.iter();
                let moments = moments.filter_map(|time| wall::moment(day.to_datetime(*time), zone));
                if let Some(next) = moments.filter(|moment| *moment > after).min() {
                    return Some(next);
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }
}

/// `07:30`, `7:30` or `07:30:15`.
pub(crate) fn time_of_day(text: &str) -> Result<Time, Mistake> {
    let mut parts = text.trim().split(':');
    let mut number = |digits: std::ops::RangeInclusive<usize>| {
        let part = parts.next()?;
        let plain = digits.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse::<i8>().ok()).flatten()
    };
    let (hour, minute) = (number(1..=2), number(2..=2));
    let more = text.matches(':').count();
    let second = if more == 2 { number(2..=2) } else { Some(0) };
    let time = match (hour, minute, second) {
        (Some(hour), Some(minute), Some(second)) if more <= 2 => {
            Time::new(hour, minute, second, 0).ok()
        }
        _ => None,
    };
    time.ok_or_else(|| {
        let message = format!("`{text}` is no time of day");
        let help = match hour {
            Some(24) => "midnight is \"00:00\"",
            _ => "write hours and minutes of a day of 24 hours, such as \"07:30\" or \"19:00\"",
        };
        Mistake::new(message, help)
    })
}
