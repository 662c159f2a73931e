//! `every("10m")`: time and again after the same length of elapsed time.
//!
//! It knows no wall clock and no time zone, so no day with a change of clocks can touch it. Its
//! phase is that of its first load; whoever wants round times writes a `cron`.

use super::Mistake;
use porchlight_core::Timestamp;
use porchlight_core::units::parse_duration;
use std::time::Duration;

/// Quicker than this nothing in a home needs a timer, and each tick is a commit.
const SHORTEST: Duration = Duration::from_secs(1);

/// A period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Every {
    period: Duration,
}

impl Every {
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let period = parse_duration(text).map_err(|message| Mistake::new(message, ""))?;
        if period < SHORTEST {
            let message = format!("`{text}` is shorter than a second");
            let help = "each call is stored on disk; `every(\"1s\", …)` is the quickest";
            return Err(Mistake::new(message, help));
        }
        Ok(Self { period })
    }

    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let next = after.after(self.period);
        (next > after).then_some(next)
    }

    /// The milliseconds between two ticks; at least 1000.
    pub(super) fn millis(&self) -> i64 {
        i64::try_from(self.period.as_millis()).unwrap_or(i64::MAX)
    }
}
