//! `emulate`: GitHub, Slack and Twilio as somebody else understands them.
//!
//! Its GitHub signs webhooks by itself, so it is also a sender that nobody here wrote.

use super::Server;
use crate::house::{House, TEST_SECRET};
use crate::http::{Answer, request, send};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};

const SLACK: u16 = 14200;
const GITHUB: u16 = 14201;
/// A token that the emulator knows; it opens nothing else.
const TOKEN: &str = "Bearer gho_test_token_admin";

fn emulator() -> Option<Server> {
    let mut server = Server::hold("emulate")?;
    let port = SLACK.to_string();
    let args = ["start", "--service", "slack,github", "--port", &port];
    server.start("emulate", &args, &[SLACK, GITHUB]);
    Some(server)
}

fn github(path: &str, body: &serde_json::Value) -> Answer {
    let headers = [
        ("Authorization", TOKEN),
        ("Content-Type", "application/json"),
        ("Connection", "close"),
    ];
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, GITHUB));
    let bytes = request(path, &headers, body.to_string().as_bytes());
    let answer = send(address, &bytes).expect("an answer");
    assert_eq!(answer.status, 201, "{answer:?}");
    answer
}

/// Has the emulator tell this house of new issues, signed with this secret, and opens one.
fn open_an_issue(house: &House, secret: &str) {
    github("/user/repos", &json!({ "name": "alarms" }));
    let url = format!("http://{}/webhook/code", house.address);
    let config = json!({ "url": url, "content_type": "json", "secret": secret });
    github(
        "/repos/admin/alarms/hooks",
        &json!({ "config": config, "events": ["issues"] }),
    );
    github(
        "/repos/admin/alarms/issues",
        &json!({ "title": "Gate is open" }),
    );
}

fn house() -> House {
    let config = format!("[webhook.code]\npreset = \"github\"\nsecret = \"{TEST_SECRET}\"\n");
    let script = r#"on("github.issues", |event| { sheet::append("issues.csv", [event.data.issue.title, event.verified.body]); });"#;
    House::start(&config, &[("code.rhai", script)])
}

#[test]
fn a_webhook_that_somebody_else_signed_reaches_its_script() {
    let Some(_emulator) = emulator() else { return };
    let house = house();
    open_an_issue(&house, TEST_SECRET);
    let done = house.wait_for_done(1);
    assert_eq!(done.len(), 1, "{done:?}");
    let rows = house.file("issues.csv").unwrap_or_default();
    assert!(rows.contains("Gate is open,true"), "{rows}");
}

#[test]
fn a_webhook_that_somebody_else_signed_with_another_secret_is_refused() {
    let Some(_emulator) = emulator() else { return };
    let house = house();
    open_an_issue(&house, "another-secret");
    house.wait_until_said("refused");
    assert!(house.events().is_empty(), "{:?}", house.events());
}

#[test]
fn a_message_is_taken_by_somebody_elses_slack() {
    let Some(_emulator) = emulator() else { return };
    let config = format!(
        "{}\n[message.ops]\nservice = \"slack\"\nurl = \"http://127.0.0.1:{SLACK}/services/T000000001/B000000001/X000000001\"\n",
        crate::house::gate_config()
    );
    let script = r#"on("gate.*", |event| { message::send("ops", "Gate <open> & unlocked", #{ title: "Gate" }); });"#;
    let house = House::start(&config, &[("ops.rhai", script)]);
    house.post_ok("{}");
    house.wait_for_done(1);
}
