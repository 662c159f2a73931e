//! The rows of waits: begun and cancelled in the commit of a run, removed in that of the run which
//! carried them out.
//!
//! What is searched for has columns of its own; all the rest is one JSON text, because a wait is
//! written once and read at a start.

use crate::rows::{from_json, get_id, to_json};
use crate::{ReadError, schema};
use porchlight_core::{Chain, Moved, NewWait, OnGap, OnReload, Timestamp, Wait, WaitId, WaitKind};
use rusqlite::{Connection, Result, Row};
use serde::{Deserialize, Serialize};

/// What of a wait nobody searches for. A row from before there were modes has none of it.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct More {
    kind: WaitKind,
    chain: Chain,
    began: Timestamp,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut_off: bool,
    on_gap: OnGap,
    on_reload: OnReload,
    origin: String,
}

/// The JSON texts of a wait: its arguments and the rest.
pub(crate) fn texts(wait: &NewWait) -> (String, String) {
    let more = More {
        kind: wait.kind.clone(),
        chain: wait.chain.clone(),
        began: wait.began,
        cut_off: wait.cut_off,
        on_gap: wait.on_gap,
        on_reload: wait.on_reload,
        origin: wait.origin.clone(),
    };
    (to_json(&wait.arguments), to_json(&more))
}

/// Adds a wait, in the place of an open one of the same name, whose row is given back.
pub(crate) fn insert(
    connection: &Connection,
    run: u64,
    wait: &NewWait,
    (arguments, more): &(String, String),
) -> Result<(WaitId, Vec<WaitId>)> {
    let replaced = remove_named(connection, &wait.script, &wait.name)?;
    connection
        .prepare_cached(
            "INSERT INTO waits(run, event, due, script, script_hash, function, arguments, \
             title, line, depth, name, more) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute((
            run.cast_signed(),
            wait.event.cast_signed(),
            wait.due.0,
            &wait.script,
            &wait.script_hash,
            &wait.function,
            arguments,
            &wait.title,
            wait.line,
            wait.depth,
            &wait.name,
            more,
        ))?;
    Ok((connection.last_insert_rowid().cast_unsigned(), replaced))
}

/// Removes a wait that was carried out.
pub(crate) fn remove(connection: &Connection, wait: WaitId) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM waits WHERE id = ?1")?
        .execute([wait.cast_signed()])?;
    Ok(())
}

/// Removes the open wait of this name, and gives its row.
pub(crate) fn remove_named(
    connection: &Connection,
    script: &str,
    name: &str,
) -> Result<Vec<WaitId>> {
    // Rows from before waits had names are known by their number.
    let id = name.strip_prefix("wait:").and_then(|id| id.parse().ok());
    connection
        .prepare_cached(
            "DELETE FROM waits WHERE script = ?1 AND (name = ?2 AND name <> '' \
             OR name = '' AND id = ?3) RETURNING id",
        )?
        .query_map((script, name, id.unwrap_or(-1_i64)), |row| get_id(row, 0))?
        .collect()
}

/// Moves the moments at which waits fall due.
pub(crate) fn reschedule(connection: &Connection, moved: &[Moved]) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE waits SET due = ?2, more = json_set(more, '$.began', ?3) WHERE id = ?1",
    )?;
    let mut limited = connection.prepare_cached(
        "UPDATE waits SET more = json_set(more, '$.chain.until', ?2) WHERE id = ?1",
    )?;
    for wait in moved {
        statement.execute((wait.id.cast_signed(), wait.due.0, wait.began.0))?;
        if let Some(until) = wait.until {
            limited.execute((wait.id.cast_signed(), until.0))?;
        }
    }
    Ok(())
}

/// Notes that the host was alive at this moment.
pub(crate) fn beat(connection: &Connection, now: Timestamp) -> Result<()> {
    schema::set_meta(connection, schema::meta::ALIVE, now.0.cast_unsigned())
}

pub(crate) const COLUMNS: &str =
    "id, event, due, script, script_hash, function, arguments, title, line, depth, name, more";

pub(crate) fn read(row: &Row<'_>) -> Result<Wait, ReadError> {
    let id: WaitId = get_id(row, 0)?;
    let arguments: String = row.get(6)?;
    let mut name: String = row.get(10)?;
    if name.is_empty() {
        name = format!("wait:{id}");
    }
    let more: String = row.get(11)?;
    let more: More = from_json("waits", id, &more)?;
    Ok(Wait {
        id,
        content: NewWait {
            name,
            kind: more.kind,
            chain: more.chain,
            began: more.began,
            due: Timestamp(row.get(2)?),
            cut_off: more.cut_off,
            on_gap: more.on_gap,
            on_reload: more.on_reload,
            script: row.get(3)?,
            script_hash: row.get(4)?,
            function: row.get(5)?,
            arguments: from_json("waits", id, &arguments)?,
            event: get_id(row, 1)?,
            title: row.get(7)?,
            line: row.get(8)?,
            depth: row.get(9)?,
            origin: more.origin,
        },
    })
}
