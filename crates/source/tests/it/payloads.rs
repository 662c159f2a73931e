//! Every request in `tests/payloads`, through proof and decoding, against its manifest: verdict,
//! type, key and time.

use crate::house::{decoded, open, payload, request, webhook};
use porchlight_core::Timestamp;
use porchlight_verify::verify;
use serde_json::{Value, json};

/// Long after every payload was made, and shown as the time where a payload has none.
const ARRIVAL: Timestamp = Timestamp(1_790_000_000_000);

fn preset_of(item: &Value) -> Option<&'static str> {
    let file = item["file"].as_str().unwrap();
    Some(match item["vendor"].as_str().unwrap() {
        "xprotect" => "xprotect",
        "rhombus" => "rhombus",
        "connectit" => "connectit",
        "platerecognizer" if file.contains("/forward/") || file.contains("/images/") => {
            return None;
        }
        "platerecognizer" => "platerecognizer",
        _ if file.contains("verkada") => "verkada",
        _ if file.contains("unifi") => "unifi-protect",
        _ if file.contains("onguard") => "onguard",
        other => panic!("{file}: {other}"),
    })
}

#[tokio::test]
async fn every_payload_is_decided_and_read_as_its_manifest_says() {
    let manifest: Value = serde_json::from_slice(&payload("manifest.json")).unwrap();
    let (mut run, mut wrong) = (0, Vec::new());
    for item in manifest["items"].as_array().unwrap() {
        let Some(preset) = preset_of(item) else {
            continue;
        };
        let file = item["file"].as_str().unwrap();
        run += 1;
        let delivery = request(file);
        let secret = item["scheme"]["secret"]
            .as_str()
            .filter(|secret| !secret.is_empty());

        if item["verify"] == "reject" || item["verify"] == "unsigned" {
            let hook = webhook(preset, secret.unwrap_or("any"));
            let refused = verify(
                &hook.preset.scheme,
                preset,
                &hook.secrets,
                delivery.clone(),
                ARRIVAL,
            );
            if refused.is_ok() {
                wrong.push(format!("{file}: accepted"));
            }
            if item["verify"] == "reject" {
                continue;
            }
        }
        let hook = match secret {
            Some(secret) => webhook(preset, secret),
            None => {
                if file.ends_with("no_token.http") {
                    // Signed with the empty key: proves nothing, so only `none` takes it.
                    let empty = webhook(preset, "");
                    let outcome = verify(
                        &empty.preset.scheme,
                        preset,
                        &empty.secrets,
                        delivery.clone(),
                        ARRIVAL,
                    );
                    assert_eq!(outcome.unwrap_err().code(), "no_secret");
                }
                open(preset)
            }
        };
        let outcome = decoded(&hook, delivery, ARRIVAL).await;
        if item["bad_body"] == true {
            if outcome.is_ok() {
                wrong.push(format!("{file}: read, although it is no JSON"));
            }
            continue;
        }
        let event = match outcome {
            Ok(decoded) => decoded.event,
            Err(error) => {
                wrong.push(format!("{file}: {error}"));
                continue;
            }
        };
        let arrival = json!(ARRIVAL.to_rfc3339());
        let time = item["time"].as_str().map_or(arrival, |time| json!(time));
        for (what, expected, got) in [
            ("event", &item["event"], &event.kind),
            ("dedup_key", &item["dedup_key"], &event.dedup_key),
            ("time", &time, &event.time),
        ] {
            if !expected.is_null() && expected != got {
                wrong.push(format!("{file}: {what} is {got}, not {expected}"));
            }
        }
        if !event.facts.is_object() {
            wrong.push(format!("{file}: facts are no object"));
        }
        serde_json::from_slice::<Value>(&event.data).unwrap();
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(run >= 38, "only {run} payloads were run");
}

#[tokio::test]
async fn plates_are_the_same_for_every_vendor_and_result_shape() {
    for (preset, file, expected) in [
        (
            "platerecognizer",
            "platerecognizer/stream_recognition.json",
            json!([{
            "text": "PL8REC", "score": 0.902, "region": "us-ca", "direction": 210,
            "box": {"xmin": 337, "ymin": 270, "xmax": 412, "ymax": 305},
            "candidates": [{"text": "PL8REC", "score": 0.902}, {"text": "PLBREC", "score": 0.758}]}]),
        ),
        (
            "platerecognizer",
            "platerecognizer/stream_vehicle_mode.json",
            json!([{
            "text": "AB123CD", "score": 0.981, "region": "fr", "direction": 90, "speed": 32.5,
            "box": {"xmin": 300, "ymin": 320, "xmax": 392, "ymax": 348},
            "candidates": [{"text": "AB123CD", "score": 0.981}, {"text": "AB123C8", "score": 0.7}]}]),
        ),
        (
            "platerecognizer",
            "platerecognizer/stream_vehicle_no_plate.json",
            json!([]),
        ),
        (
            "platerecognizer",
            "platerecognizer/snapshot_no_result.json",
            json!([]),
        ),
        (
            "xprotect",
            "xprotect/lpr_event.http",
            json!([{"text": "AB12345", "score": 0.93}]),
        ),
        (
            "unifi-protect",
            "other/unifi_protect_lpr.json",
            json!([{"text": "ABC123"}]),
        ),
        (
            "verkada",
            "other/verkada_lpr.json",
            json!([{
            "text": "ABC123", "score": 0.9558042857142857,
            "box": [0.9553524851799011, 0.991522490978241, 0.11374980956315994, 0.15500019490718842]}]),
        ),
    ] {
        let event = decoded(&open(preset), request(file), ARRIVAL)
            .await
            .unwrap()
            .event;
        assert_eq!(event.facts["plates"], expected, "{file}");
    }
}

#[tokio::test]
async fn facts_have_the_same_names_for_every_vendor() {
    for (preset, file, name, expected) in [
        (
            "xprotect",
            "xprotect/external_event.json",
            "message",
            json!("External Event"),
        ),
        (
            "xprotect",
            "xprotect/external_event.json",
            "camera",
            json!("Event High"),
        ),
        (
            "rhombus",
            "rhombus/org_alert_motion.json",
            "triggers",
            json!(["motion"]),
        ),
        (
            "rhombus",
            "rhombus/rule_finalized.http",
            "triggers",
            json!(["motion_car"]),
        ),
        (
            "rhombus",
            "rhombus/org_alert_motion.json",
            "summary",
            json!("Movement detected at HQ"),
        ),
        (
            "platerecognizer",
            "platerecognizer/stream_camera_headers.http",
            "camera",
            json!("gate-n"),
        ),
        (
            "platerecognizer",
            "platerecognizer/stream_camera_headers.http",
            "camera_name",
            json!("Gate north"),
        ),
        (
            "platerecognizer",
            "platerecognizer/stream_camera_headers.http",
            "plate_image",
            json!("plate_img"),
        ),
        (
            "platerecognizer",
            "platerecognizer/stream_vehicle_mode.json",
            "speed",
            json!(32.5),
        ),
        (
            "platerecognizer",
            "platerecognizer/stream_vehicle_mode.json",
            "vehicle",
            json!({
            "type": "SUV", "score": 0.91, "box": {"xmin": 100, "ymin": 80, "xmax": 560, "ymax": 400},
            "make": "Renault", "model": "Captur", "color": "grey", "orientation": "Front"}),
        ),
        (
            "platerecognizer",
            "platerecognizer/stream_recognition.json",
            "direction",
            json!(210),
        ),
        (
            "unifi-protect",
            "other/unifi_protect_lpr.json",
            "triggers",
            json!(["license_plate_unknown"]),
        ),
        (
            "onguard",
            "other/onguard_badge.http",
            "person",
            json!({"first_name": "Eve", "last_name": "Adams"}),
        ),
    ] {
        let event = decoded(&open(preset), request(file), ARRIVAL)
            .await
            .unwrap()
            .event;
        assert_eq!(event.facts[name], expected, "{file}: {name}");
    }
}

#[tokio::test]
async fn images_become_attachments_with_kind_hash_and_harmless_name() {
    let file = "platerecognizer/stream_multipart_tester.http";
    let decoded = decoded(&webhook("platerecognizer", "XXX"), request(file), ARRIVAL)
        .await
        .unwrap();
    let [image] = &decoded.event.attachments[..] else {
        panic!("one image")
    };
    assert_eq!(
        (image.name.as_str(), image.filename.as_str()),
        ("upload", "image.jpg")
    );
    assert_eq!(image.content_type, "image/jpeg");
    assert_eq!(decoded.blobs[0].hash, image.hash);
    assert_eq!(
        decoded.blobs[0].bytes[..],
        payload("platerecognizer/images/vehicle.jpg")[..]
    );
    assert!(
        !decoded
            .event
            .headers
            .iter()
            .any(|(name, _)| name == "authorization")
    );
}
