//! Ticks over restarts, gaps, edits and clocks that are set.

use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn key(id: &str) -> TickKey {
    TickKey {
        script: "gate.rhai".to_owned(),
        id: id.to_owned(),
    }
}

fn every(period: &str, on_gap: GapPolicy) -> Scheduled {
    Scheduled {
        key: key(period),
        schedule: Schedule::every(period).expect("a schedule"),
        on_gap,
        queue: 1,
        handler: 0,
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a moment")
}

/// What was taken, as `run 10m +0` and `skip 3 ..30m +10`, in minutes.
fn take(ticks: &mut Ticks, now: i64) -> Vec<String> {
    let due = ticks.take_due(Timestamp(now));
    let mut told = Vec::new();
    for tick in due {
        let (when, late) = (tick.scheduled.0 / MINUTE, tick.late_by.as_secs() / 60);
        told.push(match tick.kind {
            TickKind::Run => format!("run {when} +{late}"),
            TickKind::Skip { first, count, .. } => {
                format!("skip {count}: {}..{when}", first.0 / MINUTE)
            }
        });
        ticks.ended(&tick.key);
    }
    told
}

#[test]
fn ticks_come_one_after_the_other_and_only_once() {
    let mut ticks = Ticks::default();
    let rows = ticks.set(vec![every("10m", GapPolicy::Skip)], Timestamp(0));
    assert_eq!(rows, [(key("10m"), Timestamp(0))]);
    assert_eq!(
        ticks.until_next(Timestamp(4 * MINUTE)),
        Some(Duration::from_secs(360))
    );
    assert!(take(&mut ticks, 10 * MINUTE - 1).is_empty());
    assert_eq!(take(&mut ticks, 10 * MINUTE), ["run 10 +0"]);
    assert!(take(&mut ticks, 10 * MINUTE).is_empty());
    assert_eq!(take(&mut ticks, 20 * MINUTE + 500), ["run 20 +0"]);
    assert_eq!(ticks.next(), Some(Timestamp(30 * MINUTE)));
}

#[test]
fn a_tick_has_a_name_that_no_other_has() {
    let mut ticks = Ticks::default();
    ticks.set(vec![every("10m", GapPolicy::Skip)], Timestamp(0));
    let due = ticks.take_due(Timestamp(10 * MINUTE));
    assert_eq!(due[0].name(), "tick:10m:600000");
}

#[test]
fn after_a_gap_the_policy_says_what_is_made_up_for() {
    // The host was off from minute 5 on, and is back at minute 35.
    for (policy, wanted) in [
        (GapPolicy::Skip, vec!["skip 3: 10..30"]),
        (GapPolicy::Once, vec!["skip 2: 10..20", "run 30 +5"]),
        (
            GapPolicy::All,
            vec!["run 10 +25", "run 20 +15", "run 30 +5"],
        ),
    ] {
        let mut ticks = Ticks::new(HomePlace::default(), [(key("10m"), Timestamp(0))]);
        let rows = ticks.set(vec![every("10m", policy)], Timestamp(35 * MINUTE));
        assert_eq!(rows, [(key("10m"), Timestamp(0))]);
        assert_eq!(take(&mut ticks, 35 * MINUTE), wanted, "{policy:?}");
        // The phase is what it was.
        assert_eq!(take(&mut ticks, 40 * MINUTE), ["run 40 +0"], "{policy:?}");
    }
}

#[test]
fn the_newest_tick_runs_when_it_is_a_minute_late_at_most() {
    for (policy, wanted) in [
        (GapPolicy::Skip, vec!["skip 2: 10..20", "run 30 +1"]),
        (GapPolicy::Once, vec!["skip 2: 10..20", "run 30 +1"]),
        (
            GapPolicy::All,
            vec!["run 10 +21", "run 20 +11", "run 30 +1"],
        ),
    ] {
        let mut ticks = Ticks::new(HomePlace::default(), [(key("10m"), Timestamp(0))]);
        ticks.set(vec![every("10m", policy)], Timestamp(31 * MINUTE));
        assert_eq!(take(&mut ticks, 31 * MINUTE), wanted, "{policy:?}");
    }
}

#[test]
fn a_hundred_are_made_up_for_and_one_record_says_how_many_were_not() {
    let mut ticks = Ticks::new(HomePlace::default(), [(key("1m"), Timestamp(0))]);
    ticks.set(vec![every("1m", GapPolicy::All)], Timestamp(0));
    let told = take(&mut ticks, 1_000 * MINUTE + MINUTE / 2);
    // The newest is in time, so it is none of the hundred.
    assert_eq!(told.len(), 102);
    assert_eq!(told[0], "skip 899: 1..899");
    assert_eq!(told[1], "run 900 +100");
    assert_eq!(told[101], "run 1000 +0");
}

#[test]
fn no_tick_is_handed_out_while_the_one_before_is_under_way() {
    let mut ticks = Ticks::default();
    ticks.set(vec![every("1s", GapPolicy::Skip)], Timestamp(0));
    let first = ticks.take_due(Timestamp(1_000));
    assert_eq!(first.len(), 1);
    assert_eq!(ticks.next(), None);
    assert!(ticks.take_due(Timestamp(4_000)).is_empty());
    ticks.ended(&first[0].key);
    let then = ticks.take_due(Timestamp(4_500));
    let kinds: Vec<(i64, bool)> = then
        .iter()
        .map(|tick| (tick.scheduled.0, tick.kind == TickKind::Run))
        .collect();
    assert_eq!(kinds, [(3_000, false), (4_000, true)]);
    // Both have to end.
    ticks.ended(&then[0].key);
    assert_eq!(ticks.next(), None);
    ticks.ended(&then[1].key);
    assert_eq!(ticks.next(), Some(Timestamp(5_000)));
}

#[test]
fn an_edit_elsewhere_keeps_a_schedule_and_a_new_one_begins_now() {
    let mut ticks = Ticks::default();
    ticks.set(vec![every("10m", GapPolicy::Skip)], Timestamp(0));
    let both = vec![every("7m", GapPolicy::Skip), every("10m", GapPolicy::Skip)];
    let rows = ticks.set(both, Timestamp(6 * MINUTE));
    assert_eq!(
        rows,
        [
            (key("7m"), Timestamp(6 * MINUTE)),
            (key("10m"), Timestamp(0))
        ]
    );
    assert_eq!(take(&mut ticks, 10 * MINUTE), ["run 10 +0"]);
    assert_eq!(take(&mut ticks, 13 * MINUTE), ["run 13 +0"]);
    ticks.set(Vec::new(), Timestamp(14 * MINUTE));
    assert!(ticks.is_empty());
    assert_eq!(ticks.next(), None);
    // It was gone, so it begins anew.
    ticks.set(vec![every("10m", GapPolicy::All)], Timestamp(60 * MINUTE));
    assert_eq!(take(&mut ticks, 70 * MINUTE), ["run 70 +0"]);
}

#[test]
fn an_edit_while_a_tick_is_under_way_waits_for_it() {
    let mut ticks = Ticks::default();
    ticks.set(vec![every("10m", GapPolicy::Skip)], Timestamp(0));
    let due = ticks.take_due(Timestamp(10 * MINUTE));
    ticks.set(vec![every("10m", GapPolicy::Once)], Timestamp(10 * MINUTE));
    assert_eq!(ticks.next(), None);
    ticks.ended(&due[0].key);
    assert_eq!(ticks.next(), Some(Timestamp(20 * MINUTE)));
}

#[test]
fn a_reload_forgets_no_tick_and_takes_the_new_rule_of_one_that_changed() {
    let mut ticks = Ticks::default();
    let wanted = || vec![every("7m", GapPolicy::Skip), every("10m", GapPolicy::Skip)];
    ticks.set(wanted(), Timestamp(0));
    let mut turned = wanted();
    turned.reverse();
    ticks.set(turned, Timestamp(5 * MINUTE));
    assert_eq!(take(&mut ticks, 7 * MINUTE), ["run 7 +0"]);
    assert_eq!(take(&mut ticks, 10 * MINUTE), ["run 10 +0"]);
    // The same text in another time zone, say.
    let mut changed = wanted();
    changed[0].schedule = Schedule::every("8m").expect("a schedule");
    ticks.set(changed, Timestamp(11 * MINUTE));
    assert_eq!(ticks.next(), Some(Timestamp(15 * MINUTE)));
    assert_eq!(
        take(&mut ticks, 20 * MINUTE),
        ["skip 1: 15..15", "run 20 +0"]
    );
}

fn daily() -> Scheduled {
    Scheduled {
        key: key("daily"),
        schedule: Schedule::daily(&["02:30"], super::super::Days::default(), None)
            .expect("a schedule"),
        on_gap: GapPolicy::Skip,
        queue: 1,
        handler: 0,
    }
}

#[test]
fn a_clock_set_forward_leaves_a_gap_and_elapsed_time_goes_on() {
    let mut ticks = Ticks::default();
    let start = at("2026-01-01T00:00:00Z");
    ticks.set(vec![daily(), every("1h", GapPolicy::Skip)], start);
    // Half an hour later it is set forward by four days.
    let (day, half) = (Duration::from_secs(86_400), Duration::from_secs(1_800));
    let now = start.after(half).after(4 * day);
    ticks.clock_set(true, 4 * day, now);
    let due = ticks.take_due(now);
    assert_eq!(due.len(), 1, "{due:?}");
    assert!(matches!(due[0].kind, TickKind::Skip { count: 4, .. }));
    assert_eq!(ticks.next(), Some(now.after(half)));
}

#[test]
fn a_handler_with_a_queue_is_given_ticks_while_it_is_at_work() {
    let mut ticks = Ticks::default();
    let mut wanted = every("1m", GapPolicy::Skip);
    wanted.queue = 2;
    ticks.set(vec![wanted], Timestamp(0));
    let first = ticks.take_due(Timestamp(MINUTE));
    let second = ticks.take_due(Timestamp(2 * MINUTE));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(ticks.take_due(Timestamp(3 * MINUTE)).is_empty());
    ticks.ended(&first[0].key);
    assert_eq!(ticks.take_due(Timestamp(3 * MINUTE)).len(), 1);
}

#[test]
fn a_clock_set_back_brings_no_tick_a_second_time_and_elapsed_time_goes_on() {
    let mut ticks = Ticks::default();
    let start = at("2026-01-01T02:00:00Z");
    ticks.set(vec![daily(), every("1h", GapPolicy::Skip)], start);
    let now = at("2026-01-01T02:45:00Z");
    let due = ticks.take_due(now);
    assert_eq!(due.len(), 1, "the daily one");
    ticks.ended(&due[0].key);
    // 02:45 becomes 01:45: a quarter of an hour is left of the hour, and 02:30 is over.
    let now = Timestamp(now.0 - HOUR);
    ticks.clock_set(false, Duration::from_secs(3600), now);
    assert_eq!(ticks.next(), Some(at("2026-01-01T02:00:00Z")));
    let due = ticks.take_due(at("2026-01-01T02:00:00Z"));
    assert_eq!(due[0].key, key("1h"));
    ticks.ended(&due[0].key);
    let due = ticks.take_due(at("2026-01-01T02:40:00Z"));
    assert!(due.is_empty(), "{due:?}");
    assert_eq!(ticks.next(), Some(at("2026-01-01T03:00:00Z")));
}

#[test]
fn a_clock_that_was_years_ahead_does_not_silence_a_schedule_for_years() {
    let wrong = at("2036-01-01T02:30:00Z");
    let now = at("2026-01-01T00:00:00Z");
    // Over a restart, and while it runs.
    let mut ticks = Ticks::new(HomePlace::default(), [(key("daily"), wrong)]);
    ticks.set(vec![daily()], now);
    assert_eq!(ticks.next(), Some(at("2026-01-01T02:30:00Z")));
    let mut ticks = Ticks::default();
    ticks.set(vec![daily(), every("10m", GapPolicy::Skip)], wrong);
    ticks.clock_set(false, wrong.since(now), now);
    assert_eq!(ticks.next(), Some(now.after(Duration::from_secs(600))));
    assert_eq!(ticks.take_due(at("2026-01-01T02:30:00Z")).len(), 3);
}

#[test]
fn an_hour_that_is_shown_twice_after_a_restart_brings_nothing_twice() {
    let last = at("2026-01-01T02:30:00Z");
    let mut ticks = Ticks::new(HomePlace::default(), [(key("daily"), last)]);
    ticks.set(vec![daily()], at("2026-01-01T01:50:00Z"));
    assert_eq!(ticks.next(), Some(at("2026-01-02T02:30:00Z")));
}

#[test]
fn a_clock_that_is_not_set_yet_is_not_believed() {
    let last = at("2026-01-05T02:30:00Z");
    let mut once = daily();
    once.on_gap = GapPolicy::All;
    let mut ticks = Ticks::new(HomePlace::default(), [(key("daily"), last)]);
    let boot = at("1970-01-01T00:00:20Z");
    ticks.set(vec![once], boot);
    assert!(ticks.take_due(boot).is_empty());
    // Half a minute later the network says what time it is.
    let now = at("2026-01-05T12:00:00Z");
    ticks.clock_set(true, now.since(boot), now);
    assert!(ticks.take_due(now).is_empty(), "it has run today");
    assert_eq!(ticks.next(), Some(at("2026-01-06T02:30:00Z")));
}
