//! httpbin, which asks for a Digest. It hashes the decoded path, so no name here needs a percent sign.

use super::Server;
use crate::house::{House, eventually, gate_config};
use serde_json::{Value, json};

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
