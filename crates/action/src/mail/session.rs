//! One delivery: connect, encrypt, log in, hand over, take leave.
//!
//! One connection for one message. A home sends few, and a connection that is kept is one more thing
//! that may be dead when it matters.

use super::dialogue::Dialogue;
use super::login::{bearer, log_in, without_secrets};
use super::message::Ready;
use super::opening::open;
use super::{MailConfig, MailLogin};
use crate::oauth::Oauth;
use porchlight_core::{ActionError, Receipt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Delivers a message within `time`.
pub(super) async fn deliver(
    account: &MailConfig,
    message: &Ready,
    oauth: &Oauth,
    time: Duration,
) -> Result<Receipt, ActionError> {
    let result = converse(account, message, oauth, time).await;
    result.map_err(|error| without_secrets(error, &account.login))
}

async fn converse(
    account: &MailConfig,
    message: &Ready,
    oauth: &Oauth,
    time: Duration,
) -> Result<Receipt, ActionError> {
    let until = Instant::now() + time;
    let mut dialogue = open(account, until).await?;
    if let MailLogin::Oauth { user, name } = &account.login {
        let token = oauth.token(name).await?;
        let refused = match bearer(&mut dialogue, user, token.expose()).await {
            Ok(()) => None,
            Err(error) if error.kind == "auth" => Some(error),
            Err(error) => return Err(error),
        };
        if refused.is_some() {
            let token = oauth.token_instead_of(name, &token).await?;
            // Servers count failures of a connection, so the new token gets a new one.
            dialogue = open(account, until).await?;
            bearer(&mut dialogue, user, token.expose()).await?;
        }
    } else {
        log_in(&mut dialogue, account).await?;
    }
    hand_over(&mut dialogue, account, message).await
}

async fn hand_over(
    dialogue: &mut Dialogue,
    account: &MailConfig,
    message: &Ready,
) -> Result<Receipt, ActionError> {
    let server = account.server.as_str();
    let largest = dialogue
        .ability("SIZE")
        .and_then(|size| size.parse::<usize>().ok());
    if largest.is_some_and(|largest| largest > 0 && message.bytes.len() > largest) {
        let size = message.bytes.len();
        let text = format!("{server}: the message has {size} bytes, more than it takes");
        return Err(ActionError::never("limit", text));
    }
    let foreign = message.to.iter().any(|address| !address.is_ascii());
    sender(dialogue, server, &message.from, foreign).await?;
    let mut refused = Vec::new();
    for to in &message.to {
        let what = format!("the recipient {to}");
        let reply = dialogue.say(&format!("RCPT TO:<{to}>"), &what).await?;
        if reply.is_put_off() {
            return Err(reply.refusal(server, &what));
        }
        if !reply.is_good() {
            refused.push((to.as_str(), reply));
        }
    }
    let list: Vec<Value> = refused
        .iter()
        .map(|(to, reply)| json!({ "to": to, "said": reply.shown() }))
        .collect();
    if refused.len() == message.to.len() {
        let all: Vec<String> = refused
            .iter()
            .map(|(to, reply)| format!("{to}: {}", reply.shown()))
            .collect();
        let text = format!("{server}: every recipient is refused: {}", all.join("; "));
        let mut error = ActionError::never("rejected", text);
        error.detail = json!({ "refused": list });
        return Err(error);
    }
    dialogue.ask("DATA", "DATA").await?;
    let taken = dialogue.message(&message.bytes).await?;
    dialogue.farewell().await;
    let count = message.to.len() - refused.len();
    let mut summary = match count {
        1 => "sent to 1 recipient".to_owned(),
        _ => format!("sent to {count} recipients"),
    };
    for (to, reply) in &refused {
        summary += &format!("; refused for {to}: {}", reply.shown());
    }
    Ok(Receipt {
        summary,
        detail: json!({ "id": message.id, "said": taken.shown(), "refused": list }),
    })
}

/// Says from whom a message is; `foreign` when a recipient's address is not ASCII.
pub(super) async fn sender(
    dialogue: &mut Dialogue,
    server: &str,
    from: &str,
    foreign: bool,
) -> Result<(), ActionError> {
    let utf8 = foreign || !from.is_ascii();
    if utf8 && dialogue.ability("SMTPUTF8").is_none() {
        let text = format!("{server}: takes only addresses in ASCII");
        return Err(ActionError::never("rejected", text));
    }
    let options = if utf8 { " BODY=8BITMIME SMTPUTF8" } else { "" };
    let line = format!("MAIL FROM:<{from}>{options}");
    dialogue.ask(&line, &format!("the sender {from}")).await?;
    Ok(())
}
