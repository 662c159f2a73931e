//! Two small tables beside the events: deliveries that became none, and when each secret last
//! proved one.
//!
//! They never grow with a flood: the refusals keep their newest, a secret's use is written at most
//! once a minute, and only in a transaction that stores an event anyway.

use crate::NewRefusal;
use porchlight_core::{EventId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result};
use std::time::Duration;

/// Refusals kept: some 2 MB, and enough to see what a bad night was about.
const KEPT: i64 = 10_000;

/// Adds a refusal, and removes the one that is too many.
pub(crate) fn insert(connection: &Connection, refusal: &NewRefusal) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO refusals(at, status, duplicate_of, unsaid, webhook, peer, code, reason) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            refusal.at.0,
            refusal.status,
            refusal.duplicate_of.map(EventId::cast_signed),
            refusal.unsaid.cast_signed(),
            &refusal.webhook,
            &refusal.peer,
            &*refusal.code,
            &refusal.reason,
        ))?;
    connection
        .prepare_cached("DELETE FROM refusals WHERE id <= ?1")?
        .execute([connection.last_insert_rowid() - KEPT])?;
    Ok(())
}

/// Removes up to `limit` refusals that are older than this.
pub(crate) fn remove_old(
    connection: &Connection,
    now: Timestamp,
    age: Duration,
    limit: usize,
) -> Result<()> {
    let cutoff = now
        .0
        .saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    // The oldest stands first: nearly always this is one look and no write.
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT at FROM refusals ORDER BY id LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if oldest.is_some_and(|at| at < cutoff) {
        connection
            .prepare_cached(
                "DELETE FROM refusals WHERE at < ?1 \
                 AND id IN (SELECT id FROM refusals ORDER BY id LIMIT ?2)",
            )?
            .execute((cutoff, limit as i64))?;
    }
    Ok(())
}

/// Notes that a secret proved a delivery, unless that was noted within the last minute.
pub(crate) fn secret_used(
    connection: &Connection,
    webhook: &str,
    secret: &str,
    now: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO secret_uses(webhook, secret, at) VALUES(?1, ?2, ?3) \
             ON CONFLICT(webhook, secret) DO UPDATE SET at = ?3 WHERE at <= ?3 - 60000",
        )?
        .execute((webhook, secret, now.0))?;
    Ok(())
}
