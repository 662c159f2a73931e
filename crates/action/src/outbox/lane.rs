//! One lane at work: takes its actions in order and sees each through to its end.

use super::limiter::{Slot, Turn};
use super::news::{failed, well};
use super::policy::LONGEST_PAUSE;
use super::{Shared, State};
use futures_util::FutureExt as _;
use porchlight_core::{Action, ActionError, OpenAction, Receipt, Settlement};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

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
    let mut pause = not_before.since((shared.clock)()).min(LONGEST_PAUSE);
    let breaker = &shared.policy.breaker;
    shared
        .lock()
        .breakers
        .resume(name, attempts, pause, breaker);
    let mut last: Option<ActionError> = None;
    let settle = |settlement, attempts| settle(shared, id, settlement, attempts);
    loop {
        // A lane may have been opened by the action before.
        pause = pause.max(shared.lock().breakers.rest(name));
        if !pause.is_zero() && (shared.clock)().after(pause) >= action.expires {
            let error = expired(last, attempts, shared.lock().breakers.failures(name));
            settle(Settlement::Dead { error }, attempts).await;
            return Next::GoOn;
        }
        let Some(place) = place(shared, name, &action, pause).await else {
            return Next::Stop;
        };
        if (shared.clock)() >= action.expires {
            let error = expired(last, attempts, 0);
            settle(Settlement::Dead { error }, attempts).await;
            return Next::GoOn;
        }
        if !begin(shared, name) {
            return Next::Stop;
        }
        let place = place.begin();
        let work = (shared.perform)(Arc::clone(&action), shared.policy.attempt);
        let error = match caught(work).await {
            Ok(receipt) => {
                well(shared, name, id);
                settle(Settlement::Done(receipt), attempts).await;
                return Next::GoOn;
            }
            Err(error) => error,
        };
        let told = failed(shared, name, (id, &action), &error);
        attempts = attempts.saturating_add(u32::from(!told.free));
        tracing::debug!(action = id, kind = action.kind, error = %error, attempts, "try failed");
        let wanted = shared.policy.pause(&error, attempts.max(1));
        let Some(wanted) = wanted.filter(|_| attempts <= action.retries) else {
            settle(Settlement::Dead { error }, attempts).await;
            return Next::GoOn;
        };
        let next = wanted.max(told.rest);
        let at = (shared.clock)().after(next);
        if at >= action.expires {
            let error = expired(Some(error), attempts, told.failures);
            settle(Settlement::Dead { error }, attempts).await;
            return Next::GoOn;
        }
        let mut shown = error.clone();
        if !told.rest.is_zero() {
            let failures = told.failures;
            shown.message += &format!("; left alone after {failures} failures in a row");
        }
        settle(Settlement::RetryAt { at, error: shown }, attempts).await;
        end(shared, name);
        drop(place);
        last = Some(error);
        pause = next;
    }
}

/// A place among those under way: of the limiter that the action names, and of the outbox.
struct Place<'a> {
    turn: Option<Turn>,
    permit: SemaphorePermit<'a>,
}

/// Kept until the outcome is stored: so never more than this many are done and not yet recorded.
struct Begun<'a> {
    _slot: Option<Slot>,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Place<'a> {
    fn begin(self) -> Begun<'a> {
        Begun {
            _slot: self.turn.map(Turn::begin),
            _permit: self.permit,
        }
    }
}

/// Waits out the pause and then for a place; `None` when the outbox stops first.
///
/// The limiter comes first: who waits for it must not hold a place that other lanes could use.
async fn place<'a>(
    shared: &'a Shared,
    name: &str,
    action: &Action,
    pause: Duration,
) -> Option<Place<'a>> {
    let mut stopping = shared.stopping.subscribe();
    let place = async {
        // By the monotonic clock: setting the wall clock neither skips nor stretches a pause.
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let turn = turn(shared, action).await;
        let troubled = shared.lock().breakers.failures(name) > 0;
        let permits = if troubled {
            &shared.troubled
        } else {
            &shared.permits
        };
        let permit = permits.acquire().await.ok()?;
        Some(Place { turn, permit })
    };
    tokio::select! {
        biased;
        _ = stopping.wait_for(|stop| *stop) => None,
        place = place => place,
    }
}

/// The turn at the limiter that the action names; none as well when the action expires before.
async fn turn(shared: &Shared, action: &Action) -> Option<Turn> {
    let turn = shared.policy.limiters.turn(action.limit()?);
    tokio::pin!(turn);
    loop {
        let left = action.expires.since((shared.clock)());
        if left.is_zero() {
            return None;
        }
        // In slices, because the wall clock may be set meanwhile.
        let slice = left.min(Duration::from_secs(60));
        if let Ok(turn) = tokio::time::timeout(slice, &mut turn).await {
            return turn;
        }
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

/// Too late. `failures` are those of the lane, when it is left alone.
fn expired(last: Option<ActionError>, attempts: u32, failures: u32) -> ActionError {
    let Some(last) = last else {
        let message = match failures {
            0 => "too late to do it".to_owned(),
            count => format!(
                "too late to do it: the target is left alone after {count} failures in a row"
            ),
        };
        return ActionError::never("expired", message);
    };
    // Tries that found nobody there are not counted while a lane is left alone.
    let message = match attempts {
        0 => format!("too late, and nobody was there: {last}"),
        1 => format!("too late after a failed try: {last}"),
        _ => format!("too late after {attempts} failed tries; the last: {last}"),
    };
    let mut error = ActionError::never("expired", message);
    error.detail = last.detail;
    error
}
