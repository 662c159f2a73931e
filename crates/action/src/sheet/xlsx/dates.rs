//! Moments as spreadsheets count them: days since the end of 1899, without a time zone.
//!
//! The wall clock of the text counts, as written: `07:30+01:00` is half past seven. Whoever wants
//! another zone formats the time before.

use jiff::civil::DateTime;

/// Day 0. (Excel believes in a 29 February 1900, so counts from one day earlier; dates before March
/// 1900 would be off by one and stay text.)
const EPOCH: DateTime = jiff::civil::date(1899, 12, 30).at(0, 0, 0, 0);

const MS_PER_DAY: f64 = 86_400_000.0;

/// Days between the two calendars that a workbook can choose.
const FROM_1904: f64 = 1462.0;

/// The serial number of an RFC 3339 date-time; `None` for every other text.
pub(super) fn serial(text: &str, from_1904: bool) -> Option<f64> {
    // Cheap tests first: every text cell comes by here.
    let bytes = text.as_bytes();
    if !(20..=35).contains(&bytes.len()) || bytes[4] != b'-' || bytes[10] != b'T' {
        return None;
    }
    // It must be whole (with a zone) to be one.
    text.parse::<jiff::Timestamp>().ok()?;
    let local: DateTime = text
        .trim_end_matches('Z')
        .parse()
        .or_else(|_| {
            // Without the offset `+01:00`.
            text.get(..text.len() - 6).unwrap_or_default().parse()
        })
        .ok()?;
    let since = local.duration_since(EPOCH);
    let days = since.as_millis() as f64 / MS_PER_DAY;
    let days = if from_1904 { days - FROM_1904 } else { days };
    (days >= 61.0).then_some(days)
}

/// The date-time of a serial number, without a zone: `2026-11-22T21:54:19`.
pub(super) fn moment(serial: f64, from_1904: bool) -> Option<String> {
    let days = if from_1904 {
        serial + FROM_1904
    } else {
        serial
    };
    // Up to the year 9999; below 61 the calendars disagree.
    if !(61.0..2_958_466.0).contains(&days) {
        return None;
    }
    let ms = (days * MS_PER_DAY).round() as i64;
    let moment = EPOCH
        .checked_add(jiff::SignedDuration::from_millis(ms))
        .ok()?;
    Some(moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_become_serial_numbers_and_back() {
        assert_eq!(serial("2026-11-22T12:00:00Z", false), Some(46_348.5));
        assert_eq!(serial("2026-11-22T12:00:00+01:00", false), Some(46_348.5));
        assert_eq!(serial("2026-11-22T12:00:00Z", true), Some(44_886.5));
        assert_eq!(
            moment(46_348.5, false).as_deref(),
            Some("2026-11-22T12:00:00")
        );
        assert_eq!(
            moment(44_886.5, true).as_deref(),
            Some("2026-11-22T12:00:00")
        );
        let fraction = serial("2022-03-10T20:04:40.1900000Z", false).unwrap();
        assert_eq!(
            moment(fraction, false).as_deref(),
            Some("2022-03-10T20:04:40.19")
        );
    }

    #[test]
    fn text_that_only_looks_like_a_moment_stays_text() {
        for text in [
            "2026-11-22",
            "2026-11-22T12:00:00",
            "1899-12-31T00:00:00Z",
            "2026-13-45T99:00:00Z",
            "äääääääääääääääää",
            "",
        ] {
            assert_eq!(serial(text, false), None, "{text}");
        }
    }
}
