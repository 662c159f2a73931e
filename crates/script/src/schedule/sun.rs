//! `sun("sunset - 30m")`: by the sun over the home.
//!
//! The formula is that of the sunrise crate: within a few minutes of an almanac between the
//! polar circles, without mountains. A day on which the sun doesn't do it has no tick.

use super::{Days, HomePlace, Mistake, Position, wall};
use chrono::NaiveDate;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use porchlight_core::Timestamp;
use porchlight_core::diagnostic::nearest;
use porchlight_core::units::parse_duration;
use sunrise::{Coordinates, DawnType, SolarDay, SolarEvent};

/// A longer offset would leave the day that it is counted from.
const LONGEST_OFFSET: i64 = 24 * 3600 * 1000;

/// How many days are looked at: near the poles the sun rises once in a year.
const DAYS_AHEAD: usize = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Dawn,
    Sunrise,
    Noon,
    Sunset,
    Dusk,
}

const MARKS: [(&str, Mark); 5] = [
    ("dawn", Mark::Dawn),
    ("sunrise", Mark::Sunrise),
    ("noon", Mark::Noon),
    ("sunset", Mark::Sunset),
    ("dusk", Mark::Dusk),
];

/// What the sun does, and how long before or after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sun {
    mark: Mark,
    /// Milliseconds; before it when negative.
    offset: i64,
    days: Days,
}

impl Sun {
    pub(super) fn parse(text: &str, days: Days) -> Result<Self, Mistake> {
        let trimmed = text.trim();
        let end = trimmed
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(trimmed.len());
        let (word, rest) = trimmed.split_at(end);
        let lower = word.to_ascii_lowercase();
        let Some((_, mark)) = MARKS.iter().find(|(name, _)| *name == lower) else {
            let names = MARKS.map(|(name, _)| name);
            let help = match nearest(&lower, names) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("it has {}, as in \"sunset - 30m\"", names.join(", ")),
            };
            let message = format!("`{text}` is nothing that the sun does");
            return Err(Mistake::new(message, help));
        };
        Ok(Self {
            mark: *mark,
            offset: offset(rest, text)?,
            days,
        })
    }

    pub(super) fn next_after(&self, after: Timestamp, place: &HomePlace) -> Option<Timestamp> {
        let (position, zone) = (place.position?, place.zone());
        let base = wall::instant(Timestamp(after.0.checked_sub(self.offset)?))?;
        let utc = TimeZone::UTC.to_datetime(base).date();
        // The sun's day of a date begins up to half a day off, and its dusk may be after midnight.
        let mut date = utc.checked_sub(2.days()).ok()?;
        for _ in 0..DAYS_AHEAD {
            if let Some(moment) = self.mark.on(date, position)
                && self.is_on_its_day(moment, &zone)
                && moment.0 + self.offset > after.0
            {
                return Some(Timestamp(moment.0 + self.offset));
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    pub(super) fn days_without(&self, from: Timestamp, place: &HomePlace) -> usize {
        let date = wall::instant(from).map(|moment| TimeZone::UTC.to_datetime(moment).date());
        let (Some(date), Some(position)) = (date, place.position) else {
            return 0;
        };
        let days = (0..365).filter_map(|days| date.checked_add(days.days()).ok());
        days.filter(|date| self.mark.on(*date, position).is_none())
            .count()
    }

    /// The day is that on which the sun does it, whatever the offset makes of it.
    fn is_on_its_day(&self, moment: Timestamp, zone: &TimeZone) -> bool {
        wall::instant(moment)
            .map(|moment| zone.to_datetime(moment).weekday())
            .is_some_and(|day| self.days.contains(day))
    }
}

/// Milliseconds of ` - 30m`, ` + 1h 30m`, or of nothing.
fn offset(rest: &str, text: &str) -> Result<i64, Mistake> {
    let rest = rest.trim();
    let (sign, length) = match rest.split_at_checked(1) {
        None | Some(("", _)) => return Ok(0),
        Some(("+", length)) => (1, length),
        Some(("-", length)) => (-1, length),
        Some(_) => {
            let message = format!("`{text}` has neither `+` nor `-` before its length of time");
            return Err(Mistake::new(message, "write \"sunset - 30m\""));
        }
    };
    let length = parse_duration(length).map_err(|message| Mistake::new(message, ""))?;
    let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    if millis > LONGEST_OFFSET {
        let message = format!("`{text}` is more than a day away from it");
        return Err(Mistake::new(message, ""));
    }
    Ok(sign * millis)
}

impl Mark {
    /// When the sun does it on this day; `None` when it doesn't.
    fn on(self, date: Date, position: Position) -> Option<Timestamp> {
        let (year, month, day) = (date.year(), date.month(), date.day());
        let date = NaiveDate::from_ymd_opt(
            i32::from(year),
            u32::try_from(month).ok()?,
            u32::try_from(day).ok()?,
        )?;
        let coordinates = Coordinates::new(position.latitude(), position.longitude())?;
        let solar = SolarDay::new(coordinates, date);
        let at = |solar: &SolarDay, event| Some(solar.event_time(event)?.timestamp());
        let seconds = match self {
            Self::Dawn => at(&solar, SolarEvent::Dawn(DawnType::Civil))?,
            Self::Sunrise => at(&solar, SolarEvent::Sunrise)?,
            Self::Sunset => at(&solar, SolarEvent::Sunset)?,
            Self::Dusk => at(&solar, SolarEvent::Dusk(DawnType::Civil))?,
            // In the middle between the two; on the equator both happen on every day, and noon
            // depends on the longitude alone.
            Self::Noon => {
                let equator = Coordinates::new(0.0, position.longitude())?;
                let solar = SolarDay::new(equator, date);
                let rises = at(&solar, SolarEvent::Sunrise)?;
                rises + (at(&solar, SolarEvent::Sunset)? - rises) / 2
            }
        };
        Some(Timestamp(seconds * 1000))
    }
}
