//! The tables, their versions, and how a connection is set up.
//!
//! A page is 2 KiB: at one event a second every commit rewrites the pages that it touches, and
//! half the usual page halves what a memory card has to take, while large bodies still flow well.
//!
//! There are as few indexes as possible, for the same reason. What is pending or open is found by
//! scanning from a low-water mark kept in `meta`, below which everything is finished, not by an
//! index that each event would have to enter and leave.

use rusqlite::{Connection, OpenFlags, Result};
use std::path::Path;
use std::time::Duration;

/// The size of a database page in bytes.
pub(crate) const PAGE_SIZE: u32 = 2048;

/// How long a connection waits for another process that writes.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The log is written back into the database when it has this many pages: 8 MiB, which keeps the
/// pause short and the log small. It is also written back when the journal is idle.
const CHECKPOINT_PAGES: u32 = 8 * 1024 * 1024 / PAGE_SIZE;

/// The steps from one version to the next; the first makes version 1. Never change one that was
/// released: add another.
pub(crate) const MIGRATIONS: &[&str] = &[
    // Version 1: events and what became of them. Small and often-read columns stand first, so
    // that a scan never has to follow a large body's overflow pages.
    "CREATE TABLE events(
        id INTEGER PRIMARY KEY,
        received INTEGER NOT NULL,
        pending INTEGER NOT NULL,
        claim_expires INTEGER,
        claim BLOB,
        source TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT,
        time TEXT NOT NULL,
        dedup_key TEXT NOT NULL,
        rest TEXT NOT NULL,
        facts TEXT NOT NULL,
        data BLOB NOT NULL);
     CREATE TABLE runs(
        id INTEGER PRIMARY KEY,
        event INTEGER NOT NULL,
        started INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        script TEXT NOT NULL,
        handler TEXT NOT NULL,
        script_hash TEXT NOT NULL,
        line INTEGER NOT NULL,
        col INTEGER NOT NULL,
        path TEXT NOT NULL,
        title TEXT NOT NULL,
        duration_us INTEGER NOT NULL,
        first_action INTEGER NOT NULL,
        actions INTEGER NOT NULL,
        detail TEXT NOT NULL);
     CREATE UNIQUE INDEX runs_once ON runs(event, script, handler);
     CREATE TABLE actions(
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        status INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        not_before INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        settled INTEGER,
        retries INTEGER NOT NULL,
        kind TEXT NOT NULL,
        lane TEXT NOT NULL,
        key TEXT NOT NULL,
        title TEXT NOT NULL,
        args TEXT NOT NULL,
        result TEXT);
     CREATE TABLE waits(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run INTEGER NOT NULL,
        event INTEGER NOT NULL,
        due INTEGER NOT NULL,
        script TEXT NOT NULL,
        script_hash TEXT NOT NULL,
        function TEXT NOT NULL,
        arguments TEXT NOT NULL,
        title TEXT NOT NULL,
        line INTEGER NOT NULL,
        depth INTEGER NOT NULL);
     CREATE TABLE state(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
     CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;",
    // Version 2: script versions, and attachments with the events that refer to them.
    "CREATE TABLE scripts(
        hash TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        used INTEGER NOT NULL,
        sources TEXT NOT NULL);
     CREATE TABLE blobs(hash TEXT PRIMARY KEY, bytes BLOB NOT NULL);
     CREATE TABLE blob_refs(
        event INTEGER NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY(event, hash)) WITHOUT ROWID;
     CREATE INDEX blob_refs_by_hash ON blob_refs(hash);",
    // Version 3: a number of its own for each journal, so that idempotency keys never repeat.
    "INSERT INTO meta(name, value) VALUES('home', random() & 4294967295);",
    // Version 4: deliveries that became no event, and when each secret last proved one.
    "CREATE TABLE refusals(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        status INTEGER NOT NULL,
        duplicate_of INTEGER,
        unsaid INTEGER NOT NULL,
        webhook TEXT NOT NULL,
        peer TEXT NOT NULL,
        code TEXT NOT NULL,
        reason TEXT NOT NULL);
     CREATE TABLE secret_uses(
        webhook TEXT NOT NULL,
        secret TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY(webhook, secret)) WITHOUT ROWID;",
    // Version 5: what scripts listen for in vain.
    "CREATE TABLE silences(
        script TEXT NOT NULL,
        subscription TEXT NOT NULL,
        since INTEGER NOT NULL,
        last INTEGER NOT NULL,
        reported INTEGER NOT NULL,
        PRIMARY KEY(script, subscription)) WITHOUT ROWID;",
    // Version 6: waits that belong to each other, schedules, and what the state was.
    "ALTER TABLE waits ADD COLUMN name TEXT NOT NULL DEFAULT '';
     ALTER TABLE waits ADD COLUMN more TEXT NOT NULL DEFAULT '{}';
     CREATE INDEX waits_by_name ON waits(script, name);
     CREATE TABLE schedules(
        script TEXT NOT NULL,
        id TEXT NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY(script, id)) WITHOUT ROWID;
     CREATE TABLE state_history(
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        key TEXT NOT NULL,
        value TEXT,
        run INTEGER);
     CREATE INDEX state_history_by_key ON state_history(key, id);
     CREATE TABLE state_edits(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        key TEXT NOT NULL,
        value TEXT);",
    // Version 7: targets that do not answer.
    "CREATE TABLE away(
        lane TEXT PRIMARY KEY,
        since INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        why TEXT NOT NULL,
        told INTEGER NOT NULL) WITHOUT ROWID;",
];

