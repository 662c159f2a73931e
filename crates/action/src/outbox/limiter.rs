//! Named limiters that lanes share: `[limit.hue] in_flight = 3, per_second = 10`.
//!
//! A bridge with twenty lamps is twenty lanes and one box that answers 429. A limiter holds all of
//! them to what the box takes: so many requests under way, and so many begun within any one second.
//! Whoever waits for it holds nothing that other lanes need, and waits in the order of asking, so
//! that lanes take turns.
//!
//! It counts from the moment of beginning and knows nothing of success. A target that says when it
//! wants to be asked again closes its limiter until then, for all lanes behind it.

use crate::performer::Performer;
use porchlight_core::action::LIMIT;
use porchlight_core::units::format_duration;
use porchlight_core::{ActionError, Receipt};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// What one limiter allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// At most so many under way at once; `None` for any number.
    pub in_flight: Option<usize>,
    /// At most so many begun within any one second; below 1, one in `1 / per_second` seconds.
    /// `None` for any number.
    pub per_second: Option<f64>,
}

/// All limiters by their names. Clones share them.
#[derive(Clone, Default)]
pub struct Limiters {
    named: Arc<BTreeMap<String, Limiter>>,
}

struct Limiter {
    slots: Arc<Semaphore>,
    window: Arc<Mutex<Window>>,
}

/// When the last ones began.
struct Window {
    most: usize,
    span: Duration,
    begun: VecDeque<Instant>,
    closed_until: Option<Instant>,
}

/// The right to begin next. Nobody else of the same limiter may begin while it is held.
pub struct Turn {
    window: OwnedMutexGuard<Window>,
    slot: OwnedSemaphorePermit,
}

/// A place among those under way, given back when it is dropped.
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Limiters {
    /// These limiters.
    pub fn new(named: impl IntoIterator<Item = (String, Allowance)>) -> Self {
        let named = named
            .into_iter()
            .map(|(name, allowance)| (name, Limiter::new(allowance)));
        Self {
            named: Arc::new(named.collect()),
        }
    }

    /// Waits for the turn at this limiter. `None` at once where there is none of that name: an
    /// action may be older than the configuration, and is worth doing without it.
    ///
    /// Dropping the future gives up the place in the queue.
    pub async fn turn(&self, name: &str) -> Option<Turn> {
        let limiter = self.named.get(name)?;
        let slot = Arc::clone(&limiter.slots).acquire_owned().await.ok()?;
        let window = Arc::clone(&limiter.window).lock_owned().await;
        // Nobody begins while the window is held, so what is free now stays free.
        if let Some(free) = window.free_at() {
            tokio::time::sleep_until(free).await;
        }
        Some(Turn { window, slot })
    }

    /// Performs what was asked, within `left`, in its turn where it names a limiter.
    ///
    /// # Errors
    /// Those of [`Performer::perform`]; `limit` when its turn did not come in time.
    pub async fn ask(
        &self,
        performer: &Performer,
        kind: &str,
        args: &Value,
        left: Duration,
    ) -> Result<Receipt, ActionError> {
        let started = Instant::now();
        let name = args.get(LIMIT).and_then(Value::as_str);
        let turn = async { self.turn(name?).await };
        let turn = tokio::time::timeout(left, turn).await.map_err(|_| {
            let name = name.unwrap_or_default();
            let waited = format_duration(left);
            ActionError::later(
                "limit",
                format!("no turn at [limit.{name}] within {waited}"),
            )
        })?;
        let _slot = turn.map(Turn::begin);
        let left = left.saturating_sub(started.elapsed());
        performer.perform(kind, args, "", left).await
    }

    /// Nobody begins for so long, because the target said so.
    pub(super) fn close(&self, name: &str, pause: Duration) {
        let Some(limiter) = self.named.get(name) else {
            return;
        };
        let until = Instant::now() + pause;
        // Who holds the window now is about to begin; the next one sees it.
        let window = Arc::clone(&limiter.window);
        tokio::spawn(async move {
            let mut window = window.lock().await;
            window.closed_until = window.closed_until.max(Some(until));
        });
    }
}

impl Limiter {
    fn new(allowance: Allowance) -> Self {
        let in_flight = allowance.in_flight.unwrap_or(Semaphore::MAX_PERMITS);
        let (most, span) = match allowance.per_second {
            None => (usize::MAX, Duration::ZERO),
            Some(rate) => {
                let rate = rate.clamp(1e-4, 1e6);
                let most = rate.floor().max(1.0);
                // A rate of 2.5 is two within 0.8 seconds.
                (most as usize, Duration::from_secs_f64(most / rate))
            }
        };
        Self {
            slots: Arc::new(Semaphore::new(in_flight.clamp(1, Semaphore::MAX_PERMITS))),
            window: Arc::new(Mutex::new(Window {
                most,
                span,
                begun: VecDeque::new(),
                closed_until: None,
            })),
        }
    }
}

impl Window {
    /// When one more may begin; `None` for now.
    fn free_at(&self) -> Option<Instant> {
        let full = self.begun.len() >= self.most;
        let by_rate = full.then(|| self.begun.front().map(|first| *first + self.span));
        self.closed_until.max(by_rate.flatten())
    }
}

impl Turn {
    /// It begins now.
    pub fn begin(mut self) -> Slot {
        let window = &mut *self.window;
        if window.most < usize::MAX {
            if window.begun.len() >= window.most {
                window.begun.pop_front();
            }
            window.begun.push_back(Instant::now());
        }
        Slot { _permit: self.slot }
    }
}
