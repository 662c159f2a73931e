//! The standard library, call by call: what a script says, and the exact request that goes out.
//!
//! `tests/goldens/*.json` hold the calls, each with the source of the vendor's contract. A case has
//! `config` (tables of porchlight.toml; `{fake}` is the server that stands for the vendor), `call`
//! (in a handler, with the event of a plate and its picture), `answers` (in the order of the
//! requests; without them 200 and `{}`), `expect` (the requests) and `outcome` (`done`, or the word
//! that a failure's message has).

use super::fake::{Asked, Fake};
use super::house::{House, eventually};
use super::http::find;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cases(file: &str) -> Vec<Value> {
    let path = root().join("tests/goldens").join(file);
    let text = std::fs::read_to_string(&path).expect("the cases");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn texts(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn answer(said: &Value, fake: &Fake) -> String {
    let body = match (&said["json"], &said["text"]) {
        (Value::Null, Value::String(text)) => text.clone(),
        (Value::Null, _) => String::new(),
        (json, _) => json.to_string(),
    }
    .replace("{fake}", &fake.url());
    let status = said["status"].as_u64().unwrap_or(200);
    let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in said["headers"].as_object().into_iter().flatten() {
        head += &format!("{name}: {}\r\n", texts(value));
    }
    format!("{head}\r\n{body}")
}

/// Starts a house for this case, and sends it the event.
fn run(case: &Value, fake: &Fake) -> House {
    for said in case["answers"].as_array().into_iter().flatten() {
        fake.answer_next(&answer(said, fake));
    }
    let config = format!(
        "[webhook.driveway]\npreset = \"platerecognizer\"\nproof = \"none\"\n\n{}\n",
        texts(&case["config"]).replace("{fake}", &fake.url())
    );
    let script = format!(
        "on(\"platerecognizer.recognition\", |event| {{\n{}\n}});\n",
        texts(&case["call"]).replace("{fake}", &fake.url())
    );
    let house = House::start(&config, &[("golden.rhai", &script)]);
    let request = seen_at("driveway");
    assert_eq!(house.send(&request).status, 200);
    house
}

/// What a camera sends to this webhook of preset `platerecognizer`: a plate and its picture, of
/// 1158 bytes.
pub fn seen_at(webhook: &str) -> Vec<u8> {
    let captured = root().join("tests/payloads/platerecognizer/stream_camera_headers.http");
    let bytes = std::fs::read(captured).expect("a payload");
    let line_end = find(&bytes, b"\r\n").expect("a request line");
    let mut request = format!("POST /webhook/{webhook} HTTP/1.1").into_bytes();
    request.extend_from_slice(&bytes[line_end..]);
    request
}

fn check(case: &Value) {
    let fake = Fake::start();
    let house = run(case, &fake);
    let expected = case["expect"].as_array().expect("what is expected");
    let asked = fake.wait_for(expected.len());
    for (asked, expected) in asked.iter().zip(expected) {
        let seen = seen(asked, expected, &fake);
        assert_eq!(&seen, expected, "{}", case["call"]);
    }
    let outcome = case["outcome"].as_str().unwrap_or("done");
    eventually(&format!("{outcome}: {}", case["call"]), || {
        let actions = house.actions();
        let runs = house.runs();
        if outcome == "done" {
            let open = actions.iter().any(|action| action["status"] != "done");
            let failed = runs.iter().any(|run| run["outcome"]["kind"] == "error");
            return (!open && !failed).then_some(());
        }
        let said = json!([actions, runs]).to_string();
        let undone = actions.iter().all(|action| action["status"] != "done");
        (undone && said.contains(outcome)).then_some(())
    });
}

/// Of a request, what the case speaks of.
fn seen(asked: &Asked, expected: &Value, fake: &Fake) -> Value {
    let mut seen = Map::new();
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    for (name, wanted) in expected.as_object().expect("a request") {
        let value = match name.as_str() {
            "method" => json!(asked.method),
            "path" => json!(path),
            "query" => pairs(query),
            "headers" => {
                let names = wanted.as_object().expect("headers").keys();
                names
                    .map(|name| (name.clone(), json!(asked.header(name))))
                    .collect::<Map<_, _>>()
                    .into()
            }
            "json" => asked.json(),
            "form" => pairs(&String::from_utf8_lossy(&asked.body)),
            "text" => json!(String::from_utf8_lossy(&asked.body)),
            "size" => json!(asked.body.len()),
            "multipart" => parts(asked),
            other => panic!("a case speaks of `{other}`, which is nothing of a request"),
        };
        let text = value.to_string().replace(&fake.url(), "{fake}");
        seen.insert(name.clone(), serde_json::from_str(&text).expect("JSON"));
    }
    Value::Object(seen)
}

/// The pairs of a query or a form.
pub fn pairs(query: &str) -> Value {
    let mut pairs = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.insert(decoded(name), decoded(value).into());
    }
    pairs.into()
}

pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8_lossy(&digits).into_owned();
                u8::from_str_radix(&digits, 16).expect("two hex digits")
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// The parts: a text by its text, a file by its name, type and size.
pub fn parts(asked: &Asked) -> Value {
    let content_type = asked.header("content-type").expect("a content type");
    let boundary = content_type.split("boundary=").nth(1).expect("a boundary");
    let mark = format!("--{boundary}");
    // One character for each byte, so that a picture doesn't get in the way.
    let latin: String = asked.body.iter().map(|&byte| char::from(byte)).collect();
    let parts = latin
        .split(&mark)
        .skip(1)
        .filter(|part| !part.starts_with("--"));
    let parts = parts.map(|part| {
        let (head, content) = part.split_once("\r\n\r\n").expect("a head");
        let content = content.strip_suffix("\r\n").expect("an end");
        let field = |name: &str| {
            let after = head.split_once(&format!("; {name}=\""))?.1;
            Some(after.split_once('"')?.0.to_owned())
        };
        let mut part = Map::new();
        part.insert("name".into(), field("name").into());
        if let Some(filename) = field("filename") {
            part.insert("filename".into(), filename.into());
            part.insert("size".into(), content.chars().count().into());
        } else {
            let bytes: Vec<u8> = content.chars().map(|letter| letter as u8).collect();
            part.insert("value".into(), String::from_utf8_lossy(&bytes).into());
        }
        Value::Object(part)
    });
    parts.collect()
}

#[test]
fn messages_go_out_as_their_services_want_them() {
    cases("messages.json").iter().for_each(check);
}

#[test]
fn phones_tickets_clouds_and_houses_are_asked_as_their_makers_say() {
    cases("house.json").iter().for_each(check);
}

#[test]
fn plates_are_recognised_and_passed_on_as_they_came() {
    cases("plates.json").iter().for_each(check);
}

#[test]
fn a_text_message_goes_to_a_modem_of_your_own_as_plain_text() {
    let config = "[webhook.gate]\npreset = \"hmac\"\nsecret = \"test-key-that-protects-nothing\"\n\
                  [sms.me]\ndriver = \"command\"\ncommand = \"modem\"\n\
                  [command.modem]\nargv = [\"tee\", \"sent\"]\ninput = \"text\"\n";
    let script = r#"on("gate.*", |event| { sms::send("me", "It's \"open\""); });"#;
    let house = House::start(config, &[("sms.rhai", script)]);
    house.post_ok("{}");
    house.wait_for_done(1);
    let sent = std::fs::read_to_string(house.path().join("sent")).expect("what the modem got");
    assert_eq!(sent, "It's \"open\"");
}

/// Sent by one house, believed by another: the receiver's preset is the one for everybody's.
#[test]
fn a_webhook_of_our_own_is_genuine_for_whoever_knows_the_standard() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let theirs = House::start(
        &format!("[webhook.in]\npreset = \"standard-webhooks\"\nsecret = \"{secret}\"\n"),
        &[(
            "in.rhai",
            r#"on("**", |event| { sheet::append("in.csv", [event.type, event.data.data.plate]); });"#,
        )],
    );
    let ours = House::start(
        &format!(
            "{}\n[hook.out]\nurl = \"http://{}/webhook/in\"\nsecret = \"{secret}\"\n",
            super::house::gate_config(),
            theirs.address
        ),
        &[(
            "out.rhai",
            r#"on("gate.*", |event| { hook::send("out", "gate.opened", #{ plate: "ABC" }); });"#,
        )],
    );
    ours.post_ok("{}");
    ours.wait_for_done(1);
    theirs.wait_for_done(1);
    let row = theirs.file("in.csv").unwrap_or_default();
    assert!(row.contains("gate.opened,ABC"), "{row}");
}
