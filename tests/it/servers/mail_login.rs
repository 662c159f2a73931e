//! Logging in at a mail server: by tokens that are fetched and replaced, and by `doctor`, which stops
//! before there is a message.

use super::aiosmtpd::{CLEAR, IMPLICIT, Post, failure, start_tls};
use crate::doctor::{doctor, home, is};
use crate::fake::Fake;
use serde_json::Value;

const SEND: &str = "mail::send(\"family\", \"hello\");";

fn granted(token: &str) -> String {
    let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#);
    answer("200 OK", &body)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// An account whose tokens come from there.
fn by_tokens_of(tokens: &Fake) -> String {
    let login = start_tls("oauth = \"mailbox\"");
    let url = tokens.url();
    format!(
        "{login}\n[oauth.mailbox]\ntoken_url = \"{url}/token\"\nclient_id = \"porch\"\nrefresh_token = \"pl4nted-first\""
    )
}

#[test]
fn a_token_that_the_mail_server_refuses_is_replaced_once_and_the_message_arrives_once() {
    let Some(post) = Post::start() else { return };
    let tokens = Fake::answering(&granted("test"));
    tokens.answer_next(&granted("no-longer-good"));
    let house = post.house(&by_tokens_of(&tokens), SEND);
    house.wait_for_done(1);
    let asked = tokens.asked();
    assert_eq!(asked.len(), 2, "one token, and one instead of it");
    assert!(String::from_utf8_lossy(&asked[0].body).contains("refresh_token=pl4nted-first"));
    // The token that is good is kept.
    house.post_ok(r#"{"number":2}"#);
    house.wait_for_done(2);
    assert_eq!(tokens.asked().len(), 2);
    let taken = post.taken();
    assert_eq!(taken.len(), 2);
    assert!(taken.iter().all(|message| message["user"] == "house"));
}

#[test]
fn a_mail_waits_while_tokens_cannot_be_had_and_is_dead_when_they_are_refused() {
    let Some(post) = Post::start() else { return };
    let unwilling = Fake::answering(&answer("503 Service Unavailable", "{}"));
    let mut house = post.house(&by_tokens_of(&unwilling), SEND);
    let waiting = failure(&house);
    assert_eq!(waiting["status"], "open", "{waiting}");
    house.kill();
    unwilling.answer_next(&granted("test"));
    house.let_pass_while_down(400);
    house.restart();
    house.wait_for_done(1);
    assert_eq!(post.taken().len(), 1);
    let refused = Fake::answering(&answer(
        "400 Bad Request",
        r#"{"error":"invalid_grant","error_description":"the token was revoked"}"#,
    ));
    let house = post.house(&by_tokens_of(&refused), SEND);
    let dead = failure(&house);
    assert_eq!(dead["status"], "dead", "{dead}");
    let text = dead["error"].to_string();
    assert!(
        text.contains("oauth.mailbox") && text.contains("invalid_grant"),
        "{text}"
    );
    assert!(!text.contains("pl4nted"), "{text}");
    // A server that never takes the token is asked twice in a try, and not for ever.
    let stubborn = Fake::answering(&granted("never-good"));
    let house = post.house(&by_tokens_of(&stubborn), SEND);
    let dead = failure(&house);
    assert_eq!(
        (&dead["status"], stubborn.asked().len()),
        (&Value::from("dead"), 2),
        "{dead}"
    );
    assert_eq!(post.taken().len(), 1);
}

#[test]
fn doctor_goes_as_far_as_the_sender_and_sends_nothing() {
    let Some(post) = Post::start() else { return };
    let from = "from = \"house@example.org\"";
    let table =
        |name: &str, keys: &str| format!("[mail.{name}]\nserver = \"localhost\"\n{keys}\n{from}\n");
    let tokens = Fake::start();
    let url = tokens.url();
    let implicit =
        format!("port = {IMPLICIT}\ntls = \"implicit\"\ntrust = \"post\"\nuser = \"house\"");
    let config = [
        "[tls.post]\nca = \"post.pem\"".to_owned(),
        format!(
            "[oauth.mailbox]\ntoken_url = \"{url}/token\"\nclient_id = \"porch\"\nrefresh_token = \"pl4nted\""
        ),
        table("good", &start_tls("password = \"test\"")),
        table("token", &start_tls("token = \"test\"")),
        table("fetched", &start_tls("oauth = \"mailbox\"")),
        table("implicit", &format!("{implicit}\npassword = \"test\"")),
        table("open", &format!("port = {CLEAR}\ntls = \"none\"")),
        table("wrong", &start_tls("password = \"pl4nted\"")),
        table(
            "stranger",
            &start_tls("password = \"test\"").replace("trust = \"post\"", ""),
        ),
        table("nobody", &start_tls("").replace("user = \"house\"", "")),
        table(
            "late",
            &format!("port = {CLEAR}\nuser = \"house\"\npassword = \"test\""),
        ),
    ];
    let house = home(&config.join("\n"));
    std::fs::write(house.path().join("post.pem"), &post.certificate).expect("a certificate");
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    for (words, level, fix) in [
        (
            "[mail.good] localhost:14025 encrypts by STARTTLS, knows us and takes our sender",
            "ok",
            "",
        ),
        (
            "[mail.token] localhost:14025 encrypts by STARTTLS, knows us",
            "ok",
            "",
        ),
        (
            "[mail.fetched] localhost:14025 encrypts by STARTTLS and takes tokens",
            "ok",
            "",
        ),
        (
            "[mail.implicit] localhost:14465 is encrypted, knows us",
            "ok",
            "",
        ),
        (
            "[mail.open] localhost:14026 is not encrypted and takes our sender",
            "ok",
            "",
        ),
        (
            "[mail.wrong] localhost:14025: the password: 535",
            "bad",
            "made for this alone",
        ),
        (
            "[mail.stranger] localhost:14025: invalid peer certificate",
            "bad",
            "`trust`",
        ),
        (
            "[mail.nobody] localhost:14025: the sender house@example.org: 530",
            "bad",
            "`password`",
        ),
        (
            "[mail.late] localhost:14026: does not offer STARTTLS",
            "bad",
            "implicit",
        ),
    ] {
        is(&lines, words, level, fix);
    }
    assert!(post.taken().is_empty() && tokens.asked().is_empty());
}
