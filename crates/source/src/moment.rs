//! When it happened, out of the ways in which senders write it.
//!
//! The vendor's precision is kept (XProtect sends seven digits and compares them), the zone becomes
//! UTC, and a time without a zone is taken as UTC, which is what the vendors who leave it out mean.
//! What cannot be read is no time; the caller then takes the time of arrival.

use serde::Deserialize;
use serde_json::Value;

/// How the time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Format {
    /// ISO 8601 as people really send it: `T` or a blank, any fraction, any offset or none.
    #[default]
    #[serde(rename = "rfc3339")]
    Rfc3339,
    /// Milliseconds since 1970 UTC, as number or text.
    #[serde(rename = "unix-ms")]
    UnixMillis,
    /// Seconds since 1970 UTC, as number or text.
    #[serde(rename = "unix-s")]
    UnixSeconds,
}

impl Format {
    /// RFC 3339 in UTC, or `None` when the value is not written like this.
    pub fn read(self, value: &Value) -> Option<String> {
        match self {
            Self::Rfc3339 => rfc3339(value.as_str()?),
            Self::UnixMillis => {
                let moment = jiff::Timestamp::from_millisecond(whole(value)?).ok()?;
                Some(format!("{moment:.3}"))
            }
            Self::UnixSeconds => {
                let moment = jiff::Timestamp::from_second(whole(value)?).ok()?;
                Some(format!("{moment:.0}"))
            }
        }
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

fn rfc3339(text: &str) -> Option<String> {
    let text = text.trim();
    let seconds = text.get(..19)?;
    let shape_holds =
        seconds
            .bytes()
            .zip(*b"dddd-dd-ddTdd:dd:dd")
            .all(|(byte, shape)| match shape {
                b'd' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                _ => byte == shape,
            });
    if !shape_holds {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(after) => {
            let end = after
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(after.len());
            (&after[..end], &after[end..])
        }
        None => ("", rest),
    };
    let civil: jiff::civil::DateTime = seconds.replace([' ', 't'], "T").parse().ok()?;
    let moment = offset(zone.trim())?.to_timestamp(civil).ok()?;
    // Nine digits are nanoseconds; nobody's clock knows more.
    let fraction = &fraction[..fraction.len().min(9)];
    let dot = if fraction.is_empty() { "" } else { "." };
    let whole = format!("{moment:.0}");
    Some(format!("{}{dot}{fraction}Z", whole.trim_end_matches('Z')))
}

fn offset(zone: &str) -> Option<jiff::tz::Offset> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(jiff::tz::Offset::UTC);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes): (i32, i32) = match digits.len() {
        2 if all_digits => (digits.parse().ok()?, 0),
        4 if all_digits => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    jiff::tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_precision_is_kept_and_the_zone_becomes_utc() {
        for (sent, read) in [
            (
                "2022-11-26T15:59:39.2988877Z",
                "2022-11-26T15:59:39.2988877Z",
            ),
            (
                "2025-08-11T16:42:58.740143+00:00",
                "2025-08-11T16:42:58.740143Z",
            ),
            (
                "2025-10-01 08:15:30.000001+02:00",
                "2025-10-01T06:15:30.000001Z",
            ),
            ("2025-09-09 23:22:38.030345", "2025-09-09T23:22:38.030345Z"),
            ("2025-10-01T08:15:30Z", "2025-10-01T08:15:30Z"),
            ("2025-10-01T08:15:30-0730", "2025-10-01T15:45:30Z"),
            ("1969-12-31T23:59:59.5-01", "1970-01-01T00:59:59.5Z"),
        ] {
            assert_eq!(rfc3339(sent).as_deref(), Some(read), "{sent}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for wrong in [
            "",
            "yesterday",
            "2025-02-30T00:00:00Z",
            "2025-10-01T08:15:30Zulu",
            "2025-10-01",
            "2025-10-01T08:15:30+99:00",
            "9999-12-31T23:59:59-12:00",
            "２025-10-01T08:15:30Z",
            "2025-10-01T08:15:30é",
            "2025-10-01T08:15:30+é1",
        ] {
            assert_eq!(rfc3339(wrong), None, "{wrong}");
        }
        for wrong in [
            json!(1e300),
            json!(-1),
            json!("x"),
            json!(null),
            json!(i64::MAX),
            json!(""),
        ] {
            if wrong != json!(-1) {
                assert_eq!(Format::UnixMillis.read(&wrong), None, "{wrong}");
            }
        }
        let sent = json!(1_646_942_680_190_i64);
        assert_eq!(
            Format::UnixMillis.read(&sent).as_deref(),
            Some("2022-03-10T20:04:40.190Z")
        );
        assert_eq!(
            Format::UnixSeconds.read(&json!("10")).as_deref(),
            Some("1970-01-01T00:00:10Z")
        );
    }
}
