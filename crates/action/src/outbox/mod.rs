//! Decides when actions are performed: in order inside a lane, lanes beside one another.
//!
//! It keeps nothing on disk. The journal holds every open action; the outbox holds as many of them
//! as its bounds allow and tells each outcome to `settle`, which must have stored it before the lane
//! goes on. So whatever is forgotten here (a crash, a full queue) is found there again.
//!
//! A lane exists only while it has something to do. An action that waits for its next try holds its
//! lane, because order inside a lane is a promise; it ends done, dead or too late, and its lane goes
//! on. Other lanes never notice: places among those under way are given in the order of asking, a
//! lane asks for one at a time, and lanes that have just failed share a small part of the places.

mod breaker;
mod lane;
mod limiter;
mod news;
mod policy;

pub use breaker::{BreakerPolicy, OpenLane};
pub use limiter::{Allowance, Limiters, Slot, Turn};
pub use news::{AwayLane, Hear, TargetChange, TargetNews};
pub use policy::RetryPolicy;

use crate::performer::{Clock, Performer};
use breaker::Breakers;
use futures_util::future::BoxFuture;
use porchlight_core::{Action, ActionError, ActionId, OpenAction, Receipt, Settlement};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};

/// Stores an outcome: which action, what became of it, how many tries have failed (this one
/// included). The lane waits for it.
pub type Settle = Arc<dyn Fn(ActionId, Settlement, u32) -> BoxFuture<'static, ()> + Send + Sync>;

/// Performs an action within a time limit. [`Performer`] in the live host.
pub type Perform = Arc<
    dyn Fn(Arc<Action>, Duration) -> BoxFuture<'static, Result<Receipt, ActionError>> + Send + Sync,
>;

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a full outbox expects the action again"]
pub enum Submitted {
    /// It will be performed.
    Queued,
    /// It is already here; nothing changed.
    Known,
    /// Not taken, because the lane or the whole outbox is full or draining. It is still in the
    /// journal: after [`Outbox::room`], submit the open actions again, by ascending id.
    Full,
}

/// The handle. Clones share one outbox.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    perform: Perform,
    settle: Settle,
    clock: Clock,
    policy: RetryPolicy,
    permits: Semaphore,
    /// For lanes that have just failed: however many targets hang, the others have places left.
    troubled: Semaphore,
    stopping: watch::Sender<bool>,
    /// Told whenever something ends or a lane goes.
    changed: Notify,
    /// Told when a refused submission would now be taken.
    room: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lanes: HashMap<String, Lane>,
    breakers: Breakers,
    /// All that is queued or current, in all lanes.
    held: usize,
    /// The lowest id refused because the whole outbox was full.
    refused: Option<ActionId>,
}

#[derive(Default)]
struct Lane {
    /// By id, which is the order in which they were told.
    queue: BTreeMap<ActionId, OpenAction>,
    /// The one whose turn it is.
    current: Option<ActionId>,
    /// Whether the current one is being performed just now.
    performing: bool,
    /// The lowest id refused because this lane was full. Until it has come again, nothing later is
    /// taken: it would overtake.
    refused: Option<ActionId>,
    /// Whether a task works on this lane.
    working: bool,
}

impl Outbox {
    /// Starts an outbox over a [`Performer`]. Must be called inside a tokio runtime.
    pub fn start(
        performer: Arc<Performer>,
        settle: Settle,
        clock: Clock,
        policy: RetryPolicy,
    ) -> Self {
        let perform: Perform = Arc::new(move |action, deadline| {
            let performer = Arc::clone(&performer);
            Box::pin(async move {
                performer
                    .perform(&action.kind, &action.args, &action.key, deadline)
                    .await
            })
        });
        Self::start_with(perform, settle, clock, policy)
    }

