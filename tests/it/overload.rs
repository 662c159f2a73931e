//! More than fits into memory: what a script can't take in time waits in the journal, in order, and
//! nothing is lost and nothing runs twice.

use super::fake::Fake;
use super::house::{House, eventually, gate_config, signed};
use super::http::{connect, read_answer};
use std::collections::BTreeMap;
use std::io::Write;

/// Posts these numbers on eight connections at once; all must be stored.
fn post_all(house: &House, count: usize) {
    let address = house.address;
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            std::thread::spawn(move || {
                let mut stream = connect(address).expect("connect");
                for n in (sender..count).step_by(8) {
                    let body = format!("{{\"type\":\"opened\",\"n\":{n}}}");
                    stream.write_all(&signed("gate", &body)).expect("write");
                    assert_eq!(read_answer(&mut stream).expect("an answer").status, 200);
                }
            })
        })
        .collect();
    for sender in senders {
        sender.join().expect("a sender");
    }
}

/// How often each event was run by each script.
fn runs_by_script(house: &House) -> BTreeMap<(String, u64), usize> {
    let mut counts = BTreeMap::new();
    for run in house.runs() {
        let script = run["script"].as_str().unwrap_or_default().to_owned();
        *counts
            .entry((script, run["event"].as_u64().unwrap_or(0)))
            .or_default() += 1;
    }
    counts
}

#[test]
fn a_script_that_hangs_defers_its_events_to_the_journal_and_loses_none() {
    let fake = Fake::start();
    fake.hold();
    let slow = format!(
        "let once = \"x\";\non(\"gate.*\", |event| {{ if state::get(\"held\") == () {{ state::set(\"held\", true); http::get(\"{}/x\"); }} }});",
        fake.url()
    );
    let quick = "on(\"gate.*\", |event| { state::add(\"n\", 1); });";
    let mut house = House::start(
        &gate_config(),
        &[("slow.rhai", &slow), ("quick.rhai", quick)],
    );
    post_all(&house, 1500);
    eventually("the quick script is done with all", || {
        let runs = runs_by_script(&house);
        let quick = runs
            .keys()
            .filter(|(script, _)| script == "quick.rhai")
            .count();
        (quick == 1500).then_some(())
    });
    // Half of it in this life, the rest after a crash.
    fake.release();
    house.wait_for_runs(1700);
    house.kill();
    house.restart();
    let runs = eventually("both scripts are done with all", || {
        let runs = runs_by_script(&house);
        (runs.len() >= 3000).then_some(runs)
    });
    assert_eq!(runs.len(), 3000);
    let twice: Vec<_> = runs.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn a_flood_is_run_completely_without_a_restart() {
    let script = "on(\"gate.*\", |event| { state::add(\"n\", 1); });";
    let house = House::start(&gate_config(), &[("a.rhai", script), ("b.rhai", script)]);
    post_all(&house, 6000);
    let runs = eventually("all have run", || {
        let runs = runs_by_script(&house);
        (runs.len() >= 12_000).then_some(runs)
    });
    assert_eq!(runs.len(), 12_000);
    assert!(runs.values().all(|count| *count == 1));
}
