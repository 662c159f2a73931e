//! From rows to records: runs, actions and waits as they are stored.

use crate::prepare::Detail;
use crate::rows::{self, EVENT_COLUMNS, from_json, get_id};
use crate::{ActionRecord, ActionStatus, Committed, ReadError, RunRecord, waits};
use porchlight_core::{Action, Place, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};

pub(super) fn many<T>(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    read: impl Fn(&Row<'_>) -> Result<T, ReadError>,
) -> Result<Vec<T>, ReadError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(values)?;
    let mut list = Vec::new();
    while let Some(row) = found.next()? {
        list.push(read(row)?);
    }
    Ok(list)
}

pub(super) const RUN_COLUMNS: &str = "id, event, started, script, handler, script_hash, line, col, path, \
                           title, duration_us, actions, detail";

pub(super) fn read_run(row: &Row<'_>) -> Result<RunRecord, ReadError> {
    let id = get_id(row, 0)?;
    let text: String = row.get(12)?;
    let detail: Detail = from_json("runs", id, &text)?;
    Ok(RunRecord {
        id,
        event: get_id(row, 1)?,
        started: Timestamp(row.get(2)?),
        script: row.get(3)?,
        handler: row.get(4)?,
        script_hash: row.get(5)?,
        place: Place {
            line: row.get(6)?,
            column: row.get(7)?,
            path: row.get(8)?,
        },
        title: row.get(9)?,
        duration_us: get_id(row, 10)?,
        actions: get_id(row, 11)?,
        outcome: detail.outcome,
        logs: detail.logs,
        state: detail.state,
        emitted: detail.emitted,
        asked: detail.asked,
        depth: detail.depth,
    })
}

pub(super) const ACTION_COLUMNS: &str = "id, run, status, attempts, not_before, expires, settled, retries, \
                              kind, lane, key, title, args, result";

/// The statuses by their number in the database.
pub(super) const STATUSES: [ActionStatus; 3] =
    [ActionStatus::Open, ActionStatus::Done, ActionStatus::Dead];

pub(super) fn read_action(row: &Row<'_>) -> Result<ActionRecord, ReadError> {
    let id = get_id(row, 0)?;
    let number: usize = row.get::<_, u8>(2)?.into();
    let status = *STATUSES.get(number).ok_or_else(|| ReadError::Malformed {
        table: "actions",
        id,
        message: format!("there is no status {number}"),
    })?;
    let args: String = row.get(12)?;
    let result: Option<String> = row.get(13)?;
    let (mut receipt, mut error) = (None, None);
    if let Some(text) = result {
        match status {
            ActionStatus::Done => receipt = Some(from_json("actions", id, &text)?),
            ActionStatus::Open | ActionStatus::Dead => {
                error = Some(from_json("actions", id, &text)?);
            }
        }
    }
    Ok(ActionRecord {
        id,
        run: get_id(row, 1)?,
        status,
        attempts: row.get(3)?,
        not_before: Timestamp(row.get(4)?),
        settled: row.get::<_, Option<i64>>(6)?.map(Timestamp),
        action: Action {
            expires: Timestamp(row.get(5)?),
            retries: row.get(7)?,
            kind: row.get(8)?,
            lane: row.get(9)?,
            key: row.get(10)?,
            title: row.get(11)?,
            args: from_json("actions", id, &args)?,
        },
        receipt,
        error,
    })
}

pub(super) fn run(connection: &Connection, id: u64) -> Result<Option<RunRecord>, ReadError> {
    let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE id = ?1");
    Ok(many(connection, &sql, &[&id.cast_signed()], read_run)?.pop())
}

pub(super) fn actions_of_run(
    connection: &Connection,
    run: u64,
) -> Result<Vec<ActionRecord>, ReadError> {
    let range: Option<(i64, i64)> = connection
        .prepare_cached("SELECT first_action, actions FROM runs WHERE id = ?1")?
        .query_row([run.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((first, count)) = range else {
        return Ok(Vec::new());
    };
    let sql =
        format!("SELECT {ACTION_COLUMNS} FROM actions WHERE id >= ?1 AND id < ?1 + ?2 ORDER BY id");
    many(connection, &sql, &[&first, &count], read_action)
}

/// What the commit of a stored run returned, as far as it is still there.
pub(crate) fn committed(connection: &Connection, id: u64) -> Result<Committed, ReadError> {
    let record = run(connection, id)?;
    let of_run = format!(
        "SELECT {} FROM waits WHERE run = ?1 ORDER BY id",
        waits::COLUMNS
    );
    let event = format!("SELECT {EVENT_COLUMNS} FROM events WHERE id = ?1");
    let mut emitted = Vec::new();
    for id in record.map(|run| run.emitted).unwrap_or_default() {
        emitted.extend(many(
            connection,
            &event,
            &[&id.cast_signed()],
            rows::read_event,
        )?);
    }
    Ok(Committed {
        run: id,
        actions: actions_of_run(connection, id)?
            .into_iter()
            .map(|record| (record.id, record.action))
            .collect(),
        waits: many(connection, &of_run, &[&id.cast_signed()], waits::read)?,
        removed: Vec::new(),
        emitted,
    })
}
