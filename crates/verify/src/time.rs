//! The time inside a signature: read by a strict grammar, accepted within a window on both sides.
//!
//! Digits only, no guessing of the unit, and no arithmetic that can overflow: the text comes from
//! a stranger.

use porchlight_core::Timestamp;
use serde::Deserialize;
use std::time::Duration;

/// How the time is written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum TimeFormat {
    /// `unix-s`: whole seconds since 1970 UTC.
    #[default]
    UnixSeconds,
    /// `unix-ms`: whole milliseconds since 1970 UTC.
    UnixMillis,
    /// `rfc3339`: `2026-05-28T20:26:40.5Z`, any offset, up to nine fractional digits.
    Rfc3339,
    /// A strftime pattern such as `%a %d %b %Y %H:%M:%S UTC`; UTC unless it names an offset.
    Pattern(String),
}

impl TryFrom<String> for TimeFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "unix-s" => Ok(Self::UnixSeconds),
            "unix-ms" => Ok(Self::UnixMillis),
            "rfc3339" => Ok(Self::Rfc3339),
            pattern if pattern.contains('%') => {
                // One that cannot read what it writes (`%Y-%m`) would refuse every delivery.
                let format = Self::Pattern(text);
                match format.parse(&format.write(Timestamp(0))) {
                    Some(_) => Ok(format),
                    None => Err(format!(
                        "`{}` says too little of a time, or what cannot be read; it needs year, month, day, hour and minute",
                        format.word()
                    )),
                }
            }
            _ => Err(format!(
                "`{text}` is no time format; use unix-s, unix-ms, rfc3339 or a strftime pattern"
            )),
        }
    }
}

impl TimeFormat {
    pub(crate) fn parse(&self, text: &str) -> Option<Timestamp> {
        match self {
            Self::UnixSeconds => digits(text)?.checked_mul(1000).map(Timestamp),
            Self::UnixMillis => digits(text).map(Timestamp),
            Self::Rfc3339 => rfc3339(text),
            Self::Pattern(pattern) => {
                let parts = jiff::fmt::strtime::parse(pattern, text).ok()?;
                let moment = match parts.offset() {
                    Some(_) => parts.to_timestamp().ok()?,
                    None => parts
                        .to_datetime()
                        .ok()?
                        .to_zoned(jiff::tz::TimeZone::UTC)
                        .ok()?
                        .timestamp(),
                };
                let time = Timestamp(moment.as_millisecond());
                // Only the one spelling that the pattern itself would write.
                (parts.offset().is_some() || strftime(pattern, time)? == text).then_some(time)
            }
        }
    }

    pub(crate) fn write(&self, now: Timestamp) -> String {
        match self {
            Self::UnixSeconds => now.as_seconds().to_string(),
            Self::UnixMillis => now.as_millis().to_string(),
            Self::Rfc3339 => now.to_rfc3339(),
            Self::Pattern(pattern) => strftime(pattern, now).unwrap_or_default(),
        }
    }

    /// The word or pattern in configuration.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::UnixSeconds => "unix-s",
            Self::UnixMillis => "unix-ms",
            Self::Rfc3339 => "rfc3339",
            Self::Pattern(pattern) => pattern,
        }
    }
}

fn strftime(pattern: &str, time: Timestamp) -> Option<String> {
    let moment = jiff::Timestamp::from_millisecond(time.as_millis()).ok()?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format(pattern, &moment).ok()
}

/// Whether `time` lies within the window around `now`, its borders included.
pub(crate) fn is_fresh(time: Timestamp, now: Timestamp, past: Duration, future: Duration) -> bool {
    let earliest = now.0.saturating_sub(millis(past));
    let latest = now.0.saturating_add(millis(future));
    (earliest..=latest).contains(&time.0)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// ASCII digits without sign, blanks or leading zeros.
fn digits(text: &str) -> Option<i64> {
    let canonical = text == "0" || !text.starts_with('0');
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (canonical && all_digits).then(|| text.parse().ok())?
}

fn rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() > 40 || bytes.len() < 20 {
        return None;
    }
    // The parser behind it takes more than RFC 3339; this shape leaves it no room.
    let shape_holds =
        bytes[..19]
            .iter()
            .zip(b"dddd-dd-ddTdd:dd:dd")
            .all(|(byte, shape)| match shape {
                b'd' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't'),
                _ => byte == shape,
            });
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit())?;
        if end == 0 {
            return None;
        }
        rest = &fraction[end..];
    }
    let zone_holds = match rest.as_bytes() {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    if !shape_holds || !zone_holds {
        return None;
    }
    Timestamp::parse_rfc3339(&text.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_digits_are_a_unix_time() {
        let format = TimeFormat::UnixSeconds;
        assert_eq!(
            format.parse("1780000000"),
            Some(Timestamp(1_780_000_000_000))
        );
        for wrong in [
            "",
            "+5",
            "-5",
            "007",
            " 5",
            "5 ",
            "1_0",
            "1.5",
            "1e9",
            "٣",
            "99999999999999999999",
            "9223372036854775807",
        ] {
            assert_eq!(format.parse(wrong), None, "{wrong}");
        }
        assert_eq!(
            TimeFormat::UnixMillis.parse("9223372036854775807"),
            Some(Timestamp(i64::MAX))
        );
    }

    #[test]
    fn only_rfc3339_is_rfc3339() {
        let format = TimeFormat::Rfc3339;
        assert!(format.parse("2026-05-28T20:26:40z").is_some());
        assert!(
            format
                .parse("2026-05-28T20:26:40.123456789+02:00")
                .is_some()
        );
        for wrong in [
            "2026-05-28",
            "2026-02-30T20:26:40Z",
            "2026-05-28 20:26:40Z",
            "2026-05-28T20:26:40",
            "2026-05-28T20:26:40.Z",
            "2026-05-28T20:26:40+0200",
            "2026-05-28T20:26:40Z[UTC]",
            "２026-05-28T20:26:40Z",
        ] {
            assert_eq!(format.parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_pattern_reads_only_what_it_writes() {
        let format = TimeFormat::try_from("%a %d %b %Y %H:%M:%S UTC".to_owned()).unwrap();
        let time = format.parse("Fri 08 Sep 2017 11:24:32 UTC").unwrap();
        assert_eq!(time.to_rfc3339(), "2017-09-08T11:24:32.000Z");
        assert_eq!(format.write(time), "Fri 08 Sep 2017 11:24:32 UTC");
        for wrong in [
            "Thu 08 Sep 2017 11:24:32 UTC",
            "Fri 8 Sep 2017 11:24:32 UTC",
            "fri 08 sep 2017 11:24:32 UTC",
            "Fri 08 Sep 2017 11:24:32 UTC ",
            "Fri 08 Sep 2017 25:24:32 UTC",
        ] {
            assert_eq!(format.parse(wrong), None, "{wrong}");
        }
        for wrong in ["", "unix", "rfc 3339", "%!", "%Y-%m", "%A", "100%", "%Q %H"] {
            assert!(TimeFormat::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_window_has_two_sides_and_no_overflow() {
        let window = Duration::from_secs(300);
        let fresh = |time: i64, now: i64| is_fresh(Timestamp(time), Timestamp(now), window, window);
        assert!(fresh(0, 300_000) && fresh(300_000, 0));
        assert!(!fresh(0, 300_001) && !fresh(300_001, 0));
        assert!(!fresh(i64::MIN, i64::MAX) && !fresh(i64::MAX, i64::MIN));
    }
}
