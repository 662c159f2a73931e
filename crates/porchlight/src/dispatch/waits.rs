//! The open waits in memory, in the order in which they fall due. The truth is in the journal.

use porchlight_core::{Timestamp, Wait, WaitId};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The wall clock may be set while we sleep, so never sleep longer than this at a time.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// With nothing to wait for, one look a minute costs nothing.
const IDLE_SLEEP: Duration = Duration::from_secs(60);

/// The waits that have not fallen due.
#[derive(Default)]
pub struct Waits {
    by_due: BTreeMap<(Timestamp, WaitId), Wait>,
    due_of: HashMap<WaitId, Timestamp>,
}

impl Waits {
    /// The waits that were open at start.
    pub fn new(waits: Vec<Wait>) -> Self {
        let mut all = Self::default();
        all.extend(waits);
        all
    }

    /// Adds waits that were just committed.
    pub fn extend(&mut self, waits: Vec<Wait>) {
        for wait in waits {
            self.due_of.insert(wait.id, wait.due);
            self.by_due.insert((wait.due, wait.id), wait);
        }
    }

    /// Forgets a wait.
    pub fn cancel(&mut self, id: WaitId) {
        if let Some(due) = self.due_of.remove(&id) {
            self.by_due.remove(&(due, id));
        }
    }

    /// Takes out all that have fallen due.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Wait> {
        let later = self
            .by_due
            .split_off(&(Timestamp(now.0.saturating_add(1)), 0));
        let due = std::mem::replace(&mut self.by_due, later);
        due.into_values()
            .inspect(|wait| _ = self.due_of.remove(&wait.id))
            .collect()
    }

    /// How long to sleep before looking again.
    pub fn until_next(&self, now: Timestamp) -> Duration {
        match self.by_due.first_key_value() {
            Some(((due, _), _)) => due.since(now).min(LONGEST_SLEEP),
            None => IDLE_SLEEP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::NewWait;

    fn wait(id: WaitId, due: i64) -> Wait {
        let content = NewWait {
            due: Timestamp(due),
            script: "a.rhai".into(),
            script_hash: String::new(),
            function: "f".into(),
            arguments: Vec::new(),
            event: 0,
            title: String::new(),
            line: 1,
            depth: 0,
        };
        Wait { id, content }
    }

    #[test]
    fn waits_fall_due_in_order_and_only_once() {
        let mut waits = Waits::new(vec![wait(1, 30), wait(2, 10), wait(3, 20)]);
        assert_eq!(waits.until_next(Timestamp(5)), Duration::from_millis(5));
        let due: Vec<WaitId> = waits
            .take_due(Timestamp(20))
            .iter()
            .map(|wait| wait.id)
            .collect();
        assert_eq!(due, [2, 3]);
        assert!(waits.take_due(Timestamp(20)).is_empty());
    }

    #[test]
    fn a_cancelled_wait_never_falls_due() {
        let mut waits = Waits::new(vec![wait(1, 10)]);
        waits.cancel(1);
        assert!(waits.take_due(Timestamp(i64::MAX)).is_empty());
        assert_eq!(waits.until_next(Timestamp(0)), IDLE_SLEEP);
    }
}
