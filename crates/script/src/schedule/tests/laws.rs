//! What must hold for any schedule, zone and moment.

use super::*;

/// Numbers that look random and are the same each time.
fn dice(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    })
}

/// Moments of ten years, many of them near a change of the zone's clocks.
fn moments(zone: &HomePlace, seed: u64) -> Vec<Timestamp> {
    let (from, until) = (at("2020-01-01T00:00:00Z"), at("2030-01-01T00:00:00Z"));
    let start = wall::instant(from).expect("a moment");
    let clock = zone.zone();
    let changes: Vec<i64> = clock
        .following(start)
        .map(|change| change.timestamp().as_millisecond())
        .take_while(|change| *change < until.0)
        .collect();
    let mut dice = dice(seed);
    let mut roll = |sides: i64| {
        dice.next()
            .unwrap_or(0)
            .cast_signed()
            .rem_euclid(sides.max(1))
    };
    let mut moments = Vec::new();
    for number in 0..60 {
        let far = from.0 + roll(until.0 - from.0);
        let near = changes.get(number % changes.len().max(1));
        let near = near.map(|change| change - 8 * 3_600_000 + roll(12 * 3_600_000));
        moments.extend([Timestamp(far), Timestamp(near.unwrap_or(far))]);
    }
    moments
}

#[test]
fn the_next_tick_is_the_same_from_wherever_one_looks_before_it() {
    let schedules = [
        cron("30 2 * * *"),
        cron("15 1 * * *"),
        cron("*/20 * * * *"),
        cron("0 2,3 * * SUN"),
        cron("7 */5 1-7 * *"),
        cron("0 0 * * *"),
        daily(&["00:00", "02:30", "23:59:59"]),
        Schedule::daily(&["01:45"], Days::parse(&["sun"]).expect("a day"), None).expect("one"),
        sun("sunset - 30m"),
        sun("dawn + 3h"),
    ];
    for (seed, zone) in [
        "Europe/Paris",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "America/Santiago",
        "Africa/Casablanca",
    ]
    .into_iter()
    .enumerate()
    {
        let place = HomePlace {
            position: Position::new(45.0, 9.0),
            ..zoned(zone)
        };
        for moment in moments(&place, seed as u64) {
            for schedule in &schedules {
                let next = schedule.next_after(moment, &place).expect("a tick");
                let told = || format!("{schedule:?} in {zone} after {}", shown(moment, &place));
                assert!(next > moment, "{}", told());
                for part in [1, 2, 3, 50, 99] {
                    let between = Timestamp(moment.0 + (next.0 - moment.0) * part / 100);
                    let again = schedule.next_after(between, &place);
                    assert_eq!(
                        again.map(|again| shown(again, &place)),
                        Some(shown(next, &place)),
                        "{} and {}",
                        told(),
                        shown(between, &place)
                    );
                }
                let just_before = Timestamp(next.0 - 1);
                assert_eq!(
                    schedule.next_after(just_before, &place),
                    Some(next),
                    "{}",
                    told()
                );
            }
        }
    }
}

#[test]
fn a_fixed_time_comes_once_on_each_day_of_three_years_wherever_the_home_is() {
    for zone in [
        "Europe/Paris",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Africa/Casablanca",
    ] {
        let place = zoned(zone);
        let moment = |date: jiff::civil::Date| {
            let noon = date.at(12, 0, 0, 0).to_zoned(place.zone());
            Timestamp(noon.expect("a moment").timestamp().as_millisecond())
        };
        let (from, until) = (jiff::civil::date(2025, 1, 1), jiff::civil::date(2028, 1, 1));
        let days = (until - from).get_days();
        for time in [
            "00:00", "00:30", "01:30", "02:00", "02:15", "02:30", "03:00", "23:59",
        ] {
            let (hour, minute) = time.split_once(':').expect("a time");
            for schedule in [daily(&[time]), cron(&format!("{minute} {hour} * * *"))] {
                let due: Vec<String> = schedule
                    .due(moment(from), moment(until), &place)
                    .map(|due| shown(due, &place)[..10].to_owned())
                    .collect();
                assert_eq!(
                    due.len(),
                    usize::try_from(days).expect("days"),
                    "{zone} {time}"
                );
                assert!(due.windows(2).all(|two| two[0] < two[1]), "{zone} {time}");
            }
        }
    }
}

#[test]
fn what_was_missed_is_what_one_finds_by_walking() {
    let place = HomePlace {
        position: Position::new(45.0, 9.0),
        ..zoned("Europe/Paris")
    };
    let schedules = [
        Schedule::every("7m").expect("one"),
        Schedule::every("1h 1s").expect("one"),
        cron("*/20 * * * *"),
        cron("30 2 * * *"),
        daily(&["02:30", "19:00"]),
        sun("sunset - 30m"),
    ];
    for (number, from) in moments(&place, 7).into_iter().enumerate() {
        let schedule = &schedules[number % schedules.len()];
        let until = Timestamp(from.0 + 3_600_000 * (number as i64 % 97));
        let walked: Vec<Timestamp> = schedule.due(from, until, &place).collect();
        for keep in [1, 3, 1000] {
            let told = format!("{schedule:?} after {}", shown(from, &place));
            let kept = walked[walked.len().saturating_sub(keep)..].to_vec();
            let Some(missed) = schedule.missed(from, until, &place, keep) else {
                assert!(walked.is_empty(), "{told}");
                continue;
            };
            assert_eq!(missed.count, walked.len() as u64, "{told}");
            assert_eq!(Some(&missed.first), walked.first(), "{told}");
            assert_eq!(Some(&missed.last()), walked.last(), "{told}");
            assert_eq!(Vec::from(missed.newest), kept, "{told}");
            if !schedule.is_elapsed() {
                let looked_back = schedule.newest(from, until, &place, keep);
                assert_eq!(Vec::from(looked_back), kept, "{told}");
            }
        }
    }
}
