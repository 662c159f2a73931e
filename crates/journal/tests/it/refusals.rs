//! Deliveries that became no event, and the secrets in use.

use crate::support::{Clock, NOON, claim, event};
use porchlight_core::Timestamp;
use porchlight_journal::{FILE_NAME, Filter, Journal, NewRefusal, Order, Reader, SecretUse};
use std::time::Duration;

fn refusal(n: i64) -> NewRefusal {
    NewRefusal {
        at: Timestamp(NOON + n),
        webhook: if n % 2 == 0 { "even" } else { "odd" }.to_owned(),
        peer: "192.0.2.7".to_owned(),
        status: 401,
        code: "mismatch".into(),
        reason: format!("number {n}"),
        duplicate_of: (n == 3).then_some(17),
        unsaid: n.cast_unsigned(),
    }
}

#[tokio::test]
async fn refusals_are_read_back_in_either_order_and_filtered() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path(), Clock::new().options()).unwrap();
    for n in 1..=4 {
        journal.refused(refusal(n)).unwrap();
    }
    journal.close().await;
    let reader = Reader::open(home.path()).unwrap();
    let all = reader.refusals(&Filter::default()).unwrap();
    let ids: Vec<u64> = all.iter().map(|refusal| refusal.id).collect();
    assert_eq!(ids, [4, 3, 2, 1]);
    assert_eq!(all[1].content, refusal(3));
    let odd = Filter {
        source: Some("odd".to_owned()),
        order: Order::After(1),
        ..Filter::default()
    };
    assert_eq!(reader.refusals(&odd).unwrap()[0].reason, "number 3");
    assert_eq!(reader.refusal(2).unwrap().unwrap().reason, "number 2");
    assert_eq!(reader.refusal(9).unwrap(), None);
}

#[tokio::test]
async fn only_the_newest_refusals_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Clock::new().options();
    options.max_queue = 20_000;
    let journal = Journal::open(home.path(), options).unwrap();
    for n in 1..=10_050 {
        journal.refused(refusal(n)).unwrap();
    }
    journal.close().await;
    let reader = Reader::open(home.path()).unwrap();
    let all = Filter {
        limit: usize::MAX,
        ..Filter::default()
    };
    let kept = reader.refusals(&all).unwrap();
    assert_eq!((kept.len(), kept[0].id), (10_000, 10_050));
}

#[tokio::test]
async fn the_use_of_a_secret_is_written_once_a_minute_with_an_event() {
    let home = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let journal = Journal::open(home.path(), clock.options()).unwrap();
    let reader = journal.reader().unwrap();
    let used_at = |millis| {
        let secret_use = SecretUse {
            webhook: "driveway".into(),
            secret: "secret".into(),
            at: Timestamp(NOON + millis),
        };
        vec![secret_use]
    };
    for (seconds, expected) in [(0, 0), (30, 0), (29, 0), (1, 60_000), (59, 60_000)] {
        clock.advance(Duration::from_secs(seconds));
        journal.append(event("a"), vec![], None).await.unwrap();
        assert_eq!(reader.secret_uses().unwrap(), used_at(expected));
    }
    // A repetition stores nothing, and so not this either.
    journal
        .append(event("a"), vec![], claim("k"))
        .await
        .unwrap();
    clock.advance(Duration::from_secs(300));
    journal
        .append(event("a"), vec![], claim("k"))
        .await
        .unwrap();
    assert_eq!(reader.secret_uses().unwrap(), used_at(60_000));
}

#[tokio::test]
async fn a_journal_of_before_has_no_refusals_and_is_no_mistake() {
    let home = tempfile::tempdir().unwrap();
    let file = rusqlite::Connection::open(home.path().join(FILE_NAME)).unwrap();
    file.execute_batch("PRAGMA user_version = 3;").unwrap();
    drop(file);
    let reader = Reader::open(home.path()).unwrap();
    assert_eq!(reader.refusals(&Filter::default()).unwrap(), []);
    assert_eq!(reader.refusal(1).unwrap(), None);
    assert_eq!(reader.secret_uses().unwrap(), []);
}
