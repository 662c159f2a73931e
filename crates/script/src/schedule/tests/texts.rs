//! What scripts may write, what it means on ordinary days, and what is a mistake.

use super::*;

#[test]
fn days_are_those_of_the_wall_clock() {
    let days = Days::parse(&["sat", "Sunday"]).expect("days");
    let schedule = Schedule::daily(&["00:15", "23:45"], days, None).expect("a schedule");
    assert_eq!(
        next(&schedule, "2026-07-02T00:00:00Z", &zoned("Asia/Tokyo"), 5),
        [
            "2026-07-04 00:15:00 +09:00",
            "2026-07-04 23:45:00 +09:00",
            "2026-07-05 00:15:00 +09:00",
            "2026-07-05 23:45:00 +09:00",
            "2026-07-11 00:15:00 +09:00"
        ]
    );
    assert_eq!(Days::parse(&["weekdays", "weekends"]), Ok(Days::default()));
}

#[test]
fn a_cron_pattern_knows_seconds_last_days_and_nth_weekdays() {
    let utc = HomePlace::default();
    assert_eq!(
        next(&cron("*/20 * * * * *"), "2026-01-01T00:00:00.500Z", &utc, 2),
        ["2026-01-01 00:00:20 +00:00", "2026-01-01 00:00:40 +00:00"]
    );
    assert_eq!(
        next(&cron("0 9 L * *"), "2026-02-01T00:00:00Z", &utc, 2),
        ["2026-02-28 09:00:00 +00:00", "2026-03-31 09:00:00 +00:00"]
    );
    assert_eq!(
        next(&cron("0 9 * * FRI#1"), "2026-05-01T10:00:00Z", &utc, 1),
        ["2026-06-05 09:00:00 +00:00"]
    );
    assert_eq!(
        next(&cron("0 9 * * 5L"), "2026-05-01T10:00:00Z", &utc, 1),
        ["2026-05-29 09:00:00 +00:00"]
    );
    assert_eq!(
        next(&cron("0 9 10 * MON"), "2026-05-05T10:00:00Z", &utc, 2),
        ["2026-05-10 09:00:00 +00:00", "2026-05-11 09:00:00 +00:00"]
    );
    assert_eq!(
        next(&cron("0 9 * * 7"), "2026-05-05T10:00:00Z", &utc, 1),
        next(&cron("0 9 * * SUN"), "2026-05-05T10:00:00Z", &utc, 1)
    );
    assert_eq!(
        next(&cron("@daily"), "2026-05-01T10:00:00Z", &utc, 1),
        ["2026-05-02 00:00:00 +00:00"]
    );
}

#[test]
fn mistakes_are_named_and_the_right_word_is_suggested() {
    let texts = |result: Result<Schedule, Mistake>| {
        let wrong = result.expect_err("a mistake");
        format!("{}; {}", wrong.message, wrong.help)
    };
    for (wrong, words) in [
        (texts(Schedule::every("10")), "no length of time"),
        (texts(Schedule::every("200ms")), "shorter than a second"),
        (texts(Schedule::every("0s")), "shorter than a second"),
        (
            texts(Schedule::cron("0 7 * *", None)),
            "between 5 and 7 fields",
        ),
        (
            texts(Schedule::cron("0 25 * * *", None)),
            "is no cron pattern",
        ),
        (texts(Schedule::cron("", None)), "it is empty"),
        (texts(Schedule::cron("0 0 30 2 *", None)), "never comes"),
        (
            texts(Schedule::cron("0 0 0 1 1 * 2020", None)),
            "never comes",
        ),
        (texts(Schedule::cron(&"*".repeat(300), None)), "too long"),
        (
            texts(Schedule::daily(&["7:30pm"], Days::default(), None)),
            "no time of day",
        ),
        (
            texts(Schedule::daily(&["24:00"], Days::default(), None)),
            "midnight is \"00:00\"",
        ),
        (
            texts(Schedule::daily(&["07:60"], Days::default(), None)),
            "no time of day",
        ),
        (
            texts(Schedule::daily(&["07:30:00:00"], Days::default(), None)),
            "no time of day",
        ),
        (
            texts(Schedule::daily(&[], Days::default(), None)),
            "no time in it",
        ),
        (
            texts(Schedule::sun("sunsett", Days::default())),
            "did you mean \"sunset\"?",
        ),
        (
            texts(Schedule::sun("sunset 30m", Days::default())),
            "neither `+` nor `-`",
        ),
        (
            texts(Schedule::sun("sunset - 3", Days::default())),
            "no length of time",
        ),
        (
            texts(Schedule::sun("sunset - 30h", Days::default())),
            "more than a day away",
        ),
        (
            texts(Schedule::sun("", Days::default())),
            "nothing that the sun does",
        ),
    ] {
        assert!(wrong.contains(words), "{wrong}");
    }
    let wrong = Days::parse(&["mon", "tus"]).expect_err("a mistake");
    assert_eq!(wrong.help, "did you mean \"tue\"?");
    assert!(Days::parse(&[]).is_err());
}

