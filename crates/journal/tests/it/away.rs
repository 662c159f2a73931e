//! Targets that are away: who, since when, and told together with the event about it.

use crate::support::{Clock, NOON, event, open};
use porchlight_core::Timestamp;
use porchlight_journal::{AwayTarget, FILE_NAME, Journal, MOST_AWAY, Options, Reader, Retention};
use std::time::Duration;

fn target(lane: &str, since: i64) -> AwayTarget {
    AwayTarget {
        lane: lane.to_owned(),
        since: Timestamp(since),
        failures: 5,
        why: "connect: refused".to_owned(),
        told: true,
    }
}

#[tokio::test]
async fn an_absence_is_noted_with_its_event_and_forgotten_with_the_one_of_its_end() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let told = Some(event("porchlight.target.away"));
    let away = journal.target_away(target("lamp", NOON), told).await;
    let away = away.unwrap().expect("the event");
    let later = journal.target_away(target("gate", NOON + 1), None).await;
    assert_eq!(later.unwrap(), None);
    let again = journal.target_away(target("gate", NOON + 2), None).await;
    assert_eq!(again.unwrap(), None);
    journal.close().await;

    let journal = open(home.path());
    let reader = journal.reader().unwrap();
    let both = [target("lamp", NOON), target("gate", NOON + 2)];
    assert_eq!(reader.away().unwrap(), both);
    let told = Some(event("porchlight.target.back"));
    let back = journal.target_back("lamp", told).await.unwrap().unwrap();
    assert_eq!(reader.away().unwrap(), [target("gate", NOON + 2)]);
    let pending = reader.pending_events(0, 10).unwrap();
    assert_eq!(pending, [away, back], "they are dispatched after a crash");
    assert_eq!(journal.target_back("nobody", None).await.unwrap(), None);
}

#[tokio::test]
async fn the_newest_are_kept_where_too_many_are_away() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let most = MOST_AWAY as i64;
    for number in 0..most + 3 {
        let target = target(&format!("lane{number}"), NOON + number);
        journal.target_away(target, None).await.unwrap();
    }
    let kept = journal.reader().unwrap().away().unwrap();
    assert_eq!(kept.len(), MOST_AWAY);
    assert_eq!(kept[0].lane, "lane3");
}

#[tokio::test]
async fn a_target_that_nobody_speaks_to_any_more_is_forgotten_in_time() {
    let home = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let options = || Options {
        retention: Retention {
            max_age: Some(Duration::from_secs(3600)),
            max_bytes: None,
        },
        ..clock.options()
    };
    let journal = Journal::open(home.path(), options()).unwrap();
    let note = |lane: &str, since| journal.target_away(target(lane, since), None);
    note("old", NOON - 3_600_000 - 1).await.unwrap();
    note("new", NOON - 3_600_000).await.unwrap();
    let reader = journal.reader().unwrap();
    // The keeper looks a second after the start.
    let begun = std::time::Instant::now();
    while reader.away().unwrap().len() == 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is kept");
        tokio::task::yield_now().await;
    }
    assert_eq!(reader.away().unwrap(), [target("new", NOON - 3_600_000)]);
}

#[tokio::test]
async fn a_journal_of_before_knows_of_nobody_and_is_no_mistake() {
    let home = tempfile::tempdir().unwrap();
    let file = rusqlite::Connection::open(home.path().join(FILE_NAME)).unwrap();
    file.execute_batch("PRAGMA user_version = 6;").unwrap();
    drop(file);
    let reader = Reader::open(home.path()).unwrap();
    assert_eq!(reader.away().unwrap(), []);
}
