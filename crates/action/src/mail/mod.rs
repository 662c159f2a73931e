//! `mail.send`: a message through a mail server of the configuration, `[mail.NAME]`.
//!
//! Encryption is not negotiable: a server that stops offering STARTTLS gets neither password nor
//! message. The Message-ID is made of the action's key, so that it is the same over tries and
//! restarts; mail has no better place for it, and most mailboxes show such a message once.
//!
//! A recipient that is refused for good does not keep the message from the others, and the receipt
//! names who was refused. A recipient that is put off (greylisting) puts off the message for all:
//! nobody gets it twice, and nobody is left out.

mod address;
mod dialogue;
mod login;
mod look;
mod message;
mod opening;
mod refusal;
mod session;

pub use address::MailAddress;
pub use look::{MailEntry, mail_entry};

use crate::append::digest;
use crate::failure::config;
use crate::fields::suggestion;
use crate::oauth::Oauth;
use crate::performer::Clock;
use crate::tls::TlsConfig;
use porchlight_core::{ActionError, Receipt, Secret};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use message::MailTask;

/// How long one message may take: some servers look into attachments before they answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// One `[mail.NAME]`.
#[derive(Clone)]
pub struct MailConfig {
    /// The server's name, which its certificate must have.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: MailSecurity,
    /// `[tls.NAME]`: whom to believe, when that is not the usual.
    pub tls: TlsConfig,
    /// Who we are to the server.
    pub login: MailLogin,
    /// From whom messages are.
    pub from: MailAddress,
    /// To whom they go when a script does not say.
    pub to: Vec<MailAddress>,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailSecurity {
    /// In clear at first, and then by STARTTLS; without it nothing is sent.
    StartTls,
    /// From the first byte (port 465).
    Implicit,
    /// Never; only with a server on this machine.
    None,
}

/// Who we are to a mail server.
#[derive(Clone)]
pub enum MailLogin {
    /// Nobody.
    None,
    /// A user with a password: PLAIN or LOGIN, whichever the server has.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A user with a token that lasts: XOAUTH2.
    Token {
        /// The user, mostly the address.
        user: String,
        /// The token.
        token: Secret,
    },
    /// A user with tokens of `[oauth.NAME]`: XOAUTH2.
    Oauth {
        /// The user, mostly the address.
        user: String,
        /// The NAME.
        name: String,
    },
}

/// All `[mail.NAME]`.
pub(crate) struct Mail {
    accounts: HashMap<String, MailConfig>,
    oauth: Arc<Oauth>,
    clock: Clock,
}

impl Mail {
    pub(crate) fn new(
        accounts: HashMap<String, MailConfig>,
        oauth: Arc<Oauth>,
        clock: Clock,
    ) -> Self {
        Self {
            accounts,
            oauth,
            clock,
        }
    }

    /// Sends a message once. Without a key the Message-ID is of this moment.
    pub(crate) async fn perform(
        &self,
        task: MailTask,
        key: &str,
        deadline: Duration,
    ) -> Result<Receipt, ActionError> {
        let Some(account) = self.accounts.get(&task.account) else {
            return Err(self.unknown(&task.account));
        };
        let now = (self.clock)();
        let unique = match key {
            "" => digest(&[task.account.as_bytes(), &now.0.to_le_bytes()]),
            key => digest(&[b"mail", key.as_bytes()]),
        };
        let message = task.build(account, &unique, now)?;
        let time = PATIENCE.min(deadline);
        session::deliver(account, &message, &self.oauth, time).await
    }

    fn unknown(&self, name: &str) -> ActionError {
        let mut known: Vec<&str> = self.accounts.keys().map(String::as_str).collect();
        known.sort_unstable();
        let help = if known.is_empty() {
            "the configuration has none".to_owned()
        } else {
            suggestion(name, &known)
        };
        config(format!(
            "there is no [mail.{}]; {help}",
            name.escape_debug()
        ))
    }
}
