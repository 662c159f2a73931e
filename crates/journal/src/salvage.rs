//! Opening the database, and saving what can be read when it is damaged.
//!
//! The damaged file is renamed, never changed and never deleted; a new one is filled row by row,
//! stepping over what cannot be read. It is never a silent new start: what was saved is logged as
//! an error and returned.

use crate::error::OpenError;
use crate::journal::Options;
use crate::model::Salvaged;
use crate::schema::{self, meta};
use crate::writer::Opened;
use porchlight_core::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, Result};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A database up to this size is checked as a whole at every start (a few milliseconds); a larger
/// one when the last run met damage. Otherwise only what the start reads is checked.
const CHECK_BYTES: u64 = 8 << 20;

/// After a salvage new ids start at the next multiple of this, because the lost rows may have had
/// ids above those saved.
const ID_STEP: u64 = 100_000;

/// The tables, those with row numbers first.
const TABLES: [&str; 16] = [
    "events",
    "runs",
    "actions",
    "waits",
    "scripts",
    "blobs",
    "refusals",
    "state",
    "blob_refs",
    "secret_uses",
    "silences",
    "schedules",
    "state_history",
    "state_edits",
    "away",
    "meta",
];

/// Opens the database, brings it up to date, and salvages it first if it is damaged.
pub(crate) fn open_or_salvage(
    path: &Path,
    options: &Options,
    now: Timestamp,
) -> std::result::Result<(Opened, Option<Salvaged>), OpenError> {
    let damage = match open(path, options, now) {
        Ok(opened) => return Ok((opened, None)),
        Err(Trouble::Open(error)) => return Err(error),
        Err(Trouble::Damaged(damage)) => damage,
    };
    let unusable = |error: &dyn std::fmt::Display| OpenError::unusable(path, error);
    let kept = set_aside(path, now).map_err(|error| unusable(&error))?;
    let (rows, gaps) = refill(path, &kept, options).map_err(|error| unusable(&error))?;
    let salvaged = Salvaged {
        kept,
        damage,
        rows,
        gaps,
    };
    tracing::error!(
        kept = %salvaged.kept.display(),
        damage = %salvaged.damage,
        rows = ?salvaged.rows,
        gaps = salvaged.gaps,
        "the journal was damaged; what could be read was saved into a new one"
    );
    match open(path, options, now) {
        Ok(opened) => Ok((opened, Some(salvaged))),
        Err(Trouble::Open(error)) => Err(error),
        Err(Trouble::Damaged(again)) => Err(unusable(&again)),
    }
}

/// Notes that damage was met while running, so that the next start checks the whole file.
pub(crate) fn suspect(path: &Path, error: &rusqlite::Error) {
    if let Err(failure) = std::fs::write(beside(path, ".suspect"), error.to_string()) {
        tracing::warn!(error = %failure, "could not note that the journal is damaged");
    }
}

enum Trouble {
    Open(OpenError),
    Damaged(String),
}

fn open(path: &Path, options: &Options, now: Timestamp) -> std::result::Result<Opened, Trouble> {
    let sort = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Trouble::Damaged(error.to_string())
        }
        _ => Trouble::Open(OpenError::unusable(path, error)),
    };
    let mut connection = schema::open_writer(path, options.max_pages).map_err(sort)?;
    let (found, known) = (
        schema::version(&connection).map_err(sort)?,
        schema::known_version(),
    );
    if found > known {
        return Err(Trouble::Open(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        }));
    }
    let suspect = beside(path, ".suspect");
    let small = std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECK_BYTES);
    if small || suspect.exists() {
        let verdict: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(sort)?;
        if verdict != "ok" {
            return Err(Trouble::Damaged(verdict));
        }
        // A note that cannot be removed costs a second check at the next start.
        let _ = std::fs::remove_file(suspect);
    }
    schema::migrate(&mut connection, known).map_err(sort)?;
    Opened::read(connection, now).map_err(sort)
}

