//! Joins the outbox and the journal: outcomes go from one to the other, and so do open actions.
//!
//! Open actions come from three places: runs that were just committed, the journal at start, and
//! another process that opened a dead one again. The outbox takes as many as it has room for; the
//! rest is read from the journal when there is room.

use crate::Clock;
use crate::telling::Telling;
use futures_util::future::BoxFuture;
use porchlight_action::{Outbox, Performer, RetryPolicy, Submitted};
use porchlight_core::{ActionId, Event, NewEvent, OpenAction, Settlement};
use porchlight_journal::{Journal, ReadError};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the journal is asked whether another process opened an action again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Open actions read at once.
const PAGE: usize = 500;

/// How many of the actions done last are remembered: far more than can be done while one page is
/// read and submitted.
const REMEMBERED: usize = 16_384;

/// The actions done last.
#[derive(Default)]
struct Done {
    ids: HashSet<ActionId>,
    order: VecDeque<ActionId>,
}

impl Done {
    fn insert(&mut self, id: ActionId) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

/// The way out of the house.
pub struct Outgoing {
    journal: Journal,
    outbox: Outbox,
    /// The outbox refused something, or was never filled: read the journal again.
    behind: AtomicBool,
    /// The actions that were done of late. A page read meanwhile may still show one of them as
    /// open, or a run's commit may hand it over after a page did: to submit it would do it twice.
    done: Arc<Mutex<Done>>,
}

impl Outgoing {
    /// An outbox whose outcomes go to the journal. Must be called inside a tokio runtime.
    pub fn start(
        journal: &Journal,
        performer: &Arc<Performer>,
        policy: RetryPolicy,
        telling: &Arc<Telling>,
        clock: &Clock,
    ) -> Self {
        let done = Arc::new(Mutex::new(Done::default()));
        let (settling_journal, remembered) = (journal.clone(), Arc::clone(&done));
        let telling = Arc::clone(telling);
        let settle = move |id, settlement: Settlement, failed: u32| -> BoxFuture<'static, ()> {
            // The outbox counts failures; the journal counts tries.
            let is_done = matches!(settlement, Settlement::Done(_));
            let attempts = failed + u32::from(is_done);
            let (journal, remembered) = (settling_journal.clone(), Arc::clone(&remembered));
            let telling = Arc::clone(&telling);
            Box::pin(async move {
                tracing::debug!(action = id, done = is_done, attempts, "action tried");
                let told = telling.event(id, &settlement, attempts).await;
                if let Some(event) = insist(&journal, id, settlement, attempts, told).await {
                    telling.stored(event);
                }
                if is_done {
                    lock(&remembered).insert(id);
                }
            })
        };
        let outbox = Outbox::start(
            Arc::clone(performer),
            Arc::new(settle),
            Arc::clone(clock),
            policy,
        );
        Self {
            journal: journal.clone(),
            outbox,
            behind: AtomicBool::new(true),
            done,
        }
    }

    /// Takes up an action that was just committed.
    pub fn submit(&self, open: OpenAction) {
        if !self.hand_over(open) {
            self.behind.store(true, Ordering::Release);
        }
    }

    /// Gives an action to the outbox unless it is done; false when there was no room.
    ///
    /// Under the lock no action can come to its end, so one that the outbox is at work on is known
    /// to it, and one that it has done is remembered here.
    fn hand_over(&self, open: OpenAction) -> bool {
        let done = lock(&self.done);
        done.ids.contains(&open.id) || self.outbox.submit(open) != Submitted::Full
    }

    /// Brings open actions from the journal to the outbox, for as long as the host runs.
    pub async fn look_for_open_actions(self: Arc<Self>) {
        loop {
            let foreign = self.journal.foreign_changes();
            if self.behind.swap(false, Ordering::AcqRel) || foreign {
                let outgoing = Arc::clone(&self);
                let submitted =
                    tokio::task::spawn_blocking(move || outgoing.submit_open_actions()).await;
                if !matches!(submitted, Ok(Ok(true))) {
                    self.behind.store(true, Ordering::Release);
                }
            }
            // Room is a reason to look at once, but only where something was refused.
            let behind = self.behind.load(Ordering::Acquire);
            tokio::select! {
                () = self.outbox.room(), if behind => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Submits all open actions, oldest first; false when the outbox had no room for all.
    fn submit_open_actions(&self) -> Result<bool, ReadError> {
        let reader = self.journal.reader()?;
        let mut after = 0;
        loop {
            let page = reader.open_actions(after, PAGE)?;
            let last = page.len() < PAGE;
            let mut all_taken = true;
            for open in page {
                after = open.id;
                all_taken &= self.hand_over(open);
            }
            if last || !all_taken {
                return Ok(all_taken);
            }
        }
    }

    /// Starts nothing more and waits for what is in flight, at most so long.
    pub async fn drain(&self, deadline: Duration) {
        let left = self.outbox.drain(deadline).await;
        if !left.is_empty() {
            tracing::warn!(actions = ?left, "still in flight; they are done again at the next start, under the same keys");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stores an outcome, and the event that tells of it. A receipt that isn't stored would make the
/// action happen again, so this does not give up.
async fn insist(
    journal: &Journal,
    id: ActionId,
    settlement: Settlement,
    attempts: u32,
    told: Option<NewEvent>,
) -> Option<Event> {
    loop {
        let settled = journal.settle_and_tell(id, settlement.clone(), attempts, told.clone());
        match settled.await {
            Ok(event) => return event,
            Err(error) => {
                tracing::warn!(%error, action = id, "the outcome of an action can't be stored yet");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}
