//! Runs: everything that one decided is stored at once, and only once.

use crate::support::{NOON, action, event, open, run, wait};
use porchlight_core::{
    ActionError, LogLine, Outcome, Place, Receipt, Settlement, StateOp, StateWrite, Timestamp,
};
use porchlight_journal::{
    ActionStatus, Beside, Ends, Reader, RetryError, ScriptVersion, edit_state, retry_action,
};
use serde_json::json;

const FINISHED: Ends = Ends {
    event_finished: true,
    wait: None,
};

#[tokio::test]
async fn a_run_is_stored_with_everything_that_it_decided() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    journal.append(event("a"), vec![], None).await.unwrap();
    let mut decided = run(1, "gate.rhai", "0");
    decided.outcome = Outcome::Error {
        message: "no such light".into(),
        place: Place::default(),
    };
    decided.logs = vec![LogLine {
        level: "info".into(),
        message: "hello".into(),
        line: 4,
    }];
    let mut named = action("b");
    named.key = "mine".into();
    decided.actions = vec![action("a"), named];
    decided.waits = vec![wait(1, "anon$1")];
    decided.emitted = vec![event("emitted")];
    let writes = [
        ("n", StateOp::Add(2.into())),
        ("n", StateOp::Add(3.into())),
        ("gone", StateOp::Set(json!("x"))),
        ("gone", StateOp::Remove),
    ];
    decided.state = writes
        .map(|(key, op)| StateWrite {
            key: key.into(),
            op,
        })
        .to_vec();
    let done = journal.commit(decided.clone(), FINISHED).await.unwrap();

    let keys: Vec<&str> = done.actions.iter().map(|(_, a)| a.key.as_str()).collect();
    let (random, number) = keys[0].split_once(':').unwrap();
    assert!(random.len() == 8 && random.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!((done.run, number, keys[1]), (1, "1:0", "mine"));
    assert_eq!(done.waits[0].content, decided.waits[0]);
    assert_eq!(done.emitted[0].id, 2);
    journal.close().await;

    let reader = Reader::open(home.path()).unwrap();
    let stored = reader.run(1).unwrap().unwrap();
    assert_eq!(stored.outcome, decided.outcome);
    assert_eq!(stored.logs, decided.logs);
    assert_eq!(stored.state, decided.state);
    assert_eq!(
        (stored.actions, stored.emitted.as_slice()),
        (2, [2].as_slice())
    );
    assert_eq!(stored.place, decided.place);
    assert_eq!(reader.state().unwrap(), [("n".to_owned(), json!(5))]);
    assert_eq!(reader.waits().unwrap(), done.waits);
    let open = reader.open_actions(0, 10).unwrap();
    assert_eq!(open[1].action, done.actions[1].1);
    assert_eq!(open[0].not_before, Timestamp(NOON));
    let pending: Vec<u64> = reader
        .pending_events(0, 9)
        .unwrap()
        .iter()
        .map(|e| e.id)
        .collect();
    assert_eq!(
        pending,
        [2],
        "the first is finished, the emitted one is not"
    );
    assert_eq!(
        reader.handlers_run(1).unwrap(),
        [("gate.rhai".to_owned(), "0".to_owned())]
    );
}

#[tokio::test]
async fn committing_a_run_again_stores_nothing_and_answers_the_same() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    journal.append(event("a"), vec![], None).await.unwrap();
    let mut decided = run(1, "gate.rhai", "0");
    decided.actions = vec![action("a")];
    decided.waits = vec![wait(1, "f")];
    decided.emitted = vec![event("e")];
    decided.state = vec![StateWrite {
        key: "n".into(),
        op: StateOp::Add(1.into()),
    }];
    let first = journal
        .commit(decided.clone(), Ends::default())
        .await
        .unwrap();
    let second = journal.commit(decided.clone(), FINISHED).await.unwrap();
    assert_eq!(first, second);
    let reader = journal.reader().unwrap();
    assert_eq!(reader.state().unwrap(), [("n".to_owned(), json!(1))]);
    assert_eq!(reader.waits().unwrap().len(), 1);
    assert_eq!(reader.last_event_id().unwrap(), 2);
    let pending: Vec<u64> = reader
        .pending_events(0, 9)
        .unwrap()
        .iter()
        .map(|e| e.id)
        .collect();
    assert_eq!(pending, [2], "the second commit's end counts");
}