#[test]
fn an_unknown_zone_is_answered_with_the_nearest() {
    for (wrong, near) in [
        ("Europe/Pariss", "Europe/Paris"),
        ("Paris", "Europe/Paris"),
        ("America/New York", "America/New_York"),
    ] {
        let unknown = time_zone(wrong).expect_err("no zone");
        assert_eq!(unknown.help, format!("did you mean \"{near}\"?"), "{wrong}");
    }
}

#[test]
fn what_was_missed_is_counted_and_the_newest_are_known() {
    let utc = HomePlace::default();
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:30Z"));
    let seconds = Schedule::every("1s").expect("a schedule");
    let missed = seconds.missed(from, until, &utc, 3).expect("some");
    assert_eq!((missed.count, missed.more), (31 * 86_400 + 30, false));
    let newest: Vec<i64> = missed.newest.iter().map(|due| until.0 - due.0).collect();
    assert_eq!(newest, [2000, 1000, 0]);

    let hours = cron("0 * * * *")
        .missed(from, until, &utc, 2)
        .expect("some");
    assert_eq!((hours.count, hours.more), (31 * 24, false));
    assert_eq!(hours.first, at("2026-01-01T01:00:00Z"));
    assert_eq!(hours.last(), at("2026-02-01T00:00:00Z"));

    let each = cron("* * * * * *")
        .missed(from, until, &utc, 2)
        .expect("some");
    assert!(each.more);
    assert_eq!(each.count, 1_000);
    assert_eq!(each.last(), until);
    assert_eq!(each.newest.len(), 2);

    // Dense on one day long ago, and nothing since.
    let dense = cron("* * * 1 1 *")
        .missed(from, until, &utc, 2)
        .expect("some");
    assert_eq!(dense.last(), at("2026-01-01T23:59:59Z"));
    assert_eq!(seconds.missed(from, from, &utc, 1), None);
}

#[test]
fn the_ends_of_time_are_no_panic() {
    let place = paris();
    for moment in [
        i64::MIN,
        i64::MIN / 2,
        -1,
        0,
        i64::MAX / 2,
        i64::MAX - 1,
        i64::MAX,
    ] {
        for schedule in [
            Schedule::every("100s").expect("one"),
            cron("0 7 * * *"),
            daily(&["07:30"]),
            sun("sunset - 3h"),
        ] {
            let next = schedule.next_after(Timestamp(moment), &place);
            assert!(next.is_none_or(|next| next.0 > moment));
        }
    }
}

#[test]
fn a_moment_is_shown_as_the_clock_shows_it_that_counts() {
    let place = zoned("Europe/Paris");
    let moment = at("2026-11-24T06:00:00Z");
    assert_eq!(
        daily(&["07:00"]).shown(moment, &place),
        "Tue 2026-11-24 07:00:00 CET"
    );
    let tokyo = time_zone("Asia/Tokyo").ok();
    let abroad = Schedule::cron("0 15 * * *", tokyo).expect("a schedule");
    assert_eq!(abroad.shown(moment, &place), "Tue 2026-11-24 15:00:00 JST");
}

#[test]
fn words_and_steps_of_cron_mean_what_the_page_says() {
    let utc = HomePlace::default();
    for (pattern, first, second) in [
        ("@hourly", "2026-05-05 11:00:00", "2026-05-05 12:00:00"),
        ("@weekly", "2026-05-10 00:00:00", "2026-05-17 00:00:00"),
        ("@monthly", "2026-06-01 00:00:00", "2026-07-01 00:00:00"),
        ("@yearly", "2027-01-01 00:00:00", "2028-01-01 00:00:00"),
        (
            "0 8-18/2 * * *",
            "2026-05-05 12:00:00",
            "2026-05-05 14:00:00",
        ),
        (
            "0 9 * JAN,jul mon",
            "2026-07-06 09:00:00",
            "2026-07-13 09:00:00",
        ),
    ] {
        let found = next(&cron(pattern), "2026-05-05T10:30:00Z", &utc, 2);
        let mut found = found.iter().map(|moment| &moment[..19]);
        assert_eq!(
            (found.next(), found.next()),
            (Some(first), Some(second)),
            "{pattern}"
        );
    }
    let once = cron("0 0 9 1 1 * 2030");
    let moment = at("2030-01-01T09:00:00Z");
    assert_eq!(
        once.next_after(at("2026-05-05T10:30:00Z"), &utc),
        Some(moment)
    );
    assert_eq!(once.next_after(moment, &utc), None);
}
