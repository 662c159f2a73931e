//! What scripts ask of the journal: `state::history`.

use porchlight_core::{ActionError, Timestamp};
use porchlight_journal::{Journal, ReadError, Reader, StatePoint};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// Answers from the journal, on one connection that is opened with the first question.
pub struct Remembered {
    journal: Journal,
    reader: Mutex<Option<Reader>>,
}

impl Remembered {
    /// What the question is called.
    pub const KIND: &str = "state.history";

    /// Answers from this journal.
    pub fn new(journal: Journal) -> Self {
        Self {
            journal,
            reader: Mutex::default(),
        }
    }

    /// The values of `args.key` since `args.since` (milliseconds, or null), the newest `args.limit`.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn answer(&self, args: &Value) -> Result<Value, ActionError> {
        let points = self.points(args).map_err(|error| {
            ActionError::later("journal", format!("the journal can't be read: {error}"))
        })?;
        let point =
            |point: StatePoint| json!({ "at": point.at.to_rfc3339(), "value": point.value });
        Ok(points.into_iter().map(point).collect())
    }

    fn points(&self, args: &Value) -> Result<Vec<StatePoint>, ReadError> {
        let key = args["key"].as_str().unwrap_or_default();
        let since = args["since"].as_i64().map(Timestamp);
        let limit = args["limit"].as_u64().unwrap_or(100);
        let mut slot = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = match slot.take() {
            Some(reader) => reader,
            None => self.journal.reader()?,
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let points = reader.state_history(key, since, limit)?;
        *slot = Some(reader);
        Ok(points)
    }
}
