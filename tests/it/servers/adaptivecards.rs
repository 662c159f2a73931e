//! Microsoft's Adaptive Cards library, as a judge of the cards that we send to Teams.

use super::Server;
use crate::fake::Fake;
use crate::house::{House, gate_config};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

const JUDGE: &str = include_str!("../../servers/adaptivecards/judge.js");

/// What is wrong with a card, and what a reader sees of it.
pub fn judge(server: &Server, card: &Value) -> (Vec<Value>, Vec<Value>) {
    server.write("judge.js", JUDGE);
    let mut node = server
        .command("node")
        .arg("judge.js")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let mut stdin = node.stdin.take().expect("its input");
    stdin
        .write_all(card.to_string().as_bytes())
        .expect("it reads");
    drop(stdin);
    let output = node.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    let mut lines = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    (
        lines.next().expect("what is wrong"),
        lines.next().expect("what is seen"),
    )
}

#[test]
fn a_card_for_teams_is_in_order_for_microsofts_own_library() {
    let Some(server) = Server::hold("adaptivecards") else {
        return;
    };
    let fake = Fake::start();
    let config = format!(
        "{}\n[message.office]\nservice = \"teams\"\nurl = \"{}\"\n",
        gate_config(),
        fake.url()
    );
    let script = r#"on("gate.*", |event| {
        message::send("office", "Somebody is at the gate", #{
            title: "Gate", link: "https://gate.example/live", image: "https://gate.example/now.jpg",
        });
    });"#;
    let house = House::start(&config, &[("office.rhai", script)]);
    house.post_ok("{}");
    let sent = fake.wait_for(1).swap_remove(0).json();
    let (wrong, seen) = judge(&server, &sent["attachments"][0]["content"]);
    assert!(wrong.is_empty(), "{wrong:?}");
    let expected = json!([
        "Gate",
        "Somebody is at the gate",
        "https://gate.example/now.jpg",
        "https://gate.example/live"
    ]);
    assert_eq!(Value::from(seen), expected);
}

/// A judge that never finds anything would be none.
#[test]
fn a_card_with_mistakes_is_found_out() {
    let Some(server) = Server::hold("adaptivecards") else {
        return;
    };
    let card = json!({
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{ "type": "TextBlock", "text": "x", "weight": "Boldest" }, { "type": "Nothing" }],
    });
    let (wrong, _) = judge(&server, &card);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}