/// Renames the database with its log, so that the log still belongs to it.
fn set_aside(path: &Path, now: Timestamp) -> std::io::Result<PathBuf> {
    let stamp: String = now
        .to_rfc3339()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let mut kept = beside(path, &format!(".damaged-{stamp}"));
    let mut number = 1;
    while kept.exists() {
        number += 1;
        kept = beside(path, &format!(".damaged-{stamp}-{number}"));
    }
    std::fs::rename(path, &kept)?;
    for suffix in ["-wal", "-shm"] {
        let log = beside(path, suffix);
        if log.exists() {
            std::fs::rename(log, beside(&kept, suffix))?;
        }
    }
    let _ = std::fs::remove_file(beside(path, ".suspect"));
    Ok(kept)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

type Saved = (Vec<(&'static str, u64)>, u64);

/// Fills a new database with what can be read of the old one. A half-filled one is never taken for
/// whole: everything is one transaction.
fn refill(path: &Path, kept: &Path, options: &Options) -> Result<Saved> {
    let mut new = schema::open_writer(path, options.max_pages)?;
    schema::migrate(&mut new, schema::known_version())?;
    // So that the new file's header is in the file, not in its log.
    new.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let mended = mend(path, kept);
    let source = mended.as_deref().unwrap_or(kept);
    let saved = copy_all(&mut new, source);
    if let Some(mended) = mended {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(&mended, suffix)); // at worst it wastes room
        }
    }
    saved
}

/// A copy of the damaged file with a sound header, when its own is not.
///
/// The header is the one place where a few wrong bytes make every row unreadable, and all that
/// stands in it is known from a new database.
fn mend(path: &Path, kept: &Path) -> Option<PathBuf> {
    let mut damaged = std::fs::File::open(kept).ok()?;
    let header = new_header(path, damaged.metadata().ok()?.len()).ok()?;
    let mut found = [0; 24];
    damaged.read_exact(&mut found).ok()?;
    if found == header[..24] {
        return None;
    }
    let copy = beside(path, ".mending");
    std::fs::copy(kept, &copy).ok()?;
    let mut file = std::fs::File::options().write(true).open(&copy).ok()?;
    file.write_all(&header).ok()?;
    let log = beside(kept, "-wal");
    if log.exists() {
        std::fs::copy(log, beside(&copy, "-wal")).ok()?;
    }
    Some(copy)
}

/// The header of the new database, for a file of this length: <https://sqlite.org/fileformat2.html>.
fn new_header(path: &Path, len: u64) -> std::io::Result<[u8; 100]> {
    let mut header = [0; 100];
    std::fs::File::open(path)?.read_exact(&mut header)?;
    let pages = u32::try_from(len / u64::from(schema::PAGE_SIZE)).unwrap_or(u32::MAX);
    header[28..32].copy_from_slice(&pages.to_be_bytes());
    header[32..40].fill(0); // no free pages: they are not read anyway
    header.copy_within(24..28, 92); // the page count above counts
    Ok(header)
}

fn copy_all(new: &mut Connection, source: &Path) -> Result<Saved> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let old = Connection::open_with_flags(source, flags)?;
    // Lets SQLite read a file that is shorter than its header says.
    old.pragma_update(None, "writable_schema", true)?;
    let transaction = new.transaction()?;
    let (mut rows, mut gaps) = (Vec::new(), 0);
    for table in TABLES {
        let (count, holes) = copy_table(&old, &transaction, table)?;
        gaps += holes;
        if table != "meta" {
            rows.push((table, count));
        }
    }
    for (table, floor) in [
        ("events", meta::EVENT_FLOOR),
        ("runs", meta::RUN_FLOOR),
        ("actions", meta::ACTION_FLOOR),
    ] {
        let sql = format!("SELECT coalesce(max(id), 0) FROM {table}");
        let highest: i64 = transaction.query_row(&sql, [], |row| row.get(0))?;
        let next = highest
            .cast_unsigned()
            .max(schema::get_meta(&transaction, floor)?);
        let next = (next / ID_STEP + 1) * ID_STEP;
        schema::set_meta(&transaction, floor, next)?;
    }
    // The marks may be wrong where rows are missing; they are found again from the start.
    schema::set_meta(&transaction, meta::FIRST_PENDING, 0)?;
    schema::set_meta(&transaction, meta::FIRST_OPEN, 0)?;
    transaction.commit()?;
    Ok((rows, gaps))
}

