//! What retention removes, and what it keeps however old it is.

use super::*;
use crate::{Blob, Ends, FILE_NAME, Journal, Options, Reader, ScriptVersion};
use bytes::Bytes;
use porchlight_core::{
    Action, ActionError, Attachment, NewEvent, NewWait, Outcome, Place, Proof, Run, Settlement,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const DAY: i64 = 86_400_000;

fn event(received: i64, attachment: Option<&str>) -> NewEvent {
    let attachment = attachment.map(|hash| Attachment {
        name: "upload".into(),
        filename: String::new(),
        content_type: "image/jpeg".into(),
        size: 1,
        hash: hash.into(),
    });
    NewEvent {
        source: "hook".into(),
        kind: "test".into(),
        subject: None,
        time: String::new(),
        dedup_key: String::new(),
        data: Bytes::from(format!("\"{}\"", "x".repeat(2000))),
        facts: serde_json::json!({}),
        received: Timestamp(received),
        peer: String::new(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof::default(),
        attachments: attachment.into_iter().collect(),
        redelivered: false,
        depth: 0,
    }
}

fn run(event: u64, handler: &str, started: i64, actions: usize, waits: usize) -> Run {
    let action = Action {
        kind: "http.send".into(),
        title: String::new(),
        args: serde_json::json!({}),
        lane: String::new(),
        key: String::new(),
        expires: Timestamp(0),
        retries: 0,
    };
    let wait = NewWait {
        due: Timestamp(0),
        script: "a.rhai".into(),
        script_hash: "old".into(),
        function: "f".into(),
        arguments: Vec::new(),
        event,
        title: String::new(),
        line: 1,
        ..NewWait::default()
    };
    Run {
        event,
        script: "a.rhai".into(),
        script_hash: "new".into(),
        handler: handler.into(),
        place: Place::default(),
        title: String::new(),
        started: Timestamp(started),
        duration_us: 1,
        outcome: Outcome::Ok,
        logs: Vec::new(),
        actions: vec![action; actions],
        state: Vec::new(),
        waits: vec![wait; waits],
        cancelled: Vec::new(),
        emitted: Vec::new(),
        asked: Vec::new(),
        depth: 0,
    }
}

fn open(home: &Path, clock: &Arc<AtomicI64>) -> Journal {
    let clock = clock.clone();
    let options = Options {
        clock: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
        retention: Retention {
            max_age: None,
            max_bytes: None,
        },
        ..Options::default()
    };
    Journal::open(home, options).unwrap()
}

fn blob(hash: &str) -> Vec<Blob> {
    vec![Blob {
        hash: hash.into(),
        bytes: Bytes::from_static(b"x"),
    }]
}

/// Prunes a closed journal until nothing more goes; returns the size of each slice.
fn prune(home: &Path, retention: Retention, now: i64) -> Vec<usize> {
    let mut connection = schema::open_writer(&home.join(FILE_NAME), None).unwrap();
    let counters = Counters {
        event: 1000,
        run: 1000,
        action: 1000,
    };
    let mut slices = Vec::new();
    loop {
        match slice(&mut connection, retention, counters, Timestamp(now)).unwrap() {
            0 => return slices,
            removed => slices.push(removed),
        }
    }
}

fn ids(reader: &Reader) -> Vec<u64> {
    let filter = crate::Filter {
        order: crate::Order::After(0),
        limit: 10_000,
        ..Default::default()
    };
    reader
        .events(&filter)
        .unwrap()
        .iter()
        .map(|event| event.id)
        .collect()
}

const A_DAY: Retention = Retention {
    max_age: Some(Duration::from_secs(86_400)),
    max_bytes: None,
};

#[tokio::test]
async fn old_events_go_unless_something_still_needs_them() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(0));
    let journal = open(home.path(), &clock);
    let finished = Ends {
        event_finished: true,
        wait: None,
    };
    // 1 pending, 2 with an open action, 3 with a wait, 4 with a dead action, 5 plain, 6 fresh.
    for hash in ["p", "shared", "w", "gone", "shared"] {
        journal
            .append(event(0, Some(hash)), blob(hash), None)
            .await
            .unwrap();
    }
    journal
        .append(event(10 * DAY, None), vec![], None)
        .await
        .unwrap();
    for (event, actions, waits) in [(2, 1, 0), (3, 0, 1), (4, 1, 0), (5, 0, 0), (6, 0, 0)] {
        let done = journal
            .commit(run(event, "0", 0, actions, waits), finished)
            .await
            .unwrap();
        if event == 4 {
            let error = ActionError::never("config", "no");
            journal
                .settle(done.actions[0].0, Settlement::Dead { error }, 1)
                .await
                .unwrap();
        }
    }
    journal.close().await;

    prune(home.path(), A_DAY, 10 * DAY);
    let reader = Reader::open(home.path()).unwrap();
    assert_eq!(ids(&reader), [1, 2, 3, 6]);
    assert_eq!(reader.open_actions(0, 9).unwrap().len(), 1);
    assert_eq!(reader.waits().unwrap().len(), 1);
    assert_eq!(reader.runs(&Default::default()).unwrap().len(), 3);
    assert_eq!(reader.actions(&Default::default()).unwrap().len(), 1);
    let kept = ["p", "shared", "w", "gone"].map(|hash| reader.blob(hash).unwrap().is_some());
    assert_eq!(kept, [true, true, true, false]);
}

