//! Appending: what is acknowledged is there, and duplicates are told apart.

use crate::support::{Clock, claim, event, open};
use bytes::Bytes;
use porchlight_core::Attachment;
use porchlight_journal::{Appended, Blob, Journal, OpenError, Options, Reader, Reason};
use std::time::Duration;

#[tokio::test]
async fn an_event_comes_back_as_it_was_stored_also_after_reopening() {
    let home = tempfile::tempdir().unwrap();
    let mut sent = event("hello");
    sent.attachments = vec![Attachment {
        name: "upload".into(),
        filename: "a.jpg".into(),
        content_type: "image/jpeg".into(),
        size: 3,
        hash: "abc".into(),
    }];
    let blob = Blob {
        hash: "abc".into(),
        bytes: Bytes::from_static(&[1, 2, 255]),
    };
    let journal = open(home.path());
    let stored = journal.append(sent.clone(), vec![blob], None).await;
    assert_eq!(stored, Ok(Appended::Stored(1)));
    journal.close().await;

    let journal = open(home.path());
    let reader = journal.reader().unwrap();
    let found = reader.event(1).unwrap().unwrap();
    assert_eq!(found.content, sent);
    assert_eq!(reader.blob("abc").unwrap().unwrap().as_ref(), [1, 2, 255]);
    assert_eq!(reader.pending_events(0, 10).unwrap(), [found]);
    let next = journal.append(event("b"), vec![], None).await;
    assert_eq!(next, Ok(Appended::Stored(2)));
}

#[tokio::test]
async fn dropping_the_handle_stores_what_was_queued() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let waiting: Vec<_> = (0..50)
        .map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.append(event(&n.to_string()), vec![], None).await })
        })
        .collect();
    drop(journal);
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    let reader = Reader::open(home.path()).unwrap();
    assert_eq!(reader.last_event_id().unwrap(), 50);
}

#[tokio::test]
async fn of_two_identical_deliveries_in_one_batch_one_is_stored() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Clock::new().options();
    options.linger = Duration::from_millis(50); // so that both surely share a batch
    let journal = Journal::open(home.path(), options).unwrap();
    let (a, b) = tokio::join!(
        journal.append(event("x"), vec![], claim("k")),
        journal.append(event("x"), vec![], claim("k")),
    );
    assert_eq!(
        (a, b),
        (Ok(Appended::Stored(1)), Ok(Appended::Duplicate(1)))
    );
    assert_eq!(journal.reader().unwrap().last_event_id().unwrap(), 1);
}

#[tokio::test]
async fn a_duplicate_is_known_after_reopening_until_its_claim_ends() {
    let home = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let journal = Journal::open(home.path(), clock.options()).unwrap();
    journal
        .append(event("x"), vec![], claim("k"))
        .await
        .unwrap();
    journal.close().await;

    clock.advance(Duration::from_secs(3599));
    let journal = Journal::open(home.path(), clock.options()).unwrap();
    let again = journal.append(event("x"), vec![], claim("k")).await;
    assert_eq!(again, Ok(Appended::Duplicate(1)));
    clock.advance(Duration::from_secs(1));
    let later = journal.append(event("x"), vec![], claim("k")).await;
    assert_eq!(later, Ok(Appended::Stored(2)));
}

#[tokio::test]
async fn a_hundred_waiters_share_few_flushes() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Clock::new().options();
    options.linger = Duration::from_millis(100);
    let journal = Journal::open(home.path(), options).unwrap();
    let log = home.path().join("porchlight.db-wal");
    let before = std::fs::metadata(&log).unwrap().len();
    let waiting: Vec<_> = (0..100)
        .map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.append(event(&n.to_string()), vec![], None).await })
        })
        .collect();
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    // Alone, each event would write its page again: a hundred pages and more.
    let pages = (std::fs::metadata(&log).unwrap().len() - before) / (2048 + 24);
    assert!(pages < 60, "{pages} pages");
}

