//! The handle: what the rest of the house calls.
//!
//! Cloning it is cheap. When the last clone is dropped the writer carries out what is queued and
//! ends; `close` does the same and waits for it.

use crate::error::{OpenError, ReadError, Unavailable};
use crate::lock::Lock;
use crate::model::{
    Appended, Blob, Claim, Committed, Ends, NewRefusal, Priority, Salvaged, ScriptVersion,
};
use crate::prepare::Prepared;
use crate::queue::{Op, Queue};
use crate::reader::Reader;
use crate::rows::EventRow;
use crate::schedules::ScheduleRow;
use crate::silences::Silence;
use crate::turn::Turn;
use crate::{FILE_NAME, salvage, schema, writer};
use porchlight_core::{ActionId, Event, EventId, Moved, NewEvent, Run, Settlement, Timestamp};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// How the journal behaves.
#[derive(Clone)]
pub struct Options {
    /// At most so many operations wait before appends are refused with [`crate::Reason::Busy`].
    pub max_queue: usize,
    /// What is removed, and when.
    pub retention: Retention,
    /// How long the earlier values of the state are kept; `None` keeps them until there are too
    /// many of a key ([`crate::MOST_PER_KEY`]).
    pub keep_state: Option<Duration>,
    /// How long a batch waits for company; zero by default. On a slow memory card a few
    /// milliseconds save flushes, at the price of that much latency.
    pub linger: Duration,
    /// Disk quota of the journal in database pages of 2 KiB; `None` leaves it to the disk. At the
    /// quota the journal answers as on a full disk.
    pub max_pages: Option<u64>,
    /// What time it is.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What is removed, and when. Pending events and whatever belongs to an open action or a wait
/// stay, however old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events older than this go, with their runs, actions and attachments.
    pub max_age: Option<Duration>,
    /// While more bytes than this are in use, the oldest events go. The file itself does not
    /// shrink; its free pages are used again.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_queue: 4096,
            retention: Retention::default(),
            keep_state: Some(Duration::from_secs(30 * 86_400)),
            linger: Duration::ZERO,
            max_pages: None,
            clock: Arc::new(|| Timestamp::from_system_time(std::time::SystemTime::now())),
        }
    }
}

impl Default for Retention {
    /// Thirty days and 1 GiB: enough to look back on, little enough for a memory card.
    fn default() -> Self {
        Self {
            max_age: Some(Duration::from_secs(30 * 86_400)),
            max_bytes: Some(1 << 30),
        }
    }
}

/// What is stored together with a run.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// What ends with it.
    pub ends: Ends,
    /// The silence that it was told of; marked as reported.
    pub silence: Option<Silence>,
    /// How far its schedule has come.
    pub schedule: Option<ScheduleRow>,
    /// The value set by hand that it takes over.
    pub edit: Option<u64>,
    /// Its place among the runs of its script, and among those that write the same keys.
    pub turn: Option<Turn>,
}

/// The journal, open for writing. There is one per data folder.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
    priority: Priority,
}

struct Inner {
    path: PathBuf,
    queue: Arc<Queue>,
    salvaged: Option<Salvaged>,
    foreign: Mutex<Foreign>,
}

