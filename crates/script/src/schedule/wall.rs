//! From what a wall clock shows to the moment at which it does so, in one place for all rules.
//!
//! A time that the clock skips becomes the moment at which it skips it; a time that it shows twice
//! is the first of the two. jiff's own rule for skipped times (go on by the length of the gap)
//! would call a handler of 02:30 at 03:30; croner's, which `cron` follows, is the one here.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use porchlight_core::Timestamp;

/// The moment of a wall clock time in this zone; `None` at the ends of time.
pub(super) fn moment(shown: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let moment = match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(shown),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(shown),
        AmbiguousOffset::Gap { before, after } => {
            // Read with the offset of afterwards, a skipped time lies just before the change.
            let just_before = after.to_timestamp(shown).ok()?;
            let mut changes = zone.following(just_before);
            match changes.find(|change| change.offset() == after) {
                Some(change) => Ok(change.timestamp()),
                None => before.to_timestamp(shown),
            }
        }
    };
    moment.ok().map(|moment| Timestamp(moment.as_millisecond()))
}

/// The moment in jiff's terms; `None` outside the years -9999 to 9999.
pub(super) fn instant(moment: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(moment.0).ok()
}
