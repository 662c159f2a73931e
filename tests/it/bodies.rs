//! Bodies of every kind, from the socket to what a script makes of them.

use super::house::{House, TEST_SECRET, eventually, gate_config, hmac_hex};
use super::http::{Answer, request};

/// `{"type":"opened","n":1}`, packed by gzip.
const PACKED: &str =
    "1f8b0800000000000203ab562aa92c4855b252ca2f48cd4b4d51d251ca53b232ac0500c52c05fd17000000";

fn post(house: &House, webhook: &str, content_type: &str, body: &[u8]) -> Answer {
    let headers = [("Content-Type", content_type), ("X-Token", TEST_SECRET)];
    house.send(&request(&format!("/webhook/{webhook}"), &headers, body))
}

/// A webhook of this name and preset, with the test secret.
fn webhook(name: &str, preset: &str) -> String {
    format!("[webhook.{name}]\npreset = \"{preset}\"\nsecret = \"{TEST_SECRET}\"\n")
}

fn wait_for_lines(house: &House, file: &str, count: usize) -> Vec<String> {
    eventually(&format!("{file} has {count} lines"), || {
        let text = house.file(file)?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count && text.ends_with('\n')).then_some(lines)
    })
}

#[test]
fn a_cameras_plate_and_its_hostile_picture_reach_a_script() {
    let script = r#"on("hikvision.anpr", |event| {
        let file = event.attachments[0];
        file::save("pictures/" + file.filename, file);
        file::append("plates.txt", `${event.facts.plates[0].text} ${file.content_type} ${file.name}` + "\n");
    });"#;
    let house = House::start(&webhook("drive", "hikvision"), &[("plates.rhai", script)]);
    let xml = "<?xml version=\"1.0\"?><EventNotificationAlert><eventType>ANPR</eventType><ANPR><licensePlate>abc123</licensePlate></ANPR></EventNotificationAlert>";
    let mut body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"anpr.xml\"\r\nContent-Type: text/xml\r\n\r\n{xml}\r\n--b\r\nContent-Disposition: form-data; name=\"../pic\"; filename=\"../../../..\\con\u{202e}.jpg\"\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(b"\xff\xd8\xffpicture\r\n--b--\r\n");
    let answer = post(&house, "drive", "multipart/mixed; boundary=b", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = wait_for_lines(&house, "plates.txt", 1);
    assert_eq!(lines, ["ABC123 image/jpeg pic"]);
    let saved = house.path().join("data/files/pictures/_con.jpg");
    let bytes = eventually("the picture is saved", || std::fs::read(&saved).ok());
    assert_eq!(bytes, b"\xff\xd8\xffpicture");
}

#[test]
fn xml_is_a_tree_for_scripts_and_a_bomb_in_it_is_refused() {
    let script = r#"on("panel.*", |event| {
        let alarm = event.data.Alarm;
        file::append("zones.txt", `${alarm["@level"]} ${alarm.Zone.len()} ${alarm.Zone[1]}` + "\n");
    });"#;
    let house = House::start(&webhook("panel", "token"), &[("zones.rhai", script)]);
    let xml =
        r#"<p:Alarm xmlns:p="urn:p" level="2"><Zone>Hall</Zone><Zone>T&#252;r</Zone></p:Alarm>"#;
    let answer = post(&house, "panel", "application/xml", xml.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(wait_for_lines(&house, "zones.txt", 1), ["2 2 Tür"]);

    let laughs = r#"<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>"#;
    let answer = post(&house, "panel", "application/xml", laughs.as_bytes());
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("DOCTYPE"), "{answer:?}");
    assert_eq!(house.events().len(), 1);
}

