//! Lanes, tries and pauses, with the clock in our hands.

use futures_util::future::BoxFuture;
use porchlight_action::{Outbox, Perform, RetryPolicy, Submitted};
use porchlight_core::{
    Action, ActionError, ActionId, OpenAction, Receipt, Retry, Settlement, Timestamp,
};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What happened, in order, with the seconds since the start.
#[derive(Clone)]
struct Diary {
    start: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Diary {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            lines: Arc::default(),
        }
    }

    fn note(&self, line: String) {
        let seconds = self.start.elapsed().as_secs();
        self.lines
            .lock()
            .unwrap()
            .push(format!("{seconds}s {line}"));
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_000_000).after(self.start.elapsed())
    }
}

fn open(id: ActionId, lane: &str, title: &str) -> OpenAction {
    OpenAction {
        id,
        action: Action {
            kind: "test".into(),
            title: title.into(),
            args: Value::Null,
            lane: lane.into(),
            key: format!("{id}:0"),
            expires: Timestamp(i64::MAX),
            retries: 5,
        },
        attempts: 0,
        not_before: Timestamp(0),
    }
}

fn policy() -> RetryPolicy {
    RetryPolicy {
        random: Arc::new(|| 0.0),
        ..RetryPolicy::default()
    }
}

fn receipt() -> Receipt {
    Receipt {
        summary: "done".into(),
        detail: Value::Null,
    }
}

/// An outbox whose actions do what their title says: `ok`, `fail`, `never`, `after`, `panic`,
/// `slow` (10 s), `twice` (fails twice), or wait for the semaphore (`gate`).
fn outbox(diary: &Diary, gate: &Arc<Semaphore>, policy: RetryPolicy) -> Outbox {
    let (notes, gate) = (diary.clone(), Arc::clone(gate));
    let tries: Arc<Mutex<std::collections::HashMap<String, u32>>> = Arc::default();
    let perform: Perform = Arc::new(move |action, _| {
        let (notes, gate, tries) = (notes.clone(), Arc::clone(&gate), Arc::clone(&tries));
        Box::pin(async move {
            notes.note(format!("try {}", action.key));
            let count = {
                let mut tries = tries.lock().unwrap();
                let count = tries.entry(action.key.clone()).or_insert(0);
                *count += 1;
                *count
            };
            match action.title.as_str() {
                "fail" => Err(ActionError::later("vendor", "no")),
                "twice" if count <= 2 => Err(ActionError::later("vendor", "no")),
                "never" => Err(ActionError::never("rejected", "no")),
                "after" if count == 1 => {
                    Err(ActionError::after("limit", "wait", Duration::from_secs(77)))
                }
                "panic" => panic!("boom"),
                "slow" => {
                    tokio::time::sleep(Duration::from_secs(10)).await;
                    Ok(receipt())
                }
                "gate" => {
                    gate.acquire().await.unwrap().forget();
                    Ok(receipt())
                }
                _ => Ok(receipt()),
            }
        }) as BoxFuture<'static, _>
    });
    let notes = diary.clone();
    let settle = Arc::new(move |id, settlement, attempts| {
        let notes = notes.clone();
        Box::pin(async move {
            let word = match settlement {
                Settlement::Done(_) => "done".to_owned(),
                Settlement::RetryAt { error, .. } => format!("retry {}", error.kind),
                Settlement::Dead { error } => format!("dead {}", error.kind),
            };
            // Storing takes time, and the lane must wait for it.
            tokio::task::yield_now().await;
            notes.note(format!("{word} {id} after {attempts}"));
        }) as BoxFuture<'static, ()>
    });
    let clock = diary.clone();
    Outbox::start_with(perform, settle, Arc::new(move || clock.now()), policy)
}

