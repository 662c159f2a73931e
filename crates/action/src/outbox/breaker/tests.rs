//! What opens a lane, what closes it, and what is remembered of it.

use super::*;
use porchlight_core::ActionError;
use serde_json::json;

const NOON: Timestamp = Timestamp(1_780_000_000_000);

#[test]
fn only_what_speaks_of_the_target_opens_its_lane() {
    let with = |mut error: ActionError, detail| {
        error.detail = detail;
        Word::of(&error)
    };
    let later = |kind| ActionError::later(kind, "no");
    let never = |kind| ActionError::never(kind, "no");
    assert_eq!(Word::of(&later("connect")), Word::Away);
    assert_eq!(
        with(later("connect"), json!({ "connected": true })),
        Word::Sick
    );
    for status in [502, 503, 504] {
        assert_eq!(
            with(later("vendor"), json!({ "status": status })),
            Word::Away
        );
    }
    assert_eq!(with(later("vendor"), json!({ "status": 500 })), Word::Sick);
    assert_eq!(Word::of(&later("timeout")), Word::Sick);
    assert_eq!(Word::of(&later("tls")), Word::Sick);
    for error in [
        never("auth"),
        never("rejected"),
        never("vendor"),
        later("limit"),
    ] {
        assert_eq!(Word::of(&error), Word::Well, "{error}");
    }
    for error in [never("config"), later("io"), later("panic"), never("tls")] {
        assert_eq!(Word::of(&error), Word::Nothing, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn lanes_with_failures_are_remembered_up_to_a_bound() {
    let (mut breakers, policy) = (Breakers::default(), BreakerPolicy::default());
    for number in 0..MOST + 10 {
        tokio::time::advance(Duration::from_millis(1)).await;
        breakers.failed(&format!("lane{number}"), Word::Away, &policy, NOON);
    }
    assert_eq!(breakers.lanes.len(), MOST);
    assert_eq!(
        (breakers.failures("lane9"), breakers.failures("lane10")),
        (0, 1)
    );
}

/// Opens a lane.
fn open(breakers: &mut Breakers, lane: &str, policy: &BreakerPolicy) {
    for _ in 0..policy.failures {
        breakers.failed(lane, Word::Away, policy, NOON);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_open_is_remembered_before_those_that_only_failed() {
    let (mut breakers, policy) = (Breakers::default(), BreakerPolicy::default());
    open(&mut breakers, "lamp", &policy);
    for number in 0..MOST + 10 {
        tokio::time::advance(Duration::from_millis(1)).await;
        breakers.failed(&format!("lane{number}"), Word::Away, &policy, NOON);
    }
    assert_eq!(breakers.lanes.len(), MOST);
    assert_eq!(breakers.failures("lamp"), 5);
    assert!(!breakers.crowded);
    for number in 1..MOST {
        tokio::time::advance(Duration::from_millis(1)).await;
        open(&mut breakers, &format!("away{number}"), &policy);
    }
    // Where all are open and tried, none is forgotten for another.
    open(&mut breakers, "away0", &policy);
    assert_eq!(
        (breakers.failures("lamp"), breakers.failures("away0")),
        (5, 0)
    );
    // One that nobody speaks to any more has to go.
    tokio::time::advance(STALE).await;
    for number in 1..MOST {
        breakers.failed(&format!("away{number}"), Word::Away, &policy, NOON);
    }
    open(&mut breakers, "away0", &policy);
    assert_eq!(breakers.lanes.len(), MOST);
    assert_eq!(
        (breakers.failures("lamp"), breakers.failures("away0")),
        (0, 5)
    );
    assert!(breakers.crowded);
}

#[tokio::test(start_paused = true)]
async fn an_absence_counts_from_its_first_failure_by_the_clock_that_nobody_sets() {
    let (mut breakers, policy) = (Breakers::default(), BreakerPolicy::default());
    let mut told = Vec::new();
    for second in 0..7 {
        let wall = NOON.after(Duration::from_secs(second));
        told.push(breakers.failed("lamp", Word::Away, &policy, wall).away);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let mut once = [None; 7];
    once[4] = Some(NOON);
    assert_eq!(told, once);
    let set_forward = NOON.after(Duration::from_secs(1_000_000));
    let back = breakers.failed("lamp", Word::Well, &policy, set_forward);
    let lasted = Duration::from_secs(7);
    let expected = Back {
        failures: 7,
        away: Some((NOON, lasted)),
    };
    assert_eq!(back.back, Some(expected));
    assert_eq!(breakers.well("lamp", NOON), None, "it is told once");
}

#[tokio::test(start_paused = true)]
async fn of_more_lanes_than_are_remembered_most_are_found_away() {
    let (mut breakers, policy) = (Breakers::default(), BreakerPolicy::default());
    let mut told = 0;
    for round in 0..10 {
        for number in 0..2 * MOST {
            // Not always in the same order, as with pauses that are shortened at random.
            let lane = (number * (2 * round + 1)) % (2 * MOST);
            tokio::time::advance(Duration::from_micros(100)).await;
            let news = breakers.failed(&format!("lane{lane}"), Word::Away, &policy, NOON);
            told += usize::from(news.away.is_some());
        }
    }
    assert!(told > MOST / 2, "{told} are found away");
    assert_eq!((breakers.lanes.len(), breakers.open().len()), (MOST, told));
}
