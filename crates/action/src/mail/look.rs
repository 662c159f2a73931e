//! Whether a mail server would take a message of ours, found out without sending one.

use super::dialogue::Dialogue;
use super::login::{log_in, offered, without_secrets};
use super::opening::open;
use super::session::sender;
use super::{MailConfig, MailLogin};
use porchlight_core::ActionError;
use std::time::Duration;
use tokio::time::Instant;

/// How far a mail server let us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailEntry {
    /// It takes our sender, and nobody has to log in.
    Open,
    /// It knows us, and takes our sender.
    LoggedIn,
    /// It takes tokens, and was shown none: fetching one could use up what a running host holds.
    Untried,
}

/// Goes as far as a message would, without sending one: connects, encrypts, logs in, names the
/// sender, takes it back. `time` is for all of it.
///
/// # Errors
/// The first step that fails, as it would fail a message.
pub async fn mail_entry(account: &MailConfig, time: Duration) -> Result<MailEntry, ActionError> {
    let entry = enter(account, Instant::now() + time).await;
    entry.map_err(|error| without_secrets(error, &account.login))
}

async fn enter(account: &MailConfig, until: Instant) -> Result<MailEntry, ActionError> {
    let mut dialogue = open(account, until).await?;
    let entry = match &account.login {
        MailLogin::Oauth { .. } => {
            takes_tokens(&dialogue, &account.server)?;
            dialogue.farewell().await;
            return Ok(MailEntry::Untried);
        }
        MailLogin::None => MailEntry::Open,
        MailLogin::Password { .. } | MailLogin::Token { .. } => MailEntry::LoggedIn,
    };
    log_in(&mut dialogue, account).await?;
    sender(&mut dialogue, &account.server, &account.from.bare(), false).await?;
    dialogue.ask("RSET", "RSET").await?;
    dialogue.farewell().await;
    Ok(entry)
}

fn takes_tokens(dialogue: &Dialogue, server: &str) -> Result<(), ActionError> {
    let ways = dialogue.ability("AUTH").unwrap_or_default();
    if ways.split_whitespace().any(|way| way == "XOAUTH2") {
        return Ok(());
    }
    let ways = offered(ways);
    let message = format!("{server}: takes no tokens (it offers {ways})");
    Err(ActionError::never("auth", message))
}
