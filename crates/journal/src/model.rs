//! What goes into the journal and what comes out, beside the nouns of `porchlight-core`.

use bytes::Bytes;
use porchlight_core::{
    Action, ActionError, ActionId, Asked, Event, EventId, LogLine, Outcome, Place, Receipt,
    StateWrite, Timestamp, Wait, WaitId,
};
use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

/// The bytes of an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Lower-case hex SHA-256 of the bytes; trusted, not computed again.
    pub hash: String,
    /// The bytes.
    pub bytes: Bytes,
}

/// The right to be the only event with this key for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What identifies the delivery; includes the webhook, so that two webhooks never collide.
    pub key: String,
    /// How long a second delivery with this key counts as a duplicate.
    pub ttl: Duration,
}

/// What became of an append. Either way an event with this content is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is stored under this id, for the first time.
    Stored(EventId),
    /// Its claim belongs to this earlier event; nothing was stored.
    Duplicate(EventId),
}

/// Who may still append when the queue is nearly full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Priority {
    /// May fill seven eighths of the queue.
    #[default]
    Normal,
    /// May fill all of it.
    High,
}

/// A delivery that became no event: refused, or known already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefusal {
    /// When.
    pub at: Timestamp,
    /// The webhook's name.
    pub webhook: String,
    /// The sender's address without port; empty when unknown.
    pub peer: String,
    /// The HTTP status it was answered with.
    pub status: u16,
    /// One word for what happened: `mismatch`, `stale`, `rate`, `duplicate`, …
    pub code: Cow<'static, str>,
    /// Why, in one line, without secrets.
    pub reason: String,
    /// The event that it repeats, where that is why it became none.
    pub duplicate_of: Option<EventId>,
    /// How many before it found no room in the records.
    pub unsaid: u64,
}

/// A stored [`NewRefusal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalRecord {
    /// Its number.
    pub id: u64,
    /// All the rest.
    pub content: NewRefusal,
}

impl std::ops::Deref for RefusalRecord {
    type Target = NewRefusal;
    fn deref(&self) -> &NewRefusal {
        &self.content
    }
}

/// When a secret last proved a delivery, to within a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The webhook's name.
    pub webhook: String,
    /// The secret's name.
    pub secret: String,
    /// When.
    pub at: Timestamp,
}

/// What a run brings to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// No handler has work left with the run's event: recovery need not look at it again.
    pub event_finished: bool,
    /// The wait that this run carried out; it is removed.
    pub wait: Option<WaitId>,
}

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Committed {
    /// The run's number.
    pub run: u64,
    /// Its actions with their rows; `key` is filled with `RUN:INDEX` where it was empty.
    pub actions: Vec<(ActionId, Action)>,
    /// Its waits with their rows.
    pub waits: Vec<Wait>,
    /// The rows of the waits that it cancelled, or took the place of.
    pub removed: Vec<WaitId>,
    /// The events that it emitted, stored and pending.
    pub emitted: Vec<Event>,
}

/// One version of a script with everything it imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptVersion {
    /// Content hash: what runs and waits refer to.
    pub hash: String,
    /// The script: `gate.rhai`.
    pub name: String,
    /// Path and text of each file, the main file first.
    pub sources: Vec<(String, String)>,
}

/// A stored run. Its actions are separate rows: [`crate::Reader::actions_of_run`].
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The run's number.
    pub id: u64,
    /// The event that it answered; 0 when there was none.
    pub event: EventId,
    /// The script: `gate.rhai`.
    pub script: String,
    /// Content hash of the version that ran.
    pub script_hash: String,
    /// The handler's number within its script, or `wait:ID`.
    pub handler: String,
    /// Where the handler stands.
    pub place: Place,
    /// What people see: `on("xprotect.*")`.
    pub title: String,
    /// When it began.
    pub started: Timestamp,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it logged.
    pub logs: Vec<LogLine>,
    /// What it changed in the state, in order.
    pub state: Vec<StateWrite>,
    /// How many actions it told.
    pub actions: u64,
    /// The events that it emitted.
    pub emitted: Vec<EventId>,
    /// What it asked, as far as that is kept.
    pub asked: Vec<Asked>,
    /// How many events led to each other before it.
    pub depth: u32,
}

/// Whether an action still has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionStatus {
    /// It is to be done, now or at its next try.
    Open,
    /// It was done.
    Done,
    /// It failed for good, or came too late; it can be retried by hand.
    Dead,
}

impl ActionStatus {
    /// One word for lists: `open`, `done`, `dead`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

/// A stored action and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRecord {
    /// Its row.
    pub id: ActionId,
    /// The run that told it.
    pub run: u64,
    /// What to do.
    pub action: Action,
    /// Whether it still has to be done.
    pub status: ActionStatus,
    /// How many tries were made.
    pub attempts: u32,
    /// No sooner than this, while it is open.
    pub not_before: Timestamp,
    /// Proof that it was done.
    pub receipt: Option<Receipt>,
    /// Why the last try failed.
    pub error: Option<ActionError>,
    /// When its last try was recorded.
    pub settled: Option<Timestamp>,
}

/// What was saved from a damaged database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// The damaged file, kept under its new name.
    pub kept: PathBuf,
    /// What SQLite said about the damage.
    pub damage: String,
    /// How many rows of which table were saved.
    pub rows: Vec<(&'static str, u64)>,
    /// How often a stretch of rows could not be read.
    pub gaps: u64,
}

impl std::fmt::Display for Salvaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the journal was damaged ({}); what could be read was saved into a new one",
            self.damage
        )?;
        for (table, count) in &self.rows {
            write!(f, ", {count} {table}")?;
        }
        write!(f, "; the damaged file is kept as {}", self.kept.display())
    }
}