#[tokio::test]
async fn ids_of_removed_events_are_not_given_out_again() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(0));
    let journal = open(home.path(), &clock);
    journal.append(event(0, None), vec![], None).await.unwrap();
    journal.finish(1);
    journal.close().await;
    prune(home.path(), A_DAY, 10 * DAY);
    assert_eq!(ids(&Reader::open(home.path()).unwrap()), [0; 0]);
    let journal = open(home.path(), &clock);
    let next = journal.append(event(0, None), vec![], None).await;
    assert_eq!(next, Ok(crate::Appended::Stored(1000)));
}

#[tokio::test]
async fn a_backlog_is_removed_in_small_slices_down_to_the_size() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(0));
    let journal = open(home.path(), &clock);
    for n in 0..1500 {
        journal.append(event(n, None), vec![], None).await.unwrap();
        journal.finish(n as u64 + 1);
    }
    journal.close().await;
    let size = Retention {
        max_age: None,
        max_bytes: Some(1 << 20),
    };
    let slices = prune(home.path(), size, DAY);
    assert!(
        slices.iter().all(|removed| *removed <= SLICE + 10),
        "{slices:?}"
    );
    let left = ids(&Reader::open(home.path()).unwrap());
    assert_eq!(left.last(), Some(&1500), "the newest stay");
    let connection = schema::open_writer(&home.path().join(FILE_NAME), None).unwrap();
    assert!(used_bytes(&connection).unwrap() <= 1 << 20);
    assert!(left.len() > 50, "no more goes than must: {}", left.len());
}

#[tokio::test]
async fn a_script_version_goes_when_nothing_can_refer_to_it_any_more() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(0));
    let journal = open(home.path(), &clock);
    let finished = Ends {
        event_finished: true,
        wait: None,
    };
    for (day, hash) in [(0, "unneeded"), (1, "old"), (2, "new"), (3, "newest")] {
        clock.store(day * DAY, Ordering::SeqCst);
        let version = ScriptVersion {
            hash: hash.into(),
            name: "a.rhai".into(),
            sources: Vec::new(),
        };
        journal.remember_script(version).await.unwrap();
    }
    for (id, at, waits) in [(1, 0, 0), (2, 3 * DAY, 1)] {
        journal.append(event(at, None), vec![], None).await.unwrap();
        journal
            .commit(run(id, "0", at, 0, waits), finished)
            .await
            .unwrap();
    }
    journal.close().await;
    prune(home.path(), A_DAY, 4 * DAY - 1);
    let reader = Reader::open(home.path()).unwrap();
    let kept = ["unneeded", "old", "new", "newest"].map(|h| reader.script(h).unwrap().is_some());
    // "old" is what the wait runs; "new" was superseded only when the kept run began.
    assert_eq!(kept, [false, true, true, true]);
}

#[tokio::test]
async fn runs_of_schedules_go_when_they_are_old_unless_an_action_is_open() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(0));
    let journal = open(home.path(), &clock);
    let finished = Ends {
        event_finished: true,
        wait: None,
    };
    // Each day a tick, an event with its run, and a tick; the very first tick has an open action.
    for day in 0..6_u64 {
        let at = day as i64 * DAY;
        let tick = |part: i64, actions| run(0, &format!("tick:x:{}", at + part), at, actions, 0);
        let open_actions = usize::from(day == 0);
        let ended = Ends::default();
        journal.commit(tick(0, open_actions), ended).await.unwrap();
        journal.append(event(at, None), vec![], None).await.unwrap();
        let of_event = run(day + 1, "0", at, 0, 0);
        journal.commit(of_event, finished).await.unwrap();
        journal.commit(tick(1, 0), ended).await.unwrap();
    }
    journal.close().await;
    let left = || {
        let reader = Reader::open(home.path()).unwrap();
        let runs = reader.runs(&Default::default()).unwrap();
        let days = |event| {
            let runs = runs
                .iter()
                .rev()
                .filter(move |run| (run.event == 0) != event);
            runs.map(|run| run.started.0 / DAY).collect::<Vec<_>>()
        };
        (days(false), days(true))
    };
    prune(home.path(), A_DAY, 3 * DAY + 1);
    assert_eq!(left(), (vec![0, 3, 3, 4, 4, 5, 5], vec![3, 4, 5]));
}

#[tokio::test]
async fn where_there_is_too_much_a_busy_schedule_pushes_out_its_own_past_first() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(0));
    let journal = open(home.path(), &clock);
    let ticks = SIZE_SLICE as i64 + 10;
    for number in 0..ticks {
        let tick = run(0, &format!("tick:x:{number}"), number, 0, 0);
        journal.commit(tick, Ends::default()).await.unwrap();
    }
    for number in 1..4 {
        let received = event(ticks, None);
        journal.append(received, vec![], None).await.unwrap();
        journal.finish(number);
    }
    let young = run(0, "tick:x:young", 2 * ticks, 0, 0);
    journal.commit(young, Ends::default()).await.unwrap();
    journal.close().await;
    let mut connection = schema::open_writer(&home.path().join(FILE_NAME), None).unwrap();
    let too_small = Retention {
        max_age: None,
        max_bytes: Some(1),
    };
    let mut left = Vec::new();
    for _ in 0..3 {
        let counters = Counters {
            event: 1000,
            run: 1000,
            action: 1000,
        };
        slice(&mut connection, too_small, counters, Timestamp(DAY)).unwrap();
        let reader = Reader::open(home.path()).unwrap();
        left.push((
            reader.runs(&Default::default()).unwrap().len(),
            ids(&reader).len(),
        ));
    }
    assert_eq!(left, [(11, 3), (1, 0), (0, 0)]);
}
