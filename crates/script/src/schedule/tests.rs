//! Every sentence of `docs/schedules.md` about when, in zones where it matters.

use super::*;

mod changes;
mod laws;
mod sky;
mod texts;

fn zoned(zone: &str) -> HomePlace {
    HomePlace {
        position: None,
        time_zone: Zone::Named(time_zone(zone).expect("a zone of this system")),
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a moment")
}

/// The next moments, as the wall clock of the place shows them, with its offset.
fn next(schedule: &Schedule, after: &str, place: &HomePlace, count: usize) -> Vec<String> {
    let until = Timestamp(at(after).0 + 800 * 86_400_000);
    let due = schedule.due(at(after), until, place).take(count);
    due.map(|moment| shown(moment, place)).collect()
}

fn shown(moment: Timestamp, place: &HomePlace) -> String {
    let moment = wall::instant(moment).expect("a moment of these millennia");
    let zoned = moment.to_zoned(place.zone());
    zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

fn daily(times: &[&str]) -> Schedule {
    Schedule::daily(times, Days::default(), None).expect("a schedule")
}

fn cron(pattern: &str) -> Schedule {
    Schedule::cron(pattern, None).expect("a schedule")
}

fn sun(text: &str) -> Schedule {
    Schedule::sun(text, Days::default()).expect("a schedule")
}

fn paris() -> HomePlace {
    HomePlace {
        position: Position::new(48.857, 2.352),
        ..zoned("Europe/Paris")
    }
}
