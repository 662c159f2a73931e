//! What the dispatcher does with waits: queues those that fall due or whose event has come, and
//! sees to gaps, to a clock that is set, and to scripts that change.
//!
//! All decisions are those of `porchlight_script::Agenda`, which knows no clock and no journal.

use super::Dispatcher;
use porchlight_core::{Event, Timestamp, Wait};
use porchlight_script::{Fell, Job, Work};
use std::sync::Arc;
use std::time::Duration;

/// The wall clock may be set while we sleep, so never sleep longer than this at a time.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// With nothing to wait for, one look a minute costs nothing.
const IDLE_SLEEP: Duration = Duration::from_secs(60);

impl Dispatcher {
    /// How long to sleep before looking at the waits again.
    pub(super) fn until_next_wait(&self) -> Duration {
        match self.agenda.next_due() {
            Some(due) => due.since((self.clock)()).min(LONGEST_SLEEP),
            None => IDLE_SLEEP,
        }
    }

    /// At the start: what the time that the host was down means to the waits.
    pub(super) fn resume_waits(&mut self) {
        self.mind_gap(self.last_alive, (self.clock)());
    }

    /// Nothing ran since the host was last alive: what that means to the waits.
    fn mind_gap(&mut self, alive: Option<Timestamp>, now: Timestamp) {
        let gap = self.agenda.resume(alive, now);
        if !gap.moved.is_empty() {
            self.journal.reschedule(gap.moved);
        }
        self.drop_waits(gap.dropped, "gap");
    }

    /// Looks at the clocks: whether the wall clock was set, and whether the computer was asleep.
    fn mind_clocks(&mut self, now: Timestamp) {
        let passed = self.clocks.look(now);
        if let Some((forward, by)) = passed.set {
            tracing::warn!(
                seconds = by.as_secs(),
                forward,
                "the clock was set; what counts elapsed time moves with it"
            );
            self.clockwork.clock_set(forward, by, now);
            let moved = self.agenda.shift(forward, by);
            if !moved.is_empty() {
                self.journal.reschedule(moved);
            }
        }
        if let Some(slept) = passed.slept {
            tracing::info!(
                seconds = slept.as_secs(),
                "the computer was asleep; for waits that is a gap"
            );
            let millis = i64::try_from(slept.as_millis()).unwrap_or(i64::MAX);
            self.mind_gap(Some(Timestamp(now.0.saturating_sub(millis))), now);
        }
        if self.agenda.counts_uptime() && self.clocks.beats() {
            self.journal.beat();
        }
    }

    /// Queues the waits that have fallen due. Those of before the start come after the events of
    /// before the start, because such an event may have ended them.
    pub(super) fn start_due_waits(&mut self) {
        let now = (self.clock)();
        self.mind_clocks(now);
        if self.stopping.is_some() || self.recovering {
            return;
        }
        if self.agenda.next_due().is_some_and(|due| due <= now) {
            for wait in self.agenda.take_due(now) {
                self.push_wait(wait, Fell::Due, None);
            }
        }
    }

    /// Queues the waits that this event ends; gives their number.
    pub(super) fn end_waits(&mut self, event: &Arc<Event>) -> usize {
        let ended = self.agenda.take_matching(event);
        let count = ended.len();
        for wait in ended {
            self.push_wait(wait, Fell::Matched, Some(Arc::clone(event)));
        }
        count
    }

    /// A new set of scripts is live: some waits of the versions before it end.
    pub(super) fn end_reloaded_waits(&mut self, names: &[String]) {
        for name in names {
            let hash = self.live(name).map(|script| script.hash.clone());
            let ended = self.agenda.take_reloaded(name, &hash.unwrap_or_default());
            self.drop_waits(ended, "reloaded");
        }
    }

    /// Adds waits that are in the journal now.
    pub(super) fn add_waits(&mut self, waits: Vec<Wait>) {
        let mut scripts: Vec<String> = Vec::new();
        for wait in waits {
            if !scripts.contains(&wait.script) {
                scripts.push(wait.script.clone());
            }
            self.values.heed(&wait);
            self.agenda.add(wait);
        }
        // The script may have changed while the run that began them was under way.
        self.end_reloaded_waits(&scripts);
    }

    fn drop_waits(&mut self, waits: Vec<Wait>, why: &'static str) {
        for wait in waits {
            self.push_wait(wait, Fell::Dropped(why), None);
        }
    }

    fn push_wait(&mut self, wait: Wait, fell: Fell, event: Option<Arc<Event>>) {
        let name = wait.script.clone();
        let job = Job {
            script: self.live(&name).cloned(),
            event,
            work: Work::Wait(Box::new(wait), fell),
        };
        self.lanes.push(&name, job);
    }

    pub(super) fn live(&self, name: &str) -> Option<&Arc<porchlight_script::Script>> {
        self.set.named(name)
    }
}

#[cfg(test)]
mod tests;
