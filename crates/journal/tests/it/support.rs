//! Events, runs and journals for the tests.

use bytes::Bytes;
use porchlight_core::{Action, NewEvent, NewWait, Outcome, Place, Proof, Run, Timestamp};
use porchlight_journal::{Claim, Journal, Options};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Noon of a day in the tests' life.
pub const NOON: i64 = 1_780_000_000_000;

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOON)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub fn options(&self) -> Options {
        let clock = self.0.clone();
        Options {
            clock: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
            ..Options::default()
        }
    }
}

pub fn open(dir: &Path) -> Journal {
    Journal::open(dir, Clock::new().options()).expect("the journal opens")
}

pub fn event(text: &str) -> NewEvent {
    NewEvent {
        source: "driveway".into(),
        kind: "test.event".into(),
        subject: Some("camera 1".into()),
        time: "2026-11-22T12:00:00.1234567Z".into(),
        dedup_key: format!("sha256:{text}"),
        data: Bytes::from(json!({ "text": text }).to_string()),
        facts: json!({ "camera": "front" }),
        received: Timestamp(NOON),
        peer: "192.0.2.7".into(),
        headers: vec![("content-type".into(), "application/json".into())],
        query: "a=1".into(),
        verified: Proof {
            scheme: "hmac".into(),
            secret: Some("secret".into()),
            body: true,
            certificate: None,
        },
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    }
}

pub fn claim(key: &str) -> Option<Claim> {
    Some(Claim {
        key: key.to_owned(),
        ttl: Duration::from_secs(3600),
    })
}

pub fn run(event: u64, script: &str, handler: &str) -> Run {
    Run {
        event,
        script: script.into(),
        script_hash: "hash-1".into(),
        handler: handler.into(),
        place: Place {
            path: script.into(),
            line: 3,
            column: 1,
        },
        title: "on(\"test.*\")".into(),
        started: Timestamp(NOON),
        duration_us: 420,
        outcome: Outcome::Ok,
        logs: Vec::new(),
        actions: Vec::new(),
        state: Vec::new(),
        waits: Vec::new(),
        cancelled: Vec::new(),
        emitted: Vec::new(),
        asked: Vec::new(),
        depth: 0,
    }
}

pub fn action(title: &str) -> Action {
    Action {
        kind: "http.send".into(),
        title: title.into(),
        args: json!({ "url": "http://127.0.0.1:9/" }),
        lane: "http://127.0.0.1:9".into(),
        key: String::new(),
        expires: Timestamp(NOON + 60_000),
        retries: 3,
    }
}

pub fn wait(event: u64, function: &str) -> NewWait {
    NewWait {
        due: Timestamp(NOON + 300_000),
        script: "gate.rhai".into(),
        script_hash: "hash-1".into(),
        function: function.into(),
        arguments: vec![json!(1), json!({ "a": [true, null] })],
        event,
        title: "later(\"5m\")".into(),
        line: 7,
        name: format!("{event}/gate.rhai/0#{function}"),
        ..NewWait::default()
    }
}
