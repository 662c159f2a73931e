//! What scripts listen for in vain: one row for each `on_silence(…)`.
//!
//! A row says since when the subscription counts and whether its silence was reported. When the
//! last event arrived is not written with each event, which would cost every event a page: it is
//! found among the events at the next start. The mark "reported" is written in the commit of the
//! run that reported it; the runs alone would not do, since retention removes them.

use crate::rows::get_id;
use crate::{ReadError, Reader};
use porchlight_core::{EventId, Timestamp};
use rusqlite::{Connection, Result};

/// A subscription to silence, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// The script: `gate.rhai`.
    pub script: String,
    /// What tells it from the script's other subscriptions, also after the script was edited.
    pub subscription: String,
    /// When the silence that was reported last began; before that, when it was first loaded.
    pub since: Timestamp,
    /// The last event before the silence that was reported last; 0 when there was none.
    pub last: EventId,
    /// How often that silence was reported: 0 before the first time.
    pub reported: u32,
}

/// How far a look back at the newest events got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookedBack {
    /// As far as was wanted, or to the oldest event kept.
    Whole,
    /// To its bound; the oldest event that was looked at came at this time.
    Until(Timestamp),
}

/// Adds the rows that are not there yet, and removes all that are not among these.
pub(crate) fn keep(connection: &Connection, wanted: &[Silence]) -> Result<()> {
    let known: Vec<(String, String)> = connection
        .prepare_cached("SELECT script, subscription FROM silences")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    for (script, subscription) in known {
        let stays = wanted
            .iter()
            .any(|one| one.script == script && one.subscription == subscription);
        if !stays {
            connection
                .prepare_cached("DELETE FROM silences WHERE script = ?1 AND subscription = ?2")?
                .execute((script, subscription))?;
        }
    }
    for silence in wanted {
        write(connection, silence, "INSERT OR IGNORE")?;
    }
    Ok(())
}

/// Marks a silence as reported.
pub(crate) fn report(connection: &Connection, silence: &Silence) -> Result<()> {
    write(connection, silence, "INSERT OR REPLACE")
}

fn write(connection: &Connection, silence: &Silence, verb: &str) -> Result<()> {
    connection
        .prepare_cached(&format!(
            "{verb} INTO silences(script, subscription, since, last, reported) \
             VALUES(?1, ?2, ?3, ?4, ?5)"
        ))?
        .execute((
            &silence.script,
            &silence.subscription,
            silence.since.0,
            silence.last.cast_signed(),
            silence.reported,
        ))?;
    Ok(())
}

impl Reader {
    /// All subscriptions to silence that are kept.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn silences(&self) -> Result<Vec<Silence>, ReadError> {
        self.many(
            "SELECT script, subscription, since, last, reported FROM silences",
            &[],
            |row| {
                Ok(Silence {
                    script: row.get(0)?,
                    subscription: row.get(1)?,
                    since: Timestamp(row.get(2)?),
                    last: get_id(row, 3)?,
                    reported: row.get(4)?,
                })
            },
        )
    }

    /// Shows `look` the id, arrival and type of the newest `most` events, newest first, until it
    /// answers false. Bodies are not read.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn look_back(
        &self,
        most: usize,
        mut look: impl FnMut(EventId, Timestamp, &str) -> bool,
    ) -> Result<LookedBack, ReadError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, received, kind FROM events ORDER BY id DESC LIMIT ?1")?;
        let mut rows = statement.query([most as i64])?;
        let (mut count, mut oldest) = (0, Timestamp(0));
        while let Some(row) = rows.next()? {
            oldest = Timestamp(row.get(1)?);
            count += 1;
            let kind = row.get_ref(2)?.as_str().unwrap_or_default();
            if !look(get_id(row, 0)?, oldest, kind) {
                return Ok(LookedBack::Whole);
            }
        }
        Ok(if count < most {
            LookedBack::Whole
        } else {
            LookedBack::Until(oldest)
        })
    }
}
