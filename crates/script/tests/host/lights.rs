//! What each driver of lamps and sirens asks and tells, held against `tests/lights.json`, whose
//! requests are written from what the makers say. Waits run when they are due, as after a restart.

use super::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use porchlight_core::*;
use porchlight_script::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const CASES: &str = include_str!("../lights.json");

/// Everything that is performed, with the address as a path and its query in order, and bytes as hex.
/// A secret stands there by its name, as `$password`.
fn request(args: &Value) -> Value {
    let mut request = named(args.clone());
    let all = request.as_object_mut().unwrap();
    if let Some(url) = all.remove("url") {
        let parts = url["$join"].as_array().cloned().unwrap_or(vec![url]);
        let text: String = parts.iter().map(|part| part.as_str().unwrap()).collect();
        let mut url = url::Url::parse(&text).unwrap();
        let query = all.remove("query").unwrap_or_default();
        for (name, value) in query.as_object().into_iter().flatten() {
            url.query_pairs_mut()
                .append_pair(name, value.as_str().unwrap());
        }
        let path = url.query().map_or(url.path().to_owned(), |query| {
            format!("{}?{query}", url.path())
        });
        all.insert("path".into(), path.into());
    }
    if let Some(payload) = all.remove("payload") {
        let (key, value) = match (payload["$bytes"].as_str(), payload.as_str()) {
            (Some(bytes), _) => ("hex", hex::encode(BASE64.decode(bytes).unwrap()).into()),
            (None, Some(text)) => match serde_json::from_str(text) {
                Ok(json) => ("json", json),
                Err(_) => ("payload", payload),
            },
            (None, None) => ("payload", payload),
        };
        all.insert(key.into(), value);
    }
    request
}

/// The same with secrets by their last names.
fn named(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(named).collect(),
        Value::Object(members) => match members.get("$secret").and_then(Value::as_str) {
            Some(name) => format!("${}", name.rsplit('.').next().unwrap()).into(),
            None => {
                let members = members.into_iter().map(|(key, one)| (key, named(one)));
                members.collect::<serde_json::Map<_, _>>().into()
            }
        },
        other => other,
    }
}

/// What a row says of its requests, with what all requests of its driver have.
fn wanted(file: &Value, case: &Value) -> Vec<Value> {
    let kind = case["kind"].as_str().unwrap_or("light");
    let driver = &file["drivers"][kind][case["target"]["driver"].as_str().unwrap()];
    let requests = case["asked"].as_array().unwrap().iter();
    requests
        .map(|request| {
            let ask = request["ask"] == true;
            let own = request.as_object().unwrap().clone();
            let common = &driver[if ask { "asks" } else { "tells" }];
            let mut whole = common.as_object().cloned().unwrap_or_default();
            let secret = ["key", "token", "password"];
            if secret.iter().any(|key| case["target"].get(key).is_some()) {
                whole.extend(driver["login"].as_object().cloned().unwrap_or_default());
            }
            whole.extend(own);
            whole.into()
        })
        .collect()
}

fn requests(case: &Value) -> Vec<Value> {
    let kind = case["kind"].as_str().unwrap_or("light");
    let mut target = case["target"].clone();
    target["url"] = "http://192.0.2.5".into();
    for secret in ["key", "token", "password"] {
        if target.get(secret).is_some() {
            target[secret] = json!({ "$secret": format!("{kind}.it.{secret}") });
        }
    }
    let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (asked, answer) = (Arc::clone(&seen), case["answer"].clone());
    let host = Host::new(HostConfig {
        targets: json!({ kind: { "it": target } }),
        ask: Arc::new(move |_, args, _| {
            let mut request = request(args);
            request["ask"] = true.into();
            asked.lock().unwrap().push(request);
            Ok(json!({ "ok": true, "status": 200, "json": answer }))
        }),
        clock: Arc::new(|| NOW),
        ..HostConfig::default()
    });
    let call = case["call"].as_str().unwrap().replace("NAME", "\"it\"");
    let source = format!("on(\"**\", |event| {{ {call}; }});");
    let script = host.load("gate.rhai", &source).unwrap();
    let mut run = host.run(&script, 0, &event("a", json!({})), NOW);
    for id in 1..100 {
        if !case["fails"].as_bool().unwrap_or_default() {
            assert_eq!(run.outcome, Outcome::Ok, "{}", case["name"]);
        }
        host.state().apply(&run.state);
        let told = run.actions.iter().map(|action| {
            assert!(matches!(action.expires.0 - NOW.0, 1..=3_700_000));
            request(&action.args)
        });
        seen.lock().unwrap().extend(told);
        let Some(content) = run.waits.pop() else {
            break;
        };
        let due = content.due;
        run = host.run_wait(&script, &Wait { id, content }, None, due);
    }
    std::mem::take(&mut *seen.lock().unwrap())
}

#[test]
fn every_driver_sends_exactly_what_its_maker_says() {
    on_big_stack(|| {
        let file: Value = serde_json::from_str(CASES).unwrap();
        let mut wrong = Vec::new();
        for case in file["cases"].as_array().unwrap() {
            let (sent, wanted) = (requests(case), wanted(&file, case));
            if sent != wanted {
                wrong.push(format!(
                    "{}:\n  sent   {}\n  wanted {}",
                    case["name"],
                    Value::from(sent),
                    Value::from(wanted)
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// The rows are complete: nothing that is told by a request goes unjudged, every driver is told
/// everything, and each row says which document it comes from.
#[test]
fn every_driver_has_a_row_for_everything_that_a_lamp_can_be_told() {
    let file: Value = serde_json::from_str(CASES).unwrap();
    let cases = file["cases"].as_array().unwrap();
    for kind in ["light", "siren"] {
        for (driver, common) in file["drivers"][kind].as_object().unwrap() {
            let own: Vec<&Value> = cases
                .iter()
                .filter(|case| case["kind"].as_str().unwrap_or("light") == kind)
                .filter(|case| case["target"]["driver"] == **driver)
                .collect();
            let calls: String = own
                .iter()
                .filter_map(|case| case["call"].as_str())
                .collect();
            let verbs: &[&str] = match kind {
                "siren" => &["siren::sound(", "siren::stop("],
                _ => &[
                    "light::flash(",
                    "light::on(",
                    "light::off(",
                    "brightness:",
                    "color:",
                ],
            };
            for verb in verbs {
                assert!(calls.contains(verb), "{kind} {driver} lacks {verb}");
            }
            for case in own {
                assert!(case["source"].is_string(), "{}", case["name"]);
            }
            let speaks = common["tells"]["expect"].as_array().map(Vec::len);
            // These answer nothing.
            let silent = ["zigbee2mqtt", "tasmota-mqtt", "govee-lan"].contains(&driver.as_str());
            assert_eq!(speaks.is_none(), silent, "{driver}");
            assert!(common["judged"].is_string() != silent, "{driver}");
        }
    }
}
