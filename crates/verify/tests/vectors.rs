//! Requests of sixty senders, from their published examples and from hostile hands: every one
//! whose scheme is a MAC or a token that schemes can say must be decided right.
//!
//! The vectors describe schemes in their own words; `translate` is the whole difference to ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails loudly"
)]

use base64::Engine as _;
use porchlight_core::{Secret, Timestamp};
use porchlight_verify::{Delivery, Scheme, verify};
use serde_json::{Value, json};

const VECTORS: &str = include_str!("vectors/signatures.json");

/// The scheme in our words; `None` for address rules, which need to know the proxies.
fn translate(scheme: &Value) -> Option<Scheme> {
    let mut ours = scheme.as_object()?.clone();
    let auth = ours.remove("auth")?;
    let proof = match auth.as_str()? {
        "sig" => "signature",
        "ip" => return None,
        same => same,
    };
    ours.remove("event");
    ours.insert("proof".into(), json!(proof));
    for (theirs, mine) in [("alg", "algorithm"), ("signature", "token")] {
        let rename = theirs == "alg" || matches!(proof, "token" | "jwt");
        if let Some(value) = rename.then(|| ours.remove(theirs)).flatten() {
            ours.insert(mine.into(), value);
        }
    }
    if proof == "token" {
        ours.remove("id");
    }
    if let Some(Value::Object(timestamp)) = ours.get_mut("timestamp") {
        for name in ["tolerance", "future"] {
            let seconds = timestamp[name].as_u64()?;
            timestamp.insert(name.into(), json!(format!("{seconds}s")));
        }
    }
    for name in ["max_age", "leeway"] {
        if let Some(seconds) = ours.get(name).and_then(Value::as_u64) {
            ours.insert(name.into(), json!(format!("{seconds}s")));
        }
    }
    Some(serde_json::from_value(Value::Object(ours)).unwrap_or_else(|e| panic!("{scheme}: {e}")))
}

fn secrets(value: &Value) -> Vec<Secret> {
    let texts: Vec<&str> = match value {
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let name = |index: usize| format!("secrets[{index}]");
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| Secret::new(name(index), *text))
        .collect()
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
fn every_vector_within_reach_is_decided_right() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let (mut run, mut left_out, mut wrong) = (0, 0, Vec::new());
    for vector in file["vectors"].as_array().unwrap() {
        let name = vector["scheme"].as_str().unwrap();
        let Some(scheme) = translate(&file["schemes"][name]) else {
            left_out += 1;
            continue;
        };
        run += 1;
        let secrets = secrets(&vector["secret"]);
        let now = Timestamp(vector["now"].as_i64().unwrap() * 1000);
        let outcome = verify(&scheme, name, &secrets, delivery(vector), now);
        let accepted = vector["expect"] == "accept";
        if outcome.is_ok() != accepted {
            wrong.push(format!(
                "{}: {} ({:?})",
                vector["name"],
                vector["why"],
                outcome.err()
            ));
        }
    }
    println!("{run} vectors run, {left_out} left out");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        run + left_out == 429 && left_out < 20,
        "only {run} vectors were run"
    );
}

#[test]
fn an_empty_secret_is_refused_at_load_and_at_every_delivery() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    for (name, described) in file["schemes"].as_object().unwrap() {
        let Some(scheme) = translate(described) else {
            continue;
        };
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
