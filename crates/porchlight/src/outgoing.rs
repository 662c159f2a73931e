//! Joins the outbox and the journal: outcomes go from one to the other, and so do open actions.
//!
//! Open actions come from three places: runs that were just committed, the journal at start, and
//! another process that opened a dead one again. The outbox takes as many as it has room for; the
//! rest is read from the journal when there is room.

use crate::Clock;
use futures_util::future::BoxFuture;
use porchlight_action::{Outbox, Performer, RetryPolicy, Submitted};
use porchlight_core::{ActionId, OpenAction, Settlement};
use porchlight_journal::{Journal, ReadError};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the journal is asked whether another process opened an action again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Open actions read at once.
const PAGE: usize = 500;

/// The way out of the house.
pub struct Outgoing {
    journal: Journal,
    outbox: Outbox,
    /// The outbox refused something, or was never filled: read the journal again.
    behind: AtomicBool,
    /// The actions that ended while a page of open ones was being read, and that the page may
    /// therefore still show as open. Submitting one of them would do it twice.
    ended_meanwhile: Arc<Mutex<Option<HashSet<ActionId>>>>,
}

impl Outgoing {
    /// An outbox whose outcomes go to the journal. Must be called inside a tokio runtime.
    pub fn start(journal: &Journal, performer: &Arc<Performer>, clock: &Clock) -> Self {
        let ended_meanwhile = Arc::new(Mutex::new(None::<HashSet<ActionId>>));
        let (settling_journal, ended) = (journal.clone(), Arc::clone(&ended_meanwhile));
        let settle = move |id, settlement: Settlement, failed: u32| -> BoxFuture<'static, ()> {
            // The outbox counts failures; the journal counts tries.
            let attempts = failed + u32::from(matches!(settlement, Settlement::Done(_)));
            let (journal, ended) = (settling_journal.clone(), Arc::clone(&ended));
            Box::pin(async move {
                insist(&journal, id, settlement, attempts).await;
                if let Some(ended) = lock(&ended).as_mut() {
                    ended.insert(id);
                }
            })
        };
        let outbox = Outbox::start(
            Arc::clone(performer),
            Arc::new(settle),
            Arc::clone(clock),
            RetryPolicy::default(),
        );
        Self {
            journal: journal.clone(),
            outbox,
            behind: AtomicBool::new(true),
            ended_meanwhile,
        }
    }

    /// Takes up an action that was just committed.
    pub fn submit(&self, open: OpenAction) {
        if self.outbox.submit(open) == Submitted::Full {
            self.behind.store(true, Ordering::Release);
        }
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
        *lock(&self.ended_meanwhile) = Some(HashSet::new());
        let mut after = 0;
        let all_taken = loop {
            let page = reader.open_actions(after, PAGE);
            let (last, taken) = match page {
                Ok(page) => {
                    after = page.last().map_or(after, |open| open.id);
                    (page.len() < PAGE, self.submit_page(page))
                }
                Err(error) => {
                    *lock(&self.ended_meanwhile) = None;
                    return Err(error);
                }
            };
            if last || !taken {
                break taken;
            }
        };
        *lock(&self.ended_meanwhile) = None;
        Ok(all_taken)
    }

    fn submit_page(&self, page: Vec<OpenAction>) -> bool {
        let mut all_taken = true;
        for open in page {
            // Under the lock no action can end, so one that the outbox is at work on is known to it.
            let ended = lock(&self.ended_meanwhile);
            if ended.as_ref().is_some_and(|ended| ended.contains(&open.id)) {
                continue;
            }
            all_taken &= self.outbox.submit(open) != Submitted::Full;
        }
        all_taken
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

/// Stores an outcome. A receipt that isn't stored would make the action happen again, so this does
/// not give up.
async fn insist(journal: &Journal, id: ActionId, settlement: Settlement, attempts: u32) {
    while let Err(error) = journal.settle(id, settlement.clone(), attempts).await {
        tracing::warn!(%error, action = id, "the outcome of an action can't be stored yet");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
