//! Questions to the journal, on a connection of their own: from the host, the dashboard, and other
//! processes, while the host runs and when it doesn't. Never writes.
//!
//! A question sees everything that was committed before it. Filters on the type and the like read
//! past rows that don't match; there is no index for them, since each would cost every event a
//! page of writing.

mod list;
mod records;
mod refusals;

pub use list::{Filter, Order};
pub(crate) use records::committed;

use crate::rows::{self, EVENT_COLUMNS, from_json, get_id};
use crate::schema::{self, meta};
use crate::{ActionRecord, FILE_NAME, ReadError, RunRecord, ScriptVersion, waits};
use bytes::Bytes;
use list::Question;
use porchlight_core::{ActionId, Event, EventId, OpenAction, Timestamp, Wait};
use records::{
    ACTION_COLUMNS, RUN_COLUMNS, STATUSES, actions_of_run, many, read_action, read_run, run,
};
use rusqlite::{Connection, Row, ToSql};
use std::path::Path;

/// A read-only view.
pub struct Reader {
    pub(crate) connection: Connection,
}

impl Reader {
    /// Opens the journal of a data folder, whether or not the host runs.
    ///
    /// # Errors
    /// There is none yet, it is newer than this program, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Self, ReadError> {
        Self::open_file(&dir.join(FILE_NAME))
    }

    pub(crate) fn open_file(path: &Path) -> Result<Self, ReadError> {
        if !path.exists() {
            return Err(ReadError::Missing {
                path: path.to_owned(),
            });
        }
        let connection = schema::open_reader(path)?;
        let found = schema::version(&connection)?;
        if found > schema::known_version() {
            return Err(ReadError::Newer { found });
        }
        if found == 0 {
            return Err(ReadError::Missing {
                path: path.to_owned(),
            });
        }
        Ok(Self { connection })
    }

    /// The event with this id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn event(&self, id: EventId) -> Result<Option<Event>, ReadError> {
        let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE id = ?1");
        self.one(&sql, &[&id.cast_signed()], rows::read_event)
    }

    /// The events that a filter lets through.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn events(&self, filter: &Filter) -> Result<Vec<Event>, ReadError> {
        let mut question = Question::new("events", EVENT_COLUMNS, filter, "received");
        question.equal("source", filter.source.as_ref());
        if filter.status.as_deref() == Some("pending") {
            question.conditions.push("pending = 1".to_owned());
        }
        // The type is matched here: patterns have no counterpart in SQL.
        let matches = |event: &Event| {
            let pattern = filter.kind.as_ref();
            pattern.is_none_or(|pattern| pattern.matches(&event.kind))
        };
        if let Some(literal) = filter.kind.as_ref().filter(|pattern| pattern.is_literal()) {
            question.equal("kind", Some(&literal.as_str().to_owned()));
        }
        question.ask(&self.connection, rows::read_event, matches)
    }

    /// Events whose handlers have not all been recorded, oldest first, after this id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn pending_events(&self, after: EventId, limit: usize) -> Result<Vec<Event>, ReadError> {
        let first = schema::get_meta(&self.connection, meta::FIRST_PENDING)?;
        let sql = format!(
            "SELECT {EVENT_COLUMNS} FROM events WHERE id > ?1 AND id >= ?2 AND pending = 1 \
             ORDER BY id LIMIT ?3"
        );
        self.many(
            &sql,
            &[&after.cast_signed(), &first.cast_signed(), &(limit as i64)],
            rows::read_event,
        )
    }

    /// Script and handler of each run of an event: what recovery need not do again.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn handlers_run(&self, event: EventId) -> Result<Vec<(String, String)>, ReadError> {
        self.many(
            "SELECT script, handler FROM runs WHERE event = ?1 ORDER BY id",
            &[&event.cast_signed()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// The number of this home: random, made with the journal, part of the keys of its actions.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn home(&self) -> Result<u64, ReadError> {
        Ok(schema::get_meta(&self.connection, meta::HOME)?)
    }

    /// The id of the newest event; 0 when there is none.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_event_id(&self) -> Result<EventId, ReadError> {
        let last = self.one("SELECT coalesce(max(id), 0) FROM events", &[], |row| {
            Ok(get_id(row, 0)?)
        })?;
        Ok(last.unwrap_or(0))
    }

    /// The runs that a filter lets through.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn runs(&self, filter: &Filter) -> Result<Vec<RunRecord>, ReadError> {
        let mut question = Question::new("runs", RUN_COLUMNS, filter, "started");
        question.equal("script", filter.script.as_ref());
        question.equal("outcome", filter.status.as_ref());
        question.ask(&self.connection, read_run, |_| true)
    }

    /// The run with this number.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn run(&self, id: u64) -> Result<Option<RunRecord>, ReadError> {
        run(&self.connection, id)
    }

    /// The runs that answered an event, in order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn runs_of_event(&self, event: EventId) -> Result<Vec<RunRecord>, ReadError> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE event = ?1 ORDER BY id");
        self.many(&sql, &[&event.cast_signed()], read_run)
    }

    /// The actions that a filter lets through.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn actions(&self, filter: &Filter) -> Result<Vec<ActionRecord>, ReadError> {
        let started = "(SELECT started FROM runs WHERE runs.id = actions.run)";
        let mut question = Question::new("actions", ACTION_COLUMNS, filter, started);
        let script = "(SELECT script FROM runs WHERE runs.id = actions.run)";
        question.equal(script, filter.script.as_ref());
        if let Some(word) = &filter.status {
            let status = STATUSES.iter().position(|status| status.word() == word);
            let status = status.map_or(-1, |status| status as i64);
            question.conditions.push(format!("status = {status}"));
        }
        if let Some(since) = filter.settled_since {
            question.conditions.push(format!("settled >= {}", since.0));
        }
        question.ask(&self.connection, read_action, |action| {
            let (kind, lane) = (&action.action.kind, &action.action.lane);
            let is_lane = |wanted: &String| match wanted.strip_suffix('*') {
                Some(beginning) => lane.starts_with(beginning),
                None => lane == wanted,
            };
            filter.kind.as_ref().is_none_or(|one| one.matches(kind))
                && filter.lane.as_ref().is_none_or(is_lane)
        })
    }

    /// The action in this row.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn action(&self, id: ActionId) -> Result<Option<ActionRecord>, ReadError> {
        let sql = format!("SELECT {ACTION_COLUMNS} FROM actions WHERE id = ?1");
        self.one(&sql, &[&id.cast_signed()], read_action)
    }

    /// The actions that a run told, in order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn actions_of_run(&self, run: u64) -> Result<Vec<ActionRecord>, ReadError> {
        actions_of_run(&self.connection, run)
    }

    /// Actions that are neither done nor dead, oldest first, after this row.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn open_actions(
        &self,
        after: ActionId,
        limit: usize,
    ) -> Result<Vec<OpenAction>, ReadError> {
        let first = schema::get_meta(&self.connection, meta::FIRST_OPEN)?;
        let sql = format!(
            "SELECT {ACTION_COLUMNS} FROM actions WHERE id > ?1 AND id >= ?2 AND status = 0 \
             ORDER BY id LIMIT ?3"
        );
        let records = self.many(
            &sql,
            &[&after.cast_signed(), &first.cast_signed(), &(limit as i64)],
            read_action,
        )?;
        let now = Timestamp::from_system_time(std::time::SystemTime::now());
        let open = records.into_iter().map(|record| OpenAction {
            id: record.id,
            not_before: next_try(&record, now),
            action: record.action,
            attempts: record.attempts,
        });
        Ok(open.collect())
    }

    /// What is damaged, in one line, if anything is. Reads the whole database.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn damage(&self) -> Result<Option<String>, ReadError> {
        let check = "PRAGMA quick_check(1)";
        let found: String = self.connection.query_row(check, [], |row| row.get(0))?;
        Ok((found != "ok").then_some(found))
    }

    /// All waits, in the order in which they fall due.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn waits(&self) -> Result<Vec<Wait>, ReadError> {
        let columns = waits::COLUMNS;
        let sql = format!("SELECT {columns} FROM waits ORDER BY due, id");
        self.many(&sql, &[], waits::read)
    }

    /// The last moment at which a host with resumable waits is known to have been alive; `None`
    /// before there was one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_alive(&self) -> Result<Option<Timestamp>, ReadError> {
        let sql = format!("SELECT value FROM meta WHERE name = '{}'", meta::ALIVE);
        self.one(&sql, &[], |row| Ok(Timestamp(row.get(0)?)))
    }

    /// The state, by key.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn state(&self) -> Result<Vec<(String, serde_json::Value)>, ReadError> {
        self.many("SELECT key, value FROM state ORDER BY key", &[], |row| {
            let text: String = row.get(1)?;
            Ok((row.get(0)?, from_json("state", 0, &text)?))
        })
    }

    /// The script version with this content hash.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn script(&self, hash: &str) -> Result<Option<ScriptVersion>, ReadError> {
        self.one(
            "SELECT hash, name, sources FROM scripts WHERE hash = ?1",
            &[&hash],
            |row| {
                let text: String = row.get(2)?;
                Ok(ScriptVersion {
                    hash: row.get(0)?,
                    name: row.get(1)?,
                    sources: from_json("scripts", 0, &text)?,
                })
            },
        )
    }

    /// The version of this script that was loaded last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_version(&self, name: &str) -> Result<Option<ScriptVersion>, ReadError> {
        let hash = self.one(
            "SELECT hash FROM scripts WHERE name = ?1 ORDER BY used DESC LIMIT 1",
            &[&name],
            |row| Ok(row.get::<_, String>(0)?),
        )?;
        hash.map_or(Ok(None), |hash| self.script(&hash))
    }

    /// The bytes of an attachment by their hash.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn blob(&self, hash: &str) -> Result<Option<Bytes>, ReadError> {
        self.one("SELECT bytes FROM blobs WHERE hash = ?1", &[&hash], |row| {
            Ok(Bytes::from(row.get::<_, Vec<u8>>(0)?))
        })
    }

    fn one<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl Fn(&Row<'_>) -> Result<T, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        Ok(many(&self.connection, sql, values, read)?.pop())
    }

    pub(crate) fn many<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl Fn(&Row<'_>) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
        many(&self.connection, sql, values, read)
    }
}

/// When an open action is tried next. A pause lasts as long as it was meant to, also when the clock
/// was set back after it had been noted.
fn next_try(record: &ActionRecord, now: Timestamp) -> Timestamp {
    match record.settled.filter(|settled| *settled > now) {
        Some(settled) => now.after(record.not_before.since(settled)),
        None => record.not_before,
    }
}
