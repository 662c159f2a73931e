//! The bounded queue between everybody and the one writer thread.
//!
//! Only appends are refused when it is full: they come from strangers, who can be told to come
//! back. The last eighth is kept for those of high priority: a doorbell gets in while a camera
//! floods. Runs, settlements and script versions come from our own bounded workers, and refusing
//! them because strangers fill the queue would turn the house deaf to its own decisions.

use crate::away::Whereabouts;
use crate::prepare::Prepared;
use crate::rows::EventRow;
use crate::turn::Turn;
use crate::{
    Appended, Blob, Committed, NewRefusal, Priority, ScheduleRow, ScriptVersion, Silence,
    Unavailable,
};
use porchlight_core::{ActionId, Event, EventId, Moved, NewEvent, Settlement};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// At most so many bytes of events wait, whatever their number: 64 MiB.
const MAX_BYTES: usize = 64 << 20;

/// One part in so many of the queue is kept for appends of high priority.
const RESERVE: usize = 8;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Unavailable>>;

/// Something for the writer to do.
pub(crate) enum Op {
    Append {
        event: EventRow,
        blobs: Vec<Blob>,
        reply: Reply<Appended>,
    },
    AppendAll {
        entries: Vec<(EventRow, Vec<Blob>)>,
        reply: Reply<Vec<Appended>>,
    },
    Commit {
        run: Box<Prepared>,
        reply: Reply<Committed>,
    },
    Finish(EventId),
    /// Nobody waits for it, but somebody may be looking.
    Refused(Box<NewRefusal>),
    /// Nobody waits for it; a crash must not be faster.
    Silences(Vec<Silence>),
    /// These are all the schedules.
    Schedules(Vec<ScheduleRow>),
    /// Nobody waits for it; a crash must not be faster.
    Reschedule(Vec<Moved>),
    /// Nobody waits for it.
    Beat,
    Settle {
        action: ActionId,
        settlement: Settlement,
        attempts: u32,
        /// An event that tells of it, stored in the same transaction.
        told: Option<Box<(NewEvent, EventRow)>>,
        reply: Reply<Option<Event>>,
    },
    /// A target is away, or back.
    Target {
        news: Whereabouts,
        /// An event that tells of it, stored in the same transaction.
        told: Option<Box<(NewEvent, EventRow)>>,
        reply: Reply<Option<Event>>,
    },
    Remember {
        version: ScriptVersion,
        reply: Reply<()>,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
}

impl Op {
    /// The turn of a run.
    pub(crate) fn turn(&self) -> Option<&Turn> {
        match self {
            Self::Commit { run, .. } => run.turn.as_ref(),
            _ => None,
        }
    }
}

impl Op {
    fn size(&self) -> usize {
        match self {
            Self::Append { event, blobs, .. } => entry_size(event, blobs),
            Self::AppendAll { entries, .. } => entries
                .iter()
                .map(|(event, blobs)| entry_size(event, blobs))
                .sum(),
            _ => 0,
        }
    }
}

fn entry_size(event: &EventRow, blobs: &[Blob]) -> usize {
    event.size() + blobs.iter().map(|blob| blob.bytes.len()).sum::<usize>()
}

#[derive(Default)]
struct State {
    ops: VecDeque<Op>,
    bytes: usize,
    /// Something waits that somebody waits for, or that should not wait longer.
    urgent: bool,
    /// Something waits that somebody may be looking for.
    soon: bool,
    closed: bool,
}

/// The queue.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    max: usize,
}

