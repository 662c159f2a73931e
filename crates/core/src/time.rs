//! A moment, as milliseconds since 1970 UTC.
//!
//! Milliseconds are what the journal stores and what schedules compare. The exact text of the time
//! that a vendor sent (XProtect sends seven fractional digits) stays text, in
//! [`crate::NewEvent::time`]. There is no `now()` here: the clock belongs to the caller.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Milliseconds since the Unix epoch, UTC. May be negative.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment of a `SystemTime`, for callers that own a clock.
    pub fn from_system_time(time: std::time::SystemTime) -> Self {
        match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
            Err(before) => Self(-i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment moved later; saturates at the end of time.
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero when it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with three fractional digits: `2022-03-10T20:04:40.190Z`.
    ///
    /// A moment outside the years -9999 to 9999 prints as the nearest one inside.
    pub fn to_rfc3339(self) -> String {
        let lowest = jiff::Timestamp::MIN.as_second() * 1000;
        let highest = jiff::Timestamp::MAX.as_second() * 1000;
        let moment = jiff::Timestamp::from_millisecond(self.0.clamp(lowest, highest))
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        format!("{moment:.3}")
    }

    /// Reads RFC 3339 (`2022-11-26T15:59:39.2988877Z`, any offset); `None` when it is not that.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let moment: jiff::Timestamp = text.parse().ok()?;
        Some(Self(moment.as_millisecond()))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_prints_as_rfc3339_with_milliseconds() {
        assert_eq!(
            Timestamp(1_646_942_680_190).to_rfc3339(),
            "2022-03-10T20:04:40.190Z"
        );
        assert_eq!(Timestamp(0).to_rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(i64::MAX).to_rfc3339(), "9999-12-30T22:00:00.000Z");
        assert_eq!(
            Timestamp(i64::MIN).to_rfc3339(),
            "-009999-01-02T01:59:59.000Z"
        );
    }

    #[test]
    fn rfc3339_with_seven_digits_and_offset_is_read() {
        assert_eq!(
            Timestamp::parse_rfc3339("2022-03-10T21:04:40.1900000+01:00"),
            Some(Timestamp(1_646_942_680_190))
        );
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }
}
