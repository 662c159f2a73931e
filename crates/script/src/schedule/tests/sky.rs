//! The sun, also where it doesn't set.

use super::*;

/// Checks moments to within this many minutes.
fn near(schedule: &Schedule, after: &str, place: &HomePlace, wanted: &str, minutes: i64) {
    let found = schedule.next_after(at(after), place).expect("a moment");
    let off = (found.0 - at(wanted).0).abs();
    assert!(
        off <= minutes * 60_000,
        "{} instead of {wanted}",
        shown(found, place)
    );
}

#[test]
fn the_sun_over_paris_and_sydney_is_where_the_almanac_has_it() {
    let paris = paris();
    for (text, wanted) in [
        ("dawn", "2026-06-21T05:05:00+02:00"),
        ("sunrise", "2026-06-21T05:47:00+02:00"),
        ("noon", "2026-06-21T13:52:30+02:00"),
        ("sunset", "2026-06-21T21:58:00+02:00"),
        ("dusk", "2026-06-21T22:40:00+02:00"),
    ] {
        near(&sun(text), "2026-06-21T00:30:00+02:00", &paris, wanted, 4);
    }
    let sydney = HomePlace {
        position: Position::new(-33.868, 151.209),
        ..zoned("Australia/Sydney")
    };
    near(
        &sun("sunset"),
        "2026-12-21T12:00:00+11:00",
        &sydney,
        "2026-12-21T20:05:00+11:00",
        3,
    );
}

#[test]
fn an_offset_is_counted_from_what_the_sun_does() {
    let paris = paris();
    let after = "2026-06-21T12:00:00+02:00";
    let plain = sun("sunset").next_after(at(after), &paris).expect("one");
    for (text, minutes) in [
        ("sunset - 30m", -30),
        ("sunset -30m", -30),
        ("Sunset+1h 30m", 90),
        ("sunset", 0),
    ] {
        let moved = sun(text).next_after(at(after), &paris).expect("one");
        assert_eq!(moved.0 - plain.0, minutes * 60_000, "{text}");
    }
}

#[test]
fn the_sun_comes_once_a_day_also_far_from_its_zones_meridian() {
    let kiritimati = HomePlace {
        position: Position::new(1.87, -157.4),
        ..zoned("Pacific/Kiritimati")
    };
    for place in [paris(), kiritimati] {
        for text in ["sunrise", "noon", "sunset + 5h", "dawn - 23h"] {
            let until = at("2027-01-01T00:00:00Z");
            let schedule = sun(text);
            let due: Vec<_> = schedule
                .due(at("2026-01-01T00:00:00Z"), until, &place)
                .collect();
            assert!((364..=366).contains(&due.len()), "{text}: {}", due.len());
        }
    }
}

#[test]
fn days_of_the_sun_are_those_on_which_it_does_it() {
    let days = Days::parse(&["fri"]).expect("a day");
    let schedule = Schedule::sun("sunset + 5h", days).expect("a schedule");
    let next = next(&schedule, "2026-07-01T00:00:00Z", &paris(), 2);
    assert!(next[0].starts_with("2026-07-04 02:5"), "{next:?}");
    assert!(next[1].starts_with("2026-07-11 02:5"), "{next:?}");
}

#[test]
fn a_day_on_which_the_sun_does_not_set_has_no_tick() {
    let tromso = HomePlace {
        position: Position::new(69.65, 18.96),
        ..zoned("Europe/Oslo")
    };
    let summer = next(&sun("sunset"), "2026-06-01T00:00:00Z", &tromso, 1);
    assert!(summer[0].as_str() > "2026-07-2", "{summer:?}");
    let winter = next(&sun("sunrise"), "2026-12-05T00:00:00Z", &tromso, 1);
    assert!(winter[0].as_str() > "2027-01-1", "{winter:?}");
    assert_eq!(
        next(&sun("noon"), "2026-12-21T00:00:00Z", &tromso, 3).len(),
        3
    );
}

#[test]
fn without_a_position_the_sun_never_comes() {
    let nowhere = HomePlace::default();
    assert_eq!(sun("noon").next_after(Timestamp(0), &nowhere), None);
    assert!(sun("noon").needs_position());
    assert!(!daily(&["12:00"]).needs_position());
    assert_eq!(Position::new(91.0, 0.0), None);
    assert_eq!(Position::new(0.0, f64::NAN), None);
}

#[test]
fn the_days_without_a_sunset_are_counted() {
    let from = at("2026-01-01T00:00:00Z");
    let tromso = HomePlace {
        position: Position::new(69.65, 18.96),
        ..zoned("Europe/Oslo")
    };
    // Midnight sun from the middle of May to the end of July, and no sun from the end of November
    // to the middle of January.
    let without = sun("sunset").days_without(from, &tromso);
    assert!((110..=130).contains(&without), "{without}");
    assert_eq!(sun("noon").days_without(from, &tromso), 0);
    assert_eq!(sun("sunset").days_without(from, &paris()), 0);
    assert_eq!(daily(&["07:30"]).days_without(from, &tromso), 0);
}
