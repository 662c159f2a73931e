//! What loading, finding and running cost. Prints figures; judges nothing.

use porchlight_core::{Event, NewEvent, Proof, Timestamp};
use porchlight_script::{Host, HostConfig, Job, Lane, Past, Script, Subscriptions, Work};
use serde_json::json;
use std::sync::Arc;

fn main() {
    divan::main();
}

fn host() -> Host {
    Host::new(HostConfig {
        scripts_dir: "/nonexistent".into(),
        settings: json!({}),
        targets: json!({"light": {"porch": {"driver": "wled", "url": "http://10.0.0.5"}}}),
        ask: Arc::new(|_, _, _| Ok(json!({}))),
        clock: Arc::new(|| Timestamp(0)),
        ..HostConfig::default()
    })
}

const TYPICAL: &str = r#"
let family = setting("family", ["ABC123", "XYZ789"], "Plates");
on("platerecognizer.recognition", |event| {
    for seen in event.facts.plates {
        if seen.text in family {
            http::send("http://gate.lan/open");
        } else {
            sheet::append("visitors.csv", [event.time, seen.text, seen.score, event.facts.camera]);
        }
    }
});
"#;

fn event() -> Arc<Event> {
    let content = NewEvent {
        source: "driveway".into(),
        kind: "platerecognizer.recognition".into(),
        subject: None,
        time: "2023-11-14T22:13:20Z".into(),
        dedup_key: "k".into(),
        data: json!({"a": {"b": [1, 2, 3]}, "text": "x".repeat(500)})
            .to_string()
            .into(),
        facts: json!({"camera": "front", "plates": [{"text": "NOBODY1", "score": 0.9}]}),
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

#[divan::bench]
fn load_typical(bencher: divan::Bencher) {
    let host = host();
    bencher.bench(|| host.load("gate.rhai", TYPICAL).is_ok());
}

#[divan::bench]
fn load_with_light(bencher: divan::Bencher) {
    let host = host();
    let source = r#"on("**", |event| light::flash("porch"));"#;
    bencher.bench(|| host.load("gate.rhai", source).is_ok());
}

#[divan::bench]
fn new_host_and_first_load() -> bool {
    host().load("gate.rhai", TYPICAL).is_ok()
}

fn run(bencher: divan::Bencher, source: &str) {
    let host = host();
    let Ok(script) = host.load("gate.rhai", source) else {
        return;
    };
    let event = event();
    bencher.bench(|| host.run(&script, 0, &event, Timestamp(0)));
}

/// A lane that never asks what was before.
struct Nothing;

impl Past for Nothing {
    fn version(&mut self, script: &str, _: &str) -> Result<Arc<Script>, String> {
        Err(format!("{script} is not kept"))
    }

    fn event(&mut self, _: u64) -> Result<Option<Arc<Event>>, String> {
        Ok(None)
    }
}

/// As the dispatcher's threads do it: mode, key and cooldown are looked at, and the run is told.
fn in_a_lane(bencher: divan::Bencher, source: &str) {
    let host = host();
    let Ok(script) = host.load("gate.rhai", source) else {
        return;
    };
    let job = Job {
        script: Some(Arc::new(script)),
        event: Some(event()),
        work: Work::Handler(0),
    };
    let mut lane = Lane::default();
    bencher.bench_local(|| {
        let mut runs = 0;
        lane.perform(&host, &mut Nothing, job.clone(), &mut |_| runs += 1);
        runs
    });
}

#[divan::bench]
fn lane_empty(bencher: divan::Bencher) {
    in_a_lane(bencher, r#"on("**", |event| {});"#);
}

#[divan::bench]
fn lane_typical(bencher: divan::Bencher) {
    in_a_lane(bencher, TYPICAL);
}

#[divan::bench]
fn lane_with_a_key(bencher: divan::Bencher) {
    in_a_lane(
        bencher,
        r#"on("**", #{ mode: "single", key: "facts.camera" }, |event| {});"#,
    );
}

#[divan::bench]
fn run_empty(bencher: divan::Bencher) {
    run(bencher, r#"on("**", |event| {});"#);
}

#[divan::bench]
fn run_typical(bencher: divan::Bencher) {
    run(bencher, TYPICAL);
}

#[divan::bench]
fn run_filtered_out(bencher: divan::Bencher) {
    run(
        bencher,
        r#"on("**", #{ where: #{ "facts.camera": "rear" } }, |event| {});"#,
    );
}

#[divan::bench(args = [0, 10, 1_000, 10_000])]
fn match_beside_others(bencher: divan::Bencher, others: usize) {
    let host = host();
    let mut scripts: Vec<Arc<Script>> = Vec::new();
    let all = std::iter::once(TYPICAL.to_owned()).chain((0..others).map(|n| {
        let pattern = match n % 3 {
            0 => format!("vendor{n}.event"),
            1 => format!("vendor{n}.*"),
            _ => format!("vendor{n}.**"),
        };
        format!("on({pattern:?}, |event| {{}});")
    }));
    for source in all {
        if let Ok(script) = host.load("gate.rhai", &source) {
            scripts.push(Arc::new(script));
        }
    }
    let index = Subscriptions::build(&scripts);
    bencher.bench(|| index.matching("platerecognizer.recognition").count());
}

/// Handlers that all want the event: the work is theirs, and finding them is little beside it.
#[divan::bench(args = [1, 100, 10_000])]
fn match_all(bencher: divan::Bencher, count: usize) {
    let host = host();
    let source = "on(\"platerecognizer.*\", |event| {});\n".repeat(100.min(count));
    let Ok(script) = host.load("gate.rhai", &source) else {
        return;
    };
    let script = Arc::new(script);
    let same = (0..count.div_ceil(100)).map(|_| Arc::clone(&script));
    let scripts: Vec<Arc<Script>> = same.collect();
    let index = Subscriptions::build(&scripts);
    bencher.bench(|| index.matching("platerecognizer.recognition").count());
}

/// A change of one key, where each handler of `on_state` wants another one.
#[divan::bench(args = [1, 100, 10_000])]
fn match_key(bencher: divan::Bencher, count: usize) {
    let host = host();
    let source = |script: usize| -> String {
        let keys = script * 100..((script + 1) * 100).min(count);
        keys.map(|n| format!("on_state(\"sensor.{n}\", |change| {{}});\n"))
            .collect()
    };
    let loaded = (0..count.div_ceil(100)).filter_map(|n| host.load("gate.rhai", &source(n)).ok());
    let scripts: Vec<Arc<Script>> = loaded.map(Arc::new).collect();
    let index = Subscriptions::build(&scripts);
    let mut change = (*event()).clone();
    change.content.kind = "state.changed".to_owned();
    change.content.subject = Some("sensor.0".to_owned());
    bencher.bench(|| index.concerned(&change).count());
}
