//! httpbin, which asks for a Digest. It hashes the decoded path, so no name here needs a percent sign.

use super::Server;
use crate::house::{House, eventually, gate_config};
use serde_json::{Value, json};
use sha2::Digest as _;

const CONFIG: &str = r#"
[light.camera]
driver = "hue"
url = "http://127.0.0.1:14600"
id = "Mufasa"
key = "CircleOfLife"
"#;

const SCRIPT: &str = r#"
on("gate.*", |event| {
    let camera = target("light", "camera");
    for path in event.data.paths {
        http::send(camera.url + path, #{
            method: "GET",
            auth: #{ digest: #{ user: camera.id, password: camera.key } },
            lane: path,
        });
    }
});
"#;

#[test]
fn a_digest_of_each_kind_opens_and_a_wrong_one_does_not() {
    let Some(mut httpbin) = Server::hold("httpbin") else {
        return;
    };
    let args = [
        "--app",
        "httpbin",
        "run",
        "--host",
        "127.0.0.1",
        "--port",
        "14600",
    ];
    httpbin.start("flask", &args, &[14600]);
    let config = format!("{}{CONFIG}", gate_config());
    let house = House::start(&config, &[("camera.rhai", SCRIPT)]);
    let cases = [
        ("/digest-auth/auth/Mufasa/CircleOfLife", "done"),
        ("/digest-auth/auth/Mufasa/CircleOfLife/MD5", "done"),
        ("/digest-auth/auth/Mufasa/CircleOfLife/SHA-256", "done"),
        ("/digest-auth/none/Mufasa/CircleOfLife/MD5", "done"),
        ("/digest-auth/none/Mufasa/CircleOfLife/SHA-256", "done"),
        ("/digest-auth/auth/Mufasa/another/SHA-256", "dead"),
        ("/digest-auth/auth-int/Mufasa/CircleOfLife/MD5", "dead"),
        ("/digest-auth/auth/Mufasa/CircleOfLife/SHA-512", "dead"),
    ];
    let paths: Vec<&str> = cases.iter().map(|(path, _)| *path).collect();
    house.post_ok(&json!({ "paths": paths }).to_string());
    let actions = eventually("all are settled", || {
        let actions = house.actions();
        let settled = |a: &Value| a["status"] == "done" || a["status"] == "dead";
        (actions.len() == cases.len() && actions.iter().all(settled)).then_some(actions)
    });
    for (path, status) in cases {
        let action = actions.iter().find(|action| action["lane"] == path);
        let action = action.expect("its action");
        assert_eq!(action["status"], status, "{path}: {action}");
        let says = if status == "done" {
            "authenticated"
        } else {
            "auth"
        };
        assert!(action.to_string().contains(says), "{path}: {action}");
    }
}

const SENDER: &str = r#"
on("gate.*", |event| {
    let base = "http://127.0.0.1:14600";
    let echo = http::post(base + "/anything", #{
        multipart: [
            #{ name: "note", value: "Grüße \"aus\" der Küche" },
            #{ name: "payload", value: `{"a": 1}`, content_type: "application/json", filename: "a.json" },
            #{ name: "picture", blob: event.attachments[0] },
        ],
    });
    http::get(base + "/bytes/100000?seed=7", #{ save: "bytes.bin" });
    let saved = http::get(base + "/bytes/100000?seed=7", #{ save: "again.bin" });
    let packed = http::get(base + "/gzip");
    let elsewhere = http::get(base + "/redirect-to", #{
        query: #{ url: "http://localhost:14600/headers" },
        auth: #{ bearer: "s3cret-token" },
        headers: #{ "x-api-key": "s3cret-key" },
    });
    let chunks = http::get(base + "/stream/20");
    state::set("found", #{
        form: echo.json.form, files: echo.json.files,
        sha256: saved.sha256, size: saved.size,
        packed: packed.json == (),
        headers: elsewhere.json.headers,
        lines: chunks.text.split("\n").len(),
    });
    let slow = "";
    try { http::get(base + "/drip?duration=5&numbytes=5", #{ timeout: "300ms" }); } catch (problem) { slow = problem.kind; }
    let lost = "";
    try { http::get(base + "/redirect/9"); } catch (problem) { lost = problem.kind; }
    state::set("problems", #{ slow: slow, lost: lost });
});
"#;

#[test]
fn what_is_sent_arrives_as_others_read_it() {
    let Some(mut httpbin) = Server::hold("httpbin") else {
        return;
    };
    let args = [
        "--app",
        "httpbin",
        "run",
        "--host",
        "127.0.0.1",
        "--port",
        "14600",
    ];
    httpbin.start("flask", &args, &[14600]);
    let house = House::start(&gate_config(), &[("sender.rhai", SENDER)]);
    let boundary = "b0undary";
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{{}}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"Tür 1.jpg\"\r\n\
         Content-Type: image/jpeg\r\n\r\na picture\r\n--{boundary}--\r\n"
    );
    let signature = crate::house::hmac_hex(crate::house::TEST_SECRET, body.as_bytes());
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let headers = [
        ("Content-Type", content_type.as_str()),
        ("X-Signature", signature.as_str()),
    ];
    let request = crate::http::request("/webhook/gate", &headers, body.as_bytes());
    assert_eq!(house.send(&request).status, 200);
    let runs = house.wait_for_runs(1);
    assert_eq!(runs[0]["outcome"]["outcome"], "ok", "{}", runs[0]);
    let state = |key: &str| {
        let output = house.porchlight(&["state", "get", key, "--json"]);
        let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        value
    };
    let saved = std::fs::read(house.path().join("data/files/bytes.bin")).expect("the file");
    assert_eq!(saved.len(), 100_000);
    assert_eq!(
        state("found")["value"],
        json!({
            "form": {"note": "Grüße \"aus\" der Küche"},
            // What it knew to be files by their names.
            "files": {"payload": "{\"a\": 1}", "picture": "a picture"},
            "sha256": hex::encode(sha2::Sha256::digest(saved)),
            "size": 100_000,
            "packed": true,
            "headers": {"Accept": "*/*", "Host": "localhost:14600", "User-Agent": concat!("Porchlight/", env!("CARGO_PKG_VERSION"))},
            "lines": 21,
        })
    );
    assert_eq!(
        state("problems")["value"],
        json!({"slow": "timeout", "lost": "rejected"})
    );
}
