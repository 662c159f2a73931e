//! When a silence is told, without waiting for it.

#![allow(clippy::unwrap_used)]

use super::*;
use porchlight_core::{NewEvent, Proof};
use porchlight_script::{Host, HostConfig};

const NOW: Timestamp = Timestamp(1_780_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
/// How long a test may hang between two lines before it is wrong about the time.
const SLACK: Duration = Duration::from_secs(20);

fn set(source: &str) -> ScriptSet {
    let host = Host::new(HostConfig {
        scripts_dir: std::path::PathBuf::new(),
        settings: serde_json::Value::Null,
        targets: serde_json::Value::Null,
        ask: Arc::new(|_, _, _| Ok(serde_json::Value::Null)),
        clock: Arc::new(|| NOW),
        ..HostConfig::default()
    });
    let source = source.to_owned();
    let loading = std::thread::Builder::new()
        .stack_size(porchlight_script::STACK_SIZE)
        .spawn(move || host.load("a.rhai", &source).unwrap())
        .unwrap();
    ScriptSet::new(vec![Arc::new(loading.join().unwrap())])
}

fn script() -> ScriptSet {
    set("on_silence(\"camera.*\", \"20m\", |silence| ());")
}

fn event(id: EventId, received: Timestamp) -> Event {
    let content = NewEvent {
        source: "camera".into(),
        kind: "camera.motion".into(),
        subject: None,
        time: String::new(),
        dedup_key: String::new(),
        data: bytes::Bytes::new(),
        facts: serde_json::Value::Null,
        received,
        peer: String::new(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof::default(),
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    };
    Event { id, content }
}

fn minutes_ago(minutes: i64) -> Timestamp {
    Timestamp(NOW.0 - minutes * 60_000)
}

/// A start with a row of the journal and what the look back found.
fn started(
    set: &ScriptSet,
    row: (Timestamp, EventId, u32),
    last: Option<(EventId, Timestamp)>,
    extent: LookedBack,
) -> Silences {
    let (mut row_of, _) = Silences::new(Vec::new()).take_set(set, NOW);
    let mut kept = row_of.remove(0);
    (kept.since, kept.last, kept.reported) = row;
    let key = (kept.script.clone(), kept.subscription.clone());
    let mut silences = Silences::new(vec![kept]);
    let (_, wanted) = silences.take_set(set, NOW);
    assert_eq!(wanted.unwrap().subscriptions.len(), 1);
    assert_eq!(silences.until_next(), None, "not before the look back");
    let last = last.map(|last| (key, last)).into_iter().collect();
    silences.take_found(&Found { last, extent }, NOW);
    silences
}

fn falls_due_in(silences: &Silences, wanted: Duration) {
    let found = silences.until_next().unwrap();
    assert!(
        found <= wanted && found + SLACK > wanted,
        "{found:?}, not {wanted:?}"
    );
}

#[test]
fn a_new_subscription_counts_from_its_first_load() {
    let mut silences = Silences::new(Vec::new());
    let (rows, wanted) = silences.take_set(&script(), NOW);
    assert_eq!((rows[0].since, rows[0].reported), (NOW, 0));
    assert!(wanted.is_none(), "there is nothing to look back for");
    falls_due_in(&silences, 20 * MINUTE);
}

#[test]
fn what_passed_before_the_start_counts() {
    let last = Some((7, minutes_ago(5)));
    let row = (minutes_ago(500), 0, 0);
    let silences = started(&script(), row, last, LookedBack::Whole);
    falls_due_in(&silences, 15 * MINUTE);
}

#[test]
fn after_a_start_the_senders_have_two_minutes_to_be_heard() {
    let row = (minutes_ago(500), 3, 0);
    let mut silences = started(&script(), row, None, LookedBack::Whole);
    falls_due_in(&silences, 2 * MINUTE);
    assert!(silences.take_due().is_empty());
    assert!(silences.entries[0].late >= 480 * MINUTE);
    silences.hear((0, 0), &event(8, NOW));
    assert_eq!(silences.entries[0].late, Duration::ZERO);
    assert_eq!(silences.entries[0].last, 8);
}

#[test]
fn a_silence_that_was_told_stays_told_until_something_came_after_it() {
    let row = (minutes_ago(60), 3, 1);
    for last in [None, Some((3, minutes_ago(60)))] {
        let silences = started(&script(), row, last, LookedBack::Whole);
        assert_eq!(silences.until_next(), None);
    }
    let last = Some((4, minutes_ago(2)));
    let silences = started(&script(), row, last, LookedBack::Whole);
    falls_due_in(&silences, 18 * MINUTE);
}

#[test]
fn where_the_look_back_ends_too_early_it_is_told_late_and_not_wrongly() {
    let row = (minutes_ago(500), 0, 0);
    let extent = LookedBack::Until(minutes_ago(4));
    falls_due_in(&started(&script(), row, None, extent), 16 * MINUTE);
    let extent = LookedBack::Until(minutes_ago(30));
    falls_due_in(&started(&script(), row, None, extent), 2 * MINUTE);
}

#[test]
fn an_event_moves_no_alarm_and_a_silence_is_told_once() {
    let set = set("on_silence(\"camera.*\", \"1ms\", |silence| ());");
    let mut silences = Silences::new(Vec::new());
    silences.take_set(&set, NOW);
    let alarm = *silences.alarms.first().unwrap();
    silences.hear((0, 0), &event(2, NOW));
    silences.hear((0, 0), &event(1, minutes_ago(1)));
    assert_eq!(*silences.alarms.first().unwrap(), alarm);
    let told = loop {
        if let Some((_, told)) = silences.take_due().pop() {
            break told;
        }
    };
    assert_eq!((told.silent.last, told.silent.since), (2, NOW));
    assert_eq!(silences.until_next(), None);
    silences.ended("a.rhai", &told);
    assert_eq!(silences.until_next(), None);
}

#[test]
fn a_handler_that_is_slow_is_not_told_again_before_it_has_ended() {
    let set = set("on_silence(\"camera.*\", \"1ms\", #{ repeat: \"1ms\" }, |silence| ());");
    let mut silences = Silences::new(Vec::new());
    silences.take_set(&set, NOW);
    let told = loop {
        if let Some((_, told)) = silences.take_due().pop() {
            break told;
        }
    };
    assert_eq!(silences.until_next(), None);
    silences.ended("a.rhai", &told);
    let again = loop {
        if let Some((_, told)) = silences.take_due().pop() {
            break told;
        }
    };
    assert_eq!((told.silent.times, again.silent.times), (1, 2));
}

#[test]
fn a_reload_keeps_what_is_heard_and_forgets_what_is_removed() {
    let mut silences = Silences::new(Vec::new());
    silences.take_set(&script(), NOW);
    silences.hear((0, 0), &event(9, NOW));
    let more = "on(\"x\", |e| ());\non_silence(\"camera.*\", \"20m\", |s| ());";
    let (rows, _) = silences.take_set(&set(more), NOW);
    assert_eq!((rows.len(), rows[0].last), (1, 9));
    silences.hear((0, 1), &event(10, NOW));
    assert_eq!(silences.entries[0].last, 10);
    let (rows, _) = silences.take_set(&set("on(\"x\", |e| ());"), NOW);
    assert!(rows.is_empty());
    assert_eq!(silences.until_next(), None);
}
