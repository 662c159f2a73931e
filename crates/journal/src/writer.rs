//! The one thread that writes.
//!
//! It takes whatever waits into one transaction and answers everybody after the commit. An
//! operation that cannot be stored is left out and told so, and the rest is tried again without
//! it; a disk that cannot store refuses the whole batch, which leaves no trace, and the next batch
//! tries afresh. Between batches it prunes, and when nothing comes it writes the log back.

mod answers;

use crate::apply::{Answer, Batch, Counters};
use crate::claims::Claims;
use crate::error::Unavailable;
use crate::journal::Options;
use crate::lock::Lock;
use crate::queue::{Op, Queue};
use crate::schema::{self, meta};
use crate::turn::Turn;
use crate::{retention, rows, salvage};
use answers::{fail, succeed};
use porchlight_core::EventId;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Large enough to share one flush among everybody who waits, small enough that the first in the
/// batch does not wait noticeably for the last.
const MAX_BATCH: usize = 512;

/// The log is written back after this much silence. Longer than the pause between the events of a
/// quiet home, because writing back costs more than the event did.
const QUIET: Duration = Duration::from_secs(30);

/// So many finished events are marked together: each mark rewrites the page of its event, and
/// neighbours share one.
const ENOUGH_FINISHED: usize = 64;

/// How often the low-water marks are brought forward, in operations.
const MARK_EVERY: usize = 2_000;

/// What the writer knows at the start, read from the database. Reading it also proves that the
/// tables can be read at all.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) counters: Counters,
    pub(crate) claims: Claims,
}

impl Opened {
    pub(crate) fn read(
        connection: Connection,
        now: porchlight_core::Timestamp,
    ) -> rusqlite::Result<Self> {
        let next = |table: &str, floor| -> rusqlite::Result<u64> {
            let sql = format!("SELECT coalesce(max(id), 0) FROM {table}");
            let highest: u64 = connection.query_row(&sql, [], |row| rows::get_id(row, 0))?;
            Ok((highest + 1).max(schema::get_meta(&connection, floor)?))
        };
        let counters = Counters {
            event: next("events", meta::EVENT_FLOOR)?,
            run: next("runs", meta::RUN_FLOOR)?,
            action: next("actions", meta::ACTION_FLOOR)?,
        };
        let mut claims = Claims::default();
        {
            let oldest = counters.event.saturating_sub(crate::claims::CAP as u64);
            let mut statement = connection.prepare(
                "SELECT id, claim_expires, claim FROM events \
                 WHERE id >= ?1 AND claim_expires > ?2 ORDER BY id",
            )?;
            let mut found = statement.query((oldest.cast_signed(), now.0))?;
            while let Some(row) = found.next()? {
                if let Ok(key) = row.get_ref(2)?.as_blob().unwrap_or_default().try_into() {
                    let expires = porchlight_core::Timestamp(row.get(1)?);
                    claims.stage(key, rows::get_id(row, 0)?, expires);
                    claims.commit(now);
                }
            }
        }
        Ok(Self {
            connection,
            counters,
            claims,
        })
    }
}

/// Starts the thread. It ends when the queue is closed and empty.
pub(crate) fn start(
    opened: Opened,
    path: &Path,
    options: Options,
    queue: Arc<Queue>,
    lock: Lock,
) -> std::io::Result<()> {
    let writer = Writer {
        connection: opened.connection,
        counters: opened.counters,
        claims: opened.claims,
        path: path.to_owned(),
        keeper: retention::Keeper::new(options.retention, options.keep_state),
        options,
        finished: Vec::new(),
        since_mark: 0,
        trouble: false,
    };
    std::thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || writer.run(&queue, lock))?;
    Ok(())
}

struct Writer {
    connection: Connection,
    counters: Counters,
    claims: Claims,
    path: PathBuf,
    keeper: retention::Keeper,
    options: Options,
    /// Events to be marked as finished with the next transaction; kept when that fails.
    finished: Vec<EventId>,
    since_mark: usize,
    /// The last batch failed, and that was logged.
    trouble: bool,
}

impl Writer {
    fn run(mut self, queue: &Queue, lock: Lock) {
        let mut closers = Vec::new();
        // There may be a log from before, and things to prune.
        let mut quiet_at = Some(Instant::now() + QUIET);
        loop {
            let deadline = [quiet_at, Some(self.keeper.due())]
                .into_iter()
                .flatten()
                .min();
            let taken = queue.take(deadline, self.options.linger, MAX_BATCH);
            let mut batch = Vec::with_capacity(taken.ops.len());
            for op in taken.ops {
                match op {
                    Op::Finish(event) => self.finished.push(event),
                    Op::Close { reply } => closers.push(reply),
                    op => batch.push(op),
                }
            }
            if !batch.is_empty() || !self.finished.is_empty() {
                self.write(batch);
                quiet_at = Some(Instant::now() + QUIET);
            }
            if taken.last {
                self.write(Vec::new());
                break;
            }
            let now = Instant::now();
            if self.keeper.due() <= now {
                self.prune(now);
            }
            if quiet_at.is_some_and(|at| at <= now) {
                self.mark();
                self.write_log_back();
                quiet_at = None;
            }
        }
        self.mark();
        self.write_log_back();
        drop(self);
        drop(lock);
        for closer in closers {
            let _ = closer.send(()); // nobody may be waiting any more
        }
    }

