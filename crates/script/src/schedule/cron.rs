//! `cron("0 7 * * MON-FRI")`: when the wall clock matches a pattern.
//!
//! croner reads the pattern and walks the calendar. A pattern with one hour, one minute and one
//! second is a fixed time: skipped, it comes at the change of the clock; doubled, it comes once. Any
//! other follows the clock: what is skipped does not come, what is doubled comes twice.

use super::{HomePlace, Mistake, wall};
use croner::parser::{CronParser, Seconds};
use jiff::tz::TimeZone;
use porchlight_core::Timestamp;

/// A pattern longer than this is a mistake, and would take long to read.
const LONGEST: usize = 256;

/// A pattern of the wall clock, with its zone where that is not the home's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    cron: croner::Cron,
    zone: Option<TimeZone>,
}

impl Cron {
    pub(super) fn parse(pattern: &str, zone: Option<TimeZone>) -> Result<Self, Mistake> {
        let help = "write minute, hour, day of the month, month and day of the week: \"0 7 * * MON-FRI\" is at seven on working days";
        if pattern.len() > LONGEST {
            return Err(Mistake::new("the pattern is too long", help));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let cron = parser.parse(pattern).map_err(|wrong| {
            let message = format!("`{pattern}` is no cron pattern: {}", plain(&wrong));
            Mistake::new(message, help)
        })?;
        let cron = Self { cron, zone };
        // 2025, so that a pattern of years past is seen too.
        let start = Timestamp(1_735_689_600_000);
        if cron.next_after(start, &HomePlace::default()).is_none() {
            let message = format!("`{pattern}` never comes");
            return Err(Mistake::new(
                message,
                "look at the day, the month and the year",
            ));
        }
        Ok(cron)
    }

    /// Its own zone, where it has one.
    pub(super) fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    pub(super) fn next_after(&self, after: Timestamp, place: &HomePlace) -> Option<Timestamp> {
        // croner thinks in whole seconds; a fraction must not be carried on into its answer.
        let second = Timestamp(after.0.saturating_sub(after.0.rem_euclid(1000)));
        let zone = self.zone.clone().unwrap_or_else(|| place.zone());
        let start = wall::instant(second)?.to_zoned(zone);
        let next = self.cron.find_next_occurrence(&start, false).ok()?;
        Some(Timestamp(next.timestamp().as_millisecond()))
    }
}

/// croner's sentence without the words that name its own types.
fn plain(wrong: &croner::errors::CronError) -> String {
    use croner::errors::CronError;
    let text = match wrong {
        CronError::EmptyPattern => "it is empty".to_owned(),
        CronError::InvalidPattern(text)
        | CronError::IllegalCharacters(text)
        | CronError::ComponentError(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.trim_end_matches('.').replace("CronPattern", "it");
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text,
    }
}
