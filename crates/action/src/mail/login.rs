//! Who we are to a mail server: PLAIN, LOGIN and XOAUTH2, and what must not be seen of it.

use super::dialogue::Dialogue;
use super::{MailConfig, MailLogin};
use crate::failure::config;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use porchlight_core::ActionError;

/// A server may repeat what it was sent, and what it says is kept and shown.
pub(super) fn without_secrets(mut error: ActionError, login: &MailLogin) -> ActionError {
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

/// Says who we are, unless that needs a token of `[oauth.NAME]` or nobody asks.
pub(super) async fn log_in(
    dialogue: &mut Dialogue,
    account: &MailConfig,
) -> Result<(), ActionError> {
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

pub(super) fn offered(ways: &str) -> &str {
    if ways.is_empty() { "no login" } else { ways }
}

fn text<'a>(secret: &'a [u8], what: &str) -> Result<&'a str, ActionError> {
    std::str::from_utf8(secret).map_err(|_| config(format!("mail.send: the {what} is not text")))
}

/// XOAUTH2, as Google and Microsoft have it.
pub(super) async fn bearer(
    dialogue: &mut Dialogue,
    user: &str,
    token: &str,
) -> Result<(), ActionError> {
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