async fn idle(outbox: &Outbox) {
    while outbox.held() > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn fixture() -> (Diary, Arc<Semaphore>) {
    (Diary::new(), Arc::new(Semaphore::new(0)))
}

#[tokio::test(start_paused = true)]
async fn a_failing_action_is_tried_with_growing_pauses_and_holds_its_lane() {
    let (diary, gate) = fixture();
    let outbox = outbox(&diary, &gate, policy());
    for open in [
        open(1, "a", "twice"),
        open(2, "a", "ok"),
        open(3, "b", "ok"),
    ] {
        assert_eq!(outbox.submit(open), Submitted::Queued);
    }
    idle(&outbox).await;
    let lane_a: Vec<_> = diary
        .lines()
        .into_iter()
        .filter(|line| !line.contains('3') || line.starts_with("3s"))
        .collect();
    assert_eq!(
        lane_a,
        [
            "0s try 1:0",
            "0s retry vendor 1 after 1",
            "1s try 1:0",
            "1s retry vendor 1 after 2",
            "3s try 1:0",
            "3s done 1 after 2",
            "3s try 2:0",
            "3s done 2 after 0",
        ]
    );
    assert!(diary.lines().contains(&"0s done 3 after 0".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_succeed_ends_dead_and_the_lane_goes_on() {
    let (diary, gate) = fixture();
    let outbox = outbox(&diary, &gate, policy());
    let mut exhausted = open(2, "a", "fail");
    exhausted.action.retries = 2;
    let mut panics = open(3, "a", "panic");
    panics.action.retries = 0;
    for open in [open(1, "a", "never"), exhausted, panics, open(4, "a", "ok")] {
        let _ = outbox.submit(open);
    }
    idle(&outbox).await;
    let settled: Vec<_> = diary
        .lines()
        .into_iter()
        .filter(|line| !line.contains(" try "))
        .collect();
    assert_eq!(
        settled,
        [
            "0s dead rejected 1 after 1",
            "0s retry vendor 2 after 1",
            "1s retry vendor 2 after 2",
            "3s dead vendor 2 after 3",
            "3s dead panic 3 after 1",
            "3s done 4 after 0",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_target_may_say_when() {
    let (diary, gate) = fixture();
    let outbox = outbox(&diary, &gate, policy());
    let _ = outbox.submit(open(1, "a", "after"));
    idle(&outbox).await;
    assert!(
        diary.lines().contains(&"77s try 1:0".to_owned()),
        "{:?}",
        diary.lines()
    );
}

#[tokio::test(start_paused = true)]
async fn too_late_is_dead_without_a_try() {
    let (diary, gate) = fixture();
    let outbox = outbox(&diary, &gate, policy());
    let mut late = open(1, "a", "ok");
    late.action.expires = Timestamp(999_999);
    let mut soon_late = open(2, "a", "fail");
    soon_late.action.expires = diary.now().after(Duration::from_secs(2));
    let mut waits = open(3, "b", "ok");
    waits.not_before = diary.now().after(Duration::from_secs(30));
    for open in [late, soon_late, waits] {
        let _ = outbox.submit(open);
    }
    idle(&outbox).await;
    let mut lines = diary.lines();
    assert_eq!(
        lines.split_off(lines.len() - 2),
        ["30s try 3:0", "30s done 3 after 0"]
    );
    assert_eq!(
        lines,
        [
            "0s dead expired 1 after 0",
            "0s try 2:0",
            "0s retry vendor 2 after 1",
            "1s try 2:0",
            // The next try would be at 3 s, which is too late: no need to hold the lane until then.
            "1s dead expired 2 after 2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn submitting_twice_is_harmless_and_order_is_by_id() {
    let (diary, gate) = fixture();
    let outbox = outbox(&diary, &gate, policy());
    let _ = outbox.submit(open(5, "a", "gate"));
    tokio::task::yield_now().await;
    assert_eq!(outbox.in_flight(), [5]);
    for id in [5, 9, 7, 8, 7] {
        let _ = outbox.submit(open(id, "a", "ok"));
    }
    assert_eq!(outbox.submit(open(5, "a", "gate")), Submitted::Known);
    assert_eq!(outbox.submit(open(9, "a", "ok")), Submitted::Known);
    gate.add_permits(1);
    idle(&outbox).await;
    let tried: Vec<_> = diary
        .lines()
        .into_iter()
        .filter(|line| line.contains(" try "))
        .collect();
    assert_eq!(
        tried,
        ["0s try 5:0", "0s try 7:0", "0s try 8:0", "0s try 9:0"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_turns_away_and_nothing_overtakes_what_it_turned_away() {
    let (diary, gate) = fixture();
    let small = RetryPolicy {
        lane_queue: 2,
        ..policy()
    };
    let outbox = outbox(&diary, &gate, small);
    let _ = outbox.submit(open(1, "a", "gate"));
    tokio::task::yield_now().await;
    let answers: Vec<_> = (2..=5)
        .map(|id| outbox.submit(open(id, "a", "ok")))
        .collect();
    assert_eq!(
        answers,
        [
            Submitted::Queued,
            Submitted::Queued,
            Submitted::Full,
            Submitted::Full
        ]
    );
    assert_eq!(outbox.submit(open(6, "b", "ok")), Submitted::Queued);
    gate.add_permits(1);
    outbox.room().await;
    idle(&outbox).await;
    // 7 is new; 4 and 5 were turned away before it.
    assert_eq!(outbox.submit(open(7, "a", "ok")), Submitted::Full);
    for id in [4, 5, 7] {
        let answer = outbox.submit(open(id, "a", "ok"));
        assert_eq!(answer, Submitted::Queued, "{id}");
        idle(&outbox).await;
    }
    idle(&outbox).await;
    let tried = diary
        .lines()
        .iter()
        .filter(|line| line.contains(" try "))
        .count();
    assert_eq!(tried, 7);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_allowed_are_in_flight() {
    let (diary, gate) = fixture();
    let narrow = RetryPolicy {
        in_flight: 2,
        ..policy()
    };
    let outbox = outbox(&diary, &gate, narrow);
    for id in 1..=6 {
        let _ = outbox.submit(open(id, &format!("lane{id}"), "slow"));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(outbox.in_flight(), [1, 2]);
    idle(&outbox).await;
    let last = diary.lines().last().cloned().unwrap();
    assert!(last.starts_with("30s done"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_those_in_flight_and_starts_no_other() {
    let (diary, gate) = fixture();
    let outbox = outbox(&diary, &gate, policy());
    let _ = outbox.submit(open(1, "a", "slow"));
    let _ = outbox.submit(open(2, "a", "ok"));
    let _ = outbox.submit(open(3, "b", "fail"));
    let _ = outbox.submit(open(4, "c", "gate"));
    tokio::task::yield_now().await;
    assert_eq!(outbox.drain(Duration::from_secs(60)).await, [4]);
    let lines = diary.lines();
    assert!(
        lines.contains(&"10s done 1 after 0".to_owned()),
        "{lines:?}"
    );
    assert!(
        !lines.iter().any(|line| line.contains("try 2:0")),
        "{lines:?}"
    );
    assert_eq!(
        lines.iter().filter(|line| line.contains("try 3:0")).count(),
        1
    );
    assert_eq!(outbox.submit(open(9, "z", "ok")), Submitted::Full);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_lanes_vanish_when_they_are_empty() {
    let (diary, gate) = fixture();
    let outbox = outbox(&diary, &gate, policy());
    for id in 1..=1000 {
        assert_eq!(
            outbox.submit(open(id, &format!("lane{id}"), "ok")),
            Submitted::Queued
        );
    }
    idle(&outbox).await;
    assert_eq!((outbox.held(), outbox.in_flight().len()), (0, 0));
    assert_eq!(diary.lines().len(), 2000);
    let retry = ActionError::later("x", "y").retry;
    assert_eq!(retry, Retry::Later);
}
