//! Something that a script will do later: a row on disk, not a timer in memory.
//!
//! A wait names the function to call by the version of the script that created it, so it runs
//! that code even if the file has changed, or is gone, by the time it falls due. It also names the
//! [`Chain`] that it belongs to, because a run counts as active until its last wait is over.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// The row number of a wait in the journal, counting from 1.
pub type WaitId = u64;

/// A run that a trigger began, and everything that it and its waits put off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chain {
    /// What the first run is known by: `EVENT/SCRIPT/HANDLER`. Known before the journal has given
    /// the run a number, and the same when the run is tried again after a crash.
    pub id: String,
    /// The handler that began it, by its id, which stays the same while other lines of the script
    /// are edited.
    pub handler: String,
    /// The value of the handler's `key`; empty without one. Modes and cooldowns count per key.
    pub key: String,
    /// When the chain ends, whatever still waits (the handler's `deadline`).
    pub until: Option<Timestamp>,
}

/// What makes a wait fall due, and what happens then.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// `later`: the time.
    #[default]
    Later,
    /// `job`, or a handler with `retry`: the time, and again after a mistake.
    Job {
        /// How many attempts have failed.
        attempt: u32,
        /// How many more may follow the first.
        retries: u32,
        /// The pause before the second attempt in milliseconds; it doubles with each.
        backoff_ms: u64,
    },
    /// `wait_for`: an event; the time is the timeout.
    Event {
        /// The event types that it waits for.
        pattern: String,
        /// Fields of the event and what they must be, as in a handler's `where`.
        filter: Vec<(String, serde_json::Value)>,
        /// The function that takes the event, as in [`NewWait::function`].
        function: String,
        /// What that function captured.
        arguments: Vec<serde_json::Value>,
    },
    /// `on_state` with `for`: the time; a change of the state cancels it.
    Hold {
        /// What its handler is told of the change.
        change: serde_json::Value,
        /// It has lasted, and waits in the queue of its handler.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        lasted: bool,
    },
}

/// What becomes of a wait that fell due while the host was down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnGap {
    /// It runs at the next start, and is told how late it is.
    #[default]
    Fire,
    /// The time that the host was down does not count.
    Resume,
    /// It does not run; the record says so.
    Drop,
}

/// What becomes of a wait when its script changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnReload {
    /// It runs the version that began it.
    #[default]
    Finish,
    /// It is dropped; the record says so.
    Cancel,
    /// It runs the function of the same name in the new version, where there is one.
    Migrate,
}

/// A wait as a run decided it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NewWait {
    /// Its name, unique among the open waits of its script: a new wait of the same name takes the
    /// place of the old one. Either the script's own (`hall`) or `RUN#NUMBER`.
    pub name: String,
    /// What makes it fall due.
    pub kind: WaitKind,
    /// What it belongs to.
    pub chain: Chain,
    /// When it was begun.
    pub began: Timestamp,
    /// When it falls due.
    pub due: Timestamp,
    /// It falls due only because its chain is over, and runs nothing.
    pub cut_off: bool,
    /// What a gap means to it.
    pub on_gap: OnGap,
    /// What a new version of the script means to it.
    pub on_reload: OnReload,
    /// The script: `gate.rhai`.
    pub script: String,
    /// Content hash of the version to run; its sources are in the journal.
    pub script_hash: String,
    /// The file and the function's name in that version, `gate.rhai#close`; closures have stable
    /// generated names. Empty where nothing is to be called.
    pub function: String,
    /// The values that a closure captured and the arguments that were passed, as JSON, in order.
    pub arguments: Vec<serde_json::Value>,
    /// The event whose run began it; 0 when there was none.
    pub event: u64,
    /// What people see: `later("5m")`.
    pub title: String,
    /// Line of the call, from 1.
    pub line: u32,
    /// How many emitted events lie behind it; see [`crate::NewEvent::depth`].
    pub depth: u32,
    /// The run that began it, as in its name: `17/gate.rhai/0`. Tells two waits of one name apart.
    pub origin: String,
}

/// A wait that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// Its row.
    pub id: WaitId,
    /// All the rest.
    pub content: NewWait,
}

impl std::ops::Deref for Wait {
    type Target = NewWait;
    fn deref(&self) -> &NewWait {
        &self.content
    }
}

/// A wait whose moments are others now, because the clock was set or time does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Its row.
    pub id: WaitId,
    /// When it falls due.
    pub due: Timestamp,
    /// When it was begun.
    pub began: Timestamp,
    /// Until when its chain lasts, where that has an end.
    pub until: Option<Timestamp>,
}
