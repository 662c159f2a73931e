//! Which targets are away: one row for each lane that is left alone because nobody answers.
//!
//! A row is written when a lane's target goes away and removed when it answers again, each together
//! with the event that tells scripts of it, if one does. So a person can ask at any hour who is away
//! and since when, and a restart neither tells an absence twice nor forgets to tell its end.
//!
//! What is in it is the outbox's knowledge; nothing here decides who is away.

use crate::queue::Op;
use crate::rows::EventRow;
use crate::{Journal, ReadError, Reader, Unavailable};
use porchlight_core::{Event, NewEvent, Timestamp};
use rusqlite::{Connection, Result};
use std::time::Duration;

/// So many rows are kept, the newest. Lanes may be named by what strangers send.
pub const MOST_AWAY: usize = 1024;

/// The schema's version that has the table.
const SINCE: u32 = 7;

/// A target that does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwayTarget {
    /// Its lane: `http://10.0.0.5:80`.
    pub lane: String,
    /// When the first of the failures was that made it away.
    pub since: Timestamp,
    /// How many in a row they were when it was found away.
    pub failures: u32,
    /// The last of them, for people.
    pub why: String,
    /// Whether scripts were told.
    pub told: bool,
}

/// What is to be stored about one target.
pub(crate) enum Whereabouts {
    Away(AwayTarget),
    /// The target of this lane answers again.
    Back(String),
}

/// Writes or removes a row.
pub(crate) fn note(connection: &Connection, news: &Whereabouts) -> Result<()> {
    match news {
        Whereabouts::Away(target) => {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO away(lane, since, failures, why, told) \
                     VALUES(?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((
                    &target.lane,
                    target.since.0,
                    target.failures,
                    &target.why,
                    target.told,
                ))?;
            connection
                .prepare_cached(
                    "DELETE FROM away WHERE lane IN \
                     (SELECT lane FROM away ORDER BY since DESC LIMIT -1 OFFSET ?1)",
                )?
                .execute([MOST_AWAY as i64])?;
        }
        Whereabouts::Back(lane) => {
            connection
                .prepare_cached("DELETE FROM away WHERE lane = ?1")?
                .execute([lane])?;
        }
    }
    Ok(())
}

/// Forgets targets that have been away for longer than anything is kept: most of them are no longer
/// spoken to, and nobody would ever remove them.
pub(crate) fn remove_old(connection: &Connection, now: Timestamp, age: Duration) -> Result<()> {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let cutoff = now.0.saturating_sub(age);
    // A look first: a statement that deletes takes the write lock, also where it finds nothing.
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT min(since) FROM away")?
        .query_row([], |row| row.get(0))?;
    if oldest.is_some_and(|since| since < cutoff) {
        connection
            .prepare_cached("DELETE FROM away WHERE since < ?1")?
            .execute([cutoff])?;
    }
    Ok(())
}

impl Journal {
    /// Notes that a target is away, and in the same transaction an event that tells scripts of it;
    /// gives that event. A row of the same lane is replaced.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn target_away(
        &self,
        target: AwayTarget,
        told: Option<NewEvent>,
    ) -> std::result::Result<Option<Event>, Unavailable> {
        self.note_target(Whereabouts::Away(target), told).await
    }

    /// Notes that the target of a lane answers again, and in the same transaction an event that
    /// tells scripts of it; gives that event. Nothing is removed where nothing was noted.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn target_back(
        &self,
        lane: &str,
        told: Option<NewEvent>,
    ) -> std::result::Result<Option<Event>, Unavailable> {
        let news = Whereabouts::Back(lane.to_owned());
        self.note_target(news, told).await
    }

    async fn note_target(
        &self,
        news: Whereabouts,
        told: Option<NewEvent>,
    ) -> std::result::Result<Option<Event>, Unavailable> {
        let told = told.map(|event| Box::new((event.clone(), EventRow::new(event, None))));
        self.ask(|reply| Op::Target { news, told, reply }).await
    }
}

impl Reader {
    /// The targets that are away, those that have been it for longest first. Empty while no host of
    /// this version has opened the journal.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn away(&self) -> std::result::Result<Vec<AwayTarget>, ReadError> {
        if self.version()? < SINCE {
            return Ok(Vec::new());
        }
        let sql = "SELECT lane, since, failures, why, told FROM away ORDER BY since, lane";
        self.many(sql, &[], |row| {
            Ok(AwayTarget {
                lane: row.get(0)?,
                since: Timestamp(row.get(1)?),
                failures: row.get(2)?,
                why: row.get(3)?,
                told: row.get(4)?,
            })
        })
    }
}
