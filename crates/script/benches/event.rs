//! What it costs a script to look into an event, by the size of its body and by how much it reads.
//!
//! `cargo bench -p porchlight-script --bench event`. The first lines are a table: each figure
//! beside the building of a whole tree by serde_json, in the same run and in turns with it, so that
//! a busy machine slows both; then divan's own figures.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on fails loudly, and prints what it found"
)]

use divan::{Bencher, black_box};
use porchlight_core::{Event, NewEvent, Outcome, Proof, Timestamp};
use porchlight_script::{Host, HostConfig, STACK_SIZE, Script};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// Rounds of the table; the fastest of each counts.
const ROUNDS: usize = 300;

/// What is read, and the handler that reads it.
const READS: [(&str, &str); 6] = [
    ("nothing", "on(\"**\", |event| {});"),
    ("one field", "on(\"**\", |event| { event.data.camera; });"),
    (
        "one field, compared",
        "on(\"**\", |event| { if event.data.camera == \"front\" { 1 } });",
    ),
    (
        "a filter on a field",
        "on(\"**\", #{ where: #{ \"data.camera\": \"front\" } }, |event| {});",
    ),
    ("half of it", "on(\"**\", |event| { event.data.items; });"),
    ("all of it", "on(\"**\", |event| { event.data.to_map(); });"),
];

fn main() {
    let all = || {
        table();
        divan::main();
    };
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE);
    let ended = thread.spawn(all).expect("a thread").join();
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

fn host() -> Host {
    Host::new(HostConfig {
        scripts_dir: "/nonexistent".into(),
        ..HostConfig::default()
    })
}

fn script(host: &Host, source: &str) -> Script {
    host.load("gate.rhai", source).expect("a sound script")
}

/// A camera's message: a few fields, and two lists that make up its size.
fn body(size: usize) -> String {
    let mut items = Vec::new();
    let mut length = 0;
    while length < size - size.min(200) {
        let number = items.len();
        let item =
            json!({"name": format!("Rectangle {number}"), "confidence": 0.25, "box": [1, 2, 3]});
        length += item.to_string().len() + 1;
        items.push(item);
    }
    let history = items.split_off(items.len() / 2);
    json!({
        "id": 17, "camera": "front", "time": "2027-01-15T08:00:00Z", "zone": {"name": "drive"},
        "items": items, "history": history,
    })
    .to_string()
}

/// A new event each time, as nothing of the last one may be known.
fn event(data: &str) -> Arc<Event> {
    let content = NewEvent {
        source: "driveway".into(),
        kind: "camera.motion".into(),
        subject: None,
        time: "2023-11-14T22:13:20Z".into(),
        dedup_key: "k".into(),
        data: data.to_owned().into(),
        facts: json!({"camera": "front"}),
        received: Timestamp(0),
        peer: String::new(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof::default(),
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    };
    Arc::new(Event { id: 1, content })
}

fn time<T>(best: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = black_box(work());
    *best = (*best).min(begin.elapsed());
    result
}

fn table() {
    let host = host();
    println!(
        "{:22} {:>7} {:>10} {:>10} {:>7}",
        "read", "bytes", "whole tree", "run", "ratio"
    );
    for size in SIZES {
        let text = body(size);
        for (name, source) in READS {
            let script = script(&host, source);
            let (mut tree, mut run) = (Duration::MAX, Duration::MAX);
            for _ in 0..ROUNDS {
                time(&mut tree, || serde_json::from_str::<Value>(&text).is_ok());
                let event = event(&text);
                let ended = time(&mut run, || host.run(&script, 0, &event, Timestamp(0)));
                assert_eq!(ended.outcome, Outcome::Ok, "what is measured has to work");
            }
            let micros = |time: Duration| format!("{:.1} µs", time.as_secs_f64() * 1e6);
            println!(
                "{name:22} {:>7} {:>10} {:>10} {:>7.2}",
                text.len(),
                micros(tree),
                micros(run),
                run.as_secs_f64() / tree.as_secs_f64()
            );
        }
    }
}

fn read(bencher: Bencher, size: usize, number: usize) {
    let host = host();
    let script = script(&host, READS[number].1);
    let text = body(size);
    bencher
        .with_inputs(|| event(&text))
        .bench_refs(|event| host.run(&script, 0, event, Timestamp(0)));
}

#[divan::bench(args = SIZES)]
fn nothing(bencher: Bencher, size: usize) {
    read(bencher, size, 0);
}

#[divan::bench(args = SIZES)]
fn one_field(bencher: Bencher, size: usize) {
    read(bencher, size, 1);
}

#[divan::bench(args = SIZES)]
fn filter(bencher: Bencher, size: usize) {
    read(bencher, size, 3);
}

#[divan::bench(args = SIZES)]
fn all(bencher: Bencher, size: usize) {
    read(bencher, size, 5);
}

#[divan::bench(args = SIZES)]
fn check_alone(bencher: Bencher, size: usize) {
    let text = body(size);
    bencher.bench(|| porchlight_core::json::check(black_box(&text)).is_ok());
}

/// The second of two handlers of one event finds what the first looked up.
#[divan::bench(args = SIZES)]
fn one_field_again(bencher: Bencher, size: usize) {
    let host = host();
    let script = script(&host, READS[1].1);
    let event = event(&body(size));
    bencher.bench(|| host.run(&script, 0, &event, Timestamp(0)));
}
