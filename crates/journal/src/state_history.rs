//! What the state was: a row for each value that really changed, and forgetting them again.
//!
//! A row is written in the commit of the run that changed the value, so that what is remembered is
//! what was kept. Keys that begin with `~` are the host's own (cooldowns, budgets): they have no
//! history, and what they hold says until when it counts. Forgetting goes in small steps, as in
//! [`crate::retention`]: by age, by number for each key, and what has expired of the hidden ones.

use crate::{ReadError, Reader};
use porchlight_core::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Result};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The first character of the keys that scripts don't see.
const HIDDEN: &str = "~";
/// The first text after all hidden keys.
const AFTER_HIDDEN: &str = "\u{7f}";

/// So many values are remembered of one key.
pub const MOST_PER_KEY: usize = 10_000;

/// How many rows one step removes.
const SLICE: usize = 500;
/// How many keys one step counts.
const KEYS: usize = 50;
/// How many hidden values one step looks at.
const LOOKS: usize = 2_000;
/// How often expired hidden values are looked for.
const HIDDEN_EVERY: Duration = Duration::from_secs(3600);

/// A value that a key had from a moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct StatePoint {
    /// Since when.
    pub at: Timestamp,
    /// The value; none when it was removed.
    pub value: Option<Value>,
    /// The run that changed it.
    pub run: u64,
}

/// Notes that a value changed.
pub(crate) fn note(
    connection: &Connection,
    (key, value): (&str, Option<&str>),
    at: Timestamp,
    run: u64,
) -> Result<()> {
    if key.starts_with(HIDDEN) {
        return Ok(());
    }
    connection
        .prepare_cached("INSERT INTO state_history(at, key, value, run) VALUES(?1, ?2, ?3, ?4)")?
        .execute((at.0, key, value, run.cast_signed()))?;
    Ok(())
}

/// Knows what may be forgotten next.
pub(crate) struct Pruner {
    keep: Option<Duration>,
    most: usize,
    /// The row that was looked at last for its age.
    aged: i64,
    /// The key that was counted last.
    counted: String,
    /// The hidden key that was looked at last, in a round under way.
    looked: String,
    hidden_due: Instant,
}

impl Pruner {
    pub(crate) fn new(keep: Option<Duration>) -> Self {
        Self {
            keep,
            most: MOST_PER_KEY,
            aged: 0,
            counted: String::new(),
            looked: HIDDEN.to_owned(),
            hidden_due: Instant::now(),
        }
    }

    /// Forgets a little; gives the number of rows.
    pub(crate) fn step(
        &mut self,
        connection: &Connection,
        wall: Timestamp,
        now: Instant,
    ) -> Result<usize> {
        let mut removed = 0;
        if let Some(keep) = self.keep {
            let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
            let before = wall.0.saturating_sub(keep);
            removed += remove_oldest(connection, before, SLICE)?;
            removed += self.look_on(connection, before)?;
        }
        removed += self.count(connection)?;
        if now >= self.hidden_due {
            removed += self.look(connection, wall, now)?;
        }
        Ok(removed)
    }

    /// Takes up the rows after those looked at last: while a clock ran ahead, rows were dated in the
    /// future, and what stands behind them would never be found at the front.
    fn look_on(&mut self, connection: &Connection, before: i64) -> Result<usize> {
        let rows: Vec<(i64, i64)> = connection
            .prepare_cached("SELECT id, at FROM state_history WHERE id > ?1 ORDER BY id LIMIT ?2")?
            .query_map((self.aged, SLICE as i64), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_>>()?;
        self.aged = rows.last().map_or(0, |(id, _)| *id);
        let mut remove = connection.prepare_cached("DELETE FROM state_history WHERE id = ?1")?;
        let mut removed = 0;
        for (id, _) in rows.iter().filter(|(_, at)| *at < before) {
            removed += remove.execute([id])?;
        }
        Ok(removed)
    }

    /// Takes up the keys after the one counted last, and cuts each to its newest rows.
    fn count(&mut self, connection: &Connection) -> Result<usize> {
        let mut next = connection
            .prepare_cached("SELECT coalesce(min(key), '') FROM state_history WHERE key > ?1")?;
        let mut cut = connection.prepare_cached(
            "DELETE FROM state_history WHERE id IN (SELECT id FROM state_history \
             WHERE key = ?1 AND id <= (SELECT id FROM state_history WHERE key = ?1 \
             ORDER BY id DESC LIMIT 1 OFFSET ?2) ORDER BY id LIMIT ?3)",
        )?;
        let mut removed = 0;
        for _ in 0..KEYS {
            self.counted = next.query_row([&self.counted], |row| row.get(0))?;
            if self.counted.is_empty() {
                break; // from the beginning, the next time
            }
            let left = SLICE.saturating_sub(removed);
            removed += cut.execute((&self.counted, self.most as i64, left as i64))?;
        }
        Ok(removed)
    }

    /// Removes hidden values that count no more.
    fn look(&mut self, connection: &Connection, wall: Timestamp, now: Instant) -> Result<usize> {
        let keys: Vec<(String, bool)> = connection
            .prepare_cached(
                "SELECT key, coalesce(json_extract(value, '$.until') <= ?3, 0) FROM state \
                 WHERE key > ?1 AND key < ?2 ORDER BY key LIMIT ?4",
            )?
            .query_map((&self.looked, AFTER_HIDDEN, wall.0, LOOKS as i64), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_>>()?;
        match keys.last() {
            Some((last, _)) if keys.len() == LOOKS => self.looked.clone_from(last),
            _ => {
                HIDDEN.clone_into(&mut self.looked);
                self.hidden_due = now + HIDDEN_EVERY;
            }
        }
        let mut remove = connection.prepare_cached("DELETE FROM state WHERE key = ?1")?;
        let mut removed = 0;
        for (key, _) in keys.iter().filter(|(_, expired)| *expired) {
            removed += remove.execute([key])?;
        }
        Ok(removed)
    }
}

/// Removes the oldest rows that are older than this moment.
pub(crate) fn remove_oldest(connection: &Connection, before: i64, limit: usize) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM state_history WHERE id IN (SELECT id FROM \
             (SELECT id, at FROM state_history ORDER BY id LIMIT ?2) WHERE at < ?1)",
        )?
        .execute((before, limit as i64))
}

