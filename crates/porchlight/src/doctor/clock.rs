//! Whether the clock can be right, by what was written with it before, and whose wall clock counts.

use super::Finding;
use crate::dispatch::system_clock;
use crate::home::Home;
use porchlight_core::Timestamp;
use porchlight_core::units::format_duration;
use porchlight_journal::{Filter, Reader};
use porchlight_script::schedule::HomePlace;
use std::path::Path;
use std::time::Duration;

const AREA: &str = "clock";

/// Before this the program did not exist: 2026-01-01.
const EARLIEST: Timestamp = Timestamp(1_767_225_600_000);

/// What may come of two clocks, or of a slow disk.
const TOLERANCE: Duration = Duration::from_secs(120);

/// How it is set right on most computers.
const FIX: &str = "turn on time synchronisation: sudo timedatectl set-ntp true";

/// Looks at the clock and the time zone.
pub(super) fn look(home: &Home, place: Option<&HomePlace>) -> Vec<Finding> {
    let now = system_clock()();
    let mut found = vec![time(home, now)];
    if let Some(place) = place {
        found.push(match place.zone().iana_name() {
            Some(name) => Finding::ok(AREA, format!("schedules go by the wall clock of {name}")),
            None => Finding::warn(
                AREA,
                "the time zone of this computer has no name, so schedules may ignore summer time",
                "name it in porchlight.toml: [home] time_zone = \"Europe/Paris\"",
            ),
        });
    }
    found
}

fn time(home: &Home, now: Timestamp) -> Finding {
    if now < EARLIEST {
        return Finding::bad(
            AREA,
            format!("it is not {now}: the clock was never set"),
            FIX,
        );
    }
    let ahead = |then: Timestamp| then.since(now) > TOLERANCE;
    if let Some((what, then)) = latest(home)
        && ahead(then)
    {
        let by = format_duration(then.since(now));
        let message = format!("it is {now}, but {what} is of {by} later: the clock was set back");
        return Finding::bad(AREA, message, FIX);
    }
    Finding::ok(
        AREA,
        format!("it is {now}, and nothing was written later than that"),
    )
}

/// The latest moment that anything here bears, and what does.
fn latest(home: &Home) -> Option<(String, Timestamp)> {
    let journal = home.data().join(porchlight_journal::FILE_NAME);
    let files = [home.config(), home.scripts(), journal];
    let mut found: Vec<(String, Timestamp)> = files.iter().filter_map(|path| file(path)).collect();
    if let Ok(reader) = Reader::open(&home.data()) {
        let newest = Filter {
            limit: 1,
            ..Filter::default()
        };
        let event = reader
            .events(&newest)
            .ok()
            .and_then(|mut events| events.pop());
        found.extend(event.map(|event| (format!("event {}", event.id), event.received)));
        let alive = reader.last_alive().ok().flatten();
        found.extend(alive.map(|at| ("the host's last sign of life".to_owned(), at)));
    }
    found.into_iter().max_by_key(|(_, at)| *at)
}

fn file(path: &Path) -> Option<(String, Timestamp)> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some((name, Timestamp::from_system_time(modified)))
}
