//! What came in since the start, for the entities of the house itself. What was shown before is what
//! the broker kept.

use porchlight_core::Event;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// As many sources as are configured; a bound in case that changes.
const MOST: usize = 1000;

/// The last event of each source, and how many there were.
#[derive(Default)]
pub struct Sources {
    seen: Mutex<Seen>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Seen {
    by_source: HashMap<String, (u64, String)>,
    plate: Option<String>,
}

impl Sources {
    /// An event came in. Quick: it stands on the path to its answer.
    pub fn hear(&self, event: &Event) {
        let mut seen = self.lock();
        if seen.by_source.len() >= MOST && !seen.by_source.contains_key(&event.source) {
            return;
        }
        let entry = seen.by_source.entry(event.source.clone()).or_default();
        entry.0 += 1;
        entry.1 = event.received.to_rfc3339();
        if let Some(plate) = event.facts["plates"][0]["text"].as_str() {
            seen.plate = Some(plate.chars().take(40).collect());
        }
        drop(seen);
        self.changed.send_modify(|count| *count += 1);
    }

    /// When an event of the source came last.
    pub fn last_event(&self, source: &str) -> Option<String> {
        Some(self.lock().by_source.get(source)?.1.clone())
    }

    /// How many events of the source came since the start.
    pub fn count(&self, source: &str) -> Option<u64> {
        Some(self.lock().by_source.get(source)?.0)
    }

    /// The plate that was read last.
    pub fn last_plate(&self) -> Option<String> {
        self.lock().plate.clone()
    }

    /// Changes when something came in.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
