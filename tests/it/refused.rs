//! What the people of the house learn of deliveries that became no event: scripts, lists, the log.

use super::house::{House, TEST_SECRET, eventually, gate_config, signed};
use super::http::{read_answer, request};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const WATCHER: &str = "on(\"porchlight.webhook.refused\", |event| {\n    let told = event.data;\n    file::append(\"refused.txt\", `${told.webhook} ${told.code} ${told.count} ${event.verified.scheme}` + \"\\n\");\n});";

fn forged() -> Vec<u8> {
    let headers = [("Content-Type", "application/json"), ("X-Signature", "00")];
    request("/webhook/gate", &headers, b"{}")
}

#[test]
fn a_script_hears_of_a_refused_delivery_once_a_minute() {
    let house = House::start(&gate_config(), &[("watch.rhai", WATCHER)]);
    for _ in 0..5 {
        assert_eq!(house.send(&forged()).status, 401);
    }
    let text = eventually("the script wrote", || house.file("refused.txt"));
    assert_eq!(text, "gate mismatch 1 host\n");
    house.post_ok("{\"type\":\"opened\"}");
    assert_eq!(
        house.events().len(),
        2,
        "one event of the host, one delivery"
    );
    assert_eq!(house.count_said("delivery refused"), 1);
}

#[test]
fn without_a_script_that_listens_a_refusal_is_a_record_and_no_event() {
    let house = House::start(&gate_config(), &[]);
    house.send(&forged());
    assert_eq!(house.post_ok("{\"type\":\"opened\"}"), 1);
    eventually("the record", || {
        let records = house.json_lines(&["events", "--refused", "--json"]);
        (records.len() == 1).then_some(())
    });
    assert_eq!(house.events().len(), 1);
}

#[test]
fn a_sender_can_not_speak_as_the_host() {
    let house = House::start(&gate_config(), &[("watch.rhai", WATCHER)]);
    house.post_ok("{\"type\":\"porchlight.webhook.refused\"}");
    let events = house.events();
    assert_eq!(events[0]["type"], "gate.porchlight.webhook.refused");
    let named = "[webhook.porchlight]\npreset = \"hmac\"\nsecret = \"x-x-x-x-x-x-x-x-x-x\"\n";
    let other = House::furnish(named, &[]);
    let output = other.porchlight(&["check"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("can't be called `porchlight`"), "{text}");
}

#[test]
fn refused_and_repeated_deliveries_are_listed_with_their_reasons() {
    let house = House::start(&gate_config(), &[]);
    house.send(&forged());
    house.post_ok("{\"n\":1}");
    let again = house.post("{\"n\":1}");
    assert_eq!(again.json()["by"], "content");
    let event = again.json()["event"].as_u64().expect("an id");
    let list = || house.json_lines(&["events", "--refused", "--json"]);
    let records = eventually("two records", || Some(list()).filter(|r| r.len() == 2));
    assert_eq!(records[0]["code"], "mismatch");
    assert_eq!(records[0]["status"], 401);
    assert_eq!(records[0]["peer"], "127.0.0.1");
    assert_eq!(records[1]["duplicate_of"], event);
    let output = house.porchlight(&["events", "--refused"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("401 mismatch  proof failed: "), "{text}");
    let told = format!("duplicate of event {event} by the same signed content");
    assert!(text.contains(&told), "{text}");
    assert!(!text.contains(TEST_SECRET));
    let output = house.porchlight(&["events", "--refused", "1"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("\"reason\": \"proof failed"), "{text}");
}

#[test]
fn refusals_can_be_followed() {
    let house = House::start(&gate_config(), &[]);
    house.send(&forged());
    let mut follower = Command::new(super::house::PROGRAM)
        .args(["events", "--refused", "--json", "-f", "--home"])
        .arg(house.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(follower.stdout.take().expect("stdout")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert!(next().contains("\"mismatch\""));
    let headers = [("Content-Type", "application/json")];
    house.send(&request("/webhook/gate", &headers, b"{}"));
    assert!(next().contains("\"missing\""));
    follower.kill().expect("kill");
    follower.wait().expect("wait");
}

#[test]
fn the_guards_of_the_configuration_hold() {
    let config = format!(
        "[server]\ntrusted_proxies = [\"127.0.0.1\"]\nfailures_per_minute = 2\n\n{}allow = [\"192.0.2.0/24\"]\nmethods = [\"POST\", \"PUT\"]\nrate_per_address = \"3/h\"\n",
        gate_config()
    );
    let house = House::start(&config, &[]);
    let from = |address: &str, body: &str| {
        let text = String::from_utf8(signed("gate", body)).expect("text");
        let line = format!("X-Forwarded-For: {address}\r\n");
        text.replacen("Host:", &format!("{line}Host:"), 1)
            .into_bytes()
    };
    assert_eq!(house.send(&from("203.0.113.7", "1")).status, 403);
    assert_eq!(house.send(&from("192.0.2.7", "1")).status, 200);
    let put = String::from_utf8(from("192.0.2.7", "2")).expect("text");
    assert_eq!(
        house.send(put.replacen("POST", "PUT", 1).as_bytes()).status,
        200
    );
    let get = put.replacen("POST", "GET", 1);
    let answer = house.send(get.as_bytes());
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("POST, PUT"))
    );
    assert_eq!(house.send(&from("192.0.2.7", "3")).status, 200);
    assert_eq!(house.send(&from("192.0.2.7", "4")).status, 429);
    let forged = String::from_utf8(from("192.0.2.8", "5")).expect("text");
    let forged = forged.replace("X-Signature: ", "X-Signature: 00");
    assert_eq!(house.send(forged.as_bytes()).status, 401);
    assert_eq!(house.send(forged.as_bytes()).status, 401);
    let answer = house.send(forged.as_bytes());
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (429, "{\"error\":\"too many failed proofs\"}")
    );
}

#[test]
fn mistakes_in_guards_are_told_with_their_place() {
    let config = format!(
        "[server]\ntrusted_proxies = [\"proxy.lan\"]\n\n{}allow = [\"10.0.0.0/33\"]\nmethods = [\"DELETE\"]\nrate = \"60\"\nrate_per_address = \"0/s\"\npriority = \"hihg\"\ndedup = \"off\"\ndedup_ttl = \"1d\"\n",
        gate_config()
    );
    let house = House::furnish(&config, &[]);
    let output = house.porchlight(&["check"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    for told in [
        "`proxy.lan` is no network",
        "`10.0.0.0/33` is no network",
        "can't take the method \"DELETE\"",
        "`60` is no rate",
        "from 1 to 1000000",
        "did you mean \"high\"?",
        "`dedup_ttl` has no effect",
    ] {
        assert!(text.contains(told), "{told}\n{text}");
    }
}

#[test]
fn a_get_without_any_proof_is_warned_of() {
    let config = "[webhook.bell]\npreset = \"hmac\"\nproof = \"none\"\nmethods = [\"GET\"]\n";
    let house = House::start(config, &[]);
    let output = house.porchlight(&["check"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("GET without any proof"), "{text}");
    let mut stream = super::http::connect(house.address).expect("connected");
    let get = b"GET /webhook/bell?ring=1 HTTP/1.1\r\nHost: h\r\nUser-Agent: Shelly/1\r\n\r\n";
    stream.write_all(get).expect("sent");
    assert_eq!(read_answer(&mut stream).expect("an answer").status, 200);
}