impl Reader {
    /// The values that a key had since a moment (or ever), oldest first; of many, the newest.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn state_history(
        &self,
        key: &str,
        since: Option<Timestamp>,
        limit: usize,
    ) -> std::result::Result<Vec<StatePoint>, ReadError> {
        let since = since.map_or(Sql::Null, |since| Sql::Integer(since.0));
        let mut points = self.many(
            "SELECT at, value, run FROM state_history \
             WHERE key = ?1 AND at >= coalesce(?2, at) ORDER BY id DESC LIMIT ?3",
            &[&key, &since, &(limit as i64)],
            |row| {
                let text: Option<String> = row.get(1)?;
                let value = text.map(|text| crate::rows::from_json("state_history", 0, &text));
                let run: Option<i64> = row.get(2)?;
                Ok(StatePoint {
                    at: Timestamp(row.get(0)?),
                    value: value.transpose()?,
                    run: run.unwrap_or(0).cast_unsigned(),
                })
            },
        )?;
        points.reverse();
        Ok(points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, schema::known_version()).unwrap();
        connection
    }

    fn keys(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    const DAY: i64 = 86_400_000;

    #[test]
    fn each_key_keeps_its_newest_values_and_none_that_is_too_old() {
        let connection = database();
        for n in 0..20 {
            note(
                &connection,
                ("a", Some(&n.to_string())),
                Timestamp(n * DAY),
                1,
            )
            .unwrap();
        }
        note(&connection, ("b", Some("1")), Timestamp(20 * DAY), 1).unwrap();
        note(&connection, ("~hidden", Some("1")), Timestamp(20 * DAY), 1).unwrap();
        let mut pruner = Pruner::new(Some(Duration::from_secs(12 * 86_400)));
        pruner.most = 5;
        let now = Instant::now();
        let removed = pruner.step(&connection, Timestamp(20 * DAY), now).unwrap();
        assert_eq!(removed, 15);
        let left = keys(
            &connection,
            "SELECT key || value FROM state_history ORDER BY id",
        );
        assert_eq!(left, ["a15", "a16", "a17", "a18", "a19", "b1"]);
        pruner.most = 100;
        pruner.step(&connection, Timestamp(30 * DAY), now).unwrap();
        let left = keys(
            &connection,
            "SELECT key || value FROM state_history ORDER BY id",
        );
        assert_eq!(
            left,
            ["a18", "a19", "b1"],
            "the younger ones than twelve days"
        );
    }

    #[test]
    fn values_dated_in_the_future_keep_no_older_ones_from_going() {
        let connection = database();
        for n in 0..2 * SLICE {
            let at = if n < SLICE { 1_000 * DAY } else { DAY };
            note(&connection, ("a", Some("1")), Timestamp(at), 1).unwrap();
        }
        let mut pruner = Pruner::new(Some(Duration::from_secs(86_400)));
        let now = Instant::now();
        let mut step = || pruner.step(&connection, Timestamp(20 * DAY), now).unwrap();
        assert_eq!(step() + step() + step(), SLICE);
    }

    #[test]
    fn hidden_values_go_when_they_have_expired_and_others_never() {
        let connection = database();
        let put = "INSERT INTO state(key, value) VALUES(?1, ?2)";
        for (key, value) in [
            ("plain", r#"{"until":5}"#),
            ("~once/a", r#"{"until":5}"#),
            ("~once/b", r#"{"until":50}"#),
            ("~odd", r#""text""#),
        ] {
            connection.execute(put, (key, value)).unwrap();
        }
        let mut pruner = Pruner::new(None);
        let now = Instant::now();
        pruner.step(&connection, Timestamp(10), now).unwrap();
        let left = "SELECT key FROM state ORDER BY key";
        assert_eq!(keys(&connection, left), ["plain", "~odd", "~once/b"]);
        // The next look is an hour later.
        let soon = now + Duration::from_secs(60);
        pruner.step(&connection, Timestamp(60), soon).unwrap();
        assert_eq!(keys(&connection, left).len(), 3);
        pruner
            .step(&connection, Timestamp(60), now + HIDDEN_EVERY)
            .unwrap();
        assert_eq!(keys(&connection, left), ["plain", "~odd"]);
    }
}