#[tokio::test]
async fn committing_a_run_again_does_not_hand_out_actions_that_ended() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    journal.append(event("a"), vec![], None).await.unwrap();
    let mut decided = run(1, "gate.rhai", "0");
    decided.actions = vec![action("a"), action("b"), action("c")];
    let first = journal.commit(decided.clone(), FINISHED).await.unwrap();
    let ended = Settlement::Dead {
        error: ActionError::never("test", "for good"),
    };
    let (a, b) = (first.actions[0].0, first.actions[1].0);
    let done = Settlement::Done(Receipt {
        summary: "200".into(),
        detail: json!(null),
    });
    journal.settle(a, done, 1).await.unwrap();
    journal.settle(b, ended, 1).await.unwrap();
    let again = journal.commit(decided, FINISHED).await.unwrap();
    assert_eq!(again.actions, first.actions[2..]);
}

#[tokio::test]
async fn a_wait_is_consumed_by_its_run_and_its_number_never_comes_again() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let mut first = run(0, "gate.rhai", "wait:0");
    first.waits = vec![wait(0, "f"), wait(0, "g")];
    let waits = journal.commit(first, Ends::default()).await.unwrap().waits;
    let mut second = run(0, "gate.rhai", &format!("wait:{}", waits[0].id));
    second.cancelled = vec![waits[1].name.clone()];
    let ends = Ends {
        event_finished: false,
        wait: Some(waits[0].id),
    };
    journal.commit(second, ends).await.unwrap();
    assert_eq!(journal.reader().unwrap().waits().unwrap(), []);
    journal.close().await;

    let journal = open(home.path());
    let mut third = run(0, "gate.rhai", "wait:again");
    third.waits = vec![wait(0, "h")];
    let later = journal.commit(third, Ends::default()).await.unwrap().waits;
    assert!(later[0].id > waits[1].id);
}

#[tokio::test]
async fn an_action_is_settled_and_a_dead_one_retried_by_hand() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let mut decided = run(0, "gate.rhai", "0");
    decided.actions = vec![action("done"), action("dead"), action("later")];
    let told = journal
        .commit(decided, Ends::default())
        .await
        .unwrap()
        .actions;
    let [done, dead, later] = [told[0].0, told[1].0, told[2].0];
    let receipt = Receipt {
        summary: "200 OK".into(),
        detail: json!({ "status": 200 }),
    };
    let error = ActionError::later("connect", "refused");
    let settlements = [
        (done, Settlement::Done(receipt.clone())),
        (
            dead,
            Settlement::Dead {
                error: error.clone(),
            },
        ),
        (
            later,
            Settlement::RetryAt {
                at: Timestamp(NOON + 5),
                error: error.clone(),
            },
        ),
    ];
    for (id, settlement) in settlements {
        journal.settle(id, settlement, 2).await.unwrap();
    }
    let reader = journal.reader().unwrap();
    let record = reader.action(done).unwrap().unwrap();
    assert_eq!(
        (record.status, record.receipt),
        (ActionStatus::Done, Some(receipt))
    );
    let open = reader.open_actions(0, 10).unwrap();
    assert_eq!(
        (open.len(), open[0].attempts, open[0].not_before),
        (1, 2, Timestamp(NOON + 5))
    );

    assert!(!journal.foreign_changes());
    assert!(matches!(
        retry_action(home.path(), done),
        Err(RetryError::NotDead { .. })
    ));
    assert!(matches!(
        retry_action(home.path(), 99),
        Err(RetryError::Unknown(99))
    ));
    let again = retry_action(home.path(), dead).unwrap();
    assert_eq!((again.status, again.attempts), (ActionStatus::Open, 0));
    assert!(again.action.expires > again.not_before);
    assert!(journal.foreign_changes());
    assert!(!journal.foreign_changes(), "told once");
    let ids: Vec<u64> = reader
        .open_actions(0, 10)
        .unwrap()
        .iter()
        .map(|a| a.id)
        .collect();
    assert_eq!(ids, [dead, later]);
}

