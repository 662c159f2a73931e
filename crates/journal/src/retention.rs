//! Forgetting, in small steps: by age and by size, and never what is still needed.
//!
//! A slice removes some hundred rows in one short transaction, so that an event that arrives
//! meanwhile waits about a millisecond. Pending events stay, and everything that belongs to an
//! open action or a wait. Ids of removed rows are not given out again.

use crate::apply::Counters;
use crate::away;
use crate::journal::Retention;
use crate::refusals;
use crate::schema::{self, get_meta, meta, set_meta};
use crate::state_history::{self, Pruner};
use porchlight_core::Timestamp;
use rusqlite::{Connection, OptionalExtension, Result, TransactionBehavior};
use std::time::{Duration, Instant};

/// How many rows one slice removes.
const SLICE: usize = 500;

/// The same when there is too much: it looks at the size again sooner, and removes little more
/// than it must.
const SIZE_SLICE: usize = 50;

/// How often it looks when there was nothing to remove.
const INTERVAL: Duration = Duration::from_secs(60);

/// The pause between two slices: others come first.
const BREATH: Duration = Duration::from_millis(20);

/// A superseded script version is kept until the oldest run kept is younger than its successor by
/// this much, since runs in flight at the change still end on it.
const OVERLAP: Duration = Duration::from_secs(3600);

/// Knows when to prune next.
pub(crate) struct Keeper {
    retention: Retention,
    state: Pruner,
    due: Instant,
}

impl Keeper {
    pub(crate) fn new(retention: Retention, keep_state: Option<Duration>) -> Self {
        Self {
            retention,
            state: Pruner::new(keep_state),
            // Not in the first second: the start belongs to what came in while we were down.
            due: Instant::now() + Duration::from_secs(1),
        }
    }

    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// The disk is full: look at once whether something may go.
    pub(crate) fn hurry(&mut self) {
        self.due = Instant::now();
    }

    /// Removes one slice and decides when the next is due.
    pub(crate) fn slice(
        &mut self,
        connection: &mut Connection,
        counters: Counters,
        wall: Timestamp,
        now: Instant,
    ) -> Result<()> {
        self.due = now + INTERVAL;
        let mut removed = slice(connection, self.retention, counters, wall)?;
        removed += self.state.step(connection, wall, now)?;
        if removed > 0 {
            self.due = Instant::now() + BREATH;
            tracing::debug!(rows = removed, "removed old entries from the journal");
        }
        Ok(())
    }
}

/// Removes up to a slice of what may go; returns how many rows went.
pub(crate) fn slice(
    connection: &mut Connection,
    retention: Retention,
    counters: Counters,
    now: Timestamp,
) -> Result<usize> {
    let too_big = match retention.max_bytes {
        Some(max) => used_bytes(connection)? > max,
        None => false,
    };
    let cutoff = match (too_big, retention.max_age) {
        (true, _) => now.0,
        (false, Some(age)) => now
            .0
            .saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
        (false, None) => return Ok(0),
    };
    if let Some(age) = retention.max_age {
        refusals::remove_old(connection, now, age, SLICE)?;
        away::remove_old(connection, now, age)?;
    }
    // What the state was takes up room as well.
    let points = match too_big {
        true => state_history::remove_oldest(connection, i64::MAX, SIZE_SLICE)?,
        false => 0,
    };
    if !anything_before(connection, cutoff)? {
        return Ok(points);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let limit = if too_big { SIZE_SLICE } else { SLICE };
    let mut removed = 0;
    if too_big {
        // The oldest goes first, so that a busy schedule does not push out what came in.
        let older = oldest_event(&transaction)?.unwrap_or(cutoff);
        removed += remove_runs_without_event(&transaction, older, limit)?;
    }
    if removed < limit {
        removed += remove_events(&transaction, cutoff, limit - removed)?;
    }
    if removed == 0 || !too_big && removed < limit {
        removed += remove_runs_without_event(&transaction, cutoff, limit - removed)?;
    }
    if removed > 0 {
        removed += remove_scripts(&transaction)?;
        set_meta(&transaction, meta::EVENT_FLOOR, counters.event)?;
        set_meta(&transaction, meta::RUN_FLOOR, counters.run)?;
        set_meta(&transaction, meta::ACTION_FLOOR, counters.action)?;
        transaction.commit()?;
    }
    Ok(removed + points)
}

/// The bytes in use, without the free pages.
fn used_bytes(connection: &Connection) -> Result<u64> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let pages = number("PRAGMA page_count")? - number("PRAGMA freelist_count")?;
    Ok(pages.cast_unsigned() * number("PRAGMA page_size")?.cast_unsigned())
}

/// A cheap look before a transaction is begun: the oldest entries, not a scan.
fn anything_before(connection: &Connection, cutoff: i64) -> Result<bool> {
    connection.query_row(
        "SELECT EXISTS(SELECT 1 FROM (SELECT received FROM events ORDER BY id LIMIT 1000) WHERE received < ?1) \
         OR EXISTS(SELECT 1 FROM (SELECT event, started FROM runs ORDER BY id LIMIT 1000) WHERE event = 0 AND started < ?1)",
        [cutoff],
        |row| row.get(0),
    )
}

