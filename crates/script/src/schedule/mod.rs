//! When a handler is called by the clock: `every`, `cron`, `daily`, `sun`.
//!
//! Pure arithmetic: a schedule is asked which moment comes after another, and knows no clock, no
//! journal and no handler. So the host, the tests of scripts and a replay get the same answer. The
//! rules for days on which a clock is set forward or back are those of `docs/schedules.md`, and
//! each of its sentences has a test here.

mod cron;
mod daily;
mod days;
mod every;
mod missed;
mod place;
mod sun;
mod ticks;
mod wall;

pub(crate) use daily::time_of_day;
pub use days::Days;
pub use missed::Missed;
pub use place::{HomePlace, Position, UnknownZone, Zone, time_zone};
pub use ticks::{GRACE, Scheduled, Tick, TickKey, TickKind, Ticks};

use cron::Cron;
use daily::Daily;
use every::Every;
use jiff::tz::TimeZone;
use porchlight_core::Timestamp;
use sun::Sun;

/// What is wrong with the text of a schedule, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// What to do; empty when there is nothing to add.
    pub help: String,
}

impl Mistake {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// What happens to ticks that fell due while the host was down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GapPolicy {
    /// None is made up for; one record says what was left out.
    #[default]
    Skip,
    /// The last one is made up for.
    Once,
    /// All are made up for, the newest [`MOST_MADE_UP`] at the most.
    All,
}

/// How many ticks [`GapPolicy::All`] makes up for: those of a week of hours fit, and a night of
/// seconds does not fill the lane of its script.
pub const MOST_MADE_UP: usize = 100;

impl GapPolicy {
    /// The words that a script writes.
    pub const WORDS: [&str; 3] = ["skip", "once", "all"];

    /// Reads one of [`GapPolicy::WORDS`].
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "skip" => Some(Self::Skip),
            "once" => Some(Self::Once),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// A rule that says when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Time and again after the same length of elapsed time.
    Every(Every),
    /// When the wall clock matches a pattern.
    Cron(Box<Cron>),
    /// At these times of the wall clock.
    Daily(Daily),
    /// By the sun.
    Sun(Sun),
}

impl Schedule {
    /// `every("10m")`.
    ///
    /// # Errors
    /// The text is no length of time, or one shorter than a second.
    pub fn every(period: &str) -> Result<Self, Mistake> {
        Every::parse(period).map(Self::Every)
    }

    /// `cron("0 7 * * MON-FRI")`, by the clock of this zone; that of the home unless said.
    ///
    /// # Errors
    /// The text is no such pattern, or its time never comes.
    pub fn cron(pattern: &str, zone: Option<TimeZone>) -> Result<Self, Mistake> {
        Cron::parse(pattern, zone).map(|cron| Self::Cron(Box::new(cron)))
    }

    /// `daily(["07:30", "19:00"])` on these days, by the clock of this zone; that of the home
    /// unless said.
    ///
    /// # Errors
    /// One of the texts is no time of day, or there is none.
    pub fn daily(times: &[&str], days: Days, zone: Option<TimeZone>) -> Result<Self, Mistake> {
        Daily::parse(times, days, zone).map(Self::Daily)
    }

    /// `sun("sunset - 30m")` on these days.
    ///
    /// # Errors
    /// The text names nothing that the sun does, or the offset is no length of time.
    pub fn sun(text: &str, days: Days) -> Result<Self, Mistake> {
        Sun::parse(text, days).map(Self::Sun)
    }

    /// The first moment of this schedule after `after`. `None`: there is none any more, or not
    /// within a year (the sun near the poles), or the home's position is needed and not known.
    ///
    /// An `every` counts from `after`, which therefore is its last tick, or when it began.
    pub fn next_after(&self, after: Timestamp, place: &HomePlace) -> Option<Timestamp> {
        match self {
            Self::Every(every) => every.next_after(after),
            Self::Cron(cron) => cron.next_after(after, place),
            Self::Daily(daily) => daily.next_after(after, place),
            Self::Sun(sun) => sun.next_after(after, place),
        }
    }

    /// The moments after `after` up to and including `until`, in order. May be very many.
    pub fn due(
        &self,
        after: Timestamp,
        until: Timestamp,
        place: &HomePlace,
    ) -> impl Iterator<Item = Timestamp> {
        let first = self.next_after(after, place);
        std::iter::successors(first, move |last| self.next_after(*last, place))
            .take_while(move |due| *due <= until)
    }

    /// A moment as the wall clock that counts shows it: `Tue 2026-11-24 07:00:00 CET`.
    pub fn shown(&self, moment: Timestamp, place: &HomePlace) -> String {
        let zone = match self {
            Self::Cron(cron) => cron.zone(),
            Self::Daily(daily) => daily.zone(),
            Self::Every(_) | Self::Sun(_) => None,
        };
        let zone = zone.cloned().unwrap_or_else(|| place.zone());
        match wall::instant(moment) {
            Some(instant) => instant
                .to_zoned(zone)
                .strftime("%a %Y-%m-%d %H:%M:%S %Z")
                .to_string(),
            None => moment.to_rfc3339(),
        }
    }

    /// Whether it counts elapsed time, and not what a wall clock shows.
    pub fn is_elapsed(&self) -> bool {
        matches!(self, Self::Every(_))
    }

    /// On how many days of the year after this moment the sun does not do what the schedule waits
    /// for; 0 for any other schedule.
    pub fn days_without(&self, from: Timestamp, place: &HomePlace) -> usize {
        match self {
            Self::Sun(sun) => sun.days_without(from, place),
            _ => 0,
        }
    }

    /// Whether it can't work without the home's latitude and longitude.
    pub fn needs_position(&self) -> bool {
        matches!(self, Self::Sun(_))
    }
}

#[cfg(test)]
mod tests;
