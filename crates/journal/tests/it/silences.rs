//! What is kept of subscriptions to silence.

use crate::support::{NOON, event, open, run};
use porchlight_core::Timestamp;
use porchlight_journal::{LookedBack, Silence};

fn silence(subscription: &str, last: u64, reported: u32) -> Silence {
    Silence {
        script: "a.rhai".to_owned(),
        subscription: subscription.to_owned(),
        since: Timestamp(NOON),
        last,
        reported,
    }
}

#[tokio::test]
async fn what_is_kept_stays_as_it_is_and_what_is_not_wanted_any_more_goes() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    journal.keep_silences(vec![silence("one", 0, 0), silence("two", 0, 0)]);
    let told = silence("one", 7, 1);
    let committed = journal.commit_silence(run(0, "a.rhai", "silence:one:1"), told.clone());
    committed.await.unwrap();
    assert!(
        journal
            .reader()
            .unwrap()
            .silences()
            .unwrap()
            .contains(&told)
    );

    journal.keep_silences(vec![silence("one", 0, 0), silence("three", 0, 0)]);
    journal.close().await;
    let reader = porchlight_journal::Reader::open(home.path()).unwrap();
    let kept = reader.silences().unwrap();
    assert_eq!(kept, [told, silence("three", 0, 0)]);
}

#[tokio::test]
async fn a_silence_told_twice_is_one_run() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let first = journal
        .commit_silence(run(0, "a.rhai", "silence:one:1"), silence("one", 0, 1))
        .await
        .unwrap();
    let again = journal
        .commit_silence(run(0, "a.rhai", "silence:one:1"), silence("one", 0, 1))
        .await
        .unwrap();
    assert_eq!(first.run, again.run);
    let runs = journal.reader().unwrap().runs(&Default::default()).unwrap();
    assert_eq!(runs.len(), 1);
}

#[tokio::test]
async fn looking_back_shows_the_newest_first_and_says_where_it_stopped() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    for n in 0..4 {
        let mut event = event(&n.to_string());
        event.kind = format!("test.{n}");
        event.received = Timestamp(NOON + n);
        journal.append(event, Vec::new(), None).await.unwrap();
    }
    let reader = journal.reader().unwrap();
    let mut seen = Vec::new();
    let mut look = |most: usize, until: &str| {
        seen.clear();
        let extent = reader.look_back(most, |id, received, kind| {
            assert_eq!(received.0, NOON + id as i64 - 1);
            seen.push(kind.to_owned());
            kind != until
        });
        (extent.unwrap(), seen.clone())
    };
    assert_eq!(look(9, "").1, ["test.3", "test.2", "test.1", "test.0"]);
    assert_eq!(look(9, "").0, LookedBack::Whole);
    assert_eq!(look(9, "test.2").1, ["test.3", "test.2"]);
    assert_eq!(look(2, "").0, LookedBack::Until(Timestamp(NOON + 2)));
}