/// When the oldest event that is kept arrived.
fn oldest_event(connection: &Connection) -> Result<Option<i64>> {
    connection
        .query_row(
            "SELECT received FROM events ORDER BY id LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()
}

/// Removes the oldest events that nothing needs, with their runs, actions and attachments.
fn remove_events(connection: &Connection, cutoff: i64, limit: usize) -> Result<usize> {
    // Ids ascend with time, so the oldest stand first, and the walk ends at the slice.
    let sql = "SELECT id FROM events WHERE pending = 0 AND received < ?1 \
               AND id NOT IN (SELECT event FROM waits) \
               AND id NOT IN (SELECT runs.event FROM actions JOIN runs ON runs.id = actions.run \
                              WHERE actions.id >= ?2 AND actions.status = 0) \
               AND id <= (SELECT id FROM (SELECT id FROM events ORDER BY id LIMIT 10000) ORDER BY id DESC LIMIT 1) \
               ORDER BY id LIMIT ?3";
    let first_open = get_meta(connection, meta::FIRST_OPEN)?.cast_signed();
    let events: Vec<i64> = connection
        .prepare_cached(sql)?
        .query_map((cutoff, first_open, limit as i64), |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut removed = 0;
    for event in events {
        let runs: Vec<(i64, i64, i64)> = connection
            .prepare_cached("SELECT id, first_action, actions FROM runs WHERE event = ?1")?
            .query_map([event], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_>>()?;
        for run in runs {
            removed += remove_run(connection, run)?;
        }
        removed += remove_blobs(connection, event)?;
        removed += connection
            .prepare_cached("DELETE FROM events WHERE id = ?1")?
            .execute([event])?;
        if removed >= limit {
            break;
        }
    }
    Ok(removed)
}

/// Runs of schedules and of what they left for later belong to no event. There may be very many, so
/// only the oldest are looked at.
fn remove_runs_without_event(connection: &Connection, cutoff: i64, limit: usize) -> Result<usize> {
    let runs: Vec<(i64, i64, i64)> = connection
        .prepare_cached(
            "SELECT id, first_action, actions FROM \
             (SELECT id, event, started, first_action, actions FROM runs ORDER BY id LIMIT 10000) AS oldest \
             WHERE event = 0 AND started < ?1 \
             AND NOT EXISTS(SELECT 1 FROM actions WHERE actions.id >= first_action \
                            AND actions.id < first_action + oldest.actions AND status = 0) \
             ORDER BY id LIMIT ?2",
        )?
        .query_map((cutoff, limit as i64), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_>>()?;
    let mut removed = 0;
    for run in runs {
        removed += remove_run(connection, run)?;
    }
    Ok(removed)
}

fn remove_run(connection: &Connection, (run, first, count): (i64, i64, i64)) -> Result<usize> {
    let actions = connection
        .prepare_cached("DELETE FROM actions WHERE id >= ?1 AND id < ?1 + ?2")?
        .execute((first, count))?;
    let runs = connection
        .prepare_cached("DELETE FROM runs WHERE id = ?1")?
        .execute([run])?;
    Ok(actions + runs)
}

/// Removes an event's references to attachments, and the bytes that nobody else refers to.
fn remove_blobs(connection: &Connection, event: i64) -> Result<usize> {
    let hashes: Vec<String> = connection
        .prepare_cached("SELECT hash FROM blob_refs WHERE event = ?1")?
        .query_map([event], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut removed = 0;
    for hash in hashes {
        removed += connection
            .prepare_cached("DELETE FROM blob_refs WHERE event = ?1 AND hash = ?2")?
            .execute((event, &hash))?;
        removed += connection
            .prepare_cached(
                "DELETE FROM blobs WHERE hash = ?1 \
                 AND NOT EXISTS(SELECT 1 FROM blob_refs WHERE blob_refs.hash = ?1)",
            )?
            .execute([&hash])?;
    }
    Ok(removed)
}

/// Removes script versions that no wait needs and that were superseded before the oldest run kept.
fn remove_scripts(connection: &Connection) -> Result<usize> {
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT started FROM runs ORDER BY id LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(oldest) = oldest else { return Ok(0) };
    let overlap = i64::try_from(OVERLAP.as_millis()).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM scripts WHERE hash NOT IN (SELECT script_hash FROM waits) \
             AND EXISTS(SELECT 1 FROM scripts AS successor WHERE successor.name = scripts.name \
                        AND successor.used > scripts.used AND successor.used < ?1)",
        )?
        .execute([oldest.saturating_sub(overlap)])
}

/// Moves the low-water marks up to the first pending event and the first open action.
pub(crate) fn bring_marks_forward(connection: &mut Connection, counters: Counters) -> Result<()> {
    let marks = [
        (meta::FIRST_PENDING, "events", "pending = 1", counters.event),
        (meta::FIRST_OPEN, "actions", "status = 0", counters.action),
    ];
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut moved = false;
    for (name, table, condition, end) in marks {
        let mark = get_meta(&transaction, name)?;
        let first: Option<i64> = transaction
            .prepare_cached(&format!(
                "SELECT id FROM {table} WHERE id >= ?1 AND {condition} ORDER BY id LIMIT 1"
            ))?
            .query_row([mark.cast_signed()], |row| row.get(0))
            .optional()?;
        let first = first.map_or(end, i64::cast_unsigned);
        if first != mark {
            schema::set_meta(&transaction, name, first)?;
            moved = true;
        }
    }
    if moved { transaction.commit() } else { Ok(()) }
}

#[cfg(test)]
mod tests;
