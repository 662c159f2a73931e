//! The open waits of a world, in the order in which they fall due.

use porchlight_core::{Timestamp, Wait};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Due(BTreeMap<(Timestamp, u64), Wait>);

impl Due {
    pub(super) fn add(&mut self, wait: Wait) {
        self.0.insert((wait.due, wait.id), wait);
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.keys().next().map(|(due, _)| *due)
    }

    /// The first that has fallen due by now.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Wait> {
        self.next().filter(|due| *due <= now)?;
        self.0.pop_first().map(|(_, wait)| wait)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Wait> {
        self.0.values()
    }
}
