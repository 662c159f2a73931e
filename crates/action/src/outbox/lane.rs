//! One lane at work: takes its actions in order and sees each through to its end.

use super::policy::LONGEST_PAUSE;
use super::{Shared, State};
use futures_util::FutureExt as _;
use porchlight_core::{ActionError, OpenAction, Receipt, Settlement};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// Whether the lane goes on.
#[derive(PartialEq)]
enum Next {
    GoOn,
    /// The outbox is draining; what is left stays in the journal.
    Stop,
}

/// Works until the lane is empty or the outbox stops. The lane vanishes with it.
pub(super) async fn work(shared: Arc<Shared>, name: String) {
    while let Some(open) = take(&shared, &name) {
        let next = see_through(&shared, &name, open).await;
        release(&shared, &name);
        if next == Next::Stop {
            break;
        }
    }
}

/// The next action, which becomes the current one; without one, the lane goes idle.
fn take(shared: &Shared, name: &str) -> Option<OpenAction> {
    let mut state = shared.lock();
    let lane = state.lanes.get_mut(name)?;
    if let Some((id, open)) = lane.queue.pop_first() {
        lane.current = Some(id);
        return Some(open);
    }
    lane.working = false;
    // A lane that has turned something away must remember it, or a later one would overtake.
    if lane.refused.is_none() {
        state.lanes.remove(name);
    }
    drop(state);
    shared.changed.notify_waiters();
    None
}

/// The current action is over (or left to the journal).
fn release(shared: &Shared, name: &str) {
    let mut state = shared.lock();
    state.held = state.held.saturating_sub(1);
    if let Some(lane) = state.lanes.get_mut(name) {
        lane.current = None;
        lane.performing = false;
    }
    let room = wants_refill(&state, name, shared);
    drop(state);
    shared.changed.notify_waiters();
    if room {
        shared.room.notify_one();
    }
}

/// Asks for a refill at half full, not at the first free place: each refill reads the journal.
fn wants_refill(state: &State, name: &str, shared: &Shared) -> bool {
    let lane = state.lanes.get(name);
    let lane_wants = lane.is_some_and(|lane| {
        lane.refused.is_some() && lane.queue.len() <= shared.policy.lane_queue / 2
    });
    lane_wants || (state.refused.is_some() && state.held <= shared.policy.queue / 2)
}

/// Tries until the action is done, dead or too late.
async fn see_through(shared: &Arc<Shared>, name: &str, open: OpenAction) -> Next {
    let OpenAction {
        id,
        action,
        mut attempts,
        not_before,
    } = open;
    let action = Arc::new(action);
    let mut pause = not_before.since((shared.clock)());
    let mut last: Option<ActionError> = None;
    let settle = |settlement, attempts| settle(shared, id, settlement, attempts);
    loop {
        if wait(shared, pause).await == Next::Stop {
            return Next::Stop;
        }
        let Some(_permit) = permit(shared).await else {
            return Next::Stop;
        };
        if (shared.clock)() >= action.expires {
            let error = expired(last, attempts);
            settle(Settlement::Dead { error }, attempts).await;
            return Next::GoOn;
        }
        if !begin(shared, name) {
            return Next::Stop;
        }
        let work = (shared.perform)(Arc::clone(&action), shared.policy.attempt);
        let error = match caught(work).await {
            Ok(receipt) => {
                settle(Settlement::Done(receipt), attempts).await;
                return Next::GoOn;
            }
            Err(error) => error,
        };
        attempts = attempts.saturating_add(1);
        tracing::debug!(action = id, kind = action.kind, error = %error, attempts, "try failed");
        let wanted = shared.policy.pause(&error, attempts);
        let Some(next) = wanted.filter(|_| attempts <= action.retries) else {
            settle(Settlement::Dead { error }, attempts).await;
            return Next::GoOn;
        };
        let at = (shared.clock)().after(next);
        if at >= action.expires {
            let error = expired(Some(error), attempts);
            settle(Settlement::Dead { error }, attempts).await;
            return Next::GoOn;
        }
        let again = Settlement::RetryAt {
            at,
            error: error.clone(),
        };
        settle(again, attempts).await;
        end(shared, name);
        last = Some(error);
        pause = next;
    }
}

/// Sleeps by the monotonic clock: setting the wall clock neither skips nor stretches a pause.
async fn wait(shared: &Shared, pause: Duration) -> Next {
    let mut stopping = shared.stopping.subscribe();
    if pause.is_zero() {
        return if *stopping.borrow() {
            Next::Stop
        } else {
            Next::GoOn
        };
    }
    tokio::select! {
        () = tokio::time::sleep(pause.min(LONGEST_PAUSE)) => Next::GoOn,
        _ = stopping.wait_for(|stop| *stop) => Next::Stop,
    }
}

/// A place among those in flight; `None` when the outbox stops first.
async fn permit(shared: &Shared) -> Option<tokio::sync::SemaphorePermit<'_>> {
    let mut stopping = shared.stopping.subscribe();
    tokio::select! {
        biased;
        _ = stopping.wait_for(|stop| *stop) => None,
        permit = shared.permits.acquire() => permit.ok(),
    }
}

/// Marks the current action as in flight, unless the outbox has stopped. Under the lock, so that
/// `drain` sees either the mark or a lane that will not begin.
fn begin(shared: &Shared, name: &str) -> bool {
    let mut state = shared.lock();
    if *shared.stopping.borrow() {
        return false;
    }
    if let Some(lane) = state.lanes.get_mut(name) {
        lane.performing = true;
    }
    true
}

fn end(shared: &Shared, name: &str) {
    if let Some(lane) = shared.lock().lanes.get_mut(name) {
        lane.performing = false;
    }
    shared.changed.notify_waiters();
}

/// A panic is an error of this action, not of the lane.
async fn caught(
    work: impl Future<Output = Result<Receipt, ActionError>>,
) -> Result<Receipt, ActionError> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        // What the panic said is not repeated: it may quote an argument.
        Err(_) => {
            tracing::error!("an action panicked");
            Err(ActionError::later(
                "panic",
                "a bug in Porchlight; see the log",
            ))
        }
    }
}

/// Stores the outcome. If that panics, the journal still calls the action open and a later start
/// repeats it; the lane must live on.
async fn settle(shared: &Shared, id: u64, settlement: Settlement, attempts: u32) {
    let stored = AssertUnwindSafe(async { (shared.settle)(id, settlement, attempts).await });
    if stored.catch_unwind().await.is_err() {
        tracing::error!(action = id, "recording an outcome panicked");
    }
}

fn expired(last: Option<ActionError>, attempts: u32) -> ActionError {
    match last {
        None => ActionError::never("expired", "too late to do it"),
        Some(last) => {
            let message = format!("too late after {attempts} failed tries; the last: {last}");
            let mut error = ActionError::never("expired", message);
            error.detail = last.detail;
            error
        }
    }
}
