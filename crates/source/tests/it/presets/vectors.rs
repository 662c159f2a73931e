//! The shared vectors: a preset that says `vectors = ["stripe"]` decides every request of that name
//! as they demand, so that the data file cannot drift away from them.

use super::for_all;
use base64::Engine as _;
use porchlight_core::{Secret, Timestamp};
use porchlight_source::Preset;
use porchlight_verify::{Delivery, Handshake, verify};
use serde_json::Value;

fn shared() -> Value {
    let folder = env!("CARGO_MANIFEST_DIR");
    let path = format!("{folder}/../verify/tests/vectors/signatures.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn of<'a>(shared: &'a Value, list: &str, preset: &'a Preset) -> impl Iterator<Item = &'a Value> {
    let list = shared[list].as_array().unwrap().iter();
    list.filter(|one| preset.vectors.iter().any(|name| one["scheme"] == **name))
}

fn secrets(value: &Value) -> Vec<Secret> {
    let texts: Vec<&str> = match value {
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    texts
        .iter()
        .map(|text| Secret::new("secret", *text))
        .collect()
}

fn delivery(request: &Value) -> Delivery {
    let mut headers = http::HeaderMap::new();
    for pair in request["headers"].as_array().into_iter().flatten() {
        let name = http::HeaderName::from_bytes(pair[0].as_str().unwrap().as_bytes()).unwrap();
        // What no header can carry, no server would have let in; the request arrives without it.
        if let Ok(value) = http::HeaderValue::from_bytes(pair[1].as_str().unwrap().as_bytes()) {
            headers.append(name, value);
        }
    }
    let url = request["url"].as_str().unwrap().to_owned();
    let query = url.split_once('?').map(|(_, query)| query.to_owned());
    let body = request["body"].as_str().unwrap_or_default();
    Delivery {
        method: request["method"].as_str().unwrap().parse().unwrap(),
        query: query.unwrap_or_default(),
        url,
        headers,
        body: base64::engine::general_purpose::STANDARD
            .decode(body)
            .unwrap()
            .into(),
        ..Delivery::default()
    }
}

fn clock(request: &Value) -> Timestamp {
    Timestamp(request["now"].as_i64().unwrap() * 1000)
}

#[test]
fn every_preset_decides_its_vectors() {
    let shared = shared();
    let mut run = 0;
    for_all(|preset| {
        for vector in of(&shared, "vectors", preset) {
            run += 1;
            let secrets = secrets(&vector["secret"]);
            let outcome = verify(
                &preset.scheme,
                &preset.name,
                &secrets,
                delivery(vector),
                clock(vector),
            );
            if outcome.is_ok() != (vector["expect"] == "accept") {
                let why = outcome.err();
                return Err(format!("{}: {} ({why:?})", vector["name"], vector["why"]));
            }
        }
        Ok(())
    });
    assert!(run >= 300, "only {run} vectors were run");
}

#[test]
fn every_name_of_vectors_is_one() {
    let shared = shared();
    for_all(|preset| {
        let unknown = |name: &&String| shared["schemes"].get(name.as_str()).is_none();
        match preset.vectors.iter().find(unknown) {
            Some(name) => Err(format!("there are no vectors called {name}")),
            None => Ok(()),
        }
    });
}

#[test]
fn every_preset_answers_its_challenges() {
    let shared = shared();
    let mut run = 0;
    for_all(|preset| {
        for challenge in of(&shared, "challenges", preset) {
            // Its ping is the other one's event.
            if preset.name == "discord-events" {
                continue;
            }
            run += 1;
            let (status, body) = answer(preset, challenge);
            let expected = &challenge["response"];
            let said = expected["body"].as_str();
            let same = match challenge["compare"].as_str() {
                Some("json") => {
                    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
                    said.and_then(read) == read(&body)
                }
                _ => said.is_none_or(|said| said == body),
            };
            if expected["status"] != status || !same {
                return Err(format!("{}: answers {status} {body}", challenge["name"]));
            }
        }
        Ok(())
    });
    assert!(run >= 10, "only {run} challenges were asked");
}

fn answer(preset: &Preset, challenge: &Value) -> (u16, String) {
    let secrets = secrets(&challenge["secret"]);
    let token = challenge["verify_token"].as_str();
    let token = token.map(|text| Secret::new("verify_token", text));
    let topics = challenge["topics"].as_array().into_iter().flatten();
    let topics: Vec<String> = topics
        .filter_map(|t| Some(t.as_str()?.to_owned()))
        .collect();
    let handshake = Handshake {
        verify_token: token.as_ref(),
        topics: &topics,
    };
    let delivery = delivery(challenge);
    let before = preset
        .scheme
        .answer_before_proof(&secrets, handshake, &delivery);
    let answer = before.or_else(|| {
        let now = clock(challenge);
        let verified = verify(&preset.scheme, &preset.name, &secrets, delivery, now).ok()?;
        preset
            .scheme
            .answer_after_proof(&secrets, handshake, &verified)
    });
    match answer {
        Some(Ok(reply)) => (reply.status, reply.body),
        Some(Err(refused)) => (refused.status, String::new()),
        None => (preset.scheme.reject_status(), String::new()),
    }
}