    /// Stores a batch and answers everybody in it.
    fn write(&mut self, mut batch: Vec<Op>) {
        for op in batch.extract_if(.., |op| op.turn().is_some_and(Turn::is_lost)) {
            // Those that share another name with this one must not overtake it either.
            op.turn().inspect(|turn| turn.lose());
            fail(op, &Unavailable::behind());
        }
        loop {
            match self.attempt(&batch) {
                Ok(answers) => {
                    if std::mem::take(&mut self.trouble) {
                        tracing::info!("the journal can be written again");
                    }
                    self.since_mark += batch.len();
                    for (op, answer) in batch.into_iter().zip(answers) {
                        succeed(op, answer);
                    }
                    if self.since_mark >= MARK_EVERY {
                        self.mark();
                    }
                    return;
                }
                Err(Failure::Operation { index, error }) => {
                    tracing::error!(error = %error, "an entry could not be stored in the journal");
                    fail(
                        batch.remove(index),
                        &Unavailable::refused(&error.to_string()),
                    );
                    if batch.is_empty() {
                        return;
                    }
                }
                Err(Failure::Batch(error)) => {
                    let unavailable = self.diagnose(&error);
                    for op in batch {
                        op.turn().inspect(|turn| turn.lose());
                        fail(op, &unavailable);
                    }
                    return;
                }
            }
        }
    }

    /// One transaction. On any error everything is as before.
    fn attempt(&mut self, batch: &[Op]) -> Result<Vec<Answer>, Failure> {
        let now = (self.options.clock)();
        // An empty batch is a pause or the end: the time to catch up.
        let enough = batch.is_empty() || self.finished.len() >= ENOUGH_FINISHED;
        let finished = if enough {
            std::mem::take(&mut self.finished)
        } else {
            Vec::new()
        };
        let result = attempt(
            &mut self.connection,
            &mut self.claims,
            self.counters,
            now,
            &finished,
            batch,
        );
        match result {
            Ok((answers, counters)) => {
                self.counters = counters;
                self.claims.commit(now);
                Ok(answers)
            }
            Err(failure) => {
                self.claims.rollback();
                self.finished.extend(finished);
                Err(failure)
            }
        }
    }

    /// Says what is wrong, once per trouble, and does what may cure it.
    fn diagnose(&mut self, error: &rusqlite::Error) -> Unavailable {
        let code = error.sqlite_error_code();
        let unavailable = match code {
            Some(ErrorCode::DiskFull) => {
                self.keeper.hurry();
                Unavailable::full(&error.to_string())
            }
            _ => Unavailable::failing(&error.to_string()),
        };
        if !std::mem::replace(&mut self.trouble, true) {
            tracing::error!(error = %error, "the journal cannot store; events are refused until it can");
        }
        match code {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                salvage::suspect(&self.path, error);
            }
            Some(ErrorCode::DiskFull) => {}
            _ => match schema::open_writer(&self.path, self.options.max_pages) {
                Ok(connection) => self.connection = connection,
                Err(error) => {
                    tracing::warn!(error = %error, "could not open the journal again; the next batch tries");
                }
            },
        }
        unavailable
    }

    /// Removes one small slice of what is too old.
    fn prune(&mut self, now: Instant) {
        let wall = (self.options.clock)();
        if let Err(error) = self
            .keeper
            .slice(&mut self.connection, self.counters, wall, now)
        {
            tracing::warn!(error = %error, "could not remove old entries from the journal; trying again later");
        }
    }

    /// Brings the low-water marks forward.
    fn mark(&mut self) {
        self.since_mark = 0;
        if let Err(error) = retention::bring_marks_forward(&mut self.connection, self.counters) {
            tracing::debug!(error = %error, "could not bring the journal's marks forward");
        }
    }

    fn write_log_back(&self) {
        let result = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = result {
            tracing::warn!(error = %error, "could not write the journal's log back; trying again later");
        }
    }
}

enum Failure {
    /// This operation cannot be stored; the others could be.
    Operation {
        index: usize,
        error: rusqlite::Error,
    },
    /// Nothing can be stored now.
    Batch(rusqlite::Error),
}

fn attempt(
    connection: &mut Connection,
    claims: &mut Claims,
    counters: Counters,
    now: porchlight_core::Timestamp,
    finished: &[EventId],
    ops: &[Op],
) -> Result<(Vec<Answer>, Counters), Failure> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(Failure::Batch)?;
    let mut batch = Batch {
        connection: &transaction,
        counters,
        claims,
        now,
    };
    for event in finished {
        batch.apply(&Op::Finish(*event)).map_err(Failure::Batch)?;
    }
    let mut answers = Vec::with_capacity(ops.len());
    for (index, op) in ops.iter().enumerate() {
        match batch.apply(op) {
            Ok(answer) => answers.push(answer),
            Err(error) if concerns_the_disk(&error) => return Err(Failure::Batch(error)),
            Err(error) => return Err(Failure::Operation { index, error }),
        }
    }
    let counters = batch.counters;
    transaction.commit().map_err(Failure::Batch)?;
    Ok((answers, counters))
}

/// Whether an error would meet any operation, not just this one.
fn concerns_the_disk(error: &rusqlite::Error) -> bool {
    let Some(code) = error.sqlite_error_code() else {
        return false; // a value that could not be converted
    };
    !matches!(
        code,
        ErrorCode::ConstraintViolation
            | ErrorCode::TooBig
            | ErrorCode::TypeMismatch
            | ErrorCode::ParameterOutOfRange
    )
}
