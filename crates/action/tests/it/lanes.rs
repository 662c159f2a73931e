//! Lanes beside one another: what they share, what they must not feel, and what happens to one whose
//! target is away. The clock is in our hands.

use futures_util::future::BoxFuture;
use porchlight_action::{
    Allowance, Limiters, Outbox, Perform, RetryPolicy, TargetChange, TargetNews,
};
use porchlight_core::{Action, ActionError, OpenAction, Receipt, Settlement, Timestamp};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// What a target does with what it is asked.
#[derive(Clone, Copy)]
pub enum Target {
    /// Answers after so many milliseconds.
    Takes(u64),
    /// Nobody is there.
    Away,
    /// Answers 500.
    Sick,
    /// Answers 404.
    Refuses,
    /// Answers 429 and wants so many seconds.
    Busy(u64),
    /// Takes all the time of a try and does not answer.
    Hangs,
}

/// The world: what each lane's target does, and what happened.
#[derive(Clone)]
pub struct World {
    start: Instant,
    targets: Arc<Mutex<HashMap<String, Target>>>,
    /// Millisecond, lane and id of each beginning.
    begun: Arc<Mutex<Vec<(u128, String, u64)>>>,
    settled: Arc<Mutex<Vec<Settled>>>,
    /// What was told of targets.
    news: Arc<Mutex<Vec<TargetNews>>>,
}

/// Millisecond, id, word and failed tries.
pub type Settled = (u128, u64, String, u32);

impl World {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            targets: Arc::default(),
            begun: Arc::default(),
            settled: Arc::default(),
            news: Arc::default(),
        }
    }

    pub fn is(&self, lane: &str, target: Target) {
        self.targets.lock().unwrap().insert(lane.to_owned(), target);
    }

    pub fn ms(&self) -> u128 {
        self.start.elapsed().as_millis()
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(1_000_000).after(self.start.elapsed())
    }

    pub fn begun(&self) -> Vec<(u128, String, u64)> {
        self.begun.lock().unwrap().clone()
    }

    /// When this action was begun, in seconds.
    pub fn tries_of(&self, id: u64) -> Vec<u128> {
        let begun = self.begun();
        let of_it = begun.iter().filter(|one| one.2 == id);
        of_it.map(|one| one.0 / 1000).collect()
    }

    pub fn settled(&self, id: u64) -> Vec<(u128, String, u32)> {
        let settled = self.settled.lock().unwrap();
        let of_it = settled.iter().filter(|one| one.1 == id);
        of_it
            .map(|one| (one.0 / 1000, one.2.clone(), one.3))
            .collect()
    }

    /// What was told of targets: lane, action, failures, and what happened, since or after how
    /// many seconds.
    pub fn news(&self) -> Vec<(String, u64, u32, String)> {
        let seconds = |since: Timestamp| since.since(Timestamp(1_000_000)).as_secs();
        let told = |one: &TargetNews| {
            let what = match &one.change {
                TargetChange::Away(error) => format!("away since {}: {error}", seconds(one.since)),
                TargetChange::Back(after) => format!("back after {}", after.as_secs()),
            };
            (one.lane.clone(), one.action, one.failures, what)
        };
        self.news.lock().unwrap().iter().map(told).collect()
    }

    pub fn outbox(&self, policy: RetryPolicy) -> Outbox {
        let world = self.clone();
        let perform: Perform = Arc::new(move |action: Arc<Action>, deadline| {
            let world = world.clone();
            Box::pin(async move {
                let id = action.title.parse().unwrap();
                let entry = (world.ms(), action.lane.clone(), id);
                world.begun.lock().unwrap().push(entry);
                let target = world.targets.lock().unwrap().get(&action.lane).copied();
                answer(target.unwrap_or(Target::Takes(0)), deadline).await
            }) as BoxFuture<'static, _>
        });
        let world = self.clone();
        let settle = Arc::new(move |id, settlement, failed| {
            let world = world.clone();
            Box::pin(async move {
                let word = match settlement {
                    Settlement::Done(_) => "done".to_owned(),
                    Settlement::RetryAt { error, .. } => error.message,
                    Settlement::Dead { error } => format!("dead {error}"),
                };
                let entry = (world.ms(), id, word, failed);
                world.settled.lock().unwrap().push(entry);
            }) as BoxFuture<'static, ()>
        });
        let world = self.clone();
        let news = Arc::clone(&self.news);
        let policy = RetryPolicy {
            hear: Arc::new(move |one| news.lock().unwrap().push(one)),
            ..policy
        };
        Outbox::start_with(perform, settle, Arc::new(move || world.now()), policy)
    }
}

