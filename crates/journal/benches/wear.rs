//! What one quiet event costs the memory card: bytes written per event of 300 bytes, one at a
//! time, each its own flush, as in a home where something happens once a second.
//!
//! `cargo bench -p porchlight-journal --bench wear`. `disk` is what the process caused to be
//! written (`write_bytes` of /proc/self/io: whole file-system blocks); `asked` is what it wrote
//! (`wchar`). The checkpoints that a real second-by-second run would have are included.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // it is a program that prints

use bytes::Bytes;
use porchlight_core::{
    Action, NewEvent, Outcome, Place, Proof, Receipt, Run, Settlement, Timestamp,
};
use porchlight_journal::{Appended, Ends, Journal, Options};

const EVENTS: u64 = 6000;

fn written() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    let number = |name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    (number("write_bytes"), number("wchar"))
}

#[tokio::main]
async fn main() {
    for (what, runs, actions) in [
        ("event alone, no handler", false, false),
        ("event and a run without actions", true, false),
        ("event, run, action and its receipt", true, true),
    ] {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::open(home.path(), Options::default()).unwrap();
        let before = written();
        for n in 0..EVENTS {
            let stored = journal.append(event(n), vec![], None).await.unwrap();
            let Appended::Stored(id) = stored else { return };
            if !runs {
                journal.finish(id);
                continue;
            }
            let ends = Ends {
                event_finished: true,
                wait: None,
            };
            let done = journal.commit(run(id, actions), ends).await.unwrap();
            for (id, _) in done.actions {
                let receipt = Receipt {
                    summary: "200 OK".into(),
                    detail: serde_json::json!({ "status": 200 }),
                };
                journal
                    .settle(id, Settlement::Done(receipt), 1)
                    .await
                    .unwrap();
            }
        }
        journal.close().await;
        let after = written();
        println!(
            "{what}: disk {} B, asked {} B per event",
            (after.0 - before.0) / EVENTS,
            (after.1 - before.1) / EVENTS
        );
    }
}

fn event(n: u64) -> NewEvent {
    NewEvent {
        source: "driveway".into(),
        kind: "platerecognizer.recognition".into(),
        subject: None,
        time: "2026-11-22T12:00:00.000Z".into(),
        dedup_key: format!("sha256:{n:064}"),
        data: Bytes::from(format!("{{\"n\":{n:05},\"text\":\"{}\"}}", "x".repeat(276))),
        facts: serde_json::json!({ "camera": "front" }),
        received: Timestamp(1_780_000_000_000),
        peer: "192.0.2.7".into(),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("user-agent".into(), "curl/8.5".into()),
            ("content-length".into(), "300".into()),
        ],
        query: String::new(),
        verified: Proof::default(),
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    }
}

fn run(event: u64, actions: bool) -> Run {
    let action = Action {
        kind: "http.send".into(),
        title: "light::flash(\"porch\")".into(),
        args: serde_json::json!({ "url": "http://10.0.0.5/json/state", "json": { "on": true } }),
        lane: "http://10.0.0.5:80".into(),
        key: String::new(),
        expires: Timestamp(1_780_000_060_000),
        retries: 3,
    };
    Run {
        event,
        script: "gate.rhai".into(),
        script_hash: "0123456789abcdef".into(),
        handler: "0".into(),
        place: Place::default(),
        title: "on(\"platerecognizer.*\")".into(),
        started: Timestamp(1_780_000_000_000),
        duration_us: 400,
        outcome: Outcome::Ok,
        logs: Vec::new(),
        actions: if actions { vec![action] } else { Vec::new() },
        state: Vec::new(),
        waits: Vec::new(),
        cancelled: Vec::new(),
        emitted: Vec::new(),
        asked: Vec::new(),
        depth: 0,
    }
}
