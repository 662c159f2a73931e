//! The events that came while runs were under way.
//!
//! A wait begins in the middle of a run and is open once the run is stored. An event that comes in
//! between (a door that opens while the script still asks a camera for its picture) is one that the
//! wait is for, so it must be shown to the wait afterwards. Nothing is kept while nothing runs.

use porchlight_core::{Event, Timestamp, Wait, WaitKind};
use std::collections::VecDeque;
use std::sync::Arc;

/// More events than this are not kept: in a flood the oldest are lost for the waits just begun.
const MOST: usize = 1_024;
/// More bytes of bodies than this are not kept.
const MOST_BYTES: usize = 4 << 20;

/// The events, oldest first.
#[derive(Default)]
pub(super) struct Recent {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

impl Recent {
    /// Keeps an event, while something runs.
    pub(super) fn keep(&mut self, event: &Arc<Event>) {
        self.bytes += event.data.len();
        self.events.push_back(Arc::clone(event));
        while self.events.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes -= oldest.data.len();
        }
    }

    /// Nothing runs any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The events that may be what one of these waits is for, oldest first.
    pub(super) fn since(&self, waits: &[Wait]) -> Vec<Arc<Event>> {
        let began = waits.iter().filter_map(|wait| match wait.kind {
            WaitKind::Event { .. } => Some(wait.began),
            _ => None,
        });
        let Some(first): Option<Timestamp> = began.min() else {
            return Vec::new();
        };
        let after = self.events.iter().filter(|event| event.received >= first);
        after.cloned().collect()
    }
}
