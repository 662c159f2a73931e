//! Opening dead actions again: a change that another process may make to the journal.

use crate::reader::Reader;
use crate::schema::{self, meta};
use crate::{ActionRecord, ActionStatus, FILE_NAME, RetryError};
use porchlight_core::{ActionId, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

/// What is retried by hand may be tried for at least this long, however short it was worth doing:
/// whoever retries wants it now, and the host may have to be started first.
const GRACE: Duration = Duration::from_secs(600);

/// Opens a dead action again, due now, with all its retries, also while the host runs: it notices
/// by [`crate::Journal::foreign_changes`]. Waits up to five seconds for the host's own writing.
///
/// Its key stays what it was, so that a target that did perform it knows the repetition; it is
/// worth doing for as long as it was when it was told, and at least ten minutes.
///
/// # Errors
/// There is no such action, it is not dead, or the journal cannot be written.
pub fn retry_action(dir: &Path, id: ActionId) -> Result<ActionRecord, RetryError> {
    let mut retried = retry_actions(dir, &[id])?;
    retried.pop().unwrap_or(Err(RetryError::Unknown(id)))
}

/// Opens dead actions again as [`retry_action`] does, all in one transaction; an answer for each, in
/// the order of `ids`.
///
/// # Errors
/// The journal cannot be read or written; then nothing was changed.
pub fn retry_actions(
    dir: &Path,
    ids: &[ActionId],
) -> Result<Vec<Result<ActionRecord, RetryError>>, RetryError> {
    let now = Timestamp::from_system_time(std::time::SystemTime::now());
    let path = dir.join(FILE_NAME);
    drop(Reader::open_file(&path)?); // missing, or newer than this program
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(schema::BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut opened = Vec::with_capacity(ids.len());
    for id in ids {
        opened.push((*id, open_again(&transaction, *id, now)?));
    }
    let again = opened.iter().filter(|(_, wrong)| wrong.is_none());
    if let Some(lowest) = again.map(|(id, _)| *id).min() {
        let first = schema::get_meta(&transaction, meta::FIRST_OPEN)?;
        schema::set_meta(&transaction, meta::FIRST_OPEN, first.min(lowest))?;
        let foreign = schema::get_meta(&transaction, meta::FOREIGN)?;
        schema::set_meta(&transaction, meta::FOREIGN, foreign + 1)?;
        transaction.commit()?;
    }
    let reader = Reader::open_file(&path)?;
    let answer = |(id, wrong): (ActionId, Option<RetryError>)| match wrong {
        Some(wrong) => Err(wrong),
        None => reader.action(id)?.ok_or(RetryError::Unknown(id)),
    };
    Ok(opened.into_iter().map(answer).collect())
}

/// Opens one; gives the reason when it can't be.
fn open_again(
    transaction: &Connection,
    id: ActionId,
    now: Timestamp,
) -> rusqlite::Result<Option<RetryError>> {
    let found: Option<(u8, i64, Option<i64>)> = transaction
        .query_row(
            "SELECT status, expires, (SELECT started FROM runs WHERE runs.id = actions.run) \
             FROM actions WHERE id = ?1",
            [id.cast_signed()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let (expires, told) = match found {
        None => return Ok(Some(RetryError::Unknown(id))),
        Some((0, ..)) => return Ok(Some(not_dead(id, ActionStatus::Open))),
        Some((1, ..)) => return Ok(Some(not_dead(id, ActionStatus::Done))),
        Some((_, expires, told)) => (expires, told),
    };
    let ttl = Timestamp(expires).since(Timestamp(told.unwrap_or(expires)));
    transaction.execute(
        "UPDATE actions SET status = 0, attempts = 0, not_before = ?2, \
         expires = max(expires, ?3) WHERE id = ?1",
        (id.cast_signed(), now.0, now.after(ttl.max(GRACE)).0),
    )?;
    Ok(None)
}

fn not_dead(id: ActionId, status: ActionStatus) -> RetryError {
    RetryError::NotDead {
        id,
        status: status.word(),
    }
}