impl Queue {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            max: max.max(1),
        }
    }

    /// A panic while the lock is held is impossible: nothing here calls foreign code.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an operation in, or says why not.
    pub(crate) fn push(&self, op: Op, priority: Priority) -> Result<(), Unavailable> {
        let mut state = self.lock();
        if state.closed {
            return Err(Unavailable::closed());
        }
        let size = op.size();
        if matches!(op, Op::Append { .. } | Op::AppendAll { .. }) {
            let (mut most, mut most_bytes) = (self.max, MAX_BYTES);
            if priority == Priority::Normal {
                most -= most / RESERVE;
                most_bytes -= most_bytes / RESERVE;
            }
            let full = state.ops.len() >= most || state.bytes + size > most_bytes;
            // One event larger than the bound may pass alone, or it could never pass.
            if full && !state.ops.is_empty() {
                return Err(Unavailable::busy(state.ops.len()));
            }
        }
        if matches!(op, Op::Refused(_)) {
            if state.ops.len() >= self.max {
                return Err(Unavailable::busy(state.ops.len()));
            }
            state.soon = true;
        }
        let lazy = matches!(op, Op::Finish(_) | Op::Refused(_) | Op::Beat);
        state.bytes += size;
        state.ops.push_back(op);
        let wake = !lazy && !state.urgent;
        state.urgent |= !lazy;
        drop(state);
        if wake || lazy {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// No more operations come in; those inside are still carried out.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.urgent = true;
        drop(state);
        self.wake.notify_all();
    }

    /// Waits until something urgent is there or the deadline has passed, lingers so that others
    /// can join, and takes up to `max` operations.
    pub(crate) fn take(&self, deadline: Option<Instant>, linger: Duration, max: usize) -> Taken {
        let mut state = self.lock();
        let mut deadline = deadline;
        let (mut lazy_until, mut soon_until) = (None, None);
        while !state.urgent {
            if !state.ops.is_empty() {
                let lazy = *lazy_until.get_or_insert_with(|| Instant::now() + LAZY);
                deadline = Some(deadline.map_or(lazy, |at| at.min(lazy)));
            }
            if state.soon {
                let soon = *soon_until.get_or_insert_with(|| Instant::now() + SOON);
                deadline = Some(deadline.map_or(soon, |at| at.min(soon)));
            }
            let Some(at) = deadline else {
                state = self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .wake
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if !linger.is_zero() && !state.closed {
            let until = Instant::now() + linger;
            while state.ops.len() < max {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state = self
                    .wake
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
        }
        let count = state.ops.len().min(max);
        let ops: Vec<Op> = state.ops.drain(..count).collect();
        state.bytes -= ops.iter().map(Op::size).sum::<usize>();
        state.urgent = !state.ops.is_empty() || state.closed;
        state.soon = false; // whatever is left is urgent now
        Taken {
            last: state.closed && state.ops.is_empty(),
            ops,
        }
    }
}

/// What nobody waits for is written within this time even if nothing else comes.
const LAZY: Duration = Duration::from_secs(30);

/// A record of a refusal is written within this time: a flood costs one flush a second for them.
const SOON: Duration = Duration::from_secs(1);

/// A batch.
pub(crate) struct Taken {
    pub(crate) ops: Vec<Op>,
    /// The queue is closed and empty: after this batch the writer ends.
    pub(crate) last: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;
    use porchlight_core::{NewEvent, Proof, Timestamp};

    fn append(bytes: usize) -> Op {
        let event = NewEvent {
            source: "gate".into(),
            kind: "gate.opened".into(),
            subject: None,
            time: String::new(),
            dedup_key: String::new(),
            data: vec![b' '; bytes].into(),
            facts: serde_json::Value::Null,
            received: Timestamp(0),
            peer: String::new(),
            headers: Vec::new(),
            query: String::new(),
            verified: Proof::default(),
            attachments: Vec::new(),
            redelivered: false,
            depth: 0,
        };
        Op::Append {
            event: EventRow::new(event, None),
            blobs: Vec::new(),
            reply: oneshot::channel().0,
        }
    }

    fn refusal() -> Op {
        Op::Refused(Box::new(NewRefusal {
            at: Timestamp(0),
            webhook: "gate".into(),
            peer: String::new(),
            status: 401,
            code: "mismatch".into(),
            reason: String::new(),
            duplicate_of: None,
            unsaid: 0,
        }))
    }

    /// How many of these get in.
    fn fill(queue: &Queue, bytes: usize, priority: Priority) -> usize {
        let pushes = (0..1000).map(|_| queue.push(append(bytes), priority));
        pushes.take_while(Result::is_ok).count()
    }

    #[test]
    fn the_last_eighth_of_the_queue_takes_high_priority_only() {
        let queue = Queue::new(80);
        assert_eq!(fill(&queue, 10, Priority::Normal), 70);
        assert_eq!(fill(&queue, 10, Priority::High), 10);
        let refused = queue.push(append(10), Priority::High).unwrap_err();
        assert_eq!(refused.reason, Reason::Busy);
        queue.take(None, Duration::ZERO, 20);
        assert_eq!(fill(&queue, 10, Priority::Normal), 10, "70 of 80 again");
    }

    #[test]
    fn the_last_eighth_of_the_bytes_too() {
        let queue = Queue::new(10_000);
        let megabyte = (1 << 20) - 1024;
        assert_eq!(fill(&queue, megabyte, Priority::Normal), 56);
        assert_eq!(fill(&queue, megabyte, Priority::High), 8);
    }

    #[test]
    fn our_own_operations_get_in_whatever_strangers_do() {
        let queue = Queue::new(8);
        fill(&queue, 10, Priority::High);
        for _ in 0..100 {
            assert!(queue.push(Op::Finish(1), Priority::Normal).is_ok());
        }
    }

    #[test]
    fn a_record_of_a_refusal_is_dropped_where_the_queue_is_full_and_written_soon_where_it_is_not() {
        let queue = Queue::new(8);
        assert!(queue.push(refusal(), Priority::Normal).is_ok());
        let begun = Instant::now();
        assert_eq!(queue.take(None, Duration::ZERO, 8).ops.len(), 1);
        assert!(begun.elapsed() >= SOON && begun.elapsed() < LAZY);
        fill(&queue, 10, Priority::High);
        assert!(queue.push(refusal(), Priority::Normal).is_err());
    }
}