#[test]
fn each_event_of_a_batch_is_handled_and_a_batch_with_a_mistake_leaves_none() {
    let script = r#"on("cloudevents.door.*", |event| {
        file::append("doors.txt", `${event.id} ${event.data.door} ${event.facts.cloudevent.id}` + "\n");
    });"#;
    let house = House::start(&webhook("bus", "cloudevents"), &[("doors.rhai", script)]);
    let one = |id: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"door.opened","data":{{"door":"d{id}"}}}}"#
        )
    };
    let batch = |events: &[String]| format!("[{}]", events.join(","));
    let kind = "application/cloudevents-batch+json";

    let mistake = batch(&[one("1"), one("2").replace("/s", "")]);
    let answer = post(&house, "bus", kind, mistake.as_bytes());
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(house.events().len(), 0);

    let answer = post(
        &house,
        "bus",
        kind,
        batch(&[one("1"), one("2"), one("3")]).as_bytes(),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    let first = serde_json::json!({"event": 1, "events": [1, 2, 3]});
    assert_eq!(answer.json(), first);
    let mut lines = wait_for_lines(&house, "doors.txt", 3);
    lines.sort();
    assert_eq!(lines, ["1 d1 1", "2 d2 2", "3 d3 3"]);

    let answer = post(&house, "bus", kind, batch(&[one("3"), one("4")]).as_bytes());
    let again = serde_json::json!({"event": 3, "events": [3, 4], "duplicates": [3]});
    assert_eq!(answer.json(), again);
    let single = post(
        &house,
        "bus",
        "application/cloudevents+json",
        one("4").as_bytes(),
    );
    let duplicate = serde_json::json!({"event": 4, "duplicate": true, "by": "id"});
    assert_eq!(single.json(), duplicate);
    let empty = post(&house, "bus", kind, b"[]");
    assert_eq!(
        (empty.status, empty.body.as_str()),
        (200, r#"{"events":[]}"#)
    );
    wait_for_lines(&house, "doors.txt", 4);
    assert_eq!(house.events().len(), 4);
}

#[test]
fn a_script_sees_numbers_exactly_and_never_a_document_with_two_meanings() {
    let script = r#"on("gate.*", |event| {
        let d = event.data;
        file::append("numbers.txt", `${d.a} ${d.b} ${d.c} ${d.d} ${type_of(d.d)}` + "\n");
    });"#;
    let house = House::start(&gate_config(), &[("numbers.rhai", script)]);
    house.post_ok(
        r#"{"type":"n","a":19.5,"b":9223372036854775807,"c":9223372036854775808,"d":1e400}"#,
    );
    assert_eq!(
        wait_for_lines(&house, "numbers.txt", 1),
        ["19.5 9223372036854775807 9223372036854775808 1e400 string"]
    );
    for body in [
        r#"{"type":"open","type":"close"}"#,
        r#"{"type":"n","deep":[{"door":"front","door":"back"}]}"#,
        r#"{"type":"n","text":"\ud83d"}"#,
        r#"{"type":"n"}{"type":"n"}"#,
    ] {
        let answer = house.post(body);
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    assert_eq!(house.events().len(), 1);
}

#[test]
fn a_packed_body_is_proved_as_it_came_and_taken_only_where_that_is_allowed() {
    let config = format!(
        "{}inflate = true\n{}",
        gate_config(),
        webhook("plain", "hmac")
    );
    let script = r#"on("*.opened", |event| { file::append("n.txt", `${event.source} ${event.data.n}` + "\n"); });"#;
    let house = House::start(&config, &[("n.rhai", script)]);
    let packed = hex::decode(PACKED).expect("hex");
    let signature = hmac_hex(TEST_SECRET, &packed);
    let send = |webhook: &str, body: &[u8], signature: &str| {
        let headers = [
            ("Content-Type", "application/json"),
            ("Content-Encoding", "gzip"),
            ("X-Signature", signature),
        ];
        let answer = house.send(&request(&format!("/webhook/{webhook}"), &headers, body));
        (answer.status, answer.body)
    };
    assert_eq!(send("gate", &packed, &signature).0, 200);
    assert_eq!(wait_for_lines(&house, "n.txt", 1), ["gate 1"]);
    assert_eq!(
        send("plain", &packed, &signature),
        (
            415,
            r#"{"error":"this webhook takes no body with a content encoding"}"#.to_owned()
        )
    );
    // Unproved bytes are never inflated: the answer is about the proof.
    assert_eq!(send("gate", b"\x1f\x8bnonsense", &signature).0, 401);
    let cut = &packed[..packed.len() - 1];
    assert_eq!(send("gate", cut, &hmac_hex(TEST_SECRET, cut)).0, 400);
}
