//! Several deliveries in a row to one receiver with an empty memory: accepted, refused, or known
//! already. The sequences stand in the file of vectors.

use super::house::{House, limits};
use base64::Engine as _;
use porchlight_core::{Secret, Timestamp};
use porchlight_source::{Preset, Webhook};
use serde_json::Value;

fn sequences() -> Vec<Value> {
    let path = "../verify/tests/vectors/signatures.json";
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    file["sequences"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// The step as bytes; its path ends in the webhook's name.
fn request(step: &Value) -> Vec<u8> {
    let body = base64::engine::general_purpose::STANDARD.decode(text(step, "body"));
    let body = body.unwrap();
    let url = text(step, "url").rsplit_once("/in/").unwrap().1;
    let mut head = format!(
        "{} /webhook/{url} HTTP/1.1\r\nhost: h\r\n",
        text(step, "method")
    );
    for header in step["headers"].as_array().unwrap() {
        let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!(
        "connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

async fn check(sequence: &Value) {
    let name = text(sequence, "name");
    let scheme = text(sequence, "scheme");
    let preset = Preset::named(scheme)
        .cloned()
        .unwrap_or_else(|| panic!("{name}: no preset"));
    let secret = Secret::new("secret", text(sequence, "secret"));
    let hook = Webhook {
        url: Some(format!("https://hooks.example.net/in/{scheme}")),
        ..Webhook::new(scheme, preset, vec![secret])
    };
    let house = House::furnish(limits(), vec![hook]).await;
    let mut events = Vec::new();
    for (number, step) in sequence["steps"].as_array().unwrap().iter().enumerate() {
        house.set_clock(Timestamp(step["now"].as_i64().unwrap() * 1000));
        let answer = house.send(&request(step)).await;
        let outcome = match (answer.status, answer.json()["duplicate"].as_bool()) {
            (200..=299, None) => "accept",
            (200..=299, Some(true)) => "duplicate",
            (400..=499, _) => "reject",
            other => panic!("{name}, step {number}: {other:?}"),
        };
        assert_eq!(outcome, text(step, "expect"), "{name}, step {number}");
        if outcome == "accept" {
            events.push(answer.json()["event"].clone());
        }
        if outcome == "duplicate" {
            assert_eq!(answer.json()["event"], events[0], "{name}, step {number}");
        }
    }
}

#[tokio::test]
async fn every_sequence_is_accepted_refused_or_known_as_the_vectors_say() {
    let sequences = sequences();
    assert_eq!(sequences.len(), 7);
    for sequence in &sequences {
        check(sequence).await;
    }
}