/// Copies the rows that can be read; returns their number and how often it met a hole.
fn copy_table(old: &Connection, new: &Connection, table: &str) -> Result<(u64, u64)> {
    let Ok(columns) = columns_of(old, table) else {
        return Ok((0, 1));
    };
    let known = columns_of(new, table)?;
    let columns: Vec<String> = columns.into_iter().filter(|c| known.contains(c)).collect();
    if columns.is_empty() {
        return Ok((0, 0)); // an older version without this table
    }
    let list = columns.join(", ");
    let marks = vec!["?"; columns.len()].join(", ");
    let insert = format!("INSERT OR IGNORE INTO {table}({list}) VALUES({marks})");
    let mut saved = Saving {
        insert: new.prepare(&insert)?,
        columns: columns.len(),
        count: 0,
    };
    let numbered = columns.iter().any(|c| c == "id") || table == "scripts" || table == "blobs";
    if !numbered {
        // Without row numbers one can only read from both ends up to the hole.
        let key = &columns[0];
        let mut gaps = 0;
        for direction in ["ASC", "DESC"] {
            let sql = format!("SELECT {list} FROM {table} ORDER BY {key} {direction}");
            if saved.rows(old, &sql, None).is_err() {
                gaps += 1;
            } else {
                break;
            }
        }
        return Ok((saved.count, gaps));
    }
    let sql = format!("SELECT {list}, rowid FROM {table} WHERE rowid > ?1 ORDER BY rowid");
    let (mut from, mut step, mut gaps) = (0_i64, 1_i64, 0);
    loop {
        let before = saved.count;
        match saved.rows(old, &sql, Some(from)) {
            Ok(_) => return Ok((saved.count, gaps)),
            Err(Stop::Write(error)) => return Err(error),
            Err(Stop::Read(last)) => {
                if saved.count > before || step == 1 {
                    gaps += 1;
                    step = 1;
                }
                let base = last.unwrap_or(from);
                let Some(next) = base.checked_add(step) else {
                    return Ok((saved.count, gaps));
                };
                from = next;
                step = step.saturating_mul(2);
            }
        }
    }
}

fn columns_of(connection: &Connection, table: &str) -> Result<Vec<String>> {
    connection
        .prepare(&format!("PRAGMA table_info({table})"))?
        .query_map([], |row| row.get(1))?
        .collect()
}

/// Why copying stopped.
enum Stop {
    /// The old file cannot be read on, after this row.
    Read(Option<i64>),
    /// The new file cannot be written.
    Write(rusqlite::Error),
}

struct Saving<'a> {
    insert: rusqlite::Statement<'a>,
    columns: usize,
    count: u64,
}

impl Saving<'_> {
    fn rows(
        &mut self,
        old: &Connection,
        sql: &str,
        from: Option<i64>,
    ) -> std::result::Result<(), Stop> {
        let mut last = None;
        let mut statement = old.prepare(sql).map_err(|_| Stop::Read(last))?;
        let mut found = statement
            .query(rusqlite::params_from_iter(from))
            .map_err(|_| Stop::Read(last))?;
        while let Some(row) = found.next().map_err(|_| Stop::Read(last))? {
            let values: Result<Vec<Value>> = (0..self.columns).map(|i| row.get(i)).collect();
            let values = values.map_err(|_| Stop::Read(last))?;
            if from.is_some() {
                last = Some(row.get(self.columns).map_err(|_| Stop::Read(last))?);
            }
            let inserted = self
                .insert
                .execute(rusqlite::params_from_iter(values))
                .map_err(Stop::Write)?;
            self.count += inserted as u64;
        }
        Ok(())
    }
}
