//! Lists: which rows, in which order, and how many, put together as SQL.

use crate::ReadError;
use porchlight_core::{Pattern, Timestamp};
use rusqlite::{Connection, Row};

/// Which rows, in which order, and how many.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Newest first (to look back) or oldest first from a row on (to follow).
    pub order: Order,
    /// At most so many.
    pub limit: usize,
    /// Only those received (events), begun (runs) or told (actions) at or after this moment.
    pub since: Option<Timestamp>,
    /// Events: their type. Actions: their kind, `http.send`.
    pub kind: Option<Pattern>,
    /// Actions only: their lane; one that begins like this when it ends in `*`.
    pub lane: Option<String>,
    /// Actions only: those whose last try was recorded at or after this moment.
    pub settled_since: Option<Timestamp>,
    /// Events only: the webhook's name, or `script:NAME`.
    pub source: Option<String>,
    /// Runs and actions: the script, `gate.rhai`.
    pub script: Option<String>,
    /// Runs: `ok`, `error`, `limit`, `skipped`. Actions: `open`, `done`, `dead`. Events: `pending`.
    pub status: Option<String>,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            order: Order::NewestFirst { before: None },
            limit: 100,
            since: None,
            kind: None,
            lane: None,
            settled_since: None,
            source: None,
            script: None,
            status: None,
        }
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newest first, from the row before this one.
    NewestFirst {
        /// Where the last page ended; `None` for the newest.
        before: Option<u64>,
    },
    /// Oldest first, after this row: ask again with the last one's id to follow.
    After(u64),
}

/// A list's SQL in the making.
pub(super) struct Question<'a> {
    table: &'static str,
    columns: &'static str,
    pub(super) conditions: Vec<String>,
    values: Vec<String>,
    filter: &'a Filter,
}

impl<'a> Question<'a> {
    pub(super) fn new(
        table: &'static str,
        columns: &'static str,
        filter: &'a Filter,
        moment: &str,
    ) -> Self {
        let mut conditions = Vec::new();
        match filter.order {
            Order::NewestFirst { before: None } => {}
            Order::NewestFirst { before: Some(id) } => conditions.push(format!("id < {id}")),
            Order::After(id) => conditions.push(format!("id > {id}")),
        }
        if let Some(since) = filter.since {
            conditions.push(format!("{moment} >= {}", since.0));
        }
        Self {
            table,
            columns,
            conditions,
            values: Vec::new(),
            filter,
        }
    }

    pub(super) fn equal(&mut self, column: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.values.push(value.clone());
            self.conditions
                .push(format!("{column} = ?{}", self.values.len()));
        }
    }

    pub(super) fn ask<T>(
        self,
        connection: &Connection,
        read: impl Fn(&Row<'_>) -> Result<T, ReadError>,
        matches: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, ReadError> {
        let (table, columns) = (self.table, self.columns);
        let conditions = match self.conditions.as_slice() {
            [] => String::new(),
            some => format!("WHERE {}", some.join(" AND ")),
        };
        let direction = match self.filter.order {
            Order::NewestFirst { .. } => "DESC",
            Order::After(_) => "ASC",
        };
        let sql = format!("SELECT {columns} FROM {table} {conditions} ORDER BY id {direction}");
        let mut statement = connection.prepare(&sql)?;
        let mut found = statement.query(rusqlite::params_from_iter(&self.values))?;
        let mut list = Vec::new();
        while list.len() < self.filter.limit {
            let Some(row) = found.next()? else { break };
            let item = read(row)?;
            if matches(&item) {
                list.push(item);
            }
        }
        Ok(list)
    }
}
