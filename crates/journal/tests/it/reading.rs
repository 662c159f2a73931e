//! Lists, filters, following, and reading while nobody writes.

use crate::support::{NOON, event, open, run};
use porchlight_core::{Outcome, Pattern, Timestamp};
use porchlight_journal::{Ends, FILE_NAME, Filter, Order, ReadError, Reader};

async fn filled() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    for n in 0..10_i64 {
        let mut event = event(&n.to_string());
        event.kind = format!("test.{}", if n % 2 == 0 { "even" } else { "odd" });
        event.source = format!("hook{}", n % 3);
        event.received = Timestamp(NOON + n);
        journal.append(event, vec![], None).await.unwrap();
        let mut run = run(n as u64 + 1, &format!("script{}.rhai", n % 2), "0");
        if n == 4 {
            run.outcome = Outcome::Skipped {
                reason: "filter".into(),
            };
        }
        run.actions = vec![crate::support::action("a")];
        journal.commit(run, Ends::default()).await.unwrap();
    }
    journal.close().await;
    home
}

#[tokio::test]
async fn events_are_listed_newest_first_and_followed_oldest_first() {
    let home = filled().await;
    let reader = Reader::open(home.path()).unwrap();
    let ids = |filter: Filter| -> Vec<u64> {
        reader
            .events(&filter)
            .unwrap()
            .iter()
            .map(|event| event.id)
            .collect()
    };
    let filter = |order| Filter {
        order,
        limit: 3,
        ..Filter::default()
    };
    assert_eq!(ids(filter(Order::NewestFirst { before: None })), [10, 9, 8]);
    assert_eq!(
        ids(filter(Order::NewestFirst { before: Some(8) })),
        [7, 6, 5]
    );
    assert_eq!(ids(filter(Order::After(0))), [1, 2, 3]);
    assert_eq!(ids(filter(Order::After(9))), [10]);
    assert_eq!(ids(filter(Order::After(10))), [0; 0]);
}

#[tokio::test]
async fn filters_leave_out_what_does_not_match() {
    let home = filled().await;
    let reader = Reader::open(home.path()).unwrap();
    let all = Filter {
        order: Order::After(0),
        ..Filter::default()
    };
    let odd = Filter {
        kind: Some(Pattern::parse("test.o*").unwrap()),
        since: Some(Timestamp(NOON + 5)),
        ..all.clone()
    };
    let ids =
        |events: Vec<porchlight_core::Event>| -> Vec<u64> { events.iter().map(|e| e.id).collect() };
    assert_eq!(ids(reader.events(&odd).unwrap()), [6, 8, 10]);
    let literal = Filter {
        kind: Some(Pattern::parse("test.even").unwrap()),
        source: Some("hook0".into()),
        ..all.clone()
    };
    assert_eq!(ids(reader.events(&literal).unwrap()), [1, 7]);
    let skipped = Filter {
        status: Some("skipped".into()),
        script: Some("script0.rhai".into()),
        ..all.clone()
    };
    let runs = reader.runs(&skipped).unwrap();
    assert_eq!((runs.len(), runs[0].event), (1, 5));
    let actions = Filter {
        status: Some("open".into()),
        script: Some("script1.rhai".into()),
        ..all.clone()
    };
    assert_eq!(reader.actions(&actions).unwrap().len(), 5);
    let dead = Filter {
        status: Some("dead".into()),
        ..all
    };
    assert_eq!(reader.actions(&dead).unwrap(), []);
}

#[tokio::test]
async fn a_journal_that_nobody_writes_is_read_and_nothing_is_left_behind() {
    let home = filled().await;
    for leftover in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(home.path().join(format!("{FILE_NAME}{leftover}")));
    }
    let reader = Reader::open(home.path()).unwrap();
    assert_eq!(reader.last_event_id().unwrap(), 10);
}

#[test]
fn a_home_without_a_journal_is_said_and_none_is_made() {
    let home = tempfile::tempdir().unwrap();
    let error = Reader::open(home.path()).err().unwrap();
    assert!(matches!(error, ReadError::Missing { .. }));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_reader_sees_what_was_committed_after_it_was_opened() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let reader = Reader::open(home.path()).unwrap();
    assert_eq!(reader.last_event_id().unwrap(), 0);
    journal.append(event("a"), vec![], None).await.unwrap();
    assert_eq!(reader.last_event_id().unwrap(), 1);
}
