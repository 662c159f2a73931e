//! The order of one script's runs, kept when the disk fails between two of them.
//!
//! Runs are handed over before those ahead of them are stored. If a batch can't be stored and the
//! next one can, a later run would overtake an earlier one, and their writes to one state key would
//! change places. So the runs of a script share a turn: once one of them was not stored, those
//! behind it are not stored either, and whoever handed them over brings them again in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the runs of one script have in common until one of them can't be stored. A clone is the
/// same turn.
#[derive(Debug, Clone, Default)]
pub struct Turn(Arc<AtomicBool>);

impl Turn {
    /// One of them was not stored.
    pub(crate) fn lose(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether one of them was not stored: hand all of them over again, under another turn.
    pub fn is_lost(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
