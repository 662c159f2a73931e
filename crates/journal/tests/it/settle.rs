//! Outcomes of actions: stored with what they tell scripts, and dead ones opened again.

use crate::support::{NOON, action, event, open, run};
use porchlight_core::{ActionError, OpenAction, Settlement, Timestamp};
use porchlight_journal::{ActionStatus, Ends, Filter, Journal, RetryError, retry_actions};

/// Actions of one run, the first so many of them dead.
async fn told(journal: &Journal, count: usize, dead: usize) -> Vec<u64> {
    let mut decided = run(0, "gate.rhai", "0");
    decided.depth = 3;
    decided.actions = (0..count).map(|_| action("a")).collect();
    let committed = journal.commit(decided, Ends::default()).await.unwrap();
    let ids: Vec<u64> = committed.actions.iter().map(|(id, _)| *id).collect();
    for id in &ids[..dead] {
        let error = ActionError::never("config", "no such light");
        journal
            .settle(*id, Settlement::Dead { error }, 1)
            .await
            .unwrap();
    }
    ids
}

#[tokio::test]
async fn an_outcome_and_the_event_that_tells_of_it_are_stored_together() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let ids = told(&journal, 1, 0).await;
    let error = ActionError::never("config", "no such light");
    let settled = journal.settle_and_tell(
        ids[0],
        Settlement::Dead { error },
        1,
        Some(event("action.dead")),
    );
    let stored = settled.await.unwrap().expect("an event");
    let reader = journal.reader().unwrap();
    let found = reader.event(stored.id).unwrap().expect("it is stored");
    assert_eq!(found, stored);
    let pending = reader.pending_events(0, 10).unwrap();
    assert_eq!(pending.len(), 1, "it is dispatched after a crash, too");
    let record = reader.action(ids[0]).unwrap().unwrap();
    assert_eq!(record.status, ActionStatus::Dead);
    assert_eq!(reader.run(record.run).unwrap().unwrap().depth, 3);
}

#[tokio::test]
async fn dead_actions_are_opened_again_together_and_each_of_the_others_is_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let ids = told(&journal, 4, 3).await;
    let before = journal.reader().unwrap().action(ids[0]).unwrap().unwrap();
    let answers = retry_actions(home.path(), &[ids[0], ids[3], 99, ids[2]]).unwrap();
    let [Ok(first), Err(open), Err(unknown), Ok(third)] = answers.as_slice() else {
        panic!("{answers:?}");
    };
    assert!(matches!(open, RetryError::NotDead { status: "open", .. }));
    assert!(matches!(unknown, RetryError::Unknown(99)));
    assert_eq!(
        (first.status, third.status),
        (ActionStatus::Open, ActionStatus::Open)
    );
    assert_eq!(first.action.key, before.action.key, "the key is kept");
    assert!(first.action.expires.since(first.not_before).as_secs() >= 600);
    assert!(journal.foreign_changes());
    let dead = Filter {
        status: Some("dead".to_owned()),
        ..Filter::default()
    };
    let dead = journal.reader().unwrap().actions(&dead).unwrap();
    assert_eq!(dead.iter().map(|one| one.id).collect::<Vec<_>>(), [ids[1]]);
}

#[tokio::test]
async fn actions_are_listed_by_lane_and_kind_and_by_when_they_were_last_tried() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let ids = told(&journal, 2, 1).await;
    let reader = journal.reader().unwrap();
    let lane = reader.action(ids[0]).unwrap().unwrap().action.lane;
    let count = |filter: Filter| reader.actions(&filter).unwrap().len();
    let by_lane = |lane: String| Filter {
        lane: Some(lane),
        ..Filter::default()
    };
    assert_eq!(count(by_lane(lane.clone())), 2);
    assert_eq!(count(by_lane(format!("{}*", &lane[..1]))), 2);
    assert_eq!(count(by_lane("elsewhere*".to_owned())), 0);
    let since = |at| Filter {
        settled_since: Some(Timestamp(at)),
        ..Filter::default()
    };
    assert_eq!((count(since(NOON)), count(since(NOON + 1))), (1, 0));
}

#[tokio::test]
async fn a_pause_lasts_as_long_as_it_was_meant_to_when_the_clock_was_set_back() {
    let home = tempfile::tempdir().unwrap();
    let ahead = Timestamp::parse_rfc3339("2999-01-01T00:00:00Z").unwrap();
    let options = porchlight_journal::Options {
        clock: std::sync::Arc::new(move || ahead),
        ..porchlight_journal::Options::default()
    };
    let journal = Journal::open(home.path(), options).unwrap();
    let ids = told(&journal, 1, 0).await;
    let at = Timestamp(ahead.0 + 5000);
    let error = ActionError::later("connect", "nobody there");
    journal
        .settle(ids[0], Settlement::RetryAt { at, error }, 1)
        .await
        .unwrap();
    let open: Vec<OpenAction> = journal.reader().unwrap().open_actions(0, 9).unwrap();
    let now = Timestamp::from_system_time(std::time::SystemTime::now());
    let pause = open[0].not_before.since(now).as_millis();
    assert!((1..=5000).contains(&pause), "{pause}");
}
