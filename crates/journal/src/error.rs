//! What can go wrong, by what the caller can do about it.
//!
//! `Unavailable` passes by itself or by somebody making room; `OpenError` keeps the host from
//! starting; `ReadError` concerns one question. None of them ever means that data was dropped.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The journal could not store this now. Nothing of it was stored; trying again later may work,
/// but for what it refuses ([`Reason::Refused`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unavailable {
    /// What kind of trouble it is.
    pub reason: Reason,
    /// When it is worth trying again: what `Retry-After` says.
    pub retry_after: Duration,
    /// One sentence for a person: what happened and what to do.
    pub message: String,
}

/// Why the journal cannot store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The disk, or the journal's quota, is full. It recovers by itself once there is room.
    Full,
    /// The disk answers with errors.
    Failing,
    /// This one entry cannot be stored, now or later; all others can.
    Refused,
    /// More is waiting to be written than the queue holds.
    Busy,
    /// The journal is closed: the host is stopping.
    Closed,
}

impl Unavailable {
    pub(crate) fn full(detail: &str) -> Self {
        Self {
            reason: Reason::Full,
            retry_after: Duration::from_secs(10),
            message: format!(
                "the journal cannot grow because the disk (or the journal's quota) is full; make \
                 room, it goes on by itself ({detail})"
            ),
        }
    }

    pub(crate) fn failing(detail: &str) -> Self {
        Self {
            reason: Reason::Failing,
            retry_after: Duration::from_secs(5),
            message: format!("the journal could not be written: {detail}"),
        }
    }

    pub(crate) fn refused(detail: &str) -> Self {
        Self {
            reason: Reason::Refused,
            retry_after: Duration::from_secs(5),
            message: format!("the journal could not store this one entry: {detail}"),
        }
    }

    pub(crate) fn busy(waiting: usize) -> Self {
        Self {
            reason: Reason::Busy,
            retry_after: Duration::from_secs(1),
            message: format!("{waiting} entries are already waiting to be written"),
        }
    }

    pub(crate) fn behind() -> Self {
        Self {
            reason: Reason::Failing,
            retry_after: Duration::from_secs(1),
            message: "an earlier run of its script is not stored yet".to_owned(),
        }
    }

    pub(crate) fn closed() -> Self {
        Self {
            reason: Reason::Closed,
            retry_after: Duration::from_secs(5),
            message: "the journal is closed because the host is stopping".to_owned(),
        }
    }
}

/// Why the journal did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes this journal.
    #[error(
        "another porchlight{} is already using {}; stop it first, or choose another home with --home",
        holder(.process),
        .dir.display()
    )]
    InUse {
        /// The data folder.
        dir: PathBuf,
        /// The other's process id, where it could be read.
        process: Option<u32>,
    },
    /// A newer version of the program wrote this journal.
    #[error(
        "{} was written by a newer porchlight (its schema is version {found}, this program knows \
         up to {known}); install the newer version again, nothing was changed",
        .path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The version found in it.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// The folder or a file in it cannot be created, opened, read or written.
    #[error("cannot open the journal {}: {message}", .path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
}

fn holder(process: &Option<u32>) -> String {
    process
        .map(|id| format!(" (process {id})"))
        .unwrap_or_default()
}

impl OpenError {
    pub(crate) fn unusable(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            message: error.to_string(),
        }
    }
}

/// A question that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no journal in this folder yet.
    #[error("there is no journal at {}; it appears with the first `porchlight run`", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A newer version of the program wrote this journal.
    #[error("the journal was written by a newer porchlight (schema version {found})")]
    Newer {
        /// The version found in it.
        found: u32,
    },
    /// A row does not hold what it should.
    #[error("row {id} of {table} does not hold what it should: {message}")]
    Malformed {
        /// The table.
        table: &'static str,
        /// The row.
        id: u64,
        /// What is wrong.
        message: String,
    },
    /// SQLite could not answer.
    #[error("cannot read the journal: {0}")]
    Database(#[from] rusqlite::Error),
}

/// Why an action was not opened again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// There is no such action.
    #[error("there is no action {0}")]
    Unknown(u64),
    /// Only a dead action can be retried.
    #[error("action {id} is {status}; only a dead one can be retried")]
    NotDead {
        /// The action.
        id: u64,
        /// Its status: `open` or `done`.
        status: &'static str,
    },
    /// There is no journal, or it could not be read or written.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<rusqlite::Error> for RetryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Read(ReadError::Database(error))
    }
}
