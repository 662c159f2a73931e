//! What open waits cost while they wait: per turn of the dispatcher, per event, per wait begun.
//!
//! `cargo bench -p porchlight-script --bench waits`. Nothing here may grow with their number, but
//! for what an event that they wait for ends.

use divan::{Bencher, black_box};
use porchlight_core::{
    Chain, Event, NewEvent, NewWait, OnGap, OnReload, Proof, Timestamp, Wait, WaitKind,
};
use porchlight_script::Agenda;
use serde_json::json;

const OPEN: [u64; 4] = [0, 100, 10_000, 100_000];

fn main() {
    divan::main();
}

/// Every third waits for a time, for an event of a type, for events of a pattern.
fn wait(id: u64) -> Wait {
    let for_event = |pattern: &str| WaitKind::Event {
        pattern: pattern.to_owned(),
        filter: vec![("data.id".to_owned(), json!(id))],
        function: String::new(),
        arguments: Vec::new(),
    };
    let kind = match id % 3 {
        0 => WaitKind::Later,
        1 => for_event("camera.motion"),
        _ => for_event("door.*"),
    };
    let content = NewWait {
        name: format!("wait {id}"),
        kind,
        due: Timestamp(1_000_000 + id.cast_signed()),
        script: format!("script{}.rhai", id % 100),
        script_hash: "0123456789abcdef".into(),
        function: "gate.rhai#anon$1".into(),
        arguments: Vec::new(),
        event: 0,
        title: "later(\"5m\")".into(),
        line: 1,
        depth: 0,
        chain: Chain::default(),
        began: Timestamp(0),
        on_gap: OnGap::Fire,
        on_reload: if id.is_multiple_of(10) {
            OnReload::Cancel
        } else {
            OnReload::Finish
        },
        cut_off: false,
        origin: String::new(),
    };
    Wait { id, content }
}

fn agenda(open: u64) -> Agenda {
    let mut agenda = Agenda::default();
    (0..open).for_each(|id| agenda.add(wait(id)));
    agenda
}

fn event(kind: &str) -> Event {
    let data = json!({"id": "none of them", "text": "x".repeat(900)});
    let content = NewEvent {
        source: "driveway".into(),
        kind: kind.into(),
        subject: None,
        time: "2023-11-14T22:13:20Z".into(),
        dedup_key: "k".into(),
        data: data.to_string().into(),
        facts: json!({}),
        received: Timestamp(0),
        peer: String::new(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof::default(),
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    };
    Event { id: 1, content }
}

/// What each turn of the dispatcher asks.
#[divan::bench(args = OPEN)]
fn a_turn(bencher: Bencher, open: u64) {
    let agenda = agenda(open);
    bencher.bench(|| black_box(&agenda).next_due());
}

/// An event that nobody waits for.
#[divan::bench(args = OPEN)]
fn another_event(bencher: Bencher, open: u64) {
    let mut agenda = agenda(open);
    let event = event("gate.opened");
    bencher.bench_local(|| agenda.take_matching(&event).len());
}

/// An event whose type a third waits for, and whose fields none: the only case that grows.
#[divan::bench(args = OPEN)]
fn an_event_of_that_type(bencher: Bencher, open: u64) {
    let mut agenda = agenda(open);
    let event = event("camera.motion");
    bencher.bench_local(|| agenda.take_matching(&event).len());
}

#[divan::bench(args = OPEN)]
fn begin_and_cancel(bencher: Bencher, open: u64) {
    let mut agenda = agenda(open);
    bencher
        .with_inputs(|| wait(open + 1))
        .bench_local_values(|wait| {
            let id = wait.id;
            agenda.add(wait);
            agenda.remove(id).is_some()
        });
}

/// After each commit that began waits, and at each reload.
#[divan::bench(args = OPEN)]
fn look_for_reloaded(bencher: Bencher, open: u64) {
    let mut agenda = agenda(open);
    bencher.bench_local(|| {
        agenda
            .take_reloaded("script1.rhai", "0123456789abcdef")
            .len()
    });
}