#[tokio::test]
async fn an_action_retried_below_the_mark_is_found_again() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let mut decided = run(0, "gate.rhai", "0");
    decided.actions = vec![action("dead")];
    let told = journal
        .commit(decided, Ends::default())
        .await
        .unwrap()
        .actions;
    let error = ActionError::never("config", "no such light");
    journal
        .settle(told[0].0, Settlement::Dead { error }, 1)
        .await
        .unwrap();
    journal.close().await; // brings the marks forward
    retry_action(home.path(), told[0].0).unwrap();
    let journal = open(home.path());
    assert_eq!(
        journal.reader().unwrap().open_actions(0, 10).unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_script_version_is_remembered_by_its_hash() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let version = ScriptVersion {
        hash: "h".into(),
        name: "gate.rhai".into(),
        sources: vec![
            ("gate.rhai".into(), "on(…)".into()),
            ("lib/hue.rhai".into(), String::new()),
        ],
    };
    journal.remember_script(version.clone()).await.unwrap();
    journal.remember_script(version.clone()).await.unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(reader.script("h").unwrap(), Some(version));
    assert_eq!(reader.script("other").unwrap(), None);
}

#[tokio::test]
async fn a_fresh_journal_never_repeats_the_keys_of_another() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let home = tempfile::tempdir().unwrap();
        for id in 1..=2 {
            let journal = open(home.path());
            let text = format!("event {id}");
            journal.append(event(&text), vec![], None).await.unwrap();
            let mut decided = run(id, "gate.rhai", "0");
            decided.actions = vec![action("a")];
            let done = journal.commit(decided, FINISHED).await.unwrap();
            keys.push(done.actions[0].1.key.clone());
            journal.close().await;
        }
    }
    assert_eq!(keys[0].split(':').next(), keys[1].split(':').next());
    assert_ne!(keys[0], keys[2], "the first actions of two homes");
}

#[tokio::test]
async fn a_value_that_really_changes_is_remembered_with_its_run_and_a_hidden_one_is_not() {
    let home = tempfile::tempdir().unwrap();
    let journal = open(home.path());
    let write = |key: &str, op| StateWrite {
        key: key.into(),
        op,
    };
    for (n, op) in [
        StateOp::Set(json!({"open": true})),
        StateOp::Set(json!({"open": true})),
        StateOp::Remove,
        StateOp::Remove,
        StateOp::Add(2.into()),
    ]
    .into_iter()
    .enumerate()
    {
        let mut decided = run(0, "gate.rhai", &n.to_string());
        decided.started = Timestamp(NOON + n as i64);
        decided.state = vec![write("gate", op.clone()), write("~gate", op)];
        journal.commit(decided, Ends::default()).await.unwrap();
    }
    let reader = journal.reader().unwrap();
    let points = reader.state_history("gate", None, 10).unwrap();
    let seen: Vec<_> = points
        .iter()
        .map(|point| (point.at.0 - NOON, point.value.clone(), point.run))
        .collect();
    assert_eq!(
        seen,
        [
            (0, Some(json!({"open": true})), 1),
            (2, None, 3),
            (4, Some(json!(2)), 5)
        ]
    );
    assert!(reader.state_history("~gate", None, 10).unwrap().is_empty());
    assert_eq!(reader.state_value("~gate").unwrap(), Some(json!(2)));
    let since = Some(Timestamp(NOON + 1));
    assert_eq!(reader.state_history("gate", since, 10).unwrap().len(), 2);
    let newest = reader.state_history("gate", None, 1).unwrap();
    assert_eq!(newest[0].value, Some(json!(2)), "of many, the newest");
}

#[tokio::test]
async fn a_value_set_by_hand_waits_for_the_host_and_goes_with_the_run_that_takes_it_over() {
    let home = tempfile::tempdir().unwrap();
    let wrong = edit_state(home.path(), "gate", Some(&json!(1))).unwrap_err();
    assert!(wrong.to_string().contains("porchlight.db"), "{wrong}");
    let journal = open(home.path());
    let first = edit_state(home.path(), "gate", Some(&json!({"open": true}))).unwrap();
    let second = edit_state(home.path(), "gate", None).unwrap();
    let reader = journal.reader().unwrap();
    let edits = reader.state_edits(0).unwrap();
    assert_eq!(edits.len(), 2);
    assert_eq!(
        (edits[0].id, &edits[0].value),
        (first, &Some(json!({"open": true})))
    );
    assert_eq!((edits[1].id, &edits[1].value), (second, &None));
    let beside = Beside {
        edit: Some(first),
        ..Beside::default()
    };
    let taken = run(0, "", "state:1");
    journal.commit_beside(taken, beside).await.unwrap();
    let left = reader.state_edits(0).unwrap();
    assert_eq!(left.iter().map(|one| one.id).collect::<Vec<_>>(), [second]);
    assert!(reader.state_edits(second).unwrap().is_empty());
}
