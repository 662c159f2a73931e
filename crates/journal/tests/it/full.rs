//! A full disk refuses, loses nothing, and recovers by itself.
//!
//! The disk is full by quota. To try it on a real one, point PORCHLIGHT_TEST_SMALL_DISK at an
//! empty file system of 1 to 4 MB.

use crate::support::{Clock, claim, event, run};
use bytes::Bytes;
use porchlight_journal::{Appended, Beside, Ends, FILE_NAME, Journal, Reader, Reason, Turn};
use std::path::PathBuf;

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_once_there_is_room() {
    let temporary = tempfile::tempdir().unwrap();
    let disk = std::env::var_os("PORCHLIGHT_TEST_SMALL_DISK").map(PathBuf::from);
    let home = disk.clone().unwrap_or(temporary.path().to_owned());
    let mut options = Clock::new().options();
    options.max_pages = disk.is_none().then_some(300);
    let ballast = home.join("ballast");
    if disk.is_some() {
        std::fs::write(&ballast, vec![0; 300_000]).unwrap();
    }
    let journal = Journal::open(&home, options).unwrap();
    let mut stored = Vec::new();
    let refused = loop {
        let mut large = event("large");
        large.data = Bytes::from(format!("\"{}\"", "x".repeat(5000)));
        let key = format!("key {}", stored.len());
        match journal.append(large, vec![], claim(&key)).await {
            Ok(Appended::Stored(id)) => stored.push(id),
            Ok(duplicate) => panic!("{duplicate:?}"),
            Err(refused) => break refused,
        }
        assert!(stored.len() < 10_000, "the disk never filled");
    };
    assert_eq!(refused.reason, Reason::Full, "{refused}");
    assert!(!refused.retry_after.is_zero());
    assert!(refused.message.contains("make room"), "{refused}");

    if disk.is_some() {
        std::fs::remove_file(&ballast).unwrap();
    } else {
        let file = rusqlite::Connection::open(home.join(FILE_NAME)).unwrap();
        file.execute("DELETE FROM events WHERE id <= 20", [])
            .unwrap();
    }
    let key = format!("key {}", stored.len());
    let again = journal.append(event("a"), vec![], claim(&key)).await;
    let next = stored.len() as u64 + 1;
    assert_eq!(
        again,
        Ok(Appended::Stored(next)),
        "no id and no claim was lost to the refusal"
    );
    journal
        .commit(run(next, "gate.rhai", "0"), Ends::default())
        .await
        .unwrap();
    journal.close().await;
    let reader = Reader::open(&home).unwrap();
    for id in stored.iter().filter(|id| **id > 20) {
        assert!(reader.event(*id).unwrap().is_some(), "event {id}");
    }
}

#[tokio::test]
async fn a_batch_that_does_not_fit_leaves_nothing_of_itself() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Clock::new().options();
    options.max_pages = Some(300);
    let journal = Journal::open(home.path(), options).unwrap();
    let batch = |count: usize| {
        let entries = (0..count).map(|n| {
            let mut large = event("large");
            large.data = Bytes::from(format!("\"{}\"", "x".repeat(5000)));
            (large, vec![], claim(&format!("key {n}")))
        });
        entries.collect::<Vec<_>>()
    };
    let refused = journal.append_all(batch(500)).await.unwrap_err();
    assert_eq!(refused.reason, Reason::Full, "{refused}");
    assert_eq!(journal.reader().unwrap().last_event_id().unwrap(), 0);
    let stored = journal.append_all(batch(3)).await.unwrap();
    assert_eq!(
        stored,
        [
            Appended::Stored(1),
            Appended::Stored(2),
            Appended::Stored(3)
        ],
        "no id and no claim was lost to the refusal"
    );
}

#[tokio::test]
async fn a_run_does_not_overtake_an_earlier_one_of_its_script_that_did_not_fit() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Clock::new().options();
    options.max_pages = Some(300);
    let journal = Journal::open(home.path(), options).unwrap();
    let (turn, other) = (Turn::default(), Turn::default());
    let beside = |turn: &Turn| Beside {
        turn: Some(turn.clone()),
        ..Beside::default()
    };
    let mut large = run(0, "gate.rhai", "large");
    large.title = "x".repeat(1_000_000);
    let small = |script: &str| run(0, script, "small");
    let full = journal.commit_beside(large, beside(&turn)).await;
    assert_eq!(full.unwrap_err().reason, Reason::Full);
    let behind = journal.commit_beside(small("gate.rhai"), beside(&turn));
    let behind = behind.await.unwrap_err();
    assert!(behind.message.contains("earlier run"), "{behind}");
    let free = journal.commit_beside(small("light.rhai"), beside(&other));
    assert!(free.await.is_ok(), "another script's run fits");
    assert!(turn.is_lost() && !other.is_lost());
    let again = Turn::default();
    let small = journal.commit_beside(small("gate.rhai"), beside(&again));
    assert!(small.await.is_ok());
}
