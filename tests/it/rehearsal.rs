//! Replay and shadow reload, seen from outside: exact, and without any consequence.

use super::fake::Fake;
use super::house::{House, gate_config};
use serde_json::Value;
use std::process::Output;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn open(house: &House, n: u64) -> u64 {
    let event = house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
    serde_json::to_value(event)
        .ok()
        .and_then(|id| id.as_u64())
        .expect("an id")
}

/// Everything below the home, with sizes and times.
fn listing(house: &House) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let (mut found, mut folders) = (Vec::new(), vec![house.path().to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let about = entry.metadata().expect("metadata");
            if about.is_dir() {
                folders.push(entry.path());
            } else if !entry.path().to_string_lossy().ends_with("-shm") {
                let time = about.modified().expect("a time");
                found.push((entry.path(), about.len(), time));
            }
        }
    }
    found.sort();
    found
}

const APPEND: &str = "on(\"gate.*\", |event| { file::append(\"seen.txt\", `${event.data.n};`); });";

#[test]
fn a_replay_shows_what_the_scripts_would_do_now_and_touches_nothing() {
    let fake = Fake::start();
    let mut house = House::start(&gate_config(), &[("a.rhai", APPEND)]);
    for n in 1..=3 {
        open(&house, n);
    }
    house.wait_for_done(3);
    house.kill();
    let edited = format!(
        "on(\"gate.*\", |event| {{ http::send(\"{0}/x\", #{{ json: #{{ n: event.data.n }} }}); file::save(\"new.txt\", \"x\"); let a = http::get(\"{0}/y\"); }});",
        fake.url()
    );
    house.write_script("a.rhai", &edited);
    let before = listing(&house);
    let output = house.porchlight(&["replay"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains(&format!("http::send(\"{}/x\")", fake.url())),
        "{said}"
    );
    assert!(
        said.contains("3 events, 6 actions; nothing was performed"),
        "{said}"
    );
    assert!(said.contains("3 questions of scripts failed"), "{said}");
    assert_eq!(fake.asked().len(), 0, "no socket was opened");
    assert_eq!(listing(&house), before, "no file was touched");

    let output = house.porchlight(&["replay", "--diff"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("file::append(\"seen.txt\")"), "{said}");
    assert!(said.contains("3 with a difference"), "{said}");

    let output = house.porchlight(&["replay", "--event", "2", "--json"]);
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["args"]["json"]["n"], 2);
    assert_eq!(
        house.porchlight(&["replay", "--event", "99"]).status.code(),
        Some(3)
    );
    assert_eq!(
        house.porchlight(&["replay", "--script", "b"]).status.code(),
        Some(3)
    );
    assert_eq!(
        house
            .porchlight(&["replay", "--since", "then"])
            .status
            .code(),
        Some(3)
    );
}

#[test]
fn unchanged_scripts_do_in_a_replay_what_they_did_with_answers_waits_state_and_emitted_events() {
    let fake = Fake::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"name\":\"Eve\"}",
    );
    let asks = format!(
        "on(\"gate.*\", |event| {{
            let who = http::get(\"{}/who\").json.name;
            let count = state::add(\"count\", 1);
            file::append(\"who.txt\", `${{who}} ${{count}};`);
            emit(\"house.visitor\", #{{ who: who, n: event.data.n }});
            later(\"10ms\", || file::append(\"late.txt\", `${{event.data.n}};`));
        }});",
        fake.url()
    );
    let hears = "on(\"house.visitor\", |event| { file::append(\"heard.txt\", `${event.data.who} ${event.data.n};`); });";
    let mut house = House::start(&gate_config(), &[("a.rhai", &asks), ("b.rhai", hears)]);
    for n in 1..=3 {
        open(&house, n);
        house.wait_for_done(usize::try_from(n * 3).expect("few"));
    }
    house.kill();
    drop(fake);
    for args in [
        &["replay", "--diff"][..],
        &["replay", "--diff", "--script", "b"],
    ] {
        let output = house.porchlight(args);
        let said = text(&output);
        if args.len() == 2 {
            assert!(
                said.contains("3 events, 9 actions; the same as was done then"),
                "{said}"
            );
            assert!(output.status.success(), "{said}");
        }
    }
    // From the middle of it: the counter stands where it stood then.
    let output = house.porchlight(&["replay", "--diff", "--event", &third(&house)]);
    let said = text(&output);
    assert!(said.contains("the same as was done then"), "{said}");
}

/// The id of the third event from outside.
fn third(house: &House) -> String {
    let events = house.events();
    let mut outside = events.iter().filter(|event| event["type"] == "gate.opened");
    outside.next_back().expect("an event")["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[test]
fn a_new_version_is_compared_with_the_old_one_on_recorded_events() {
    let config = gate_config() + "[scripts]\nshadow = \"24h\"\n";
    let house = House::start(&config, &[("a.rhai", APPEND), ("b.rhai", APPEND)]);
    open(&house, 1);
    open(&house, 7);
    house.wait_for_done(4);
    let edited = "on(\"gate.*\", |event| { let n = event.data.n; if n < 5 { file::append(\"seen.txt\", `${n};`); } else { file::append(\"late.txt\", `${n};`); } });";
    house.write_script("a.rhai", edited);
    house.wait_until_said("a.rhai: other actions on 1 of 2 recorded events (- before, + now)");
    house.wait_until_said("file::append(\"late.txt\")");
    house.wait_until_said("reloaded a.rhai");
    let said = house.said();
    let place = |text: &str| said.iter().position(|line| line.contains(text));
    assert!(
        place("other actions on") < place("reloaded a.rhai"),
        "told before it goes live"
    );
    // The same with other words.
    house.write_script("a.rhai", &edited.replace("let n =", "let n  ="));
    house.wait_until_said("a.rhai: the same actions on 2 recorded events");

    let empty = House::furnish(&gate_config(), &[("a.rhai", APPEND)]);
    let output = empty.porchlight(&["check", "--against", "24h"]);
    assert_eq!(output.status.code(), Some(3), "there is no journal yet");
    let output = house.porchlight(&["check", "--against", "24h"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("a.rhai: unchanged since it was live"),
        "{said}"
    );
    std::fs::write(
        house.path().join("scripts/b.test.rhai"),
        "test(\"never\", |home| { assert(false); });",
    )
    .expect("a test that keeps the new version from going live");
    house.wait_until_said("1 of 1 tests failed");
    house.write_script("b.rhai", "on(\"gate.*\", |event| {});");
    house.wait_until_said("its last good version goes on running");
    let said = text(&house.porchlight(&["check", "--against", "24h"]));
    assert!(
        said.contains("b.rhai: other actions on 2 of 2 recorded events"),
        "{said}"
    );
    assert!(said.contains("- "), "{said}");
}
