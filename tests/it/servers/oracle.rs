//! A second opinion on requests: what a client of somebody else's sends for the same message.
//!
//! Both requests are taken apart into fields, and every field is compared. Where ours is different
//! on purpose its row says why; a difference that no row names fails, and so does a row that names a
//! difference which is none.

use super::Server;
use crate::fake::{Asked, Fake};
use crate::goldens::{decoded, pairs, parts, seen_at};
use crate::house::{House, gate_config};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// One call in both languages: ours has a script of one line.
pub struct Row {
    /// What the client is asked.
    pub theirs: &'static [&'static str],
    /// Our target; `{fake}` is the address of the server that stands for the service.
    pub target: &'static str,
    /// What the script does in its handler, with a picture in `event.attachments`.
    pub call: &'static str,
    /// What the service answers to one request after the other; then 200 and `{}`.
    pub answers: &'static [(u16, &'static str)],
    /// Beginnings of fields that differ, and why ours are better so.
    pub differ: &'static [(&'static str, &'static str)],
}

/// Says nothing of a service: how the client reads, counts, keeps, or names itself.
const OF_NO_CONCERN: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-charset",
    "cache-control",
    "connection",
    "content-length",
    "host",
    "user-agent",
    "x-goog-api-client",
    "x-twilio-client",
    // Ours alone, in every request that changes something: services ignore headers they don't know.
    "idempotency-key",
];

/// Holds what we send against what the client says that it would; the last arguments of `command`
/// are the row's and its answers.
pub fn compare(server: &Server, command: &[&str], row: &Row, with_answers: bool) {
    let theirs = ask(server, command, row, with_answers);
    let ours = send(row, theirs.len());
    let what = row.theirs[0];
    assert_eq!(theirs.len(), ours.len(), "{what}: as many requests");
    let mut told: Vec<&str> = Vec::new();
    let mut wrong = Vec::new();
    for (number, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        let (theirs, ours) = (fields(theirs), fields(ours));
        let names: std::collections::BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
        for name in names {
            let (theirs, ours) = (theirs.get(name), ours.get(name));
            if theirs == ours {
                continue;
            }
            let numbered = format!("{}: {name}", number + 1);
            let known =
                |(field, _): &&(&str, &str)| name.starts_with(field) || numbered.starts_with(field);
            match row.differ.iter().find(known) {
                Some((field, _)) => told.push(field),
                None => wrong.push(format!("{numbered}: theirs {theirs:?}, ours {ours:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
    for (field, why) in row.differ {
        assert!(told.contains(field), "{what}: {field} is the same ({why})");
    }
}

fn ask(server: &Server, command: &[&str], row: &Row, with_answers: bool) -> Vec<Asked> {
    let mut asked = server.command(command[0]);
    asked.args(&command[1..]).args(row.theirs);
    if with_answers {
        let answers: Vec<Value> = row.answers.iter().map(answer).collect();
        asked.arg(Value::from(answers).to_string());
    }
    let output = asked.output().expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let requests: Vec<Asked> = said.lines().map(request).collect();
    assert!(!requests.is_empty(), "{:?}: {output:?}", row.theirs);
    requests
}

fn answer((status, body): &(u16, &str)) -> Value {
    let body: Value = serde_json::from_str(body).expect("JSON");
    json!([status, body])
}

/// One line of what a client would send.
fn request(line: &str) -> Asked {
    let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let url = text(&line["url"]);
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let headers = line["headers"].as_object().into_iter().flatten();
    Asked {
        method: text(&line["method"]),
        path: path.to_owned(),
        headers: headers
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        // One letter for each byte.
        body: text(&line["body"]).chars().map(|one| one as u8).collect(),
        at: Instant::now(),
    }
}

fn send(row: &Row, count: usize) -> Vec<Asked> {
    let fake = Fake::start();
    for (status, body) in row.answers {
        let length = body.len();
        fake.answer_next(&format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
    }
    let config = [
        gate_config(),
        "[webhook.driveway]\npreset = \"platerecognizer\"\nproof = \"none\"\n".to_owned(),
        row.target.replace("{fake}", &fake.url()),
    ];
    let script = format!(
        "on(\"platerecognizer.recognition\", |event| {{ {}; }});",
        row.call
    );
    let house = House::start(&config.join("\n"), &[("out.rhai", &script)]);
    assert_eq!(house.send(&seen_at("driveway")).status, 200);
    // Before the first of them a token is fetched, where the target says so.
    let tokens = usize::from(row.target.contains("[oauth."));
    let mut asked = fake.wait_for(count + tokens);
    asked.drain(..tokens);
    asked
}

/// A request as its fields: `method`, `path`, `query.NAME`, `header.NAME`, and of its body
/// `json/PATH`, `form.NAME`, `part.NAME` or `bytes`.
fn fields(asked: &Asked) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    fields.insert("method".to_owned(), asked.method.clone());
    fields.insert("path".to_owned(), decoded(path));
    each(&mut fields, "query", &pairs(query));
    for (name, value) in &asked.headers {
        let name = name.to_lowercase();
        if name == "content-type" {
            let kind = value.split(';').next().unwrap_or_default();
            fields.insert("header.content-type".to_owned(), kind.to_owned());
        } else if name == "x-amz-date" {
            // They were made within one second, or not.
            fields.insert("header.x-amz-date".to_owned(), "a moment".to_owned());
        } else if !OF_NO_CONCERN.contains(&name.as_str()) {
            fields.insert(format!("header.{name}"), value.clone());
        }
    }
    let kind = fields.get("header.content-type").map_or("", String::as_str);
    match kind {
        "application/json" => leaves(&mut fields, "json", &asked.json()),
        "application/x-www-form-urlencoded" => {
            let form = pairs(&String::from_utf8_lossy(&asked.body));
            each(&mut fields, "form", &form);
        }
        "multipart/form-data" => {
            for part in parts(asked).as_array().into_iter().flatten() {
                let name = part["name"].as_str().unwrap_or_default();
                fields.insert(format!("part.{name}"), part.to_string());
            }
        }
        _ => {
            fields.insert("bytes".to_owned(), asked.body.len().to_string());
        }
    }
    fields
}

fn each(fields: &mut BTreeMap<String, String>, kind: &str, pairs: &Value) {
    for (name, value) in pairs.as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        fields.insert(format!("{kind}.{name}"), value.to_owned());
    }
}

fn leaves(fields: &mut BTreeMap<String, String>, path: &str, value: &Value) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                leaves(fields, &format!("{path}/{name}"), value);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (number, value) in list.iter().enumerate() {
                leaves(fields, &format!("{path}/{number}"), value);
            }
        }
        leaf => _ = fields.insert(path.to_owned(), leaf.to_string()),
    }
}
