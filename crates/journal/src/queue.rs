//! The bounded queue between everybody and the one writer thread.
//!
//! Only appends are refused when it is full: they come from strangers, who can be told to come
//! back. Runs, settlements and script versions come from our own bounded workers, and refusing
//! them because strangers fill the queue would turn the house deaf to its own decisions.

use crate::prepare::Prepared;
use crate::rows::EventRow;
use crate::{Appended, Blob, Committed, ScriptVersion, Unavailable};
use porchlight_core::{ActionId, EventId, Settlement};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// At most so many bytes of events wait, whatever their number: 64 MiB.
const MAX_BYTES: usize = 64 << 20;

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
    Settle {
        action: ActionId,
        settlement: Settlement,
        attempts: u32,
        reply: Reply<()>,
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
    pub(crate) fn push(&self, op: Op) -> Result<(), Unavailable> {
        let mut state = self.lock();
        if state.closed {
            return Err(Unavailable::closed());
        }
        let size = op.size();
        if matches!(op, Op::Append { .. } | Op::AppendAll { .. }) {
            let full = state.ops.len() >= self.max || state.bytes + size > MAX_BYTES;
            // One event larger than the bound may pass alone, or it could never pass.
            if full && !state.ops.is_empty() {
                return Err(Unavailable::busy(state.ops.len()));
            }
        }
        let lazy = matches!(op, Op::Finish(_));
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
        let mut lazy_until = None;
        while !state.urgent {
            if !state.ops.is_empty() {
                let lazy = *lazy_until.get_or_insert_with(|| Instant::now() + LAZY);
                deadline = Some(deadline.map_or(lazy, |at| at.min(lazy)));
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
        Taken {
            last: state.closed && state.ops.is_empty(),
            ops,
        }
    }
}

/// What nobody waits for is written within this time even if nothing else comes.
const LAZY: Duration = Duration::from_secs(30);

/// A batch.
pub(crate) struct Taken {
    pub(crate) ops: Vec<Op>,
    /// The queue is closed and empty: after this batch the writer ends.
    pub(crate) last: bool,
}
