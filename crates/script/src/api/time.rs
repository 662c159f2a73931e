//! `time::…`: moments as people read them, and as other systems want them.
//!
//! A moment is a text in UTC (`event.time`, `now()`) or a number of milliseconds since 1970
//! (`now_ms()`). Wall clocks show the time of the home unless a zone is named. Patterns are those of
//! strftime, as jiff understands them: a pattern it does not is an error, never a guess.

use super::fenced::shown;
use super::{Fallible, empty, function, wrong};
use crate::current;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use porchlight_core::Timestamp;
use rhai::{Dynamic, Module};

/// A pattern longer than this is no pattern.
const LONGEST_PATTERN: usize = 100;

pub(super) fn module() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Writes a moment as the wall clock of the home shows it, or that of another zone.
        ///
        /// * `time` (time or whole number): a moment, such as `event.time` or `now()`; a number is in milliseconds since 1970
        /// * `pattern` (text): what to write: "%H:%M", "%A %-d %B %Y"; `%Y %m %d %H %M %S %3f %a %b %p %z` and the others of strftime
        /// * `zone` (text): whose clock, such as "UTC" or "Europe/Copenhagen"; that of `[home]` when nothing is said
        ///
        /// Gives (text): the moment in words
        ///
        /// Fails when the moment is none, when the pattern is none, and when there is no such zone.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     message::send("family", `The door was opened at ${time::format(event.time, "%H:%M")}`);
        /// });
        /// ```
        "format",
        (time: Dynamic, pattern: &str) => format(&time, pattern, &home()),
        (time: Dynamic, pattern: &str, zone: &str) => format(&time, pattern, &named(zone)?),
    }
    function! {
        module,
        /// Gives a moment in milliseconds since 1970, to reckon with.
        ///
        /// * `time` (time or whole number): a moment, such as `event.time`; a number is given back
        ///
        /// Gives (whole number): the milliseconds
        ///
        /// Fails when the text is no moment.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     let late_by = now_ms() - time::ms(event.time);
        ///     if late_by > duration_ms("1m") { log::warn("the door was late to tell"); }
        /// });
        /// ```
        "ms",
        (time: Dynamic) => moment(&time).map(|moment| moment.0),
    }
    function! {
        module,
        /// Says whether the wall clock of the home is between two times of day now, also over midnight.
        ///
        /// * `from` (text): the first minute that counts, such as "22:00"
        /// * `to` (text): the first that no longer does, such as "06:30"; the same as `from` is the whole day
        ///
        /// Gives (yes or no): whether it is
        ///
        /// Fails when one is no time of day.
        ///
        /// ```rhai
        /// on("camera.motion", |event| {
        ///     if time::is_between("22:00", "06:30") { light::on("hall"); }
        /// });
        /// ```
        "is_between",
        (from: &str, to: &str) => is_between(from, to),
    }
    module
}

pub(super) fn home() -> TimeZone {
    current::config().map_or(TimeZone::UTC, |config| config.place.zone())
}

fn named(zone: &str) -> Fallible<TimeZone> {
    crate::schedule::time_zone(zone)
        .or_else(|unknown| wrong(format!("there is no time zone {zone:?}; {}", unknown.help)))
}

fn moment(value: &Dynamic) -> Fallible<Timestamp> {
    if let Ok(ms) = value.as_int() {
        return Ok(Timestamp(ms));
    }
    let text = shown(value, 100).0;
    match Timestamp::parse_rfc3339(&text) {
        Some(moment) => Ok(moment),
        None => wrong(format!(
            "{text:?} is no moment; expected a time such as \"2026-11-22T07:30:00Z\", or milliseconds since 1970"
        )),
    }
}

pub(super) fn format(time: &Dynamic, pattern: &str, zone: &TimeZone) -> Fallible<String> {
    let moment = moment(time)?;
    if pattern.len() > LONGEST_PATTERN {
        return wrong(format!("a pattern has at most {LONGEST_PATTERN} bytes"));
    }
    let Ok(instant) = jiff::Timestamp::from_millisecond(moment.0) else {
        return wrong("that moment is beyond the calendar");
    };
    let shown = instant.to_zoned(zone.clone());
    jiff::fmt::strtime::format(pattern, &shown)
        .or_else(|error| wrong(format!("{pattern:?} is no pattern of a time: {error}")))
}

fn is_between(from: &str, to: &str) -> Fallible<bool> {
    let (from, to) = (time_of_day(from)?, time_of_day(to)?);
    let now = super::emit::clock()?;
    let Ok(instant) = jiff::Timestamp::from_millisecond(now.0) else {
        return wrong("the clock is beyond the calendar");
    };
    let now = instant.to_zoned(home()).time();
    Ok(if from < to {
        from <= now && now < to
    } else {
        from <= now || now < to
    })
}

fn time_of_day(text: &str) -> Fallible<Time> {
    crate::schedule::time_of_day(text)
        .or_else(|mistake| wrong(format!("{}; {}", mistake.message, mistake.help)))
}
