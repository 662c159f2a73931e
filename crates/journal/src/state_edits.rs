//! Values that somebody sets by hand, from another process, whether or not the host runs.
//!
//! The host owns the state: it has it in memory, and scripts add to it at any moment. So a value set
//! by hand is a row of its own, a wish, that the host takes over as it would take a run's write: in
//! one commit with its history and the event that tells scripts of it. Until then whoever reads the
//! state from the journal sees the wish as well.

use crate::error::OpenError;
use crate::rows::get_id;
use crate::{FILE_NAME, ReadError, Reader, schema};
use porchlight_core::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Result, TransactionBehavior};
use serde_json::Value;
use std::path::Path;

/// So many may wait for the host.
const MOST: u64 = 10_000;

/// A value that somebody set by hand, and that the host has not taken over yet.
#[derive(Debug, Clone, PartialEq)]
pub struct StateEdit {
    /// Its row.
    pub id: u64,
    /// When it was set.
    pub at: Timestamp,
    /// The key.
    pub key: String,
    /// The value; none removes it.
    pub value: Option<Value>,
}

/// Sets or removes a value by hand. Waits up to five seconds for the host's own writing.
///
/// # Errors
/// The journal cannot be opened or written, or too many such values wait already.
pub fn edit_state(dir: &Path, key: &str, value: Option<&Value>) -> Result<u64, OpenError> {
    let path = dir.join(FILE_NAME);
    let wrong = |error: &dyn std::fmt::Display| {
        OpenError::unusable(&path, std::io::Error::other(error.to_string()))
    };
    drop(Reader::open_file(&path).map_err(|error| wrong(&error))?); // missing, or newer
    insert(&path, key, value)
        .map_err(|error| wrong(&error))?
        .ok_or_else(|| {
            wrong(&format!(
                "{MOST} values that were set by hand wait for the host already; start it"
            ))
        })
}

fn insert(path: &Path, key: &str, value: Option<&Value>) -> Result<Option<u64>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(schema::BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    schema::migrate(&mut connection, schema::known_version())?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let waiting =
        transaction.query_row("SELECT count(*) FROM state_edits", [], |row| get_id(row, 0))?;
    if waiting >= MOST {
        return Ok(None);
    }
    let now = Timestamp::from_system_time(std::time::SystemTime::now());
    transaction.execute(
        "INSERT INTO state_edits(at, key, value) VALUES(?1, ?2, ?3)",
        (now.0, key, value.map(Value::to_string)),
    )?;
    let id = transaction.last_insert_rowid().cast_unsigned();
    transaction.commit()?;
    Ok(Some(id))
}

/// The host has taken this one over.
pub(crate) fn taken(connection: &Connection, id: u64) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM state_edits WHERE id = ?1")?
        .execute([id.cast_signed()])?;
    Ok(())
}

impl Reader {
    /// The values set by hand that the host has not taken over yet, after this row, in order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn state_edits(&self, after: u64) -> Result<Vec<StateEdit>, ReadError> {
        self.many(
            "SELECT id, at, key, value FROM state_edits WHERE id > ?1 ORDER BY id LIMIT 1000",
            &[&after.cast_signed()],
            |row| {
                let (id, text) = (get_id(row, 0)?, row.get::<_, Option<String>>(3)?);
                let value = text.map(|text| crate::rows::from_json("state_edits", id, &text));
                Ok(StateEdit {
                    id,
                    at: Timestamp(row.get(1)?),
                    key: row.get(2)?,
                    value: value.transpose()?,
                })
            },
        )
    }

    /// One value of the state, as the host has stored it.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn state_value(&self, key: &str) -> Result<Option<Value>, ReadError> {
        let text: Option<String> = self
            .connection
            .prepare_cached("SELECT value FROM state WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        text.map(|text| crate::rows::from_json("state", 0, &text))
            .transpose()
    }
}
