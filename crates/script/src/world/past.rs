//! What a world remembers, in place of the journal: its scripts and the events that came.

use crate::Script;
use crate::lane::Past;
use porchlight_core::{Event, EventId};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct Memory {
    pub(super) scripts: Vec<Arc<Script>>,
    /// Each event, with the outside event that it goes back to.
    pub(super) events: BTreeMap<EventId, (Arc<Event>, EventId)>,
}

impl Memory {
    pub(super) fn new(scripts: Vec<Arc<Script>>) -> Self {
        Self {
            scripts,
            events: BTreeMap::new(),
        }
    }

    /// The outside event that an event goes back to; 0 for none.
    pub(super) fn root(&self, event: EventId) -> EventId {
        self.events.get(&event).map_or(0, |(_, root)| *root)
    }
}

impl Past for Memory {
    fn version(&mut self, script: &str, hash: &str) -> Result<Arc<Script>, String> {
        let found = self
            .scripts
            .iter()
            .find(|one| one.name == script && one.hash == hash);
        found
            .cloned()
            .ok_or_else(|| format!("this home has no version {hash} of {script}"))
    }

    fn event(&mut self, id: u64) -> Result<Option<Arc<Event>>, String> {
        Ok(self.events.get(&id).map(|(event, _)| Arc::clone(event)))
    }
}
