//! Every scheme of the test vectors without a usable secret: refused at load and at every delivery.
//! The vectors themselves are run by the crate that decodes, handshakes and sequences with them.

use base64::Engine as _;
use porchlight_core::{Secret, Timestamp};
use porchlight_verify::{Delivery, Scheme, vectors, verify};
use serde_json::Value;

const VECTORS: &str = include_str!("../vectors/signatures.json");

/// The scheme in our words.
fn translate(described: &Value) -> Scheme {
    let table = vectors::table(described.as_object().unwrap()).unwrap();
    serde_json::from_value(Value::Object(table)).unwrap_or_else(|e| panic!("{described}: {e}"))
}

fn delivery(vector: &Value) -> Delivery {
    let mut headers = http::HeaderMap::new();
    for pair in vector["headers"].as_array().into_iter().flatten() {
        let name = http::HeaderName::from_bytes(pair[0].as_str().unwrap().as_bytes()).unwrap();
        // What no header can carry, no server would have let in; the request arrives without it.
        if let Ok(value) = http::HeaderValue::from_bytes(pair[1].as_str().unwrap().as_bytes()) {
            headers.append(name, value);
        }
    }
    let url = vector["url"].as_str().unwrap().to_owned();
    let query = url
        .split_once('?')
        .map(|(_, query)| query.to_owned())
        .unwrap_or_default();
    let body = vector["body"].as_str().unwrap_or_default();
    Delivery {
        method: vector["method"].as_str().unwrap().parse().unwrap(),
        url,
        query,
        headers,
        body: base64::engine::general_purpose::STANDARD
            .decode(body)
            .unwrap()
            .into(),
        ..Delivery::default()
    }
}

#[test]
fn an_empty_secret_is_refused_at_load_and_at_every_delivery() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    for (name, described) in file["schemes"].as_object().unwrap() {
        let scheme = translate(described);
        if !scheme.uses_secrets() {
            continue;
        }
        for secrets in [
            vec![],
            vec![Secret::new("secret", "")],
            vec![Secret::new("secret", " \n")],
        ] {
            assert!(scheme.check(&secrets).is_err(), "{name}");
            for vector in file["vectors"].as_array().unwrap() {
                if vector["scheme"] == **name {
                    let now = Timestamp(vector["now"].as_i64().unwrap() * 1000);
                    let refused =
                        verify(&scheme, name, &secrets, delivery(vector), now).unwrap_err();
                    assert_eq!(refused.code(), "no_secret", "{name}");
                }
            }
        }
    }
}
