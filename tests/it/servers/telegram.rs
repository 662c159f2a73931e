//! telegram-test-api: Telegram's Bot API as bots are tested against it. It knows no pictures.

use super::Server;
use crate::house::{House, eventually, gate_config};
use crate::http::{request, send};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};

const PORT: u16 = 14960;
const BOT: &str = "123456:only-for-the-tests";
const SERVER: &str = include_str!("../../servers/telegram/server.js");

/// What the bot has said, as its chats would see it.
fn said() -> Vec<Value> {
    let body = json!({ "token": BOT }).to_string();
    let headers = [
        ("Content-Type", "application/json"),
        ("Connection", "close"),
    ];
    let bytes = request("/getUpdatesHistory", &headers, body.as_bytes());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let answer = send(address, &bytes).expect("an answer");
    let all = answer.json();
    let all = all["result"].as_array().expect("messages").clone();
    all.into_iter().map(|one| one["message"].clone()).collect()
}

#[test]
fn a_message_with_a_link_reaches_its_chat() {
    let Some(mut server) = Server::hold("telegram") else {
        return;
    };
    let script = server.write("server.js", SERVER).display().to_string();
    server.start("node", &[&script, &PORT.to_string()], &[PORT]);
    let config = format!(
        "{}\n[message.me]\nservice = \"telegram\"\nurl = \"http://127.0.0.1:{PORT}\"\ntoken = \"{BOT}\"\nchat = \"42\"\n",
        gate_config()
    );
    let script = r#"on("gate.*", |event| {
        message::send("me", "It's <open> & *unlocked*", #{ title: "Gate", link: "https://gate.example/?a=1&b=2" });
    });"#;
    let house = House::start(&config, &[("me.rhai", script)]);
    house.post_ok("{}");
    house.wait_for_done(1);
    let said = eventually("it is there", || {
        Some(said()).filter(|said| !said.is_empty())
    });
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["chat_id"], "42");
    assert_eq!(said[0]["text"], "Gate\nIt's <open> & *unlocked*");
    assert_eq!(
        said[0]["reply_markup"]["inline_keyboard"][0][0]["url"],
        "https://gate.example/?a=1&b=2"
    );
}