pub async fn answer(target: Target, deadline: Duration) -> Result<Receipt, ActionError> {
    let with_status = |mut error: ActionError, status: u64| {
        error.detail = json!({ "status": status });
        Err(error)
    };
    match target {
        Target::Takes(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(Receipt {
                summary: "200 OK".into(),
                detail: Value::Null,
            })
        }
        Target::Away => Err(ActionError::later("connect", "refused")),
        Target::Sick => with_status(ActionError::later("vendor", "500"), 500),
        Target::Refuses => with_status(ActionError::never("rejected", "404"), 404),
        Target::Busy(seconds) => Err(ActionError::after(
            "limit",
            "429",
            Duration::from_secs(seconds),
        )),
        Target::Hangs => {
            tokio::time::sleep(deadline).await;
            Err(ActionError::later("timeout", "no answer"))
        }
    }
}

pub fn policy() -> RetryPolicy {
    RetryPolicy {
        jitter: 0.0,
        ..RetryPolicy::default()
    }
}

pub fn limited(name: &str, in_flight: Option<usize>, per_second: Option<f64>) -> RetryPolicy {
    let allowance = Allowance {
        in_flight,
        per_second,
    };
    RetryPolicy {
        limiters: Limiters::new([(name.to_owned(), allowance)]),
        ..policy()
    }
}

pub fn open(id: u64, lane: &str) -> OpenAction {
    OpenAction {
        id,
        action: Action {
            kind: "test".into(),
            title: id.to_string(),
            args: json!({}),
            lane: lane.into(),
            key: String::new(),
            expires: Timestamp(i64::MAX),
            retries: 5,
        },
        attempts: 0,
        not_before: Timestamp(0),
    }
}

pub fn behind(limiter: &str, mut open: OpenAction) -> OpenAction {
    open.action.args = json!({ "limit": limiter });
    open
}

