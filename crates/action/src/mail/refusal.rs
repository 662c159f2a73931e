//! What a mail server says no with, and whether a later try may help.
//!
//! The first digit decides (RFC 5321): 4 is "not now", 5 is "never". Greylisting means minutes, not
//! seconds, so the pause is ours to choose; the outbox's own would be over too soon.

use porchlight_core::ActionError;
use std::time::Duration;

/// After "not now". Greylisting wants a sender to come back after about five minutes.
const NOT_NOW: Duration = Duration::from_secs(300);
/// After 421, "closing": a server that restarts is back sooner.
const CLOSING: Duration = Duration::from_secs(60);

/// An answer of a server.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// Its lines without the codes.
    pub(super) lines: Vec<String>,
}

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.code)
    }

    pub(super) fn is_put_off(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// One short line for people.
    pub(super) fn shown(&self) -> String {
        let text = self.lines.join(" ");
        let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        format!("{} {}", self.code, text.trim())
    }

    /// The error for an answer to `what` that is not good.
    pub(super) fn refusal(&self, server: &str, what: &str) -> ActionError {
        let message = format!("{server}: {what}: {}", self.shown());
        match self.code {
            421 => ActionError::after("limit", message, CLOSING),
            // "Encryption needed", and "log in first": the account is not as the server wants it.
            454 => ActionError::after("tls", message, NOT_NOW),
            400..500 => ActionError::after("limit", message, NOT_NOW),
            530 | 534 | 535 | 538 => ActionError::never("auth", message),
            _ => ActionError::never("rejected", message),
        }
    }
}
