//! What falls due when, and what an event ends.

use super::*;
use porchlight_core::{NewEvent, NewWait, Proof};
use serde_json::json;

fn wait(id: WaitId, due: i64) -> Wait {
    let content = NewWait {
        due: Timestamp(due),
        script: "a.rhai".into(),
        script_hash: "1".into(),
        ..NewWait::default()
    };
    Wait { id, content }
}

fn wait_for(id: WaitId, pattern: &str, began: i64) -> Wait {
    let mut wait = wait(id, 1_000_000);
    wait.content.began = Timestamp(began);
    wait.content.kind = WaitKind::Event {
        pattern: pattern.to_owned(),
        filter: vec![("facts.door".to_owned(), json!("front"))],
        function: String::new(),
        arguments: Vec::new(),
    };
    wait
}

fn event(kind: &str, door: &str, received: i64) -> Event {
    let content = NewEvent {
        source: "house".into(),
        kind: kind.into(),
        subject: None,
        time: String::new(),
        dedup_key: String::new(),
        data: "null".into(),
        facts: json!({ "door": door }),
        received: Timestamp(received),
        peer: String::new(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof::default(),
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    };
    Event { id: 9, content }
}

fn agenda(waits: impl IntoIterator<Item = Wait>) -> Agenda {
    let mut agenda = Agenda::default();
    waits.into_iter().for_each(|wait| agenda.add(wait));
    agenda
}

fn ids(waits: &[Wait]) -> Vec<WaitId> {
    waits.iter().map(|wait| wait.id).collect()
}

#[test]
fn waits_fall_due_in_order_and_only_once() {
    let mut agenda = agenda([wait(1, 30), wait(2, 10), wait(3, 20)]);
    assert_eq!(agenda.next_due(), Some(Timestamp(10)));
    assert_eq!(ids(&agenda.take_due(Timestamp(20))), [2, 3]);
    assert!(agenda.take_due(Timestamp(20)).is_empty());
    assert_eq!(agenda.len(), 1);
}

#[test]
fn a_removed_wait_never_falls_due() {
    let mut agenda = agenda([wait(1, 10)]);
    assert!(agenda.remove(1).is_some());
    assert!(agenda.take_due(Timestamp(i64::MAX)).is_empty());
    assert_eq!(agenda.next_due(), None);
}

#[test]
fn an_event_ends_the_waits_for_it_once() {
    let mut agenda = agenda([
        wait_for(1, "door.opened", 0),
        wait_for(2, "door.*", 0),
        wait_for(3, "window.*", 0),
    ]);
    let opened = event("door.opened", "front", 5);
    assert_eq!(ids(&agenda.take_matching(&opened)), [1, 2]);
    assert!(agenda.take_matching(&opened).is_empty());
    assert_eq!(ids(&agenda.take_due(Timestamp(i64::MAX))), [3]);
}

#[test]
fn an_event_of_before_or_with_other_fields_ends_nothing() {
    let mut agenda = agenda([wait_for(1, "door.opened", 10)]);
    let earlier = event("door.opened", "front", 9);
    let other = event("door.opened", "back", 11);
    assert!(agenda.take_matching(&earlier).is_empty());
    assert!(agenda.take_matching(&other).is_empty());
    assert_eq!(agenda.len(), 1);
}

#[test]
fn a_clock_that_is_set_moves_the_waits_with_it() {
    let mut agenda = agenda([wait(1, 100)]);
    let moved = agenda.shift(true, Duration::from_millis(50));
    assert_eq!((moved.len(), moved[0].due), (1, Timestamp(150)));
    assert!(agenda.take_due(Timestamp(149)).is_empty());
    agenda.shift(false, Duration::from_millis(100));
    assert_eq!(ids(&agenda.take_due(Timestamp(50))), [1]);
}

#[test]
fn a_clock_that_is_set_back_keeps_no_event_from_ending_a_wait_of_before() {
    let mut agenda = agenda([wait_for(1, "door.opened", 100_000)]);
    let moved = agenda.shift(false, Duration::from_millis(90_000));
    assert_eq!(moved[0].began, Timestamp(10_000));
    let opened = event("door.opened", "front", 10_001);
    assert_eq!(ids(&agenda.take_matching(&opened)), [1]);
}

#[test]
fn a_deadline_moves_with_the_clock() {
    let mut limited = wait(1, 100);
    limited.content.chain.until = Some(Timestamp(500));
    let mut agenda = agenda([limited]);
    let moved = agenda.shift(true, Duration::from_millis(1_000));
    assert_eq!(moved[0].until, Some(Timestamp(1_500)));
    let taken = agenda.take_due(Timestamp(1_100));
    assert_eq!(taken[0].chain.until, Some(Timestamp(1_500)));
}

#[test]
fn a_gap_fires_drops_or_does_not_count() {
    let mut drop = wait(1, 100);
    drop.content.on_gap = OnGap::Drop;
    let mut resume = wait(2, 100);
    resume.content.on_gap = OnGap::Resume;
    let mut later = wait(4, 2_000);
    later.content.on_gap = OnGap::Drop;
    let mut agenda = agenda([drop, resume, wait(3, 100), later]);
    let gap = agenda.resume(Some(Timestamp(60)), Timestamp(1_060));
    assert_eq!(ids(&gap.dropped), [1]);
    let moved: Vec<_> = gap.moved.iter().map(|one| (one.id, one.due)).collect();
    assert_eq!(moved, [(2, Timestamp(1_100))]);
    assert_eq!(ids(&agenda.take_due(Timestamp(1_060))), [3]);
    assert_eq!(ids(&agenda.take_due(Timestamp(1_100))), [2]);
    assert_eq!(agenda.len(), 1, "it had not fallen due");
}

#[test]
fn a_new_version_ends_the_waits_that_say_so() {
    let mut cancel = wait(1, 100);
    cancel.content.on_reload = OnReload::Cancel;
    let mut agenda = agenda([cancel, wait(2, 100)]);
    assert!(agenda.take_reloaded("a.rhai", "1").is_empty());
    assert_eq!(ids(&agenda.take_reloaded("a.rhai", "2")), [1]);
    assert_eq!(agenda.len(), 1);
}
