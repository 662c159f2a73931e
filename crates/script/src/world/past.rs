//! What a world remembers, in place of the journal: its scripts and the events that came.

use crate::Script;
use crate::lane::Past;
use porchlight_core::{Event, EventId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// The outside event that each emitted event goes back to; shared with whoever answers questions.
#[derive(Clone, Default)]
pub(super) struct Roots(Arc<Mutex<HashMap<EventId, EventId>>>);

impl Roots {
    /// The outside event that an event goes back to: itself, when it came from outside.
    pub(super) fn of(&self, event: EventId) -> EventId {
        let roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roots.get(&event).copied().unwrap_or(event)
    }

    fn add(&self, event: EventId, root: EventId) {
        let mut roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roots.insert(event, root);
    }
}

pub(super) struct Memory {
    pub(super) scripts: Vec<Arc<Script>>,
    events: BTreeMap<EventId, Arc<Event>>,
    roots: Roots,
}

impl Memory {
    pub(super) fn new(scripts: Vec<Arc<Script>>) -> Self {
        Self {
            scripts,
            events: BTreeMap::new(),
            roots: Roots::default(),
        }
    }

    pub(super) fn roots(&self) -> Roots {
        self.roots.clone()
    }

    /// Remembers an event, and the outside event that it goes back to.
    pub(super) fn keep(&mut self, event: &Arc<Event>, root: EventId) {
        if root != event.id {
            self.roots.add(event.id, root);
        }
        self.events.insert(event.id, Arc::clone(event));
    }

    /// The outside event that an event goes back to; 0 for none.
    pub(super) fn root(&self, event: EventId) -> EventId {
        self.roots.of(event)
    }
}

impl Past for Memory {
    fn version(&mut self, script: &str, hash: &str) -> Result<Arc<Script>, String> {
        let mut scripts = self.scripts.iter();
        let found = scripts.find(|one| one.name == script && one.hash == hash);
        found
            .cloned()
            .ok_or_else(|| format!("this home has no version {hash} of {script}"))
    }

    fn event(&mut self, id: u64) -> Result<Option<Arc<Event>>, String> {
        Ok(self.events.get(&id).cloned())
    }
}
