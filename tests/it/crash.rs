//! The promise that matters most: what was answered 2xx is never lost, and what has a receipt is
//! never done again, whenever the power goes.

use super::fake::Fake;
use super::house::{House, eventually, gate_config, signed};
use super::http::{connect, read_answer};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A script that does something that a test can count: one call for each event.
fn calling(fake: &Fake) -> String {
    format!(
        "on(\"gate.*\", |event| {{ state::add(\"count\", 1); http::send(\"{}/did\", #{{ json: #{{ n: event.data.n }} }}); }});",
        fake.url()
    )
}

/// Posts numbered events on one connection until the program dies; notes what was acknowledged.
fn load(
    address: SocketAddr,
    next: &AtomicU64,
    stop: &AtomicBool,
    acknowledged: &Mutex<BTreeSet<u64>>,
) {
    let Ok(mut stream) = connect(address) else {
        return;
    };
    while !stop.load(Ordering::Relaxed) {
        let n = next.fetch_add(1, Ordering::Relaxed);
        let body = format!("{{\"type\":\"opened\",\"n\":{n}}}");
        if stream.write_all(&signed("gate", &body)).is_err() {
            return;
        }
        match read_answer(&mut stream) {
            Ok(answer) if answer.status == 200 => _ = acknowledged.lock().expect("lock").insert(n),
            _ => return,
        }
    }
}

#[test]
fn kill_9_in_the_middle_of_load_loses_no_acknowledged_event_and_repeats_no_action_with_a_receipt() {
    let fake = Fake::start();
    let mut house = House::start(&gate_config(), &[("call.rhai", &calling(&fake))]);
    let next = Arc::new(AtomicU64::new(0));
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let mut settled = BTreeSet::new();
    for round in 0..20_u64 {
        let stop = Arc::new(AtomicBool::new(false));
        let before = next.load(Ordering::Relaxed);
        let loaders: Vec<_> = (0..4)
            .map(|_| {
                let (next, stop, acknowledged) = (
                    Arc::clone(&next),
                    Arc::clone(&stop),
                    Arc::clone(&acknowledged),
                );
                let address = house.address;
                std::thread::spawn(move || load(address, &next, &stop, &acknowledged))
            })
            .collect();
        // Another moment in every round: after 5, 12, 19, … deliveries.
        eventually("some load", || {
            (next.load(Ordering::Relaxed) >= before + 5 + 7 * round).then_some(())
        });
        house.kill();
        stop.store(true, Ordering::Relaxed);
        for loader in loaders {
            loader.join().expect("a loader");
        }
        // Whatever has a receipt now must never be asked for again.
        let asked_before = fake.asked().len();
        let with_receipt: BTreeSet<u64> = house
            .actions()
            .iter()
            .filter(|action| action["status"] == "done")
            .filter_map(|action| action["args"]["json"]["n"].as_u64())
            .collect();
        house.restart();
        settled.extend(with_receipt.iter().copied());
        let repeated: Vec<u64> = fake.asked()[asked_before..]
            .iter()
            .filter_map(|asked| asked.json()["n"].as_u64())
            .filter(|n| with_receipt.contains(n))
            .collect();
        assert!(
            repeated.is_empty(),
            "done again in spite of a receipt: {repeated:?}"
        );
    }
    let acknowledged = acknowledged.lock().expect("lock").clone();
    assert!(
        acknowledged.len() > 100,
        "only {} events were acknowledged",
        acknowledged.len()
    );
    let events = house.events();
    let stored: BTreeSet<u64> = events
        .iter()
        .filter_map(|event| event["data"]["n"].as_u64())
        .collect();
    let lost: Vec<&u64> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    // Every stored event is run exactly once and its action is done.
    house.wait_for_done(stored.len());
    let runs = house.runs();
    assert_eq!(runs.len(), stored.len());
    let mut keys: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for asked in fake.asked() {
        let n = asked.json()["n"].as_u64().expect("a number");
        keys.entry(n).or_default().insert(
            asked
                .header("idempotency-key")
                .unwrap_or_default()
                .to_owned(),
        );
    }
    assert_eq!(keys.keys().copied().collect::<BTreeSet<_>>(), stored);
    for (n, keys) in keys {
        assert_eq!(
            keys.len(),
            1,
            "event {n} was acted on under several idempotency keys: {keys:?}"
        );
        assert!(!keys.contains(""), "no idempotency key");
    }
}

#[test]
fn a_wait_survives_kill_9_and_runs_the_version_that_began_it() {
    let old = r#"
        const NAME = "old";
        on("gate.opened", |event| {
            let who = event.data.who;
            later("2s", || file::save("later.txt", `${global::NAME} version for ${who}`));
        });
    "#;
    let mut house = House::start(&gate_config(), &[("wait.rhai", old)]);
    house.post_ok("{\"type\":\"opened\",\"who\":\"Eve\"}");
    house.wait_for_runs(1);
    house.kill();
    house.write_script(
        "wait.rhai",
        "const NAME = \"new\"; on(\"gate.never\", |event| {});",
    );
    house.restart();
    let text = eventually("the wait has run", || house.file("later.txt"));
    assert_eq!(text, "old version for Eve");
    let runs = house.wait_for_runs(2);
    assert_eq!(
        runs.iter()
            .filter(|run| run["handler"]
                .as_str()
                .is_some_and(|h| h.starts_with("wait:")))
            .count(),
        1
    );
}

#[test]
fn an_action_that_was_not_done_goes_on_after_kill_9() {
    let fake = Fake::answering("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let mut house = House::start(&gate_config(), &[("call.rhai", &calling(&fake))]);
    house.post_ok("{\"type\":\"opened\",\"n\":1}");
    fake.wait_for(1);
    house.kill();
    let tried = fake.asked().len();
    fake.answer_next("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    house.restart();
    let done = house.wait_for_done(1);
    assert_eq!(
        done[0]["receipt"]["summary"]
            .as_str()
            .map(|text| text.contains("200")),
        Some(true)
    );
    assert_eq!(fake.asked().len(), tried + 1);
}

#[test]
fn terminating_finishes_what_is_under_way_and_exits_0() {
    let fake = Fake::start();
    let mut house = House::start(&gate_config(), &[("call.rhai", &calling(&fake))]);
    for n in 0..50 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
    }
    assert_eq!(house.terminate(), Some(0));
    house.restart();
    house.wait_for_done(50);
    assert_eq!(house.events().len(), 50);
    assert_eq!(house.runs().len(), 50);
}
