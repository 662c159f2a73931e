//! When the schedules of scripts come next, so that a pattern that is right but not meant is seen.
//!
//! An `every` counts from its first load and has nothing to show.

use porchlight_core::Timestamp;
use porchlight_script::Script;
use porchlight_script::schedule::{HomePlace, Scheduled};

/// One line for each schedule by the wall clock or the sun, in the order of the script.
pub fn lines(script: &Script, place: &HomePlace, now: Timestamp) -> Vec<String> {
    let scheduled = Scheduled::of(script).into_iter();
    let scheduled = scheduled.filter(|one| !one.schedule.is_elapsed());
    scheduled
        .filter_map(|one| {
            let handler = script.handlers.get(one.handler)?;
            let next = match one.schedule.next_after(now, place) {
                Some(next) => format!("next {}", one.schedule.shown(next, place)),
                None => "not within a year".to_owned(),
            };
            let (place, title) = (&handler.place, &handler.title);
            Some(format!(
                "schedule {}:{} {title}: {next}",
                place.path, place.line
            ))
        })
        .collect()
}
