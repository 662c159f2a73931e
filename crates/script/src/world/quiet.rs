//! Which subscriptions to silence fall due in a world. They count from the beginning of the world,
//! as if the script had been loaded then for the first time; so nothing is ever late here.

use crate::Script;
use crate::host::silence::Silent;
use crate::lane::Told;
use crate::script::Trigger;
use porchlight_core::{Event, EventId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

struct Entry {
    script: usize,
    handler: usize,
    id: String,
    pattern: porchlight_core::Pattern,
    after: Duration,
    repeat: Option<Duration>,
    since: Timestamp,
    last: EventId,
    told: u32,
}

/// All subscriptions to silence.
pub(super) struct Quiet(Vec<Entry>);

impl Quiet {
    pub(super) fn new(scripts: &[Arc<Script>], start: Timestamp) -> Self {
        let mut entries = Vec::new();
        for (index, script) in scripts.iter().enumerate() {
            for handler in &script.handlers {
                if let Trigger::Silence(silence) = &handler.trigger
                    && let Some(pattern) = &handler.pattern
                {
                    entries.push(Entry {
                        script: index,
                        handler: handler.number,
                        id: handler.id.clone(),
                        pattern: pattern.clone(),
                        after: silence.after,
                        repeat: silence.repeat,
                        since: start,
                        last: 0,
                        told: 0,
                    });
                }
            }
        }
        Self(entries)
    }

    /// An event breaks the silences that it matches.
    pub(super) fn hear(&mut self, event: &Event) {
        for entry in &mut self.0 {
            if entry.pattern.matches(&event.kind) {
                (entry.since, entry.last, entry.told) = (event.received, event.id, 0);
            }
        }
    }

    /// When the next silence is to be told.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(Entry::due).min()
    }

    /// The first that is due: the script, and what it is told.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<(usize, Told)> {
        let entry = self
            .0
            .iter_mut()
            .find(|entry| entry.due().is_some_and(|due| due <= now))?;
        entry.told += 1;
        let silent = Silent {
            since: entry.since,
            last: entry.last,
            last_is_kept: entry.last != 0,
            times: entry.told,
            late_by: Duration::ZERO,
        };
        let told = Told {
            handler: entry.handler,
            subscription: entry.id.clone(),
            silent,
        };
        Some((entry.script, told))
    }
}

impl Entry {
    fn due(&self) -> Option<Timestamp> {
        let pauses = match (self.told, self.repeat) {
            (0, _) => Duration::ZERO,
            (times, Some(repeat)) => repeat.saturating_mul(times),
            (_, None) => return None,
        };
        Some(self.since.after(self.after.saturating_add(pauses)))
    }
}