pub async fn idle(outbox: &Outbox) {
    while outbox.held() > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn lanes_behind_one_limiter_take_turns_and_never_exceed_it() {
    let world = World::new();
    let outbox = world.outbox(limited("hue", Some(3), None));
    for lane in ["a", "b", "c", "d", "e", "f"] {
        world.is(lane, Target::Takes(1000));
    }
    for id in 0..24 {
        let lane = ["a", "b", "c", "d", "e", "f"][id as usize % 6];
        let _ = outbox.submit(behind("hue", open(id + 1, lane)));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(outbox.in_flight().len(), 3);
    idle(&outbox).await;
    let begun = world.begun();
    let seconds: Vec<u128> = begun.iter().map(|one| one.0 / 1000).collect();
    let expected: Vec<u128> = (0..24).map(|number| number / 3).collect();
    assert_eq!(seconds, expected, "three at once, without a gap");
    // Whoever was served waits behind all others.
    for round in begun.chunks(6) {
        let mut lanes: Vec<_> = round.iter().map(|one| one.1.as_str()).collect();
        lanes.sort_unstable();
        assert_eq!(lanes, ["a", "b", "c", "d", "e", "f"]);
    }
}

#[tokio::test(start_paused = true)]
async fn no_second_sees_more_beginnings_than_the_rate() {
    for (rate, most, span_ms) in [(10.0, 10, 1000), (2.5, 2, 800), (0.5, 1, 2000)] {
        let world = World::new();
        let outbox = world.outbox(limited("hue", None, Some(rate)));
        for id in 1..=60 {
            let lane = format!("lane{}", id % 7);
            world.is(&lane, Target::Takes(30 * (id % 5)));
            let _ = outbox.submit(behind("hue", open(id, &lane)));
        }
        idle(&outbox).await;
        let begun: Vec<u128> = world.begun().iter().map(|one| one.0).collect();
        assert_eq!(begun.len(), 60);
        for window in begun.windows(most + 1) {
            assert!(window[most] - window[0] >= span_ms, "{rate}: {window:?}");
        }
        let slowest = 60 / most as u128 * span_ms;
        assert!(begun[59] <= slowest + 100, "{rate}: {}", begun[59]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_limiter_takes_no_place_from_others() {
    let world = World::new();
    let policy = RetryPolicy {
        in_flight: 2,
        ..limited("hue", Some(1), None)
    };
    let outbox = world.outbox(policy);
    for id in 1..=20 {
        let lane = format!("lamp{id}");
        world.is(&lane, Target::Takes(60_000));
        let _ = outbox.submit(behind("hue", open(id, &lane)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for id in 101..=110 {
        let _ = outbox.submit(open(id, "chat"));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for id in 101..=110 {
        assert_eq!(world.tries_of(id), [1]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_expires_behind_a_limiter_dies_then_and_costs_it_nothing() {
    let world = World::new();
    let outbox = world.outbox(limited("slow", Some(1), None));
    world.is("a", Target::Takes(100_000));
    let _ = outbox.submit(behind("slow", open(1, "a")));
    let mut short = behind("slow", open(2, "b"));
    short.action.expires = world.now().after(Duration::from_secs(10));
    let _ = outbox.submit(short);
    let _ = outbox.submit(open(3, "b"));
    idle(&outbox).await;
    assert_eq!(
        world.settled(2),
        [(10, "dead expired: too late to do it".to_owned(), 0)]
    );
    assert_eq!(world.tries_of(2), [0; 0]);
    assert_eq!(world.tries_of(3), [10]);
}

#[tokio::test(start_paused = true)]
async fn a_limiter_that_is_no_longer_configured_holds_nobody_up() {
    let world = World::new();
    let outbox = world.outbox(policy());
    let _ = outbox.submit(behind("gone", open(1, "a")));
    idle(&outbox).await;
    assert_eq!(world.settled(1), [(0, "done".to_owned(), 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_wants_a_pause_gets_it_from_all_lanes_of_its_limiter() {
    let world = World::new();
    let outbox = world.outbox(limited("chat", Some(5), Some(100.0)));
    world.is("a", Target::Busy(30));
    let _ = outbox.submit(behind("chat", open(1, "a")));
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.is("a", Target::Takes(0));
    let _ = outbox.submit(behind("chat", open(2, "b")));
    let _ = outbox.submit(open(3, "c"));
    idle(&outbox).await;
    assert_eq!(world.tries_of(1), [0, 30]);
    assert_eq!(world.tries_of(2), [30]);
    assert_eq!(world.tries_of(3), [1]);
}

#[tokio::test(start_paused = true)]
async fn many_hanging_targets_leave_places_for_one_that_answers() {
    let world = World::new();
    let outbox = world.outbox(policy());
    for id in 1..=200 {
        let lane = format!("dead{id}");
        world.is(&lane, Target::Hangs);
        let _ = outbox.submit(open(id, &lane));
    }
    // The first tries of all of them take the places once, and never again.
    tokio::time::sleep(Duration::from_secs(900)).await;
    for id in 1001..=1050 {
        let _ = outbox.submit(open(id, "lamp"));
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(
            matches!(world.settled(id).as_slice(), [(_, word, 0)] if word == "done"),
            "{id} is held up"
        );
    }
}
