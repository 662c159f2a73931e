//! What becomes of actions whose targets fail: tried again in time, dead and visible, told to
//! scripts, retried by hand; and nothing of a secret in any of it.

use super::disk::{SmallDisk, fill};
use super::fake::Fake;
use super::house::{House, eventually, gate_config};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const REFUSES: &str = "HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n";

fn with_status(house: &House, status: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} actions are {status}"), || {
        let mut actions = house.actions();
        actions.retain(|action| action["status"] == status);
        (actions.len() >= count).then_some(actions)
    })
}

fn said(house: &House, args: &[&str]) -> (Option<i32>, String) {
    let output = house.porchlight(args);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn dead_actions_are_listed_and_retried_in_bulk_under_their_old_keys() {
    let (tickets, other) = (Fake::answering(REFUSES), Fake::answering(REFUSES));
    let script = format!(
        "on(\"gate.*\", |event| {{ for n in 0..3 {{ http::send(\"{}/n\"); }} http::send(\"{}/m\"); }});",
        tickets.url(),
        other.url()
    );
    let house = House::start(&gate_config(), &[("a.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    with_status(&house, "dead", 4);

    assert_eq!(house.json_lines(&["actions", "--dead", "--json"]).len(), 4);
    let lane = format!("{}*", tickets.url());
    let dry = ["actions", "retry", "--dead", "--lane", &lane, "--dry"];
    let (code, text) = said(&house, &dry);
    assert_eq!(code, Some(0));
    assert!(text.contains("3 actions would be tried again"), "{text}");
    assert_eq!(text.matches("dead").count(), 3, "{text}");
    assert_eq!(tickets.asked().len(), 3, "a dry listing changes nothing");

    for nothing in [
        ["--kind", "sheet.*"],
        ["--since", "2099-01-01T00:00:00Z"],
        ["--lane", "http://nowhere:80"],
    ] {
        let (code, text) = said(
            &house,
            &[&["actions", "retry", "--dead"], &nothing[..]].concat(),
        );
        assert_eq!(code, Some(1), "{nothing:?}: {text}");
    }

    for _ in 0..3 {
        tickets.answer_next("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    let bulk = [
        "actions", "retry", "--dead", "--since", "2h", "--kind", "http.*", "--lane", &lane,
    ];
    let (code, text) = said(&house, &bulk);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("\n3 actions; the running host"), "{text}");
    let done = house.wait_for_done(3);
    let keys: Vec<_> = tickets.asked();
    let keys: Vec<_> = keys
        .iter()
        .map(|one| one.header("idempotency-key"))
        .collect();
    assert_eq!(keys[..3], keys[3..], "the keys are kept");
    assert_eq!(with_status(&house, "dead", 1).len(), 1);

    // By number: one that is not dead is told, and the dead one beside it is tried all the same.
    let ids = [&done[0], &with_status(&house, "dead", 1)[0]].map(|one| one["id"].to_string());
    let (code, text) = said(&house, &["actions", "retry", &ids[0], &ids[1]]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("is done; only a dead one can be retried"),
        "{text}"
    );
    other.wait_for(2);
}

#[test]
fn an_action_that_is_retried_is_worth_doing_anew() {
    let fake = Fake::answering(REFUSES);
    let script = format!(
        "on(\"gate.*\", |event| http::send(\"{}/n\", #{{ ttl: \"3d\" }}));",
        fake.url()
    );
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    with_status(&house, "dead", 1);
    house.terminate();
    let journal = house.path().join("data/porchlight.db");
    let journal = rusqlite::Connection::open(journal).expect("the journal opens");
    let days = 4 * 86_400_000_i64;
    let past = format!(
        "UPDATE actions SET expires = expires - {days}; UPDATE runs SET started = started - {days};"
    );
    journal.execute_batch(&past).expect("four days pass");
    drop(journal);
    let (code, text) = said(&house, &["actions", "retry", "1"]);
    assert_eq!(code, Some(0), "{text}");
    let journal = house.path().join("data/porchlight.db");
    let journal = rusqlite::Connection::open(journal).expect("the journal opens");
    let left = "SELECT expires - unixepoch('subsec') * 1000 FROM actions WHERE status = 0";
    let left: f64 = journal
        .query_row(left, [], |row| row.get(0))
        .expect("one that is open");
    let three_days = 3.0 * 86_400_000.0;
    assert!(
        (three_days - 60_000.0..=three_days).contains(&left),
        "{left}"
    );
}

#[test]
fn a_lane_that_waits_is_shown_with_the_reason_and_the_moment_of_its_next_try() {
    let fake =
        Fake::answering("HTTP/1.1 429 Slow down\r\nRetry-After: 3000\r\nContent-Length: 0\r\n\r\n");
    let script = format!(
        "on(\"gate.*\", |event| {{ for n in 0..3 {{ http::send(\"{}/n\"); }} }});",
        fake.url()
    );
    let house = House::start(&gate_config(), &[("a.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    let text = eventually("the lane waits", || {
        let (_, text) = said(&house, &["actions"]);
        text.contains("tried again at").then_some(text)
    });
    let lane = format!("lane {}  action 1: limit: the answer was 429", fake.url());
    assert!(text.contains(&lane), "{text}");
    assert!(text.contains("; 2 wait behind it"), "{text}");
}

const TOLD: &str = r#"
on("action.*", |event| {
    let told = event.data;
    file::append("told.txt", `${event.type} ${told.title} ${told.kind} ${told.attempts} ${told.error.kind} run ${told.run} ${told.script} ${event.source}` + "\n");
});
"#;

#[test]
fn scripts_are_told_of_tries_that_fail_and_of_actions_that_are_dead() {
    let fake = Fake::answering(REFUSES);
    fake.answer_next("HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n");
    fake.answer_next("HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n");
    let tell = format!(
        "on(\"gate.*\", |event| http::send(\"{}/n\", #{{ title: \"ring\" }}));",
        fake.url()
    );
    let house = House::start(&gate_config(), &[("a.rhai", &tell), ("told.rhai", TOLD)]);
    house.post_ok("{\"type\":\"opened\"}");
    // The second failure of the lane within a minute is not told.
    house.wait_for_file(
        "told.txt",
        "action.failed ring http.send 1 vendor run 1 a.rhai porchlight\n\
         action.dead ring http.send 3 rejected run 1 a.rhai porchlight\n",
    );
    let events = house.events();
    let failed = events.iter().find(|one| one["type"] == "action.failed");
    let lane = fake.url();
    assert_eq!(failed.expect("told")["data"]["lane"], json!(lane));
    assert_eq!(failed.expect("told")["subject"], json!(lane));
}

#[test]
fn nobody_is_told_while_nobody_listens_by_name() {
    let fake = Fake::answering(REFUSES);
    let tell = format!(
        "on(\"**\", |event| http::send(\"{}/n\"));\non(\"porchlight.**\", |event| {{}});",
        fake.url()
    );
    let house = House::start(&gate_config(), &[("a.rhai", &tell)]);
    for n in 0..3 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
    }
    with_status(&house, "dead", 3);
    assert_eq!(house.events().len(), 3);
}

#[test]
fn an_action_that_dies_in_a_handler_for_dead_ones_does_not_go_round() {
    let fake = Fake::answering(REFUSES);
    let script = format!(
        r#"
        on("gate.*", |event| http::send("{url}/first"));
        on("action.dead", |event| {{
            http::send("{url}/told");
            emit("alarm.failed", #{{}});
            later("10ms", || http::send("{url}/later"));
        }});
        on("alarm.*", |event| http::send("{url}/alarm"));
        "#,
        url = fake.url()
    );
    let house = House::start(&gate_config(), &[("a.rhai", &script)]);
    for round in 1..=3 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{round}}}"));
        with_status(&house, "dead", 4 * round);
        let dead = house.events();
        let dead = dead.iter().filter(|one| one["type"] == "action.dead");
        assert_eq!(dead.count(), round);
    }
    assert_eq!(fake.asked().len(), 12);
}

#[test]
fn what_came_too_late_while_the_host_was_down_is_told_after_the_start() {
    let fake = Fake::start();
    fake.hold();
    let tell = format!(
        "on(\"gate.*\", |event| http::send(\"{}/n\", #{{ title: \"ring\" }}));",
        fake.url()
    );
    let mut house = House::start(&gate_config(), &[("a.rhai", &tell), ("told.rhai", TOLD)]);
    house.post_ok("{\"type\":\"opened\"}");
    fake.wait_for(1);
    house.kill();
    let journal = house.path().join("data/porchlight.db");
    let journal = rusqlite::Connection::open(journal).expect("the journal opens");
    journal
        .execute_batch("UPDATE actions SET expires = 1000;")
        .expect("time passes");
    drop(journal);
    house.restart();
    house.wait_for_file(
        "told.txt",
        "action.dead ring http.send 0 expired run 1 a.rhai porchlight\n",
    );
    fake.release();
}

/// The time from a webhook to the lamp that it lights, in the middle of many.
fn median(house: &House, lamp: &Fake, samples: &mut Vec<Duration>) {
    let before = lamp.asked().len();
    let begun = Instant::now();
    house.post_ok(&format!("{{\"type\":\"lamp\",\"n\":{before}}}"));
    let asked = lamp.wait_for(before + 1);
    samples.push(asked[before].at.duration_since(begun));
}

#[test]
fn a_hanging_target_with_a_thousand_actions_leaves_other_lanes_as_quick_as_they_were() {
    let hangs = Fake::start();
    hangs.hold();
    let houses = [(); 2].map(|()| {
        let lamp = Fake::start();
        let script = format!(
            r#"
            on("gate.flood", |event| {{ for n in 0..50 {{ http::send("{}/n", #{{ limit: "shared" }}); }} }});
            on("gate.lamp", |event| http::send("{}/on"));
            "#,
            hangs.url(),
            lamp.url()
        );
        let config = gate_config() + "[limit.shared]\nin_flight = 1\n";
        (House::start(&config, &[("a.rhai", &script)]), lamp)
    });
    let [(idle, idle_lamp), (flooded, lamp)] = &houses;
    for n in 0..20 {
        flooded.post_ok(&format!("{{\"type\":\"flood\",\"n\":{n}}}"));
    }
    with_status(flooded, "open", 1000);
    // Side by side, so that whatever else this machine does slows both.
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        median(idle, idle_lamp, &mut without);
        median(flooded, lamp, &mut with);
    }
    without.sort();
    with.sort();
    let ratio = with[30].as_secs_f64() / without[30].as_secs_f64();
    eprintln!(
        "to the lamp: {:?} beside an idle target, {:?} beside one that hangs ({ratio:.2})",
        without[30], with[30]
    );
    assert!(ratio < 2.5, "{ratio}: {without:?} {with:?}");
    assert_eq!(hangs.asked().len(), 1);
}

#[test]
fn kill_9_in_the_middle_of_a_pause_keeps_the_pause_the_tries_and_the_key() {
    let fake = Fake::start();
    fake.answer_next("HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n");
    let script = format!("on(\"gate.*\", |event| http::send(\"{}/n\"));", fake.url());
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    eventually("the first try is recorded", || {
        let actions = house.actions();
        let first = actions.first()?;
        (first["attempts"] == 1).then_some(())
    });
    house.kill();
    house.restart();
    let done = house.wait_for_done(1);
    assert_eq!(done[0]["attempts"], 2);
    let asked = fake.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].at - asked[0].at >= Duration::from_millis(1900));
    assert!(asked[0].header("idempotency-key").is_some());
    assert_eq!(
        asked[0].header("idempotency-key"),
        asked[1].header("idempotency-key")
    );
}

#[test]
fn a_clock_that_was_set_back_does_not_stretch_a_pause() {
    let fake = Fake::start();
    fake.answer_next("HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n");
    let script = format!("on(\"gate.*\", |event| http::send(\"{}/n\"));", fake.url());
    let mut house = House::start(&gate_config(), &[("a.rhai", &script)]);
    house.post_ok("{\"type\":\"opened\"}");
    eventually("the first try is recorded", || {
        let actions = house.actions();
        let first = actions.first()?;
        (first["attempts"] == 1).then_some(())
    });
    house.kill();
    // All of it was written by a clock that ran ahead by ten hours.
    let journal = house.path().join("data/porchlight.db");
    let journal = rusqlite::Connection::open(journal).expect("the journal opens");
    let ahead = 36_000_000_i64;
    let moved = format!(
        "UPDATE actions SET not_before = not_before + {ahead}, settled = settled + {ahead}, expires = expires + {ahead};"
    );
    journal.execute_batch(&moved).expect("the clock is set");
    drop(journal);
    house.restart();
    assert_eq!(house.wait_for_done(1)[0]["attempts"], 2);
}

#[test]
fn an_outcome_that_finds_the_disk_full_is_stored_when_there_is_room_and_nothing_is_done_twice() {
    let fake = Fake::start();
    fake.hold();
    let script = format!("on(\"gate.*\", |event| http::send(\"{}/n\"));", fake.url());
    let mut house = House::furnish(&gate_config(), &[("a.rhai", &script)]);
    let Some(_disk) = SmallDisk::mount(&house.path().join("data"), "4m") else {
        eprintln!("SKIPPED: this machine does not let the test mount a small file system");
        return;
    };
    house.restart();
    house.post_ok("{\"type\":\"opened\"}");
    fake.wait_for(1);
    let filler = house.path().join("data/recording.bin");
    fill(&filler);
    // The journal may have some pages of its own left: only a refusal shows that it is full.
    for (word, size) in [("large", 20_000), ("small", 0)] {
        let pad = "x".repeat(size);
        let mut n = 0;
        eventually("the disk is full", || {
            n += 1;
            let body = format!("{{\"type\":\"{word}\",\"n\":{n},\"pad\":\"{pad}\"}}");
            (house.post(&body).status == 503).then_some(())
        });
        fill(&house.path().join("data").join(word));
    }
    let waiting = fake.asked().len();
    fake.release();
    house.wait_until_said("the outcome of an action can't be stored yet");
    assert_eq!(
        fake.asked().len(),
        waiting,
        "the next one waits for the outcome"
    );
    for file in [
        filler,
        house.path().join("data/large"),
        house.path().join("data/small"),
    ] {
        std::fs::remove_file(file).expect("room again");
    }
    let stored = house.wait_for_done(1);
    assert_eq!(stored.last().expect("done")["attempts"], 1);
    eventually("all are done", || {
        let actions = house.actions();
        let done = actions.iter().all(|action| action["status"] == "done");
        (done && actions.len() == fake.asked().len()).then_some(())
    });
}