    /// The same over any function, for tests and rehearsals.
    pub fn start_with(perform: Perform, settle: Settle, clock: Clock, policy: RetryPolicy) -> Self {
        let state = State {
            breakers: Breakers::knowing(&policy.away),
            ..State::default()
        };
        Self {
            shared: Arc::new(Shared {
                permits: Semaphore::new(policy.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
                troubled: Semaphore::new((policy.in_flight / 4).clamp(1, Semaphore::MAX_PERMITS)),
                perform,
                settle,
                clock,
                policy,
                stopping: watch::Sender::new(false),
                changed: Notify::new(),
                room: Notify::new(),
                state: Mutex::new(state),
            }),
        }
    }

    /// Takes up an open action. Never blocks; submitting one twice is harmless.
    pub fn submit(&self, open: OpenAction) -> Submitted {
        let shared = &self.shared;
        if *shared.stopping.borrow() {
            return Submitted::Full;
        }
        let name = open.action.lane.clone();
        let mut state = shared.lock();
        if let Some(lane) = state.lanes.get(&name)
            && (lane.current == Some(open.id) || lane.queue.contains_key(&open.id))
        {
            return Submitted::Known;
        }
        if !state.admits(open.id, &shared.policy) {
            return Submitted::Full;
        }
        let lane = state.lanes.entry(name.clone()).or_default();
        if !lane.admits(open.id, &shared.policy) {
            return Submitted::Full;
        }
        lane.queue.insert(open.id, open);
        let idle = !std::mem::replace(&mut lane.working, true);
        state.held += 1;
        drop(state);
        if idle {
            tokio::spawn(lane::work(Arc::clone(shared), name));
        }
        Submitted::Queued
    }

    /// Waits until something that was refused as [`Submitted::Full`] would be taken. For one caller.
    pub async fn room(&self) {
        self.shared.room.notified().await;
    }

    /// The actions that are being performed at this moment, by ascending id.
    pub fn in_flight(&self) -> Vec<ActionId> {
        self.shared.in_flight()
    }

    /// How many actions are held, waiting or in flight.
    pub fn held(&self) -> usize {
        self.shared.lock().held
    }

    /// The lanes that are left alone because their target does not answer, by name.
    pub fn open_lanes(&self) -> Vec<OpenLane> {
        self.shared.lock().breakers.open()
    }

    /// Starts nothing more, and waits for those in flight and their settlements, at most
    /// `deadline`. Gives back what is still in flight then; a repeat of these after the next start
    /// carries the same key.
    pub async fn drain(&self, deadline: Duration) -> Vec<ActionId> {
        self.shared.stopping.send_replace(true);
        let quiet = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if self.shared.in_flight().is_empty() {
                    return;
                }
                changed.await;
            }
        };
        // Too late is no error: what is left is the answer.
        let _ = tokio::time::timeout(deadline, quiet).await;
        self.shared.in_flight()
    }
}

impl Shared {
    /// The state stays usable after a panic: every change of it is complete in itself.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_flight(&self) -> Vec<ActionId> {
        let state = self.lock();
        let performing = state.lanes.values().filter(|lane| lane.performing);
        let mut ids: Vec<ActionId> = performing.filter_map(|lane| lane.current).collect();
        ids.sort_unstable();
        ids
    }
}

impl State {
    fn admits(&mut self, id: ActionId, policy: &RetryPolicy) -> bool {
        admits(&mut self.refused, self.held < policy.queue, id)
    }
}

impl Lane {
    fn admits(&mut self, id: ActionId, policy: &RetryPolicy) -> bool {
        admits(&mut self.refused, self.queue.len() < policy.lane_queue, id)
    }
}

/// Takes `id` if there is room and no earlier one was turned away before it.
fn admits(refused: &mut Option<ActionId>, room: bool, id: ActionId) -> bool {
    let overtakes = refused.is_some_and(|first| id > first);
    if !room || overtakes {
        *refused = Some(refused.map_or(id, |first| first.min(id)));
        return false;
    }
    if *refused == Some(id) {
        *refused = None;
    }
    true
}
