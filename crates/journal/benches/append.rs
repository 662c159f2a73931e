//! Durable appends per second, with one and with many waiters, beside a bare loop that does only
//! what is unavoidable: a channel, one thread, one table, one transaction per batch.
//!
//! `cargo bench -p porchlight-journal --bench append`; what counts is the ratio within one run.
#![allow(missing_docs, clippy::unwrap_used)] // the bench macros generate undocumented items

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use porchlight_core::{NewEvent, Outcome, Place, Proof, Run, Timestamp};
use porchlight_journal::{Claim, Ends, Journal, Options};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

const PER_WAITER: u64 = 100;
const WAITERS: [u64; 2] = [1, 64];

fn main() {
    divan::main();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
}

fn event(n: u64) -> NewEvent {
    NewEvent {
        source: "driveway".into(),
        kind: "platerecognizer.recognition".into(),
        subject: None,
        time: "2026-11-22T12:00:00.000Z".into(),
        dedup_key: n.to_string(),
        data: Bytes::from(format!("{{\"n\":{n},\"text\":\"{}\"}}", "x".repeat(1180))),
        facts: serde_json::json!({ "camera": "front" }),
        received: Timestamp(1_780_000_000_000),
        peer: "192.0.2.7".into(),
        headers: vec![("content-type".into(), "application/json".into())],
        query: String::new(),
        verified: Proof::default(),
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    }
}

fn run(event: u64) -> Run {
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
        actions: Vec::new(),
        state: Vec::new(),
        waits: Vec::new(),
        cancelled: Vec::new(),
        emitted: Vec::new(),
        asked: Vec::new(),
        depth: 0,
    }
}

/// Runs the waiters, each storing one after the other.
fn drive<F>(bencher: Bencher, waiters: u64, store: impl Fn(u64) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    let runtime = runtime();
    let number = Arc::new(AtomicU64::new(0));
    bencher
        .counter(ItemsCount::new(waiters * PER_WAITER))
        .bench_local(|| {
            runtime.block_on(async {
                let tasks: Vec<_> = (0..waiters)
                    .map(|_| {
                        let (store, number) = (store.clone(), number.clone());
                        tokio::spawn(async move {
                            for _ in 0..PER_WAITER {
                                store(number.fetch_add(1, Ordering::Relaxed)).await;
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        });
}

#[divan::bench(args = WAITERS, sample_count = 30, sample_size = 1)]
fn journal(bencher: Bencher, waiters: u64) {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path(), Options::default()).unwrap();
    drive(bencher, waiters, move |n| {
        let journal = journal.clone();
        async move {
            let claim = Claim {
                key: n.to_string(),
                ttl: Duration::from_secs(86_400),
            };
            journal.append(event(n), vec![], Some(claim)).await.unwrap();
        }
    });
}

#[divan::bench(args = WAITERS, sample_count = 30, sample_size = 1)]
fn journal_with_a_run_each(bencher: Bencher, waiters: u64) {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path(), Options::default()).unwrap();
    drive(bencher, waiters, move |n| {
        let journal = journal.clone();
        async move {
            let stored = journal.append(event(n), vec![], None).await.unwrap();
            let porchlight_journal::Appended::Stored(id) = stored else {
                return;
            };
            let ends = Ends {
                event_finished: true,
                wait: None,
            };
            journal.commit(run(id), ends).await.unwrap();
        }
    });
}

#[divan::bench(args = WAITERS, sample_count = 30, sample_size = 1)]
fn bare_group_commit(bencher: Bencher, waiters: u64) {
    let home = tempfile::tempdir().unwrap();
    let mut connection = rusqlite::Connection::open(home.path().join("bare.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000;
             CREATE TABLE events(id INTEGER PRIMARY KEY, at INTEGER, source TEXT, topic TEXT, key TEXT, body BLOB)",
        )
        .unwrap();
    let (sender, receiver) = mpsc::sync_channel::<(NewEvent, oneshot::Sender<()>)>(4096);
    std::thread::spawn(move || {
        while let Ok(first) = receiver.recv() {
            let mut replies = Vec::new();
            let transaction = connection.transaction().unwrap();
            for (event, reply) in std::iter::once(first).chain(receiver.try_iter()).take(512) {
                transaction
                    .prepare_cached(
                        "INSERT INTO events(at, source, topic, key, body) VALUES(?, ?, ?, ?, ?)",
                    )
                    .unwrap()
                    .execute((
                        event.received.0,
                        &event.source,
                        &event.kind,
                        &event.dedup_key,
                        event.data.as_ref(),
                    ))
                    .unwrap();
                replies.push(reply);
            }
            transaction.commit().unwrap();
            for reply in replies {
                reply.send(()).unwrap();
            }
        }
    });
    drive(bencher, waiters, move |n| {
        let sender = sender.clone();
        async move {
            let (reply, done) = oneshot::channel();
            sender.send((event(n), reply)).unwrap();
            done.await.unwrap();
        }
    });
}