/// The newest version that this program knows.
pub(crate) fn known_version() -> u32 {
    MIGRATIONS.len() as u32
}

/// The names of the numbers in `meta`.
pub(crate) mod meta {
    /// Ids below this were given to events before, also to those since removed.
    pub(crate) const EVENT_FLOOR: &str = "event_floor";
    /// The same for runs.
    pub(crate) const RUN_FLOOR: &str = "run_floor";
    /// The same for actions.
    pub(crate) const ACTION_FLOOR: &str = "action_floor";
    /// No event below this is pending.
    pub(crate) const FIRST_PENDING: &str = "first_pending";
    /// No action below this is open.
    pub(crate) const FIRST_OPEN: &str = "first_open";
    /// A random number that tells this journal's idempotency keys from those of any other.
    pub(crate) const HOME: &str = "home";
    /// How often another process changed something that the host must look at.
    pub(crate) const FOREIGN: &str = "foreign";
    /// The last moment at which the host is known to have been alive, in milliseconds.
    pub(crate) const ALIVE: &str = "alive";
}

/// Opens for writing and sets the connection up; does not migrate.
pub(crate) fn open_writer(path: &Path, max_pages: Option<u64>) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "page_size", PAGE_SIZE)?; // counts only before the first table
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    if let Some(pages) = max_pages {
        connection.pragma_update(None, "max_page_count", pages.cast_signed())?;
    }
    Ok(connection)
}

/// Opens for reading only.
///
/// Where the folder cannot be written, SQLite cannot make the shared-memory file that goes with a
/// write-ahead log. Without a log there is nothing to share, and the file is read as it lies.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let first = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        version(&connection)?;
        Ok(connection)
    });
    let connection = match first {
        Err(error) if is_cannot_open(&error) && !has_log(path) => {
            let uri = format!("file:{}?immutable=1", escape_uri(path));
            let connection = Connection::open_with_flags(uri, flags)?;
            version(&connection)?;
            connection
        }
        other => other?,
    };
    connection.set_prepared_statement_cache_capacity(32);
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn is_cannot_open(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)
    )
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|file| file.len() > 0)
}

fn escape_uri(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        match c {
            '%' => text.push_str("%25"),
            '?' => text.push_str("%3f"),
            '#' => text.push_str("%23"),
            c => text.push(c),
        }
    }
    text
}

/// The schema's version; 0 for a new file.
pub(crate) fn version(connection: &Connection) -> Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings the schema to the newest version, each step in a transaction of its own.
///
/// The caller has made sure that the file is no newer than the program.
pub(crate) fn migrate(connection: &mut Connection, to: u32) -> Result<()> {
    let from = version(connection)?;
    for (step, sql) in (1..).zip(MIGRATIONS).take(to as usize) {
        if step <= from {
            continue;
        }
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", step)?;
        transaction.commit()?;
        if from > 0 {
            tracing::info!(
                version = step,
                "the journal's schema was brought up to date"
            );
        }
    }
    Ok(())
}

/// A number from `meta`; 0 when it is not there.
pub(crate) fn get_meta(connection: &Connection, name: &str) -> Result<u64> {
    use rusqlite::OptionalExtension;
    let value: Option<i64> = connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(value.unwrap_or(0).cast_unsigned())
}

/// Sets a number in `meta`.
pub(crate) fn set_meta(connection: &Connection, name: &str, value: u64) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2")?
        .execute((name, value.cast_signed()))?;
    Ok(())
}
