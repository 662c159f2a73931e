//! Something to do in the world, as a value.
//!
//! A script *tells*: it pushes actions onto its run's outbox and nothing happens until the run is
//! committed. A script *asks* with the same kind of value and waits for the answer. Because both
//! are values, a test or a rehearsal can look at them instead of performing them.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The member of `args` objects that stands for bytes in the blob store:
/// `{"$blob": "<sha-256 hex>", "filename": "…", "content_type": "…", "size": 123}`.
pub const BLOB: &str = "$blob";

/// The member of `args` objects that stands for bytes which a script put together:
/// `{"$bytes": "<base64>"}`.
pub const BYTES: &str = "$bytes";

/// The member of `args` that names the limiter which the action shares with others
/// (`[limit.NAME]`); it is the outbox's, and no kind of action sees it.
pub const LIMIT: &str = "limit";

/// What a script decided to have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// `module.verb`: `http.send`, `sheet.append`, `file.save`, `command.start`.
    pub kind: String,
    /// What people see in lists, as the script wrote it: `light::flash("porch")`.
    pub title: String,
    /// The arguments; their shape belongs to the kind. Bytes stand there as [`BLOB`] references.
    pub args: serde_json::Value,
    /// Actions of one lane happen one after the other, in the order told; lanes are independent.
    /// The target: `http://10.0.0.5:80`, `sheet:events.xlsx`, `command:backup`.
    pub lane: String,
    /// The idempotency key, stable over retries and restarts. Empty until the journal has given
    /// the run its number; then `HOME:RUN:INDEX`, unless the script named its own.
    pub key: String,
    /// After this moment it is too late to do it: the action is dead, not late.
    pub expires: Timestamp,
    /// How many times it may be tried again after the first try.
    pub retries: u32,
}

impl Action {
    /// The name of the limiter that it shares with others, if any.
    pub fn limit(&self) -> Option<&str> {
        self.args.get(LIMIT)?.as_str()
    }
}

/// The type of the event that tells scripts of a try that failed.
pub const FAILED: &str = "action.failed";

/// The type of the event that tells scripts of an action that is dead.
pub const DEAD: &str = "action.dead";

/// The type of the event that tells scripts of a target that does not answer.
pub const TARGET_AWAY: &str = "porchlight.target.away";

/// The type of the event that tells scripts of a target that answers again.
pub const TARGET_BACK: &str = "porchlight.target.back";

/// The row number of an action in the journal, counting from 1.
pub type ActionId = u64;

/// An action that is neither done nor dead.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAction {
    /// Its row.
    pub id: ActionId,
    /// What to do.
    pub action: Action,
    /// How many tries have failed.
    pub attempts: u32,
    /// No sooner than this.
    pub not_before: Timestamp,
}

/// What became of one try to perform an action.
#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    /// It is done and is never performed again.
    Done(Receipt),
    /// It failed and will be tried again at this moment.
    RetryAt {
        /// The earliest moment of the next try.
        at: Timestamp,
        /// Why this try failed.
        error: ActionError,
    },
    /// It failed for good: kept, visible, and retried only by hand.
    Dead {
        /// Why.
        error: ActionError,
    },
}

/// Proof that an action was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// For people, one line: `200 OK`, `row 17`.
    pub summary: String,
    /// For scripts that asked: status, headers, body; rows; output.
    pub detail: serde_json::Value,
}

/// Why an action was not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionError {
    /// One of `connect`, `timeout`, `tls`, `auth`, `limit`, `rejected`, `vendor`, `config`, `io`.
    pub kind: String,
    /// For people, one line, without secrets.
    pub message: String,
    /// Whether trying again may help.
    pub retry: Retry,
    /// What the target answered, for scripts that asked; null when there was no answer.
    pub detail: serde_json::Value,
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It would fail the same way.
    Never,
    /// The outbox chooses when.
    Later,
    /// The target said when: no sooner than this many milliseconds from now.
    AfterMs(u64),
}

impl ActionError {
    /// An error that a later try may cure.
    pub fn later(kind: &str, message: impl Into<String>) -> Self {
        Self::new(kind, message, Retry::Later)
    }

    /// An error that no later try can cure.
    pub fn never(kind: &str, message: impl Into<String>) -> Self {
        Self::new(kind, message, Retry::Never)
    }

    /// An error after which the target wants to be left alone for a while.
    pub fn after(kind: &str, message: impl Into<String>, pause: Duration) -> Self {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        Self::new(kind, message, Retry::AfterMs(pause))
    }

    fn new(kind: &str, message: impl Into<String>, retry: Retry) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
            retry,
            detail: serde_json::Value::Null,
        }
    }
}

impl std::fmt::Display for ActionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for ActionError {}