struct Foreign {
    connection: Connection,
    seen: u64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Journal {
    /// Opens the journal in a data folder, which is created when it is missing.
    ///
    /// Blocks for as long as that takes: a few milliseconds, or seconds when a damaged database is
    /// salvaged (see [`Journal::salvaged`]) or an older one brought up to date.
    ///
    /// # Errors
    /// Another process has it open for writing, a newer version wrote it, or the folder is unusable.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        std::fs::create_dir_all(dir).map_err(|error| OpenError::unusable(dir, error))?;
        let lock = Lock::take(dir)?;
        let path = dir.join(FILE_NAME);
        let now = (options.clock)();
        let (opened, salvaged) = salvage::open_or_salvage(&path, &options, now)?;
        let unusable = |error| OpenError::unusable(&path, error);
        let foreign = schema::open_reader(&path).map_err(unusable)?;
        let seen = schema::get_meta(&foreign, schema::meta::FOREIGN).map_err(unusable)?;
        let queue = Arc::new(Queue::new(options.max_queue));
        writer::start(opened, &path, options, Arc::clone(&queue), lock)
            .map_err(|error| OpenError::unusable(&path, error))?;
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                queue,
                salvaged,
                foreign: Mutex::new(Foreign {
                    connection: foreign,
                    seen,
                }),
            }),
            priority: Priority::Normal,
        })
    }

    /// What was saved when the database was found damaged at open; `None` when it was sound.
    pub fn salvaged(&self) -> Option<&Salvaged> {
        self.inner.salvaged.as_ref()
    }

    /// The same journal, for appends of this priority.
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            priority,
        }
    }

    /// Keeps a record of a delivery that became no event, within a second. Bounded: the newest
    /// 10,000 are kept, no longer than events are. After a crash the last second's may be missing.
    ///
    /// # Errors
    /// The queue is full or closed; there will be no record.
    pub fn refused(&self, refusal: NewRefusal) -> Result<(), Unavailable> {
        let op = Op::Refused(Box::new(refusal));
        self.inner.queue.push(op, self.priority)
    }

    /// Stores an event with its attachments, unless its claim is held by an earlier one. Resolves
    /// after the commit: whatever is `Ok` is on disk. A dropped future is still stored.
    ///
    /// # Errors
    /// Nothing was stored: the disk is full or failing, or the queue is full (at once).
    pub async fn append(
        &self,
        event: NewEvent,
        blobs: Vec<Blob>,
        claim: Option<Claim>,
    ) -> Result<Appended, Unavailable> {
        let event = EventRow::new(event, claim);
        self.ask(|reply| Op::Append {
            event,
            blobs,
            reply,
        })
        .await
    }

    /// Stores several events in one commit, all of them or none; each has its own claim, so that
    /// some may be duplicates, also of each other. One answer per entry, in their order.
    ///
    /// # Errors
    /// Nothing was stored, for the reasons of [`Journal::append`].
    pub async fn append_all(
        &self,
        entries: Vec<(NewEvent, Vec<Blob>, Option<Claim>)>,
    ) -> Result<Vec<Appended>, Unavailable> {
        let entries = entries
            .into_iter()
            .map(|(event, blobs, claim)| (EventRow::new(event, claim), blobs))
            .collect();
        self.ask(|reply| Op::AppendAll { entries, reply }).await
    }

    /// Stores a run and everything that it decided, in one transaction: its actions, state writes,
    /// waits, cancelled waits, emitted events, and what it ends.
    ///
    /// A run is known by event, script and handler. Committing it again stores nothing and returns
    /// what the first commit did, without the waits that are over since.
    ///
    /// # Errors
    /// Nothing was stored; committing again later is safe.
    pub async fn commit(&self, run: Run, ends: Ends) -> Result<Committed, Unavailable> {
        let run = Box::new(Prepared::new(run, ends));
        self.ask(|reply| Op::Commit { run, reply }).await
    }

    /// Stores a run as [`Journal::commit`] does, and with it, in the same transaction, what else
    /// belongs to it.
    ///
    /// # Errors
    /// Nothing was stored; committing again later is safe.
    pub async fn commit_beside(&self, run: Run, beside: Beside) -> Result<Committed, Unavailable> {
        let turn = beside.turn.clone().unwrap_or_default();
        if turn.is_lost() {
            turn.lose(); // for all that it shares
            return Err(Unavailable::behind());
        }
        let mut run = Box::new(Prepared::new(run, beside.ends));
        run.silence = beside.silence;
        run.schedule = beside.schedule;
        run.edit = beside.edit;
        run.turn = beside.turn;
        let stored = self.ask(|reply| Op::Commit { run, reply }).await;
        // Also where the queue took nothing: what comes behind must not overtake it.
        if let Err(error) = &stored
            && error.reason == crate::Reason::Busy
        {
            turn.lose();
        }
        stored
    }

    /// Stores the run of a handler that was told of a silence, and in the same transaction that
    /// this silence was reported.
    ///
    /// # Errors
    /// Nothing was stored; committing again later is safe.
    pub async fn commit_silence(
        &self,
        run: Run,
        silence: Silence,
    ) -> Result<Committed, Unavailable> {
        let silence = Some(silence);
        let beside = Beside {
            silence,
            ..Beside::default()
        };
        self.commit_beside(run, beside).await
    }

    /// From now on these are all the subscriptions to silence: those that are not stored yet are,
    /// and others are forgotten. A full disk may lose this; they count from the next load then.
    pub fn keep_silences(&self, silences: Vec<Silence>) {
        // A closed journal forgets it, as a crash would.
        let _ = self.inner.queue.push(Op::Silences(silences), self.priority);
    }

    /// Moves the moments at which waits fall due, because the clock was set.
    pub fn reschedule(&self, moved: Vec<Moved>) {
        // A closed journal forgets it, as a crash would.
        let _ = self.inner.queue.push(Op::Reschedule(moved), self.priority);
    }

    /// Notes that the host is alive, so that a later start knows for how long it was not. Written
    /// within half a minute.
    pub fn beat(&self) {
        let _ = self.inner.queue.push(Op::Beat, self.priority);
    }

    /// No handler has work with this event: it is no longer pending. Written later, together with
    /// others or in a pause of half a minute; after a crash in between it is pending again, and
    /// again no handler has work with it.
    pub fn finish(&self, event: EventId) {
        // A closed journal forgets it, as a crash would.
        let _ = self.inner.queue.push(Op::Finish(event), self.priority);
    }

    /// Stores what became of one try to perform an action; `attempts` is the number of tries made.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn settle(
        &self,
        action: ActionId,
        settlement: Settlement,
        attempts: u32,
    ) -> Result<(), Unavailable> {
        let settled = self.settle_and_tell(action, settlement, attempts, None);
        settled.await.map(|_| ())
    }

    /// The same, and in the same transaction an event that tells scripts of it; gives that event.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn settle_and_tell(
        &self,
        action: ActionId,
        settlement: Settlement,
        attempts: u32,
        told: Option<NewEvent>,
    ) -> Result<Option<Event>, Unavailable> {
        let told = told.map(|event| Box::new((event.clone(), EventRow::new(event, None))));
        self.ask(|reply| Op::Settle {
            action,
            settlement,
            attempts,
            told,
            reply,
        })
        .await
    }

    /// Stores a version of a script, so that waits can run it whatever becomes of the file. To be
    /// called for each version that is loaded, also for one that is known already.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn remember_script(&self, version: ScriptVersion) -> Result<(), Unavailable> {
        self.ask(|reply| Op::Remember { version, reply }).await
    }

    /// A connection for reading. Each reader sees what was committed before its question.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> Result<Reader, ReadError> {
        Reader::open_file(&self.inner.path)
    }

    /// True when another process has opened an action again ([`crate::retry_action`]) since this
    /// was last asked. Costs some microseconds, so the host asks every second or so.
    pub fn foreign_changes(&self) -> bool {
        let Ok(mut foreign) = self.inner.foreign.lock() else {
            return false;
        };
        let Ok(now) = schema::get_meta(&foreign.connection, schema::meta::FOREIGN) else {
            return false; // asked again in a second
        };
        std::mem::replace(&mut foreign.seen, now) != now
    }

    /// Carries out what is queued, writes the log back into the database, and ends the writer.
    /// Other clones of the handle answer [`crate::Reason::Closed`] from now on.
    pub async fn close(self) {
        let (reply, done) = oneshot::channel();
        if self
            .inner
            .queue
            .push(Op::Close { reply }, self.priority)
            .is_ok()
        {
            self.inner.queue.close();
            let _ = done.await; // an error means that the writer is gone already
        }
    }

    /// Queues an operation that nobody waits for. A closed journal forgets it, as a crash would.
    pub(crate) fn tell(&self, op: Op) {
        let _ = self.inner.queue.push(op, self.priority);
    }

    /// Queues an operation and waits until it is stored.
    pub(crate) async fn ask<T>(
        &self,
        op: impl FnOnce(oneshot::Sender<Result<T, Unavailable>>) -> Op,
    ) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.inner.queue.push(op(reply), self.priority)?;
        answer.await.unwrap_or_else(|_| Err(Unavailable::closed()))
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Journal({})", self.inner.path.display())
    }
}
