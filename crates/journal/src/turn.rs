//! The order of runs that belong together, kept when the disk fails between two of them.
//!
//! Runs are handed over before those ahead of them are stored. If a batch can't be stored and the
//! next one can, a later run would overtake an earlier one, and their writes to one state key would
//! change places. So the runs of one script share a turn, and so do those that write one key: once
//! one of them was not stored, those behind it are not stored either, and whoever handed them over
//! brings them again in order.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Names share so many turns. Keys of the state come from strangers, so there can't be a turn for
/// each; two that fall together only wait for each other while the disk fails.
const SLOTS: usize = 512;

/// What runs that belong together have in common until one of them can't be stored. A clone is the
/// same turn.
#[derive(Debug, Clone)]
pub struct Turn(Vec<Arc<AtomicBool>>);

impl Default for Turn {
    fn default() -> Self {
        Self(vec![Arc::default()])
    }
}

impl Turn {
    /// One of them was not stored.
    pub(crate) fn lose(&self) {
        for slot in &self.0 {
            slot.store(true, Ordering::Release);
        }
    }

    /// Whether one of them was not stored: hand all of them over again, under another turn.
    pub fn is_lost(&self) -> bool {
        self.0.iter().any(|slot| slot.load(Ordering::Acquire))
    }
}

/// The turns of all runs that are handed over, until one of them can't be stored.
#[derive(Debug)]
pub struct Turns {
    slots: Vec<Arc<AtomicBool>>,
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Arc::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Turns {
    /// The turn of a run that must not change places with others of any of these names.
    pub fn of<'a>(&self, names: impl IntoIterator<Item = (&'static str, &'a str)>) -> Turn {
        let mut numbers: Vec<usize> = names
            .into_iter()
            .map(|name| (self.hasher.hash_one(name) % SLOTS as u64) as usize)
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let slots = numbers.iter().filter_map(|number| self.slots.get(*number));
        Turn(slots.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_shares_a_name_with_one_that_was_lost_is_lost_and_takes_others_along() {
        let turns = Turns::default();
        let (one, two) = (("script", "a.rhai"), ("script", "b.rhai"));
        let first = turns.of([one, ("key", "door")]);
        let second = turns.of([two, ("key", "door"), ("key", "gate")]);
        let third = turns.of([("key", "gate")]);
        first.lose();
        assert!(second.is_lost() && !third.is_lost());
        second.lose();
        assert!(third.is_lost());
        assert!(!Turns::default().of([one]).is_lost(), "they begin anew");
    }
}
