//! The events whose jobs are not all committed yet, and when such an event is finished.
//!
//! The last run of an event ticks it off in its own commit, which saves a write. It may do so only
//! when no other run of the event is still on its way to the journal: commits are tried again on
//! their own, and an event that is ticked off is not read back after a crash.

use porchlight_core::EventId;
use std::collections::HashMap;

/// An event some of whose jobs are not committed yet.
#[derive(Default)]
struct OpenEvent {
    /// Jobs queued or running.
    running: usize,
    /// Runs handed to the committer and not yet confirmed.
    committing: usize,
    /// Whether one of these runs ticks the event off.
    ticked_off: bool,
}

/// All open events.
#[derive(Default)]
pub struct OpenEvents {
    events: HashMap<EventId, OpenEvent>,
}

impl OpenEvents {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether this event is open.
    pub fn contains(&self, event: EventId) -> bool {
        self.events.contains_key(&event)
    }

    /// So many jobs of this event were queued.
    pub fn queued(&mut self, event: EventId, jobs: usize) {
        self.events.entry(event).or_default().running += jobs;
    }

    /// One job of this event has run, and its run goes to the committer. True when that commit
    /// ticks the event off. `deferred`: some lane has yet to read the event back.
    pub fn job_ended(&mut self, event: EventId, deferred: bool) -> bool {
        let Some(open) = self.events.get_mut(&event) else {
            return false;
        };
        open.running = open.running.saturating_sub(1);
        open.committing += 1;
        open.ticked_off = open.running == 0 && open.committing == 1 && !deferred;
        open.ticked_off
    }

    /// A run of this event is in the journal. True when the event is finished and no commit has
    /// ticked it off.
    pub fn confirmed(&mut self, event: EventId, deferred: bool) -> bool {
        let Some(open) = self.events.get_mut(&event) else {
            return false;
        };
        open.committing = open.committing.saturating_sub(1);
        if open.running > 0 || open.committing > 0 {
            return false;
        }
        let ticked_off = open.ticked_off;
        self.events.remove(&event);
        // The script that had deferred it may be gone since.
        !ticked_off && !deferred
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_run_ticks_its_event_off() {
        let mut open = OpenEvents::default();
        open.queued(7, 1);
        assert!(open.job_ended(7, false));
        assert!(!open.confirmed(7, false), "the commit did it");
        assert_eq!(open.len(), 0);
    }

    #[test]
    fn an_event_is_not_ticked_off_while_an_earlier_run_is_not_stored() {
        let mut open = OpenEvents::default();
        open.queued(7, 2);
        assert!(!open.job_ended(7, false));
        assert!(
            !open.job_ended(7, false),
            "the first may have to wait for a full disk"
        );
        assert!(!open.confirmed(7, false));
        assert!(open.confirmed(7, false), "now it is finished");
        assert!(!open.contains(7));
    }

    #[test]
    fn a_deferred_event_stays_for_the_lane_that_reads_it_back() {
        let mut open = OpenEvents::default();
        open.queued(7, 1);
        assert!(!open.job_ended(7, true));
        assert!(!open.confirmed(7, true));
        assert!(!open.contains(7));
    }
}
