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

/// Method, path with its query in order, and body.
fn request(args: &Value) -> Value {
    let payload = &args["payload"];
    if let Some(topic) = args.get("topic") {
        return json!({ "topic": topic, "payload": args.get("json").unwrap_or(payload) });
    }
    if let Some(host) = args.get("host") {
        let mut datagram = json!({ "host": host, "port": args["port"] });
        match payload["$bytes"].as_str() {
            Some(bytes) => datagram["hex"] = hex::encode(BASE64.decode(bytes).unwrap()).into(),
            None => datagram["json"] = serde_json::from_str(payload.as_str().unwrap()).unwrap(),
        }
        return datagram;
    }
    let url = args["url"].as_str().map(str::to_owned).unwrap_or_else(|| {
        let parts = args["url"]["$join"].as_array().unwrap();
        let text = |part: &Value| part.as_str().unwrap_or("user").to_owned();
        parts.iter().map(text).collect()
    });
    let mut url = url::Url::parse(&url).unwrap();
    let query = args.get("query").and_then(Value::as_object);
    for (name, value) in query.into_iter().flatten() {
        let value = value.as_str().unwrap_or("p");
        url.query_pairs_mut().append_pair(name, value);
    }
    let path = url.query().map_or(url.path().to_owned(), |query| {
        format!("{}?{query}", url.path())
    });
    let mut request = json!({ "method": args["method"], "path": path });
    if let Some(body) = args.get("json") {
        request["json"] = body.clone();
    }
    request
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
            asked.lock().unwrap().push(request(args));
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
        let cases: Value = serde_json::from_str(CASES).unwrap();
        let mut wrong = Vec::new();
        for case in cases["cases"].as_array().unwrap() {
            let mut wanted = case["asked"].clone();
            for one in wanted.as_array_mut().unwrap() {
                one.as_object_mut().unwrap().remove("headers");
            }
            let sent = Value::from(requests(case));
            if sent != wanted {
                wrong.push(format!(
                    "{}:\n  sent   {sent}\n  wanted {wanted}",
                    case["name"]
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}
