//! How a handler runs: its mode, what counts as the same, what it skips, what a failure means.
//!
//! The words are Home Assistant's where it has them (`single`, `restart`, `queued`, `parallel`,
//! `max`). A handler is active until the last wait of its run is over.

use crate::filter::{self, Filter};
use porchlight_core::{Event, Timestamp};
use rhai::FnPtr;
use std::time::Duration;

/// What happens when a handler is triggered while it is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It runs beside the active ones.
    #[default]
    Parallel,
    /// It is skipped.
    Single,
    /// It runs, and what the active one still waits for is cancelled.
    Restart,
    /// It waits until the active one is over.
    Queued,
}

/// What happens when a handler is triggered and `max` is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// The new one is skipped.
    #[default]
    DropNew,
    /// The oldest one gives way: of the queued ones, or of the active ones in `parallel`.
    DropOld,
    /// Only the newest one stays in the queue.
    Coalesce,
}

/// What counts as the same for mode, cooldown and queue.
#[derive(Clone)]
pub enum Key {
    /// A field of the event, by its dotted path.
    Path(String),
    /// A function of the script over the event.
    Function(FnPtr),
}

/// How often a failed run is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// How many times after the first.
    pub retries: u32,
    /// The pause before the second attempt; it doubles with each, up to an hour.
    pub backoff: Duration,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            retries: 3,
            backoff: Duration::from_secs(10),
        }
    }
}

/// How many runs of one handler and key may wait in a queue, unless `max` says otherwise. As in
/// Home Assistant.
pub const DEFAULT_QUEUE: usize = 10;

/// How many runs of one handler and key may be active side by side, unless `max` says otherwise.
/// Each has a wait of its own, so this only stops a flood.
pub const DEFAULT_PARALLEL: usize = 1_000;

/// How a handler runs.
#[derive(Clone)]
pub struct HandlerOptions {
    /// What happens while it is active.
    pub mode: Mode,
    /// How many may be active (`parallel`), or active and queued together (`queued`).
    pub max: usize,
    /// What happens beyond that.
    pub overflow: Overflow,
    /// What counts as the same.
    pub key: Option<Key>,
    /// After a run it is skipped for so long.
    pub cooldown: Option<Duration>,
    /// Fields that the event must have.
    pub filter: Filter,
    /// An event older than this is too old to act on.
    pub expires: Option<Duration>,
    /// After so long whatever still waits is dropped.
    pub deadline: Option<Duration>,
    /// How often it is tried again after a mistake.
    pub retry: Option<Attempts>,
}

impl Default for HandlerOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Parallel,
            max: DEFAULT_PARALLEL,
            overflow: Overflow::DropNew,
            key: None,
            cooldown: None,
            filter: Filter::new(),
            expires: None,
            deadline: None,
            retry: None,
        }
    }
}

impl HandlerOptions {
    /// Why a handler does not run for an event whose type matches: `filter` or `expired`.
    pub fn skips(&self, event: &Event, now: Timestamp) -> Option<&'static str> {
        if let Some(limit) = self.expires {
            let happened = Timestamp::parse_rfc3339(&event.time).unwrap_or(event.received);
            if now.since(happened) > limit {
                return Some("expired");
            }
        }
        (!filter::passes(&self.filter, event)).then_some("filter")
    }
}
