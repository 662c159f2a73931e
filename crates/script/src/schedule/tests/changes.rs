//! Days on which clocks are set forward or back.

use super::*;

// The clocks of Paris went forward on 2026-03-29 at 02:00 and back on 2026-10-25 at 03:00.

#[test]
fn daily_on_the_day_that_skips_its_time_comes_when_the_clock_skips_it() {
    let paris = zoned("Europe/Paris");
    assert_eq!(
        next(&daily(&["02:30"]), "2026-03-28T00:00:00Z", &paris, 3),
        [
            "2026-03-28 02:30:00 +01:00",
            "2026-03-29 03:00:00 +02:00",
            "2026-03-30 02:30:00 +02:00"
        ]
    );
    let new_york = zoned("America/New_York");
    assert_eq!(
        next(&daily(&["02:00"]), "2026-03-08T00:00:00Z", &new_york, 2),
        ["2026-03-08 03:00:00 -04:00", "2026-03-09 02:00:00 -04:00"]
    );
}

#[test]
fn daily_on_the_day_that_shows_its_time_twice_comes_the_first_time() {
    let paris = zoned("Europe/Paris");
    assert_eq!(
        next(&daily(&["02:30"]), "2026-10-24T12:00:00Z", &paris, 2),
        ["2026-10-25 02:30:00 +02:00", "2026-10-26 02:30:00 +01:00"]
    );
    let new_york = zoned("America/New_York");
    assert_eq!(
        next(&daily(&["01:00"]), "2026-11-01T04:00:00Z", &new_york, 2),
        ["2026-11-01 01:00:00 -04:00", "2026-11-02 01:00:00 -05:00"]
    );
}

#[test]
fn where_the_clock_moves_by_half_an_hour_only_that_half_hour_is_special() {
    let lord_howe = zoned("Australia/Lord_Howe");
    assert_eq!(
        next(
            &daily(&["02:15", "02:45"]),
            "2026-10-03T12:00:00Z",
            &lord_howe,
            2
        ),
        ["2026-10-04 02:30:00 +11:00", "2026-10-04 02:45:00 +11:00"]
    );
    assert_eq!(
        next(
            &daily(&["01:15", "01:45"]),
            "2026-04-04T12:00:00Z",
            &lord_howe,
            3
        ),
        [
            "2026-04-05 01:15:00 +11:00",
            "2026-04-05 01:45:00 +11:00",
            "2026-04-06 01:15:00 +10:30"
        ]
    );
    assert_eq!(
        next(&cron("15 2 * * *"), "2026-10-03T12:00:00Z", &lord_howe, 1),
        ["2026-10-04 02:30:00 +11:00"]
    );
}

#[test]
fn two_times_that_are_skipped_together_are_one_tick() {
    assert_eq!(
        next(
            &daily(&["02:10", "02:50", "03:00"]),
            "2026-03-28T23:00:00Z",
            &zoned("Europe/Paris"),
            2
        ),
        ["2026-03-29 03:00:00 +02:00", "2026-03-30 02:10:00 +02:00"]
    );
}

#[test]
fn cron_at_a_fixed_time_follows_the_same_rule_as_daily() {
    for (zone, pattern, time, after) in [
        (
            "Europe/Paris",
            "30 2 * * *",
            "02:30",
            "2026-03-28T00:00:00Z",
        ),
        (
            "Europe/Paris",
            "30 2 * * *",
            "02:30",
            "2026-10-24T00:00:00Z",
        ),
        (
            "America/New_York",
            "30 2 * * *",
            "02:30",
            "2026-03-07T12:00:00Z",
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "01:30",
            "2026-10-31T12:00:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "02:15",
            "2026-10-02T00:00:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "01:45",
            "2026-04-03T00:00:00Z",
        ),
    ] {
        let place = zoned(zone);
        assert_eq!(
            next(&cron(pattern), after, &place, 5),
            next(&daily(&[time]), after, &place, 5),
            "{zone} {after}"
        );
    }
}

#[test]
fn cron_with_several_times_leaves_out_what_is_skipped_and_repeats_what_is_doubled() {
    let paris = zoned("Europe/Paris");
    assert_eq!(
        next(&cron("*/30 * * * *"), "2026-03-29T00:00:00Z", &paris, 4),
        [
            "2026-03-29 01:30:00 +01:00",
            "2026-03-29 03:00:00 +02:00",
            "2026-03-29 03:30:00 +02:00",
            "2026-03-29 04:00:00 +02:00"
        ]
    );
    assert_eq!(
        next(&cron("*/30 * * * *"), "2026-10-24T23:31:00Z", &paris, 6),
        [
            "2026-10-25 02:00:00 +02:00",
            "2026-10-25 02:30:00 +02:00",
            "2026-10-25 02:00:00 +01:00",
            "2026-10-25 02:30:00 +01:00",
            "2026-10-25 03:00:00 +01:00",
            "2026-10-25 03:30:00 +01:00"
        ]
    );
    assert_eq!(
        next(&cron("30 2,14 * * *"), "2026-03-28T23:00:00Z", &paris, 2),
        ["2026-03-29 14:30:00 +02:00", "2026-03-30 02:30:00 +02:00"]
    );
    let lord_howe = zoned("Australia/Lord_Howe");
    assert_eq!(
        next(&cron("*/15 * * * *"), "2026-10-03T15:14:00Z", &lord_howe, 3),
        [
            "2026-10-04 01:45:00 +10:30",
            "2026-10-04 02:30:00 +11:00",
            "2026-10-04 02:45:00 +11:00"
        ]
    );
}

#[test]
fn every_is_elapsed_time_on_the_days_of_both_changes() {
    let every = Schedule::every("6h").expect("a schedule");
    let paris = zoned("Europe/Paris");
    assert_eq!(
        next(&every, "2026-03-28T23:00:00Z", &paris, 2),
        ["2026-03-29 07:00:00 +02:00", "2026-03-29 13:00:00 +02:00"]
    );
    assert_eq!(
        next(&every, "2026-10-24T22:00:00Z", &paris, 2),
        ["2026-10-25 05:00:00 +01:00", "2026-10-25 11:00:00 +01:00"]
    );
}

#[test]
fn a_zone_of_its_own_counts_instead_of_the_homes() {
    let new_york = time_zone("America/New_York").expect("a zone");
    let schedule = Schedule::cron("0 7 * * MON-FRI", Some(new_york)).expect("a schedule");
    assert_eq!(
        next(&schedule, "2026-07-03T20:00:00Z", &zoned("Europe/Paris"), 1),
        ["2026-07-06 13:00:00 +02:00"]
    );
}
