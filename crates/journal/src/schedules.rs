//! How far each schedule has come: one row for each `every`, `cron`, `daily` and `sun` of a script.
//!
//! A row says which tick was dealt with last; before the first, when the schedule was first loaded.
//! It moves on in the commit of the run that deals with a tick, so that after a crash a tick is
//! either in both or in neither. When a tick comes is no business of this crate.

use crate::queue::Op;
use crate::{Beside, Committed, Journal, ReadError, Reader, Unavailable};
use porchlight_core::{Run, Timestamp};
use rusqlite::{Connection, Result};
use std::collections::HashSet;

/// A schedule, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    /// The script: `gate.rhai`.
    pub script: String,
    /// What tells it from the script's other schedules, also after the script was edited.
    pub id: String,
    /// The last tick that was dealt with.
    pub last: Timestamp,
}

/// Adds the rows that are not there yet, and removes all that are not among these.
pub(crate) fn keep(connection: &Connection, wanted: &[ScheduleRow]) -> Result<()> {
    let stays: HashSet<(&str, &str)> = wanted
        .iter()
        .map(|row| (row.script.as_str(), row.id.as_str()))
        .collect();
    let known: Vec<(String, String)> = connection
        .prepare_cached("SELECT script, id FROM schedules")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    for (script, id) in known {
        if !stays.contains(&(script.as_str(), id.as_str())) {
            connection
                .prepare_cached("DELETE FROM schedules WHERE script = ?1 AND id = ?2")?
                .execute((script, id))?;
        }
    }
    for row in wanted {
        connection
            .prepare_cached("INSERT OR IGNORE INTO schedules(script, id, last) VALUES(?1, ?2, ?3)")?
            .execute((&row.script, &row.id, row.last.0))?;
    }
    Ok(())
}

/// A tick was dealt with. A schedule that its script has lost meanwhile stays lost.
pub(crate) fn dealt_with(connection: &Connection, row: &ScheduleRow) -> Result<()> {
    connection
        .prepare_cached("UPDATE schedules SET last = ?3 WHERE script = ?1 AND id = ?2")?
        .execute((&row.script, &row.id, row.last.0))?;
    Ok(())
}

impl Journal {
    /// Stores the run of a tick, and in the same transaction how far its schedule has come.
    ///
    /// # Errors
    /// Nothing was stored; committing again later is safe.
    pub async fn commit_tick(
        &self,
        run: Run,
        schedule: ScheduleRow,
    ) -> std::result::Result<Committed, Unavailable> {
        let schedule = Some(schedule);
        let beside = Beside {
            schedule,
            ..Beside::default()
        };
        self.commit_beside(run, beside).await
    }

    /// From now on these are all the schedules: those that are not stored yet are, and others are
    /// forgotten. A full disk may lose this; they begin anew at the next start then.
    pub fn keep_schedules(&self, schedules: Vec<ScheduleRow>) {
        self.tell(Op::Schedules(schedules));
    }
}

impl Reader {
    /// All schedules that are kept.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn schedules(&self) -> std::result::Result<Vec<ScheduleRow>, ReadError> {
        self.many("SELECT script, id, last FROM schedules", &[], |row| {
            Ok(ScheduleRow {
                script: row.get(0)?,
                id: row.get(1)?,
                last: Timestamp(row.get(2)?),
            })
        })
    }
}