#[tokio::test]
async fn a_full_queue_refuses_appends_at_once_but_takes_runs() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Clock::new().options();
    options.max_queue = 2;
    options.linger = Duration::from_millis(300);
    let journal = Journal::open(home.path(), options).unwrap();
    let (a, b, c, d) = tokio::join!(
        journal.append(event("a"), vec![], None),
        journal.append(event("b"), vec![], None),
        journal.append(event("c"), vec![], None),
        journal.commit(crate::support::run(1, "gate.rhai", "0"), Default::default()),
    );
    assert!(a.is_ok() && b.is_ok() && d.is_ok());
    let refused = c.unwrap_err();
    assert_eq!(refused.reason, Reason::Busy);
    assert!(refused.retry_after > Duration::ZERO);
}

#[tokio::test]
async fn a_second_host_on_the_same_home_is_refused_and_a_reader_is_not() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let refused = Journal::open(home.path(), Options::default()).unwrap_err();
    assert!(matches!(
        refused,
        OpenError::InUse {
            process: Some(_),
            ..
        }
    ));
    let text = refused.to_string();
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
    Reader::open(home.path()).unwrap();
    journal.close().await;
    open(home.path());
}

#[tokio::test]
async fn a_closed_journal_says_so() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    journal.clone().close().await;
    let refused = journal.append(event("late"), vec![], None).await;
    assert_eq!(refused.unwrap_err().reason, Reason::Closed);
}

#[tokio::test]
async fn a_finished_event_is_no_longer_pending_after_reopening() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    for n in 0..3 {
        journal
            .append(event(&n.to_string()), vec![], None)
            .await
            .unwrap();
    }
    journal.finish(1);
    journal.finish(3);
    journal.close().await;
    let reader = Reader::open(home.path()).unwrap();
    let pending: Vec<u64> = reader
        .pending_events(0, 10)
        .unwrap()
        .iter()
        .map(|e| e.id)
        .collect();
    assert_eq!(pending, [2]);
}

#[tokio::test]
async fn an_entry_that_cannot_be_stored_does_not_fail_its_neighbours() {
    let home = tempfile::tempdir().unwrap();
    open(home.path()).close().await;
    let file = rusqlite::Connection::open(home.path().join("porchlight.db")).unwrap();
    file.execute_batch(
        "CREATE TRIGGER bad BEFORE INSERT ON events WHEN new.source = 'bad' \
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    )
    .unwrap();
    drop(file);

    let mut options = Clock::new().options();
    options.linger = Duration::from_millis(100);
    let journal = Journal::open(home.path(), options).unwrap();
    let mut bad = event("b");
    bad.source = "bad".into();
    let (a, b, c) = tokio::join!(
        journal.append(event("a"), vec![], claim("a")),
        journal.append(bad, vec![], claim("b")),
        journal.append(event("c"), vec![], claim("c")),
    );
    assert_eq!((a, c), (Ok(Appended::Stored(1)), Ok(Appended::Stored(2))));
    let refused = b.unwrap_err();
    assert!(refused.message.contains("not this one"), "{refused}");
    let again = journal.append(event("b"), vec![], claim("b")).await;
    assert_eq!(again, Ok(Appended::Stored(3)), "its claim is free");
}

#[tokio::test]
async fn events_of_one_batch_are_stored_in_order_each_with_its_own_claim() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let first = journal.append(event("a"), vec![], claim("a")).await;
    assert_eq!(first, Ok(Appended::Stored(1)));
    let entry = |text: &str| (event(text), vec![], claim(text));
    let batch = ["b", "a", "c", "b"].map(entry).to_vec();
    let expected = vec![
        Appended::Stored(2),
        Appended::Duplicate(1),
        Appended::Stored(3),
        Appended::Duplicate(2),
    ];
    assert_eq!(journal.append_all(batch).await, Ok(expected));
    assert_eq!(journal.append_all(Vec::new()).await, Ok(Vec::new()));
    let reader = journal.reader().unwrap();
    assert_eq!(reader.last_event_id().unwrap(), 3);
    assert_eq!(reader.event(3).unwrap().unwrap().content, event("c"));
}
