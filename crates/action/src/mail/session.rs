//! One delivery: connect, encrypt, log in, hand over, take leave.
//!
//! One connection for one message. A home sends few, and a connection that is kept is one more thing
//! that may be dead when it matters.

use super::dialogue::{Dialogue, Wire};
use super::message::Ready;
use super::{MailConfig, MailLogin, MailSecurity};
use crate::failure::config;
use crate::oauth::Oauth;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use porchlight_core::{ActionError, Receipt};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

/// How long we wait for the server's farewell, which changes nothing.
const FAREWELL: Duration = Duration::from_secs(1);

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

/// A server may repeat what it was sent, and what it says is kept and shown.
fn without_secrets(mut error: ActionError, login: &MailLogin) -> ActionError {
    let (user, secret) = match login {
        MailLogin::Password { user, password } => (user, password),
        MailLogin::Token { user, token } => (user, token),
        // Those of a token are its keeper's business; it lasts an hour.
        MailLogin::None | MailLogin::Oauth { .. } => return error,
    };
    let Ok(secret) = std::str::from_utf8(secret.expose()) else {
        return error;
    };
    for form in [
        BASE64.encode(format!("\0{user}\0{secret}")),
        BASE64.encode(secret),
        secret.to_owned(),
    ] {
        if !form.is_empty() {
            error.message = error.message.replace(&form, "[secret]");
        }
    }
    error
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

/// A connection that is as encrypted as it must be, and knows what the server can do.
async fn open(account: &MailConfig, until: Instant) -> Result<Dialogue, ActionError> {
    let server = account.server.as_str();
    let connect = TcpStream::connect((server, account.port));
    let failed = |why: &str| {
        let message = format!("{server}:{}: no connection: {why}", account.port);
        ActionError::later("connect", message)
    };
    let stream = match timeout_at(until, connect).await {
        Ok(connected) => connected.map_err(|error| failed(&error.to_string()))?,
        Err(_) => return Err(failed("not within the time")),
    };
    let _ = stream.set_nodelay(true);
    let ours = stream.local_addr().map(|own| own.ip());
    let name = hello_name(ours.unwrap_or(IpAddr::from([127, 0, 0, 1])));
    let is_here = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
    let stream: Box<dyn Wire> = Box::new(stream);
    match account.security {
        MailSecurity::None => {
            if !is_here {
                return Err(config(format!(
                    "{server}: is another machine, so `tls = \"none\"` would send everything in clear"
                )));
            }
            let mut dialogue = Dialogue::new(stream, server, until);
            dialogue.greeting().await?;
            dialogue.hello(&name).await?;
            Ok(dialogue)
        }
        MailSecurity::Implicit => {
            let stream = encrypt(stream, account, until).await?;
            let mut dialogue = Dialogue::new(stream, server, until);
            dialogue.greeting().await?;
            dialogue.hello(&name).await?;
            Ok(dialogue)
        }
        MailSecurity::StartTls => {
            let mut dialogue = Dialogue::new(stream, server, until);
            dialogue.greeting().await?;
            dialogue.hello(&name).await?;
            if dialogue.ability("STARTTLS").is_none() {
                // It may be somebody in between who took the word away.
                return Err(ActionError::never(
                    "tls",
                    format!("{server}: does not offer STARTTLS, so nothing was sent"),
                ));
            }
            dialogue.ask("STARTTLS", "STARTTLS").await?;
            let stream = encrypt(dialogue.into_wire()?, account, until).await?;
            let mut dialogue = Dialogue::new(stream, server, until);
            dialogue.hello(&name).await?;
            Ok(dialogue)
        }
    }
}

async fn encrypt(
    stream: Box<dyn Wire>,
    account: &MailConfig,
    until: Instant,
) -> Result<Box<dyn Wire>, ActionError> {
    let server = account.server.as_str();
    let tls = account.tls.client_config().map_err(config)?;
    let name = ServerName::try_from(server.to_owned())
        .map_err(|_| config(format!("{server}: is no name of a server")))?;
    let connector = TlsConnector::from(Arc::new(tls));
    match timeout_at(until, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => {
            let message = format!("{server}: {error}");
            // A certificate that is not believed now is not believed in a minute.
            Err(
                match error
                    .get_ref()
                    .is_some_and(|inner| inner.is::<rustls::Error>())
                {
                    true => ActionError::never("tls", message),
                    false => ActionError::later("tls", message),
                },
            )
        }
        Err(_) => Err(ActionError::later(
            "timeout",
            format!("{server}: the encryption was not agreed on in time"),
        )),
    }
}

/// Our address as a name: a home has seldom a better one, and servers know the form.
fn hello_name(own: IpAddr) -> String {
    match own {
        IpAddr::V4(own) => format!("[{own}]"),
        IpAddr::V6(own) => format!("[IPv6:{own}]"),
    }
}

async fn log_in(dialogue: &mut Dialogue, account: &MailConfig) -> Result<(), ActionError> {
    let server = account.server.as_str();
    match &account.login {
        MailLogin::None | MailLogin::Oauth { .. } => Ok(()),
        MailLogin::Token { user, token } => {
            bearer(dialogue, user, text(token.expose(), "token")?).await
        }
        MailLogin::Password { user, password } => {
            let password = text(password.expose(), "password")?;
            let ways = dialogue.ability("AUTH").unwrap_or_default().to_owned();
            let has = |way: &str| ways.split_whitespace().any(|one| one == way);
            if has("PLAIN") {
                let words = BASE64.encode(format!("\0{user}\0{password}"));
                dialogue
                    .ask(&format!("AUTH PLAIN {words}"), "the password")
                    .await?;
                return Ok(());
            }
            if has("LOGIN") {
                dialogue.ask("AUTH LOGIN", "AUTH LOGIN").await?;
                dialogue.ask(&BASE64.encode(user), "the user").await?;
                dialogue
                    .ask(&BASE64.encode(password), "the password")
                    .await?;
                return Ok(());
            }
            Err(ActionError::never(
                "auth",
                format!(
                    "{server}: takes no passwords (it offers {})",
                    offered(&ways)
                ),
            ))
        }
    }
}

fn offered(ways: &str) -> &str {
    if ways.is_empty() { "no login" } else { ways }
}

fn text<'a>(secret: &'a [u8], what: &str) -> Result<&'a str, ActionError> {
    std::str::from_utf8(secret).map_err(|_| config(format!("mail.send: the {what} is not text")))
}

/// XOAUTH2, as Google and Microsoft have it.
async fn bearer(dialogue: &mut Dialogue, user: &str, token: &str) -> Result<(), ActionError> {
    let words = BASE64.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"));
    let reply = dialogue
        .say(&format!("AUTH XOAUTH2 {words}"), "the token")
        .await?;
    if reply.code == 334 {
        // What was wrong comes as a question; the refusal after an empty answer.
        dialogue.ask("", "the token").await?;
        return Ok(());
    }
    if reply.is_good() {
        return Ok(());
    }
    Err(reply.refusal("the mail server", "the token"))
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
    let foreign = |address: &String| !address.is_ascii();
    let utf8 = foreign(&message.from) || message.to.iter().any(foreign);
    if utf8 && dialogue.ability("SMTPUTF8").is_none() {
        let text = format!("{server}: takes only addresses in ASCII");
        return Err(ActionError::never("rejected", text));
    }
    let options = if utf8 { " BODY=8BITMIME SMTPUTF8" } else { "" };
    let from = format!("MAIL FROM:<{}>{options}", message.from);
    dialogue
        .ask(&from, &format!("the sender {}", message.from))
        .await?;
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
    let _ = timeout(FAREWELL, dialogue.say("QUIT", "QUIT")).await;
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
