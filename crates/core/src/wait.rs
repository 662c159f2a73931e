//! Something that a script will do later: a row on disk, not a timer in memory.
//!
//! A wait names the function to call by the version of the script that created it, so it runs
//! that code even if the file has changed, or is gone, by the time it falls due.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// The row number of a wait in the journal, counting from 1.
pub type WaitId = u64;

/// A wait as a run decided it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewWait {
    /// When it falls due.
    pub due: Timestamp,
    /// The script: `gate.rhai`.
    pub script: String,
    /// Content hash of the version to run; its sources are in the journal.
    pub script_hash: String,
    /// The function's name in that version; closures have stable generated names.
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
