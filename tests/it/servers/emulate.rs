//! `emulate`: GitHub, Slack and Twilio as somebody else understands them.
//!
//! Its GitHub signs webhooks by itself, so it is also a sender that nobody here wrote.

use super::{Server, shown};
use crate::goldens::seen_at;
use crate::house::{House, TEST_SECRET, eventually, gate_config};
use crate::http::{Answer, request, send};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};

const SLACK: u16 = 14200;
const GITHUB: u16 = 14201;
const TWILIO: u16 = 14202;
/// The account that the emulator has, and its token.
const ACCOUNT: &str = "AC00000000000000000000000000000000";
const ACCOUNT_TOKEN: &str = "twilio_test_auth_token";
/// A token that the emulator knows; it opens nothing else.
const TOKEN: &str = "Bearer gho_test_token_admin";

fn emulator() -> Option<Server> {
    let mut server = Server::hold("emulate")?;
    let port = SLACK.to_string();
    let args = ["start", "--service", "slack,github,twilio", "--port", &port];
    server.start("emulate", &args, &[SLACK, GITHUB, TWILIO]);
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

/// What was said in a channel of Slack.
fn said(channel: &str) -> Value {
    let form = format!("channel={channel}");
    // HTTP/1.0, so that the answer comes in one piece.
    let request = format!(
        "POST /api/conversations.history HTTP/1.0\r\nAuthorization: Bearer xoxb-test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, SLACK));
    let answer = send(address, request.as_bytes()).expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["messages"].clone()
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
        gate_config()
    );
    let script = r#"on("gate.*", |event| { message::send("ops", "Gate <open> & unlocked", #{ title: "Gate" }); });"#;
    let house = House::start(&config, &[("ops.rhai", script)]);
    house.post_ok("{}");
    house.wait_for_done(1);
}

/// The dead action whose record has these words.
fn dead(house: &House, words: &str) -> Value {
    eventually(words, || {
        let actions = house.actions();
        let mut dead = actions.into_iter().filter(|one| one["status"] == "dead");
        dead.find(|one| one.to_string().contains(words))
    })
}

#[test]
fn a_picture_reaches_somebody_elses_slack_and_a_channel_that_is_not_there_is_no_success() {
    let Some(_emulator) = emulator() else { return };
    let app = |name: &str, channel: &str| {
        format!(
            "[message.{name}]\nservice = \"slack-app\"\napi = \"http://127.0.0.1:{SLACK}/api/\"\ntoken = \"xoxb-test\"\nchannel = \"{channel}\"\n"
        )
    };
    let config = [
        gate_config(),
        "[webhook.driveway]\npreset = \"platerecognizer\"\nproof = \"none\"\n".to_owned(),
        app("crew", "C000000001"),
        app("nobody", "C404"),
    ];
    let script = r#"
        on("platerecognizer.recognition", |event| message::send("crew", "Who is <this>?", #{ image: event.attachments[0] }));
        on("gate.*", |event| message::send(event.data.to, "Gate & door", #{ title: "House" }));
    "#;
    let house = House::start(&config.join("\n"), &[("crew.rhai", script)]);
    assert_eq!(house.send(&seen_at("driveway")).status, 200);
    house.post_ok(r#"{"to":"crew"}"#);
    house.wait_for_done(1);
    let said = eventually("both are there", || {
        let said = said("C000000001");
        (said.as_array()?.len() == 2).then_some(said.to_string())
    });
    assert!(said.contains("*House*\\nGate &amp; door"), "{said}");
    assert!(said.contains("Who is &lt;this&gt;?"), "{said}");
    assert!(said.contains(r#""name":"image.jpg""#), "{said}");
    assert!(said.contains(r#""size":1158"#), "{said}");
    house.post_ok(r#"{"to":"nobody"}"#);
    eventually("its answer is judged", || {
        let actions = house.actions();
        let not = |one: &&Value| one["status"] != "done";
        let shown = actions.iter().find(not)?.to_string();
        shown.contains("channel_not_found").then_some(())
    });
}

#[test]
fn an_issue_is_opened_with_its_labels_and_what_github_refuses_is_dead_with_its_words() {
    let Some(_emulator) = emulator() else { return };
    github("/user/repos", &json!({ "name": "alarms" }));
    let place = |name: &str, repository: &str| {
        let url = format!("http://127.0.0.1:{GITHUB}");
        format!(
            "[ticket.{name}]\nservice = \"github\"\nurl = \"{url}\"\nrepository = \"{repository}\"\ntoken = \"gho_test_token_admin\"\n"
        )
    };
    let config = [
        gate_config(),
        place("code", "admin/alarms"),
        place("nowhere", "admin/none"),
    ];
    let script = r#"on("gate.*", |event| {
        ticket::open(event.data.at, event.data.title, #{ body: "Since <07:30>", labels: ["gate", "night"] });
    });"#;
    let house = House::start(&config.join("\n"), &[("code.rhai", script)]);
    house.post_ok(r#"{"at":"code","title":"The gate is stuck"}"#);
    house.wait_for_done(1);
    let known = [("Authorization", TOKEN)];
    let issues = shown(GITHUB, "/repos/admin/alarms/issues", &known);
    assert_eq!(issues.as_array().map(Vec::len), Some(1), "{issues}");
    assert_eq!(issues[0]["title"], "The gate is stuck");
    assert_eq!(issues[0]["body"], "Since <07:30>");
    assert_eq!(issues[0]["labels"][0]["name"], "gate", "{issues}");
    assert_eq!(issues[0]["labels"][1]["name"], "night", "{issues}");
    house.post_ok(r#"{"at":"code","title":""}"#);
    dead(&house, "Validation failed");
    house.post_ok(r#"{"at":"nowhere","title":"x"}"#);
    dead(&house, "404");
    let issues = shown(GITHUB, "/repos/admin/alarms/issues", &known);
    assert_eq!(issues.as_array().map(Vec::len), Some(1), "{issues}");
}

#[test]
fn a_text_message_is_queued_by_somebody_elses_twilio_and_its_refusals_are_kept() {
    let Some(_emulator) = emulator() else { return };
    let phone = |name: &str, token: &str, to: &str| {
        let url = format!("http://127.0.0.1:{TWILIO}");
        format!(
            "[sms.{name}]\ndriver = \"twilio\"\nurl = \"{url}\"\nsid = \"{ACCOUNT}\"\ntoken = \"{token}\"\nfrom = \"+15551234567\"\nto = \"{to}\"\n"
        )
    };
    let config = [
        gate_config(),
        phone("me", ACCOUNT_TOKEN, "+15005550006"),
        phone("stranger", "not-the-token-of-anybody", "+15005550006"),
        phone("nobody", ACCOUNT_TOKEN, "the neighbour"),
    ];
    let script = r#"on("gate.*", |event| sms::send(event.data.to, "Gäste & <Hund> 🚗"));"#;
    let house = House::start(&config.join("\n"), &[("phone.rhai", script)]);
    house.post_ok(r#"{"to":"me"}"#);
    house.wait_for_done(1);
    let known = [(
        "Authorization",
        "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDp0d2lsaW9fdGVzdF9hdXRoX3Rva2Vu",
    )];
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    let sent = shown(TWILIO, &path, &known);
    assert_eq!(sent["messages"].as_array().map(Vec::len), Some(1), "{sent}");
    let sent = &sent["messages"][0];
    assert_eq!(sent["body"], "Gäste & <Hund> 🚗");
    assert_eq!(sent["from"], "+15551234567");
    assert_eq!(sent["to"], "+15005550006");
    house.post_ok(r#"{"to":"stranger"}"#);
    let refused = dead(&house, "Authenticate");
    assert!(!refused.to_string().contains("not-the-token"), "{refused}");
    house.post_ok(r#"{"to":"nobody"}"#);
    dead(&house, "21201");
}
