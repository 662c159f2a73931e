//! Every request of the vendors: the real bytes through the real program, compared with what the
//! manifest beside them says a correct receiver makes of it.

use super::house::{House, TEST_SECRET, eventually, hmac_hex};
use super::http::{find, request};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads")
}

fn manifest() -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("manifest.json")).expect("the manifest");
    let manifest: Value = serde_json::from_str(&text).expect("JSON");
    manifest["items"].as_array().expect("items").clone()
}

/// The preset that a row of the manifest belongs to.
fn preset(item: &Value) -> &str {
    match item["vendor"].as_str().expect("a vendor") {
        "unifi_protect" => "unifi-protect",
        vendor => vendor,
    }
}

/// The webhook's configuration for a row: its secret where it has one, else proof written out.
fn webhook(item: &Value, name: &str) -> String {
    let head = format!("[webhook.{name}]\npreset = \"{}\"\n", preset(item));
    match item["scheme"]["secret"].as_str() {
        Some(secret) if !secret.is_empty() => format!("{head}secret = \"{secret}\"\n"),
        _ if signs_itself(item) => format!("{head}secret = \"{TEST_SECRET}\"\n"),
        _ => format!("{head}proof = \"none\"\n"),
    }
}

/// A bare body of a vendor that signs: the test signs it.
fn signs_itself(item: &Value) -> bool {
    !is_request(item) && matches!(preset(item), "rhombus" | "connectit" | "onguard")
}

fn is_request(item: &Value) -> bool {
    item["file"]
        .as_str()
        .is_some_and(|file| file.ends_with(".http"))
}

/// The request to send for a row.
fn delivery(item: &Value, name: &str) -> Vec<u8> {
    let bytes =
        std::fs::read(folder().join(item["file"].as_str().expect("a file"))).expect("a payload");
    let path = format!("/webhook/{name}");
    if is_request(item) {
        let line_end = find(&bytes, b"\r\n").expect("a request line");
        let mut replayed = format!("POST {path} HTTP/1.1").into_bytes();
        replayed.extend_from_slice(&bytes[line_end..]);
        return replayed;
    }
    let signature = hmac_hex(TEST_SECRET, &bytes);
    let headers: Vec<(&str, &str)> = match preset(item) {
        "rhombus" => vec![("x-rhombus-signature-sha256", &signature)],
        "connectit" => vec![("x-connect-it-token", &signature)],
        _ => vec![],
    };
    let headers: Vec<(&str, &str)> = [("Content-Type", "application/json")]
        .into_iter()
        .chain(headers)
        .collect();
    request(&path, &headers, &bytes)
}

/// The rows that are deliveries: not images, not expected outgoing calls.
fn deliveries() -> Vec<(String, Value)> {
    let rows = manifest().into_iter().filter(|item| {
        let file = item["file"].as_str().unwrap_or_default();
        !file.contains("/images/") && !file.contains("/forward/")
    });
    rows.enumerate()
        .map(|(index, item)| (format!("hook{index}"), item))
        .collect()
}

#[test]
fn every_vendor_request_gets_the_verdict_type_key_and_time_of_the_manifest() {
    let rows = deliveries();
    assert!(rows.len() >= 38, "only {} payloads", rows.len());
    let config: String = rows
        .iter()
        .map(|(name, item)| webhook(item, name))
        .collect();
    let house = House::start(&config, &[]);
    let mut expected = BTreeMap::new();
    for (name, item) in &rows {
        let answer = house.send(&delivery(item, name));
        let wanted = match (item["verify"].as_str(), item["bad_body"].as_bool()) {
            (Some("reject"), _) if matches!(preset(item), "xprotect" | "connectit") => 400,
            (Some("reject"), _) => 401,
            (_, Some(true)) => 400,
            _ => 200,
        };
        assert_eq!(answer.status, wanted, "{}: {answer:?}", item["file"]);
        if wanted == 200 {
            expected.insert(name.clone(), item.clone());
        }
    }
    let events = house.events();
    assert_eq!(events.len(), expected.len());
    for event in events {
        let item = &expected[event["source"].as_str().expect("a source")];
        let file = &item["file"];
        assert_eq!(event["type"], item["event"], "{file}");
        if let Some(key) = item["dedup_key"].as_str() {
            assert_eq!(event["dedupkey"], key, "{file}");
        }
        if let Some(time) = item["time"].as_str() {
            assert_eq!(event["time"], time, "{file}");
        }
        assert_eq!(event["specversion"], "1.0");
    }
}

#[test]
fn a_delivery_that_comes_again_is_answered_2xx_and_acted_on_once() {
    let rows: Vec<_> = deliveries()
        .into_iter()
        .filter(|(_, item)| {
            item["verify"] == "accept"
                && item["scheme"]["secret"]
                    .as_str()
                    .is_some_and(|s| !s.is_empty())
        })
        .collect();
    let config: String = rows
        .iter()
        .map(|(name, item)| webhook(item, name))
        .collect();
    let script = "on(\"**\", |event| { state::add(\"seen\", 1); });";
    let house = House::start(&config, &[("count.rhai", script)]);
    for (name, item) in &rows {
        let first = house.send(&delivery(item, name));
        let second = house.send(&delivery(item, name));
        assert_eq!(
            (first.status, second.status),
            (200, 200),
            "{}",
            item["file"]
        );
        assert_eq!(second.json()["duplicate"], true, "{}", item["file"]);
        assert_eq!(
            second.json()["event"],
            first.json()["event"],
            "{}",
            item["file"]
        );
    }
    house.wait_for_runs(rows.len());
    assert_eq!(house.events().len(), rows.len());
}

#[test]
fn a_webhook_with_a_secret_refuses_a_sender_that_shows_none() {
    for (preset, status) in [
        ("xprotect", 400),
        ("connectit", 400),
        ("rhombus", 401),
        ("platerecognizer", 401),
        ("github", 401),
        ("token", 401),
    ] {
        let house = House::start(
            &format!("[webhook.a]\npreset = \"{preset}\"\nsecret = \"{TEST_SECRET}\"\n"),
            &[],
        );
        let answer = house.send(&request(
            "/webhook/a",
            &[("Content-Type", "application/json")],
            b"{}",
        ));
        assert_eq!(answer.status, status, "{preset}");
        assert!(
            !answer.body.contains("signature"),
            "the answer says which step failed: {}",
            answer.body
        );
        assert!(house.events().is_empty());
        house.wait_until_said("refused");
    }
}

#[test]
fn images_of_a_plate_reader_become_attachments_that_scripts_can_save() {
    let script = r#"
        on("platerecognizer.recognition", |event| {
            for file in event.attachments {
                file::save(`${event.facts.plates[0].text}-${file.name}.jpg`, file);
            }
        });
    "#;
    let house = House::start(
        "[webhook.a]\npreset = \"platerecognizer\"\nproof = \"none\"\n",
        &[("save.rhai", script)],
    );
    let item = serde_json::json!({ "file": "platerecognizer/stream_camera_headers.http", "vendor": "platerecognizer" });
    assert_eq!(house.send(&delivery(&item, "a")).status, 200);
    house.wait_for_done(2);
    let saved = eventually("both images are saved", || {
        let folder = std::fs::read_dir(house.path().join("data/files")).ok()?;
        let files: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
        (files.len() == 2).then_some(files)
    });
    for file in saved {
        let bytes = std::fs::read(&file).expect("an image");
        assert!(
            bytes.starts_with(&[0xff, 0xd8]),
            "{} is no JPEG",
            file.display()
        );
    }
}
