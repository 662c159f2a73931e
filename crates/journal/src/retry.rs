//! Opening a dead action again: the one change that another process may make to the journal.

use crate::reader::Reader;
use crate::schema::{self, meta};
use crate::{ActionRecord, ActionStatus, FILE_NAME, ReadError, RetryError};
use porchlight_core::{ActionId, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

/// An action that had expired may be tried for this long from now: whoever retries by hand wants
/// it now, and will be looking.
const GRACE: Duration = Duration::from_secs(3600);

/// Opens a dead action again, due now, with all its retries, also while the host runs: it notices
/// by [`crate::Journal::foreign_changes`]. Waits up to five seconds for the host's own writing.
///
/// # Errors
/// There is no such action, it is not dead, or the journal cannot be written.
pub fn retry_action(dir: &Path, id: ActionId) -> Result<ActionRecord, RetryError> {
    let now = Timestamp::from_system_time(std::time::SystemTime::now());
    let path = dir.join(FILE_NAME);
    drop(Reader::open_file(&path)?); // missing, or newer than this program
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(schema::BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let status: Option<u8> = transaction
        .query_row(
            "SELECT status FROM actions WHERE id = ?1",
            [id.cast_signed()],
            |row| row.get(0),
        )
        .optional()?;
    match status {
        None => return Err(RetryError::Unknown(id)),
        Some(0) => return Err(not_dead(id, ActionStatus::Open)),
        Some(1) => return Err(not_dead(id, ActionStatus::Done)),
        Some(_) => {}
    }
    transaction.execute(
        "UPDATE actions SET status = 0, attempts = 0, not_before = ?2, \
         expires = CASE WHEN expires <= ?2 THEN ?3 ELSE expires END WHERE id = ?1",
        (id.cast_signed(), now.0, now.after(GRACE).0),
    )?;
    let first = schema::get_meta(&transaction, meta::FIRST_OPEN)?;
    schema::set_meta(&transaction, meta::FIRST_OPEN, first.min(id))?;
    let foreign = schema::get_meta(&transaction, meta::FOREIGN)?;
    schema::set_meta(&transaction, meta::FOREIGN, foreign + 1)?;
    transaction.commit()?;
    let record = Reader::open_file(&path)?.action(id)?;
    record.ok_or_else(|| RetryError::Read(ReadError::Missing { path }))
}

fn not_dead(id: ActionId, status: ActionStatus) -> RetryError {
    RetryError::NotDead {
        id,
        status: status.word(),
    }
}
