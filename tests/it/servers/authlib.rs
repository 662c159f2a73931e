//! Authlib, as a token server: it judges how we say who we are, our assertions, and that a refresh
//! token is used once.

use super::Server;
use crate::house::{House, eventually, gate_config};
use crate::http::send;
use serde_json::Value;
use std::net::SocketAddr;

const PORT: u16 = 14610;

const CONFIG: &str = r#"
[oauth.header]
token_url = "http://127.0.0.1:14610/token"
client_id = "in-header"
client_secret = "s3cret:/+ %ü"
scope = ["read", "write"]

[oauth.form]
token_url = "http://127.0.0.1:14610/token"
client_id = "in-form"
client_secret = "s3cret:/+ %ü"
client_auth = "body"
scope = "read"

[oauth.refresh]
token_url = "http://127.0.0.1:14610/token"
client_id = "in-header"
client_secret = "s3cret:/+ %ü"
refresh_token = "the-first-one"

[oauth.account]
token_url = "http://127.0.0.1:14610/token"
key = { file = "account.key" }
issuer = "porch@house.example"
subject = "me@house.example"
scope = "read"

[oauth.stranger]
token_url = "http://127.0.0.1:14610/token"
key = { file = "stranger.key" }
issuer = "porch@house.example"
subject = "me@house.example"
scope = "read"

[oauth.wrong]
token_url = "http://127.0.0.1:14610/token"
client_id = "in-header"
client_secret = "another"
scope = "read"
"#;

const SCRIPT: &str = r#"
on("gate.*", |event| {
    for name in event.data.names {
        http::send("http://127.0.0.1:14610/api", #{ auth: #{ oauth: name }, lane: name });
    }
});
"#;

fn ask(method: &str, path: &str) -> String {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let answer = send(SocketAddr::from(([127, 0, 0, 1], PORT)), request.as_bytes());
    answer.expect("an answer").body
}

/// A fresh RSA key, and its public half.
fn rsa_key(server: &Server, home: &std::path::Path, name: &str) -> String {
    let script = "import sys\n\
        from cryptography.hazmat.primitives.asymmetric import rsa\n\
        from cryptography.hazmat.primitives.serialization import *\n\
        key = rsa.generate_private_key(65537, 2048)\n\
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())\n\
        open(sys.argv[1], 'wb').write(private)\n\
        print(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())";
    let output = server
        .command("python3")
        .args(["-c", script])
        .arg(home.join(name))
        .output()
        .expect("python runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn each_way_to_a_token_is_taken_by_a_server_of_others() {
    let Some(mut server) = Server::hold("authlib") else {
        return;
    };
    let mut house = House::furnish(
        &format!("{}{CONFIG}", gate_config()),
        &[("api.rhai", SCRIPT)],
    );
    let public = rsa_key(&server, house.path(), "account.key");
    server.write("account.pem", &public);
    rsa_key(&server, house.path(), "stranger.key");
    let app = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/servers/authlib/app.py"
    );
    let port = PORT.to_string();
    let args = ["--app", app, "run", "--host", "127.0.0.1", "--port", &port];
    let mut command = server.command("flask");
    // Authlib wants https, but for tests.
    command.args(args).env("AUTHLIB_INSECURE_TRANSPORT", "1");
    server.start_as(command, &[PORT]);
    house.restart();
    let settle = |house: &House, count: usize| {
        eventually("all is settled", || {
            let actions = house.actions();
            let settled = |a: &Value| a["status"] == "done" || a["status"] == "dead";
            (actions.len() == count && actions.iter().all(settled)).then_some(actions)
        })
    };
    let event = r#"{"number":1,"names":["header","form","refresh","account","stranger","wrong"]}"#;
    house.post_ok(event);
    for action in settle(&house, 6) {
        let name = action["args"]["auth"]["oauth"].as_str().unwrap_or_default();
        let status = if ["stranger", "wrong"].contains(&name) {
            "dead"
        } else {
            "done"
        };
        assert_eq!(action["status"], status, "{action} {}", server.log());
    }
    // Once more: nothing is fetched, until what was given no longer counts.
    assert_eq!(ask("GET", "/count"), "4");
    house.post_ok(r#"{"number":2,"names":["header","form","refresh","account"]}"#);
    settle(&house, 10);
    assert_eq!(ask("GET", "/count"), "4");
    ask("POST", "/revoke");
    // After kill -9 only the refresh token that came last is any good.
    house.kill();
    house.restart();
    house.post_ok(r#"{"number":3,"names":["header","form","refresh","account"]}"#);
    let done = settle(&house, 14);
    let done = done
        .iter()
        .filter(|action| action["status"] == "done")
        .count();
    assert_eq!(done, 12, "{}", server.log());
    assert_eq!(ask("GET", "/count"), "4");
    ask("POST", "/revoke");
    house.post_ok(r#"{"number":4,"names":["header","form","refresh","account"]}"#);
    let done = settle(&house, 18);
    let done = done
        .iter()
        .filter(|action| action["status"] == "done")
        .count();
    assert_eq!(done, 16, "a 401 fetches anew: {}", server.log());
}
